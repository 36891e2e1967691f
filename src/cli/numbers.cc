// Whole numbers, read to their last character.
#include "cli/numbers.h"

#include <fmt/format.h>

#include <charconv>

#include "base/quote.h"

namespace kerf::cli {

Result<std::int64_t> integer(std::string_view what, std::string_view text, std::int64_t least,
                             std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return invalid(fmt::format("{}: expected a whole number from {} to {}, got {}", what, least,
                               most, quoted(text)));
  }
  return value;
}

}  // namespace kerf::cli
