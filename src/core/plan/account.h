// account: who pays what, why each pod is where it is, and what of the purchase is not used.
#pragma once

#include "core/plan/geometries.h"
#include "core/plan/pattern.h"
#include "core/plan/plan.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// Fills placements, workloads, actions, bill, transient_part, month and utilisation of a plan
/// whose nodes are set. Dollars: a node's price is parted among its pods by the largest part that
/// each takes of any resource (CPU, memory, GPU), exactly to the micro-dollar; idle room is carried
/// by those who are there.
void account(const Problem& problem, const cluster::Demand& demand, const market::Market& market,
             Geometries& geometries, Plan& plan);

/// The part of it that follows from nodes and placements: workloads, transient_part and the month.
void tally(const cluster::Demand& demand, const market::Market& market, Plan& plan);

/// What one pod of the class would cost if all of the class, and nobody else, were served in one
/// form by one machine: whole nodes, parted among these pods. By form as people name it, the
/// cheapest first. For reasons ("the next best form would cost ...").
struct FormPrice {
  std::string form;
  MicroUsdPerHour per_item;
  /// Its part of a node that is full of pods like it, at the least, and that node's type
  /// (Market::types).
  MicroUsdPerHour shared;
  std::uint32_t type = 0;
};
std::vector<FormPrice> form_prices(const Problem& problem, std::uint32_t cls);

}  // namespace kerf::plan
