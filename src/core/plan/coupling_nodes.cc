// Nodes of two pods: requirements on one label imply each other, exclude each other, or neither.
#include "core/plan/coupling_nodes.h"

#include <algorithm>
#include <vector>

#include "core/plan/coupling_zones.h"

namespace kerf::plan {

namespace {

using cluster::Operator;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;

constexpr const char* kType = "node.kubernetes.io/instance-type";
constexpr const char* kFamily = "karpenter.k8s.aws/instance-family";
constexpr const char* kBeta = "beta.kubernetes.io/";
/// One GPU is sold under several product names, and a node answers to all of them.
constexpr const char* kProduct = "nvidia.com/gpu.product";

/// A list that the one value of a label has to be in.
bool lists_value(const Requirement& r) { return r.op == Operator::In && r.key != kProduct; }

bool needs_label(const Requirement& r) {
  return r.op != Operator::NotIn && r.op != Operator::DoesNotExist;
}

bool subset(const std::vector<std::string>& part, const std::vector<std::string>& all) {
  return std::all_of(part.begin(), part.end(), [&](const std::string& value) {
    return std::find(all.begin(), all.end(), value) != all.end();
  });
}

/// Do all of the listed values meet the other requirement?
bool all_meet(const Requirement& list, const Requirement& r) {
  return std::all_of(list.values.begin(), list.values.end(), [&](const std::string& value) {
    return cluster::matches(r, {{r.key, value}});
  });
}
/// Does any?
bool some_meets(const Requirement& list, const Requirement& r) {
  return std::any_of(list.values.begin(), list.values.end(), [&](const std::string& value) {
    return cluster::matches(r, {{r.key, value}});
  });
}

/// True if every node that meets `fact` meets `need`.
bool implies(const Requirement& fact, const Requirement& need) {
  if (fact.key != need.key) return false;
  if (fact == need) return true;
  if (lists_value(fact)) return all_meet(fact, need);
  switch (need.op) {
    case Operator::In: return fact.op == Operator::In && subset(fact.values, need.values);
    case Operator::NotIn:
      return fact.op == Operator::DoesNotExist ||
             (fact.op == Operator::NotIn && subset(need.values, fact.values));
    case Operator::Exists: return needs_label(fact);
    case Operator::DoesNotExist: return fact.op == Operator::DoesNotExist;
    case Operator::Gt:
    case Operator::Lt: return false;
  }
  return false;
}

/// True if no node meets both.
bool exclude(const Requirement& a, const Requirement& b) {
  if (a.key != b.key) return false;
  if (lists_value(a)) return !some_meets(a, b);
  if (lists_value(b)) return !some_meets(b, a);
  if (a.op == Operator::DoesNotExist) return needs_label(b);
  if (b.op == Operator::DoesNotExist) return needs_label(a);
  if (a.op == Operator::In && b.op == Operator::NotIn) return subset(a.values, b.values);
  if (b.op == Operator::In && a.op == Operator::NotIn) return subset(b.values, a.values);
  return false;
}

/// A list of types is one of families too.
void add_families(Requirements& requirements) {
  for (std::size_t i = 0, size = requirements.size(); i < size; ++i) {
    if (requirements[i].key != kType || requirements[i].op != Operator::In) continue;
    Requirement family{kFamily, Operator::In, {}};
    for (const std::string& type : requirements[i].values)
      family.values.push_back(type.substr(0, type.find('.')));
    requirements.push_back(std::move(family));
  }
}

/// Labels that had "beta." before their names are on every node under both.
std::string without_beta(const std::string& key) {
  if (!key.starts_with(kBeta)) return key;
  const std::string name = key.substr(std::string(kBeta).size());
  return name == "instance-type" ? kType : "kubernetes.io/" + name;
}

/// What is true of every node that is bought for a pod with a GPU.
const Requirements& known_of_all() {
  static const Requirements kKnown = {
      {"kubernetes.io/os", Operator::In, {"linux"}},
      {"nvidia.com/gpu.present", Operator::In, {"true"}},
      {"karpenter.k8s.aws/instance-gpu-manufacturer", Operator::In, {"nvidia"}}};
  return kKnown;
}

/// Lists of requirements, one of which a node in that zone has to meet; what they ask of the zone
/// is judged and left out.
std::vector<Requirements> choices_of(const PodShape& shape, const std::string& zone) {
  std::vector<Requirements> choices;
  const auto add = [&](const Requirements& term) {
    Requirements all = shape.node_selector;
    all.insert(all.end(), term.begin(), term.end());
    const bool here = std::all_of(all.begin(), all.end(), [&](const Requirement& r) {
      return !is_zone(r.key) || cluster::matches(r, {{r.key, zone}});
    });
    if (!here) return;
    std::erase_if(all, [](const Requirement& r) { return is_zone(r.key); });
    for (Requirement& r : all) r.key = without_beta(r.key);
    add_families(all);
    choices.push_back(std::move(all));
  };
  if (shape.node_affinity.empty()) add({});
  for (const Requirements& term : shape.node_affinity)
    if (!term.empty()) add(term);  // one without requirements admits no node
  return choices;
}

bool implied(const Requirements& needs, const Requirements& facts) {
  return std::all_of(needs.begin(), needs.end(), [&](const Requirement& need) {
    return std::any_of(facts.begin(), facts.end(),
                       [&](const Requirement& fact) { return implies(fact, need); });
  });
}

bool excluded(const Requirements& needs, const Requirements& facts) {
  return std::any_of(needs.begin(), needs.end(), [&](const Requirement& need) {
    return std::any_of(facts.begin(), facts.end(),
                       [&](const Requirement& fact) { return exclude(fact, need); });
  });
}

}  // namespace

OnNodes on_nodes_of(const PodShape& carrier, const PodShape& other, const std::string& zone) {
  const std::vector<Requirements> admitted = choices_of(carrier, zone);
  bool always = true;
  bool never = true;
  for (Requirements& facts : choices_of(other, zone)) {
    facts.insert(facts.end(), known_of_all().begin(), known_of_all().end());
    always = always && std::any_of(admitted.begin(), admitted.end(),
                                   [&](const auto& needs) { return implied(needs, facts); });
    never = never && std::all_of(admitted.begin(), admitted.end(),
                                 [&](const auto& needs) { return excluded(needs, facts); });
  }
  return never ? OnNodes::Never : always ? OnNodes::Always : OnNodes::Maybe;
}

}  // namespace kerf::plan
