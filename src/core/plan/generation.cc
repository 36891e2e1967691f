// The master problem, pricing between proven and wanted worths, and Farley's bound in integers.
#include "core/plan/generation.h"

#include <algorithm>

#include "core/plan/certificate.h"
#include "core/plan/master.h"
#include "core/plan/pricing.h"

namespace kerf::plan {

namespace {

constexpr double kStay = 0.8;
/// Columns that one round may bring; after that the other machines wait for the next.
constexpr std::int64_t kColumns = 40;

std::int64_t between(double stay, std::int64_t from, std::int64_t to) {
  return static_cast<std::int64_t>(stay * static_cast<double>(from) +
                                   (1 - stay) * static_cast<double>(to));
}

class Generator {
 public:
  Generator(const Problem& problem, const std::vector<std::int64_t>& items, LpSolver& solver,
            const GenerationOptions& options)
      : problem_(problem),
        items_(items),
        options_(options),
        master_(problem, items, Stock(problem), solver) {
    for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
      pricers_.emplace_back(problem, m, solver);
      order_.push_back(m);
    }
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
      if (gap < 1e-6 * static_cast<double>(options_.tolerance) || !step(gap)) break;
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

  /// One round of pricing; false if nothing came of it and nothing more will.
  bool step(double gap) {
    const double stay = std::min(stay_, gap * 400);
    Proof::Leaf leaf;
    leaf.boxes = out_.leaf.boxes;
    for (std::size_t c = 0; c < items_.size(); ++c)
      leaf.values.push_back(between(stay, out_.leaf.values[c], in_parts(out_.duals[c])));
    leaf.gpu = between(stay, out_.leaf.gpu, in_parts(master_.gpu_rent()));
    leaf.worths.assign(pricers_.size(), 0);

    std::int64_t found = 0;
    bool all = true;
    std::vector<std::uint32_t> lucky, rest;
    for (const std::uint32_t m : order_) {
      all = all && found < kColumns;
      const std::int64_t n = all ? look(m, stay, options_.width, leaf) : 0;
      found += n;
      (n > 0 ? lucky : rest).push_back(m);
    }
    // Nothing found: machines that are not shown to hold no more get a wider search.
    for (std::size_t width = 8 * options_.width; found == 0 && width <= options_.proof_width;
         width *= 8)
      for (const std::uint32_t m : order_)
        if (leaf.worths[m] > enough(m, stay, leaf)) found += look(m, stay, width, leaf);
    order_ = std::move(lucky);
    order_.insert(order_.end(), rest.begin(), rest.end());

    const bool raised = all && raise(std::move(leaf));
    // Where the way to the master's duals teaches nothing, go the whole way.
    stay_ = found > 0 || raised ? std::min(kStay, stay_ * 1.2) : stay_ / 2;
    return found > 0 || raised || stay_ > 0.05;
  }

  /// What a node of the machine may be worth. Machines of which some number can be had may be worth
  /// more than their price: their bound counts it.
  std::int64_t enough(std::uint32_t m, double stay, const Proof::Leaf& leaf) const {
    const std::int64_t price = full_price(m, leaf.gpu);
    std::int64_t most = price + price / 1'000'000 * options_.epsilon;
    if (problem_.machines[m].at_most >= 0)
      most = std::max(
          most, between(stay, out_.leaf.worths[m], full_price(m, 0) + in_parts(master_.rent(m))));
    return most;
  }

  std::int64_t look(std::uint32_t m, double stay, std::size_t width, Proof::Leaf& leaf) {
    const Priced priced = pricers_[m].price(leaf.values, items_, enough(m, stay, leaf), width);
    leaf.worths[m] = priced.worth;
    std::int64_t n = 0;
    for (const Pattern& pattern : priced.patterns) n += master_.add(pattern) ? 1 : 0;
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
  std::vector<std::uint32_t> order_;  ///< machines, those that gave columns last first
  double stay_ = kStay;
  Generated out_;
};

}  // namespace

Generated generate(const Problem& problem, const std::vector<std::int64_t>& items,
                   const std::vector<std::int64_t>& proven, const Fleet& start, LpSolver& solver,
                   const GenerationOptions& options) {
  return Generator(problem, items, solver, options).run(proven, start);
}

}  // namespace kerf::plan
