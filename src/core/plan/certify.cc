// Classes become groups of pods, machines become pools, leaves get a claim for each pool.
#include "core/plan/certify.h"

#include <algorithm>
#include <map>

#include "core/plan/pricing.h"

namespace kerf::plan {

namespace {

class Writer {
 public:
  Writer(const Problem& problem, const Proof& proof, const cluster::Demand& demand,
         LpSolver& solver)
      : problem_(problem), proof_(proof), demand_(demand), solver_(solver) {}

  Certificate run() {
    out_.bound = proof_.bound;
    for (const ItemClass& item : problem_.classes) {
      add_group(item);
      items_.push_back(item.demand);
    }
    add_pools();
    if (proof_.method == "exact") {
      out_.method = Certificate::Method::Exact;
      return std::move(out_);
    }
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m)
      pricers_.emplace_back(problem_, m, solver_);
    for (Proof::Leaf leaf : proof_.leaves) {
      if (leaf.worths.empty()) price(leaf);
      out_.bound = std::min(out_.bound, bound_of(problem_, items_, leaf));
      add_leaf(leaf);
    }
    add_branches();
    return std::move(out_);
  }

 private:
  void add_group(const ItemClass& item) {
    Certificate::Group group;
    if (item.headroom)
      group.headroom = static_cast<std::int32_t>(item.shapes[0] - demand_.shapes.size());
    else group.pods = item.pods;
    std::sort(group.pods.begin(), group.pods.end());
    if (item.per_node == 1) group.per_node = 1;
    out_.groups.push_back(std::move(group));
  }

  /// One pool for each machine; those of one stock share one. Machines that stand in for missing
  /// nodes are no offerings.
  void add_pools() {
    std::map<std::int32_t, std::uint32_t> of_stock;
    for (const Machine& machine : problem_.machines) {
      auto index = static_cast<std::uint32_t>(out_.pools.size());
      if (machine.missing) {
        pool_of_.push_back(kNone);
        continue;
      }
      if (machine.stock >= 0) index = of_stock.try_emplace(machine.stock, index).first->second;
      if (index == out_.pools.size()) out_.pools.push_back({{}, machine.at_most});
      pool_of_.push_back(index);
      std::vector<Certificate::Offered>& offerings = out_.pools[index].offerings;
      const gpu::GpuMode mode = problem_.kinds[machine.kind]->mode();
      offerings.push_back(
          {machine.type, machine.capacity_type, machine.zones, mode, machine.price});
      for (const Machine::Beaten& beaten : machine.beaten)
        offerings.push_back({beaten.type, beaten.capacity_type, beaten.zones, mode, beaten.price});
    }
  }

  void price(Proof::Leaf& leaf) {
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m)
      leaf.worths.push_back(
          pricers_[m]
              .price(leaf.values, items_, full_price(problem_.machines[m], leaf.gpu), 0)
              .worth);
  }

  void add_leaf(const Proof::Leaf& from) {
    Certificate::Leaf leaf;
    leaf.values = from.values;
    leaf.gpu = from.gpu;
    leaf.claims.resize(out_.pools.size());
    std::vector<bool> seen(out_.pools.size());
    for (std::uint32_t m = 0; m < problem_.machines.size(); ++m) {
      if (pool_of_[m] == kNone) continue;
      const Certificate::Claim claim = claim_for(m, from);
      Certificate::Claim& have = leaf.claims[pool_of_[m]];
      if (!seen[pool_of_[m]]) {
        have = claim;
      } else {  // two machines of one stock: no multipliers hold for both
        have.by_multipliers = false;
        if (claim.worth > have.worth) {
          have.worth = claim.worth;
          have.multipliers = claim.multipliers;
        }
      }
      seen[pool_of_[m]] = true;
    }
    out_.leaves.push_back(std::move(leaf));
  }

  Certificate::Claim claim_for(std::uint32_t m, const Proof::Leaf& leaf) {
    const Priced priced = pricers_[m].price(leaf.values, items_, leaf.worths[m], 0);
    Certificate::Claim claim;
    claim.pool = pool_of_[m];
    claim.by_multipliers = priced.worth <= leaf.worths[m];
    claim.worth = std::min(priced.worth, leaf.worths[m]);
    const Resources& each = priced.multipliers.each;
    claim.multipliers = {each.cpu_milli, each.memory_mib, each.disk_mib, each.pods, {}};
    const GpuKind& kind = *problem_.kinds[problem_.machines[m].kind];
    for (std::size_t u = 0; u < kind.units().size(); ++u)
      if (priced.multipliers.units[u] > 0)
        claim.multipliers.forms.emplace_back(kind.units()[u], priced.multipliers.units[u]);
    return claim;
  }

  void add_branches() {
    if (proof_.branches.empty()) {
      out_.branches.push_back({0, 0, 0, 0, 0});
      return;
    }
    for (const Proof::Branch& branch : proof_.branches)
      out_.branches.push_back({branch.leaf, branch.leaf < 0 ? pool_of_[branch.machine] : 0,
                               branch.at_most, branch.left, branch.right});
  }

  static constexpr std::uint32_t kNone = 0xffffffff;

  const Problem& problem_;
  const Proof& proof_;
  const cluster::Demand& demand_;
  LpSolver& solver_;
  Certificate out_;
  std::vector<std::int64_t> items_;     ///< by class
  std::vector<std::uint32_t> pool_of_;  ///< by machine
  std::vector<NodePricer> pricers_;
};

}  // namespace

Certificate make_certificate(const Problem& problem, const Proof& proof,
                             const cluster::Demand& demand, LpSolver& solver) {
  return Writer(problem, proof, demand, solver).run();
}

}  // namespace kerf::plan
