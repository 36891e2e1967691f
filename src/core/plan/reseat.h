// reseat: puts one planned node onto one that stands, so that as many pods as possible stay.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/cluster/cluster.h"
#include "core/market/market.h"
#include "core/plan/gpu_fits.h"
#include "core/plan/plan.h"
#include "core/plan/seats.h"

namespace kerf::plan {

struct Reseated {
  /// The planned node's GPUs, in the order and with the starts of the node that stands; the pods
  /// are those of the plan still.
  std::vector<GpuPlan> gpus;
  /// Pod of the plan, pod that runs: who runs keeps its devices if it takes that seat.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> stays;
  bool cut = false;  ///< some device has to be made
};

/// Rules: planned and standing GPUs are paired one to one. First pods with devices on several GPUs
/// bring their GPUs together, largest first, in some ways that are tried; then the pair that keeps
/// most pods comes first (then most that are fixed, then fewest devices to make, fewest that stand
/// for nothing, then the least numbers). In a pair the slices lie as one of the legal states of
/// their counts, by the same measure. Devices of pods that are not planned stay: nullopt where the
/// plan leaves no room for them. Cost: GPUs squared times states with these counts.
std::optional<Reseated> reseat(const NodePlan& planned, const Seats& seats,
                               const cluster::StandingNode& standing, const Seats& running,
                               const std::vector<cluster::PodFacts>& facts,
                               const market::Market& market, Arrangements& arrangements);

}  // namespace kerf::plan
