// Driver: which GPUs NVLink joins.
#include <algorithm>

#include "shell/nvml/driver.h"

namespace kerf::nvml {

void Driver::see_links(Device device, Member& member) {
  if (member.linked == session_->generation()) return;
  member.linked = session_->generation();
  member.to_switch = 0;
  member.to_bus.clear();
  for (std::uint32_t i = 0; i < nvmlabi::kNvLinksMax; ++i) {
    const auto link = session_->nvlink(device, i);
    if (!link.ok()) return;  // there are no more of them, or nothing can be said
    if (!link.value.active) continue;
    if (link.value.to_switch) ++member.to_switch;
    else if (!link.value.bus_id.empty()) ++member.to_bus[link.value.bus_id];
  }
}

/// Each GPU's links by the UUID of the GPU at their other end; by a switch, all GPUs that have
/// links to one are joined.
void Driver::join_links() {
  std::map<std::string, std::string> uuid_at;
  const bool any_bus =
      std::ranges::any_of(roster_, [](const Member& member) { return !member.to_bus.empty(); });
  for (std::uint32_t i = 0; any_bus && i < roster_.size(); ++i) {
    const auto found = roster_[i].seen.lost ? Answer<Device>{Code::GpuIsLost, {}} : device(i);
    const auto bus =
        found.ok() ? session_->pci_bus_id(found.value) : Answer<std::string>{found.code, {}};
    if (bus.ok()) uuid_at[bus.value] = roster_[i].seen.uuid;
  }
  for (Member& member : roster_) {
    std::map<std::string, int> links;
    for (const auto& [bus, count] : member.to_bus)
      if (const auto uuid = uuid_at.find(bus); uuid != uuid_at.end()) links[uuid->second] += count;
    for (const Member& other : roster_) {
      const int both = std::min(member.to_switch, other.to_switch);
      if (&other != &member && both > 0) links[other.seen.uuid] += both;
    }
    links.erase("");
    if (!member.seen.lost) member.seen.links = std::move(links);
  }
}

}  // namespace kerf::nvml
