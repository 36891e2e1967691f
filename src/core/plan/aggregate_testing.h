// The aggregated LP written out whole, for tests: what the sifted one must be worth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/plan/aggregate.h"
#include "core/plan/lp.h"
#include "core/plan/problem.h"

namespace kerf::plan::testing {

/// Columns: for each machine m its node count n, for each corner of its GPU kind the GPUs y cut so,
/// for each candidate the items x served so. Rows: demand of each class, nodes of each stock, then
/// those of each machine.
struct AggregateLp {
  LinearProgram lp;
  std::vector<std::int32_t> node_column;  ///< by machine
  std::vector<std::int32_t> demand_row;   ///< by class
  std::vector<std::int32_t> stock_row;
  std::vector<MachineRows> machine_rows;
};

inline AggregateLp build_aggregate(const Problem& problem,
                                   const std::vector<std::int64_t>& demand) {
  constexpr double kInf = LinearProgram::kInfinity;
  AggregateLp out;
  LinearProgram& lp = out.lp;
  for (const std::int64_t items : demand)
    out.demand_row.push_back(lp.add_row(static_cast<double>(items), kInf));
  for (const std::int64_t nodes : problem.stocks)
    out.stock_row.push_back(lp.add_row(-kInf, static_cast<double>(nodes)));
  for (const Machine& machine : problem.machines) {
    const GpuKind& kind = *problem.kinds[machine.kind];
    MachineRows rows;
    for (std::int32_t* row : {&rows.cpu, &rows.memory, &rows.disk, &rows.pods, &rows.gpus})
      *row = lp.add_row(-kInf, 0);
    for (std::size_t u = 0; u < kind.units().size(); ++u)
      rows.units.push_back(lp.add_row(-kInf, 0));
    const auto resources = [&](const Resources& amount, double sign) {
      lp.add_entry(rows.cpu, sign * static_cast<double>(amount.cpu_milli) / 1000);
      lp.add_entry(rows.memory, sign * static_cast<double>(amount.memory_mib) / 1024);
      lp.add_entry(rows.disk, sign * static_cast<double>(amount.disk_mib) / 1024);
      lp.add_entry(rows.pods, sign * static_cast<double>(amount.pods));
    };
    const auto units = [&](const UnitCounts& counts, double sign) {
      for (std::size_t u = 0; u < kind.units().size(); ++u)
        if (counts.n[u] > 0) lp.add_entry(rows.units[u], sign * counts.n[u]);
    };
    out.node_column.push_back(
        lp.add_column(static_cast<double>(machine.price.micro) / 1e6, 0, kInf));
    resources(machine.allocatable, -1);
    lp.add_entry(rows.gpus, -machine.gpus);
    if (machine.stock >= 0) lp.add_entry(out.stock_row[static_cast<std::size_t>(machine.stock)], 1);
    for (const UnitCounts& corner : kind.corners()) {
      lp.add_column(0, 0, kInf);
      lp.add_entry(rows.gpus, 1);
      units(corner, -1);
    }
    for (const Candidate& candidate : machine.candidates) {
      lp.add_column(0, 0, kInf);
      lp.add_entry(out.demand_row[candidate.cls], 1);
      resources(problem.classes[candidate.cls].need, 1);
      units(candidate.units, 1);
    }
    out.machine_rows.push_back(std::move(rows));
  }
  return out;
}

}  // namespace kerf::plan::testing
