// enter(): a program that sees a simulated machine where real ones have their GPUs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kerf::fakedriver {

struct Entry {
  std::string folder;                ///< of the machine
  std::string library_folder;        ///< where libnvidia-ml.so.1 is
  std::vector<std::string> command;  ///< not empty
  /// False: the caller is in a mount namespace of its own already, and the machine is to be seen by
  /// all that run there.
  bool own_namespace = true;
  /// False: where the kernel has no /proc/modules, there is none in the namespace either. True:
  /// /proc becomes a folder of links to the real one with that file beside them (and no
  /// process by its number), which programs
  /// that ask whether the NVIDIA module is loaded need, and container runtimes do not bear.
  bool with_modules = true;
};

/// In a mount namespace: /dev, /proc/driver and /sys/bus/pci show the machine's files beside this
/// machine's own, /proc/modules and /proc/devices its own; LD_LIBRARY_PATH finds the library, PATH
/// its nvidia-smi, KERF_FAKE_DRIVER names the folder. Needs root. Returns only if it fails.
Result<void> enter(const Entry& entry);

}  // namespace kerf::fakedriver
