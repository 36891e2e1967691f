// Escaping and shortening of untrusted text for messages.
#include "base/quote.h"

#include <fmt/format.h>

#include <cstdint>

namespace kerf {

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;  // 0 never continues
  };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  std::uint32_t code = 0;
  if (first >= 0xC2 && first < 0xE0) {
    length = 2;
    code = first & 0x1F;
  } else if (first >= 0xE0 && first < 0xF0) {
    length = 3;
    code = first & 0x0F;
  } else if (first >= 0xF0 && first < 0xF5) {
    length = 4;
    code = first & 0x07;
  } else {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(at + i) & 0x3F);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xD800 && code < 0xE000))) return 0;
  if (length == 4 && (code < 0x10000 || code > 0x10FFFF)) return 0;
  return length;
}

std::string quoted(std::string_view text, std::size_t bytes_max) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    if (i >= bytes_max) {
      out += "...";
      break;
    }
    const std::size_t length = utf8_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length > 1) {
      // U+0080..U+009F are control characters too: some terminals obey them.
      const bool control = byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
      for (std::size_t k = 0; k < length; ++k) {
        if (control) {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + k]));
        } else {
          out += text[i + k];
        }
      }
      i += length;
      continue;
    }
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += text[i];
    }
    ++i;
  }
  out += '"';
  return out;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 40;
  std::string out;
  std::size_t at = 0;
  while (at < text.size() && at < kShownMax) {
    const std::size_t length = utf8_length(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool control = length == 2
                             ? byte == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0
                             : byte < 0x20 || byte == 0x7F;
    out += length == 0 || control ? "?" : text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  if (at < text.size()) out += "...";
  return out;
}

}  // namespace kerf
