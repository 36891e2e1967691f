// The openb pod lists (Alibaba's GPU-sharing trace, CSV) -> Demand under a stated map.
#pragma once

#include <string>

#include "core/cluster/demand.h"
#include "core/gpu/model.h"

namespace kerf::codec {

/// How a fraction s = gpu_milli / 1000 of one GPU becomes a request (docs/reference/traces.md):
enum class TraceMap {
  Memory,   ///< per GPU model a profile with the fewest memory slots such that slots/total >= s
  Nearest,  ///< per GPU model the profile whose compute slices are nearest to s of the total
  Share,    ///< a portable request for ceil(s x memory of the reference GPU), up the ladder
  Whole,    ///< a whole GPU of any model
};

struct TraceOptions {
  TraceMap map = TraceMap::Memory;
  std::string reference_gpu;  ///< Share: a model key, e.g. "a100-40"
};

/// Columns name, cpu_milli, memory_mib, num_gpu, gpu_milli are required, others ignored. s = 1 or
/// several GPUs: whole GPUs (under Share: of at least the reference GPU's nominal memory).
/// CPU-only pods are counted, not planned. One Workload per distinct GPU request.
Result<void> read_trace(std::string csv, std::string file, const TraceOptions& options,
                        const gpu::Catalogue& gpus, cluster::Demand& demand);

}  // namespace kerf::codec
