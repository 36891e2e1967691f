// Session: which NVLinks of a GPU are active, and what is at their other end.
#include <utility>

#include "shell/nvml/session.h"
#include "shell/nvml/session_parts.h"

namespace kerf::nvml {

Answer<NvLink> Session::nvlink(Device gpu, std::uint32_t link) {
  if (const auto code = refuse(gpu)) return {*code, {}};
  NvLink found;
  unsigned active = 0;
  Code code = note(call_.device_get_nv_link_state(gpu.raw, link, &active));
  if (code != Code::Success || active == 0) return {code, {}};
  found.active = true;
  unsigned type = 0;
  code = note(call_.device_get_nv_link_remote_device_type(gpu.raw, link, &type));
  if (code != Code::Success) return {code, {}};
  found.to_switch = type == nvmlabi::kNvLinkToSwitch;
  if (type != nvmlabi::kNvLinkToGpu) return {code, std::move(found)};
  nvmlabi::PciInfo info{};
  code = note(call_.device_get_nv_link_remote_pci_info_v2(gpu.raw, link, &info));
  if (code == Code::Success) found.bus_id = text_of(info.bus_id);
  return {code, std::move(found)};
}

}  // namespace kerf::nvml
