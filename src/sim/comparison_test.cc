// Tests of runs under both strategies: what is bought, what repeats, what each may not do.
#include "sim/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/assert.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "sim/whole_gpu.h"

namespace kerf::sim {
namespace {

using control::kHour;
using control::kMinute;

Scenario scenario(const std::string& rest) {
  const auto documents = codec::parse_yaml("name: t\nlatencies: fast\n" + rest, "t.yaml");
  KERF_ASSERT(documents.has_value(), "the test's YAML is right");
  auto read = read_scenario(documents->at(0), [](const std::string& name) -> Result<std::string> {
    return invalid(name + ": not there");
  });
  KERF_ASSERT(read.has_value(), read ? "" : read.error().message().c_str());
  return *std::move(read);
}

report::SimulatedRun run(const Scenario& scenario, Strategy strategy) {
  return compare(scenario, {strategy}).runs.at(0);
}

constexpr const char* kG6 = "market: {instanceTypes: [g6.xlarge, g6.12xlarge]}\n";

TEST(WholeGpu, GivesEachSliceAWholeGpuThatIsLargeEnough) {
  // A 1g.10gb may be a T4 (16 GB), a 2g.20gb needs an L4 (24 GB), two slices two GPUs of a node.
  const auto bought = [](const std::string& requests) {
    const auto figures = run(
        scenario("duration: 20m\nmarket: {instanceTypes: [g4dn.xlarge, g6.xlarge, g4dn.12xlarge]}\n"
                 "workloads: [{name: w, requests: {" +
                 requests + ", cpu: 1, memory: 1Gi}}]\n"),
        Strategy::WholeGpu);
    EXPECT_EQ(figures.ran, 1) << requests;
    return figures.types.size() == 1 ? figures.types[0].type : "?";
  };
  EXPECT_EQ(bought("nvidia.com/mig-1g.10gb: 1"), "g4dn.xlarge");
  EXPECT_EQ(bought("kerf.dev/gpu-20gi: 1"), "g6.xlarge");
  EXPECT_EQ(bought("nvidia.com/mig-1g.10gb: 2"), "g4dn.12xlarge");
}

TEST(WholeGpu, PacksPodsThatComeTogetherOnOneNode) {
  // Four pods fill the claim until only the 12xlarge is left, which is dearer than four xlarge.
  const auto figures = run(scenario(std::string("duration: 20m\n") + kG6 +
                                    "workloads: [{name: w, replicas: 4, requests: "
                                    "{nvidia.com/gpu: 1, cpu: 1, memory: 1Gi}}]\n"),
                           Strategy::WholeGpu);
  EXPECT_EQ(figures.bought, 1);
  EXPECT_EQ(figures.types.at(0).type, "g6.12xlarge");
  EXPECT_EQ(figures.ran, 4);
}

TEST(WholeGpu, KeepsApartWhatWantsToBe) {
  const auto figures = run(scenario(std::string("duration: 20m\n") + kG6 +
                                    "workloads: [{name: w, replicas: 3, apart: node, requests: "
                                    "{nvidia.com/gpu: 1, cpu: 1, memory: 1Gi}}]\n"),
                           Strategy::WholeGpu);
  EXPECT_EQ(figures.bought, 3);
  EXPECT_EQ(figures.types.at(0).type, "g6.xlarge");
}

TEST(WholeGpu, ReturnsEmptyNodesAfterTheWait) {
  const std::string text = std::string("duration: 90m\n") + kG6 +
                           "karpenter: {consolidateAfter: WAIT}\n"
                           "workloads: [{name: w, requests: {nvidia.com/gpu: 1, cpu: 1, memory: "
                           "1Gi}, livesFor: 30m}]\n";
  const auto with_wait = [&](const std::string& wait) {
    std::string yaml = text;
    yaml.replace(yaml.find("WAIT"), 4, wait);
    return run(scenario(yaml), Strategy::WholeGpu);
  };
  const auto soon = with_wait("5m");
  EXPECT_EQ(soon.returned, 1);
  EXPECT_GT(soon.node_ms, 34 * kMinute);
  EXPECT_LT(soon.node_ms, 38 * kMinute);
  EXPECT_EQ(soon.moved, 0);
  EXPECT_EQ(with_wait("2h").returned, 0);
}

TEST(WholeGpu, MovesPodsToACheaperNodeUnlessTheyMayNotBeDisturbed) {
  // Four pods come together on a 12xlarge ($4.60); when three are gone an xlarge ($0.80) will do.
  const auto figures = [](const std::string& more) {
    return run(scenario(std::string("duration: 2h\n") + kG6 +
                        "workloads: [{name: w, replicas: 4, steps: [{after: 20m, scale: 1}], "
                        "requests: {nvidia.com/gpu: 1, cpu: 1, memory: 1Gi}" +
                        more + "}]\n"),
               Strategy::WholeGpu);
  };
  const auto free = figures("");
  EXPECT_EQ(free.moved, 1);
  EXPECT_EQ(free.bought, 2);
  EXPECT_EQ(free.returned, 1);
  EXPECT_EQ(figures(", doNotDisrupt: true").moved, 0);
  EXPECT_EQ(figures(", disruptionBudget: {minAvailable: 1}").moved, 0);
}

TEST(WholeGpu, BuysAnewForPodsOfAnInterruptedNode) {
  const auto figures = run(scenario(std::string("duration: 1h\n") +
                                    "market: {instanceTypes: [g6.xlarge]}\n"
                                    "policy: {capacityTypes: [spot]}\n"
                                    "faults: [{what: interrupt, at: 30m}]\n"
                                    "workloads: [{name: w, requests: {nvidia.com/gpu: 1, cpu: 1, "
                                    "memory: 1Gi}}]\n"),
                           Strategy::WholeGpu);
  EXPECT_EQ(figures.interrupted, 1);
  EXPECT_EQ(figures.bought, 2);
  EXPECT_EQ(figures.ran, 2) << "the pod, and the one in its place";
  EXPECT_EQ(figures.waiting, 0);
}

TEST(WholeGpu, StaysWithinTheLimitOfGpus) {
  const auto figures = run(scenario("duration: 30m\nmarket: {instanceTypes: [g6.xlarge]}\n"
                                    "policy: {limits: {usdPerHour: 100, gpus: 2}}\n"
                                    "workloads: [{name: w, replicas: 5, requests: "
                                    "{nvidia.com/gpu: 1, cpu: 1, memory: 1Gi}}]\n"),
                           Strategy::WholeGpu);
  EXPECT_EQ(figures.ran, 2);
  EXPECT_EQ(figures.waiting, 3);
  EXPECT_EQ(figures.bought, 2);
}

TEST(WholeGpu, HasNoPartOfKerf) {
  const Scenario one =
      scenario("duration: 1h\nworkloads: [{name: w, requests: {nvidia.com/gpu: 1}}]\n");
  const WorldSpec world = whole_gpu_world(one.world);
  EXPECT_TRUE(world.policies.empty());
  EXPECT_FALSE(world.machines.agent_runs);
  EXPECT_EQ(world.workloads[0].shape.gpu[0].kind, cluster::GpuRequestKind::Whole);
}

// --- Both ----------------------------------------------------------------------------------------

constexpr const char* kDay =
    "duration: 3h\nmarket: {instanceTypes: [g4dn.xlarge, g6.xlarge, p5.4xlarge], prices: "
    "meanReverting, spotLivesFor: 2h}\n"
    "policy: {capacityTypes: [spot, on-demand]}\n"
    "workloads:\n"
    "  - {name: a, replicas: 3, requests: {nvidia.com/mig-1g.10gb: 1, cpu: 1, memory: 1Gi}}\n"
    "  - {name: b, kind: Job, requests: {kerf.dev/gpu-10gi: 1, cpu: 1, memory: 1Gi}, "
    "arrivals: {pattern: random, perHour: 6}, runsFor: {mean: 10m}}\n";

TEST(Comparison, RepeatsToTheByteAndFollowsTheSeed) {
  const auto text = [](std::uint64_t seed) {
    Scenario day = scenario(kDay);
    day.world.seed = seed;
    return codec::write_json(
        report::simulation_json(compare(day, {Strategy::Kerf, Strategy::WholeGpu})));
  };
  const std::string once = text(1);
  EXPECT_EQ(once, text(1));
  EXPECT_NE(once, text(2));
}

TEST(Comparison, DoesNotLetProgressChangeTheRun) {
  const Scenario day = scenario(kDay);
  std::int64_t last = 0;
  std::int64_t calls = 0;
  const auto watched =
      compare(day, {Strategy::Kerf, Strategy::WholeGpu}, [&](const ComparisonProgress& at) {
        EXPECT_GT(at.done_ms, last);
        EXPECT_EQ(at.all_ms, 6 * kHour);
        last = at.done_ms;
        ++calls;
      });
  EXPECT_EQ(last, 6 * kHour);
  EXPECT_EQ(calls, 6);
  EXPECT_EQ(watched.runs[0].hash, compare(day, {Strategy::Kerf}).runs[0].hash);
}

TEST(Comparison, CutsSlicesOnlyWithKerf) {
  const auto both = compare(scenario(kDay), {Strategy::Kerf, Strategy::WholeGpu});
  ASSERT_EQ(both.runs.size(), 2U);
  EXPECT_GE(both.runs[0].slices_made, 3);
  EXPECT_EQ(both.runs[1].slices_made, 0);
  EXPECT_TRUE(both.runs[0].checked);
  EXPECT_FALSE(both.runs[1].checked);
  for (const auto& run : both.runs) {
    EXPECT_GT(run.ran, 3) << run.strategy;
    EXPECT_GT(run.gpu_milli_ms_held, 0) << run.strategy;
    EXPECT_LE(run.gpu_milli_ms_held, run.gpu_milli_ms) << run.strategy;
    EXPECT_GE(run.pods, run.ran) << run.strategy;
    std::int64_t sum = 0;
    for (const auto& type : run.types) sum += type.micro_usd;
    EXPECT_LE(run.micro_usd - sum, static_cast<std::int64_t>(run.types.size())) << run.strategy;
  }
}

}  // namespace
}  // namespace kerf::sim
