// Parts of the GpuNode's reader and writer that its files share.
#pragma once

#include <optional>
#include <string_view>

#include "codec/strict_fields.h"
#include "core/control/gpu_node.h"

namespace kerf::codec {

/// "1g.10gb", "1g.10gb+me", "2g.48gb-me", "1g.24gb+me.all": written like a MIG profile, whether or
/// not there is one.
bool is_mig_profile_name(std::string_view text);

/// GpuNode.status, leniently; nullopt: there is none.
Result<control::GpuNodeStatus> read_gpu_node_status(const std::optional<Field>& status);

}  // namespace kerf::codec
