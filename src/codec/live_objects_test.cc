// Tests of live Nodes, NodeClaims, NodeClasses, budgets, classes and policies.
#include "codec/live_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/catalogue.h"
#include "codec/live_objects_testing.h"
#include "codec/timestamp.h"

namespace kerf::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kNode;
using testing::kNodeClaim;
using testing::object_of;
using ::testing::Pair;
using testing::replaced;
using ::testing::UnorderedElementsAre;

/// "kind: ..., metadata: {...}" of a cluster-scoped object.
std::string head(const std::string& kind) {
  return "kind: " + kind + "\nmetadata: {name: one, uid: u, resourceVersion: \"12\"}\n";
}

template <class T>
T value_of(Result<T> result) {
  if (result) return *std::move(result);
  ADD_FAILURE() << result.error().message();
  return {};
}

TEST(LiveNode, IsReadAsAKubeletReportsIt) {
  const control::Node node = value_of(read_live_node(object_of(kNode)));
  EXPECT_EQ(node.meta.name, "ip-10-0-3-7.ec2.internal");
  EXPECT_EQ(node.meta.version, 99120);
  EXPECT_EQ(node.provider_id, "aws:///us-east-1a/i-0a1b2c3d4e5f");
  EXPECT_EQ(node.boot_id, "2f1c-boot");
  EXPECT_TRUE(node.ready);
  EXPECT_TRUE(node.cordoned);
  EXPECT_THAT(node.taints,
              ElementsAre(cluster::Taint{"kerf.dev/slices", "", "NoSchedule"},
                          cluster::Taint{"kerf.dev/uncut", "", "NoSchedule"},
                          cluster::Taint{"node.kubernetes.io/unschedulable", "", "NoSchedule"}));
  EXPECT_EQ(node.allocatable, (Resources{15890, 260614012 / 1024, 192188443124 / (1 << 20), 234}));
  EXPECT_THAT(node.capacity_of, UnorderedElementsAre(Pair("nvidia.com/mig-1g.10gb", 4),
                                                     Pair("nvidia.com/mig-3g.40gb", 1)));
  EXPECT_THAT(node.allocatable_of, UnorderedElementsAre(Pair("nvidia.com/mig-1g.10gb", 2),
                                                        Pair("nvidia.com/mig-3g.40gb", 0)));
}

TEST(LiveNode, IsReadyOnlyIfItSaysSo) {
  const auto ready = [](const char* word) {
    return value_of(read_live_node(
                        object_of(replaced(std::string(kNode), "{type: Ready, status: \"True\"",
                                           "{type: Ready, status: " + std::string(word)))))
        .ready;
  };
  EXPECT_TRUE(ready("\"True\""));
  EXPECT_FALSE(ready("\"False\""));
  EXPECT_FALSE(ready("Unknown"));
  const control::Node bare = value_of(read_live_node(object_of(head("Node"))));
  EXPECT_FALSE(bare.ready);
  EXPECT_FALSE(bare.cordoned);
  EXPECT_EQ(bare.allocatable, Resources{});
  EXPECT_THAT(bare.capacity_of, IsEmpty());
}

TEST(LiveNode, ErrorsNameKindObjectAndField) {
  const auto wrong = [](const std::string& rest) {
    const auto read = read_live_node(object_of(head("Node") + rest));
    return read ? "accepted" : read.error().message();
  };
  EXPECT_EQ(wrong("spec: {taints: {}}"), "Node one: spec.taints: expected a list, got a mapping");
  EXPECT_THAT(wrong("status: {allocatable: {cpu: many}}"),
              HasSubstr("Node one: status.allocatable.cpu: "));
  EXPECT_THAT(wrong("status: {allocatable: {memory: []}}"), HasSubstr("expected a number"));
}

TEST(LiveClaim, IsReadAfterItsLaunch) {
  const control::NodeClaim claim = value_of(read_node_claim(object_of(kNodeClaim)));
  EXPECT_EQ(claim.meta.name, "kerf-0f3a");
  EXPECT_EQ(claim.node_class, "gpu-cut");
  EXPECT_EQ(claim.type, "p5.4xlarge");
  EXPECT_THAT(claim.zones, ElementsAre("us-east-1a", "us-east-1b"));
  EXPECT_THAT(claim.capacity_types,
              ElementsAre(market::CapacityType::Spot, market::CapacityType::OnDemand));
  EXPECT_THAT(claim.taints, ElementsAre(cluster::Taint{"kerf.dev/slices", "", "NoSchedule"}));
  EXPECT_THAT(claim.startup_taints,
              ElementsAre(cluster::Taint{"kerf.dev/uncut", "", "NoSchedule"}));
  EXPECT_EQ(claim.expire_after_ms, 720 * control::kHour);
  ASSERT_EQ(claim.layout.gpus.size(), 1u);
  EXPECT_EQ(claim.layout.gpus[0].slices,
            (std::vector<control::WantedSlice>{{"1g.10gb", 0, "nvidia.com/mig-1g.10gb", true}}));
  EXPECT_TRUE(claim.launched());
  EXPECT_EQ(claim.node, "ip-10-0-3-7.ec2.internal");
  EXPECT_EQ(claim.zone, "us-east-1b");
  EXPECT_EQ(claim.capacity_type, market::CapacityType::OnDemand);
  EXPECT_TRUE(claim.initialized);
}

TEST(LiveClaim, IsReadBeforeItsLaunch) {
  const std::string yaml(kNodeClaim);
  const std::string unlaunched =
      replaced(replaced(yaml.substr(0, yaml.find("\nstatus:")),
                        "    karpenter.sh/capacity-type: on-demand\n", ""),
               "    topology.kubernetes.io/zone: us-east-1b\n", "");
  const control::NodeClaim claim = value_of(read_node_claim(object_of(unlaunched)));
  EXPECT_FALSE(claim.launched());
  EXPECT_FALSE(claim.initialized);
  EXPECT_EQ(claim.zone, "");
  EXPECT_EQ(claim.capacity_type, market::CapacityType::Spot);

  const auto broken = [&](const char* layout) {
    const std::string broken_yaml =
        replaced(unlaunched,
                 unlaunched.substr(unlaunched.find("'{\"gpus\""),
                                   unlaunched.find("}'") + 2 - unlaunched.find("'{\"gpus\"")),
                 layout);
    return value_of(read_node_claim(object_of(broken_yaml))).layout;
  };
  for (const char* layout : {"''", "'{'", "'{\"gpus\": 7}'", "'[]'"})
    EXPECT_THAT(broken(layout).gpus, IsEmpty()) << layout;
}

TEST(LiveClaim, ExpiresAsItSays) {
  const auto expires = [](const char* text) {
    return read_node_claim(
        object_of(replaced(std::string(kNodeClaim), "  expireAfter: 720h\n", text)));
  };
  EXPECT_EQ(value_of(expires("  expireAfter: Never\n")).expire_after_ms, 0);
  EXPECT_EQ(value_of(expires("  expireAfter: 1h30m\n")).expire_after_ms, 90 * control::kMinute);
  EXPECT_EQ(value_of(expires("")).expire_after_ms, 720 * control::kHour) << "as the CRD has it";
  EXPECT_THAT(expires("  expireAfter: soon\n").error().message(),
              HasSubstr("NodeClaim kerf-0f3a: spec.expireAfter: \"soon\"; expected a duration"));
}

TEST(LiveBudget, SelectsPodsOfItsNamespace) {
  const std::string meta =
      "metadata: {name: b, namespace: search, uid: u, resourceVersion: \"3\"}\n"
      "status: {disruptionsAllowed: 2, currentHealthy: 3, desiredHealthy: 1, expectedPods: 3}\n";
  const auto budget = [&](const std::string& spec) {
    return value_of(read_budget(object_of(meta + "spec: " + spec)));
  };
  cluster::PodShape web;
  web.ns = "search";
  web.labels = {{"app", "web"}};
  cluster::PodShape other = web;
  other.ns = "research";
  const control::Budget some = budget(
      "{minAvailable: 1, selector: {matchLabels: {app: web}, matchExpressions: [{key: x, "
      "operator: DoesNotExist}]}}");
  EXPECT_EQ(some.allowed, 2);
  EXPECT_TRUE(cluster::matches(some.selector, web));
  EXPECT_FALSE(cluster::matches(some.selector, other));
  const control::Budget all = budget("{selector: {}}");
  EXPECT_TRUE(cluster::matches(all.selector, web));
  EXPECT_FALSE(cluster::matches(all.selector, other));
  EXPECT_FALSE(cluster::matches(budget("{minAvailable: 1}").selector, web));
  EXPECT_FALSE(cluster::matches(budget("{selector: {matchLabels: {app: api}}}").selector, web));
  const auto wrong = read_budget(object_of(
      meta + "spec: {selector: {matchExpressions: [{key: a, operator: Near, values: [b]}]}}"));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("PodDisruptionBudget search/b: "
                                                 "spec.selector.matchExpressions[0]: operator"));
}

TEST(LivePriorityClass, HasItsValueAndWhetherItPreempts) {
  const auto read = [](const std::string& rest) {
    return value_of(read_priority_class(object_of(head("PriorityClass") + rest)));
  };
  EXPECT_EQ(read("value: -10").value, -10);
  EXPECT_TRUE(read("value: -10").preempts);
  EXPECT_TRUE(read("preemptionPolicy: PreemptLowerPriority").preempts);
  EXPECT_FALSE(read("value: 2000001000\npreemptionPolicy: Never").preempts);
  const auto wrong = read_priority_class(object_of(head("PriorityClass") + "value: 3000000000"));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("PriorityClass one: value: 3000000000; expected"));
}

TEST(LiveDeviceClass, NamesTheResourceThatItMaps) {
  EXPECT_EQ(value_of(read_device_class(object_of(head("DeviceClass") +
                                                 "spec: {extendedResourceName: nvidia.com/gpu}")))
                .resource,
            "nvidia.com/gpu");
  EXPECT_EQ(value_of(read_device_class(object_of(head("DeviceClass") + "spec: {selectors: []}")))
                .resource,
            "");
}

control::NodeClass node_class(const std::string& kind, const std::string& hash,
                              const std::string& rest) {
  return value_of(read_node_class(
      object_of("kind: " + kind +
                "\nmetadata: {name: gpu-cut, uid: u, resourceVersion: \"12\", annotations: {" +
                hash + "}}\n" + rest)));
}

TEST(LiveNodeClass, IsReadyAsItsConditionSays) {
  const auto ready = [](const std::string& kind, const std::string& status) {
    return node_class(kind, "", "spec: {}\n" + status).ready;
  };
  const std::string is_ready =
      "status: {conditions: [{type: AMIsReady, status: \"False\"}, "
      "{type: Ready, status: \"True\"}]}";
  EXPECT_TRUE(ready("EC2NodeClass", is_ready));
  EXPECT_FALSE(ready("EC2NodeClass",
                     replaced(is_ready, "Ready, status: \"True\"", "Ready, status: Unknown")));
  EXPECT_FALSE(
      ready("EC2NodeClass", "status: {conditions: [{type: AMIsReady, status: \"True\"}]}"));
  EXPECT_FALSE(ready("EC2NodeClass", "")) << "Karpenter has not looked at it yet";
  EXPECT_TRUE(ready("PlainNodeClass", "")) << "a kind without conditions";
  EXPECT_FALSE(ready("PlainNodeClass", "status: {conditions: [{type: Other, status: \"True\"}]}"));
}

TEST(LiveNodeClass, HashesWhatNodesAreMadeFrom) {
  const std::string hash = "karpenter.k8s.aws/ec2nodeclass-hash: \"42\"";
  const std::string ready = "conditions: [{type: Ready, status: \"True\"}]";
  const auto of = [&](const std::string& annotation, const std::string& rest,
                      const std::string& amis) {
    return node_class("EC2NodeClass", annotation,
                      rest + "status: {amis: [" + amis + "], " + ready + "}\n")
        .hash;
  };
  const std::string spec = "spec: {role: r, userData: a}\n";
  const std::string two = "{id: ami-1, name: x}, {id: ami-2}";
  const std::string base = of(hash, spec, two);
  EXPECT_EQ(base.size(), 16u);
  EXPECT_EQ(of(hash, spec, "{id: ami-2}, {id: ami-1}"), base);
  EXPECT_EQ(of(hash, "spec: {role: other, userData: a}\n", two), base)
      << "what counts of a spec is the provider's to say";
  EXPECT_EQ(of(hash + ", kerf.dev/nodeclass-hash: x", spec, two), base);
  EXPECT_NE(of(hash, spec, "{id: ami-3}, {id: ami-1}"), base);
  EXPECT_NE(of(replaced(hash, "42", "43"), spec, two), base);
  EXPECT_EQ(of("", spec, two), of("", spec, two));
  EXPECT_NE(of("", spec, two), of("", "spec: {role: r, userData: b}\n", two));

  const std::string version = ", karpenter.k8s.aws/ec2nodeclass-hash-version: ";
  EXPECT_EQ(of(hash + version + "v5", spec, two), "v5/" + base);
  EXPECT_EQ(of(hash + version + std::string(1000, 'v'), spec, two).size(), 32u + 1 + 16);

  EXPECT_EQ(of(hash, spec, ""), "") << "no image is known";
  EXPECT_EQ(node_class("EC2NodeClass", hash, spec + "status: {amis: [" + two + "]}").hash, "")
      << "it is not ready";
  EXPECT_EQ(node_class("PlainNodeClass", "", spec).hash.size(), 16u) << "a kind without images";
}

TEST(LivePolicy, IsSpecStrictlyAndStatusLeniently) {
  const std::string policy = R"(
apiVersion: kerf.dev/v1alpha1
kind: SlicePolicy
metadata: {name: research, uid: u, resourceVersion: "12", generation: 4, labels: {team: a}}
spec:
  mode: Act
  limits: {usdPerHour: 120, gpus: 64}
  nodeClasses: {cut: gpu-cut, whole: gpu-whole}
status:
  observedGeneration: 3
  figures: {pods: 12, pending: 1, usdPerHour: "37.85"}
  kept: {purchases: {"2": [u1]}, moves: [3]}
)";
  std::vector<std::string> troubles;
  const control::SlicePolicy read =
      value_of(read_live_policy(object_of(policy), builtin_catalogue(), &troubles));
  EXPECT_EQ(read.meta.name, "research");
  EXPECT_EQ(read.buys.name, "research");
  EXPECT_EQ(read.meta.generation, 4);
  EXPECT_EQ(read.mode, control::Mode::Act);
  EXPECT_EQ(read.node_class_cut, "gpu-cut");
  EXPECT_EQ(read.status.figures.pods, 12);
  EXPECT_EQ(read.status.figures.bill.micro, 37'850'000);
  EXPECT_THAT(read.status.kept.purchases, ElementsAre(Pair("u1", 2)));
  EXPECT_THAT(troubles, ElementsAre(HasSubstr("SlicePolicy research: status.kept.moves[0]")));

  const auto wrong =
      read_live_policy(object_of(replaced(policy, "limits:", "limit:")), builtin_catalogue());
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("spec: unknown field \"limit\"; did you mean"));
  EXPECT_THAT(wrong.error().message(), HasSubstr("SlicePolicy research:"));
}

TEST(LiveMeta, IsOfAnyObject) {
  const control::Meta meta = value_of(read_meta(object_of(kNode)));
  EXPECT_EQ(meta.uid, "6f2c");
  EXPECT_EQ(meta.version, 99120);
  EXPECT_EQ(read_meta(object_of("{kind: Lease, metadata: {name: one}}")).error().message(),
            "Lease one: metadata: uid is missing");
}

}  // namespace
}  // namespace kerf::codec
