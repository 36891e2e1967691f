// kerfd agent killed after each line of its log, that is after each step of a change, and started
// again: the node becomes as wanted, what is in use stays, nothing is left behind.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "rig.h"

namespace kerf::rig {
namespace {

using Layout = std::vector<Wanted>;

/// From one layout to another, with pods that hold some slices of the first.
struct Change {
  const char* name;
  Layout before;
  std::vector<std::string> pods;  ///< profiles that pods hold
  Layout after;
};

const std::vector<Change> kChanges = {
    {"give on an empty GPU", {}, {}, {{0, "1g.10gb", 0}, {0, "2g.20gb", 2}, {0, "3g.40gb", 4}}},
    {"re-cut beside a pod",
     {{0, "1g.10gb", 0, false}, {0, "1g.10gb", 1, false}, {0, "3g.40gb", 4}},
     {"3g.40gb"},
     {{0, "2g.20gb", 0}, {0, "1g.10gb", 2}, {0, "3g.40gb", 4}}},
};

/// The rest of a test that runs many rigs at a time: they mostly wait.
void in_parallel(int count, const std::function<void(int)>& run) {
  std::atomic<int> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i)
    threads.emplace_back([&] {
      for (int n = next++; n < count; n = next++) run(n);
    });
  for (std::thread& thread : threads) thread.join();
}

/// The state before the change, with its pods.
void prepare(Rig& rig, const Change& change) {
  rig.layout(change.before);
  rig.start();
  ASSERT_TRUE(rig.wait_for([&] { return rig.difference().empty(); })) << rig.difference();
  for (const std::string& profile : change.pods) {
    const auto outcome = rig.kubelet().admit("ns/" + profile, "nvidia.com/mig-" + profile, 1);
    ASSERT_TRUE(outcome.granted) << outcome.why;
  }
  rig.kill();
}

/// Lines of the log that the change takes, undisturbed.
int lines_of(const Change& change) {
  Rig rig({});
  prepare(rig, change);
  const int before = rig.lines();
  rig.layout(change.after);
  rig.start();
  EXPECT_TRUE(rig.wait_for([&] { return rig.difference().empty(); })) << rig.difference();
  const int lines = rig.lines() - before;
  rig.terminate();
  return lines;
}

class Crash : public ::testing::TestWithParam<Change> {};

TEST_P(Crash, AfterEachLineOfTheLog) {
  if (::geteuid() != 0) GTEST_SKIP() << "the simulated driver lets only root cut";
  const Change& change = GetParam();
  const int lines = lines_of(change);
  ASSERT_GT(lines, 5);
  in_parallel(lines, [&](int n) {
    Rig::Options options;
    options.latency_ms = 3;
    Rig rig(options);
    prepare(rig, change);
    const Standing before = rig.standing();
    rig.layout(change.after);
    rig.start(n + 1);
    rig.wait_for([&] { return !rig.running() || rig.difference().empty(); });
    if (rig.running()) rig.kill();
    else rig.wait();
    const int lines_before = rig.lines();
    rig.start();
    // Its first line says that it is at work; what stood before may be as wanted already.
    EXPECT_TRUE(rig.wait_for([&] { return rig.lines() > lines_before; }));
    EXPECT_TRUE(rig.wait_for([&] { return rig.difference().empty(); }))
        << change.name << ", killed after line " << n + 1 << ": " << rig.difference();
    for (const std::string& one : before) {  // in use: still that very slice, by its UUID
      bool held = false;
      for (const std::string& profile : change.pods)
        held = held || one.find("/" + profile + "@") != std::string::npos;
      EXPECT_TRUE(!held || rig.standing().contains(one)) << one << ", killed after line " << n + 1;
    }
    EXPECT_FALSE(rig.kubelet().panicked());
    EXPECT_EQ(rig.terminate(), 0);
  });
}

std::string name_of(const ::testing::TestParamInfo<Change>& it) {
  std::string name;
  for (const char c : std::string(it.param.name)) name += c == ' ' || c == '-' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Changes, Crash, ::testing::ValuesIn(kChanges), name_of);

}  // namespace
}  // namespace kerf::rig
