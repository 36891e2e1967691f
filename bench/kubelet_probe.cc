// kerf_kubelet_probe FOLDER MACHINE: a fake kubelet as a program, which can say for how long no pod
// could have had a free device. For tools/compare_agents.
//
// Plugins are served in FOLDER/device-plugins, PodResources in FOLDER/pod-resources/kubelet.sock.
// It reads lines from standard input and answers each with one line:
//   wait RESOURCE COUNT   when so many devices of it are healthy   -> seconds waited, or "late"
//   admit RESOURCE        a pod that stays gets one of them        -> ok, or why not
//   watch RESOURCE        a pod asks for one of them every 10 ms   -> ok
//   unwatch               no more                                  -> JSON
//   changes               of the simulated driver in MACHINE       -> calls that may change it
//   recorded              its calls take as long as real ones      -> ok
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "fakedriver/machine.h"
#include "shell/kubelet/fake_kubelet_testing.h"

namespace {

using namespace kerf;
using Clock = std::chrono::steady_clock;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

class Watch {
 public:
  Watch(kubelet::FakeKubelet& kubelet, std::string resource)
      : kubelet_(kubelet), resource_(std::move(resource)), thread_([this] { run(); }) {}
  ~Watch() { end(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Time without: from each try that failed to the next one that did not.
  std::string end() {
    if (thread_.joinable()) {
      stop_ = true;
      thread_.join();
    }
    return fmt::format(
        R"({{"tries": {}, "failed": {}, "unavailable_s": {:.3f}, "longest_s": {:.3f}, )"
        R"("slowest_grant_s": {:.3f}}})",
        tries_, failed_, unavailable_, longest_, slowest_);
  }

 private:
  void run() {
    bool lacking = false;
    Clock::time_point since;
    for (auto next = Clock::now(); !stop_; next += kEvery) {
      std::this_thread::sleep_until(next);
      const std::string pod = "probe-" + std::to_string(++tries_);
      const auto begun = Clock::now();
      const bool granted = kubelet_.admit(pod, resource_, 1).granted;
      if (granted) slowest_ = std::max(slowest_, seconds(Clock::now() - begun));
      kubelet_.end(pod);
      if (!granted) ++failed_;
      if (!granted && !lacking) since = begun;
      if (granted && lacking) add(begun - since);
      lacking = !granted;
      next = std::max(next, Clock::now() - kEvery);  // tries that were missed are not made up for
    }
    if (lacking) add(Clock::now() - since);
  }
  void add(Clock::duration time) {
    unavailable_ += seconds(time);
    longest_ = std::max(longest_, seconds(time));
  }

  static constexpr std::chrono::milliseconds kEvery{10};
  kubelet::FakeKubelet& kubelet_;
  const std::string resource_;
  int tries_ = 0;
  int failed_ = 0;
  double unavailable_ = 0;
  double longest_ = 0;
  double slowest_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: it uses all others
};

/// Every millisecond: a plugin may take as long as it takes, and be gone for good.
std::string wait(kubelet::FakeKubelet& kubelet, const std::string& resource, std::size_t count) {
  constexpr std::chrono::minutes kMost{5};
  const auto begun = Clock::now();
  while (kubelet.healthy(resource).size() != count) {
    if (Clock::now() - begun > kMost) return "late";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return fmt::format("{:.3f}", seconds(Clock::now() - begun));
}

std::string changes(const std::string& folder) {
  auto machine = fakedriver::Machine::open(folder);
  if (!machine) return machine.error().message();
  const auto count = machine->read([](simgpu::Driver& driver) { return driver.state().changes; });
  return count ? std::to_string(*count) : count.error().message();
}

/// Machines are laid out at once and measured as slow as real ones.
std::string recorded(const std::string& folder) {
  auto machine = fakedriver::Machine::open(folder);
  if (!machine) return machine.error().message();
  const auto slowed = machine->change([](simgpu::Driver& driver) {
    simgpu::Config config = driver.config();
    config.latencies = {};
    auto slow = simgpu::Driver::restore(std::move(config), driver.state());
    if (!slow) return false;
    driver = *std::move(slow);
    return true;
  });
  return slowed && *slowed ? "ok" : "the machine cannot be changed";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: kerf_kubelet_probe FOLDER MACHINE\n", stderr);
    return 2;
  }
  const std::string folder = argv[1];
  std::filesystem::create_directories(folder + "/pod-resources");
  kubelet::FakeKubelet kubelet(folder + "/device-plugins", folder + "/pod-resources/kubelet.sock");
  kubelet.start();
  std::optional<Watch> watch;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb, resource;
    std::size_t count = 0;
    words >> verb >> resource >> count;
    std::string answer = "?";
    if (verb == "wait") answer = wait(kubelet, resource, count);
    if (verb == "changes") answer = changes(argv[2]);
    if (verb == "recorded") answer = recorded(argv[2]);
    if (verb == "admit") {
      const auto outcome = kubelet.admit("resident", resource, 1);
      answer = outcome.granted ? "ok" : outcome.why;
    }
    if (verb == "watch") {
      watch.emplace(kubelet, resource);
      answer = "ok";
    }
    if (verb == "unwatch" && watch) {
      answer = watch->end();
      watch.reset();
    }
    std::cout << answer << std::endl;
  }
  return 0;
}
