// Each effect is one request, and its answer means to the mind what the simulated one means.
#include "shell/controller/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/control/names.h"
#include "shell/controller/hands_testing.h"

namespace kerf::shell {
namespace {

using apiserver::Answer;
using apiserver::Verdict;
using control::Key;
using control::Kind;
using controller::Action;
using controller::Outcome;
using controller::Result;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Key kPod{"ml", "train-0"};
const Key kNode{"", "node-7"};
const Key kClaim{"", "kerf-1a2b"};
const Key kPolicy{"", "research"};

control::GpuNodeSpec layout() {
  control::GpuNodeSpec spec;
  spec.gpus.resize(1);
  spec.gpus[0].slices.push_back({"1g.10gb", 3, "nvidia.com/mig-1g.10gb", true});
  return spec;
}

control::NodeClaim claim() {
  control::NodeClaim claim;
  claim.meta.name = kClaim.name;
  claim.type = "g6.xlarge";
  claim.node_class = "gpu-whole";
  return claim;
}

controller::PatchNode opened(control::Version version) {
  controller::PatchNode patch;
  patch.node = kNode.name;
  patch.version = version;
  patch.labels = {{"nvidia.com/gpu.product", "H100"}};
  patch.remove_uncut = true;
  patch.remove_labels = {"nvidia.com/mig-1g.10gb.count"};
  return patch;
}

/// Requests on Hands, and what is told of them, line by line.
struct Bench {
  explicit Bench(std::size_t queue_max = 4096) : hands(queue_max) {
    hands.objects[{Kind::Pod, kPod}] = {"uid-pod", "101", {}, {}};
    codec::Node taints = codec::Node::sequence();
    taints.push(codec::Node::mapping()
                    .set("key", codec::Node::of(control::kUncutTaint))
                    .set("effect", codec::Node::of("NoSchedule")));
    taints.push(codec::Node::mapping()
                    .set("key", codec::Node::of("mine"))
                    .set("effect", codec::Node::of("NoExecute")));
    hands.objects[{Kind::Node, kNode}] = {
        "uid-node", "102", taints, {{"nvidia.com/mig-1g.10gb", 5}}};
    hands.objects[{Kind::GpuNode, kNode}] = {"uid-gpus", "103", {}, {}};
    hands.objects[{Kind::NodeClaim, kClaim}] = {"uid-claim", "104", {}, {}};
    hands.objects[{Kind::SlicePolicy, kPolicy}] = {
        "uid-policy", "105", codec::Node::mapping().set("old", codec::Node::of(true)), {}};
    Requests::Events events;
    events.done = [this](const controller::Done& done) { outcomes.push_back(done); };
    events.relist = [this](Kind kind) {
      relisted.push_back(std::string(control::to_string(kind)) + " after " +
                         std::to_string(outcomes.size()));
    };
    events.answered = [this](const controller::Effect& effect, const Answer& answer,
                             std::int64_t ms) {
      EXPECT_GE(ms, 0);
      answered.emplace_back(effect.id, answer.status);
    };
    requests = std::make_unique<Requests>(
        Requests::Options{}, *hands.client, hands.mirror(), hands.loop, telemetry::Log(),
        std::move(events), [](const controller::PutStatus& put, const codec::Node* previous) {
          return codec::Node::mapping()
              .set("pods", codec::Node::of(put.status.figures.pods))
              .set("had", codec::Node::of(previous != nullptr));
        });
  }

  /// Carries them out, numbered from 1, until all are answered.
  void carry_out(const std::vector<Action>& actions) {
    hands.run(
        [&] {
          for (std::size_t i = 0; i < actions.size(); ++i) requests->carry_out({i + 1, actions[i]});
        },
        [&] { return outcomes.size() >= actions.size(); });
    EXPECT_EQ(requests->in_flight(), 0u);
    EXPECT_EQ(outcomes.size(), actions.size());
  }

  Hands hands;
  std::vector<controller::Done> outcomes;
  std::vector<std::string> relisted;
  std::vector<std::pair<controller::EffectId, int>> answered;
  std::unique_ptr<Requests> requests;
};

/// All kinds of effects on what is there in a Bench.
std::vector<Action> all() {
  return {controller::PutLayout{kNode.name, 103, layout(), {806'000}},
          controller::PutLayout{kNode.name, 0, layout(), {806'000}},
          controller::CreateClaim{claim()},
          controller::DeleteClaim{kClaim.name, "uid-claim"},
          controller::Nominate{kPod, "uid-pod", 101, kNode.name},
          controller::Publish{kNode.name, 102, {{"nvidia.com/mig-1g.10gb", 7}}},
          controller::Withdraw{kNode.name, 102, {{"nvidia.com/mig-1g.10gb", 2}}},
          controller::Evict{kPod, "uid-pod"},
          opened(102),
          controller::PutStatus{kPolicy.name, 105, {}}};
}

std::string query() { return "?fieldManager=kerf-controller"; }

void expect_asked(const Action& action, const std::string& method, const std::string& path,
                  const testing::Matcher<std::string>& body,
                  const std::string& type = "application/json") {
  Bench bench;
  bench.hands.server = [](const Hands::Asked&) {
    return Hands::Reply{200, R"({"metadata":{"resourceVersion":"207"}})"};
  };
  bench.carry_out({action});
  ASSERT_EQ(bench.hands.asked.size(), 1u) << path;
  const Hands::Asked& asked = bench.hands.asked.front();
  EXPECT_EQ(asked.method, method) << path;
  EXPECT_EQ(asked.path, path + query());
  EXPECT_EQ(asked.content_type, type) << path;
  EXPECT_THAT(asked.body, body) << path;
  EXPECT_EQ(bench.outcomes.front().outcome.result, Result::Applied) << path;
  EXPECT_THAT(bench.answered, ElementsAre(std::pair(controller::EffectId{1}, 200)));
  EXPECT_THAT(bench.relisted, IsEmpty());
}

constexpr const char* kMerge = "application/merge-patch+json";

TEST(Requests, PutLayouts) {
  expect_asked(controller::PutLayout{kNode.name, 103, layout(), {806'000}}, "PATCH",
               "/apis/kerf.dev/v1alpha1/gpunodes/node-7",
               AllOf(HasSubstr(R"("resourceVersion":"103")"), HasSubstr("1g.10gb"),
                     HasSubstr(control::kUsdPerHour), Not(HasSubstr("ownerReferences"))),
               kMerge);
  expect_asked(
      controller::PutLayout{kNode.name, 0, layout(), {806'000}}, "POST",
      "/apis/kerf.dev/v1alpha1/gpunodes",
      AllOf(HasSubstr(R"("name":"node-7")"), HasSubstr("uid-node"), HasSubstr(control::kUsdPerHour),
            HasSubstr("ownerReferences"), Not(HasSubstr("resourceVersion"))));
}

TEST(Requests, BuyAndReturnNodes) {
  expect_asked(controller::CreateClaim{claim()}, "POST", "/apis/karpenter.sh/v1/nodeclaims",
               AllOf(HasSubstr("kerf-1a2b"), HasSubstr("EC2NodeClass"), HasSubstr("g6.xlarge")));
  expect_asked(controller::DeleteClaim{kClaim.name, "uid-claim"}, "DELETE",
               "/apis/karpenter.sh/v1/nodeclaims/kerf-1a2b",
               HasSubstr(R"("preconditions":{"uid":"uid-claim"})"));
}

TEST(Requests, NominateAndEvictPods) {
  expect_asked(controller::Nominate{kPod, "uid-pod", 101, kNode.name}, "PATCH",
               "/api/v1/namespaces/ml/pods/train-0/status",
               AllOf(HasSubstr(R"("uid":"uid-pod")"), HasSubstr(R"("resourceVersion":"101")"),
                     HasSubstr(R"("nominatedNodeName":"node-7")")),
               kMerge);
  expect_asked(controller::Nominate{kPod, "uid-pod", 101, ""}, "PATCH",
               "/api/v1/namespaces/ml/pods/train-0/status",
               HasSubstr(R"("nominatedNodeName":null)"), kMerge);
  expect_asked(controller::Evict{kPod, "uid-pod"}, "POST",
               "/api/v1/namespaces/ml/pods/train-0/eviction",
               AllOf(HasSubstr(R"("preconditions":{"uid":"uid-pod"})"),
                     Not(HasSubstr("gracePeriodSeconds"))));
}

TEST(Requests, OfferAndWithdrawSlices) {
  expect_asked(controller::Publish{kNode.name, 102, {{"nvidia.com/mig-1g.10gb", 3}}}, "PATCH",
               "/api/v1/nodes/node-7/status",
               AllOf(HasSubstr(R"("resourceVersion":"102")"),
                     HasSubstr(R"("allocatable":{"nvidia.com/mig-1g.10gb":"3"})"),
                     Not(HasSubstr(R"("capacity":{"nvidia.com/mig-1g.10gb":"3"})"))),
               kMerge);
  expect_asked(controller::Withdraw{kNode.name, 102, {{"nvidia.com/mig-1g.10gb", 2}}}, "PATCH",
               "/api/v1/nodes/node-7/status",
               AllOf(HasSubstr(R"("resourceVersion":"102")"),
                     HasSubstr(R"("allocatable":{"nvidia.com/mig-1g.10gb":"2"})"),
                     Not(HasSubstr("capacity"))),
               kMerge);
}

TEST(Requests, OpenNodesAndKeepTheTaintsOfOthers) {
  expect_asked(
      opened(102), "PATCH", "/api/v1/nodes/node-7",
      AllOf(HasSubstr(R"("resourceVersion":"102")"), HasSubstr(R"("key":"mine")"),
            Not(HasSubstr(control::kUncutTaint)), HasSubstr(R"("nvidia.com/gpu.product":"H100")"),
            HasSubstr(R"("nvidia.com/mig-1g.10gb.count":null)")),
      kMerge);
}

TEST(Requests, WriteAStatusInItsWords) {
  controller::PutStatus put{kPolicy.name, 105, {}};
  put.status.figures.pods = 12;
  expect_asked(put, "PUT", "/apis/kerf.dev/v1alpha1/slicepolicies/research/status",
               AllOf(HasSubstr(R"("resourceVersion":"105")"),
                     HasSubstr(R"("status":{"pods":12,"had":true})")));
}

TEST(Requests, GiveBackTheVersionThatWasWritten) {
  Bench bench;
  bench.hands.server = [](const Hands::Asked&) {
    return Hands::Reply{200, R"({"metadata":{"resourceVersion":"9007199254740993"}})"};
  };
  bench.carry_out(all());
  ASSERT_EQ(bench.outcomes.size(), all().size());
  for (const controller::Done& done : bench.outcomes) {
    const Action action = all()[done.effect - 1];
    const bool removal = std::holds_alternative<controller::DeleteClaim>(action) ||
                         std::holds_alternative<controller::Evict>(action);
    EXPECT_EQ(done.outcome.result, Result::Applied) << done.effect;
    EXPECT_EQ(done.outcome.version, removal ? 0 : 9007199254740993) << done.effect;
  }
}

TEST(Requests, AskForNothingOnAnObjectThatIsAnother) {
  const auto conflicts = [](const std::function<void(Watches::Known&)>& change) {
    Bench bench;
    for (auto& [key, known] : bench.hands.objects) change(known);
    bench.carry_out(all());
    std::vector<controller::EffectId> ids;
    for (const controller::Done& done : bench.outcomes) {
      if (done.outcome.result != Result::Conflict) continue;
      EXPECT_NE(done.outcome.why, "");
      ids.push_back(done.effect);
    }
    EXPECT_EQ(bench.hands.asked.size() + ids.size(), all().size());
    EXPECT_EQ(bench.answered.size(), bench.hands.asked.size());
    return ids;
  };
  EXPECT_THAT(conflicts([](Watches::Known&) {}), IsEmpty());
  EXPECT_THAT(conflicts([](Watches::Known& known) { known.version = "999"; }),
              ElementsAre(1, 5, 6, 7, 9, 10));
  EXPECT_THAT(conflicts([](Watches::Known& known) { known.uid = "another"; }), ElementsAre(4, 8));

  Bench bench;
  bench.hands.objects.clear();
  bench.carry_out(all());
  ASSERT_EQ(bench.hands.asked.size(), 1u);  // a claim to create
  EXPECT_EQ(bench.hands.asked[0].path, "/apis/karpenter.sh/v1/nodeclaims" + query());
}

TEST(Requests, ListTheKindAnewWhenNobodyKnows) {
  const char* kinds[] = {"GpuNode", "GpuNode", "NodeClaim", "NodeClaim", "Pod",
                         "Node",    "Node",    "Pod",       "Node",      "SlicePolicy"};
  for (std::size_t i = 0; i < all().size(); ++i) {
    Bench bench;
    bench.hands.server = [](const Hands::Asked&) {
      return Hands::Reply{0, "", apiserver::Ending::Broken};
    };
    bench.carry_out({all()[i]});
    ASSERT_EQ(bench.hands.asked.size(), 1u) << "never repeated";
    EXPECT_EQ(bench.outcomes[0].outcome.result, Result::Unknown);
    // After the mind was told that it is not known: the list counts from then on.
    EXPECT_THAT(bench.relisted, ElementsAre(std::string(kinds[i]) + " after 1"));
  }
}

TEST(Requests, CallNobodyOnceTheyAreGone) {
  Bench bench;
  bench.hands.server = [](const Hands::Asked&) { return std::nullopt; };
  bool ended = false;
  bool over = false;
  bench.hands.run(
      [&] {
        for (std::size_t i = 0; i < all().size(); ++i) bench.requests->carry_out({i + 1, all()[i]});
        bench.requests->carry_out({99, controller::DeleteClaim{"not-there", "x"}});
        EXPECT_EQ(bench.requests->in_flight(), all().size() + 1);
      },
      [&] {
        if (ended || bench.hands.asked.size() < all().size()) return over;
        ended = true;
        bench.requests.reset();
        bench.hands.answer_held({});
        bench.hands.loop.after(1, [&] { over = true; });  // after what was posted meanwhile
        return false;
      });
  EXPECT_TRUE(ended);
  EXPECT_LE(bench.outcomes.size(), 1u);  // the one that was not asked for
  EXPECT_THAT(bench.answered, IsEmpty());
  EXPECT_THAT(bench.relisted, IsEmpty());
}

TEST(Requests, LoseNoAnswerWhenTheLoopHasNoRoom) {
  Bench bench(1);
  bench.hands.run(
      [&] {
        ASSERT_TRUE(bench.hands.loop.post([] {}));
        ASSERT_FALSE(bench.hands.loop.post([] {}));
        for (std::size_t i = 0; i < all().size(); ++i) bench.requests->carry_out({i + 1, all()[i]});
        bench.hands.serve();
      },
      [&] { return bench.outcomes.size() >= all().size(); });
  EXPECT_EQ(bench.outcomes.size(), all().size());
  EXPECT_EQ(bench.requests->in_flight(), 0u);
}

struct Meaning {
  int status;
  const char* reason;
  const char* cause;
  Result of_patch;
  Result of_create;
  Result of_eviction;
};

TEST(Outcomes, MeanWhatTheSimulatedOnesMean) {
  constexpr auto A = Result::Applied, C = Result::Conflict, R = Result::Refused, L = Result::Later,
                 U = Result::Unknown, F = Result::Forbidden;
  const Meaning meanings[] = {
      {200, "", "", A, A, A},
      {201, "", "", A, A, A},
      {400, "BadRequest", "", R, R, R},
      {401, "Unauthorized", "", L, L, L},
      {403, "Forbidden", "", F, F, F},
      {404, "NotFound", "", C, C, C},
      {409, "Conflict", "", C, C, C},
      {409, "AlreadyExists", "", C, C, C},
      {410, "Expired", "", L, L, L},
      {422, "Invalid", "FieldValueInvalid", R, R, R},
      {429, "TooManyRequests", "", L, L, L},
      {429, "TooManyRequests", "DisruptionBudget", L, L, R},
      {500, "InternalError", "", U, U, U},
      {503, "ServiceUnavailable", "", L, L, L},
      {504, "Timeout", "", U, U, U},
  };
  for (const Meaning& it : meanings) {
    apiserver::Exchange exchange;
    exchange.ending = apiserver::Ending::Complete;
    exchange.status = it.status;
    exchange.body = it.status < 300
                        ? std::string("{}")
                        : std::string(R"({"kind":"Status","message":"no","reason":")") + it.reason +
                              R"(","details":{"causes":[{"reason":")" + it.cause + R"("}]}})";
    Answer answer = apiserver::judge(exchange, true);
    if (answer.ok()) apiserver::read_object(answer, true);
    const auto named = [&](const Action& action) { return outcome_of(action, answer).result; };
    EXPECT_EQ(named(opened(1)), it.of_patch) << it.status << it.reason;
    EXPECT_EQ(named(controller::CreateClaim{}), it.of_create) << it.status << it.reason;
    EXPECT_EQ(named(controller::Evict{}), it.of_eviction) << it.status << it.reason;
    if (!answer.ok()) {
      EXPECT_THAT(outcome_of(opened(1), answer).why, testing::EndsWith(": no")) << it.status;
    }
  }
}

TEST(Outcomes, OfWhatNeverWasSentIsLater) {
  apiserver::Exchange exchange;
  exchange.ending = apiserver::Ending::NotSent;
  EXPECT_EQ(outcome_of(opened(1), apiserver::judge(exchange, true)).result, Result::Later);
}

TEST(Outcomes, OfAPodThatTwoBudgetsSelectIsRefused) {
  const std::string status = R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":)"
                             R"("This pod has more than one PodDisruptionBudget, which the )"
                             R"(eviction subresource does not support.","code":500})";
  for (const int code : {201, 500}) {
    apiserver::Exchange exchange;
    exchange.ending = apiserver::Ending::Complete;
    exchange.status = code;
    exchange.body = status;
    Answer answer = apiserver::judge(exchange, true);
    if (answer.ok()) apiserver::read_object(answer, true);
    const Outcome outcome = outcome_of(controller::Evict{}, answer);
    EXPECT_EQ(outcome.result, Result::Refused) << code;
    EXPECT_THAT(outcome.why, HasSubstr("more than one PodDisruptionBudget")) << code;
  }
}

}  // namespace
}  // namespace kerf::shell
