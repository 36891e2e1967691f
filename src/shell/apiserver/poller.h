// Poller: one thread's wait for sockets, timers and work from other threads; asleep in between.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/control/object.h"

namespace kerf::apiserver {

using control::Instant;

/// Everything but post() and stop() belongs to the thread that is in run(); before and after run()
/// to whoever owns the object.
class Poller {
 public:
  using Id = std::uint64_t;

  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Returns after stop(); work that is waiting then is not done.
  void run();
  /// Any thread. In the order of posting, and never inside another callback.
  void post(std::function<void()> work);
  void stop();

  Instant now() const;
  /// Timers of the same millisecond in the order of setting. `id` must not be in use.
  void at(Instant when, Id id, std::function<void()> work);
  /// Nothing if there is no such timer.
  void forget(Id id);

  /// Wakes for a descriptor until it is forgotten or its interest is neither.
  using Ready = std::function<void(int fd, bool readable, bool writable)>;
  void watch(int fd, bool read, bool write, Ready ready);
  void leave(int fd);

 private:
  int wait_ms() const;
  void run_timers();
  void run_posted();

  struct Watched {
    std::uint64_t generation = 0;  ///< a descriptor's number may come again within one wait
    Ready ready;
  };
  int epoll_ = -1;
  int wake_ = -1;
  std::map<int, Watched> watched_;
  std::uint64_t generation_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, Id> timers_;  ///< by time, then order of setting
  std::map<Id, std::pair<std::pair<Instant, std::uint64_t>, std::function<void()>>> works_;
  std::uint64_t order_ = 0;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  ///< under mutex_
  std::atomic<bool> stopping_ = false;
};

}  // namespace kerf::apiserver
