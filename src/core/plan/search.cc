// Effort levels, and the order in which bounds and fleets are looked for.
#include "core/plan/search.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/plan/branch.h"
#include "core/plan/columns.h"
#include "core/plan/exact.h"
#include "core/plan/gpu_rent.h"
#include "core/plan/improve.h"
#include "core/plan/quick.h"

namespace kerf::plan {

namespace {

/// Fleets of so few count vectors are solved by trying everything.
constexpr std::int64_t kExactVectors = Certificate::kExactVectors;
/// Above so many nodes, fractions of a node are no more than the tolerance of column generation.
constexpr std::size_t kSmallFleet = 120;
/// Classes times pricing rounds after one step of a dive, and the fewest rounds.
constexpr std::int64_t kDiveWork = 6000, kFewestRounds = 2;

/// True if fleets have to obey what pricing does not look at.
bool has_company(const Problem& problem) {
  return problem.has_conflicts() ||
         std::any_of(problem.classes.begin(), problem.classes.end(),
                     [](const ItemClass& item) { return !item.labels.empty(); });
}

Proof exact_proof(MicroUsdPerHour bill) {
  Proof proof;
  proof.bound = bill;
  proof.method = "exact";
  proof.optimal = true;
  return proof;
}

class Search {
 public:
  Search(const Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
         const Effort& effort, const Told& told)
      : problem_(problem), items_(items), solver_(solver), effort_(effort), told_(told) {}

  Found find() {
    if (auto fleet = try_everything()) return {*fleet, exact_proof(bill_of(problem_, *fleet))};
    start(true);
    keep_to_stock();
    fleet_ = std::move(start_.fleet);
    bill_ = bill_of(problem_, fleet_);
    // With what is owned a first fleet is too dear to leave it at that.
    if (effort_.generates || !problem_.stocks.empty()) {
      generate_columns();
      if (has_company(problem_)) search_with_company();
      else dive();
      local_search();
      branch();
    }
    proof_.optimal = proof_.bound == bill_;
    return {std::move(fleet_), std::move(proof_)};
  }

  Proof prove(MicroUsdPerHour bill) {
    if (auto fleet = try_everything()) {
      Proof proof = exact_proof(bill_of(problem_, *fleet));
      proof.optimal = proof.bound == bill;
      return proof;
    }
    start(effort_.generates);
    if (effort_.generates) keep_to_stock();
    fleet_ = std::move(start_.fleet);
    if (effort_.generates) {
      generate_columns();
      branch();
    }
    proof_.bound = std::min(proof_.bound, bill);
    proof_.optimal = proof_.bound == bill;
    return std::move(proof_);
  }

 private:
  void tell(std::string_view stage) const {
    if (told_) told_(stage, bill_, proof_.bound);
  }

  /// The cheapest fleet within the limit on GPUs, or of all, where none is found within it.
  std::optional<Fleet> try_everything() const {
    std::optional<Fleet> fleet = exact_fleet(problem_, items_, kExactVectors);
    if (!fleet || keeps_to_gpus(problem_, *fleet)) return fleet;
    constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();
    std::optional<Fleet> within =
        exact_fleet(problem_, items_, kExactVectors, kNoEnd, nullptr, problem_.limit_gpus);
    return within ? within : fleet;
  }

  void start(bool fleet) {
    tell("start");
    StartOptions options;
    options.fleet = fleet;
    options.tick = [this] { tell("start"); };
    start_ = start_fleet(problem_, items_, solver_, options);
    proof_.bound = start_.bound;
    proof_.method = start_.solved ? "aggregated-lp" : "none";
    proof_.steps = start_.lps;
    proof_.leaves = {{open_boxes(problem_), start_.proven, {}, 0}};
  }

  /// Machines of one stock share its nodes: what goes beyond it is bought anew.
  void keep_to_stock() {
    Stock stock(problem_);
    Fleet kept;
    std::vector<std::int64_t> left = items_;
    for (Pattern& node : start_.fleet) {
      if (stock.left(node.machine) <= 0) continue;
      stock.take(node.machine, 1);
      kept.push_back(std::move(node));
    }
    if (kept.size() == start_.fleet.size() &&
        std::all_of(start_.unserved.begin(), start_.unserved.end(),
                    [](std::int64_t n) { return n <= 0; }))
      return start_.fleet.swap(kept);
    const std::vector<std::int64_t> served = served_by(problem_, kept);
    for (std::size_t c = 0; c < left.size(); ++c) left[c] -= served[c];
    const Fleet rest = greedy_fleet(problem_, left, start_.values, &stock);
    kept.insert(kept.end(), rest.begin(), rest.end());
    start_.fleet = std::move(kept);
  }

  void generate_columns() {
    GenerationOptions options = effort_.generation;
    options.tick = [this](MicroUsdPerHour bound) {
      proof_.bound = std::max(proof_.bound, bound);
      tell("columns");
    };
    generated_ = generate(problem_, items_, start_.proven, fleet_, solver_, options);
    proof_.steps += generated_.rounds;
    if (generated_.bound > start_.bound) proof_.method = "column-generation";
    proof_.bound = std::max(start_.bound, generated_.bound);
    proof_.leaves = {generated_.leaf};
  }

  void take_if_cheaper(Fleet fleet) {
    const MicroUsdPerHour bill = bill_of(problem_, fleet);
    if (!fleet_.empty() && bill >= bill_) return;
    bill_ = bill;
    fleet_ = std::move(fleet);
  }

  void dive() {
    tell("dive");
    ColumnOptions options;
    options.dive_rounds = dive_rounds();
    options.tick = [this] { tell("dive"); };
    if (generated_.columns.empty()) return;
    take_if_cheaper(dive_columns(problem_, items_, generated_.columns, generated_.nodes,
                                 generated_.duals, solver_, options));
  }

  /// Pricing that obeys conflicts and labels finds columns of its own.
  void search_with_company() {
    tell("search");
    ColumnOptions options;
    options.root_rounds = effort_.generation.rounds;
    options.dive_rounds = dive_rounds();
    options.tick = [this] { tell("search"); };
    take_if_cheaper(generate_fleet(problem_, items_, start_.values, fleet_, solver_, options));
  }

  /// Many kinds of items make a round dear; their fleets are large, so it matters less.
  std::int64_t dive_rounds() const {
    const auto classes = static_cast<std::int64_t>(std::max<std::size_t>(1, items_.size()));
    return std::min(effort_.dive_rounds, std::max(kFewestRounds, kDiveWork / classes));
  }

  void local_search() {
    // Of many nodes nobody can tell a fleet within the tolerance from the cheapest.
    MicroUsdPerHour floor = proof_.bound;
    if (fleet_.size() > kSmallFleet)
      floor.micro += floor.micro / 1'000'000 * 2 * effort_.generation.tolerance;
    improve(
        problem_, generated_.duals.empty() ? start_.values : generated_.duals, floor,
        effort_.improve_steps, [this] { tell("improve"); }, fleet_);
    bill_ = bill_of(problem_, fleet_);
  }

  void branch() {
    if (fleet_.size() > kSmallFleet || effort_.branch_steps <= 0 || generated_.columns.empty())
      return;
    tell("whole nodes");
    const bool company = has_company(problem_);  // a cheaper fleet found there may break it
    BranchOptions options;
    options.steps = effort_.branch_steps;
    options.labels = effort_.branch_labels;
    options.tick = [this, company](MicroUsdPerHour bill, MicroUsdPerHour bound) {
      if (!company) bill_ = bill;
      proof_.bound = std::max(proof_.bound, bound);
      tell("whole nodes");
    };
    Proof root = proof_;
    root.bound = generated_.bound;
    const MicroUsdPerHour before = proof_.bound;
    Fleet fleet = fleet_;
    Proof proof =
        branch_on_nodes(problem_, items_, generated_.columns, root, solver_, options, fleet);
    if (!company) fleet_ = std::move(fleet);
    bill_ = bill_of(problem_, fleet_);
    proof_.bound = before;
    if (proof.bound > before) proof_ = std::move(proof);
  }

  const Problem& problem_;
  const std::vector<std::int64_t>& items_;
  LpSolver& solver_;
  const Effort& effort_;
  const Told& told_;
  Start start_;
  Generated generated_;
  Fleet fleet_;
  MicroUsdPerHour bill_;
  Proof proof_;
};

}  // namespace

Effort effort_of(int level) {
  Effort effort;
  switch (std::clamp(level, 1, 5)) {
    case 1: effort.generates = false; [[fallthrough]];
    case 2:
      effort.generation.rounds = 60;
      effort.generation.width = 480;
      effort.generation.labels = 4'000'000;
      effort.generation.tolerance = 1'000;
      effort.dive_rounds = 4;
      effort.improve_steps = 100;
      effort.branch_steps = 60;
      effort.branch_labels = 1'000'000;
      break;
    case 3: break;
    case 4:
      effort.generation.rounds = 1'000;
      effort.generation.labels *= 8;
      effort.generation.width = 32'000;
      effort.generation.epsilon = 50;
      effort.generation.tolerance = 80;
      effort.improve_steps *= 4;
      effort.branch_steps *= 6;
      effort.branch_labels *= 6;
      break;
    case 5:
      effort.generation.rounds = 4'000;
      effort.generation.labels *= 64;
      effort.generation.width = 256'000;
      effort.generation.epsilon = 10;
      effort.generation.tolerance = 15;
      effort.improve_steps *= 16;
      effort.branch_steps *= 40;
      effort.branch_labels *= 40;
      break;
  }
  return effort;
}

Effort without_proof(Effort effort) {
  effort.branch_steps = 0;
  return effort;
}

Found search_fleet(const Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
                   const Effort& effort, const Told& told) {
  return Search(problem, items, solver, effort, told).find();
}

Proof prove(const Problem& problem, const std::vector<std::int64_t>& items, MicroUsdPerHour bill,
            LpSolver& solver, const Effort& effort, const Told& told) {
  return Search(problem, items, solver, effort, told).prove(bill);
}

}  // namespace kerf::plan
