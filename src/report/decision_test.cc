// Every decision, condition and step as the sentence that people read.
#include "report/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/plan/reason.h"
#include "report/decision_words.h"

namespace kerf::report {
namespace {

using control::Condition;
using control::Kind;
using controller::Record;
using controller::What;
using testing::HasSubstr;
using testing::Not;

constexpr What kAll[] = {What::Place, What::Buy,     What::Wait,   What::Disagrees, What::GaveUp,
                         What::Lost,  What::Cut,     What::Return, What::Failed,    What::Refused,
                         What::Move,  What::MoveOff, What::Would};

constexpr MicroUsdPerHour usd(double dollars) {
  return {static_cast<std::int64_t>(dollars * 1'000'000 + 0.5)};
}

Record record(What what, Kind kind, control::Key about, std::vector<std::string> args,
              MicroUsdPerHour price = {}) {
  Record record;
  record.what = what;
  record.kind = kind;
  record.about = std::move(about);
  record.policy = "research";
  record.args = std::move(args);
  record.price = price;
  return record;
}

Record of_pod(What what, std::vector<std::string> args, MicroUsdPerHour price = {}) {
  return record(what, Kind::Pod, {"ml", "train-0"}, std::move(args), price);
}
Record of_claim(What what, std::vector<std::string> args, MicroUsdPerHour price = {}) {
  return record(what, Kind::NodeClaim, {"", "kerf-1a2b"}, std::move(args), price);
}
Record of_node(What what, std::vector<std::string> args) {
  return record(what, Kind::GpuNode, {"", "node-7"}, std::move(args));
}

void expect_told(const Record& record, const char* reason, const char* action, bool warning,
                 const std::string& sentence) {
  const Told told = tell(record);
  EXPECT_EQ(told.reason, reason);
  EXPECT_EQ(told.action, action);
  EXPECT_EQ(told.warning, warning);
  EXPECT_EQ(told.sentence, sentence);
}

TEST(Decision, SaysWhereAPodGoesAndWhatBuyingWouldCost) {
  Record place = of_pod(What::Place, {"node-7", "gpu0/1g.10gb@3", "free"});
  place.others = {{"buy", usd(0.85)}};
  expect_told(place, "SliceFound", "Place", false,
              "Goes to gpu0/1g.10gb@3 on node-7, which stands free. That adds nothing to the bill; "
              "bought for, it would cost $0.85/h.");
  place.args[2] = "cut";
  place.price = usd(0.0042);
  place.others = {{"node-3", usd(0.2)}, {"buy", {}}};
  expect_told(place, "SliceFound", "Place", false,
              "Goes to gpu0/1g.10gb@3, cut for it on node-7, which is paid for. That adds nothing "
              "to the bill; nothing that may be bought would serve it. It takes room from pods "
              "that are expected next, worth $0.0042/h: the least of all places compared.");
  place.price = {};
  place.others = {};
  place.args.emplace_back("coming");
  expect_told(
      place, "SliceFound", "Place", false,
      "Goes to gpu0/1g.10gb@3, cut for it on node-7, which is paid for. That node is on its "
      "way. That adds nothing to the bill.");
  place.args.pop_back();
  place.args[2] = "opened";
  expect_told(place, "SliceFound", "Place", false,
              "Goes to gpu0/1g.10gb@3 on node-7 once other pods have moved out of its way. That "
              "adds nothing to the bill.");
}

TEST(Decision, SaysWhatIsBoughtForWhom) {
  Record buy = of_claim(What::Buy, {"p4d.24xlarge", "on-demand", "us-east-1a,us-east-1b", "3"},
                        usd(21.957642));
  buy.pods = {{"ml", "a"}, {"ml", "b"}, {"ml", "c"}};
  expect_told(buy, "NodeBought", "Buy", false,
              "Buys p4d.24xlarge (on-demand, us-east-1a or us-east-1b) for $21.96/h as NodeClaim "
              "kerf-1a2b, for 3 pods.");
  EXPECT_EQ(tell_pod(buy).sentence,
            "A node is bought: p4d.24xlarge (on-demand, us-east-1a or us-east-1b) for $21.96/h, "
            "for this pod and 2 others. NodeClaim kerf-1a2b.");
  EXPECT_EQ(tell_pod(buy).reason, "NodeBought");
  buy.pods.resize(1);
  buy.others = {{"a node for each pod, for all that is bought with it", usd(30)}};
  buy.args[2] = "";
  EXPECT_EQ(tell(buy).sentence,
            "Buys p4d.24xlarge (on-demand, any zone) for $21.96/h as NodeClaim kerf-1a2b, for 3 "
            "pods, of which 1 waits now. A node for each pod, for all that is bought now, would "
            "cost $30.00/h.");
  buy.args[3] = "1";
  EXPECT_EQ(tell_pod(buy).sentence,
            "A node is bought: p4d.24xlarge (on-demand, any zone) for $21.96/h. NodeClaim "
            "kerf-1a2b.");
}

TEST(Decision, SaysWhyAPodWaitsAndWhatToDo) {
  expect_told(of_pod(What::Wait, {"LimitPerHour", "$120.00"}), "CannotBePlaced", "Wait", true,
              "Cannot be placed: The policy's limit of $120.00/h is reached by pods of higher "
              "priority or lower cost. Raise spec.limits.usdPerHour of the policy, or ask for "
              "less.");
  expect_told(of_pod(What::Wait, {"UnknownProfile", "nvidia.com/mig-1g.7gb", "1g.10gb (H100-80)"}),
              "CannotBePlaced", "Wait", true,
              "Cannot be placed: No instance type that may be bought can serve "
              "nvidia.com/mig-1g.7gb. The nearest that can be had: 1g.10gb (H100-80). Ask for one "
              "of these, or allow types that have it (spec.instanceTypes and spec.families of the "
              "SlicePolicy).");
  expect_told(of_pod(What::Wait, {"NoSuchReason", "a", "b"}), "CannotBePlaced", "Wait", true,
              "Cannot be placed: NoSuchReason: a, b.");
}

TEST(Decision, SaysThatTheSchedulerDisagrees) {
  expect_told(
      of_pod(What::Disagrees,
             {"kerf-1a2b", "0/3 nodes are available:\n1 node(s) didn't have free ports."}),
      "SchedulerDisagrees", "LeaveAlone", true,
      "Its place on kerf-1a2b stands and is offered, and the scheduler does not bind it: \"0/3 "
      "nodes are available: 1 node(s) didn't have free ports\". Kerf leaves it alone for a while, "
      "then tries again. Look for the rule that the scheduler names in the pod's spec, and for "
      "taints and resources of the node.");
  expect_told(of_pod(What::GaveUp, {"2"}), "PurchasesSpent", "StopBuying", true,
              "2 nodes were bought for it, and it is still pending: Kerf buys no more for this "
              "pod. Its other events say why it was not bound. Once that is mended, delete the "
              "pod, so that its owner makes another.");
}

TEST(Decision, SaysWhatIsLostAndWhoHasToAct) {
  expect_told(of_pod(What::Lost, {"node-7", "gpu0/1g.10gb@3", "gpu0/1g.10gb@4"}), "SliceLost",
              "ReportLoss", true,
              "It runs on, but gpu0/1g.10gb@3, gpu0/1g.10gb@4 on node-7 is lost: what it does on "
              "the GPU fails. Delete the pod, so that its owner makes another, which gets another "
              "slice.");
}

TEST(Decision, SaysWhichLayoutFollowsWhich) {
  expect_told(of_node(What::Cut, {"",
                                  "H100-80 [1g.10gb@0 1g.10gb@1] H100-80 [1g.10gb@0 1g.10gb@1] "
                                  "H100-80 []"}),
              "LayoutChanged", "Cut", false,
              "First layout: 2 x H100-80 [1g.10gb@0 1g.10gb@1], H100-80 [].");
  expect_told(of_node(What::Cut, {"A100-40 [7g.40gb@0]", "A100-40 [3g.20gb@0 3g.20gb@4]"}),
              "LayoutChanged", "Cut", false,
              "New layout: A100-40 [3g.20gb@0 3g.20gb@4]. Before: A100-40 [7g.40gb@0]. What is in "
              "use stays.");
  expect_told(of_node(What::Failed, {"ModeOff", "MIG mode of gpu0 is off."}), "LayoutFailed",
              "PlaceElsewhere", true,
              "Its layout was not reached in time (ModeOff): MIG mode of gpu0 is off. What was to "
              "be placed there goes elsewhere. MIG mode changes at boot only: journalctl -u "
              "kerf-mig-mode on the node says why it is off; without that unit the node has the "
              "wrong NodeClass.");
  expect_told(of_node(What::Failed, {"", ""}), "LayoutFailed", "PlaceElsewhere", true,
              "Its layout was not reached in time. What was to be placed there goes elsewhere. Its "
              "agent reports no fault: look whether the pod of kerfd agent runs on this node, and "
              "at its log.");
}

TEST(Decision, SaysWhyANodeGoesAndWhatItCost) {
  const std::pair<const char*, const char*> cases[] = {
      {"empty", "Gives kerf-1a2b back: nobody is on it. It cost $21.96/h."},
      {"freed",
       "Gives kerf-1a2b back: its pods have moved to room that is paid for anyway. It cost "
       "$21.96/h."},
      {"replaced",
       "Gives kerf-1a2b back: its pods have moved to a node that costs less. It cost $21.96/h."},
      {"expires",
       "Gives kerf-1a2b back: its pods have moved before its expireAfter ends it. It cost "
       "$21.96/h."},
      {"drifted",
       "Gives kerf-1a2b back: its NodeClass has changed since it was made, and its pods have "
       "moved. It cost $21.96/h."},
      {"never-came",
       "Gives kerf-1a2b back: it has not become a node in service in time. It cost $21.96/h. What "
       "waits for it is placed elsewhere. Look in Karpenter's log for kerf-1a2b, at the instance's "
       "console output, and whether kerfd agent ran on it."},
      {"lost", "Gives kerf-1a2b back: its node has not been ready for too long. It cost $21.96/h."},
  };
  for (const auto& [why, sentence] : cases)
    expect_told(of_claim(What::Return, {why}, usd(21.957642)), "NodeReturned", "Return", false,
                sentence);
  expect_told(
      of_claim(What::Refused, {"g6.xlarge", "us-east-1a"}), "LaunchRefused", "BuyElsewhere", true,
      "g6.xlarge in us-east-1a could not be had: NodeClaim kerf-1a2b was refused. Kerf buys "
      "the next cheapest, and tries this one again in some minutes. If it goes on, "
      "Karpenter's log says why.");
  expect_told(of_claim(What::Refused, {"g6.xlarge", "us-east-1a", "policy of the house"}),
              "LaunchRefused", "BuyElsewhere", true,
              "g6.xlarge in us-east-1a could not be had: the API server does not let Kerf create "
              "NodeClaim kerf-1a2b: policy of the house. Kerf tries the next cheapest, and "
              "this one again in some minutes.");
}

TEST(Decision, SaysWhyAPodMovesOrStays) {
  expect_told(of_pod(What::Move, {"kerf-1a2b", "kerf-3c4d"}, usd(1.5)), "PodMoves", "Move", false,
              "Evicted, to move from kerf-1a2b to kerf-3c4d, where its slice stands: part of a "
              "change that saves $1.50/h.");
  expect_told(of_pod(What::Move, {"kerf-1a2b", "kerf-3c4d"}), "PodMoves", "Move", false,
              "Evicted, to move from kerf-1a2b to kerf-3c4d, where its slice stands, before the "
              "node it is on goes.");
  expect_told(of_pod(What::MoveOff, {"its PodDisruptionBudget does not allow it"}), "MoveGivenUp",
              "StopMove", false,
              "Its move is given up: its PodDisruptionBudget does not allow it. Kerf tries another "
              "way after the cool-down.");
}

TEST(Decision, SaysWhatActWouldBuy) {
  expect_told(record(What::Would, Kind::SlicePolicy, {"", "research"},
                     {"$1,037.85", "2 p4d.24xlarge", "1 g6.xlarge"}, usd(44.72)),
              "WouldBuy", "Compare", false,
              "Its pods cost $1,037.85/h now; bought anew they would cost $44.72/h, $993.13/h "
              "less: 2 p4d.24xlarge and 1 g6.xlarge. With spec.mode: Act Kerf works "
              "towards that, for what spec.buysFor names.");
}

TEST(Decision, TakesAnyNumberOfArguments) {
  for (const What what : kAll) {
    for (std::size_t count = 0; count < 8; ++count) {
      const Record any = record(what, Kind::NodeClaim, {"", "kerf-1a2b"},
                                std::vector<std::string>(count, "x{}\n\xff"));
      for (const Told& told : {tell(any), tell_pod(any)}) {
        EXPECT_FALSE(told.sentence.empty()) << controller::to_string(what) << count;
        EXPECT_THAT(told.sentence, Not(HasSubstr("\n"))) << controller::to_string(what) << count;
        EXPECT_FALSE(told.reason.empty());
        EXPECT_FALSE(told.action.empty());
      }
    }
  }
  expect_told(of_claim(What::Buy, {"g6.xlarge"}), "NodeBought", "Buy", false, "Buy: g6.xlarge.");
  expect_told(of_pod(What::Place, {}), "SliceFound", "Place", false, "Place.");
}

TEST(Decision, KeepsWhatToDoWhereOthersTalkMuch) {
  const Told told = tell(of_pod(What::Disagrees, {"n", std::string(5000, 'x')}));
  EXPECT_LT(told.sentence.size(), 1024u);
  EXPECT_THAT(told.sentence, HasSubstr("xxx...\". Kerf leaves it alone"));
}

TEST(Decision, NamesFieldsOfThePolicyAndNoOptions) {
  const std::vector<std::string> cases[] = {
      {"Unsupported", "spec.nodeName", "why"},
      {"UnknownProfile", "nvidia.com/mig-1g.5gb", ""},
      {"UnknownProfile", "nvidia.com/mig-1g.5gb", "1g.10gb"},
      {"NoModelThatLarge", "kerf.dev/gpu-180gi", "141"},
      {"NoTypeMatches", "kubernetes.io/arch=arm64"},
      {"NoTypeMatches", "node selector karpenter.sh/capacity-type=spot"},
      {"NoTypeMatches", "node selector team=x"},
      {"TooLargeForNode", "cpu", "64000m", "48000m"},
      {"TooLargeForNode", "disk", "100Mi", "50Mi"},
      {"TooLargeForNode", "disk", "100Mi", "0Mi"},
      {"TooLargeForNode", "gpus", "16", "8"},
      {"NoZone", "volume"},
      {"ConflictingPods", "x"},
      {"LimitPerHour", "$1.00"},
      {"LimitGpus", "4"},
      {"LimitPerHour", "$7.00", "$6.88"},
      {"LimitGpus", "4", "4"},
      {"NotTolerated"},
      {"RefusedNow", "p5.4xlarge,p5.48xlarge", "UnknownProfile", "3g.40gb", "2g.48gb"},
      {"NamespaceBudget", "poor", "$1.00", "$0.80", "", ""},
      {"NamespaceBudget", "poor", "", "", "2", "1.71"},
  };
  for (const auto& args : cases)
    EXPECT_THAT(tell(of_pod(What::Wait, args)).sentence, Not(HasSubstr("--"))) << args.front();
  EXPECT_EQ(tell(of_pod(What::Wait, cases[5])).sentence,
            "Cannot be placed: No instance type that may be bought meets: node selector "
            "karpenter.sh/capacity-type=spot. Change that, or allow this capacity "
            "(spec.capacityTypes of the SlicePolicy).");
  EXPECT_EQ(tell(of_pod(What::Wait, cases[8])).sentence,
            "Cannot be placed: It asks for more ephemeral storage than any node that it may run on "
            "can give: 100 MiB of at most 50 MiB. Ask for less, or give nodes a larger root volume "
            "in their NodeClass.");
  EXPECT_EQ(tell(of_pod(What::Wait, cases[6])).sentence,
            "Cannot be placed: No instance type that may be bought meets: node selector team=x. "
            "Nodes that Kerf buys do not carry this label: leave it out, or give it to all of them "
            "by spec.nodeLabels of the SlicePolicy.");
}

TEST(Decision, SaysWhatOnlyTheControllerKnowsOfAPodThatWaits) {
  const auto sentence = [](std::vector<std::string> args) {
    return tell(of_pod(What::Wait, std::move(args))).sentence;
  };
  EXPECT_EQ(sentence({"LimitPerHour", "$7.00", "$6.88"}),
            "Cannot be placed: The policy's limit is $7.00/h, of which $6.88/h is spent: the node "
            "that it needs does not fit. Raise spec.limits.usdPerHour, or wait until others end.");
  EXPECT_EQ(sentence({"LimitGpus", "4", "3"}),
            "Cannot be placed: The policy's limit is 4 GPUs, and it has 3: the node that it needs "
            "does not fit. Raise spec.limits.gpus, or wait until others end.");
  EXPECT_THAT(sentence({"RefusedNow", "p5.4xlarge,p5.48xlarge", "NoZone", "volume"}),
              AllOf(HasSubstr("p5.4xlarge or p5.48xlarge could not be launched a moment ago"),
                    HasSubstr("Of what else may be bought: No zone is left for it")));
  EXPECT_THAT(sentence({"NotTolerated"}), HasSubstr("add the toleration {key: kerf.dev/slices"));
  EXPECT_EQ(sentence({"NamespaceBudget", "poor", "$1.00", "$0.80", "2", "1.71"}),
            "Cannot be placed: The budget of namespace poor is used up: $1.00/h, of which $0.80/h "
            "is held; 2 GPUs, of which 1.71 are held. Raise it in spec.budgets, or wait until "
            "others of the namespace end.");
}

TEST(Reasons, AreAllThatIsTold) {
  ASSERT_EQ(reasons().size(), std::size(kAll));
  std::set<std::string_view> names;
  for (const ReasonHelp& help : reasons()) {
    EXPECT_TRUE(names.insert(help.reason).second) << help.reason;
    EXPECT_FALSE(help.kinds.empty()) << help.reason;
    EXPECT_FALSE(help.meaning.empty()) << help.reason;
    EXPECT_TRUE(!help.warning || !help.to_do.empty()) << help.reason;
  }
  for (std::size_t i = 0; i < std::size(kAll); ++i)
    EXPECT_EQ(tell(of_pod(kAll[i], {})).reason, reasons()[i].reason);
}

std::string say(Condition::Type type, bool ok, std::string reason,
                std::vector<std::string> args = {}) {
  return message(Condition{type, ok, std::move(reason), std::move(args)});
}

TEST(Conditions, SayWhatIsWrongAndWhatToDo) {
  using Type = Condition::Type;
  EXPECT_EQ(say(Type::Accepted, true, "Valid"), "The spec is valid and in force.");
  EXPECT_EQ(say(Type::Accepted, false, "Invalid", {"spec.mode: expected Observe or Act."}),
            "The spec is not valid and has no effect: spec.mode: expected Observe or Act. Correct "
            "the field that is named.");
  EXPECT_EQ(
      say(Type::PricesCurrent, true, "KarpenterMetrics", {"Karpenter's metrics at 10.0.3.7:8080"}),
      "Prices and availability are those of Karpenter's metrics at 10.0.3.7:8080.");
  EXPECT_EQ(
      say(Type::PricesCurrent, false, "ShippedTable", {"no pod of Karpenter's answers"}),
      "Prices are those of the table that Kerf brings along (no pod of Karpenter's answers): "
      "on demand only, and not of today. Pods are placed and nodes bought by them; nothing is "
      "moved for money. See that Karpenter's pods run and that the controller may read their "
      "metrics port (--karpenter-metrics).");
  EXPECT_EQ(say(Type::PricesCurrent, false, "Stale", {"30", ""}),
            "Prices are older than 30 min. Pods are placed and nodes bought as before; nothing is "
            "moved for money. See that Karpenter's pods run and that the controller may read their "
            "metrics port (--karpenter-metrics).");
  EXPECT_EQ(say(Type::NodeClassesReady, true, "Ready"), "Both NodeClasses are there and ready.");
  EXPECT_EQ(say(Type::NodeClassesReady, false, "NotNamed", {"whole"}),
            "spec.nodeClasses.whole is not set: nodes with whole GPUs cannot be bought. Name the "
            "NodeClass that makes them.");
  EXPECT_EQ(say(Type::NodeClassesReady, false, "NotFound", {"gpu-cut"}),
            "There is no NodeClass gpu-cut: nodes of it cannot be bought. Create it, or correct "
            "spec.nodeClasses.");
  EXPECT_EQ(say(Type::NodeClassesReady, false, "NotReady", {"gpu-cut"}),
            "NodeClass gpu-cut is not Ready: nodes of it cannot be bought. Its own conditions say "
            "what is missing (kubectl describe).");
  EXPECT_EQ(say(Type::PodsServed, true, "Served"), "No pod waits that could not be given a place.");
  EXPECT_EQ(say(Type::PodsServed, true, "NothingAsked"), "No pod that it governs asks for a GPU.");
  EXPECT_EQ(say(Type::PodsServed, false, "PodsWaiting", {"3", "ml/train-0", "LimitGpus", "64"}),
            "3 pods cannot be given a place, for example ml/train-0: The policy's limit of 64 GPUs "
            "is reached by pods of higher priority or lower cost. Raise spec.limits.gpus of the "
            "policy, or ask for less.");
  EXPECT_EQ(say(Type::NodesHealthy, true, "Healthy"), "No node that it bought is degraded.");
  EXPECT_EQ(say(Type::NodesHealthy, false, "Degraded", {"1", "node-7", "GpuLost", "gpu0 is lost"}),
            "1 node is degraded: node-7 (GpuLost), gpu0 is lost. Drain and replace the node.");
  EXPECT_EQ(say(Type::NodesHealthy, false, "Degraded", {"2", "node-7", "GpuLost", ""}),
            "2 nodes are degraded, for example node-7 (GpuLost). Drain and replace the node.");
  EXPECT_THAT(say(Type::NodesHealthy, false, "NodesNotReady", {"1", "node-7"}),
              ::testing::StartsWith("1 node is not ready: node-7. Nothing new goes there;"));
}

TEST(Conditions, TakeAnyNumberOfArguments) {
  for (const ConditionHelp& help : condition_reasons())
    for (std::size_t count = 0; count < 6; ++count)
      EXPECT_FALSE(
          say(help.type, help.ok, std::string(help.reason), std::vector<std::string>(count, "{}\n"))
              .empty());
}

TEST(Conditions, HaveAReasonForWhatIsGoodAndOneForWhatIsNot) {
  std::set<std::pair<Condition::Type, bool>> kinds;
  std::set<std::string_view> names;
  for (const ConditionHelp& help : condition_reasons()) {
    kinds.emplace(help.type, help.ok);
    EXPECT_TRUE(names.insert(help.reason).second) << help.reason;
    EXPECT_FALSE(help.meaning.empty()) << help.reason;
    EXPECT_EQ(help.ok, help.to_do.empty()) << help.reason;
  }
  EXPECT_EQ(kinds.size(), 10u);
}

TEST(NextSteps, SayWhatIsDone) {
  EXPECT_EQ(message(control::NextStep{"Buy", {"kerf-1a2b", "g6.xlarge", "1"}, usd(0.8048)}),
            "Buys g6.xlarge for $0.80/h, for 1 pod: NodeClaim kerf-1a2b.");
  EXPECT_EQ(message(control::NextStep{"Wait", {"ml/train-0", "NoZone", "its volume"}, {}}),
            "ml/train-0 waits: No zone is left for it: its volume. Allow more zones in the policy, "
            "or loosen the constraint.");
  EXPECT_EQ(message(control::NextStep{"Move", {"ml/a", "kerf-1a2b", "kerf-3c4d"}, {}}),
            "Moves ml/a from kerf-1a2b to kerf-3c4d.");
  EXPECT_EQ(message(control::NextStep{"Return", {"kerf-1a2b", "empty"}, usd(21.957642)}),
            "Gives kerf-1a2b back, which costs $21.96/h: nobody is on it.");
  EXPECT_EQ(message(control::NextStep{"Would", {"$1.00", "1 g6.xlarge"}, usd(1)}),
            "Its pods cost $1.00/h now; bought anew they would cost $1.00/h, as much as now: 1 "
            "g6.xlarge.");
  EXPECT_EQ(message(control::NextStep{"Buy", {"kerf-1a2b"}, {}}), "Buy: kerf-1a2b.");
  EXPECT_EQ(message(control::NextStep{"Dance", {}, {}}), "Dance.");
}

TEST(Summary, HasTheFiguresThatAreKnown) {
  control::Figures figures;
  EXPECT_EQ(summary(figures, control::Mode::Act),
            "No pod asks for a GPU, and no node costs anything.");
  figures.bill = usd(37.85);
  EXPECT_EQ(summary(figures, control::Mode::Act),
            "No pod asks for a GPU; the nodes that are there cost $37.85/h now.");
  figures.pods = 12;
  EXPECT_EQ(summary(figures, control::Mode::Act), "12 pods cost $37.85/h now.");
  figures.could_be = usd(21.10);
  figures.bound = usd(20.90);
  figures.whole_gpus = usd(52);
  EXPECT_EQ(summary(figures, control::Mode::Act),
            "12 pods cost $37.85/h now; bought anew they would cost $21.10/h; no fleet costs less "
            "than $20.90/h. On whole GPUs they would cost $52.00/h.");
  EXPECT_EQ(summary(figures, control::Mode::Observe),
            "12 pods cost $37.85/h now; bought anew they would cost $21.10/h; no fleet costs less "
            "than $20.90/h. On whole GPUs they would cost $52.00/h. spec.mode is Observe: nothing "
            "is changed; Act could save $16.75/h.");
  figures.pending = 2;
  figures.unserved = 1;
  EXPECT_EQ(
      summary(figures, control::Mode::Observe),
      "12 pods (2 pending) cost $37.85/h now; bought anew they would cost $21.10/h; no fleet "
      "costs less than $20.90/h. On whole GPUs they would cost $52.00/h. 1 pod is left out of "
      "these figures: nothing that may be bought serves it. spec.mode is Observe: nothing is "
      "changed.");
}

TEST(Words, AreInTheOrderOfTheStatus) {
  control::PolicyStatus status;
  status.conditions = {{Condition::Type::Accepted, true, "Valid", {}},
                       {Condition::Type::PodsServed, true, "Served", {}}};
  status.next = {{"Return", {"kerf-1a2b", "empty"}, usd(1)}};
  const codec::StatusWords words = words_of(status, control::Mode::Act);
  EXPECT_EQ(words.conditions,
            (std::vector{message(status.conditions[0]), message(status.conditions[1])}));
  EXPECT_EQ(words.next, std::vector{message(status.next[0])});
  EXPECT_EQ(words.summary, summary(status.figures, control::Mode::Act));
}

}  // namespace
}  // namespace kerf::report
