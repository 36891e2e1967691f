// Events: sets of GPUs to listen to, and waiting for one.
#include <atomic>
#include <deque>
#include <map>

#include "fakedriver/nvml/calls.h"

namespace abi = kerf::nvmlabi;
namespace simgpu = kerf::simgpu;
namespace nvml = kerf::fakedriver::nvml;
using simgpu::Driver;

namespace {

constexpr unsigned long long kSupported = abi::kEventXidCriticalError | abi::kEventDoubleBitEcc;
/// How often a waiting client looks. The driver of another process cannot wake us.
constexpr std::chrono::milliseconds kLook{5};

struct Set {
  std::map<std::uint64_t, unsigned long long> listens;  ///< GPU handle -> kinds
  std::uint64_t cursor = 0;                             ///< the last event taken from the driver
  std::deque<simgpu::Event> waiting;
  std::atomic<bool> freed = false;
};

/// Sets are the process's own; a handle is a number that is never used twice.
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

/// The next event that the set listens to; Timeout if there is none now.
simgpu::Answer<abi::EventData> next(Driver& d, Set& set) {
  const auto fetched = d.wait_events(set.cursor);
  if (!fetched.ok() && fetched.code != simgpu::Return::Timeout) return {fetched.code, {}, 0};
  for (const simgpu::Event& event : fetched.value) set.waiting.push_back(event);
  while (!set.waiting.empty()) {
    const simgpu::Event event = set.waiting.front();
    set.waiting.pop_front();
    // By the GPU's handle of now: after a reset nobody listens to the old one.
    const auto handle = d.handle_of(event.gpu);
    const auto listens = set.listens.find(handle.value);
    if (listens == set.listens.end() || (listens->second & abi::kEventXidCriticalError) == 0)
      continue;
    return {{},
            abi::EventData{nvml::device(handle), abi::kEventXidCriticalError, event.xid,
                           event.gpu_instance, event.compute_instance},
            0};
  }
  return {simgpu::Return::Timeout, {}, 0};
}

}  // namespace

KERF_NVML nvmlEventSetCreate(abi::EventSet* made) {
  if (made == nullptr) return abi::kInvalidArgument;
  return nvml::read(
      [](Driver& d) {
        return simgpu::Answer<std::uint64_t>{{}, d.newest_event(), 0};
      },
      [&](std::uint64_t newest) {
        auto set = std::make_shared<Set>();
        set->cursor = newest;
        Sets& all = sets();
        const std::lock_guard lock(all.mutex);
        all.by_handle.emplace(++all.last, std::move(set));
        *made = nvml::pointer<abi::EventSet>(all.last);
      });
}
KERF_NVML nvmlEventSetFree(abi::EventSet handle) {
  if (nvml::machine() == nullptr) return abi::kUninitialized;
  const std::shared_ptr<Set> set = find(handle);
  if (set == nullptr) return abi::kInvalidArgument;
  set->freed = true;
  Sets& all = sets();
  const std::lock_guard lock(all.mutex);
  all.by_handle.erase(nvml::number(handle));
  return abi::kSuccess;
}
KERF_NVML nvmlDeviceGetSupportedEventTypes(abi::Device of, unsigned long long* types) {
  if (types == nullptr) return abi::kInvalidArgument;
  return nvml::read([&](Driver& d) { return d.is_mig_device(nvml::device(of)); },
                    [&](bool mig) {
                      if (mig) return abi::kInvalidArgument;  // events are the GPU's
                      *types = kSupported;
                      return abi::kSuccess;
                    });
}
KERF_NVML nvmlDeviceRegisterEvents(abi::Device of, unsigned long long types, abi::EventSet handle) {
  const std::shared_ptr<Set> set = find(handle);
  return nvml::read([&](Driver& d) { return d.is_mig_device(nvml::device(of)); },
                    [&](bool mig) {
                      if (set == nullptr || mig) return abi::kInvalidArgument;
                      // What the GPU cannot report is registered for none the less (nvml.h).
                      const std::lock_guard lock(sets().mutex);
                      set->listens[nvml::number(of)] |= types;
                      return abi::kSuccess;
                    });
}

KERF_NVML nvmlEventSetWait_v2(abi::EventSet handle, abi::EventData* data, unsigned timeout_ms) {
  if (data == nullptr) return abi::kInvalidArgument;
  if (nvml::machine() == nullptr) return abi::kUninitialized;
  const std::shared_ptr<Set> set = find(handle);
  if (set == nullptr) return abi::kInvalidArgument;
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
  if (data == nullptr) return abi::kInvalidArgument;
  abi::EventData event;
  const abi::Return code = nvmlEventSetWait_v2(handle, &event, timeout_ms);
  if (code == abi::kSuccess) std::memcpy(data, &event, offsetof(abi::EventData, gpu_instance_id));
  return code;
}
