// A SlicePolicy manifest -> cluster::Policy.
#pragma once

#include "codec/document.h"
#include "core/cluster/policy.h"
#include "core/gpu/model.h"

namespace kerf::codec {

/// Reads the one document of kind SlicePolicy (kerf.dev/v1alpha1); docs/policy.md lists the fields.
/// Unknown fields are errors with the nearest known name; fields that only a controller uses
/// (mode, nodeClasses, consolidation, usage ...) are checked for type and kept out.
Result<cluster::Policy> read_policy(const Document& document, const gpu::Catalogue& gpus);

}  // namespace kerf::codec
