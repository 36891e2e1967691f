// Starting and ending, the library's versions, and the texts of errors.
#include "fakedriver/nvml/calls.h"

#include <atomic>
#include <cstdio>

#include "fakedriver/identity.h"

namespace kerf::fakedriver::nvml {

namespace {

struct Library {
  std::mutex mutex;
  int users = 0;
  std::shared_ptr<Machine> machine;
};
Library& library() {
  static auto* const kLibrary = new Library;  // never ends: a thread may still be in a call
  return *kLibrary;
}

const DriverIdentity& identity(simgpu::Driver& driver) {
  return *driver_of(driver.config().driver_major);
}

/// A question about the driver itself, which takes no time.
template <class Fill>
Return about_driver(Fill fill) {
  return read(
      [](simgpu::Driver& d) {
        return simgpu::Answer<const DriverIdentity*>{{}, &identity(d), 0};
      },
      [&](const DriverIdentity* found) { return fill(*found); });
}

}  // namespace

std::shared_ptr<Machine> machine() {
  Library& at = library();
  const std::lock_guard lock(at.mutex);
  return at.machine;
}

void complain(const Error& error) {
  static std::atomic_flag said;
  if (!said.test_and_set())
    std::fprintf(stderr, "libnvidia-ml (simulated): %s\n", error.message().c_str());
}

Return open_machine() {
  Library& at = library();
  const std::lock_guard lock(at.mutex);
  if (at.machine == nullptr) {
    auto opened = Machine::open(folder_from_environment());
    if (!opened) {
      complain(opened.error());
      return nvmlabi::kDriverNotLoaded;
    }
    at.machine = std::make_shared<Machine>(std::move(*opened));
  }
  ++at.users;
  return nvmlabi::kSuccess;
}

Return close_machine() {
  Library& at = library();
  const std::lock_guard lock(at.mutex);
  if (at.users == 0) return nvmlabi::kUninitialized;
  if (--at.users == 0) at.machine.reset();
  return nvmlabi::kSuccess;
}

}  // namespace kerf::fakedriver::nvml

namespace abi = kerf::nvmlabi;
namespace nvml = kerf::fakedriver::nvml;

KERF_NVML nvmlInit_v2() { return nvml::open_machine(); }
KERF_NVML nvmlInit() { return nvml::open_machine(); }
KERF_NVML nvmlInitWithFlags(unsigned) { return nvml::open_machine(); }
KERF_NVML nvmlShutdown() { return nvml::close_machine(); }

KERF_NVML nvmlSystemGetDriverVersion(char* version, unsigned length) {
  return nvml::about_driver(
      [&](const auto& d) { return nvml::copy_text(d.driver, version, length); });
}
KERF_NVML nvmlSystemGetNVMLVersion(char* version, unsigned length) {
  return nvml::about_driver(
      [&](const auto& d) { return nvml::copy_text(d.nvml, version, length); });
}
KERF_NVML nvmlSystemGetCudaDriverVersion_v2(int* version) {
  if (version == nullptr) return abi::kInvalidArgument;
  return nvml::about_driver([&](const auto& d) { *version = d.cuda; });
}
KERF_NVML nvmlSystemGetCudaDriverVersion(int* version) {
  return nvmlSystemGetCudaDriverVersion_v2(version);
}
KERF_NVML nvmlSystemGetProcessName(unsigned pid, char* name, unsigned length) {
  return nvml::read(
      [&](kerf::simgpu::Driver& d) {
        kerf::simgpu::Answer<std::string> answer{kerf::simgpu::Return::NotFound, {}, 0};
        const auto has = [&](const std::vector<std::uint32_t>& pids) {
          if (std::ranges::binary_search(pids, pid))
            answer = {{}, "process " + std::to_string(pid)};
        };
        for (const auto& gpu : d.state().gpus) {
          has(gpu.pids);
          for (const auto& gi : gpu.instances)
            for (const auto& ci : gi.compute_instances) has(ci.pids);
        }
        return answer;
      },
      [&](const std::string& text) { return nvml::copy_text(text, name, length); });
}

/// NVML's texts.
extern "C" __attribute__((visibility("default"))) const char* nvmlErrorString(abi::Return code) {
  switch (code) {
    case 0: return "Success";
    case 1: return "Uninitialized";
    case 2: return "Invalid Argument";
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 5: return "Already Initialized";
    case 6: return "Not Found";
    case 7: return "Insufficient Size";
    case 8: return "Insufficient External Power";
    case 9: return "Driver Not Loaded";
    case 10: return "Timeout";
    case 11: return "Interrupt Request Issue";
    case 12: return "NVML Shared Library Not Found";
    case 13: return "Function Not Found";
    case 14: return "Corrupted infoROM";
    case 15: return "GPU is lost";
    case 16: return "GPU requires reset";
    case 17: return "GPU access blocked by the operating system";
    case 18: return "Driver/library version mismatch";
    case 19: return "In use by another client";
    case 20: return "Insufficient Memory";
    case 21: return "No data";
    case 22: return "The requested vgpu operation is not available on target device";
    case 23: return "Insufficient Resources";
    case 25: return "Argument version mismatch";
    case 26: return "Deprecated";
    case 27: return "Not Ready";
    case 28: return "GPU not found";
    case 29: return "Invalid state";
    default: return "Unknown Error";
  }
}
