// Dynamic programming over vectors of item counts; which machine holds a vector is searched.
#include "core/plan/exact.h"

#include <algorithm>
#include <map>

namespace kerf::plan {

namespace {

constexpr std::int64_t kNever = std::int64_t{1} << 60;
using Vector = std::size_t;  ///< a vector of counts as a number in mixed radix

class ExactSearch {
 public:
  ExactSearch(const Problem& problem, const std::vector<std::int64_t>& items, std::int64_t steps,
              const Stock& stock, std::int64_t gpus)
      : problem_(problem), steps_(steps) {
    std::int64_t all = 0;
    for (std::uint32_t c = 0; c < items.size(); ++c) {
      if (items[c] <= 0) continue;
      all += items[c];
      digits_.push_back({c, items[c], vectors_});
      vectors_ *= static_cast<Vector>(items[c] + 1);
    }
    if (gpus >= 0 && gpus < all * most_gpus(problem)) limit_gpus(gpus);
    else add_source({-1, 0}, -1);  // what has no limit comes first
    for (std::uint32_t m = 0; m < problem.machines.size(); ++m) {
      const Machine& machine = problem.machines[m];
      if (stock.left(m) <= 0) continue;
      Host host{m, machine.price.micro, problem.kinds[machine.kind]->heaviest() * machine.gpus, {}};
      bool any = false;
      for (const Digit& digit : digits_) {
        host.least.push_back(least_weight(machine, digit.cls));
        any = any || host.least.back() >= 0;
      }
      // As many nodes as there are items are as many as anybody wants.
      if (any)
        source_of(machine, stock.left(m) < all ? stock.left(m) : -1)
            .hosts.push_back(std::move(host));
    }
    for (Source& source : sources_)
      std::stable_sort(source.hosts.begin(), source.hosts.end(),
                       [](const Host& a, const Host& b) { return a.price < b.price; });
  }

  /// Vectors, each with every number of nodes that it may have of what is limited.
  Vector states() const { return vectors_ * combinations_; }

  std::optional<Fleet> run() {
    for (Source& source : sources_) {
      source.price.assign(vectors_, kNever);
      source.host.assign(vectors_, 0);
    }
    least_.assign(states(), kNever);
    part_.assign(states(), 0);
    via_.assign(states(), 0);
    need_.assign(vectors_, {});
    for (std::size_t k = 0; k < combinations_; ++k) least_[k] = 0;
    for (Vector v = 1; v < vectors_; ++v) {
      add_need(v);
      for (Source& source : sources_) find_host(source, v);
      if (steps_ < 0) return std::nullopt;
      for (std::size_t k = 0; k < combinations_; ++k) choose_part(v, k);
    }
    for (const auto& kind : problem_.kinds)
      if (!kind->exact()) return std::nullopt;
    if (least_.back() >= kNever) return std::nullopt;
    steps_ = kNever;  // these nodes were found before
    Fleet fleet;
    std::size_t k = combinations_ - 1;
    for (Vector v = vectors_ - 1; v > 0;) {
      const Vector part = part_[v * combinations_ + k];
      const Source& source = sources_[via_[v * combinations_ + k]];
      Room room(problem_, source.host[part]);
      hold(room, part, 0);
      fleet.push_back(room.pattern());
      v -= part;
      k -= source.takes();
    }
    return fleet;
  }

 private:
  struct Digit {
    std::uint32_t cls;
    std::int64_t items;
    Vector place;
  };
  struct Host {
    std::uint32_t machine;
    std::int64_t price;
    std::int64_t capacity;            ///< GPU weight that it holds at most
    std::vector<std::int64_t> least;  ///< by digit: GPU weight of an item at least; -1 = never
  };

  /// Machines of which a fleet may have `nodes` together; -1 = any number. Where GPUs are limited,
  /// all have equally many.
  struct Source {
    std::vector<Host> hosts;  ///< the cheapest first
    std::int64_t nodes = -1;
    std::size_t place = 0;            ///< of its number of nodes in a combination
    std::size_t gpus = 0;             ///< that a node takes of the limited ones
    std::vector<std::int64_t> price;  ///< by vector: of one node that holds it; kNever = none
    std::vector<std::uint32_t> host;

    /// What one node takes off a combination, where it has so much.
    std::size_t takes() const { return gpus + (nodes >= 0 ? place : 0); }
  };

  static std::int64_t most_gpus(const Problem& problem) {
    std::int64_t most = 0;
    for (const Machine& machine : problem.machines)
      most = std::max<std::int64_t>(most, machine.gpus);
    return most;
  }

  /// GPUs left are the first digit of a combination.
  void limit_gpus(std::int64_t gpus) {
    gpu_radix_ = static_cast<std::size_t>(gpus + 1);
    combinations_ = std::min(gpu_radix_, kTooMany);
  }

  /// The source of the machine's nodes; -1 = any number.
  Source& source_of(const Machine& machine, std::int64_t nodes) {
    const std::int32_t stock = nodes < 0 ? -1 : machine.stock;
    const std::size_t gpus = gpu_radix_ > 0 ? static_cast<std::size_t>(machine.gpus) : 0;
    return add_source({stock, gpus}, nodes);
  }

  Source& add_source(std::pair<std::int32_t, std::size_t> key, std::int64_t nodes) {
    const auto [at, fresh] = index_.try_emplace(key, sources_.size());
    if (!fresh) return sources_[at->second];
    sources_.push_back({{}, nodes, combinations_, key.second, {}, {}});
    if (nodes >= 0)
      combinations_ = std::min(combinations_ * static_cast<std::size_t>(nodes + 1), kTooMany);
    return sources_.back();
  }

  /// May a node of the source be had, with what the combination has left?
  bool has_left(const Source& source, std::size_t k) const {
    if (gpu_radix_ > 0 && k % gpu_radix_ < source.gpus) return false;
    return source.nodes < 0 || k / source.place % static_cast<std::size_t>(source.nodes + 1) != 0;
  }

  std::int64_t count(Vector v, std::size_t digit) const {
    return static_cast<std::int64_t>(v / digits_[digit].place) % (digits_[digit].items + 1);
  }

  static std::vector<Candidate>::const_iterator first_of(const Machine& machine,
                                                         std::uint32_t cls) {
    return std::lower_bound(machine.candidates.begin(), machine.candidates.end(), cls,
                            [](const Candidate& c, std::uint32_t key) { return c.cls < key; });
  }

  std::int64_t least_weight(const Machine& machine, std::uint32_t cls) const {
    std::int64_t least = -1;
    for (auto it = first_of(machine, cls); it != machine.candidates.end() && it->cls == cls; ++it) {
      const std::int64_t weight = problem_.kinds[machine.kind]->weight(it->units);
      least = least < 0 ? weight : std::min(least, weight);
    }
    return least;
  }

  void add_need(Vector v) {
    for (std::size_t d = 0; d < digits_.size(); ++d)
      if (count(v, d) > 0)
        need_[v] = need_[v - digits_[d].place] + problem_.classes[digits_[d].cls].need;
  }

  /// The cheapest machine of the source for v on one node. A vector with one item less is never
  /// dearer, so machines cheaper than that one's host need no look.
  void find_host(Source& source, Vector v) {
    std::int64_t at_least = 0;
    for (std::size_t d = 0; d < digits_.size(); ++d) {
      if (count(v, d) == 0) continue;
      const Vector less = v - digits_[d].place;
      at_least = std::max(at_least, less == 0 ? 0 : source.price[less]);
    }
    if (at_least >= kNever) return;
    for (const Host& host : source.hosts) {
      if (host.price < at_least || !may_hold(host, v)) continue;
      Room room(problem_, host.machine);
      const bool holds = hold(room, v, 0);
      if (steps_ < 0) return;
      if (!holds) continue;
      source.price[v] = host.price;
      source.host[v] = host.machine;
      return;
    }
  }

  bool may_hold(const Host& host, Vector v) const {
    if (!need_[v].fits(problem_.machines[host.machine].allocatable)) return false;
    std::int64_t weight = 0;
    for (std::size_t d = 0; d < digits_.size(); ++d) {
      const std::int64_t n = count(v, d);
      if (n > 0 && host.least[d] < 0) return false;
      weight += n * host.least[d];
    }
    return weight <= host.capacity;
  }

  /// Puts the counts of v from digit d on into the room, in any split over candidates.
  bool hold(Room& room, Vector v, std::size_t d) {
    while (d < digits_.size() && count(v, d) == 0) ++d;
    if (d == digits_.size()) return true;
    const auto first = first_of(room.machine(), digits_[d].cls);
    return split(room, v, d, static_cast<std::uint32_t>(first - room.machine().candidates.begin()),
                 count(v, d));
  }

  /// `left` items of digit d over the candidates from this one on, then the later digits.
  bool split(Room& room, Vector v, std::size_t d, std::uint32_t candidate, std::int64_t left) {
    if (left == 0) return hold(room, v, d + 1);
    const std::vector<Candidate>& candidates = room.machine().candidates;
    if (candidate == candidates.size() || candidates[candidate].cls != digits_[d].cls) return false;
    for (std::int64_t n = room.most(candidate, left); n >= 0; --n) {
      if (--steps_ < 0) return false;
      room.add(candidate, n);
      if (split(room, v, d, candidate + 1, left - n)) return true;
      if (n > 0) room.remove(candidate, n);
    }
    return false;
  }

  /// The least cost of v with the combination's nodes = min over parts w of v that hold an item of
  /// v's last class in use, on a node of each source that has one left.
  void choose_part(Vector v, std::size_t k) {
    std::size_t anchor = digits_.size();
    while (count(v, anchor - 1) == 0) --anchor;
    --anchor;
    std::vector<std::int64_t> top(anchor + 1), digit(anchor + 1, 0);
    for (std::size_t d = 0; d <= anchor; ++d) top[d] = count(v, d);
    digit[anchor] = 1;
    Vector w = digits_[anchor].place;
    while (true) {
      for (std::size_t s = 0; s < sources_.size(); ++s) {
        const Source& source = sources_[s];
        if (source.price[w] >= kNever) continue;
        if (!has_left(source, k)) continue;
        const std::size_t rest = k - source.takes();
        const std::int64_t cost = source.price[w] + least_[(v - w) * combinations_ + rest];
        if (cost >= least_[v * combinations_ + k]) continue;
        least_[v * combinations_ + k] = cost;
        part_[v * combinations_ + k] = w;
        via_[v * combinations_ + k] = static_cast<std::uint32_t>(s);
      }
      std::size_t d = 0;
      while (d <= anchor && digit[d] == top[d]) {
        w -= static_cast<Vector>(digit[d]) * digits_[d].place;
        digit[d++] = 0;
      }
      if (d > anchor) return;
      ++digit[d];
      w += digits_[d].place;
    }
  }

  const Problem& problem_;
  std::int64_t steps_;
  std::vector<Digit> digits_;
  Vector vectors_ = 1;
  static constexpr std::size_t kTooMany = std::size_t{1} << 20;  ///< more are not counted
  std::vector<Source> sources_;
  std::map<std::pair<std::int32_t, std::size_t>, std::size_t> index_;  ///< by stock, GPUs
  std::size_t gpu_radix_ = 0;  ///< one more than may be had; 0 = any number
  /// GPUs and numbers of nodes of the limited sources, as one number in mixed radix: how many.
  std::size_t combinations_ = 1;
  // By vector * combinations + combination of what it has at most:
  std::vector<std::int64_t> least_;  ///< cost of a fleet for it
  std::vector<Vector> part_;         ///< what one node of that fleet holds
  std::vector<std::uint32_t> via_;   ///< and its source
  std::vector<Resources> need_;      ///< by vector
};

}  // namespace

std::int64_t vectors_of(const std::vector<std::int64_t>& items, std::int64_t most) {
  std::int64_t vectors = 1;
  for (std::int64_t n : items) {
    if (n <= 0) continue;
    if (n + 1 > most / vectors) return most + 1;
    vectors *= n + 1;
  }
  return vectors;
}

std::optional<Fleet> exact_fleet(const Problem& problem, const std::vector<std::int64_t>& items,
                                 std::int64_t vectors_max, std::int64_t steps, const Stock* stock,
                                 std::int64_t gpus) {
  const std::int64_t vectors = vectors_of(items, vectors_max);
  if (vectors > vectors_max) return std::nullopt;
  if (vectors == 1) return Fleet{};
  ExactSearch search(problem, items, steps, stock != nullptr ? *stock : Stock(problem), gpus);
  if (search.states() > static_cast<Vector>(vectors_max)) return std::nullopt;
  return search.run();
}

}  // namespace kerf::plan
