// Names of operations and return codes as scripts and scenarios write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "simgpu/types.h"

namespace kerf::simgpu {

/// "create-gpu-instance"
const char* to_string(Operation operation);
std::optional<Operation> operation_named(std::string_view name);

/// "in-use": NVML's name in lower case with hyphens.
std::string script_name(Return code);
std::optional<Return> return_named(std::string_view name);

}  // namespace kerf::simgpu
