// RFC 3339 by the calendar's arithmetic: no time zone, no C library.
#include "codec/timestamp.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/quote.h"

namespace kerf::codec {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kYearLast = 9999;

struct Date {
  std::int64_t year = 1970;
  std::int64_t month = 1;
  std::int64_t day = 1;
};

bool is_leap(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

std::int64_t days_of(std::int64_t year, std::int64_t month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/// Days from 1970-01-01 to the first of January of that year.
std::int64_t days_before(std::int64_t year) {
  const auto leaps = [](std::int64_t until) { return until / 4 - until / 100 + until / 400; };
  return (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
}

std::int64_t day_number(const Date& date) {
  std::int64_t days = days_before(date.year) + date.day - 1;
  for (std::int64_t month = 1; month < date.month; ++month) days += days_of(date.year, month);
  return days;
}

/// Takes `digits` digits off the front, then the character `after` ('\0': none); false: not there.
bool take(std::string_view& text, std::size_t digits, char after, std::int64_t& value) {
  if (text.size() < digits + (after == '\0' ? 0 : 1)) return false;
  value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  if (after == '\0') return true;
  const bool there =
      text.front() == after || (after == 'T' && (text.front() == 't' || text.front() == ' '));
  if (there) text.remove_prefix(1);
  return there;
}

/// ".123456" off the front, as milliseconds; false: a point without a digit.
bool take_fraction(std::string_view& text, std::int64_t& ms) {
  ms = 0;
  if (!text.starts_with('.')) return true;
  std::size_t at = 1;
  for (std::int64_t unit = 100; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    ms += (text[at] - '0') * unit;
    unit /= 10;
  }
  text.remove_prefix(at);
  return at > 1;
}

/// "Z" or "+02:00", all of the text, as milliseconds east of UTC.
bool read_offset(std::string_view text, std::int64_t& east) {
  east = 0;
  if (text == "Z" || text == "z") return true;
  if (!text.starts_with('+') && !text.starts_with('-')) return false;
  const std::int64_t sign = text.front() == '+' ? 1 : -1;
  text.remove_prefix(1);
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!take(text, 2, ':', hours) || !take(text, 2, '\0', minutes) || !text.empty()) return false;
  east = sign * (hours * 60 + minutes) * 60 * kSecond;
  return hours < 24 && minutes < 60;
}

/// "2026-11-29T16:00:00".
std::string to_seconds(std::int64_t ms) {
  KERF_ASSERT(ms >= 0 && ms <= kTimestampMax, "of the years 1970 to 9999");
  std::int64_t days = ms / kDay;
  Date date;
  date.year = 1970 + days / 366;  // at most that many years have passed
  while (days_before(date.year + 1) <= days) ++date.year;
  days -= days_before(date.year);
  while (days_of(date.year, date.month) <= days) days -= days_of(date.year, date.month++);
  date.day += days;
  const std::int64_t seconds = ms % kDay / kSecond;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day,
                     seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

Result<std::int64_t> parse_timestamp(std::string_view text) {
  const auto wrong = [whole = text] {
    return invalid(quoted(whole) + "; expected a time such as 2026-11-29T16:00:00Z");
  };
  Date date;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::int64_t ms = 0;
  std::int64_t east = 0;
  if (!take(text, 4, '-', date.year) || !take(text, 2, '-', date.month) ||
      !take(text, 2, 'T', date.day) || !take(text, 2, ':', hour) || !take(text, 2, ':', minute) ||
      !take(text, 2, '\0', second) || !take_fraction(text, ms) || !read_offset(text, east)) {
    return wrong();
  }
  if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1 ||
      date.day > days_of(date.year, date.month) || hour > 23 || minute > 59 || second > 60) {
    return wrong();
  }
  const std::int64_t at =
      day_number(date) * kDay + ((hour * 60 + minute) * 60 + second) * kSecond + ms - east;
  if (at < 0 || at >= days_before(kYearLast + 1) * kDay) return wrong();
  return at;
}

std::string timestamp_text(std::int64_t ms) { return to_seconds(ms) + "Z"; }

std::string timestamp_text_ms(std::int64_t ms) {
  return fmt::format("{}.{:03}Z", to_seconds(ms), ms % kSecond);
}

std::string timestamp_text_us(std::int64_t ms) {
  return fmt::format("{}.{:03}000Z", to_seconds(ms), ms % kSecond);
}

}  // namespace kerf::codec
