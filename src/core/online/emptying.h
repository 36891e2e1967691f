// Emptying: which of many nodes can be emptied together, and where their pods go.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "core/online/draft.h"
#include "core/online/room_use.h"

namespace kerf::online {

/// A node that can be given back once its pods are elsewhere.
struct Source {
  NodeId node = 0;
  MicroUsdPerHour saving;
  std::vector<PodId> pods;  ///< all that run there
};

/// Assumptions: no source has another pod than those of its own when this begins; the best source
/// comes first.
///
/// Rules: it is bin packing with bins that have something in them already. All pods of the sources
/// are taken up and placed on nodes that are no sources, the hardest first (RoomUse::hardness),
/// each where it costs least (RoomUse). So no pod goes to a node that is emptied later, and none
/// moves twice. A pod that fits nowhere opens a source: the last of them where it has room, or its
/// own if that is as late; an open source has its pods back and takes others. What is still a
/// source at the end is empty. Ties: harder pods by shape number, then by pod number; places by
/// node number.
///
/// Cost: each shape looks once at each node that is not a source, and again at nodes that changed
/// meanwhile: O(shapes x nodes + pods log nodes) places tried, which `steps` pays for. Where it
/// runs out, sources whose pods are not placed yet open.
class Emptying {
 public:
  Emptying(Draft& draft, const RoomUse& use, std::int64_t& steps)
      : draft_(draft), use_(use), steps_(steps) {}

  /// `chosen`: which of the sources to try. `shut`: nodes that take nobody. Returns which are empty
  /// now; the draft has their pods where they go.
  std::vector<bool> run(const std::vector<Source>& sources, std::vector<bool> chosen,
                        const std::vector<bool>& shut);
  /// Sources that opened because a pod of their own fitted nowhere, not to make room for others.
  const std::vector<bool>& stuck() const { return stuck_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  /// A place that cost so much when the node was in that version.
  struct Offer {
    std::int64_t cost = 0;
    NodeId node = 0;
    std::uint32_t version = 0;
    bool operator>(const Offer& o) const { return cost != o.cost ? cost > o.cost : node > o.node; }
  };

  void place_all(ShapeId shape, const std::vector<PodId>& pods);
  bool place(PodId pod);
  void make_room(PodId pod);
  void offer(NodeId node);
  void changed(NodeId node);
  void open(std::uint32_t source);
  bool is_source(NodeId node) const {
    return source_of_[node] != kNone && empty_[source_of_[node]];
  }

  Draft& draft_;
  const RoomUse& use_;
  std::int64_t& steps_;
  const std::vector<Source>* sources_ = nullptr;
  const std::vector<bool>* shut_ = nullptr;
  std::vector<bool> empty_;               ///< by source
  std::vector<bool> stuck_;               ///< by source
  std::vector<std::uint32_t> source_of_;  ///< by node
  std::vector<std::uint32_t> versions_;   ///< by node
  ShapeId shape_ = 0;                     ///< being placed
  std::uint32_t no_room_from_ = 0;        ///< no source from here on can still be opened for it
  std::priority_queue<Offer, std::vector<Offer>, std::greater<>> offers_;  ///< to shape_
};

}  // namespace kerf::online
