// Slow, plain judges of constraints between pods: kube-scheduler's rules on nodes with labels, and
// Company's own, by looking at every pod.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/pod.h"

namespace kerf::online::testing {

using cluster::AffinityTerm;
using cluster::PodShape;
using cluster::Requirements;
using cluster::SpreadConstraint;

inline constexpr const char* kHost = "kubernetes.io/hostname";
inline constexpr const char* kZone = "topology.kubernetes.io/zone";
inline constexpr const char* kRack = "example.com/rack";

/// Where a pod is: a node with its labels, or a zone in which one will be bought.
struct Place {
  std::string node;  ///< "" = not there yet
  std::string zone;  ///< "" = not known
  std::map<std::string, std::string> labels;

  /// The value of a topology key; "" = none.
  std::string domain(const std::string& key) const {
    if (key == kHost) return node;
    return key == kZone ? zone : "";
  }
};

struct Stands {
  const PodShape* shape = nullptr;
  Place place;
};

inline bool meets(const PodShape& shape, const Place& place) {
  const auto all = [&](const Requirements& requirements) {
    return std::all_of(requirements.begin(), requirements.end(), [&](const auto& requirement) {
      return cluster::matches(requirement, place.labels);
    });
  };
  return all(shape.node_selector) &&
         (shape.node_affinity.empty() ||
          std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(), all));
}

/// kube-scheduler's rules for pods and nodes that stand (interpodaffinity/filtering.go,
/// podtopologyspread/filtering.go, nodeports), by looking at each pod. Company's own rules where it
/// is stricter are in Plain below.
class Scheduler {
 public:
  Scheduler(std::vector<Stands> pods, std::vector<Place> nodes)
      : pods_(std::move(pods)), nodes_(std::move(nodes)) {}
  virtual ~Scheduler() = default;

  bool allows(const PodShape& pod, const Place& place) const {
    for (const Stands& other : pods_) {
      if (!place.node.empty() && other.place.node == place.node)
        for (const auto& port : pod.host_ports)
          for (const auto& taken : other.shape->host_ports)
            if (clash(port, taken)) return false;
      for (const AffinityTerm& term : pod.anti_affinity)
        if (cluster::matches(term.selector, *other.shape) && together(term, other.place, place))
          return false;
      for (const AffinityTerm& term : other.shape->anti_affinity)
        if (cluster::matches(term.selector, pod) && together(term, other.place, place))
          return false;
    }
    return has_company(pod, place) &&
           std::all_of(pod.spread.begin(), pod.spread.end(),
                       [&](const SpreadConstraint& spread) { return is_even(pod, spread, place); });
  }

 protected:
  virtual bool together(const AffinityTerm& term, const Place& a, const Place& b) const {
    const std::string domain = a.domain(term.topology_key);
    return !domain.empty() && domain == b.domain(term.topology_key);
  }

  virtual bool has_company(const PodShape& pod, const Place& place) const {
    const auto selected = [&](const PodShape& shape) {
      return std::all_of(pod.affinity.begin(), pod.affinity.end(), [&](const AffinityTerm& term) {
        return cluster::matches(term.selector, shape);
      });
    };
    bool anybody = false;
    for (const Stands& other : pods_)
      for (const AffinityTerm& term : pod.affinity)
        anybody =
            anybody || (selected(*other.shape) && !other.place.domain(term.topology_key).empty());
    return std::all_of(pod.affinity.begin(), pod.affinity.end(), [&](const AffinityTerm& term) {
      if (place.domain(term.topology_key).empty()) return false;
      if (!anybody && selected(pod)) return true;
      return std::any_of(pods_.begin(), pods_.end(), [&](const Stands& other) {
        return selected(*other.shape) && Scheduler::together(term, other.place, place);
      });
    });
  }

  virtual bool is_even(const PodShape& pod, const SpreadConstraint& spread,
                       const Place& place) const {
    const std::string domain = place.domain(spread.topology_key);
    if (domain.empty()) return false;
    std::map<std::string, std::int64_t> counts;
    for (const Place& node : nodes_)
      if (meets(pod, node) && !node.domain(spread.topology_key).empty())
        counts[node.domain(spread.topology_key)] = 0;
    for (const Stands& other : pods_) {
      const auto at = counts.find(other.place.domain(spread.topology_key));
      if (at != counts.end() && meets(pod, other.place) &&
          cluster::matches(spread.selector, *other.shape))
        ++at->second;
    }
    std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
    for (const auto& [value, count] : counts) fewest = std::min(fewest, count);
    if (std::ssize(counts) < spread.min_domains) fewest = 0;
    const std::int64_t itself = cluster::matches(spread.selector, pod) ? 1 : 0;
    return counts[domain] + itself - fewest <= spread.max_skew;
  }

  std::vector<Stands> pods_;
  std::vector<Place> nodes_;
};

/// The rules as company.h has them.
class Plain : public Scheduler {
 public:
  Plain(std::vector<Stands> pods, std::set<std::string> zones)
      : Scheduler(std::move(pods), {}), zones_(std::move(zones)) {}

  bool nowhere(const PodShape& pod) const {
    const auto unknown = [](const auto& term) {
      return term.topology_key != kHost && term.topology_key != kZone;
    };
    return std::any_of(pod.spread.begin(), pod.spread.end(), unknown) ||
           std::any_of(pod.affinity.begin(), pod.affinity.end(), unknown) ||
           std::any_of(pod.anti_affinity.begin(), pod.anti_affinity.end(), unknown);
  }

  bool takes(const PodShape& pod, const Place& place) const {
    return !nowhere(pod) && allows(pod, place);
  }

  bool counts(const PodShape& pod, const std::string& zone) const {
    Place anywhere{"", zone, {{kZone, zone}}};
    PodShape by_zone;
    for (const auto& one : pod.node_selector)
      if (one.key == kZone) by_zone.node_selector.push_back(one);
    return meets(by_zone, anywhere);
  }

  std::vector<std::string> fresh_zones(const PodShape& pod) const {
    std::vector<std::pair<std::int64_t, std::string>> open;
    for (const std::string& zone : zones_) {
      if (!counts(pod, zone) || !takes(pod, {"", zone, {}})) continue;
      std::int64_t there = 0;
      for (const SpreadConstraint& spread : pod.spread)
        if (spread.topology_key == kZone) there += in_zone(pod, spread, zone);
      open.emplace_back(there, zone);
    }
    std::sort(open.begin(), open.end());
    std::vector<std::string> names;
    for (const auto& [there, zone] : open) names.push_back(zone);
    return names;
  }

  bool wants_company(const PodShape& pod) const {
    const bool by_host =
        std::any_of(pod.affinity.begin(), pod.affinity.end(),
                    [](const AffinityTerm& term) { return term.topology_key == kHost; });
    return by_host && std::none_of(pods_.begin(), pods_.end(), [&](const Stands& other) {
             return !other.place.node.empty() && all_select(pod, *other.shape);
           });
  }

  /// Does a term of `term_of` by zone concern or count a pod of the shape?
  static bool binds(const PodShape& term_of, const PodShape& pod) {
    for (const SpreadConstraint& spread : term_of.spread)
      if (spread.topology_key == kZone && cluster::matches(spread.selector, pod)) return true;
    for (const AffinityTerm& term : term_of.anti_affinity)
      if (term.topology_key == kZone && cluster::matches(term.selector, pod)) return true;
    for (const AffinityTerm& term : term_of.affinity)
      if (term.topology_key == kZone && all_select(term_of, pod)) return true;
    return false;
  }

 private:
  static bool all_select(const PodShape& pod, const PodShape& other) {
    return std::all_of(pod.affinity.begin(), pod.affinity.end(), [&](const AffinityTerm& term) {
      return cluster::matches(term.selector, other);
    });
  }

  bool together(const AffinityTerm& term, const Place& a, const Place& b) const override {
    if (term.topology_key != kHost && term.topology_key != kZone) return true;
    return Scheduler::together(term, a, b);
  }

  bool has_company(const PodShape& pod, const Place& place) const override {
    const bool anybody = std::any_of(pods_.begin(), pods_.end(), [&](const Stands& other) {
      return all_select(pod, *other.shape);
    });
    return std::all_of(pod.affinity.begin(), pod.affinity.end(), [&](const AffinityTerm& term) {
      // A node yet to be bought has a name of its own.
      if (!anybody && all_select(pod, pod))
        return term.topology_key == kHost || !place.domain(term.topology_key).empty();
      return std::any_of(pods_.begin(), pods_.end(), [&](const Stands& other) {
        return all_select(pod, *other.shape) && Scheduler::together(term, other.place, place);
      });
    });
  }

  static PodShape but_for_zones(PodShape pod) {
    std::erase_if(pod.node_selector, [](const auto& one) { return one.key == kZone; });
    return pod;
  }

  /// Pods in the zone that the spread of `pod` selects, on nodes that `pod` admits as far as is
  /// known.
  std::int64_t in_zone(const PodShape& pod, const SpreadConstraint& spread,
                       const std::string& zone) const {
    return std::count_if(pods_.begin(), pods_.end(), [&](const Stands& other) {
      if (other.place.zone != zone || !cluster::matches(spread.selector, *other.shape))
        return false;
      if (!other.place.labels.empty()) return meets(but_for_zones(pod), other.place);
      if (!other.place.node.empty()) return true;
      const Requirements& theirs = other.shape->node_selector;
      return std::all_of(pod.node_selector.begin(), pod.node_selector.end(), [&](const auto& one) {
        return one.key == kZone || std::find(theirs.begin(), theirs.end(), one) != theirs.end();
      });
    });
  }

  bool is_even(const PodShape& pod, const SpreadConstraint& spread,
               const Place& place) const override {
    const std::int64_t itself = cluster::matches(spread.selector, pod) ? 1 : 0;
    if (spread.topology_key == kHost) {
      const auto here = std::count_if(pods_.begin(), pods_.end(), [&](const Stands& other) {
        return !place.node.empty() && other.place.node == place.node &&
               cluster::matches(spread.selector, *other.shape);
      });
      return here + itself <= spread.max_skew;
    }
    if (place.zone.empty()) return false;
    std::optional<std::int64_t> fewest;
    std::int32_t domains = 0;
    for (const std::string& zone : zones_) {
      if (!counts(pod, zone)) continue;
      ++domains;
      const std::int64_t there = in_zone(pod, spread, zone);
      fewest = std::min(fewest.value_or(there), there);
    }
    if (domains < spread.min_domains) fewest = 0;
    return in_zone(pod, spread, place.zone) + itself - fewest.value_or(0) <= spread.max_skew;
  }

  std::set<std::string> zones_;
};

}  // namespace kerf::online::testing
