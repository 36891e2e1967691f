// Months, gaps and comparisons, rounded so that nothing looks better than it is.
#include "report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/market/owned.h"

namespace kerf::report {
namespace {

constexpr double kHoursMax = 1e9;  ///< keeps the product in 128 bits; a month has 730

std::int64_t saturated(Int128 value) {
  const Int128 most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp<Int128>(value, -most, most));
}

Int128 floor_div(Int128 a, Int128 b) {
  const Int128 quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

}  // namespace

std::int64_t month_micro_usd(MicroUsdPerHour rate, double hours) {
  if (!(hours > 0)) return 0;
  return saturated(Int128{rate.micro} * std::llround(std::min(hours, kHoursMax) * 1000) / 1000);
}

bool comparable(const plan::Plan& plan, const plan::Baseline& baseline) {
  return std::equal(plan.unplaced.begin(), plan.unplaced.end(), baseline.unplaced.begin(),
                    baseline.unplaced.end(),
                    [](const plan::Unplaced& a, std::uint32_t pod) { return a.pod == pod; });
}

std::optional<std::int64_t> gap_tenths(const plan::Plan& plan) {
  if (plan.bound.optimal) return 0;
  const Int128 bound = plan.bound.per_hour.micro;
  if (bound <= 0 || plan.bound.method == "none") return std::nullopt;
  const Int128 over = Int128{plan.bill.micro} - bound;
  return over <= 0 ? 0 : saturated((over * 1000 + bound - 1) / bound);
}

std::int64_t saving_tenths(std::int64_t from, std::int64_t to) {
  if (from <= 0) return 0;
  return saturated(floor_div((Int128{from} - to) * 1000, from));
}

std::string percent(std::int64_t tenths) {
  const bool negative = tenths < 0;
  const std::int64_t size = negative ? -tenths : tenths;
  return fmt::format("{}{}.{} %", negative ? "-" : "", size / 10, size % 10);
}

OwnedUse owned_use(const plan::Plan& plan, const market::Market& market) {
  std::map<std::uint32_t, MicroUsdPerHour> prices;
  for (const market::Offering& offering : market.offerings) {
    if (offering.capacity_type != market::CapacityType::OnDemand || offering.count) continue;
    const auto [it, fresh] = prices.try_emplace(offering.type, offering.price);
    if (!fresh) it->second = std::min(it->second, offering.price);
  }
  OwnedUse use;
  for (const plan::NodePlan& node : plan.nodes) {
    if (!node.owned) continue;
    ++use.nodes;
    const auto price = prices.find(node.type);
    if (price == prices.end()) ++use.unpriced;
    else use.on_demand += price->second;
  }
  return use;
}

std::vector<std::pair<std::string, std::int64_t>> owned_nodes(const market::Market& market) {
  std::vector<std::pair<std::string, std::int64_t>> owned;
  for (const market::Offering& offering : market.offerings) {
    if (!market::is_owned(offering)) continue;
    const std::string& type = market.types[offering.type].name;
    if (owned.empty() || owned.back().first != type) owned.emplace_back(type, 0);
    owned.back().second += *offering.count;
  }
  return owned;
}

const gpu::Model& model_of(const market::Market& market, const plan::NodePlan& node) {
  return market.model_of(market.types[node.type]);
}

gpu::Layout layout_of(const plan::GpuPlan& gpu) {
  gpu::Layout layout;
  for (const plan::SlicePlan& slice : gpu.slices)
    if (slice.form.kind == gpu::FormKind::Slice)
      layout.push_back({slice.form.profile, slice.start});
  std::sort(layout.begin(), layout.end(), [](const gpu::Placed& a, const gpu::Placed& b) {
    return a.start != b.start ? a.start < b.start : a.profile < b.profile;
  });
  return layout;
}

}  // namespace kerf::report
