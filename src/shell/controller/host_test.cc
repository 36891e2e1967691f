// Parts of the host: waits by name, a clock that does not go back, bounds, searches.
#include "shell/controller/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "codec/catalogue.h"
#include "codec/json.h"
#include "shell/controller/bound.h"
#include "shell/controller/hands_testing.h"
#include "shell/controller/solvers.h"
#include "shell/controller/wall_clock.h"

namespace kerf::shell {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Waits, AreSetByName) {
  ControllerOptions options;
  ASSERT_TRUE(set_wait(options, "node-deadline", 30'000));
  EXPECT_EQ(options.mind.node_deadline_ms, 30'000);
  ASSERT_TRUE(set_wait(options, "scrape-every", 2'000));
  EXPECT_EQ(options.prices.every_ms, 2'000);
  ASSERT_TRUE(set_wait(options, "lease-duration", 5'000));
  EXPECT_EQ(options.election.duration_ms, 5'000);
  EXPECT_LT(options.election.renew_deadline_ms, options.election.duration_ms);
  EXPECT_LT(options.election.retry_ms * 2, options.election.renew_deadline_ms);
  const auto unknown = set_wait(options, "node-deadlin", 1);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("there are batch-idle, batch-max"));
}

TEST(Waits, AllThatAreNamedCanBeSet) {
  for (const std::string& name : wait_names()) {
    ControllerOptions options;
    EXPECT_TRUE(set_wait(options, name, 1'234)) << name;
  }
}

TEST(WallClock, StandsStillUntilTheSystemHasCaughtUp) {
  WallClock clock;
  EXPECT_EQ(clock.at(1'000'000), 1'000'000);
  EXPECT_EQ(clock.at(990'000), 1'000'000) << "set back by ten seconds";
  EXPECT_EQ(clock.at(999'999), 1'000'000);
  EXPECT_EQ(clock.at(1'000'001), 1'000'001);
}

TEST(WallClock, GoesOnWhereTheSystemIsSetBackByLong) {
  WallClock clock;
  EXPECT_EQ(clock.at(10'000'000), 10'000'000);
  EXPECT_EQ(clock.at(1'000'000), 10'000'000);
  EXPECT_EQ(clock.at(1'000'500), 10'000'500);
  EXPECT_EQ(clock.at(500'000), 10'000'500) << "set back again";
  EXPECT_EQ(clock.at(500'250), 10'000'750);
  EXPECT_EQ(clock.at(20'000'000), 20'000'000) << "and right at last";
  EXPECT_EQ(clock.at(20'000'001), 20'000'001);
}

/// `pods` pods that ask for a slice each, and everything of the shipped table to buy.
std::shared_ptr<controller::Problem> problem(int pods) {
  auto problem = std::make_shared<controller::Problem>();
  problem->search = controller::Search::Compare;
  problem->market = std::make_shared<const market::Market>(*codec::builtin_market("us-east-1"));
  cluster::PodShape shape;
  shape.requests = {1000, 4096, 0, 1};
  cluster::GpuRequest request;
  request.kind = cluster::GpuRequestKind::Slice;
  request.profile = "1g.10gb";
  shape.gpu = {request};
  for (int i = 0; i < pods; ++i) {
    cluster::Pod pod;
    pod.name = "p" + std::to_string(i);
    pod.shape = problem->pending.intern(shape);
    problem->pending.pods.push_back(pod);
  }
  problem->pending.workloads.push_back({});
  return problem;
}

controller::Solution answer(const controller::Problem& question) {
  online::SliceTables tables;
  return controller::solve(question, tables);
}

TEST(Bound, IsNoMoreThanWhatIsFound) {
  const auto question = problem(10);
  const controller::Solution found = answer(*question);
  ASSERT_THAT(found.all.unplaced, IsEmpty());
  const controller::Bounded bounded = bound_of(*question, found, 7, 200);
  EXPECT_EQ(bounded.effect, 7U);
  ASSERT_TRUE(bounded.bound.has_value());
  ASSERT_TRUE(bounded.whole_gpus.has_value());
  EXPECT_GT(bounded.bound->micro, 0);
  EXPECT_LE(bounded.bound->micro, found.all.bill.micro);
  // Ten T4 are cheaper than slices of two H100, and nobody hides that.
  EXPECT_LT(*bounded.whole_gpus, found.all.bill);
}

TEST(Bound, LeavesOutThePodsThatNobodyServes) {
  const auto question = problem(3);
  cluster::PodShape huge = question->pending.shapes[0];
  huge.requests.cpu_milli = 100'000'000;
  cluster::Pod pod;
  pod.name = "huge";
  pod.shape = question->pending.intern(huge);
  question->pending.pods.push_back(pod);
  const controller::Solution found = answer(*question);
  ASSERT_THAT(found.all.unplaced, SizeIs(1));
  const controller::Bounded bounded = bound_of(*question, found, 1, 200);
  ASSERT_TRUE(bounded.bound.has_value());
  EXPECT_LE(bounded.bound->micro, found.all.bill.micro);
  EXPECT_GT(bounded.bound->micro, 0);
}

TEST(Bound, IsLeftOutWhereItWouldTakeMinutes) {
  const auto question = problem(1);
  EXPECT_FALSE(bound_of(*question, answer(*question), 1, 0).bound.has_value());
}

TEST(Solvers, AnswerEachQuestionAndBoundTheLastComparison) {
  runtime::Loop loop;
  std::vector<controller::EffectId> solved;
  std::vector<controller::EffectId> bounded;
  Solvers solvers(loop, 200, [&](controller::Event event) {
    if (const auto* one = std::get_if<controller::Solved>(&event)) solved.push_back(one->effect);
    if (const auto* one = std::get_if<controller::Bounded>(&event)) bounded.push_back(one->effect);
    if (!bounded.empty() && bounded.back() == 4) loop.quit();
  });
  auto place = problem(1);
  place->search = controller::Search::Consolidate;
  ASSERT_TRUE(loop.post([&] {
    solvers.solve(1, problem(2));
    solvers.solve(2, place);
    solvers.solve(3, problem(3));
    solvers.solve(4, problem(4));
  }));
  loop.run();
  EXPECT_THAT(solved, testing::UnorderedElementsAre(1, 2, 3, 4));
  EXPECT_EQ(std::count(bounded.begin(), bounded.end(), 2), 0) << "no comparison";
  EXPECT_TRUE(solvers.stop());
}

}  // namespace
}  // namespace kerf::shell
