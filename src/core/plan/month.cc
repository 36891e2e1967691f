// Months in micro-dollars, hours in thousandths; products in 128 bits.
#include "core/plan/month.h"

#include <algorithm>
#include <cmath>

namespace kerf::plan {
namespace {

constexpr std::int64_t kMonth = kHoursPerMonth * 1000;

std::int64_t paid(MicroUsdPerHour rate, std::int64_t milli_hours) {
  return static_cast<std::int64_t>(Int128{rate.micro} * milli_hours / 1000);
}

}  // namespace

MonthBill::MonthBill(const cluster::Demand& demand)
    : demand_(demand), by_workload_(demand.workloads.size(), 0) {}

std::int64_t MonthBill::milli_hours(std::uint32_t workload) const {
  const cluster::Workload& owner = demand_.workloads[workload];
  if (!owner.transient) return kMonth;
  return std::clamp<std::int64_t>(std::llround(owner.hours_per_month * 1000), 0, kMonth);
}

void MonthBill::add(MicroUsdPerHour price, const std::vector<NodePart>& parts, bool has_headroom) {
  const auto transient = [&](const NodePart& part) {
    return demand_.workloads[part.workload].transient;
  };
  const bool jobs_only =
      !has_headroom && !parts.empty() && std::all_of(parts.begin(), parts.end(), transient);
  std::int64_t hours = jobs_only ? 0 : kMonth;
  if (jobs_only) {
    transient_ += price;
    for (const NodePart& part : parts) hours = std::max(hours, milli_hours(part.workload));
  }
  const std::int64_t total = paid(price, hours);
  micro_usd_ += total;

  // Who shares what the others leave: on a node of Jobs all of them, else those that are always on.
  std::vector<std::int64_t> weights;
  std::int64_t rest = total;
  for (const NodePart& part : parts) {
    if (jobs_only) {
      weights.push_back(paid(part.cost, milli_hours(part.workload)));
    } else if (transient(part)) {
      const std::int64_t own = paid(part.cost, milli_hours(part.workload));
      by_workload_[part.workload] += own;
      rest -= own;
      weights.push_back(0);
    } else {
      weights.push_back(part.cost.micro);
    }
  }
  // Nobody to share it: headroom keeps the node.
  if (std::all_of(weights.begin(), weights.end(), [](std::int64_t w) { return w == 0; })) return;
  const std::vector<MicroUsdPerHour> shares = split({rest}, weights);
  for (std::size_t i = 0; i < parts.size(); ++i) by_workload_[parts[i].workload] += shares[i].micro;
}

}  // namespace kerf::plan
