// A whole diagnosis: what is well, the order of findings, the closed list, and rights.
#include "doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "doctor/doctor_testing.h"
#include "doctor/look.h"

namespace kerf::doctor {
namespace {

using testing::Case;
using ::testing::HasSubstr;
using testing::kTaken;
using testing::names;

TEST(Diagnosis, OfAClusterInWhichAllIsWellHasNoProblem) {
  const Diagnosis diagnosis = Case().examined();
  std::string told;
  for (const Finding& one : diagnosis.findings) {
    if (one.severity() != Severity::Ok) told += std::string(info(one.code).name) + " ";
  }
  EXPECT_EQ(told, "");
  EXPECT_EQ(diagnosis.count(Severity::Ok), 4);
}

TEST(Diagnosis, CountsWhatItLookedAt) {
  Case c;
  c.node("cpu-1", "m6i.large", "").node("gpu-1", "p5.4xlarge", ", nvidia.com/gpu: \"1\"");
  c.pod("a", "gpu-1", "{nvidia.com/gpu: 1}").pod("b", "cpu-1", "{cpu: 1}").pod("w", "", "{}");
  c.add("kind: Pod\nmetadata: {name: done, namespace: team}\nstatus: {phase: Succeeded}");
  const Diagnosis diagnosis = c.examined();
  EXPECT_EQ(diagnosis.nodes, 2u);
  EXPECT_EQ(diagnosis.gpu_nodes, 1u);
  EXPECT_EQ(diagnosis.pods, 3u);
  EXPECT_EQ(diagnosis.gpu_pods, 1u);
}

TEST(Diagnosis, TellsTheWorstFirst) {
  Case c;
  c.reading.server_version = "v1.31.2";
  c.without("GpuNode").without("SlicePolicy").without("NodeClaim");
  const Diagnosis diagnosis = c.examined();
  for (std::size_t i = 1; i < diagnosis.findings.size(); ++i) {
    EXPECT_LE(diagnosis.findings[i - 1].severity(), diagnosis.findings[i].severity());
  }
  EXPECT_EQ(diagnosis.findings.front().code, Code::KubernetesOld);
}

TEST(Codes, EachHasANameOfItsOwnAndSaysWhatToDo) {
  std::set<std::string_view> names_seen;
  for (const CodeInfo& one : codes()) {
    EXPECT_TRUE(names_seen.insert(one.name).second) << one.name;
    EXPECT_FALSE(one.means.empty() || one.todo.empty()) << one.name;
    EXPECT_EQ(one.means.find(" | "), one.means.npos) << "a cell of a table";
    EXPECT_EQ(one.todo.find(" | "), one.todo.npos) << "a cell of a table";
    EXPECT_NE(one.means.back(), '.') << one.name;
    EXPECT_NE(one.todo.back(), '.') << one.name;
  }
}

TEST(Versions, OfKubernetesDecideWhatIsSaid) {
  const struct {
    const char* version;
    std::optional<Code> said;
  } kCases[] = {
      {"v1.36.3", std::nullopt},          {"v1.37.0", std::nullopt},
      {"v2.0.0", std::nullopt},           {"v1.35.4-eks-113cf36", Code::TolerationsByHand},
      {"1.32+", Code::TolerationsByHand}, {"v1.31.9", Code::KubernetesOld},
      {"", Code::VersionUnknown},         {"main", Code::VersionUnknown}};
  for (const auto& one : kCases) {
    Case c;
    c.reading.server_version = one.version;
    for (const Code code : {Code::TolerationsByHand, Code::KubernetesOld, Code::VersionUnknown}) {
      EXPECT_EQ(c.has(code), one.said == code) << one.version << " " << info(code).name;
    }
  }
}

TEST(Versions, OfKubeletsAreThoseOfGpuNodesOnly) {
  Case c;
  c.node("gpu-1", "p5.4xlarge", ", nvidia.com/gpu: \"1\"").node("cpu-1", "m6i.large", "");
  c.reading.server_version = "v1.32.1";
  const Finding skew = c.one(Code::KubeletSkew);
  EXPECT_EQ(names(skew), "Node gpu-1") << "1.36 beside 1.32";
  c.reading.server_version = "v1.39.0";
  EXPECT_FALSE(c.has(Code::KubeletSkew)) << "three behind is allowed";
  c.reading.server_version = "v1.40.0";
  EXPECT_TRUE(c.has(Code::KubeletSkew));
}

TEST(Versions, OfContainerdDecideWhetherThereIsCdi) {
  Case c;
  for (const char* runtime :
       {"containerd://1.6.28", "containerd://1.7.0", "containerd://2.1.5", "cri-o://1.33.0"}) {
    c.add("kind: Node\nmetadata: {name: \"" + std::string(runtime) +
          "\"}\nstatus: {allocatable: {nvidia.com/gpu: 1}, nodeInfo: {containerRuntimeVersion: \"" +
          runtime + "\"}}");
  }
  EXPECT_EQ(names(c.one(Code::ContainerdOld)), "Node containerd://1.6.28");
}

TEST(Versions, AreReadAsTheyAreWritten) {
  EXPECT_EQ(version("v1.36.3"), (Version{1, 36}));
  EXPECT_EQ(version("1.14.1"), (Version{1, 14}));
  EXPECT_EQ(version("1.32+"), (Version{1, 32}));
  for (const char* wrong : {"", "v", "1", "1.", "main", ".3", "-1.2", "v99999999999.1"}) {
    EXPECT_EQ(version(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(tag_of("registry:5000/a/b:1.2@sha256:cafe"), "1.2");
  EXPECT_EQ(tag_of("registry:5000/a/b"), "");
}

TEST(Reading, ThatIsOldIsSaid) {
  Case c;
  EXPECT_EQ(c.examined(kTaken + 11 * 3'600'000).count(Severity::Note), 0);
  const Diagnosis old = c.examined(kTaken + 30 * std::int64_t{3'600'000});
  ASSERT_EQ(old.count(Severity::Note), 1);
  for (const Finding& one : old.findings) {
    if (one.severity() != Severity::Note) continue;
    EXPECT_THAT(one.says, HasSubstr("30 hours"));
  }
}

TEST(Rights, ThatAreMissingAreSaidWithTheRuleToAdd) {
  Case c;
  c.at("NodePool").state = codec::KindState::Forbidden;
  const Finding pools = c.one(Code::NotAllowed);
  EXPECT_EQ(pools.says,
            "You may not list nodepools.karpenter.sh: limits of NodePools are not known");
  EXPECT_THAT(std::string(pools.what_to_do()),
              HasSubstr("{apiGroups: [\"karpenter.sh\"], resources: [nodepools], verbs: [get, "
                        "list]}"));
  c.at("NodePool").state = codec::KindState::Read;
  c.at("DaemonSet").state = c.at("Deployment").state = codec::KindState::Forbidden;
  const Finding apps = c.one(Code::NotAllowed);
  EXPECT_EQ(apps.says,
            "You may not list deployments.apps, daemonsets.apps: what they take of each "
            "node is not known");
  EXPECT_THAT(std::string(apps.what_to_do()), HasSubstr("resources: [deployments, daemonsets]"));
  c.at("DaemonSet").state = c.at("Deployment").state = codec::KindState::Read;
  c.at("Node").state = codec::KindState::Forbidden;
  EXPECT_THAT(std::string(c.one(Code::NotAllowed).what_to_do()),
              HasSubstr("{apiGroups: [\"\"], resources: [nodes]"));
  c.at("Node").state = codec::KindState::Failed;
  c.at("Node").why = "error: the server was unable to return a response in the time allotted";
  EXPECT_THAT(c.one(Code::NotRead).says, HasSubstr("time allotted"));
}

TEST(Rights, ToOneNamespaceAndToMetricsAreSaid) {
  Case c;
  c.reading.only_namespace = "team";
  EXPECT_THAT(c.one(Code::OneNamespace).says, HasSubstr("namespace team only"));
  c.reading.pages = {{.pod = "kube-system/karpenter-a", .text = "", .why = "Error: forbidden"}};
  const Finding page = c.one(Code::PricePageRefused);
  EXPECT_EQ(names(page), "Pod kube-system/karpenter-a");
  EXPECT_THAT(std::string(page.what_to_do()), HasSubstr("pods/proxy"));
}

TEST(Diagnosis, OfAPlainListDoesNotTakeWhatIsNotInItForMissing) {
  Case c;
  for (const char* kind : {"NodeClaim", "GpuNode", "SlicePolicy", "NodePool"}) {
    c.without(kind).at(kind).why = "not in the input";
  }
  EXPECT_FALSE(c.has(Code::KarpenterAbsent));
  EXPECT_FALSE(c.has(Code::KerfAbsent));
}

/// A value of any shape in place of a part of an object.
codec::Node junk(Prng& prng) {
  using codec::Node;
  switch (prng.below(6)) {
    case 0: return Node::null();
    case 1: return Node::of(true);
    case 2: return Node::of(std::int64_t{-7});
    case 3: return Node::of("\x1b[31m\n");
    case 4: return Node::sequence().push(Node::null());
    default: return Node::mapping().set("name", Node::mapping());
  }
}

void spoil(codec::Node& node, Prng& prng) {
  if (prng.below(12) == 0) {
    node = junk(prng);
    return;
  }
  for (codec::Node& item : node.items) spoil(item, prng);
  for (auto& [key, value] : node.members) spoil(value, prng);
}

TEST(Diagnosis, OfObjectsOfAnyShapeIsADiagnosis) {
  Case whole;
  whole.node("gpu-1", "p5.4xlarge", ", nvidia.com/gpu: \"1\"", ", kerf.dev/managed: \"true\"",
             "[{key: nvidia.com/gpu, effect: NoSchedule}]");
  whole.pod("a", "gpu-1", "{nvidia.com/mig-1g.10gb: 1}").pod("b", "", "{nvidia.com/gpu: 1}");
  whole.add(
      "kind: NodePool\nmetadata: {name: p}\nspec: {template: {spec: {requirements: "
      "[{key: node.kubernetes.io/instance-type, operator: In, values: [p5.4xlarge]}]}}}");
  whole.add("kind: ClusterPolicy\nmetadata: {name: c}\nspec: {mig: {strategy: single}}");
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Prng prng(seed);
    Case c = whole;
    for (auto& kind : c.reading.kinds) {
      for (codec::Node& object : kind.items) spoil(object, prng);
    }
    const Diagnosis diagnosis = c.examined();
    for (const Finding& one : diagnosis.findings) EXPECT_FALSE(one.says.empty()) << seed;
  }
}

}  // namespace
}  // namespace kerf::doctor
