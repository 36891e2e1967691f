// Tree: what the driver's kernel module and the PCI bus would show as files, under a folder.
#pragma once

#include <string>

#include "base/result.h"
#include "fakedriver/capabilities.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// Writes into the folder, aside until install_tree() puts it in the place of what was there:
///
///   proc/modules, proc/devices       this machine's, with the NVIDIA modules and their majors
///   proc/driver/nvidia/              version, params, gpus/<address>/information, capabilities/
///   proc/driver/nvidia-caps/         mig-minors
///   sys/bus/pci/{devices,drivers}/   one device for each GPU
///   dev/                             nvidia<minor>, nvidiactl, nvidia-uvm ..., nvidia-caps/
///
/// Device nodes are those of /dev/null where the caller may make nodes, else empty files. Programs
/// that look at fixed paths see them where they are mounted there (enter.h).
Result<void> prepare_tree(const std::string& folder, const simgpu::Driver& driver);
Result<void> install_tree(const std::string& folder);

/// Which capabilities there are files of.
Capabilities shown_capabilities(const std::string& folder);
/// Brings those files from what they show to what is there now. False: the caller may not.
bool show_capabilities(const std::string& folder, const Capabilities& before,
                       const Capabilities& now);

}  // namespace kerf::fakedriver
