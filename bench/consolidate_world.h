// A cluster of p4d nodes that was full once: what the consolidation benchmark starts from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/cluster/demand.h"
#include "core/online/standing.h"

namespace kerf::bench {

/// Which pods are drawn.
enum class Draw : std::uint8_t { All, SlicesOnly };

/// The pods of openb `default` under the map `memory` in the order in which they arrive (seed 42),
/// or a synthetic demand where the trace is not there. Only pods that a p4d node can serve.
struct Arrivals {
  std::vector<cluster::PodShape> shapes;
  std::vector<std::uint32_t> order;  ///< shapes
  bool synthetic = false;
};
Arrivals read_arrivals(const std::string& shared, const market::Market& market);

/// Market and policy are pointed into, so it stays where it is.
struct World {
  explicit World(const market::Market& market);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  market::Market market;
  cluster::Policy policy;  ///< p4d.24xlarge alone
  online::Standing standing;
};

/// A node of that type on demand, named by its number, that is not in `world.standing` yet; `mode`
/// where its GPUs are in one mode together.
cluster::Node empty_node(const World& world, const std::string& type, gpu::GpuMode mode);

/// `nodes` nodes filled by best fit with the arrivals over and over, whole GPUs on nodes in mode
/// Whole and slices on nodes in mode Cut, a new node when nothing fits; then `removed_percent` of
/// the pods, drawn at random by `seed`, are gone.
std::unique_ptr<World> make_world(const market::Market& market, const Arrivals& arrivals, Draw draw,
                                  std::size_t nodes, int removed_percent, std::uint64_t seed);

/// What runs there, as a demand; on nodes in that mode alone, if one is given.
cluster::Demand demand_of(const online::Standing& standing, gpu::GpuMode mode = gpu::GpuMode::Any);

}  // namespace kerf::bench
