// nearest(): the known words that a mistyped one may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kerf::cli {

/// At most `count` of `known`, nearest first, ties in the order of `known`. A word is near if about
/// a quarter of its letters or fewer are wrong, or if it begins with `word`.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known,
                                 std::size_t count = 3);

/// "; did you mean a or b?", or "" if `words` is empty.
std::string did_you_mean(const std::vector<std::string>& words);

}  // namespace kerf::cli
