// MonthBill: what a fleet costs in a month of which Jobs run a part only.
#pragma once

#include <cstdint>
#include <vector>

#include "base/money.h"
#include "core/cluster/demand.h"

namespace kerf::plan {

/// What a need weighs where a node's price is parted: millionths of all that there is.
inline std::int64_t price_weight(std::int64_t need, std::int64_t total) {
  return total <= 0 ? 0 : static_cast<std::int64_t>(Int128{need} * 1'000'000 / total);
}

/// One pod's part of its node's price while all of the node's pods run.
struct NodePart {
  std::uint32_t workload = 0;
  MicroUsdPerHour cost;
};

/// Adds up nodes. Rules:
///  - a node that holds anything always on (a pod of a Deployment, headroom) is paid for all month;
///    Jobs on it pay their part for their hours, the pods that are always on share the rest;
///  - a node that only Jobs hold is paid for as long as the longest of them runs, and they share it
///    by part times hours. Jobs whose hours are not given count none: their cost stands in
///    transient() alone.
class MonthBill {
 public:
  explicit MonthBill(const cluster::Demand& demand);

  /// `parts` add up to `price`, or are empty where headroom alone is kept.
  void add(MicroUsdPerHour price, const std::vector<NodePart>& parts, bool has_headroom);

  /// Price of the nodes that only Jobs hold: the bill is less by it while no Job runs.
  MicroUsdPerHour transient() const { return transient_; }
  std::int64_t micro_usd() const { return micro_usd_; }
  /// By workload; adds up to micro_usd() less what nobody but headroom pays.
  const std::vector<std::int64_t>& by_workload() const { return by_workload_; }

 private:
  /// Thousandths of an hour a month.
  std::int64_t milli_hours(std::uint32_t workload) const;

  const cluster::Demand& demand_;
  MicroUsdPerHour transient_;
  std::int64_t micro_usd_ = 0;
  std::vector<std::int64_t> by_workload_;
};

}  // namespace kerf::plan
