// What a change of a node's layout would do, as text for people and as a JSON document.
#pragma once

#include <string>
#include <vector>

#include "codec/document.h"
#include "core/agent/rehearsal.h"

namespace kerf::report {

/// For people: how each GPU is cut before and after, the steps in order, what stays different and
/// why. Lines of at most 100 columns; ASCII unless `unicode`.
std::string rehearsal_table(const agent::Rehearsal& rehearsal, bool unicode);

/// Top-level "apiVersion": "kerf.dev/rehearsal/v1alpha1"; docs/reference/rehearsal.schema.json.
codec::Node rehearsal_json(const agent::Rehearsal& rehearsal);

/// "gpu0/1g.10gb@3 (nvidia.com/mig-1g.10gb) would go": a line for each, without a line's end.
std::vector<std::string> taken_lines(const std::vector<agent::TakenPublished>& taken);

}  // namespace kerf::report
