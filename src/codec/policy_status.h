// SlicePolicy.status <-> control::PolicyStatus: what is kept across restarts, figures, and words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "codec/document.h"
#include "codec/strict_fields.h"
#include "core/control/slice_policy.h"

namespace kerf::codec {

/// Shapes of expected demand that a status holds at most.
inline constexpr std::size_t kKeptDemandMax = 64;

/// Leniently, and never an error; `kept` and `figures` come back as they were written, all else
/// stays empty. What cannot be read is left out, entry by entry (a status that a person has edited
/// must not stop the controller): `troubles` says what, in at most 20 lines. At most 200,000
/// purchases, 100,000 owners and moves and 64 shapes are read; a pod that is listed with two counts
/// has the greater one.
control::PolicyStatus read_policy_status(const Field& status, std::vector<std::string>& troubles);

/// The words for people that go with a status; report/ made them.
struct StatusWords {
  std::vector<std::string> conditions;  ///< message of each, in the order of PolicyStatus
  std::vector<std::string> next;        ///< the same
  std::string summary;                  ///< one sentence: what it costs, could cost, and the bound
};

/// The value of `status`. `previous`: SlicePolicy.status as it is, or nullptr; a condition that has
/// the status it had keeps its lastTransitionTime. `kept.demand` is bounded: the 64 of the greatest
/// weight, in their order; `kept.purchases` are grouped by count. Times before 1970 and after 9999
/// are written as the nearest that can be, negative money as 0. docs/reference/policy.md describes
/// it.
Node policy_status_node(const control::PolicyStatus& status, const StatusWords& words,
                        const Node* previous, std::int64_t now_ms);

/// Body of a PUT of .../slicepolicies/<name>/status.
Node policy_status_object(const std::string& name, const std::string& version, Node status);

/// A shape as JSON, and back: equal after the round trip. What is left out has its default; a value
/// of another type, a word that is not known or a number beyond what a pod can have is an error.
Node pod_shape_node(const cluster::PodShape& shape);
Result<cluster::PodShape> read_pod_shape(const Field& shape);

}  // namespace kerf::codec
