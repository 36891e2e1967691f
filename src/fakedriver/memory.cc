// Deriving memory sizes from names.
#include "fakedriver/memory.h"

#include <cctype>
#include <string>
#include <string_view>

#include "simgpu/call.h"

namespace kerf::fakedriver {

namespace {

/// The number before "gb" or "GB": 278 of "7g.278gb", 32 of "Tesla V100-SXM2-32GB".
int gigabytes(std::string_view name) {
  std::size_t end = name.size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>(name[end - 1])) == 0) --end;
  std::size_t begin = end;
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(name[begin - 1])) != 0) --begin;
  return begin < end ? std::stoi(std::string(name.substr(begin, end - begin))) : 0;
}

}  // namespace

std::int64_t memory_mib(const simgpu::Board& board) {
  if (board.memory_mib > 0) return board.memory_mib;
  // Names round up: a GPU of 278 GB has between 277 and 278 GiB.
  return std::int64_t{1024} * gigabytes(board.mig() ? board.full().name : board.name) - 512;
}

std::int64_t memory_mib(const simgpu::Board& board, const simgpu::BoardProfile& profile) {
  if (profile.memory_mib > 0) return profile.memory_mib;
  // Its units' share less 1 %, in steps of 128 MiB: recorded ones are between 0.5 and 2 % less.
  const std::int64_t share = memory_mib(board) * profile.size / board.units;
  return share * 99 / 100 / 128 * 128;
}

Whereabouts whereabouts(const simgpu::Driver& driver, simgpu::Device device) {
  const auto& gpus = driver.state().gpus;
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    const simgpu::Board* board = simgpu::find_board(driver.config().gpus[i].board);
    const int gpu = static_cast<int>(i);
    if (driver.handle_of(gpu) == device) return {gpu, board, nullptr};
    for (const simgpu::GpuInstanceState& gi : gpus[i].instances)
      for (const simgpu::ComputeInstanceState& ci : gi.compute_instances)
        if (simgpu::make_handle(simgpu::HandleKind::MigDevice, ci.serial) == device.value)
          return {gpu, board, &board->profiles[gi.profile]};
  }
  return {};
}

}  // namespace kerf::fakedriver
