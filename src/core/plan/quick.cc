// The sifted LP for bound and values; contents of nodes for the fleet; merged where there are many.
#include "core/plan/quick.h"

#include <algorithm>
#include <set>

#include "core/plan/columns.h"
#include "core/plan/contents.h"
#include "core/plan/merge.h"
#include "core/plan/sift.h"
#include "core/plan/tidy.h"

namespace kerf::plan {

namespace {

constexpr std::size_t kGroups = 120;  ///< more classes than these are put together
constexpr std::size_t kMany = 1000;   ///< of more than so many classes, into:
constexpr std::size_t kGroupsOfMany = 160;
constexpr int kPasses = 3;

bool any(const std::vector<std::int64_t>& items) {
  return std::any_of(items.begin(), items.end(), [](std::int64_t n) { return n > 0; });
}

/// Takes what the fleet serves off the items.
void take(const Problem& problem, const Fleet& fleet, std::vector<std::int64_t>& items) {
  const std::vector<std::int64_t> served = served_by(problem, fleet);
  for (std::size_t c = 0; c < items.size(); ++c) items[c] -= served[c];
}

/// The state of one call of start_fleet.
class Starter {
 public:
  Starter(const Problem& problem, const std::vector<std::int64_t>& demand, LpSolver& solver,
          const StartOptions& options)
      : problem_(problem),
        demand_(demand),
        solver_(solver),
        groups_(alike(problem, demand.size() > kMany ? kGroupsOfMany : kGroups)),
        lp_(problem, demand, groups_, solver) {
    content_.tick = options.tick;
    for (const Machine& machine : problem.machines) left_.push_back(machine.at_most);
    start_.values.assign(demand.size(), 1);
    start_.proven.assign(demand.size(), 0);
    start_.unserved = demand;
  }

  Start run(bool fleet) {
    if (lp_.solve(demand_, left_)) {
      start_.solved = true;
      start_.bound = lp_.certified(demand_, start_.proven);
      start_.values = lp_.values();
    }
    if (fleet) {
      for (std::uint32_t m = 0; m < problem_.machines.size(); ++m)
        if (lp_.known(m)) machines_.push_back(m);
      if (std::set<std::uint32_t>(groups_.begin(), groups_.end()).size() < groups_.size())
        buy_merged();
      if (any(start_.unserved)) buy_rest();
      if (any(start_.unserved)) buy_greedily();
      tidy(problem_, start_.fleet);
    }
    start_.lps += lp_.solves();
    return std::move(start_);
  }

 private:
  /// For groups of classes, as if all of a group were alike; then each place gets its item.
  void buy_merged() {
    const Merged merged(problem_, demand_, groups_);
    Contents contents(merged.problem(), merged.demand(demand_),
                      merged.values(start_.values, demand_), left_, machines_, solver_);
    for (std::uint32_t m = 0; m < left_.size(); ++m) contents.guide(m, lp_.prices(m));
    for (const std::uint32_t m : machines_) contents.start(m, lp_.nodes(m), lp_.pools(m));
    ContentOptions options = content_;
    for (int pass = 0; pass < kPasses && any(start_.unserved); ++pass) {
      contents.ask(merged.demand(start_.unserved));
      for (const Pattern& node : contents.buy(options)) {
        Pattern real = merged.realise(node, start_.unserved);
        if (!real.content.empty()) start_.fleet.push_back(std::move(real));
      }
      options.root_rounds = 1;
    }
    start_.lps += contents.solves();
    for (const Pattern& node : start_.fleet)
      if (left_[node.machine] >= 0) --left_[node.machine];
  }

  void buy_rest() {
    Contents contents(problem_, start_.unserved, start_.values, left_, machines_, solver_);
    for (std::uint32_t m = 0; m < left_.size(); ++m) contents.guide(m, lp_.prices(m));
    for (const std::uint32_t m : machines_) {
      if (!start_.fleet.empty()) break;
      std::vector<double> items(problem_.machines[m].candidates.size());
      for (std::uint32_t i = 0; i < items.size(); ++i)
        if (const std::int32_t pool = lp_.pool_of(m, i); pool >= 0)
          items[i] = lp_.pools(m)[static_cast<std::size_t>(pool)];
      contents.start(m, lp_.nodes(m), std::move(items));
    }
    const Fleet fleet = contents.buy(content_);
    start_.fleet.insert(start_.fleet.end(), fleet.begin(), fleet.end());
    take(problem_, fleet, start_.unserved);
    start_.lps += contents.solves();
  }

  /// Where the solver gave up.
  void buy_greedily() {
    if (std::any_of(left_.begin(), left_.end(), [](std::int64_t n) { return n >= 0; })) return;
    const Fleet fleet = greedy_fleet(problem_, start_.unserved, start_.values);
    start_.fleet.insert(start_.fleet.end(), fleet.begin(), fleet.end());
    take(problem_, fleet, start_.unserved);
  }

  const Problem& problem_;
  const std::vector<std::int64_t>& demand_;
  LpSolver& solver_;
  std::vector<std::uint32_t> groups_;
  SiftedLp lp_;
  std::vector<std::int64_t> left_;  ///< by machine: nodes that can be had; -1 = any number
  std::vector<std::uint32_t> machines_;
  ContentOptions content_;
  Start start_;
};

}  // namespace

Start start_fleet(const Problem& problem, const std::vector<std::int64_t>& demand, LpSolver& solver,
                  const StartOptions& options) {
  return Starter(problem, demand, solver, options).run(options.fleet);
}

}  // namespace kerf::plan
