// TokenBucket and Backoff: how fast requests go out, and how soon a failed one is tried again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/prng.h"
#include "core/control/object.h"

namespace kerf::apiserver {

using control::Instant;

/// `burst` at once, and `qps` a second in the long run. Whole milliseconds and integers: the same
/// on every machine. One thread.
class TokenBucket {
 public:
  TokenBucket(std::int64_t qps, std::int64_t burst)
      : qps_(qps), full_(burst * kToken), filled_(burst * kToken) {
    KERF_ASSERT(qps > 0 && burst > 0, "a limit lets something through");
  }

  /// Takes one and returns 0, or takes none and says in how many ms there will be one.
  std::int64_t take(Instant now) {
    const std::int64_t passed = std::clamp<std::int64_t>(now - at_, 0, kToken * 1000);
    filled_ = started_ ? std::min(full_, filled_ + passed * qps_) : full_;
    started_ = true;
    at_ = now;
    if (filled_ >= kToken) {
      filled_ -= kToken;
      return 0;
    }
    return (kToken - filled_ + qps_ - 1) / qps_;
  }

 private:
  static constexpr std::int64_t kToken = 1000;  // qps_ a millisecond are qps_ tokens a second
  std::int64_t qps_;
  std::int64_t full_;
  std::int64_t filled_;
  Instant at_ = 0;
  bool started_ = false;
};

/// Doubles from `least_ms` to `most_ms`; each wait is drawn from its upper half, so that a thousand
/// agents that lost the same server do not come back together. After `healthy_ms` that went well it
/// starts from the least again. One thread.
class Backoff {
 public:
  struct Options {
    std::int64_t least_ms = 500;
    std::int64_t most_ms = 30'000;
    std::int64_t healthy_ms = 10'000;
  };
  Backoff(const Options& options, std::uint64_t seed)
      : options_(options), next_ms_(options.least_ms), prng_(seed) {}

  /// It failed: the ms to wait.
  std::int64_t failed() {
    const std::int64_t whole = next_ms_;
    next_ms_ = std::min(options_.most_ms, next_ms_ * 2);
    const std::int64_t half = whole / 2;
    return whole - half + below(half + 1);
  }
  /// It went well for that long.
  void went_well(std::int64_t ms) {
    if (ms >= options_.healthy_ms) next_ms_ = options_.least_ms;
  }
  /// Uniform in [0, n), from the same seed.
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(n)));
  }

 private:
  Options options_;
  std::int64_t next_ms_;
  Prng prng_;
};

}  // namespace kerf::apiserver
