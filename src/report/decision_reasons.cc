// The closed lists of reasons: of Events and of conditions, each with what to do.
#include <array>

#include "report/decision.h"

namespace kerf::report {
namespace {

using Type = control::Condition::Type;

/// In the order of controller::What.
constexpr std::array<ReasonHelp, 13> kReasons = {{
    {"SliceFound", "Pod", false,
     "a place on a node that stands: a free slice, one that is cut for it, or one that other pods "
     "make room for",
     ""},
    {"NodeBought", "NodeClaim, SlicePolicy, Pod", false,
     "a node is bought for the pods that wait; each of them is told", ""},
    {"CannotBePlaced", "Pod", true,
     "nothing that stands has room for the pod, and nothing that may be bought serves it",
     "do what the message says: ask for something else, or allow more in the SlicePolicy; Kerf "
     "tries again by itself when either changes"},
    {"SchedulerDisagrees", "Pod", true,
     "the pod's place is cut and offered, and the scheduler does not bind it for a reason that "
     "Kerf does not see; the message has the scheduler's words. The pod is left alone for a while "
     "(30 min), then tried again",
     "find the rule that the scheduler names in the pod's spec, or the taint or resource on the "
     "node, and change it"},
    {"PurchasesSpent", "Pod", true,
     "as many nodes as are allowed for one pod (2) were bought for it, and it is still pending; no "
     "more are bought for it",
     "read the pod's other events (most often SchedulerDisagrees); when that is mended, delete the "
     "pod, so that its owner makes another"},
    {"SliceLost", "Pod", true,
     "the pod runs, and a slice that it holds is lost with its GPU: its GPU work fails",
     "delete the pod, so that its owner makes another"},
    {"LayoutChanged", "Node", false,
     "the GPUs of the node are cut anew; what is in use stays as it is", ""},
    {"NodeReturned", "NodeClaim, SlicePolicy", false,
     "the node is given back: nobody is on it, its pods have moved, it never came into service, or "
     "it has not been ready for too long",
     "only if the message says that it never came, or has not been ready: look in Karpenter's log "
     "and at the instance's console output"},
    {"LayoutFailed", "Node", true,
     "the wanted layout was not reached in time; what was to be placed there goes elsewhere",
     "do what the message says about the agent's reason (docs/reference/gpunode.md)"},
    {"LaunchRefused", "NodeClaim, SlicePolicy", true,
     "the instance could not be had: no capacity, a quota, Karpenter refused the claim, or the API "
     "server forbids it. The next cheapest is bought, and this one is tried again after 5 min",
     "nothing if it is for capacity; else the message has the API server's words, or Karpenter's "
     "log names the quota or the error"},
    {"PodMoves", "Pod", false,
     "the pod is evicted, within its PodDisruptionBudgets, to a slice that stands for it already",
     ""},
    {"MoveGivenUp", "Pod", false,
     "the pod was to move and stays where it is: a budget or an annotation forbids it, its "
     "destination is gone, somebody else has come to its node, it took too long, or prices are old",
     "only if it is for a PodDisruptionBudget that never allows a disruption: loosen it, or "
     "accept what the node costs"},
    {"WouldBuy", "SlicePolicy", false,
     "Observe: what the pods cost now, and what they would cost if Kerf acted",
     "set spec.mode to Act when you want that"},
}};
static_assert(static_cast<std::size_t>(controller::What::Would) + 1 == kReasons.size());

constexpr std::array<ConditionHelp, 15> kConditions = {{
    {Type::Accepted, "Valid", true, "the spec is valid and in force", ""},
    {Type::Accepted, "Invalid", false, "the spec cannot be read and has no effect",
     "correct the field that the message names"},
    {Type::PricesCurrent, "KarpenterMetrics", true,
     "prices and availability come from Karpenter's metrics, and are not old", ""},
    {Type::PricesCurrent, "ShippedTable", false,
     "Karpenter's metrics have not been read since the controller started: prices are those of "
     "Kerf's own table, on demand only. Nothing is moved for money",
     "let Karpenter's pods run, and the controller reach their metrics port "
     "(--karpenter-metrics)"},
    {Type::PricesCurrent, "Stale", false,
     "the last prices are older than 30 min. Pods are placed and nodes bought; nothing is moved "
     "for money",
     "as for ShippedTable"},
    {Type::NodeClassesReady, "Ready", true, "both NodeClasses are there and ready", ""},
    {Type::NodeClassesReady, "NotNamed", false,
     "spec.nodeClasses does not name one of them: nodes of that kind cannot be bought", "name it"},
    {Type::NodeClassesReady, "NotFound", false, "there is no NodeClass of that name",
     "create it, or correct spec.nodeClasses"},
    {Type::NodeClassesReady, "NotReady", false,
     "the NodeClass is not Ready: Karpenter would refuse claims that name it",
     "its own conditions say what is missing"},
    {Type::PodsServed, "Served", true, "no pod waits that could not be given a place", ""},
    {Type::PodsServed, "NothingAsked", true, "no pod that the policy governs asks for a GPU", ""},
    {Type::PodsServed, "PodsWaiting", false,
     "pods wait that nothing can serve; the message has one of them, and why",
     "do what the message says; each pod has its own Event"},
    {Type::NodesHealthy, "Healthy", true, "no node that the policy bought is degraded", ""},
    {Type::NodesHealthy, "Degraded", false,
     "a node cannot be as it is wanted; the message has its agent's reason and words",
     "do what the message says (docs/reference/gpunode.md)"},
    {Type::NodesHealthy, "NodesNotReady", false,
     "a node that was in service is not ready; the message has one of them",
     "kubectl describe node has kubelet's words; after 20 min without pods it is given back"},
}};

}  // namespace

std::span<const ReasonHelp> reasons() { return kReasons; }

std::span<const ConditionHelp> condition_reasons() { return kConditions; }

}  // namespace kerf::report
