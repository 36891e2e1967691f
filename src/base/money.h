// Money as integers: rates in micro-dollars per hour, sums in 128 bits, splits that add up.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf {

/// Wide enough for any product of a rate, a count and a resource amount.
__extension__ using Int128 = __int128;

/// A rate. 1 = $0.000001 per hour; int64 holds nine trillion dollars per hour.
struct MicroUsdPerHour {
  std::int64_t micro = 0;

  constexpr auto operator<=>(const MicroUsdPerHour&) const = default;
  constexpr MicroUsdPerHour operator+(MicroUsdPerHour other) const { return {micro + other.micro}; }
  constexpr MicroUsdPerHour operator-(MicroUsdPerHour other) const { return {micro - other.micro}; }
  constexpr MicroUsdPerHour operator*(std::int64_t times) const { return {micro * times}; }
  constexpr MicroUsdPerHour& operator+=(MicroUsdPerHour other) {
    micro += other.micro;
    return *this;
  }
};

/// Kerf's month, as AWS bills it: 365 * 24 / 12 hours.
inline constexpr std::int64_t kHoursPerMonth = 730;

/// Reads "21.957642" (dollars per hour, not negative, at most 6 decimals kept, rounded half up).
/// Exponents are accepted ("1e-05"), because metrics pages have them. Bound: under $10^9/h.
Result<MicroUsdPerHour> parse_usd_per_hour(std::string_view text);

/// "$21.96" with thousands separated: "$10,231.60". Rounded half away from zero to `decimals`
/// (0..6).
std::string format_usd(MicroUsdPerHour rate, int decimals = 2);

/// The exact value without sign or separators and with trailing zeros cut: "21.957642", "0.8".
std::string format_exact(MicroUsdPerHour rate);

/// Splits `total` in proportion to `weights` (not negative); the parts add up to `total` exactly.
/// Largest remainder, ties to the lower index. All weights zero: split evenly. Empty: empty.
std::vector<MicroUsdPerHour> split(MicroUsdPerHour total, const std::vector<std::int64_t>& weights);

}  // namespace kerf
