// GPUs and MIG devices: handles, names, numbers, memory, processes.
#include <optional>

#include "fakedriver/identity.h"
#include "fakedriver/memory.h"
#include "fakedriver/nvml/calls.h"
#include "simgpu/boards.h"

namespace abi = kerf::nvmlabi;
namespace simgpu = kerf::simgpu;
namespace nvml = kerf::fakedriver::nvml;
using kerf::fakedriver::this_caller;
using nvml::device;

namespace {

using simgpu::Driver;

/// fill(index of the GPU, board); of a MIG device, its GPU's.
template <class Fill>
abi::Return about_board(abi::Device of, Fill fill) {
  kerf::fakedriver::Whereabouts at;
  return nvml::read(
      [&](Driver& d) {
        at = kerf::fakedriver::whereabouts(d, device(of));
        // Asked for because it is checked, and fails, like every question of a device.
        return d.minor_number(device(of));
      },
      [&](int) { return fill(at.gpu, kerf::fakedriver::identity_of(at.board->key)); });
}

struct Use {
  std::int64_t total_mib = 0;
  std::int64_t used_mib = 0;
};
simgpu::Answer<Use> memory_use(Driver& d, simgpu::Device of) {
  const auto used = d.memory_used(of);
  if (!used.ok()) return {used.code, {}, used.latency_ms};
  const auto [gpu, board, profile] = kerf::fakedriver::whereabouts(d, of);
  const std::int64_t total = profile != nullptr ? kerf::fakedriver::memory_mib(*board, *profile)
                                                : kerf::fakedriver::memory_mib(*board);
  return {{}, {total, std::min(used.value, total)}, used.latency_ms};
}

/// The processes of a kind. The machine has compute processes only, so no others are listed.
enum class Kind : std::uint8_t { Compute, Other };
template <class Info, class Fill>
abi::Return processes(Kind kind, abi::Device of, unsigned* count, Info* infos, Fill fill) {
  if (count == nullptr || (infos == nullptr && *count > 0)) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.running_processes(device(of), this_caller()); },
                    [&](std::vector<simgpu::Process>& found) {
                      if (kind == Kind::Other) found.clear();
                      return nvml::copy_list(found, infos, count, fill);
                    });
}
unsigned long long memory_of(const simgpu::Process& process) {
  return process.memory_mib > 0 ? nvml::bytes(process.memory_mib) : abi::kValueNotAvailable;
}
abi::ProcessInfo process_info(const simgpu::Process& p) {
  return {p.pid, memory_of(p), p.gpu_instance, p.compute_instance};
}
abi::ProcessInfo_v1 process_info_v1(const simgpu::Process& p) { return {p.pid, memory_of(p)}; }

}  // namespace

KERF_NVML nvmlDeviceGetCount_v2(unsigned* count) {
  if (count == nullptr) return nvml::refuse();
  return nvml::read([](Driver& d) { return d.device_count(); },
                    [&](int found) { *count = static_cast<unsigned>(found); });
}
KERF_NVML nvmlDeviceGetCount(unsigned* count) { return nvmlDeviceGetCount_v2(count); }

KERF_NVML nvmlDeviceGetHandleByIndex_v2(unsigned index, abi::Device* found) {
  if (found == nullptr || index > 0x7fffffffU) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.device_by_index(static_cast<int>(index)); },
                    [&](simgpu::Device handle) { *found = device(handle); });
}
KERF_NVML nvmlDeviceGetHandleByIndex(unsigned index, abi::Device* found) {
  return nvmlDeviceGetHandleByIndex_v2(index, found);
}
KERF_NVML nvmlDeviceGetHandleByUUID(const char* uuid, abi::Device* found) {
  if (uuid == nullptr || found == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.device_by_uuid(uuid); },
                    [&](simgpu::Device handle) { *found = device(handle); });
}
KERF_NVML nvmlDeviceGetHandleByPciBusId_v2(const char* address, abi::Device* found) {
  if (address == nullptr || found == nullptr) return nvml::refuse();
  const std::optional<int> index = kerf::fakedriver::index_at(address);
  if (!index) return nvml::refuse();
  return nvml::read(
      [&](Driver& d) -> simgpu::Answer<simgpu::Device> {
        if (*index < 0 || static_cast<std::size_t>(*index) >= d.state().gpus.size())
          return {simgpu::Return::NotFound, {}, 0};
        return d.device_by_index(*index);
      },
      [&](simgpu::Device handle) { *found = device(handle); });
}
KERF_NVML nvmlDeviceGetHandleByPciBusId(const char* address, abi::Device* found) {
  return nvmlDeviceGetHandleByPciBusId_v2(address, found);
}

KERF_NVML nvmlDeviceGetName(abi::Device of, char* name, unsigned length) {
  if (name == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.device_name(device(of)); },
                    [&](const std::string& text) { return nvml::copy_text(text, name, length); });
}
KERF_NVML nvmlDeviceGetUUID(abi::Device of, char* uuid, unsigned length) {
  if (uuid == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.uuid(device(of)); },
                    [&](const std::string& text) { return nvml::copy_text(text, uuid, length); });
}
KERF_NVML nvmlDeviceGetMinorNumber(abi::Device of, unsigned* minor) {
  if (minor == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.minor_number(device(of)); },
                    [&](int found) { *minor = static_cast<unsigned>(found); });
}
KERF_NVML nvmlDeviceGetIndex(abi::Device of, unsigned* index) {
  if (index == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.device_index(device(of)); },
                    [&](int found) { *index = static_cast<unsigned>(found); });
}

KERF_NVML nvmlDeviceGetPciInfo_v3(abi::Device of, abi::PciInfo* info) {
  if (info == nullptr) return nvml::refuse();
  return about_board(of, [&](int index, const auto& board) {
    *info = {};
    info->bus = kerf::fakedriver::pci_bus(index);
    info->pci_device_id = board.pci_device_id;
    info->pci_subsystem_id = 0x000010de;
    nvml::copy_text(kerf::fakedriver::pci_address(index), info->bus_id_legacy,
                    sizeof info->bus_id_legacy);
    nvml::copy_text(kerf::fakedriver::nvml_bus_id(index), info->bus_id, sizeof info->bus_id);
  });
}
/// The older struct ends before the long bus id.
KERF_NVML nvmlDeviceGetPciInfo_v2(abi::Device of, void* info) {
  if (info == nullptr) return nvml::refuse();
  abi::PciInfo whole;
  const abi::Return code = nvmlDeviceGetPciInfo_v3(of, &whole);
  if (code == abi::kSuccess) std::memcpy(info, &whole, offsetof(abi::PciInfo, bus_id));
  return code;
}
KERF_NVML nvmlDeviceGetPciInfo(abi::Device of, void* info) {
  return nvmlDeviceGetPciInfo_v2(of, info);
}

KERF_NVML nvmlDeviceGetCudaComputeCapability(abi::Device of, int* major, int* minor) {
  if (major == nullptr || minor == nullptr) return nvml::refuse();
  return about_board(of, [&](int, const auto& board) {
    *major = board.compute_major;
    *minor = board.compute_minor;
  });
}
KERF_NVML nvmlDeviceGetArchitecture(abi::Device of, unsigned* architecture) {
  if (architecture == nullptr) return nvml::refuse();
  return about_board(of, [&](int, const auto& board) { *architecture = board.architecture; });
}
KERF_NVML nvmlDeviceGetBrand(abi::Device of, unsigned* brand) {
  if (brand == nullptr) return nvml::refuse();
  return about_board(of, [&](int, const auto&) { *brand = 14; });  // NVML_BRAND_NVIDIA
}

KERF_NVML nvmlDeviceGetMemoryInfo(abi::Device of, abi::Memory* memory) {
  if (memory == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return memory_use(d, device(of)); },
                    [&](const Use& use) {
                      *memory = {nvml::bytes(use.total_mib),
                                 nvml::bytes(use.total_mib - use.used_mib),
                                 nvml::bytes(use.used_mib)};
                    });
}
KERF_NVML nvmlDeviceGetMemoryInfo_v2(abi::Device of, abi::Memory_v2* memory) {
  if (memory == nullptr) return nvml::refuse();
  if (memory->version != abi::struct_version<abi::Memory_v2>(2))
    return nvml::refuse(abi::kArgumentVersionMismatch);
  return nvml::read([&](Driver& d) { return memory_use(d, device(of)); },
                    [&](const Use& use) {
                      memory->total = nvml::bytes(use.total_mib);
                      memory->reserved = 0;
                      memory->free = nvml::bytes(use.total_mib - use.used_mib);
                      memory->used = nvml::bytes(use.used_mib);
                    });
}

/// The three versions of a list of processes: the second and the third have the same struct.
#define KERF_PROCESSES(function, kind)                                                \
  KERF_NVML function(abi::Device of, unsigned* count, abi::ProcessInfo_v1* infos) {   \
    return processes(kind, of, count, infos, process_info_v1);                        \
  }                                                                                   \
  KERF_NVML function##_v2(abi::Device of, unsigned* count, abi::ProcessInfo* infos) { \
    return processes(kind, of, count, infos, process_info);                           \
  }                                                                                   \
  KERF_NVML function##_v3(abi::Device of, unsigned* count, abi::ProcessInfo* infos) { \
    return processes(kind, of, count, infos, process_info);                           \
  }
KERF_PROCESSES(nvmlDeviceGetComputeRunningProcesses, Kind::Compute)
KERF_PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, Kind::Other)
KERF_PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses, Kind::Other)

KERF_NVML nvmlDeviceGetPersistenceMode(abi::Device of, unsigned* mode) {
  if (mode == nullptr) return nvml::refuse();
  return about_board(of, [&](int, const auto&) { *mode = abi::kEnabled; });
}
KERF_NVML nvmlDeviceGetComputeMode(abi::Device of, unsigned* mode) {
  if (mode == nullptr) return nvml::refuse();
  return about_board(of, [&](int, const auto&) { *mode = 0; });  // NVML_COMPUTEMODE_DEFAULT
}
/// Every GPU has a PCI switch of its own.
KERF_NVML nvmlDeviceGetTopologyCommonAncestor(abi::Device a, abi::Device b, unsigned* level) {
  if (level == nullptr) return nvml::refuse();
  return about_board(a, [&](int first, const auto&) {
    return about_board(b, [&](int second, const auto&) { *level = first == second ? 0U : 40U; });
  });
}
