// read_node: what a rehearsal needs to know of this node, read once and without touching anything.
#pragma once

#include <string>

#include "base/result.h"
#include "core/agent/rehearsal.h"
#include "shell/agent/disk.h"
#include "shell/kubelet/kubelet.h"
#include "shell/nvml/driver.h"

namespace kerf::shell {

/// Blocks for some seconds at most. A kubelet that does not answer leaves its holders as not known.
/// Unavailable: the GPUs cannot be looked at.
Result<agent::NodeRead> read_node(nvml::Driver& driver, const Disk::Options& disk,
                                  const kubelet::Options& kubelet);

/// Of this boot of the machine; "" if it is not told.
std::string boot_id();

}  // namespace kerf::shell
