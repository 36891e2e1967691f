// Labels, affinity, taints, architecture and zones of one pod against one offering.
#include "core/plan/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/assert.h"

namespace kerf::plan {
namespace {

using cluster::Operator;
using cluster::PodShape;
using cluster::Requirement;
using cluster::Requirements;
using Labels = std::map<std::string, std::string>;

constexpr std::string_view kProductLabel = "nvidia.com/gpu.product";

bool is_arch(const std::string& key) {
  return key == "kubernetes.io/arch" || key == "beta.kubernetes.io/arch";
}

/// A label that neither the offering nor the policy decides and that a node can be given.
bool is_open(const cluster::Policy& policy, const std::string& key) {
  return policy.gives_labels && can_be_given(key) && policy.node_labels.count(key) == 0;
}

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

LabelNeed need_of(const Requirement& requirement) {
  LabelNeed need;
  switch (requirement.op) {
    case Operator::In:
      need.may_be_absent = false;
      need.in.emplace(requirement.values.begin(), requirement.values.end());
      break;
    case Operator::NotIn:
      need.not_in.insert(requirement.values.begin(), requirement.values.end());
      break;
    case Operator::Exists: need.may_be_absent = false; break;
    case Operator::DoesNotExist: need.may_be_present = false; break;
    case Operator::Gt:
    case Operator::Lt: {
      need.may_be_absent = false;
      const auto bound =
          requirement.values.size() == 1 ? integer(requirement.values[0]) : std::nullopt;
      if (!bound) need.may_be_present = false;  // Kubernetes lets nothing match
      (requirement.op == Operator::Gt ? need.above : need.below) = bound;
      break;
    }
  }
  return need;
}

LabelNeed both(const LabelNeed& a, const LabelNeed& b) {
  LabelNeed need;
  need.above = a.above && b.above ? std::max(a.above, b.above) : a.above ? a.above : b.above;
  need.below = a.below && b.below ? std::min(a.below, b.below) : a.below ? a.below : b.below;
  need.may_be_absent = a.may_be_absent && b.may_be_absent;
  need.may_be_present = a.may_be_present && b.may_be_present;
  need.not_in = a.not_in;
  need.not_in.insert(b.not_in.begin(), b.not_in.end());
  if (a.in && b.in) {
    need.in.emplace();
    std::set_intersection(a.in->begin(), a.in->end(), b.in->begin(), b.in->end(),
                          std::inserter(*need.in, need.in->end()));
  } else {
    need.in = a.in ? a.in : b.in;
  }
  return need;
}

/// What the requirements ask of open labels.
LabelNeeds open_part(const cluster::Policy& policy, const Requirements& requirements) {
  LabelNeeds needs;
  for (const Requirement& requirement : requirements) {
    if (!is_open(policy, requirement.key)) continue;
    const LabelNeed need = need_of(requirement);
    auto [it, fresh] = needs.try_emplace(requirement.key, need);
    if (!fresh) it->second = both(it->second, need);
  }
  return needs;
}

bool satisfiable(const LabelNeeds& needs) {
  return std::all_of(needs.begin(), needs.end(),
                     [](const auto& entry) { return entry.second.satisfiable(); });
}

/// True if the part of the term that offerings decide holds for some type of the market.
bool some_type_matches(const market::Market& market, const cluster::Policy& policy,
                       const Requirements& term);

/// The node affinity term that label_needs goes by: the first one that can be met. None: size().
std::size_t chosen_term(const market::Market& market, const cluster::Policy& policy,
                        const PodShape& shape) {
  const LabelNeeds selector = open_part(policy, shape.node_selector);
  for (std::size_t t = 0; t < shape.node_affinity.size(); ++t) {
    if (shape.node_affinity[t].empty()) continue;  // matches nothing
    const LabelNeeds part = open_part(policy, shape.node_affinity[t]);
    if (satisfiable(part) && compatible(selector, part) &&
        some_type_matches(market, policy, shape.node_affinity[t]))
      return t;
  }
  return shape.node_affinity.size();
}

/// A product label is written in several ways for one GPU: In holds if one of them is listed, NotIn
/// only if none is.
bool holds(const Requirement& requirement, Labels& labels, const gpu::Model& model) {
  if (requirement.key != kProductLabel || model.labels.empty())
    return cluster::matches(requirement, labels);
  const auto with = [&](const std::string& product) {
    labels[requirement.key] = product;
    const bool match = cluster::matches(requirement, labels);
    labels[requirement.key] = model.labels.front();
    return match;
  };
  if (requirement.op == Operator::NotIn)
    return std::all_of(model.labels.begin(), model.labels.end(), with);
  return std::any_of(model.labels.begin(), model.labels.end(), with);
}

/// The first requirement on labels that are not open and that does not hold; nullptr if all do.
const Requirement* broken(const cluster::Policy& policy, const Requirements& requirements,
                          Labels& labels, const gpu::Model& model) {
  for (const Requirement& requirement : requirements)
    if (!is_open(policy, requirement.key) && !holds(requirement, labels, model))
      return &requirement;
  return nullptr;
}

bool some_type_matches(const market::Market& market, const cluster::Policy& policy,
                       const Requirements& term) {
  Requirements fixed;
  for (const Requirement& requirement : term)
    if (requirement.key.find("/zone") == std::string::npos) fixed.push_back(requirement);
  for (const market::Offering& offering : market.offerings) {
    const market::InstanceType& type = market.types[offering.type];
    if (!cluster::allows(policy, type, offering)) continue;
    Labels labels = market::node_labels(market, type, "", offering.capacity_type);
    labels.insert(policy.node_labels.begin(), policy.node_labels.end());
    if (broken(policy, fixed, labels, market.model_of(type)) == nullptr) return true;
  }
  return false;
}

std::string text_of(const Requirement& requirement) {
  std::string values;
  for (const std::string& value : requirement.values)
    values += (values.empty() ? "" : ", ") + value;
  switch (requirement.op) {
    case Operator::In:
      return requirement.values.size() == 1 ? fmt::format("{}={}", requirement.key, values)
                                            : fmt::format("{} in ({})", requirement.key, values);
    case Operator::NotIn: return fmt::format("{} not in ({})", requirement.key, values);
    case Operator::Exists: return fmt::format("{} exists", requirement.key);
    case Operator::DoesNotExist: return fmt::format("{} does not exist", requirement.key);
    case Operator::Gt: return fmt::format("{} > {}", requirement.key, values);
    case Operator::Lt: return fmt::format("{} < {}", requirement.key, values);
  }
  return "?";
}

Admission refused(std::string constraint) {
  return {false, {ReasonCode::NoTypeMatches, {std::move(constraint)}}};
}

}  // namespace

bool names_arch(const PodShape& shape) {
  const auto named = [](const Requirements& requirements) {
    return std::any_of(requirements.begin(), requirements.end(),
                       [](const Requirement& r) { return is_arch(r.key); });
  };
  return named(shape.node_selector) ||
         std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(), named);
}

PodShape admission_part(const PodShape& shape) {
  PodShape part;
  part.node_selector = shape.node_selector;
  part.node_affinity = shape.node_affinity;
  part.tolerations = shape.tolerations;
  part.volume_zone_bound = shape.volume_zone_bound;
  part.volume_zones = shape.volume_zones;
  part.gpu = shape.gpu;  // whether it asks for slices decides which taints it tolerates
  return part;
}

std::optional<std::string> LabelNeed::value() const {
  if (!may_be_present) return std::nullopt;
  const auto permitted = [this](const std::string& text) {
    if (not_in.count(text) != 0) return false;
    if (!above && !below) return true;
    const std::optional<std::int64_t> number = integer(text);
    return number && (!above || *number > *above) && (!below || *number < *below);
  };
  if (in) {
    const auto found = std::find_if(in->begin(), in->end(), permitted);
    return found == in->end() ? std::nullopt : std::optional(*found);
  }
  if (!above && !below) {
    std::string text = "true";
    while (!permitted(text)) text += "-1";
    return text;
  }
  // One of so many in a row is not in the list.
  for (std::size_t i = 0; i <= not_in.size(); ++i) {
    const auto step = static_cast<std::int64_t>(i + 1);
    std::int64_t number = 0;
    if (above ? __builtin_add_overflow(*above, step, &number)
              : __builtin_sub_overflow(*below, step, &number))
      return std::nullopt;
    if (permitted(std::to_string(number))) return std::to_string(number);
  }
  return std::nullopt;
}

bool can_be_given(const std::string& key) {
  if (market::is_well_known_label(key)) return false;
  const std::string_view domain = std::string_view(key).substr(0, key.find('/'));
  if (domain.size() == key.size()) return true;  // no domain
  const auto within = [&](std::string_view name) {
    return domain == name ||
           (domain.ends_with(name) && domain[domain.size() - name.size() - 1] == '.');
  };
  for (const std::string_view open :
       {"node.kubernetes.io", "node-restriction.kubernetes.io", "kops.k8s.io"})
    if (within(open)) return true;
  constexpr std::array<std::string_view, 7> kTaken = {
      "kubernetes.io",     "k8s.io",     "karpenter.sh", "karpenter.k8s.aws",
      "eks.amazonaws.com", "nvidia.com", "k8s.aws"};
  return std::none_of(kTaken.begin(), kTaken.end(), within);
}

LabelNeeds label_needs(const market::Market& market, const cluster::Policy& policy,
                       const PodShape& shape) {
  LabelNeeds needs = open_part(policy, shape.node_selector);
  if (shape.node_affinity.empty()) return needs;
  const std::size_t term = chosen_term(market, policy, shape);
  if (term == shape.node_affinity.size()) return needs;
  return merge(std::move(needs), open_part(policy, shape.node_affinity[term]));
}

bool chooses_labels(const market::Market& market, const cluster::Policy& policy,
                    const PodShape& shape) {
  if (shape.node_affinity.size() < 2) return false;
  const std::size_t chosen = chosen_term(market, policy, shape);
  if (chosen == shape.node_affinity.size()) return false;
  const LabelNeeds needs = open_part(policy, shape.node_affinity[chosen]);
  return std::any_of(shape.node_affinity.begin(), shape.node_affinity.end(),
                     [&](const Requirements& term) { return open_part(policy, term) != needs; });
}

LabelNeeds merge(LabelNeeds a, const LabelNeeds& b) {
  for (const auto& [key, need] : b) {
    auto [it, fresh] = a.try_emplace(key, need);
    if (!fresh) it->second = both(it->second, need);
  }
  return a;
}

bool compatible(const LabelNeeds& a, const LabelNeeds& b) {
  for (const auto& [key, need] : a) {
    const auto other = b.find(key);
    if (other != b.end() && !both(need, other->second).satisfiable()) return false;
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> labels_of(const LabelNeeds& needs) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& [key, need] : needs) {
    if (need.may_be_absent) continue;
    const std::optional<std::string> value = need.value();
    KERF_ASSERT(value.has_value(), "needs that share a node are compatible");
    labels.emplace_back(key, *value);
  }
  return labels;
}

Admission admits(const market::Market& market, const cluster::Policy& policy, const PodShape& shape,
                 const market::InstanceType& type, const std::string& zone,
                 market::CapacityType capacity, GivenLabels given) {
  for (const cluster::Taint& taint : policy.node_taints)
    if (!cluster::tolerates(shape.tolerations, taint))
      return refused(
          fmt::format("the policy's taint {}={}:{}", taint.key, taint.value, taint.effect));
  if (!policy.architectures.empty() && !names_arch(shape) &&
      std::find(policy.architectures.begin(), policy.architectures.end(), type.arch) ==
          policy.architectures.end())
    return refused(fmt::format("architecture {} (the pod names none)", type.arch));
  if (shape.volume_zone_bound && std::find(shape.volume_zones.begin(), shape.volume_zones.end(),
                                           zone) == shape.volume_zones.end())
    return refused("the zones of its volumes");
  return selects(market, policy, shape, type, zone, capacity, given);
}

Admission selects(const market::Market& market, const cluster::Policy& policy,
                  const PodShape& shape, const market::InstanceType& type, const std::string& zone,
                  market::CapacityType capacity, GivenLabels given) {
  if (shape.node_selector.empty() && shape.node_affinity.empty()) return {};
  const gpu::Model& model = market.model_of(type);
  Labels labels = market::node_labels(market, type, zone, capacity);
  labels.insert(policy.node_labels.begin(), policy.node_labels.end());
  const LabelNeeds selector = open_part(policy, shape.node_selector);
  for (const auto& [key, need] : selector)
    if (!need.satisfiable())
      return refused("node selector on " + key + ", which contradicts itself");
  if (const Requirement* r = broken(policy, shape.node_selector, labels, model))
    return refused("node selector " + text_of(*r));
  if (shape.node_affinity.empty()) return {};
  const std::size_t chosen = chosen_term(market, policy, shape);
  const LabelNeeds needs = chosen < shape.node_affinity.size()
                               ? open_part(policy, shape.node_affinity[chosen])
                               : LabelNeeds{};
  const Requirement* first_broken = nullptr;
  for (const Requirements& term : shape.node_affinity) {
    if (term.empty()) continue;
    const Requirement* r = broken(policy, term, labels, model);
    if (first_broken == nullptr) first_broken = r;
    if (r != nullptr) continue;
    const LabelNeeds part = open_part(policy, term);
    if (!satisfiable(part) || !compatible(selector, part)) continue;
    if (given == GivenLabels::Open || part.empty() || part == needs) return {};
  }
  return refused(first_broken != nullptr ? "node affinity " + text_of(*first_broken)
                                         : std::string("node affinity"));
}

}  // namespace kerf::plan
