// Clock: simulated time, what is to happen when, and the chance of one component.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/prng.h"
#include "core/control/object.h"

namespace kerf::sim {

using control::Instant;

/// Names a callback that waits; 0 = none.
struct Timer {
  Instant at = 0;
  std::uint64_t number = 0;
  bool operator==(const Timer&) const = default;
};

/// Runs callbacks in the order of (time, the order in which they were asked for). Nothing else
/// decides the order, so a run repeats exactly. Cost of each operation: log of what waits.
class Clock {
 public:
  using Callback = std::function<void()>;

  explicit Clock(Instant start = 0) : now_(start) {}
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  Instant now() const { return now_; }
  /// A time that is past counts as now: it runs after everything that waits for now already.
  Timer at(Instant time, Callback callback);
  Timer after(std::int64_t delay_ms, Callback callback) {
    return at(now_ + delay_ms, std::move(callback));
  }
  /// Forgets it, and makes the timer 0. One that ran, was cancelled or is 0: nothing happens.
  void cancel(Timer& timer);
  bool waits(const Timer& timer) const { return waiting_.contains({timer.at, timer.number}); }

  /// Runs the next callback; false: there is none.
  bool step();
  /// Runs everything up to and at that time; then it is that time.
  void run_until(Instant time);
  /// When the next callback runs.
  std::optional<Instant> next() const;

  /// Callbacks run so far.
  std::uint64_t steps() const { return steps_; }
  void add_to(Hasher& hasher) const;

 private:
  Instant now_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t steps_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, Callback> waiting_;
};

/// The chance of one component: another sequence for each name, so that a component that draws more
/// does not change what the others draw.
class Dice {
 public:
  Dice(std::uint64_t seed, std::string_view name);

  std::uint64_t next();
  /// Uniform in [least, most]; least where most is below it.
  std::int64_t between(std::int64_t least, std::int64_t most);
  /// True in that many of a thousand cases; draws nothing for 0.
  bool chance(int milli);
  void add_to(Hasher& hasher) const { hasher.add(drawn_); }

 private:
  Prng prng_;
  std::uint64_t drawn_ = 0;
};

}  // namespace kerf::sim
