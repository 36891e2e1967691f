// turns(): whether a Loop gets to its work, for health checks.
#pragma once

#include <chrono>

#include "shell/runtime/loop.h"

namespace kerf::runtime {

/// Posts something and waits for it, at most that long. From another thread than the loop's.
bool turns(Loop& loop, std::chrono::milliseconds patience = std::chrono::seconds(2));

}  // namespace kerf::runtime
