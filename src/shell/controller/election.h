// Election: which of several controllers decides, by a Lease that the leader renews.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "shell/apiserver/client.h"
#include "shell/runtime/loop.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

/// As client-go does it: a Lease whose record has not changed for as long as it says itself, by
/// this machine's steady clock, is taken (clocks of others do not count); a leader that could not
/// renew for `renew_deadline_ms`, counted from when it asked, stops deciding before anybody else
/// may begin; at the end the holder is cleared, so that a standby, which watches, takes over at
/// once. With the defaults a standby leads at most 12 s after the leader died. Fields of the Lease
/// that are not a leader's stay as they are.
///
/// Lives on the loop's thread. The Client should be one of its own: a renewal that waits behind
/// other requests for its turn may come too late.
class Election {
 public:
  /// Time; tests have their own. `now` counts while the machine is suspended: others do not wait.
  struct Clock {
    std::function<std::int64_t()> now;      ///< ms, steady
    std::function<std::int64_t()> wall_ms;  ///< since 1970; written, never compared
    std::function<std::uint64_t(std::int64_t ms, std::function<void()>)> after;
    std::function<void(std::uint64_t)> cancel;
  };
  static Clock clock_of(runtime::Loop& loop);

  struct Options {
    std::string identity;  ///< differs between processes
    std::string ns = "kerf-system";
    std::string lease = "kerf-controller";
    /// Written as whole seconds, rounded up. More than renew_deadline_ms, which is more than
    /// retry_ms.
    std::int64_t duration_ms = 10'000;
    std::int64_t renew_deadline_ms = 7'000;
    std::int64_t retry_ms = 2'000;
    std::string field_manager = "kerf-controller";
    Clock clock;  ///< empty: clock_of(loop)
  };
  struct Events {
    std::function<void()> leading;
    /// `why` for the log. Nothing may be decided after it.
    std::function<void(const std::string& why)> following;
  };

  /// Client and Loop must outlive it.
  Election(Options options, apiserver::Client& client, runtime::Loop& loop, telemetry::Log log,
           Events events);
  ~Election();
  Election(const Election&) = delete;
  Election& operator=(const Election&) = delete;

  void start();
  /// Stops deciding (following() comes from inside this call), gives the Lease up if it is held,
  /// then calls `done`, once: from inside this call if there is nothing to give up, at the latest
  /// after `within_ms`.
  void stop(std::int64_t within_ms, std::function<void()> done);
  /// False also from the instant on at which the Lease was not renewed in time, if the loop was
  /// kept from saying so: ask before anything is written.
  bool leads() const;
  /// Who holds it, as seen last; "" = nobody.
  const std::string& holder() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
