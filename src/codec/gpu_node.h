// GpuNode objects <-> core values: what is wanted of a node, and what its agent reports.
#pragma once

#include <string>
#include <string_view>

#include "codec/document.h"
#include "codec/strict_fields.h"
#include "core/control/gpu_node.h"

namespace kerf::codec {

inline constexpr std::string_view kGpuNodeApiVersion = "kerf.dev/v1alpha1";
inline constexpr std::string_view kGpuNodeKind = "GpuNode";

/// Reads `spec` strictly: unknown fields are refused with the nearest name. At most 16 GPUs of 64
/// slices each. A form is a MIG profile's name, "whole" or "replica/<2 to 16>" ("mps/..." is
/// Unsupported: no agent serves it); whether the GPU has it is not known here. A resource is a name
/// that an extended resource may have. Two slices of one form at one start of a GPU are refused.
/// Slices come sorted. `gpus: []` is read: it fits no node.
Result<control::GpuNodeSpec> read_gpu_node_spec(const Field& spec);

/// The same of JSON text as in the annotation kerf.dev/layout: {"gpus":[...]}. At most 256 KiB
/// (TooLarge). Errors name `source` in place of a file.
Result<control::GpuNodeSpec> gpu_node_spec_from_json(
    std::string_view text, std::string_view source = "annotation kerf.dev/layout");

/// An object as the API server has it. Spec strictly, as above (none: no GPUs); metadata and status
/// leniently: unknown fields are passed over, what is absent has its default, and a value of
/// another type is an error. A condition Degraded whose reason is not known counts as CutFailed. At
/// most 64 GPUs, 256 slices on each and 1000 labels in a status.
Result<control::GpuNode> read_gpu_node(const Field& object);

/// The value of `spec`, which read_gpu_node_spec() reads back as it was.
Node gpu_node_spec_node(const control::GpuNodeSpec& spec);
/// The same as one line of JSON, for the annotation.
std::string gpu_node_spec_json(const control::GpuNodeSpec& spec);

/// What a status has beside what the agent sees.
struct StatusTimes {
  /// GpuNode.status as it was seen last, or nullptr: where a condition's status (True, False) is
  /// still that one, it keeps its lastTransitionTime.
  const Node* previous = nullptr;
  std::string now;  ///< of the host's clock, timestamp_text()
};

/// The value of `status`: with layout texts, counts for printer columns and the conditions Cut,
/// Ready and Degraded, which read_gpu_node() reads back as they were.
Node gpu_node_status_node(const control::GpuNodeStatus& status, const StatusTimes& times);

/// The body of a PUT of .../gpunodes/<name>/status on the version `resource_version` (the text that
/// the API server gave).
Node gpu_node_status_object(std::string_view name, std::string_view resource_version, Node status);

}  // namespace kerf::codec
