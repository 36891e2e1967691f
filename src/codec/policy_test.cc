// Tests of SlicePolicy manifests: what each field becomes, and what is refused where.
#include "codec/policy.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "codec/catalogue.h"
#include "codec/strict_fields.h"
#include "codec/yaml.h"
#include "core/cluster/demand.h"

namespace kerf::codec {
namespace {

using cluster::Isolation;
using cluster::Policy;
using market::CapacityType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Result<Policy> read(std::string_view yaml) {
  KERF_TRY(const std::vector<Document> documents, parse_yaml(yaml, "policy.yaml"));
  if (documents.size() != 1) return invalid("one document was expected");
  return read_policy(documents[0], builtin_catalogue());
}

/// A policy whose spec holds these lines, each indented by two blanks. The first is line 6.
std::string with_spec(std::string_view lines) {
  return fmt::format(
      "apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata:\n  name: team\nspec:\n{}",
      lines);
}

std::string refusal(std::string_view yaml) {
  const auto policy = read(yaml);
  return policy ? "accepted" : policy.error().message();
}

TEST(Policy, IsAsIfNoneWereGivenWhereItSaysNothing) {
  const auto policy = read(with_spec("  {}\n"));
  ASSERT_TRUE(policy) << policy.error().message();
  const Policy none;
  EXPECT_EQ(policy->name, "team");
  EXPECT_THAT(policy->instance_types, IsEmpty());
  EXPECT_EQ(policy->architectures, none.architectures);
  EXPECT_EQ(policy->capacity_types, none.capacity_types);
  EXPECT_EQ(policy->isolation_floor, Isolation::Shared);
  EXPECT_FALSE(policy->limit_per_hour);
  EXPECT_FALSE(policy->limit_gpus);
  EXPECT_EQ(policy->sharing.time_slicing_replicas, none.sharing.time_slicing_replicas);
}

TEST(Policy, FillsEveryPlanningField) {
  const auto policy = read(with_spec(R"(
  instanceTypes: ["p4d.*", g6.xlarge, "*.48xlarge"]
  families: [g6, p4d]
  architectures: [arm64, amd64]
  zones: [us-east-1a, us-east-1b]
  capacityTypes: [spot, reserved]
  isolationFloor: Enforced
  limits:
    usdPerHour: 120.5
    gpus: 64
  headroom:
    - resource: nvidia.com/mig-1g.10gb
      count: 2
      cpu: 500m
      memory: 1.5Gi
    - {resource: kerf.dev/gpu-16gi-shared, count: 1, cpu: 4}
  nodeLabels:
    example.com/team: ml
    tier: ""
  nodeTaints:
    - {key: example.com/gpu, value: "yes", effect: NoSchedule}
    - {key: example.com/gpu, effect: NoExecute}
  sharing:
    timeSlicingReplicas: [4, 2]
)"));
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_THAT(policy->instance_types, ElementsAre("p4d.*", "g6.xlarge", "*.48xlarge"));
  EXPECT_THAT(policy->families, ElementsAre("g6", "p4d"));
  EXPECT_THAT(policy->architectures, ElementsAre("arm64", "amd64"));
  EXPECT_THAT(policy->zones, ElementsAre("us-east-1a", "us-east-1b"));
  EXPECT_THAT(policy->capacity_types, ElementsAre(CapacityType::Spot, CapacityType::Reserved));
  EXPECT_EQ(policy->isolation_floor, Isolation::Enforced);
  EXPECT_EQ(policy->limit_per_hour, MicroUsdPerHour{120'500'000});
  EXPECT_EQ(policy->limit_gpus, 64);
  ASSERT_EQ(policy->headroom.size(), 2u);
  EXPECT_EQ(cluster::describe({policy->headroom[0].request}), "nvidia.com/mig-1g.10gb");
  EXPECT_EQ(policy->headroom[0].count, 2);
  EXPECT_EQ(policy->headroom[0].each, (Resources{500, 1536, 0, 1}));
  EXPECT_EQ(cluster::describe({policy->headroom[1].request}), "kerf.dev/gpu-16gi-shared");
  EXPECT_EQ(policy->headroom[1].each, (Resources{4000, 0, 0, 1}));
  EXPECT_THAT(policy->node_labels, ElementsAre(Pair("example.com/team", "ml"), Pair("tier", "")));
  EXPECT_THAT(policy->node_taints,
              ElementsAre(cluster::Taint{"example.com/gpu", "yes", "NoSchedule"},
                          cluster::Taint{"example.com/gpu", "", "NoExecute"}));
  EXPECT_THAT(policy->sharing.time_slicing_replicas, ElementsAre(2, 4));
}

TEST(Policy, ChecksTheControllersFieldsAndKeepsThemOut) {
  const auto policy = read(with_spec(R"(
  mode: Act
  priority: 10
  selector:
    namespaces: [ml, search]
    podLabels: {team: ml}
  nodeClasses: {cut: gpu-cut, whole: gpu-whole}
  limits: {usdPerHour: 50, gpus: 16}
  budgets:
    - {namespace: ml, usdPerHour: 20}
    - {namespace: search, gpus: 4}
  warm:
    - {resource: nvidia.com/mig-1g.10gb, count: 2}
  consolidation:
    leastSavingUsdPerHour: 0.5
    coolDown: 1h30m
    movesPerHour: 4
    windows:
      - {schedule: "0 20 * * mon-fri", duration: 8h}
      - {schedule: "@weekly", duration: 24h}
  usage:
    prometheusURL: http://prometheus.monitoring:9090
  buysFor: ["nvidia.com/mig-*", "kerf.dev/*", nvidia.com/gpu]
status:
  conditions: []
)"));
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->limit_per_hour, MicroUsdPerHour{50'000'000});
  EXPECT_THAT(policy->instance_types, IsEmpty());
}

TEST(Policy, TakesWhatAClusterReturns) {
  const auto policy = read(R"(
apiVersion: kerf.dev/v1alpha1
kind: SlicePolicy
metadata:
  name: team
  uid: 1b4e28ba-2fa1-11d2-883f-0016d3cca427
  resourceVersion: "4711"
  generation: 3
  creationTimestamp: 2026-05-04T10:00:00Z
  annotations: {note: any text}
  labels: {team: ml}
  managedFields: [{manager: kubectl}]
spec:
  families: [g6]
  zones: null
)");
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_THAT(policy->families, ElementsAre("g6"));
  EXPECT_THAT(policy->zones, IsEmpty());
}

TEST(Policy, ReadsMoneyWithoutFloatingPoint) {
  struct Case {
    const char* written;
    std::int64_t micro;
  };
  for (const Case& c : {Case{"0.1", 100'000}, Case{"21.957642", 21'957'642}, Case{"7", 7'000'000},
                        Case{"\"12.5\"", 12'500'000}, Case{"0", 0}, Case{"1_000", 1'000'000'000}}) {
    const auto policy = read(with_spec(fmt::format("  limits: {{usdPerHour: {}}}\n", c.written)));
    ASSERT_TRUE(policy) << policy.error().message();
    EXPECT_EQ(policy->limit_per_hour, MicroUsdPerHour{c.micro}) << c.written;
  }
}

TEST(Policy, OffersNoTimeSlicingForAnEmptyList) {
  const auto policy = read(with_spec("  sharing: {timeSlicingReplicas: []}\n"));
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_THAT(policy->sharing.time_slicing_replicas, IsEmpty());
}

TEST(Policy, SaysWhichKnownFieldIsNear) {
  struct Case {
    const char* spec;
    const char* says;
  };
  const Case cases[] = {
      {"  familes: [g6]\n",
       "policy.yaml:6:3: spec: unknown field \"familes\"; did you mean families?"},
      {"  instance_types: [g6.xlarge]\n",
       "policy.yaml:6:3: spec: unknown field \"instance_types\"; did you mean instanceTypes?"},
      {"  zone: [us-east-1a]\n", "did you mean zones?"},
      {"  limits:\n    usdPerMonth: 5\n",
       "policy.yaml:7:5: spec.limits: unknown field \"usdPerMonth\"; did you mean usdPerHour?"},
      {"  limits: {cpu: 5}\n", "spec.limits: unknown field \"cpu\"; known are usdPerHour, gpus"},
      {"  headroom:\n  - {resource: nvidia.com/gpu, count: 1, cpus: 1}\n",
       "policy.yaml:7:42: spec.headroom[0]: unknown field \"cpus\"; did you mean cpu?"},
      {"  sharing: {mps: true}\n", "spec.sharing: unknown field \"mps\""},
      {"  consolidation: {cooldown: 5m}\n", "did you mean coolDown?"},
  };
  for (const Case& c : cases) EXPECT_THAT(refusal(with_spec(c.spec)), HasSubstr(c.says));
}

TEST(Policy, RefusesValuesThatCannotBeMeant) {
  struct Case {
    const char* spec;
    const char* says;
  };
  const Case cases[] = {
      {"instanceTypes: []", "policy.yaml:6:18: spec.instanceTypes: an empty list"},
      {"instanceTypes: [\"\"]", "policy.yaml:6:19: spec.instanceTypes[0]: empty"},
      {"instanceTypes: [g6 xlarge]", "spec.instanceTypes[0]: \"g6 xlarge\"; expected an instance"},
      {"instanceTypes: [g6]", "\"g6\" is no instance type; for a whole family write g6.*"},
      {"instanceTypes: g6.xlarge", "spec.instanceTypes: expected a list, got a string"},
      {"instanceTypes: [g6.xlarge, g6.xlarge]", "spec.instanceTypes[1]: \"g6.xlarge\" is listed"},
      {"families: [g6.xlarge]", "spec.families[0]: \"g6.xlarge\"; expected a family such as g6"},
      {"families: [12]", "spec.families[0]: expected a string (put it in quotes), got an integer"},
      {"architectures: [x86_64]", "spec.architectures[0]: expected one of amd64, arm64"},
      {"zones: [use1-az1]", "spec.zones[0]: \"use1-az1\"; expected a zone's name"},
      {"zones: [us-east-1]", "spec.zones[0]: \"us-east-1\"; expected a zone's name"},
      {"capacityTypes: [ondemand]", "spec.capacityTypes[0]: expected one of on-demand, spot"},
      {"isolationFloor: isolated", "spec.isolationFloor: expected one of Isolated, Enforced"},
      {"limits: {usdPerHour: -1}", "policy.yaml:6:24: spec.limits.usdPerHour: '-1': expected"},
      {"limits: {usdPerHour: lots}", "spec.limits.usdPerHour: 'lots': expected dollars per hour"},
      {"limits: {usdPerHour: true}",
       "spec.limits.usdPerHour: expected a number, got true or false"},
      {"limits: {gpus: -1}", "spec.limits.gpus: -1; expected 0 to 1000000"},
      {"limits: {gpus: 1.5}", "spec.limits.gpus: expected a whole number, got a number (\"1.5\")"},
      {"limits: [5]", "spec.limits: expected a mapping, got a list"},
      {"headroom: [{count: 1}]", "spec.headroom[0]: resource is missing"},
      {"headroom: [{resource: nvidia.com/gpu}]", "spec.headroom[0]: count is missing"},
      {"headroom: [{resource: nvidia.com/gpu, count: 0}]", "spec.headroom[0].count: 0; expected 1"},
      {"headroom: [{resource: nvidia.com/mig-1g.7gb, count: 1}]",
       "spec.headroom[0].resource: no GPU that Kerf knows has the profile"},
      {"headroom: [{resource: nvidia.com/gpu, count: 1, cpu: many}]", "spec.headroom[0].cpu: "},
      {"headroom: [{resource: nvidia.com/gpu, count: 1, memory: 4Ei}]",
       "spec.headroom[0].memory: \"4Ei\" is more than any node has"},
      {"nodeLabels: {team: 5}", "spec.nodeLabels[team]: expected a string (put it in quotes)"},
      {"nodeLabels: {-team: a}", "policy.yaml:6:16: spec.nodeLabels: \"-team\" is no label key"},
      {"nodeLabels: {team: a b}", "spec.nodeLabels[team]: \"a b\" is no label value"},
      {"nodeLabels: {kubernetes.io/arch: arm64}",
       "policy.yaml:6:16: spec.nodeLabels: \"kubernetes.io/arch\" follows from what is bought"},
      {"nodeTaints: [{key: a}]", "spec.nodeTaints[0]: effect is missing"},
      {"nodeTaints: [{key: a, effect: Evict}]", "spec.nodeTaints[0].effect: expected one of NoSch"},
      {"nodeTaints: [{key: a b, effect: NoExecute}]", "spec.nodeTaints[0].key: expected a taint's"},
      {"nodeTaints: [{key: a, value: 1, effect: NoExecute}]", "spec.nodeTaints[0].value: expected"},
      {"nodeTaints: [{key: a, effect: NoExecute}, {key: a, value: b, effect: NoExecute}]",
       "spec.nodeTaints[1]: a taint with this key and effect is listed already"},
      {"sharing: {timeSlicingReplicas: [1]}", "spec.sharing.timeSlicingReplicas[0]: 1; expected 2"},
      {"sharing: {timeSlicingReplicas: [2, 2]}", "timeSlicingReplicas[1]: 2 is listed twice"},
      {"sharing: {timeSlicingReplicas: [2,3,4,5,6,7,8,9,10]}", "9 entries; at most 8"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(refusal(with_spec(fmt::format("  {}\n", c.spec))), HasSubstr(c.says)) << c.spec;
  }
}

TEST(Policy, RefusesWrongFieldsOfTheControllerToo) {
  struct Case {
    const char* spec;
    const char* says;
  };
  const Case cases[] = {
      {"mode: observe", "spec.mode: expected one of Observe, Act, got a string (\"observe\")"},
      {"mode: Act", "spec: mode Act needs limits.usdPerHour and limits.gpus"},
      {"mode: Act\n  limits: {gpus: 4}", "spec: mode Act needs limits.usdPerHour and limits.gpus"},
      {"priority: high", "spec.priority: expected a whole number"},
      {"selector: {namespaces: [My_NS]}",
       "spec.selector.namespaces[0]: \"My_NS\" is no Kubernetes"},
      {"selector: {podLabels: {a: true}}", "spec.selector.podLabels[a]: expected a string"},
      {"nodeClasses: {cut: 5}", "spec.nodeClasses.cut: expected a string"},
      {"nodeClasses: {uncut: a}", "spec.nodeClasses: unknown field \"uncut\"; did you mean cut?"},
      {"budgets: [{namespace: a}]", "spec.budgets[0]: a budget of nothing"},
      {"budgets: [{namespace: a, gpus: 1}, {namespace: a, gpus: 2}]",
       "spec.budgets[1]: the namespace has a budget already"},
      {"warm: [{resource: kerf.dev/gpu-7gi, count: 1}]", "spec.warm[0].resource: "},
      {"warm: [{resource: kerf.dev/gpu-8gi, count: 0}]", "spec.warm[0].count: 0; expected 1"},
      {"consolidation: {leastSavingUsdPerHour: -0.1}", "spec.consolidation.leastSavingUsdPerHour"},
      {"consolidation: {coolDown: 30}", "spec.consolidation.coolDown: expected a string"},
      {"consolidation: {coolDown: 30 min}",
       "coolDown: \"30 min\"; expected a duration such as 30m"},
      {"consolidation: {coolDown: 1.m}", "coolDown: \"1.m\"; expected a duration"},
      {"consolidation: {windows: [{schedule: \"0 20 * *\", duration: 1h}]}",
       "spec.consolidation.windows[0].schedule: \"0 20 * *\"; expected five fields"},
      {"consolidation: {windows: [{schedule: \"@daily\"}]}", "windows[0]: duration is missing"},
      {"usage: {prometheusURL: prometheus}", "spec.usage.prometheusURL: \"prometheus\"; expected"},
      {"usage: {prometheusURL: \"https://me:secret@host/\"}", "no place for secrets"},
      {"buysFor: [nvidia.com/mig]", "spec.buysFor[0]: "},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(refusal(with_spec(fmt::format("  {}\n", c.spec))), HasSubstr(c.says)) << c.spec;
  }
}

TEST(Policy, RefusesWhatIsNoSlicePolicy) {
  struct Case {
    const char* yaml;
    const char* says;
  };
  const Case cases[] = {
      {"[]", "policy.yaml:1:1: expected a SlicePolicy manifest, a mapping"},
      {"apiVersion: apps/v1\nkind: Deployment\n",
       "policy.yaml:2:7: kind: expected SlicePolicy, got a string (\"Deployment\")"},
      {"apiVersion: kerf.dev/v1\nkind: SlicePolicy\nmetadata: {name: a}\nspec: {}\n",
       "policy.yaml:1:13: apiVersion: expected kerf.dev/v1alpha1, got a string"},
      {"kind: SlicePolicy\nmetadata: {name: a}\nspec: {}\n", "apiVersion is missing"},
      {"apiVersion: kerf.dev/v1alpha1\nmetadata: {name: a}\nspec: {}\n", "kind is missing"},
      {"apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nspec: {}\n", "metadata is missing"},
      {"apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata: {}\nspec: {}\n",
       "metadata: name is missing"},
      {"apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata: {name: a}\n",
       "spec is missing"},
      {"apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata: {name: A_b}\nspec: {}\n",
       "metadata.name: \"A_b\" is no Kubernetes name"},
      {"apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata: {name: a, namespace: b}\n",
       "metadata.namespace: a SlicePolicy is cluster-scoped"},
      {"apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata: {name: a}\nsepc: {}\n",
       "policy.yaml:4:1: unknown field \"sepc\"; did you mean spec?"},
  };
  for (const Case& c : cases) EXPECT_THAT(refusal(c.yaml), HasSubstr(c.says)) << c.yaml;
}

TEST(Policy, ReadsTheShippedExample) {
  std::ifstream in(KERF_SOURCE_DIR "/examples/policies/mig-only.yaml");
  std::ostringstream text;
  text << in.rdbuf();
  const auto policy = read(text.str());
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->name, "mig-only");
  EXPECT_EQ(policy->instance_types.size(), 8u);
  EXPECT_THAT(policy->capacity_types, ElementsAre(CapacityType::OnDemand));
}

TEST(Policy, ReadsEveryFieldOfTheReference) {
  std::ifstream in(KERF_SOURCE_DIR "/docs/reference/policy.md");
  std::ostringstream text;
  text << in.rdbuf();
  const std::string doc = text.str();
  const std::size_t begin = doc.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = doc.find("```", begin + 8);
  const auto policy = read(std::string_view(doc).substr(begin + 8, end - begin - 8));
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->headroom.size(), 1u);
}

TEST(StrictFields, FindsTheNearestNameOnly) {
  const std::vector<std::string_view> known = {"families", "zones", "limits", "headroom"};
  EXPECT_EQ(nearest_name("family", known), "families");
  EXPECT_EQ(nearest_name("ZONES", known), "zones");
  EXPECT_EQ(nearest_name("limit", known), "limits");
  EXPECT_EQ(nearest_name("replicas", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'z'), known), "");
}

TEST(StrictFields, KnowsWhatKubernetesCallsAName) {
  for (const char* name : {"a", "a-b", "a.b-c.d9", "9"}) EXPECT_TRUE(is_object_name(name)) << name;
  for (const char* name : {"", "A", "-a", "a-", ".a", "a.", "a..b", "a-.b", "a.-b", "a_b"}) {
    EXPECT_FALSE(is_object_name(name)) << name;
  }
  for (const char* key : {"a", "A_b.c-9", "example.com/Team"})
    EXPECT_TRUE(is_label_key(key)) << key;
  for (const char* key : {"", "/a", "a/", "a/b/c", "_a", "Example.com/a"}) {
    EXPECT_FALSE(is_label_key(key)) << key;
  }
  EXPECT_TRUE(is_label_value(std::string(63, 'x')));
  EXPECT_FALSE(is_label_value(std::string(64, 'x')));
}

}  // namespace
}  // namespace kerf::codec
