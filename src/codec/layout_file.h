// Layout files: the layout of one node without a cluster, for `kerfd agent --layout FILE`.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/control/gpu_node.h"

namespace kerf::codec {

/// YAML or JSON, one document, at most 1 MiB (TooLarge), which is either a GpuNode manifest
/// (apiVersion, kind and spec; metadata may be left out, a status is passed over) or what its spec
/// holds: `gpus: [...]`. At least one GPU. Errors say file:line:column, the field, and what was
/// expected.
Result<control::GpuNodeSpec> read_layout_file(std::string_view text, std::string_view file);

}  // namespace kerf::codec
