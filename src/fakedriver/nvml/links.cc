// NVLinks of a GPU: which are active, and what is at their other end.
#include "fakedriver/identity.h"
#include "fakedriver/nvml/calls.h"
#include "simgpu/nvlink.h"

namespace abi = kerf::nvmlabi;
namespace simgpu = kerf::simgpu;
namespace nvml = kerf::fakedriver::nvml;

namespace {

/// Free of scripted faults: nothing of the machine depends on it.
template <class Fill>
abi::Return about_link(abi::Device of, unsigned link, Fill fill) {
  return nvml::read(
      [&](simgpu::Driver& d) -> simgpu::Answer<simgpu::NvLink> {
        for (int i = 0; i < static_cast<int>(d.state().gpus.size()); ++i) {
          if (d.handle_of(i).value != nvml::device(of).value) continue;
          const unsigned links =
              simgpu::nvlinks_of(d.config().gpus[static_cast<std::size_t>(i)].board);
          if (d.state().gpus[static_cast<std::size_t>(i)].lost)
            return {simgpu::Return::GpuIsLost, {}, 0};
          if (links == 0) return {simgpu::Return::NotSupported, {}, 0};
          if (link >= links) return {simgpu::Return::InvalidArgument, {}, 0};
          return {simgpu::Return::Success, simgpu::nvlink_of(d.config(), i, link), 0};
        }
        return {simgpu::Return::InvalidArgument, {}, 0};
      },
      fill);
}

}  // namespace

KERF_NVML nvmlDeviceGetNvLinkState(abi::Device of, unsigned link, unsigned* active) {
  if (active == nullptr) return nvml::refuse();
  return about_link(of, link, [&](const simgpu::NvLink& is) {
    *active = is.to == simgpu::NvLink::To::Nothing ? 0 : 1;
  });
}

KERF_NVML nvmlDeviceGetNvLinkRemoteDeviceType(abi::Device of, unsigned link, unsigned* type) {
  if (type == nullptr) return nvml::refuse();
  return about_link(of, link, [&](const simgpu::NvLink& is) {
    if (is.to == simgpu::NvLink::To::Nothing) return abi::kNotSupported;
    *type = is.to == simgpu::NvLink::To::Gpu ? abi::kNvLinkToGpu : abi::kNvLinkToSwitch;
    return abi::kSuccess;
  });
}

KERF_NVML nvmlDeviceGetNvLinkRemotePciInfo_v2(abi::Device of, unsigned link, abi::PciInfo* info) {
  if (info == nullptr) return nvml::refuse();
  return about_link(of, link, [&](const simgpu::NvLink& is) {
    if (is.to != simgpu::NvLink::To::Gpu) return abi::kNotSupported;
    *info = {};
    info->bus = kerf::fakedriver::pci_bus(is.gpu);
    nvml::copy_text(kerf::fakedriver::pci_address(is.gpu), info->bus_id_legacy,
                    sizeof info->bus_id_legacy);
    nvml::copy_text(kerf::fakedriver::nvml_bus_id(is.gpu), info->bus_id, sizeof info->bus_id);
    return abi::kSuccess;
  });
}
