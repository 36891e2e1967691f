// Whole worlds without faults: pods come, nodes are bought and cut, pods run, nodes go.
#include "sim/world.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "sim/world_testing.h"

namespace kerf::sim {
namespace {

using namespace testing;

void trace(World& world) {
  if (std::getenv("KERF_TRACE") == nullptr) return;
  world.controller().on_effect = [&](const controller::Effect& effect) {
    constexpr const char* kNames[] = {"PutLayout", "CreateClaim", "DeleteClaim", "Nominate",
                                      "Publish",   "Withdraw",    "Evict",       "PatchNode",
                                      "PutStatus", "Note",        "Solve",       "WakeAt"};
    std::cerr << world.now() << " " << kNames[effect.action.index()];
    const auto amounts = [&](const std::string& node, const control::Amounts& figures) {
      std::cerr << " " << node;
      for (const auto& [name, count] : figures)
        std::cerr << " " << name << "=" << count << " (now "
                  << (world.api().find<control::Node>(node)->allocatable_of.contains(name)
                          ? world.api().find<control::Node>(node)->allocatable_of.at(name)
                          : -1)
                  << ")";
    };
    if (const auto* raise = std::get_if<controller::Publish>(&effect.action))
      amounts(raise->node, raise->amounts);
    if (const auto* lower = std::get_if<controller::Withdraw>(&effect.action))
      amounts(lower->node, lower->amounts);
    if (const auto* put = std::get_if<controller::PutLayout>(&effect.action))
      std::cerr << " " << put->node;
    std::cerr << "\n";
  };
  world.api().listen(Kind::Pod, [&](const Change& change) {
    const auto* was = change.was<control::Pod>();
    const auto* is = change.is<control::Pod>();
    if (is == nullptr) std::cerr << world.now() << "   pod gone " << change.key.name << "\n";
    else if (was == nullptr) std::cerr << world.now() << "   pod made " << change.key.name << "\n";
    else if (was->node != is->node)
      std::cerr << world.now() << "   pod bound " << change.key.name << " to " << is->node << "\n";
    else if (was->meta.deleted != is->meta.deleted)
      std::cerr << world.now() << "   pod told to end " << change.key.name << "\n";
  });
  world.api().listen(Kind::GpuNode, [&](const Change& change) {
    const auto* is = change.is<control::GpuNode>();
    if (is == nullptr) return;
    std::cerr << world.now() << "   gpunode " << change.key.name << " gen " << is->meta.generation
              << " observed " << is->status.observed_generation;
    for (std::size_t g = 0; g < is->status.gpus.size(); ++g)
      for (const auto& slice : is->status.gpus[g].slices)
        if (slice.published || slice.state != cluster::SliceState::Free)
          std::cerr << " " << g << "/" << slice.form << "@" << int{slice.start}
                    << (slice.published ? "P" : "-") << static_cast<int>(slice.state) << slice.pod;
    std::cerr << "\n";
  });
  world.controller().on_record = [&](const controller::Record& record) {
    std::cerr << world.now() << "   " << to_string(record.what) << " " << record.about.text();
    for (const std::string& arg : record.args) std::cerr << " | " << arg;
    std::cerr << " " << format_usd(record.price) << "\n";
  };
}

void show(World& world) {
  if (std::getenv("KERF_TRACE") == nullptr) return;
  for (const control::Pod& pod : world.api().all<control::Pod>())
    std::cerr << "pod " << pod.meta.name << " " << pod.node << " phase "
              << static_cast<int>(pod.phase) << " nominated " << pod.nominated << " " << pod.message
              << " " << pod.reason << "\n";
  for (const control::NodeClaim& claim : world.api().all<control::NodeClaim>())
    std::cerr << "claim " << claim.meta.name << " " << claim.type << " node " << claim.node
              << " init " << claim.initialized << "\n";
  for (const control::Node& node : world.api().all<control::Node>()) {
    std::cerr << "node " << node.meta.name << " ready " << node.ready;
    for (const auto& [name, count] : node.allocatable_of) std::cerr << " " << name << "=" << count;
    for (const auto& taint : node.taints) std::cerr << " taint " << taint.key;
    std::cerr << "\n";
  }
  for (const control::GpuNode& node : world.api().all<control::GpuNode>()) {
    std::cerr << "gpunode " << node.meta.name << " gen " << node.meta.generation << " observed "
              << node.status.observed_generation << " cut " << node.status.cut << " ready "
              << node.status.ready << " degraded " << to_string(node.status.degraded) << " "
              << node.status.message << "\n";
    for (std::size_t g = 0; g < node.spec.gpus.size(); ++g) {
      for (const auto& slice : node.spec.gpus[g].slices)
        std::cerr << "  spec gpu" << g << " " << slice.form << "@" << int{slice.start} << " "
                  << slice.resource << (slice.published ? " published" : " parked") << "\n";
      if (g < node.status.gpus.size())
        for (const auto& slice : node.status.gpus[g].slices)
          std::cerr << "  seen gpu" << g << " " << slice.form << "@" << int{slice.start} << " "
                    << slice.resource << " state " << static_cast<int>(slice.state)
                    << (slice.published ? " published " : " ") << slice.pod << "\n";
    }
  }
}

TEST(World, BuysANodeCutsItAndRunsThePods) {
  World world(world_of({"p4d.24xlarge"}, {deployment("web", slice("1g.5gb"), 10)}));
  trace(world);
  world.run_until(10 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 10);
  EXPECT_EQ(world.api().all<control::NodeClaim>().size(), 1U);
}

TEST(World, GivesBackAnEmptyNode) {
  WorkloadSpec web = deployment("web", slice("1g.5gb"), 10);
  web.steps = {{20 * kMinute, Step::What::Scale, 0}};
  World world(world_of({"p4d.24xlarge"}, {web}));
  trace(world);
  world.run_until(15 * kMinute);
  EXPECT_EQ(running(world), 10);
  world.run_until(60 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 0);
  EXPECT_EQ(world.api().all<control::NodeClaim>().size(), 0U);
}

WorkloadSpec later(WorkloadSpec spec, Instant at) {
  spec.arrivals.from_ms = at;
  return spec;
}

std::size_t claims(World& world) { return world.api().all<control::NodeClaim>().size(); }

TEST(World, CutsAFreeGpuAnewForAnotherProfile) {
  WorkloadSpec small = deployment("small", slice("1g.10gb"), 6);
  small.steps = {{20 * kMinute, Step::What::Scale, 2}};
  World world(world_of(
      {"p5.4xlarge"}, {small, later(deployment("big", slice("3g.40gb"), 1), 20 * kMinute + 5000)}));
  trace(world);
  world.run_until(25 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 3);
  EXPECT_EQ(claims(world), 1U);
}

TEST(World, MovesPodsTogetherAndGivesANodeBack) {
  WorkloadSpec a = deployment("a", slice("1g.10gb"), 7);
  WorkloadSpec b = deployment("b", slice("1g.10gb"), 7);
  a.steps = {{20 * kMinute, Step::What::Scale, 3}};
  b.steps = {{20 * kMinute, Step::What::Scale, 3}};
  World world(world_of({"p5.4xlarge"}, {a, b}));
  trace(world);
  world.run_until(15 * kMinute);
  EXPECT_EQ(running(world), 14);
  EXPECT_EQ(claims(world), 2U);
  world.run_until(60 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 6);
  EXPECT_EQ(claims(world), 1U);
}

TEST(World, ReplacesANodeByACheaperOne) {
  WorkloadSpec web = deployment("web", portable(5), 50);
  web.steps = {{20 * kMinute, Step::What::Scale, 4}};
  World world(world_of({"p4d.24xlarge", "p5.4xlarge"}, {web}));
  trace(world);
  world.run_until(15 * kMinute);
  EXPECT_EQ(running(world), 50);
  world.run_until(60 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 4);
  ASSERT_EQ(claims(world), 1U);
  for (const control::NodeClaim& claim : world.api().all<control::NodeClaim>())
    EXPECT_EQ(claim.type, "p5.4xlarge");
}

TEST(World, AControllerThatDiesAgainAndAgainBuysOnce) {
  World world(world_of({"p5.4xlarge"}, {deployment("web", slice("1g.10gb"), 5)}));
  trace(world);
  for (int i = 1; i < 30; ++i) {
    world.run_until(i * 700);
    world.controller().crash();
  }
  world.run_until(20 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 5);
  EXPECT_EQ(claims(world), 1U);
}

TEST(World, ReplacesWhatASpotInterruptionTakes) {
  WorldSpec spec = world_of({"p5.4xlarge"}, {deployment("web", slice("1g.10gb"), 5)});
  spec.policies[0].buys.capacity_types = {market::CapacityType::Spot};
  World world(std::move(spec));
  trace(world);
  world.run_until(15 * kMinute);
  ASSERT_EQ(running(world), 5);
  world.karpenter().interrupt(world.karpenter().nodes()[0]);
  world.run_until(25 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 5);
  EXPECT_EQ(claims(world), 1U);
}

TEST(World, ServesPortableRequestsWithWhateverIsCheapest) {
  World world(
      world_of({"g6.xlarge", "p5.4xlarge", "g4dn.xlarge"}, {deployment("web", portable(10), 3)}));
  trace(world);
  world.run_until(15 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 3);
}

TEST(World, KeepsWarmSlicesOffered) {
  WorldSpec spec = world_of({"p5.4xlarge"}, {deployment("web", slice("1g.10gb"), 2)});
  spec.policies[0].warm = {{slice("1g.10gb").gpu[0], 2}};
  World world(std::move(spec));
  trace(world);
  world.run_until(15 * kMinute);
  show(world);
  EXPECT_EQ(running(world), 2);
  EXPECT_EQ(claims(world), 1U);
  std::int64_t offered = 0;
  for (const control::Node& node : world.api().all<control::Node>())
    offered += node.allocatable_of.at("nvidia.com/mig-1g.10gb");
  EXPECT_EQ(offered, 4);
}

TEST(World, ObserveWritesNothingButItsStatus) {
  WorldSpec spec = world_of({"p5.4xlarge"}, {deployment("web", slice("1g.10gb"), 5)});
  spec.policies[0].mode = control::Mode::Observe;
  World world(std::move(spec));
  std::int64_t others = 0;
  world.controller().on_effect = [&](const controller::Effect& effect) {
    others += effect.action.index() < 8 ? 1 : 0;
  };
  world.run_until(15 * kMinute);
  EXPECT_EQ(others, 0);
  EXPECT_EQ(running(world), 0);
  const auto* policy = world.api().find<control::SlicePolicy>("gpu");
  EXPECT_EQ(policy->status.figures.pending, 5);
  ASSERT_TRUE(policy->status.figures.could_be.has_value());
  EXPECT_EQ(format_usd(*policy->status.figures.could_be), "$6.88");
}

TEST(World, ASteadyWorkloadLeadsToNothingAtAll) {
  World world(world_of({"p5.4xlarge"}, {deployment("web", slice("1g.10gb"), 9)}));
  world.run_until(30 * kMinute);
  EXPECT_EQ(running(world), 9);
  std::int64_t effects = 0;
  world.controller().on_effect = [&](const controller::Effect& effect) {
    effects += effect.action.index() < 10 ? 1 : 0;
  };
  world.run_until(10 * kHour);
  EXPECT_EQ(effects, 0);
}

}  // namespace
}  // namespace kerf::sim
