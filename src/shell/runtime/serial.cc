// Serial: a queue, a thread, and what both share, which outlives the object if a task hangs.
#include "shell/runtime/serial.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/assert.h"

namespace kerf::runtime {

using Clock = std::chrono::steady_clock;

struct Serial::State {
  mutable std::mutex mutex;
  std::condition_variable wake;   // there is a task, or it is to stop
  std::condition_variable ended;  // the thread leaves work()
  std::deque<Task> queue;
  std::optional<Clock::time_point> busy_since;
  bool stopping = false;
  bool has_ended = false;
  std::thread thread;
};

Serial::Serial(Options options) : options_(std::move(options)), state_(std::make_shared<State>()) {
  options_.name.resize(std::min<std::size_t>(options_.name.size(), 15));
  state_->thread = std::thread([state = state_, name = options_.name] {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    // Signals are the loop's; a call into a driver should not be interrupted by one.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    work(state);
  });
}

Serial::~Serial() { stop(options_.stop_deadline); }

void Serial::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->wake.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
    if (state->stopping) break;
    Task task = std::move(state->queue.front());
    state->queue.pop_front();
    state->busy_since = Clock::now();
    lock.unlock();
    task();
    task = nullptr;  // its destructor may take time, too
    lock.lock();
    state->busy_since.reset();
  }
  state->has_ended = true;
  state->ended.notify_all();
}

bool Serial::submit(Task task) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping || state_->queue.size() >= options_.queue_max) return false;
    state_->queue.push_back(std::move(task));
  }
  state_->wake.notify_one();
  return true;
}

std::optional<std::chrono::milliseconds> Serial::busy_for() const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->busy_since) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - *state_->busy_since);
}

std::size_t Serial::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

bool Serial::stop(std::chrono::milliseconds deadline) {
  KERF_ASSERT(state_->thread.get_id() != std::this_thread::get_id(),
              "a task does not stop its own");
  std::deque<Task> dropped;
  std::thread thread;
  bool ended = false;
  {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    dropped.swap(state_->queue);
    state_->wake.notify_all();
    ended = state_->ended.wait_for(lock, deadline, [&] { return state_->has_ended; });
    thread = std::move(state_->thread);
  }
  if (thread.joinable()) {
    if (ended) thread.join();
    else thread.detach();
  }
  return ended;
}

}  // namespace kerf::runtime
