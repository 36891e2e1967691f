// Interning of shapes, and what a pod asks for in words.
#include "core/cluster/demand.h"

#include <fmt/format.h>

namespace kerf::cluster {

std::uint32_t Demand::intern(PodShape shape) {
  const auto [entry, fresh] =
      index_.try_emplace(std::move(shape), static_cast<std::uint32_t>(shapes.size()));
  if (fresh) shapes.push_back(entry->first);
  return entry->second;
}

std::string resource_name(const GpuRequest& request) {
  switch (request.kind) {
    case GpuRequestKind::Whole:
      if (request.gib == 0) return "nvidia.com/gpu";
      return fmt::format("nvidia.com/gpu of {} GB or more", request.gib);
    case GpuRequestKind::Slice: {
      std::string name = "nvidia.com/mig-" + request.profile;
      for (char& c : name)
        if (c == '+') c = '.';
      return name;
    }
    case GpuRequestKind::Portable: {
      std::string name = fmt::format("kerf.dev/gpu-{}gi", request.gib);
      if (request.isolation == Isolation::Isolated) name += "-isolated";
      if (request.isolation == Isolation::Shared) name += "-shared";
      return name;
    }
    case GpuRequestKind::ShareOfMemory:
    case GpuRequestKind::ShareOfCompute:
      return fmt::format("{:.3g} GPU by {}", request.share_milli / 1000.0,
                         request.kind == GpuRequestKind::ShareOfMemory ? "memory" : "compute");
  }
  return "?";
}

std::string describe(const std::vector<GpuRequest>& gpu) {
  std::string text;
  for (const GpuRequest& request : gpu) {
    if (!text.empty()) text += " + ";
    if (request.count != 1) text += fmt::format("{} x ", request.count);
    text += resource_name(request);
  }
  return text.empty() ? "no GPU" : text;
}

}  // namespace kerf::cluster
