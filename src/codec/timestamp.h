// Points in time as Kubernetes writes them (RFC 3339) <-> milliseconds since 1970.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kerf::codec {

/// "2026-11-29T16:00:00Z", "...:00.123456Z", "...+02:00": milliseconds since 1970-01-01 UTC; a part
/// of a millisecond is cut off, a leap second is the next second. Years 1970 to 9999.
/// InvalidArgument without a prefix: `"today"; expected a time such as 2026-11-29T16:00:00Z`.
Result<std::int64_t> parse_timestamp(std::string_view text);

/// In UTC, whole seconds: what metav1.Time holds. `ms` is of the years 1970 to 9999.
std::string timestamp_text(std::int64_t ms);

}  // namespace kerf::codec
