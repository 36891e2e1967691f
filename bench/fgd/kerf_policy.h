// Kerf's own placement (core/online: Potential and Ranking) as a policy of FGD's experiment.
#pragma once

#include <memory>

#include "core/online/potential.h"
#include "fgd/protocol.h"

namespace kerf::fgd {

/// Puts each task where the worth of the room left, to the trace's typical tasks, falls least; ties
/// to the smaller rank. Worth is one dollar per hour for each GPU. Never refuses a task that fits.
std::unique_ptr<Policy> make_kerf(const Trace& trace, const NodeList& nodes,
                                  online::Potential::Options options = {});

}  // namespace kerf::fgd
