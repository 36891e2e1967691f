// Coupling: pods get their zones, then those of one node are bundled or kept apart.
#include "core/plan/coupling.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/plan/coupling_zones.h"

namespace kerf::plan {

namespace {

using cluster::AffinityTerm;
using cluster::PodShape;

/// The first topology key of the shape that Kerf cannot plan with, and the field that has it.
std::pair<std::string, std::string> unknown_topology(const PodShape& shape) {
  for (const auto& term : shape.spread)
    if (!is_zone(term.topology_key) && !is_host(term.topology_key))
      return {"spec.topologySpreadConstraints", term.topology_key};
  for (const auto& term : shape.affinity)
    if (!is_zone(term.topology_key) && !is_host(term.topology_key))
      return {"spec.affinity.podAffinity", term.topology_key};
  for (const auto& term : shape.anti_affinity)
    if (!is_zone(term.topology_key) && !is_host(term.topology_key))
      return {"spec.affinity.podAntiAffinity", term.topology_key};
  return {};
}

bool ports_clash(const PodShape& a, const PodShape& b) {
  for (const auto& x : a.host_ports)
    for (const auto& y : b.host_ports)
      if (cluster::clash(x, y)) return true;
  return false;
}

/// All state of one call of couple().
class Coupler {
 public:
  Coupler(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
          const ZonesOf& zones_of, bool for_bound, bool bundles)
      : demand_(demand),
        zones_of_(zones_of),
        for_bound_(for_bound),
        bundles_(bundles),
        pods_of_(demand.shapes.size()) {
    for (std::uint32_t pod : pods) pods_of_[demand.pods[pod].shape].push_back(pod);
  }

  Coupling run() {
    drop_impossible();
    if (!for_bound_) assign_zones();
    make_groups();
    if (bundles_) bundle();
    keep_apart();
    std::sort(out_.conflicts.begin(), out_.conflicts.end());
    out_.conflicts.erase(std::unique(out_.conflicts.begin(), out_.conflicts.end()),
                         out_.conflicts.end());
    for (const auto& text : relaxed_) out_.relaxed.push_back(text);
    return std::move(out_);
  }

 private:
  const PodShape& shape(std::uint32_t s) const { return demand_.shapes[s]; }

  void refuse(std::uint32_t pod, ReasonCode code, std::vector<std::string> args) {
    out_.unplaced.push_back({pod, {code, std::move(args)}});
  }

  void drop_impossible() {
    for (std::uint32_t s = 0; s < pods_of_.size(); ++s) {
      if (pods_of_[s].empty()) continue;
      Reason reason;
      if (!shape(s).unplaceable.empty()) {
        reason = {ReasonCode::Unsupported,
                  {shape(s).unplaceable[0].field, shape(s).unplaceable[0].why}};
      } else if (auto [field, key] = unknown_topology(shape(s)); !field.empty()) {
        reason = {ReasonCode::Unsupported, {field, "topologyKey " + key + " is not planned with"}};
      } else {
        live_.push_back(s);
        continue;
      }
      for (std::uint32_t pod : pods_of_[s]) out_.unplaced.push_back({pod, reason});
      pods_of_[s].clear();
    }
  }

  void assign_zones() {
    ZoneDecisions decided = decide_zones(demand_, live_, pods_of_, zones_of_);
    zone_of_ = std::move(decided.zone_of);
    for (Unplaced& entry : decided.unplaced) out_.unplaced.push_back(std::move(entry));
    if (decided.coupled) relaxed_.insert("zone spread and zone (anti-)affinity");
  }

  void make_groups() {
    for (std::uint32_t s : live_) {
      std::map<std::string, std::vector<std::uint32_t>> by_zone;
      for (std::uint32_t pod : pods_of_[s]) {
        auto it = zone_of_.find(pod);
        by_zone[it == zone_of_.end() ? std::string() : it->second].push_back(pod);
      }
      for (auto& [zone, pods] : by_zone) out_.groups.push_back({{s}, std::move(pods), zone});
    }
  }

  static bool has_host_affinity(const PodShape& s) {
    return std::any_of(s.affinity.begin(), s.affinity.end(),
                       [](const AffinityTerm& term) { return is_host(term.topology_key); });
  }

  /// Pods that look for their own kind on the node: all of them then lie on one.
  bool is_herd(std::uint32_t s) const {
    return std::any_of(
        shape(s).affinity.begin(), shape(s).affinity.end(), [&](const AffinityTerm& term) {
          return is_host(term.topology_key) && cluster::matches(term.selector, shape(s));
        });
  }

  /// True if only the shape itself can meet its hostname affinity: then every fleet has it
  /// together.
  bool needs_itself_alone(std::uint32_t s) const {
    for (const auto& term : shape(s).affinity)
      for (std::uint32_t t : live_)
        if (is_host(term.topology_key) && (t == s) != cluster::matches(term.selector, shape(t)))
          return false;
    return true;
  }

  /// Required hostname affinity: the pods become one item.
  void bundle() {
    for (std::size_t g = 0; g < out_.groups.size(); ++g) {
      const Group& group = out_.groups[g];
      if (group.shapes.size() != 1 || group.pods.empty()) continue;
      const std::uint32_t s = group.shapes[0];
      if (!has_host_affinity(shape(s))) continue;
      if (!needs_itself_alone(s)) {
        if (for_bound_) continue;
        relaxed_.insert("required pod affinity to other pods of the node");
      }
      bundle_group(g);
    }
    auto empty = [](const Group& group) { return group.pods.empty(); };
    out_.groups.erase(std::remove_if(out_.groups.begin(), out_.groups.end(), empty),
                      out_.groups.end());
  }

  /// Adds to the group until everybody in it has the company that he wants.
  void bundle_group(std::size_t g) {
    Group& group = out_.groups[g];
    std::vector<std::uint32_t> members = group.shapes;  // distinct
    const auto fail = [&](const std::string& why) {
      for (std::uint32_t pod : group.pods) refuse(pod, ReasonCode::ConflictingPods, {why});
      group.pods.clear();
    };
    for (std::size_t m = 0; m < members.size(); ++m) {
      for (const auto& term : shape(members[m]).affinity) {
        if (!is_host(term.topology_key)) continue;
        if (std::any_of(members.begin(), members.end(),
                        [&](std::uint32_t t) { return cluster::matches(term.selector, shape(t)); }))
          continue;
        Group* host = host_for(group, term);
        if (host == nullptr) {
          return fail("it must share a node with a GPU pod that matches " +
                      describe(term.selector) + ", and none is in the input");
        }
        join(*host, is_herd(host->shapes[0]), group, members);
      }
    }
    // Herds that look for each other are one.
    for (Group& other : out_.groups)
      if (&other != &group && other.shapes.size() == 1 && !other.pods.empty() &&
          same_zone(other, group) && is_herd(group.shapes[0]) &&
          seeks(other.shapes[0], group.shapes[0]) && seeks(group.shapes[0], other.shapes[0]))
        join(other, true, group, members);
    std::vector<std::uint32_t> shapes;
    for (std::uint32_t pod : group.pods) shapes.push_back(demand_.pods[pod].shape);
    group.shapes = std::move(shapes);
    if (!may_be_together(group.shapes)) fail("its pods must share a node and must not");
  }

  static bool same_zone(const Group& a, const Group& b) {
    return a.zone == b.zone || a.zone.empty() || b.zone.empty();
  }

  bool seeks(std::uint32_t s, std::uint32_t t) const {
    return std::any_of(
        shape(s).affinity.begin(), shape(s).affinity.end(), [&](const AffinityTerm& term) {
          return is_host(term.topology_key) && cluster::matches(term.selector, shape(t));
        });
  }

  Group* host_for(const Group& group, const AffinityTerm& term) {
    for (Group& other : out_.groups)
      if (&other != &group && other.shapes.size() == 1 && !other.pods.empty() &&
          same_zone(other, group) && cluster::matches(term.selector, shape(other.shapes[0])))
        return &other;
    return nullptr;
  }

  /// One pod of the host, or all of them, come to the group.
  static void join(Group& host, bool all, Group& group, std::vector<std::uint32_t>& members) {
    if (group.zone.empty()) group.zone = host.zone;
    members.push_back(host.shapes[0]);
    do {
      group.pods.push_back(host.pods.back());
      host.pods.pop_back();
    } while (all && !host.pods.empty());
  }

  /// Whether ports, anti-affinity and hostname spread let the pods of one item share a node.
  bool may_be_together(const std::vector<std::uint32_t>& shapes) const {
    std::map<std::uint32_t, std::int64_t> count;
    for (std::uint32_t s : shapes) ++count[s];
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

  void keep_apart() {
    // Only a pair with a coupled shape on one side can have a constraint: most groups have none.
    std::vector<bool> coupled;
    for (Group& group : out_.groups) {
      distinct_.push_back(distinct(group.shapes));
      coupled.push_back(std::any_of(distinct_.back().begin(), distinct_.back().end(),
                                    [this](std::uint32_t s) { return couples_nodes(shape(s)); }));
    }
    for (std::uint32_t a = 0; a < out_.groups.size(); ++a) {
      for (std::uint32_t b = a; b < out_.groups.size(); ++b) {
        if (!coupled[a] && !coupled[b]) continue;
        std::int32_t together = most_together(a, b);
        if (together == std::numeric_limits<std::int32_t>::max()) continue;
        if (a == b) {
          out_.groups[a].per_node = std::min(out_.groups[a].per_node, together);
        } else {
          out_.conflicts.emplace_back(a, b);
        }
      }
    }
  }

  /// The most items of group a that may share a node with each other (a == b), or a finite number
  /// if a and b must be kept apart; max() = no constraint.
  std::int32_t most_together(std::uint32_t a, std::uint32_t b) {
    std::int32_t most = std::numeric_limits<std::int32_t>::max();
    for (std::uint32_t s : distinct_[a]) {
      for (std::uint32_t t : distinct_[b]) {
        const PodShape& x = shape(s);
        const PodShape& y = shape(t);
        if (ports_clash(x, y) || repels(x, y) || repels(y, x)) most = std::min(most, 1);
        most = std::min({most, most_by_spread(x, y), most_by_spread(y, x)});
      }
    }
    return most;
  }

  /// At most maxSkew on a node is stricter than what Kubernetes enforces once every node has one,
  /// and for pods of two groups it keeps them apart: a bound leaves it out.
  std::int32_t most_by_spread(const PodShape& x, const PodShape& y) {
    std::int32_t most = std::numeric_limits<std::int32_t>::max();
    for (const auto& term : x.spread) {
      if (!is_host(term.topology_key) || !cluster::matches(term.selector, y)) continue;
      if (for_bound_) continue;
      relaxed_.insert("spread over host names");
      most = std::min(most, term.max_skew);
    }
    return most;
  }

  static bool couples_nodes(const PodShape& s) {
    return !s.host_ports.empty() || !s.anti_affinity.empty() || !s.spread.empty();
  }

  static std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }

  static bool repels(const PodShape& x, const PodShape& y) {
    for (const auto& term : x.anti_affinity)
      if (is_host(term.topology_key) && cluster::matches(term.selector, y)) return true;
    return false;
  }

  const cluster::Demand& demand_;
  const ZonesOf& zones_of_;
  bool for_bound_;
  bool bundles_;
  std::vector<std::vector<std::uint32_t>> pods_of_;
  std::vector<std::uint32_t> live_;
  std::map<std::uint32_t, std::string> zone_of_;
  std::vector<std::vector<std::uint32_t>> distinct_;  ///< by group: its shapes, each once
  std::set<std::string> relaxed_;
  Coupling out_;
};

}  // namespace

Coupling couple(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                const ZonesOf& zones_of, bool for_bound, bool bundles) {
  return Coupler(demand, pods, zones_of, for_bound, bundles).run();
}

}  // namespace kerf::plan
