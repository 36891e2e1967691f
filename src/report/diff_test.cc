// Two plans compared: through the document, as `kerf diff` reads it.
#include "report/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/json.h"
#include "report/lines_testing.h"
#include "report/plan_json.h"
#include "report/report_testing.h"

namespace kerf::report {
namespace {

using testing::Example;
using testing::expect_tame;
using ::testing::HasSubstr;
using testing::joined;
using ::testing::Not;
using testing::small;

codec::PlanFile written(const Example& e, const std::string& file) {
  const std::string text =
      codec::write_json(plan_json(e.plan, e.demand, e.market, e.policy, "CLP"));
  auto read = codec::read_plan_file(text, file);
  EXPECT_TRUE(read.has_value()) << read.error().message();
  return *std::move(read);
}

PlanDiff diff(const Example& a, const Example& b) {
  return diff_of(written(a, "a.json"), written(b, "b.json"));
}

/// The small plan with its pods on other nodes: two slices on one p4d, a pod on a T4, one nowhere.
Example other() {
  Example e;
  e.workload("embed", 3, "nvidia.com/mig-1g.5gb");
  e.workload("train", 1, "nvidia.com/gpu", cluster::GpuRequestKind::Whole);
  e.node("p4d.24xlarge", {20'000'000});
  const gpu::Form one = e.slice_form("A100-40", "1g.5gb");
  e.seat(0, 0, one, 0, {10'000'000});
  e.seat(1, 0, one, 1, {10'000'000});
  e.node("g4dn.xlarge", {526'000});
  e.seat(3, 0, gpu::Form{}, 0, {526'000});
  e.plan.unplaced.push_back({2, {plan::ReasonCode::LimitGpus, {"9"}}});
  e.plan.bound = {{19'000'000}, "exact", false, {}, 0};
  e.baseline("whole-gpu", {30'000'000}, 2, {2});
  e.policy.limit_gpus = 9;
  return e;
}

TEST(Diff, APlanIsTheSameAsItself) {
  const codec::PlanFile one = written(small(), "a.json");
  EXPECT_TRUE(diff_of(one, one).same());
  const PlanDiff found = diff(small(), small());
  EXPECT_TRUE(found.same());
  EXPECT_THAT(diff_table(found, {}), HasSubstr("Both plans are the same"));
}

TEST(Diff, TwoPlansReadLikeThis) {
  EXPECT_EQ("\n" + diff_table(diff(small(), other()), {}), R"(
a.json -> b.json

                     before     after   change
  an hour          $22.40/h  $20.53/h   -$1.87  -8.4 %
  a month           $16,352   $14,984  -$1,368  -8.4 %
  proven least     $20.00/h  $19.00/h   -$1.00  -5.0 %
  whole-gpu        $30.00/h  $30.00/h     same
  static-mig       $25.00/h         -
  nodes                   1         2       +1
  pods not placed         0         1       +1

The plans were not made from the same input, so not all of the change is the plan's:
  policy: none; buys on-demand -> none; buys on-demand; at most 9 GPUs

Nodes
   =  p4d.24xlarge  on-demand  1 -> 1  -$2.40/h
  +1  g4dn.xlarge   on-demand  0 -> 1  +$0.53/h

Workloads
  team/train                                        $18.20/h -> $0.53/h  -$17.67
    whole A100-40 -> whole T4
  team/embed                                        $4.20/h -> $20.00/h  +$15.80
    3 on 1g.5gb A100-40 -> 2 on 1g.5gb A100-40 (2 of 3 placed)

Pods
  team/embed-2: no longer placed: The policy's limit of 9 GPUs is reached by pods of higher
    priority or lower cost. Raise spec.limits.gpus of the policy, or ask for less.
)");
}

TEST(Diff, CostsOfOneInputAreComparable) {
  Example cheaper = small();
  cheaper.plan.bill = {20'000'000};
  cheaper.plan.nodes[0].price = {20'000'000};
  const PlanDiff found = diff(small(), cheaper);
  EXPECT_TRUE(found.inputs.empty());
  const std::string text = joined(diff_table(found, {}));
  EXPECT_THAT(text, HasSubstr("an hour $22.40/h $20.00/h -$2.40 -10.7 %"));
  EXPECT_THAT(text, HasSubstr("Both are for the same pods, prices and policy."));
  EXPECT_THAT(text, Not(HasSubstr("Workloads")));
}

TEST(Diff, SaysWhatThePlansWereMadeFrom) {
  const auto changed = [](const auto& change) {
    Example e = small();
    change(e);
    return joined(diff_table(diff(small(), e), {}));
  };
  EXPECT_THAT(changed([](Example& e) { e.market.price_date = "2027-01-01"; }),
              HasSubstr("2027-01-01"));
  EXPECT_THAT(changed([](Example& e) { e.market.region = "eu-west-1"; }),
              HasSubstr("region: us-east-1 -> eu-west-1"));
  EXPECT_THAT(changed([](Example& e) { e.policy.name = "ml"; }), HasSubstr("policy: none;"));
  EXPECT_THAT(changed([](Example& e) { e.demand.workloads[0].asks = "nvidia.com/gpu"; }),
              HasSubstr("1 with other pods or requests"));
  EXPECT_THAT(changed([](Example& e) { e.demand.workloads[0].name = "search"; }),
              HasSubstr("workloads: 1 that the other has not -> 1 that the other has not"));
}

TEST(Diff, EveryFateOfAPodIsTold) {
  Example a = small(), b = small();
  const plan::Reason limit{plan::ReasonCode::LimitGpus, {"9"}};
  const plan::Reason zone{plan::ReasonCode::NoZone, {"volumes"}};
  for (Example* e : {&a, &b}) {
    e->plan.placements.clear();
    e->plan.nodes[0].pods.clear();
    for (plan::GpuPlan& gpu : e->plan.nodes[0].gpus) gpu.slices.clear();
  }
  a.plan.unplaced = {{0, limit}, {1, limit}, {2, limit}};
  a.plan.placements.push_back(
      {3, 0, gpu::Form{}, {}, {}, {plan::ReasonCode::OnlyForm, {"x", "y"}}});
  b.plan.unplaced = {{0, limit}, {1, zone}, {3, zone}};
  b.plan.placements.push_back(
      {2, 0, gpu::Form{}, {}, {}, {plan::ReasonCode::OnlyForm, {"x", "y"}}});
  const PlanDiff found = diff(a, b);
  ASSERT_EQ(found.pods.size(), 3U);
  EXPECT_EQ(found.pods[0].kind, PodChangeKind::Unplaced);
  EXPECT_EQ(found.pods[0].name, "train-0");
  EXPECT_EQ(found.pods[1].kind, PodChangeKind::Placed);
  EXPECT_EQ(found.pods[1].name, "embed-2");
  EXPECT_EQ(found.pods[2].kind, PodChangeKind::OtherReason);
  EXPECT_EQ(found.pods[2].name, "embed-1");
  Example fewer = b;
  fewer.plan.unplaced.resize(1);
  EXPECT_EQ(diff(b, fewer).pods.at(0).kind, PodChangeKind::GoneUnplaced);
  EXPECT_EQ(diff(fewer, b).pods.at(0).kind, PodChangeKind::NewUnplaced);
}

TEST(Diff, ThereAndBackIsNothing) {
  const PlanDiff there = diff(small(), other()), back = diff(other(), small());
  ASSERT_EQ(there.amounts.size(), back.amounts.size() + 0);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(there.amounts[i].before, back.amounts[i].after);
    EXPECT_EQ(there.amounts[i].after, back.amounts[i].before);
  }
  ASSERT_EQ(there.nodes.size(), back.nodes.size());
  std::int64_t sum = 0, change = there.amounts[0].after->micro - there.amounts[0].before->micro;
  for (const NodeChange& one : there.nodes) sum += one.hour_after.micro - one.hour_before.micro;
  EXPECT_EQ(sum, change);
}

TEST(Diff, NoNameBreaksALineOrATerminal) {
  for (const std::string& name :
       {std::string(253, 'x'), std::string("a\x1b[31mred\x07"), std::string("\u4e2d\n\t")}) {
    codec::PlanFile a = written(small(), name), b = written(other(), name);
    for (codec::PlanFile* file : {&a, &b}) {
      file->region = name + (file == &a ? "1" : "2");
      for (auto& workload : file->workloads) workload.name = workload.ns = name;
      for (auto& node : file->nodes) node.type += name;
      for (auto& pod : file->placements) pod.why = pod.placed ? "" : name;
    }
    const PlanDiff found = diff_of(a, b);
    for (const bool unicode : {true, false})
      expect_tame(diff_table(found, {false, unicode, true}), !unicode);
    EXPECT_FALSE(codec::write_json(diff_json(found)).empty());
  }
}

TEST(Diff, SignsAreWritten) {
  EXPECT_EQ(signed_usd({1'200'000}), "+$1.20");
  EXPECT_EQ(signed_usd({-350'000}), "-$0.35");
  EXPECT_EQ(signed_usd({0}), "$0.00");
  EXPECT_EQ(signed_usd({1}), "$0.00");
  EXPECT_EQ(signed_usd({-1}), "$0.00");
}

}  // namespace
}  // namespace kerf::report
