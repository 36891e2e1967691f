// How exponential times are drawn without floating point, and how a day's wave is thinned.
#include "sim/workloads_arrivals.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/assert.h"

namespace kerf::sim {
namespace {

/// round(2^20 * -ln(1 - i/128)); the last is ln 2.
constexpr std::int64_t kLog[65] = {
    0,      8224,   16513,  24869,  33291,  41781,  50341,  58972,  67674,  76448,  85297,
    94221,  103222, 112301, 121458, 130697, 140018, 149422, 158912, 168488, 178152, 187906,
    197752, 207691, 217726, 227857, 238087, 248418, 258852, 269390, 280036, 290790, 301657,
    312636, 323733, 334947, 346284, 357743, 369330, 381046, 392895, 404878, 417001, 429265,
    441674, 454232, 466942, 479809, 492835, 506024, 519382, 532912, 546619, 560508, 574583,
    588850, 603313, 617979, 632852, 647940, 663248, 678783, 694551, 710560, 726817};

constexpr std::int64_t kHourMs = control::kHour;

std::int64_t times(std::int64_t a, std::int64_t b, std::int64_t divisor) {
  __extension__ using Wide = __int128;
  return static_cast<std::int64_t>(static_cast<Wide>(a) * b / divisor);
}

/// Mean time between two arrivals at that rate.
std::int64_t gap(std::int64_t per_hour_milli) { return 1000 * kHourMs / per_hour_milli; }

/// By thinning: candidates at the rate of the busiest hour, each kept by the weight of its own.
Instant next_daily(const Arrivals& arrivals, Instant last, Dice& dice) {
  const auto& hours = arrivals.hours;
  const std::int64_t sum = std::accumulate(hours.begin(), hours.end(), std::int64_t{0});
  const std::int64_t top = *std::max_element(hours.begin(), hours.end());
  KERF_ASSERT(top > 0, "a day has an hour in which something comes");
  const std::int64_t busiest = std::max<std::int64_t>(1, arrivals.per_hour_milli * 24 * top / sum);
  for (Instant at = last;;) {
    at += std::max<std::int64_t>(1, exponential(dice, gap(busiest)));
    const std::int64_t weight = hours[static_cast<std::size_t>(at / kHourMs % 24)];
    if (dice.between(1, top) <= weight) return at;
  }
}

}  // namespace

/// -ln of a uniform number: ln 2 for each leading zero bit, and the rest, which is uniform in
/// (1/2, 1], by the table and a straight line between its entries.
std::int64_t exponential(Dice& dice, std::int64_t mean) {
  const int zeros = std::countl_zero(dice.next());
  const std::uint64_t rest = dice.next() >> 48;
  const std::size_t entry = static_cast<std::size_t>(rest >> 10);
  const std::int64_t between = static_cast<std::int64_t>(rest & 1023);
  const std::int64_t units =
      zeros * kLog[64] + kLog[entry] + (kLog[entry + 1] - kLog[entry]) * between / 1024;
  return times(mean, units, std::int64_t{1} << 20);
}

std::int64_t draw(Dice& dice, const Span& span) {
  if (span == Span{}) return 0;
  if (span.mean_ms == 0)
    return std::max<std::int64_t>(1, dice.between(span.least_ms, span.most_ms));
  std::int64_t drawn = std::max(span.least_ms, exponential(dice, span.mean_ms));
  if (span.most_ms > 0) drawn = std::min(drawn, span.most_ms);
  return std::max<std::int64_t>(1, drawn);
}

std::optional<Arrival> next_arrival(const Arrivals& arrivals, Instant added, Instant last,
                                    std::int64_t done, Dice& dice) {
  using Pattern = Arrivals::Pattern;
  const Instant from = std::max(last, added + arrivals.from_ms);
  Arrival result{from, 1};
  const bool rated = arrivals.pattern != Pattern::Once && arrivals.pattern != Pattern::Burst;
  if (rated && arrivals.per_hour_milli <= 0) return std::nullopt;
  switch (arrivals.pattern) {
    case Pattern::Once:
      if (done > 0) return std::nullopt;
      result.together = arrivals.together;
      break;
    case Pattern::Burst:
      if (done > 0 && arrivals.every_ms <= 0) return std::nullopt;
      if (done > 0) result.at = last + arrivals.every_ms;
      result.together = arrivals.together;
      break;
    case Pattern::Steady:
      if (done > 0)  // counted from the first, so that nothing is lost in rounding
        result.at = added + arrivals.from_ms + times(done, 1000 * kHourMs, arrivals.per_hour_milli);
      break;
    case Pattern::Random: result.at += exponential(dice, gap(arrivals.per_hour_milli)); break;
    case Pattern::Daily: result.at = next_daily(arrivals, from, dice); break;
  }
  if (arrivals.until_ms > 0 && result.at >= added + arrivals.until_ms) return std::nullopt;
  return result;
}

}  // namespace kerf::sim
