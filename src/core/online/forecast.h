// Forecast: demand expected next, from what runs and what came lately, decayed.
#pragma once

#include <cstdint>
#include <vector>

#include "core/online/ask.h"

namespace kerf::online {

/// Milliseconds since an epoch of the caller's.
using Instant = std::int64_t;

/// Arrivals of each ask, halved every half_life_ms, and a part of what runs.
///
/// Rules: time passes in ticks of a 64th of the half life; within a tick nothing decays. Integers
/// only, so that equal calls give equal answers in every build and after save and restore. Each
/// decay rounds down, so two histories that differ only in when they were looked at differ by at
/// most one unit (2^-20 arrivals) for each look.
/// Bounds: at most 2^30 arrivals a call; an ask's sum stops growing at 2^60 units.
/// Cost: linear in the asks known; those that decayed to nothing are forgotten.
class Forecast {
 public:
  struct Options {
    std::int64_t half_life_ms = std::int64_t{6} * 3'600'000;  ///< at least 64
    /// What one running pod counts beside one arrival of this moment, in thousandths.
    std::int64_t running_milli = 250;
    /// The rarest asks, together under so many thousandths of the weight, are left out.
    std::int64_t left_out_milli = 10;
  };
  struct Entry {
    AskId ask = 0;
    std::int64_t arrivals = 0;  ///< decayed, in units of 2^-20, as of State::at; > 0
    bool operator==(const Entry&) const = default;
  };
  /// What has to be kept over a restart. Sorted by ask.
  struct State {
    Instant at = 0;
    std::vector<Entry> entries;
    bool operator==(const State&) const = default;
  };

  explicit Forecast(Options options) : Forecast(options, State()) {}
  Forecast(Options options, State state);

  /// `count` pods of the ask became pending at `now`; an earlier time counts as the last one given.
  void arrived(AskId ask, std::int64_t count, Instant now);
  const State& state() const { return state_; }

  /// The expectation at `now`, with `running[ask]` pods that run (missing = 0). Empty if nothing is
  /// known. Ties among the rarest: the higher ask is left out first.
  Expectation expect(const std::vector<std::int64_t>& running, Instant now) const;

 private:
  std::int64_t tick_ms() const { return options_.half_life_ms / 64; }
  static std::int64_t decayed(std::int64_t units, std::int64_t ticks);

  Options options_;
  State state_;
};

}  // namespace kerf::online
