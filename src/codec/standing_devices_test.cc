// Tests of what stands on GPUs: counted, as agents report it, and handed out to pods.
#include "codec/standing_devices.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/cluster_read_testing.h"
#include "core/cluster/cluster_testing.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using cluster::LayoutFrom;
using testing::devices_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Objects;

/// GPUs that stand alike, one after the other, told once: "7 x (whole@0=free) 1 x ()".
std::string told_once(const std::string& devices) {
  std::string out;
  std::string last;
  int count = 0;
  const auto tell = [&] {
    if (count > 0) out += fmt::format("{}{} x ({})", out.empty() ? "" : " ", count, last);
  };
  for (std::size_t at = 0; at <= devices.size();) {
    const std::size_t end = std::min(devices.find(" | ", at), devices.size());
    const std::string one = devices.substr(at, end - at);
    if (count > 0 && one != last) {
      tell();
      count = 0;
    }
    last = one;
    ++count;
    at = end + 3;
  }
  tell();
  return out;
}

struct CountedCase {
  const char* what;
  const char* type;
  const char* amounts;
  const char* labels;
  const char* devices;
  const char* means;    ///< of nvidia.com/gpu
  const char* trouble;  ///< "" = none
};

constexpr CountedCase kCounted[] = {
    {"nothing", "g5.12xlarge", "", "", "4 x ()", "", ""},
    {"whole", "g5.12xlarge", "nvidia.com/gpu: \"4\"", "", "4 x (whole@0=free)", "", ""},
    {"one of four is broken", "g5.12xlarge", "nvidia.com/gpu: \"3\"", "",
     "3 x (whole@0=free) 1 x ()", "", ""},
    {"fractional", "g6f.2xlarge", "nvidia.com/gpu: \"1\"", "", "1 x (1/4 L4@0=free)", "", ""},
    {"cut alike", "p4d.24xlarge", "nvidia.com/mig-3g.20gb: \"16\"",
     "nvidia.com/mig.strategy: mixed", "8 x (3g.20gb@0=free 3g.20gb@4=free)", "", ""},
    {"all-balanced", "p4d.24xlarge",
     "nvidia.com/mig-1g.5gb: \"16\", nvidia.com/mig-2g.10gb: \"8\", nvidia.com/mig-3g.20gb: \"8\"",
     "", "8 x (1g.5gb@0=free 1g.5gb@1=free 2g.10gb@2=free 3g.20gb@4=free)", "", ""},
    {"one cut, the rest whole", "p4d.24xlarge",
     "nvidia.com/gpu: \"7\", nvidia.com/mig-7g.40gb: \"1\"", "",
     "1 x (7g.40gb@0=free) 7 x (whole@0=free)", "", ""},
    {"odd", "p4d.24xlarge", "nvidia.com/gpu: \"6\", nvidia.com/mig-3g.20gb: \"3\"", "",
     "1 x (3g.20gb@0=free 3g.20gb@4=free) 1 x (3g.20gb@4=free) 6 x (whole@0=free)", "", ""},
    {"too many slices", "p5.4xlarge", "nvidia.com/mig-7g.80gb: \"3\"", "", "1 x (7g.80gb@0=free)",
     "", "it offers 2 x 7g.80gb more than 1 H100-80 can hold"},
    {"no room for slices", "p5.4xlarge", "nvidia.com/gpu: \"9\", nvidia.com/mig-7g.80gb: \"1\"", "",
     "1 x (whole@0=free)", "", "it offers 1 x 7g.80gb more than 0 H100-80 can hold"},
    {"slices of another model", "g5.12xlarge", "nvidia.com/mig-1g.5gb: \"4\"", "", "4 x ()", "",
     ""},
    {"single", "p5.4xlarge", "nvidia.com/gpu: \"2\"",
     "nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3-MIG-3g.40gb",
     "1 x (3g.40gb@0=free 3g.40gb@4=free)", "nvidia.com/mig-3g.40gb", ""},
    {"single with media engines", "p5.4xlarge", "nvidia.com/gpu: \"1\"",
     "nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3-MIG-1g.10gb.me", "1 x (1g.10gb+me@6=free)",
     "nvidia.com/mig-1g.10gb.me", ""},
    {"single, time-sliced", "p5.4xlarge", "nvidia.com/gpu: \"4\"",
     "nvidia.com/gpu.replicas: \"2\", nvidia.com/gpu.product: X-MIG-3g.40gb-SHARED",
     "1 x (3g.40gb@0=free 3g.40gb@4=free)", "nvidia.com/mig-3g.40gb",
     "its slices are shared by 2, which Kerf does not model"},
    {"single of a profile that is none", "p5.4xlarge", "nvidia.com/gpu: \"1\"",
     "nvidia.com/gpu.product: X-MIG-9g.1gb", "1 x (whole@0=free)", "", ""},
    {"time-sliced", "g4dn.xlarge", "nvidia.com/gpu: \"4\"", "nvidia.com/gpu.replicas: \"4\"",
     "1 x (1/4@0=free 1/4@1=free 1/4@2=free 1/4@3=free)", "kerf.dev/gpu-4gi-shared", ""},
    {"time-sliced, no label", "g5.12xlarge", "nvidia.com/gpu: \"8\"", "",
     "4 x (1/2@0=free 1/2@1=free)", "kerf.dev/gpu-12gi-shared", ""},
    {"time-sliced, no label, odd", "g5.12xlarge", "nvidia.com/gpu: \"7\"", "", "4 x (whole@0=free)",
     "", ""},
    {"time-sliced under another name", "g4dn.xlarge", "nvidia.com/gpu.shared: \"2\"",
     "nvidia.com/gpu.replicas: \"2\"", "1 x (1/2@0=free 1/2@1=free)", "kerf.dev/gpu-8gi-shared",
     ""},
    {"not shared, by its label", "g4dn.xlarge", "nvidia.com/gpu: \"1\"",
     "nvidia.com/gpu.replicas: \"1\"", "1 x (whole@0=free)", "", ""},
    {"too small for a name", "g4dn.xlarge", "nvidia.com/gpu: \"16\"",
     "nvidia.com/gpu.replicas: \"16\"",
     "1 x (1/16@0=free 1/16@1=free 1/16@2=free 1/16@3=free 1/16@4=free 1/16@5=free 1/16@6=free "
     "1/16@7=free 1/16@8=free 1/16@9=free 1/16@10=free 1/16@11=free 1/16@12=free 1/16@13=free "
     "1/16@14=free 1/16@15=free)",
     "kerf.dev/gpu-2gi-shared", ""},
    {"shared by a thousand", "g4dn.xlarge", "nvidia.com/gpu: \"1000\"",
     "nvidia.com/gpu.replicas: \"1000\"", "1 x ()", "kerf.dev/gpu-2gi-shared",
     "its GPUs are shared by 1000, which Kerf does not model"},
    {"a fraction that is shared", "g6f.2xlarge", "nvidia.com/gpu: \"2\"",
     "nvidia.com/gpu.replicas: \"2\"", "1 x ()", "kerf.dev/gpu-2gi-shared",
     "its GPUs are shared by 2, which Kerf does not model"},
    {"a label that is no number", "g4dn.xlarge", "nvidia.com/gpu: \"1\"",
     "nvidia.com/gpu.replicas: 4x", "1 x (whole@0=free)", "", ""},
    {"cut and shared", "g7e.12xlarge", "nvidia.com/gpu: \"2\", nvidia.com/mig-4g.96gb: \"1\"",
     "nvidia.com/gpu.replicas: \"2\"", "1 x (4g.96gb@0=free) 1 x (1/2@0=free 1/2@1=free)",
     "kerf.dev/gpu-48gi-shared", ""},
    {"negative", "p5.4xlarge", "nvidia.com/gpu: \"-1\", nvidia.com/mig-1g.10gb: \"-7\"", "",
     "1 x ()", "", ""},
    {"negative beside slices", "p5.4xlarge",
     "nvidia.com/gpu: \"-1\", nvidia.com/mig-1g.10gb: \"-7\", nvidia.com/mig-7g.80gb: \"1\"", "",
     "1 x (7g.80gb@0=free)", "", ""},
    {"more than can be counted", "g4dn.xlarge", "nvidia.com/gpu: \"9e19\"", "", "1 x ()", "", ""},
    {"huge", "g4dn.xlarge", "nvidia.com/gpu: \"1000000000000\"", "", "1 x ()",
     "kerf.dev/gpu-2gi-shared", "its GPUs are shared by 1000000000000, which Kerf does not model"},
    {"huge replicas", "g4dn.xlarge", "nvidia.com/gpu: \"1\"",
     "nvidia.com/gpu.replicas: \"9000000000000000000\"", "1 x ()", "kerf.dev/gpu-2gi-shared",
     "its GPUs are shared by 9000000000000000000, which Kerf does not model"},
    {"no number", "g4dn.xlarge", "nvidia.com/gpu: many", "", "1 x ()", "", ""},
};

TEST(StandingDevices, AreCountedAndSpreadInALegalWay) {
  for (const CountedCase& one : kCounted) {
    Objects objects;
    objects.node("n1", one.type, one.amounts, one.labels);
    const cluster::Cluster cluster = objects.read();
    ASSERT_EQ(cluster.nodes.size(), 1u) << one.what;
    EXPECT_EQ(told_once(devices_of(cluster)), one.devices) << one.what;
    std::vector<std::string> notes;
    if (*one.trouble != '\0') notes.push_back(fmt::format("Node n1: {}.", one.trouble));
    EXPECT_EQ(cluster.demand.notes, notes) << one.what;
  }
}

TEST(StandingDevices, APodAsksForWhatNvidiaComGpuMeansOnItsNode) {
  for (const CountedCase& one : kCounted) {
    Objects objects;
    objects.node("n1", one.type, one.amounts, one.labels).pod({.name = "a", .node = "n1"});
    const cluster::Cluster cluster = objects.read();
    ASSERT_EQ(cluster.demand.workloads.size(), 1u) << one.what;
    const std::string means = *one.means == '\0' ? "nvidia.com/gpu" : one.means;
    EXPECT_THAT(cluster.demand.workloads[0].asks, means) << one.what;
    const bool told = std::any_of(
        cluster.demand.notes.begin(), cluster.demand.notes.end(),
        [](const std::string& note) { return note.starts_with("1 pod asks for nvidia.com/gpu"); });
    EXPECT_EQ(told, *one.means != '\0') << one.what;
  }
}

TEST(StandingDevices, CapacityCountsWhatAllocatableLacks) {
  Objects objects;
  objects.object("v1", "Node", "n1",
                 "status: {capacity: {nvidia.com/mig-3g.40gb: \"2\"}, allocatable: "
                 "{nvidia.com/mig-3g.40gb: \"1\"}}",
                 "labels: {node.kubernetes.io/instance-type: p5.4xlarge}");
  EXPECT_EQ(devices_of(objects.read()), "3g.40gb@0=free 3g.40gb@4=free");
}

TEST(StandingDevices, AskedForUnderTheSharedNameTheyAreHeldToo) {
  Objects objects;
  objects
      .node("n1", "g4dn.xlarge", "nvidia.com/gpu.shared: \"3\"", "nvidia.com/gpu.replicas: \"3\"")
      .pod({.name = "a", .asks = "nvidia.com/gpu.shared: 1", .node = "n1"})
      .pod({.name = "b", .asks = "nvidia.com/gpu.shared: 1", .node = "n1"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(devices_of(cluster), "1/3@0=a 1/3@1=b 1/3@2=free");
  EXPECT_THAT(testing::owners(cluster), ElementsAre("Pod team/a 1 x kerf.dev/gpu-5gi-shared",
                                                    "Pod team/b 1 x kerf.dev/gpu-5gi-shared"));
}

// --- as an agent reports them --------------------------------------------------------------------

/// A p5.4xlarge whose agent reports those slices of its GPU.
Objects seen(const std::string& slices) {
  Objects objects;
  objects.node("n1", "p5.4xlarge", "nvidia.com/gpu: \"1\"")
      .object(
          "kerf.dev/v1alpha1", "GpuNode", "n1",
          "status: {gpus: [{uuid: GPU-1, model: H100-80, mig: true, slices: [" + slices + "]}]}",
          "");
  return objects;
}

TEST(StandingDevices, AnAgentsReportSaysWhoHoldsWhat) {
  Objects objects = seen(
      "{profile: 1g.10gb, start: 0, state: Used, pod: team/a}, "
      "{profile: 1g.10gb, start: 1, state: Used, pod: team/daemon}, "
      "{profile: 1g.10gb, start: 2, state: Used, pod: team/gone}, "
      "{profile: 1g.10gb, start: 3, state: Retiring}, "
      "{profile: 1g.10gb, start: 4, state: Lost}, "
      "{profile: 1g.10gb, start: 5, state: Free}, "
      "{profile: 1g.10gb, start: 6, state: Used}");
  objects.pod({.name = "a", .asks = "nvidia.com/mig-1g.10gb: 1", .node = "n1"})
      .pod({.name = "daemon",
            .asks = "nvidia.com/mig-1g.10gb: 1",
            .node = "n1",
            .owner = "DaemonSet/d"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.nodes[0].layout, LayoutFrom::Seen);
  EXPECT_EQ(devices_of(cluster),
            "1g.10gb@0=a 1g.10gb@1=team/daemon 1g.10gb@2=team/gone 1g.10gb@3=being taken away "
            "1g.10gb@5=free 1g.10gb@6=not known");
}

TEST(StandingDevices, WhatNobodyKnowsWhoHoldsIsHeldByAPodOfTheNodeThatLacksIt) {
  Objects objects =
      seen("{profile: 1g.10gb, start: 0, state: Free}, {profile: 1g.10gb, start: 1, state: Used}");
  objects.pod({.name = "a", .asks = "nvidia.com/mig-1g.10gb: 1", .node = "n1"});
  EXPECT_EQ(devices_of(objects.read()), "1g.10gb@0=free 1g.10gb@1=a");
}

TEST(StandingDevices, APodHoldsNothingOnANodeThatItHasLeft) {
  Objects objects = seen("{profile: 1g.10gb, start: 0, state: Used, pod: team/db-0}");
  objects.node("n2", "p5.4xlarge", "nvidia.com/mig-1g.10gb: \"7\"")
      .pod({.name = "db-0", .asks = "nvidia.com/mig-1g.10gb: 1", .node = "n2"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(devices_of(cluster, 0), "1g.10gb@0=team/db-0");
  EXPECT_EQ(cluster.nodes[0].gpus[0].slices[0].pod, cluster::kNone);
  EXPECT_THAT(devices_of(cluster, 1), HasSubstr("=db-0"));
}

TEST(StandingDevices, WhatCannotStandTogetherIsLeftOutAndWhatIsHeldStays) {
  const std::pair<const char*, const char*> cases[] = {
      {"{profile: 7g.80gb, state: Creating}, {profile: 1g.10gb, start: 2, state: Used}",
       "1g.10gb@2=not known"},
      {"{profile: 1g.10gb, start: 0}, {profile: 1g.10gb, start: 0}", "1g.10gb@0=free"},
      {"{profile: 1g.10gb, start: 77}, {profile: 9g.1gb}", ""},
      {"{profile: whole}, {profile: 1g.10gb}", "whole@0=free"},
      {"{profile: whole}, {profile: whole, start: 1}", "whole@0=free"},
      {"{profile: replica/2, start: 1}, {profile: replica/2, start: 2}, {profile: replica/3}",
       "1/2@1=free"},
  };
  for (const auto& [slices, devices] : cases)
    EXPECT_EQ(devices_of(seen(slices).read()), devices) << slices;
}

TEST(StandingDevices, WhereAnAgentStandsAWholeGpuIsOne) {
  Objects objects;
  objects.node("n1", "g4dn.xlarge", "nvidia.com/gpu: \"1\"", "nvidia.com/gpu.replicas: \"4\"")
      .object("kerf.dev/v1alpha1", "GpuNode", "n1",
              "status: {gpus: [{uuid: GPU-1, slices: [{profile: whole}]}, {uuid: GPU-2, slices: "
              "[{profile: whole}]}]}",
              "")
      .pod({.name = "a", .node = "n1"});
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(devices_of(cluster), "whole@0=a") << "the type has one GPU";
  EXPECT_THAT(cluster.demand.notes, IsEmpty());
}

TEST(StandingDevices, AReportOfNothingIsNone) {
  Objects objects;
  objects.node("n1", "g4dn.xlarge", "nvidia.com/gpu: \"1\"")
      .object("kerf.dev/v1alpha1", "GpuNode", "n1", "status: {}", "")
      .object("kerf.dev/v1alpha1", "GpuNode", "n2", "status: {gpus: [{slices: [{state: Odd}]}]}",
              "");
  const cluster::Cluster cluster = objects.read();
  EXPECT_EQ(cluster.nodes[0].layout, LayoutFrom::Counted);
  ASSERT_EQ(cluster.demand.left_out.size(), 1u);
  EXPECT_EQ(cluster.demand.left_out[0].what, "GpuNode");
}

// --- handed out ----------------------------------------------------------------------------------

TEST(StandingDevices, PodsOfSeveralGpusHoldSeveral) {
  Objects objects;
  objects.node("n1", "g5.12xlarge", "nvidia.com/gpu: \"4\"")
      .pod({.name = "a", .node = "n1"})
      .pod({.name = "b", .asks = "nvidia.com/gpu: 2", .node = "n1"})
      .pod({.name = "c", .asks = "nvidia.com/gpu: 1000000", .node = "n1"})
      .pod({.name = "d", .node = "n1"});
  EXPECT_EQ(devices_of(objects.read()), "whole@0=a | whole@0=b | whole@0=b | whole@0=c");
}

TEST(StandingDevices, WhoIsContentWithManyDevicesIsServedLastAndWithTheLeast) {
  Objects objects;
  objects.node("n1", "g7e.12xlarge", "nvidia.com/mig-1g.24gb: \"1\", nvidia.com/mig-2g.48gb: \"3\"")
      .pod({.name = "a", .asks = "kerf.dev/gpu-16gi: 1", .node = "n1"})
      .pod({.name = "b", .asks = "nvidia.com/mig-1g.24gb: 1", .node = "n1"})
      .pod({.name = "c", .asks = "kerf.dev/gpu-80gi: 1", .node = "n1"})
      .pod(
          {.name = "z", .asks = "nvidia.com/mig-2g.48gb: 2", .node = "n1", .owner = "DaemonSet/z"});
  const std::string devices = devices_of(objects.read());
  EXPECT_THAT(devices, HasSubstr("1g.24gb@"));
  EXPECT_THAT(devices, HasSubstr("=b"));
  EXPECT_THAT(devices, HasSubstr("=a")) << "what the others left: " << devices;
  EXPECT_EQ(devices.find("=c"), std::string::npos) << "nothing is large enough";
  EXPECT_EQ(devices.find("=free"), std::string::npos) << devices;
}

struct FitCase {
  const char* form;
  cluster::GpuRequest request;
  bool fits;
};

TEST(StandingDevices, RequestsAreMetByWhatIsEnough) {
  using cluster::Isolation;
  using cluster::testing::portable;
  using cluster::testing::slice;
  using cluster::testing::whole;
  const gpu::Model& model = *builtin_catalogue().find("H100-80");
  const FitCase cases[] = {
      {"whole", whole(), true},
      {"1g.10gb", whole(), false},
      {"replica/2", whole(), false},
      {"1g.10gb", slice("1g.10gb"), true},
      {"1g.10gb+me", slice("1g.10gb"), false},
      {"whole", slice("1g.10gb"), false},
      {"1g.10gb", portable(10), true},
      {"1g.10gb", portable(12), false},
      {"whole", portable(80), true},
      {"replica/2", portable(16), false},
      {"replica/2", portable(16, Isolation::Isolated), false},
      {"replica/2", portable(16, Isolation::Shared), true},
      {"replica/2", portable(48, Isolation::Shared), false},
      {"1g.10gb", portable(8, Isolation::Shared), true},
      {"1g.10gb", portable(8, Isolation::Isolated), true},
  };
  for (const FitCase& one : cases) {
    std::vector<cluster::StandingGpu> gpus(1);
    gpus[0].slices.push_back({*control::parse_form(model, one.form), 0});
    hand_out({one.request}, 7, "", model, gpus);
    EXPECT_EQ(gpus[0].slices[0].pod == 7, one.fits)
        << one.form << " " << cluster::resource_name(one.request);
  }
}

TEST(StandingDevices, HandingOutTwiceGivesNothingMore) {
  const gpu::Model& model = *builtin_catalogue().find("T4");
  std::vector<cluster::StandingGpu> gpus(4);
  for (cluster::StandingGpu& gpu : gpus)
    gpu.slices.push_back({*control::parse_form(model, "whole"), 0});
  const std::vector<cluster::GpuRequest> two = {cluster::testing::whole(2)};
  for (int i = 0; i < 3; ++i) {
    hand_out(two, 7, "", model, gpus);
    hand_out({cluster::testing::whole()}, cluster::kNone, "x/y", model, gpus);
  }
  EXPECT_EQ(gpus[0].slices[0].pod, 7u);
  EXPECT_EQ(gpus[1].slices[0].pod, 7u);
  EXPECT_EQ(gpus[2].slices[0].holder, "x/y");
  EXPECT_TRUE(gpus[3].slices[0].free());
}

}  // namespace
}  // namespace kerf::codec
