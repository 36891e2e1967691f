// Tests of deadlines on driver operations: a call that does not come back is over all the same.
#include "shell/agent/driver_hand.h"

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "codec/catalogue.h"

namespace kerf::shell {
namespace {

/// No library: operations fail at once, and the thread can be held up by a task.
struct Fixture {
  explicit Fixture(std::int64_t deadline_ms, std::function<void(Fixture&)> told)
      : hear(std::move(told)) {
    DriverHand::Options options;
    options.worker.driver.library = "/nowhere/libnvidia-ml.so.1";
    options.deadline_ms = deadline_ms;
    hand = std::make_unique<DriverHand>(options, codec::builtin_catalogue(), loop,
                                        [this](agent::Event event) {
                                          events.push_back(std::move(event));
                                          hear(*this);
                                        });
  }
  runtime::Loop loop;
  std::function<void(Fixture&)> hear;
  std::vector<agent::Event> events;
  std::unique_ptr<DriverHand> hand;
};

TEST(DriverHandTest, TellsWhatCameOfAnOperation) {
  Fixture it(60'000, [](Fixture& self) { self.loop.quit(); });
  it.hand->act({7, agent::Look{}});
  it.loop.run();
  const auto* looked = std::get_if<agent::Looked>(&it.events.at(0));
  ASSERT_NE(looked, nullptr);
  EXPECT_EQ(looked->effect, 7U);
  EXPECT_NE(looked->code, agent::Code::Success);
  EXPECT_NE(looked->code, agent::Code::Timeout);
  EXPECT_EQ(it.hand->stuck_ms(), 0);
}

TEST(DriverHandTest, EndsOperationsAtTheirDeadlineAndTakesBackThoseThatHaveNotBegun) {
  std::promise<void> hang;
  bool asked = false;
  Fixture it(5, [&](Fixture& self) {
    if (self.events.size() == 3) {
      hang.set_value();
      // What is asked for now comes after all that waited.
      self.hand->ask([](nvml::Driver&) { return 0; },
                     [&](const Result<int>&) {
                       asked = true;
                       self.loop.quit();
                     });
    }
  });
  std::promise<void> begun;
  it.hand->ask(
      [held = hang.get_future().share(), &begun](nvml::Driver&) {
        begun.set_value();
        held.wait();
        return 0;
      },
      [](const Result<int>& value) { EXPECT_FALSE(value); });
  begun.get_future().wait();
  it.hand->act({1, agent::Look{}});
  it.hand->act({2, agent::CreateInstance{}});
  it.hand->act({3, agent::AskHolders{agent::Source::Processes}});
  it.loop.run();
  EXPECT_TRUE(asked);
  ASSERT_EQ(it.events.size(), 3U);  // no outcome, no doubt: they were not done
  const auto* looked = std::get_if<agent::Looked>(&it.events[0]);
  const auto* done = std::get_if<agent::Done>(&it.events[1]);
  const auto* holders = std::get_if<agent::Holders>(&it.events[2]);
  ASSERT_TRUE(looked != nullptr && done != nullptr && holders != nullptr);
  EXPECT_EQ(looked->code, agent::Code::Timeout);
  EXPECT_EQ(done->code, agent::Code::Timeout);
  EXPECT_FALSE(holders->known);
  EXPECT_EQ(it.hand->stuck_ms(), 0);
}

TEST(DriverHandTest, GivesUpOnADriverThatHangsAtTheEnd) {
  std::promise<void> hang;
  Fixture it(60'000, [](Fixture&) {});
  it.hand->ask(
      [held = hang.get_future().share()](nvml::Driver&) {
        held.wait();
        return 0;
      },
      [](const Result<int>&) {});
  // The task may not have begun: then there is nothing that hangs.
  const bool stopped = it.hand->stop(std::chrono::milliseconds(20));
  hang.set_value();
  EXPECT_TRUE(stopped || it.hand->stop(std::chrono::seconds(60)));
}

}  // namespace
}  // namespace kerf::shell
