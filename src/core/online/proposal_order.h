// best_first: proposals by dollars saved per disruption, where they need each other in their order.
#pragma once

#include <vector>

#include "core/online/consolidate.h"

namespace kerf::online {

/// `proposals` can be done in the order given, and no pod moves twice. Returns them so that the
/// dollars saved per pod moved fall, ties in the order given; but what uses a node from which
/// somebody was sent on stays after that, and so do proposals that meet on a node where one of them
/// moves a pod that other pods keep from nodes. In the order returned they can be done as well:
/// pods that only arrive on a node do so in any order, since what fits together fits in part.
std::vector<Proposal> best_first(const Standing& standing, std::vector<Proposal> proposals);

}  // namespace kerf::online
