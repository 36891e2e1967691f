// What an effect is called, and which object it is about: for log and metrics.
#pragma once

#include <string>

#include "core/controller/words.h"

namespace kerf::shell {

/// "PutLayout", "CreateClaim" ...: a closed list.
const char* name_of(const controller::Action& action);
/// "GpuNode node-7", "Pod default/web-1"; "" of those that are no request.
std::string object_of(const controller::Action& action);
/// "Place", "Consolidate", "Vacate", "Compare".
const char* name_of(controller::Search search);

}  // namespace kerf::shell
