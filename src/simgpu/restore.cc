// A driver from a saved state: everything that the engine takes for granted is checked first.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "simgpu/boards.h"
#include "simgpu/driver.h"
#include "simgpu/limits.h"
#include "simgpu/nvlink.h"
#include "simgpu/placement.h"

namespace kerf::simgpu {

namespace {

constexpr std::size_t kMostGpus = 32;  // mig-minors knows no more
constexpr std::int64_t kMostMs = 1'000'000'000;
constexpr std::uint64_t kMostSerials = 1ULL << 56;

template <class Range, class Projection>
bool strictly_ascending(const Range& range, Projection by) {
  return std::ranges::adjacent_find(range, [&](const auto& a, const auto& b) {
           return std::invoke(by, a) >= std::invoke(by, b);
         }) == std::ranges::end(range);
}

bool pids_fine(const std::vector<std::uint32_t>& pids) {
  return pids.size() <= kMostEntries && strictly_ascending(pids, std::identity{});
}

/// Every serial and MIG index seen so far, to find one that is there twice.
struct Taken {
  std::uint64_t serials = 0;  ///< given out
  std::set<std::uint64_t> seen;
  bool take(std::uint64_t serial) {
    return serial > 0 && serial <= serials && seen.insert(serial).second;
  }
};

const char* wrong_with(const ComputeInstanceState& ci, const BoardProfile& profile,
                       std::uint32_t& slices, std::uint32_t& indices, Taken& taken) {
  if (!taken.take(ci.serial)) return "a compute instance's serial";
  const auto profiles = compute_profiles(profile.compute_slices);
  const auto found = std::ranges::find(profiles, ci.profile, &ComputeProfile::profile);
  if (found == profiles.end()) return "a compute instance's profile";
  if (ci.placement.size != found->slices ||
      std::ranges::find(found->starts, ci.placement.start) == found->starts.end())
    return "a compute instance's placement";
  const std::uint32_t mask = bits_of(ci.placement.size, ci.placement.start);
  if ((slices & mask) != 0) return "compute instances overlap";
  slices |= mask;
  if (ci.mig_index < 0 || ci.mig_index >= 32 || (indices >> ci.mig_index & 1U) != 0)
    return "a MIG device's index";
  indices |= 1U << ci.mig_index;
  if (!pids_fine(ci.pids)) return "the processes of a compute instance";
  return nullptr;
}

const char* wrong_with(const GpuState& gpu, const Board& board, Taken& taken) {
  if (!taken.take(gpu.serial)) return "a GPU's serial";
  if (gpu.minor < 0 || gpu.minor > 255) return "a GPU's minor number";
  if (gpu.id_mask > 7) return "how ids lie on a GPU";
  if (gpu.open_clients < 0) return "a GPU's clients";
  if (!pids_fine(gpu.pids)) return "the processes of a GPU";
  if (!board.mig() && (gpu.mig.current || gpu.mig.pending))
    return "MIG mode on a board without MIG";
  if (!gpu.mig.current && !gpu.instances.empty()) return "GPU instances while MIG is off";
  if (!strictly_ascending(gpu.instances, &GpuInstanceState::id))
    return "the order of GPU instances";
  Occupancy occupied(board, {});
  std::uint32_t indices = 0;
  for (const GpuInstanceState& gi : gpu.instances) {
    if (!taken.take(gi.serial)) return "a GPU instance's serial";
    if (gi.profile >= board.profiles.size()) return "a GPU instance's profile";
    const BoardProfile& profile = board.profiles[gi.profile];
    if (std::ranges::find(profile.starts, gi.start) == profile.starts.end())
      return "a GPU instance's start";
    if (!occupied.fits(profile, gi.start)) return "GPU instances that do not fit together";
    occupied.add(profile, gi.start);
    if (gi.id != gpu_instance_id_at(board, profile, gi.start, gpu.id_mask))
      return "a GPU instance's id";
    if (!strictly_ascending(gi.compute_instances, &ComputeInstanceState::id))
      return "the order of compute instances";
    std::uint32_t slices = 0;
    for (const ComputeInstanceState& ci : gi.compute_instances)
      if (const char* wrong = wrong_with(ci, profile, slices, indices, taken)) return wrong;
  }
  return nullptr;
}

const char* wrong_with(const Config& config) {
  if (config.gpus.size() > kMostGpus) return "more than 32 GPUs";
  for (const GpuConfig& gpu : config.gpus)
    if (find_board(gpu.board) == nullptr) return "a board that is not known";
  if (!wrong_bridges(config).empty()) return "a bridge";
  const Latencies& latencies = config.latencies;
  const auto fine = [](const LatencyRange& r) {
    return r.min_ms >= 0 && r.min_ms <= r.max_ms && r.max_ms <= kMostMs;
  };
  if (!std::ranges::all_of(latencies.ranges, fine) || !fine(latencies.slow_mig_device) ||
      !fine(latencies.slow_by_uuid))
    return "a latency";
  return nullptr;
}

const char* wrong_with(const State& state) {
  if (state.serials >= kMostSerials) return "the count of serials";
  if (state.events.size() > 256 || !strictly_ascending(state.events, &Event::sequence))
    return "the list of events";
  for (const Event& event : state.events)
    if (event.sequence > state.newest_event || event.gpu < 0 ||
        static_cast<std::size_t>(event.gpu) >= state.gpus.size())
      return "an event";
  if (state.faults.size() > kMostEntries) return "the list of faults";
  for (const Fault& fault : state.faults)
    if (fault.operation >= Operation::kCount || fault.count <= 0 || fault.code == Return::Success ||
        fault.effect > Effect::Done)
      return "a fault";
  if (state.memory.size() > kMostEntries || !strictly_ascending(state.memory, &ProcessMemory::pid))
    return "the memory of processes";
  for (const ProcessMemory& m : state.memory)
    if (m.mib < 0) return "the memory of a process";
  return nullptr;
}

}  // namespace

Result<Driver> Driver::restore(Config config, State state) {
  const auto no = [](const char* what) {
    return invalid(std::string("a saved driver that cannot be: ") + what);
  };
  if (const char* wrong = wrong_with(config)) return no(wrong);
  if (config.gpus.size() != state.gpus.size()) return no("the number of GPUs");
  if (const char* wrong = wrong_with(state)) return no(wrong);
  Taken taken{state.serials, {}};
  for (std::size_t i = 0; i < state.gpus.size(); ++i)
    if (const char* wrong = wrong_with(state.gpus[i], *find_board(config.gpus[i].board), taken))
      return no(wrong);
  Driver driver;
  driver.config_ = std::move(config);
  driver.state_ = std::move(state);
  return driver;
}

}  // namespace kerf::simgpu
