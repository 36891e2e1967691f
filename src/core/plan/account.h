// account: who pays what, why each pod is where it is, and what of the purchase is not used.
#pragma once

#include "core/plan/pattern.h"
#include "core/plan/plan.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Fills placements, workloads, actions, bill, transient_part, month and utilisation of a plan whose
/// nodes are set. Dollars: a node's price is parted among its pods by the largest part that each
/// takes of any resource (CPU, memory, GPU), exactly to the micro-dollar; idle room is carried by
/// those who are there.
void account(const Problem& problem, const cluster::Demand& demand, const market::Market& market,
             Plan& plan);

/// The cost of one item when a machine is filled with its like alone: price / how many fit. By form
/// as people name it, cheapest machine first. For reasons ("the next best form costs ...").
struct FormPrice {
  std::string form;
  MicroUsdPerHour per_item;
};
std::vector<FormPrice> form_prices(const Problem& problem, std::uint32_t cls);

}  // namespace kerf::plan
