// Tests of GpuNode objects: what is wanted, what is reported, and both read back.
#include "codec/gpu_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/json.h"
#include "codec/yaml.h"

namespace kerf::codec {
namespace {

using cluster::SliceState;
using control::Degraded;
using control::GpuNodeSpec;
using control::GpuNodeStatus;
using control::WantedSlice;
using testing::HasSubstr;

Result<GpuNodeSpec> read_spec(const std::string& yaml) {
  KERF_TRY(const auto documents, parse_yaml(yaml, "node.yaml"));
  return read_gpu_node_spec(Field("node.yaml", documents.at(0).root, "spec"));
}

Result<control::GpuNode> read_node(const Node& root) {
  return read_gpu_node(Field("answer", root));
}

GpuNodeSpec example_spec() {
  return {{{{{"2g.20gb", 0, "nvidia.com/mig-2g.20gb", true},
             {"1g.10gb+me", 2, "kerf.dev/gpu-10gi", false},
             {"3g.40gb", 4, "nvidia.com/mig-3g.40gb", true}}},
           {},
           {{{"whole", 0, "nvidia.com/gpu", true}}},
           {{{"replica/2", 0, "nvidia.com/gpu.shared", true},
             {"replica/2", 1, "nvidia.com/gpu.shared", false}}}}};
}

GpuNodeStatus example_status() {
  GpuNodeStatus status;
  status.gpus.resize(2);
  status.gpus[0] = {"GPU-0", "H100-80", true, false, {}};
  status.gpus[0].slices = {
      {"2g.20gb", 0, "nvidia.com/mig-2g.20gb", SliceState::Used, true, false, "MIG-a", "ns/pod"},
      {"1g.10gb", 2, "nvidia.com/mig-1g.10gb", SliceState::Free, true, true, "MIG-b", ""},
      {"1g.10gb", 3, "nvidia.com/mig-1g.10gb", SliceState::Free, false, false, "MIG-c", ""},
      {"3g.40gb", 4, "", SliceState::Creating, false, false, "", ""}};
  status.gpus[1] = {"GPU-1", "", false, true, {}};
  status.gpus[1].slices = {
      {"whole", 0, "nvidia.com/gpu", SliceState::Lost, false, false, "GPU-1", ""}};
  status.observed_generation = 3;
  status.ready = true;
  status.epoch = "run.2";
  status.boot_id = "boot";
  status.degraded = Degraded::GpuLost;
  status.message = "GPU 1 is lost or needs a reset";
  status.labels = {{"nvidia.com/gpu.count", "2"}, {"nvidia.com/gpu.product", "NVIDIA-H100"}};
  return status;
}

Node object_of(const GpuNodeStatus& status, const StatusTimes& times = {nullptr, "now"}) {
  return gpu_node_status_object("n", "7", gpu_node_status_node(status, times));
}

TEST(GpuNodeSpec, IsReadByStartWithItsDefaults) {
  const auto spec = read_spec(R"(
gpus:
- slices:
  - {profile: 3g.40gb, start: 4, resource: nvidia.com/mig-3g.40gb, state: Published}
  - {profile: 1g.10gb+me, start: 2, resource: kerf.dev/gpu-10gi, state: Parked}
  - {profile: 2g.20gb, resource: nvidia.com/mig-2g.20gb, state: Published}
- {}
- slices: [{profile: whole, resource: nvidia.com/gpu, state: Published}]
- slices:
  - {profile: replica/2, start: 1, resource: nvidia.com/gpu.shared}
  - {profile: replica/2, resource: nvidia.com/gpu.shared, state: Published}
)");
  ASSERT_TRUE(spec) << spec.error().message();
  EXPECT_EQ(*spec, example_spec());
}

TEST(GpuNodeSpec, IsReadBackAsItWasWritten) {
  for (const GpuNodeSpec& spec : {example_spec(), GpuNodeSpec{}, GpuNodeSpec{{{}, {}}}}) {
    const Node node = gpu_node_spec_node(spec);
    EXPECT_EQ(read_gpu_node_spec(Field("f", node)).value(), spec);
    const std::string json = gpu_node_spec_json(spec);
    EXPECT_EQ(gpu_node_spec_from_json(json).value(), spec);
    EXPECT_EQ(json.find('\n'), std::string::npos);
  }
  EXPECT_EQ(gpu_node_spec_json({{{{{"1g.5gb", 2, "nvidia.com/mig-1g.5gb", false}}}}}),
            R"({"gpus": [{"slices": [{"profile": "1g.5gb","start": 2,)"
            R"("resource": "nvidia.com/mig-1g.5gb","state": "Parked"}]}]})");
}

TEST(GpuNodeSpec, RefusesWhatTheContractDoesNotHave) {
  struct Case {
    std::string yaml;
    std::string message;
  };
  const std::string slice = "gpus: [{slices: [";
  std::string many = "gpus: [{}";
  for (int i = 0; i < 16; ++i) many += ", {}";
  std::string full = slice;
  for (int i = 0; i < 65; ++i)
    full += "{profile: 1g.5gb, start: " + std::to_string(i % 64) + ", resource: a.b/c},";
  const Case cases[] = {
      {"{}", "node.yaml:1:1: spec: gpus is missing"},
      {"gpu: []", "spec: unknown field \"gpu\"; did you mean gpus?"},
      {"gpus: 3", "spec.gpus: expected a list"},
      {many + "]", "spec.gpus: 17 entries; at most 16"},
      {full + "]}]", "spec.gpus[0].slices: 65 entries; at most 64"},
      {slice + "{resource: a.b/c}]}]", "spec.gpus[0].slices[0]: profile is missing"},
      {slice + "{profile: 1g.5gb}]}]", "spec.gpus[0].slices[0]: resource is missing"},
      {slice + "{profil: 1g.5gb}]}]", "did you mean profile?"},
      {slice + "{profile: 1g5gb, resource: a.b/c}]}]", "\"1g5gb\"; expected a MIG profile"},
      {slice + "{profile: mps/4, resource: a.b/c}]}]", "MPS is not served by this agent"},
      {slice + "{profile: replica/1, resource: a.b/c}]}]", "replica/<2 to 16>"},
      {slice + "{profile: replica/17, resource: a.b/c}]}]", "replica/<2 to 16>"},
      {slice + "{profile: replica/02, resource: a.b/c}]}]", "replica/<2 to 16>"},
      {slice + "{profile: replica/2, start: 2, resource: a.b/c}]}]",
       "spec.gpus[0].slices[0]: start 2; replica/2 has starts 0 to 1"},
      {slice + "{profile: whole, start: 1, resource: a.b/c}]}]",
       "start 1; whole has starts 0 to 0"},
      {slice + "{profile: 1g.5gb, start: 64, resource: a.b/c}]}]", "64; expected 0 to 63"},
      {slice + "{profile: 1g.5gb, start: -1, resource: a.b/c}]}]", "-1; expected 0 to 63"},
      {slice + "{profile: 1g.5gb, start: 0.5, resource: a.b/c}]}]", "expected a whole number"},
      {slice + "{profile: 1g.5gb, resource: gpu}]}]", "\"gpu\" is no extended resource"},
      {slice + "{profile: 1g.5gb, resource: kubernetes.io/gpu}]}]", "is no extended resource"},
      {slice + "{profile: 1g.5gb, resource: nvidia.com/mig-1g.5gb+me}]}]",
       "is no extended resource"},
      {slice + "{profile: 1g.5gb, resource: a.b/c, state: published}]}]",
       "expected one of Parked, Published"},
      {slice +
           "{profile: 1g.5gb, resource: a.b/c}, {profile: 1g.5gb, start: 0, resource: a.b/d}]}]",
       "spec.gpus[0].slices[1]: 1g.5gb at start 0 is wanted twice on this GPU"},
  };
  for (const Case& one : cases) {
    const auto spec = read_spec(one.yaml);
    ASSERT_FALSE(spec) << one.yaml;
    EXPECT_THAT(spec.error().message(), HasSubstr(one.message)) << one.yaml;
  }
  EXPECT_EQ(read_spec(slice + "{profile: mps/4, resource: a.b/c}]}]").error().code(),
            ErrorCode::Unsupported);
}

TEST(GpuNodeSpec, OfAnAnnotationIsBoundedAndSaysWhereItStands) {
  EXPECT_EQ(gpu_node_spec_from_json("").error().message().substr(0, 27),
            "annotation kerf.dev/layout:");
  EXPECT_THAT(gpu_node_spec_from_json(R"({"gpus":[{"slice":[]}]})").error().message(),
              HasSubstr("annotation kerf.dev/layout: gpus[0]: unknown field \"slice\""));
  const std::string long_text = R"({"gpus":[]})" + std::string(256u << 10, ' ');
  EXPECT_EQ(gpu_node_spec_from_json(long_text).error().code(), ErrorCode::TooLarge);
}

TEST(GpuNodeStatus, IsReadBackAsItWasWritten) {
  const GpuNodeStatus status = example_status();
  const std::string json = write_json(object_of(status));
  const auto document = parse_json(json, "answer");
  ASSERT_TRUE(document) << document.error().message();
  const auto node = read_node(document->root);
  ASSERT_TRUE(node) << node.error().message();
  EXPECT_EQ(node->status, status);
  EXPECT_EQ(node->meta.name, "n");
  EXPECT_EQ(node->meta.version, 7);
  EXPECT_EQ(read_node(object_of(GpuNodeStatus{})).value().status, GpuNodeStatus{});
}

TEST(GpuNodeStatus, IsReadBackWithEveryReasonAndState) {
  for (int reason = 0; reason <= static_cast<int>(Degraded::IllegalLayout); ++reason) {
    for (int state = 0; state <= static_cast<int>(SliceState::Lost); ++state) {
      GpuNodeStatus status = example_status();
      status.degraded = static_cast<Degraded>(reason);
      status.message = reason == 0 ? "" : "why";
      status.cut = reason == 0;
      status.gpus[0].slices[0].state = static_cast<SliceState>(state);
      EXPECT_EQ(read_node(object_of(status)).value().status, status);
    }
  }
}

TEST(GpuNodeStatus, TellsPeopleWhatStandsAndHowMany) {
  const Node status = gpu_node_status_node(example_status(), {nullptr, "2026-11-29T16:00:00Z"});
  EXPECT_EQ(status.find("lastReportTime")->text, "2026-11-29T16:00:00Z");
  const Node& counts = *status.find("slices");
  EXPECT_EQ(counts.find("used")->integer, 1);
  EXPECT_EQ(counts.find("free")->integer, 1);
  EXPECT_EQ(counts.find("parked")->integer, 1);
  EXPECT_EQ(counts.find("total")->integer, 5);
  const auto& gpus = status.find("gpus")->items;
  EXPECT_EQ(gpus[0].find("layout")->text, "H100-80 [2g.20gb@0 1g.10gb@2 1g.10gb@3]");
  EXPECT_EQ(gpus[1].find("layout")->text, "GPU [whole@0]");
  EXPECT_EQ(gpus[1].find("index")->integer, 1);
  EXPECT_EQ(gpus[1].find("model"), nullptr);
  const Node& slice = gpus[0].find("slices")->items[0];
  EXPECT_EQ(slice.find("device")->text, control::device_id(0, "2g.20gb", 0));
  EXPECT_EQ(slice.find("state")->text, "Used");
  EXPECT_EQ(gpus[0].find("slices")->items[3].find("resource"), nullptr);
}

/// Reasons of the conditions Cut, Ready and Degraded.
std::string reasons(const GpuNodeStatus& status) {
  std::string text;
  const Node node = gpu_node_status_node(status, {nullptr, "now"});
  for (const Node& condition : node.find("conditions")->items)
    text += condition.find("type")->text + "=" + condition.find("status")->text + ":" +
            condition.find("reason")->text + " ";
  return text;
}

TEST(GpuNodeStatus, GivesAReasonForEachCondition) {
  GpuNodeStatus status;
  EXPECT_EQ(reasons(status),
            "Cut=False:NotWanted Ready=False:KubeletAway Degraded=False:AsExpected ");
  status.leaving = true;
  EXPECT_EQ(reasons(status), "Cut=False:NotWanted Ready=False:Leaving Degraded=False:AsExpected ");
  status.leaving = false;
  status.observed_generation = 1;
  status.ready = true;
  EXPECT_EQ(reasons(status), "Cut=False:Cutting Ready=True:Registered Degraded=False:AsExpected ");
  status.cut = true;
  EXPECT_EQ(reasons(status), "Cut=True:AsWanted Ready=True:Registered Degraded=False:AsExpected ");
  status.cut = false;
  status.degraded = Degraded::ModeOff;
  EXPECT_EQ(reasons(status), "Cut=False:Degraded Ready=True:Registered Degraded=True:ModeOff ");
}

TEST(GpuNodeStatus, KeepsATransitionTimeWhileTheStatusIsTheSame) {
  const auto times = [](const Node& status) {
    std::string text;
    for (const Node& condition : status.find("conditions")->items)
      text += condition.find("lastTransitionTime")->text + " ";
    return text;
  };
  GpuNodeStatus status;
  const Node first = gpu_node_status_node(status, {nullptr, "t1"});
  EXPECT_EQ(times(first), "t1 t1 t1 ");
  status.ready = true;
  status.observed_generation = 1;  // another reason of Cut, the same status
  const Node second = gpu_node_status_node(status, {&first, "t2"});
  EXPECT_EQ(times(second), "t1 t2 t1 ");
  status.cut = true;
  status.degraded = Degraded::CutFailed;
  EXPECT_EQ(times(gpu_node_status_node(status, {&second, "t3"})), "t3 t2 t3 ");
  const Node strange = Node::mapping().set(
      "conditions",
      Node::sequence().push(Node::of("x")).push(Node::mapping().set("type", Node::of(true))));
  EXPECT_EQ(times(gpu_node_status_node(status, {&strange, "t4"})), "t4 t4 t4 ");
}

TEST(GpuNodeStatus, CutsAMessageThatNoConditionMayHold) {
  GpuNodeStatus status;
  status.degraded = Degraded::CutFailed;
  status.message = std::string(32'764, 'x') + "\u00e9\u00e9\u00e9";
  const Node node = gpu_node_status_node(status, {nullptr, "now"});
  const std::string& message = node.find("conditions")->items[2].find("message")->text;
  EXPECT_EQ(message, std::string(32'764, 'x') + "...");
}

TEST(GpuNode, IsReadAsTheApiServerGivesIt) {
  const auto documents = parse_yaml(R"(
apiVersion: kerf.dev/v1alpha1
kind: GpuNode
metadata:
  name: ip-10-0-0-1
  uid: 6f1d
  resourceVersion: "8123"
  generation: 4
  creationTimestamp: "2026-11-29T16:00:00Z"
  labels: {kerf.dev/policy: team}
  managedFields: [{manager: kerf}]
spec:
  gpus: [{slices: [{profile: 7g.80gb, resource: nvidia.com/mig-7g.80gb, state: Published}]}]
status:
  observedGeneration: 4
  later: {field: 1}
  gpus:
  - {index: 0, uuid: GPU-0, mig: true, colour: green, slices: [{profile: 7g.80gb, state: Free}]}
  conditions:
  - {type: Degraded, status: "True", reason: NewReason, message: of a later version}
  - {type: Cut, status: "Unknown"}
  - {type: Ready, status: "True"}
)",
                                    "node.yaml");
  ASSERT_TRUE(documents);
  const auto node = read_gpu_node(Field("node.yaml", documents->at(0).root));
  ASSERT_TRUE(node) << node.error().message();
  EXPECT_EQ(node->meta.uid, "6f1d");
  EXPECT_EQ(node->meta.version, 8123);
  EXPECT_EQ(node->meta.generation, 4);
  EXPECT_EQ(node->meta.created, 1'795'968'000'000);
  EXPECT_EQ(node->meta.labels.at("kerf.dev/policy"), "team");
  EXPECT_EQ(node->spec.gpus.at(0).slices.at(0).form, "7g.80gb");
  EXPECT_EQ(node->status.gpus.at(0).slices.at(0).state, SliceState::Free);
  EXPECT_EQ(node->status.degraded, Degraded::CutFailed);
  EXPECT_EQ(node->status.message, "of a later version");
  EXPECT_FALSE(node->status.cut);
  EXPECT_TRUE(node->status.ready);
}

TEST(GpuNode, SaysWhereAnObjectIsWrong) {
  const auto message = [](const std::string& yaml) {
    const auto documents = parse_yaml(yaml, "n.yaml");
    const auto node = read_gpu_node(Field("n.yaml", documents.value().at(0).root));
    return node ? "read" : node.error().message();
  };
  EXPECT_THAT(message("kind: Node"), HasSubstr("expected kerf.dev/v1alpha1 GpuNode"));
  EXPECT_THAT(message("status: []"), HasSubstr("n.yaml:1:9: status: expected a mapping"));
  EXPECT_THAT(message("metadata: {resourceVersion: abc}"), HasSubstr("expected a number"));
  EXPECT_THAT(message("metadata: {creationTimestamp: noon}"),
              HasSubstr("metadata.creationTimestamp: \"noon\"; expected a time"));
  EXPECT_THAT(message("status: {gpus: [{slices: [{state: Gone}]}]}"),
              HasSubstr("status.gpus[0].slices[0].state: expected one of Creating, Free"));
  EXPECT_THAT(message("status: {gpus: [{mig: 1}]}"),
              HasSubstr("status.gpus[0].mig: expected true or false"));
  EXPECT_THAT(message("spec: {gpus: [{slice: 1}]}"), HasSubstr("spec.gpus[0]: unknown field"));
  EXPECT_EQ(message("metadata: {name: n1}"), "read");
}

}  // namespace
}  // namespace kerf::codec
