// Reads cron's five fields into sets of numbers.
#include "codec/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "base/quote.h"

namespace kerf::codec {
namespace {

/// The numbers that a field may have, and their names in order from `least`.
struct FieldOf {
  std::string_view what;
  int least = 0;
  int most = 0;
  std::vector<std::string_view> names = {};
};

std::optional<int> parse_one(std::string_view text, const FieldOf& of) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    int value = 0;
    for (const char c : text) value = value * 10 + (c - '0');
    return value >= of.least && value <= of.most ? std::optional(value) : std::nullopt;
  }
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto name = std::find(of.names.begin(), of.names.end(), lower);
  if (name == of.names.end()) return std::nullopt;
  return of.least + static_cast<int>(name - of.names.begin());
}

/// One entry of a list: `*`, `5`, `1-5`, with `/2` behind it or not.
bool add_entry(std::string_view entry, const FieldOf& of, std::set<int>& into) {
  int step = 1;
  const std::size_t slash = entry.find('/');
  const bool stepped = slash != entry.npos;
  if (stepped) {
    const FieldOf steps{"step", 1, of.most + 1};
    const auto value = parse_one(entry.substr(slash + 1), steps);
    if (!value) return false;
    step = *value;
    entry = entry.substr(0, slash);
  }
  int from = of.least;
  int to = of.most;
  if (entry != "*") {
    const std::size_t dash = entry.find('-');
    const auto first = parse_one(entry.substr(0, dash), of);
    if (!first) return false;
    from = *first;
    if (dash != entry.npos) {
      const auto last = parse_one(entry.substr(dash + 1), of);
      if (!last || *last < from) return false;
      to = *last;
    } else if (!stepped) {
      to = from;
    }
  }
  for (int value = from; value <= to; value += step) into.insert(value);
  return true;
}

bool parse_field(std::string_view text, const FieldOf& of, std::set<int>& into) {
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (!add_entry(text.substr(0, comma), of, into)) return false;
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string_view> split_blanks(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    text.remove_prefix(begin);
    if (text.empty()) return words;
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace

Result<std::vector<std::int32_t>> weekly_minutes(std::string_view schedule) {
  std::string_view form = schedule;
  if (schedule == "@hourly") form = "0 * * * *";
  if (schedule == "@daily") form = "0 0 * * *";
  if (schedule == "@weekly") form = "0 0 * * sun";
  const std::vector<std::string_view> words = split_blanks(form);
  if (words.size() != 5) {
    return invalid(quoted(schedule) +
                   "; expected five fields of cron (minute hour day month weekday), such as \"0 20 "
                   "* * mon-fri\", or @hourly, @daily, @weekly");
  }
  if (words[2] != "*" || words[3] != "*") {
    return invalid(quoted(schedule) + "; day and month must be *: windows repeat every week");
  }
  const FieldOf minute{"minute", 0, 59};
  const FieldOf hour{"hour", 0, 23};
  const FieldOf weekday{"weekday", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};
  std::set<int> minutes;
  std::set<int> hours;
  std::set<int> days;
  const auto wrong = [&](std::string_view word, const FieldOf& of) {
    return invalid(fmt::format("{}; {} is no {}: expected {} to {}, such as 5, 1-5, */2 or 1,3",
                               quoted(schedule), quoted(word), of.what, of.least, of.most));
  };
  if (!parse_field(words[0], minute, minutes)) return wrong(words[0], minute);
  if (!parse_field(words[1], hour, hours)) return wrong(words[1], hour);
  if (!parse_field(words[4], weekday, days)) return wrong(words[4], weekday);
  std::set<std::int32_t> found;
  for (const int day : days)
    for (const int h : hours)
      for (const int m : minutes) found.insert((((day + 6) % 7) * 24 + h) * 60 + m);
  return std::vector<std::int32_t>(found.begin(), found.end());
}

}  // namespace kerf::codec
