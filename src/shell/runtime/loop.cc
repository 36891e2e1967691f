// Loop: batches of posted work, timers, signals and readable files on an Asio io_context.
#include "shell/runtime/loop.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/assert.h"

namespace kerf::runtime {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// A timer further away is asked for in steps, so that no instant overflows the library's clock.
constexpr Instant kFarthestMs = 24 * 60 * 60 * 1000;

struct Readable {
  Readable(asio::io_context& io, int fd, Loop::Function f)
      : descriptor(io, fd), function(std::move(f)) {}
  asio::posix::stream_descriptor descriptor;
  Loop::Function function;
  bool forgotten = false;
};

struct Signals {
  explicit Signals(asio::io_context& io) : set(io) {}
  asio::signal_set set;
  std::function<void(int)> function;
};

}  // namespace

// Asio's handlers only note what is ready; run_batch() then calls the functions, so that a batch
// has an end however fast its functions make new work.
struct Loop::Impl {
  explicit Impl(Options o) : options(o) {}

  bool on_thread() const {
    const std::thread::id owner = thread.load();
    return owner == std::thread::id() || owner == std::this_thread::get_id();
  }
  void arm(const std::shared_ptr<Readable>& readable);
  void arm(Signals& signals);
  void arm_timer();
  void wait();
  bool run_ready();
  bool run_posted();
  bool run_timers(std::uint64_t last);
  void run_batch();

  const Options options;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::atomic<bool> quitting{false};
  std::atomic<std::thread::id> thread{};

  std::mutex mutex;  // guards `posted`
  std::deque<Function> posted;

  std::map<std::pair<Instant, std::uint64_t>, Function> timers;
  std::unordered_map<std::uint64_t, Instant> timer_instants;  // by id
  std::uint64_t last_timer = 0;
  asio::steady_timer timer{io};
  Instant armed = 0;  // what `timer` waits for; 0: nothing

  std::map<int, std::shared_ptr<Readable>> readables;
  std::vector<std::shared_ptr<Readable>> ready;
  std::list<Signals> signals;
  std::vector<std::pair<Signals*, int>> caught;
  Function after_batch;
};

void Loop::Impl::arm(const std::shared_ptr<Readable>& readable) {
  readable->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [this, readable](const error_code& error) {
                                    if (!error && !readable->forgotten) ready.push_back(readable);
                                  });
}

void Loop::Impl::arm(Signals& s) {
  s.set.async_wait([this, &s](const error_code& error, int number) {
    if (error) return;
    caught.emplace_back(&s, number);
    arm(s);
  });
}

void Loop::Impl::arm_timer() {
  const Instant now = Loop::now();
  const Instant next =
      timers.empty() ? 0 : std::clamp(timers.begin()->first.first, now, now + kFarthestMs);
  // A wait for the last step of a far timer need not move with the clock.
  if (next == armed || (armed != 0 && next - now >= kFarthestMs && armed > now)) return;
  armed = next;
  if (next == 0) {
    timer.cancel();
    return;
  }
  timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::milliseconds(next)));
  timer.async_wait([this](const error_code& error) {
    if (!error) armed = 0;
  });
}

void Loop::Impl::wait() {
  bool more = false;
  {
    const std::lock_guard lock(mutex);
    more = !posted.empty();
  }
  // Whatever is posted from here on, or quit(), makes run_one() return.
  if (!more) {
    arm_timer();
    io.run_one();
  }
  io.poll();
}

bool Loop::Impl::run_ready() {
  const auto signals_now = std::exchange(caught, {});
  const auto ready_now = std::exchange(ready, {});
  for (const auto& [s, number] : signals_now) {
    if (quitting) return true;
    s->function(number);
  }
  for (const auto& readable : ready_now) {
    if (quitting) return true;
    if (readable->forgotten) continue;
    readable->function();
    if (!readable->forgotten) arm(readable);
  }
  return !signals_now.empty() || !ready_now.empty();
}

bool Loop::Impl::run_posted() {
  std::deque<Function> batch;
  {
    const std::lock_guard lock(mutex);
    batch.swap(posted);
  }
  const bool any = !batch.empty();
  while (!batch.empty() && !quitting) {
    batch.front()();
    batch.pop_front();
  }
  return any;
}

// Those that were set up to `last`.
bool Loop::Impl::run_timers(std::uint64_t last) {
  const Instant now = Loop::now();
  std::vector<std::uint64_t> due;
  for (auto it = timers.begin(); it != timers.end() && it->first.first <= now; ++it) {
    if (it->first.second <= last) due.push_back(it->first.second);
  }
  for (const std::uint64_t id : due) {
    if (quitting) break;
    const auto at = timer_instants.find(id);
    if (at == timer_instants.end()) continue;  // cancelled by one before it
    auto timer_node = timers.extract({at->second, id});
    timer_instants.erase(at);
    timer_node.mapped()();
  }
  return !due.empty();
}

void Loop::Impl::run_batch() {
  const std::uint64_t last = last_timer;
  bool any = run_ready();
  any |= run_posted();
  any |= run_timers(last);
  if (any && !quitting && after_batch) after_batch();
}

Loop::Loop() : Loop(Options{}) {}
Loop::Loop(Options options) : impl_(std::make_unique<Impl>(options)) {}

Loop::~Loop() {
  quit();
  // What is destroyed may call cancel() or forget_readable(), so all else is still there.
  std::deque<Function> posted;
  {
    const std::lock_guard lock(impl_->mutex);
    posted.swap(impl_->posted);
  }
  posted.clear();
  impl_->timer_instants.clear();
  std::exchange(impl_->timers, {}).clear();
  while (!impl_->readables.empty()) forget_readable(impl_->readables.begin()->first);
}

bool Loop::post(Function function) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->quitting || impl_->posted.size() >= impl_->options.queue_max) return false;
    impl_->posted.push_back(std::move(function));
    if (impl_->posted.size() > 1) return true;  // the first one woke the loop
  }
  asio::post(impl_->io, [] {});
  return true;
}

Instant Loop::now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return Instant{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

TimerId Loop::at(Instant when, Function function) {
  KERF_ASSERT(impl_->on_thread(), "timers are set on the loop's thread");
  const std::uint64_t id = ++impl_->last_timer;
  impl_->timer_instants.emplace(id, when);
  impl_->timers.emplace(std::pair(when, id), std::move(function));
  return TimerId{id};
}

TimerId Loop::after(std::int64_t delay_ms, Function function) {
  return at(now() + delay_ms, std::move(function));
}

void Loop::cancel(TimerId timer) {
  KERF_ASSERT(impl_->on_thread(), "timers are cancelled on the loop's thread");
  const auto at = impl_->timer_instants.find(timer.value);
  if (at == impl_->timer_instants.end()) return;
  // Destroyed last: its destructor may call back.
  const auto gone = impl_->timers.extract({at->second, timer.value});
  impl_->timer_instants.erase(at);
}

void Loop::on_signal(const std::vector<int>& signals, std::function<void(int)> function) {
  KERF_ASSERT(impl_->on_thread(), "signals are asked for on the loop's thread");
  Signals& s = impl_->signals.emplace_back(impl_->io);
  s.function = std::move(function);
  for (const int number : signals) {
    error_code error;
    s.set.add(number, error);
    KERF_ASSERT(!error, "a signal that can be caught");
  }
  impl_->arm(s);
}

void Loop::on_readable(int fd, Function function) {
  KERF_ASSERT(impl_->on_thread(), "files are watched on the loop's thread");
  KERF_ASSERT(!impl_->readables.contains(fd), "a file is watched once");
  auto readable = std::make_shared<Readable>(impl_->io, fd, std::move(function));
  impl_->readables.emplace(fd, readable);
  impl_->arm(readable);
}

void Loop::forget_readable(int fd) {
  KERF_ASSERT(impl_->on_thread(), "files are forgotten on the loop's thread");
  const auto found = impl_->readables.find(fd);
  if (found == impl_->readables.end()) return;
  const std::shared_ptr<Readable> readable = found->second;
  impl_->readables.erase(found);
  readable->forgotten = true;
  readable->descriptor.release();
}

void Loop::set_after_batch(Function function) {
  KERF_ASSERT(impl_->on_thread(), "the hook is set on the loop's thread");
  impl_->after_batch = std::move(function);
}

void Loop::run() {
  KERF_ASSERT(impl_->on_thread(), "a loop has one thread");
  impl_->thread = std::this_thread::get_id();
  while (!impl_->quitting) {
    impl_->wait();
    if (!impl_->quitting) impl_->run_batch();
  }
  impl_->thread = std::thread::id();
}

void Loop::quit() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->quitting = true;
  }
  asio::post(impl_->io, [] {});
}

}  // namespace kerf::runtime
