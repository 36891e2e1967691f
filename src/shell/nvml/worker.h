// Worker: the one thread that talks to NVML: takes operations, delivers what came of them, listens.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "core/agent/words.h"
#include "shell/nvml/driver.h"

namespace kerf::nvml {

/// Owns a Driver, which is made, used and destroyed on a thread of its own. While there is nothing
/// to do it asks for XIDs now and then, without waiting in the driver for them, so an operation
/// never waits for that; while an operation takes long, XIDs wait. When NVML had to be initialised
/// anew outside a Look, or could not be any more, it tells Doubt: the driver was loaded again, or
/// is gone, and nothing may be as it was.
///
/// All members may be called from any thread; stop() and the destructor not from the worker's own.
class Worker {
 public:
  struct Options {
    Driver::Options driver;
    std::size_t queue_max = 64;  ///< operations that wait
    /// For XIDs: most of what wakes an idle agent. Who uses the GPU notices an error at once
    /// anyway; what follows here, that the slice is offered no more, loses nothing by half a
    /// second.
    std::chrono::milliseconds listen_every{500};
    /// May be empty. Is called on the worker's thread when NVML was initialised anew, or its
    /// handles outdated, since the worker's first try: the driver was loaded again, or for the
    /// first time; whatever was read from it (minor numbers, versions) is to be read again. In a
    /// Look, too, and before its outcome, or another operation's, is delivered. Not for tries that
    /// failed.
    std::function<void()> reloaded = {};
  };
  using Task = std::function<void(Driver&)>;
  /// Is called on the worker's thread, so it should only pass the event on. Gets the outcome of
  /// each operation, and each Xid, unasked.
  using Deliver = std::function<void(agent::Event)>;

  Worker(Options options, const gpu::Catalogue& catalogue, Deliver deliver);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Look, CreateInstance, CreateCompute, DestroyCompute, DestroyInstance, or AskHolders for
  /// Processes: delivers Looked, Done or Holders with the effect's id. A driver that could not be
  /// initialised is tried again at each Look; until then all else is done with UNINITIALIZED.
  /// False: the queue is full or the worker is stopping, and nothing will be delivered.
  bool submit(agent::Effect effect);
  /// Anything else, such as an inventory. False as above, and the task is not run.
  bool submit(Task task);
  /// Drops an operation that still waits: it was not done, will not be, and nothing is delivered.
  /// False: it runs, has ended, or was never taken. Tasks have no id and stay.
  bool withdraw(agent::EffectId effect);
  /// How long the task that runs now has been running; the driver's start and the question for XIDs
  /// count as tasks, for they can hang as well. nullopt: the worker waits for something to do.
  std::optional<std::chrono::milliseconds> busy_for() const;

  /// Lets the operation that runs now end, and drops those that wait: theirs are not delivered.
  /// After it nothing is.
  void stop();
  /// The same, for a driver that may never answer. False: the operation that runs now has not ended
  /// in that time; the object must not be destroyed then (it would wait for it), so the program
  /// ends by std::_Exit().
  bool stop(std::chrono::milliseconds deadline);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    std::optional<agent::EffectId> effect;  ///< nullopt: a task
    Task task;
  };

  void run();
  bool enqueue(Waiting waiting);
  /// False: to stop.
  bool next(Task& task);
  void listen(Driver& driver);
  void tell_reload(const Driver& driver);
  Task task_of(agent::Effect effect);

  const Options options_;
  const gpu::Catalogue& catalogue_;
  const Deliver deliver_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  std::optional<Clock::time_point> begun_ = Clock::now();  ///< what the thread does now
  bool stopping_ = false;
  bool ended_ = false;
  // The worker's own.
  bool looked_ = false;   ///< the task that ran last was a Look
  Generation known_ = 0;  ///< of which `reloaded` need not be told
  std::thread thread_;    // last: it uses all others
};

}  // namespace kerf::nvml
