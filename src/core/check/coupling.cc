// Coupling: constraints between pods, judged on the fleet as planned.
//
// A plan gives a node one zone, some zones or any zone. What must differ has to differ wherever the
// nodes come up; what must be together has to be so for sure. Pods are counted by shape and node,
// so cost grows with their distinct pairs, not with pods.
#include <algorithm>
#include <map>
#include <set>

#include "core/check/audit.h"
#include "core/check/labels.h"

namespace kerf::check {
namespace {

using cluster::AffinityTerm;
using cluster::PodShape;
using cluster::SpreadConstraint;

/// The values that a node's topology label may have; empty = any. One value is certain.
using Domain = std::vector<std::string>;

/// Pods of one shape on one node.
struct Group {
  std::size_t node = 0;
  std::uint32_t shape = 0;
  std::uint32_t pod = 0;  ///< one of them, for sentences
  std::int64_t count = 0;
};

std::vector<Group> groups_of(const Audit& audit) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < audit.plan.nodes.size(); ++i) {
    std::map<std::uint32_t, Group> by_shape;
    for (const std::uint32_t pod : audit.plan.nodes[i].pods) {
      const std::uint32_t shape = audit.demand.pods[pod].shape;
      ++by_shape.try_emplace(shape, Group{i, shape, pod, 0}).first->second.count;
    }
    for (const auto& [shape, group] : by_shape) groups.push_back(group);
  }
  return groups;
}

/// nullopt: the node has no such label, so it is in no domain at all.
std::optional<Domain> domain_of(const Audit& audit, std::size_t node, const std::string& key) {
  const plan::NodePlan& plan = audit.plan.nodes[node];
  if (key == kHostnameLabel) return Domain{std::to_string(node)};
  if (is_zone_label(key)) {
    Domain zones = plan.zones;
    std::sort(zones.begin(), zones.end());
    return zones;
  }
  const NodeLabels labels = labels_of(audit, plan);
  const auto found = labels.find(key);
  if (found == labels.end()) return std::nullopt;
  return Domain{found->second.front()};
}

bool may_meet(const Domain& a, const Domain& b) {
  return a.empty() || b.empty() || std::any_of(a.begin(), a.end(), [&](const std::string& value) {
           return std::find(b.begin(), b.end(), value) != b.end();
         });
}

/// The same key asked for many nodes.
class Domains {
 public:
  explicit Domains(const Audit& audit) : audit_(audit) {}
  const std::optional<Domain>& of(std::size_t node, const std::string& key) {
    auto& domains = known_[key];
    const auto found = domains.find(node);
    if (found != domains.end()) return found->second;
    return domains.emplace(node, domain_of(audit_, node, key)).first->second;
  }

 private:
  const Audit& audit_;
  std::map<std::string, std::map<std::size_t, std::optional<Domain>>> known_;
};

class Coupling {
 public:
  explicit Coupling(Audit& audit) : audit_(audit), groups_(groups_of(audit)), domains_(audit) {
    for (const Group& group : groups_) by_shape_[group.shape].push_back(group);
  }

  void check() {
    for (const auto& [shape, groups] : by_shape_) {
      for (const AffinityTerm& term : audit_.demand.shapes[shape].anti_affinity) {
        check_apart(shape, groups, term);
      }
      for (const SpreadConstraint& spread : audit_.demand.shapes[shape].spread) {
        check_spread(shape, groups, spread);
      }
    }
    check_together();
  }

 private:
  const PodShape& shape(std::uint32_t index) const { return audit_.demand.shapes[index]; }

  /// Anti-affinity holds for pods that come later too, so one look at each carrier is both
  /// directions.
  void check_apart(std::uint32_t carrier, const std::vector<Group>& carriers,
                   const AffinityTerm& term) {
    std::map<Domain, std::pair<std::int64_t, std::uint32_t>> others;  // pods there, one of them
    for (const auto& [index, groups] : by_shape_) {
      if (!selects(term.selector, shape(carrier), shape(index))) continue;
      for (const Group& group : groups) {
        const auto& domain = domains_.of(group.node, term.topology_key);
        if (!domain) continue;
        auto& [count, pod] = others[*domain];
        count += group.count;
        pod = group.pod;
      }
    }
    const bool itself = selects(term.selector, shape(carrier), shape(carrier));
    std::set<Domain> told;
    for (const Group& group : carriers) {
      const auto& domain = domains_.of(group.node, term.topology_key);
      if (!domain || !told.insert(*domain).second) continue;
      for (const auto& [other, pods] : others) {
        const std::int64_t count = pods.first - (itself && other == *domain ? 1 : 0);
        if (count <= 0 || !may_meet(*domain, other)) continue;
        audit_.complain("{} must be apart from {} in {}, and {}", audit_.pod_name(group.pod),
                        pods.second == group.pod ? "its like" : audit_.pod_name(pods.second),
                        term.topology_key,
                        domain->size() == 1 && *domain == other ? "is not" : "may not be");
      }
    }
  }

  /// Nodes that count for the spread constraints of a shape, as kube-scheduler takes them
  /// (podtopologyspread/filtering.go; nodeAffinityPolicy: Honor, nodeTaintsPolicy: Ignore): the
  /// pod's own selectors admit them, and they have every topology key of its constraints.
  const std::vector<bool>& counted_nodes(std::uint32_t carrier) {
    const auto [at, fresh] = counted_.try_emplace(carrier);
    for (std::size_t i = 0; i < audit_.plan.nodes.size() && fresh; ++i) {
      const auto& spreads = shape(carrier).spread;
      const bool keys = std::all_of(spreads.begin(), spreads.end(), [&](const auto& spread) {
        return domains_.of(i, spread.topology_key).has_value();
      });
      at->second.push_back(keys &&
                           why_not_selected(audit_, audit_.plan.nodes[i], shape(carrier)).empty());
    }
    return at->second;
  }

  /// Domains are those of the nodes that count, and pods count that are on these; by hostname a new
  /// node can always be empty, so the least is 0.
  void check_spread(std::uint32_t carrier, const std::vector<Group>& carriers,
                    const SpreadConstraint& spread) {
    const bool by_host = spread.topology_key == kHostnameLabel;
    // By hostname only the pod's own node matters, and that it may run there is judged elsewhere.
    const std::vector<bool> all(audit_.plan.nodes.size(), true);
    const std::vector<bool>& counted = by_host ? all : counted_nodes(carrier);
    std::map<Domain, std::int64_t> counts;
    for (std::size_t i = 0; i < audit_.plan.nodes.size() && !by_host; ++i) {
      const auto& domain = domains_.of(i, spread.topology_key);
      if (counted[i] && domain && domain->size() == 1) counts[*domain];
    }
    for (const auto& [index, groups] : by_shape_) {
      if (!selects(spread.selector, shape(carrier), shape(index))) continue;
      for (const Group& group : groups) {
        const auto& domain = domains_.of(group.node, spread.topology_key);
        if (!domain || !counted[group.node]) continue;
        const auto found = counts.find(*domain);
        if (found != counts.end()) {
          found->second += group.count;
        } else if (by_host) {
          counts[*domain] += group.count;
        }
      }
    }
    std::int64_t least = 0;
    if (!by_host && counts.size() >= static_cast<std::size_t>(spread.min_domains)) {
      for (auto at = counts.begin(); at != counts.end(); ++at) {
        least = at == counts.begin() ? at->second : std::min(least, at->second);
      }
    }
    std::set<Domain> told;
    for (const Group& group : carriers) {
      const auto& domain = domains_.of(group.node, spread.topology_key);
      if (!domain || domain->size() != 1) {
        audit_.complain("{} is spread over {}, and {} has no one value of it",
                        audit_.pod_name(group.pod), spread.topology_key,
                        audit_.node_name(group.node));
        continue;
      }
      const std::int64_t here = counts[*domain];
      if (here - least > spread.max_skew && told.insert(*domain).second) {
        audit_.complain("{}: {} like pods share its {}, {} the least, and the skew may be {}",
                        audit_.pod_name(group.pod), here, spread.topology_key, least,
                        spread.max_skew);
      }
    }
  }

  /// True if every term of the group's affinity has company among what runs already.
  bool has_company(const Group& group, const std::set<std::pair<std::string, std::string>>& values,
                   const std::set<std::size_t>& nodes) {
    const auto& terms = shape(group.shape).affinity;
    return std::all_of(terms.begin(), terms.end(), [&](const AffinityTerm& term) {
      const auto& domain = domains_.of(group.node, term.topology_key);
      if (!domain) return false;
      if (nodes.count(group.node) != 0) return true;
      return domain->size() == 1 && values.count({term.topology_key, domain->front()}) != 0;
    });
  }

  bool matches_all_terms(std::uint32_t carrier, std::uint32_t other) const {
    const auto& terms = shape(carrier).affinity;
    return std::all_of(terms.begin(), terms.end(), [&](const AffinityTerm& term) {
      return selects(term.selector, shape(carrier), shape(other));
    });
  }

  /// What one carrier's terms see of the pods that run already.
  struct Company {
    std::set<std::pair<std::string, std::string>> values;  ///< topology key, value
    std::set<std::size_t> nodes;
  };

  void join(std::map<std::uint32_t, Company>& company, const Group& group) {
    for (auto& [carrier, seen] : company) {
      if (!matches_all_terms(carrier, group.shape)) continue;
      seen.nodes.insert(group.node);
      for (const AffinityTerm& term : shape(carrier).affinity) {
        const auto& domain = domains_.of(group.node, term.topology_key);
        if (domain && domain->size() == 1) seen.values.insert({term.topology_key, domain->front()});
      }
    }
  }

  /// Affinity needs an order in which the pods can come up: company first. A pod that matches its
  /// own terms may be the first where no pod matches them at all (kube-scheduler,
  /// interpodaffinity/filtering.go).
  void check_together() {
    std::map<std::uint32_t, Company> company;  // by carrier
    std::vector<const Group*> waiting;
    for (const Group& group : groups_) {
      if (shape(group.shape).affinity.empty()) continue;
      company[group.shape];
      waiting.push_back(&group);
    }
    for (const Group& group : groups_) {
      if (shape(group.shape).affinity.empty()) join(company, group);
    }
    while (!waiting.empty()) {
      const std::size_t before = waiting.size();
      std::vector<const Group*> left;
      for (const Group* group : waiting) {
        const Company& seen = company[group->shape];
        if (has_company(*group, seen.values, seen.nodes)) {
          join(company, *group);
        } else {
          left.push_back(group);
        }
      }
      waiting = std::move(left);
      if (waiting.size() != before) continue;
      const auto first = std::find_if(waiting.begin(), waiting.end(), [&](const Group* group) {
        const auto& terms = shape(group->shape).affinity;
        return company[group->shape].nodes.empty() &&
               matches_all_terms(group->shape, group->shape) &&
               std::all_of(terms.begin(), terms.end(), [&](const AffinityTerm& term) {
                 return domains_.of(group->node, term.topology_key).has_value();
               });
      });
      if (first == waiting.end()) break;
      join(company, **first);
      waiting.erase(first);
    }
    for (const Group* group : waiting) {
      audit_.complain("{} must be beside other pods in {}, and they are not there for sure",
                      audit_.pod_name(group->pod),
                      shape(group->shape).affinity.front().topology_key);
    }
  }

  Audit& audit_;
  std::vector<Group> groups_;
  Domains domains_;
  std::map<std::uint32_t, std::vector<Group>> by_shape_;
  std::map<std::uint32_t, std::vector<bool>> counted_;  ///< by shape, nodes that its spreads count
};

}  // namespace

void check_coupling(Audit& audit) { Coupling(audit).check(); }

}  // namespace kerf::check
