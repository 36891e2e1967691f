// Which pods to move so that a task which fits nowhere has a node.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "fgd/protocol.h"

namespace kerf::fgd {

/// How a placement judges nodes, for make_room().
class Judge {
 public:
  struct Place {
    GpuMask gpus = 0;
    std::int64_t harm = 0;
  };

  Judge() = default;
  virtual ~Judge() = default;
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// What the room left on a node is worth; harm of a placement is in the same unit.
  virtual std::int64_t worth(const NodeState& node) = 0;
  /// The best GPUs for the task on a node in that state; nullopt if it does not fit.
  virtual std::optional<Place> place(const NodeState& node, const Task& task) = 0;
  /// Nodes that the task fits now, the least harm first, until `each` says stop (true).
  virtual void each_node(const Task& task, const std::function<bool(std::size_t)>& each) = 0;
};

/// The fewest pods of one node, at most two and at most `moves_max`, that can move so that the
/// task fits there; of the 64 smallest sets of so many pods (by GPU, then node), the one of least
/// harm: of the pods where they go, and of the task where they were. A pod goes to its node of
/// least harm; it may stay on the node, on other GPUs. Empty: there are none.
std::vector<Move> make_room(const Cluster& cluster, Judge& judge, const Task& task,
                            std::int64_t moves_max);

}  // namespace kerf::fgd
