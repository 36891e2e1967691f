// check_snapshot finds each breach planted in a cluster that holds; touched_pods each pod touched.
#include "core/check/snapshot.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/check/labels.h"
#include "core/check/snapshot_testing.h"

namespace kerf::check {
namespace {

using cluster::Operator;
using cluster::Slice;
using cluster::SliceState;
using gpu::FormKind;
using gpu::GpuMode;
using testing::app;
using testing::expect_holds;
using testing::Stands;

using Breaches = testing::StandingBreaches;

TEST(CheckSnapshot, AcceptsAClusterThatHolds) {
  expect_holds("as it is", [](Stands&) {});
  expect_holds("nothing stands", [](Stands& s) { s.snapshot = {}; });
  expect_holds("no pod runs", [](Stands& s) {
    for (cluster::Node& node : s.snapshot.nodes) node.gpus.assign(node.gpus.size(), {});
    s.snapshot.pods.clear();
  });
  expect_holds("a slice is being cut", [](Stands& s) { s.small().state = SliceState::Creating; });
  expect_holds("a slice is being taken away",
               [](Stands& s) { s.free().state = SliceState::Retiring; });
  expect_holds("a slice is broken", [](Stands& s) { s.free().state = SliceState::Lost; });
  expect_holds("a slice is parked", [](Stands& s) { s.free().published = false; });
  expect_holds("a node is closed", [](Stands& s) { s.any().closed = true; });
  expect_holds("a pod asks for no GPU", [](Stands& s) {
    s.snapshot.pods.push_back(s.snapshot.pods[s.fleet.any]);
    s.snapshot.pods.back().shape = static_cast<std::uint32_t>(s.snapshot.shapes.size());
    s.snapshot.shapes.emplace_back();
  });
}

TEST(CheckSnapshot, ReportsIndicesThatPointAtNothing) {
  testing::expect_reported<Stands>(Breaches{
      {"node of a pod", [](Stands& s) { s.snapshot.pods[2].node = 5; },
       "pod llm-0 names a node or shape that does not exist"},
      {"shape of a pod", [](Stands& s) { s.snapshot.pods[2].shape = 99; },
       "pod llm-0 names a node or shape that does not exist"},
      {"pod of a slice", [](Stands& s) { s.small().pod = 77; }, "gives a slice to pod 77"},
      {"type of a node", [](Stands& s) { s.any().type = 50; },
       "type that the market does not have"},
      {"model of a type", [](Stands& s) { s.fleet.market.gpus.models.pop_back(); },
       "the catalogue has no GPU model L4"},
  });
}

TEST(CheckSnapshot, ReportsSlicesThatAreNotLegalTogether) {
  testing::expect_reported<Stands>(Breaches{
      {"overlap", [](Stands& s) { s.ten().start = 0; },
       "node 1 (p4d.12xlarge), GPU 1: slices overlap at slot 0"},
      {"a free one overlaps", [](Stands& s) { s.free().start = 0; },
       "node 0 (p5.8xlarge), GPU 1: slices overlap at slot 0"},
      {"a retiring one overlaps",
       [](Stands& s) {
         s.free().start = 0;
         s.free().state = SliceState::Retiring;
       },
       "slices overlap at slot 0"},
      {"a broken one overlaps",
       [](Stands& s) {
         s.free().start = 0;
         s.free().state = SliceState::Lost;
       },
       "slices overlap at slot 0"},
      {"start", [](Stands& s) { s.ten().start = 3; }, "GPU 1: 2g.10gb cannot start at slot 3"},
      {"number", [](Stands& s) { s.free().form = s.video().form; },
       "more than 1 slices of 1g.10gb+me"},
      {"engines", [](Stands& s) { s.free().form = s.video().form; },
       "its slices need 2 JPEG engines and the GPU has 1"},
      {"profile", [](Stands& s) { s.small().form.profile = 40; }, "A100-40 has no profile 40"},
      {"placements are not known",
       [](Stands& s) {
         s.fleet.market.gpus.models[0].profiles[0].status = gpu::Status::Unverified;
       },
       "A100-40 is cut, and its placements are not known"},
  });
}

TEST(CheckSnapshot, ReportsFormsThatAGpuCannotHave) {
  testing::expect_reported<Stands>(Breaches{
      {"two kinds", [](Stands& s) { s.free().form = s.p5().gpus[0].slices[0].form; },
       "node 0 (p5.8xlarge), GPU 1: forms of two kinds on one GPU"},
      {"whole twice",
       [](Stands& s) { s.any().gpus[0].slices.push_back(s.any().gpus[0].slices[0]); },
       "node 3 (g4dn.xlarge), GPU 0: 2 holders where there is room for 1"},
      {"turn twice", [](Stands& s) { s.turns().gpus[0].slices[1].start = 0; },
       "holder number 0 is out of range or there twice"},
      {"turn beyond the last", [](Stands& s) { s.turns().gpus[0].slices[1].start = 4; },
       "holder number 4 is out of range or there twice"},
      {"turns of two sizes", [](Stands& s) { s.turns().gpus[0].slices[1].form.replicas = 2; },
       "replicas of two sizes on one GPU"},
      {"turns not offered", [](Stands& s) { s.fleet.policy.sharing.time_slicing_replicas = {2}; },
       "time slicing among 4 is not offered by the policy"},
      {"a part of a whole GPU",
       [](Stands& s) { s.any().gpus[0].slices[0].form.kind = FormKind::Fraction; },
       "cannot be had of g4dn.xlarge"},
      {"all of a part", [](Stands& s) { s.part().gpus[0].slices[0].form.kind = FormKind::Whole; },
       "cannot be had of g6f.large"},
      {"memory", [](Stands& s) { s.free().form.nominal_gb = 20; }, "is given as 20 GB and has 10"},
      {"number of GPUs", [](Stands& s) { s.p5().gpus.emplace_back(); },
       "node 0 (p5.8xlarge) is planned with 3 GPUs and has 2"},
  });
}

TEST(CheckSnapshot, ReportsModesThatANodeDoesNotAllow) {
  testing::expect_reported<Stands>(Breaches{
      {"slices on whole GPUs", [](Stands& s) { s.p4d().mode = GpuMode::Whole; },
       "node 1 (p4d.12xlarge): 3g.20gb of A100-40 does not go with the node's MIG mode"},
      {"free slices on whole GPUs",
       [](Stands& s) {
         s.p5().mode = GpuMode::Whole;
         s.p5().gpus[1].slices.erase(s.p5().gpus[1].slices.begin());
         s.snapshot.pods[s.fleet.video].shape =
             static_cast<std::uint32_t>(s.snapshot.shapes.size());
         s.snapshot.shapes.emplace_back();
       },
       "1g.10gb of H100-80 does not go with the node's MIG mode"},
      {"whole GPUs on a cut node", [](Stands& s) { s.any().mode = GpuMode::Cut; },
       "node 3 (g4dn.xlarge): a whole T4 does not go with the node's MIG mode"},
      {"turns on a cut node", [](Stands& s) { s.turns().mode = GpuMode::Cut; },
       "one of 4 turns of T4 does not go with the node's MIG mode"},
      {"two modes on Ampere",
       [](Stands& s) {
         s.p4d().mode = GpuMode::Any;
         s.p4d().gpus[1].slices = {{s.p5().gpus[0].slices[0].form, 0, SliceState::Free}};
       },
       "GPU 1: MIG is on for some GPUs and off for others"},
  });
}

TEST(CheckSnapshot, ReportsPodsWithoutTheDevicesThatTheyAskFor) {
  testing::expect_reported<Stands>(Breaches{
      {"none",
       [](Stands& s) {
         s.small().pod = cluster::kNone;
         s.small().state = SliceState::Free;
       },
       "pod default/small-0 is placed and holds no device"},
      {"one slice for two pods", [](Stands& s) { s.again(s.fleet.small, "small-1"); },
       "pod default/small-1 is placed and holds no device"},
      {"another's", [](Stands& s) { s.ten().pod = s.fleet.small; },
       "pod default/small-0 holds 2 devices and asks for 1"},
      {"who lost it", [](Stands& s) { s.ten().pod = s.fleet.small; },
       "pod default/ten-0 is placed and holds no device"},
      {"too few", [](Stands& s) { s.shape(s.fleet.any).gpu[0].count = 2; },
       "pod default/any-0 holds 1 devices and asks for 2"},
      {"another profile", [](Stands& s) { s.small().form = s.fleet.cut(1, "1g.5gb+me"); },
       "pod default/small-0 asks for nvidia.com/mig-1g.5gb and holds 1g.5gb+me of A100-40, which "
       "is another profile"},
      {"too small", [](Stands& s) { s.shape(s.fleet.ten).gpu[0].gib = 12; },
       "asks for kerf.dev/gpu-12gi and holds 2g.10gb of A100-40, which has 10 GB"},
      {"less isolated",
       [](Stands& s) { s.shape(s.fleet.turn0).gpu[0].isolation = cluster::Isolation::Enforced; },
       "which takes turns"},
      {"on another node", [](Stands& s) { s.snapshot.pods[s.fleet.small].node = 0; },
       "pod default/small-0 is placed on node 0 (p5.8xlarge) and holds a device of node 1"},
      {"held and free", [](Stands& s) { s.small().state = SliceState::Free; },
       "node 1 (p4d.12xlarge): a free slice is held by a pod"},
      {"in use by nobody", [](Stands& s) { s.free().state = SliceState::Used; },
       "node 0 (p5.8xlarge): a slice in use is held by no pod"},
      {"cut for nobody", [](Stands& s) { s.free().state = SliceState::Creating; },
       "node 0 (p5.8xlarge): a slice in use is held by no pod"},
  });
}

TEST(CheckSnapshot, ReportsNodesThatAreTooFull) {
  testing::expect_reported<Stands>(Breaches{
      {"CPU", [](Stands& s) { s.shape(s.fleet.any).requests.cpu_milli = 4000; },
       "node 3 (g4dn.xlarge): 4000 milli-CPU are asked for and 3920 are there"},
      {"memory", [](Stands& s) { s.shape(s.fleet.any).requests.memory_mib = 16384; },
       "node 3 (g4dn.xlarge): 16384 MiB of memory are asked for"},
      {"disk", [](Stands& s) { s.shape(s.fleet.any).requests.disk_mib = 500'000; },
       "node 3 (g4dn.xlarge): 500000 MiB of disk are asked for"},
      {"pods", [](Stands& s) { s.shape(s.fleet.any).requests.pods = 30; },
       "node 3 (g4dn.xlarge): 30 pods are asked for and 29 are there"},
      {"all pods together", [](Stands& s) { s.shape(s.fleet.turn0).requests.cpu_milli = 2000; },
       "node 2 (g4dn.xlarge): 4000 milli-CPU are asked for"},
      {"said to be larger", [](Stands& s) { s.any().allocatable.memory_mib += 1; },
       "node 3 (g4dn.xlarge) is said to have"},
  });
}

TEST(CheckSnapshot, ReportsPodsThatANodeDoesNotAdmit) {
  testing::expect_reported<Stands>(Breaches{
      {"node selector",
       [](Stands& s) {
         s.shape(s.fleet.any).node_selector = {
             {"node.kubernetes.io/instance-type", Operator::In, {"g5.xlarge"}}};
       },
       "pod default/any-0 cannot run on node 3 (g4dn.xlarge): its node selector on "
       "node.kubernetes.io/instance-type"},
      {"a label that the node lacks",
       [](Stands& s) {
         s.shape(s.fleet.any).node_selector = {{"team", Operator::In, {"blue"}}};
       },
       "its node selector on team does not admit"},
      {"another value of a label",
       [](Stands& s) {
         s.any().labels["team"] = "red";
         s.shape(s.fleet.any).node_selector = {{"team", Operator::In, {"blue"}}};
       },
       "its node selector on team does not admit"},
      {"node affinity",
       [](Stands& s) {
         s.shape(s.fleet.any).node_affinity = {{{"team", Operator::Exists, {}}},
                                               {{kZoneLabel, Operator::In, {"us-east-1b"}}}};
       },
       "no term of its node affinity holds in zone us-east-1a"},
      {"zone",
       [](Stands& s) {
         s.shape(s.fleet.any).node_selector = {{kZoneLabel, Operator::NotIn, {"us-east-1a"}}};
       },
       "its node selector on topology.kubernetes.io/zone does not admit zone us-east-1a"},
      {"volumes",
       [](Stands& s) {
         s.shape(s.fleet.any).volume_zone_bound = true;
         s.shape(s.fleet.any).volume_zones = {"us-east-1b"};
       },
       "its volumes bind it to other zones"},
      {"volumes on a node of an unknown zone",
       [](Stands& s) {
         s.shape(s.fleet.any).volume_zone_bound = true;
         s.shape(s.fleet.any).volume_zones = {"us-east-1a"};
         s.any().zone = "";
       },
       "its volumes bind it to other zones"},
      {"taint",
       [](Stands& s) {
         s.any().taints = {{"team", "red", "NoSchedule"}};
       },
       "pod default/any-0 cannot run on node 3 (g4dn.xlarge): it does not tolerate the taint team"},
      {"architecture of the policy", [](Stands& s) { s.fleet.policy.architectures = {"arm64"}; },
       "it does not ask for architecture amd64"},
      {"architecture of the pod",
       [](Stands& s) {
         s.shape(s.fleet.any).node_selector = {{"kubernetes.io/arch", Operator::In, {"arm64"}}};
       },
       "its node selector on kubernetes.io/arch"},
      {"what cannot be honoured",
       [](Stands& s) {
         s.shape(s.fleet.any).unplaceable = {{"spec.nodeName", "it names a node"}};
       },
       "pod default/any-0 is placed although its spec.nodeName cannot be honoured"},
  });
}

TEST(CheckSnapshot, ReportsPodsThatMayNotBeWhereOthersAre) {
  testing::expect_reported<Stands>(Breaches{
      {"apart on nodes",
       [](Stands& s) {
         s.shape(s.fleet.small).anti_affinity = {{app("ten"), kHostnameLabel}};
       },
       "pod default/small-0 must be apart from pod default/ten-0 in kubernetes.io/hostname, and is "
       "not"},
      {"apart from its like",
       [](Stands& s) {
         s.shape(s.fleet.llm0).anti_affinity = {{app("llm"), kHostnameLabel}};
       },
       "must be apart from"},
      {"apart in zones",
       [](Stands& s) {
         s.shape(s.fleet.small).anti_affinity = {{app("any"), kZoneLabel}};
       },
       "pod default/small-0 must be apart from pod default/any-0 in topology.kubernetes.io/zone"},
      {"apart in a zone not known",
       [](Stands& s) {
         s.shape(s.fleet.small).anti_affinity = {{app("any"), kZoneLabel}};
         s.any().zone = "";
       },
       "and may not be"},
      {"spread over nodes",
       [](Stands& s) {
         s.shape(s.fleet.turn0).spread = {{1, 1, kHostnameLabel, app("turn")}};
       },
       "2 like pods share its kubernetes.io/hostname, 0 the least, and the skew may be 1"},
      {"spread over zones",
       [](Stands& s) {
         s.shape(s.fleet.turn0).spread = {{1, 1, kZoneLabel, app("turn")}};
         s.part().zone = "us-east-1b";
       },
       "2 like pods share its topology.kubernetes.io/zone, 0 the least, and the skew may be 1"},
      {"too few zones",
       [](Stands& s) {
         s.shape(s.fleet.turn0).spread = {{1, 2, kZoneLabel, app("turn")}};
       },
       "2 like pods share its topology.kubernetes.io/zone, 0 the least"},
      {"spread over zones not known",
       [](Stands& s) {
         s.shape(s.fleet.any).spread = {{1, 1, kZoneLabel, app("any")}};
         s.any().zone = "";
       },
       "has no one value of it"},
      {"beside, on another node",
       [](Stands& s) {
         s.shape(s.fleet.small).affinity = {{app("any"), kHostnameLabel}};
       },
       "pod default/small-0 must be beside other pods in kubernetes.io/hostname"},
      {"beside, in another zone",
       [](Stands& s) {
         s.shape(s.fleet.small).affinity = {{app("any"), kZoneLabel}};
         s.any().zone = "us-east-1b";
       },
       "pod default/small-0 must be beside other pods in topology.kubernetes.io/zone"},
      {"host port",
       [](Stands& s) {
         s.shape(s.fleet.small).host_ports = {{8080, "TCP", ""}};
         s.shape(s.fleet.ten).host_ports = {{8080, "TCP", "10.0.0.1"}};
       },
       "pod default/small-0 and pod default/ten-0 both want host port 8080 of node 1"},
  });
}

TEST(CheckSnapshot, AcceptsPodsThatMayBeWhereTheyAre) {
  expect_holds("the node has the label", [](Stands& s) {
    s.any().labels["team"] = "blue";
    s.shape(s.fleet.any).node_selector = {{"team", Operator::In, {"blue"}}};
  });
  expect_holds("the taint is tolerated", [](Stands& s) {
    for (cluster::Node& node : s.snapshot.nodes) node.taints = {{"team", "red", "NoSchedule"}};
    for (cluster::PodShape& shape : s.snapshot.shapes)
      shape.tolerations = {{"team", false, "red", "NoSchedule"}};
  });
  expect_holds("one zone is all there is", [](Stands& s) {
    s.shape(s.fleet.turn0).spread = {{1, 1, kZoneLabel, app("turn")}};
  });
  expect_holds("ports of two protocols", [](Stands& s) {
    s.shape(s.fleet.small).host_ports = {{8080, "TCP", ""}};
    s.shape(s.fleet.ten).host_ports = {{8080, "UDP", ""}};
  });
  expect_holds("beside in the zone", [](Stands& s) {
    s.shape(s.fleet.small).affinity = {{app("any"), kZoneLabel}};
  });
}

TEST(CheckSnapshot, ReportsNodesThatThePolicyForbids) {
  testing::expect_reported<Stands>(Breaches{
      {"zone",
       [](Stands& s) {
         s.fleet.policy.zones = {"us-east-1a"};
         s.any().zone = "us-east-1b";
       },
       "node 3 (g4dn.xlarge) may come up in zone us-east-1b, which the policy does not allow"},
      {"family",
       [](Stands& s) {
         s.fleet.policy.families = {"p5", "p4d", "g6f"};
       },
       "node 2 (g4dn.xlarge) is of a family that the policy does not allow"},
      {"capacity type", [](Stands& s) { s.any().capacity_type = market::CapacityType::Spot; },
       "node 3 (g4dn.xlarge) is of a capacity type that the policy does not allow"},
  });
}

/// What touched_pods says of a change.
std::vector<std::string> touched(const std::function<void(Stands&)>& change) {
  const Stands before;
  Stands after;
  change(after);
  return touched_pods(before.snapshot, after.snapshot);
}

TEST(TouchedPods, SaysWhoWasTouched) {
  using Said = std::vector<std::string>;
  EXPECT_EQ(touched([](Stands&) {}), Said{});
  EXPECT_EQ(touched([](Stands& s) {
              s.small().pod = cluster::kNone;
              s.snapshot.pods[s.fleet.small].name = "small-9";
            }),
            Said{"pod small-0 is gone"});
  const Said moved = {"pod turn-1 was on turns and is on any, or has other devices"};
  EXPECT_EQ(touched([](Stands& s) {
              s.snapshot.pods[s.fleet.turn1].node = 3;
              s.any().gpus[0].slices.push_back(s.turns().gpus[0].slices[1]);
              s.turns().gpus[0].slices.pop_back();
            }),
            moved);
  const Said other = {"pod small-0 was on p4d and is on p4d, or has other devices"};
  EXPECT_EQ(touched([](Stands& s) { s.small().start = 6; }), other);
  EXPECT_EQ(touched([](Stands& s) { s.small().form = s.fleet.cut(1, "1g.5gb+me"); }), other);
  EXPECT_EQ(touched([](Stands& s) { s.small().form = s.p5().gpus[0].slices[0].form; }), other);
  EXPECT_EQ(touched([](Stands& s) { std::swap(s.p4d().gpus[0], s.p4d().gpus[1]); }).size(), 4U);
  EXPECT_EQ(touched([](Stands& s) {
              s.free().pod = s.fleet.video;
              s.free().state = SliceState::Used;
            }),
            Said{"pod video-0 was on p5 and is on p5, or has other devices"});
}

TEST(TouchedPods, KnowsNodesAndPodsByTheirNames) {
  // The first node goes, with its pods; the others are numbered anew.
  const auto said = touched([](Stands& s) {
    s.snapshot.nodes.erase(s.snapshot.nodes.begin());
    s.snapshot.pods.erase(s.snapshot.pods.begin(), s.snapshot.pods.begin() + 2);
    for (cluster::Running& pod : s.snapshot.pods) --pod.node;
    for (cluster::Node& node : s.snapshot.nodes)
      for (cluster::Gpu& gpu : node.gpus)
        for (Slice& slice : gpu.slices) slice.pod -= 2;
  });
  EXPECT_EQ(said, (std::vector<std::string>{"pod trainer-0 is gone", "pod video-0 is gone"}));
  // A pod of that name in another namespace is another pod.
  EXPECT_EQ(touched([](Stands& s) { s.shape(s.fleet.small).ns = "elsewhere"; }),
            std::vector<std::string>{"pod small-0 is gone"});
}

TEST(TouchedPods, TakesNoNoticeOfTheRest) {
  const auto said = touched([](Stands& s) {
    const std::uint32_t added = s.again(s.fleet.video, "video-1");
    s.free().pod = added;
    s.free().state = SliceState::Used;
    s.small().state = SliceState::Creating;
    s.any().closed = true;
    s.part().gpus[0].slices[0].published = true;
    s.snapshot.pods[s.fleet.ten].fixed = true;
    s.snapshot.nodes.push_back(s.any());
    s.snapshot.nodes.back().gpus[0].slices.clear();
  });
  EXPECT_EQ(said, std::vector<std::string>{});
}

}  // namespace
}  // namespace kerf::check
