// The identities of boards and driver branches.
//
// Sources: PCI ids from mig-parted bd7160f (config-default.yaml) and the PCI ID database (2026);
// compute capabilities from NVIDIA's table of CUDA GPUs (2026); NVML_DEVICE_ARCH_* from
// nvml.h 13.3; driver versions and their CUDA versions from NVIDIA's data-centre driver release
// notes.
#include "fakedriver/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace kerf::fakedriver {

namespace {

constexpr BoardIdentity kBoards[] = {
    {"A100-40", 0x20B010DE, 8, 0, 7},
    {"A100-80", 0x20B210DE, 8, 0, 7},
    {"H100-80", 0x233010DE, 9, 0, 9},
    {"H100-94", 0x232110DE, 9, 0, 9},
    {"H100-96", 0x234210DE, 9, 0, 9},
    {"GH200-144", 0x234810DE, 9, 0, 9},
    {"H200", 0x233510DE, 9, 0, 9},
    {"B200", 0x290110DE, 10, 0, 10},
    {"GB200", 0x294110DE, 10, 0, 10},
    {"B300", 0x318210DE, 10, 3, 10},
    {"GB300", 0x31C210DE, 10, 3, 10},
    {"A30", 0x20B710DE, 8, 0, 7},
    {"RTX-PRO-6000", 0x2BB510DE, 12, 0, 10},
    {"T4", 0x1EB810DE, 7, 5, 6},
    {"T4G", 0x1EB410DE, 7, 5, 6},
    {"A10G", 0x223710DE, 8, 6, 7},
    {"L4", 0x27B810DE, 8, 9, 8},
    {"L40S", 0x26B910DE, 8, 9, 8},
    {"V100-16", 0x1DB110DE, 7, 0, 5},
    {"V100-32", 0x1DB510DE, 7, 0, 5},
};

constexpr DriverIdentity kDrivers[] = {
    {535, "535.183.01", "12.535.183.01", 12020},
    {550, "550.127.05", "12.550.127.05", 12040},
    {570, "570.133.20", "12.570.133.20", 12080},
    {580, "580.82.07", "13.580.82.07", 13000},
};

constexpr unsigned kFirstBus = 0x10;

bool read_hex(std::string_view text, unsigned& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

const BoardIdentity& identity_of(std::string_view board) {
  const auto* found = std::ranges::find(kBoards, board, &BoardIdentity::board);
  KERF_ASSERT(found != std::end(kBoards), "every board of simgpu has an identity");
  return *found;
}

const DriverIdentity* driver_of(int major) {
  const auto* found = std::ranges::find(kDrivers, major, &DriverIdentity::major);
  return found != std::end(kDrivers) ? found : nullptr;
}

unsigned pci_bus(int index) { return kFirstBus + static_cast<unsigned>(index); }

std::string pci_address(int index) { return fmt::format("0000:{:02x}:00.0", pci_bus(index)); }

std::string nvml_bus_id(int index) { return fmt::format("00000000:{:02X}:00.0", pci_bus(index)); }

std::optional<int> index_at(std::string_view address) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
  // From the end: what is left before the last colon, of what is left.
  const std::size_t dot = address.rfind('.');
  if (dot != std::string_view::npos && !read_hex(address.substr(dot + 1), function)) return {};
  const std::string_view place = address.substr(0, dot);
  const std::size_t device_at = place.rfind(':');
  if (device_at == std::string_view::npos || !read_hex(place.substr(device_at + 1), device))
    return {};
  const std::string_view head = place.substr(0, device_at);
  const std::size_t bus_at = head.rfind(':');
  const bool has_domain = bus_at != std::string_view::npos;
  if (!has_domain && dot == std::string_view::npos) return {};  // two numbers: which?
  if (has_domain && !read_hex(head.substr(0, bus_at), domain)) return {};
  if (!read_hex(has_domain ? head.substr(bus_at + 1) : head, bus)) return {};
  if (domain != 0 || device != 0 || function != 0 || bus < kFirstBus || bus > 0xff) return -1;
  return static_cast<int>(bus - kFirstBus);
}

}  // namespace kerf::fakedriver
