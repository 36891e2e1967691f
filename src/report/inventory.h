// The GPUs of one machine as text for people and as a versioned JSON document.
#pragma once

#include <string>

#include "codec/document.h"
#include "core/agent/inventory.h"

namespace kerf::report {

/// For people: a few lines for each GPU, its layout in the one text form, and a line for each
/// slice. Lines of at most 100 columns; ASCII unless `unicode`.
std::string inventory_table(const agent::Inventory& inventory, bool unicode);

/// Top-level "apiVersion": "kerf.dev/inventory/v1alpha1"; docs/reference/inventory.schema.json.
codec::Node inventory_json(const agent::Inventory& inventory);

}  // namespace kerf::report
