// Forecast: decay by a table of powers of one half, in fixed point.
#include "core/online/forecast.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/assert.h"
#include "base/money.h"

namespace kerf::online {

namespace {

constexpr std::int64_t kUnit = std::int64_t{1} << 20;  ///< one arrival
constexpr std::int64_t kMost = std::int64_t{1} << 60;
constexpr std::int64_t kMostArrivals = std::int64_t{1} << 30;
constexpr std::int64_t kTicks = 64;  ///< of one half life

/// 2^(-1/64) in 2^-62, rounded: 0.98922803...
constexpr std::int64_t kOneTick = 4562008997483360349;

/// 2^(-k/64) in 2^-62, for k = 0..63.
constexpr std::array<std::int64_t, kTicks> make_powers() {
  std::array<std::int64_t, kTicks> powers{};
  powers[0] = std::int64_t{1} << 62;
  for (std::size_t k = 1; k < powers.size(); ++k)
    powers[k] = static_cast<std::int64_t>((Int128(powers[k - 1]) * kOneTick) >> 62);
  return powers;
}
constexpr std::array<std::int64_t, kTicks> kPowers = make_powers();

}  // namespace

Forecast::Forecast(Options options, State state) : options_(options), state_(std::move(state)) {
  KERF_ASSERT(options_.half_life_ms >= kTicks, "a tick takes a millisecond at least");
}

std::int64_t Forecast::decayed(std::int64_t units, std::int64_t ticks) {
  const std::int64_t halvings = ticks / kTicks;
  if (halvings >= 63) return 0;
  const auto part = static_cast<std::size_t>(ticks % kTicks);
  return static_cast<std::int64_t>((Int128(units) * kPowers[part]) >> 62) >> halvings;
}

void Forecast::arrived(AskId ask, std::int64_t count, Instant now) {
  KERF_ASSERT(count >= 0 && count <= kMostArrivals, "arrivals are few enough to add up");
  const std::int64_t ticks = std::max<std::int64_t>(0, now - state_.at) / tick_ms();
  if (ticks > 0) {
    for (Entry& entry : state_.entries) entry.arrivals = decayed(entry.arrivals, ticks);
    std::erase_if(state_.entries, [](const Entry& entry) { return entry.arrivals == 0; });
    state_.at += ticks * tick_ms();
  }
  if (count == 0) return;
  auto at = std::lower_bound(state_.entries.begin(), state_.entries.end(), ask,
                             [](const Entry& entry, AskId key) { return entry.ask < key; });
  if (at == state_.entries.end() || at->ask != ask) at = state_.entries.insert(at, {ask, 0});
  at->arrivals = std::min(kMost, at->arrivals + count * kUnit);
}

Expectation Forecast::expect(const std::vector<std::int64_t>& running, Instant now) const {
  const std::int64_t ticks = std::max<std::int64_t>(0, now - state_.at) / tick_ms();
  std::map<AskId, std::int64_t> weights;
  for (const Entry& entry : state_.entries) weights[entry.ask] = decayed(entry.arrivals, ticks);
  for (AskId ask = 0; ask < running.size(); ++ask) {
    const std::int64_t pods = std::clamp<std::int64_t>(running[ask], 0, kMostArrivals);
    if (pods > 0)
      weights[ask] +=
          static_cast<std::int64_t>(Int128(pods) * kUnit * options_.running_milli / 1000);
  }
  std::vector<std::pair<std::int64_t, AskId>> rarest_last;
  Int128 total = 0;
  for (const auto& [ask, weight] : weights) {
    if (weight <= 0) continue;
    rarest_last.emplace_back(-weight, ask);
    total += weight;
  }
  std::sort(rarest_last.begin(), rarest_last.end());
  Int128 left_out = 0;
  while (!rarest_last.empty()) {
    left_out -= rarest_last.back().first;
    if (left_out * 1000 >= total * options_.left_out_milli) break;
    rarest_last.pop_back();
  }
  Expectation expectation;
  for (const auto& [minus, ask] : rarest_last) expectation.push_back({ask, -minus});
  std::sort(expectation.begin(), expectation.end(),
            [](const Expected& a, const Expected& b) { return a.ask < b.ask; });
  return expectation;
}

}  // namespace kerf::online
