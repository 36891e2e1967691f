// Tests of read_manifests: options, DaemonSets as overhead, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/manifest.h"
#include "codec/manifest_testing.h"

namespace kerf::codec {
namespace {

using cluster::Demand;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// --- options -------------------------------------------------------------------------------------

TEST(ManifestOptions, ReplacesReplicas) {
  const std::string yaml = deployment("web", "1") +
                           object("apps/v1", "StatefulSet", "db", std::string(kTemplate)) +
                           job("train", "parallelism: 4, completions: 4");
  for (const char* key : {"web", "default/web", "deployment/web", "Deployment/default/web"}) {
    ManifestOptions options;
    options.replicas = {{key, 3}, {"db", 0}, {"JOB/train", 1}};
    EXPECT_THAT(names_of(demand_of(yaml, options)),
                ElementsAre("web-0", "web-1", "web-2", "train-0"))
        << key;
  }
}

TEST(ManifestOptions, RefusesOverridesThatNameNothingOrTooMuch) {
  const std::string yaml = deployment("web", "1") +
                           object("apps/v1", "StatefulSet", "web", std::string(kTemplate)) +
                           object("apps/v1", "DaemonSet", "agent", std::string(kCpuTemplate));
  struct Case {
    std::map<std::string, std::int64_t> replicas;
    const char* message;
  };
  const Case cases[] = {
      {{{"wbe", 3}},
       "--replicas \"wbe\": the input has no such workload; it has Deployment default/web, "
       "StatefulSet default/web"},
      {{{"web", 3}},
       "--replicas \"web\": this means Deployment default/web, StatefulSet default/web; write "
       "namespace/name, kind/name or kind/namespace/name"},
      {{{"deployment/web", 3}, {"deployment/default/web", 4}},
       "--replicas deployment/web: this workload is named twice"},
      {{{"deployment/web", -1}}, "--replicas deployment/web=-1: expected 0 to 1000000"},
      {{{"deployment/web", 1'000'001}}, "--replicas deployment/web=1000001: expected 0 to 1000000"},
  };
  for (const Case& c : cases) {
    ManifestOptions options;
    options.replicas = c.replicas;
    EXPECT_EQ(refusal_of(yaml, options), c.message);
  }
  ManifestOptions options;
  options.replicas = {{"agent", 3}};
  EXPECT_THAT(
      refusal_of(object("apps/v1", "DaemonSet", "agent", std::string(kCpuTemplate)), options),
      HasSubstr("it has none that this option is for"));
}

TEST(ManifestOptions, TakesHoursOfJobs) {
  const std::string yaml = deployment("web", "1") + job("train", "parallelism: 1") +
                           object("batch/v1", "Job", "report", std::string(kCpuTemplate));
  ManifestOptions options;
  options.hours = {{"train", 40.5}, {"report", 10}};
  const Demand demand = demand_of(yaml, options);
  ASSERT_THAT(demand.workloads, SizeIs(2));
  EXPECT_EQ(demand.workloads[1].hours_per_month, 40.5);
  options.hours = {{"web", 40}};
  EXPECT_EQ(refusal_of(yaml, options),
            "--hours \"web\": the input has no such workload; it has Job default/train, Job "
            "default/report");
  options.hours = {{"train", 731}};
  EXPECT_EQ(refusal_of(yaml, options), "--hours train=731: expected 0 to 730 hours a month");
}

// --- DaemonSets ----------------------------------------------------------------------------------

TEST(ManifestDaemonSets, SumsDaemonSetsAsOverheadOfEveryNode) {
  const auto agent = [](const std::string& name, const std::string& more) {
    return object(
        "apps/v1", "DaemonSet", name,
        "template: {spec: {containers: [{resources: {requests: {cpu: 100m, memory: 1Gi}" + more);
  };
  const std::string yaml =
      agent("plain", "}}]}}") + agent("linux", "}}], nodeSelector: {kubernetes.io/os: linux}}}") +
      agent("windows", "}}], nodeSelector: {kubernetes.io/os: windows}}}") +
      agent("arm",
            "}}], affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "{nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/arch, operator: "
            "In, values: [arm64]}]}]}}}}}") +
      agent("fargate", "}}], nodeSelector: {eks.amazonaws.com/compute-type: fargate}}}") +
      agent("own", "}}], nodeSelector: {team: a}}}") +
      agent("gpu", ", limits: {nvidia.com/gpu: 1}}}]}}");
  const Demand demand = demand_of(yaml);
  EXPECT_EQ(demand.overhead.daemonsets, (Resources{300, 3072, 0, 3}));
  EXPECT_EQ(demand.overhead.source, "DaemonSets in the input (3)");
  EXPECT_THAT(
      left_out(demand),
      UnorderedElementsAre("3 DaemonSets: not for Linux GPU nodes",
                           "1 DaemonSet: a GPU on every node is no demand of a known size"));
  EXPECT_EQ(demand.cpu_only_pods, 0);
  ManifestOptions options;
  options.daemonset_overhead = false;
  EXPECT_EQ(demand_of(yaml, options).overhead.daemonsets, Resources{});
}

TEST(ManifestDaemonSets, SumsDaemonSetsOfWhichOnlyPodsAreInTheInput) {
  const auto pod = [](const std::string& name, const std::string& node) {
    return "{apiVersion: v1, kind: Pod, metadata: {name: " + name +
           ", ownerReferences: [{kind: DaemonSet, name: agent, controller: true}]}, spec: "
           "{containers: [{resources: {requests: {cpu: 100m}}}], affinity: {nodeAffinity: "
           "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: "
           "[{key: metadata.name, operator: In, values: [" +
           node + "]}]}]}}}}, status: {phase: Running}}\n---\n";
  };
  const std::string pods = pod("agent-a", "n1") + pod("agent-b", "n2");
  const Demand demand = demand_of(pods);
  EXPECT_EQ(demand.overhead.daemonsets, (Resources{100, 0, 0, 1}));
  const Demand both =
      demand_of(pods + object("apps/v1", "DaemonSet", "agent", std::string(kCpuTemplate)));
  EXPECT_EQ(both.overhead.daemonsets, (Resources{2000, 0, 0, 1}));
}

// --- errors --------------------------------------------------------------------------------------

TEST(ManifestErrors, RefusesWhatIsNoObject) {
  const std::pair<const char*, const char*> cases[] = {
      {"[1]", "t.yaml:1:1: expected a Kubernetes object with apiVersion and kind, got a list"},
      {"hello", "t.yaml:1:1: expected a Kubernetes object with apiVersion and kind, got a string"},
      {"replicas: 3",
       "t.yaml:1:1: no Kubernetes object: apiVersion and kind are missing; leave the "
       "file out, or render it first"},
      {"apiVersion: v1", "no Kubernetes object: kind is missing"},
      {"kind: Pod", "no Kubernetes object: apiVersion is missing"},
      {"NAME   READY   AGE\nweb    3/3     5d", "this is kubectl's table: add -o json"},
      {"resources: [a.yaml]", "kubectl kustomize DIR | kerf plan -"},
      {"resources: {limits: {cpu: 1}}", "helm template CHART | kerf plan -"},
      {"replicaCount: 1", "helm template CHART | kerf plan -"},
      {"{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization}",
       "a kustomization changes other files"},
      {"{apiVersion: v1, kind: 3}", "kind: expected a string, got an integer, \"3\""},
      {"{apiVersion: v1, kind: Pod, metadata: x}", "metadata: expected a mapping"},
      {"{apiVersion: v1, kind: Pod, spec: {}}", "Pod: metadata.name is missing"},
  };
  for (const auto& [yaml, words] : cases) EXPECT_THAT(refusal_of(yaml), HasSubstr(words));
}

TEST(ManifestErrors, AdvisesByTheNameOfTheFile) {
  const std::pair<const char*, const char*> cases[] = {
      {"chart/values.yaml", "helm template CHART | kerf plan -"},
      {"chart/Chart.yaml", "helm template CHART | kerf plan -"},
      {"base/kustomization.yaml", "kubectl kustomize DIR | kerf plan -"},
  };
  for (const auto& [file, words] : cases) {
    Document document{file, Node::mapping()};
    document.root.set("name", Node::of("x"));
    Demand demand;
    const auto read = read_manifests({document}, {}, builtin_catalogue(), demand);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message(), HasSubstr(words)) << file;
  }
}

TEST(ManifestErrors, RefusesTypesThatMatter) {
  const std::string t(kTemplate);
  const std::pair<std::string, const char*> cases[] = {
      {object("apps/v1", "Deployment", "d", "replicas: '3', " + t),
       "t.yaml:1:79: Deployment default/d: spec.replicas: expected an integer, got a string, "
       "\"3\""},
      {object("apps/v1", "Deployment", "d", "replicas: -1, " + t),
       "spec.replicas: expected 0 to 2147483647, got -1"},
      {object("apps/v1", "Deployment", "d", "replicas: 1.5, " + t), "expected an integer, got a"},
      {object("apps/v1", "Deployment", "d", "replicas: 1"),
       "Deployment default/d: spec: template is missing: expected a pod template"},
      {object("apps/v1", "Deployment", "d", "template: {metadata: {labels: {v: 1}}, spec: {}}"),
       "spec.template.spec: containers is missing"},
      {object("batch/v1", "CronJob", "c", "schedule: x"), "jobTemplate.spec is missing"},
      {object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "l", "replicas: 1"),
       "leaderWorkerTemplate is missing"},
      {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: 3}",
       "Deployment default/d: spec: expected a mapping, got an integer, \"3\""},
  };
  for (const auto& [yaml, words] : cases) EXPECT_THAT(refusal_of(yaml), HasSubstr(words));
}

TEST(ManifestErrors, RefusesOneObjectStatedTwice) {
  EXPECT_THAT(refusal_of("# a\n" + deployment("d", "1") + deployment("d", "1")),
              HasSubstr("t.yaml:4:1: Deployment default/d: the input has this object twice, first "
                        "at t.yaml:2; leave one out"));
  const std::string printed =
      "{apiVersion: v1, kind: Pod, metadata: {name: p, uid: u-1}, spec: {containers: [{resources: "
      "{limits: {nvidia.com/gpu: 1}}}]}}\n---\n";
  EXPECT_THAT(demand_of(printed + printed).pods, SizeIs(1)) << "the same object, printed twice";
}

TEST(ManifestErrors, BoundsThePods) {
  const auto too_many = [](const std::string& yaml) {
    const auto demand = try_manifests(yaml);
    EXPECT_FALSE(demand) << yaml;
    if (demand) return std::string();
    EXPECT_EQ(demand.error().code(), ErrorCode::TooLarge);
    return demand.error().message();
  };
  EXPECT_THAT(too_many(deployment("d", "2000000000")),
              HasSubstr("spec.replicas: 2000000000 pods; at most 1000000 are planned"));
  EXPECT_THAT(too_many(deployment("d", "600000") + deployment("e", "600000", kCpuTemplate)),
              HasSubstr("Deployment default/e: with this one the input has 1200000 pods; at most "
                        "1000000 are planned"));
  EXPECT_THAT(too_many(object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "l",
                              "replicas: 1000000, leaderWorkerTemplate: {size: 1000000, "
                              "workerTemplate: " +
                                  std::string(kTemplate.substr(10)) + "}")),
              HasSubstr("at most 1000000 are planned"));
}

}  // namespace
}  // namespace kerf::codec
