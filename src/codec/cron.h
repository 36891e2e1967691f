// Schedules in cron's form that repeat every week -> the minutes of a week at which they begin.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kerf::codec {

/// Minutes from Monday 00:00 (UTC), ascending. Five fields (minute hour day month weekday) of `*`,
/// numbers, ranges, steps and lists, weekdays by number (0 and 7 are Sunday) or name; or @hourly,
/// @daily, @weekly. Day and month must be `*`: nothing else repeats every week.
/// InvalidArgument without a prefix, what was read in quotes.
Result<std::vector<std::int32_t>> weekly_minutes(std::string_view schedule);

}  // namespace kerf::codec
