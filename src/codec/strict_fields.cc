// Strict reading of mappings, lists and scalars, with the nearest name for a misspelled field.
#include "codec/strict_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/quote.h"

namespace kerf::codec {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z'); }

/// What stands there, for a message: "a string ("x")", "a list".
std::string found(const Node& node) {
  if (!node.is_scalar() || node.is_null()) return std::string(describe(node.kind));
  return fmt::format("{} ({})", describe(node.kind), quoted(node.text));
}

/// The path and what joins it to the next word; nothing at the root.
std::string prefix(const std::string& path, std::string_view joint) {
  return path.empty() ? std::string() : path + std::string(joint);
}

/// Levenshtein's distance, upper and lower case alike; both texts are short.
std::size_t distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

tl::unexpected<Error> Field::wrong(std::string_view message) const {
  return wrong(Error(ErrorCode::InvalidArgument, std::string(message)));
}

tl::unexpected<Error> Field::wrong(const Error& error) const {
  return tl::unexpected(
      error_at(file_, node_->at, prefix(path_, ": ") + error.message(), error.code()));
}

tl::unexpected<Error> Field::expected(std::string_view what) const {
  return wrong(fmt::format("expected {}, got {}", what, found(*node_)));
}

tl::unexpected<Error> Field::wrong_key(std::size_t member, std::string_view message) const {
  const Position at =
      member < node_->key_at.size() ? node_->key_at[member] : node_->members[member].second.at;
  return tl::unexpected(error_at(file_, at, prefix(path_, ": ") + std::string(message)));
}

Result<void> Field::object(std::initializer_list<FieldRule> rules) const {
  if (node_->kind != Node::Kind::Mapping) return expected("a mapping");
  return dispatch(rules.begin(), rules.end());
}

Result<void> Field::dispatch(const FieldRule* first, const FieldRule* last) const {
  std::set<std::string_view> given;
  for (std::size_t i = 0; i < node_->members.size(); ++i) {
    const auto& [name, value] = node_->members[i];
    const FieldRule* rule =
        std::find_if(first, last, [&](const FieldRule& r) { return r.name == name; });
    if (rule == last) {
      std::vector<std::string_view> known;
      for (const FieldRule* r = first; r != last; ++r) known.push_back(r->name);
      const std::string_view near = nearest_name(name, known);
      const std::string hint = near.empty() ? fmt::format("known are {}", fmt::join(known, ", "))
                                            : fmt::format("did you mean {}?", near);
      return wrong_key(i, fmt::format("unknown field {}; {}", quoted(name), hint));
    }
    if (value.is_null()) continue;
    given.insert(rule->name);
    KERF_CHECK_OK(rule->read(Field(file_, value, prefix(path_, ".") + name)));
  }
  for (const FieldRule* rule = first; rule != last; ++rule) {
    if (rule->required && !given.contains(rule->name)) {
      return wrong(fmt::format("{} is missing", rule->name));
    }
  }
  return {};
}

Result<std::string> Field::text(std::size_t bytes_max) const {
  if (node_->is_scalar() && !node_->is_null() && node_->kind != Node::Kind::String) {
    return expected("a string (put it in quotes)");
  }
  if (node_->kind != Node::Kind::String) return expected("a string");
  if (node_->text.empty()) return wrong("empty");
  if (node_->text.size() > bytes_max) {
    return wrong(fmt::format("{} bytes; at most {} are read", node_->text.size(), bytes_max));
  }
  return node_->text;
}

Result<std::size_t> Field::one_of(std::initializer_list<std::string_view> words) const {
  const auto* word = std::find(words.begin(), words.end(), node_->text);
  if (node_->kind == Node::Kind::String && word != words.end()) {
    return static_cast<std::size_t>(word - words.begin());
  }
  return expected(fmt::format("{}{}", words.size() > 1 ? "one of " : "", fmt::join(words, ", ")));
}

Result<std::int64_t> Field::integer(std::int64_t least, std::int64_t most) const {
  if (node_->kind != Node::Kind::Int) return expected("a whole number");
  if (node_->integer < least || node_->integer > most) {
    return wrong(fmt::format("{}; expected {} to {}", node_->integer, least, most));
  }
  return node_->integer;
}

Result<std::string> Field::number_text() const {
  // "0x10" and "1_000" are whole numbers in YAML, and no quantities.
  if (node_->kind == Node::Kind::Int) return std::to_string(node_->integer);
  if (node_->kind == Node::Kind::Float || node_->kind == Node::Kind::String) return node_->text;
  return expected("a number");
}

Result<std::int64_t> Field::quantity(Result<std::int64_t> (*round)(const Quantity&)) const {
  // Far above any node, and no sum of such amounts overflows.
  constexpr std::int64_t kAmountMax = std::int64_t{1} << 40;
  KERF_TRY(const std::string text, number_text());
  const Result<Quantity> quantity = parse_quantity(text);
  if (!quantity) return wrong(quantity.error());
  const Result<std::int64_t> amount = round(*quantity);
  if (!amount) return wrong(amount.error());
  if (*amount > kAmountMax) return wrong(quoted(text) + " is more than any node has");
  return *amount;
}

Result<MicroUsdPerHour> Field::usd_per_hour() const {
  KERF_TRY(const std::string text, number_text());
  Result<MicroUsdPerHour> rate = parse_usd_per_hour(text);
  if (!rate) return wrong(rate.error());
  return rate;
}

Result<std::vector<Field>> Field::items(std::size_t most) const {
  if (node_->kind != Node::Kind::Sequence) return expected("a list");
  if (node_->items.empty()) {
    return wrong("an empty list; leave the field out, or list at least one");
  }
  if (node_->items.size() > most) {
    return wrong(Error(ErrorCode::TooLarge,
                       fmt::format("{} entries; at most {} are read", node_->items.size(), most)));
  }
  std::vector<Field> out;
  out.reserve(node_->items.size());
  for (std::size_t i = 0; i < node_->items.size(); ++i) {
    out.emplace_back(file_, node_->items[i], path_ + '[' + std::to_string(i) + ']');
  }
  return out;
}

Result<std::vector<std::pair<std::string, Field>>> Field::members(std::size_t most) const {
  if (node_->kind != Node::Kind::Mapping) return expected("a mapping");
  if (node_->members.size() > most) {
    return wrong(Error(ErrorCode::TooLarge,
                       fmt::format("{} fields; at most {} are read", node_->members.size(), most)));
  }
  std::vector<std::pair<std::string, Field>> out;
  for (const auto& [name, value] : node_->members) {
    if (value.is_null()) continue;
    out.emplace_back(name, Field(file_, value, fmt::format("{}[{}]", path_, quoted(name))));
  }
  return out;
}

Result<std::vector<std::string>> Field::texts(
    std::size_t most, const std::function<Result<void>(const Field&)>& check) const {
  KERF_TRY(const std::vector<Field> entries, items(most));
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (const Field& entry : entries) {
    KERF_TRY(std::string text, entry.text());
    if (!seen.insert(entry.node().text).second) {
      return entry.wrong(quoted(text) + " is listed twice");
    }
    if (check) KERF_CHECK_OK(check(entry));
    out.push_back(std::move(text));
  }
  return out;
}

Result<std::map<std::string, std::string>> Field::labels(
    std::size_t most, const std::function<std::string(std::string_view)>& refuse) const {
  if (node_->kind != Node::Kind::Mapping) return expected("a mapping of labels");
  if (node_->members.size() > most) {
    return wrong(fmt::format("{} labels; at most {} are read", node_->members.size(), most));
  }
  std::map<std::string, std::string> out;
  for (std::size_t i = 0; i < node_->members.size(); ++i) {
    const auto& [key, value] = node_->members[i];
    if (!is_label_key(key)) {
      return wrong_key(i, quoted(key) +
                              " is no label key; expected [prefix/]name with a name of up "
                              "to 63 letters, digits, '-', '_' and '.'");
    }
    if (const std::string why = refuse ? refuse(key) : ""; !why.empty()) {
      return wrong_key(i, quoted(key) + " " + why);
    }
    const Field entry(file_, value, fmt::format("{}[{}]", path_, key));
    if (value.kind != Node::Kind::String) return entry.expected("a string (put it in quotes)");
    if (!is_label_value(value.text)) {
      return entry.wrong(quoted(value.text) +
                         " is no label value; expected up to 63 letters, "
                         "digits, '-', '_' and '.', the first and last a letter or digit");
    }
    out.emplace(key, value.text);
  }
  return out;
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& known) {
  constexpr std::size_t kBytesMax = 64;  // longer ones are no misspelling
  if (name.size() > kBytesMax) return {};
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, name.size() / 2) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t far = distance(name, candidate);
    if (far >= least || far >= candidate.size()) continue;
    least = far;
    best = candidate;
  }
  return best;
}

bool is_label_value(std::string_view text) {
  if (text.empty()) return true;
  return text.size() <= 63 && is_alnum(text.front()) && is_alnum(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_object_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  char before = '.';
  for (const char c : text) {
    const bool alnum = is_lower(c) || is_digit(c);
    if (!alnum && c != '-' && c != '.') return false;
    if (before == '.' && !alnum) return false;    // a label starts with a letter or digit
    if (c == '.' && before == '-') return false;  // and ends with one
    before = c;
  }
  return is_lower(before) || is_digit(before);
}

bool is_label_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (!is_object_name(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && is_label_value(text);
}

}  // namespace kerf::codec
