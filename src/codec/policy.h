// A SlicePolicy manifest -> cluster::Policy.
#pragma once

#include "codec/document.h"
#include "core/cluster/policy.h"
#include "core/gpu/model.h"

namespace kerf::codec {

/// Reads the one document of kind SlicePolicy (kerf.dev/v1alpha1); docs/reference/policy.md lists
/// the fields. Unknown fields are errors with the nearest known name; fields that only a controller
/// uses (mode, selector, nodeClasses, consolidation, usage ...) are checked and kept out. So a plan
/// covers every pod it is given, whatever the selector says.
Result<cluster::Policy> read_policy(const Document& document, const gpu::Catalogue& gpus);

}  // namespace kerf::codec
