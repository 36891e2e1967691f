// How requirements, tolerations and selectors are evaluated: as kube-scheduler does.
#include "core/cluster/pod.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace kerf::cluster {
namespace {

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

/// Gt and Lt: both sides must be integers, and there is exactly one value.
bool compares(const Requirement& requirement, const std::string& label) {
  if (requirement.values.size() != 1) return false;
  const std::optional<std::int64_t> there = integer(label);
  const std::optional<std::int64_t> bound = integer(requirement.values[0]);
  if (!there || !bound) return false;
  return requirement.op == Operator::Gt ? *there > *bound : *there < *bound;
}

bool holds(const Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (toleration.key.empty()) return toleration.exists;
  if (toleration.key != taint.key) return false;
  return toleration.exists || toleration.value == taint.value;
}

}  // namespace

bool matches(const Requirement& requirement, const std::map<std::string, std::string>& labels) {
  const auto label = labels.find(requirement.key);
  const bool there = label != labels.end();
  const auto listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), label->second) !=
           requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::In: return there && listed();
    case Operator::NotIn: return !there || !listed();
    case Operator::Exists: return there;
    case Operator::DoesNotExist: return !there;
    case Operator::Gt:
    case Operator::Lt: return there && compares(requirement, label->second);
  }
  return false;
}

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  if (taint.effect == "PreferNoSchedule") return true;  // it never keeps a pod away
  return std::any_of(tolerations.begin(), tolerations.end(),
                     [&](const Toleration& toleration) { return holds(toleration, taint); });
}

bool clash(const HostPort& a, const HostPort& b) {
  const auto every = [](const std::string& ip) { return ip.empty() || ip == "0.0.0.0"; };
  return a.port == b.port && a.protocol == b.protocol &&
         (every(a.ip) || every(b.ip) || a.ip == b.ip);
}

bool matches(const PodSelector& selector, const PodShape& pod) {
  if (selector.none) return false;
  if (!selector.all_namespaces &&
      !std::binary_search(selector.namespaces.begin(), selector.namespaces.end(), pod.ns))
    return false;
  return std::all_of(
      selector.labels.begin(), selector.labels.end(),
      [&](const Requirement& requirement) { return matches(requirement, pod.labels); });
}

}  // namespace kerf::cluster
