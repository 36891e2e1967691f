// Tests of constraints, volumes and what puts a pod out of Kerf's hands.
#include "codec/pod_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/manifest_testing.h"

namespace kerf::codec {
namespace {

using cluster::Operator;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string affinity(std::string_view rules) {
  return gpu_pod_with("  affinity:\n    " + std::string(rules));
}

constexpr std::string_view kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

TEST(PodSpec, ReadsNodeSelectors) {
  EXPECT_THAT(
      shape_of(gpu_pod_with("  nodeSelector: {b: '2', a: '1'}")).node_selector,
      ElementsAre(Requirement{"a", Operator::In, {"1"}}, Requirement{"b", Operator::In, {"2"}}));
}

TEST(PodSpec, ReadsRequiredNodeAffinityAsAlternatives) {
  const PodShape shape =
      shape_of(affinity("nodeAffinity:\n"
                        "      requiredDuringSchedulingIgnoredDuringExecution:\n"
                        "        nodeSelectorTerms:\n"
                        "          - matchExpressions:\n"
                        "              - {key: zone, operator: In, values: [b, a, b]}\n"
                        "              - {key: cores, operator: Gt, values: ['8']}\n"
                        "          - matchExpressions: [{key: spot, operator: DoesNotExist}]\n"
                        "          - {}\n"));
  EXPECT_THAT(shape.node_affinity, ElementsAre(Requirements{{"cores", Operator::Gt, {"8"}},
                                                            {"zone", Operator::In, {"a", "b"}}},
                                               Requirements{{"spot", Operator::DoesNotExist, {}}}));
}

TEST(PodSpec, KnowsThatNoNewNodeHasAGivenName) {
  const auto terms = [](std::string_view text) {
    return affinity("nodeAffinity: {" + std::string(kRequired) +
                    ": {nodeSelectorTerms: " + std::string(text) + "}}");
  };
  const std::string by_name = "{matchFields: [{key: metadata.name, operator: In, values: [n1]}]}";
  const std::string not_name =
      "{matchFields: [{key: metadata.name, operator: NotIn, values: [n1]}]}";
  const std::string by_label = "{matchExpressions: [{key: a, operator: Exists}]}";
  EXPECT_THAT(shape_of(terms("[" + by_name + "]")).unplaceable,
              ElementsAre(cluster::Unplaceable{
                  "spec.affinity.nodeAffinity",
                  "it asks for one node by its name, which no new node can have"}));
  const PodShape either = shape_of(terms("[" + by_name + ", " + by_label + "]"));
  EXPECT_THAT(either.unplaceable, IsEmpty());
  EXPECT_THAT(either.node_affinity, SizeIs(1));
  const PodShape any = shape_of(terms("[" + not_name + ", " + by_label + "]"));
  EXPECT_THAT(any.unplaceable, IsEmpty());
  EXPECT_THAT(any.node_affinity, IsEmpty()) << "every new node has another name";
  EXPECT_THAT(shape_of(terms("[{}]")).unplaceable, SizeIs(1));
}

TEST(PodSpec, ReadsTolerations) {
  const PodShape shape = shape_of(
      gpu_pod_with("  tolerations:\n"
                   "    - {operator: Exists}\n"
                   "    - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}\n"
                   "    - {key: team, value: a, effect: NoExecute, tolerationSeconds: 300}\n"));
  EXPECT_THAT(shape.tolerations,
              ElementsAre(cluster::Toleration{"", true, "", ""},
                          cluster::Toleration{"nvidia.com/gpu", true, "", "NoSchedule"},
                          cluster::Toleration{"team", false, "a", "NoExecute"}));
}

TEST(PodSpec, ReadsSpreadThatMustHold) {
  const cluster::Demand demand = demand_of(gpu_pod_with(
      "  topologySpreadConstraints:\n"
      "    - {maxSkew: 2, minDomains: 3, topologyKey: zone, whenUnsatisfiable: DoNotSchedule,\n"
      "       labelSelector: {matchLabels: {app: web}},\n"
      "       matchLabelKeys: [app, pod-template-hash]}\n"
      "    - {maxSkew: 1, topologyKey: host, whenUnsatisfiable: DoNotSchedule}\n"
      "    - {maxSkew: 1, topologyKey: rack, whenUnsatisfiable: ScheduleAnyway}\n"));
  const std::vector<cluster::SpreadConstraint>& spread = demand.shapes[0].spread;
  ASSERT_THAT(spread, SizeIs(2));
  EXPECT_EQ(spread[0].topology_key, "host");
  EXPECT_TRUE(spread[0].selector.none) << "without a selector nothing is counted";
  EXPECT_EQ(spread[1].max_skew, 2);
  EXPECT_EQ(spread[1].min_domains, 3);
  EXPECT_THAT(spread[1].selector.namespaces, ElementsAre("default"));
  EXPECT_THAT(spread[1].selector.labels, ElementsAre(Requirement{"app", Operator::In, {"web"}}));
  EXPECT_THAT(demand.notes,
              ElementsAre("1 pod has preferred rules (preferred affinity, ScheduleAnyway), which "
                          "are not planned for."));
}

TEST(PodSpec, CountsOnlyPodsThatMatchEveryAffinityTerm) {
  const PodShape shape = shape_of(affinity(
      "podAffinity: {" + std::string(kRequired) +
      ": [{topologyKey: host, labelSelector: {matchLabels: {app: web}}}, "
      "{topologyKey: zone, namespaces: [default, b], labelSelector: {matchLabels: {tier: a}}}]}"));
  ASSERT_THAT(shape.affinity, SizeIs(2));
  for (const cluster::AffinityTerm& term : shape.affinity) {
    EXPECT_THAT(term.selector.labels, ElementsAre(Requirement{"app", Operator::In, {"web"}},
                                                  Requirement{"tier", Operator::In, {"a"}}));
    EXPECT_THAT(term.selector.namespaces, ElementsAre("default"));
  }
}

TEST(PodSpec, ReadsPodAffinityWithItsNamespaces) {
  const auto term = [](std::string_view more) {
    return affinity("podAntiAffinity: {" + std::string(kRequired) +
                    ": [{topologyKey: host, "
                    "labelSelector: {matchLabels: {app: web}}" +
                    std::string(more) + "}]}");
  };
  const auto selector = [&](std::string_view more, const std::string& before = "") {
    const PodShape shape = shape_of(before + term(more));
    EXPECT_THAT(shape.anti_affinity, SizeIs(1));
    return shape.anti_affinity.empty() ? cluster::PodSelector{} : shape.anti_affinity[0].selector;
  };
  EXPECT_THAT(selector("").namespaces, ElementsAre("default"));
  EXPECT_THAT(selector(", namespaces: [b, a]").namespaces, ElementsAre("a", "b"));
  EXPECT_TRUE(selector(", namespaceSelector: {}").all_namespaces);
  EXPECT_THAT(selector(", mismatchLabelKeys: [app]").labels,
              ElementsAre(Requirement{"app", Operator::In, {"web"}},
                          Requirement{"app", Operator::NotIn, {"web"}}));
  const std::string by_label = ", namespaceSelector: {matchLabels: {team: a}}";
  EXPECT_THAT(shape_of(term(by_label)).unplaceable,
              ElementsAre(cluster::Unplaceable{
                  "spec.affinity.podAntiAffinity",
                  "its namespaceSelector needs the labels of namespace \"default\", which are not "
                  "in the input; add the Namespace object"}));
  const std::string ns = "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: ";
  EXPECT_THAT(selector(by_label, ns + "{team: a}}}\n---\n").namespaces, ElementsAre("default"));
  EXPECT_TRUE(selector(by_label, ns + "{team: b}}}\n---\n").none);
  EXPECT_THAT(selector(", namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}")
                  .namespaces,
              ElementsAre("default"));
}

TEST(PodSpec, ReadsHostPorts) {
  const std::string ports =
      "  containers:\n"
      "    - resources: {limits: {nvidia.com/gpu: 1}}\n"
      "      ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 81},\n"
      "              {containerPort: 82, hostPort: 53, protocol: UDP, hostIP: 10.0.0.1},\n"
      "              {containerPort: 83, hostPort: 83, hostIP: 0.0.0.0}]\n"
      "  initContainers: [{restartPolicy: Always, ports: [{containerPort: 90, hostPort: 90}]},\n"
      "                   {ports: [{containerPort: 91, hostPort: 91}]}]\n";
  EXPECT_THAT(
      shape_of(pod_with(ports)).host_ports,
      ElementsAre(cluster::HostPort{53, "UDP", "10.0.0.1"}, cluster::HostPort{83, "TCP", ""},
                  cluster::HostPort{90, "TCP", ""}, cluster::HostPort{8080, "TCP", ""}));
  EXPECT_THAT(shape_of(pod_with("  hostNetwork: true\n" + ports)).host_ports, SizeIs(5))
      << "every port is the host's";
}

TEST(PodSpec, SaysWhatPutsAPodOutOfReach) {
  const std::pair<const char*, const char*> cases[] = {
      {"nodeName: n1",
       "spec.nodeName: it is bound to node \"n1\"; remove the field to have it "
       "planned"},
      {"schedulerName: volcano",
       "spec.schedulerName: it is placed by the scheduler \"volcano\", whose rules Kerf does not "
       "know; remove the field to have it planned as the default scheduler places pods"},
      {"os: {name: windows}", "spec.os: it needs Windows; Kerf plans Linux nodes only"},
      {"resourceClaims: [{name: gpu, resourceClaimTemplateName: t}]",
       "spec.resourceClaims: it asks for devices by dynamic resource allocation, which Kerf does "
       "not plan for"},
  };
  for (const auto& [line, expected] : cases) {
    const PodShape shape = shape_of(gpu_pod_with("  " + std::string(line)));
    ASSERT_THAT(shape.unplaceable, SizeIs(1)) << line;
    EXPECT_EQ(shape.unplaceable[0].field + ": " + shape.unplaceable[0].why, expected);
  }
  for (const char* line : {"schedulerName: default-scheduler", "os: {name: linux}", "nodeName: ''",
                           "resourceClaims: []"}) {
    EXPECT_THAT(shape_of(gpu_pod_with("  " + std::string(line))).unplaceable, IsEmpty()) << line;
  }
}

TEST(PodSpec, IgnoresTheNodeOfAPodThatRuns) {
  EXPECT_THAT(shape_of(gpu_pod_with("  nodeName: n1\nstatus: {phase: Running}")).unplaceable,
              IsEmpty());
}

TEST(PodSpec, KeepsPodsWithClaimsInsteadOfResources) {
  const cluster::Demand demand =
      demand_of(pod_with("  containers: [{name: c}]\n  resourceClaims: [{name: gpu}]\n"));
  ASSERT_THAT(demand.pods, SizeIs(1));
  EXPECT_EQ(demand.workloads[0].asks, "resource claims");
}

TEST(PodSpec, ReadsPriorities) {
  const std::string classes =
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 10}"
      "\n---\n";
  EXPECT_EQ(shape_of(classes + gpu_pod_with("  priorityClassName: high")).priority, 10);
  EXPECT_EQ(shape_of(gpu_pod_with("  priorityClassName: system-node-critical")).priority,
            2'000'001'000);
  EXPECT_EQ(shape_of(gpu_pod_with("  priorityClassName: high\n  priority: 7")).priority, 7);
  const std::string fallback =
      "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: d}, value: 3, "
      "globalDefault: true}\n---\n";
  EXPECT_EQ(shape_of(fallback + gpu_pod_with("")).priority, 3);
  const cluster::Demand unknown = demand_of(gpu_pod_with("  priorityClassName: high"));
  EXPECT_EQ(unknown.shapes[0].priority, 0);
  EXPECT_THAT(unknown.notes, ElementsAre("The default priority is assumed for PriorityClasses that "
                                         "are not in the input: high."));
}

TEST(PodSpec, TellsOfSchedulingGates) {
  const cluster::Demand demand = demand_of(gpu_pod_with("  schedulingGates: [{name: quota}]"));
  EXPECT_THAT(demand.pods, SizeIs(1));
  EXPECT_THAT(demand.notes,
              ElementsAre("1 pod has scheduling gates, planned as if they were open."));
}

TEST(PodSpec, RefusesWhatTheApiServerRefuses) {
  const std::pair<std::string, const char*> cases[] = {
      {gpu_pod_with("  nodeSelector: {gpu: 1}"),
       "t.yaml:6:23: Pod default/p: spec.nodeSelector.gpu: expected a string, got an integer, "
       "\"1\"; put it in quotes"},
      {gpu_pod_with("  nodeSelector: [a]"), "spec.nodeSelector: expected a mapping, got a list"},
      {gpu_pod_with("  hostNetwork: 'yes'"), "spec.hostNetwork: expected true or false"},
      {gpu_pod_with("  tolerations: [{key: a, operator: Maybe}]"),
       "spec.tolerations[0]: operator: expected Equal or Exists, got \"Maybe\""},
      {gpu_pod_with("  tolerations: [{value: a}]"), "only operator Exists tolerates every key"},
      {gpu_pod_with("  tolerations: [{key: a, effect: Never}]"), "effect: expected NoSchedule"},
      {gpu_pod_with("  tolerations: [x]"),
       "spec.tolerations[0]: expected a mapping, got a string, \"x\""},
      {gpu_pod_with("  topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: "
                    "DoNotSchedule}]"),
       "spec.topologySpreadConstraints[0].maxSkew: expected 1 to"},
      {gpu_pod_with("  topologySpreadConstraints: [{maxSkew: 1, whenUnsatisfiable: "
                    "DoNotSchedule}]"),
       "topologyKey is missing"},
      {gpu_pod_with("  topologySpreadConstraints: [{maxSkew: 1, topologyKey: z}]"),
       "whenUnsatisfiable: expected DoNotSchedule or ScheduleAnyway"},
      {affinity("nodeAffinity: {" + std::string(kRequired) + ": {}}"),
       "expected at least one entry in nodeSelectorTerms"},
      {affinity("nodeAffinity: {" + std::string(kRequired) +
                ": {nodeSelectorTerms: "
                "[{matchExpressions: [{key: a, operator: In}]}]}}"),
       "nodeSelectorTerms[0].matchExpressions[0]: values: In and NotIn need at least one value"},
      {affinity("nodeAffinity: {" + std::string(kRequired) +
                ": {nodeSelectorTerms: "
                "[{matchExpressions: [{key: a, operator: Gt, values: [x]}]}]}}"),
       "Gt and Lt need one value"},
      {affinity("podAffinity: {" + std::string(kRequired) +
                ": [{topologyKey: z, labelSelector: "
                "{matchExpressions: [{key: a, operator: Lt, values: ['1']}]}}]}"),
       "operator: expected In, NotIn, Exists or DoesNotExist, got \"Lt\""},
      {pod_with("  containers: [{ports: [{hostPort: 70000}]}]"), "expected 0 to 65535, got 70000"},
      {pod_with("  containers: [{ports: [{hostPort: 1, protocol: ICMP}]}]"),
       "protocol: expected TCP, UDP or SCTP"},
      {pod_with("  containers: []"), "spec: containers is missing: expected at least one"},
      {"{apiVersion: v1, kind: Pod, metadata: {name: p}}", "Pod default/p: spec is missing"},
  };
  for (const auto& [yaml, words] : cases) EXPECT_THAT(refusal_of(yaml), HasSubstr(words));
}

// --- volumes -------------------------------------------------------------------------------------

std::string volume(const std::string& name, const std::string& zones) {
  return "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + name +
         "}\nspec: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "
         "topology.ebs.csi.aws.com/zone, operator: In, values: " +
         zones + "}]}]}}}\n---\n";
}

std::string claim(const std::string& name, const std::string& spec) {
  return "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: " + name +
         "}\nspec: " + spec + "\n---\n";
}

std::string storage_class(const std::string& metadata, const std::string& zones) {
  return "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: " + metadata +
         "\nallowedTopologies: [{matchLabelExpressions: [{key: topology.kubernetes.io/zone, "
         "values: " +
         zones + "}]}]\n---\n";
}

std::string pod_on(const std::vector<std::string>& claims) {
  std::string lines = "  volumes:\n";
  for (const std::string& one : claims) {
    lines += "    - {name: " + one + ", persistentVolumeClaim: {claimName: " + one + "}}\n";
  }
  return gpu_pod_with(lines);
}

TEST(PodSpec, VolumesBindPodsToTheirZones) {
  const PodShape one =
      shape_of(volume("v", "[b, a]") + claim("c", "{volumeName: v}") + pod_on({"c"}));
  EXPECT_TRUE(one.volume_zone_bound);
  EXPECT_THAT(one.volume_zones, ElementsAre("a", "b"));
  const PodShape two =
      shape_of(volume("v", "[a, b]") + volume("w", "[b, c]") + claim("c", "{volumeName: v}") +
               claim("d", "{volumeName: w}") + pod_on({"c", "d"}));
  EXPECT_THAT(two.volume_zones, ElementsAre("b"));
  const PodShape none =
      shape_of(volume("v", "[a]") + volume("w", "[b]") + claim("c", "{volumeName: v}") +
               claim("d", "{volumeName: w}") + pod_on({"c", "d"}));
  EXPECT_TRUE(none.volume_zone_bound);
  EXPECT_THAT(none.volume_zones, IsEmpty());
}

TEST(PodSpec, LabelsOfVolumesBindToo) {
  const std::string labelled =
      "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v, labels: "
      "{topology.kubernetes.io/zone: us-east-1b__us-east-1a}}\nspec: {}\n---\n";
  EXPECT_THAT(shape_of(labelled + claim("c", "{volumeName: v}") + pod_on({"c"})).volume_zones,
              ElementsAre("us-east-1a", "us-east-1b"));
}

TEST(PodSpec, ClassesBindClaimsThatHaveNoVolume) {
  const std::string fast = storage_class("{name: fast}", "[a, b]");
  EXPECT_THAT(shape_of(fast + claim("c", "{storageClassName: fast}") + pod_on({"c"})).volume_zones,
              ElementsAre("a", "b"));
  const std::string by_default = storage_class(
      "{name: gp3, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}", "[c]");
  EXPECT_THAT(shape_of(by_default + claim("c", "{}") + pod_on({"c"})).volume_zones,
              ElementsAre("c"));
  EXPECT_FALSE(shape_of(by_default + claim("c", "{storageClassName: ''}") + pod_on({"c"}))
                   .volume_zone_bound);
  EXPECT_THAT(shape_of(fast + gpu_pod_with("  volumes: [{name: v, ephemeral: {volumeClaimTemplate: "
                                           "{spec: {storageClassName: fast}}}}]"))
                  .volume_zones,
              ElementsAre("a", "b"));
}

TEST(PodSpec, LocalVolumesAreOutOfReach) {
  const std::string local =
      "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\nspec: {nodeAffinity: "
      "{required: "
      "{nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, "
      "values: "
      "[n1]}]}]}}}\n---\n";
  EXPECT_THAT(shape_of(local + claim("c", "{volumeName: v}") + pod_on({"c"})).unplaceable,
              ElementsAre(cluster::Unplaceable{"spec.volumes",
                                               "one of its volumes is on a node that exists"}));
}

TEST(PodSpec, TellsOfClaimsThatAreNotInTheInput) {
  const cluster::Demand demand = demand_of(pod_on({"c"}));
  EXPECT_FALSE(demand.shapes[0].volume_zone_bound);
  EXPECT_THAT(demand.notes, ElementsAre("1 pod has volume claims of which the input does not say "
                                        "where they are; any zone is taken to do."));
}

TEST(PodSpec, OrdinalsOfAStatefulSetGoWhereTheirClaimsAre) {
  const std::string set =
      "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n"
      "  replicas: 4\n"
      "  template: {spec: {containers: [{resources: {limits: {nvidia.com/gpu: 1}}}]}}\n"
      "  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast}}]\n";
  const cluster::Demand fresh = demand_of(storage_class("{name: fast}", "[a, b]") + set);
  ASSERT_THAT(fresh.shapes, SizeIs(1));
  EXPECT_THAT(fresh.shapes[0].volume_zones, ElementsAre("a", "b"));
  const cluster::Demand standing = demand_of(
      storage_class("{name: fast}", "[a, b]") + volume("v0", "[a]") +
      claim("data-db-0", "{volumeName: v0}") + claim("data-db-1", "{volumeName: v0}") + set);
  ASSERT_THAT(standing.pods, SizeIs(4));
  EXPECT_EQ(standing.pods[0].shape, standing.pods[1].shape);
  EXPECT_EQ(standing.pods[2].shape, standing.pods[3].shape);
  EXPECT_THAT(standing.shapes[standing.pods[0].shape].volume_zones, ElementsAre("a"));
  EXPECT_THAT(standing.shapes[standing.pods[2].shape].volume_zones, ElementsAre("a", "b"));
  EXPECT_EQ(standing.pods[3].name, "db-3");
}

}  // namespace
}  // namespace kerf::codec
