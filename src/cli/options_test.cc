// Tests of option parsing: what a person types becomes values, and mistakes become advice.
#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/plan_arguments.h"
#include "cli/program.h"

namespace kerf::cli {
namespace {

using market::CapacityType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<PlanArguments> parse(std::vector<std::string> words) {
  KERF_TRY(const ParsedOptions parsed, parse_options(*find_command("plan"), std::move(words)));
  return read_plan_arguments(parsed);
}

std::string refused(std::vector<std::string> words) {
  const auto arguments = parse(std::move(words));
  return arguments ? "accepted" : arguments.error().message();
}

TEST(Options, AreAllAbsentByDefault) {
  const auto arguments = parse({"a.yaml"});
  ASSERT_TRUE(arguments);
  EXPECT_THAT(arguments->paths, ElementsAre("a.yaml"));
  EXPECT_FALSE(arguments->region || arguments->price_region || arguments->prices ||
               arguments->policy || arguments->trace || arguments->daemonsets ||
               arguments->root_volume_gib || arguments->output_file);
  EXPECT_FALSE(arguments->effort || arguments->snapshot || arguments->context || arguments->ns ||
               arguments->selector);
  EXPECT_FALSE(arguments->reads_cluster());
  EXPECT_FALSE(arguments->check || arguments->all || arguments->ascii || arguments->quiet);
  EXPECT_EQ(arguments->output, OutputFormat::Table);
  EXPECT_EQ(arguments->colour, ColourWhen::Auto);
}

TEST(Options, StandBeforeBetweenAndAfterPaths) {
  const auto arguments = parse({"-q", "a.yaml", "-ojson", "-", "--replicas", "web=3", "b.yaml",
                                "--replicas=db/pg=2", "--all"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_THAT(arguments->paths, ElementsAre("a.yaml", "-", "b.yaml"));
  EXPECT_EQ(arguments->output, OutputFormat::Json);
  EXPECT_EQ(arguments->replicas, (std::map<std::string, std::int64_t>{{"web", 3}, {"db/pg", 2}}));
  EXPECT_TRUE(arguments->quiet && arguments->all);
}

TEST(Options, EndAtTwoDashes) {
  const auto arguments = parse({"--", "--types", "-h"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_THAT(arguments->paths, ElementsAre("--types", "-h"));
}

TEST(Options, ReadEveryValue) {
  const auto arguments = parse({"x",
                                "--region",
                                "eu-west-1",
                                "--price-region=us-east-1",
                                "--prices",
                                "p.csv",
                                "--discount",
                                "12.5",
                                "--discount",
                                "on-demand=28%",
                                "--types",
                                "g6.*, p4d.24xlarge,g6.*",
                                "--policy",
                                "p.yaml",
                                "--capacity-types",
                                "spot,on-demand",
                                "--zones",
                                "eu-west-1a,eu-west-1b",
                                "--daemonsets",
                                "800m,1.5Gi",
                                "--root-volume",
                                "100",
                                "--check",
                                "--color",
                                "never",
                                "--ascii",
                                "--effort",
                                "5",
                                "--output-file",
                                "plan.txt",
                                "--hours",
                                "nightly=60.5"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_EQ(arguments->region, "eu-west-1");
  EXPECT_EQ(arguments->price_region, "us-east-1");
  EXPECT_EQ(arguments->prices, "p.csv");
  EXPECT_EQ(arguments->policy, "p.yaml");
  ASSERT_EQ(arguments->discounts.size(), 2u);
  EXPECT_EQ(arguments->discounts[0].capacity, std::nullopt);
  EXPECT_EQ(arguments->discounts[0].percent, 12.5);
  EXPECT_EQ(arguments->discounts[1].capacity, CapacityType::OnDemand);
  EXPECT_EQ(arguments->discounts[1].percent, 28);
  EXPECT_THAT(arguments->types, ElementsAre("g6.*", "p4d.24xlarge"));
  EXPECT_THAT(arguments->capacity_types, ElementsAre(CapacityType::Spot, CapacityType::OnDemand));
  EXPECT_THAT(arguments->zones, ElementsAre("eu-west-1a", "eu-west-1b"));
  EXPECT_EQ(arguments->daemonsets, (Resources{800, 1536, 0, 0}));
  EXPECT_EQ(arguments->root_volume_gib, 100);
  EXPECT_EQ(arguments->colour, ColourWhen::Never);
  EXPECT_EQ(arguments->effort, 5);
  EXPECT_EQ(arguments->output_file, "plan.txt");
  EXPECT_EQ(arguments->hours.at("nightly"), 60.5);
  EXPECT_TRUE(arguments->check && arguments->ascii);
}

TEST(Options, ReadATraceWithItsMap) {
  const auto arguments =
      parse({"--trace", "pods.csv", "--map", "share", "--reference-gpu", "A100-40"});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_EQ(arguments->trace, "pods.csv");
  EXPECT_EQ(arguments->map, codec::TraceMap::Share);
  EXPECT_EQ(arguments->reference_gpu, "A100-40");
}

TEST(Options, AnswerMistakesWithWhatWasExpected) {
  const struct {
    std::vector<std::string> words;
    const char* says;
  } kCases[] = {
      {{"--trcae", "a.csv"}, "no option \"--trcae\"; did you mean --trace?"},
      {{"--tpyes=g6.*"}, "no option \"--tpyes\"; did you mean --types?"},
      {{"-x", "a"}, "no option \"-x\""},
      {{"-f", "a.yaml"}, "a PATH stands by itself: kerf plan deploy/"},
      {{"a", "-o", "yaml"}, "--output: \"yaml\" is none of table, json"},
      {{"a", "--color", "allways"}, "did you mean always?"},
      {{"a", "-o"}, "--output needs a value: --output FORMAT"},
      {{"a", "--types="}, "--types needs a value: --types LIST"},
      {{"--trace", "--map", "whole"}, "--trace needs a value"},
      {{"a", "--all=yes"}, "--all takes no value"},
      {{"a", "--region", "x", "--region", "y"}, "--region is given twice"},
      {{"a", ""}, "an empty PATH was given"},
      {{"a", "--replicas", "web"}, "--replicas: expected NAME=NUMBER such as web=3, got \"web\""},
      {{"a", "--replicas", "web=-1"}, "from 0 to 1000000, got \"-1\""},
      {{"a", "--replicas", "web=3.5"}, "a whole number"},
      {{"a", "--replicas", "web=99999999999999999999"}, "from 0 to 1000000"},
      {{"a", "--replicas", "web=1", "--replicas", "web=2"}, "\"web\" is given twice"},
      {{"a", "--hours", "job=731"}, "from 0 to 730"},
      {{"a", "--hours", "job=nan"}, "from 0 to 730"},
      {{"a", "--discount", "101"}, "from 0 to 100"},
      {{"a", "--discount", "-5"}, "from 0 to 100"},
      {{"a", "--discount", "1e1"}, "from 0 to 100"},
      {{"a", "--discount", "spott=3"}, "did you mean spot?"},
      {{"a", "--discount", "3", "--discount", "4"}, "two for all capacity types"},
      {{"a", "--capacity-types", "spot,ondemand"}, "did you mean on-demand?"},
      {{"a", "--types", "g6.*,,p4d.*"}, "an item of the list is empty"},
      {{"a", "--daemonsets", "1"}, "expected CPU,MEMORY"},
      {{"a", "--daemonsets", "1,2,3"}, "expected CPU,MEMORY"},
      {{"a", "--daemonsets", "1Gi,800m"}, "CPU comes first, then memory"},
      {{"a", "--root-volume", "0"}, "from 1 to"},
      {{"a", "--trace", "b.csv"}, "--trace is planned alone: leave \"a\" out"},
      {{"a", "--map", "whole"}, "--map is about a trace"},
      {{"--trace", "b.csv", "--map", "share"}, "needs --reference-gpu"},
      {{"--trace", "b.csv", "--reference-gpu", "T4"}, "used by --map share only"},
      {{"--trace", "b.csv", "--replicas", "web=2"}, "about workloads in manifests"},
      {{"-", "--prices", "-"}, "can be given once"},
      {{"-", "--policy", "-"}, "can be given once"},
      {{"--snapshot", "-", "--policy", "-"}, "can be given once"},
      {{"a", "--snapshot", "b.json"}, "--snapshot is planned alone"},
      {{"--snapshot", "b.json", "--context", "prod"}, "--context names a live cluster"},
      {{"a", "--namespace", "ml"}, "--namespace is about a cluster: leave \"a\" out"},
      {{"--hours", "job=7"}, "the pods of a cluster are planned as they run"},
  };
  for (const auto& test : kCases) EXPECT_THAT(refused(test.words), HasSubstr(test.says));
}

TEST(Options, ForgiveEverythingBesideHelp) {
  const auto parsed = parse_options(*find_command("plan"), {"--bogus", "-o", "--help"});
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->given("--help"));
}

TEST(Options, WithoutInputReadACluster) {
  const auto arguments = parse({});
  ASSERT_TRUE(arguments) << arguments.error().message();
  EXPECT_TRUE(arguments->reads_cluster());
}

TEST(Options, OfOtherCommandsTakeNoMoreThanTheyMean) {
  EXPECT_FALSE(parse_options(*find_command("version"), {"x"}));
  EXPECT_THAT(parse_options(*find_command("status"), {"eks.json"}).error().message(),
              HasSubstr("a file to read is given with --snapshot"));
  EXPECT_FALSE(parse_options(*find_command("completion"), {"bash", "zsh"}));
  EXPECT_THAT(parse_options(*find_command("completion"), {"bsh"}).error().message(),
              HasSubstr("did you mean bash"));
}

TEST(Commands, AreSuggestedForMistakes) {
  EXPECT_THAT(unknown_command("plna"), HasSubstr("did you mean plan?"));
  EXPECT_THAT(unknown_command("deployment.yaml"), HasSubstr("kerf plan deployment.yaml"));
  EXPECT_THAT(unknown_command("--trace"), HasSubstr("kerf plan --trace"));
  EXPECT_THAT(unknown_command("xyzzy"),
              HasSubstr("Commands are plan, verify, simulate, snapshot, doctor, status, cost, why, "
                        "diff, completion, version, help"));
}

TEST(Commands, HaveTheirExitCodesExplained) {
  std::string all;
  for (const ExitSpec& code : exit_codes()) all += std::string(code.says) + ' ';
  for (const CommandSpec& command : commands()) {
    if (command.hidden) continue;
    EXPECT_THAT(all, HasSubstr(std::string(command.name)));
  }
}

TEST(Commands, HaveDistinctOptionsAndDefaultsAmongTheirChoices) {
  for (const CommandSpec& command : commands()) {
    std::set<std::string_view> names;
    for (const OptionSpec& option : all_options(command)) {
      EXPECT_TRUE(names.insert(option.name).second) << option.name;
      if (!option.short_name.empty()) {
        EXPECT_TRUE(names.insert(option.short_name).second) << option.short_name;
      }
      if (option.choices.empty()) continue;
      // "3; 1 for large clusters": the usual one comes first.
      const std::string_view usual = option.unless_given.substr(0, option.unless_given.find(';'));
      EXPECT_THAT(split_choices(option.choices), ::testing::Contains(usual));
    }
  }
}

}  // namespace
}  // namespace kerf::cli
