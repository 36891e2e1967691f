// Zones: decided pod by pod, each in the allowed zone that has the most pods of its spread, or
// where that leaves somebody out, the fewest.
#include "core/plan/coupling_zones.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/plan/admission.h"
#include "core/plan/coupling_spread.h"

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

/// Finds the shapes that need a decision.
class CoupledShapes {
 public:
  CoupledShapes(const cluster::Demand& demand, const std::vector<std::uint32_t>& live)
      : demand_(demand), live_(live) {}

  /// Shapes with a zone term, and those that such a term counts.
  std::vector<std::uint32_t> all() const {
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

 private:
  const PodShape& shape(std::uint32_t s) const { return demand_.shapes[s]; }

  bool has_zone_term(const PodShape& s) const {
    auto zone_term = [](const auto& term) { return is_zone(term.topology_key); };
    return std::any_of(s.spread.begin(), s.spread.end(), zone_term) ||
           std::any_of(s.affinity.begin(), s.affinity.end(), zone_term) ||
           std::any_of(s.anti_affinity.begin(), s.anti_affinity.end(), zone_term);
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

  const cluster::Demand& demand_;
  const std::vector<std::uint32_t>& live_;
};

/// Zones of the shapes that need a decision, each worked out once.
using ZonesByShape = std::map<std::uint32_t, Zones>;

/// What a pod prefers among the zones that it may have: of the pods that its spread counts the most
/// or the fewest, then the cheaper; or the most, then most pods of all.
enum class Prefers : std::uint8_t { MostPods, FewestPods, Company };

/// All state of one try: shapes come in the order given.
class ZoneChooser {
 public:
  ZoneChooser(const cluster::Demand& demand, const ZonesByShape& zones, Prefers prefers,
              std::vector<std::vector<std::uint32_t>>& pods_of)
      : demand_(demand), zones_(zones), prefers_(prefers), pods_of_(pods_of), spread_(demand) {
    for (const auto& [s, known] : zones) spread_.add_carrier(s, known.counted);
  }

  ZoneDecisions run(std::vector<std::uint32_t> order) {
    // Who waits for the company of somebody not placed yet comes later, while anybody else can.
    while (!order.empty()) {
      auto next = std::find_if(order.begin(), order.end(),
                               [this](std::uint32_t s) { return company_is_there(s); });
      if (next == order.end()) next = order.begin();
      const std::uint32_t s = *next;
      order.erase(next);
      const Zones& zones = zones_.at(s);
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

  std::int64_t placed_in(const PodSelector& selector, const std::string& zone) const {
    std::int64_t sum = 0;
    for (const auto& [s, by_zone] : placed_) {
      auto it = by_zone.find(zone);
      if (it != by_zone.end() && cluster::matches(selector, shape(s))) sum += it->second;
    }
    return sum;
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

  bool choose_zone(std::uint32_t s, std::uint32_t pod, const Zones& zones) {
    const std::string* best = nullptr;
    std::pair<std::int64_t, std::int64_t> best_crowd;
    for (const std::string& zone : zones.possible) {
      if (!spread_.allows(s, zone) || !company_allows(s, zone)) continue;
      std::pair<std::int64_t, std::int64_t> here{spread_.crowd(s, zone), 0};
      if (prefers_ != Prefers::FewestPods) here.first = -here.first;
      if (prefers_ == Prefers::Company) here.second = -total_[zone];
      if (best != nullptr && here >= best_crowd) continue;
      best = &zone;
      best_crowd = here;
    }
    if (best == nullptr) return false;
    out_.zone_of[pod] = *best;
    ++placed_[s][*best];
    ++total_[*best];
    spread_.place(s, *best);
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
  const ZonesByShape& zones_;
  Prefers prefers_;
  std::vector<std::vector<std::uint32_t>>& pods_of_;
  SpreadTally spread_;
  std::map<std::uint32_t, std::map<std::string, std::int64_t>> placed_;  ///< shape, zone
  std::map<std::string, std::int64_t> total_;                            ///< pods by zone
  ZoneDecisions out_;
};

bool spreads_over_zones(const PodShape& s) {
  return std::any_of(s.spread.begin(), s.spread.end(),
                     [](const auto& term) { return is_zone(term.topology_key); });
}

/// True if node affinity leaves a choice between labels that a node can be given: which of them a
/// node has is then decided by its other pods too.
bool chooses_given_labels(const PodShape& s) {
  return s.node_affinity.size() > 1 &&
         std::any_of(s.node_affinity.begin(), s.node_affinity.end(), [](const auto& term) {
           return std::any_of(term.begin(), term.end(),
                              [](const auto& r) { return can_be_given(r.key); });
         });
}

/// Zones for each of `coupled`. Where others decide whether the shape's affinity admits a node,
/// their zones are counted, too.
ZonesByShape zones_by_shape(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
                            const std::vector<std::uint32_t>& coupled, const ZonesOf& zones_of) {
  ZonesByShape zones;
  for (const std::uint32_t s : coupled) {
    Zones& own = zones.emplace(s, zones_of(s)).first->second;
    const PodShape& shape = demand.shapes[s];
    if (!spreads_over_zones(shape) || !chooses_given_labels(shape)) continue;
    std::set<std::string> counted(own.counted.begin(), own.counted.end());
    for (const std::uint32_t t : live)
      for (const std::string& zone : zones_of(t).possible)
        if (on_nodes_of(shape, demand.shapes[t], zone) != OnNodes::Never) counted.insert(zone);
    own.counted.assign(counted.begin(), counted.end());
  }
  return zones;
}

}  // namespace

ZoneDecisions decide_zones(const cluster::Demand& demand, const std::vector<std::uint32_t>& live,
                           std::vector<std::vector<std::uint32_t>>& pods_of,
                           const ZonesOf& zones_of, bool gather) {
  std::vector<std::uint32_t> order = CoupledShapes(demand, live).all();
  if (order.empty()) return {};
  const ZonesByShape zones = zones_by_shape(demand, live, order, zones_of);
  // Those that have the least choice first: who is spread fills up what they leave uneven.
  std::vector<std::uint32_t> bound_first = order;
  std::stable_sort(bound_first.begin(), bound_first.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto choice = [&](std::uint32_t s) {
      return std::make_tuple(spreads_over_zones(demand.shapes[s]), zones.at(s).possible.size());
    };
    return choice(a) < choice(b);
  });
  const std::vector<std::vector<std::uint32_t>> all = pods_of;
  const Prefers most = gather ? Prefers::Company : Prefers::MostPods;
  ZoneDecisions best = ZoneChooser(demand, zones, most, pods_of).run(order);
  for (const auto& [prefers, sequence] : {std::pair{most, &bound_first},
                                          {Prefers::FewestPods, &order},
                                          {Prefers::FewestPods, &bound_first}}) {
    if (best.unplaced.empty()) break;
    std::vector<std::vector<std::uint32_t>> kept = all;
    ZoneDecisions again = ZoneChooser(demand, zones, prefers, kept).run(*sequence);
    if (again.unplaced.size() >= best.unplaced.size()) continue;
    best = std::move(again);
    pods_of = std::move(kept);
  }
  best.coupled = true;
  return best;
}

}  // namespace kerf::plan
