// A GpuNode's status of what stands on a machine, as if all of it were Kerf's, and labels as text.
#pragma once

#include <map>
#include <string>

#include "core/agent/labels.h"
#include "core/agent/shape.h"
#include "core/agent/words.h"

namespace kerf::nvml {

/// Complete slices; of GPUs that are not cut the whole one, or that many replicas under a resource.
inline control::GpuNodeStatus standing(const agent::Looked& looked, const gpu::Catalogue& catalogue,
                                       int replicas = 1, const std::string& resource = "") {
  control::GpuNodeStatus status;
  for (const agent::SeenGpu& seen : looked.gpus) {
    control::GpuStatus& gpu = status.gpus.emplace_back();
    gpu.uuid = seen.uuid;
    gpu.model = seen.model;
    gpu.mig = seen.mode;
    gpu.lost = seen.lost;
    const auto add = [&](const std::string& form, int start, const std::string& uuid) {
      control::SliceStatus& slice = gpu.slices.emplace_back();
      slice.form = form;
      slice.start = static_cast<std::uint8_t>(start);
      slice.uuid = uuid;
      slice.resource = resource;
    };
    for (const agent::SeenInstance& instance : seen.instances) {
      const auto form =
          agent::form_of(catalogue.find(seen.model), instance.profile, instance.start);
      add(form.value_or("?"), instance.start,
          instance.computes.size() == 1 ? instance.computes[0].uuid : "");
    }
    if (!seen.mode && replicas == 1) add("whole", 0, seen.uuid);
    for (int i = 0; !seen.mode && replicas > 1 && i < replicas; ++i)
      add("replica/" + std::to_string(replicas), i, seen.uuid);
  }
  return status;
}

/// "key=value" lines, as GPU Feature Discovery's output file has them.
inline std::string label_lines(const std::map<std::string, std::string>& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text.append(key).append("=").append(value).append("\n");
  return text;
}

}  // namespace kerf::nvml
