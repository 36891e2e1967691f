// Tests of the NVML thread: outcomes and XIDs arrive, the queue is bounded, it stops cleanly.
#include "shell/nvml/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

/// Events as they arrive, to be waited for.
class Inbox {
 public:
  Worker::Deliver deliver() {
    return [this](agent::Event event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      arrived_.notify_all();
    };
  }
  /// The next event of that kind; those before it are dropped.
  template <class Kind>
  Kind next() {
    std::unique_lock lock(mutex_);
    for (;;) {
      arrived_.wait(lock, [this] { return !events_.empty(); });
      const agent::Event event = std::move(events_.front());
      events_.pop_front();
      if (const auto* kind = std::get_if<Kind>(&event)) return *kind;
    }
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return events_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<agent::Event> events_;
};

Worker::Options options() {
  Worker::Options made;
  made.driver = fake_library();
  made.queue_max = 4;
  made.listen_every = std::chrono::milliseconds(1);
  return made;
}

TEST(Worker, DeliversTheOutcomeOfEachOperation) {
  TestMachine machine({"H100-80"});
  machine.cut();
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  ASSERT_TRUE(worker.submit(agent::Effect{7, agent::Look{}}));
  const auto first = inbox.next<agent::Looked>();
  EXPECT_EQ(first.effect, 7U);
  ASSERT_EQ(first.gpus.size(), 1U);
  EXPECT_TRUE(first.gpus[0].mode);
  const std::string gpu = first.gpus[0].uuid;

  ASSERT_TRUE(worker.submit(agent::Effect{8, agent::CreateInstance{gpu, 19, 2, 1}}));
  const auto made = inbox.next<agent::Done>();
  EXPECT_EQ(made.effect, 8U);
  EXPECT_EQ(made.code, Code::Success);
  ASSERT_TRUE(worker.submit(agent::Effect{9, agent::Look{}}));
  const auto instance = inbox.next<agent::Looked>().gpus.at(0).instances.at(0);
  ASSERT_TRUE(worker.submit(agent::Effect{10, agent::CreateCompute{gpu, instance.gi, 1}}));
  EXPECT_EQ(inbox.next<agent::Done>().code, Code::Success);
  ASSERT_TRUE(worker.submit(agent::Effect{11, agent::DestroyInstance{gpu, instance.gi, 19, 2}}));
  EXPECT_EQ(inbox.next<agent::Done>().code, Code::InUse);

  ASSERT_TRUE(worker.submit(agent::Effect{12, agent::AskHolders{agent::Source::Processes}}));
  const auto holders = inbox.next<agent::Holders>();
  EXPECT_EQ(holders.effect, 12U);
  EXPECT_TRUE(holders.known);
}

TEST(Worker, TellsXidsUnasked) {
  TestMachine machine({"T4", "H100-80"});
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  ASSERT_TRUE(worker.submit(agent::Effect{1, agent::Look{}}));
  const std::string gpu = inbox.next<agent::Looked>().gpus.at(1).uuid;  // from here on it listens
  machine.change([](simgpu::Driver& d) { return d.inject_xid(1, 94, 3), 0; });
  const auto xid = inbox.next<agent::Xid>();
  EXPECT_EQ(xid.gpu, gpu);
  EXPECT_EQ(xid.gi, 3U);
  EXPECT_EQ(xid.xid, 94U);
}

TEST(Worker, TakesNoMoreThanItsQueueHolds) {
  TestMachine machine({"T4"});
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  std::promise<void> begun;
  std::promise<void> go_on;
  ASSERT_TRUE(worker.submit([&](Driver&) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  for (agent::EffectId id = 1; id <= 4; ++id)
    EXPECT_TRUE(worker.submit(agent::Effect{id, agent::Look{}}));
  EXPECT_FALSE(worker.submit(agent::Effect{5, agent::Look{}}));
  go_on.set_value();
  for (agent::EffectId id = 1; id <= 4; ++id) EXPECT_EQ(inbox.next<agent::Looked>().effect, id);
  EXPECT_TRUE(worker.submit(agent::Effect{6, agent::Look{}}));
  EXPECT_EQ(inbox.next<agent::Looked>().effect, 6U);
}

TEST(Worker, WithdrawsWhatHasNotBegun) {
  TestMachine machine({"T4"});
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  std::promise<void> begun;
  std::promise<void> go_on;
  ASSERT_TRUE(worker.submit([&](Driver&) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  for (agent::EffectId id = 1; id <= 4; ++id)
    ASSERT_TRUE(worker.submit(agent::Effect{id, agent::Look{}}));
  EXPECT_TRUE(worker.withdraw(2));
  EXPECT_FALSE(worker.withdraw(2)) << "once";
  EXPECT_TRUE(worker.withdraw(4));
  EXPECT_FALSE(worker.withdraw(5)) << "never taken";
  EXPECT_TRUE(worker.submit(agent::Effect{6, agent::Look{}})) << "there is room again";
  go_on.set_value();
  for (const agent::EffectId id : {1U, 3U, 6U}) EXPECT_EQ(inbox.next<agent::Looked>().effect, id);
  EXPECT_FALSE(worker.withdraw(6)) << "done";
}

TEST(Worker, DoesNotWithdrawWhatRuns) {
  TestMachine machine({"T4"});
  std::promise<void> begun;
  std::promise<void> go_on;
  Worker worker(options(), codec::builtin_catalogue(), [&](const agent::Event&) {
    begun.set_value();  // on the worker's thread: the Look is not over before this returns
    go_on.get_future().wait();
  });
  ASSERT_TRUE(worker.submit(agent::Effect{1, agent::Look{}}));
  begun.get_future().wait();
  EXPECT_FALSE(worker.withdraw(1));
  go_on.set_value();
}

TEST(Worker, TellsHowLongItHasBeenBusy) {
  using std::chrono::milliseconds;
  TestMachine machine({"T4"});
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  std::promise<void> begun;
  std::promise<void> go_on;
  ASSERT_TRUE(worker.submit([&](Driver&) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  ASSERT_TRUE(worker.busy_for());
  while (worker.busy_for().value() == milliseconds(0)) std::this_thread::yield();  // it rises
  const auto before = worker.busy_for();
  go_on.set_value();
  while (worker.busy_for()) std::this_thread::yield();  // it becomes idle
  EXPECT_GT(before, milliseconds(0));
}

TEST(Worker, TellsThatTheDriverWasLoadedAgainBeforeWhatALookSaw) {
  TestMachine machine({"T4"});
  Inbox inbox;
  std::vector<std::string> order;  // of the worker's thread
  Worker::Options telling = options();
  telling.listen_every = std::chrono::hours(1);  // only after each operation
  telling.reloaded = [&] { order.push_back("reloaded"); };
  Worker worker(telling, codec::builtin_catalogue(), [&](agent::Event event) {
    if (std::holds_alternative<agent::Doubt>(event)) order.push_back("doubt");
    if (std::holds_alternative<agent::Looked>(event)) order.push_back("looked");
    inbox.deliver()(std::move(event));
  });
  const auto look = [&](agent::EffectId id) {
    EXPECT_TRUE(worker.submit(agent::Effect{id, agent::Look{}}));
    return inbox.next<agent::Looked>();
  };
  EXPECT_EQ(look(1).code, Code::Success);
  // Found outside a Look: Doubt as well.
  ASSERT_TRUE(worker.submit([](Driver& driver) { driver.session().outdate(); }));
  inbox.next<agent::Doubt>();
  EXPECT_EQ(look(2).code, Code::Success);
  // Within one: the first after a GPU was lost initialises NVML again.
  machine.change([](simgpu::Driver& d) { return d.lose_gpu(0), 0; });
  EXPECT_TRUE(look(3).gpus.at(0).lost);
  look(4);
  worker.stop();
  EXPECT_THAT(order, testing::ElementsAre("looked", "reloaded", "doubt", "looked", "looked",
                                          "reloaded", "looked"));
}

TEST(Worker, DoesNotTellOfTriesThatFailed) {
  TestMachine gone({"T4"});
  ::setenv(fakedriver::kFolderVariable, "/nowhere", 1);
  Inbox inbox;
  std::atomic<int> told{0};
  Worker::Options telling = options();
  telling.reloaded = [&] { ++told; };
  Worker worker(telling, codec::builtin_catalogue(), inbox.deliver());
  for (agent::EffectId id = 1; id <= 2; ++id) {
    ASSERT_TRUE(worker.submit(agent::Effect{id, agent::Look{}}));
    EXPECT_EQ(inbox.next<agent::Looked>().code, Code::DriverNotLoaded);
  }
  ASSERT_TRUE(worker.submit([](Driver& driver) { EXPECT_FALSE(driver.facts()); }));
  std::promise<void> asked;
  ASSERT_TRUE(worker.submit([&](Driver&) { asked.set_value(); }));
  asked.get_future().wait();
  EXPECT_EQ(told, 0);
  EXPECT_EQ(inbox.size(), 0U) << "no Doubt either";
  TestMachine machine({"T4"});
  ASSERT_TRUE(worker.submit(agent::Effect{3, agent::Look{}}));
  EXPECT_EQ(inbox.next<agent::Looked>().code, Code::Success);
  EXPECT_EQ(told, 1) << "the driver is there now, and was not before";
}

TEST(Worker, StopsAfterTheOperationThatRunsAndDeliversNothingMore) {
  TestMachine machine({"T4"});
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  std::promise<void> begun;
  bool ended = false;
  ASSERT_TRUE(worker.submit([&](Driver& driver) {
    begun.set_value();
    driver.look();
    ended = true;
  }));
  begun.get_future().wait();
  worker.stop();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(worker.submit(agent::Effect{1, agent::Look{}}));
  EXPECT_EQ(inbox.size(), 0U);
  worker.stop();  // again does no harm
}

TEST(Worker, DropsWhatWaitsWhenItStops) {
  TestMachine machine({"T4"});
  Inbox inbox;
  Worker::Options large = options();
  large.queue_max = 1U << 20U;
  Worker worker(large, codec::builtin_catalogue(), inbox.deliver());
  std::promise<void> begun;
  std::promise<void> go_on;
  ASSERT_TRUE(worker.submit([&](Driver&) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  ASSERT_TRUE(worker.submit(agent::Effect{1, agent::Look{}}));
  std::thread stopper([&] { worker.stop(); });
  while (worker.submit([](Driver&) {})) std::this_thread::yield();
  go_on.set_value();
  stopper.join();
  EXPECT_EQ(inbox.size(), 0U);
}

TEST(Worker, TriesADriverAgainAtEachLook) {
  TestMachine gone({"T4"});
  ::setenv(fakedriver::kFolderVariable, "/nowhere", 1);
  Inbox inbox;
  Worker worker(options(), codec::builtin_catalogue(), inbox.deliver());
  ASSERT_TRUE(worker.submit(agent::Effect{1, agent::Look{}}));
  EXPECT_EQ(inbox.next<agent::Looked>().code, Code::DriverNotLoaded);
  ASSERT_TRUE(worker.submit(agent::Effect{2, agent::CreateInstance{}}));
  EXPECT_EQ(inbox.next<agent::Done>().code, Code::Uninitialized);
  // The worker reads the environment only while it looks.
  ASSERT_TRUE(worker.submit([](Driver&) {}));
  TestMachine machine({"T4"});
  ASSERT_TRUE(worker.submit(agent::Effect{3, agent::Look{}}));
  const auto looked = inbox.next<agent::Looked>();
  EXPECT_EQ(looked.code, Code::Success);
  EXPECT_EQ(looked.gpus.size(), 1U);
}

TEST(WorkerDeathTest, DriverIsForItsOwnThreadOnly) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ::setenv("KERF_STUB_GPUS", "a", 1);
  EXPECT_DEATH(
      {
        Driver driver({KERF_SCRIPTED_NVML}, codec::builtin_catalogue());
        static_cast<void>(driver.start());
        std::thread([&] { driver.look(); }).join();
      },
      "from one thread");
}

}  // namespace
}  // namespace kerf::nvml
