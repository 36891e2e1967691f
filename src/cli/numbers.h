// Numbers given on the command line.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace kerf::cli {

/// `text` as a whole number within bounds. The error names `what` ("--seed") and the bounds.
Result<std::int64_t> integer(std::string_view what, std::string_view text, std::int64_t least,
                             std::int64_t most);

}  // namespace kerf::cli
