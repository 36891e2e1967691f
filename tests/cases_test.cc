// Every case of tests/cases: the planner's answer is the one written there, and the checker agrees.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "case_file.h"
#include "case_words.h"
#include "core/check/check.h"
#include "core/plan/planner.h"
#include "solver/clp.h"

namespace kerf::tests {
namespace {

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(KERF_SOURCE_DIR "/tests/cases"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

class Cases : public ::testing::TestWithParam<std::string> {};

TEST_P(Cases, IsAnsweredAsWritten) {
  CaseFile file;
  try {
    file = read_case(KERF_SOURCE_DIR "/tests/cases/" + GetParam() + ".txt");
  } catch (const std::exception& error) {
    FAIL() << error.what();
  }
  const auto solver = solver::make_clp();
  const plan::Plan plan = plan::make_plan(file.demand, file.market, file.policy, *solver, {});
  EXPECT_EQ(sorted(fleet_lines(plan.nodes, file.market)), sorted(file.fleet));
  EXPECT_EQ(sorted(unplaced_lines(plan.unplaced, file.demand)), sorted(file.unplaced));
  EXPECT_EQ(check::check_plan(plan, file.demand, file.market, file.policy),
            std::vector<std::string>{});
  const std::string bill = exact_usd(plan.bill);
  const std::string at_least = bill + ", at least $";
  if (file.cost.starts_with(at_least)) {
    const auto floor = parse_usd_per_hour(file.cost.substr(at_least.size()));
    ASSERT_TRUE(floor.has_value()) << file.cost;
    EXPECT_GE(plan.bound.per_hour, *floor);
    EXPECT_LE(plan.bound.per_hour, plan.bill);
  } else {
    EXPECT_EQ(bill + (plan.bound.optimal ? ", proven cheapest" : ", not proven"), file.cost);
  }
}

std::string test_name(const ::testing::TestParamInfo<std::string>& one) {
  std::string name = one.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

TEST(CaseFile, SaysWhatWasExpectedAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"demands\n", R"(case.txt:1: expected a section or cost, found "demands")"},
      {"demand\n  6 chat: nvidia.com/gpu\n",
       R"(case.txt:2: expected N x NAME: ..., found "6 chat: nvidia.com/gpu")"},
      {"demand\n  6 x chat: nvidia.com/gpu x2 x3\n",
       R"(case.txt:2: expected RESOURCE [xN], found "nvidia.com/gpu x2 x3")"},
      {"demand\n  6 x chat: nvidia.com/gpu, spread rack\n",
       R"(case.txt:2: expected zone or node, found "rack")"},
      {"market\n\n  p5.4xlarge 6.88\n",
       R"(case.txt:3: expected dollars per hour, as in $6.88, found "6.88")"},
      {"policy\n  generous\n",
       R"(case.txt:2: expected a line about the policy (README.md lists them), found "generous")"},
      {"policy\n  isolation None\n",
       R"(case.txt:2: expected isolation Isolated or Enforced, found "None")"},
  };
  for (const auto& [text, error] : cases) {
    std::istringstream in(text);
    try {
      read_case(in, "case.txt");
      ADD_FAILURE() << text;
    } catch (const std::exception& thrown) {
      EXPECT_EQ(thrown.what(), error);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Cases, ::testing::ValuesIn(case_names()), test_name);

}  // namespace
}  // namespace kerf::tests
