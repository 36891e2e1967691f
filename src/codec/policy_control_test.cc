// Tests of what a controller reads of a SlicePolicy.
#include "codec/policy_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/catalogue.h"
#include "codec/policy.h"
#include "codec/yaml.h"

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Result<control::SlicePolicy> read(const std::string& spec) {
  const std::string yaml =
      "apiVersion: kerf.dev/v1alpha1\nkind: SlicePolicy\nmetadata: {name: team}\nspec:\n" + spec;
  KERF_TRY(const auto documents, parse_yaml(yaml, "policy.yaml"));
  return read_slice_policy(documents.at(0), builtin_catalogue());
}

TEST(PolicyControl, ReadsAllThatAControllerUses) {
  const auto policy = read(R"(
  mode: Act
  priority: 7
  selector: {namespaces: [ml, search], podLabels: {team: a}}
  nodeClasses: {cut: gpu-cut, whole: gpu-whole}
  families: [p4d]
  limits: {usdPerHour: 50, gpus: 16}
  budgets:
    - {namespace: ml, usdPerHour: 20}
    - {namespace: search, gpus: 4}
  warm: [{resource: nvidia.com/mig-1g.10gb, count: 2}]
  consolidation:
    leastSavingUsdPerHour: 0.5
    coolDown: 1h30m
    movesPerHour: 4
    windows: [{schedule: "0 20 * * tue", duration: 8h}]
  buysFor: [nvidia.com/gpu]
)");
  ASSERT_TRUE(policy) << policy.error().message();
  EXPECT_EQ(policy->meta.name, "team");
  EXPECT_EQ(policy->buys.name, "team");
  EXPECT_EQ(policy->mode, control::Mode::Act);
  EXPECT_EQ(policy->priority, 7);
  EXPECT_THAT(policy->namespaces, ElementsAre("ml", "search"));
  EXPECT_THAT(policy->pod_labels, ElementsAre(Pair("team", "a")));
  EXPECT_EQ(policy->node_class_cut, "gpu-cut");
  EXPECT_EQ(policy->node_class_whole, "gpu-whole");
  EXPECT_THAT(policy->buys.families, ElementsAre("p4d"));
  EXPECT_EQ(policy->buys.limit_gpus, 16);
  EXPECT_EQ(policy->budgets.at("ml").per_hour, MicroUsdPerHour{20'000'000});
  EXPECT_EQ(policy->budgets.at("ml").gpus, std::nullopt);
  EXPECT_EQ(policy->budgets.at("search").gpus, 4);
  ASSERT_EQ(policy->warm.size(), 1U);
  EXPECT_EQ(policy->warm[0].request.profile, "1g.10gb");
  EXPECT_EQ(policy->warm[0].count, 2);
  EXPECT_EQ(policy->consolidation.least_saving.micro, 500'000);
  EXPECT_EQ(policy->consolidation.cool_down_ms, 90 * control::kMinute);
  EXPECT_EQ(policy->consolidation.moves_per_hour, 4);
  ASSERT_EQ(policy->consolidation.windows.size(), 1U);
  EXPECT_THAT(policy->consolidation.windows[0].opens, ElementsAre(44 * 60));
  EXPECT_EQ(policy->consolidation.windows[0].duration_ms, 8 * control::kHour);
  EXPECT_THAT(policy->buys_for, ElementsAre("nvidia.com/gpu"));
}

TEST(PolicyControl, ObservesAndBuysForSlicesWhereNothingIsSaid) {
  const auto policy = read("  {}\n");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->mode, control::Mode::Observe);
  EXPECT_THAT(policy->buys_for, ElementsAre("nvidia.com/mig-*", "kerf.dev/*"));
  EXPECT_TRUE(policy->consolidation.windows.empty());
}

TEST(PolicyControl, RefusesWindowsThatDoNotRepeatEveryWeek) {
  const auto policy =
      read("  consolidation: {windows: [{schedule: \"0 0 1 * *\", duration: 1h}]}\n");
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().message(),
              HasSubstr("windows[0].schedule: \"0 0 1 * *\"; day and month must be *"));
}

TEST(PolicyControl, ReadsASpecOverWhatThePolicySays) {
  const auto documents = parse_yaml("priority: 3\n", "spec.yaml");
  ASSERT_TRUE(documents);
  control::SlicePolicy policy;
  policy.mode = control::Mode::Act;
  policy.buys.limit_gpus = 1;
  policy.buys.limit_per_hour = MicroUsdPerHour{1};
  const auto read = read_slice_policy_spec(Field("spec.yaml", documents->at(0).root),
                                           builtin_catalogue(), policy);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(policy.mode, control::Mode::Act);
  EXPECT_EQ(policy.priority, 3);
}

}  // namespace
}  // namespace kerf::codec
