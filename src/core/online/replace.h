// replace: nodes whose pods cost less on cheaper nodes that are bought.
#pragma once

#include <cstdint>
#include <vector>

#include "core/online/consolidate.h"

namespace kerf::online {

/// Replacements, each valid after `before` and those before it.
///
/// Rules: a node is worth looking at by what it costs more than its pods would elsewhere
/// (Ask::worth), per pod, falling; ties to the lower node. Those looked at: one node at a time,
/// then two to four that follow each other in that order. For each, two ways: all pods are bought
/// for together; or the hardest pods first go to room elsewhere, and the rest is bought for. What
/// saves more is proposed, ties to the second, which buys less. Bought pods that count in their
/// zone stay in it. Nodes to which a pod moved, or that are bought, are left alone. The search ends
/// after some tries in vain.
///
/// Cost: a purchase (purchase.h) for each way tried. Places looked at count in `steps`.
std::vector<Proposal> replace(Standing& standing, const ConsolidateLimits& limits,
                              const std::vector<Proposal>& before, std::int64_t& steps);

}  // namespace kerf::online
