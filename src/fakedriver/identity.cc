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

constexpr int kFirstBus = 0x10;

bool read_hex(std::string_view text, int& value) {
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

std::string pci_address(int index) { return fmt::format("0000:{:02x}:00.0", kFirstBus + index); }

std::string nvml_bus_id(int index) {
  return fmt::format("00000000:{:02X}:00.0", kFirstBus + index);
}

int index_at(std::string_view address) {
  // [domain:]bus:device.function; digits in either case, leading zeros as one likes.
  const std::size_t dot = address.rfind('.');
  if (dot == std::string_view::npos || address.substr(dot) != ".0") return -1;
  address = address.substr(0, dot);
  const std::size_t device_at = address.rfind(':');
  if (device_at == std::string_view::npos) return -1;
  const std::string_view head = address.substr(0, device_at);
  const std::size_t bus_at = head.rfind(':');
  const std::string_view bus_text =
      bus_at == std::string_view::npos ? head : head.substr(bus_at + 1);
  const std::string_view domain_text =
      bus_at == std::string_view::npos ? std::string_view("0") : head.substr(0, bus_at);
  int domain = 0;
  int bus = 0;
  int device = 0;
  if (!read_hex(domain_text, domain) || !read_hex(bus_text, bus) ||
      !read_hex(address.substr(device_at + 1), device))
    return -1;
  return domain == 0 && device == 0 && bus >= kFirstBus ? bus - kFirstBus : -1;
}

}  // namespace kerf::fakedriver
