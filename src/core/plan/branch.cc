// Best-first branch and price; leaves keep the worths that prove them.
#include "core/plan/branch.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/plan/certificate.h"
#include "core/plan/columns.h"
#include "core/plan/improve.h"
#include "core/plan/pricing.h"

namespace kerf::plan {

namespace {

constexpr double kInf = LinearProgram::kInfinity;
constexpr std::int64_t kSimplexSteps = 200'000;
constexpr double kWhole = 1e-6;
constexpr double kMostNodes = 1e9;  ///< in one branch; a solver that says more is wrong
/// Rounds of pricing in one branch at most, and how many branches pass between dives for a fleet.
constexpr int kRounds = 40;
constexpr std::int64_t kDiveEvery = 16;
constexpr std::size_t kNarrow = 20, kWiden = 16;
/// Columns that end a round of pricing.
constexpr std::int64_t kColumns = 12;
/// Tries without a gain that end the local search of a dive.
constexpr std::int64_t kShallow = 30;
constexpr std::int64_t kDeep = 400;

double dollars(MicroUsdPerHour price) { return static_cast<double>(price.micro) / 1e6; }

class Brancher {
 public:
  Brancher(const Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
           const BranchOptions& options, Fleet& fleet)
      : problem_(problem), items_(items), solver_(solver), options_(options), fleet_(fleet) {
    for (std::uint32_t m = 0; m < problem.machines.size(); ++m)
      pricers_.emplace_back(problem, m, solver);
    shared_ = shares_stock(problem);
    bill_ = bill_of(problem, fleet);
    unserved_ = 2 * (1 + dollars(bill_));
  }

  Proof run(const std::vector<Pattern>& columns, const Proof& root) {
    proof_.method = "integer-nodes";
    proof_.steps = root.steps;
    const std::int64_t last = root.steps + options_.steps;
    load(columns);
    nodes_.push_back({});
    nodes_[0].leaf = root.leaves[0];
    nodes_[0].bound = root.bound;
    open_.insert({root.bound, 0});
    while (!open_.empty() && proof_.steps < last && labels() < options_.labels) {
      const auto [bound, n] = *open_.begin();
      if (bound >= bill_ || bound > closed_) break;  // the least leaf stays where it is
      if (options_.tick) options_.tick(bill_, bound);
      open_.erase(open_.begin());
      solve(n);
      if (nodes_[n].bound >= bill_) continue;
      split(n);
      if (nodes_[n].machine < 0) closed_ = std::min(closed_, nodes_[n].bound);
    }
    return finish();
  }

 private:
  struct Node {
    Proof::Leaf leaf;
    MicroUsdPerHour bound;
    std::int64_t machine = -1;  ///< where it is split; -1 = a leaf
    std::int64_t at_most = 0;
    std::uint32_t left = 0, right = 0;
  };

  std::int64_t labels() const {
    std::int64_t sum = 0;
    for (const NodePricer& pricer : pricers_) sum += pricer.labels();
    return sum;
  }

  void load(const std::vector<Pattern>& columns) {
    LinearProgram lp;
    for (const std::int64_t n : items_) lp.add_row(static_cast<double>(n), kInf);
    for (std::size_t m = 0; m < problem_.machines.size(); ++m) lp.add_row(0, kInf);
    for (std::size_t c = 0; c < items_.size(); ++c) {
      lp.add_column(unserved_, 0, kInf);
      lp.add_entry(static_cast<std::int32_t>(c), 1);
    }
    for (const Pattern& pattern : columns) append(pattern, lp);
    session_ = solver_.load(lp);
  }

  bool append(const Pattern& pattern, LinearProgram& lp) {
    if (pattern.content.empty() || !known_.insert(pattern).second) return false;
    const Machine& machine = problem_.machines[pattern.machine];
    lp.add_column(dollars(machine.price), 0, kInf);
    std::map<std::uint32_t, std::int64_t> by_class;
    for (const auto& [candidate, n] : pattern.content)
      by_class[machine.candidates[candidate].cls] += n;
    for (const auto& [cls, n] : by_class)
      lp.add_entry(static_cast<std::int32_t>(cls), static_cast<double>(n));
    lp.add_entry(static_cast<std::int32_t>(items_.size() + pattern.machine), 1);
    columns_.push_back(pattern);
    return true;
  }

  void set_boxes(const std::vector<NodeBox>& boxes) {
    for (std::size_t m = 0; m < boxes.size(); ++m)
      session_->set_row_bounds(static_cast<std::int32_t>(items_.size() + m),
                               static_cast<double>(boxes[m].lower),
                               boxes[m].upper < 0 ? kInf : static_cast<double>(boxes[m].upper));
  }

  /// Column generation in the branch; its bound rises where the duals prove more.
  void solve(std::uint32_t n) {
    set_boxes(nodes_[n].leaf.boxes);
    for (int round = 0; round < kRounds; ++round) {
      solution_ = session_->solve(kSimplexSteps);
      ++proof_.steps;
      if (solution_.status != LpStatus::Optimal) return;
      LinearProgram fresh;
      Proof::Leaf leaf{
          nodes_[n].leaf.boxes, {}, std::vector<std::int64_t>(pricers_.size(), kUncountable)};
      const bool found = price(leaf, fresh);
      session_->add_columns(fresh);
      if (found) continue;  // not every machine was looked at
      const MicroUsdPerHour bound = bound_of(problem_, items_, leaf);
      if (bound > nodes_[n].bound) {
        nodes_[n].bound = bound;
        nodes_[n].leaf = std::move(leaf);
      }
      return;
    }
  }

  /// True if columns were found: then some worths of the leaf may be missing.
  bool price(Proof::Leaf& leaf, LinearProgram& fresh) {
    for (std::size_t c = 0; c < items_.size(); ++c)
      leaf.values.push_back(std::max<std::int64_t>(0, in_parts(solution_.dual[c])));
    std::int64_t found = 0;
    // The narrow search most often finds what there is; the wide ones prove that there is no more.
    for (std::size_t width = std::min(kNarrow, options_.width);;
         width = std::min(width * kWiden, options_.width)) {
      for (std::size_t m = 0; m < pricers_.size() && found < kColumns; ++m) {
        const std::int64_t price = problem_.machines[m].price.micro * Certificate::kParts;
        const std::int64_t at_least =
            std::max<std::int64_t>(0, price - in_parts(solution_.dual[items_.size() + m]));
        if (leaf.worths[m] <= at_least) continue;
        const Priced priced = pricers_[m].price(leaf.values, items_, at_least, width);
        leaf.worths[m] = priced.worth;
        for (const Pattern& pattern : priced.patterns) found += append(pattern, fresh) ? 1 : 0;
      }
      if (found > 0 || width == options_.width) return found > 0;
    }
  }

  /// Nodes of each column in the solution at hand; columns that came after it have none.
  std::vector<double> nodes() const {
    std::vector<double> x(columns_.size(), 0);
    for (std::size_t j = 0; j < x.size() && items_.size() + j < solution_.primal.size(); ++j)
      x[j] = solution_.primal[items_.size() + j];
    return x;
  }

  /// Leaves the branch a leaf where its counts are whole, or were not found out.
  void split(std::uint32_t n) {
    if (solution_.status != LpStatus::Optimal) return;
    std::vector<double> counts(problem_.machines.size(), 0);
    const std::vector<double> x = nodes();
    for (std::size_t j = 0; j < columns_.size(); ++j) counts[columns_[j].machine] += x[j];
    if (dives_++ % kDiveEvery == 0) dive(kShallow);
    std::int64_t best = -1;
    double most = 0;
    for (std::size_t m = 0; m < counts.size(); ++m) {
      if (shared_[m] || problem_.machines[m].missing) continue;
      const double off =
          std::min(counts[m] - std::floor(counts[m]), std::ceil(counts[m]) - counts[m]);
      if (!(off >= kWhole) || counts[m] > kMostNodes) continue;  // NaN too
      const double stake = off * dollars(problem_.machines[m].price);
      if (stake <= most * (1 + 1e-9)) continue;
      most = stake;
      best = static_cast<std::int64_t>(m);
    }
    if (best < 0) return dive(kDeep);  // if its pods can be packed just so, that is the cheapest
    const auto machine = static_cast<std::size_t>(best);
    const auto below = static_cast<std::int64_t>(std::floor(counts[machine]));
    nodes_[n].machine = best;
    nodes_[n].at_most = below;
    nodes_[n].left = add_child(n, machine, {nodes_[n].leaf.boxes[machine].lower, below});
    nodes_[n].right = add_child(n, machine, {below + 1, nodes_[n].leaf.boxes[machine].upper});
  }

  std::uint32_t add_child(std::uint32_t parent, std::size_t machine, NodeBox box) {
    Node child;
    child.leaf = nodes_[parent].leaf;
    child.leaf.boxes[machine] = box;
    child.bound = std::max(nodes_[parent].bound, bound_of(problem_, items_, child.leaf));
    nodes_.push_back(std::move(child));
    const auto index = static_cast<std::uint32_t>(nodes_.size() - 1);
    open_.insert({nodes_[index].bound, index});
    return index;
  }

  /// A fleet from the solution at hand; `steps` of local search.
  void dive(std::int64_t steps) {
    std::vector<double> values;
    for (std::size_t c = 0; c < items_.size(); ++c)
      values.push_back(std::max(0.0, solution_.dual[c]));
    ColumnOptions options;
    options.dive_rounds = 1;
    Fleet fleet = dive_columns(problem_, items_, columns_, nodes(), values, solver_, options);
    improve(problem_, values, {}, steps, {}, fleet);
    if (bill_of(problem_, fleet) >= bill_) return;
    bill_ = bill_of(problem_, fleet);
    fleet_ = std::move(fleet);
  }

  /// The tree, with the nodes that are reached, and the least of its leaves.
  Proof finish() {
    proof_.bound = bill_;
    for (const Node& node : nodes_) {
      Proof::Branch branch;
      if (node.machine >= 0) {
        branch.machine = static_cast<std::uint32_t>(node.machine);
        branch.at_most = node.at_most;
        branch.left = node.left;
        branch.right = node.right;
      } else {
        branch.leaf = static_cast<std::int32_t>(proof_.leaves.size());
        proof_.leaves.push_back(node.leaf);
        proof_.bound = std::min(proof_.bound, node.bound);
      }
      proof_.branches.push_back(branch);
    }
    proof_.optimal = proof_.bound == bill_;
    return std::move(proof_);
  }

  const Problem& problem_;
  const std::vector<std::int64_t>& items_;
  LpSolver& solver_;
  const BranchOptions& options_;
  Fleet& fleet_;
  MicroUsdPerHour bill_;
  MicroUsdPerHour closed_{std::int64_t{1} << 62};  ///< least bound of leaves that are not split
  std::vector<bool> shared_;
  double unserved_ = 0;
  std::vector<NodePricer> pricers_;
  std::unique_ptr<LpSession> session_;
  std::vector<Pattern> columns_;
  std::set<Pattern> known_;
  LpSolution solution_;
  std::int64_t dives_ = 0;
  std::vector<Node> nodes_;
  std::set<std::pair<MicroUsdPerHour, std::uint32_t>> open_;
  Proof proof_;
};

}  // namespace

Proof branch_on_nodes(const Problem& problem, const std::vector<std::int64_t>& items,
                      const std::vector<Pattern>& columns, const Proof& root, LpSolver& solver,
                      const BranchOptions& options, Fleet& fleet) {
  return Brancher(problem, items, solver, options, fleet).run(columns, root);
}

}  // namespace kerf::plan
