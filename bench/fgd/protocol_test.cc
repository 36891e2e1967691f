// Tests of the protocol: load points, checked changes, moves, counts, and its files.
#include "fgd/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "fgd/fgd_testing.h"

namespace kerf::fgd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LoadPoint, RoundsToTheNearestAndHalvesToEven) {
  constexpr std::int64_t total = 200'000;  // 2,000 are one percent
  EXPECT_EQ(load_point(0, total), 0);
  EXPECT_EQ(load_point(1'000, total), 0);  // 0.5
  EXPECT_EQ(load_point(1'001, total), 1);
  EXPECT_EQ(load_point(3'000, total), 2);  // 1.5
  EXPECT_EQ(load_point(5'000, total), 2);  // 2.5
  EXPECT_EQ(load_point(260'000, total), 130);
}

/// Answers by functions, and remembers what it was told.
class Scripted final : public Policy {
 public:
  std::function<std::optional<Choice>(const Cluster&, const Task&)> answer;
  std::function<std::vector<Move>(const Cluster&, const Task*, std::int64_t)> moves;
  std::vector<std::size_t> told;

  std::optional<Choice> choose(const Cluster& cluster, const Task& task) override {
    return answer(cluster, task);
  }
  void changed(const Cluster& /*cluster*/, std::size_t node) override { told.push_back(node); }
  std::vector<Move> moves_for(const Cluster& cluster, const Task* failed,
                              std::int64_t allowed) override {
    return moves ? moves(cluster, failed, allowed) : std::vector<Move>{};
  }
};

/// The first node that fits, the first GPUs that do.
std::optional<Choice> first_fit(const Cluster& cluster, const Task& task) {
  for (std::size_t node = 0; node < cluster.nodes().size(); ++node) {
    const NodeState& state = cluster.nodes()[node];
    if (!state.fits(task)) continue;
    GpuMask gpus = 0;
    int missing = task.gpus;
    for (int gpu = 0; missing > 0; ++gpu) {
      if (state.gpu_milli[static_cast<std::size_t>(gpu)] < task.gpu_milli) continue;
      gpus |= GpuMask{1} << gpu;
      --missing;
    }
    return Choice{node, gpus};
  }
  return std::nullopt;
}

TEST(NodeState, FitsByCpuMemoryModelAndGpus) {
  const NodeList nodes = nodes_of("a,4000,100,2,A\nb,1,1,0,B\n");
  Cluster cluster(nodes, {0, 1});
  const Trace trace = trace_of(
      "4000,100,2,1000,A\n"  // just fits
      "4001,100,1,500,\n"    // CPU
      "4000,101,1,500,\n"    // memory
      "1000,10,4,1000,\n"    // GPUs
      "1000,10,1,500,B\n"    // model of another node
      "1000,10,1,500,Z\n"    // model of none
      "1000,10,1,500,Z|A\n"  // one of its models
      "1000,10,0,0,B\n",     // asks for no GPU, so the model is no matter
      nodes);
  std::vector<bool> fits;
  for (const Task& task : trace.tasks) fits.push_back(cluster.fits(0, task));
  EXPECT_THAT(fits, ElementsAre(true, false, false, false, false, false, true, true));
}

TEST(Cluster, RefusesAChoiceWithoutRoom) {
  const NodeList nodes = nodes_of("a,4000,100,2,A\n");
  const Trace trace = trace_of("1000,10,1,600,\n1000,10,2,1000,\n", nodes);
  Cluster cluster(nodes, {0});
  cluster.place(trace.tasks[0], {0, 0b01});
  EXPECT_DEATH(cluster.place(trace.tasks[0], {0, 0b01}), "room") << "400 are left";
  EXPECT_DEATH(cluster.place(trace.tasks[0], {0, 0b100}), "room") << "there is no third GPU";
  EXPECT_DEATH(cluster.place(trace.tasks[0], {0, 0b11}), "room") << "it asks for one";
  EXPECT_DEATH(cluster.place(trace.tasks[1], {0, 0b11}), "room") << "one is not free";
  EXPECT_DEATH(cluster.place(trace.tasks[0], {1, 0b01}), "node of the cluster");
  EXPECT_EQ(cluster.used_milli(), 600);
}

TEST(Cluster, MovesAPodWithAllThatItHolds) {
  const NodeList nodes = nodes_of("a,4000,100,2,A\nb,4000,100,1,A\n");
  const Trace trace = trace_of("1000,10,1,600,\n", nodes);
  Cluster cluster(nodes, {0, 1});
  const Cluster empty = cluster;
  const std::size_t pod = cluster.place(trace.tasks[0], {0, 0b10});
  cluster.move({pod, {1, 0b01}});
  EXPECT_EQ(cluster.nodes()[0], empty.nodes()[0]);
  EXPECT_EQ(cluster.nodes()[1].gpu_milli[0], 400);
  EXPECT_EQ(cluster.nodes()[1].cpu_milli, 3000);
  EXPECT_THAT(cluster.pods_on(0), ElementsAre());
  EXPECT_THAT(cluster.pods_on(1), ElementsAre(pod));
  EXPECT_EQ(cluster.used_milli(), 600);
}

// Four GPUs; pods of one GPU each, so the points are 25, 50, 75, 100, 125.
TEST(Run, MeansTheAllocationOfEachLoadPoint) {
  const NodeList nodes = nodes_of("a,9000,100,4,A\n");
  const Trace trace = trace_of("1,1,1,1000,\n1,1,0,0,\n", nodes);
  Cluster cluster(nodes, {0});
  Scripted policy;
  policy.answer = first_fit;
  const Outcome outcome = run(trace, {0, 1, 1, 0, 0, 0, 0}, cluster, policy);
  EXPECT_EQ(outcome.allocation[25], 25);
  EXPECT_EQ(outcome.allocation[50], 50);
  EXPECT_EQ(outcome.allocation[100], 100);
  EXPECT_EQ(outcome.allocation[125], 100) << "the fifth finds no GPU";
  EXPECT_EQ(outcome.allocation[24], 25) << "a point without events asks its neighbours";
  EXPECT_FALSE(outcome.allocation[23]);
  EXPECT_EQ(outcome.placed, 6);
  EXPECT_EQ(outcome.unallocated_at_full(), 0);
  EXPECT_EQ(outcome.groups_at_full[2].arrived, 4);
  EXPECT_EQ(outcome.groups_at_full[2].rejected, 0) << "the fifth came after 100 %";
  EXPECT_EQ(outcome.violations, 0);
  EXPECT_THAT(policy.told, ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(Run, MeansOverEventsOfOnePointWithOrWithoutPlacement) {
  const NodeList nodes = nodes_of("a,1000,100,4,A\n");
  const Trace trace = trace_of("1000,1,1,1000,\n", nodes);  // the CPU is for one
  Cluster cluster(nodes, {0});
  Scripted policy;
  policy.answer = first_fit;
  const Outcome outcome = run(trace, {0, 0, 0, 0}, cluster, policy);
  EXPECT_EQ(outcome.allocation[100], 25);
  EXPECT_EQ(outcome.groups_at_full[2].rejected, 3);
  EXPECT_EQ(outcome.groups_at_full[2].rejected_percent(), 75);
}

TEST(Run, CountsARefusalOfATaskThatFits) {
  const NodeList nodes = nodes_of("a,4000,100,1,A\n");
  const Trace trace = trace_of("1000,10,1,1000,\n9000,10,1,1000,\n", nodes);
  Cluster cluster(nodes, {0});
  Scripted policy;
  policy.answer = [](const Cluster&, const Task&) { return std::nullopt; };
  const Outcome outcome = run(trace, {0, 1, 0}, cluster, policy);
  EXPECT_EQ(outcome.violations, 2) << "the second fits nowhere";
  EXPECT_EQ(outcome.placed, 0);
}

// Node a has two GPUs, b one. A half on each node; a pod of two whole GPUs fits after one move.
TEST(Run, LetsAPolicyMovePodsForATaskThatFails) {
  const NodeList nodes = nodes_of("a,9000,100,2,A\nb,9000,100,1,A\n");
  const Trace trace = trace_of("1,1,1,500,\n1,1,2,1000,\n", nodes);
  const auto script = [](Scripted& policy, std::vector<std::int64_t>& allowed) {
    policy.answer = [](const Cluster& cluster, const Task& task) {
      // The first half on a, the second on b.
      if (task.gpus == 1) return std::optional(Choice{cluster.pods().size(), 1});
      return first_fit(cluster, task);
    };
    policy.moves = [&allowed](const Cluster&, const Task* failed, std::int64_t limit) {
      allowed.push_back(limit);
      EXPECT_EQ(failed->gpus, 2);
      return std::vector<Move>{{0, {1, 1}}};
    };
  };
  std::vector<std::int64_t> allowed;
  Scripted policy;
  script(policy, allowed);
  Cluster cluster(nodes, {0, 1});
  const Outcome moved = run(trace, {0, 0, 1}, cluster, policy, {.moves_per_mille = 500});
  EXPECT_EQ(moved.placed, 3);
  EXPECT_EQ(moved.moves, 1);
  EXPECT_THAT(allowed, ElementsAre(1)) << "half of two pods";
  EXPECT_EQ(cluster.used_milli(), 3000);
  EXPECT_THAT(policy.told, ElementsAre(0, 1, 0, 1, 0)) << "both ends of the move";

  allowed.clear();
  Scripted still;
  script(still, allowed);
  Cluster other(nodes, {0, 1});
  const Outcome refused = run(trace, {0, 0, 1}, other, still, {.moves_per_mille = 499});
  EXPECT_EQ(refused.placed, 2);
  EXPECT_EQ(refused.moves, 0);
  EXPECT_THAT(allowed, ElementsAre()) << "not asked when nothing is allowed";
  EXPECT_EQ(refused.violations, 0);
}

TEST(Run, AsksForMovesAtTicks) {
  const NodeList nodes = nodes_of("a,9000,100,2,A\n");
  const Trace trace = trace_of("1,1,1,100,\n", nodes);
  Cluster cluster(nodes, {0});
  Scripted policy;
  policy.answer = first_fit;
  std::vector<std::int64_t> allowed;
  policy.moves = [&](const Cluster& now, const Task* failed, std::int64_t limit) {
    EXPECT_EQ(failed, nullptr);
    allowed.push_back(limit);
    const GpuMask other = now.pods()[0].at.gpus ^ 0b11;
    return std::vector<Move>{{0, {0, other}}};
  };
  const Outcome outcome = run(trace, {0, 0, 0, 0, 0, 0, 0}, cluster, policy,
                              {.moves_per_mille = 1000, .tick_arrivals = 2});
  EXPECT_THAT(allowed, ElementsAre(2, 3, 4)) << "pods placed less moves made";
  EXPECT_EQ(outcome.moves, 3);
  EXPECT_EQ(cluster.used_milli(), 700);
}

TEST(Run, StopsAPolicyThatMovesMoreThanItMay) {
  const NodeList nodes = nodes_of("a,9000,100,2,A\n");
  const Trace trace = trace_of("1,1,1,100,\n", nodes);
  Cluster cluster(nodes, {0});
  Scripted policy;
  policy.answer = first_fit;
  policy.moves = [](const Cluster&, const Task*, std::int64_t) {
    return std::vector<Move>{{0, {0, 0b10}}, {0, {0, 0b01}}};
  };
  EXPECT_DEATH(run(trace, {0}, cluster, policy, {.moves_per_mille = 1000, .tick_arrivals = 1}),
               "no more moves");
}

TEST(Readers, NameFileLineAndWhatWasExpected) {
  const NodeList nodes = nodes_of("a,1,1,1,A\n");
  const auto task_error = [&](const std::string& row) {
    const auto trace =
        read_tasks("cpu_milli,memory_mib,num_gpu,gpu_milli\n" + row, "pods.csv", nodes);
    return trace ? std::string("no error") : trace.error().message();
  };
  EXPECT_THAT(task_error("1,1,1,0\n"), HasSubstr("pods.csv:2"));
  EXPECT_THAT(task_error("1,1,2,500\n"), HasSubstr("1000 for several GPUs"));
  EXPECT_THAT(task_error("1,1,9,1000\n"), HasSubstr("expected 0 to 8"));
  EXPECT_THAT(task_error("1,1,1,1001\n"), HasSubstr("expected 0 to 1000"));
  const auto numbers = read_numbers("0\n0007\n8\n", "order.txt", 8);
  ASSERT_FALSE(numbers);
  EXPECT_THAT(numbers.error().message(),
              HasSubstr("order.txt:3: \"8\"; expected a number below 8"));
  EXPECT_FALSE(read_numbers("1 \n", "order.txt", 8));
  EXPECT_FALSE(read_numbers("-1\n", "order.txt", 8));
  EXPECT_FALSE(read_nodes("sn,cpu_milli,memory_mib,gpu,model\na,1,1,1,A\na,1,1,1,A\n", "n.csv"));
}

TEST(Readers, NumberEqualTasksAlike) {
  const NodeList nodes = nodes_of("a,1,1,1,A\n");
  const Trace trace =
      trace_of("1,1,1,500,\n1,2,1,500,\n1,1,1,500,||\n1,1,1,500,A\n1,2,1,500,\n", nodes);
  std::vector<std::size_t> kinds;
  for (const Task& task : trace.tasks) kinds.push_back(task.kind);
  EXPECT_THAT(kinds, ElementsAre(0, 1, 0, 2, 1));
  EXPECT_EQ(trace.kinds, 3U);
}

}  // namespace
}  // namespace kerf::fgd
