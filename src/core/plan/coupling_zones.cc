// Zones: decided pod by pod, each in the allowed zone that has the fewest pods of its spread.
#include "core/plan/coupling_zones.h"

#include <algorithm>
#include <set>
#include <utility>

namespace kerf::plan {

bool is_zone(const std::string& key) {
  return key == "topology.kubernetes.io/zone" || key == "failure-domain.beta.kubernetes.io/zone";
}
bool is_host(const std::string& key) { return key == "kubernetes.io/hostname"; }

std::string describe(const cluster::PodSelector& selector) {
  std::string text;
  for (const auto& requirement : selector.labels) {
    if (!text.empty()) text += ",";
    text += requirement.key;
    for (std::size_t i = 0; i < requirement.values.size(); ++i)
      text += (i == 0 ? "=" : "|") + requirement.values[i];
  }
  return text.empty() ? "every pod" : text;
}

namespace {

using cluster::PodSelector;
using cluster::PodShape;

/// All state of one call of decide_zones().
class ZoneChooser {
 public:
  ZoneChooser(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
              std::vector<std::vector<std::uint32_t>>& pods_of, const ZonesOf& zones_of)
      : demand_(demand), live_(live), pods_of_(pods_of), zones_of_(zones_of) {}

  ZoneDecisions run() {
    std::vector<std::uint32_t> coupled = zone_coupled();
    if (coupled.empty()) return std::move(out_);
    out_.coupled = true;
    // Who waits for the company of somebody not placed yet comes later, while anybody else can.
    while (!coupled.empty()) {
      auto next = std::find_if(coupled.begin(), coupled.end(),
                               [this](std::uint32_t s) { return company_is_there(s); });
      if (next == coupled.end()) next = coupled.begin();
      const std::uint32_t s = *next;
      coupled.erase(next);
      const Zones zones = zones_of_(s);
      if (zones.possible.empty()) continue;  // no offering admits it: said later, and better
      std::vector<std::uint32_t> kept;
      for (std::uint32_t pod : pods_of_[s]) {
        if (choose_zone(s, pod, zones)) {
          kept.push_back(pod);
        } else {
          out_.unplaced.push_back({pod, {ReasonCode::NoZone, {zone_constraint(shape(s))}}});
        }
      }
      pods_of_[s] = std::move(kept);
    }
    return std::move(out_);
  }

 private:
  const PodShape& shape(std::uint32_t s) const { return demand_.shapes[s]; }

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
    out_.zone_of[pod] = *best;
    ++placed_[s][*best];
    return true;
  }

  /// True if every pod that the shape must be near to has a zone already, or it may come first.
  bool company_is_there(std::uint32_t s) const {
    return std::all_of(shape(s).affinity.begin(), shape(s).affinity.end(), [&](const auto& term) {
      if (!is_place(term.topology_key) || cluster::matches(term.selector, shape(s))) return true;
      return std::any_of(placed_.begin(), placed_.end(), [&](const auto& entry) {
        return cluster::matches(term.selector, shape(entry.first));
      });
    });
  }

  std::string zone_constraint(const PodShape& s) const {
    for (const auto& term : s.anti_affinity)
      if (is_zone(term.topology_key)) return "zone anti-affinity to " + describe(term.selector);
    for (const auto& term : s.affinity)
      if (is_zone(term.topology_key)) return "zone affinity to " + describe(term.selector);
    return "zone spread";
  }

  const cluster::Demand& demand_;
  const std::vector<std::uint32_t>& live_;
  std::vector<std::vector<std::uint32_t>>& pods_of_;
  const ZonesOf& zones_of_;
  std::map<std::uint32_t, std::map<std::string, std::int64_t>> placed_;  ///< shape, zone
  ZoneDecisions out_;
};

}  // namespace

ZoneDecisions decide_zones(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
                           std::vector<std::vector<std::uint32_t>>& pods_of,
                           const ZonesOf& zones_of) {
  return ZoneChooser(demand, live, pods_of, zones_of).run();
}

}  // namespace kerf::plan
