// Tree: what the driver's kernel module and the PCI bus would show as files, under a folder.
#pragma once

#include <string>

#include "base/result.h"
#include "fakedriver/capabilities.h"
#include "simgpu/driver.h"

namespace kerf::fakedriver {

/// Writes, in place of what was there:
///
///   proc/modules, proc/devices       this machine's, with the NVIDIA modules and their majors
///   proc/driver/nvidia/              version, params, gpus/<address>/information, capabilities/
///   proc/driver/nvidia-caps/         mig-minors
///   sys/bus/pci/{devices,drivers}/   one device for each GPU
///   dev/                             nvidia<minor>, nvidiactl, nvidia-uvm ..., nvidia-caps/
///
/// Device nodes are those of /dev/null where the caller may make nodes, else empty files. Programs
/// that look at fixed paths see them where they are mounted there (enter.h).
Result<void> write_tree(const std::string& folder, const simgpu::Driver& driver);

/// Brings capabilities/ from what it shows to what is there now. Never fails: it is a picture.
void show_capabilities(const std::string& folder, const Capabilities& before,
                       const Capabilities& now);

}  // namespace kerf::fakedriver
