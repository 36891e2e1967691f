// A plan document is read whole, or the error says which file and field is wrong and what to give.
#include "codec/plan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kerf::codec {
namespace {

using ::testing::HasSubstr;

const std::string kPlan = R"({
  "apiVersion": "kerf.dev/plan/v1alpha1", "kind": "Plan",
  "market": {"region": "us-east-1", "price_date": "2026-07-20", "price_source": "table"},
  "demand": {"described": "4 files", "pods": 2},
  "policy": {"name": null, "capacity_types": ["on-demand"], "limit_usd_per_hour": null,
             "limit_gpus": 7},
  "cost": {"usd_per_hour": 21.957642, "usd_per_month": 16029.07866},
  "bound": {"usd_per_hour": 20, "method": "exact", "optimal": false},
  "baselines": [{"name": "whole-gpu", "usd_per_hour": 30.5, "usd_per_month": 22265,
                 "comparable": true}],
  "workloads": [{"kind": "Deployment", "namespace": "a", "name": "web", "asks": "nvidia.com/gpu",
                 "pods": 2, "placed": 1, "usd_per_hour": 21.957642, "usd_per_month": 16029.07866,
                 "forms": [{"form": "whole A100-40", "model": "A100-40", "pods": 1}]}],
  "nodes": [{"instance_type": "p4d.24xlarge", "capacity_type": "on-demand", "owned": false,
             "usd_per_hour": 21.957642, "surprise": [1, 2]}],
  "placements": [{"namespace": "a", "pod": "web-0", "workload": "web"}],
  "unplaced": [{"namespace": "a", "pod": "web-1", "workload": "web",
                "reason": {"code": "LimitGpus", "args": ["7"], "text": "The limit is 7."}}]
})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kPlan;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(PlanFile, ReadsWhatIsCompared) {
  const auto plan = read_plan_file(kPlan, "a.json");
  ASSERT_TRUE(plan.has_value()) << plan.error().message();
  EXPECT_EQ(plan->file, "a.json");
  EXPECT_EQ(plan->per_hour.micro, 21'957'642);
  EXPECT_EQ(plan->month_micro_usd, 16'029'078'660);
  EXPECT_EQ(plan->bound.micro, 20'000'000);
  EXPECT_EQ(plan->limit_gpus, 7);
  EXPECT_FALSE(plan->limit_per_hour.has_value());
  ASSERT_EQ(plan->workloads.size(), 1U);
  EXPECT_EQ(plan->workloads[0].forms.at(0).form, "whole A100-40");
  ASSERT_EQ(plan->nodes.size(), 1U);
  EXPECT_EQ(plan->nodes[0].type, "p4d.24xlarge");
  ASSERT_EQ(plan->placements.size(), 2U);
  EXPECT_TRUE(plan->placements[0].placed);
  EXPECT_EQ(plan->placements[1].why, "The limit is 7.");
}

TEST(PlanFile, EveryFieldThatIsComparedMustBeThereAndOfItsType) {
  struct Case {
    std::string text;
    const char* says;
  };
  const Case cases[] = {
      {"", "a.json"},
      {"[]", "a.json: expected a plan as kerf plan -o json writes it"},
      {"{}", "it has no apiVersion"},
      {R"({"apiVersion": "v1", "kind": "Pod"})", "Pod of v1 is no plan; expected what kerf plan"},
      {R"({"apiVersion": "kerf.dev/cost/v1alpha1", "kind": "Cost"})", "Cost of kerf.dev/cost"},
      {with("plan/v1alpha1", "plan/v9"),
       "a plan of version kerf.dev/plan/v9; this Kerf reads kerf.dev/plan/v1alpha1"},
      {with(R"("region": "us-east-1", )", ""), "market: region is missing"},
      {with(R"("pods": 2})", R"("pods": -2})"), "demand.pods"},
      {with("21.957642", R"("much")"), "cost.usd_per_hour: expected dollars as a number"},
      {with("21.957642", "-1"), "cost.usd_per_hour"},
      {with("\"optimal\": false", "\"optimal\": 0"), "bound.optimal: expected true or false"},
      {with("[\"on-demand\"]", "[3]"), "policy.capacity_types[0]: expected a string"},
      {with("\"model\": \"A100-40\"", "\"model\": null"), "workloads[0].forms[0].model"},
      {with("\"owned\": false,", ""), "nodes[0]: owned is missing"},
      {with("\"pod\": \"web-1\", ", ""), "unplaced[0]: pod is missing"},
      {with("\"text\": \"The limit is 7.\"", "\"text\": 7"), "unplaced[0].reason.text"},
      {with("\"placements\": [{", "\"placements\": 1, \"x\": [{"), "placements: expected a list"},
  };
  for (const Case& c : cases) {
    const auto plan = read_plan_file(c.text, "a.json");
    ASSERT_FALSE(plan.has_value()) << c.says;
    EXPECT_THAT(plan.error().message(), HasSubstr(c.says));
    EXPECT_TRUE(plan.error().message().starts_with("a.json")) << plan.error().message();
  }
}

}  // namespace
}  // namespace kerf::codec
