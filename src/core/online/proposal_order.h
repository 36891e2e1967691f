// best_first: proposals by dollars saved per disruption, where they need each other in their order.
#pragma once

#include <vector>

#include "core/online/consolidate.h"

namespace kerf::online {

/// `proposals` end in a state that is possible, and no pod moves twice. Returns them so that the
/// dollars saved per pod moved fall, ties in the order given; but what uses a node from which
/// somebody was sent on stays after that, and so do proposals that meet on a node where one of them
/// moves a pod that other pods keep from nodes. Pods that only arrive on a node do so in any order,
/// since what fits together fits in part.
///
/// Each is done in a draft then, pod by pod, while the pods that wait are where they run; its moves
/// are put in an order in which that is possible. One for which there is none is left out: pods
/// that need each other on one node would have to move at once.
std::vector<Proposal> best_first(const Standing& standing, std::vector<Proposal> proposals);

}  // namespace kerf::online
