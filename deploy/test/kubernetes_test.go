package test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// All objects are in one namespace, which enforces the restricted Pod Security Standard, and every
// pod passes it.
func TestPodSecurity(t *testing.T) {
	eachCluster(t, func(t *testing.T, objects cluster) {
		namespace := ofKind[*corev1.Namespace](objects)[0]
		if namespace.Labels[podsecurity.EnforceLevelLabel] != string(podsecurity.LevelRestricted) {
			t.Errorf("labels of the namespace: %v", namespace.Labels)
		}
		for _, object := range objects {
			if object != metav1.Object(namespace) && object.GetNamespace() != namespace.Name {
				t.Errorf("%s is in namespace %q", object.GetName(), object.GetNamespace())
			}
		}
		evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
		if err != nil {
			t.Fatal(err)
		}
		restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
		for _, d := range ofKind[*appsv1.Deployment](objects) {
			pod := d.Spec.Template
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
			if !result.Allowed {
				t.Errorf("%s: %s", d.Name, result.ForbiddenDetail())
			}
			c := pod.Spec.Containers[0]
			if s := c.SecurityContext; s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				t.Errorf("%s may write to its image", d.Name)
			}
			if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
				t.Errorf("%s has a token", d.Name)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("resources of %s: %v", d.Name, c.Resources)
			}
		}
		account := find[*corev1.ServiceAccount](t, objects, find[*appsv1.Deployment](t, objects, "agentconf").Spec.Template.Spec.ServiceAccountName)
		if a := account.AutomountServiceAccountToken; a == nil || *a {
			t.Error("the ServiceAccount has a token")
		}
	})
}

// Every selector selects the pods of the one Deployment whose name it begins with.
func TestSelectors(t *testing.T) {
	eachCluster(t, func(t *testing.T, objects cluster) {
		check := func(object metav1.Object, selector labels.Selector) {
			t.Helper()
			for _, d := range ofKind[*appsv1.Deployment](objects) {
				should := strings.HasPrefix(object.GetName(), d.Name)
				if selector.Matches(labels.Set(d.Spec.Template.Labels)) != should {
					t.Errorf("%T %s selects %s: %v", object, object.GetName(), d.Name, !should)
				}
			}
		}
		checkLabels := func(object metav1.Object, selector *metav1.LabelSelector) {
			t.Helper()
			s, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil {
				t.Fatal(err)
			}
			check(object, s)
		}
		for _, d := range ofKind[*appsv1.Deployment](objects) {
			checkLabels(d, d.Spec.Selector)
			for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
				checkLabels(d, c.LabelSelector)
			}
		}
		for _, s := range ofKind[*corev1.Service](objects) {
			check(s, labels.SelectorFromSet(s.Spec.Selector))
		}
		for _, p := range ofKind[*policyv1.PodDisruptionBudget](objects) {
			checkLabels(p, p.Spec.Selector)
		}
		for _, p := range ofKind[*networkingv1.NetworkPolicy](objects) {
			checkLabels(p, &p.Spec.PodSelector)
		}
	})
}

// The Services, the NetworkPolicy and the container name the ports on which the service listens.
func TestPorts(t *testing.T) {
	eachCluster(t, func(t *testing.T, objects cluster) {
		flags, c := clusterFlags(t, objects), container(t, objects, "agentconf")
		for _, name := range []string{"grpc", "http", "admin"} {
			if want, got := flags[name+"-listen"], ":"+portNumber(t, c, intstr.FromString(name)); got != want {
				t.Errorf("%s is %s, the service listens on %s", name, got, want)
			}
		}
		for _, s := range ofKind[*corev1.Service](objects) {
			for _, p := range s.Spec.Ports {
				name, _, _ := strings.Cut(s.Name, "-") // the Deployment's
				if number := portNumber(t, container(t, objects, name), p.TargetPort); number != strconv.Itoa(int(p.Port)) {
					t.Errorf("port %d of %s leads to %s", p.Port, s.Name, number)
				}
			}
		}
		for _, policy := range ofKind[*networkingv1.NetworkPolicy](objects) {
			open := map[string]bool{}
			for _, rule := range policy.Spec.Ingress {
				for _, p := range rule.Ports {
					open[portNumber(t, container(t, objects, policy.Name), *p.Port)] = true
				}
			}
			if len(open) != len(container(t, objects, policy.Name).Ports) {
				t.Errorf("%s opens %v", policy.Name, open)
			}
		}
	})
}

// The admin port is open to the namespace of Prometheus only, and Prometheus finds every replica,
// ready or not.
func TestMetricsArePrivate(t *testing.T) {
	objects := build(t, kubernetesBase)
	for _, rule := range find[*networkingv1.NetworkPolicy](t, objects, "agentconf").Spec.Ingress {
		for _, p := range rule.Ports {
			namespaces := rule.From[0].NamespaceSelector
			if private := len(namespaces.MatchLabels) > 0; private != (p.Port.StrVal == "admin") {
				t.Errorf("%s is open to %v", p.Port.StrVal, namespaces)
			}
		}
	}
	s := find[*corev1.Service](t, objects, "agentconf-metrics")
	if s.Spec.ClusterIP != corev1.ClusterIPNone || !s.Spec.PublishNotReadyAddresses {
		t.Errorf("%+v", s.Spec)
	}
	scraped := read(t, "deploy/prometheus/prometheus.yaml")
	for _, want := range []string{s.Name + "." + s.Namespace + ".svc]", "port: " + strconv.Itoa(int(s.Spec.Ports[0].Port)) + "\n"} {
		if !strings.Contains(scraped, want) {
			t.Errorf("no %s in prometheus.yaml", want)
		}
	}
	if h := find[*corev1.Service](t, objects, "agentconf-headless"); h.Spec.ClusterIP != corev1.ClusterIPNone || h.Spec.PublishNotReadyAddresses {
		t.Errorf("%+v", h.Spec)
	}
}

// The service answers the probes on the admin port.
func TestProbes(t *testing.T) {
	c := container(t, build(t, kubernetesBase), "agentconf")
	service := startService(t, startEmulator(t))
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
		if probe.HTTPGet.Port.StrVal != "admin" {
			t.Errorf("the probe of %s uses port %s", probe.HTTPGet.Path, probe.HTTPGet.Port.String())
		}
		mustRequest(t, "GET", "http://"+service.Admin+probe.HTTPGet.Path, "", "")
	}
	if c.LivenessProbe.HTTPGet.Path == c.ReadinessProbe.HTTPGet.Path {
		t.Error("a replica that is not ready is killed")
	}
}

// A replica has time to drain, and an upgrade starts the new one first.
func TestAvailability(t *testing.T) {
	eachCluster(t, func(t *testing.T, objects cluster) {
		deployment := find[*appsv1.Deployment](t, objects, "agentconf")
		grace := time.Duration(*deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		checkGrace(t, grace, clusterFlags(t, objects))
		if u := deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(); u != 0 {
			t.Errorf("%d replicas are unavailable during an upgrade", u)
		}
	})
}

// Only the component makes several replicas: two watches of one agent at two of them take events from
// each other. An eviction leaves one of them.
func TestReplicas(t *testing.T) {
	eachCluster(t, func(t *testing.T, objects cluster) {
		deployment := find[*appsv1.Deployment](t, objects, "agentconf")
		scalers := ofKind[*autoscalingv2.HorizontalPodAutoscaler](objects)
		if !strings.HasSuffix(t.Name(), "/replicas") {
			if r := deployment.Spec.Replicas; r == nil || *r != 1 || len(scalers) > 0 {
				t.Errorf("got replicas %v and %d autoscalers, want one replica", r, len(scalers))
			}
			return
		}
		budget := find[*policyv1.PodDisruptionBudget](t, objects, "agentconf").Spec.MaxUnavailable.IntValue()
		least := int(*scalers[0].Spec.MinReplicas)
		if scalers[0].Spec.ScaleTargetRef.Name != deployment.Name || least < 2 || budget < 1 || least-budget < 1 || deployment.Spec.Replicas != nil {
			t.Errorf("at least %d replicas, %d of them may be unavailable", least, budget)
		}
	})
}

// The documented overlay sets the image, serves TLS with the files of the Secret, and declares no
// port as plain HTTP/2.
func TestKubernetesTLS(t *testing.T) {
	objects := build(t, documentedOverlay(t))
	flags, c := clusterFlags(t, objects), container(t, objects, "agentconf")
	if !strings.HasSuffix(flags["tls-cert"], "/tls.crt") || !strings.HasSuffix(flags["tls-key"], "/tls.key") || !strings.HasPrefix(c.Image, "registry.example/") {
		t.Errorf("%s runs with %v", c.Image, flags)
	}
	volumes := find[*appsv1.Deployment](t, objects, "agentconf").Spec.Template.Spec.Volumes
	if mount := c.VolumeMounts[0]; mount.SubPath != "" || len(volumes) != 1 || volumes[0].Name != mount.Name || volumes[0].Secret.SecretName != "agentconf-tls" {
		t.Errorf("%+v is mounted as %+v", volumes, mount)
	}
	for _, s := range ofKind[*corev1.Service](objects) {
		for _, p := range s.Spec.Ports {
			if p.Name == "grpc" && p.AppProtocol != nil || p.Name == "http" && *p.AppProtocol != "https" {
				t.Errorf("port %s of %s has appProtocol %s", p.Name, s.Name, *p.AppProtocol)
			}
		}
	}
}

// The demo's service uses the demo's emulator, and the emulator starts with its arguments.
func TestKubernetesDemo(t *testing.T) {
	objects := build(t, kubernetesDemo)
	gateway, err := url.Parse(clusterFlags(t, objects)["gateway"])
	if err != nil {
		t.Fatal(err)
	}
	service := find[*corev1.Service](t, objects, gateway.Hostname())
	if got := strconv.Itoa(int(service.Spec.Ports[0].Port)); got != gateway.Port() {
		t.Errorf("the emulator has port %s, the service uses %s", got, gateway)
	}
	checkEmulator(t, container(t, objects, "emulator").Args, gateway.Port())
	policies := find[*networkingv1.NetworkPolicy](t, objects, "emulator")
	from, err := metav1.LabelSelectorAsSelector(policies.Spec.Ingress[0].From[0].PodSelector)
	if pod := find[*appsv1.Deployment](t, objects, "agentconf").Spec.Template.Labels; err != nil || !from.Matches(labels.Set(pod)) {
		t.Errorf("the NetworkPolicy of the emulator admits %v, the service has the labels %v", from, pod)
	}
}
