// Tests of the reports of simulated runs.
#include "report/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "codec/json.h"
#include "report/text.h"

namespace kerf::report {
namespace {

using testing::HasSubstr;
using testing::Not;

Simulation two_runs() {
  Simulation simulation;
  simulation.scenario = "day";
  simulation.start = "Monday 00:00";
  simulation.duration_ms = 36'000'000;
  simulation.seed = 7;
  simulation.market = "us-east-1";
  SimulatedRun ours;
  ours.strategy = "kerf";
  ours.micro_usd = 40'000'000;
  ours.node_ms = 72'000'000;
  ours.pods = 12;
  ours.ran = 10;
  ours.waiting = 2;
  ours.median_ms = 45'000;
  ours.p95_ms = 130'000;
  ours.longest_ms = 3'900'000;
  ours.pod_ms = 360'000'000;
  ours.moved = 3;
  ours.slices_made = 21;
  ours.gpu_milli_ms = 1'000'000;
  ours.gpu_milli_ms_held = 515'000;
  ours.types = {{"p5.4xlarge", "spot", 4, 72'000'000, 40'000'000}};
  ours.checked = true;
  ours.promises = 13;
  SimulatedRun theirs = ours;
  theirs.strategy = "whole-gpu";
  theirs.micro_usd = 100'000'000;
  theirs.types = {{"p4d.24xlarge", "on-demand", 1, 36'000'000, 100'000'000}};
  theirs.checked = false;
  simulation.runs = {ours, theirs};
  return simulation;
}

std::string table_of(const Simulation& simulation) { return simulation_table(simulation, {}); }

/// The line that holds this text.
std::string line_with(const std::string& text, const std::string& part) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find(part) != std::string::npos) return line;
  return "no such line";
}

TEST(SimulationTable, PutsStrategiesSideBySide) {
  const std::string text = table_of(two_runs());
  EXPECT_THAT(text, HasSubstr("day: 10 h from Monday 00:00, seed 7\n"));
  const std::string hour = line_with(text, "an hour, on average");
  EXPECT_THAT(hour, HasSubstr("$4.00"));
  EXPECT_THAT(hour, HasSubstr("$10.00  60.0 % less"));
  EXPECT_THAT(line_with(text, "for an hour of a pod"), HasSubstr("$0.400"));
  EXPECT_THAT(line_with(text, "GPU time"), HasSubstr("51.5 %"));
  EXPECT_THAT(line_with(text, "95 of 100"), HasSubstr("2 min 10 s"));
  EXPECT_THAT(line_with(text, "the longest"), HasSubstr("1 h 5 min"));
  EXPECT_THAT(line_with(text, "p4d.24xlarge on-demand"), HasSubstr("10.0 h $100"));
  EXPECT_THAT(line_with(text, "slices made"), Not(HasSubstr("21                  21")))
      << "the other strategy cuts nothing";
  EXPECT_THAT(text, HasSubstr("Promises of Kerf: 13 watched, all kept."));
  EXPECT_THAT(text, HasSubstr("no slices, no time-slicing"));
}

TEST(SimulationTable, SaysWhenKerfCostsMore) {
  Simulation simulation = two_runs();
  std::swap(simulation.runs[0].micro_usd, simulation.runs[1].micro_usd);
  EXPECT_THAT(line_with(table_of(simulation), "in all"), HasSubstr("$100.00"));
  EXPECT_THAT(line_with(table_of(simulation), "an hour, on"), HasSubstr("150.0 % more"));
}

TEST(SimulationTable, ListsBrokenPromises) {
  Simulation simulation = two_runs();
  simulation.runs[0].broken = {{90'000, "slice-in-use", "a slice was destroyed\x1b[31m"}};
  const std::string text = table_of(simulation);
  EXPECT_THAT(text, HasSubstr("Promises of Kerf: 1 time BROKEN"));
  EXPECT_THAT(text, HasSubstr("1 min 30 s after the start, slice-in-use: a slice was destroyed"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "nothing that a terminal would obey";
}

TEST(SimulationTable, FitsTheScreenAndComparesOnlyTwo) {
  Simulation simulation = two_runs();
  simulation.description = std::string(300, 'x') + " and so on";
  std::istringstream lines(table_of(simulation));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), kColumnsMax) << line;
  simulation.runs.pop_back();
  const std::string alone = table_of(simulation);
  EXPECT_THAT(alone, Not(HasSubstr("less")));
  EXPECT_THAT(alone, Not(HasSubstr("Whole GPUs:")));
}

TEST(SimulationTable, SaysNothingOfPodsThatNeverRan) {
  Simulation simulation = two_runs();
  for (SimulatedRun& run : simulation.runs) run.ran = run.pod_ms = run.gpu_milli_ms = 0;
  const std::string text = table_of(simulation);
  EXPECT_THAT(line_with(text, "half of them"), Not(HasSubstr("45 s")));
  EXPECT_THAT(line_with(text, "for an hour of a pod"), HasSubstr("-"));
}

TEST(SimulationJson, HasWhatTheTableHas) {
  const std::string text = codec::write_json(simulation_json(two_runs()));
  const auto read = codec::parse_json(text, "out.json");
  ASSERT_TRUE(read) << read.error().message();
  const codec::Node& root = read->root;
  EXPECT_EQ(root.find("apiVersion")->text, "kerf.dev/simulation/v1alpha1");
  ASSERT_EQ(root.find("runs")->items.size(), 2U);
  const codec::Node& ours = root.find("runs")->items[0];
  EXPECT_EQ(ours.find("cost")->find("usd_per_hour")->text, "4.0");
  EXPECT_EQ(ours.find("waiting")->find("p95_seconds")->text, "130.0");
  EXPECT_EQ(ours.find("promises")->find("watched")->integer, 13);
  const codec::Node& theirs = root.find("runs")->items[1];
  EXPECT_TRUE(theirs.find("cuts")->is_null());
  EXPECT_TRUE(theirs.find("promises")->is_null());
}

TEST(LengthText, HasTwoUnitsAtMost) {
  struct Case {
    std::int64_t ms;
    const char* text;
  };
  for (const Case& c :
       {Case{0, "0 ms"}, Case{999, "999 ms"}, Case{1'000, "1 s"}, Case{59'999, "59 s"},
        Case{60'000, "1 min"}, Case{61'000, "1 min 1 s"}, Case{3'600'000, "1 h"},
        Case{3'659'000, "1 h"}, Case{3'660'000, "1 h 1 min"}, Case{360'000'000, "100 h"}})
    EXPECT_EQ(length_text(c.ms), c.text);
}

}  // namespace
}  // namespace kerf::report
