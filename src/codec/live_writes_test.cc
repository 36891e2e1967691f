// Tests of what the controller writes: claims, layouts, patches, events.
#include "codec/live_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/gpu_node.h"
#include "codec/json.h"
#include "codec/live_objects.h"
#include "codec/live_objects_testing.h"
#include "codec/timestamp.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using control::GpuNodeSpec;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::object_of;

/// As JSON, from YAML or from a Node: for comparing.
std::string json(const Node& node) { return write_json(node); }
std::string json(const std::string& yaml) { return write_json(object_of(yaml)); }

GpuNodeSpec one_slice() { return {{{{{"1g.10gb", 2, "nvidia.com/mig-1g.10gb", true}}}}}; }

control::NodeClaim claim() {
  control::NodeClaim claim;
  claim.meta.name = "kerf-0f3a";
  claim.meta.labels = {{"kerf.dev/policy", "research"}, {"kerf.dev/managed", "true"}};
  claim.meta.annotations = {{control::kBoughtFor, "u1,u2"}};
  claim.node_class = "gpu-cut";
  claim.type = "p5.4xlarge";
  claim.zones = {"us-east-1a", "us-east-1b"};
  claim.capacity_types = {market::CapacityType::Spot, market::CapacityType::OnDemand};
  claim.taints = {{"kerf.dev/slices", "", "NoSchedule"}, {"team", "a", "NoExecute"}};
  claim.startup_taints = {{"kerf.dev/uncut", "", "NoSchedule"}};
  claim.expire_after_ms = 720 * control::kHour;
  claim.layout = one_slice();
  return claim;
}

TEST(Writes, AClaimIsWhatKarpenterTakes) {
  EXPECT_EQ(json(node_claim_object(claim(), {})), json(R"(
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata:
  name: kerf-0f3a
  labels: {kerf.dev/managed: "true", kerf.dev/policy: research}
  annotations:
    kerf.dev/bought-for: u1,u2
    kerf.dev/layout: '{"gpus": [{"slices": [{"profile": "1g.10gb","start": 2,"resource": "nvidia.com/mig-1g.10gb","state": "Published"}]}]}'
spec:
  nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu-cut}
  requirements:
  - {key: node.kubernetes.io/instance-type, operator: In, values: [p5.4xlarge]}
  - {key: topology.kubernetes.io/zone, operator: In, values: [us-east-1a, us-east-1b]}
  - {key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}
  taints: [{key: kerf.dev/slices, effect: NoSchedule}, {key: team, value: a, effect: NoExecute}]
  startupTaints: [{key: kerf.dev/uncut, effect: NoSchedule}]
  expireAfter: 720h
)"));
}

TEST(Writes, AClaimAsksForNothingThatWasNotGiven) {
  control::NodeClaim bare;
  bare.meta.name = "kerf-1";
  bare.type = "g6.xlarge";
  bare.node_class = "default";
  EXPECT_EQ(json(node_claim_object(bare, {"karpenter.kwok.sh", "KWOKNodeClass"})), json(R"(
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: kerf-1, annotations: {kerf.dev/layout: '{"gpus": []}'}}
spec:
  nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
  requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [g6.xlarge]}]
  expireAfter: Never
)"));
}

TEST(Writes, AClaimIsReadBackAsItWasDecided) {
  control::NodeClaim decided = claim();
  Node written = node_claim_object(decided, {});
  for (auto& [key, value] : written.members) {
    if (key != "metadata") continue;
    value.set("uid", Node::of("u")).set("resourceVersion", Node::of("7"));
  }
  auto read = read_node_claim(written);
  ASSERT_TRUE(read) << read.error().message();
  decided.meta.uid = "u";
  decided.meta.version = 7;
  decided.meta.annotations[control::kLayoutAnnotation] = gpu_node_spec_json(decided.layout);
  decided.capacity_type = market::CapacityType::Spot;  // what it would be
  EXPECT_EQ(*read, decided);
}

TEST(Writes, ALayoutGoesWithItsNode) {
  EXPECT_EQ(json(gpu_node_object("node-a", "n1", one_slice(), {6'880'000})), json(R"(
apiVersion: kerf.dev/v1alpha1
kind: GpuNode
metadata:
  name: node-a
  annotations: {kerf.dev/usd-per-hour: "6.88"}
  ownerReferences: [{apiVersion: v1, kind: Node, name: node-a, uid: n1}]
spec: {gpus: [{slices: [{profile: 1g.10gb, start: 2, resource: nvidia.com/mig-1g.10gb, state: Published}]}]}
)"));
  EXPECT_EQ(json(gpu_node_patch(one_slice(), {1'234'567'891})), json(R"(
metadata: {annotations: {kerf.dev/usd-per-hour: "1234.567891"}}
spec: {gpus: [{slices: [{profile: 1g.10gb, start: 2, resource: nvidia.com/mig-1g.10gb, state: Published}]}]}
)"));
}

TEST(Writes, APriceThatIsNotKnownIsNotWritten) {
  const std::string spec = json("spec: " + json(gpu_node_spec_node(one_slice())));
  EXPECT_EQ(json(gpu_node_patch(one_slice(), {})), spec) << "one that was known stays";
  EXPECT_EQ(json(gpu_node_object("node-a", "n1", one_slice(), {})),
            json("apiVersion: kerf.dev/v1alpha1\nkind: GpuNode\nmetadata:\n  name: node-a\n"
                 "  ownerReferences: [{apiVersion: v1, kind: Node, name: node-a, uid: n1}]\n"
                 "spec: " +
                 json(gpu_node_spec_node(one_slice()))));
}

TEST(Writes, ANominationIsOfOnePodAndIsCleared) {
  EXPECT_EQ(json(nominate_patch("p1", "node-a")),
            json("{metadata: {uid: p1}, status: {nominatedNodeName: node-a}}"));
  EXPECT_EQ(json(nominate_patch("", "")), json("{status: {nominatedNodeName: null}}"));
}

TEST(Writes, PublishingNeverLowersCapacity) {
  const control::Amounts raised = {{"nvidia.com/mig-1g.10gb", 3}, {"kerf.dev/gpu-10gi", 1}};
  EXPECT_EQ(json(publish_patch(raised, {{"nvidia.com/mig-1g.10gb", 7}, {"nvidia.com/gpu", 1}})),
            json("{status: {capacity: {kerf.dev/gpu-10gi: \"1\", nvidia.com/mig-1g.10gb: \"7\"}, "
                 "allocatable: {kerf.dev/gpu-10gi: \"1\", nvidia.com/mig-1g.10gb: \"3\"}}}"));
  EXPECT_EQ(json(publish_patch({{"a.b/c", 3}}, {{"a.b/c", 2}})),
            json("{status: {capacity: {a.b/c: \"3\"}, allocatable: {a.b/c: \"3\"}}}"));
  EXPECT_EQ(json(withdraw_patch({{"nvidia.com/mig-1g.10gb", 0}})),
            json("{status: {allocatable: {nvidia.com/mig-1g.10gb: \"0\"}}}"));
}

TEST(Writes, ANodeLosesTheStartupTaintAndNoOther) {
  const Node taints = object_of(
      "[{key: kerf.dev/slices, effect: NoSchedule}, {key: kerf.dev/uncut, effect: NoSchedule}, "
      "{key: node.kubernetes.io/unreachable, effect: NoExecute, timeAdded: "
      "\"2026-11-29T16:00:00Z\"}]");
  EXPECT_EQ(
      json(node_patch({{"nvidia.com/gpu.count", "1"}}, {"nvidia.com/gpu.memory"}, true, taints)),
      json("{metadata: {labels: {nvidia.com/gpu.count: \"1\", nvidia.com/gpu.memory: null}}, "
           "spec: {taints: [{key: kerf.dev/slices, effect: NoSchedule}, {key: "
           "node.kubernetes.io/unreachable, effect: NoExecute, timeAdded: "
           "\"2026-11-29T16:00:00Z\"}]}}"));
  EXPECT_EQ(json(node_patch({}, {}, false, taints)), json("{}"));
  EXPECT_EQ(json(node_patch({}, {}, true, Node::null())), json("{}"));
  EXPECT_EQ(json(node_patch({{"a", "b"}}, {"a"}, false, taints)),
            json("{metadata: {labels: {a: b}}}"))
      << "a key stands once";
}

TEST(EventObject, SaysWhatWasDoneToWhatAndByWhichDecision) {
  EventRecord event{.ns = "search",
                    .name = "web-1.slicefound.0f3a",
                    .api_version = "v1",
                    .kind = "Pod",
                    .object_ns = "search",
                    .object_name = "web-1",
                    .object_uid = "u",
                    .type = "Normal",
                    .reason = "SliceFound",
                    .action = "Place",
                    .note = "it gets 1g.10gb@3 of node-a",
                    .decision = "d-12",
                    .instance = "kerf-controller-0",
                    .at_ms = parse_timestamp("2026-11-29T16:00:00.5Z").value()};
  EXPECT_EQ(json(event_object(event)), json(R"(
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: web-1.slicefound.0f3a, namespace: search, annotations: {kerf.dev/decision: d-12}}
eventTime: "2026-11-29T16:00:00.500000Z"
reportingController: kerf.dev/controller
reportingInstance: kerf-controller-0
action: Place
reason: SliceFound
regarding: {apiVersion: v1, kind: Pod, namespace: search, name: web-1, uid: u}
note: it gets 1g.10gb@3 of node-a
type: Normal
)"));
}

TEST(EventObject, CutsWordsThatAreTooLongBetweenCharacters) {
  EventRecord event;
  event.note.assign(1022, 'x');
  event.note += "\xC3\xA4\xC3\xA4";  // two letters of two bytes: 1026
  event.instance.assign(300, 'i');
  const Node object = event_object(event);
  const std::string& note = object.find("note")->text;
  EXPECT_LE(note.size(), 1024u);
  EXPECT_THAT(note, EndsWith("x..."));
  EXPECT_EQ(object.find("reportingInstance")->text.size(), 128u);
  event.note.resize(1024);
  EXPECT_EQ(event_object(event).find("note")->text, event.note);
}

}  // namespace
}  // namespace kerf::codec
