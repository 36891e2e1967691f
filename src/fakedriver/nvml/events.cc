// Events: sets of GPUs to listen to, and waiting for one.
#include <atomic>
#include <map>

#include "fakedriver/nvml/calls.h"

namespace abi = kerf::nvmlabi;
namespace simgpu = kerf::simgpu;
namespace nvml = kerf::fakedriver::nvml;
using kerf::fakedriver::this_caller;
using simgpu::Driver;

namespace {

constexpr unsigned long long kSupported = abi::kEventXidCriticalError | abi::kEventDoubleBitEcc;
/// How often a waiting client looks. The driver of another process cannot wake us.
constexpr std::chrono::milliseconds kLook{5};

struct Listening {
  unsigned long long types = 0;
  std::uint64_t after = 0;  ///< the newest event when XIDs were registered for
};
struct Set {
  std::map<std::uint64_t, Listening> gpus;  ///< by handle
  std::uint64_t cursor = 0;                 ///< the last event that was delivered
  std::atomic<bool> freed = false;
};

/// Sets are the process's own; a handle is a number that is never used twice. The mutex guards what
/// is in them too, and is taken after the machine's lock.
struct Sets {
  std::mutex mutex;
  std::map<std::uint64_t, std::shared_ptr<Set>> by_handle;
  std::uint64_t last = 0;
};
Sets& sets() {
  static auto* const kSets = new Sets;
  return *kSets;
}
std::shared_ptr<Set> find(abi::EventSet handle) {
  Sets& all = sets();
  const std::lock_guard lock(all.mutex);
  const auto at = all.by_handle.find(nvml::number(handle));
  return at != all.by_handle.end() ? at->second : nullptr;
}

/// The next event that the set listens to. Without one, GpuIsLost if a GPU of the set is, else
/// Timeout.
simgpu::Answer<abi::EventData> next(Driver& d, Set& set) {
  const auto gpus = static_cast<int>(d.state().gpus.size());
  const auto found = d.next_event(
      set.cursor,
      [&](const simgpu::Event& event) {
        if (event.gpu >= gpus) return false;
        // By the GPU's handle of now: after a reset nobody listens to the old one.
        const auto at = set.gpus.find(d.handle_of(event.gpu).value);
        return at != set.gpus.end() && (at->second.types & abi::kEventXidCriticalError) != 0 &&
               event.sequence > at->second.after;
      },
      this_caller());
  if (found.ok()) {
    const simgpu::Event& event = found.value;
    set.cursor = event.sequence;
    return {{},
            {nvml::device(d.handle_of(event.gpu)), abi::kEventXidCriticalError, event.xid,
             event.gpu_instance, event.compute_instance},
            found.latency_ms};
  }
  for (int gpu = 0; found.code == simgpu::Return::Timeout && gpu < gpus; ++gpu)
    if (d.state().gpus[static_cast<std::size_t>(gpu)].lost &&
        set.gpus.contains(d.handle_of(gpu).value))
      return {simgpu::Return::GpuIsLost, {}, found.latency_ms};
  return {found.code, {}, found.latency_ms};
}

}  // namespace

std::mutex& kerf::fakedriver::nvml::event_sets_mutex() { return sets().mutex; }

void kerf::fakedriver::nvml::end_event_sets() {
  Sets& all = sets();
  const std::lock_guard lock(all.mutex);
  for (const auto& [handle, set] : all.by_handle) set->freed = true;
  all.by_handle.clear();
}

KERF_NVML nvmlEventSetCreate(abi::EventSet* made) {
  if (made == nullptr || nvml::machine() == nullptr) return nvml::refuse();
  Sets& all = sets();
  const std::lock_guard lock(all.mutex);
  all.by_handle.emplace(++all.last, std::make_shared<Set>());
  *made = nvml::pointer<abi::EventSet>(all.last);
  return abi::kSuccess;
}
KERF_NVML nvmlEventSetFree(abi::EventSet handle) {
  const std::shared_ptr<Set> set = find(handle);
  if (set == nullptr) return nvml::refuse();
  set->freed = true;
  Sets& all = sets();
  const std::lock_guard lock(all.mutex);
  all.by_handle.erase(nvml::number(handle));
  return abi::kSuccess;
}
KERF_NVML nvmlDeviceGetSupportedEventTypes(abi::Device of, unsigned long long* types) {
  if (types == nullptr) return nvml::refuse();
  return nvml::read([&](Driver& d) { return d.is_mig_device(nvml::device(of)); },
                    [&](bool mig) {
                      if (mig) return abi::kInvalidArgument;  // events are the GPU's
                      *types = kSupported;
                      return abi::kSuccess;
                    });
}
KERF_NVML nvmlDeviceRegisterEvents(abi::Device of, unsigned long long types, abi::EventSet handle) {
  const std::shared_ptr<Set> set = find(handle);
  if (set == nullptr || types == 0) return nvml::refuse();
  std::uint64_t newest = 0;
  return nvml::read(
      [&](Driver& d) {
        newest = d.newest_event();
        return d.is_mig_device(nvml::device(of));
      },
      [&](bool mig) {
        if (mig) return abi::kInvalidArgument;
        if ((types & ~kSupported) != 0) return abi::kNotSupported;  // then none is registered
        const std::lock_guard lock(sets().mutex);
        Listening& listening = set->gpus[nvml::number(of)];
        if ((types & ~listening.types & abi::kEventXidCriticalError) != 0) listening.after = newest;
        listening.types |= types;
        return abi::kSuccess;
      });
}

KERF_NVML nvmlEventSetWait_v2(abi::EventSet handle, abi::EventData* data, unsigned timeout_ms) {
  const std::shared_ptr<Set> set = find(handle);
  if (data == nullptr || set == nullptr) return nvml::refuse();
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const abi::Return code = nvml::read(
        [&](Driver& d) {
          const std::lock_guard lock(sets().mutex);
          return next(d, *set);
        },
        [&](const abi::EventData& event) { *data = event; });
    if (code != abi::kTimeout) return code;
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || set->freed) return abi::kTimeout;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kLook, until - now));
  }
}
/// The older one leaves the ids of instances as they are.
KERF_NVML nvmlEventSetWait(abi::EventSet handle, abi::EventData* data, unsigned timeout_ms) {
  if (data == nullptr) return nvml::refuse();
  abi::EventData event;
  const abi::Return code = nvmlEventSetWait_v2(handle, &event, timeout_ms);
  if (code == abi::kSuccess) std::memcpy(data, &event, offsetof(abi::EventData, gpu_instance_id));
  return code;
}
