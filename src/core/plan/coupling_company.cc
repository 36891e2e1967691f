// Company on a node: herds first, then everybody joins what he needs, the smallest of it.
#include "core/plan/coupling_company.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "core/plan/coupling_zones.h"

namespace kerf::plan {

bool ports_clash(const cluster::PodShape& a, const cluster::PodShape& b) {
  for (const auto& x : a.host_ports)
    for (const auto& y : b.host_ports)
      if (cluster::clash(x, y)) return true;
  return false;
}

bool repels(const cluster::PodShape& x, const cluster::PodShape& y) {
  return std::any_of(x.anti_affinity.begin(), x.anti_affinity.end(), [&](const auto& term) {
    return is_host(term.topology_key) && cluster::matches(term.selector, y);
  });
}

namespace {

using cluster::PodShape;
using Counts = std::map<std::uint32_t, std::int64_t>;  ///< pods by shape

/// Choices of company that are tried for one item before it is given up.
constexpr int kTries = 1000;

/// All state of one call of bundle().
class Bundler {
 public:
  Bundler(const cluster::Demand& demand, const std::vector<std::uint32_t>& live, bool for_bound,
          bool gather, std::vector<Group>& groups)
      : demand_(demand), live_(live), for_bound_(for_bound), gather_(gather), groups_(groups) {}

  Company run() {
    find_seekers();
    if (hosts_.empty()) return {};
    make_items();
    join_herds();
    // Joined to another one, an item has what it needs.
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (!items_[i].pods.empty()) settle(i);
    make_groups();
    return std::move(out_);
  }

 private:
  /// Pods that share a node.
  struct Item {
    Counts count;
    std::vector<std::uint32_t> pods;  ///< empty: they are in another item, or have no node
    std::string zone;                 ///< "" = any
  };

  /// Items that are to become one.
  struct Draft {
    std::vector<std::size_t> items;
    Counts count;
    std::string zone;
  };

  using Place = std::pair<std::int64_t, std::size_t>;  ///< rank, item

  const PodShape& shape(std::uint32_t s) const { return demand_.shapes[s]; }

  bool wants_company(std::uint32_t s) const {
    return std::any_of(shape(s).affinity.begin(), shape(s).affinity.end(),
                       [](const auto& term) { return is_host(term.topology_key); });
  }

  /// A pod of shape t on the node is all the company that s needs: one pod has to match every
  /// term (kube-scheduler, interpodaffinity/filtering.go).
  bool is_company(std::uint32_t s, std::uint32_t t) const {
    return std::all_of(shape(s).affinity.begin(), shape(s).affinity.end(), [&](const auto& term) {
      return !is_host(term.topology_key) || cluster::matches(term.selector, shape(t));
    });
  }

  void find_seekers() {
    Counts pods;
    for (const Group& group : groups_)
      pods[group.shapes[0]] += static_cast<std::int64_t>(group.pods.size());
    for (const std::uint32_t s : live_) {
      if (!wants_company(s) || pods.count(s) == 0) continue;
      std::vector<std::uint32_t> hosts;
      for (const std::uint32_t t : live_)
        if (is_company(s, t)) hosts.push_back(t);
      if (!has_no_choice(s, pods)) {
        if (for_bound_) continue;
        out_.chosen = true;
      }
      hosts_[s] = std::move(hosts);
    }
  }

  /// True if every fleet has the same pods together: only the shape itself will do, or one single
  /// pod.
  bool has_no_choice(std::uint32_t s, const Counts& pods) const {
    std::int64_t others = 0;
    bool itself = true;
    for (const auto& [t, n] : pods)
      for (const auto& term : shape(s).affinity) {
        if (!is_host(term.topology_key)) continue;
        const bool match = cluster::matches(term.selector, shape(t));
        itself = itself && match == (t == s);
        others += match ? n : 0;
      }
    return itself || (others == 1 && shape(s).affinity.size() == 1);
  }

  bool is_herd(std::uint32_t s) const { return hosts_.count(s) != 0 && is_company(s, s); }

  /// Of all groups that seek company or may be it; they leave the list.
  void make_items() {
    std::set<std::uint32_t> involved;
    for (const auto& [s, hosts] : hosts_) {
      involved.insert(s);
      involved.insert(hosts.begin(), hosts.end());
    }
    std::vector<Group> others;
    for (Group& group : groups_) {
      const std::uint32_t s = group.shapes[0];
      if (involved.count(s) == 0) {
        others.push_back(std::move(group));
      } else if (is_herd(s)) {
        items_.push_back(
            {{{s, static_cast<std::int64_t>(group.pods.size())}}, group.pods, group.zone});
      } else {
        for (const std::uint32_t pod : group.pods) items_.push_back({{{s, 1}}, {pod}, group.zone});
      }
    }
    groups_ = std::move(others);
    for (std::size_t i = 0; i < items_.size(); ++i) note(i);
  }

  /// Herds that look for each other are one.
  void join_herds() {
    std::vector<std::size_t> herds;
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (hosts_.count(items_[i].count.begin()->first) != 0) herds.push_back(i);
    for (const std::size_t i : herds) {
      if (items_[i].pods.empty()) continue;
      const std::uint32_t s = items_[i].count.begin()->first;
      if (!is_herd(s)) continue;
      for (const std::size_t j : herds) {
        if (i == j || items_[j].pods.empty() || !same_zone(items_[i].zone, items_[j].zone))
          continue;
        const std::uint32_t t = items_[j].count.begin()->first;
        if (!is_company(s, t) || !is_company(t, s)) continue;
        Draft both = draft_of(i);
        add(both, j);
        commit(both);
      }
    }
  }

  void settle(std::size_t i) {
    Draft draft = draft_of(i);
    const auto state = std::make_pair(draft.count, draft.zone);
    int tries = kTries;
    // Company only grows: who is like one that found none finds none.
    if (hopeless_.count(state) == 0 && may_be_together(draft.count) && complete(draft, tries))
      return commit(draft);
    hopeless_.insert(state);
    for (const std::uint32_t pod : items_[i].pods) refuse(pod, draft.count);
    forget(i);
    items_[i].pods.clear();
  }

  /// The shape of the draft that has not the company it needs, if any.
  const std::vector<std::uint32_t>* lacks(const Draft& draft) const {
    for (const auto& [s, n] : draft.count) {
      const auto sought = hosts_.find(s);
      if (sought == hosts_.end()) continue;
      if (std::none_of(sought->second.begin(), sought->second.end(),
                       [&](std::uint32_t t) { return draft.count.count(t) != 0; }))
        return &sought->second;
    }
    return nullptr;
  }

  /// Adds items until everybody in the draft has company: of those that may join, the first by
  /// place_of(): each of several leaders gets his part of the followers, or one gets all.
  bool complete(Draft& draft, int& tries) {
    const std::vector<std::uint32_t>* hosts = lacks(draft);
    if (hosts == nullptr) return true;
    using At = std::set<Place>::const_iterator;
    std::vector<std::pair<At, At>> ranges;
    for (const std::uint32_t t : *hosts)
      ranges.emplace_back(by_shape_[t].begin(), by_shape_[t].end());
    std::set<std::pair<Counts, std::string>> tried;
    while (tries > 0) {
      auto least = ranges.end();
      for (auto range = ranges.begin(); range != ranges.end(); ++range)
        if (range->first != range->second &&
            (least == ranges.end() || *range->first < *least->first))
          least = range;
      if (least == ranges.end()) return false;
      const std::size_t i = (least->first++)->second;
      const Item& item = items_[i];
      if (std::find(draft.items.begin(), draft.items.end(), i) != draft.items.end() ||
          !same_zone(draft.zone, item.zone) || !tried.insert({item.count, item.zone}).second)
        continue;
      --tries;
      Draft more = draft;
      add(more, i);
      if (!may_be_together(more.count) || !complete(more, tries)) continue;
      draft = std::move(more);
      return true;
    }
    return false;
  }

  Draft draft_of(std::size_t i) const { return {{i}, items_[i].count, items_[i].zone}; }

  void add(Draft& draft, std::size_t i) const {
    draft.items.push_back(i);
    for (const auto& [s, n] : items_[i].count) draft.count[s] += n;
    if (draft.zone.empty()) draft.zone = items_[i].zone;
  }

  /// The items become the one with the most pods.
  void commit(const Draft& draft) {
    if (draft.items.size() == 1) return;
    const std::size_t most = *std::max_element(draft.items.begin(), draft.items.end(),
                                               [&](std::size_t a, std::size_t b) {
                                                 return std::make_tuple(items_[a].pods.size(), b) <
                                                        std::make_tuple(items_[b].pods.size(), a);
                                               });
    for (const std::size_t i : draft.items) forget(i);
    for (const std::size_t i : draft.items) {
      if (i == most) continue;
      items_[most].pods.insert(items_[most].pods.end(), items_[i].pods.begin(),
                               items_[i].pods.end());
      items_[i].pods.clear();
    }
    items_[most].count = draft.count;
    items_[most].zone = draft.zone;
    note(most);
  }

  /// The first to be joined have the fewest pods, or the most where all are gathered.
  Place place_of(std::size_t i) const {
    const auto pods = static_cast<std::int64_t>(items_[i].pods.size());
    return {gather_ ? -pods : pods, i};
  }
  void note(std::size_t i) {
    for (const auto& [s, n] : items_[i].count) by_shape_[s].insert(place_of(i));
  }
  void forget(std::size_t i) {
    for (const auto& [s, n] : items_[i].count) by_shape_[s].erase(place_of(i));
  }

  void refuse(std::uint32_t pod, const Counts& count) {
    std::string why = "its pods must share a node and must not";
    for (const auto& [s, n] : count) {
      const auto sought = hosts_.find(s);
      if (sought == hosts_.end() || !sought->second.empty()) continue;
      std::string wanted;
      for (const auto& term : shape(s).affinity)
        if (is_host(term.topology_key))
          wanted += (wanted.empty() ? "" : " and ") + describe(term.selector);
      why = "it must share a node with a GPU pod that matches " + wanted +
            ", and none is in the input";
    }
    out_.unplaced.push_back({pod, {ReasonCode::ConflictingPods, {why}}});
  }

  static bool same_zone(const std::string& a, const std::string& b) {
    return a == b || a.empty() || b.empty();
  }

  /// Whether ports, anti-affinity and hostname spread let these pods share a node.
  bool may_be_together(const Counts& count) const {
    for (const auto& [s, n] : count) {
      for (const auto& [t, m] : count)
        if ((s != t || n > 1) && (ports_clash(shape(s), shape(t)) || repels(shape(s), shape(t))))
          return false;
      for (const auto& term : shape(s).spread) {
        if (!is_host(term.topology_key)) continue;
        std::int64_t counted = 0;
        for (const auto& [t, m] : count)
          if (cluster::matches(term.selector, shape(t))) counted += m;
        if (counted > term.max_skew) return false;
      }
    }
    return true;
  }

  /// Items of the same shapes and zone are one group.
  void make_groups() {
    std::map<std::pair<std::vector<std::uint32_t>, std::string>, std::size_t> index;
    for (Item& item : items_) {
      if (item.pods.empty()) continue;
      std::sort(item.pods.begin(), item.pods.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::make_tuple(demand_.pods[a].shape, a) <
               std::make_tuple(demand_.pods[b].shape, b);
      });
      std::vector<std::uint32_t> shapes;
      for (const std::uint32_t pod : item.pods) shapes.push_back(demand_.pods[pod].shape);
      const auto [at, fresh] = index.try_emplace({shapes, item.zone}, groups_.size());
      if (fresh) groups_.push_back({std::move(shapes), {}, item.zone});
      std::vector<std::uint32_t>& pods = groups_[at->second].pods;
      pods.insert(pods.end(), item.pods.begin(), item.pods.end());
    }
    std::stable_sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
      return std::tie(a.shapes[0], a.zone, a.shapes) < std::tie(b.shapes[0], b.zone, b.shapes);
    });
  }

  const cluster::Demand& demand_;
  const std::vector<std::uint32_t>& live_;
  bool for_bound_;
  bool gather_;
  std::vector<Group>& groups_;
  /// By shape that seeks company here: the shapes that are it.
  std::map<std::uint32_t, std::vector<std::uint32_t>> hosts_;
  std::vector<Item> items_;
  std::map<std::uint32_t, std::set<Place>> by_shape_;  ///< items that have it
  std::set<std::pair<Counts, std::string>> hopeless_;
  Company out_;
};

}  // namespace

Company bundle(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
               bool for_bound, bool gather, std::vector<Group>& groups) {
  return Bundler(demand, live, for_bound, gather, groups).run();
}

}  // namespace kerf::plan
