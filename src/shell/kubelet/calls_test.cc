// Tests of Kubelet: what kubelet's Allocate and GetPreferredAllocation come to.
#include "shell/kubelet/calls.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "shell/kubelet/kubelet_testing.h"

namespace kerf::kubelet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// gRPC's codes by number.
constexpr int kInvalid = 3, kDeadline = 4, kExhausted = 8, kPrecondition = 9, kUnavailable = 14;
constexpr std::chrono::milliseconds kLong = std::chrono::seconds(60);

class Allocations : public Node {
 protected:
  void begin() {
    start_both();
    ASSERT_TRUE(served({device(0), device(1), device(2)}));
    ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).size() == 3; }));
  }
};

TEST_F(Allocations, GiveTheNamesOfCdiDevicesAndNothingElse) {
  begin();
  const auto outcome = fake_.admit("a", kSmall, 2);
  ASSERT_TRUE(outcome.granted) << outcome.why;
  EXPECT_EQ(outcome.cdi.size(), 2u);
  for (const std::string& name : outcome.cdi) EXPECT_THAT(name, HasSubstr("kerf.dev/gpu=gpu0_"));
  EXPECT_FALSE(outcome.something_else);
  const auto prefer = inbox_.take<agent::PreferredAllocation>();
  ASSERT_TRUE(prefer);
  EXPECT_EQ(prefer->resource, kSmall);
  EXPECT_EQ(prefer->size, 2u);
  EXPECT_EQ(prefer->available.size(), 3u);
  const auto allocate = inbox_.take<agent::Allocate>();
  ASSERT_TRUE(allocate);
  EXPECT_EQ(allocate->resource, kSmall);
  EXPECT_EQ(allocate->devices.size(), 2u);
}

TEST_F(Allocations, ThatTheMindRefusesAreRefusedInItsWords) {
  begin();
  answers_ = Answers::Refuse;
  const auto outcome = fake_.allocate_raw(kSmall, {{id(0)}}, kLong);
  EXPECT_FALSE(outcome.granted);
  EXPECT_EQ(outcome.code, kPrecondition);
  EXPECT_EQ(outcome.why, "it is being cut away");
}

TEST_F(Allocations, OfSeveralContainersAreGrantedTogetherOrNotAtAll) {
  begin();
  const auto all = fake_.allocate_raw(kSmall, {{id(0)}, {id(1), id(2)}}, kLong);
  ASSERT_TRUE(all.granted) << all.why;
  EXPECT_EQ(all.cdi.size(), 3u);

  answers_ = Answers::Nothing;
  std::thread mind([this] {
    inbox_.take<agent::Allocate>();  // those of above
    inbox_.take<agent::Allocate>();
    const auto first = inbox_.take<agent::Allocate>();
    const auto second = inbox_.take<agent::Allocate>();
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->call, second->call);
    EXPECT_THAT(second->devices, ElementsAre(id(1)));
    kubelet_->act(0, agent::Answer{first->call, true, ""});
    kubelet_->act(0, agent::Answer{second->call, false, "the second is broken"});
  });
  const auto outcome = fake_.allocate_raw(kSmall, {{id(0)}, {id(1)}}, kLong);
  mind.join();
  EXPECT_FALSE(outcome.granted);
  EXPECT_EQ(outcome.why, "the second is broken");
  EXPECT_THAT(outcome.cdi, IsEmpty());
}

TEST_F(Allocations, HaveAnAnswerAlthoughTheMindHangs) {
  options_.answer_deadline = std::chrono::milliseconds(50);
  begin();
  answers_ = Answers::Nothing;
  EXPECT_EQ(fake_.allocate_raw(kSmall, {{id(0)}}, kLong).code, kDeadline);
  EXPECT_EQ(fake_.prefer_raw(kSmall, {id(0)}, {}, 1, kLong).code, kDeadline);
  // An answer that comes too late has no effect.
  kubelet_->act(0, agent::Answer{inbox_.take<agent::Allocate>()->call, true, ""});
  kubelet_->act(0, agent::Prefer{inbox_.take<agent::PreferredAllocation>()->call, {id(0)}});
  answers_ = Answers::Grant;
  EXPECT_TRUE(fake_.allocate_raw(kSmall, {{id(0)}}, kLong).granted);
}

TEST_F(Allocations, AreUnavailableWhileTheMindsQueueIsFull) {
  begin();
  inbox_.fill(true);
  const auto outcome = fake_.allocate_raw(kSmall, {{id(0)}}, kLong);
  EXPECT_EQ(outcome.code, kUnavailable);
  // Everything but calls comes later.
  const agent::EffectId effect = act(agent::Confirm{});
  inbox_.fill(false);
  EXPECT_TRUE(inbox_.take<agent::Confirmed>([=](const auto& it) { return it.effect == effect; }));
}

TEST_F(Allocations, ThatKubeletGivesUpAreForgotten) {
  begin();
  answers_ = Answers::Nothing;
  EXPECT_EQ(fake_.allocate_raw(kSmall, {{id(0)}}, std::chrono::milliseconds(50)).code, kDeadline);
  const auto call = inbox_.take<agent::Allocate>();
  ASSERT_TRUE(call);
  kubelet_->act(0, agent::Answer{call->call, true, ""});
  answers_ = Answers::Grant;
  EXPECT_TRUE(fake_.allocate_raw(kSmall, {{id(0)}}, kLong).granted);
}

TEST_F(Allocations, ThatWaitAreLimited) {
  begin();
  answers_ = Answers::Nothing;
  std::vector<std::thread> callers;
  std::atomic<int> refused{0};
  for (std::size_t i = 0; i < Calls::kWaitingMax + 8; ++i)
    callers.emplace_back([&] {
      if (fake_.allocate_raw(kSmall, {{id(0)}}, kLong).code == kUnavailable) ++refused;
    });
  ASSERT_TRUE(fake_.wait([&] { return refused == 8; }));
  for (std::size_t i = 0; i < Calls::kWaitingMax; ++i)
    kubelet_->act(0, agent::Answer{inbox_.take<agent::Allocate>()->call, true, ""});
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(refused, 8);
}

TEST_F(Allocations, ThatAreTooLargeOrMakeNoSenseAreRefused) {
  begin();
  EXPECT_EQ(fake_.allocate_raw(kSmall, {}, kLong).code, kInvalid);
  EXPECT_EQ(fake_.allocate_raw(kSmall, {{}}, kLong).code, kInvalid);
  EXPECT_EQ(fake_.allocate_raw(kSmall, {{id(0)}, {id(0)}}, kLong).code, kInvalid);
  EXPECT_EQ(fake_.allocate_raw(kSmall, {{std::string(300, 'x')}}, kLong).code, kInvalid);
  std::vector<std::string> many;
  for (int i = 0; i < 5000; ++i) many.push_back("d" + std::to_string(i));
  EXPECT_EQ(fake_.allocate_raw(kSmall, {many}, kLong).code, kExhausted);
  EXPECT_EQ(fake_.allocate_raw(kSmall, {{std::string(1 << 20, 'x')}}, kLong).code, kExhausted)
      << "gRPC does not take a message of that size";
  EXPECT_EQ(fake_.prefer_raw(kSmall, {id(0)}, {}, 2, kLong).code, kInvalid);
  EXPECT_EQ(fake_.prefer_raw(kSmall, {id(0)}, {}, -1, kLong).code, kInvalid);
  EXPECT_FALSE(inbox_.has<agent::Allocate>()) << "the mind hears of none of them";
  EXPECT_FALSE(inbox_.has<agent::PreferredAllocation>());
}

TEST_F(Allocations, AreRefusedWhenTheAgentEnds) {
  begin();
  answers_ = Answers::Nothing;
  FakeKubelet::Outcome outcome;
  std::thread caller([&] { outcome = fake_.allocate_raw(kSmall, {{id(0)}}, kLong); });
  ASSERT_TRUE(inbox_.take<agent::Allocate>());
  kubelet_->stop();
  caller.join();
  EXPECT_EQ(outcome.code, kUnavailable);
  ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).empty(); }));
  EXPECT_FALSE(std::filesystem::exists(options_.folder + "/kerf-nvidia.com_mig-1g.10gb.sock"));
}

TEST_F(Allocations, EndWithTheAgentHoweverManyThereAre) {
  begin();
  answers_ = Answers::Nothing;
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i)
    callers.emplace_back([&] { (void)fake_.allocate_raw(kSmall, {{id(0)}}, kLong); });
  ASSERT_TRUE(inbox_.take<agent::Allocate>());
  fake_.hang_registration(true);
  fake_.hang_pod_resources(true);
  serve({device(4, true, "3g.40gb")}, kLarge);
  act(agent::Confirm{});
  act(agent::AskHolders{agent::Source::PodResources});
  kubelet_->stop();
  const std::size_t told = inbox_.all().size();
  for (std::thread& caller : callers) caller.join();
  kubelet_->stop();
  kubelet_->act(1, agent::Confirm{});  // has no effect, and no answer
  EXPECT_EQ(inbox_.all().size(), told) << "nothing is told after stop()";
}

TEST_F(Allocations, AndListsAtOnceNeverMakeKubeletPanic) {
  begin();
  std::atomic<bool> ended{false};
  std::vector<std::thread> pods;
  std::atomic<int> granted{0};
  for (int p = 0; p < 3; ++p)
    pods.emplace_back([&, p] {
      for (int i = 0; !ended; ++i) {
        const std::string name = "p" + std::to_string(p) + "-" + std::to_string(i);
        if (fake_.admit(name, kSmall, 1).granted) ++granted;
        fake_.end(name);
      }
    });
  for (int round = 0; round < 40; ++round)
    ASSERT_TRUE(served({device(0, round % 2 == 0), device(1), device(2, round % 3 != 0)}));
  ASSERT_TRUE(fake_.wait([&] { return granted > 20; }));
  ended = true;
  for (std::thread& pod : pods) pod.join();
  EXPECT_FALSE(fake_.panicked());
  EXPECT_FALSE(inbox_.has<agent::Dropped>());
}

TEST_F(Allocations, GoOnOverRestartsOfKubelet) {
  begin();
  std::atomic<bool> ended{false};
  std::thread pods([&] {
    for (int i = 0; !ended; ++i) {
      (void)fake_.admit("p" + std::to_string(i), kSmall, 1);
      fake_.end("p" + std::to_string(i));
    }
  });
  for (int round = 0; round < 5; ++round) {
    fake_.restart();
    ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
    ASSERT_TRUE(served({device(0), device(1), device(2)}));
    ASSERT_TRUE(fake_.wait([&] { return fake_.healthy(kSmall).size() == 3; }));
  }
  ended = true;
  pods.join();
  const auto last = fake_.admit("last", kSmall, 1);
  EXPECT_TRUE(last.granted) << last.why;
}

}  // namespace
}  // namespace kerf::kubelet
