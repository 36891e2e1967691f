// Durations as Go and Kubernetes write them ("30m", "1h30m", "0.5h") in milliseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/strict_fields.h"

namespace kerf::codec {

/// The longest that is read: 100,000 hours.
inline constexpr std::int64_t kDurationMaxMs = std::int64_t{100'000} * 3'600'000;

/// Units h, m, s and ms, each with a decimal number before it; a part of a millisecond is cut off.
/// InvalidArgument without a prefix: `"30 min"; expected a duration such as 30m or 1h30m`.
Result<std::int64_t> parse_duration(std::string_view text);
/// The same of a string in a document.
Result<std::int64_t> duration_ms(const Field& field);

/// "720h", "1h30m", "5s"; "0s". `ms` is not negative; a part of a second is left out, for Karpenter
/// takes hours, minutes and seconds only.
std::string duration_text(std::int64_t ms);

}  // namespace kerf::codec
