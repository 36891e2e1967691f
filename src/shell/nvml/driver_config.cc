// Driver: what a layout's reader and the writer of CDI files ask of a GPU.
#include "shell/nvml/driver.h"

namespace kerf::nvml {

Result<std::vector<agent::MigConfigGpu>> Driver::mig_config_gpus() {
  const agent::Looked looked = look();
  if (looked.code != Code::Success)
    return fail(ErrorCode::Unavailable,
                "the GPUs cannot be looked at: NVML says " + agent::to_string(looked.code));
  std::vector<agent::MigConfigGpu> gpus;
  for (const agent::SeenGpu& seen : looked.gpus) {
    const auto found = device_of(seen.uuid);
    const auto ids = found.ok() ? session_->pci_ids(found.value) : Answer<PciIds>{found.code, {}};
    if (!ids.ok())
      return fail(ErrorCode::Unavailable, "the PCI ids of GPU " + seen.uuid +
                                              " cannot be read: NVML says " +
                                              agent::to_string(ids.code));
    gpus.push_back({seen, ids.value.device, ids.value.subsystem});
  }
  return gpus;
}

Answer<std::uint32_t> Driver::minor_number(const std::string& uuid) {
  const auto found = device_of(uuid);
  if (!found.ok()) return {found.code, 0};
  return session_->minor_number(found.value);
}

}  // namespace kerf::nvml
