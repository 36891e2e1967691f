// Overview: what the controller's fleet is at a moment, as figures for metrics and dashboards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/control/slice_policy.h"

namespace kerf::controller {

/// Where a node's dollars go that no pod uses. Closed list.
enum class Stranded : std::uint8_t {
  Coming,    ///< the node is not in service yet
  Idle,      ///< nobody is on the node
  Free,      ///< slices that are offered, on a node that has pods
  Parked,    ///< slices that stand and are offered to nobody
  Uncut,     ///< room on its GPUs that no slice takes
  Unusable,  ///< degraded, lost, or on its way out
};
inline constexpr int kStranded = 6;
const char* to_string(Stranded cause);  ///< "coming", "idle" ...: values of a label

struct SliceCount {
  std::string policy;
  std::string model;
  std::string form;   ///< "1g.10gb", "whole"
  std::string state;  ///< "free" (offered), "parked", "used", "creating", "retiring", "lost"
  std::int64_t count = 0;
  bool operator==(const SliceCount&) const = default;
};

/// Of one policy. used + all of stranded = bill, to the micro-dollar.
struct Money {
  std::string policy;
  MicroUsdPerHour bill;  ///< of the machines that it bought
  MicroUsdPerHour used;  ///< of it: what pods hold, by shares of GPUs
  MicroUsdPerHour stranded[kStranded];
  control::Figures figures;  ///< as in its status
  std::int64_t nodes = 0;
  std::int64_t nodes_in_service = 0;
  std::int64_t claims_unlaunched = 0;
  bool act = false;
};

struct Overview {
  std::vector<SliceCount> slices;  ///< sorted by policy, model, form, state; none with count 0
  std::vector<Money> policies;     ///< by name
};

}  // namespace kerf::controller
