// Company: terms become groups of pods that are counted by domain; each rule looks up a count.
#include "core/online/company.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "core/plan/coupling_zones.h"

namespace kerf::online {

namespace {

using cluster::AffinityTerm;
using cluster::HostPort;
using cluster::PodSelector;
using cluster::PodShape;
using cluster::Requirements;

template <class T>
bool contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

/// What the requirements say of the zone alone.
bool admits_zone(const Requirements& requirements, const std::string& zone) {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const cluster::Requirement& requirement) {
                       return !plan::is_zone(requirement.key) ||
                              cluster::matches(requirement, {{requirement.key, zone}});
                     });
}

bool admits_zone(const PodShape& shape, const std::string& zone) {
  return admits_zone(shape.node_selector, zone) &&
         (shape.node_affinity.empty() ||
          std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(),
                      [&](const Requirements& term) { return admits_zone(term, zone); }));
}

}  // namespace

Company::Domain Company::domain_of(const std::string& topology_key) {
  if (plan::is_host(topology_key)) return Domain::Node;
  return plan::is_zone(topology_key) ? Domain::Zone : Domain::Cluster;
}

Company::NodeNeeds Company::needs_of(const PodShape& shape) {
  const auto by_zone = [](const cluster::Requirement& one) { return plan::is_zone(one.key); };
  NodeNeeds needs{shape.node_selector, {}};
  std::erase_if(needs.selector, by_zone);
  const auto only_zones = [&](const Requirements& term) {
    return std::all_of(term.begin(), term.end(), by_zone);
  };
  const auto& terms = shape.node_affinity;
  if (!std::all_of(terms.begin(), terms.end(), only_zones)) needs.affinity = terms;
  return needs;
}

/// Will every node on which the shape may run meet these needs? It asks for them itself.
bool Company::asks_for(const NodeNeeds& needs, const PodShape& shape) {
  std::vector<Requirements> terms = shape.node_affinity;
  if (terms.empty()) terms.emplace_back();
  return std::all_of(terms.begin(), terms.end(), [&](const Requirements& term) {
    const auto asked = [&](const Requirements& all) {
      return std::all_of(all.begin(), all.end(), [&](const cluster::Requirement& one) {
        return contains(shape.node_selector, one) || contains(term, one);
      });
    };
    return asked(needs.selector) &&
           (needs.affinity.empty() ||
            std::any_of(needs.affinity.begin(), needs.affinity.end(), asked));
  });
}

bool Company::is_on(const NodeNeeds& needs, Shape shape, Place place) const {
  if (needs.none()) return true;
  if (place.node == kNowhere) return asks_for(needs, shapes_[shape]);
  const Labels& labels = *labels_[place.node];
  const auto met = [&](const Requirements& all) {
    return std::all_of(all.begin(), all.end(), [&](const cluster::Requirement& one) {
      return cluster::matches(one, labels);
    });
  };
  return labels.empty() ||
         (met(needs.selector) && (needs.affinity.empty() ||
                                  std::any_of(needs.affinity.begin(), needs.affinity.end(), met)));
}

bool Company::is_member(const Members& members, const PodShape& shape) {
  const auto selects = [&](const PodSelector& one) { return cluster::matches(one, shape); };
  const auto has_term = [&](const AffinityTerm& one) { return contains(shape.anti_affinity, one); };
  const auto has_port = [&](const HostPort& one) { return contains(shape.host_ports, one); };
  return std::all_of(members.selected.begin(), members.selected.end(), selects) &&
         std::all_of(members.repels.begin(), members.repels.end(), has_term) &&
         std::all_of(members.ports.begin(), members.ports.end(), has_port);
}

Company::Zone Company::zone_number(const std::string& zone) {
  const auto [at, fresh] = zone_index_.try_emplace(zone, static_cast<Zone>(zones_.size()));
  if (!fresh) return at->second;
  zones_.push_back(zone);
  always_.push_back(false);
  uses_.push_back(0);
  for (Shape shape = 0; shape < shapes_.size(); ++shape)
    rules_[shape].zones.push_back(admits_zone(shapes_[shape], zone));
  return at->second;
}

void Company::add_zone(const std::string& zone) { always_[zone_number(zone)] = true; }

Company::Shape Company::add_shape(const PodShape& shape) {
  const auto id = static_cast<Shape>(shapes_.size());
  shapes_.push_back(shape);
  stands_.emplace_back();
  Rules& rules = rules_.emplace_back();
  for (const std::string& zone : zones_) rules.zones.push_back(admits_zone(shape, zone));
  for (const auto& [key, group] : group_index_)
    if (is_member(key.first, shape)) rules.counted_by.push_back(group);
  for (const auto& [term, group] : repellers_)
    if (cluster::matches(term.selector, shape)) keep_apart(id, group);
  for (const auto& [port, group] : ports_)
    for (const HostPort& own : shape.host_ports)
      if (clash(own, port)) keep_apart(id, group);

  for (const HostPort& port : shape.host_ports) use_port(port);
  for (const AffinityTerm& term : shape.anti_affinity) {
    const Domain domain = domain_of(term.topology_key);
    rules.nowhere = rules.nowhere || domain == Domain::Cluster;
    keep_apart(id, group({{term.selector}, {}, {}, {}}, domain));
    repel(term);
  }
  Members company;
  for (const AffinityTerm& term : shape.affinity) company.selected.push_back(term.selector);
  for (const AffinityTerm& term : shape.affinity) {
    const Domain domain = domain_of(term.topology_key);
    rules.nowhere = rules.nowhere || domain == Domain::Cluster;
    rules.beside.push_back(group(company, domain));
  }
  rules.founds = is_member(company, shape);
  for (const cluster::SpreadConstraint& spread : shape.spread) {
    const Domain domain = domain_of(spread.topology_key);
    rules.nowhere = rules.nowhere || domain == Domain::Cluster;
    // On the pod's own node all count, whatever its labels; it is one that they admit.
    const NodeNeeds on = domain == Domain::Zone ? needs_of(shape) : NodeNeeds{};
    rules.spread.push_back({group({{spread.selector}, {}, {}, on}, domain), spread.max_skew,
                            spread.min_domains, cluster::matches(spread.selector, shape)});
  }
  return id;
}

Company::GroupId Company::group(Members members, Domain domain) {
  const auto [at, fresh] =
      group_index_.try_emplace({std::move(members), domain}, static_cast<GroupId>(groups_.size()));
  if (!fresh) return at->second;
  Group& group = groups_.emplace_back();
  group.domain = domain;
  group.on = at->first.first.on;
  for (Shape shape = 0; shape < shapes_.size(); ++shape) {
    if (!is_member(at->first.first, shapes_[shape])) continue;
    rules_[shape].counted_by.push_back(at->second);
    for (const auto& [place, pods] : stands_[shape]) count(group, shape, place, pods);
  }
  return at->second;
}

void Company::keep_apart(Shape shape, GroupId group) {
  std::vector<GroupId>& apart = rules_[shape].apart;
  if (!contains(apart, group)) apart.push_back(group);
}

/// The other direction of an anti-affinity: whom it selects must not come to those who have it.
void Company::repel(const AffinityTerm& term) {
  const auto [at, fresh] = repellers_.try_emplace(term, 0);
  if (!fresh) return;
  at->second = group({{}, {term}, {}, {}}, domain_of(term.topology_key));
  for (Shape shape = 0; shape < shapes_.size(); ++shape)
    if (cluster::matches(term.selector, shapes_[shape])) keep_apart(shape, at->second);
}

void Company::use_port(const HostPort& port) {
  const auto [at, fresh] = ports_.try_emplace(port, 0);
  if (!fresh) return;
  at->second = group({{}, {}, {port}, {}}, Domain::Node);
  for (Shape shape = 0; shape < shapes_.size(); ++shape)
    for (const HostPort& other : shapes_[shape].host_ports)
      if (clash(port, other)) keep_apart(shape, at->second);
}

Company::Node Company::add_node(const std::string& zone, const Labels& labels) {
  const auto id = static_cast<Node>(zone_of_.size());
  labels_.push_back(std::make_shared<const Labels>(labels));
  zone_of_.push_back(zone.empty() ? kNowhere : zone_number(zone));
  return_node(id);
  return id;
}

void Company::take_back_node() {
  KERF_ASSERT(!zone_of_.empty(), "a node to take back");
  remove_node(static_cast<Node>(zone_of_.size() - 1));
  zone_of_.pop_back();
  labels_.pop_back();
}

void Company::remove_node(Node node) {
  if (zone_of_[node] == kNowhere) return;
  KERF_ASSERT(uses_[zone_of_[node]] > 0, "no more nodes go than came");
  --uses_[zone_of_[node]];
}

void Company::return_node(Node node) {
  if (zone_of_[node] != kNowhere) ++uses_[zone_of_[node]];
}

void Company::count(Group& group, Shape shape, Place place, std::int64_t by) const {
  if (!is_on(group.on, shape, place)) return;
  group.everywhere += by;
  if (place.node != kNowhere) group.on_nodes += by;
  const std::uint32_t at = group.domain == Domain::Node   ? place.node
                           : group.domain == Domain::Zone ? place.zone
                                                          : kNowhere;
  if (at == kNowhere) return;
  std::int64_t& pods = group.in[at];
  pods += by;
  if (pods == 0) group.in.erase(at);
}

void Company::change(Shape shape, Place place, std::int64_t by) {
  const auto at = stands_[shape].try_emplace(place, 0).first;
  at->second += by;
  KERF_ASSERT(at->second >= 0, "no more pods go than came");
  if (at->second == 0) stands_[shape].erase(at);
  for (const GroupId group : rules_[shape].counted_by) count(groups_[group], shape, place, by);
}

void Company::bind(Shape shape, Node node) { change(shape, {zone_of_[node], node}, 1); }

void Company::release(Shape shape, Node node) { change(shape, {zone_of_[node], node}, -1); }

void Company::bind_zone(Shape shape, const std::string& zone) {
  const Zone number = zone_number(zone);
  ++uses_[number];
  change(shape, {number, kNowhere}, 1);
}

void Company::release_zone(Shape shape, const std::string& zone) {
  const Zone number = zone_index_.at(zone);
  --uses_[number];
  change(shape, {number, kNowhere}, -1);
}

bool Company::constrained(Shape shape) const {
  const Rules& rules = rules_[shape];
  return rules.nowhere || !rules.beside.empty() || !rules.spread.empty() ||
         std::any_of(rules.apart.begin(), rules.apart.end(),
                     [&](GroupId group) { return groups_[group].everywhere > 0; });
}

std::int64_t Company::pods_at(GroupId id, Place place) const {
  const Group& group = groups_[id];
  if (group.domain == Domain::Cluster) return group.everywhere;
  const auto found = group.in.find(group.domain == Domain::Node ? place.node : place.zone);
  return found == group.in.end() ? 0 : found->second;
}

bool Company::has_company(const Rules& rules, Place place) const {
  if (rules.beside.empty()) return true;
  const bool first = rules.founds && groups_[rules.beside[0]].everywhere == 0;
  return std::all_of(rules.beside.begin(), rules.beside.end(), [&](GroupId group) {
    if (first) return groups_[group].domain == Domain::Node || place.zone != kNowhere;
    return pods_at(group, place) > 0;
  });
}

bool Company::is_even(const Rules& rules, const Spread& spread, Place place) const {
  const std::int64_t here = pods_at(spread.group, place) + (spread.itself ? 1 : 0);
  if (groups_[spread.group].domain == Domain::Node) return here <= spread.max_skew;
  if (place.zone == kNowhere) return false;
  std::optional<std::int64_t> fewest;
  std::int32_t domains = 0;
  for (Zone zone = 0; zone < zones_.size(); ++zone) {
    if (!there(zone) || !rules.zones[zone]) continue;
    const std::int64_t pods = pods_at(spread.group, {zone, kNowhere});
    fewest = std::min(fewest.value_or(pods), pods);
    ++domains;
  }
  if (domains < spread.min_domains) fewest = 0;
  return here - fewest.value_or(0) <= spread.max_skew;
}

bool Company::allows(const Rules& rules, Place place) const {
  return !rules.nowhere &&
         std::all_of(rules.apart.begin(), rules.apart.end(),
                     [&](GroupId group) { return pods_at(group, place) == 0; }) &&
         has_company(rules, place) &&
         std::all_of(rules.spread.begin(), rules.spread.end(),
                     [&](const Spread& spread) { return is_even(rules, spread, place); });
}

bool Company::allows(Shape shape, Node node) const {
  return allows(rules_[shape], {zone_of_[node], node});
}

std::vector<std::string> Company::fresh_zones(Shape shape) const {
  const Rules& rules = rules_[shape];
  const PodShape& pod = shapes_[shape];
  std::vector<std::pair<std::int64_t, std::string>> open;
  for (Zone zone = 0; zone < zones_.size(); ++zone) {
    const bool volumes = !pod.volume_zone_bound || contains(pod.volume_zones, zones_[zone]);
    if (!there(zone) || !volumes || !rules.zones[zone]) continue;
    if (!allows(rules, {zone, kNowhere})) continue;
    std::int64_t pods = 0;
    for (const Spread& spread : rules.spread)
      if (groups_[spread.group].domain == Domain::Zone)
        pods += pods_at(spread.group, {zone, kNowhere});
    open.emplace_back(pods, zones_[zone]);
  }
  std::sort(open.begin(), open.end());
  std::vector<std::string> names;
  for (auto& [pods, name] : open) names.push_back(std::move(name));
  return names;
}

bool Company::wants_company(Shape shape) const {
  const Rules& rules = rules_[shape];
  return std::any_of(rules.beside.begin(), rules.beside.end(), [&](GroupId group) {
    return groups_[group].domain == Domain::Node && groups_[group].on_nodes == 0;
  });
}

bool Company::bound_to_zones(Shape shape) const {
  const Rules& rules = rules_[shape];
  const auto by_zone = [&](GroupId group) { return groups_[group].domain == Domain::Zone; };
  return std::any_of(rules.apart.begin(), rules.apart.end(), by_zone) ||
         std::any_of(rules.beside.begin(), rules.beside.end(), by_zone) ||
         std::any_of(rules.counted_by.begin(), rules.counted_by.end(), by_zone) ||
         std::any_of(rules.spread.begin(), rules.spread.end(),
                     [&](const Spread& spread) { return by_zone(spread.group); });
}

}  // namespace kerf::online
