// State: all that the simulated machine is in, as plain values that compare and hash.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simgpu/types.h"

namespace kerf::simgpu {

struct ComputeInstanceState {
  std::uint64_t serial = 0;  ///< never used twice on the machine; in both of its handles
  std::uint32_t id = 0;      ///< the first free one of its GPU instance
  std::uint8_t profile = 0;  ///< NVML_COMPUTE_INSTANCE_PROFILE_*, which is its profile id too
  Placement placement;
  std::string uuid;                 ///< "MIG-...", new at each creation
  int mig_index = 0;                ///< of the MIG device, on the GPU
  std::vector<std::uint32_t> pids;  ///< ascending
  bool operator==(const ComputeInstanceState&) const = default;
};

struct GpuInstanceState {
  std::uint64_t serial = 0;
  std::uint32_t id = 0;
  std::uint8_t profile = 0;  ///< index in Board::profiles
  std::uint8_t start = 0;
  std::vector<ComputeInstanceState> compute_instances;  ///< by id
  bool operator==(const GpuInstanceState&) const = default;
};

struct GpuState {
  std::string uuid;
  int minor = 0;
  std::uint64_t serial = 0;  ///< of its handle; new at each reset
  MigMode mig;
  bool lost = false;
  bool back_at_reboot = false;  ///< if lost
  int open_clients = 0;
  /// How ids of GPU instances lie on the board, drawn at each reset: see placement.h.
  std::uint8_t id_mask = 0;
  std::vector<std::uint32_t> pids;          ///< that hold the GPU itself, ascending
  std::vector<GpuInstanceState> instances;  ///< by id
  bool operator==(const GpuState&) const = default;
};

/// What a scripted fault does with the call besides answering its code.
enum class Effect : std::uint8_t { Nothing, Done };

struct Fault {
  Operation operation = Operation::kCount;
  Return code = Return::Unknown;
  int count = 0;
  Effect effect = Effect::Nothing;
  int gpu = -1;  ///< -1: any
  bool operator==(const Fault&) const = default;
};

/// What a process uses, if somebody said so at its start.
struct ProcessMemory {
  std::uint32_t pid = 0;
  std::int64_t mib = 0;
  bool operator==(const ProcessMemory&) const = default;
};

struct State {
  std::vector<GpuState> gpus;  ///< by index
  std::uint64_t serials = 0;   ///< given out so far
  std::uint64_t uuids = 0;     ///< drawn so far
  std::uint64_t changes = 0;   ///< calls that may change something: latencies are drawn from it
  std::uint64_t newest_event = 0;
  std::vector<Event> events;  ///< oldest first, at most 256
  std::vector<Fault> faults;
  std::vector<ProcessMemory> memory;  ///< by pid
  bool slow = false;
  bool operator==(const State&) const = default;
};

/// Stable over builds and runs.
std::uint64_t hash(const State& state);

}  // namespace kerf::simgpu
