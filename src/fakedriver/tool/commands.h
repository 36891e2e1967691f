// What kerf-fake-driver does, command by command.
#pragma once

#include "base/result.h"
#include "fakedriver/tool/options.h"

namespace kerf::fakedriver::tool {

/// Prints what it has to say on standard output. Returns from Enter only if that fails.
Result<void> run(const Options& options);

}  // namespace kerf::fakedriver::tool
