// search_node: whether some content of a node is worth more than a claim allows, by trying all.
//
// Items are taken one kind after the other, those first that are worth most for what they take by
// the claim's multipliers; a state is what was taken so far. Left out are only states that cannot
// lead to more than the claim: because another state with the same GPU units takes no more and is
// worth no less; or because even what is left of the node, at the best rate of worth for resource
// among the items to come, does not lift them above it. Five such rates are looked at: the
// multipliers' own price of all that is left, and CPU, memory, GPU units by the multipliers and GPU
// units by size alone. Whether units fit is exact (GpuRoom). Cost: the states that are left times
// the items; without pruning exponential, so that the caller limits it.
#include <algorithm>
#include <unordered_map>

#include "core/check/certificate_work.h"

namespace kerf::check {
namespace {

using Units = GpuRoom::Units;
using Multipliers = plan::Certificate::Multipliers;

/// Largest worth of a node by its multipliers; larger ones guide nobody and could overflow.
constexpr Int128 kMostPotential = 4'000'000'000'000'000'000;
/// Sizes of forms in parts of a GPU, a number that many counts divide.
constexpr std::int64_t kWholeGpu = 27'720;
constexpr std::size_t kMostStates = 3'000'000;

/// What the multipliers say of the form; nullopt if they do not name it.
std::optional<std::int64_t> worth_of(const gpu::Form& form, const Multipliers& multipliers) {
  for (const auto& [named, worth] : multipliers.forms) {
    if (named.kind != form.kind) continue;
    const bool same = form.kind == gpu::FormKind::Slice      ? named.profile == form.profile
                      : form.kind == gpu::FormKind::Fraction ? named.fraction == form.fraction
                      : form.kind == gpu::FormKind::Whole    ? true
                                                             : named.replicas == form.replicas;
    if (same) return worth;
  }
  return std::nullopt;
}

/// Amounts by form of a node, and the most that one GPU can hold of them.
struct Measure {
  std::vector<std::int64_t> by_form;
  Int128 one_gpu = 0;

  Int128 of(const Units& units) const {
    Int128 sum = 0;
    for (std::size_t f = 0; f < by_form.size(); ++f) sum += Int128{by_form[f]} * units[f];
    return sum;
  }
};

Measure measure(const NodeKind& node, std::vector<std::int64_t> by_form) {
  Measure made{std::move(by_form), 0};
  for (const FormCounts& corner : node.gpus.corners()) {
    Int128 sum = 0;
    for (std::size_t f = 0; f < corner.size(); ++f) sum += Int128{made.by_form[f]} * corner[f];
    made.one_gpu = std::max(made.one_gpu, sum);
  }
  return made;
}

/// Any worths of forms make a valid bound. Forms that are not named get as much as makes no GPU
/// worth more: the planner may have left out a form that is as good as one that it names.
Measure worth_of_forms(const NodeKind& node, const Multipliers& multipliers) {
  std::vector<std::int64_t> by_form;
  for (const gpu::Form& form : node.forms) {
    by_form.push_back(worth_of(form, multipliers).value_or(0));
  }
  Measure made = measure(node, std::move(by_form));
  for (std::size_t f = 0; f < node.forms.size(); ++f) {
    if (worth_of(node.forms[f], multipliers)) continue;
    Int128 least = made.one_gpu;
    for (const FormCounts& corner : node.gpus.corners()) {
      if (corner[f] == 0) continue;
      Int128 sum = 0;
      for (std::size_t g = 0; g < corner.size(); ++g) sum += Int128{made.by_form[g]} * corner[g];
      least = std::min(least, (made.one_gpu - sum) / corner[f]);
    }
    // Within 64 bits: a worth that is a part of one that is named, or 0.
    made.by_form[f] = static_cast<std::int64_t>(std::min<Int128>(least, kMostAmount));
  }
  return made;
}

/// Each form as large as the fewest of it that fill a GPU leave room for.
Measure sizes_of_forms(const NodeKind& node) {
  std::vector<std::int64_t> by_form(node.forms.size(), 0);
  for (std::size_t f = 0; f < by_form.size(); ++f) {
    std::int64_t most = 1;
    for (const FormCounts& corner : node.gpus.corners()) {
      most = std::max<std::int64_t>(most, corner[f]);
    }
    by_form[f] = kWholeGpu / most;
  }
  return measure(node, std::move(by_form));
}

Int128 worth_of(const Resources& r, const Multipliers& m) {
  return Int128{r.cpu_milli} * m.cpu_milli + Int128{r.memory_mib} * m.memory_mib +
         Int128{r.disk_mib} * m.disk_mib + Int128{r.pods} * m.pods;
}

/// The least that any way of the item takes, by this measure.
Int128 least_of(const Item& item, const Measure& measure) {
  Int128 least = measure.of(item.ways->front());
  for (const Units& way : *item.ways) least = std::min(least, measure.of(way));
  return least;
}

/// Worth for an amount: the best of some items.
struct Rate {
  std::int64_t worth = 0;
  std::int64_t amount = 1;  ///< 0: without end

  void include(std::int64_t other_worth, std::int64_t other_amount) {
    if (amount != 0 &&
        (other_amount == 0 || Int128{other_worth} * amount > Int128{worth} * other_amount)) {
      worth = other_worth;
      amount = other_amount;
    }
  }
  /// True if `room` at this rate is worth at most `allowed`.
  bool within(std::int64_t room, std::int64_t allowed) const {
    return amount != 0 && Int128{worth} * room <= Int128{allowed} * amount;
  }
};

struct State {
  std::int64_t value = 0;
  std::int32_t cpu = 0, memory = 0, disk = 0, pods = 0;  ///< taken
  std::int32_t of_item = 0;                              ///< how many of the item at hand are in it
};

using Buckets = std::unordered_map<Units, std::vector<State>, GpuRoom::UnitsHash>;

/// What an item takes at least and the rates of what comes after it.
struct Stage {
  Item item;
  std::int64_t consumed = 0;  ///< by the multipliers, the least of its ways
  Rate rates[5];              ///< of this item and all after it
  Int128 slack = 0;           ///< what this and later items may be worth beyond what they take
};

class Search {
 public:
  Search(const NodeKind& node, std::int64_t worth, const Multipliers& multipliers,
         std::int64_t& steps)
      : node_(node),
        worth_(worth),
        steps_(steps),
        multipliers_(multipliers),
        forms_(worth_of_forms(node, multipliers)),
        sizes_(sizes_of_forms(node)) {
    if (whole_node() > kMostPotential) {  // they only guide: go without
      multipliers_ = {};
      forms_ = worth_of_forms(node, multipliers_);
    }
  }

  Searched run(const std::vector<Item>& items) {
    prepare(items);
    Buckets states;
    states[Units{}].push_back({});
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      const auto& ways = *stages_[s].item.ways;
      for (std::size_t w = 0; w < ways.size(); ++w) {
        if (!extend(states, s, ways[w], w + 1 == ways.size())) return outcome_;
      }
    }
    return {};
  }

 private:
  Int128 whole_node() const {
    return worth_of(node_.room, multipliers_) + forms_.one_gpu * node_.gpus.gpus();
  }

  /// Disk and places for pods that cannot run out keep no state from beating another.
  std::vector<Item> without_what_suffices(std::vector<Item> items) const {
    Int128 smallest = INT64_MAX, disk = 0, pods = 0;
    for (const Item& item : items) {
      smallest = std::min(smallest, least_of(item, sizes_));
      disk = std::max<Int128>(disk, item.requests.disk_mib);
      pods = std::max<Int128>(pods, item.requests.pods);
    }
    if (smallest <= 0) return items;
    const Int128 most = sizes_.one_gpu * node_.gpus.gpus() / smallest;  // items on a node
    for (Item& item : items) {
      if (most * disk <= node_.room.disk_mib) item.requests.disk_mib = 0;
      if (most * pods <= node_.room.pods) item.requests.pods = 0;
    }
    return items;
  }

  void prepare(const std::vector<Item>& all) {
    for (const Item& item : without_what_suffices(all)) {
      const Int128 consumed = worth_of(item.requests, multipliers_) + least_of(item, forms_);
      stages_.push_back({item, static_cast<std::int64_t>(consumed), {}, 0});
    }
    std::stable_sort(stages_.begin(), stages_.end(), [](const Stage& a, const Stage& b) {
      return Int128{a.item.value} * b.consumed > Int128{b.item.value} * a.consumed;
    });
    for (std::size_t s = stages_.size(); s-- > 0;) {
      Stage& stage = stages_[s];
      if (s + 1 < stages_.size()) {
        std::copy(std::begin(stages_[s + 1].rates), std::end(stages_[s + 1].rates), stage.rates);
        stage.slack = stages_[s + 1].slack;
      }
      const Item& item = stage.item;
      stage.rates[0].include(item.value, stage.consumed);
      stage.rates[1].include(item.value, item.requests.cpu_milli);
      stage.rates[2].include(item.value, item.requests.memory_mib);
      stage.rates[3].include(item.value, static_cast<std::int64_t>(least_of(item, forms_)));
      stage.rates[4].include(item.value, static_cast<std::int64_t>(least_of(item, sizes_)));
      stage.slack += Int128{std::max<std::int64_t>(item.value - stage.consumed, 0)} * item.count;
    }
  }

  /// True if no content that is this one and items from stage `s` on is worth more than the claim.
  /// What is left of the GPUs is the same for a bucket: by the multipliers, and by size.
  bool hopeless(const State& state, std::size_t s, std::int64_t forms_left,
                std::int64_t sizes_left) const {
    const std::int64_t allowed = worth_ - state.value;
    if (s == stages_.size()) return true;  // the value itself was looked at
    const Stage& stage = stages_[s];
    const std::int64_t cpu = node_.room.cpu_milli - state.cpu;
    const std::int64_t memory = node_.room.memory_mib - state.memory;
    if (stage.rates[1].within(cpu, allowed) || stage.rates[2].within(memory, allowed) ||
        stage.rates[4].within(sizes_left, allowed) || stage.rates[3].within(forms_left, allowed)) {
      return true;
    }
    const std::int64_t left = cpu * multipliers_.cpu_milli + memory * multipliers_.memory_mib +
                              (node_.room.disk_mib - state.disk) * multipliers_.disk_mib +
                              (node_.room.pods - state.pods) * multipliers_.pods + forms_left;
    return stage.rates[0].within(left, allowed) || left + stage.slack <= allowed;
  }

  /// Adds 1, 2, ... of the stage's item, served by `way`, to every state.
  bool extend(Buckets& states, std::size_t s, const Units& way, bool last_way) {
    const Item& item = stages_[s].item;
    const std::size_t next = last_way ? s + 1 : s;
    Buckets fresh;
    for (auto& [units, bucket] : states) {
      Units more = units;
      std::vector<const State*> open;
      for (const State& state : bucket) open.push_back(&state);
      for (std::int64_t n = 1; n <= item.count && !open.empty(); ++n) {
        for (std::size_t f = 0; f < way.size(); ++f) {
          more[f] = static_cast<std::uint16_t>(more[f] + way[f]);
        }
        if (!node_.gpus.fits(more)) break;
        if (!add(open, item, n, next, more, fresh)) return false;
      }
    }
    // What was there stays only as far as later items can make something of it.
    std::size_t count = 0;
    for (auto at = states.begin(); at != states.end();) {
      keep_hopeful(at->second, next, at->first, last_way);
      at = at->second.empty() ? states.erase(at) : std::next(at);
    }
    for (auto& [units, bucket] : fresh) {
      auto& all = states[units];
      all.insert(all.end(), bucket.begin(), bucket.end());
      if (last_way)
        for (State& state : all) state.of_item = 0;
      drop_dominated(all);
    }
    for (const auto& [units, bucket] : states) count += bucket.size();
    if (count > kMostStates) outcome_.outcome = Searched::Outcome::TooLarge;
    return count <= kMostStates;
  }

  /// `open`: states that have room for one more; those that have none for n are taken out.
  bool add(std::vector<const State*>& open, const Item& item, std::int64_t n, std::size_t next,
           const Units& units, Buckets& fresh) {
    const Resources taken = item.requests * n;
    if (!taken.fits(node_.room)) {
      open.clear();
      return true;
    }
    const auto [forms_left, sizes_left] = left_of(units);
    std::vector<State>* bucket = nullptr;
    std::size_t kept = 0;
    for (const State* const state : open) {
      if (--steps_ < 0) {
        outcome_.outcome = Searched::Outcome::TooLarge;
        return false;
      }
      State longer = *state;
      if (longer.cpu + taken.cpu_milli > node_.room.cpu_milli ||
          longer.memory + taken.memory_mib > node_.room.memory_mib ||
          longer.disk + taken.disk_mib > node_.room.disk_mib ||
          longer.pods + taken.pods > node_.room.pods || longer.of_item + n > item.count) {
        continue;
      }
      open[kept++] = state;
      longer.value += item.value * n;
      longer.cpu += static_cast<std::int32_t>(taken.cpu_milli);
      longer.memory += static_cast<std::int32_t>(taken.memory_mib);
      longer.disk += static_cast<std::int32_t>(taken.disk_mib);
      longer.pods += static_cast<std::int32_t>(taken.pods);
      longer.of_item += static_cast<std::int32_t>(n);
      if (longer.value > worth_) {
        outcome_ = {Searched::Outcome::Beaten, longer.value, item.group};
        return false;
      }
      if (hopeless(longer, next, forms_left, sizes_left)) continue;
      if (bucket == nullptr) bucket = &fresh[units];
      bucket->push_back(longer);
    }
    open.resize(kept);
    return true;
  }

  std::pair<std::int64_t, std::int64_t> left_of(const Units& units) const {
    return {static_cast<std::int64_t>(forms_.one_gpu * node_.gpus.gpus() - forms_.of(units)),
            static_cast<std::int64_t>(sizes_.one_gpu * node_.gpus.gpus() - sizes_.of(units))};
  }

  void keep_hopeful(std::vector<State>& bucket, std::size_t next, const Units& units,
                    bool last_way) const {
    const auto [forms_left, sizes_left] = left_of(units);
    std::size_t kept = 0;
    for (State& state : bucket) {
      if (hopeless(state, next, forms_left, sizes_left)) continue;
      if (last_way) state.of_item = 0;
      bucket[kept++] = state;
    }
    bucket.resize(kept);
  }

  /// Of states with the same units. Most are told apart by CPU and memory alone; those that another
  /// beats in these and not in the rest are kept, which costs time and no truth.
  static void drop_dominated(std::vector<State>& states) {
    std::sort(states.begin(), states.end(), [](const State& a, const State& b) {
      return std::tie(b.value, a.cpu, a.memory, a.disk, a.pods, a.of_item) <
             std::tie(a.value, b.cpu, b.memory, b.disk, b.pods, b.of_item);
    });
    std::map<std::int32_t, State> stairs;  // by CPU; memory falls as it rises
    std::size_t kept = 0;
    for (const State& state : states) {
      auto at = stairs.upper_bound(state.cpu);
      if (at != stairs.begin()) {
        const State& before = std::prev(at)->second;
        if (before.memory <= state.memory && before.disk <= state.disk &&
            before.pods <= state.pods && before.of_item <= state.of_item) {
          continue;
        }
        if (before.memory <= state.memory) {  // not dominated, and no step of the stairs
          states[kept++] = state;
          continue;
        }
      }
      at = stairs.lower_bound(state.cpu);
      while (at != stairs.end() && at->second.memory >= state.memory) at = stairs.erase(at);
      stairs.emplace(state.cpu, state);
      states[kept++] = state;
    }
    states.resize(kept);
  }

  const NodeKind& node_;
  std::int64_t worth_;
  std::int64_t& steps_;
  Multipliers multipliers_;
  Measure forms_;
  Measure sizes_;
  std::vector<Stage> stages_;
  Searched outcome_;
};

}  // namespace

Int128 bound_by_multipliers(const NodeKind& node, const std::vector<Item>& items,
                            const Multipliers& multipliers) {
  const Measure forms = worth_of_forms(node, multipliers);
  Int128 sum = worth_of(node.room, multipliers) + forms.one_gpu * node.gpus.gpus();
  for (const Item& item : items) {
    const Int128 slack = item.value - worth_of(item.requests, multipliers) - least_of(item, forms);
    if (slack > 0) sum += slack * item.count;
  }
  return sum;
}

Searched search_node(const NodeKind& node, const std::vector<Item>& items, std::int64_t worth,
                     const Multipliers& multipliers, std::int64_t& steps) {
  // One of an item that is worth more than all that is allowed ends the search, and keeps the sums
  // within 64 bits.
  for (const Item& item : items) {
    if (item.value > worth) return {Searched::Outcome::Beaten, item.value, item.group};
  }
  return Search(node, worth, multipliers, steps).run(items);
}

}  // namespace kerf::check
