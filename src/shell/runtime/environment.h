// environment(): the one place of kerfd that reads an environment variable.
#pragma once

#include <optional>
#include <string>

namespace kerf::runtime {

/// The variable's value; nullopt if it is not set. Read it at the start, before there are threads:
/// nobody in this process may set variables later.
std::optional<std::string> environment(const char* name);

}  // namespace kerf::runtime
