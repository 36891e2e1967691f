// Tests of the Recorder: events, effects and decisions in, lines of the log and the page out.
#include "shell/controller/recorder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "base/temporary_folder_testing.h"
#include "codec/catalogue.h"
#include "report/decision.h"
#include "shell/controller/effect_names.h"

namespace kerf::shell {
namespace {

using namespace controller;
using apiserver::Answer;
using apiserver::Verdict;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Lines = std::vector<std::string>;

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() { reset(telemetry::Level::Info); }
  ~RecorderTest() override { ::close(file_); }

  void reset(telemetry::Level level) {
    recorder_.emplace(telemetry::Log({"controller", level, file_,
                                      [] {
                                        return telemetry::Log::Now{1'796'054'400'000, 0};
                                      }}),
                      metrics_);
  }

  /// Samples whose line begins so.
  Lines page(const std::string& start) const {
    Lines found;
    std::istringstream text(metrics_.text());
    for (std::string line; std::getline(text, line);)
      if (line.starts_with(start)) found.push_back(line);
    return found;
  }
  /// The lines since the last call, from their level on.
  Lines lines() {
    Lines found;
    std::ifstream in(path_);
    in.seekg(read_);
    for (std::string line; std::getline(in, line);
         read_ += static_cast<std::streamoff>(line.size()) + 1)
      found.push_back(line.substr(line.find("\"level\"")));
    return found;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.at("log");
  int file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::streamoff read_ = 0;
  telemetry::Metrics metrics_;
  std::optional<Recorder> recorder_;
};

Record bought(const std::string& policy, std::int64_t micro) {
  Record record;
  record.what = What::Buy;
  record.kind = control::Kind::NodeClaim;
  record.about = {"", "kerf-1a2b"};
  record.policy = policy;
  record.args = {"p5.4xlarge", "on-demand", "us-east-1a", "2"};
  record.price = {micro};
  record.pods = {{"default", "web-1"}, {"default", "web-2"}};
  return record;
}

TEST_F(RecorderTest, ADecisionIsOneLineWithItsSentence) {
  Record record = bought("team-a", 6'880'000);
  record.others = {{"buy p4d.24xlarge", {21'957'642}}, {"buy g7e.2xlarge", {3'360'000}}};
  recorder_->decided(record, "7f3a-12");
  const std::string sentence = report::tell(record).sentence;
  ASSERT_FALSE(sentence.empty());
  EXPECT_THAT(
      lines(),
      ElementsAre("\"level\":\"info\",\"component\":\"controller\",\"message\":\"decision\","
                  "\"decision\":\"7f3a-12\",\"what\":\"Buy\",\"object\":\"NodeClaim kerf-1a2b\","
                  "\"policy\":\"team-a\",\"reason\":\"NodeBought\",\"sentence\":\"" +
                  sentence +
                  "\",\"usd_per_hour\":6.88,\"pods\":2,\"alternatives\":\"buy p4d.24xlarge at "
                  "$21.96/h; buy g7e.2xlarge at $3.36/h\"}"));
}

TEST_F(RecorderTest, OfManyAlternativesTheFirstFiveAreTold) {
  Record record = bought("team-a", 1);
  for (int i = 0; i < 7; ++i) record.others.push_back({"buy " + std::to_string(i), {1'000'000}});
  recorder_->decided(record, "1");
  EXPECT_THAT(lines()[0], EndsWith("buy 4 at $1.00/h; and 2 more\"}"));
}

TEST_F(RecorderTest, WhatIsBadNewsForAPodIsAWarning) {
  Record record;
  record.what = What::GaveUp;
  record.about = {"default", "web-1"};
  record.args = {"2"};
  recorder_->decided(record, "1");
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("\"level\":\"warning\"")));
}

TEST_F(RecorderTest, DecisionsAreCountedByKindFromZeroOn) {
  EXPECT_EQ(page("kerf_controller_decisions_total").size(), 13u);
  EXPECT_THAT(page("kerf_controller_decisions_total{what=\"Buy\"}"),
              ElementsAre("kerf_controller_decisions_total{what=\"Buy\"} 0"));
  recorder_->decided(bought("team-a", 6'880'000), "1");
  recorder_->decided(bought("team-a", 500'000), "2");
  recorder_->decided(bought("team-b", 1'000'000), "3");
  Record back = bought("team-a", 6'880'000);
  back.what = What::Return;
  back.args = {"empty"};
  recorder_->decided(back, "4");
  EXPECT_THAT(page("kerf_controller_decisions_total{what=\"Buy\"}"),
              ElementsAre("kerf_controller_decisions_total{what=\"Buy\"} 3"));
  EXPECT_THAT(page("kerf_bought_usd_per_hour_total"),
              ElementsAre("kerf_bought_usd_per_hour_total{policy=\"team-a\"} 7.38",
                          "kerf_bought_usd_per_hour_total{policy=\"team-b\"} 1"));
  EXPECT_THAT(page("kerf_returned_usd_per_hour_total"),
              ElementsAre("kerf_returned_usd_per_hour_total{policy=\"team-a\"} 6.88"));
}

TEST_F(RecorderTest, StepsWaitsAndSearchesAreMeasured) {
  control::Pod pod;
  pod.meta.ns = "default";
  pod.meta.name = "web-1";
  pod.meta.uid = "u";
  pod.unschedulable = true;
  pod.judged = 10'000;
  const auto problem = std::make_shared<Problem>();
  const Lines before = page("kerf_controller_search_seconds_count");
  EXPECT_THAT(before, ElementsAre("kerf_controller_search_seconds_count{search=\"Compare\"} 0",
                                  "kerf_controller_search_seconds_count{search=\"Consolidate\"} 0",
                                  "kerf_controller_search_seconds_count{search=\"Place\"} 0",
                                  "kerf_controller_search_seconds_count{search=\"Vacate\"} 0"));
  std::vector<Event> batch = {Seen{pod}, Woke{}};
  std::vector<Effect> effects = {{5, Solve{problem}}};
  recorder_->observe(batch, effects, 11'000, 0.002);
  EXPECT_THAT(page("kerf_controller_searches_under_way "),
              ElementsAre("kerf_controller_searches_under_way 1"));
  batch = {Solved{5, nullptr}, Solved{6, nullptr}};
  effects = {{6, Nominate{{"default", "web-1"}, "u", 1, "n1"}}};
  recorder_->observe(batch, effects, 11'500, 0.002);
  batch = {Done{6, {}}};
  recorder_->observe(batch, {}, 13'000, 0.002);
  pod.node = "n1";
  batch = {Seen{pod}};
  recorder_->observe(batch, {}, 14'000, 0.002);

  EXPECT_THAT(page("kerf_controller_searches_under_way "),
              ElementsAre("kerf_controller_searches_under_way 0"));
  EXPECT_THAT(page("kerf_controller_search_seconds_sum{search=\"Place\"}"),
              ElementsAre("kerf_controller_search_seconds_sum{search=\"Place\"} 0.5"));
  EXPECT_THAT(page("kerf_pod_offered_seconds_sum"), ElementsAre("kerf_pod_offered_seconds_sum 3"));
  EXPECT_THAT(page("kerf_pod_bound_seconds_sum"), ElementsAre("kerf_pod_bound_seconds_sum 4"));
  EXPECT_THAT(page("kerf_pod_bound_seconds_bucket{le=\"2\"}"),
              ElementsAre("kerf_pod_bound_seconds_bucket{le=\"2\"} 0"));
  EXPECT_THAT(page("kerf_pod_bound_seconds_bucket{le=\"5\"}"),
              ElementsAre("kerf_pod_bound_seconds_bucket{le=\"5\"} 1"));
  EXPECT_THAT(page("kerf_controller_step_seconds_count"),
              ElementsAre("kerf_controller_step_seconds_count 4"));
  EXPECT_THAT(page("kerf_controller_step_seconds_bucket{le=\"0.001\"}"),
              ElementsAre("kerf_controller_step_seconds_bucket{le=\"0.001\"} 0"));
  EXPECT_THAT(page("kerf_controller_step_events_sum"),
              ElementsAre("kerf_controller_step_events_sum 6"));
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(RecorderTest, SearchesOfAnEndedTermAreNobodys) {
  const std::vector<Effect> effects = {{5, Solve{std::make_shared<Problem>()}}};
  recorder_->observe({}, effects, 1'000, 0);
  const std::vector<Event> batch = {Following{}, Solved{5, nullptr}};
  recorder_->observe(batch, {}, 9'000, 0);
  EXPECT_THAT(page("kerf_controller_searches_under_way "),
              ElementsAre("kerf_controller_searches_under_way 0"));
  EXPECT_THAT(page("kerf_controller_search_seconds_count{search=\"Place\"}"),
              ElementsAre("kerf_controller_search_seconds_count{search=\"Place\"} 0"));
}

Answer answer(Verdict verdict, int status) {
  Answer answer;
  answer.verdict = verdict;
  answer.status = status;
  answer.reason = status == 429 ? "TooManyRequests" : "";
  answer.cause = status == 429 ? "DisruptionBudget" : "";
  answer.message = verdict == Verdict::Ok ? "" : "words";
  return answer;
}

TEST_F(RecorderTest, EffectsAreCountedAndThoseThatFailAreTold) {
  const Effect evict{9, Evict{{"default", "web-1"}, "u"}};
  const Effect layout{10, PutLayout{"n1", 3, {}, {}}};
  recorder_->answered(evict, answer(Verdict::Ok, 201), 20);
  EXPECT_THAT(lines(), IsEmpty()) << "what is done is told at level debug";
  recorder_->answered(evict, answer(Verdict::Later, 429), 30);
  recorder_->answered(layout, answer(Verdict::Refused, 422), 40);
  recorder_->answered(layout, answer(Verdict::Unknown, 0), 15'000);
  recorder_->answered(layout, answer(Verdict::Conflict, 0), 0);  // no request was made
  recorder_->answered(layout, answer(Verdict::Refused, 999), 1);
  EXPECT_THAT(
      lines(),
      ElementsAre("\"level\":\"info\",\"component\":\"controller\",\"message\":\"effect not "
                  "done\",\"effect\":9,\"kind\":\"Evict\",\"object\":\"Pod default/web-1\","
                  "\"verdict\":\"Later\",\"status\":429,\"reason\":\"TooManyRequests\","
                  "\"cause\":\"DisruptionBudget\",\"why\":\"words\",\"ms\":30}",
                  HasSubstr("\"level\":\"warning\""), HasSubstr("\"level\":\"warning\""),
                  HasSubstr("\"level\":\"info\""), HasSubstr("\"level\":\"warning\"")));
  EXPECT_THAT(
      page("kerf_controller_effects_total"),
      ElementsAre("kerf_controller_effects_total{kind=\"Evict\",verdict=\"Later\"} 1",
                  "kerf_controller_effects_total{kind=\"Evict\",verdict=\"Ok\"} 1",
                  "kerf_controller_effects_total{kind=\"PutLayout\",verdict=\"Conflict\"} 1",
                  "kerf_controller_effects_total{kind=\"PutLayout\",verdict=\"Refused\"} 2",
                  "kerf_controller_effects_total{kind=\"PutLayout\",verdict=\"Unknown\"} 1"));
  EXPECT_THAT(page("kerf_controller_api_errors_total"),
              ElementsAre("kerf_controller_api_errors_total{status=\"422\"} 1",
                          "kerf_controller_api_errors_total{status=\"429\"} 1",
                          "kerf_controller_api_errors_total{status=\"none\"} 1",
                          "kerf_controller_api_errors_total{status=\"other\"} 1"));
  EXPECT_THAT(page("kerf_controller_api_seconds_count"),
              ElementsAre("kerf_controller_api_seconds_count{kind=\"Evict\"} 2",
                          "kerf_controller_api_seconds_count{kind=\"PutLayout\"} 3"));
  EXPECT_THAT(page("kerf_controller_api_seconds_sum{kind=\"Evict\"}"),
              ElementsAre("kerf_controller_api_seconds_sum{kind=\"Evict\"} 0.05"));
}

TEST_F(RecorderTest, AllEffectsAreToldAtLevelDebug) {
  reset(telemetry::Level::Debug);
  recorder_->answered({9, Evict{{"default", "web-1"}, "u"}}, answer(Verdict::Ok, 201), 20);
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("\"level\":\"debug\",\"component\":\"controller\","
                                             "\"message\":\"effect done\",\"effect\":9")));
}

TEST_F(RecorderTest, EveryEffectHasANameOfItsOwn) {
  control::NodeClaim claim;
  claim.meta.name = "c";
  Record record;
  record.about = {"ns", "p"};
  const std::pair<Action, std::string> cases[] = {
      {PutLayout{"n", 0, {}, {}}, "PutLayout GpuNode n"},
      {CreateClaim{claim}, "CreateClaim NodeClaim c"},
      {DeleteClaim{"c", "u"}, "DeleteClaim NodeClaim c"},
      {Nominate{{"ns", "p"}, "u", 0, "n"}, "Nominate Pod ns/p"},
      {Publish{"n", 0, {}}, "Publish Node n"},
      {Withdraw{"n", 0, {}}, "Withdraw Node n"},
      {Evict{{"ns", "p"}, "u"}, "Evict Pod ns/p"},
      {PatchNode{"n", 0, {}, false, {}}, "PatchNode Node n"},
      {PutStatus{"s", 0, {}}, "PutStatus SlicePolicy s"},
      {Note{record}, "Note Pod ns/p"},
      {Solve{}, "Solve "},
      {WakeAt{}, "WakeAt "}};
  static_assert(std::size(cases) == std::variant_size_v<Action>);
  for (const auto& [action, told] : cases)
    EXPECT_EQ(std::string(name_of(action)) + " " + object_of(action), told);
}

TEST_F(RecorderTest, PricesHaveAnAgeAndASource) {
  Prices::Told told;
  told.market = std::make_shared<market::Market>(*codec::builtin_market("us-east-1"));
  told.source = "shipped price table";
  told.trouble = "no pod of Karpenter is running";
  const std::string count = std::to_string(told.market->offerings.size());
  recorder_->priced(told, 1'796'054'400'000);
  EXPECT_THAT(
      page("kerf_controller_prices"),
      ElementsAre("kerf_controller_prices_age_seconds -1", "kerf_controller_prices_current 0",
                  "kerf_controller_prices_source{source=\"shipped price table\"} 1",
                  "kerf_controller_prices_timestamp_seconds 0"));
  EXPECT_THAT(page("kerf_controller_offerings"),
              ElementsAre("kerf_controller_offerings{capacity_type=\"on-demand\"} " + count));
  told.as_of_ms = 1'796'054'340'000;
  told.source = "Karpenter's metrics at 10.0.3.7:8080";
  told.trouble = "";
  recorder_->priced(told, 1'796'054'400'000);
  EXPECT_THAT(page("kerf_controller_prices_age_seconds"),
              ElementsAre("kerf_controller_prices_age_seconds 60"));
  EXPECT_THAT(page("kerf_controller_prices_current"),
              ElementsAre("kerf_controller_prices_current 1"));
  EXPECT_THAT(page("kerf_controller_prices_source"),
              ElementsAre(HasSubstr("source=\"Karpenter's metrics at 10.0.3.7:8080\"")));
}

Overview overview() {
  Money money;
  money.policy = "team-a";
  money.bill = {10'000'000};
  money.used = {7'500'000};
  money.stranded[static_cast<int>(Stranded::Parked)] = {2'000'000};
  money.stranded[static_cast<int>(Stranded::Uncut)] = {500'000};
  money.figures.pods = 12;
  money.figures.pending = 2;
  money.figures.unserved = 1;
  money.figures.bill = {12'000'000};
  money.figures.could_be = {9'000'000};
  money.figures.bound = {8'900'000};
  money.figures.whole_gpus = {20'500'000};
  money.nodes = 3;
  money.nodes_in_service = 2;
  money.claims_unlaunched = 1;
  money.act = true;
  Money idle;
  idle.policy = "team-b";
  Overview overview;
  overview.policies = {money, idle};
  overview.slices = {{"team-a", "H100-80", "1g.10gb", "used", 9},
                     {"team-a", "H100-80", "1g.10gb", "parked", 2}};
  return overview;
}

TEST_F(RecorderTest, AnOverviewIsAFamilyForEachFigure) {
  recorder_->leads(true);
  recorder_->overview(overview());
  const std::string a = "{policy=\"team-a\"} ";
  const std::string b = "{policy=\"team-b\"} ";
  for (const Lines& expected : std::vector<Lines>{{"kerf_usd_per_hour", "12", "0"},
                                                  {"kerf_could_be_usd_per_hour", "9"},
                                                  {"kerf_bound_usd_per_hour", "8.9"},
                                                  {"kerf_whole_gpus_usd_per_hour", "20.5"},
                                                  {"kerf_saved_usd_per_hour", "8.5"},
                                                  {"kerf_bought_usd_per_hour", "10", "0"},
                                                  {"kerf_used_usd_per_hour", "7.5", "0"},
                                                  {"kerf_utilisation_ratio", "0.75"},
                                                  {"kerf_pods", "12", "0"},
                                                  {"kerf_pods_pending", "2", "0"},
                                                  {"kerf_pods_unserved", "1", "0"},
                                                  {"kerf_nodeclaims_unlaunched", "1", "0"},
                                                  {"kerf_policy_acts", "1", "0"}}) {
    Lines samples = {expected[0] + a + expected[1]};
    if (expected.size() > 2) samples.push_back(expected[0] + b + expected[2]);
    EXPECT_EQ(page(expected[0] + "{"), samples);
  }
  EXPECT_THAT(page("kerf_stranded_usd_per_hour{cause=\"parked\""),
              ElementsAre("kerf_stranded_usd_per_hour{cause=\"parked\",policy=\"team-a\"} 2",
                          "kerf_stranded_usd_per_hour{cause=\"parked\",policy=\"team-b\"} 0"));
  EXPECT_EQ(page("kerf_stranded_usd_per_hour{").size(), 2u * kStranded);
  EXPECT_THAT(page("kerf_nodes{"),
              ElementsAre("kerf_nodes{policy=\"team-a\",state=\"in_service\"} 2",
                          "kerf_nodes{policy=\"team-a\",state=\"not_in_service\"} 1",
                          "kerf_nodes{policy=\"team-b\",state=\"in_service\"} 0",
                          "kerf_nodes{policy=\"team-b\",state=\"not_in_service\"} 0"));
  EXPECT_THAT(page("kerf_slices{"),
              ElementsAre("kerf_slices{model=\"H100-80\",policy=\"team-a\",profile=\"1g.10gb\","
                          "state=\"parked\"} 2",
                          "kerf_slices{model=\"H100-80\",policy=\"team-a\",profile=\"1g.10gb\","
                          "state=\"used\"} 9"));
}

TEST_F(RecorderTest, OnlyTheLeaderHasAnOverview) {
  recorder_->overview(overview());
  EXPECT_THAT(page("kerf_usd_per_hour"), IsEmpty());
  EXPECT_THAT(page("kerf_controller_leader"), ElementsAre("kerf_controller_leader 0"));
  recorder_->leads(true);
  recorder_->leads(true);
  recorder_->overview(overview());
  EXPECT_THAT(page("kerf_usd_per_hour"), Not(IsEmpty()));
  EXPECT_THAT(page("kerf_controller_leader"), ElementsAre("kerf_controller_leader 1"));
  recorder_->leads(false);
  for (const char* family : {"kerf_usd_per_hour", "kerf_slices", "kerf_nodes", "kerf_pods{",
                             "kerf_stranded", "kerf_utilisation"})
    EXPECT_THAT(page(family), IsEmpty()) << family;
  EXPECT_THAT(page("kerf_controller_leader"), ElementsAre("kerf_controller_leader 0"));
  EXPECT_EQ(lines().size(), 2u) << "told when it changes";
}

TEST_F(RecorderTest, APolicyThatIsGoneHasNoFiguresAnyMore) {
  recorder_->leads(true);
  recorder_->overview(overview());
  Overview less = overview();
  less.policies.pop_back();
  recorder_->overview(less);
  EXPECT_THAT(page("kerf_pods{"), ElementsAre("kerf_pods{policy=\"team-a\"} 12"));
}

/// Every family of the Recorder is in the reference, and the other way round.
TEST_F(RecorderTest, TheReferenceListsExactlyThese) {
  recorder_->leads(true);
  recorder_->overview(overview());
  Prices::Told told;
  told.market = std::make_shared<market::Market>(*codec::builtin_market("us-east-1"));
  recorder_->priced(told, 0);
  recorder_->decided(bought("team-a", 1), "1");
  Record back = bought("team-a", 1);
  back.what = What::Return;
  back.args = {"empty"};
  recorder_->decided(back, "2");
  recorder_->answered({9, Evict{{"default", "web-1"}, "u"}}, answer(Verdict::Later, 429), 20);
  std::set<std::string> written;
  for (const std::string& line : page("# TYPE ")) {
    const std::string rest = line.substr(7);
    written.insert(rest.substr(0, rest.find(' ')));
  }
  std::ifstream in(KERF_SOURCE_DIR "/docs/reference/controller-metrics.md");
  ASSERT_TRUE(in);
  std::set<std::string> listed;
  for (std::string line; std::getline(in, line) && line != "### The process";) {
    if (!line.starts_with("| `")) continue;
    const std::string cell = line.substr(2, line.find('|', 2) - 2);
    for (std::size_t at = 0; (at = cell.find('`', at)) != std::string::npos;) {
      const std::size_t end = cell.find('`', at + 1);
      listed.insert(cell.substr(at + 1, end - at - 1));
      at = end + 1;
    }
  }
  EXPECT_EQ(written, listed);
}

}  // namespace
}  // namespace kerf::shell
