// Trace: what happened on one node, as facts; and what of it must never happen.
#pragma once

#include <string>
#include <vector>

#include "core/agent/words.h"

namespace kerf::agent {

struct Fact {
  enum class Kind : std::uint8_t {
    Created,    ///< a device is complete: instance and compute instance, or nothing to make
    Destroyed,  ///< a driver operation that takes something of it away is begun
    Unwritten,  ///< an instance is made or taken apart, and the journal does not permit it
    Overtaken,  ///< another list of the resource was sent before kubelet took the last
    Foreign,    ///< a device that is not Kerf's stands
    Taken,      ///< kubelet has this list of the resource
    Reset,      ///< kubelet starts anew: it has no lists, no allocation is under way
    Rebooted,   ///< the same, and nothing stands
    Picked,     ///< kubelet has chosen it for a pod and is about to call Allocate
    Granted,    ///< Allocate was answered
    Refused,
    Broken,  ///< the call did not reach the agent, which was down
    Held,    ///< a pod or a process has it, by any one source
    Released,
    Reported,  ///< the status says that these are published
  };
  Kind kind = Kind::Created;
  std::string device;
  std::string resource;
  std::vector<ServedDevice> list;
};
using Trace = std::vector<Fact>;

/// The ids that a list has as healthy.
std::vector<std::string> offered_in(const std::vector<ServedDevice>& list);

/// What went wrong, in order; empty = nothing.
std::vector<std::string> breaches(const Trace& trace);

}  // namespace kerf::agent
