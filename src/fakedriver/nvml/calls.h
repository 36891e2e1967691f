// What all functions of the library share: the machine, who calls, latencies, texts into buffers.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "fakedriver/machine.h"
#include "fakedriver/wait.h"
#include "nvmlabi/nvml_abi.h"
#include "simgpu/driver.h"

/// An exported function: NVML's own name, C linkage, visible (everything else is hidden).
#define KERF_NVML extern "C" __attribute__((visibility("default"))) kerf::nvmlabi::Return

namespace kerf::fakedriver::nvml {

using nvmlabi::Return;

/// The machine, while at least one nvmlInit() is open; nullptr: uninitialised.
std::shared_ptr<Machine> machine();
/// nvmlInit() and nvmlShutdown(): counted. DriverNotLoaded where there is no machine, NoPermission
/// where it may not be used.
Return open_machine();
Return close_machine();
/// At the last nvmlShutdown().
void end_event_sets();
std::mutex& event_sets_mutex();
/// Says once in the life of the process, on standard error, why the machine cannot be used.
void complain(const Error& error);

inline Return code_of(simgpu::Return code) { return static_cast<Return>(code); }

// Handles: the engine's numbers, as pointers.
template <class Handle>
std::uint64_t number(Handle handle) {
  return reinterpret_cast<std::uintptr_t>(handle);
}
template <class Handle>
Handle pointer(std::uint64_t number) {
  return reinterpret_cast<Handle>(static_cast<std::uintptr_t>(number));
}
inline simgpu::Device device(nvmlabi::Device d) { return {number(d)}; }
inline nvmlabi::Device device(simgpu::Device d) { return pointer<nvmlabi::Device>(d.value); }
inline simgpu::GpuInstance instance(nvmlabi::GpuInstance i) { return {number(i)}; }
inline simgpu::ComputeInstance instance(nvmlabi::ComputeInstance i) { return {number(i)}; }

/// What a call answers that cannot be made with its arguments. Not initialised goes before that.
inline Return refuse(Return code = nvmlabi::kInvalidArgument) {
  return machine() == nullptr ? nvmlabi::kUninitialized : code;
}

/// One call: `use(driver)` gives the engine's Answer, `fill(value)` hands it over (answering a code
/// or nothing). The caller waits as long as the call is declared to take; what the call costs us is
/// part of that.
template <class Use, class Fill>
Return call(Machine::Access access, Use use, Fill fill) {
  const auto begun = std::chrono::steady_clock::now();
  const std::shared_ptr<Machine> at = machine();
  if (at == nullptr) return nvmlabi::kUninitialized;
  auto answer = at->with(access, use);
  if (!answer) {
    complain(answer.error());
    return nvmlabi::kUnknown;
  }
  if (answer->latency_ms > 0) wait_until(begun + std::chrono::milliseconds(answer->latency_ms));
  if (!answer->ok()) return code_of(answer->code);
  if constexpr (std::is_void_v<std::invoke_result_t<Fill, decltype(answer->value)&>>) {
    fill(answer->value);
    return nvmlabi::kSuccess;
  } else {
    return fill(answer->value);
  }
}
template <class Use, class Fill>
Return read(Use use, Fill fill) {
  return call(Machine::Access::Read, use, fill);
}
template <class Use, class Fill>
Return change(Use use, Fill fill) {
  return call(Machine::Access::Change, use, fill);
}
inline auto nothing() {
  return [](auto&) {};
}

/// With its final zero; InsufficientSize if that does not fit.
inline Return copy_text(std::string_view text, char* to, unsigned size) {
  if (to == nullptr) return nvmlabi::kInvalidArgument;
  if (text.size() + 1 > size) return nvmlabi::kInsufficientSize;
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return nvmlabi::kSuccess;
}

/// A list whose length the caller may ask for first: with too little room `count` becomes the
/// length and the answer is InsufficientSize. Room that is nowhere is an InvalidArgument.
template <class From, class To, class Convert>
Return copy_list(const From& from, To* to, unsigned* count, Convert convert) {
  const auto length = static_cast<unsigned>(from.size());
  const unsigned room = *count;
  if (to == nullptr && room > 0) return nvmlabi::kInvalidArgument;
  *count = length;
  if (room < length) return nvmlabi::kInsufficientSize;
  std::ranges::transform(from, to, convert);
  return nvmlabi::kSuccess;
}

/// What a table does not know is 0 in NVML's structs.
inline unsigned known(int value) { return value > 0 ? static_cast<unsigned>(value) : 0U; }
inline unsigned long long bytes(std::int64_t mib) {
  return static_cast<unsigned long long>(mib) << 20U;
}

}  // namespace kerf::fakedriver::nvml
