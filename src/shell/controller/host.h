// ControllerHost: runs the controller's mind in a real cluster: its events, its effects, its
// leader.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/live_writes.h"
#include "core/controller/controller.h"
#include "core/market/market.h"
#include "shell/apiserver/client.h"
#include "shell/controller/election.h"
#include "shell/controller/prices.h"
#include "shell/controller/watches.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

struct ControllerOptions {
  std::string version;   ///< of the program
  std::string identity;  ///< differs between the processes of a cluster: the pod's name
  apiserver::Credentials api;
  Election::Options election;
  Prices::Options prices;
  Watches::Options watches;
  codec::NodeClassKind node_class;
  controller::Options mind;
  bool metrics = true;
  std::string metrics_address = {};
  std::uint16_t metrics_port = 9109;
  std::int64_t farewell_ms = 3'000;  ///< at the end, for giving up the Lease
  /// Beyond that many different pod shapes no bound is worked out: it takes minutes.
  std::size_t bound_shapes_max = 200;
};

/// Sets one of the waits by name: "node-deadline", "batch-idle", "lease-duration" ... An error
/// names those that there are.
Result<void> set_wait(ControllerOptions& options, const std::string& name, std::int64_t ms);
/// Names that set_wait() takes, sorted.
std::vector<std::string> wait_names();

/// One thread decides: what the cluster does is posted to its loop, collected, and told to the mind
/// as one batch; the effects go out from there. Searches have a thread of their own, bounds another
/// one, metrics pages a third.
///
/// Only the leader's mind acts. A process that loses the Lease goes on as a standby; one that gets
/// it lists everything anew first. At SIGTERM the Lease is given up, so that a standby takes over
/// at once.
class ControllerHost {
 public:
  /// `types`: all instance types with the shipped prices.
  ControllerHost(ControllerOptions options, market::Market types, telemetry::Log log);
  ~ControllerHost();
  ControllerHost(const ControllerHost&) = delete;
  ControllerHost& operator=(const ControllerHost&) = delete;

  /// Once; returns at SIGTERM or SIGINT. An error: it could not begin.
  Result<void> run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
