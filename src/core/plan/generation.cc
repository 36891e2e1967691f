// The master problem, narrow pricing for columns, wide pricing for Farley's bound in integers.
#include "core/plan/generation.h"

#include <algorithm>

#include "core/plan/certificate.h"
#include "core/plan/master.h"
#include "core/plan/pricing.h"

namespace kerf::plan {

namespace {

/// NodePricer's widths: the first finds most columns; each next one is so many times wider.
constexpr std::size_t kNarrow = 16, kWiden = 8;
/// Columns of one machine that a column brings along, each of what those before it leave.
constexpr int kCompany = 3;

class Generator {
 public:
  Generator(const Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
            const GenerationOptions& options)
      : problem_(problem),
        items_(items),
        options_(options),
        master_(problem, items, Stock(problem), solver) {
    for (std::uint32_t m = 0; m < problem.machines.size(); ++m)
      pricers_.emplace_back(problem, m, solver);
  }

  Generated run(const std::vector<std::int64_t>& proven, const Fleet& start) {
    prove_first(proven);
    add_singles(problem_, items_, master_);
    for (const Pattern& node : start) master_.add(node);
    for (out_.rounds = 0; out_.rounds < options_.rounds; ++out_.rounds) {
      if (master_.solve().status != LpStatus::Optimal) break;
      keep();
      if (options_.tick) options_.tick(out_.bound);
      const double bound = static_cast<double>(out_.bound.micro) / 1e6;
      const double gap = 1 - bound / std::max(1e-9, out_.master);
      if (gap < 1e-6 * static_cast<double>(options_.tolerance) || !step()) break;
      if (labels() > options_.labels) break;
    }
    return std::move(out_);
  }

 private:
  /// The proof to begin with: by multipliers alone.
  void prove_first(const std::vector<std::int64_t>& proven) {
    Proof::Leaf leaf;
    leaf.boxes = open_boxes(problem_);
    leaf.values = proven;
    for (std::uint32_t m = 0; m < pricers_.size(); ++m)
      leaf.worths.push_back(pricers_[m].price(leaf.values, items_, full_price(m, 0), 0).worth);
    out_.bound = bound_of(problem_, items_, leaf);
    out_.leaf = std::move(leaf);
  }

  std::int64_t full_price(std::uint32_t m, std::int64_t gpu) const {
    return plan::full_price(problem_.machines[m], gpu);
  }

  void keep() {
    out_.master = master_.solution().objective;
    out_.nodes = master_.nodes();
    out_.columns = master_.columns();
    out_.duals = master_.values();
  }

  std::int64_t labels() const {
    std::int64_t sum = 0;
    for (const NodePricer& pricer : pricers_) sum += pricer.labels();
    return sum;
  }

  /// One round of pricing; false if nothing came of it.
  bool step() {
    Proof::Leaf leaf;
    leaf.boxes = out_.leaf.boxes;
    for (const double dual : out_.duals) leaf.values.push_back(in_parts(dual));
    leaf.gpu = in_parts(master_.gpu_rent());
    leaf.worths.assign(pricers_.size(), kUncountable);
    std::int64_t found = 0;
    // Machines that are not shown to hold no more get a wider search where nothing was found.
    for (std::size_t width = std::min(kNarrow, options_.width);;
         width = std::min(width * kWiden, options_.width)) {
      for (std::uint32_t m = 0; m < pricers_.size(); ++m)
        if (leaf.worths[m] > enough(m, leaf)) found += look(m, width, leaf);
      if (found > 0 || width == options_.width) break;
    }
    return raise(std::move(leaf)) || found > 0;
  }

  /// What a node of the machine may be worth. Machines of which some number can be had may be worth
  /// more than their price: their bound counts it.
  std::int64_t enough(std::uint32_t m, const Proof::Leaf& leaf) const {
    const std::int64_t price = full_price(m, leaf.gpu);
    std::int64_t most = price + price / 1'000'000 * options_.epsilon;
    if (problem_.machines[m].at_most >= 0)
      most = std::max(most, full_price(m, 0) + in_parts(master_.rent(m)));
    return most;
  }

  /// Prices a machine; returns how many columns the master got.
  std::int64_t look(std::uint32_t m, std::size_t width, Proof::Leaf& leaf) {
    const std::int64_t most = enough(m, leaf);
    Priced priced = pricers_[m].price(leaf.values, items_, most, width);
    leaf.worths[m] = std::min(leaf.worths[m], priced.worth);
    std::int64_t n = add(priced.patterns);
    if (n == 0) return 0;
    // The master needs columns for all items: others like it, of what it leaves.
    std::vector<std::int64_t> left = items_;
    for (int i = 0; i < kCompany; ++i) {
      const Pattern& before = priced.patterns.back();
      take_items(problem_, before, times_within(problem_, before, left), left);
      priced = pricers_[m].price(leaf.values, left, most, width);
      if (priced.patterns.empty()) break;
      n += add(priced.patterns);
    }
    return n;
  }

  std::int64_t add(const std::vector<Pattern>& patterns) {
    std::int64_t n = 0;
    for (const Pattern& pattern : patterns) n += master_.add(pattern) ? 1 : 0;
    return n;
  }

  bool raise(Proof::Leaf leaf) {
    const MicroUsdPerHour bound = bound_of(problem_, items_, leaf);
    if (bound <= out_.bound) return false;
    const bool much = (bound - out_.bound).micro > bound.micro / 10'000'000;
    out_.bound = bound;
    out_.leaf = std::move(leaf);
    return much;
  }

  const Problem& problem_;
  const std::vector<std::int64_t>& items_;
  const GenerationOptions& options_;
  Master master_;
  std::vector<NodePricer> pricers_;
  Generated out_;
};

}  // namespace

Generated generate(const Problem& problem, const std::vector<std::int64_t>& items,
                   const std::vector<std::int64_t>& proven, const Fleet& start, LpSolver& solver,
                   const GenerationOptions& options) {
  return Generator(problem, items, solver, options).run(proven, start);
}

}  // namespace kerf::plan
