// Multipliers from a small linear program; then partial contents, bounded by them, class by class.
#include "core/plan/pricing.h"

#include <algorithm>
#include <unordered_map>

#include "core/plan/label_front.h"
#include "core/plan/node_lp.h"
#include "core/plan/rest_table.h"

namespace kerf::plan {

namespace {

/// Partial contents that may stand side by side before multipliers are made for one of them, and
/// how many multipliers there may be: the first, one more for each kWidthPerCut of the width, and
/// never more than kCuts.
constexpr std::size_t kCrowd = 96;
constexpr std::size_t kFewCuts = 8, kWidthPerCut = 100, kCuts = 48;
/// Partial contents looked at, after which a search is given up; the second for each of the width.
constexpr std::size_t kLabels = 20'000;
constexpr std::size_t kLabelsPerWidth = 128;
/// Searches from this width on are to prove something: a table costs less than what it spares.
constexpr std::size_t kTableWidth = 60;

std::int64_t narrow(Int128 value) {
  return static_cast<std::int64_t>(std::min(value, Int128{kUncountable}));
}

/// A content in the making. Everything a bound needs is kept, so that extending costs little.
struct Label {
  Resources left;
  UnitCounts units;
  std::int64_t weight = 0;  ///< of the units
  std::int64_t value = 0;
  std::int64_t bound = 0;  ///< no content that begins so is worth more
  std::int32_t parent = -1;
  std::uint32_t candidate = 0;
  std::int32_t count = 0;  ///< of this candidate, here
  std::int32_t cls = -1;   ///< the last class that was taken of,
  std::int32_t taken = 0;  ///< and how many items, by all ways
};

}  // namespace

class NodePricer::Impl {
 public:
  Impl(const Problem& problem, std::uint32_t index, LpSolver& solver)
      : problem_(problem),
        machine_(problem.machines[index]),
        kind_(*problem.kinds[machine_.kind]),
        index_(index),
        lp_(problem, index, solver) {
    const Room empty(problem, index);
    for (std::uint32_t i = 0; i < machine_.candidates.size(); ++i) {
      alone_.push_back(empty.most(i, 255));
      weights_.push_back(kind_.weight(machine_.candidates[i].units));
    }
  }

  Priced price(const std::vector<std::int64_t>& values, const std::vector<std::int64_t>& items,
               std::int64_t at_least, std::size_t width) {
    list_ways(values, items);
    Priced out;
    if (ways_.empty()) {
      out.multipliers.units.assign(kind_.units().size(), 0);
      return out;
    }
    // Those of the last call are often good enough.
    if (!multipliers_.units.empty()) apply_multipliers();
    if (multipliers_.units.empty() || bound_ > at_least) find_multipliers();
    out.multipliers = multipliers_;
    out.worth = bound_;
    if (out.worth <= at_least || width == 0 || !countable()) return out;
    search(at_least, width, out);
    return out;
  }

  std::int64_t labels() const { return seen_; }

 private:
  /// What comes with one part of GPU weight.
  struct Shares {
    double cpu = 0, memory = 0, disk = 0, pods = 0;
  };
  struct Way {
    std::uint32_t candidate = 0;
    std::uint32_t cls = 0;
    Resources need;
    std::int64_t weight = 0;  ///< of GPU
    std::int64_t value = 0;
    std::int64_t most = 0;  ///< items by this way alone
    std::int64_t used = 0;  ///< worth of what one item takes, by the multipliers
  };

  /// Multipliers and what follows from them: a bound on what any partial content can become.
  struct Cut {
    NodeMultipliers multipliers;
    std::int64_t gpus_worth = 0;
    std::vector<std::int64_t> surplus;  ///< by way: still to be had from it and all later ones
    std::vector<std::int64_t> relief;   ///< by way: less of it for each item taken of its class
  };

  void list_ways(const std::vector<std::int64_t>& values, const std::vector<std::int64_t>& items) {
    ways_.clear();
    class_most_.assign(problem_.classes.size(), 0);
    for (std::uint32_t i = 0; i < machine_.candidates.size(); ++i) {
      const std::uint32_t cls = machine_.candidates[i].cls;
      const std::int64_t most = std::min<std::int64_t>(items[cls], alone_[i]);
      if (values[cls] <= 0 || most <= 0) continue;
      Way way;
      way.candidate = i;
      way.cls = cls;
      way.need = problem_.classes[cls].need;
      way.weight = weights_[i];
      way.value = values[cls];
      way.most = most;
      ways_.push_back(way);
      // Ways of one class may fill a node together where none can alone.
      class_most_[cls] = std::min(class_most_[cls] + alone_[i], most_of(cls, items[cls]));
    }
  }

  /// Items of a class that a node can hold at most, by any ways; but for its GPUs.
  std::int64_t most_of(std::uint32_t cls, std::int64_t items) const {
    const Resources& need = problem_.classes[cls].need;
    std::int64_t most = std::min<std::int64_t>(items, problem_.classes[cls].per_node);
    const auto limit = [&](std::int64_t room, std::int64_t each) {
      if (each > 0) most = std::min(most, room / each);
    };
    limit(machine_.allocatable.cpu_milli, need.cpu_milli);
    limit(machine_.allocatable.memory_mib, need.memory_mib);
    limit(machine_.allocatable.disk_mib, need.disk_mib);
    limit(machine_.allocatable.pods, need.pods);
    return most;
  }

  /// True if the worth of any content fits into 64 bits.
  bool countable() const {
    std::int64_t dearest = 0, items = 0;
    std::int64_t last = -1;
    for (const Way& way : ways_) {
      dearest = std::max(dearest, way.value);
      if (last != way.cls) items += class_most_[way.cls];
      last = way.cls;
    }
    return narrow(Int128{dearest} * items) < kUncountable;
  }

  // --- multipliers ---------------------------------------------------------------------------

  void find_multipliers() {
    std::vector<std::int64_t> values(machine_.candidates.size(), 0);
    for (const Way& way : ways_) values[way.candidate] = way.value;
    multipliers_ = lp_.solve(values, class_most_);
    apply_multipliers();
  }

  /// What the multipliers say of ways and the whole node; in integers, so it holds whatever the
  /// solver did.
  void apply_multipliers() {
    Int128 bound = worth_of(machine_.allocatable, multipliers_.each);
    bound += gpus_worth(multipliers_);
    std::vector<std::int64_t> surplus(problem_.classes.size(), 0);
    for (Way& way : ways_) {
      way.used = used_by(multipliers_, way);
      surplus[way.cls] = std::max(surplus[way.cls], way.value - way.used);
    }
    for (std::size_t c = 0; c < surplus.size(); ++c) bound += Int128{surplus[c]} * class_most_[c];
    bound_ = narrow(bound);
  }

  std::int64_t gpus_worth(const NodeMultipliers& multipliers) const {
    std::int64_t gpu = 0;
    for (const UnitCounts& corner : kind_.corners())
      gpu = std::max(gpu, units_worth(multipliers, corner));
    return gpu * machine_.gpus;
  }

  std::int64_t used_by(const NodeMultipliers& multipliers, const Way& way) const {
    return worth_of(way.need, multipliers.each) +
           units_worth(multipliers, machine_.candidates[way.candidate].units);
  }

  std::int64_t units_worth(const NodeMultipliers& multipliers, const UnitCounts& units) const {
    std::int64_t sum = 0;
    for (std::size_t u = 0; u < multipliers.units.size(); ++u)
      sum += multipliers.units[u] * units.n[u];
    return sum;
  }

  // --- search --------------------------------------------------------------------------------

  /// Ways that can be part of a content worth more than `at_least`, those that take most CPU and
  /// memory for their GPU first: what is left over then shows early.
  void order_ways(std::int64_t at_least) {
    const std::int64_t slack = bound_ - at_least;
    std::erase_if(ways_, [&](const Way& way) { return way.used - way.value > slack; });
    // What takes more than one GPU comes first: a part of it in the linear program misleads most.
    // The ways of a class stay together, at the place of its first.
    const auto key = [&](const Way& way) {
      const double share = static_cast<double>(worth_of(way.need, multipliers_.each)) /
                           std::max(1.0, static_cast<double>(way.used));
      return std::pair<std::int64_t, double>(way.weight > kind_.heaviest() ? way.weight : 0, share);
    };
    std::vector<std::pair<std::int64_t, double>> first(problem_.classes.size(), {-1, 0});
    for (const Way& way : ways_) first[way.cls] = std::max(first[way.cls], key(way));
    std::stable_sort(ways_.begin(), ways_.end(), [&](const Way& a, const Way& b) {
      if (a.cls == b.cls) return key(a) > key(b);
      return first[a.cls] != first[b.cls] ? first[a.cls] > first[b.cls] : a.cls < b.cls;
    });
    // Of this way and all later ones: the most of everything that a part of a GPU comes with.
    tails_.assign(ways_.size() + 1, {});
    for (std::size_t w = ways_.size(); w-- > 0;) {
      const Shares& later = tails_[w + 1];
      const Resources& need = ways_[w].need;
      const double weight = std::max(static_cast<double>(ways_[w].weight), 1e-3);
      tails_[w] = {std::max(later.cpu, static_cast<double>(need.cpu_milli) / weight),
                   std::max(later.memory, static_cast<double>(need.memory_mib) / weight),
                   std::max(later.disk, static_cast<double>(need.disk_mib) / weight),
                   std::max(later.pods, static_cast<double>(need.pods) / weight)};
    }
    cuts_.clear();
    add_cut(multipliers_);
  }

  void add_cut(const NodeMultipliers& multipliers) {
    Cut cut;
    cut.multipliers = multipliers;
    cut.gpus_worth = gpus_worth(multipliers);
    cut.surplus.assign(ways_.size() + 1, 0);
    cut.relief.assign(ways_.size(), 0);
    for (std::size_t w = ways_.size(); w-- > 0;) {
      const Way& way = ways_[w];
      const bool more = w + 1 < ways_.size() && ways_[w + 1].cls == way.cls;
      const std::int64_t before = more ? cut.relief[w + 1] : 0;
      cut.relief[w] = std::max(before, way.value - used_by(multipliers, way));
      cut.surplus[w] = cut.surplus[w + 1] + (cut.relief[w] - before) * class_most_[way.cls];
    }
    cuts_.push_back(std::move(cut));
  }

  /// Items of the class of way w that the label has already.
  std::int64_t taken(const Label& label, std::size_t w) const {
    return w < ways_.size() && label.cls == static_cast<std::int32_t>(ways_[w].cls) ? label.taken
                                                                                    : 0;
  }

  /// No content that begins with the label and goes on with ways from w is worth more. In 64 bits:
  /// what countable() says holds for the label's worth and the surplus together, and multipliers
  /// are capped (NodeLp).
  std::int64_t bound_of(const Label& label, std::size_t w, const Cut& cut,
                        const Resources& usable) const {
    const std::int64_t n = taken(label, w);
    return label.value + worth_of(usable, cut.multipliers.each) + cut.gpus_worth -
           units_worth(cut.multipliers, label.units) + cut.surplus[w] -
           (n > 0 ? cut.relief[w] * n : 0);
  }

  /// By that many cuts at most.
  std::int64_t bound_of(const Label& label, std::size_t w, std::int64_t enough,
                        std::size_t cuts) const {
    std::int64_t least = kUncountable;
    if (!rest_.empty()) {
      least = label.value + rest_.worth(w, label.left, capacity_ - label.weight);
      if (least <= enough) return least;
    }
    const Resources usable = usable_by(label, w);
    for (std::size_t c = 0; c < std::min(cuts, cuts_.size()) && least > enough; ++c)
      least = std::min(least, bound_of(label, w, cuts_[c], usable));
    return least;
  }

  /// What of the room left the GPUs left can bring to use.
  Resources usable_by(const Label& label, std::size_t w) const {
    const auto weight = static_cast<double>(capacity_ - label.weight);
    const Shares& shares = tails_[w];
    Resources usable = label.left;
    usable.cpu_milli = std::min(usable.cpu_milli, most_of(shares.cpu, weight));
    usable.memory_mib = std::min(usable.memory_mib, most_of(shares.memory, weight));
    usable.disk_mib = std::min(usable.disk_mib, most_of(shares.disk, weight));
    usable.pods = std::min(usable.pods, most_of(shares.pods, weight));
    return usable;
  }

  static std::int64_t most_of(double part, double weight) {
    return static_cast<std::int64_t>(std::min(1e15, part * weight * (1 + 1e-9))) + 1;
  }

  void search(std::int64_t at_least, std::size_t width, Priced& out) {
    order_ways(at_least);
    out.by_multipliers = false;
    capacity_ = kind_.heaviest() * machine_.gpus;
    tabulate(width);
    cuts_most_ = std::min(kCuts, kFewCuts + width / kWidthPerCut);
    labels_.clear();
    active_.clear();
    rest_from_ = 0;
    Label empty;
    empty.left = machine_.allocatable;
    labels_.push_back(empty);
    active_.push_back(0);
    std::int64_t dropped = 0;
    std::int64_t least = at_least;
    for (std::size_t w = 0; w < ways_.size() && !active_.empty(); ++w) {
      if (!extend(w, least, out) && w + 1 < ways_.size()) continue;
      if (labels_.size() > std::max(kLabels, kLabelsPerWidth * width)) {
        dropped = bound_;  // it would go on for long: what is known of all contents has to do
        break;
      }
      dropped = std::max(dropped, prune(w + 1, least, width));
    }
    out.worth = std::min(out.worth, std::max(dropped, least));
    seen_ += static_cast<std::int64_t>(labels_.size());
    lp_.clear();
  }

  /// Bounds for what ways can still add; may show more of the whole node than the multipliers do.
  void tabulate(std::size_t width) {
    rest_.clear();
    if (width < kTableWidth) return;
    std::vector<RestTable::Way> ways;
    for (const Way& way : ways_) ways.push_back({way.need, way.weight, way.value, way.most});
    rest_.build(ways, machine_.allocatable, capacity_, multipliers_.each);
    if (rest_.empty()) return;
    bound_ = std::min(bound_, rest_.worth(0, machine_.allocatable, capacity_));
  }

  /// Every active label with 1, 2, ... items of way w added; true if there are new ones.
  bool extend(std::size_t w, std::int64_t& least, Priced& out) {
    const Way& way = ways_[w];
    const Candidate& candidate = machine_.candidates[way.candidate];
    const std::size_t before = active_.size();
    for (std::size_t a = 0; a < before; ++a) {
      std::int32_t parent = active_[a];
      const std::int64_t before_here = taken(labels_[static_cast<std::size_t>(parent)], w);
      const std::int64_t most = std::min(way.most, class_most_[way.cls] - before_here);
      for (std::int64_t n = 1; n <= most; ++n) {
        const Label& from = labels_[static_cast<std::size_t>(parent)];
        if (!way.need.fits(from.left)) break;
        Label next = from;
        next.left = from.left - way.need;
        next.units = from.units.plus(candidate.units);
        next.value = from.value + way.value;
        next.cls = static_cast<std::int32_t>(way.cls);
        next.taken = static_cast<std::int32_t>(before_here + n);
        next.weight = from.weight + way.weight;
        next.bound = bound_of(next, w, least, 1);
        if (next.bound <= least || !kind_.covers(next.units, machine_.gpus)) break;
        next.parent = active_[a];
        next.candidate = way.candidate;
        next.count = static_cast<std::int32_t>(n);
        parent = static_cast<std::int32_t>(labels_.size());
        labels_.push_back(next);
        active_.push_back(parent);
        if (next.value <= least) continue;
        least = next.value;
        out.patterns.push_back(pattern_of(parent));
        out.best = next.value;
      }
    }
    return active_.size() > before;
  }

  /// Drops what cannot lead anywhere from way w on, what another label beats, and what is beyond
  /// the width; returns the best bound among the last.
  std::int64_t prune(std::size_t w, std::int64_t least, std::size_t width) {
    kept_.clear();
    for (const std::int32_t index : active_) {
      Label& label = labels_[static_cast<std::size_t>(index)];
      label.bound = bound_of(label, w, least, kCuts);
      if (label.bound > least) kept_.push_back(index);
    }
    sharpen(w, least);
    const auto better = [this](std::int32_t a, std::int32_t b) {
      const Label& x = labels_[static_cast<std::size_t>(a)];
      const Label& y = labels_[static_cast<std::size_t>(b)];
      return x.value != y.value ? x.value > y.value : a < b;
    };
    std::sort(kept_.begin(), kept_.end(), better);
    front_.clear();
    active_.clear();
    for (const std::int32_t index : kept_) {
      const Label& label = labels_[static_cast<std::size_t>(index)];
      if (front_[label.units].accepts(usable_by(label, w), taken(label, w)))
        active_.push_back(index);
    }
    if (active_.size() <= width) return 0;
    const auto promising = [this](std::int32_t a, std::int32_t b) {
      const Label& x = labels_[static_cast<std::size_t>(a)];
      const Label& y = labels_[static_cast<std::size_t>(b)];
      return x.bound != y.bound ? x.bound > y.bound : a < b;
    };
    std::nth_element(active_.begin(), active_.begin() + static_cast<std::ptrdiff_t>(width),
                     active_.end(), promising);
    const std::int64_t dropped = labels_[static_cast<std::size_t>(active_[width])].bound;
    active_.resize(width);
    std::sort(active_.begin(), active_.end());
    return dropped;
  }

  /// Many partial contents that still look promising: multipliers made for the most promising one
  /// refuse others like it.
  void sharpen(std::size_t w, std::int64_t least) {
    if (w >= ways_.size() || !lp_.ready()) return;
    while (kept_.size() > kCrowd && cuts_.size() < cuts_most_) {
      const std::int32_t top =
          *std::max_element(kept_.begin(), kept_.end(), [this](std::int32_t a, std::int32_t b) {
            return labels_[static_cast<std::size_t>(a)].bound <
                   labels_[static_cast<std::size_t>(b)].bound;
          });
      const std::int64_t before = labels_[static_cast<std::size_t>(top)].bound;
      NodeMultipliers multipliers;
      if (!solve_rest(labels_[static_cast<std::size_t>(top)], w, multipliers)) return;
      add_cut(multipliers);
      const Cut& cut = cuts_.back();
      std::erase_if(kept_, [&](std::int32_t index) {
        Label& label = labels_[static_cast<std::size_t>(index)];
        label.bound = std::min(label.bound, bound_of(label, w, cut, usable_by(label, w)));
        return label.bound <= least;
      });
      if (kept_.empty() || labels_[static_cast<std::size_t>(top)].bound >= before) return;
    }
  }

  /// Multipliers for what may still be added to the label.
  bool solve_rest(const Label& label, std::size_t w, NodeMultipliers& multipliers) {
    if (rest_from_ > w) rest_from_ = 0;
    for (; rest_from_ < w; ++rest_from_) lp_.close(ways_[rest_from_].candidate);
    return lp_.solve_rest(label.left, label.units, multipliers);
  }

  Pattern pattern_of(std::int32_t index) const {
    Pattern pattern{index_, {}};
    for (; index >= 0; index = labels_[static_cast<std::size_t>(index)].parent) {
      const Label& label = labels_[static_cast<std::size_t>(index)];
      if (label.count > 0) pattern.content.emplace_back(label.candidate, label.count);
    }
    std::sort(pattern.content.begin(), pattern.content.end());
    return pattern;
  }

  const Problem& problem_;
  const Machine& machine_;
  const GpuKind& kind_;
  std::uint32_t index_;
  NodeLp lp_;
  std::vector<std::int64_t> alone_;       ///< by candidate: items of it that an empty node holds
  std::vector<std::int64_t> weights_;     ///< by candidate: of GPU
  std::vector<std::int64_t> class_most_;  ///< by class: items of it on a node at most

  std::vector<Way> ways_;
  NodeMultipliers multipliers_;
  std::int64_t bound_ = 0;
  std::vector<Cut> cuts_;
  std::size_t cuts_most_ = 0;
  std::size_t rest_from_ = 0;  ///< ways before this one are closed in the linear program
  RestTable rest_;
  std::vector<Shares> tails_;  ///< by way: the most of it and all later ones
  std::int64_t capacity_ = 0;
  std::vector<Label> labels_;
  std::int64_t seen_ = 0;
  std::vector<std::int32_t> active_, kept_;
  std::unordered_map<UnitCounts, LabelFront, UnitCountsHash> front_;
};

NodePricer::NodePricer(const Problem& problem, std::uint32_t machine, LpSolver& solver)
    : impl_(std::make_unique<Impl>(problem, machine, solver)) {}
NodePricer::~NodePricer() = default;
NodePricer::NodePricer(NodePricer&&) noexcept = default;

std::int64_t NodePricer::labels() const { return impl_->labels(); }

Priced NodePricer::price(const std::vector<std::int64_t>& values,
                         const std::vector<std::int64_t>& items, std::int64_t at_least,
                         std::size_t width) {
  return impl_->price(values, items, at_least, width);
}

}  // namespace kerf::plan
