// Extended resource names <-> GPU requests; README.md has the names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/cluster/pod.h"
#include "core/gpu/model.h"

namespace kerf::codec {

using cluster::kPortableLadder;
/// The least rung that is at least `gib`; nullopt above the top.
std::optional<int> ladder_up(int gib);

/// True for names that Kerf is about: nvidia.com/gpu, nvidia.com/mig-*, nvidia.com/gpu.shared,
/// kerf.dev/*, and other nvidia.com/* (which are then errors or unsupported).
bool is_gpu_resource(std::string_view name);

/// Reads one resource name. InvalidArgument with what was expected and, for a profile that no model
/// has or a rung that is not on the ladder, which ones are near ("mig-1g.7gb" -> "mig-1g.6gb
/// (A30), mig-1g.5gb (A100-40), mig-1g.10gb (A100-40, A100-80, H100-80) ...").
/// nvidia.com/gpu.shared is Unsupported and says which kerf.dev name to ask for.
Result<cluster::GpuRequest> parse_gpu_resource(std::string_view name, std::int64_t count,
                                               const gpu::Catalogue& gpus);

}  // namespace kerf::codec
