// Reads constraints as the API server validates them and the scheduler evaluates them.
#include "codec/kube_constraints.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "base/quote.h"
#include "codec/kube_selectors.h"
#include "core/control/names.h"

namespace kerf::codec {
namespace {

using cluster::Operator;
using cluster::PodSelector;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;

constexpr std::string_view kNamespaceName = "kubernetes.io/metadata.name";
constexpr std::string_view kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr std::string_view kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";

bool not_empty(const Node* list) { return list != nullptr && !list->items.empty(); }

/// Reads the constraints of one pod spec into one shape.
class ConstraintReader {
 public:
  ConstraintReader(const KubeObject& object, const Node& spec, const Namespaces& namespaces,
                   bool running, PodShape& shape)
      : object_(object), spec_(spec), namespaces_(namespaces), running_(running), shape_(shape) {}

  bool preferred() const { return preferred_; }

  Result<void> node_selector() {
    KERF_TRY(const Labels labels, object_.labels(&spec_, "nodeSelector"));
    Requirements requirements = requirements_of(labels);
    shape_.node_selector.insert(shape_.node_selector.end(), requirements.begin(),
                                requirements.end());
    sort_unique(shape_.node_selector);
    return {};
  }

  Result<void> node_affinity() {
    KERF_TRY(const Node* affinity, object_.mapping(&spec_, "affinity"));
    KERF_TRY(const Node* rules, object_.mapping(affinity, "nodeAffinity"));
    KERF_CHECK_OK(note_preferred(rules));
    KERF_TRY(const Node* required, object_.mapping(rules, kRequired));
    if (required == nullptr) return {};
    KERF_TRY(const Node* terms, object_.list(required, "nodeSelectorTerms"));
    if (!not_empty(terms)) {
      return object_.wrong(*required, "expected at least one entry in nodeSelectorTerms");
    }
    bool names_nodes = false;
    for (const Node& node : terms->items) {
      KERF_CHECK_OK(object_.expect_mapping(node));
      Requirements term;
      KERF_TRY(const Node* expressions, object_.list(&node, "matchExpressions"));
      if (expressions != nullptr) {
        for (const Node& expression : expressions->items) {
          KERF_TRY(Requirement requirement, read_requirement(object_, expression, true));
          term.push_back(std::move(requirement));
        }
      }
      KERF_TRY(const Node* fields, object_.list(&node, "matchFields"));
      if (term.empty() && !not_empty(fields)) continue;  // an empty term matches no node
      KERF_TRY(const bool named, names_a_node(fields, term));
      names_nodes |= named;
      if (named) continue;
      if (term.empty()) {  // matches every new node, and the terms are alternatives
        shape_.node_affinity.clear();
        return {};
      }
      sort_unique(term);
      shape_.node_affinity.push_back(std::move(term));
    }
    sort_unique(shape_.node_affinity);
    if (shape_.node_affinity.empty()) {
      shape_.unplaceable.push_back(
          {"spec.affinity.nodeAffinity",
           names_nodes ? "it asks for one node by its name, which no new node can have"
                       : "its terms are empty, which matches no node"});
    }
    return {};
  }

  Result<void> pod_affinity() {
    KERF_TRY(const Node* affinity, object_.mapping(&spec_, "affinity"));
    KERF_CHECK_OK(affinity_terms(affinity, "podAffinity", shape_.affinity));
    combine_selectors(shape_.affinity);
    return affinity_terms(affinity, "podAntiAffinity", shape_.anti_affinity);
  }

  Result<void> spread() {
    KERF_TRY(const Node* list, object_.list(&spec_, "topologySpreadConstraints"));
    if (list == nullptr) return {};
    for (const Node& node : list->items) {
      KERF_CHECK_OK(object_.expect_mapping(node));
      KERF_TRY(const std::string_view when, object_.text(&node, "whenUnsatisfiable"));
      if (when == "ScheduleAnyway") {
        preferred_ = true;
        continue;
      }
      if (when != "DoNotSchedule") {
        return object_.wrong(node, "whenUnsatisfiable: expected DoNotSchedule or ScheduleAnyway");
      }
      constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
      cluster::SpreadConstraint constraint;
      KERF_TRY(const auto skew, object_.integer(&node, "maxSkew", 1, kMax));
      if (!skew) return object_.wrong(node, "maxSkew is missing: expected 1 or more");
      constraint.max_skew = static_cast<std::int32_t>(*skew);
      KERF_TRY(const auto domains, object_.integer(&node, "minDomains", 1, kMax));
      constraint.min_domains = static_cast<std::int32_t>(domains.value_or(1));
      KERF_TRY(constraint.topology_key, topology_key(node));
      KERF_TRY(constraint.selector, selector(node));
      constraint.selector.namespaces = {shape_.ns};
      KERF_CHECK_OK(node_policies(node, constraint.topology_key));
      shape_.spread.push_back(std::move(constraint));
    }
    sort_unique(shape_.spread);
    return {};
  }

  /// Ports of containers and sidecars; with hostNetwork every port is the host's.
  Result<void> host_ports() {
    KERF_TRY(const bool host_network, object_.boolean(&spec_, "hostNetwork"));
    for (const std::string_view field : {"containers", "initContainers"}) {
      KERF_TRY(const Node* containers, object_.list(&spec_, field));
      if (containers == nullptr) continue;
      for (const Node& container : containers->items) {
        KERF_CHECK_OK(object_.expect_mapping(container));
        if (field == "initContainers") {
          KERF_TRY(const std::string_view restart, object_.text(&container, "restartPolicy"));
          if (restart != "Always") continue;
        }
        KERF_TRY(const Node* ports, object_.list(&container, "ports"));
        if (ports == nullptr) continue;
        for (const Node& port : ports->items) KERF_CHECK_OK(host_port(port, host_network));
      }
    }
    sort_unique(shape_.host_ports);
    return {};
  }

 private:
  Result<void> note_preferred(const Node* rules) {
    KERF_TRY(const Node* list, object_.list(rules, kPreferred));
    preferred_ |= not_empty(list);
    return {};
  }

  /// True if the fields ask for a node by name, which no node that is yet to be bought has. In a
  /// cluster nodes have names, and `term` asks for it as for a label.
  Result<bool> names_a_node(const Node* fields, Requirements& term) {
    bool named = false;
    if (fields == nullptr) return named;
    for (const Node& field : fields->items) {
      KERF_TRY(const Requirement requirement, read_requirement(object_, field, true));
      if (requirement.key != control::kNodeNameField) {
        return object_.wrong(field, "matchFields: expected the key metadata.name");
      }
      if (running_) term.push_back(requirement);
      else named |= requirement.op != Operator::NotIn;
    }
    return named;
  }

  Result<std::string> topology_key(const Node& node) {
    KERF_TRY(const std::string_view key, object_.text(&node, "topologyKey"));
    if (key.empty()) {
      return object_.wrong(node,
                           "topologyKey is missing: expected a label of nodes, for example "
                           "topology.kubernetes.io/zone");
    }
    return std::string(key);
  }

  /// nodeAffinityPolicy and nodeTaintsPolicy of a spread constraint. Only Honor and Ignore, the
  /// defaults, are planned with; the other values are taken where they come to the same: by
  /// hostname, where the least is taken as 0, and Ignore for a pod that every node admits.
  Result<void> node_policies(const Node& node, const std::string& topology_key) {
    KERF_TRY(const bool affinity, honors(node, "nodeAffinityPolicy", true));
    KERF_TRY(const bool taints, honors(node, "nodeTaintsPolicy", false));
    if (topology_key == "kubernetes.io/hostname") return {};
    const bool every_node = shape_.node_selector.empty() && shape_.node_affinity.empty();
    if (!affinity && !every_node) {
      shape_.unplaceable.push_back(
          {"spec.topologySpreadConstraints",
           "nodeAffinityPolicy: Ignore counts nodes that its node selector and affinity rule out, "
           "which is not planned for"});
    }
    if (taints) {
      shape_.unplaceable.push_back({"spec.topologySpreadConstraints",
                                    "nodeTaintsPolicy: Honor leaves out nodes with taints that it "
                                    "does not tolerate, which is not planned for"});
    }
    return {};
  }

  Result<bool> honors(const Node& node, std::string_view field, bool if_absent) {
    KERF_TRY(const std::string_view policy, object_.text(&node, field));
    if (policy.empty()) return if_absent;
    if (policy != "Honor" && policy != "Ignore") {
      return object_.wrong(
          node, fmt::format("{}: expected Honor or Ignore, got {}", field, quoted(policy)));
    }
    return policy == "Honor";
  }

  /// labelSelector with matchLabelKeys and mismatchLabelKeys. A key that the pod has no label for
  /// counts for nothing; so pod-template-hash, which only a running revision has, is one revision.
  Result<PodSelector> selector(const Node& node) {
    PodSelector out;
    KERF_TRY(const Node* labels, object_.mapping(&node, "labelSelector"));
    out.none = labels == nullptr;
    KERF_TRY(out.labels, label_selector(object_, labels));
    for (const auto& [field, op] : {std::pair{"matchLabelKeys", Operator::In},
                                    std::pair{"mismatchLabelKeys", Operator::NotIn}}) {
      KERF_TRY(const std::vector<std::string> keys, object_.texts(&node, field));
      for (const std::string& key : keys) {
        const auto own = shape_.labels.find(key);
        if (own != shape_.labels.end()) out.labels.push_back({key, op, {own->second}});
      }
    }
    sort_unique(out.labels);
    return out;
  }

  Result<void> affinity_terms(const Node* affinity, std::string_view field,
                              std::vector<cluster::AffinityTerm>& out) {
    KERF_TRY(const Node* rules, object_.mapping(affinity, field));
    KERF_CHECK_OK(note_preferred(rules));
    KERF_TRY(const Node* terms, object_.list(rules, kRequired));
    if (terms == nullptr) return {};
    for (const Node& node : terms->items) {
      KERF_CHECK_OK(object_.expect_mapping(node));
      cluster::AffinityTerm term;
      KERF_TRY(term.topology_key, topology_key(node));
      KERF_TRY(term.selector, selector(node));
      KERF_CHECK_OK(namespaces_of(node, field, term.selector));
      out.push_back(std::move(term));
    }
    sort_unique(out);
    return {};
  }

  /// Of several required affinity terms, kube-scheduler counts only pods that match all of them
  /// (interpodaffinity/filtering.go, podMatchesAllAffinityTerms): each term gets the common
  /// selector.
  static void combine_selectors(std::vector<cluster::AffinityTerm>& terms) {
    if (terms.size() < 2) return;
    PodSelector common = terms[0].selector;
    for (const cluster::AffinityTerm& term : terms) {
      common.none = common.none || term.selector.none;
      common.labels.insert(common.labels.end(), term.selector.labels.begin(),
                           term.selector.labels.end());
      if (term.selector.all_namespaces) continue;
      if (common.all_namespaces) {
        common.namespaces = term.selector.namespaces;
        common.all_namespaces = false;
        continue;
      }
      std::vector<std::string> both;
      std::set_intersection(common.namespaces.begin(), common.namespaces.end(),
                            term.selector.namespaces.begin(), term.selector.namespaces.end(),
                            std::back_inserter(both));
      common.namespaces = std::move(both);
    }
    sort_unique(common.labels);
    for (cluster::AffinityTerm& term : terms) term.selector = common;
    sort_unique(terms);
  }

  /// The namespaces that a term looks at: those listed, those of its namespaceSelector, or its own.
  Result<void> namespaces_of(const Node& term, std::string_view field, PodSelector& out) {
    KERF_TRY(out.namespaces, object_.texts(&term, "namespaces"));
    KERF_TRY(const Node* node, object_.mapping(&term, "namespaceSelector"));
    if (node == nullptr) {
      if (out.namespaces.empty()) out.namespaces = {shape_.ns};
      sort_unique(out.namespaces);
      return {};
    }
    KERF_TRY(const Requirements wanted, label_selector(object_, node));
    if (wanted.empty()) {
      out.namespaces.clear();
      out.all_namespaces = true;
      return {};
    }
    const bool by_name = std::all_of(wanted.begin(), wanted.end(), [](const Requirement& one) {
      return one.key == kNamespaceName;
    });
    for (const auto& [ns, entry] : namespaces_.entries) {
      if (!entry.known && !by_name) {
        shape_.unplaceable.push_back(
            {fmt::format("spec.affinity.{}", field),
             fmt::format("its namespaceSelector needs the labels of namespace {}, which are not in "
                         "the input; add the Namespace object",
                         quoted(ns))});
        return {};
      }
      const bool all = std::all_of(wanted.begin(), wanted.end(), [&](const Requirement& one) {
        return cluster::matches(one, entry.labels);
      });
      if (all) out.namespaces.push_back(ns);
    }
    sort_unique(out.namespaces);
    out.none |= out.namespaces.empty();
    return {};
  }

  Result<void> host_port(const Node& node, bool host_network) {
    KERF_CHECK_OK(object_.expect_mapping(node));
    KERF_TRY(auto number, object_.integer(&node, "hostPort", 0, 65535));
    if (number.value_or(0) == 0 && host_network) {
      KERF_TRY(number, object_.integer(&node, "containerPort", 1, 65535));
    }
    if (number.value_or(0) == 0) return {};
    cluster::HostPort port;
    port.port = static_cast<std::int32_t>(*number);
    KERF_TRY(const std::string_view protocol, object_.text(&node, "protocol"));
    if (!protocol.empty()) port.protocol = protocol;
    if (port.protocol != "TCP" && port.protocol != "UDP" && port.protocol != "SCTP") {
      return object_.wrong(
          node, fmt::format("protocol: expected TCP, UDP or SCTP, got {}", quoted(port.protocol)));
    }
    KERF_TRY(const std::string_view ip, object_.text(&node, "hostIP"));
    if (ip != "0.0.0.0" && ip != "::") port.ip = ip;
    shape_.host_ports.push_back(std::move(port));
    return {};
  }

  const KubeObject& object_;
  const Node& spec_;
  const Namespaces& namespaces_;
  bool running_;
  PodShape& shape_;
  bool preferred_ = false;
};

}  // namespace

void Namespaces::add(const std::string& ns) { entries[ns].labels.emplace(kNamespaceName, ns); }

Result<std::vector<cluster::Toleration>> read_tolerations(const KubeObject& object,
                                                          const Node* list) {
  std::vector<cluster::Toleration> out;
  if (list == nullptr) return out;
  for (const Node& node : list->items) {
    KERF_CHECK_OK(object.expect_mapping(node));
    cluster::Toleration toleration;
    KERF_TRY(const std::string_view key, object.text(&node, "key"));
    KERF_TRY(const std::string_view op, object.text(&node, "operator"));
    KERF_TRY(const std::string_view value, object.text(&node, "value"));
    KERF_TRY(const std::string_view effect, object.text(&node, "effect"));
    if (!op.empty() && op != "Equal" && op != "Exists") {
      return object.wrong(node, "operator: expected Equal or Exists, got " + quoted(op));
    }
    if (!effect.empty() && effect != "NoSchedule" && effect != "PreferNoSchedule" &&
        effect != "NoExecute") {
      return object.wrong(node, "effect: expected NoSchedule, PreferNoSchedule or NoExecute, got " +
                                    quoted(effect));
    }
    toleration.exists = op == "Exists";
    if (key.empty() && !toleration.exists) {
      return object.wrong(node, "key is missing: only operator Exists tolerates every key");
    }
    if (toleration.exists && !value.empty()) {
      return object.wrong(node, "value: operator Exists takes no value");
    }
    toleration.key = key;
    toleration.value = value;
    toleration.effect = effect;
    out.push_back(std::move(toleration));
  }
  sort_unique(out);
  return out;
}

Result<void> read_constraints(const KubeObject& object, const Node& pod_spec,
                              const Namespaces& namespaces, bool running, cluster::PodShape& shape,
                              bool& preferred) {
  ConstraintReader reader(object, pod_spec, namespaces, running, shape);
  KERF_CHECK_OK(reader.node_selector());
  KERF_CHECK_OK(reader.node_affinity());
  KERF_CHECK_OK(reader.pod_affinity());
  KERF_CHECK_OK(reader.spread());
  KERF_CHECK_OK(reader.host_ports());
  KERF_TRY(const Node* tolerations, object.list(&pod_spec, "tolerations"));
  KERF_TRY(std::vector<cluster::Toleration> read, read_tolerations(object, tolerations));
  shape.tolerations.insert(shape.tolerations.end(), read.begin(), read.end());
  sort_unique(shape.tolerations);
  preferred |= reader.preferred();
  return {};
}

}  // namespace kerf::codec
