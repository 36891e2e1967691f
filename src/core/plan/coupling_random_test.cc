// Spread over zones among pods that ask for different nodes: random demands, planned and checked.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "core/plan/planner_testing.h"

namespace kerf::plan {
namespace {

using cluster::Operator;
using cluster::PodShape;
using cluster::Requirement;

const std::vector<std::string> kZones = {"us-east-1a", "us-east-1b", "us-east-1c"};
const std::vector<std::string> kTypes = {"g4dn.xlarge", "g5.xlarge", "g6.xlarge", "g6.2xlarge"};
const std::vector<std::string> kApps = {"web", "api"};
constexpr const char* kZone = "topology.kubernetes.io/zone";

/// Two to five workloads of two apps, so that a spread counts pods of other workloads.
class Spreads : public testing::World {
 public:
  bool crossed = false;  ///< some spread counts pods of another shape

  explicit Spreads(std::uint64_t seed) : World(kTypes), chance_(seed) {
    const std::uint64_t workloads = 2 + chance_.below(4);
    for (std::uint64_t i = 0; i < workloads; ++i) add_workload(i);
    if (one_in(4)) policy.node_labels = {{"team", "red"}};
    if (one_in(4)) policy.zones = {kZones[0], kZones[1]};
    for (const PodShape& carrier : demand.shapes)
      for (const auto& spread : carrier.spread)
        for (const PodShape& other : demand.shapes)
          crossed = crossed || (!(other == carrier) && cluster::matches(spread.selector, other));
  }

 private:
  bool one_in(std::uint64_t n) { return chance_.below(n) == 0; }
  std::string any_of(const std::vector<std::string>& list) {
    return list[chance_.below(list.size())];
  }

  Requirement requirement() {
    const Operator op = one_in(3) ? Operator::NotIn : Operator::In;
    switch (chance_.below(6)) {
      case 0: return {kZone, op, {any_of(kZones)}};
      case 1: return {"karpenter.k8s.aws/instance-family", op, {one_in(2) ? "g6" : "g4dn"}};
      case 2: return {"nvidia.com/gpu.product", op, {one_in(2) ? "Tesla-T4" : "NVIDIA-L4"}};
      case 3: return {"team", op, {one_in(2) ? "red" : "blue"}};
      default: return {"node.kubernetes.io/instance-type", op, {any_of(kTypes)}};
    }
  }

  void add_workload(std::uint64_t index) {
    PodShape shape = testing::shape(testing::whole());
    shape.requests.cpu_milli = static_cast<std::int64_t>(100 * (1 + index));
    shape.labels["app"] = any_of(kApps);
    while (one_in(2)) shape.node_selector.push_back(requirement());
    if (one_in(4)) shape.node_affinity = {{requirement()}, {requirement(), requirement()}};
    if (one_in(2)) {
      cluster::SpreadConstraint spread;
      spread.topology_key = kZone;
      spread.max_skew = static_cast<std::int32_t>(1 + chance_.below(2));
      if (one_in(4)) spread.min_domains = static_cast<std::int32_t>(2 + chance_.below(2));
      spread.selector.namespaces = {shape.ns};
      if (!one_in(4))
        spread.selector.labels = {{"app", Operator::In, {one_in(4) ? "web" : shape.labels["app"]}}};
      shape.spread = {spread};
    }
    testing::add(demand, "w" + std::to_string(index),
                 static_cast<std::int64_t>(1 + chance_.below(5)), std::move(shape));
  }

  Prng chance_;
};

TEST(CouplingRandom, SpreadsHoldAmongPodsThatAskForDifferentNodes) {
  std::size_t pods = 0;
  std::size_t placed = 0;
  std::size_t crossed = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Spreads instance(seed);
    const Plan made = instance.plan(testing::quick(1));  // checks it
    pods += instance.demand.pods.size();
    placed += made.placements.size();
    if (instance.crossed && !made.placements.empty()) ++crossed;
  }
  // Demands that mostly cannot be served, or whose spreads count their own pods only, test little.
  EXPECT_GT(placed * 3, pods * 2) << placed << " of " << pods;
  EXPECT_GT(crossed, 100U);
}

TEST(CouplingRandom, SpreadsHoldWhereTheyOnceDidNot) {
  // Affinity that leaves a choice of labels: pods of others had a node in a zone not counted.
  for (const std::uint64_t seed : {1403, 2520, 4146, 4194, 4294, 4572, 5547, 10168}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Spreads instance(seed);
    EXPECT_FALSE(instance.plan(testing::quick(1)).placements.empty());
  }
}

}  // namespace
}  // namespace kerf::plan
