// ControllerHost: runs the controller's mind in the simulated cluster, with crashes and pauses.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/controller/controller.h"
#include "sim/clock.h"
#include "sim/machine_agent.h"
#include "sim/prices.h"
#include "sim/watch.h"

namespace kerf::sim {

struct ControllerHostOptions {
  controller::Options mind;
  WatchFaults watch;
  WriteFaults write;
  Range loop{0, 5};         ///< an event waits for the loop
  Range solve{5, 300};      ///< a search runs so long
  Range down{1000, 20000};  ///< a process that died, until the next one leads
  std::int64_t lease_every_ms = 5 * control::kSecond;
  std::int64_t scrape_every_ms = control::kMinute;       ///< Karpenter's metrics are read so often
  std::int64_t prices_every_ms = 10 * control::kMinute;  ///< the same prices are told again
  market::NodeOverhead overhead;
  /// Kept from one search, and from one world, to the next: no answer depends on it.
  std::shared_ptr<online::SliceTables> tables = std::make_shared<online::SliceTables>();
};

/// Turns the cluster into events of the mind and its effects into requests. A process that ends
/// loses all of its memory; its requests under way may still be done.
class ControllerHost {
 public:
  /// All of these outlive it. `lease` is renewed as long as it leads.
  ControllerHost(ApiServer& api, Prices& prices, ControllerLease& lease,
                 ControllerHostOptions options, std::uint64_t seed);
  ~ControllerHost();
  ControllerHost(const ControllerHost&) = delete;
  ControllerHost& operator=(const ControllerHost&) = delete;

  bool up() const { return mind_ != nullptr; }
  void start();
  /// Ends for now: nothing starts it but start().
  void stop();
  /// Ends now, and starts again after a while.
  void crash();
  /// Ends right before effect number `effects` from now is carried out (0 = the next).
  void crash_before_effect(std::int64_t effects) { fuse_ = effects; }
  /// The market that it was told last; null: none yet.
  const std::shared_ptr<const market::Market>& told() const { return told_market_; }
  /// Hears and does nothing for so long; everything waits.
  void pause(std::int64_t ms);
  /// Loses the Lease and gets it back after a while, in the same process.
  void lose_lease(std::int64_t ms);
  void set_faults(const WatchFaults& watch, const WriteFaults& write);

  /// Called for each decision that is noted, as it is made.
  std::function<void(const controller::Record&)> on_record;
  /// Called for each effect, before it is carried out.
  std::function<void(const controller::Effect&)> on_effect;

  std::uint64_t runs() const { return runs_; }
  std::uint64_t effects() const { return effects_; }  ///< requests, without WakeAt, Note and Solve
  std::uint64_t steps() const { return steps_; }
  const controller::Controller* mind() const { return mind_.get(); }
  void add_to(Hasher& hasher) const;

 private:
  void later(std::int64_t delay_ms, std::function<void()> call);
  void end();
  void lead();
  void renew();
  void scrape();
  void deliver(controller::Event event);
  void step();
  void carry_out(const controller::Effect& effect);

  ApiServer& api_;
  Clock& clock_;
  Prices& prices_;
  ControllerLease& lease_;
  ControllerHostOptions options_;
  std::uint64_t seed_;
  Dice dice_;
  std::shared_ptr<std::uint64_t> life_ = std::make_shared<std::uint64_t>(0);

  // Of the process.
  std::unique_ptr<controller::Controller> mind_;
  std::unique_ptr<Client> client_;
  std::vector<controller::Event> inbox_;
  bool step_waits_ = false;
  bool leads_ = false;
  Instant paused_until_ = 0;
  Timer wake_;
  std::shared_ptr<const market::Market> told_market_;
  Instant told_as_of_ = 0;

  Timer restart_;
  std::int64_t fuse_ = -1;
  std::uint64_t term_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t effects_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace kerf::sim
