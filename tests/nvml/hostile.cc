// An NVML library that answers nonsense: any code, any number, texts without an end, absurd counts.
//
// It keeps to one rule: it writes at most as many entries of a list as its caller brought room for.
// Drawn from the seed in KERF_HOSTILE_SEED, read at nvmlInit_v2; one answer in `kSane` is sane, so
// that callers come some way.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/prng.h"
#include "nvmlabi/nvml_abi.h"

namespace abi = kerf::nvmlabi;

namespace {

kerf::Prng dice{1};
unsigned sane_percent = 50;
unsigned failure_in = 8;
unsigned list_below = 8;  ///< a sane count of a list; a Look of long lists never ends well

bool sane() { return dice.below(100) < sane_percent; }

/// Mostly success, so that the nonsense in the values is read.
abi::Return code() {
  if (dice.below(failure_in) != 0) return abi::kSuccess;
  constexpr abi::Return kCodes[] = {1,  2,  3,  4,  6,  7,  9,   10, 13,
                                    15, 16, 19, 23, 25, 29, 999, -7, 70000};
  return kCodes[dice.below(sizeof kCodes / sizeof *kCodes)];
}

unsigned number(unsigned sane_below) {
  if (sane()) return static_cast<unsigned>(dice.below(sane_below));
  constexpr unsigned kNumbers[] = {0,   1,   64,    127,   128,        129,
                                   255, 256, 65535, 65536, 0x7fffffff, 0xffffffff};
  return kNumbers[dice.below(sizeof kNumbers / sizeof *kNumbers)];
}

void garbage(void* to, std::size_t size) {
  auto* bytes = static_cast<unsigned char*>(to);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(1 + dice.below(255));
}

void text(char* to, std::size_t size) {
  garbage(to, size);
  if (!sane()) return;
  std::strncpy(to, dice.below(2) == 0 ? "GPU-1" : "NVIDIA H100 80GB HBM3", size);
}

template <class Handle>
Handle handle() {
  return dice.below(std::uint64_t{4} * failure_in) == 0
             ? nullptr
             : reinterpret_cast<Handle>(std::uintptr_t{0x1000} + dice.below(4));
}

/// At most as many entries as there is room for, however many it claims.
template <class Entry, class Fill>
void list(Entry* entries, unsigned* count, Fill fill) {
  const unsigned room = entries == nullptr ? 0 : *count;
  const unsigned claimed = number(list_below);
  for (unsigned i = 0; i < room && i < claimed && i < 4096; ++i) entries[i] = fill();
  *count = claimed;
}

template <class Handle>
abi::Return give(Handle* out) {
  *out = handle<Handle>();
  return code();
}

}  // namespace

#define HOSTILE extern "C" abi::Return
#pragma GCC diagnostic ignored "-Wmissing-declarations"

HOSTILE nvmlInit_v2() {
  const char* seed = std::getenv("KERF_HOSTILE_SEED");
  const auto value = seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
  dice = kerf::Prng(value);
  sane_percent = 30 + static_cast<unsigned>(dice.below(71));
  if (dice.below(2) == 0) sane_percent = 98 + static_cast<unsigned>(dice.below(3));
  failure_in = 8U << dice.below(10);
  list_below = dice.below(2) == 0 ? 2 : 8;
  return abi::kSuccess;
}
HOSTILE nvmlShutdown() { return code(); }
HOSTILE nvmlSystemGetDriverVersion(char* to, unsigned size) { return text(to, size), code(); }
HOSTILE nvmlSystemGetNVMLVersion(char* to, unsigned size) { return text(to, size), code(); }
HOSTILE nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = static_cast<int>(number(20000));
  return code();
}
HOSTILE nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 1 + number(4);
  return code();
}
/// Nearly always the same GPU at the same index with the same UUID, or a caller would not get past
/// it.
HOSTILE nvmlDeviceGetHandleByIndex_v2(unsigned index, abi::Device* out) {
  if (dice.below(200) == 0) return give(out);
  *out = reinterpret_cast<abi::Device>(std::uintptr_t{0x1000} + index % 4);
  return abi::kSuccess;
}
HOSTILE nvmlDeviceGetUUID(abi::Device of, char* to, unsigned size) {
  garbage(to, size);
  if (dice.below(200) == 0) return code();
  std::strncpy(to, "GPU-0", size);
  to[4] = static_cast<char>('0' + reinterpret_cast<std::uintptr_t>(of) % 4);
  return abi::kSuccess;
}
HOSTILE nvmlDeviceGetName(abi::Device, char* to, unsigned size) { return text(to, size), code(); }
HOSTILE nvmlDeviceGetPciInfo_v3(abi::Device, abi::PciInfo* info) {
  return garbage(info, sizeof *info), code();
}
HOSTILE nvmlDeviceGetMinorNumber(abi::Device, unsigned* minor) {
  *minor = number(8);
  return code();
}
HOSTILE nvmlDeviceGetMemoryInfo(abi::Device, abi::Memory* memory) {
  return garbage(memory, sizeof *memory), code();
}
HOSTILE nvmlDeviceGetMigMode(abi::Device, unsigned* current, unsigned* pending) {
  *current = sane() ? 1 : number(2);
  *pending = number(2);
  return code();
}
HOSTILE nvmlDeviceSetMigMode(abi::Device, unsigned, abi::Return* activation) {
  *activation = code();
  return code();
}
HOSTILE nvmlDeviceGetAttributes_v2(abi::Device, abi::DeviceAttributes* out) {
  return garbage(out, sizeof *out), code();
}
HOSTILE nvmlDeviceGetGpuInstanceProfileInfoV(abi::Device, unsigned profile,
                                             abi::GpuInstanceProfileInfo_v3* info) {
  const unsigned version = info->version;
  garbage(info, sizeof *info);
  info->version = version;
  info->id = number(20);
  info->slice_count = number(8);
  info->instance_count = number(8);
  return profile > 20 && sane() ? abi::kInvalidArgument : code();
}
HOSTILE nvmlDeviceGetGpuInstanceProfileInfo(abi::Device, unsigned profile,
                                            abi::GpuInstanceProfileInfo* info) {
  garbage(info, sizeof *info);
  info->id = number(20);
  return profile > 20 && sane() ? abi::kInvalidArgument : code();
}
HOSTILE nvmlDeviceGetGpuInstancePossiblePlacements_v2(abi::Device, unsigned, abi::Placement* to,
                                                      unsigned* count) {
  list(to, count, [] { return abi::Placement{number(8), number(8)}; });
  return code();
}
HOSTILE nvmlDeviceCreateGpuInstanceWithPlacement(abi::Device, unsigned, const abi::Placement*,
                                                 abi::GpuInstance* out) {
  return give(out);
}
HOSTILE nvmlDeviceGetGpuInstances(abi::Device, unsigned, abi::GpuInstance* to, unsigned* count) {
  list(to, count, handle<abi::GpuInstance>);
  return code();
}
HOSTILE nvmlDeviceGetGpuInstanceById(abi::Device, unsigned, abi::GpuInstance* out) {
  return give(out);
}
HOSTILE nvmlGpuInstanceGetInfo(abi::GpuInstance, abi::GpuInstanceInfo* info) {
  *info = {handle<abi::Device>(), number(15), number(20), {number(8), number(8)}};
  return code();
}
HOSTILE nvmlGpuInstanceDestroy(abi::GpuInstance) { return code(); }
HOSTILE nvmlGpuInstanceGetComputeInstanceProfileInfo(abi::GpuInstance, unsigned profile, unsigned,
                                                     abi::ComputeInstanceProfileInfo* info) {
  garbage(info, sizeof *info);
  info->id = number(9);
  info->slice_count = number(8);
  return profile > 9 && sane() ? abi::kInvalidArgument : code();
}
HOSTILE nvmlGpuInstanceCreateComputeInstance(abi::GpuInstance, unsigned,
                                             abi::ComputeInstance* out) {
  return give(out);
}
HOSTILE nvmlGpuInstanceGetComputeInstances(abi::GpuInstance, unsigned, abi::ComputeInstance* to,
                                           unsigned* count) {
  list(to, count, handle<abi::ComputeInstance>);
  return code();
}
HOSTILE nvmlGpuInstanceGetComputeInstanceById(abi::GpuInstance, unsigned,
                                              abi::ComputeInstance* out) {
  return give(out);
}
HOSTILE nvmlComputeInstanceGetInfo_v2(abi::ComputeInstance, abi::ComputeInstanceInfo* info) {
  *info = {handle<abi::Device>(),
           handle<abi::GpuInstance>(),
           number(8),
           number(9),
           {number(8), number(8)}};
  return code();
}
HOSTILE nvmlComputeInstanceDestroy(abi::ComputeInstance) { return code(); }
HOSTILE nvmlDeviceGetComputeRunningProcesses_v3(abi::Device, unsigned* count,
                                                abi::ProcessInfo* to) {
  list(to, count, [] { return abi::ProcessInfo{number(99), number(99), number(15), number(8)}; });
  return code();
}
HOSTILE nvmlDeviceGetGraphicsRunningProcesses_v3(abi::Device of, unsigned* count,
                                                 abi::ProcessInfo* to) {
  return nvmlDeviceGetComputeRunningProcesses_v3(of, count, to);
}
HOSTILE nvmlEventSetCreate(abi::EventSet* out) { return give(out); }
HOSTILE nvmlDeviceRegisterEvents(abi::Device, unsigned long long, abi::EventSet) { return code(); }
HOSTILE nvmlEventSetWait_v2(abi::EventSet, abi::EventData* data, unsigned) {
  *data = {handle<abi::Device>(), sane() ? abi::kEventXidCriticalError : 1ULL << dice.below(64),
           number(100), number(15), number(8)};
  return code();
}
HOSTILE nvmlEventSetFree(abi::EventSet) { return code(); }
