// A policy that cannot be read says so in its status, once, whoever leads.
#include "shell/controller/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json.h"
#include "report/decision.h"
#include "shell/controller/hands_testing.h"

namespace kerf::shell {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// Of such a role: nothing may be read but lists and watches.
struct RefusalsTest : testing::Test {
  Hands hands;
  bool leads = true;
  std::map<std::string, Watches::Unread> unread;
  Refusals refusals{*hands.client,
                    hands.loop,
                    telemetry::Log(),
                    [] { return std::int64_t{1'796'054'400'000}; },
                    [this] { return leads; },
                    [this](const std::string& policy) {
                      const auto at = unread.find(policy);
                      return at == unread.end() ? nullptr : &at->second;
                    }};
  std::vector<int> answers;  ///< the first ones; then 200

  RefusalsTest() {
    unread["p"] = {"spec.zones: expected a list", "7", 3,
                   node(R"({"kept":{"purchases":{"1":["u1"]}},"conditions":[]})")};
    hands.server = [this](const Hands::Asked& asked) {
      EXPECT_EQ(asked.method, "PUT");
      const std::size_t at = hands.asked.size() - 1;
      return Hands::Reply{at < answers.size() ? answers[at] : 200, asked.body};
    };
  }
  static codec::Node node(const std::string& json) {
    return codec::parse_json(json, "a test")->root;
  }
  /// One after the other, each when all is over that followed from the one before; then until so
  /// much was asked.
  void run(std::vector<std::function<void()>> steps, std::size_t asked) {
    constexpr int kTurns = 8;  // of the loop; an answer takes two
    std::size_t next = 1;
    int turns = kTurns;
    hands.run(steps.at(0), [&, asked] {
      if (turns-- > 0) {
        static_cast<void>(hands.loop.post([] {}));
        return false;
      }
      if (next == steps.size()) return hands.asked.size() >= asked;
      turns = kTurns;
      static_cast<void>(hands.loop.post(steps[next++]));
      return false;
    });
    EXPECT_EQ(hands.asked.size(), asked);
  }
};

TEST_F(RefusalsTest, SayWhyAndKeepWhatIsKept) {
  run({[&] { refusals.look_at("p"); }}, 1);
  const Hands::Asked put = hands.asked.at(0);
  EXPECT_EQ(put.path,
            "/apis/kerf.dev/v1alpha1/slicepolicies/p/status?fieldManager=kerf-controller");
  EXPECT_THAT(put.body, HasSubstr(R"("resourceVersion":"7")"));
  EXPECT_THAT(put.body, HasSubstr(R"("type":"Accepted","status":"False")"));
  EXPECT_THAT(put.body, HasSubstr("spec.zones:expectedalist"));
  EXPECT_THAT(put.body, HasSubstr(R"("observedGeneration":3)"));
  EXPECT_THAT(put.body, HasSubstr(R"("purchases":{"1":["u1"]})")) << "it is read again some day";
}

TEST_F(RefusalsTest, AreWrittenAgainOverWhatIsThereAfterAConflict) {
  answers = {409};
  run({[&] { refusals.look_at("p"); },
       [&] {
         unread["p"].version = "8";
         refusals.look_at("p");
       }},
      2);
  EXPECT_THAT(hands.asked.back().body, HasSubstr(R"("resourceVersion":"8")"));
}

TEST_F(RefusalsTest, AreTriedAgainWithoutNewsAfterAConflict) {
  answers = {409};
  run({[&] { refusals.look_at("p"); }}, 2);
}

TEST_F(RefusalsTest, AreNotWrittenWhereTheStatusSaysSo) {
  control::PolicyStatus status;
  status.conditions = {{control::Condition::Type::Accepted, false, "Invalid", {unread["p"].why}}};
  unread["p"].status =
      node(R"({"conditions":[{"type":"Accepted","status":"False","observedGeneration":3,
        "reason":"Invalid","lastTransitionTime":"2026-11-29T16:00:00Z","message":")" +
           report::words_of(status, control::Mode::Observe).conditions.at(0) + R"("}]})");
  run({[&] { refusals.look_at("p"); }, [&] { refusals.lead(); },
       [&] {
         EXPECT_THAT(hands.asked, IsEmpty());
         unread["p"].generation = 4;
         refusals.look_at("p");
       },
       [&] {
         EXPECT_THAT(hands.asked.back().body, HasSubstr(R"("observedGeneration":4)"));
         unread["p"].version = "8";
         refusals.look_at("p");  // its own writing, say
       },
       [&] {
         EXPECT_EQ(hands.asked.size(), 1u);
         unread["p"].why = "another";
         refusals.look_at("p");
       }},
      2);
  EXPECT_THAT(hands.asked.back().body, HasSubstr("another"));
}

TEST_F(RefusalsTest, AreTheLeadersToWrite) {
  leads = false;
  run({[&] { refusals.look_at("p"); },
       [&] {
         EXPECT_THAT(hands.asked, IsEmpty());
         leads = true;
         refusals.lead();
       }},
      1);
}

TEST_F(RefusalsTest, AreOverWhenItCanBeRead) {
  leads = false;
  run({[&] { refusals.look_at("p"); },
       [&] {
         unread.clear();
         refusals.look_at("p");
       },
       [&] {
         unread["p"] = {"why", "9", 5, {}};
         leads = true;
         refusals.lead();
       },
       [&] {
         EXPECT_THAT(hands.asked, IsEmpty()) << "nobody said that it is refused again";
         refusals.look_at("p");
       }},
      1);
  EXPECT_THAT(hands.asked.back().body, HasSubstr(R"("observedGeneration":5)")) << "no status yet";
}

}  // namespace
}  // namespace kerf::shell
