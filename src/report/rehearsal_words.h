// Sentences of a rehearsal that table and JSON share.
#pragma once

#include <string>

#include "core/agent/rehearsal.h"

namespace kerf::report {

/// "cut away gpu0/3g.20gb@0, which pods can be sent to now".
std::string step_sentence(const agent::RehearsedStep& step);
/// "gpu0/1g.5gb@1 stays: pod ml/train holds it".
std::string difference_sentence(const agent::Difference& difference);

/// "create", "missing": how JSON names them.
const char* to_string(agent::RehearsedStep::What what);
const char* to_string(agent::Difference::What what);

}  // namespace kerf::report
