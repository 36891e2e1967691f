// What tests of shell/kubelet share: a stand-in for the mind, and a node with a fake kubelet.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "core/agent/words.h"
#include "core/control/gpu_node.h"
#include "shell/kubelet/fake_kubelet_testing.h"
#include "shell/kubelet/kubelet.h"

namespace kerf::kubelet {

inline constexpr const char* kSmall = "nvidia.com/mig-1g.10gb";
inline constexpr const char* kLarge = "nvidia.com/mig-3g.40gb";

/// Gets the events, in order. Waits half a minute at most: a test that fails, not one that hangs.
class Inbox {
 public:
  bool deliver(agent::Event event) {
    const std::lock_guard lock(mutex_);
    if (full_) return false;
    events_.push_back(std::move(event));
    changed_.notify_all();
    return true;
  }
  /// Takes the first event of that kind for which `wanted` holds; those before it stay.
  template <class T>
  std::optional<T> take(const std::function<bool(const T&)>& wanted = [](const T&) {
    return true;
  }) {
    std::unique_lock lock(mutex_);
    std::optional<T> found;
    changed_.wait_for(lock, std::chrono::seconds(30), [&] {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        const T* value = std::get_if<T>(&*it);
        if (value == nullptr || !wanted(*value)) continue;
        found = *value;
        events_.erase(it);
        return true;
      }
      return false;
    });
    return found;
  }
  /// Is there one now?
  template <class T>
  bool has(const std::function<bool(const T&)>& wanted = [](const T&) { return true; }) const {
    const std::lock_guard lock(mutex_);
    for (const agent::Event& event : events_) {
      const T* value = std::get_if<T>(&event);
      if (value != nullptr && wanted(*value)) return true;
    }
    return false;
  }
  void fill(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  std::vector<agent::Event> all() const {
    const std::lock_guard lock(mutex_);
    return {events_.begin(), events_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<agent::Event> events_;
  bool full_ = false;
};

/// A node: a folder, a kubelet that is not started yet, and the side of it that is tested.
class Node : public ::testing::Test {
 protected:
  Node() : fake_(folder_.at("plugins"), folder_.at("pod-resources.sock")) {
    options_.folder = folder_.at("plugins");
    options_.pod_resources = folder_.at("pod-resources.sock");
    options_.holders_every = std::chrono::milliseconds(50);
    options_.foreign_every = std::chrono::milliseconds(50);
    options_.restart_grace = std::chrono::milliseconds(50);
    options_.register_deadline = options_.serve_deadline = std::chrono::seconds(60);
    options_.answer_deadline = options_.ask_deadline = std::chrono::seconds(60);
  }
  void start() {
    kubelet_ = std::make_unique<Kubelet>(
        options_, [this](agent::Event event) { return hear(std::move(event)); });
    ASSERT_TRUE(kubelet_->start());
  }
  /// With kubelet up and told.
  void start_both() {
    fake_.start();
    start();
    ASSERT_TRUE(inbox_.take<agent::Kubelet>([](const auto& it) { return it.up; }));
  }
  static agent::ServedDevice device(int start, bool healthy = true,
                                    const std::string& form = "1g.10gb") {
    return {control::device_id(0, form, static_cast<std::uint8_t>(start)), healthy};
  }
  static std::string id(int start) { return device(start).id; }

  agent::EffectId serve(std::vector<agent::ServedDevice> devices,
                        const std::string& resource = kSmall) {
    kubelet_->act(++effect_, agent::Serve{resource, std::move(devices)});
    return effect_;
  }
  template <class Action>
  agent::EffectId act(Action action) {
    kubelet_->act(++effect_, action);
    return effect_;
  }
  std::optional<agent::Code> outcome(agent::EffectId effect) {
    const auto done = inbox_.take<agent::Done>([=](const auto& it) { return it.effect == effect; });
    return done ? std::optional(done->code) : std::nullopt;
  }
  ::testing::AssertionResult served(std::vector<agent::ServedDevice> devices,
                                    const std::string& resource = kSmall) {
    const auto code = outcome(serve(std::move(devices), resource));
    if (code == agent::Code::Success) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure()
           << (code ? agent::to_string(*code) : std::string("no outcome"));
  }
  agent::Holders holders(agent::Source source) {
    const agent::EffectId effect = act(agent::AskHolders{source});
    const auto found =
        inbox_.take<agent::Holders>([=](const auto& it) { return it.effect == effect; });
    EXPECT_TRUE(found);
    return found.value_or(agent::Holders{});
  }
  agent::Confirmed confirmed() {
    const agent::EffectId effect = act(agent::Confirm{});
    const auto found =
        inbox_.take<agent::Confirmed>([=](const auto& it) { return it.effect == effect; });
    EXPECT_TRUE(found);
    return found.value_or(agent::Confirmed{});
  }

  enum class Answers { Grant, Refuse, Nothing };
  /// Answers as the mind might: the first of what is available.
  bool hear(agent::Event event) {
    const auto* allocate = std::get_if<agent::Allocate>(&event);
    const auto* prefer = std::get_if<agent::PreferredAllocation>(&event);
    const Answers answers = answers_;
    if (allocate != nullptr && answers != Answers::Nothing)
      kubelet_->act(0, agent::Answer{allocate->call, answers == Answers::Grant,
                                     answers == Answers::Grant ? "" : "it is being cut away"});
    if (prefer != nullptr && answers != Answers::Nothing)
      kubelet_->act(0, agent::Prefer{prefer->call,
                                     {prefer->available.begin(),
                                      prefer->available.begin() +
                                          static_cast<std::ptrdiff_t>(prefer->size)}});
    return inbox_.deliver(std::move(event));
  }

  TemporaryFolder folder_;
  FakeKubelet fake_;
  Options options_;
  Inbox inbox_;
  std::atomic<Answers> answers_{Answers::Grant};
  std::unique_ptr<Kubelet> kubelet_;  // first to go
  agent::EffectId effect_ = 0;
};

}  // namespace kerf::kubelet
