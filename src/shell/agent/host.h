// Host: runs the node agent's mind on a real node: its events from the world, its effects done.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "core/agent/agent.h"
#include "core/gpu/model.h"
#include "shell/agent/device_files.h"
#include "shell/agent/disk.h"
#include "shell/agent/driver_hand.h"
#include "shell/agent/layout_file.h"
#include "shell/apiserver/credentials.h"
#include "shell/kubelet/kubelet.h"
#include "shell/telemetry/log.h"

namespace kerf::shell {

struct HostOptions {
  std::string version;                        ///< of the program
  std::string node;                           ///< name of the Node; "" only without `api`
  std::optional<apiserver::Credentials> api;  ///< nullopt: no cluster is asked
  std::string lease_namespace = "kerf-system";
  std::optional<LayoutSource> layout;  ///< what is wanted, in place of the GpuNode's spec
  Disk::Options disk;
  DeviceFiles::Options files;
  kubelet::Options kubelet;
  DriverHand::Options driver;
  agent::Options mind;
  std::string sys = "/sys";
  bool metrics = true;
  std::string metrics_address = {};
  std::uint16_t metrics_port = 9108;
  std::int64_t memory_every_ms = 15'000;  ///< how often the memory of slices is read
  /// At the end, how long to wait for the controller to withdraw what is free.
  std::int64_t farewell_ms = 5'000;
};

/// How a run ended.
struct Ending {
  enum class How : std::uint8_t {
    Asked,    ///< by SIGTERM or SIGINT
    Refused,  ///< the layout cannot be followed, or the node is another agent's; `why`
  };
  How how = How::Asked;
  std::string why;
  /// A call into the driver or a disk has not come back: end by std::_Exit(), destroy nothing.
  bool stuck = false;
};

/// One thread decides: everything that happens is posted to its loop, collected, and told to the
/// mind as one batch; the effects go out from there. Calls that block have threads of their own:
/// NVML, disk, kubelet, API server, HTTP.
///
/// At SIGTERM it says in the status that it is going (Ready is False), waits until the Node offers
/// no more than what is held, or for `farewell_ms`, and only then leaves kubelet: a pod that is
/// bound to a free slice meanwhile would be rejected. SIGHUP: the layout file is read again.
class Host {
 public:
  /// The catalogue must outlive it.
  Host(HostOptions options, const gpu::Catalogue& catalogue, telemetry::Log log);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Once. An error: it could not begin.
  Result<Ending> run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kerf::shell
