package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"agentconf/internal/testca"
)

// cluster is what a kustomization makes.
type cluster []metav1.Object

// build runs kustomize, and decodes strictly into the types of the API.
func build(t *testing.T, dir string) (all cluster) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, policyv1.AddToScheme, autoscalingv2.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources.Resources() {
		object, err := scheme.New(schema.FromAPIVersionAndKind(r.GetApiVersion(), r.GetKind()))
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, object.(metav1.Object))
	}
	return all
}

// of are the objects of one kind.
func of[T metav1.Object](all cluster) (some []T) {
	for _, each := range all {
		if object, ok := each.(T); ok {
			some = append(some, object)
		}
	}
	return some
}

// the is the object of one kind and name.
func the[T metav1.Object](t *testing.T, all cluster, name string) T {
	t.Helper()
	for _, object := range of[T](all) {
		if object.GetName() == name {
			return object
		}
	}
	t.Fatalf("no %v %s", reflect.TypeFor[T](), name)
	panic("not reached")
}

func container(t *testing.T, all cluster, name string) corev1.Container {
	t.Helper()
	return the[*appsv1.Deployment](t, all, name).Spec.Template.Spec.Containers[0]
}

// port is the number of a container's port, which may be given by name.
func port(t *testing.T, c corev1.Container, p intstr.IntOrString) string {
	t.Helper()
	for _, each := range c.Ports {
		if each.Name == p.StrVal || p.Type == intstr.Int && each.ContainerPort == p.IntVal {
			return strconv.Itoa(int(each.ContainerPort))
		}
	}
	t.Errorf("%s has no port %s", c.Name, p.String())
	return ""
}

// configuration is what the service of a cluster would run with. Where a Secret is
// mounted, there is a certificate.
func configuration(t *testing.T, all cluster) map[string]string {
	t.Helper()
	c := container(t, all, "agentconf")
	env := map[string]string{}
	for _, source := range c.EnvFrom {
		maps.Copy(env, the[*corev1.ConfigMap](t, all, source.ConfigMapRef.Name).Data)
	}
	for _, mount := range c.VolumeMounts {
		dir := certificate(t)
		for name, value := range env {
			env[name] = strings.Replace(value, mount.MountPath+"/", dir+"/", 1)
		}
	}
	return printConfig(t, env, c.Args)
}

// certificate is a directory with what a Secret of a certificate holds.
func certificate(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	pair := testca.New(t).Issue(t, "agentconf.test")
	for name, pem := range map[string]string{"tls.crt": pair.Certificate, "tls.key": pair.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(pem), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// documented is the overlay of docs/operations.md, which brings TLS.
func documented(t *testing.T) (dir string) {
	t.Helper()
	text := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "../docs/operations.md"))[1]
	dir = t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	back, err := filepath.Rel(dir, here)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "../deploy", back)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func eachCluster(t *testing.T, test func(t *testing.T, all cluster)) {
	for name, dir := range map[string]string{
		"base": "kubernetes/base", "demo": "kubernetes/overlays/demo", "documented": documented(t),
	} {
		t.Run(name, func(t *testing.T) { test(t, build(t, dir)) })
	}
}
