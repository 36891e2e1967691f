// Tests of what an agent reads of Nodes, Leases and ResourceSlices.
#include "codec/node_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/yaml.h"

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Document document(const std::string& yaml) { return parse_yaml(yaml, "o.yaml").value().at(0); }

TEST(NodeView, HasWhatAnAgentNeeds) {
  const Document node = document(R"(
apiVersion: v1
kind: Node
metadata:
  name: n1
  uid: 77
  labels: {kerf.dev/mode: cut, empty: ""}
  annotations: {kerf.dev/layout: '{"gpus":[]}', other: x}
spec: {unschedulable: true, podCIDR: 10.0.0.0/24}
status:
  capacity: {cpu: "8", nvidia.com/gpu: "0"}
  allocatable:
    cpu: 7910m
    memory: 30Gi
    hugepages-1Gi: "0"
    attachable-volumes-aws-ebs: "25"
    nvidia.com/mig-1g.5gb: "3"
    example.com/many: 2k
    example.com/half: 500m
    feature.kubernetes.io/x: "1"
)");
  const auto wrong = read_node_view(Field("o.yaml", node.root));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("o.yaml:6:8: metadata.uid: expected a string"));
  Document right = node;
  for (auto& [key, value] : right.root.members[2].second.members)
    if (key == "uid") value = Node::of("u-77");
  const auto view = read_node_view(Field("o.yaml", right.root));
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(view->name, "n1");
  EXPECT_EQ(view->uid, "u-77");
  EXPECT_TRUE(view->unschedulable);
  EXPECT_THAT(view->labels, ElementsAre(Pair("empty", ""), Pair("kerf.dev/mode", "cut")));
  EXPECT_EQ(view->layout, R"({"gpus":[]})");
  EXPECT_THAT(view->capacity, ElementsAre(Pair("nvidia.com/gpu", 0)));
  EXPECT_THAT(view->allocatable,
              ElementsAre(Pair("example.com/many", 2000), Pair("nvidia.com/mig-1g.5gb", 3)));
}

TEST(NodeView, OfABareNodeHasDefaults) {
  const Document node = document("metadata: {name: n1}");
  const auto view = read_node_view(Field("o.yaml", node.root));
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_FALSE(view->unschedulable);
  EXPECT_EQ(view->layout, std::nullopt);
  EXPECT_THAT(view->allocatable, IsEmpty());
}

TEST(LeaseView, TellsHolderAndTime) {
  const Document lease = document(
      "spec: {holderIdentity: kerf-0_a, leaseDurationSeconds: 15, renewTime: "
      "'2026-11-29T16:00:00.250000Z'}");
  const auto view = read_lease_view(Field("o.yaml", lease.root));
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(view->holder, "kerf-0_a");
  EXPECT_EQ(view->renewed, "2026-11-29T16:00:00.250000Z");
  EXPECT_EQ(view->renewed_ms, 1'795'968'000'250);
  const Document fresh = document("metadata: {name: l}");
  EXPECT_EQ(read_lease_view(Field("o.yaml", fresh.root)).value().renewed_ms, 0);
  const Document wrong = document("spec: {renewTime: noon}");
  EXPECT_THAT(read_lease_view(Field("o.yaml", wrong.root)).error().message(),
              HasSubstr("spec: renewTime: \"noon\"; expected a time"));
}

TEST(ResourceSlices, TellDriversAndNodes) {
  const Document list = document(R"(
kind: ResourceSliceList
items:
- {metadata: {name: a}, spec: {driver: gpu.nvidia.com, nodeName: n1, devices: [{name: gpu-0}]}}
- {metadata: {name: b}, spec: {driver: gpu.nvidia.com, nodeName: n1}}
- {metadata: {name: c}, spec: {driver: net.example.com, allNodes: true}}
- {metadata: {name: d}}
)");
  const auto slices = read_resource_slices(Field("o.yaml", list.root));
  ASSERT_TRUE(slices) << slices.error().message();
  EXPECT_THAT(*slices, ElementsAre(Pair("gpu.nvidia.com", "n1"), Pair("net.example.com", "")));
  const Document none = document("kind: ResourceSliceList");
  EXPECT_THAT(read_resource_slices(Field("o.yaml", none.root)).value(), IsEmpty());
  const Document wrong = document("items: [{spec: {driver: 3}}]");
  EXPECT_THAT(read_resource_slices(Field("o.yaml", wrong.root)).error().message(),
              HasSubstr("items[0].spec.driver: expected a string"));
}

}  // namespace
}  // namespace kerf::codec
