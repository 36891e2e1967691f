// SlicePolicy: what may be bought and done for which pods; what its status remembers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/cluster/policy.h"
#include "core/control/object.h"

namespace kerf::control {

enum class Mode : std::uint8_t { Observe, Act };

/// What one namespace may cost; what is not given does not bind.
struct NamespaceBudget {
  std::optional<MicroUsdPerHour> per_hour;
  std::optional<std::int64_t> gpus;
  bool operator==(const NamespaceBudget&) const = default;
};

/// Slices to keep cut and offered.
struct Warm {
  cluster::GpuRequest request;
  std::int64_t count = 0;
  bool operator==(const Warm&) const = default;
};

/// When moves are allowed, worked out from its schedule by the host: minutes of the week from
/// Monday 00:00 UTC at which it opens, and for how long.
struct Window {
  std::vector<std::int32_t> opens;
  std::int64_t duration_ms = 0;
  bool operator==(const Window&) const = default;
};

struct Consolidation {
  MicroUsdPerHour least_saving;
  std::int64_t cool_down_ms = 15 * kMinute;  ///< a pod that moved, a node that was bought, stays
  std::int64_t moves_per_hour = 10;
  std::vector<Window> windows;  ///< empty = always
  bool operator==(const Consolidation&) const = default;
};

/// What has to outlive a restart (docs/control.md lists all memories). Times are absolute.
struct Kept {
  std::map<std::string, std::int64_t> purchases;  ///< by pod uid: nodes bought for it
  std::map<std::string, Instant> moved;           ///< by owner uid: when a pod of it moved last
  std::vector<Instant> moves;                     ///< of the last hour, ascending
  /// Demand expected next: decayed arrivals in units of 2^-20 by shape, as of `demand_at`.
  std::vector<std::pair<cluster::PodShape, std::int64_t>> demand;
  Instant demand_at = 0;
  bool operator==(const Kept&) const = default;
};

/// Figures for people, all of which are worked out anew from what is observed.
struct Figures {
  std::int64_t pods = 0;     ///< governed pods with a GPU request, pending or running
  std::int64_t pending = 0;  ///< of them: pending
  MicroUsdPerHour bill;      ///< of GPU nodes that its pods run on, or that it bought
  /// What the same pods would cost if Kerf bought for all of them now, whatever the mode, names
  /// that it does not buy for included. nullopt: not worked out yet.
  std::optional<MicroUsdPerHour> could_be;
  std::int64_t unserved = 0;  ///< pods that this bill leaves out
  /// No fleet for the same pods costs less, for those that `could_be` serves; and what they would
  /// cost on whole GPUs as Karpenter packs them. The host's: worked out beside the mind, with an
  /// LP. nullopt: not known (yet).
  std::optional<MicroUsdPerHour> bound;
  std::optional<MicroUsdPerHour> whole_gpus;
  bool operator==(const Figures&) const = default;
};

/// Something about a policy that is as it should be, or is not. report/ makes the sentence.
struct Condition {
  enum class Type : std::uint8_t {
    Accepted,          ///< the spec can be read. The host's: a mind never sees one that cannot
    PricesCurrent,     ///< prices are Karpenter's, and not old
    NodeClassesReady,  ///< both NodeClasses are there and Ready
    PodsServed,        ///< nobody waits who could not be given a place
    NodesHealthy,      ///< no node that it bought is degraded
  };
  Type type = Type::Accepted;
  bool ok = true;
  std::string reason;             ///< CamelCase, from a closed list: docs/reference/conditions.md
  std::vector<std::string> args;  ///< of the sentence
  bool operator==(const Condition&) const = default;
};
const char* to_string(Condition::Type type);

/// What is done next, or in Observe what would be; report/ makes the sentence.
struct NextStep {
  std::string what;  ///< "Buy", "Return", "Move", "Wait", "Would": as controller::What
  std::vector<std::string> args;
  MicroUsdPerHour price;  ///< what it costs; of Return what it saves
  bool operator==(const NextStep&) const = default;
};

struct PolicyStatus {
  Kept kept;
  Figures figures;
  // For people; never read back.
  std::int64_t observed_generation = 0;
  std::vector<Condition> conditions;  ///< by type
  std::vector<NextStep> next;         ///< at most 10, the most important first
  bool operator==(const PolicyStatus&) const = default;
};

struct SlicePolicy {
  Meta meta;
  Mode mode = Mode::Observe;
  std::int32_t priority = 0;
  std::vector<std::string> namespaces;  ///< empty = every namespace
  Labels pod_labels;                    ///< a pod must have all of them
  cluster::Policy buys;                 ///< types, zones, capacity types, limits, sharing ...
  std::string node_class_cut;
  std::string node_class_whole;
  std::map<std::string, NamespaceBudget> budgets;
  std::vector<Warm> warm;
  Consolidation consolidation;
  /// Names that it buys for; a trailing '*' stands for any rest.
  std::vector<std::string> buys_for = {"nvidia.com/mig-*", "kerf.dev/*"};
  PolicyStatus status;
};

/// Does it select a pod of that namespace with these labels?
bool selects(const SlicePolicy& policy, const std::string& ns, const Labels& labels);
/// Does it buy for that resource name?
bool buys_for(const SlicePolicy& policy, const std::string& resource);
/// Is a move allowed at that time? `now` is milliseconds since 1970-01-01 00:00 UTC.
bool is_open(const Consolidation& consolidation, Instant now);

}  // namespace kerf::control
