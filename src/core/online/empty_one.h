// empty_one: empties one node by trying places in turn, and by sending small pods on.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/online/draft.h"
#include "core/online/room_use.h"
#include "core/online/sources.h"

namespace kerf::online {

/// Where pods may not go, by node.
struct OffLimits {
  std::vector<bool> shut;  ///< takes nobody: it is given back
  /// A pod was sent on from there for somebody: only what comes later may use the room, so that
  /// what was proposed before does not need what is proposed after it.
  std::vector<bool> late;
};

/// Empties the source's node in the draft: its own pods, and those that came to it in the draft.
/// nullopt: not found, nothing changed. Else the pods of other nodes that were sent on, in order;
/// they are taken from the allowance, the source's own are not.
///
/// Rules: pods in order of falling hardness, each to the place of least cost, going back where a
/// later pod fits nowhere, as long as `tries` last (places tried): with enough of them, all places
/// on all nodes. Only where a pod has no place at all, another pod of a node is sent on for it, the
/// easiest first: one that is not fixed, not constrained, runs where no pod needs company, and fits
/// elsewhere as things are. Nobody is sent on for it in turn.
/// Ties: lower node, lower pod.
class EmptyOne {
 public:
  EmptyOne(Draft& draft, const RoomUse& use, const OffLimits& off, Allowance& allowance,
           std::int64_t tries)
      : draft_(draft), use_(use), off_(off), allowance_(allowance), tries_(tries) {}

  std::optional<std::vector<PodId>> run(const Source& source, bool send_on);
  std::int64_t tries_left() const { return tries_; }

 private:
  /// It came to the source's node in the draft: its own proposal comes before this one.
  bool came(PodId pod) const { return draft_.standing().pod(pod).node != source_; }
  /// Nodes with room for it, the least cost first.
  std::vector<std::pair<std::int64_t, NodeId>> places(PodId pod, NodeId but);
  bool settle(std::size_t next);
  bool settle_by_sending_on(std::size_t next);
  bool swap(PodId pod, NodeId node, PodId other);
  bool may_be_sent_on(PodId pod, PodId other) const;
  bool open(PodId pod, NodeId node) const;

  Draft& draft_;
  const RoomUse& use_;
  const OffLimits& off_;
  Allowance& allowance_;
  std::int64_t tries_;
  NodeId source_ = 0;
  bool send_on_ = false;
  std::vector<PodId> pods_;  ///< to be placed, the hardest first
  std::vector<PodId> sent_on_;
  std::vector<NodeId> sent_from_;
};

}  // namespace kerf::online
