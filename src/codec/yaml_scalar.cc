// The resolution rules of YAML 1.1 scalars as Kubernetes' reader applies them.
#include "codec/yaml_scalar.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace kerf::codec {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <std::size_t N>
bool any_of(std::string_view text, const std::array<std::string_view, N>& words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> kTrue = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                                    "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse = {"n",     "N",     "no",  "No",  "NO", "false",
                                                     "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 3> kNan = {".nan", ".NaN", ".NAN"};
constexpr std::array<std::string_view, 6> kInfinity = {".inf",  ".Inf",  ".INF",
                                                       "+.inf", "+.Inf", "+.INF"};
constexpr std::array<std::string_view, 3> kMinusInfinity = {"-.inf", "-.Inf", "-.INF"};

/// [-+]? ( '.' digits | digits ( '.' digits? )? ) ( [eE] [-+]? digits )?
bool looks_like_float(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > from;
  };
  const auto sign = [&] {
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  };
  sign();
  const bool before = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits() && !before) return false;
  } else if (!before) {
    return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    sign();
    if (!digits()) return false;
  }
  return i == text.size();
}

/// nullopt: not a float, or too large for one. Too small a one is 0, as in Go.
std::optional<double> parse_float(std::string_view text) {
  if (!looks_like_float(text)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  // Out of range either way: tiny if the text without its exponent's sign is a negative power.
  const std::size_t exponent = text.find_first_of("eE");
  const bool tiny = exponent == std::string_view::npos
                        ? text.find_first_of("123456789") > text.find('.')
                        : text[exponent + 1] == '-';
  if (tiny) return text.starts_with('-') ? -0.0 : 0.0;
  return std::nullopt;
}

struct Digits {
  bool negative = false;
  int base = 10;
  std::string_view digits;
};

/// Go's strconv.ParseInt with base 0: the base follows from the prefix.
Digits split_base(std::string_view text) {
  Digits result;
  if (text.starts_with('-') || text.starts_with('+')) {
    result.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.size() >= 3 && text[0] == '0') {
    const char letter = static_cast<char>(text[1] | 0x20);
    result.base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    if (result.base != 10) {
      result.digits = text.substr(2);
      return result;
    }
  }
  if (text.size() >= 2 && text[0] == '0') {
    result.base = 8;
    text.remove_prefix(1);
  }
  result.digits = text;
  return result;
}

/// An Int, a Float where only an unsigned one has room for it (in hexadecimal and the like: decimal
/// ones are floats by their looks), or nullopt.
std::optional<Node> parse_integer(std::string_view text) {
  const Digits parts = split_base(text);
  if (parts.digits.empty()) return std::nullopt;
  std::uint64_t magnitude = 0;
  const char* const last = parts.digits.data() + parts.digits.size();
  const auto [end, error] = std::from_chars(parts.digits.data(), last, magnitude, parts.base);
  if (end != last || error != std::errc()) return std::nullopt;
  Node node;
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (magnitude <= kMax + (parts.negative ? 1 : 0)) {
    node.kind = Node::Kind::Int;
    node.integer = static_cast<std::int64_t>(parts.negative ? 0 - magnitude : magnitude);
    return node;
  }
  if (parts.base == 10 || parts.negative) return std::nullopt;
  node.kind = Node::Kind::Float;
  node.real = static_cast<double>(magnitude);
  return node;
}

Node make_float(double value) {
  Node node;
  node.kind = Node::Kind::Float;
  node.real = value;
  return node;
}

/// True if every underscore stands between two digits.
bool underscores_part_digits(std::string_view text) {
  for (std::size_t i = text.find('_'); i != std::string_view::npos; i = text.find('_', i + 1)) {
    if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return false;
    }
  }
  return true;
}

std::optional<Node> resolve_number(std::string_view text) {
  if (any_of(text, kNan)) return make_float(std::numeric_limits<double>::quiet_NaN());
  if (any_of(text, kInfinity)) return make_float(std::numeric_limits<double>::infinity());
  if (any_of(text, kMinusInfinity)) return make_float(-std::numeric_limits<double>::infinity());
  const bool starts_with_point = text[0] == '.';
  // Only then is Go's own rule for underscores in force; elsewhere they are dropped unseen.
  if (starts_with_point && !underscores_part_digits(text)) return std::nullopt;
  std::string without;
  if (text.find('_') != std::string_view::npos) {
    for (const char c : text) {
      if (c != '_') without += c;
    }
    text = without;
  }
  if (!starts_with_point) {
    if (std::optional<Node> integer = parse_integer(text)) return integer;
  }
  const std::optional<double> value = parse_float(text);
  return value ? std::optional(make_float(*value)) : std::nullopt;
}

}  // namespace

Node resolve_plain(std::string_view text) {
  Node node;
  const char first = text.empty() ? '~' : text[0];
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    if (std::optional<Node> number = resolve_number(text)) {
      node = *std::move(number);
    } else {
      node.kind = Node::Kind::String;
    }
  } else if (text.size() > 5) {
    node.kind = Node::Kind::String;
  } else if (any_of(text, kNull)) {
    node.kind = Node::Kind::Null;
  } else if (any_of(text, kTrue)) {
    node.kind = Node::Kind::Bool;
    node.boolean = true;
  } else if (any_of(text, kFalse)) {
    node.kind = Node::Kind::Bool;
  } else {
    node.kind = Node::Kind::String;
  }
  node.text = text;
  return node;
}

std::string key_text(const Node& scalar) {
  switch (scalar.kind) {
    case Node::Kind::Bool: return scalar.boolean ? "true" : "false";
    case Node::Kind::Int: return std::to_string(scalar.integer);
    case Node::Kind::Float: break;
    default: return scalar.text;
  }
  // Go's FormatFloat(value, 'g', -1, 32): the shortest digits for 32 bits, with an exponent
  // where it would be below -4 or above 5.
  const auto value = static_cast<float>(scalar.real);
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  std::array<char, 128> buffer;
  char* const begin = buffer.data();
  char* end = std::to_chars(begin, begin + buffer.size(), value, std::chars_format::scientific).ptr;
  const std::string scientific(begin, end);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (value != 0 && (exponent < -4 || exponent >= 6)) return scientific;
  end = std::to_chars(begin, begin + buffer.size(), value, std::chars_format::fixed).ptr;
  return std::string(begin, end);
}

}  // namespace kerf::codec
