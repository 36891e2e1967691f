// Who is linked with whom, from the machine's configuration.
#include "simgpu/nvlink.h"

#include <algorithm>
#include <set>

namespace kerf::simgpu {
namespace {

constexpr std::string_view kSwitched[] = {"A100-40", "A100-80", "H100-80", "H200",
                                          "B200",    "GB200",   "B300",    "GB300"};

std::string_view board(const Config& config, int gpu) {
  return config.gpus[static_cast<std::size_t>(gpu)].board;
}

}  // namespace

unsigned nvlinks_of(std::string_view board) {
  if (board.starts_with("A100")) return 12;
  if (board == "A30") return 4;
  for (const std::string_view later : {"H100", "H200", "B200", "B300", "GB200", "GB300"})
    if (board.starts_with(later)) return 18;
  return 0;
}

NvLink nvlink_of(const Config& config, int gpu, unsigned link) {
  if (link >= nvlinks_of(board(config, gpu))) return {};
  for (const Bridge& bridge : config.bridges)
    if (bridge.a == gpu || bridge.b == gpu)
      return {NvLink::To::Gpu, bridge.a == gpu ? bridge.b : bridge.a};
  if (!config.bridges.empty() ||
      std::ranges::find(kSwitched, board(config, gpu)) == std::end(kSwitched))
    return {};
  const auto alike = std::ranges::count(config.gpus, board(config, gpu), &GpuConfig::board);
  return alike > 1 ? NvLink{NvLink::To::Switch, -1} : NvLink{};
}

std::string wrong_bridges(const Config& config) {
  std::set<int> ends;
  for (const Bridge& bridge : config.bridges)
    for (const int gpu : {bridge.a, bridge.b}) {
      const std::string name = "GPU " + std::to_string(gpu);
      if (gpu < 0 || gpu >= static_cast<int>(config.gpus.size()))
        return "there is no " + name + " to bridge";
      if (nvlinks_of(board(config, gpu)) == 0) return name + " has no NVLink";
      if (!ends.insert(gpu).second) return name + " has two bridges; expected each GPU in one pair";
    }
  return "";
}

}  // namespace kerf::simgpu
