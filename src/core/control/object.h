// Meta: what all Kubernetes objects have, as far as Kerf looks at it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace kerf::control {

/// Milliseconds since an epoch of the host's; never negative.
using Instant = std::int64_t;
inline constexpr std::int64_t kSecond = 1000;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kHour = 60 * kMinute;

/// metadata.resourceVersion as a number (comparable by Kubernetes' own word since 1.35). 0 = the
/// object is not there.
using Version = std::int64_t;

/// Amounts of extended resources by name: "nvidia.com/mig-1g.5gb" -> 3.
using Amounts = std::map<std::string, std::int64_t>;

/// 0 = none.
inline std::int64_t amount_of(const Amounts& amounts, const std::string& resource) {
  const auto at = amounts.find(resource);
  return at == amounts.end() ? 0 : at->second;
}

using Labels = std::map<std::string, std::string>;
/// "" = it is not there.
inline std::string label_of(const Labels& labels, const char* key) {
  const auto at = labels.find(key);
  return at == labels.end() ? std::string() : at->second;
}

struct Meta {
  std::string ns;  ///< "" = cluster-scoped
  std::string name;
  std::string uid;
  Version version = 0;
  std::int64_t generation = 1;
  Instant created = 0;
  Instant deleted = 0;  ///< deletionTimestamp; 0 = not being deleted
  Labels labels;
  Labels annotations;
  bool operator==(const Meta&) const = default;
};

/// Kinds of objects that the controller watches.
enum class Kind : std::uint8_t {
  Pod,
  Node,
  NodeClaim,
  GpuNode,
  SlicePolicy,
  Budget,  ///< PodDisruptionBudget
  PriorityClass,
  Workload,  ///< what makes pods in groups: Job, LeaderWorkerSet, JobSet
  NodeClass,
  DeviceClass,  ///< of DRA, for the extended resource names that it maps
};
inline constexpr int kKinds = 10;
const char* to_string(Kind kind);

/// "namespace/name", or the name alone.
struct Key {
  std::string ns;
  std::string name;
  auto operator<=>(const Key&) const = default;
  std::string text() const { return ns.empty() ? name : ns + "/" + name; }
};
inline Key key_of(const Meta& meta) { return {meta.ns, meta.name}; }

}  // namespace kerf::control
