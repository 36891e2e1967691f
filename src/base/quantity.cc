// Reading of Kubernetes quantities and their exact rounding, all in integers.
#include "base/quantity.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <string>

#include "base/assert.h"
#include "base/quote.h"

namespace kerf {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr std::size_t kMaxBytes = 128;  // of the text; a real quantity has under 25
constexpr int kMaxDigits = 18;          // significant ones; 10^18 < 2^63
constexpr int kMinDecimal = -27;        // 18 digits behind the point and "n"
constexpr Uint128 kMaxValue = Uint128{1} << 62;

constexpr Uint128 power_of_ten(int exponent) {
  Uint128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Suffix {
  int decimal = 0;
  int binary = 0;
};

/// The exponent of "e3", "E-3"; a big one is held at +-1000, far beyond every bound.
std::optional<Suffix> decimal_exponent(std::string_view text) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  int exponent = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    if (exponent < 1000) exponent = exponent * 10 + (c - '0');
  }
  if (exponent > 1000) exponent = 1000;
  return Suffix{negative ? -exponent : exponent, 0};
}

std::optional<Suffix> parse_suffix(std::string_view text) {
  if (text.empty()) return Suffix{};
  constexpr std::string_view kBinary = "KMGTPE";
  if (text.size() == 2 && text[1] == 'i') {
    const std::size_t rank = kBinary.find(text[0]);
    if (rank == std::string_view::npos) return std::nullopt;
    return Suffix{0, 10 * (static_cast<int>(rank) + 1)};
  }
  if (text.size() == 1) {
    constexpr std::string_view kDecimal = "num?kMGTPE";  // n = 10^-9, each next one 1000 times that
    const std::size_t rank = text[0] == '?' ? std::string_view::npos : kDecimal.find(text[0]);
    if (rank == std::string_view::npos) return std::nullopt;
    return Suffix{-9 + 3 * static_cast<int>(rank), 0};
  }
  return decimal_exponent(text);
}

/// What the mantissa's digits say before any suffix.
struct Number {
  std::uint64_t mantissa = 0;
  int decimal = 0;
  bool any_digit = false;
  bool too_long = false;
  std::size_t bytes = 0;
};

Number parse_number(std::string_view text) {
  Number number;
  bool point = false;
  int digits = 0;
  int zeros = 0;              // read, and not yet known to be followed by another digit
  int zeros_of_fraction = 0;  // how many of them stand behind the point
  const auto append = [&](int digit) {
    if (digits == 0 && digit == 0) return;
    if (++digits > kMaxDigits) {
      number.too_long = true;
    } else {
      number.mantissa = number.mantissa * 10 + static_cast<std::uint64_t>(digit);
    }
  };
  for (; number.bytes < text.size(); ++number.bytes) {
    const char c = text[number.bytes];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(c)) break;
    number.any_digit = true;
    if (c == '0') {
      ++zeros;
      zeros_of_fraction += point ? 1 : 0;
      continue;
    }
    for (; zeros > 0; --zeros) append(0);
    append(c - '0');
    number.decimal -= zeros_of_fraction + (point ? 1 : 0);
    zeros_of_fraction = 0;
  }
  // Final zeros: of a fraction they say nothing, of an integer they are digits while there is room.
  for (zeros -= zeros_of_fraction; zeros > 0; --zeros) {
    if (digits < kMaxDigits) {
      append(0);
    } else {
      ++number.decimal;
    }
  }
  return number;
}

/// True if mantissa * 10^decimal * 2^binary <= 2^62. Only one of the positive exponents is not 0.
bool within_bound(std::uint64_t mantissa, int decimal, int binary) {
  if (decimal > 18) return false;
  Uint128 value = mantissa;                          // below 10^18
  if (decimal >= 0) value *= power_of_ten(decimal);  // below 10^36
  // value < 10^36 without a binary suffix, and below 10^18 * 2^60 with one: 128 bits are enough.
  const Uint128 divisor = decimal < 0 ? power_of_ten(-decimal) : 1;
  for (int bit = 0; bit < binary; ++bit) {
    value *= 2;
    if (value / divisor > kMaxValue) return false;
  }
  return value / divisor < kMaxValue || (value / divisor == kMaxValue && value % divisor == 0);
}

enum class Round { Up, Down, Exact };

/// value * times / 2^shift, where times is 1 or 1000.
Result<std::int64_t> scale(const Quantity& q, std::int64_t times, int shift, Round round) {
  KERF_ASSERT(q.mantissa >= 0 && q.decimal >= kMinDecimal && q.decimal <= 18 && q.binary >= 0 &&
                  q.binary <= 60,
              "a Quantity comes from parse_quantity");
  // 10^-d = 5^-d * 2^-d, so that the powers of two can be gathered on one side; with the bound of
  // 2^62 on the value this keeps numerator and divisor below 2^127 (10^27 * 2^20 < 2^110).
  Uint128 numerator = static_cast<Uint128>(q.mantissa) * static_cast<Uint128>(times);
  Uint128 divisor = 1;
  int twos = q.binary - shift;
  if (q.decimal >= 0) {
    numerator *= power_of_ten(q.decimal);
  } else {
    twos += q.decimal;
    for (int i = 0; i < -q.decimal; ++i) divisor *= 5;
  }
  for (; twos > 0; --twos) numerator *= 2;
  for (; twos < 0; ++twos) divisor *= 2;
  const Uint128 whole = numerator / divisor;
  const bool rest = numerator % divisor != 0;
  if (rest && round == Round::Exact) return invalid("expected a whole number");
  const Uint128 rounded = whole + (rest && round == Round::Up ? 1 : 0);
  if (rounded > static_cast<Uint128>(std::numeric_limits<std::int64_t>::max())) {
    return invalid("the quantity is too large");
  }
  return static_cast<std::int64_t>(rounded);
}

}  // namespace

Result<Quantity> parse_quantity(std::string_view text) {
  const auto wrong = [&] {
    return invalid(
        fmt::format("{} is not a Kubernetes quantity: expected a number with a suffix "
                    "such as 500m, 12G or 12Gi",
                    quoted(text)));
  };
  if (text.size() > kMaxBytes) return wrong();
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const Number number = parse_number(rest);
  const std::optional<Suffix> suffix = parse_suffix(rest.substr(number.bytes));
  // Go's reader takes "." and "Gi" for 0; its documented grammar does not, and neither do we.
  if (!number.any_digit || !suffix) return wrong();
  if (number.mantissa == 0) return Quantity{};
  if (negative) return invalid(fmt::format("{} is negative: expected 0 or more", quoted(text)));
  if (number.too_long) {
    return invalid(fmt::format("{} has more than {} significant digits", quoted(text), kMaxDigits));
  }
  const int decimal = number.decimal + suffix->decimal;
  if (decimal < kMinDecimal) {
    return invalid(fmt::format("{} is too small a fraction: expected no digits below 10^{}",
                               quoted(text), kMinDecimal));
  }
  if (!within_bound(number.mantissa, decimal, suffix->binary)) {
    return invalid(fmt::format("{} is too large: expected at most 4Ei (2^62)", quoted(text)));
  }
  return Quantity{static_cast<std::int64_t>(number.mantissa), decimal, suffix->binary};
}

Result<std::int64_t> to_milli_ceil(const Quantity& q) { return scale(q, 1000, 0, Round::Up); }

Result<std::int64_t> to_mib_ceil(const Quantity& q) { return scale(q, 1, 20, Round::Up); }

Result<std::int64_t> to_mib_floor(const Quantity& q) { return scale(q, 1, 20, Round::Down); }

Result<std::int64_t> to_integer(const Quantity& q) { return scale(q, 1, 0, Round::Exact); }

}  // namespace kerf
