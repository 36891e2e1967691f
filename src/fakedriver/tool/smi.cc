// Listing and resetting the GPUs of the machine that the environment names.
#include "fakedriver/tool/smi.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string_view>

#include "fakedriver/identity.h"
#include "fakedriver/machine.h"
#include "fakedriver/wait.h"
#include "simgpu/boards.h"
#include "simgpu/placement.h"

namespace kerf::fakedriver::tool {

namespace {

std::string list(const simgpu::Driver& driver) {
  std::string text;
  for (std::size_t i = 0; i < driver.state().gpus.size(); ++i) {
    const simgpu::GpuState& gpu = driver.state().gpus[i];
    const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[i].board);
    if (gpu.lost) {
      text += fmt::format("Unable to determine the device handle for GPU{}: {}: GPU is lost\n", i,
                          nvml_bus_id(static_cast<int>(i)));
      continue;
    }
    text += fmt::format("GPU {}: {} (UUID: {})\n", i, board.name, gpu.uuid);
    for (int index = 0; index < 32; ++index)
      for (const simgpu::GpuInstanceState& gi : gpu.instances)
        for (const simgpu::ComputeInstanceState& ci : gi.compute_instances)
          if (ci.mig_index == index)
            text += fmt::format(
                "  MIG {:<15} Device {:>2}: (UUID: {})\n",
                simgpu::compute_instance_name(board.profiles[gi.profile], ci.placement.size), index,
                ci.uuid);
  }
  return text;
}

/// -1: there is no such GPU.
int gpu_named(const simgpu::Driver& driver, std::string_view name) {
  const auto& gpus = driver.state().gpus;
  for (std::size_t i = 0; i < gpus.size(); ++i)
    if (name == std::to_string(i) || name == gpus[i].uuid || index_at(name) == static_cast<int>(i))
      return static_cast<int>(i);
  return -1;
}

int say(const std::string& text, int exit_code) {
  std::fputs(text.c_str(), exit_code == 0 ? stdout : stderr);
  return exit_code;
}

int reset(Machine& machine, const std::string& ids) {
  std::string said;
  std::int64_t takes_ms = 0;
  const auto code = machine.change([&](simgpu::Driver& driver) {
    std::vector<int> gpus;
    if (ids.empty())
      for (int i = 0; i < static_cast<int>(driver.state().gpus.size()); ++i) gpus.push_back(i);
    for (std::size_t at = 0; !ids.empty() && at <= ids.size();) {
      const std::size_t comma = std::min(ids.find(',', at), ids.size());
      const std::string id = ids.substr(at, comma - at);
      gpus.push_back(gpu_named(driver, id));
      if (gpus.back() < 0) {
        said = fmt::format("No devices were found: {}\n", id);
        return 6;
      }
      at = comma + 1;
    }
    for (const int gpu : gpus) {
      const auto done = driver.reset_gpu(gpu, this_caller());
      takes_ms += done.latency_ms;
      if (!done.ok()) {
        said +=
            fmt::format("Unable to reset GPU {}: {}\n", pci_address(gpu), simgpu::name(done.code));
        return 19;
      }
      said += fmt::format("GPU {} was successfully reset.\n", nvml_bus_id(gpu));
    }
    said += "All done.\n";
    return 0;
  });
  if (!code) return say("nvidia-smi (simulated): " + code.error().message() + "\n", 9);
  wait_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(takes_ms));
  return say(said, *code);
}

}  // namespace

int smi(const std::vector<std::string>& words) {
  bool resets = false;
  bool lists = false;
  std::string ids;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "-r" || word == "--gpu-reset") resets = true;
    else if (word == "-L" || word == "--list-gpus") lists = true;
    else if ((word == "-i" || word == "--id") && i + 1 < words.size()) ids = words[++i];
    else if (word.starts_with("--id=")) ids = word.substr(5);
    else
      return say(
          fmt::format("nvidia-smi (simulated): there is no {}; it has -L and -r [-i IDS]\n", word),
          2);
  }
  if (resets == lists) return say("nvidia-smi (simulated): it has -L and -r [-i IDS]\n", 2);
  auto machine = Machine::open(folder_from_environment());
  if (!machine) return say("nvidia-smi (simulated): " + machine.error().message() + "\n", 9);
  if (resets) return reset(*machine, ids);
  const auto text = machine->read([](simgpu::Driver& driver) { return list(driver); });
  if (!text) return say("nvidia-smi (simulated): " + text.error().message() + "\n", 9);
  return say(*text, text->find("GPU is lost") == std::string::npos ? 0 : 15);
}

}  // namespace kerf::fakedriver::tool
