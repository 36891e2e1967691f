// Nodes as they are read, made by hand: for tests of the rehearsal and of what is reported of it.
#pragma once

#include <string>
#include <vector>

#include "codec/catalogue.h"
#include "core/agent/rehearsal.h"
#include "core/agent/shape.h"

namespace kerf::agent {

/// A node at rest: each GPU, of a model by key, is cut as `layouts` says, all of it Kerf's; what is
/// published kubelet offers. A GPU whose layout has only whole ones or replicas has MIG mode off.
inline NodeRead node_at_rest(const std::vector<std::string>& models,
                             const std::vector<control::WantedGpu>& layouts) {
  NodeRead node;
  node.boot_id = "boot";
  Journal& journal = node.journal.emplace();
  journal.boot_id = "boot";
  journal.uid = "uid";
  journal.generation = 7;
  for (int s = 0; s < kSources; ++s) {
    node.holders[static_cast<std::size_t>(s)].source = static_cast<Source>(s);
  }
  for (std::uint32_t i = 0; i < models.size(); ++i) {
    SeenGpu& gpu = node.gpus.emplace_back();
    gpu.uuid = "GPU-" + std::to_string(i);
    gpu.model = models[i];
    const gpu::Model* model = codec::builtin_catalogue().find(models[i]);
    gpu.mig_capable = gpu.mode = gpu.mode_pending = model->cuttable();
    JournalGpu& written = journal.gpus.emplace_back();
    written.uuid = gpu.uuid;
    for (const control::WantedSlice& slice : layouts[i].slices) {
      const auto shape = shape_of(model, slice.form, slice.start).value();
      const std::string device = control::device_id(i, slice.form, slice.start);
      std::string uuid = gpu.uuid;
      if (shape.kind == Shape::Kind::Slice) {
        uuid = "MIG-" + device;
        gpu.instances.push_back({static_cast<std::uint32_t>(gpu.instances.size() + 3),
                                 shape.profile,
                                 shape.start,
                                 shape.size,
                                 {{0, shape.compute_slices, uuid}}});
      } else {
        gpu.mode = gpu.mode_pending = false;
      }
      written.devices.push_back(
          {slice.form, slice.start, slice.resource, slice.published, Mark::Stands, false});
      node.cdi.push_back({device, uuid});
      if (slice.published) node.healthy[slice.resource].insert(device);
    }
  }
  return node;
}

/// A pod has that device, and all sources say so.
inline void hold(NodeRead& node, const std::string& device, const std::string& pod) {
  const auto name = parse_device_id(device).value();
  const SeenGpu& gpu = node.gpus.at(name.gpu);
  std::string resource;
  for (const Entry& entry : node.journal->gpus.at(name.gpu).devices)
    if (entry.form == name.form && entry.start == name.start) resource = entry.resource;
  node.holders[0].devices.push_back({device, resource, pod});
  node.holders[1].devices.push_back({device, resource, ""});
  Process process{gpu.uuid, kNoInstance, 4711};
  for (const SeenInstance& instance : gpu.instances)
    if (instance.start == name.start) process.gi = instance.gi;
  node.holders[2].processes.push_back(process);
}

}  // namespace kerf::agent
