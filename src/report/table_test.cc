// The screen: what its headline claims; no input makes a line too long or commands a terminal.
#include "report/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "report/lines_testing.h"
#include "report/report_testing.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using testing::Example;
using testing::expect_tame;
using ::testing::HasSubstr;
using testing::joined;
using testing::lines_of;
using ::testing::Not;
using testing::reprice;
using testing::small;

std::string table(const Example& e, TableOptions options = {}) {
  return plan_table(e.plan, e.demand, e.market, e.policy, options);
}

TEST(Table, BeginsWithRegionAndPriceDate) {
  EXPECT_THAT(lines_of(table(small())).front(),
              HasSubstr("us-east-1, on-demand prices of 2026-07-20 ("));
}

TEST(Table, StatesTheSavingAndTheProof) {
  const std::string text = joined(table(small()));
  EXPECT_THAT(text, HasSubstr("This plan saves $5,548 a month (25.3 %): $16,352 instead of $21,900 "
                              "as whole GPUs."));
  EXPECT_THAT(text, HasSubstr("at most 12.0 % above the cheapest possible for these requests: "
                              "nothing serves them for less than $20.00/h."));
  EXPECT_THAT(text, Not(HasSubstr("aggregated")));
}

TEST(Table, NeverUnderstatesTheGap) {
  Example e = small();
  const std::pair<std::int64_t, const char*> cases[] = {
      {22'399'999, "at most 0.1 %"}, {22'222'222, "at most 0.9 %"}, {22'200'000, "at most 1.0 %"}};
  for (const auto& [bound, words] : cases) {
    e.plan.bound.per_hour = {bound};
    EXPECT_THAT(table(e), HasSubstr(words));
  }
}

TEST(Table, SaysWhenThePlanIsTheCheapest) {
  Example e = small();
  e.plan.bound = {e.plan.bill, "exact", true, {"zone spread"}, 0};
  const std::string text = table(e);
  EXPECT_THAT(text, HasSubstr("It is the cheapest possible for these requests."));
  EXPECT_THAT(text, Not(HasSubstr("leaves out")));
}

TEST(Table, SaysWhenNothingIsProven) {
  Example e = small();
  e.plan.bound = {{0}, "none", false, {}, 0};
  EXPECT_THAT(table(e), HasSubstr("is not known"));
}

TEST(Table, NamesWhatTheProofLeavesOut) {
  Example e = small();
  e.plan.bound.relaxed = {"zone spread", "pods that may not share a node"};
  EXPECT_THAT(joined(table(e)),
              HasSubstr("The proof leaves out zone spread; pods that may not share a node, so the "
                        "plan may well be closer."));
}

TEST(Table, SaysFirstThatSlicingCostsMore) {
  Example e = small();
  e.demand.shapes[0].gpu[0].profile = "1g.5gb";
  reprice(e.plan.baselines[0], {20'000'000});
  const std::vector<std::string> lines = lines_of(table(e));
  EXPECT_EQ(lines.at(3),
            "Slicing costs MORE than whole GPUs here: $16,352 a month instead of "
            "$14,600 (+12.0 %).");
  EXPECT_THAT(joined(table(e)), HasSubstr("Ask for memory instead (kerf.dev/gpu-5gi)"));
  reprice(e.plan.baselines[0], {2'000'000});
  EXPECT_THAT(table(e), HasSubstr("$16,352 a month instead of $1,460 (11.2 times as much)."));
}

TEST(Table, NamesTheSavingWhereTheBestOtherWayIsNoDearer) {
  Example e = small();
  e.baseline("whole-gpu-best-types", e.plan.bill, 1);
  EXPECT_THAT(
      joined(table(e)),
      HasSubstr("instead of $21,900 as whole GPUs. The cheapest other way, whole GPUs of the "
                "best types, costs the same."));
}

TEST(Table, SaysWhatIsOwnedAndWhatTheFleetIsWorthWithIt) {
  Example e = small();
  e.node("p4d.24xlarge", {0}).owned = true;
  const std::string text = table(e);
  EXPECT_THAT(text, HasSubstr("1 owned node is used, which costs nothing here. On demand it would "
                              "cost $21.96/h: with"));
  EXPECT_THAT(text, HasSubstr("Fleet: 1 node to buy and 1 owned, 16 GPUs, $22.40/h"));
  EXPECT_THAT(text, HasSubstr("  owned\n"));
  Example unused = small();
  market::Offering offering;
  offering.type = testing::type_index(unused.market, "p4d.24xlarge");
  offering.count = 1'200;
  unused.market.offerings.push_back(offering);
  EXPECT_THAT(table(unused), HasSubstr("owned: 1,200 x p4d.24xlarge\n"));
  std::erase_if(e.market.offerings, [&](const market::Offering& one) {
    return e.market.types[one.type].name == "p4d.24xlarge";
  });
  EXPECT_THAT(table(e), HasSubstr("1 of them has no price on demand."));
}

TEST(Table, SplitsTheSavingByLever) {
  Example e = small();
  EXPECT_THAT(table(e), Not(HasSubstr("Where the saving comes from")));
  e.plan.levers = {{"types", {30'000'000}, {24'000'000}, true},
                   {"slicing", {24'000'000}, {25'500'000}, true},
                   {"owned", {25'500'000}, {22'400'000}, true}};
  const std::string text = table(e);
  EXPECT_THAT(text, HasSubstr("Where the saving comes from, an hour"));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        "the right types of whole GPUs +\\$6.00/h +20.0 % +\\$24.00/h"));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        "slices where they cost less +-\\$1.50/h +-5.0 % +\\$25.50/h"));
  EXPECT_THAT(text,
              ::testing::ContainsRegex("nodes that are owned +\\$3.10/h +10.3 % +\\$22.40/h"));
  EXPECT_THAT(text, ::testing::ContainsRegex("all together +\\$7.60/h +25.3 % +\\$22.40/h"));
  EXPECT_THAT(text, HasSubstr("Slicing alone saves nothing here: these requests cost more"));
  EXPECT_THAT(text, Not(HasSubstr("other pods served")));
  e.plan.levers[1] = {"slicing", {24'000'000}, {24'000'000}, true};
  EXPECT_THAT(table(e), HasSubstr("Slicing alone saves nothing here: whole GPUs of the best types "
                                  "cost as"));
  e.plan.levers[1] = {"slicing", {24'000'000}, {25'500'000}, false};
  EXPECT_THAT(table(e), HasSubstr("other pods served"));
  EXPECT_THAT(table(e), Not(HasSubstr("Slicing alone")));
}

TEST(Table, DoesNotClaimASavingAgainstWhatCannotServeThePods) {
  Example e = small();
  e.plan.baselines[0].unplaced = {1, 2};
  const std::string text = joined(table(e));
  EXPECT_THAT(text,
              HasSubstr("As whole GPUs 2 pods cannot be served, so the costs do not compare."));
  EXPECT_THAT(text, HasSubstr("2 pods not served"));
  EXPECT_THAT(text, Not(HasSubstr("saves")));
}

TEST(Table, KeepsJobsApart) {
  Example e = small();
  e.demand.workloads[1].kind = "Job";
  e.demand.workloads[1].transient = true;
  e.demand.workloads[1].hours_per_month = 0;
  e.plan.transient_part = {18'200'000};
  e.plan.month_micro_usd = 4'200'000 * kHoursPerMonth;
  const std::string text = table(e);
  EXPECT_THAT(text, HasSubstr("+ while Jobs run"));
  EXPECT_THAT(text, HasSubstr("$4.20/h"));
  EXPECT_THAT(text, HasSubstr("$18.20/h"));
  EXPECT_THAT(
      joined(text),
      HasSubstr("the month counts the nodes that only they hold for the hours given (--hours)"));
  EXPECT_THAT(joined(text), HasSubstr("With every node kept all month this plan costs $16,352."));
  // Months that leave out different hours do not compare; the peak does.
  EXPECT_THAT(joined(text), HasSubstr("This plan saves $7.60/h at peak (25.3 %): $22.40/h instead "
                                      "of $30.00/h as whole GPUs."));
  e.demand.workloads[1].hours_per_month = 10;
  EXPECT_THAT(joined(table(e)),
              HasSubstr("At peak, while all Jobs run: $22.40/h instead of $30.00/h."));
}

TEST(Table, ComparesPeaksWhereOnlyJobsRun) {
  Example e;
  e.workload("train", 1, "nvidia.com/gpu", cluster::GpuRequestKind::Whole);
  e.demand.workloads[0].transient = true;
  e.demand.workloads[0].hours_per_month = 0;
  e.node("g6.xlarge", {800'000});
  e.seat(0, 0, gpu::Form{}, 0, {800'000});
  e.plan.transient_part = e.plan.bill;
  e.plan.month_micro_usd = 0;
  e.plan.bound = {e.plan.bill, "exact", true, {}, 0};
  e.baseline("whole-gpu", {1'000'000}, 1);
  plan::Baseline& whole = e.plan.baselines[0];
  whole.transient_part = whole.per_hour;
  whole.month_micro_usd = whole.months[0] = 0;
  EXPECT_THAT(joined(table(e)),
              HasSubstr("This plan saves $0.20/h at peak (20.0 %): $0.80/h instead of $1.00/h"));
}

TEST(Table, GroupsWhatIsNotPlacedByReason) {
  Example e = small();
  for (std::uint32_t pod : {0U, 1U, 2U})
    e.plan.unplaced.push_back({pod, {plan::ReasonCode::NoZone, {"zone spread"}}});
  e.plan.unplaced.push_back({3, {plan::ReasonCode::LimitGpus, {"8"}}});
  const std::string text = joined(table(e));
  EXPECT_THAT(text, HasSubstr("4 of 4 pods cannot be placed"));
  EXPECT_THAT(text, HasSubstr("Not placed: 4 of 4 pods"));
  EXPECT_THAT(text, HasSubstr("3 pods: No zone is left for it: zone spread."));
  EXPECT_THAT(text, HasSubstr("team/embed-0, team/embed-1, team/embed-2"));
  EXPECT_THAT(text, HasSubstr("1 pod: The policy's limit of 8 GPUs"));
}

TEST(Table, HasNothingToSayAboutNothing) {
  EXPECT_THAT(table(Example{}), HasSubstr("No pod asks for a GPU: there is nothing to buy."));
}

TEST(Table, SaysWhenNoPodCanBePlaced) {
  Example e;
  e.workload("x", 1, "nvidia.com/mig-9g.1gb");
  e.plan.unplaced.push_back({0, {plan::ReasonCode::UnknownProfile, {"nvidia.com/mig-9g.1gb", ""}}});
  EXPECT_THAT(table(e), HasSubstr("No pod can be placed"));
}

TEST(Table, GroupsLikeNodesAndLikeGpus) {
  Example e = small();
  e.plan.nodes.push_back(e.plan.nodes[0]);
  const std::string text = table(e, {false, false, false});
  EXPECT_THAT(text, HasSubstr("2 x p4d.24xlarge  8 x A100-40  $22.400/h each  $44.80/h"));
  EXPECT_LT(text.find("whole A100-40      |"), text.find("6x |......... idle .........|"))
      << "what is idle comes last";
  EXPECT_THAT(text, HasSubstr("    1x |     whole A100-40      |"));
}

TEST(Table, SumsUpLargeFleetsByType) {
  Example e = small();
  for (int n = 0; n < 20; ++n) {
    plan::NodePlan& node = e.node("g6.xlarge", {800'000 + n});
    node.gpus[0].slices.push_back({gpu::Form{}, 0, 3, false});
  }
  const std::string text = table(e);
  EXPECT_THAT(text, HasSubstr(" 1 x  p4d.24xlarge  8 x A100-40  $22.40/h"));
  EXPECT_THAT(text, HasSubstr("20 x  g6.xlarge     1 x L4       $16.00/h"));
  EXPECT_THAT(text, HasSubstr("… and 16 nodes in 16 other groups, $12.80/h together"));
}

TEST(Table, ShowsAFirstScreenOrAll) {
  Example e;
  for (int w = 0; w < 10'000; ++w) e.workload("w" + std::to_string(w), 1, "nvidia.com/mig-1g.5gb");
  e.node("p4d.24xlarge", {22'400'000});
  for (std::uint32_t pod = 0; pod < 10'000; ++pod)
    e.plan.placements.push_back({pod, 0, e.slice_form("A100-40", "1g.5gb"), {}, {pod}, {}});
  const std::string first = table(e);
  EXPECT_LT(lines_of(first).size(), 60U);
  EXPECT_THAT(first, HasSubstr("… and 9,985 more"));
  expect_tame(first, false);
  const std::string all = table(e, {false, true, true});
  EXPECT_GT(lines_of(all).size(), 10'000U);
  expect_tame(all, false);
}

TEST(Table, TamesWhateverComesIn) {
  const std::string nasty =
      "\x1b]0;owned\x07\xff" + std::string(300, 'n') + "\xe4\xb8\xad\xe2\x80\xae";
  Example e = small();
  e.policy.name = nasty;
  e.policy.capacity_types = {market::CapacityType::OnDemand, market::CapacityType::Spot};
  e.market.region = e.market.price_date = e.market.price_source = nasty;
  e.market.unpriced.assign(50, nasty);
  for (market::InstanceType& type : e.market.types) type.name = nasty + type.name;
  e.demand.described = nasty;
  e.demand.cpu_only_pods = 3;
  e.demand.notes = {nasty, nasty + " x"};
  e.demand.left_out.assign(20, {nasty, nasty, 2});
  for (cluster::Workload& workload : e.demand.workloads)
    workload.kind = workload.ns = workload.name = workload.asks = nasty;
  for (cluster::Pod& pod : e.demand.pods) pod.name = nasty;
  for (cluster::PodShape& shape : e.demand.shapes) shape.ns = nasty;
  e.plan.nodes[0].zones = {nasty, nasty};
  e.plan.nodes[0].capacity_type = market::CapacityType::Spot;
  e.plan.notes = {nasty};
  e.plan.bound.relaxed = {nasty};
  e.plan.baselines[1].name = nasty;
  e.plan.unplaced.push_back({0, {plan::ReasonCode::Unsupported, {nasty, nasty}}});
  e.plan.utilisation.idle = e.plan.utilisation.stranded_cpu = {1'000'000};
  for (const bool unicode : {true, false})
    for (const bool all : {true, false}) expect_tame(table(e, {false, unicode, all}), !unicode);
}

TEST(Table, TellsWhatNodesKeepAndCarry) {
  Example e = small();
  EXPECT_THAT(joined(table(e)), HasSubstr("Notes DaemonSets: none given (--daemonsets CPU,MEMORY "
                                          "takes their part off every node)."));
  e.demand.overhead.daemonsets = {655, 993, 0, 9};
  e.demand.overhead.source = "DaemonSets in the input (9)";
  e.plan.nodes[0].labels = {{"accelerator", "l4"}, {"team", "a"}};
  e.policy.node_labels = {{"team", "a"}};
  const std::string text = joined(table(e));
  EXPECT_THAT(text, HasSubstr("DaemonSets in the input (9): 655m CPU and 993 MiB of every node."));
  EXPECT_THAT(text, HasSubstr("1 node needs labels that pods select by and that node pools have to "
                              "set: accelerator=l4. Kerf does not know what they mean"));
}

TEST(Table, TellsWhatNoDaemonSetAndNoRequestLeavesOut) {
  Example e = small();
  e.demand.overhead.source = "--daemonsets";
  e.demand.shapes[0].requests = {0, 1024, 0, 1};
  e.demand.shapes[1].requests = {4000, 8192, 0, 1};
  EXPECT_THAT(joined(table(e)),
              HasSubstr("--daemonsets: 0m CPU and 0 MiB of every node. 3 pods state no CPU or no "
                        "memory request: what is missing counts as 0"));
  e.demand.shapes[0].requests.cpu_milli = 500;
  EXPECT_THAT(joined(table(e)), Not(HasSubstr("no memory request")));
}

TEST(Table, TellsThatLimitsBindOnlyThePlan) {
  Example e = small();
  const char* kLine = "The policy's limits bind this plan only";
  EXPECT_THAT(joined(table(e)), Not(HasSubstr(kLine)));
  e.policy.limit_gpus = 8;
  EXPECT_THAT(joined(table(e)), HasSubstr(kLine));
  e.policy.limit_gpus.reset();
  e.policy.limit_per_hour = MicroUsdPerHour{1'000'000};
  EXPECT_THAT(joined(table(e)), HasSubstr(kLine));
  e.plan.baselines.clear();
  EXPECT_THAT(joined(table(e)), Not(HasSubstr(kLine)));
}

TEST(Table, PutsNoPriceOnWhatIsNotServed) {
  Example e = small();
  e.workload("huge", 2, "nvidia.com/mig-9g.1gb");
  e.plan.unplaced = {{4, {plan::ReasonCode::UnknownProfile, {"nvidia.com/mig-9g.1gb", ""}}},
                     {5, {plan::ReasonCode::UnknownProfile, {"nvidia.com/mig-9g.1gb", ""}}}};
  e.plan.baselines[0].per_workload.resize(3);
  e.plan.baselines[0].months.resize(3);
  e.plan.baselines[0].unplaced = {3, 4, 5};
  const auto row = [&](const char* name) {
    for (const std::string& line : lines_of(table(e)))
      if (line.find(name) != std::string::npos) return joined(line);
    return std::string();
  };
  EXPECT_THAT(row("team/huge"), HasSubstr("not placed - -"));
  EXPECT_THAT(row("team/train"), HasSubstr("$13,286 -")) << "whole GPUs do not serve it";
  e.plan.baselines[0].unplaced.clear();
  EXPECT_THAT(row("team/huge"), HasSubstr("not placed - -"));
  EXPECT_THAT(row("team/train"), Not(HasSubstr("$13,286 -")));
}

TEST(Table, TellsInOneLineWhatIsLeftOutForOneReason) {
  Example e = small();
  e.demand.left_out = {{"1 Job", "ended", 1}, {"1 pod", "ended", 1}};
  for (const char* kind : {"A", "B", "C", "D", "E", "F"})
    e.demand.left_out.push_back({std::string("1 object of kind ") + kind, "holds no pods", 1});
  const std::string text = joined(table(e));
  EXPECT_THAT(text, HasSubstr("Left out: 1 Job, 1 pod (ended)."));
  EXPECT_THAT(text, HasSubstr("1 object of kind D and 2 more (holds no pods)."));
  EXPECT_THAT(joined(table(e, {false, true, true})), HasSubstr("1 object of kind F (holds"));
}

TEST(Table, BearsHugeSums) {
  Example e = small();
  e.plan.bill = {8'000'000'000'000'000'000};
  e.plan.month_micro_usd = 9'000'000'000'000'000'000;
  for (plan::Baseline& baseline : e.plan.baselines) baseline.per_hour = e.plan.bill;
  expect_tame(table(e), false);
}

TEST(Table, ColoursOnlyWhereAsked) {
  EXPECT_THAT(table(small()), Not(HasSubstr("\x1b")));
  EXPECT_THAT(table(small(), {true, true, false}), HasSubstr("\x1b[1mThis plan saves"));
}

}  // namespace
}  // namespace kerf::report
