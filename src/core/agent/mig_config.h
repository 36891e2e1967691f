// MIG configurations: NVIDIA's mig-parted files as values, and the layout that one means on a node.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/agent/words.h"
#include "core/control/gpu_node.h"
#include "core/gpu/model.h"

namespace kerf::agent {

/// PCI ids, packed as the driver tells them: device << 16 | vendor, 0x20B010DE.
struct MigDeviceFilter {
  std::uint32_t device = 0;
  std::optional<std::uint32_t> subsystem;  ///< nullopt: any
  bool operator==(const MigDeviceFilter&) const = default;
};

/// One entry of a configuration: what is to be on the GPUs that it selects.
struct MigConfigEntry {
  std::vector<MigDeviceFilter> filters;              ///< any of them; empty: every GPU
  std::optional<std::vector<std::int64_t>> devices;  ///< by NVML index; nullopt: all
  bool mig = false;                                  ///< MIG mode is to be on
  std::map<std::string, std::int64_t> slices;  ///< how many of each profile, as it was written
  bool operator==(const MigConfigEntry&) const = default;
};

/// A file: its configurations by name.
struct MigConfig {
  std::map<std::string, std::vector<MigConfigEntry>> configs;
  bool operator==(const MigConfig&) const = default;
};

/// A GPU as it was looked at, and its PCI ids.
struct MigConfigGpu {
  SeenGpu seen;
  std::uint32_t pci_device = 0;     ///< nvmlPciInfo_t.pciDeviceId
  std::uint32_t pci_subsystem = 0;  ///< nvmlPciInfo_t.pciSubSystemId
};

/// The layout of the node that configuration `name` means; `gpus` by NVML index. "" is the only
/// configuration of a file that has one.
///
/// An entry applies to the GPUs that its filter and its devices select; indices that the node lacks
/// are passed over. MIG on: slices `nvidia.com/mig-<profile>`, published, placed such that they
/// leave the most room (Geometry::arrange). MIG off: the whole GPU as `nvidia.com/gpu`, published.
/// A GPU that no entry selects stays as it stands: its slices, or the whole GPU. So does one
/// without MIG that an entry for all devices selects.
///
/// Errors: NotFound, an unknown name, with the names there are, the nearest first; InvalidArgument,
/// a profile that the model has not, slices that do not fit together (with how many would), MIG on
/// a GPU without MIG that is listed by index, two entries that want different things of one GPU;
/// Unsupported, compute instances smaller than their GPU instance, a model that the catalogue
/// lacks.
Result<control::GpuNodeSpec> layout_of(const MigConfig& config, const std::string& name,
                                       const std::vector<MigConfigGpu>& gpus,
                                       const gpu::Catalogue& catalogue);

}  // namespace kerf::agent
