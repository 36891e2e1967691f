// verify_certificate: checks the proof of a plan's lower bound; shares no code with who made it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/certificate.h"
#include "core/plan/plan.h"

namespace kerf::check {

struct VerifyOptions {
  /// Contents of nodes that the searches of all claims may look at together. Where that does not
  /// suffice the claim counts as not verified.
  std::int64_t steps = 400'000'000;
};

/// What came of it. The proof holds if there are no complaints.
struct Verdict {
  /// What is wrong or could not be verified, one sentence each, at most kMostComplaints.
  std::vector<std::string> complaints;
  /// The least bill that the certificate proves for any fleet that serves the pods of its groups.
  /// 0 if it does not hold.
  MicroUsdPerHour proven;
  std::vector<std::uint32_t> outside;  ///< pods of the demand that the proof does not count
  std::int64_t pods = 0;               ///< pods that it counts
  std::int64_t headroom = 0;           ///< and the policy's headroom, in pods that would use it
  std::int64_t offerings = 0;          ///< things to buy that its pools cover
  std::int64_t by_multipliers = 0;     ///< claims shown by multipliers alone
  std::int64_t by_search = 0;          ///< claims shown by a complete search
  std::int64_t steps = 0;              ///< contents of nodes looked at

  static constexpr std::size_t kMostComplaints = 50;
  bool holds() const { return complaints.empty(); }
};

/// Verifies the proof from scratch, in integers: that groups hold pods of the demand once, that all
/// that can be bought is covered at the market's prices, that no node can hold pods of more worth
/// than each claim says, that the boxes of the tree leave out no fleet, and what bound follows.
/// A certificate may leave constraints of pods out; it is refused if it counts on one that is not
/// there. What is trusted: demand, market and policy as they are given.
Verdict verify_certificate(const plan::Certificate& certificate, const cluster::Demand& demand,
                           const market::Market& market, const cluster::Policy& policy,
                           const VerifyOptions& options = {});

/// A fleet and what became of checking it.
struct FleetVerdict {
  std::vector<std::string> complaints;
  MicroUsdPerHour bill;  ///< what the market asks for these nodes
  std::int64_t pods = 0;
};

/// Checks that these nodes hold every pod that `certificate` counts and no other, legally, and adds
/// up their prices. Of the nodes `allocatable` is not read: it is reckoned anew.
FleetVerdict verify_fleet(const std::vector<plan::NodePlan>& nodes,
                          const plan::Certificate& certificate, const cluster::Demand& demand,
                          const market::Market& market, const cluster::Policy& policy);

}  // namespace kerf::check
