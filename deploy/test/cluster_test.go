package test

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

// cluster holds the objects that a kustomization creates.
type cluster []metav1.Object

// build runs kustomize on dir and decodes the objects strictly into the types of the API.
func build(t *testing.T, dir string) (objects cluster) {
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
		objects = append(objects, object.(metav1.Object))
	}
	return objects
}

// ofKind returns the objects of one kind.
func ofKind[T metav1.Object](objects cluster) (found []T) {
	for _, each := range objects {
		if object, ok := each.(T); ok {
			found = append(found, object)
		}
	}
	return found
}

// find returns the object of one kind and name. Its absence fails the test.
func find[T metav1.Object](t *testing.T, objects cluster, name string) T {
	t.Helper()
	for _, object := range ofKind[T](objects) {
		if object.GetName() == name {
			return object
		}
	}
	t.Fatalf("no %v %s", reflect.TypeFor[T](), name)
	panic("not reached")
}

// container returns the first container of a Deployment.
func container(t *testing.T, objects cluster, name string) corev1.Container {
	t.Helper()
	return find[*appsv1.Deployment](t, objects, name).Spec.Template.Spec.Containers[0]
}

// portNumber returns the number of a container's port, which p gives by name or number.
func portNumber(t *testing.T, c corev1.Container, p intstr.IntOrString) string {
	t.Helper()
	for _, each := range c.Ports {
		if each.Name == p.StrVal || p.Type == intstr.Int && each.ContainerPort == p.IntVal {
			return strconv.Itoa(int(each.ContainerPort))
		}
	}
	t.Errorf("%s has no port %s", c.Name, p.String())
	return ""
}

// clusterFlags returns the flags of the agentconf in a cluster. A directory with a certificate
// stands for every Secret that is mounted.
func clusterFlags(t *testing.T, objects cluster) map[string]string {
	t.Helper()
	c := container(t, objects, "agentconf")
	env := map[string]string{}
	for _, source := range c.EnvFrom {
		maps.Copy(env, find[*corev1.ConfigMap](t, objects, source.ConfigMapRef.Name).Data)
	}
	for _, mount := range c.VolumeMounts {
		dir := certificateDir(t)
		for name, value := range env {
			env[name] = strings.Replace(value, mount.MountPath+"/", dir+"/", 1)
		}
	}
	return printConfig(t, env, c.Args)
}

// certificateDir returns a directory with the files of a Secret of type kubernetes.io/tls.
func certificateDir(t *testing.T) (dir string) {
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

// documentedOverlay returns a directory with the overlay of docs/operations.md, which configures TLS.
func documentedOverlay(t *testing.T) (dir string) {
	t.Helper()
	return overlay(t, regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "docs/operations.md"))[1])
}

// withComponent returns a directory with the base and one component.
func withComponent(t *testing.T, name string) (dir string) {
	t.Helper()
	return overlay(t, "resources: [../deploy/kubernetes/base]\ncomponents: [../deploy/kubernetes/components/"+name+"]\n")
}

// overlay returns a directory with a kustomization.yaml that has ../deploy for the directory of the
// files.
func overlay(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	deploy, err := filepath.Abs("deploy")
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(dir, deploy)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "../deploy", relative)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// eachCluster runs test for the base, the demo, several replicas and the overlay of docs/operations.md.
func eachCluster(t *testing.T, test func(t *testing.T, objects cluster)) {
	for name, dir := range map[string]string{
		"base": kubernetesBase, "demo": kubernetesDemo, "replicas": withComponent(t, "replicas"),
		"documented": documentedOverlay(t),
	} {
		t.Run(name, func(t *testing.T) { test(t, build(t, dir)) })
	}
}

const (
	kubernetesBase = "deploy/kubernetes/base"
	kubernetesDemo = "deploy/kubernetes/overlays/demo"
)
