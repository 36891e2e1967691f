// Reason -> the sentence that CLI, JSON and later Kubernetes events print.
#pragma once

#include <string>

#include "core/plan/reason.h"

namespace kerf::report {

std::string sentence(const plan::Reason& reason);

}  // namespace kerf::report
