// Starting and ending, the library's versions, and the texts of errors.
#include "fakedriver/nvml/calls.h"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "fakedriver/identity.h"

namespace kerf::fakedriver::nvml {

namespace {

struct Library {
  std::mutex mutex;
  int users = 0;
  std::shared_ptr<Machine> machine;
};
Library& library();

/// A child gets our mutexes as they are, and not the threads that would unlock them: so no thread
/// may hold them at a fork. The machine's are taken before (its handlers are registered later, so
/// they run earlier): no machine is opened, used or closed while this file's mutex is held.
void before_fork() {
  library().mutex.lock();
  event_sets_mutex().lock();
}
void after_fork() {
  event_sets_mutex().unlock();
  library().mutex.unlock();
}

Library& library() {
  // Never ends: a thread may still be in a call.
  static auto* const kLibrary = [] {
    ::pthread_atfork(before_fork, after_fork, after_fork);
    return new Library;
  }();
  return *kLibrary;
}

/// False: there may be a machine, but this user is kept from it.
bool may_be_used(const std::string& folder) {
  return ::euidaccess((folder + "/state").c_str(), R_OK | W_OK) == 0 || errno != EACCES;
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
  const auto join = [&](std::shared_ptr<Machine>& made) {
    const std::lock_guard lock(at.mutex);
    if (at.machine == nullptr) at.machine.swap(made);
    if (at.machine != nullptr) ++at.users;
    return at.machine != nullptr;
  };
  std::shared_ptr<Machine> made;
  if (join(made)) return nvmlabi::kSuccess;
  const std::string folder = folder_from_environment();
  auto opened = Machine::open(folder);
  if (!opened) {
    complain(opened.error());
    return may_be_used(folder) ? nvmlabi::kDriverNotLoaded : nvmlabi::kNoPermission;
  }
  made = std::make_shared<Machine>(std::move(*opened));
  join(made);  // unless another thread was faster: then ours is closed again
  return nvmlabi::kSuccess;
}

Return close_machine() {
  Library& at = library();
  std::shared_ptr<Machine> last;
  const std::lock_guard lock(at.mutex);
  if (at.users == 0) return nvmlabi::kUninitialized;
  if (--at.users == 0) {
    last.swap(at.machine);
    end_event_sets();
  }
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
  if (version == nullptr) return nvml::refuse();
  return nvml::about_driver(
      [&](const auto& d) { return nvml::copy_text(d.driver, version, length); });
}
KERF_NVML nvmlSystemGetNVMLVersion(char* version, unsigned length) {
  if (version == nullptr) return nvml::refuse();
  return nvml::about_driver(
      [&](const auto& d) { return nvml::copy_text(d.nvml, version, length); });
}
KERF_NVML nvmlSystemGetCudaDriverVersion_v2(int* version) {
  if (version == nullptr) return nvml::refuse();
  return nvml::about_driver([&](const auto& d) { *version = d.cuda; });
}
KERF_NVML nvmlSystemGetCudaDriverVersion(int* version) {
  return nvmlSystemGetCudaDriverVersion_v2(version);
}
KERF_NVML nvmlSystemGetProcessName(unsigned pid, char* name, unsigned length) {
  if (name == nullptr || length == 0) return nvml::refuse();
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
      [&](const std::string& text) {  // cropped to fit
        return nvml::copy_text(std::string_view(text).substr(0, length - 1), name, length);
      });
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
