package deploy

import (
	"net/url"
	"regexp"
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

// All objects are in one namespace, which lets in only pods without rights, and these
// are such.
func TestPodSecurity(t *testing.T) {
	eachCluster(t, func(t *testing.T, all cluster) {
		namespace := of[*corev1.Namespace](all)[0]
		if namespace.Labels[podsecurity.EnforceLevelLabel] != string(podsecurity.LevelRestricted) {
			t.Errorf("labels of the namespace: %v", namespace.Labels)
		}
		for _, object := range all {
			if object != metav1.Object(namespace) && object.GetNamespace() != namespace.Name {
				t.Errorf("%s is in namespace %q", object.GetName(), object.GetNamespace())
			}
		}
		evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
		if err != nil {
			t.Fatal(err)
		}
		restricted := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
		for _, d := range of[*appsv1.Deployment](all) {
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
		account := the[*corev1.ServiceAccount](t, all, the[*appsv1.Deployment](t, all, "agentconf").Spec.Template.Spec.ServiceAccountName)
		if a := account.AutomountServiceAccountToken; a == nil || *a {
			t.Error("the ServiceAccount has a token")
		}
	})
}

// Whatever selects pods selects those of one Deployment, by name.
func TestSelectors(t *testing.T) {
	eachCluster(t, func(t *testing.T, all cluster) {
		selected := func(who metav1.Object, selector labels.Selector) {
			t.Helper()
			for _, d := range of[*appsv1.Deployment](all) {
				should := strings.HasPrefix(who.GetName(), d.Name)
				if selector.Matches(labels.Set(d.Spec.Template.Labels)) != should {
					t.Errorf("%T %s selects %s: %v", who, who.GetName(), d.Name, !should)
				}
			}
		}
		bySelector := func(who metav1.Object, selector *metav1.LabelSelector) {
			t.Helper()
			s, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil {
				t.Fatal(err)
			}
			selected(who, s)
		}
		for _, d := range of[*appsv1.Deployment](all) {
			bySelector(d, d.Spec.Selector)
			for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
				bySelector(d, c.LabelSelector)
			}
		}
		for _, s := range of[*corev1.Service](all) {
			selected(s, labels.SelectorFromSet(s.Spec.Selector))
		}
		for _, p := range of[*policyv1.PodDisruptionBudget](all) {
			bySelector(p, p.Spec.Selector)
		}
		for _, p := range of[*networkingv1.NetworkPolicy](all) {
			bySelector(p, &p.Spec.PodSelector)
		}
	})
}

// The ports of Services, of the NetworkPolicy and of the container are those on which
// the service listens with its flags.
func TestPorts(t *testing.T) {
	eachCluster(t, func(t *testing.T, all cluster) {
		flags, c := configuration(t, all), container(t, all, "agentconf")
		for _, name := range []string{"grpc", "http", "admin"} {
			if want, got := flags[name+"-listen"], ":"+port(t, c, intstr.FromString(name)); got != want {
				t.Errorf("%s is %s, the service listens on %s", name, got, want)
			}
		}
		for _, s := range of[*corev1.Service](all) {
			for _, p := range s.Spec.Ports {
				name, _, _ := strings.Cut(s.Name, "-") // of the Deployment
				if number := port(t, container(t, all, name), p.TargetPort); number != strconv.Itoa(int(p.Port)) {
					t.Errorf("port %d of %s leads to %s", p.Port, s.Name, number)
				}
			}
		}
		for _, policy := range of[*networkingv1.NetworkPolicy](all) {
			open := map[string]bool{}
			for _, rule := range policy.Spec.Ingress {
				for _, p := range rule.Ports {
					open[port(t, container(t, all, policy.Name), *p.Port)] = true
				}
			}
			if len(open) != len(container(t, all, policy.Name).Ports) {
				t.Errorf("%s lets in to %v", policy.Name, open)
			}
		}
	})
}

// The operator's port is for Prometheus, and every replica is found there, ready or not.
func TestMetricsArePrivate(t *testing.T) {
	all := build(t, "kubernetes/base")
	for _, rule := range the[*networkingv1.NetworkPolicy](t, all, "agentconf").Spec.Ingress {
		for _, p := range rule.Ports {
			namespaces := rule.From[0].NamespaceSelector
			if private := len(namespaces.MatchLabels) > 0; private != (p.Port.StrVal == "admin") {
				t.Errorf("%s is open to %v", p.Port.StrVal, namespaces)
			}
		}
	}
	s := the[*corev1.Service](t, all, "agentconf-metrics")
	if s.Spec.ClusterIP != corev1.ClusterIPNone || !s.Spec.PublishNotReadyAddresses {
		t.Errorf("%+v", s.Spec)
	}
	scraped := read(t, "prometheus/prometheus.yaml")
	for _, want := range []string{s.Name + "." + s.Namespace + ".svc]", "port: " + strconv.Itoa(int(s.Spec.Ports[0].Port)) + "\n"} {
		if !strings.Contains(scraped, want) {
			t.Errorf("no %s in prometheus.yaml", want)
		}
	}
	if h := the[*corev1.Service](t, all, "agentconf-headless"); h.Spec.ClusterIP != corev1.ClusterIPNone || h.Spec.PublishNotReadyAddresses {
		t.Errorf("%+v", h.Spec)
	}
}

// The probes ask what the service answers, on the port where it does.
func TestProbes(t *testing.T) {
	c := container(t, build(t, "kubernetes/base"), "agentconf")
	service := serve(t, emulate(t))
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
		if probe.HTTPGet.Port.StrVal != "admin" {
			t.Errorf("%s is asked for on port %s", probe.HTTPGet.Path, probe.HTTPGet.Port.String())
		}
		mustAsk(t, "GET", "http://"+service.Admin+probe.HTTPGet.Path, "", "")
	}
	if c.LivenessProbe.HTTPGet.Path == c.ReadinessProbe.HTTPGet.Path {
		t.Error("a replica that is not ready is killed")
	}
}

// A replica has time to end in order, and one is left while another is moved.
func TestAvailability(t *testing.T) {
	eachCluster(t, func(t *testing.T, all cluster) {
		deployment := the[*appsv1.Deployment](t, all, "agentconf")
		grace := time.Duration(*deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		checkGrace(t, grace, configuration(t, all))
		scaler := the[*autoscalingv2.HorizontalPodAutoscaler](t, all, "agentconf")
		budget := the[*policyv1.PodDisruptionBudget](t, all, "agentconf").Spec.MaxUnavailable.IntValue()
		least := int(*scaler.Spec.MinReplicas)
		if scaler.Spec.ScaleTargetRef.Name != deployment.Name || least < 2 || budget < 1 || least-budget < 1 || deployment.Spec.Replicas != nil {
			t.Errorf("%d replicas at least, %d may be missing", least, budget)
		}
		if u := deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(); u != 0 {
			t.Errorf("%d replicas are missing during an upgrade", u)
		}
	})
}

// The collector works harder before the container is killed for its memory, and the
// alert comes in between.
func TestMemoryLimit(t *testing.T) {
	resources := container(t, build(t, "kubernetes/base"), "agentconf").Resources
	limits := map[string]int64{
		"kubernetes": resources.Limits.Memory().Value(),
		"compose":    int64(compose(t, "compose.yaml").Services["agentconf"].MemLimit),
	}
	_, text := mustAsk(t, "GET", "http://"+serve(t, emulate(t)).Admin+"/metrics", "", "")
	soft := regexp.MustCompile(`(?m)^go_gc_gomemlimit_bytes (\S+)$`).FindStringSubmatch(text)
	if soft == nil {
		t.Fatal(text)
	}
	for where, limit := range limits {
		if bytes, err := strconv.ParseFloat(soft[1], 64); err != nil || float64(limit) != 2*bytes {
			t.Errorf("the container of %s has %d bytes, Go's limit is %s (%v)", where, limit, soft[1], err)
		}
	}
}

// The documented overlay runs the image that it names with TLS, of the files in the
// Secret, and promises no plain HTTP/2.
func TestKubernetesTLS(t *testing.T) {
	all := build(t, documented(t))
	flags, c := configuration(t, all), container(t, all, "agentconf")
	if !strings.HasSuffix(flags["tls-cert"], "/tls.crt") || !strings.HasSuffix(flags["tls-key"], "/tls.key") || !strings.HasPrefix(c.Image, "registry.example/") {
		t.Errorf("%s runs with %v", c.Image, flags)
	}
	volumes := the[*appsv1.Deployment](t, all, "agentconf").Spec.Template.Spec.Volumes
	if mount := c.VolumeMounts[0]; mount.SubPath != "" || len(volumes) != 1 || volumes[0].Name != mount.Name || volumes[0].Secret.SecretName != "agentconf-tls" {
		t.Errorf("%+v is mounted as %+v", volumes, mount)
	}
	for _, s := range of[*corev1.Service](all) {
		for _, p := range s.Spec.Ports {
			if p.Name == "grpc" && p.AppProtocol != nil || p.Name == "http" && *p.AppProtocol != "https" {
				t.Errorf("port %s of %s speaks %s", p.Name, s.Name, *p.AppProtocol)
			}
		}
	}
}

// The demo's service asks the emulator beside it, which starts with its arguments.
func TestKubernetesDemo(t *testing.T) {
	all := build(t, "kubernetes/overlays/demo")
	gateway, err := url.Parse(configuration(t, all)["gateway"])
	if err != nil {
		t.Fatal(err)
	}
	service := the[*corev1.Service](t, all, gateway.Hostname())
	if got := strconv.Itoa(int(service.Spec.Ports[0].Port)); got != gateway.Port() {
		t.Errorf("the emulator has port %s, the service asks %s", got, gateway)
	}
	startEmulator(t, container(t, all, "emulator").Args, gateway.Port())
	policies := the[*networkingv1.NetworkPolicy](t, all, "emulator")
	from, err := metav1.LabelSelectorAsSelector(policies.Spec.Ingress[0].From[0].PodSelector)
	if pod := the[*appsv1.Deployment](t, all, "agentconf").Spec.Template.Labels; err != nil || !from.Matches(labels.Set(pod)) {
		t.Errorf("the emulator lets in %v, the service is %v", from, pod)
	}
}
