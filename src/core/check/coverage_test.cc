// Every index points at something; every pod is placed once or unplaced with a reason.
#include <gtest/gtest.h>

#include "core/check/fleet_testing.h"

namespace kerf::check {
namespace {

using testing::Breach;
using testing::Fleet;

TEST(Coverage, AcceptsAFleetWithEveryForm) {
  EXPECT_EQ(testing::listed(Fleet().complaints()), "no complaint");
}

TEST(Coverage, AcceptsAnEmptyPlan) {
  testing::World world;
  EXPECT_EQ(testing::listed(world.finish().complaints()), "no complaint");
}

TEST(Coverage, ReportsIndicesThatPointAtNothing) {
  testing::expect_reported<Fleet>({
      {"type", [](Fleet& f) { f.plan.nodes[0].type = 99; }, "node 0 is of a type"},
      {"model", [](Fleet& f) { f.market.types[Fleet::kG4dn].gpu_model = "T9"; }, "no GPU model T9"},
      {"listed pod", [](Fleet& f) { f.plan.nodes[0].pods.push_back(99); }, "lists pod 99"},
      {"holder", [](Fleet& f) { f.plan.nodes[0].gpus[0].slices[0].pod = 99; }, "to pod 99"},
      {"placement's pod", [](Fleet& f) { f.plan.placements[0].pod = 99; }, "puts pod 99"},
      {"placement's node", [](Fleet& f) { f.plan.placements[0].node = 99; }, "on node 99"},
      {"unplaced", [](Fleet& f) { f.plan.unplaced[0].pod = 99; }, "pod 99 is listed as unplaced"},
      {"action", [](Fleet& f) { f.plan.actions[0].nodes[0] = 99; }, "an action names a node"},
      {"shape", [](Fleet& f) { f.demand.pods[3].shape = 99; }, "pod 3 of the demand"},
      {"workload", [](Fleet& f) { f.demand.pods[3].workload = 99; }, "pod 3 of the demand"},
  });
}

TEST(Coverage, ReportsPodsThatAreNotPlacedExactlyOnce) {
  testing::expect_reported<Fleet>({
      {"forgotten", [](Fleet& f) { f.plan.unplaced.clear(); },
       "pod default/odd-0 is placed 0 times and unplaced 0 times"},
      {"placed twice", [](Fleet& f) { f.plan.placements.push_back(f.plan.placements[0]); },
       "pod default/trainer-0 is placed 2 times"},
      {"placed and unplaced", [](Fleet& f) { f.leave_out(f.any); },
       "pod default/any-0 is placed 1 times and unplaced 1 times"},
      {"on two nodes",
       [](Fleet& f) {
         f.plan.nodes[4].pods = {f.any, f.two};
       },
       "pod default/any-0 has 1 placements and is listed by nodes 2 times"},
      {"node forgets it", [](Fleet& f) { f.plan.nodes[3].pods.clear(); },
       "pod default/any-0 is placed on node 3 (g4dn.xlarge), which does not list it"},
      {"order", [](Fleet& f) { std::swap(f.plan.nodes[2].pods[0], f.plan.nodes[2].pods[1]); },
       "node 2 (g4dn.xlarge) does not list its pods in ascending order"},
  });
}

TEST(Coverage, ReportsReasonsOfTheWrongKind) {
  using plan::ReasonCode;
  testing::expect_reported<Fleet>({
      {"placed for a reason not to",
       [](Fleet& f) { f.plan.placements[0].reason.code = ReasonCode::NoZone; },
       "pod default/trainer-0 is placed with the reason of an unplaced pod"},
      {"unplaced without one",
       [](Fleet& f) { f.plan.unplaced[0].reason.code = ReasonCode::OnlyForm; },
       "pod default/odd-0 is not placed and has no reason"},
      {"limit that is not there",
       [](Fleet& f) { f.plan.unplaced[0].reason.code = ReasonCode::LimitPerHour; },
       "a limit that the policy does not have"},
      {"GPU limit that is not there",
       [](Fleet& f) { f.plan.unplaced[0].reason.code = ReasonCode::LimitGpus; },
       "a limit that the policy does not have"},
      {"never placeable",
       [](Fleet& f) {
         f.shape(f.any).unplaceable = {{"spec.nodeName", "names a node"}};
       },
       "pod default/any-0 is placed although its spec.nodeName cannot be honoured"},
  });
}

}  // namespace
}  // namespace kerf::check
