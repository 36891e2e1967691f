// Coupling: pods get their zones, then those of one node are bundled or kept apart.
#include "core/plan/coupling.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/plan/coupling_company.h"
#include "core/plan/coupling_zones.h"

namespace kerf::plan {

namespace {

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

/// All state of one call of couple().
class Coupler {
 public:
  Coupler(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
          const ZonesOf& zones_of, bool for_bound, bool bundles, bool gather)
      : demand_(demand),
        zones_of_(zones_of),
        for_bound_(for_bound),
        bundles_(bundles),
        gather_(gather),
        pods_of_(demand.shapes.size()) {
    for (std::uint32_t pod : pods) pods_of_[demand.pods[pod].shape].push_back(pod);
  }

  Coupling run() {
    drop_impossible();
    if (!for_bound_) assign_zones();
    make_groups();
    if (bundles_) make_company();
    keep_apart();
    std::sort(out_.conflicts.begin(), out_.conflicts.end());
    out_.conflicts.erase(std::unique(out_.conflicts.begin(), out_.conflicts.end()),
                         out_.conflicts.end());
    for (const auto& text : relaxed_) out_.relaxed.push_back(text);
    return std::move(out_);
  }

 private:
  const PodShape& shape(std::uint32_t s) const { return demand_.shapes[s]; }

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
    ZoneDecisions decided = decide_zones(demand_, live_, pods_of_, zones_of_, gather_);
    zone_of_ = std::move(decided.zone_of);
    for (Unplaced& entry : decided.unplaced) out_.unplaced.push_back(std::move(entry));
    out_.company_chosen = decided.coupled;
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

  void make_company() {
    Company company = bundle(demand_, live_, for_bound_, gather_, out_.groups);
    for (Unplaced& entry : company.unplaced) out_.unplaced.push_back(std::move(entry));
    out_.company_chosen = out_.company_chosen || company.chosen;
    if (company.chosen) relaxed_.insert("required pod affinity to other pods of the node");
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
      }
      most = std::min(most, most_by_spread(shape(s), out_.groups[b].shapes));
    }
    for (std::uint32_t t : distinct_[b])
      most = std::min(most, most_by_spread(shape(t), out_.groups[a].shapes));
    return most;
  }

  /// Items of which each has pods of these shapes that may share a node with x. At most maxSkew on
  /// a node is stricter than what Kubernetes enforces once every node has one, and for pods of two
  /// groups it keeps them apart: a bound leaves it out.
  std::int32_t most_by_spread(const PodShape& x, const std::vector<std::uint32_t>& shapes) {
    std::int32_t most = std::numeric_limits<std::int32_t>::max();
    for (const auto& term : x.spread) {
      if (!is_host(term.topology_key) || for_bound_) continue;
      const auto counted = std::count_if(shapes.begin(), shapes.end(), [&](std::uint32_t s) {
        return cluster::matches(term.selector, shape(s));
      });
      if (counted == 0) continue;
      relaxed_.insert("spread over host names");
      most = std::min(most, term.max_skew / static_cast<std::int32_t>(counted));
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

  const cluster::Demand& demand_;
  const ZonesOf& zones_of_;
  bool for_bound_;
  bool bundles_;
  bool gather_;
  std::vector<std::vector<std::uint32_t>> pods_of_;
  std::vector<std::uint32_t> live_;
  std::map<std::uint32_t, std::string> zone_of_;
  std::vector<std::vector<std::uint32_t>> distinct_;  ///< by group: its shapes, each once
  std::set<std::string> relaxed_;
  Coupling out_;
};

}  // namespace

Coupling couple(const cluster::Demand& demand, const std::vector<std::uint32_t>& pods,
                const ZonesOf& zones_of, bool for_bound, bool bundles, bool gather) {
  return Coupler(demand, pods, zones_of, for_bound, bundles, gather).run();
}

}  // namespace kerf::plan
