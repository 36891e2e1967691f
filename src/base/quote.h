// quoted(), shown(): a piece of untrusted input made safe and short enough for a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kerf {

/// `text` in double quotes. Control characters, quotes, backslashes and bytes that are not UTF-8
/// are written as \n, \t, \", \\ or \xNN; after about `bytes_max` bytes comes "..." in their place.
std::string quoted(std::string_view text, std::size_t bytes_max = 64);

/// `text` for a message that quotes it by its own means: control characters and bytes that are not
/// UTF-8 are '?', and after about 40 bytes comes "..." in their place.
std::string shown(std::string_view text);

/// The length in bytes of the UTF-8 character that starts at `at` (at < text.size()); 0 if there is
/// none: wrong continuation, overlong form, surrogate, above U+10FFFF, cut off.
std::size_t utf8_length(std::string_view text, std::size_t at);

}  // namespace kerf
