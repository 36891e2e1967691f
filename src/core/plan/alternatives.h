// Alternatives: every form that could serve pods of one kind, at what price, and what each of their
// constraints costs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/market/market.h"
#include "core/plan/reason.h"

namespace kerf::plan {

/// What one pod costs an hour.
struct PodPrice {
  /// Its part of a node that is full of pods like it: what it costs in a cluster that is well used.
  MicroUsdPerHour shared;
  /// With whole nodes for these pods and nobody else (form_prices in core/plan/account.h).
  MicroUsdPerHour alone;
  auto operator<=>(const PodPrice&) const = default;
};

struct Alternative {
  std::string form;  ///< "1g.10gb A100-80"
  std::string type;  ///< the instance type of the least shared price
  PodPrice price;
};

/// One thing that the pods ask for, and what they would cost without it.
struct Constraint {
  std::string name;  ///< "node selector karpenter.k8s.aws/instance-family=p4d"
  /// The least prices without it; they need not be of one form. nullopt: nothing can serve the pods
  /// without it either.
  std::optional<PodPrice> without;
  /// Least shared price with it less that without it; not negative. 0 where nothing serves the pods
  /// as they are.
  MicroUsdPerHour saving;
  MicroUsdPerHour saving_alone;  ///< the same of PodPrice::alone
};

struct Alternatives {
  std::vector<Alternative> forms;  ///< cheapest shared price first
  std::optional<PodPrice> least;   ///< nullopt: nothing on sale can serve all of the pods
  Reason why_not;                  ///< then
  /// Where nothing serves the pods, those whose lack would change that first; then by saving.
  std::vector<Constraint> constraints;
};

/// For pods of one shape. `pods` are indices in Demand::pods; more pods than one change what whole
/// nodes cost and how they spread. Constraints that are looked at: each requirement of the node
/// selector, node affinity, zones of volumes, taints of the policy that are not tolerated, spread,
/// affinity (to pods like them) and anti-affinity, isolation, the profile or whole GPU asked for by
/// name, CPU, memory, and the policy's architectures. What is owned is left out: it has no price.
/// Cost: two or three hundred microseconds for each offering and constraint.
Alternatives alternatives(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                          const market::Market& market, const cluster::Policy& policy);

}  // namespace kerf::plan
