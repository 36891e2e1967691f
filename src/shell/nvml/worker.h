// Worker: the one thread that talks to NVML: takes operations, delivers what came of them, listens.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "core/agent/words.h"
#include "shell/nvml/driver.h"

namespace kerf::nvml {

/// Owns a Driver, which is made, used and destroyed on a thread of its own. While there is nothing
/// to do it asks for XIDs now and then, without waiting in the driver for them, so an operation
/// never waits for that; while an operation takes long, XIDs wait. When NVML had to be initialised
/// anew outside a Look, it tells Doubt: the driver was loaded again, and nothing may be as it was.
///
/// All members may be called from any thread; stop() and the destructor not from the worker's own.
class Worker {
 public:
  struct Options {
    Driver::Options driver;
    std::size_t queue_max = 64;                   ///< operations that wait
    std::chrono::milliseconds listen_every{250};  ///< for XIDs; half of what an idle agent costs
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

  /// Lets the operation that runs now end, and drops those that wait: theirs are not delivered.
  /// After it nothing is.
  void stop();
  /// The same, for a driver that may never answer. False: the operation that runs now has not ended
  /// in that time; the object must not be destroyed then (it would wait for it), so the program ends
  /// by std::_Exit().
  bool stop(std::chrono::milliseconds deadline);

 private:
  void run();
  /// False: to stop.
  bool next(Task& task);
  void listen(Driver& driver);
  Task task_of(agent::Effect effect);

  const Options options_;
  const gpu::Catalogue& catalogue_;
  const Deliver deliver_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  bool ended_ = false;
  bool looked_ = false;  ///< the worker's own: the task that ran last was a Look
  std::thread thread_;  // last: it uses all others
};

}  // namespace kerf::nvml
