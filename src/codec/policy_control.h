// The fields of a SlicePolicy that only a controller uses: checked as it would, and not kept.
#pragma once

#include "codec/strict_fields.h"
#include "core/gpu/model.h"

namespace kerf::codec {

// Each takes the field's value. Meanings and forms: docs/reference/policy.md.
Result<void> check_metadata(const Field& metadata);
Result<void> check_selector(const Field& selector);
Result<void> check_node_classes(const Field& node_classes);
Result<void> check_budgets(const Field& budgets);
Result<void> check_warm(const Field& warm, const gpu::Catalogue& gpus);
Result<void> check_consolidation(const Field& consolidation);
Result<void> check_usage(const Field& usage);
Result<void> check_buys_for(const Field& buys_for, const gpu::Catalogue& gpus);

}  // namespace kerf::codec
