// Figures that table and JSON both state: months, gaps and what may be compared with what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"
#include "core/gpu/geometry.h"
#include "core/market/market.h"
#include "core/plan/plan.h"

namespace kerf::report {

/// Micro-dollars a month of a rate that is paid for so many hours (thousandths of an hour count).
/// Saturates.
std::int64_t month_micro_usd(MicroUsdPerHour rate, double hours);

/// True if the baseline serves the same pods as the plan; else its cost says nothing about the
/// plan's.
bool comparable(const plan::Plan& plan, const plan::Baseline& baseline);

/// How far the bill is above the bound in tenths of a percent, rounded up, so that it is never
/// understated; nullopt if nothing is proven.
std::optional<std::int64_t> gap_tenths(const plan::Plan& plan);

/// 100 * (from - to) / from in tenths of a percent, rounded towards -infinity: a saving is never
/// overstated, extra cost never understated. 0 if from is not positive.
std::int64_t saving_tenths(std::int64_t from, std::int64_t to);

/// 381 -> "38.1 %".
std::string percent(std::int64_t tenths);

/// What a plan uses of what is owned.
struct OwnedUse {
  std::int64_t nodes = 0;
  MicroUsdPerHour on_demand;  ///< what these nodes would cost on demand, at the least price of each
                              ///< type
  std::int64_t unpriced = 0;  ///< of them: nodes of types that are not sold on demand
};
OwnedUse owned_use(const plan::Plan& plan, const market::Market& market);
/// What is owned, used or not: instance types and nodes, in the market's order.
std::vector<std::pair<std::string, std::int64_t>> owned_nodes(const market::Market& market);

/// The model of a node's GPUs.
const gpu::Model& model_of(const market::Market& market, const plan::NodePlan& node);

/// The state of a MIG GPU as a layout; empty if it is not cut.
gpu::Layout layout_of(const plan::GpuPlan& gpu);

}  // namespace kerf::report
