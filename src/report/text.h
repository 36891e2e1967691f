// Text for a terminal: untrusted names made safe, measured in columns, shortened, wrapped, aligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kerf::report {

/// No line of the table is longer.
inline constexpr std::size_t kColumnsMax = 100;

/// `text` as it may reach a terminal: control characters, bytes that are not UTF-8 and every
/// character that is not surely one column wide are escaped (\n, \x1b, \u{4e2d}). With `unicode`
/// false the result is ASCII. Text that needs no escape comes back as it is.
std::string printable(std::string_view text, bool unicode);

/// Columns that printable text takes: its characters.
std::size_t columns(std::string_view text);

/// At most `width` columns: the middle gives way to "…" ("..." in ASCII), because names differ at
/// their ends.
std::string elided(std::string_view text, std::size_t width, bool unicode);

/// Lines of at most `width` columns, broken at blanks, within a word only where it is too long
/// for a line. Never empty.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

std::string padded(std::string_view text, std::size_t width);       ///< blanks after it
std::string padded_left(std::string_view text, std::size_t width);  ///< blanks before it
std::string centred(std::string_view text, std::size_t width, std::string_view fill = " ");

/// `piece` `times` over.
std::string repeated(std::string_view piece, std::size_t times);

/// 12345 -> "12,345".
std::string with_thousands(std::int64_t value);
/// "1 pod", "2,000 pods".
std::string counted(std::int64_t n, std::string_view singular, std::string_view plural);

/// The text with bytes that are not UTF-8 replaced by U+FFFD, as JSON needs it.
std::string valid_utf8(std::string_view text);

}  // namespace kerf::report
