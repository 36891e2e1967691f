// The controller's effects as requests to the API server.
#pragma once

#include "core/controller/words.h"
#include "sim/api_server.h"

namespace kerf::sim {

/// One request for one effect that changes an object (not Note, Solve, WakeAt).
Request request_for(const controller::Action& action);

}  // namespace kerf::sim
