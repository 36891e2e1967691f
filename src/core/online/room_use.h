// RoomUse: how many average pods the room of a node still serves, and which place takes least of
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/online/draft.h"

namespace kerf::online {

/// A measure for packing what runs on fewer nodes; the demand is what runs on nodes of each kind,
/// not what is expected next (potential.h).
///
/// A GPU's state is worth the part of it that devices in use on this kind of node could still take,
/// each alone, in their proportion. A node's use is the number of pods of its kind's average that
/// GPUs, CPU, memory and disk suffice for, whichever suffices for the fewest: so a pod with little
/// CPU costs less where CPU is what is scarce. Rooms that serve less than a pod or so hardly count:
/// a place that fills a node up costs less than one that leaves two nodes half full.
///
/// Ties: less room left, then the way that is a smaller part of a GPU, then the lower GPU.
/// Integers. Cost: O(GPUs of the node) for each way and device.
class RoomUse {
 public:
  explicit RoomUse(const Standing& standing);

  /// The place of least cost for a pod on a node with this room; nullopt: it has no room.
  struct Fit {
    std::int64_t cost = 0;  ///< comparable between nodes
    std::vector<Step> steps;
  };
  std::optional<Fit> best(ShapeId shape, const NodeRoom& room) const;
  /// Its cost alone; -1: no room.
  std::int64_t cost(ShapeId shape, const NodeRoom& room) const;
  /// All ways and GPUs that differ, the least cost first, for searches that look at everything.
  std::vector<Fit> all(ShapeId shape, const NodeRoom& room) const;

  /// How hard a pod is to place: the largest of its parts of GPU, CPU, memory and disk, where 1 GPU
  /// goes with as much CPU, memory and disk as nodes have for each of their GPUs; in 1/1000.
  std::int64_t hardness(ShapeId shape) const;

 private:
  struct KindUse {
    const GpuTable* table = nullptr;
    std::vector<std::int32_t> value;   ///< by state, in 1/GpuTable::kWhole
    std::vector<GpuState> best_after;  ///< by state and unit; meaningful where it fits
    std::int64_t gpu_each = 0;         ///< value that the average pod takes
    Resources each;                    ///< its requests; 0 = nobody asks
  };
  struct Parts;  ///< of a node: GPU value and resources left

  static std::vector<std::int32_t> values(const GpuTable& table,
                                          const std::vector<std::int64_t>& devices);
  std::int64_t use(const KindUse& kind, std::int64_t value, const Resources& left) const;
  std::int64_t cost_of(const KindUse& kind, const NodeRoom& room, std::int64_t before,
                       std::int64_t after, const Resources& need) const;
  std::int64_t value_of(const KindUse& kind, const NodeRoom& room) const;
  /// The GPUs of least loss for this way; the value lost, -1 if they do not suffice.
  std::int64_t take(const KindUse& kind, const NodeRoom& room, const Way& way,
                    std::vector<Step>* steps) const;

  const Standing* standing_;
  std::vector<KindUse> kinds_;
  Resources per_gpu_;  ///< allocatable of all nodes for each of their GPUs
};

}  // namespace kerf::online
