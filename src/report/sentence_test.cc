// Every reason code has a sentence with its arguments in it, and says what to do.
#include "report/sentence.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace kerf::report {
namespace {

using plan::ReasonCode;

struct Case {
  ReasonCode code;
  std::vector<std::string> args;
  const char* text;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {ReasonCode::CheapestForm,
       {"1g.10gb", "$0.5000", "whole T4", "$0.5260"},
       "1g.10gb costs least: $0.5000/h; the next best, whole T4, would cost $0.5260/h."},
      {ReasonCode::CheapestForm, {"1g.10gb", "$0.5000", "", ""}, "1g.10gb costs least: $0.5000/h."},
      {ReasonCode::OnlyForm,
       {"whole H200", "$4.9000"},
       "whole H200 is the only form on offer that serves the request: $4.9000/h."},
      {ReasonCode::FillsRoom,
       {"1g.10gb", "$0.9000", "whole T4", "$0.5260"},
       "1g.10gb for $0.9000/h, in room of a node that other pods need too; by itself, whole T4 "
       "would "
       "cost $0.5260/h."},
      {ReasonCode::PartOfFleet,
       {"1g.10gb", "$0.9000", "whole T4", "$0.5260"},
       "1g.10gb for $0.9000/h, as the cheapest fleet found for all pods has it; by itself, whole "
       "T4 "
       "would cost $0.5260/h."},
      {ReasonCode::Unsupported,
       {"spec.nodeName", "The pod is bound to a node already"},
       "spec.nodeName: The pod is bound to a node already."},
      {ReasonCode::UnknownProfile,
       {"nvidia.com/mig-1g.7gb", "1g.5gb (A100-40), 1g.10gb (A100-80, H100-80)"},
       "No instance type that may be bought can serve nvidia.com/mig-1g.7gb. The nearest that can "
       "be had: 1g.5gb (A100-40), 1g.10gb (A100-80, H100-80). Ask for one of these, or allow types "
       "that have it (--types, --policy)."},
      {ReasonCode::UnknownProfile,
       {"nvidia.com/mig-1g.5gb", ""},
       "No instance type that may be bought can serve nvidia.com/mig-1g.5gb: none of them can be "
       "cut. Allow types that can (--types, --policy)."},
      {ReasonCode::NoModelThatLarge,
       {"kerf.dev/gpu-180gi", "141"},
       "No GPU that may be bought is large enough for kerf.dev/gpu-180gi: the largest has 141 GB. "
       "Ask for less, or allow types with larger GPUs (--types, --policy)."},
      {ReasonCode::NoTypeMatches,
       {"kubernetes.io/arch=arm64"},
       "No instance type that may be bought meets: kubernetes.io/arch=arm64. Change that, or allow "
       "more types (--types, --policy)."},
      {ReasonCode::NoTypeMatches,
       {"node selector karpenter.sh/nodepool=gpu"},
       "No instance type that may be bought meets: node selector karpenter.sh/nodepool=gpu. Nodes "
       "of today's cluster may carry this label, planned ones do not: leave it out, or give it to "
       "all planned nodes by nodeLabels in a policy (--policy)."},
      {ReasonCode::NoTypeMatches,
       {"node affinity eks.amazonaws.com/nodegroup in (a, b)"},
       "No instance type that may be bought meets: node affinity eks.amazonaws.com/nodegroup in "
       "(a, b). Nodes of today's cluster may carry this label, planned ones do not: leave it out, "
       "or "
       "give it to all planned nodes by nodeLabels in a policy (--policy)."},
      {ReasonCode::NoTypeMatches,
       {"node selector karpenter.sh/capacity-type=spot"},
       "No instance type that may be bought meets: node selector karpenter.sh/capacity-type=spot. "
       "Change that, or allow this capacity (--capacity-types), with its prices (--prices)."},
      {ReasonCode::NoTypeMatches,
       {"node selector kubernetes.io/hostname=ip-1"},
       "No instance type that may be bought meets: node selector kubernetes.io/hostname=ip-1. "
       "Planned nodes have no names yet: leave it out."},
      {ReasonCode::NoTypeMatches,
       {"node selector nvidia.com/gpu.product=NVIDIA-A10G-SHARED"},
       "No instance type that may be bought meets: node selector "
       "nvidia.com/gpu.product=NVIDIA-A10G-SHARED. Time-sliced GPUs carry this label today: leave "
       "it out, and ask for GPU memory instead, for example kerf.dev/gpu-8gi-shared."},
      {ReasonCode::NoTypeMatches,
       {"node affinity nvidia.com/gpu.product in (NVIDIA-A100-SXM4-40GB-MIG-1g.5gb, x)"},
       "No instance type that may be bought meets: node affinity nvidia.com/gpu.product in "
       "(NVIDIA-A100-SXM4-40GB-MIG-1g.5gb, x). GPUs that are cut all alike carry this label today: "
       "leave it out, and ask for the slice by its name, nvidia.com/mig-1g.5gb."},
      {ReasonCode::TooLargeForNode,
       {"cpu", "2000m", "0m"},
       "It asks for 2 CPU, and DaemonSets leave no CPU on any node that it may run on. Say what "
       "they really take of a GPU node with --daemonsets."},
      {ReasonCode::TooLargeForNode,
       {"cpu", "400500m", "189720m"},
       "It asks for more CPU than any node that it may run on can give: 400.5 CPU of at most "
       "189.72 CPU. Ask for less, or allow larger types (--types, --policy)."},
      {ReasonCode::TooLargeForNode,
       {"memory", "5242880Mi", "1000Mi"},
       "It asks for more memory than any node that it may run on can give: 5120 GiB of at most "
       "1000 MiB. Ask for less, or allow larger types (--types, --policy)."},
      {ReasonCode::TooLargeForNode,
       {"disk", "307712Mi", "180000Mi"},
       "It asks for more ephemeral storage than any node that it may run on can give: 300.5 GiB of "
       "at most 175.8 GiB. Ask for less, or plan nodes with a larger root volume (--root-volume)."},
      {ReasonCode::TooLargeForNode,
       {"gpus", "16 x nvidia.com/gpu", "8 GPUs"},
       "No node has room for it whole: it asks for 16 x nvidia.com/gpu, and the largest node that "
       "it may run on has 8 GPUs. Ask for less for each pod, or allow larger types (--types, "
       "--policy)."},
      {ReasonCode::NoZone,
       {"zone spread"},
       "No zone is left for it: zone spread. Allow more zones in the policy, or loosen the "
       "constraint."},
      {ReasonCode::ConflictingPods,
       {"it must share a node with a GPU pod that matches app=x, and none is in the input"},
       "Its required pod (anti-)affinity cannot be met: it must share a node with a GPU pod that "
       "matches app=x, and none is in the input."},
      {ReasonCode::LimitPerHour,
       {"$10.00"},
       "The policy's limit of $10.00/h is reached by pods of higher priority or lower cost. Raise "
       "spec.limits.usdPerHour of the policy, or ask for less."},
      {ReasonCode::LimitGpus,
       {"8"},
       "The policy's limit of 8 GPUs is reached by pods of higher priority or lower cost. Raise "
       "spec.limits.gpus of the policy, or ask for less."},
      {ReasonCode::OwnedUsedUp,
       {"p4d.24xlarge, p5.48xlarge"},
       "Only owned nodes (p4d.24xlarge, p5.48xlarge) can serve it, and pods of higher priority or "
       "lower cost have them all. Allow types that can be bought for it (--types, --policy), or "
       "ask "
       "for less."},
  };
  return all;
}

TEST(Sentence, SaysWhatIsSoAndWhatToDo) {
  for (const Case& c : cases()) EXPECT_EQ(sentence({c.code, c.args}), c.text) << to_string(c.code);
}

TEST(Sentence, CoversEveryCode) {
  std::set<ReasonCode> covered;
  for (const Case& c : cases()) covered.insert(c.code);
  for (int code = 0; to_string(static_cast<ReasonCode>(code)) != "?"; ++code)
    EXPECT_TRUE(covered.count(static_cast<ReasonCode>(code))) << code;
}

TEST(Sentence, BearsMissingArguments) {
  for (const Case& c : cases()) {
    const std::string text = sentence({c.code, {}});
    EXPECT_FALSE(text.empty());
    EXPECT_NE(text, "?");
  }
}

}  // namespace
}  // namespace kerf::report
