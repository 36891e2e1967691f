// Identity: what NVML and the PCI bus say about a board and a driver beside MIG.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kerf::fakedriver {

struct BoardIdentity {
  std::string_view board;           ///< a key of simgpu/boards.h
  std::uint32_t pci_device_id = 0;  ///< device << 16 | vendor
  int compute_major = 0;            ///< CUDA compute capability
  int compute_minor = 0;
  unsigned architecture = 0;  ///< NVML_DEVICE_ARCH_*
};
/// Of a board that simgpu knows.
const BoardIdentity& identity_of(std::string_view board);

struct DriverIdentity {
  int major = 0;            ///< 570
  std::string_view driver;  ///< "570.133.20"
  std::string_view nvml;    ///< "12.570.133.20"
  int cuda = 0;             ///< 12080: CUDA 12.8
};
/// nullptr: not a branch that is simulated (535, 550, 570, 580).
const DriverIdentity* driver_of(int major);

/// Where the GPU of that index sits: one PCI bus for each.
unsigned pci_bus(int index);
/// The same as Linux writes it: "0000:10:00.0".
std::string pci_address(int index);
/// The same as NVML writes it: "00000000:10:00.0".
std::string nvml_bus_id(int index);
/// The GPU index at an address: domain:bus:device.function, domain:bus:device or
/// bus:device.function in hexadecimal, as NVML takes it. -1: no GPU sits there; nullopt: that is no
/// address.
std::optional<int> index_at(std::string_view address);

}  // namespace kerf::fakedriver
