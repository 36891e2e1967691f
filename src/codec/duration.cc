// Reads a duration part by part, in integers.
#include "codec/duration.h"

#include <string>

#include "base/assert.h"
#include "base/money.h"
#include "base/quote.h"

namespace kerf::codec {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A decimal number, value = digits / scale.
struct Decimal {
  std::int64_t digits = 0;
  std::int64_t scale = 1;
};

/// Takes the number off the front; false: there is none, or it has more digits than count here.
bool take_number(std::string_view& text, Decimal& number) {
  std::size_t at = 0;
  bool point = false;
  for (; at < text.size() && (is_digit(text[at]) || text[at] == '.'); ++at) {
    if (text[at] == '.') {
      if (point) return false;
      point = true;
      continue;
    }
    if (number.digits > 1'000'000'000'000 || number.scale > 1'000'000'000) return false;
    number.digits = number.digits * 10 + (text[at] - '0');
    if (point) number.scale *= 10;
  }
  if (at == 0 || text.front() == '.' || text[at - 1] == '.') return false;
  text.remove_prefix(at);
  return true;
}

/// Takes the unit off the front, in milliseconds; 0: there is none.
std::int64_t take_unit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    std::int64_t ms;
  };
  constexpr Unit kUnits[] = {{"ms", 1}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}};
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.ms;
  }
  return 0;
}

}  // namespace

Result<std::int64_t> parse_duration(std::string_view text) {
  const auto wrong = [whole = text](std::string_view expected) {
    return invalid(quoted(whole) + std::string(expected));
  };
  constexpr std::string_view kExpected = "; expected a duration such as 30m or 1h30m";
  if (text.empty() || text.size() > 32) return wrong(kExpected);
  Int128 total = 0;
  while (!text.empty()) {
    Decimal number;
    if (!take_number(text, number)) return wrong(kExpected);
    const std::int64_t unit = take_unit(text);
    if (unit == 0) return wrong(kExpected);
    total += static_cast<Int128>(number.digits) * unit / number.scale;
  }
  if (total > kDurationMaxMs) return wrong("; at most 100000h");
  return static_cast<std::int64_t>(total);
}

Result<std::int64_t> duration_ms(const Field& field) {
  KERF_TRY(const std::string text, field.text());
  Result<std::int64_t> duration = parse_duration(text);
  if (!duration) return field.wrong(duration.error());
  return duration;
}

std::string duration_text(std::int64_t ms) {
  KERF_ASSERT(ms >= 0, "a duration is not negative");
  const std::int64_t seconds = ms / 1000;
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds / 60 % 60 != 0) text += std::to_string(seconds / 60 % 60) + "m";
  if (seconds % 60 != 0 || seconds == 0) text += std::to_string(seconds % 60) + "s";
  return text;
}

}  // namespace kerf::codec
