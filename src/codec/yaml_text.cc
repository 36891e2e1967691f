// Checks of encoding, JSON's surrogate pairs, Helm templates, and libyaml's messages in plain
// words.
#include "codec/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/quote.h"

namespace kerf::codec {
namespace {

constexpr std::size_t kTagDirectivesMax = 64;

std::uint32_t column_of(std::string_view line_so_far) {
  const auto characters = std::count_if(line_so_far.begin(), line_so_far.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return static_cast<std::uint32_t>(characters) + 1;
}

/// Length of the line end at `at`; 0 if there is none.
std::size_t break_length(std::string_view text, std::size_t at) {
  switch (text[at]) {
    case '\n': return 1;
    case '\r': return text.substr(at, 2) == "\r\n" ? 2 : 1;
    case '\xC2': return text.substr(at, 2) == "\xC2\x85" ? 2 : 0;
    case '\xE2': {
      const std::string_view three = text.substr(at, 3);
      return three == "\xE2\x80\xA8" || three == "\xE2\x80\xA9" ? 3 : 0;
    }
    default: return 0;
  }
}

/// What libyaml would not take at `at`, in words; empty if the character of `length` bytes is good.
std::string bad_character(std::string_view text, std::size_t at, std::size_t length) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte == 0) return "a NUL byte: this is not a text file";
  if (length == 0) return "bytes that are not UTF-8: save the file as UTF-8";
  const std::string_view character = text.substr(at, length);
  if (length == 1) {
    const bool good = byte == '\t' || byte == '\r' || (byte >= 0x20 && byte < 0x7F);
    return good ? "" : fmt::format("a control character (0x{:02x}): write it as an escape", byte);
  }
  if (character == "\xEF\xBB\xBF") {
    return "a byte order mark inside the file: it can only stand at the start; remove it";
  }
  const bool c1 = byte == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
  if ((c1 && character != "\xC2\x85") || character == "\xEF\xBF\xBE" ||
      character == "\xEF\xBF\xBF") {
    return fmt::format("a control character ({}): write it as an escape", quoted(character));
  }
  return "";
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// The value of "\uXXXX" at `at`; nullopt if there is none.
std::optional<std::uint32_t> escape_at(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\\u" || text.size() - at < 6) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kPlainWords = {{
    {"mapping values are not allowed in this context",
     "\":\" where no key can be: put text that holds \": \" in quotes, and check the indentation"},
    {"did not find expected key",
     "expected a key: is this line indented as the others of its mapping?"},
    {"did not find expected '-' indicator",
     "expected \"- \": is this line indented as the others of its list?"},
    {"could not find expected ':'",
     "expected \"key: value\"; a key ends on its line and has at most 1024 characters"},
    {"found unexpected end of stream", "this quote is never closed"},
    {"found unexpected document indicator", "this quote is not closed in its document"},
    {"did not find expected ',' or ']'", "expected \",\" or \"]\""},
    {"did not find expected ',' or '}'", "expected \",\" or \"}\""},
    {"did not find expected node content", "expected a value"},
    {"did not find expected <document start>",
     "the document has ended here: put \"---\" between documents"},
    {"block sequence entries are not allowed in this context",
     "\"- \" where no list can be: put each item on its own line, or text in quotes"},
    {"block mapping keys are not allowed in this context", "\"? \" where no key can be"},
    {"found invalid Unicode character escape code", "an escape that is no character"},
}};

}  // namespace

Result<void> check_yaml_text(std::string_view text, std::string_view file) {
  std::uint32_t line = 1;
  std::size_t line_start = 0;
  std::size_t tag_directives = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i == line_start && byte == '%' && text.substr(i).starts_with("%TAG") &&
        ++tag_directives > kTagDirectivesMax) {
      return tl::unexpected(error_at(file, {line, 1},
                                     fmt::format("more than {} %TAG lines", kTagDirectivesMax),
                                     ErrorCode::TooLarge));
    }
    if (byte >= 0x20 && byte < 0x7F) {
      ++i;
      continue;
    }
    const std::size_t end = break_length(text, i);
    if (end > 0) {
      i += end;
      line_start = i;
      ++line;
      continue;
    }
    const std::size_t length = utf8_length(text, i);
    if (const std::string why = bad_character(text, i, length); !why.empty()) {
      const Position at{line, column_of(text.substr(line_start, i - line_start))};
      return tl::unexpected(error_at(file, at, why));
    }
    i += length;
  }
  return {};
}

std::optional<std::string> join_surrogates(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '[')) {
    return std::nullopt;
  }
  if (text.find("\\ud") == std::string_view::npos && text.find("\\uD") == std::string_view::npos) {
    return std::nullopt;
  }
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  std::size_t saved = 0;  // columns that the string is now shorter
  for (std::size_t i = 0; i < text.size();) {
    if (in_string && text[i] == '\\') {
      const std::uint32_t high = escape_at(text, i).value_or(0);
      const std::uint32_t low = high ? escape_at(text, i + 6).value_or(0) : 0;
      if (high >= 0xD800 && high < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
        out += fmt::format("\\U{:08x}", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        i += 12;
        saved += 2;
        continue;
      }
      out += text.substr(i, 2);
      i += 2;
      continue;
    }
    if (text[i] == '"') in_string = !in_string;
    out += text[i++];
    if (!in_string && saved > 0) {
      out.append(saved, ' ');
      saved = 0;
    }
  }
  return out;
}

std::string_view line_of(std::string_view text, std::uint32_t number) {
  std::uint32_t line = 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = break_length(text, i);
    if (end == 0) {
      ++i;
      continue;
    }
    if (line == number) return text.substr(start, i - start);
    i += end;
    start = i;
    ++line;
  }
  return line == number ? text.substr(start) : std::string_view();
}

std::optional<Position> find_template(std::string_view text, std::uint32_t line) {
  const std::string_view content = line_of(text, line);
  char quote = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    if (quote != 0) {
      if (quote == '"' && c == '\\') ++i;
      if (c == quote) quote = 0;
      continue;
    }
    // An apostrophe inside a word opens nothing.
    constexpr std::string_view kBefore = " \t:[{,-";
    const bool opens = i == 0 || kBefore.find(content[i - 1]) != std::string_view::npos;
    if ((c == '"' || c == '\'') && opens) quote = c;
    if (c == '#' && (i == 0 || is_blank(content[i - 1]))) break;
    if (content.substr(i, 2) == "{{") return Position{line, column_of(content.substr(0, i))};
  }
  return std::nullopt;
}

bool has_helm_action(std::string_view scalar) {
  constexpr std::array<std::string_view, 4> kActions = {".Values.", ".Release.", ".Chart.",
                                                        "include "};
  for (std::size_t i = scalar.find("{{"); i != std::string_view::npos;
       i = scalar.find("{{", i + 2)) {
    std::string_view rest = scalar.substr(i + 2);
    if (rest.starts_with('-')) rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    for (const std::string_view action : kActions) {
      if (rest.starts_with(action)) return true;
    }
  }
  return false;
}

Explanation explain(const YamlProblem& problem, std::string_view text) {
  const std::string_view line = line_of(text, problem.at.line);
  std::size_t i = 0;  // of the character at the problem's column
  for (std::uint32_t column = 1; column < problem.at.column && i < line.size(); ++column) {
    i += std::max<std::size_t>(utf8_length(line, i), 1);
  }
  const bool at_tab = i < line.size() && line[i] == '\t';
  const bool starts_no_token =
      problem.problem.find("cannot start any token") != std::string_view::npos;
  if (problem.problem.find("tab character") != std::string_view::npos ||
      (starts_no_token && at_tab)) {
    return {problem.at, "a tab where YAML wants spaces: indent with spaces only"};
  }
  if (starts_no_token && i < line.size()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(line, i), 1);
    return {problem.at, fmt::format("a value cannot start with {}: put it in quotes",
                                    quoted(line.substr(i, length)))};
  }
  std::string message(problem.problem);
  for (const auto& [theirs, ours] : kPlainWords) {
    if (theirs == problem.problem) message = ours;
  }
  if (problem.context_at.line == 0) return {problem.at, std::move(message)};
  if (problem.context == "while scanning a simple key" || message.starts_with("this quote")) {
    return {problem.context_at, std::move(message)};  // where it starts is where to look
  }
  if (problem.problem == "did not find expected key" &&
      line.substr(0, i).find_first_not_of(" \t-") != std::string_view::npos) {
    return {problem.at, "text after the end of a value: put the whole value in quotes"};
  }
  message += fmt::format(" ({} from {}:{})", problem.context, problem.context_at.line,
                         problem.context_at.column);
  return {problem.at, std::move(message)};
}

}  // namespace kerf::codec
