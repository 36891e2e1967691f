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
  bool operator==(const Figures&) const = default;
};

struct PolicyStatus {
  Kept kept;
  Figures figures;
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
