// DeviceFiles: what a container needs of the machine to use a GPU or a slice: nodes and libraries.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "codec/cdi.h"
#include "core/agent/words.h"

namespace kerf::shell {

/// Reads the machine's numbers anew at each call: a driver that is loaded again has others. Blocks;
/// one thread at a time.
class DeviceFiles {
 public:
  struct Options {
    std::string root = "/";  ///< where the machine's files are seen; CDI names them without it
    std::string base = {};   ///< a CDI specification with the driver's libraries; "" = look for one
    /// Beside /etc/cdi, where one is looked for.
    std::string cdi_folder = "/var/run/cdi";
  };
  explicit DeviceFiles(Options options);

  /// Of one device: /dev/nvidia<minor>, and for a slice the capabilities of its GPU instance and
  /// its compute instance. A capability whose node nobody has made yet goes by its numbers.
  Result<codec::CdiEdits> own(std::uint32_t minor, std::uint32_t gi, std::uint32_t ci) const;

  struct Common {
    codec::CdiEdits edits;
    std::string from;     ///< the file, or the generator; "" = only the control nodes were found
    std::string trouble;  ///< why there are no libraries, for the log
  };
  /// For every container: control nodes, the driver's libraries, hooks. From the file `base`; else
  /// the first of /etc/cdi and the CDI folder's nvidia.{yaml,json}, which NVIDIA's container
  /// toolkit keeps up to date with the driver; else what its generator (nvidia-ctk) prints. A file
  /// is read again when it changes, the generator runs once.
  const Common& common();
  /// Is what common() and own() said last no longer so? What failed a while ago is tried again.
  bool changed();

 private:
  bool exists(const std::string& path) const;
  Result<std::string> read_proc(const std::string& path) const;
  void add_control_nodes(codec::CdiEdits& edits) const;
  Result<codec::CdiEdits> generated() const;
  std::string base_file() const;
  /// Of the base, and of the driver that is loaded: a text that differs when they do.
  std::string version() const;
  Result<codec::CdiEdits> read_base(const std::string& file) const;

  Options options_;
  /// A failure is old enough to try again.
  bool is_due() const;

  bool read_ = false;
  std::chrono::steady_clock::time_point read_at_;
  std::string version_;  ///< of what was read
  Common common_;
};

}  // namespace kerf::shell
