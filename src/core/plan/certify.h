// make_certificate: a proof as data that separate code can check.
#pragma once

#include "core/cluster/demand.h"
#include "core/plan/certificate.h"
#include "core/plan/lp.h"
#include "core/plan/problem.h"
#include "core/plan/proof.h"

namespace kerf::plan {

/// Writes the proof of a problem without bundles (Coupled::Unbundled, or one that has none) in
/// terms of pods and offerings. For every leaf and pool the multipliers are looked for once more,
/// for whoever checks; what they do not show alone is marked as found by search. The certificate's
/// bound is recomputed from what it says, and not above the proof's.
Certificate make_certificate(const Problem& problem, const Proof& proof,
                             const cluster::Demand& demand, LpSolver& solver);

}  // namespace kerf::plan
