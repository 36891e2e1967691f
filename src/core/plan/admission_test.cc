// Admission: selectors, affinity, taints, architecture and zones against offerings, rule by rule.
#include "core/plan/admission.h"

#include <gtest/gtest.h>

#include "core/plan/plan_testing.h"

namespace kerf::plan {
namespace {

using cluster::Operator;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;
using market::CapacityType;

constexpr const char* kType = "node.kubernetes.io/instance-type";
constexpr const char* kProduct = "nvidia.com/gpu.product";
constexpr const char* kZone = "topology.kubernetes.io/zone";

const market::Market& shipped() {
  static const market::Market all = testing::market();
  return all;
}

PodShape with_selector(Requirements selector) {
  PodShape pod = testing::shape(testing::whole());
  pod.node_selector = std::move(selector);
  return pod;
}
PodShape with_terms(std::vector<Requirements> terms) {
  PodShape pod = testing::shape(testing::whole());
  pod.node_affinity = std::move(terms);
  return pod;
}

bool admitted(const PodShape& pod, const std::string& type, const cluster::Policy& policy = {},
              const std::string& zone = "us-east-1a",
              CapacityType capacity = CapacityType::OnDemand,
              GivenLabels given = GivenLabels::AsChosen) {
  const Admission admission =
      admits(shipped(), policy, pod, *shipped().type_named(type), zone, capacity, given);
  if (!admission.ok) {
    EXPECT_EQ(admission.why_not.code, ReasonCode::NoTypeMatches);
    EXPECT_FALSE(admission.why_not.args.at(0).empty());
  }
  return admission.ok;
}

TEST(Admission, JudgesLabelsThatTheOfferingDecides) {
  const char* generation = "karpenter.k8s.aws/instance-generation";
  const char* nvme = "karpenter.k8s.aws/instance-local-nvme";
  struct Case {
    Requirement requirement;
    const char* type;
    bool ok;
  };
  const Case cases[] = {
      {{kType, Operator::In, {"g6.xlarge", "p5.4xlarge"}}, "p5.4xlarge", true},
      {{kType, Operator::In, {"g6.xlarge"}}, "p5.4xlarge", false},
      {{kType, Operator::NotIn, {"g6.xlarge"}}, "p5.4xlarge", true},
      {{kType, Operator::NotIn, {"g6.xlarge"}}, "g6.xlarge", false},
      {{"beta.kubernetes.io/instance-type", Operator::In, {"g6.xlarge"}}, "g6.xlarge", true},
      {{nvme, Operator::Exists, {}}, "g6.xlarge", true},
      {{nvme, Operator::Exists, {}}, "p3.2xlarge", false},
      {{nvme, Operator::DoesNotExist, {}}, "p3.2xlarge", true},
      {{nvme, Operator::DoesNotExist, {}}, "g6.xlarge", false},
      {{generation, Operator::Gt, {"5"}}, "g6.xlarge", true},
      {{generation, Operator::Gt, {"5"}}, "p5.4xlarge", false},
      {{generation, Operator::Lt, {"5"}}, "p4d.24xlarge", true},
      {{generation, Operator::Lt, {"5"}}, "p5.4xlarge", false},
      {{generation, Operator::Gt, {"five"}}, "g6.xlarge", false},
      {{kZone, Operator::In, {"us-east-1a"}}, "g6.xlarge", true},
      {{kZone, Operator::In, {"us-east-1b"}}, "g6.xlarge", false},
      {{kZone, Operator::NotIn, {"us-east-1a"}}, "g6.xlarge", false},
      {{"topology.kubernetes.io/region", Operator::In, {"us-east-1"}}, "g6.xlarge", true},
      {{"topology.kubernetes.io/region", Operator::In, {"eu-west-1"}}, "g6.xlarge", false},
      {{"karpenter.sh/capacity-type", Operator::In, {"spot"}}, "g6.xlarge", false},
      {{"karpenter.sh/capacity-type", Operator::In, {"on-demand"}}, "g6.xlarge", true},
      {{"nvidia.com/mig.capable", Operator::In, {"true"}}, "p4d.24xlarge", true},
      {{"nvidia.com/mig.capable", Operator::In, {"true"}}, "g6.xlarge", false},
  };
  for (const Case& c : cases) {
    const std::string what = std::string(c.requirement.key) + " on " + c.type;
    EXPECT_EQ(admitted(with_selector({c.requirement}), c.type), c.ok) << "selector " << what;
    EXPECT_EQ(admitted(with_terms({{c.requirement}}), c.type), c.ok) << "affinity " << what;
  }
  const PodShape spot = with_selector({{"karpenter.sh/capacity-type", Operator::In, {"spot"}}});
  EXPECT_TRUE(admitted(spot, "g6.xlarge", {}, "us-east-1a", CapacityType::Spot));
}

TEST(Admission, AnUnknownZoneMeetsOnlyWhatNamesNone) {
  EXPECT_FALSE(
      admitted(with_selector({{kZone, Operator::In, {"us-east-1a"}}}), "g6.xlarge", {}, ""));
  EXPECT_TRUE(
      admitted(with_selector({{kZone, Operator::NotIn, {"us-east-1a"}}}), "g6.xlarge", {}, ""));
  EXPECT_TRUE(admitted(with_selector({}), "g6.xlarge", {}, ""));
}

TEST(Admission, TakesEveryNameOfAGpuProduct) {
  struct Case {
    Operator op;
    std::vector<std::string> values;
    bool ok;
  };
  // The four names of the A100-40, of which a node carries one.
  const Case cases[] = {
      {Operator::In, {"NVIDIA-A100-SXM4-40GB"}, true},
      {Operator::In, {"NVIDIA-A100-PCIE-40GB"}, true},
      {Operator::In, {"A100-PCIE-40GB", "Tesla-T4"}, true},
      {Operator::In, {"Tesla-T4"}, false},
      {Operator::NotIn, {"A100-PCIE-40GB"}, false},
      {Operator::NotIn, {"NVIDIA-A100-SXM4-40GB", "Tesla-T4"}, false},
      {Operator::NotIn, {"Tesla-T4"}, true},
      {Operator::Exists, {}, true},
      {Operator::DoesNotExist, {}, false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(admitted(with_selector({{kProduct, c.op, c.values}}), "p4d.24xlarge"), c.ok)
        << (c.values.empty() ? "" : c.values[0]);
  // Two requirements may be met by two names of the same GPU.
  EXPECT_TRUE(admitted(with_selector({{kProduct, Operator::In, {"A100-PCIE-40GB"}},
                                      {kProduct, Operator::Exists, {}}}),
                       "p4d.24xlarge"));
}

TEST(Admission, OnlyGivesLabelsThatAreOursToGive) {
  struct Case {
    const char* key;
    bool ours;
  };
  const Case cases[] = {
      {"team", true},
      {"example.com/team", true},
      {"node.kubernetes.io/pool", true},
      {"sub.node-restriction.kubernetes.io/pool", true},
      {"notkubernetes.io/x", true},
      {"kubernetes.io/hostname", false},
      {"topology.k8s.io/rack", false},
      {"karpenter.sh/nodepool", false},
      {"karpenter.k8s.aws/instance-family", false},
      {"eks.amazonaws.com/nodegroup", false},
      {"nvidia.com/mig.config", false},
      {"node.kubernetes.io/instance-type", false},  // the offering decides it
      {"topology.kubernetes.io/zone", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(can_be_given(c.key), c.ours) << c.key;
    if (market::is_well_known_label(c.key)) continue;
    EXPECT_EQ(admitted(with_selector({{c.key, Operator::In, {"x"}}}), "g6.xlarge"), c.ours)
        << c.key;
    EXPECT_TRUE(admitted(with_selector({{c.key, Operator::NotIn, {"x"}}}), "g6.xlarge")) << c.key;
  }
}

TEST(Admission, RefusesSelectorsThatContradictThemselves) {
  const Requirements cases[] = {
      {{"team", Operator::In, {"a"}}, {"team", Operator::In, {"b"}}},
      {{"team", Operator::In, {"a"}}, {"team", Operator::NotIn, {"a"}}},
      {{"team", Operator::Exists, {}}, {"team", Operator::DoesNotExist, {}}},
      {{"rank", Operator::Gt, {"5"}}, {"rank", Operator::Lt, {"5"}}},
      {{"rank", Operator::Gt, {"high"}}},
      {{kType, Operator::In, {"g6.xlarge"}}, {kType, Operator::NotIn, {"g6.xlarge"}}},
  };
  for (const Requirements& requirements : cases) {
    EXPECT_FALSE(admitted(with_selector(requirements), "g6.xlarge")) << requirements[0].key;
    EXPECT_FALSE(admitted(with_terms({requirements}), "g6.xlarge")) << requirements[0].key;
  }
  PodShape across = with_selector({{"team", Operator::In, {"a"}}});
  across.node_affinity = {{{"team", Operator::In, {"b"}}}};
  EXPECT_FALSE(admitted(across, "g6.xlarge"));
}

TEST(Admission, HoldsThePolicysLabelsAgainstThePod) {
  cluster::Policy policy;
  policy.node_labels = {{"team", "ml"}};
  EXPECT_TRUE(admitted(with_selector({{"team", Operator::In, {"ml"}}}), "g6.xlarge", policy));
  EXPECT_FALSE(admitted(with_selector({{"team", Operator::In, {"web"}}}), "g6.xlarge", policy));
  EXPECT_FALSE(admitted(with_selector({{"team", Operator::NotIn, {"ml"}}}), "g6.xlarge", policy));
  EXPECT_FALSE(
      admitted(with_selector({{"team", Operator::DoesNotExist, {}}}), "g6.xlarge", policy));
  EXPECT_TRUE(
      label_needs(shipped(), policy, with_selector({{"team", Operator::In, {"ml"}}})).empty());
}

TEST(Admission, OneAffinityTermIsEnoughAndAnEmptyOneIsNone) {
  const Requirements g6 = {{kType, Operator::In, {"g6.xlarge"}}};
  const Requirements p5 = {{kType, Operator::In, {"p5.4xlarge"}}};
  EXPECT_TRUE(admitted(with_terms({g6, p5}), "g6.xlarge"));
  EXPECT_TRUE(admitted(with_terms({g6, p5}), "p5.4xlarge"));
  EXPECT_FALSE(admitted(with_terms({g6, p5}), "p4d.24xlarge"));
  EXPECT_FALSE(admitted(with_terms({Requirements{}}), "g6.xlarge"));
  EXPECT_TRUE(admitted(with_terms({Requirements{}, g6}), "g6.xlarge"));
  PodShape both = with_terms({g6, p5});
  both.node_selector = p5;
  EXPECT_FALSE(admitted(both, "g6.xlarge"));
  EXPECT_TRUE(admitted(both, "p5.4xlarge"));
}

TEST(Admission, GoesByTheFirstTermThatCanBeMet) {
  const Requirement a = {"team", Operator::In, {"a"}}, b = {"team", Operator::In, {"b"}};
  const Requirement g6 = {kType, Operator::In, {"g6.xlarge"}};
  const Requirement p5 = {kType, Operator::In, {"p5.4xlarge"}};
  const Requirement nothing = {kType, Operator::In, {"t2.nano"}};
  struct Case {
    std::vector<Requirements> terms;
    const char* team;
  };
  const Case cases[] = {
      {{{a}, {b}}, "a"},
      {{{a, nothing}, {b}}, "b"},
      {{{a, b}, {b}}, "b"},
      {{{g6, a}, {p5, b}}, "a"},
  };
  for (const Case& c : cases) {
    const auto labels = labels_of(label_needs(shipped(), {}, with_terms(c.terms)));
    ASSERT_EQ(labels.size(), 1u);
    EXPECT_EQ(labels[0].second, c.team);
  }
  PodShape selects = with_terms({{a}, {b}});
  selects.node_selector = {b};
  EXPECT_EQ(labels_of(label_needs(shipped(), {}, selects))[0].second, "b");

  // A plan goes by the chosen term; a bound leaves the choice open.
  const PodShape either = with_terms({{g6, a}, {p5, b}});
  EXPECT_TRUE(admitted(either, "g6.xlarge"));
  EXPECT_FALSE(admitted(either, "p5.4xlarge"));
  EXPECT_TRUE(
      admitted(either, "p5.4xlarge", {}, "us-east-1a", CapacityType::OnDemand, GivenLabels::Open));
}

TEST(Admission, SaysWhereItChoseLabels) {
  const Requirement a = {"team", Operator::In, {"a"}}, b = {"team", Operator::In, {"b"}};
  const Requirement g6 = {kType, Operator::In, {"g6.xlarge"}};
  const Requirement p5 = {kType, Operator::In, {"p5.4xlarge"}};
  const Requirement rank = {"rank", Operator::Gt, {"3"}};
  const Requirement generation = {"karpenter.k8s.aws/instance-generation", Operator::Gt, {"3"}};
  const auto chooses = [](const PodShape& pod) { return chooses_labels(shipped(), {}, pod); };
  EXPECT_FALSE(chooses(with_selector({rank})));
  EXPECT_FALSE(chooses(with_terms({{rank}})));
  EXPECT_TRUE(chooses(with_terms({{a}, {b}})));
  EXPECT_TRUE(chooses(with_terms({{a}, {g6}})));
  EXPECT_FALSE(chooses(with_selector({a})));
  EXPECT_FALSE(chooses(with_selector({generation})));
  EXPECT_FALSE(chooses(with_terms({{a}})));
  EXPECT_FALSE(chooses(with_terms({{g6}, {p5}})));
  EXPECT_FALSE(chooses(with_terms({{g6, a}, {p5, a}})));
}

TEST(Admission, WantsThePodsArchitecture) {
  const Requirement arm = {"kubernetes.io/arch", Operator::In, {"arm64"}};
  const Requirement beta = {"beta.kubernetes.io/arch", Operator::In, {"arm64"}};
  cluster::Policy amd, both, any;
  both.architectures = {"amd64", "arm64"};
  any.architectures = {};
  const PodShape plain = with_selector({});
  EXPECT_TRUE(admitted(plain, "g6.xlarge", amd));
  EXPECT_FALSE(admitted(plain, "g5g.xlarge", amd));
  EXPECT_TRUE(admitted(plain, "g5g.xlarge", both));
  EXPECT_TRUE(admitted(plain, "g5g.xlarge", any));
  for (const Requirement& named : {arm, beta}) {
    EXPECT_TRUE(admitted(with_selector({named}), "g5g.xlarge", amd));
    EXPECT_FALSE(admitted(with_selector({named}), "g6.xlarge", amd));
    EXPECT_TRUE(admitted(with_terms({{named}}), "g5g.xlarge", amd));
  }
}

TEST(Admission, WantsThePolicysTaintsTolerated) {
  struct Case {
    cluster::Taint taint;
    std::vector<cluster::Toleration> tolerations;
    bool ok;
  };
  const cluster::Taint hard = {"dedicated", "gpu", "NoSchedule"};
  const Case cases[] = {
      {hard, {}, false},
      {hard, {{"dedicated", false, "gpu", "NoSchedule"}}, true},
      {hard, {{"dedicated", false, "web", "NoSchedule"}}, false},
      {hard, {{"dedicated", true, "", ""}}, true},
      {hard, {{"dedicated", true, "", "NoExecute"}}, false},
      {hard, {{"", true, "", ""}}, true},
      {{"dedicated", "gpu", "NoExecute"}, {}, false},
      {{"dedicated", "gpu", "PreferNoSchedule"}, {}, true},
  };
  for (const Case& c : cases) {
    cluster::Policy policy;
    policy.node_taints = {c.taint};
    PodShape pod = with_selector({});
    pod.tolerations = c.tolerations;
    EXPECT_EQ(admitted(pod, "g6.xlarge", policy), c.ok) << c.taint.effect;
  }
}

TEST(Admission, KeepsToTheZonesOfVolumes) {
  PodShape pod = with_selector({});
  pod.volume_zone_bound = true;
  EXPECT_FALSE(admitted(pod, "g6.xlarge")) << "no zone is possible";
  pod.volume_zones = {"us-east-1a", "us-east-1c"};
  EXPECT_TRUE(admitted(pod, "g6.xlarge"));
  EXPECT_FALSE(admitted(pod, "g6.xlarge", {}, "us-east-1b"));
  EXPECT_FALSE(admitted(pod, "g6.xlarge", {}, ""));
}

LabelNeed need(bool may_be_absent, std::optional<std::set<std::string>> in,
               std::set<std::string> not_in = {}, bool may_be_present = true) {
  LabelNeed made;
  made.may_be_absent = may_be_absent;
  made.may_be_present = may_be_present;
  made.in = std::move(in);
  made.not_in = std::move(not_in);
  return made;
}

TEST(LabelNeeds, GiveTheLeastValueThatServesAll) {
  using In = std::set<std::string>;
  struct Case {
    LabelNeed need;
    std::optional<std::string> value;
    bool satisfiable;
  };
  const Case cases[] = {
      {need(false, In{"b", "a"}), "a", true},
      {need(false, In{"b", "a"}, {"a"}), "b", true},
      {need(false, In{"a"}, {"a"}), std::nullopt, false},
      {need(true, In{"a"}, {"a"}), std::nullopt, true},
      {need(false, std::nullopt), "true", true},
      {need(false, std::nullopt, {"true"}), "true-1", true},
      {need(false, std::nullopt, {}, false), std::nullopt, false},
      {need(true, std::nullopt, {}, false), std::nullopt, true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(c.need.value(), c.value);
    EXPECT_EQ(c.need.satisfiable(), c.satisfiable);
  }
}

TEST(LabelNeeds, MergeIsWhatBothWant) {
  using In = std::set<std::string>;
  const LabelNeeds ab = {{"team", need(false, In{"a", "b"})}};
  const LabelNeeds bc = {{"team", need(false, In{"b", "c"})}};
  const LabelNeeds c = {{"team", need(false, In{"c"})}};
  const LabelNeeds not_a = {{"team", need(true, std::nullopt, {"a"})}};
  const LabelNeeds none = {{"team", need(true, std::nullopt, {}, false)}};
  const LabelNeeds other = {{"tier", need(false, std::nullopt)}};
  EXPECT_TRUE(compatible(ab, bc));
  EXPECT_EQ(labels_of(merge(ab, bc)),
            (std::vector<std::pair<std::string, std::string>>{{"team", "b"}}));
  EXPECT_FALSE(compatible(ab, c));
  EXPECT_FALSE(compatible(ab, none));
  EXPECT_TRUE(compatible(not_a, none));
  EXPECT_TRUE(labels_of(merge(not_a, none)).empty()) << "nobody needs the label to be there";
  EXPECT_EQ(labels_of(merge(ab, not_a))[0].second, "b");
  EXPECT_TRUE(compatible(ab, other));
  EXPECT_EQ(labels_of(merge(ab, other)).size(), 2u);
  EXPECT_EQ(merge(ab, bc), merge(bc, ab));
}

TEST(LabelNeed, HasAnIntegerBetweenItsBounds) {
  LabelNeed need;
  need.may_be_absent = false;
  need.above = 3;
  need.below = 10;
  EXPECT_EQ(need.value(), "4");
  need.not_in = {"4", "5"};
  EXPECT_EQ(need.value(), "6");
  need.below = 6;
  EXPECT_EQ(need.value(), std::nullopt);
  need.above.reset();
  EXPECT_EQ(need.value(), "3") << "4 and 5 are taken out";
  need.in.emplace(std::set<std::string>{"2", "9", "x"});
  EXPECT_EQ(need.value(), "2");
}

}  // namespace
}  // namespace kerf::plan
