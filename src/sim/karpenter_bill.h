// Bill: what instances cost, exactly: rate times milliseconds, in 128 bits.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/hash.h"
#include "base/money.h"
#include "core/market/market.h"
#include "sim/clock.h"

namespace kerf::sim {

/// One instance from its launch to its termination.
struct BilledInstance {
  std::string type;
  std::string zone;
  market::CapacityType capacity_type = market::CapacityType::OnDemand;
  std::string claim;
  Instant from = 0;
  Instant to = 0;  ///< until when it is settled
  bool open = true;
  MicroUsdPerHour rate;  ///< since `to`
  Int128 cost = 0;       ///< up to `to`, in micro-dollars per hour times milliseconds
};

/// By instance id. Settle before a rate changes; nothing is rounded before dollars are asked for.
class Bill {
 public:
  void open(const std::string& instance, BilledInstance details);
  /// Charges the rate so far up to `now`.
  void settle(const std::string& instance, Instant now);
  void settle_all(Instant now);
  void set_rate(const std::string& instance, MicroUsdPerHour rate);
  void close(const std::string& instance, Instant now);

  const std::map<std::string, BilledInstance>& instances() const { return instances_; }
  /// Up to `now` in all, without settling; closed instances too.
  Int128 total(Instant now) const;
  /// The same in micro-dollars, rounded down.
  std::int64_t micro_usd(Instant now) const;
  /// What is open costs now.
  MicroUsdPerHour rate() const;

  void add_to(Hasher& hasher) const;

 private:
  std::map<std::string, BilledInstance> instances_;
};

/// "node-hours" of a rate for so long, in the unit of Bill::total().
constexpr Int128 cost_of(MicroUsdPerHour rate, std::int64_t length_ms) {
  return static_cast<Int128>(rate.micro) * length_ms;
}

}  // namespace kerf::sim
