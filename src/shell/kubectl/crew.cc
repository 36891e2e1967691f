// Threads that take the next task until there is none.
#include "shell/kubectl/crew.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace kerf::kubectl {
namespace {

/// So that a line of progress shows up during one long task too.
constexpr std::chrono::milliseconds kTellEvery{200};

}  // namespace

Crew::Crew(int at_once, std::function<void(std::string_view)> tell)
    : at_once_(std::max(at_once, 1)), tell_(std::move(tell)) {}

void Crew::add(std::string name, Task task) {
  entries_.push_back({std::move(name), std::move(task), std::nullopt, false});
}

Result<void> Crew::run() {
  const std::size_t threads = std::min(entries_.size(), static_cast<std::size_t>(at_once_));
  std::vector<std::thread> crew;
  {
    std::unique_lock lock(mutex_);
    working_ = threads;
  }
  crew.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) crew.emplace_back([this] { work(); });
  {
    std::unique_lock lock(mutex_);
    while (working_ > 0) {
      report(lock);
      if (working_ > 0) changed_.wait_for(lock, kTellEvery);
    }
  }
  for (std::thread& one : crew) one.join();
  for (Entry& entry : entries_)
    if (entry.error) return tl::unexpected(*std::move(entry.error));
  return {};
}

/// Says what is still being read; without the lock, because it may take its time.
void Crew::report(std::unique_lock<std::mutex>& lock) {
  if (!tell_) return;
  const auto first = std::find_if(entries_.begin(), entries_.end(),
                                  [](const Entry& entry) { return !entry.done; });
  if (first == entries_.end()) return;
  const std::string text =
      fmt::format("reading the cluster: {} ({} of {} done)", first->name, done_, entries_.size());
  lock.unlock();
  tell_(text);
  lock.lock();
}

void Crew::work() {
  std::unique_lock lock(mutex_);
  while (next_ < entries_.size() && !failed_) {
    Entry& entry = entries_[next_++];
    lock.unlock();
    Result<void> done = entry.task();
    lock.lock();
    entry.done = true;
    ++done_;
    if (!done) {
      entry.error = std::move(done).error();
      failed_ = true;
    }
    changed_.notify_all();
  }
  --working_;
  changed_.notify_all();
}

}  // namespace kerf::kubectl
