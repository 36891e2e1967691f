// Loop: the one thread on which a program decides: posted work, timers, signals, readable files.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace kerf::runtime {

/// Milliseconds of a steady clock, CLOCK_MONOTONIC. It stands still while the machine is suspended,
/// on purpose: what the agent waits for is done by its neighbours on the same machine (kubelet, the
/// driver), which stand still with it, and a wait must not end before they had their time.
using Instant = std::int64_t;

/// Names a timer of one Loop; never given twice. A default one names none.
struct TimerId {
  std::uint64_t value = 0;
  auto operator<=>(const TimerId&) const = default;
};

/// Runs functions one at a time on the thread that called run(), and sleeps without waking up while
/// there is nothing to run.
///
/// Work is done in batches: all that is ready (files, signals), then all that was posted until
/// then, then the timers that are due, earliest first, those of one instant in the order they were
/// set; then the hook of set_after_batch(), once. What a batch posts, or sets for "now", is the
/// next batch's, so the hook always comes.
///
/// post(), quit() and now() may be called from any thread; all else on the loop's thread, or before
/// run(). Functions given to a loop must not throw, and are destroyed on the loop's thread or with
/// the Loop.
class Loop {
 public:
  using Function = std::function<void()>;
  struct Options {
    std::size_t queue_max = 4096;  ///< posted functions that wait
  };

  Loop();
  explicit Loop(Options options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// False: the queue is full, or quit() was called; `function` will not run. What one thread posts
  /// runs in that order.
  [[nodiscard]] bool post(Function function);

  static Instant now();
  /// Runs `function` once, not before `when` (at once if that has passed).
  TimerId at(Instant when, Function function);
  /// Shorthand for at(now() + delay_ms, ...).
  TimerId after(std::int64_t delay_ms, Function function);
  /// After it the timer does not run. Nothing happens if it has run, is running or names none.
  void cancel(TimerId timer);

  /// `function` gets each of these signals from here on, instead of what the signal did before; of
  /// several of one number that are pending it may get one. One call for each number; signals are
  /// caught while the Loop lives. One Loop of a process should have them.
  void on_signal(const std::vector<int>& signals, std::function<void(int signal)> function);

  /// Runs `function` in each batch in which `fd` is readable (or at its end, or broken) until
  /// forget_readable(). The caller keeps `fd` open until then, and owns it.
  void on_readable(int fd, Function function);
  /// May be called from `function` itself. Nothing happens if `fd` is not watched.
  void forget_readable(int fd);

  /// Runs after each batch in which anything ran: the place where events that were collected become
  /// one step. It may post and set timers.
  void set_after_batch(Function function);

  /// Returns after quit(). Runs once.
  void run();
  /// The function that runs now is the last one; what was posted or set and has not run never will,
  /// nor the hook. Before run(): run() returns at once.
  void quit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::runtime
