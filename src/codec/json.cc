// JSON through Boost.JSON's event parser into a TreeBuilder; a small writer.
#include "codec/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#include <charconv>
#include <cmath>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/quote.h"
#include "codec/tree_builder.h"

namespace kerf::codec {
namespace {

namespace json = boost::json;

/// Boost.JSON's events; its interface sets the names.
struct Handler {
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

  Handler(const Limits& limits, bool keep_key_positions) : builder(limits, keep_key_positions) {}

  bool on_document_begin(json::error_code&) {
    builder.begin_document();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code& code) {
    return checked(builder.begin(Node::Kind::Sequence, {}), code);
  }
  bool on_array_end(std::size_t, json::error_code& code) { return checked(builder.end(), code); }
  bool on_object_begin(json::error_code& code) {
    return checked(builder.begin(Node::Kind::Mapping, {}), code);
  }
  bool on_object_end(std::size_t, json::error_code& code) { return checked(builder.end(), code); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view rest, std::size_t, json::error_code& code) {
    return checked(builder.key(take_text(rest), {}), code);
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view rest, std::size_t, json::error_code& code) {
    return checked(builder.scalar(Node::of(take_text(rest))), code);
  }
  bool on_number_part(json::string_view part, json::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, json::string_view rest, json::error_code& code) {
    return on_number(take_text(rest), code);
  }
  bool on_uint64(std::uint64_t, json::string_view rest, json::error_code& code) {
    return on_number(take_text(rest), code);
  }
  bool on_double(double, json::string_view rest, json::error_code& code) {
    return on_number(take_text(rest), code);
  }
  bool on_bool(bool value, json::error_code& code) {
    return checked(builder.scalar(Node::of(value)), code);
  }
  bool on_null(json::error_code& code) { return checked(builder.scalar(Node::null()), code); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  /// Read again from the text: Boost.JSON's own doubles can be off by one unit in the last place.
  bool on_number(std::string written, json::error_code& code) {
    Node node;
    node.kind = Node::Kind::Int;
    const char* const begin = written.data();
    const char* const end = begin + written.size();
    const auto integer = std::from_chars(begin, end, node.integer);
    if (integer.ec != std::errc() || integer.ptr != end) {
      node.kind = Node::Kind::Float;
      node.integer = 0;
      const auto real = std::from_chars(begin, end, node.real);
      if (real.ec == std::errc::result_out_of_range && !is_tiny(written)) {
        builder.fail(ErrorCode::InvalidArgument, {},
                     fmt::format("{} is too large for a number", quoted(written)));
        return checked(false, code);
      }
    }
    node.text = std::move(written);
    return checked(builder.scalar(std::move(node)), code);
  }

  /// Of a number that no double can hold: too small (then it is 0) rather than too large. An
  /// integer part of "0" and an exponent that is not positive can only be small.
  static bool is_tiny(std::string_view written) {
    const std::size_t exponent = written.find_first_of("eE");
    if (exponent != std::string_view::npos) return written[exponent + 1] == '-';
    return written.starts_with("0.") || written.starts_with("-0.");
  }

  std::string take_text(json::string_view rest) {
    text.append(rest.data(), rest.size());
    return std::exchange(text, {});
  }

  static bool checked(bool good, json::error_code& code) {
    if (!good) code = json::error::exception;  // any error: the builder has the message
    return good;
  }

  TreeBuilder builder;
  std::string text;  ///< of the key, string or number that is being read
};

std::string_view in_words(const json::error_code& code) {
  if (code == json::error::incomplete) return "the JSON text ends too early";
  if (code == json::error::illegal_leading_surrogate ||
      code == json::error::illegal_trailing_surrogate ||
      code == json::error::expected_utf16_escape) {
    return "half a surrogate pair in an escape";
  }
  if (code == json::error::expected_hex_digit) return "\"\\u\" needs four hexadecimal digits";
  if (code == json::error::exponent_overflow) return "a number with an absurd exponent";
  if (code == json::error::too_deep) return "lists and mappings are nested too deep";
  return "this is not JSON (a comma too many, single quotes, a comment or text without quotes?)";
}

Position position(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::string_view line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
  const auto characters = std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return {static_cast<std::uint32_t>(lines + 1), static_cast<std::uint32_t>(characters + 1)};
}

/// The code point of the character of 2 or 3 bytes at `at`.
unsigned code_point(std::string_view text, std::size_t at, std::size_t length) {
  const auto bits = [&](std::size_t i, unsigned mask) {
    return static_cast<unsigned char>(text[at + i]) & mask;
  };
  if (length == 2) return bits(0, 0x1F) << 6 | bits(1, 0x3F);
  return bits(0, 0x0F) << 12 | bits(1, 0x3F) << 6 | bits(2, 0x3F);
}

/// Legal in JSON as they are, and a risk: terminals obey some, and YAML readers take none of them.
bool is_risky(unsigned code) {
  return (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 || code == 0xFEFF ||
         code == 0xFFFE || code == 0xFFFF;
}

void write_character(std::string_view text, std::size_t at, std::size_t length, std::string& out) {
  switch (text[at]) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const unsigned code = length == 1   ? static_cast<unsigned char>(text[at])
                        : length <= 3 ? code_point(text, at, length)
                                      : 0x10000;
  if (code < 0x20 || is_risky(code)) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
  } else {
    out += text.substr(at, length);
  }
}

void write_string(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      out += "\\ufffd";  // no text: the character that stands for one that could not be read
      ++i;
      continue;
    }
    write_character(text, i, length, out);
    i += length;
  }
  out += '"';
}

void write_double(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const std::size_t start = out.size();
  fmt::format_to(std::back_inserter(out), "{}", value);
  // Whole ones keep a mark that they are no integers.
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

constexpr std::size_t kOneLine = static_cast<std::size_t>(-1);

/// `indent` blanks in front of the lines of lists and mappings, or kOneLine.
void write_value(const Node& node, std::size_t indent, std::string& out) {
  const auto new_line = [&](std::size_t width) {
    if (width == kOneLine) return;
    out += '\n';
    out.append(width, ' ');
  };
  const std::size_t inner = indent == kOneLine ? kOneLine : indent + 2;
  switch (node.kind) {
    case Node::Kind::Null: out += "null"; return;
    case Node::Kind::Bool: out += node.boolean ? "true" : "false"; return;
    case Node::Kind::Int: fmt::format_to(std::back_inserter(out), "{}", node.integer); return;
    case Node::Kind::Float: write_double(node.real, out); return;
    case Node::Kind::String: write_string(node.text, out); return;
    case Node::Kind::Sequence: {
      if (node.items.empty()) {
        out += "[]";
        return;
      }
      char before = '[';
      for (const Node& item : node.items) {
        out += std::exchange(before, ',');
        new_line(inner);
        write_value(item, inner, out);
      }
      new_line(indent);
      out += ']';
      return;
    }
    case Node::Kind::Mapping: {
      if (node.members.empty()) {
        out += "{}";
        return;
      }
      char before = '{';
      for (const auto& [key, value] : node.members) {
        out += std::exchange(before, ',');
        new_line(inner);
        write_string(key, out);
        out += ": ";
        write_value(value, inner, out);
      }
      new_line(indent);
      out += '}';
      return;
    }
  }
}

}  // namespace

Result<Document> parse_json(std::string_view text, std::string_view file, const Limits& limits) {
  if (text.size() > limits.bytes) {
    return tl::unexpected(
        error_at(file, {}, fmt::format("{} bytes; at most {} are read", text.size(), limits.bytes),
                 ErrorCode::TooLarge));
  }
  json::parse_options options;
  options.max_depth = limits.depth + 1;  // the builder refuses first, with the limit in its message
  json::basic_parser<Handler> parser(options, limits, false);
  json::error_code code;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), code);
  const TreeBuilder& builder = parser.handler().builder;
  if (builder.failed()) {
    const TreeBuilder::Problem& problem = builder.problem();
    return tl::unexpected(error_at(file, position(text, read), problem.message, problem.code));
  }
  if (code) return tl::unexpected(error_at(file, position(text, read), in_words(code)));
  if (read != text.size()) {
    return tl::unexpected(error_at(file, position(text, read), "more text after the JSON value"));
  }
  return Document{std::string(file), parser.handler().builder.take()};
}

std::string write_json(const Node& root) {
  std::string out;
  write_value(root, 0, out);
  out += '\n';
  return out;
}

std::string write_json_line(const Node& root) {
  std::string out;
  write_value(root, kOneLine, out);
  return out;
}

}  // namespace kerf::codec
