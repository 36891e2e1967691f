// CoupledOracle: the cheapest fleet for a few pods that need, avoid or count each other, found by
// trying every way to part them over nodes and zones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/demand.h"
#include "core/cluster/policy.h"
#include "core/gpu/form.h"
#include "core/market/market.h"
#include "core/plan/plan_testing.h"

namespace kerf::plan::testing {

inline constexpr std::int64_t kNever = std::int64_t{1} << 60;
inline constexpr const char* kHost = "kubernetes.io/hostname";
inline constexpr const char* kZone = "topology.kubernetes.io/zone";
inline constexpr const char* kFamily = "karpenter.k8s.aws/instance-family";

/// Reads the rules from the pods' specs by itself and shares no code with the planner; the table of
/// legal states is that of core/gpu. It understands what the instances of its tests use: node
/// selectors on the instance family; anti-affinity, spread and affinity by hostname; spread by zone
/// among the zones that the market names, in each of which something serves every pod; affinity to
/// pods that ask for no company, or to the pod's own like alone; one offering at most that has a
/// number of nodes, then in a market without zones and a policy without GPU limit. Sets of pods are
/// bits; the policy's headroom is further pods behind the real ones. Cost: 3^items additions and,
/// for each type, a node check for each set of which every smaller set fits and that nothing
/// cheaper holds.
class CoupledOracle {
 public:
  using Set = std::size_t;

  CoupledOracle(const cluster::Demand& demand, const market::Market& market,
                const cluster::Policy& policy)
      : market_(market), policy_(policy), overhead_(demand.overhead) {
    for (const cluster::Pod& pod : demand.pods) items_.push_back(demand.shapes[pod.shape]);
    pods_ = items_.size();
    for (const cluster::Headroom& headroom : policy.headroom)
      for (std::int64_t i = 0; i < headroom.count; ++i) {
        cluster::PodShape shape;
        shape.ns = "(headroom)";
        shape.gpu = {headroom.request};
        shape.requests = headroom.each;
        items_.push_back(shape);
      }
    for (const market::Offering& offering : market.offerings)
      owned_ = std::max(owned_, offering.count.value_or(0));
    for (const market::Offering& offering : market.offerings)
      if (std::find(zones_.begin(), zones_.end(), offering.zone) == zones_.end())
        zones_.push_back(offering.zone);
    note_matches();
    look_at_types();
  }

  std::size_t pods() const { return pods_; }
  Set all_pods() const { return (Set{1} << pods_) - 1; }

  /// Some node holds it beside nobody.
  bool fits_alone(std::uint32_t pod) const { return held_[Set{1} << pod]; }

  /// Price of the cheapest fleet for these pods and all headroom, with at most so many GPUs (-1 =
  /// any number); kNever if there is none.
  std::int64_t least(Set pods, std::int64_t gpus = -1) {
    const Set whole = pods | (((Set{1} << items_.size()) - 1) & ~all_pods());
    std::vector<std::vector<std::int64_t>> by_zone;
    for (std::size_t zone = 0; zone < zones_.size(); ++zone)
      by_zone.push_back(gpus >= 0    ? least_in(zone, whole, &Option::gpus, gpus)
                        : owned_ > 0 ? least_in(zone, whole, &Option::owned, owned_)
                                     : least_in(zone, whole));
    std::vector<Set> parts(zones_.size());
    std::int64_t best = kNever;
    choose_zones(whole, whole, by_zone, parts, 0, best);
    return best;
  }

 private:
  struct Option {
    std::int64_t price, gpus;
    std::int64_t owned = 0;  ///< 1: a node of the offering that has a number
    bool operator<(const Option& o) const {
      return std::tie(price, gpus) < std::tie(o.price, o.gpus);
    }
  };

  static bool selected(const cluster::PodSelector& selector, const cluster::PodShape& pod) {
    if (selector.none) return false;
    if (!selector.all_namespaces &&
        std::find(selector.namespaces.begin(), selector.namespaces.end(), pod.ns) ==
            selector.namespaces.end())
      return false;
    return std::all_of(selector.labels.begin(), selector.labels.end(), [&](const auto& wanted) {
      const auto found = pod.labels.find(wanted.key);
      return found != pod.labels.end() && found->second == wanted.values.at(0);
    });
  }

  Set matched(const cluster::PodSelector& selector) const {
    Set set = 0;
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (selected(selector, items_[i])) set |= Set{1} << i;
    return set;
  }

  struct Count {
    Set of;
    std::int64_t most;
  };
  struct Item {
    Set apart = 0;               ///< with none of these on a node
    std::vector<Count> on_node;  ///< hostname spread: at most so many of these
    std::vector<Count> in_zone;  ///< zone spread: at most so many more of these than in any zone
    std::vector<Set> beside;     ///< each: one of these on the node, or it is the first of them
  };

  void note_matches() {
    rules_.resize(items_.size());
    for (std::size_t i = 0; i < items_.size(); ++i) {
      for (const auto& term : items_[i].anti_affinity) {
        const Set others = matched(term.selector) & ~(Set{1} << i);
        rules_[i].apart |= others;
        for (std::size_t j = 0; j < items_.size(); ++j)
          if ((others >> j & 1) != 0) rules_[j].apart |= Set{1} << i;
      }
      for (const auto& spread : items_[i].spread)
        (spread.topology_key == kHost ? rules_[i].on_node : rules_[i].in_zone)
            .push_back({matched(spread.selector), spread.max_skew});
      for (const auto& term : items_[i].affinity)
        rules_[i].beside.push_back(matched(term.selector));
    }
  }

  static std::int64_t size(Set set) { return __builtin_popcountll(set); }

  /// What holds for every part of a set if it holds for the set.
  bool may_share(Set set) const {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      if ((rules_[i].apart & set) != 0) return false;
      for (const Count& count : rules_[i].on_node)
        if (size(count.of & set) > count.most) return false;
    }
    return true;
  }

  /// Everybody on the node has the company it needs, where `whole` is all that runs.
  bool in_company(Set set, Set whole) const {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      for (const Set wanted : rules_[i].beside) {
        const bool own = (wanted >> i & 1) != 0;
        // Its own like: the first goes anywhere, all the others where the first is.
        if (own ? (wanted & whole & ~set) != 0 : (wanted & set) == 0) return false;
      }
    }
    return true;
  }

  bool spread_over(const std::vector<Set>& parts) const {
    for (const Set part : parts)
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if ((part >> i & 1) == 0) continue;
        for (const Count& count : rules_[i].in_zone)
          for (const Set other : parts)
            if (size(count.of & part) - size(count.of & other) > count.most) return false;
      }
    return true;
  }

  std::vector<gpu::Form> forms(const cluster::GpuRequest& request,
                               const market::InstanceType& type) const {
    const gpu::Model& model = market_.model_of(type);
    std::vector<gpu::Form> serving;
    for (gpu::Form& form : gpu::forms_of(model, type.gpu_fraction, policy_.sharing)) {
      const bool slice = form.kind == gpu::FormKind::Slice;
      if (slice && !model.cuttable()) continue;
      bool serves = false;
      switch (request.kind) {
        case cluster::GpuRequestKind::Whole: serves = form.kind == gpu::FormKind::Whole; break;
        case cluster::GpuRequestKind::Slice:
          serves = slice && model.profiles[form.profile].name == request.profile;
          break;
        default:
          serves =
              form.nominal_gb >= request.gib &&
              !(slice && model.profiles[form.profile].special()) &&
              (form.kind != gpu::FormKind::TimeSliced ||
               std::min(request.isolation, policy_.isolation_floor) >= cluster::Isolation::Shared);
      }
      if (serves) serving.push_back(form);
    }
    return serving;
  }

  static bool admits(const cluster::PodShape& shape, const market::InstanceType& type) {
    return std::all_of(
        shape.node_selector.begin(), shape.node_selector.end(), [&](const auto& wish) {
          const bool named =
              std::find(wish.values.begin(), wish.values.end(), type.family()) != wish.values.end();
          return named == (wish.op == cluster::Operator::In);
        });
  }

  void look_at_types() {
    const Set sets = Set{1} << items_.size();
    held_.assign(sets, false);
    options_.resize(zones_.size(), std::vector<std::vector<Option>>(sets));
    std::map<std::uint32_t, Sold> sold;
    for (const market::Offering& offering : market_.offerings)
      sold[offering.type].push_back(
          {static_cast<std::size_t>(std::find(zones_.begin(), zones_.end(), offering.zone) -
                                    zones_.begin()),
           {offering.price.micro, market_.types[offering.type].gpu_count, offering.count ? 1 : 0}});
    std::vector<std::pair<std::uint32_t, Sold>> types(sold.begin(), sold.end());
    std::stable_sort(types.begin(), types.end(), [](const auto& a, const auto& b) {
      return a.second[0].second.price < b.second[0].second.price;
    });
    for (const auto& [index, offered] : types) look_at(market_.types[index], offered);
    for (auto& by_set : options_)
      for (auto& options : by_set) std::sort(options.begin(), options.end());
  }

  /// By zone, what a type costs there and its GPUs.
  using Sold = std::vector<std::pair<std::size_t, Option>>;

  /// Dollars are all that count, and no zone sells the type cheaper than what holds the set
  /// already.
  bool needless(Set set, const Sold& offered) const {
    return !policy_.limit_gpus && owned_ == 0 &&
           std::all_of(offered.begin(), offered.end(), [&](const auto& offer) {
             const std::vector<Option>& known = options_[offer.first][set];
             return std::any_of(known.begin(), known.end(), [&](const Option& option) {
               return option.price <= offer.second.price;
             });
           });
  }

  static constexpr std::int64_t kGpu = 840;  ///< parts of a GPU that come out even for every form

  /// What the wishes take at least: a slice its slots, a replica its turn.
  static std::int64_t least_part(const std::vector<Wish>& wishes, const gpu::Model& model) {
    std::int64_t sum = 0;
    for (const Wish& wish : wishes) {
      std::int64_t least = kNever / 64;
      for (const gpu::Form& form : wish.forms)
        least = std::min(least, form.kind == gpu::FormKind::Slice
                                    ? kGpu * model.profiles[form.profile].slots / model.slots
                                    : kGpu / form.replicas);
      sum += least * wish.count;
    }
    return sum;
  }

  void look_at(const market::InstanceType& type, const Sold& offered) {
    const Resources room = market::allocatable(type, overhead_);
    const gpu::Model& model = market_.model_of(type);
    NodeOracle oracle(model, type.gpu_count);
    std::vector<std::vector<Wish>> wishes(items_.size());
    for (std::size_t i = 0; i < items_.size(); ++i)
      for (const cluster::GpuRequest& request : items_[i].gpu)
        wishes[i].push_back({forms(request, type), request.count});
    std::vector<bool> may_fit(held_.size());  // true where nobody had to look
    may_fit[0] = true;
    for (Set set = 1; set < held_.size(); ++set) {
      may_fit[set] = needless(set, offered);
      if (may_fit[set]) continue;
      Resources used;
      std::vector<Wish> here;
      bool possible = may_share(set);
      for (std::size_t i = 0; i < items_.size() && possible; ++i) {
        if ((set >> i & 1) == 0) continue;
        possible = may_fit[set ^ (Set{1} << i)] && admits(items_[i], type);
        used = used + items_[i].requests;
        here.insert(here.end(), wishes[i].begin(), wishes[i].end());
      }
      if (!possible || !used.fits(room) || least_part(here, model) > kGpu * type.gpu_count ||
          !oracle.holds(here))
        continue;
      may_fit[set] = held_[set] = true;
      for (const auto& [zone, option] : offered) options_[zone][set].push_back(option);
    }
  }

  /// By set (of `whole`): the cheapest nodes of one zone that hold it.
  std::vector<std::int64_t> least_in(std::size_t zone, Set whole) const {
    std::vector<std::int64_t> node(whole + 1, kNever), least(whole + 1, kNever);
    least[0] = 0;
    for (Set set = 1; set <= whole; ++set) {
      if ((set & ~whole) != 0) continue;
      if (!options_[zone][set].empty() && in_company(set, whole))
        node[set] = options_[zone][set][0].price;
      const Set first = set & (~set + 1);
      for (Set part = set; part != 0; part = (part - 1) & set)
        if ((part & first) != 0 && node[part] < kNever && least[set ^ part] < kNever)
          least[set] = std::min(least[set], node[part] + least[set ^ part]);
    }
    return least;
  }

  /// The same with at most `most` of what `part_of` counts; for markets of one zone.
  std::vector<std::int64_t> least_in(std::size_t zone, Set whole, std::int64_t Option::*part_of,
                                     std::int64_t most) const {
    const auto width = static_cast<std::size_t>(most + 1);
    std::vector<std::int64_t> least((whole + 1) * width, kNever);
    for (std::size_t g = 0; g < width; ++g) least[g] = 0;
    for (Set set = 1; set <= whole; ++set) {
      if ((set & ~whole) != 0) continue;
      const Set first = set & (~set + 1);
      for (Set part = set; part != 0; part = (part - 1) & set) {
        if ((part & first) == 0 || !in_company(part, whole)) continue;
        for (const Option& option : options_[zone][part])
          for (auto g = static_cast<std::size_t>(option.*part_of); g < width; ++g) {
            const std::int64_t rest =
                least[(set ^ part) * width + g - static_cast<std::size_t>(option.*part_of)];
            if (rest < kNever)
              least[set * width + g] = std::min(least[set * width + g], option.price + rest);
          }
      }
    }
    std::vector<std::int64_t> with_all(whole + 1);
    for (Set set = 0; set <= whole; ++set) with_all[set] = least[set * width + width - 1];
    return with_all;
  }

  void choose_zones(Set left, Set whole, const std::vector<std::vector<std::int64_t>>& by_zone,
                    std::vector<Set>& parts, std::size_t zone, std::int64_t& best) const {
    if (zone + 1 == zones_.size()) {
      parts[zone] = left;
      std::int64_t sum = 0;
      for (std::size_t z = 0; z < parts.size(); ++z) sum += by_zone[z][parts[z]];
      if (sum < best && spread_over(parts)) best = sum;
      return;
    }
    for (Set part = left;; part = (part - 1) & left) {
      parts[zone] = part;
      if (by_zone[zone][part] < kNever)
        choose_zones(left ^ part, whole, by_zone, parts, zone + 1, best);
      if (part == 0) return;
    }
  }

  const market::Market& market_;
  const cluster::Policy& policy_;
  market::NodeOverhead overhead_;
  std::vector<cluster::PodShape> items_;  ///< pods, then headroom
  std::size_t pods_ = 0;
  std::vector<Item> rules_;
  std::vector<std::string> zones_;  ///< "" alone where prices hold for the region
  std::int64_t owned_ = 0;          ///< nodes there are of the one offering that has a number
  std::vector<bool> held_;          ///< by set: some type holds it
  std::vector<std::vector<std::vector<Option>>> options_;  ///< by zone, set: the cheapest first
};

}  // namespace kerf::plan::testing
