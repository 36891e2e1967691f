// The text of a log line: fields as JSON, cut so that it fits, whatever is in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shell/telemetry/log.h"

namespace kerf::telemetry {

/// Of one line with its line end: what a pipe takes as a whole (PIPE_BUF).
inline constexpr std::size_t kLineBytesMax = 4096;

/// Appends `text` as a JSON string, quotes included, of at most `bytes_max` (at least 8) bytes;
/// "..." is where it was cut. Bytes that are not UTF-8 become U+FFFD; control characters and all
/// line ends are escaped.
void append_json_string(std::string& out, std::string_view text, std::size_t bytes_max);

/// All of a line but its time: "level":"info","component":...,"message":...,... Equal lines have
/// equal bodies.
std::string line_body(Level level, std::string_view component, std::string_view message,
                      Fields fields);

/// The line with its end. `repeated` is told if it is not 0.
std::string finished_line(std::int64_t wall_ms, std::string_view body, std::uint64_t repeated);

/// "2026-11-29T16:00:00.123Z"; outside the years 0 to 9999 the nearest that can be told.
std::string time_text(std::int64_t wall_ms);

}  // namespace kerf::telemetry
