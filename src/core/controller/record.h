// Record: one decision: what, why, what else was possible and at what price.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/control/object.h"

namespace kerf::controller {

/// Closed list; report/ makes sentences of it.
enum class What : std::uint8_t {
  // A pod.
  /// On a node that is paid for; args: [node, devices, "free", "cut" or "opened"], and "coming" if
  /// the node is not in service yet.
  Place,
  Buy,        ///< of a claim; args: [type, capacity type, zones, pods]
  Wait,       ///< nothing can serve it now; args: [reason code, its arguments ...]
  Disagrees,  ///< SchedulerDisagrees; args: [node, the scheduler's words]
  GaveUp,     ///< two purchases, and still pending; args: [purchases]
  Lost,       ///< it runs, and devices of its are lost; args: [machine, device ids ...]
  // A node.
  Cut,      ///< a layout is wanted; args: [layout before, layout wanted]
  Return,   ///< given back; args: [why: "empty", "freed", "replaced", "expires", "drifted",
            ///< "never-came"]
  Failed,   ///< its layout was not reached in time; args: [Degraded's reason, its message]
  Refused,  ///< of a claim: it could not be had; args: [type, zones, the API server's words or
            ///< none]
  // Moves.
  Move,     ///< of a pod; args: [from, to]
  MoveOff,  ///< given up; args: [why]
  // Observe.
  Would,  ///< what Act would do; args: [what it would buy or free]
};
const char* to_string(What what);

struct Alternative {
  std::string what;       ///< "node-7 [1g.10gb@3]", "buy g6.xlarge"
  MicroUsdPerHour price;  ///< what it costs by the same reckoning
  bool operator==(const Alternative&) const = default;
};

struct Record {
  control::Instant at = 0;
  What what = What::Place;
  control::Kind kind = control::Kind::Pod;  ///< of the object it is about
  control::Key about;
  std::string policy;
  std::vector<std::string> args;
  MicroUsdPerHour price;                ///< what it costs, or saves
  std::vector<Alternative> others;      ///< best first
  std::vector<control::Key> pods = {};  ///< of a node or claim: the pods that it is done for
  bool operator==(const Record&) const = default;
};

}  // namespace kerf::controller
