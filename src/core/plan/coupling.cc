// Coupling: zones are decided pod by pod, then pods of a node are bundled or kept apart.
#include "core/plan/coupling.h"

#include <algorithm>
#include <map>
#include <set>

namespace kerf::plan {

namespace {

using cluster::AffinityTerm;
using cluster::PodSelector;
using cluster::PodShape;

bool is_zone(const std::string& key) {
  return key == "topology.kubernetes.io/zone" || key == "failure-domain.beta.kubernetes.io/zone";
}
bool is_host(const std::string& key) { return key == "kubernetes.io/hostname"; }

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
      if (x.port == y.port && x.protocol == y.protocol &&
          (x.ip.empty() || y.ip.empty() || x.ip == y.ip))
        return true;
  return false;
}

std::string describe(const PodSelector& selector) {
  std::string text;
  for (const auto& requirement : selector.labels) {
    if (!text.empty()) text += ",";
    text += requirement.key;
    for (std::size_t i = 0; i < requirement.values.size(); ++i)
      text += (i == 0 ? "=" : "|") + requirement.values[i];
  }
  return text.empty() ? "every pod" : text;
}

/// All state of one call of couple().
class Coupler {
 public:
  Coupler(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
          const ZonesOf& zones_of, bool for_bound)
      : demand_(demand), zones_of_(zones_of), for_bound_(for_bound), pods_of_(demand.shapes.size()) {
    for (std::uint32_t pod : pods) pods_of_[demand.pods[pod].shape].push_back(pod);
  }

  Coupling run() {
    drop_impossible();
    if (!for_bound_) decide_zones();
    make_groups();
    bundle();
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

  // --- zones ---------------------------------------------------------------------------------

  /// A term on the hostname is one on the zone too: a node is in one zone.
  static bool is_place(const std::string& key) { return is_zone(key) || is_host(key); }

  bool has_zone_term(const PodShape& s) const {
    auto zone_term = [](const auto& term) { return is_zone(term.topology_key); };
    return std::any_of(s.spread.begin(), s.spread.end(), zone_term) ||
           std::any_of(s.affinity.begin(), s.affinity.end(), zone_term) ||
           std::any_of(s.anti_affinity.begin(), s.anti_affinity.end(), zone_term);
  }

  /// Shapes with a zone term, and those that such a term counts.
  std::vector<std::uint32_t> zone_coupled() const {
    std::set<std::uint32_t> coupled;
    auto add_counted = [&](const PodSelector& selector) {
      for (std::uint32_t t : live_)
        if (cluster::matches(selector, shape(t))) coupled.insert(t);
    };
    for (std::uint32_t s : live_) {
      if (!has_zone_term(shape(s))) continue;
      coupled.insert(s);
      for (const auto& term : shape(s).spread)
        if (is_zone(term.topology_key)) add_counted(term.selector);
      for (const auto& term : shape(s).affinity)
        if (is_zone(term.topology_key)) add_counted(term.selector);
      for (const auto& term : shape(s).anti_affinity)
        if (is_zone(term.topology_key)) add_counted(term.selector);
    }
    add_company(coupled);
    return {coupled.begin(), coupled.end()};
  }

  /// Who must share a node with a pod that gets a zone here gets one too, and the other way round.
  void add_company(std::set<std::uint32_t>& coupled) const {
    for (bool grew = !coupled.empty(); grew;) {
      grew = false;
      for (const std::uint32_t s : live_) {
        std::set<std::uint32_t> company = {s};
        for (const auto& term : shape(s).affinity)
          for (const std::uint32_t t : live_)
            if (is_host(term.topology_key) && cluster::matches(term.selector, shape(t)))
              company.insert(t);
        if (company.size() == 1 && shape(s).affinity.empty()) continue;
        const bool any = std::any_of(company.begin(), company.end(),
                                     [&](std::uint32_t t) { return coupled.count(t) != 0; });
        const std::size_t before = coupled.size();
        if (any) coupled.insert(company.begin(), company.end());
        grew = grew || coupled.size() > before;
      }
    }
  }

  std::int64_t placed_in(const PodSelector& selector, const std::string& zone) const {
    std::int64_t sum = 0;
    for (const auto& [s, by_zone] : placed_) {
      auto it = by_zone.find(zone);
      if (it != by_zone.end() && cluster::matches(selector, shape(s))) sum += it->second;
    }
    return sum;
  }

  bool spread_allows(std::uint32_t s, const std::string& zone,
                     const std::vector<std::string>& counted) const {
    for (const auto& term : shape(s).spread) {
      if (!is_zone(term.topology_key)) continue;
      std::int64_t least = placed_in(term.selector, zone);
      for (const std::string& other : counted)
        least = std::min(least, placed_in(term.selector, other));
      if (static_cast<std::int64_t>(counted.size()) < term.min_domains) least = 0;
      std::int64_t here =
          placed_in(term.selector, zone) + (cluster::matches(term.selector, shape(s)) ? 1 : 0);
      if (here - least > term.max_skew) return false;
    }
    return true;
  }

  bool company_allows(std::uint32_t s, const std::string& zone) const {
    for (const auto& term : shape(s).anti_affinity)
      if (is_zone(term.topology_key) && placed_in(term.selector, zone) > 0) return false;
    for (const auto& [other, by_zone] : placed_) {
      if (by_zone.count(zone) == 0) continue;
      for (const auto& term : shape(other).anti_affinity)
        if (is_zone(term.topology_key) && cluster::matches(term.selector, shape(s))) return false;
    }
    for (const auto& term : shape(s).affinity) {
      if (!is_place(term.topology_key) || placed_in(term.selector, zone) > 0) continue;
      bool anywhere = false;
      for (const auto& [other, by_zone] : placed_)
        anywhere = anywhere || (!by_zone.empty() && cluster::matches(term.selector, shape(other)));
      // The first pod of a set that wants its own company may start it anywhere.
      if (anywhere || !cluster::matches(term.selector, shape(s))) return false;
    }
    return true;
  }

  /// Pods already counted by what concerns this shape: balance is sought among these.
  std::int64_t crowd(std::uint32_t s, const std::string& zone) const {
    std::int64_t sum = 0;
    for (const auto& term : shape(s).spread)
      if (is_zone(term.topology_key)) sum += placed_in(term.selector, zone);
    return sum;
  }

  bool choose_zone(std::uint32_t s, std::uint32_t pod, const Zones& zones) {
    const std::string* best = nullptr;
    std::int64_t best_crowd = 0;
    for (const std::string& zone : zones.possible) {
      if (!spread_allows(s, zone, zones.counted) || !company_allows(s, zone)) continue;
      std::int64_t here = crowd(s, zone);
      if (best != nullptr && here >= best_crowd) continue;
      best = &zone;
      best_crowd = here;
    }
    if (best == nullptr) return false;
    zone_of_[pod] = *best;
    ++placed_[s][*best];
    return true;
  }

  bool waits_for_others(std::uint32_t s) const {
    for (const auto& term : shape(s).affinity)
      if (is_place(term.topology_key) && !cluster::matches(term.selector, shape(s))) return true;
    return false;
  }

  void decide_zones() {
    std::vector<std::uint32_t> coupled = zone_coupled();
    if (coupled.empty()) return;
    relaxed_.insert("zone spread and zone (anti-)affinity");
    std::stable_sort(coupled.begin(), coupled.end(), [this](std::uint32_t a, std::uint32_t b) {
      return !waits_for_others(a) && waits_for_others(b);
    });
    for (std::uint32_t s : coupled) {
      const Zones zones = zones_of_(s);
      if (zones.possible.empty()) continue;  // no offering admits it: said later, with the better reason
      std::vector<std::uint32_t> kept;
      for (std::uint32_t pod : pods_of_[s]) {
        if (choose_zone(s, pod, zones)) {
          kept.push_back(pod);
        } else {
          refuse(pod, ReasonCode::NoZone, {zone_constraint(shape(s))});
        }
      }
      pods_of_[s] = std::move(kept);
    }
  }

  std::string zone_constraint(const PodShape& s) const {
    for (const auto& term : s.anti_affinity)
      if (is_zone(term.topology_key)) return "zone anti-affinity to " + describe(term.selector);
    for (const auto& term : s.affinity)
      if (is_zone(term.topology_key)) return "zone affinity to " + describe(term.selector);
    return "zone spread";
  }

  // --- nodes ---------------------------------------------------------------------------------

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
    return std::any_of(shape(s).affinity.begin(), shape(s).affinity.end(),
                       [&](const AffinityTerm& term) {
                         return is_host(term.topology_key) && cluster::matches(term.selector, shape(s));
                       });
  }

  /// True if only the shape itself can meet its hostname affinity: then every fleet has it together.
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
        if (std::any_of(members.begin(), members.end(), [&](std::uint32_t t) {
              return cluster::matches(term.selector, shape(t));
            }))
          continue;
        Group* host = host_for(group, term);
        if (host == nullptr) {
          return fail("it must share a node with a GPU pod that matches " + describe(term.selector) +
                      ", and none is in the input");
        }
        join(*host, is_herd(host->shapes[0]), group, members);
      }
    }
    // Herds that look for each other are one.
    for (Group& other : out_.groups)
      if (&other != &group && other.shapes.size() == 1 && !other.pods.empty() && same_zone(other, group) &&
          is_herd(group.shapes[0]) && seeks(other.shapes[0], group.shapes[0]) &&
          seeks(group.shapes[0], other.shapes[0]))
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
    return std::any_of(shape(s).affinity.begin(), shape(s).affinity.end(),
                       [&](const AffinityTerm& term) {
                         return is_host(term.topology_key) && cluster::matches(term.selector, shape(t));
                       });
  }

  Group* host_for(const Group& group, const AffinityTerm& term) {
    for (Group& other : out_.groups)
      if (&other != &group && other.shapes.size() == 1 && !other.pods.empty() && same_zone(other, group) &&
          cluster::matches(term.selector, shape(other.shapes[0])))
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

  /// The most items of group a that may share a node with each other (a == b), or a finite number if
  /// a and b must be kept apart; max() = no constraint.
  std::int32_t most_together(std::uint32_t a, std::uint32_t b) {
    std::int32_t most = std::numeric_limits<std::int32_t>::max();
    for (std::uint32_t s : distinct_[a]) {
      for (std::uint32_t t : distinct_[b]) {
        const PodShape& x = shape(s);
        const PodShape& y = shape(t);
        if (ports_clash(x, y) || repels(x, y) || repels(y, x)) most = std::min(most, 1);
        for (const auto& term : x.spread)
          if (is_host(term.topology_key) && cluster::matches(term.selector, y))
            most = std::min(most, term.max_skew);
        for (const auto& term : y.spread)
          if (is_host(term.topology_key) && cluster::matches(term.selector, x))
            most = std::min(most, term.max_skew);
      }
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
  std::vector<std::vector<std::uint32_t>> pods_of_;
  std::vector<std::uint32_t> live_;
  std::map<std::uint32_t, std::map<std::string, std::int64_t>> placed_;  ///< shape, zone
  std::map<std::uint32_t, std::string> zone_of_;
  std::vector<std::vector<std::uint32_t>> distinct_;  ///< by group: its shapes, each once
  std::set<std::string> relaxed_;
  Coupling out_;
};

}  // namespace

Coupling couple(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                const ZonesOf& zones_of, bool for_bound) {
  return Coupler(demand, pods, zones_of, for_bound).run();
}

}  // namespace kerf::plan
