// The fields of a SlicePolicy that only a controller uses.
#pragma once

#include "codec/strict_fields.h"
#include "core/control/slice_policy.h"
#include "core/gpu/model.h"

namespace kerf::codec {

// Each takes the field's value and fills its part of the policy. Meanings and forms:
// docs/reference/policy.md.
Result<void> check_metadata(const Field& metadata);
Result<void> read_selector(const Field& selector, control::SlicePolicy& policy);
Result<void> read_node_classes(const Field& node_classes, control::SlicePolicy& policy);
Result<void> read_budgets(const Field& budgets, control::SlicePolicy& policy);
Result<void> read_warm(const Field& warm, const gpu::Catalogue& gpus, control::SlicePolicy& policy);
Result<void> read_consolidation(const Field& consolidation, control::SlicePolicy& policy);
/// Only checked: rightsizing reads it, no controller does.
Result<void> check_usage(const Field& usage);
Result<void> read_buys_for(const Field& buys_for, const gpu::Catalogue& gpus,
                           control::SlicePolicy& policy);

}  // namespace kerf::codec
