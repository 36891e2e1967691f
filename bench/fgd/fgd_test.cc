// Tests of FGD: its loss, its score, its typical tasks, and its published curves.
#include "fgd/fgd.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fgd/experiment.h"
#include "fgd/fgd_testing.h"

namespace kerf::fgd {
namespace {

NodeState node(std::int64_t cpu, std::vector<std::int32_t> left, Models model = 1) {
  NodeState out;
  out.cpu_milli = cpu;
  out.memory_mib = 1 << 20;
  out.gpus = static_cast<int>(left.size());
  std::copy(left.begin(), left.end(), out.gpu_milli.begin());
  out.model = model;
  return out;
}

TypicalTask typical(std::int64_t cpu, int gpus, std::int32_t milli, double share,
                    Models models = 0) {
  return {cpu, milli, gpus, "", models, share};
}

// One node with 300, 1000 and 700 left of its three GPUs, 2000 in all, 8 CPUs.
TEST(Loss, IsWhatATaskCannotUse) {
  struct {
    const char* what;
    TypicalTask task;
    double lost;
  } const cases[] = {
      {"a fraction loses the GPUs with less left than it asks", typical(1000, 1, 500, 1), 300},
      {"what is just enough is usable", typical(1000, 1, 700, 1), 300},
      {"a whole GPU uses only the free one", typical(1000, 1, 1000, 1), 1000},
      {"two whole GPUs do not fit, so all is lost", typical(1000, 2, 1000, 1), 2000},
      {"without CPU all is lost", typical(9000, 1, 500, 1), 2000},
      {"a CPU-only task uses no GPU, so all is lost", typical(1000, 0, 0, 1), 2000},
      {"and also where it does not fit", typical(9000, 0, 0, 1), 2000},
      {"another model is out of reach", typical(1000, 1, 500, 1, 2), 2000},
      {"one of several models suffices", typical(1000, 1, 500, 1, 3), 300},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(expected_loss(node(8000, {300, 1000, 700}), {c.task}), c.lost) << c.what;
  }
}

TEST(Loss, IsTheMeanOverTypicalTasks) {
  // 1/4 x 300 + 3/4 x 2000.
  EXPECT_EQ(expected_loss(node(8000, {300, 1000, 700}),
                          {typical(1000, 1, 500, 0.25), typical(1000, 0, 0, 0.75)}),
            1575);
}

TEST(Score, IsAnIntegerOfTheSigmoidOfTheDrop) {
  EXPECT_EQ(score_of(0), 50);
  EXPECT_EQ(score_of(1000), 73);   // 1 / (1 + 1/e) = 0.7311
  EXPECT_EQ(score_of(-1000), 26);  // 0.2689
  EXPECT_EQ(score_of(-1e-6), 49);  // cut, not rounded
  EXPECT_EQ(score_of(8000), 99);
  EXPECT_EQ(score_of(-8000), 0);
}

TEST(TypicalTasks, AreTheMostFrequentUpToNinetyFivePercent) {
  std::string rows;
  for (int i = 0; i < 9; ++i) rows += fmt::format("1000,{},1,500,\n", i);  // memory is no matter
  for (int i = 0; i < 9; ++i) rows += "2000,0,1,1000,A\n";
  rows += "3000,0,0,0,\n";  // 19 of 20 with this one: 95 %
  rows += "1000,0,8,1000,\n";
  const auto typical = typical_tasks(trace_of(rows, nodes_of("n,1,1,1,A\n")));
  ASSERT_EQ(typical.size(), 3U);
  EXPECT_EQ(typical[0].cpu_milli, 2000);  // equal counts: the larger CPU first
  EXPECT_EQ(typical[0].models, Models{1});
  EXPECT_EQ(typical[1].cpu_milli, 1000);
  EXPECT_EQ(typical[2].gpus, 0);
  EXPECT_DOUBLE_EQ(typical[0].share, 9.0 / 19);
  EXPECT_DOUBLE_EQ(typical[2].share, 1.0 / 19);
}

// Typical are halves, and 400 milli now and then. A GPU with 400 taken has 600 left: all usable to
// both. After a half on it 100 are left, which nobody can use: score 47 instead of 50.
struct Halves {
  NodeList nodes = nodes_of("a,9000,9,2,A\nb,9000,9,2,A\n");
  Trace trace = trace_of("1000,0,1,400,\n1000,0,1,500,\n1000,0,1,500,\n1000,0,1,500,\n", nodes);
  Cluster cluster{nodes, {1, 0}};
  const Task& small = trace.tasks[0];
  const Task& half = trace.tasks[1];

  Choice next() {
    const auto choice = make_fgd(trace)->choose(cluster, half);
    EXPECT_TRUE(choice);
    return *choice;
  }
};

TEST(Policy, BreaksTiesByRankThenByTheFirstGpu) {
  Halves halves;
  EXPECT_EQ(halves.next().node, 1U);
  EXPECT_EQ(halves.next().gpus, 0b01U);
  halves.cluster.place(halves.half, {1, 0b10});  // a free GPU and half a GPU score the same
  EXPECT_EQ(halves.next().node, 1U);
  EXPECT_EQ(halves.next().gpus, 0b01U);
}

TEST(Policy, TakesTheGpuWhereTheLossGrowsLeast) {
  Halves halves;
  halves.cluster.place(halves.small, {1, 0b01});
  EXPECT_EQ(halves.next().node, 1U);
  EXPECT_EQ(halves.next().gpus, 0b10U);
}

TEST(Policy, TakesTheNodeWhereTheLossGrowsLeastWhateverItsRank) {
  Halves halves;
  halves.cluster.place(halves.small, {1, 0b01});
  halves.cluster.place(halves.small, {1, 0b10});
  EXPECT_EQ(halves.next().node, 0U);
}

TEST(Policy, TakesTheFirstFreeGpusForWholeOnes) {
  const NodeList nodes = nodes_of("a,9000,9,4,A\n");
  const Trace trace = trace_of("1000,0,1,300,\n1000,0,2,1000,\n", nodes);
  Cluster cluster(nodes, {0});
  cluster.place(trace.tasks[0], {0, 0b0010});
  const auto choice = make_fgd(trace)->choose(cluster, trace.tasks[1]);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->gpus, 0b0101U);
}

TEST(Policy, FindsNothingWhereNothingFits) {
  const NodeList nodes = nodes_of("a,9000,9,1,A\n");
  const Trace trace = trace_of("1000,0,2,1000,\n", nodes);
  const Cluster cluster(nodes, {0});
  EXPECT_FALSE(make_fgd(trace)->choose(cluster, trace.tasks[0]));
}

// The same decisions as by scoring every node anew each time.
class Anew final : public Policy {
 public:
  explicit Anew(const Trace& trace) : trace_(trace) {}
  std::optional<Choice> choose(const Cluster& cluster, const Task& task) override {
    return make_fgd(trace_)->choose(cluster, task);
  }

 private:
  const Trace& trace_;
};

std::string data() { return KERF_SHARED_DIR "/data"; }

TEST(Policy, DecidesFromItsCachesAsItWouldAnew) {
  if (!is_present(data())) GTEST_SKIP() << "no traces of FGD's experiment in " << data();
  auto experiment = read_experiment(data(), "gpuspec10", 44);
  ASSERT_TRUE(experiment) << experiment.error().message();
  // A cluster small enough to be full soon.
  NodeList& nodes = experiment->nodes;
  nodes.nodes.resize(60);
  nodes.gpus = 0;
  std::vector<std::size_t> ranks;
  for (const NodeSpec& spec : nodes.nodes) {
    nodes.gpus += spec.gpus;
    ranks.push_back(ranks.size());
  }
  experiment->arrivals.resize(250);
  Cluster cached(nodes, ranks);
  Cluster anew(nodes, ranks);
  const auto policy = make_fgd(experiment->trace);
  Anew slow(experiment->trace);
  run(experiment->trace, experiment->arrivals, cached, *policy);
  run(experiment->trace, experiment->arrivals, anew, slow);
  EXPECT_EQ(cached.nodes(), anew.nodes());
  EXPECT_LT(cached.pods().size(), experiment->arrivals.size()) << "some are refused";
}

class Golden : public testing::TestWithParam<std::tuple<std::string, int>> {};

// The published figures are means of figures rounded to 0.01 points, so 0.01 is what can be asked.
TEST_P(Golden, FgdReproducesItsPublishedCurveAtEveryLoad) {
  if (!is_present(data())) GTEST_SKIP() << "no traces of FGD's experiment in " << data();
  const auto [trace, seed] = GetParam();
  const auto experiment = read_experiment(data(), trace, seed);
  ASSERT_TRUE(experiment) << experiment.error().message();
  Cluster cluster(experiment->nodes, experiment->ranks);
  const auto policy = make_fgd(experiment->trace);
  const Outcome outcome = run(experiment->trace, experiment->arrivals, cluster, *policy);
  EXPECT_LE(worst_deviation(outcome, experiment->published), 0.01);
  EXPECT_EQ(outcome.violations, 0);
  EXPECT_EQ(outcome.moves, 0);
  EXPECT_EQ(outcome.arrived, static_cast<std::int64_t>(experiment->arrivals.size()));
}

INSTANTIATE_TEST_SUITE_P(
    Traces, Golden,
    testing::Combine(testing::ValuesIn(std::vector<std::string>(kTraces.begin(), kTraces.end())),
                     testing::Values(42, 46)),
    [](const auto& param) {
      return fmt::format("{}_{}", std::get<0>(param.param), std::get<1>(param.param));
    });

}  // namespace
}  // namespace kerf::fgd
