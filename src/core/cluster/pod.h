// PodShape and Pod: everything in a pod spec that decides where the pod can run, and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/resources.h"

namespace kerf::cluster {

/// How much sharing a portable request tolerates; README.md has the names.
enum class Isolation : std::uint8_t {
  Isolated,  ///< suffix -isolated: a slice, a fraction or a whole GPU
  Enforced,  ///< no suffix: memory enforced; MPS too where it is offered
  Shared,    ///< suffix -shared: a time-sliced replica will do
};

enum class GpuRequestKind : std::uint8_t {
  Whole,           ///< nvidia.com/gpu
  Slice,           ///< nvidia.com/mig-<profile>: that profile name, on whichever model has it
  Portable,        ///< kerf.dev/gpu-<M>gi
  ShareOfMemory,   ///< trace map `memory`: fewest memory slots with slots/total >= share
  ShareOfCompute,  ///< trace map `nearest`: compute slices nearest to the share, ties smaller
};

/// The finite ladder of M in kerf.dev/gpu-<M>gi.
inline constexpr int kPortableLadder[] = {2,  4,  5,  6,  8,  10, 12, 16,  20,
                                          24, 32, 40, 48, 64, 80, 96, 141, 180};

/// One extended resource that the pod asks for, summed over its containers.
struct GpuRequest {
  GpuRequestKind kind = GpuRequestKind::Whole;
  std::string profile;   ///< Slice: as nvidia-smi names it, "1g.5gb+me"
  std::int32_t gib = 0;  ///< Portable: M; Whole: least nominal GB of the GPU (0 = any)
  Isolation isolation = Isolation::Enforced;  ///< Portable only
  std::int32_t share_milli = 0;               ///< ShareOf*: thousandths of one GPU, 1..999
  std::int64_t count = 1;                     ///< >= 1
  auto operator<=>(const GpuRequest&) const = default;
};

enum class Operator : std::uint8_t { In, NotIn, Exists, DoesNotExist, Gt, Lt };

/// One expression of a node selector or label selector. Values sorted.
struct Requirement {
  std::string key;
  Operator op = Operator::In;
  std::vector<std::string> values;
  auto operator<=>(const Requirement&) const = default;
};
/// True if a set of labels meets the requirement, as Kubernetes evaluates it.
bool matches(const Requirement& requirement, const std::map<std::string, std::string>& labels);

/// Requirements that must all hold.
using Requirements = std::vector<Requirement>;

struct Toleration {
  std::string key;      ///< empty with exists: every taint
  bool exists = false;  ///< operator Exists; else Equal
  std::string value;
  std::string effect;  ///< empty: every effect
  auto operator<=>(const Toleration&) const = default;
};

struct Taint {
  std::string key;
  std::string value;
  std::string effect;  ///< NoSchedule, PreferNoSchedule, NoExecute
  auto operator<=>(const Taint&) const = default;
};
bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);

/// Which pods a spread constraint or an affinity term looks at.
struct PodSelector {
  std::vector<std::string> namespaces;  ///< sorted; empty with all_namespaces = every namespace
  bool all_namespaces = false;
  Requirements labels;  ///< matchLabels become In; empty matches every pod
  bool none = false;    ///< a null selector matches no pod
  auto operator<=>(const PodSelector&) const = default;
};

/// Required terms only; preferred ones do not decide where a pod can run.
struct AffinityTerm {
  PodSelector selector;
  std::string topology_key;
  auto operator<=>(const AffinityTerm&) const = default;
};

/// whenUnsatisfiable: DoNotSchedule only.
struct SpreadConstraint {
  std::int32_t max_skew = 1;
  std::int32_t min_domains = 1;
  std::string topology_key;
  PodSelector selector;
  auto operator<=>(const SpreadConstraint&) const = default;
};

struct HostPort {
  std::int32_t port = 0;
  std::string protocol = "TCP";
  std::string ip;  ///< empty = every address
  auto operator<=>(const HostPort&) const = default;
};

/// True if a node cannot give out both. "0.0.0.0" is every address too.
bool clash(const HostPort& a, const HostPort& b);

/// Why a pod can be placed nowhere whatever is bought, found while reading it.
struct Unplaceable {
  std::string field;  ///< "spec.nodeName"
  std::string why;    ///< one sentence
  auto operator<=>(const Unplaceable&) const = default;
};

/// Shared by all pods that are alike. Built once, then constant.
struct PodShape {
  std::string ns = "default";
  std::map<std::string, std::string> labels;
  /// Effective requests: max over init phases, sum over containers and sidecars, plus overhead;
  /// pods = 1.
  Resources requests;
  std::vector<GpuRequest> gpu;              ///< sorted, merged; empty = CPU-only
  Requirements node_selector;               ///< spec.nodeSelector as In requirements; all must hold
  std::vector<Requirements> node_affinity;  ///< required terms, one must hold; empty = none asked
  std::vector<Toleration> tolerations;
  std::vector<SpreadConstraint> spread;
  std::vector<AffinityTerm> affinity;
  std::vector<AffinityTerm> anti_affinity;
  std::vector<HostPort> host_ports;
  /// Zones to which its volumes bind it (intersection); empty with bound = no zone is possible.
  bool volume_zone_bound = false;
  std::vector<std::string> volume_zones;
  std::int32_t priority = 0;
  std::vector<Unplaceable> unplaceable;  ///< not empty: reported, never planned

  auto operator<=>(const PodShape&) const = default;
};
bool matches(const PodSelector& selector, const PodShape& pod);

/// One pod to place.
struct Pod {
  std::string name;
  std::uint32_t shape = 0;     ///< index in Demand::shapes
  std::uint32_t workload = 0;  ///< index in Demand::workloads
};

}  // namespace kerf::cluster
