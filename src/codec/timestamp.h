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
/// The same with three digits of a second ("2026-11-29T16:00:00.123Z"): parse_timestamp() gives
/// `ms` back.
std::string timestamp_text_ms(std::int64_t ms);
/// The same with six digits, what metav1.MicroTime holds and insists on.
std::string timestamp_text_us(std::int64_t ms);

/// The last that can be written.
inline constexpr std::int64_t kTimestampMax = 253'402'300'799'999;

}  // namespace kerf::codec
