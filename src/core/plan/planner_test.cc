// make_plan: what people rely on, whatever the demand: sums, bounds, modes, reasons, repeatability.
#include "core/plan/planner.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "core/plan/planner_testing.h"

namespace kerf::plan {
namespace {

using testing::add;
using testing::portable;
using testing::quick;
using testing::shape;
using testing::slice;
using testing::whole;
using testing::World;

/// 20 to 60 pods of five to nine kinds, some of them Jobs.
void larger(std::uint64_t seed, World& world) {
  Prng prng(seed);
  world.market = testing::market(testing::some_types());
  const std::uint64_t wanted = 20 + prng.below(41);
  while (world.demand.pods.size() < wanted) {
    testing::add_random(prng, 1, 9, world.demand);
    cluster::Workload& workload = world.demand.workloads.back();
    if (prng.below(4) != 0) continue;
    workload.kind = "Job";
    workload.transient = true;
    workload.hours_per_month = static_cast<double>(prng.below(200));
  }
}

/// Everything of a plan that people see.
std::string text_of(const Plan& plan) {
  std::ostringstream out;
  out << plan.bill.micro << ' ' << plan.bound.per_hour.micro << ' ' << plan.bound.method << ' '
      << plan.month_micro_usd << ' ' << plan.utilisation.idle.micro << '\n';
  for (const NodePlan& node : plan.nodes) {
    out << node.type << ' ' << node.price.micro << ':';
    for (const GpuPlan& gpu : node.gpus) {
      for (const SlicePlan& s : gpu.slices)
        out << ' ' << static_cast<int>(s.form.kind) << '/' << int{s.form.profile} << '@'
            << int{s.start} << '=' << s.pod;
      out << " |";
    }
    for (const auto& [key, value] : node.labels) out << ' ' << key << '=' << value;
    out << '\n';
  }
  for (const Placement& p : plan.placements) {
    out << p.pod << ' ' << p.node << ' ' << p.cost.micro << ' ' << to_string(p.reason.code);
    for (const std::string& arg : p.reason.args) out << ' ' << arg;
    out << '\n';
  }
  for (const Unplaced& u : plan.unplaced) out << u.pod << ' ' << to_string(u.reason.code) << '\n';
  return out.str();
}

TEST(Planner, ThreeSmallSlicesAreTheCheapestPossible) {
  World world;
  add(world.demand, "llm", 3, shape(slice("1g.10gb")));
  const Plan plan = world.plan();
  EXPECT_EQ(plan.bill.micro, 6'880'000);
  EXPECT_EQ(gap_percent(plan), 0);
  EXPECT_TRUE(plan.bound.optimal);
  EXPECT_EQ(plan.bound.method, "exact");
}

TEST(Planner, PlansNothingForNothing) {
  const World world;
  const Plan plan = world.plan();
  EXPECT_TRUE(plan.nodes.empty());
  EXPECT_EQ(plan.bill.micro, 0);
  EXPECT_EQ(gap_percent(plan), 0);
  EXPECT_TRUE(plan.bound.optimal);
}

TEST(Planner, HoldsEverythingForLargerDemands) {
  int unproven = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World world;
    larger(seed, world);
    SCOPED_TRACE(seed);
    const Plan plan = world.plan();
    EXPECT_LE(plan.bound.per_hour, plan.bill) << "seed " << seed;
    EXPECT_GT(plan.bound.per_hour.micro, 0);
    EXPECT_EQ(plan.placements.size() + plan.unplaced.size(), world.demand.pods.size());
    EXPECT_LT(gap_percent(plan), 35) << "seed " << seed;
    unproven += plan.bound.method == "exact" ? 0 : 1;

    MicroUsdPerHour nodes, actions, workloads;
    std::vector<MicroUsdPerHour> by_node(plan.nodes.size());
    for (const NodePlan& node : plan.nodes) nodes += node.price;
    for (const Action& action : plan.actions) actions += action.per_hour;
    for (const WorkloadCost& workload : plan.workloads) workloads += workload.per_hour;
    for (const Placement& placement : plan.placements) by_node[placement.node] += placement.cost;
    for (std::size_t n = 0; n < plan.nodes.size(); ++n) EXPECT_EQ(by_node[n], plan.nodes[n].price);
    EXPECT_EQ(nodes, plan.bill);
    EXPECT_EQ(actions, plan.bill);
    EXPECT_EQ(workloads, plan.bill);

    const Utilisation& use = plan.utilisation;
    EXPECT_EQ(use.stranded_geometry + use.stranded_cpu + use.stranded_memory + use.free, use.idle);
    EXPECT_LE(use.idle, plan.bill);
    for (const double part : {use.gpu_memory, use.cpu, use.memory}) {
      EXPECT_GT(part, 0);
      EXPECT_LE(part, 1);
    }
  }
  EXPECT_GT(unproven, 8) << "these demands are too large to try everything";
}

TEST(Planner, MakesTheSamePlanTwice) {
  for (const std::uint64_t seed : {101u, 102u}) {
    World world;
    larger(seed, world);
    const std::string first = text_of(world.plan());
    EXPECT_EQ(text_of(world.plan()), first);
    EXPECT_GT(first.size(), 1000u);
  }
}

TEST(Planner, KeepsToWholeNodesOrCutNodesOnAmpereAlone) {
  for (const bool ampere : {true, false}) {
    World world;
    world.market = testing::market({ampere ? "p4de.24xlarge" : "p5.48xlarge"});
    add(world.demand, "slices", 6, shape(slice("1g.10gb")));
    add(world.demand, "whole", 2, shape(whole()));
    const Plan plan = world.plan();
    EXPECT_EQ(plan.nodes.size(), ampere ? 2u : 1u);
    for (const NodePlan& node : plan.nodes) {
      bool cut = false, uncut = false;
      for (const GpuPlan& gpu : node.gpus)
        for (const SlicePlan& s : gpu.slices) {
          cut = cut || s.form.kind == gpu::FormKind::Slice;
          uncut = uncut || s.form.kind == gpu::FormKind::Whole;
        }
      EXPECT_EQ(cut && uncut, !ampere);
    }
  }
}

TEST(Planner, SaysWhyPodsCannotBePlaced) {
  World world;
  world.market = testing::market({"p5.4xlarge", "g6.xlarge"});
  const auto selects = [](const std::string& key, const std::string& value) {
    cluster::PodShape pod = shape(slice("1g.10gb"));
    pod.node_selector = {{key, cluster::Operator::In, {value}}};
    return pod;
  };
  add(world.demand, "fine", 1, shape(slice("1g.10gb")));
  add(world.demand, "profile", 1, shape(slice("1g.5gb")));
  add(world.demand, "model", 1, shape(portable(141)));
  add(world.demand, "cpu", 1, shape(slice("1g.10gb"), 64'000));
  add(world.demand, "memory", 1, shape(slice("1g.10gb"), 1000, 1'000'000));
  add(world.demand, "gpus", 1, shape(slice("7g.80gb", 2)));
  add(world.demand, "zone", 1, selects("topology.kubernetes.io/zone", "mars-1a"));
  add(world.demand, "type", 1, selects("node.kubernetes.io/instance-type", "p4d.24xlarge"));
  cluster::PodShape volumes = shape(slice("1g.10gb"));
  volumes.volume_zone_bound = true;
  add(world.demand, "volumes", 1, volumes);
  cluster::PodShape unread = shape(slice("1g.10gb"));
  unread.unplaceable = {{"spec.nodeName", "the pod names its node"}};
  add(world.demand, "unread", 1, unread);
  cluster::PodShape follower = shape(slice("1g.10gb"));
  cluster::PodSelector nobody;
  nobody.namespaces = {"default"};
  nobody.labels = {{"app", cluster::Operator::In, {"nobody"}}};
  follower.affinity = {{nobody, "kubernetes.io/hostname"}};
  add(world.demand, "follower", 1, follower);
  cluster::PodShape lonely = shape(slice("1g.10gb"));
  cluster::PodSelector like = nobody;
  like.labels = {{"app", cluster::Operator::In, {"lonely"}}};
  lonely.anti_affinity = {{like, "topology.kubernetes.io/zone"}};
  add(world.demand, "lonely", 4, lonely);

  const Plan plan = world.plan();
  std::map<std::string, Reason> reasons;
  for (const Unplaced& entry : plan.unplaced)
    reasons[world.demand.pods[entry.pod].name] = entry.reason;
  struct Case {
    const char* pod;
    ReasonCode code;
    const char* first_arg;  ///< "" = not looked at
  };
  const Case cases[] = {
      {"profile-0", ReasonCode::UnknownProfile, "nvidia.com/mig-1g.5gb"},
      {"model-0", ReasonCode::NoModelThatLarge, "kerf.dev/gpu-141gi"},
      {"cpu-0", ReasonCode::TooLargeForNode, "cpu"},
      {"memory-0", ReasonCode::TooLargeForNode, "memory"},
      {"gpus-0", ReasonCode::TooLargeForNode, "gpus"},
      {"type-0", ReasonCode::NoTypeMatches, ""},
      {"volumes-0", ReasonCode::NoTypeMatches, ""},
      {"unread-0", ReasonCode::Unsupported, "spec.nodeName"},
      {"follower-0", ReasonCode::ConflictingPods, ""},
  };
  for (const Case& c : cases) {
    ASSERT_EQ(reasons.count(c.pod), 1u) << c.pod;
    EXPECT_EQ(to_string(reasons[c.pod].code), to_string(c.code)) << c.pod;
    EXPECT_EQ(reasons[c.pod].args.at(0).substr(0, std::strlen(c.first_arg)), c.first_arg) << c.pod;
  }
  EXPECT_EQ(reasons.count("fine-0"), 0u);
}

TEST(Planner, LeavesOverWhoHasNoZoneLeft) {
  World world;
  world.market = testing::market({"p5.4xlarge"});
  cluster::PodSelector like;
  like.namespaces = {"default"};
  like.labels = {{"app", cluster::Operator::In, {"lonely"}}};
  cluster::PodShape lonely = shape(slice("1g.10gb"));
  lonely.anti_affinity = {{like, "topology.kubernetes.io/zone"}};
  add(world.demand, "lonely", 5, lonely);
  const Plan plan = world.plan();
  EXPECT_EQ(plan.nodes.size(), 3u) << "three zones are assumed where prices name none";
  ASSERT_EQ(plan.unplaced.size(), 2u);
  EXPECT_EQ(plan.unplaced[0].reason.code, ReasonCode::NoZone);
  EXPECT_FALSE(plan.bound.relaxed.empty());
  EXPECT_FALSE(plan.notes.empty());
}

TEST(Planner, GivesNodesTheLabelsThatTheirPodsSelect) {
  World world;
  world.market = testing::market({"p5.4xlarge"});
  for (const std::string team : {"blue", "red"}) {
    cluster::PodShape pod = shape(slice("1g.10gb"));
    pod.node_selector = {{"team", cluster::Operator::In, {team}}};
    add(world.demand, team, 2, pod);
  }
  add(world.demand, "any", 2, shape(slice("2g.20gb")));
  const Plan plan = world.plan();
  ASSERT_EQ(plan.nodes.size(), 2u) << "one node cannot be of both teams";
  for (const NodePlan& node : plan.nodes) {
    ASSERT_EQ(node.labels.size(), 1u);
    EXPECT_EQ(node.labels[0].first, "team");
  }
  EXPECT_NE(plan.nodes[0].labels[0].second, plan.nodes[1].labels[0].second);
  EXPECT_TRUE(plan.bound.optimal);
}

TEST(Planner, NamesTheNextBestForm) {
  World world;
  world.market = testing::market({"p5.4xlarge", "g6.xlarge"});
  add(world.demand, "any", 1, shape(portable(10)));
  add(world.demand, "mig", 1, shape(slice("3g.40gb")));
  const Plan plan = world.plan();
  ASSERT_EQ(plan.placements.size(), 2u);
  EXPECT_EQ(plan.placements[1].reason.code, ReasonCode::OnlyForm);
  // The portable request fills room on the H100 that the other pod needs anyway.
  EXPECT_EQ(plan.nodes.size(), 1u);
  EXPECT_EQ(plan.placements[0].reason.args.size(), 4u);
}

}  // namespace
}  // namespace kerf::plan
