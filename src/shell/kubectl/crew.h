// Crew: tasks side by side on a few threads; the first error ends it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::kubectl {

/// Tasks start in the order in which they were added, at most `at_once` at a time. `tell`, which
/// may be empty, is called on the thread of run().
class Crew {
 public:
  using Task = std::function<Result<void>()>;

  Crew(int at_once, std::function<void(std::string_view)> tell);

  void add(std::string name, Task task);
  /// Runs all of them to their end. After an error no further one starts; those that run are waited
  /// for. The error of the task that was added first counts, so that it is the same one each time.
  Result<void> run();

 private:
  struct Entry {
    std::string name;
    Task task;
    std::optional<Error> error;
    bool done = false;
  };

  void work();
  void report(std::unique_lock<std::mutex>& lock);

  int at_once_;
  std::function<void(std::string_view)> tell_;
  std::vector<Entry> entries_;

  std::mutex mutex_;  ///< over what follows, and `done` and `error` of entries
  std::condition_variable changed_;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
  std::size_t working_ = 0;  ///< threads
  bool failed_ = false;
};

}  // namespace kerf::kubectl
