// Prices: what EC2 charges and has at any time, and what the price feed says of it.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "core/control/object.h"
#include "core/market/market.h"
#include "sim/clock.h"

namespace kerf::sim {

/// Ratios to the on-demand price are counted in millionths.
inline constexpr std::int64_t kPpm = 1'000'000;
/// Later than anything that happens.
inline constexpr Instant kNever = INT64_MAX;

/// The spot price of a type as a ratio to its on-demand price, over zones: seen in a sample of
/// us-east-1, us-east-2 and us-west-2 for the P families (ppm). Types that the sample lacks have
/// the figures that are assumed for all G types.
struct SpotRatios {
  std::int64_t median = 0;
  std::int64_t low = 0;
  std::int64_t high = 0;
};
SpotRatios spot_ratios(const std::string& type);

/// One line of a replayed price history.
struct PricePoint {
  Instant at = 0;
  std::string type;
  std::string zone;
  market::CapacityType capacity_type = market::CapacityType::Spot;
  MicroUsdPerHour price;
  bool operator==(const PricePoint&) const = default;
};

struct PriceOptions {
  enum class Kind : std::uint8_t {
    Constant,       ///< as they begin
    Replayed,       ///< as they begin, then as `history` says
    MeanReverting,  ///< each spot price is drawn back to a mean of its own, and pushed about
  };
  Kind kind = Kind::Constant;
  std::vector<std::string> zones;   ///< empty: those of the market, else market::assumed_zones
  bool spot = true;                 ///< add a spot offering to each on-demand one that lacks it
  std::vector<PricePoint> history;  ///< Replayed: in any order

  /// MeanReverting: every `step_ms` a ratio moves by `pull_ppm` of its distance to its mean, and by
  /// up to `swing_ppm` either way; it stays within 0.1 and 1.
  std::int64_t step_ms = control::kHour;
  std::int64_t pull_ppm = 60'000;
  std::int64_t swing_ppm = 20'000;

  /// An offering is there for about `up_ms`, then out for about `down_ms` (each from a half to one
  /// and a half of it). 0 = never out.
  std::int64_t up_ms = 0;
  std::int64_t down_ms = 10 * control::kMinute;

  /// The feed takes over prices this often (Karpenter: 12 h), and leaves an offering out for
  /// `refused_ms` after a launch of it was refused (Karpenter: 3 min).
  std::int64_t refresh_ms = 12 * control::kHour;
  std::int64_t refused_ms = 3 * control::kMinute;
};

/// What can be bought, and for how much. Deterministic in options and seed; each offering has
/// chance of its own, so that one more type changes no other.
class Prices {
 public:
  struct Offered {
    market::Offering offering;  ///< never without a zone
    bool available = true;      ///< a launch would succeed
    Instant refused_until = 0;  ///< the feed leaves it out until then
  };

  Prices(std::shared_ptr<const market::Market> base, PriceOptions options, std::uint64_t seed,
         Instant start);

  const market::Market& base() const { return *base_; }
  /// The truth, sorted by type, zone and capacity type.
  const std::vector<Offered>& offered() const { return offered_; }
  /// nullptr: not sold.
  const Offered* find(std::uint32_t type, const std::string& zone,
                      market::CapacityType capacity_type) const;

  /// When advance() has something to do; kNever.
  Instant next_change() const;
  /// Lets time pass until `now`, which never goes back. Do so for each next_change(): a bill needs
  /// the price that held until then.
  void advance(Instant now);

  /// What Karpenter's metrics say, and as of when. An offering that is out is there until a launch
  /// was refused. New pointer whenever it changed.
  const std::shared_ptr<const market::Market>& feed() const { return feed_; }
  Instant feed_as_of() const { return feed_as_of_; }

  // --- Faults and scenarios ----------------------------------------------------------------------

  /// A launch of it was refused now.
  void refused(std::uint32_t type, const std::string& zone, market::CapacityType capacity_type);
  /// The feed stops: it says what it said, as of when it said it. Goes on with a refresh.
  void stop_feed(bool stopped);
  bool feed_stopped() const { return feed_stopped_; }
  Instant feed_stopped_since() const { return feed_stopped_since_; }
  /// Out of stock until then, whatever the process says. Zone "": everywhere.
  void hold_out(std::uint32_t type, const std::string& zone, market::CapacityType capacity_type,
                Instant until);
  /// From now on, until the process changes it.
  void set_price(std::uint32_t type, const std::string& zone, market::CapacityType capacity_type,
                 MicroUsdPerHour price);

  void add_to(Hasher& hasher) const;

 private:
  struct Process {
    Dice dice;                   ///< of the price
    Dice stock;                  ///< of availability
    std::int64_t on_demand = 0;  ///< micro-dollars; 0: has no process
    std::int64_t mean = 0;
    std::int64_t ratio = 0;
    bool up = true;
    Instant held_out_until = 0;
  };

  enum class What : std::uint8_t { Step, Replay, Flip, Held, Refresh, Returned };
  /// What, and index (of the offering, or in the history); in order of time.
  using Due = std::pair<Instant, std::pair<What, std::size_t>>;

  void expand();
  void begin_processes(std::uint64_t seed, Instant start);
  void begin_spot(std::size_t index, std::int64_t on_demand);
  std::size_t index_of(std::uint32_t type, const std::string& zone,
                       market::CapacityType capacity_type) const;
  std::int64_t about(Dice& dice, std::int64_t length) const;
  void step();
  void happen(What what, std::size_t index);
  void update_available(std::size_t index);
  void refresh_feed(bool prices);

  std::shared_ptr<const market::Market> base_;
  PriceOptions options_;
  std::vector<Offered> offered_;
  std::vector<Process> processes_;  ///< one for each offering
  std::set<Due> due_;
  Instant now_ = 0;
  bool feed_stopped_ = false;
  Instant feed_stopped_since_ = 0;
  std::shared_ptr<const market::Market> feed_;
  std::vector<MicroUsdPerHour> feed_prices_;  ///< as of the last refresh, by offering
  Instant feed_as_of_ = 0;
};

}  // namespace kerf::sim
