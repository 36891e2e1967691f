// A SlicePolicy manifest -> cluster::Policy, or all of control::SlicePolicy.
#pragma once

#include <string_view>

#include "codec/document.h"
#include "codec/strict_fields.h"
#include "core/cluster/policy.h"
#include "core/control/slice_policy.h"
#include "core/gpu/model.h"

namespace kerf::codec {

inline constexpr std::string_view kSlicePolicyApiVersion = "kerf.dev/v1alpha1";
inline constexpr std::string_view kSlicePolicyKind = "SlicePolicy";

/// Reads the one document of kind SlicePolicy (kerf.dev/v1alpha1); docs/reference/policy.md lists
/// the fields. Unknown fields are errors with the nearest known name; fields that only a controller
/// uses (mode, selector, nodeClasses, consolidation, usage ...) are checked and kept out. So a plan
/// covers every pod it is given, whatever the selector says.
Result<cluster::Policy> read_policy(const Document& document, const gpu::Catalogue& gpus);
/// The same with what a controller uses; windows as minutes of the week.
Result<control::SlicePolicy> read_slice_policy(const Document& document,
                                               const gpu::Catalogue& gpus);
/// The value of `spec` alone, over what `policy` says already (its mode, its limits ...).
Result<void> read_slice_policy_spec(const Field& spec, const gpu::Catalogue& gpus,
                                    control::SlicePolicy& policy);

}  // namespace kerf::codec
