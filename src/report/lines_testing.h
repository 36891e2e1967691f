// What every text for people must keep to, whatever is in it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/quote.h"
#include "report/text.h"

namespace kerf::report::testing {

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// The text joined to one line, so that sentences can be looked for whatever the wrapping.
inline std::string joined(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == ' ') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

/// No line is too long, and none has a byte that a terminal would obey.
inline void expect_tame(const std::string& text, bool ascii) {
  for (const std::string& line : lines_of(text)) {
    EXPECT_LE(columns(line), kColumnsMax) << line;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t length = utf8_length(line, at);
      ASSERT_GT(length, 0U) << line;
      const auto byte = static_cast<unsigned char>(line[at]);
      EXPECT_GE(byte, 0x20) << line;
      EXPECT_NE(byte, 0x7F) << line;
      EXPECT_LT(byte, ascii ? 0x80 : 0x100) << line;
      at += length;
    }
  }
}

}  // namespace kerf::report::testing
