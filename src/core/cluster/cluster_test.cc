// Requirements, tolerations, selectors and globs, rule by rule as Kubernetes has them.
#include <gtest/gtest.h>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"

namespace kerf::cluster {
namespace {

TEST(Requirement, IsEvaluatedAsKubernetesDoes) {
  const std::map<std::string, std::string> labels = {{"zone", "a"}, {"size", "12"}, {"empty", ""}};
  struct Case {
    Requirement requirement;
    bool matches;
  };
  const std::vector<Case> cases = {
      {{"zone", Operator::In, {"a", "b"}}, true},
      {{"zone", Operator::In, {"b"}}, false},
      {{"none", Operator::In, {"a"}}, false},
      {{"zone", Operator::NotIn, {"a"}}, false},
      {{"zone", Operator::NotIn, {"b"}}, true},
      {{"none", Operator::NotIn, {"a"}}, true},  // an absent label is not in any list
      {{"empty", Operator::Exists, {}}, true},
      {{"none", Operator::Exists, {}}, false},
      {{"none", Operator::DoesNotExist, {}}, true},
      {{"zone", Operator::DoesNotExist, {}}, false},
      {{"size", Operator::Gt, {"11"}}, true},
      {{"size", Operator::Gt, {"12"}}, false},
      {{"size", Operator::Lt, {"100"}}, true},  // numbers, not text
      {{"size", Operator::Lt, {"12"}}, false},
      {{"zone", Operator::Gt, {"1"}}, false},
      {{"none", Operator::Lt, {"1"}}, false},
      {{"size", Operator::Gt, {"eleven"}}, false},
  };
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(matches(cases[i].requirement, labels), cases[i].matches) << "case " << i;
}

TEST(Toleration, MatchesByKeyValueAndEffect) {
  const Taint taint{"team", "ml", "NoSchedule"};
  EXPECT_FALSE(tolerates({}, taint));
  EXPECT_TRUE(tolerates({{"", true, "", ""}}, taint));
  EXPECT_TRUE(tolerates({{"team", true, "", ""}}, taint));
  EXPECT_TRUE(tolerates({{"team", false, "ml", "NoSchedule"}}, taint));
  EXPECT_FALSE(tolerates({{"team", false, "web", ""}}, taint));
  EXPECT_FALSE(tolerates({{"team", true, "", "NoExecute"}}, taint));
  EXPECT_FALSE(tolerates({{"other", true, "", ""}}, taint));
  EXPECT_TRUE(tolerates({{"other", true, "", ""}, {"team", true, "", ""}}, taint));
}

TEST(Toleration, IsNotNeededForAPreference) {
  EXPECT_TRUE(tolerates({}, {"team", "ml", "PreferNoSchedule"}));
}

TEST(PodSelector, LooksAtNamespaceAndLabels) {
  PodShape pod;
  pod.ns = "search";
  pod.labels = {{"app", "embed"}};
  PodSelector selector;
  selector.namespaces = {"chat", "search"};
  EXPECT_TRUE(matches(selector, pod));  // no labels asked: every pod of these namespaces
  selector.labels = {{"app", Operator::In, {"embed"}}};
  EXPECT_TRUE(matches(selector, pod));
  selector.namespaces = {"chat"};
  EXPECT_FALSE(matches(selector, pod));
  selector.all_namespaces = true;
  EXPECT_TRUE(matches(selector, pod));
  selector.none = true;
  EXPECT_FALSE(matches(selector, pod));
}

TEST(Demand, InternsEqualShapesOnce) {
  Demand demand;
  PodShape a, b;
  b.priority = 1;
  EXPECT_EQ(demand.intern(a), 0U);
  EXPECT_EQ(demand.intern(b), 1U);
  EXPECT_EQ(demand.intern(a), 0U);
  EXPECT_EQ(demand.shapes.size(), 2U);
}

TEST(Demand, SaysWhatAPodAsksFor) {
  GpuRequest whole;
  whole.count = 2;
  GpuRequest slice;
  slice.kind = GpuRequestKind::Slice;
  slice.profile = "1g.5gb+me";
  GpuRequest portable;
  portable.kind = GpuRequestKind::Portable;
  portable.gib = 16;
  EXPECT_EQ(describe({}), "no GPU");
  EXPECT_EQ(describe({whole, slice}), "2 x nvidia.com/gpu + nvidia.com/mig-1g.5gb.me");
  EXPECT_EQ(describe({portable}), "kerf.dev/gpu-16gi");
  portable.isolation = Isolation::Shared;
  EXPECT_EQ(describe({portable}), "kerf.dev/gpu-16gi-shared");
  portable.isolation = Isolation::Isolated;
  EXPECT_EQ(describe({portable}), "kerf.dev/gpu-16gi-isolated");
  GpuRequest share;
  share.kind = GpuRequestKind::ShareOfMemory;
  share.share_milli = 460;
  EXPECT_EQ(describe({share}), "0.46 GPU by memory");
}

TEST(Glob, HasStarsOnly) {
  EXPECT_TRUE(glob_matches("p4d.*", "p4d.24xlarge"));
  EXPECT_TRUE(glob_matches("*.24xlarge", "p4d.24xlarge"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("g*e.*xlarge", "g6e.12xlarge"));
  EXPECT_TRUE(glob_matches("*a*b", "aXbXb"));
  EXPECT_FALSE(glob_matches("p4d.*", "p4de.24xlarge"));
  EXPECT_FALSE(glob_matches("p4d", "p4d.24xlarge"));
  EXPECT_FALSE(glob_matches("", "x"));
  EXPECT_FALSE(glob_matches("?4d.*", "p4d.24xlarge"));
}

TEST(Policy, AllowsWhatEveryListAllows) {
  market::InstanceType type;
  type.name = "g6.xlarge";
  market::Offering offering;
  offering.zone = "us-east-1a";
  Policy policy;
  EXPECT_TRUE(allows(policy, type, offering));
  policy.families = {"g6"};
  EXPECT_TRUE(allows(policy, type, offering));
  policy.instance_types = {"p4d.*", "g6.*"};
  EXPECT_TRUE(allows(policy, type, offering));
  policy.zones = {"us-east-1b"};
  EXPECT_FALSE(allows(policy, type, offering));
  offering.zone = "";  // the price holds for the region: zones are told apart later
  EXPECT_TRUE(allows(policy, type, offering));
  offering.capacity_type = market::CapacityType::Spot;
  EXPECT_FALSE(allows(policy, type, offering));  // on-demand unless the policy says otherwise
}

}  // namespace
}  // namespace kerf::cluster
