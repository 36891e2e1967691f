// Money: exact decimal reading, printing for people, and splits that add up.
#include "base/money.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/assert.h"

namespace kerf {
namespace {

constexpr int kMicroDigits = 6;
constexpr std::uint64_t kMicroPerUsd = 1'000'000;
/// Prices stay under $10^9 per hour: 9 digits before the point and 6 after it.
constexpr int kPriceDigitsMax = 9 + kMicroDigits;
constexpr std::int64_t kPriceEnd = 1'000'000'000'000'000;
/// Longer than any decimal form of a double (17 digits, sign, exponent), with room for zeros.
constexpr std::size_t kPriceTextMax = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// digits * 10^exponent, as written; digits without leading zeros, empty for zero.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

/// Grammar: digits [ "." digits ] [ ("e" | "E") [ "+" | "-" ] digits{1,4} ]. False if not matched.
bool read_decimal(std::string_view text, Decimal& out) {
  std::size_t at = 0;
  const auto read_digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && is_digit(text[at])) out.digits += text[at++];
    return at - from;
  };
  if (read_digits() == 0) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    const std::size_t decimals = read_digits();
    if (decimals == 0) return false;
    out.exponent = -static_cast<int>(decimals);
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    bool negative = false;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) negative = text[at++] == '-';
    const std::size_t from = at;
    int exponent = 0;
    while (at < text.size() && is_digit(text[at]) && at - from < 4) {
      exponent = exponent * 10 + (text[at++] - '0');
    }
    if (at == from) return false;
    out.exponent += negative ? -exponent : exponent;
  }
  out.digits.erase(0, std::min(out.digits.find_first_not_of('0'), out.digits.size()));
  return at == text.size();
}

/// |value| without the overflow of the smallest int64.
std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

std::string with_thousands(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

}  // namespace

Result<MicroUsdPerHour> parse_usd_per_hour(std::string_view text) {
  constexpr std::string_view kExpected =
      "expected dollars per hour, such as 21.957642, not negative and under 1000000000";
  if (text.size() > kPriceTextMax) {
    return invalid(fmt::format("a number of {} characters; {}", text.size(), kExpected));
  }
  Decimal decimal;
  if (!read_decimal(text, decimal)) return invalid(fmt::format("'{}': {}", text, kExpected));

  // The value in micro-dollars is digits * 10^shift; dropped digits round half up.
  std::string& digits = decimal.digits;
  if (digits.empty()) return MicroUsdPerHour{0};
  const int shift = decimal.exponent + kMicroDigits;
  if (static_cast<int>(digits.size()) + shift > kPriceDigitsMax) {
    return invalid(fmt::format("'{}': {}", text, kExpected));
  }
  bool round_up = false;
  if (shift < 0) {
    const auto dropped = static_cast<std::size_t>(-shift);
    round_up = dropped <= digits.size() && digits[digits.size() - dropped] >= '5';
    digits.resize(digits.size() - std::min(dropped, digits.size()));
  } else {
    digits.append(static_cast<std::size_t>(shift), '0');
  }
  std::int64_t micro = round_up ? 1 : 0;
  std::int64_t place = 1;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, place *= 10) {
    micro += (*digit - '0') * place;
  }
  if (micro >= kPriceEnd) return invalid(fmt::format("'{}': {}", text, kExpected));
  return MicroUsdPerHour{micro};
}

std::string format_usd(MicroUsdPerHour rate, int decimals) {
  KERF_ASSERT(decimals >= 0 && decimals <= kMicroDigits, "a rate has up to six decimals");
  std::uint64_t unit = 1;  // micro-dollars in the last digit that is printed
  for (int i = decimals; i < kMicroDigits; ++i) unit *= 10;
  const std::uint64_t rounded = (magnitude(rate.micro) + unit / 2) / unit;
  const std::uint64_t per_usd = kMicroPerUsd / unit;
  // What rounds to zero has no sign.
  std::string text = rate.micro < 0 && rounded != 0 ? "-$" : "$";
  text += with_thousands(rounded / per_usd);
  if (decimals > 0) text += fmt::format(".{:0{}}", rounded % per_usd, decimals);
  return text;
}

std::string format_exact(MicroUsdPerHour rate) {
  const std::uint64_t micro = magnitude(rate.micro);
  std::string text = fmt::format("{}{}.{:06}", rate.micro < 0 ? "-" : "", micro / kMicroPerUsd,
                                 micro % kMicroPerUsd);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

// Hamilton's method: everyone gets the whole part of the quota, what is left goes one micro-dollar
// each to the largest remainders. What is left is less than the number of non-zero remainders, so
// a weight of zero gets nothing; a larger weight never gets less. O(n log n).
std::vector<MicroUsdPerHour> split(MicroUsdPerHour total,
                                   const std::vector<std::int64_t>& weights) {
  Int128 sum = 0;
  for (const std::int64_t weight : weights) {
    KERF_ASSERT(weight >= 0, "weights are not negative");
    sum += weight;
  }
  const bool even = sum == 0;
  if (even) sum = static_cast<Int128>(weights.size());

  const Int128 amount = magnitude(total.micro);
  const std::int64_t sign = total.micro < 0 ? -1 : 1;
  std::vector<MicroUsdPerHour> parts(weights.size());
  std::vector<Int128> remainders(weights.size());
  Int128 left = amount;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    // At most 2^63 * 2^63: in range.
    const Int128 product = amount * (even ? 1 : weights[i]);
    // amount may be 2^63, which only a negative total can hold: keep parts signed from the start.
    parts[i].micro = static_cast<std::int64_t>(product / sum * sign);
    remainders[i] = product % sum;
    left -= product / sum;
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a < b;
  });
  KERF_ASSERT(weights.empty() || left < static_cast<Int128>(weights.size()),
              "the remainders add up to less than one unit each");
  for (std::size_t i = 0; i < order.size() && left > 0; ++i, --left) parts[order[i]].micro += sign;
  return parts;
}

}  // namespace kerf
