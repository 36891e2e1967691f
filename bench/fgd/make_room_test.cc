// Kerf's moves in FGD's experiment: which pods make room for a task that fits nowhere.
#include "fgd/make_room.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/prng.h"
#include "fgd/fgd_testing.h"
#include "fgd/kerf_policy.h"

namespace kerf::fgd {
namespace {

/// A cluster in which tasks of the trace were put by hand.
struct Scene {
  NodeList nodes;
  Trace trace;
  Cluster cluster;
  std::unique_ptr<Policy> policy;

  Scene(const std::string& node_rows, const std::string& task_rows)
      : nodes(nodes_of(node_rows)),
        trace(trace_of(task_rows, nodes)),
        cluster(nodes, ranks(nodes)),
        policy(make_kerf(trace, nodes)) {}

  static std::vector<std::size_t> ranks(const NodeList& nodes) {
    std::vector<std::size_t> ranks;
    for (std::size_t i = 0; i < nodes.nodes.size(); ++i) ranks.push_back(i);
    return ranks;
  }
  std::size_t put(std::size_t task, std::size_t node, GpuMask gpus) {
    return cluster.place(trace.tasks[task], {node, gpus});
  }
  /// The moves for a task that fits nowhere, done; empty if it does not fit afterwards.
  std::vector<Move> make_room_for(std::size_t task, std::int64_t allowed) {
    EXPECT_FALSE(policy->choose(cluster, trace.tasks[task]).has_value());
    std::vector<Move> moves = policy->moves_for(cluster, &trace.tasks[task], allowed);
    for (const Move& move : moves) cluster.move(move);
    EXPECT_EQ(cluster.fits_somewhere(trace.tasks[task]), !moves.empty());
    return moves;
  }
};

const std::string kTasks =
    "1000,1000,1,500,\n1000,1000,1,1000,\n1000,1000,2,1000,\n1000,1000,1,400,\n";

TEST(MakeRoom, APodMayGoToAnotherGpuOfItsNode) {
  Scene scene("a,8000,8000,2,T4\n", kTasks);
  scene.put(0, 0, 1);
  scene.put(0, 0, 2);
  EXPECT_EQ(scene.make_room_for(1, 1).size(), 1U);
}

TEST(MakeRoom, TheSmallestPodInTheWayGoesElsewhere) {
  Scene scene("a,8000,8000,1,T4\nb,8000,8000,1,T4\nc,8000,8000,1,T4\n", kTasks);
  scene.put(0, 0, 1);
  const std::size_t small = scene.put(3, 1, 1);
  scene.put(0, 2, 1);
  const std::vector<Move> moves = scene.make_room_for(1, 1);
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].pod, small);
}

TEST(MakeRoom, TwoPodsMoveWhereOneIsNotEnough) {
  const std::string nodes = "a,8000,8000,2,T4\nb,8000,8000,1,T4\nc,8000,8000,1,T4\n";
  const auto filled = [&](std::int64_t allowed) {
    Scene scene(nodes, kTasks);
    for (const GpuMask gpu : {1U, 2U}) scene.put(0, 0, gpu);
    scene.put(0, 1, 1);
    scene.put(0, 2, 1);
    return scene.make_room_for(2, allowed).size();
  };
  EXPECT_EQ(filled(2), 2U);
  EXPECT_EQ(filled(1), 0U) << "no more than are allowed";
}

TEST(MakeRoom, NobodyMovesWhereItDoesNotHelp) {
  Scene scene("a,8000,8000,1,T4\nb,8000,8000,1,T4\n", kTasks);
  scene.put(1, 0, 1);
  scene.put(0, 1, 1);
  EXPECT_TRUE(scene.make_room_for(1, 2).empty());
}

TEST(MakeRoom, MovesStayWithinWhatIsAllowedInRandomRuns) {
  std::int64_t moves = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Prng prng(seed);
    std::string tasks;
    for (int t = 0; t < 12; ++t) {
      const std::uint64_t gpus = prng.below(4) == 0 ? 2 : 1;
      const std::uint64_t milli =
          gpus == 2 || prng.below(3) == 0 ? 1000 : 100 + prng.below(8) * 100;
      tasks += std::to_string(500 + prng.below(4) * 500) + ",1000," + std::to_string(gpus) + "," +
               std::to_string(milli) + ",\n";
    }
    Scene scene("a,16000,90000,4,T4\nb,16000,90000,4,T4\nc,16000,90000,2,T4\nd,9000,90000,2,T4\n",
                tasks);
    std::vector<std::size_t> arrivals;
    for (int i = 0; i < 60; ++i) arrivals.push_back(prng.below(12));
    const RunOptions options{.moves_per_mille = 200};
    const Outcome with = run(scene.trace, arrivals, scene.cluster, *scene.policy, options);
    EXPECT_EQ(with.violations, 0) << seed;
    EXPECT_LE(with.moves * 1000, with.placed * options.moves_per_mille) << seed;
    moves += with.moves;
  }
  EXPECT_GT(moves, 10);
}

}  // namespace
}  // namespace kerf::fgd
