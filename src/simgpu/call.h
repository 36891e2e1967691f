// Call: one call on its way through the driver: its fault, its handle, its latency.
#pragma once

#include <cstdint>
#include <utility>

#include "simgpu/boards.h"
#include "simgpu/driver.h"

namespace kerf::simgpu {

/// Kinds of handles, in the top byte; the serial is below.
enum class HandleKind : std::uint8_t {
  Gpu = 1,
  MigDevice = 2,
  GpuInstance = 3,
  ComputeInstance = 4
};
std::uint64_t make_handle(HandleKind kind, std::uint64_t serial);

/// Used like this: make it, find the target with one of the on_...() functions, which make the
/// checks that all calls share and say whether the call goes on; then answer with stop() or end(),
/// once.
class Call {
 public:
  /// `subject` is what else the latency depends on. A call that may change something says so, and
  /// by whom, with change().
  Call(Driver& driver, Operation operation, std::uint64_t subject = 0)
      : driver_(driver), operation_(operation), subject_(subject) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Call& change(Caller caller);
  /// Only root may ask this, though it changes nothing.
  Call& privileged(Caller caller);

  bool on_machine();
  bool on_gpu_index(int index);
  bool on_gpu(Device device);         ///< a GPU only
  bool on_device(Device device);      ///< a GPU or a MIG device
  bool on_mig_device(Device device);  ///< a MIG device only
  bool on(GpuInstance instance);
  bool on(ComputeInstance instance);
  /// on_gpu(), and the board has MIG and it is on.
  bool on_mig_gpu(Device device);

  // The target, as far as it has been found. Valid until the state changes.
  GpuState* gpu = nullptr;
  GpuInstanceState* instance = nullptr;
  ComputeInstanceState* compute = nullptr;
  int gpu_index = -1;
  const Board& board() const;
  const BoardProfile& profile() const;  ///< of `instance`
  Device gpu_device() const;

  /// Takes a latency of another range.
  void takes(const LatencyRange& range) { range_ = &range; }

  template <class T>
  Answer<T> stop(Return code) {
    return {code, T{}, latency()};
  }
  /// After an on_...() that answered false.
  template <class T>
  Answer<T> stop() {
    return stop<T>(code_);
  }
  /// Success, unless a fault with Effect::Done is due.
  template <class T>
  Answer<T> end(T value) {
    if (const Return code = take_done_fault(); code != Return::Success) return stop<T>(code);
    return {Return::Success, std::move(value), latency()};
  }

 private:
  bool find(std::uint64_t handle, HandleKind kind);
  bool checks(bool found);
  Fault* due(Effect effect);
  void use(Fault& fault);
  Return take_done_fault();
  std::int64_t latency() const;

  Driver& driver_;
  Operation operation_;
  std::uint64_t subject_;
  const LatencyRange* range_ = nullptr;
  Return code_ = Return::Success;
  bool privileged_ = false;
  Caller caller_ = Caller::Root;
};

}  // namespace kerf::simgpu
