// Serial: a thread that runs tasks one after another, for calls that block.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace kerf::runtime {

/// All members may be called from any thread, but stop() and the destructor not from a task.
class Serial {
 public:
  using Task = std::function<void()>;
  struct Options {
    std::string name = "kerf-serial";  ///< of the thread, as `ps -L` shows it; cut to 15 bytes
    std::size_t queue_max = 64;        ///< tasks that wait, beside the one that runs
    std::chrono::milliseconds stop_deadline{5000};  ///< of the destructor
  };

  explicit Serial(Options options);
  /// stop(stop_deadline).
  ~Serial();
  Serial(const Serial&) = delete;
  Serial& operator=(const Serial&) = delete;

  /// False: the queue is full or stop() was called, and the task will not run. Tasks must not
  /// throw.
  [[nodiscard]] bool submit(Task task);

  /// How long the task that runs has been running; nullopt if none is. For a watchdog: a call into
  /// a driver or a dead disk may never return.
  std::optional<std::chrono::milliseconds> busy_for() const;
  /// Tasks that wait.
  std::size_t waiting() const;

  /// Drops the tasks that wait and waits for the one that runs. True: the thread has ended. False:
  /// it has not within `deadline` and is left behind with its task, which must not count on
  /// anything that is destroyed from here on; a program in that state should end by std::_Exit().
  bool stop(std::chrono::milliseconds deadline);

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);
  Options options_;
  std::shared_ptr<State> state_;
};

}  // namespace kerf::runtime
