// Escaping, measuring and breaking of text for a terminal.
#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/quote.h"

namespace kerf::report {
namespace {

/// The code point of the character at `at`, which utf8_length() has judged.
std::uint32_t code_point(std::string_view text, std::size_t at, std::size_t length) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return static_cast<unsigned char>(text[at + i]);
  };
  if (length == 1) return byte(0);
  std::uint32_t code = byte(0) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (byte(i) & 0x3F);
  return code;
}

/// Characters that take one column on every terminal and do nothing to those around them: Latin
/// letters and signs (without the soft hyphen), and the punctuation that Kerf's own sentences use.
/// All others depend on the terminal, combine, or turn the direction of writing.
bool one_column(std::uint32_t code) {
  if (code < 0x80) return code >= 0x20 && code != 0x7F;
  if (code <= 0x2AF) return code >= 0xA1 && code != 0xAD;
  constexpr std::array<std::uint32_t, 9> kPunctuation = {0x2013, 0x2014, 0x2018, 0x2019, 0x201C,
                                                         0x201D, 0x2026, 0x2264, 0x2265};
  return std::find(kPunctuation.begin(), kPunctuation.end(), code) != kPunctuation.end();
}

/// Where the character that starts at `at` ends; a stray byte is one.
std::size_t next(std::string_view text, std::size_t at) {
  return at + std::max<std::size_t>(1, utf8_length(text, at));
}

/// The first `width` characters.
std::string_view front(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  while (width-- > 0 && at < text.size()) at = next(text, at);
  return text.substr(0, at);
}

/// The last `width` characters.
std::string_view back(std::string_view text, std::size_t width) {
  std::size_t skip = columns(text) - std::min(width, columns(text));
  std::size_t at = 0;
  while (skip-- > 0) at = next(text, at);
  return text.substr(at);
}

}  // namespace

std::string printable(std::string_view text, bool unicode) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at++]));
      continue;
    }
    const std::uint32_t code = code_point(text, at, length);
    if (code == '\n') out += "\\n";
    else if (code == '\t') out += "\\t";
    else if (code == '\r') out += "\\r";
    else if (one_column(code) && (unicode || code < 0x80)) out += text.substr(at, length);
    else if (code == 0x2026) out += "...";
    else if (code < 0x100) out += fmt::format("\\x{:02x}", code);
    else out += fmt::format("\\u{{{:x}}}", code);
    at += length;
  }
  return out;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at = next(text, at)) ++count;
  return count;
}

std::string elided(std::string_view text, std::size_t width, bool unicode) {
  const std::size_t length = columns(text);
  if (length <= width) return std::string(text);
  const std::string_view dots = unicode ? "…" : "...";
  const std::size_t gap = columns(dots);
  if (width <= gap) return std::string(front(dots, width));
  const std::size_t tail = (width - gap) / 2;
  std::string out(front(text, width - gap - tail));
  out += dots;
  out += back(text, tail);
  return out;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  width = std::max<std::size_t>(width, 1);
  std::vector<std::string> lines;
  std::string line;
  std::size_t used = 0;
  while (!text.empty()) {
    std::size_t blank = text.find(' ');
    if (blank != std::string_view::npos && text.substr(blank + 1).starts_with('%'))
      blank = text.find(' ', blank + 1);  // "12.3 %" stays together
    std::string_view word = text.substr(0, blank);
    text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
    std::size_t length = columns(word);
    if (length == 0) continue;
    if (used > 0 && used + 1 + length > width) {
      lines.push_back(std::move(line));
      line.clear();
      used = 0;
    }
    while (length > width) {
      lines.emplace_back(front(word, width));
      word.remove_prefix(lines.back().size());
      length -= width;
    }
    if (used > 0) {
      line += ' ';
      ++used;
    }
    line += word;
    used += length;
  }
  if (used > 0 || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.append(width - std::min(width, columns(text)), ' ');
  return out;
}

std::string padded_left(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, columns(text)), ' ') + std::string(text);
}

std::string centred(std::string_view text, std::size_t width, std::string_view fill) {
  const std::size_t room = width - std::min(width, columns(text));
  return repeated(fill, room / 2) + std::string(text) + repeated(fill, room - room / 2);
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string with_thousands(std::int64_t value) {
  std::string text = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string counted(std::int64_t n, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", with_thousands(n), n == 1 ? singular : plural);
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) out += "\xEF\xBF\xBD";
    else out += text.substr(at, length);
    at += std::max<std::size_t>(1, length);
  }
  return out;
}

}  // namespace kerf::report
