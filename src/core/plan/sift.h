// SiftedLp: the aggregated LP over few machines and few kinds of items, with duals that hold for
// all.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/plan/aggregate.h"
#include "core/plan/lp.h"
#include "core/plan/problem.h"

namespace kerf::plan {

/// What the resources of one node are worth, in dollars an hour; never negative.
struct NodePrices {
  double cpu_milli = 0, memory_mib = 0, disk_mib = 0, pods = 0;
  std::array<double, UnitCounts::kMax> unit{};  ///< by unit of the machine's kind

  double of(const Resources& need) const {
    return cpu_milli * static_cast<double>(need.cpu_milli) +
           memory_mib * static_cast<double>(need.memory_mib) +
           disk_mib * static_cast<double>(need.disk_mib) + pods * static_cast<double>(need.pods);
  }
  double of(const UnitCounts& counts, std::size_t units) const {
    double sum = 0;
    for (std::size_t u = 0; u < units; ++u) sum += unit[u] * counts.n[u];
    return sum;
  }
};

/// The aggregated LP: for each machine its nodes, the GPUs cut to each corner and the items served
/// by each candidate, all nodes of a machine as one pool. Solved over a growing part of it.
///
/// Rules: it starts with the machines that are the cheapest for some class by its dominant share,
/// and with those of which only so many can be had. After each solve every other machine is asked
/// for resource prices under which one node is worth no more than it costs and no class less than
/// it is worth now (a few subgradient steps in the direction of that); those that have none come
/// in. Where there are many classes, those served alike and near each other in CPU and memory are
/// one row of the LP, by their mean; what a class is worth then follows from the resource prices,
/// class by class. So the duals are a good proposal for all machines and all classes, and certify()
/// makes a bound of them that holds whatever was left out here.
/// Cost of a solve: a simplex over some 160 rows of items, and candidates x a few.
class SiftedLp {
 public:
  /// `group_of`: see alike() in merge.h.
  SiftedLp(const Problem& problem, const std::vector<std::int64_t>& demand,
           const std::vector<std::uint32_t>& group_of, LpSolver& solver);

  /// Solves for what is left: items by class and, by machine, the nodes that can still be had (-1 =
  /// any number). False: the solver gave up, and nothing below is of use.
  bool solve(const std::vector<std::int64_t>& residual, const std::vector<std::int64_t>& left);

  /// Nodes that the last solution has of a machine.
  double nodes(std::uint32_t machine) const { return nodes_[machine]; }
  /// Items that the last solution serves on a machine, by pool; a pool is what candidates of like
  /// items share.
  const std::vector<double>& pools(std::uint32_t machine) const { return pools_[machine]; }
  /// The pool of a candidate of a known machine; -1 = none.
  std::int32_t pool_of(std::uint32_t machine, std::uint32_t candidate) const {
    return pool_of_[machine][candidate];
  }
  bool known(std::uint32_t machine) const { return known_[machine]; }
  const NodePrices& prices(std::uint32_t machine) const { return prices_[machine]; }
  /// By class: what an item is worth under the last solution.
  const std::vector<double>& values() const { return values_; }
  std::int64_t solves() const { return solves_; }
  /// The bound that the last solution's duals prove, for these items and the machines' own limits;
  /// `proven` gets what items are worth in that proof (see certify).
  MicroUsdPerHour certified(const std::vector<std::int64_t>& demand,
                            std::vector<std::int64_t>& proven) const;

 private:
  void make_rows();
  void choose_first(const std::vector<std::int64_t>& demand);
  void add_machine(std::uint32_t m, LinearProgram& columns);
  void read(const LpSolution& solution);
  void value_classes();
  bool price_out(std::uint32_t m);

  const Problem& problem_;
  LpSolver& solver_;
  std::vector<std::uint32_t> cluster_of_;  ///< by class
  std::vector<double> cluster_demand_;
  std::vector<double> weight_;  ///< by class: items at first
  LinearProgram program_;
  std::unique_ptr<LpSession> session_;
  std::vector<MachineRows> rows_;  ///< by machine
  std::vector<bool> known_;
  std::vector<std::int32_t> node_column_;
  std::int32_t columns_ = 0;
  std::vector<std::uint8_t> asked_;  ///< resources that some class asks for
  std::vector<double> nodes_;
  std::vector<std::int32_t> first_pool_;            ///< by machine: column of its first pool
  std::vector<std::vector<std::int32_t>> pool_of_;  ///< by machine, candidate
  std::vector<std::vector<double>> pools_;
  std::vector<NodePrices> prices_;
  std::vector<double> values_;
  std::int64_t solves_ = 0;
};

}  // namespace kerf::plan
