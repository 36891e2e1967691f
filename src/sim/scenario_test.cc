// Tests of scenario files: what each field becomes, and what is refused where.
#include "sim/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "codec/yaml.h"

namespace kerf::sim {
namespace {

using control::kHour;
using control::kMinute;
using testing::ElementsAre;
using testing::HasSubstr;

Result<std::string> no_files(const std::string& name) { return invalid(name + ": not there"); }

Result<Scenario> read(const std::string& yaml, const ReadFile& files = no_files) {
  KERF_TRY(const auto documents, codec::parse_yaml(yaml, "s.yaml"));
  if (documents.size() != 1) return invalid("one document was expected");
  return read_scenario(documents[0], files);
}

/// One workload in braces, the rest as small as can be. The workload is line 3.
Result<Scenario> with_workload(const std::string& fields) {
  return read("name: a\nduration: 1h\nworkloads: [{name: w, requests: {nvidia.com/gpu: 1}" +
              fields + "}]\n");
}

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Scenario, ReadsEveryFieldOfTheReference) {
  const std::string doc = file_text(KERF_SOURCE_DIR "/docs/reference/scenario.md");
  const std::size_t begin = doc.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const auto scenario = read(doc.substr(begin + 8, doc.find("```", begin + 8) - begin - 8));
  ASSERT_TRUE(scenario) << scenario.error().message();
  EXPECT_EQ(scenario->duration_ms, 48 * kHour);
  const WorldSpec& world = scenario->world;
  EXPECT_EQ(world.start, 4 * 24 * kHour) << "Monday; the epoch was a Thursday";
  EXPECT_EQ(world.prices.kind, PriceOptions::Kind::MeanReverting);
  EXPECT_EQ(world.prices.up_ms, 12 * kHour);
  EXPECT_EQ(world.prices.down_ms, 20 * kMinute);
  EXPECT_EQ(world.karpenter.spot_life_ms, 12 * kHour);
  EXPECT_EQ(world.karpenter.overhead.daemonsets.cpu_milli, 800);
  EXPECT_EQ(world.controller.overhead.daemonsets.memory_mib, 1024);
  ASSERT_EQ(world.policies.size(), 1U);
  EXPECT_EQ(world.policies[0].mode, control::Mode::Act);
  EXPECT_EQ(world.policies[0].buys.limit_gpus, 64);
  EXPECT_EQ(world.node_classes.size(), 2U);
  ASSERT_EQ(world.workloads.size(), 3U);
  const WorkloadSpec& chat = world.workloads[0];
  EXPECT_EQ(chat.ns, "serving");
  EXPECT_EQ(chat.replicas, 4);
  ASSERT_EQ(chat.shape.gpu.size(), 1U);
  EXPECT_EQ(chat.shape.gpu[0].profile, "1g.10gb");
  EXPECT_EQ(chat.shape.requests.cpu_milli, 2000);
  EXPECT_EQ(chat.shape.requests.pods, 1);
  EXPECT_EQ(chat.shape.spread.at(0).topology_key, "topology.kubernetes.io/zone");
  EXPECT_EQ(chat.ends_in, (Span{10'000, 10'000, 0}));
  ASSERT_EQ(chat.steps.size(), 3U);
  EXPECT_EQ(chat.steps[1].what, Step::What::Rollout);
  EXPECT_EQ(chat.steps[2], (Step{20 * kHour, Step::What::Scale, 4}));
  const WorkloadSpec& nightly = world.workloads[1];
  EXPECT_EQ(nightly.kind, WorkloadKind::Job);
  EXPECT_EQ(nightly.completions, 6);
  EXPECT_EQ(nightly.fails_milli, 20);
  EXPECT_EQ(nightly.shape.priority, -10);
  EXPECT_EQ(nightly.runs_for, (Span{10 * kMinute, 2 * kHour, 30 * kMinute}));
  EXPECT_EQ(nightly.arrivals.pattern, Arrivals::Pattern::Burst);
  EXPECT_EQ(nightly.arrivals.together, 3);
  const WorkloadSpec& notebook = world.workloads[2];
  EXPECT_EQ(notebook.kind, WorkloadKind::Bare);
  EXPECT_EQ(notebook.annotations.at("karpenter.sh/do-not-disrupt"), "true");
  EXPECT_EQ(notebook.arrivals.per_hour_milli, 1500);
  EXPECT_EQ(notebook.shape.anti_affinity.size(), 1U);
  ASSERT_EQ(world.budgets.size(), 1U);
  EXPECT_EQ(world.budgets[0].max_unavailable, 1);
  ASSERT_EQ(scenario->faults.size(), 1U);
  EXPECT_EQ(scenario->faults[0].every_ms, 6 * kHour);
}

TEST(Scenario, ActsWithoutAPolicyAndBuysForWholeGpusToo) {
  const auto scenario = with_workload("");
  ASSERT_TRUE(scenario) << scenario.error().message();
  ASSERT_EQ(scenario->world.policies.size(), 1U);
  EXPECT_EQ(scenario->world.policies[0].mode, control::Mode::Act);
  EXPECT_TRUE(control::buys_for(scenario->world.policies[0], "nvidia.com/gpu"));
  EXPECT_TRUE(scenario->world.policies[0].buys.limit_per_hour.has_value());
  EXPECT_EQ(scenario->world.workloads[0].completions, 1);
}

TEST(Scenario, SaysWhereItIsWrong) {
  struct Case {
    const char* yaml;
    const char* says;
  };
  const std::string tail = "\nworkloads: [{name: w, requests: {nvidia.com/gpu: 1}}]\n";
  const Case cases[] = {
      {"name: a\nduraton: 1h", "s.yaml:2:1: unknown field \"duraton\"; did you mean duration?"},
      {"duration: 1h", "name is missing"},
      {"name: a", "duration is missing"},
      {"name: A", "\"A\" is no name"},
      {"name: a\nduration: 30", "s.yaml:2:11: duration: expected a string"},
      {"name: a\nduration: 30s", "duration: expected 1m to 2208h"},
      {"name: a\nduration: 9000h", "duration: expected 1m to 2208h"},
      {"name: a\nduration: 1h\nstart: Mon 00:00", "expected a weekday and time"},
      {"name: a\nduration: 1h\nstart: Monday 24:00", "expected a weekday and time"},
      {"name: a\nduration: 1h\nmarket: {region: mars}", "expected one with shipped prices"},
      {"name: a\nduration: 1h\nmarket: {instanceTypes: [z9.huge]}", "no instance type"},
      {"name: a\nduration: 1h\nmarket: {zones: [eu-west-1a]}", "no zone of us-east-1"},
      {"name: a\nduration: 1h\nmarket: {prices: wild}", "expected one of constant, meanReverting"},
      {"name: a\nduration: 1h\nmarket: {priceFile: p.csv}", "p.csv: not there"},
      {"name: a\nduration: 1h\nfaultFiles: [f.yaml]", "f.yaml: not there"},
      {"name: a\nduration: 1h\npolicy: {limit: 3}",
       "policy: unknown field \"limit\"; did you mean limits?"},
      {"name: a\nduration: 1h\npolicy: {}\npolicies: [{name: b, spec: {}}]", "give one of them"},
      {"name: a\nduration: 1h\npolicies: [{name: b, spec: {}}, {name: b, spec: {}}]",
       "listed twice"},
      {"name: a\nduration: 1h\nfaults: [{what: crash-agnt}]", "did you mean crash-agent?"},
      {"name: a\nduration: 1h\nfaults: [{what: reboot, evry: 1h}]", "did you mean every?"},
      {"name: a\nduration: 1h\nfaults: [{what: reboot, every: 1ms}]", "expected 1s or more"},
      {"name: a\nduration: 1h\nfaults: [{what: watch, preset: lost}]", "none of late, repeat"},
  };
  for (const Case& c : cases) {
    const auto scenario = read(c.yaml + tail);
    ASSERT_FALSE(scenario) << c.yaml;
    EXPECT_THAT(scenario.error().message(), HasSubstr(c.says)) << c.yaml;
  }
}

TEST(Scenario, RefusesWorkloadsThatCannotBeMeant) {
  struct Case {
    const char* fields;
    const char* says;
  };
  const Case cases[] = {
      {", kind: Cronjob", "expected one of Deployment"},
      {", kind: Job", "runsFor is missing"},
      {", runsFor: 1h", "runsFor is of Jobs and bare pods"},
      {", completions: 2", "completions and failsPercent are of Jobs"},
      {", replicas: -1", "expected 0 to 5000"},
      {", priorityClass: high", "\"high\" is not among priorityClasses"},
      {", spread: rack", "expected one of node, zone"},
      {", disruptionBudget: {}", "either minAvailable or maxUnavailable"},
      {", disruptionBudget: {minAvailable: 1, maxUnavailable: 1}", "either minAvailable"},
      {", maxSurge: 0", "a roll-out could never go on"},
      {", livesFor: 0s", "expected more than 0s"},
      {", livesFor: {least: 2h, most: 1h}", "most is below least"},
      {", livesFor: {least: 2h}", "give mean, or least and most"},
      {", arrivals: {pattern: random}", "perHour is missing"},
      {", arrivals: {pattern: random, perHour: 0}", "expected more than 0"},
      {", arrivals: {pattern: once, perHour: 1}", "perHour is of the patterns"},
      {", arrivals: {pattern: burst}", "every is missing"},
      {", arrivals: {pattern: steady, perHour: 1, hours: [1]}", "expected 24 weights"},
      {", arrivals: {pattern: steady, perHour: 1, from: 2h, until: 1h}", "until is not after from"},
      {", steps: [{after: 1h}]", "expected one of scale, rollOut and delete"},
      {", steps: [{after: 1h, delete: true, scale: 1}]", "expected one of scale"},
      {", steps: [{after: 1h, delete: false}]", "expected true"},
  };
  for (const Case& c : cases) {
    const auto scenario = with_workload(c.fields);
    ASSERT_FALSE(scenario) << c.fields;
    EXPECT_THAT(scenario.error().message(), HasSubstr("s.yaml:3:")) << c.fields;
    EXPECT_THAT(scenario.error().message(), HasSubstr(c.says)) << c.fields;
  }
}

TEST(Scenario, TakesRequestsAsAContainerWritesThem) {
  const auto requests = [](const std::string& text) {
    return read("name: a\nduration: 1h\nworkloads: [{name: w, requests: {" + text + "}}]\n");
  };
  const auto both = requests("nvidia.com/gpu: 2, cpu: 500m, memory: 1.5Gi, ephemeral-storage: 2Gi");
  ASSERT_TRUE(both) << both.error().message();
  EXPECT_EQ(both->world.workloads[0].shape.gpu[0].count, 2);
  EXPECT_EQ(both->world.workloads[0].shape.requests, (Resources{500, 1536, 2048, 1}));
  EXPECT_THAT(requests("cpu: 1").error().message(), HasSubstr("a GPU resource is missing"));
  EXPECT_THAT(requests("nvidia.com/mig-1g.7gb: 1").error().message(), HasSubstr("no GPU that"));
  EXPECT_THAT(requests("nvidia.com/gpu: 0").error().message(), HasSubstr("expected 1 to 64"));
  EXPECT_THAT(requests("nvidia.com/gpu: 1, gpus: 1").error().message(),
              HasSubstr("requests[\"gpus\"]: expected cpu, memory"));
}

TEST(Scenario, ReplaysPricesFromAFileBesideIt) {
  const auto files = [](const std::string& name) -> Result<std::string> {
    EXPECT_EQ(name, "prices.csv");
    return std::string(
        "at,instance_type,zone,capacity_type,usd_per_hour\n"
        "0s,g6.xlarge,us-east-1a,spot,0.30\n2h30m,g6.xlarge,us-east-1a,spot,0.55\n");
  };
  const auto scenario = read(
      "name: a\nduration: 4h\nstart: Thursday 01:00\nmarket: {priceFile: prices.csv}\n"
      "workloads: [{name: w, requests: {nvidia.com/gpu: 1}}]\n",
      files);
  ASSERT_TRUE(scenario) << scenario.error().message();
  EXPECT_EQ(scenario->world.prices.kind, PriceOptions::Kind::Replayed);
  ASSERT_EQ(scenario->world.prices.history.size(), 2U);
  EXPECT_EQ(scenario->world.prices.history[1].at, 3 * kHour + 30 * kMinute);
  EXPECT_EQ(scenario->world.prices.history[1].price.micro, 550'000);
}

TEST(Scenario, TakesFaultsFromFiles) {
  const auto list =
      read_fault_file("f.yaml", "- {what: reboot, at: 1h, for: {least: 1s, most: 5s}}\n");
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(list->at(0).what, FaultKind::Reboot);
  EXPECT_EQ(list->at(0).for_ms.most, 5000);
  const auto named = read_fault_file("f.yaml", "name: f\nfaults: [{what: interrupt, every: 1h}]\n");
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_EQ(named->at(0).what, FaultKind::Interrupt);
  EXPECT_FALSE(read_fault_file("f.yaml", ""));
  EXPECT_THAT(read_fault_file("f.yaml", "- {what: melt}").error().message(),
              HasSubstr("f.yaml:1:10: [0].what: \"melt\" is no fault; known are crash-controller"));
}

TEST(Scenario, ReadsTheShippedExamples) {
  for (const char* name : {"inference", "notebooks", "training", "spot"}) {
    const auto scenario =
        read(file_text(std::string(KERF_SOURCE_DIR "/examples/scenarios/") + name + ".yaml"));
    ASSERT_TRUE(scenario) << scenario.error().message();
    EXPECT_EQ(scenario->name, name);
  }
}

}  // namespace
}  // namespace kerf::sim
