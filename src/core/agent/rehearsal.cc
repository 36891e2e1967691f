// Rehearsal: what was done and what stays different, told of the world in which it was tried.
#include "core/agent/rehearsal.h"

#include <algorithm>

#include "core/agent/rehearsal_node.h"
#include "core/agent/shape.h"

namespace kerf::agent {
namespace {

const control::WantedSlice* wanted_at(const control::GpuNodeSpec& wanted, std::uint32_t gpu,
                                      const std::string& form, std::uint8_t start) {
  if (gpu >= wanted.gpus.size()) return nullptr;
  for (const control::WantedSlice& slice : wanted.gpus[gpu].slices)
    if (slice.form == form && slice.start == start) return &slice;
  return nullptr;
}

bool stands(const control::SliceStatus& slice) { return !slice.uuid.empty(); }
bool is_held(const control::SliceStatus& slice) {
  return slice.state == cluster::SliceState::Used || !slice.pod.empty();
}

std::string layout_of(const gpu::Catalogue& catalogue, const SeenGpu& gpu,
                      const std::vector<std::string>& virtuals) {
  std::string text = (gpu.model.empty() ? "?" : gpu.model) + " [";
  bool first = true;
  const auto add = [&](const std::string& slice) {
    text += (first ? "" : " ") + slice;
    first = false;
  };
  const gpu::Model* model = catalogue.find(gpu.model);
  for (const SeenInstance& instance : gpu.instances) {
    const auto form = form_of(model, instance.profile, instance.start);
    add(form.value_or("profile-" + std::to_string(instance.profile)) + "@" +
        std::to_string(instance.start));
  }
  for (const std::string& slice : virtuals) add(slice);
  return text + "]";
}

/// Whole GPUs and replicas that the journal has as standing.
std::vector<std::string> virtuals_of(const std::optional<Journal>& journal,
                                     const std::string& uuid) {
  std::vector<std::string> found;
  if (!journal) return found;
  for (const JournalGpu& gpu : journal->gpus)
    for (const Entry& entry : gpu.devices)
      if (gpu.uuid == uuid && entry.mark != Mark::Making &&
          shape_of(nullptr, entry.form, entry.start))
        found.push_back(entry.form + "@" + std::to_string(entry.start));
  return found;
}
std::vector<std::string> virtuals_of(const control::GpuStatus& gpu) {
  std::vector<std::string> found;
  for (const control::SliceStatus& slice : gpu.slices)
    if (stands(slice) && shape_of(nullptr, slice.form, slice.start))
      found.push_back(slice.form + "@" + std::to_string(slice.start));
  return found;
}

/// Why a wanted slice does not stand: what clashes with it.
void blame(const gpu::Model* model, const control::GpuStatus& gpu, std::uint32_t number,
           const control::WantedSlice& slice, Difference& difference) {
  const auto shape = shape_of(model, slice.form, slice.start);
  if (!shape) return;
  for (const control::SliceStatus& other : gpu.slices) {
    const auto its = shape_of(model, other.form, other.start);
    const bool same = other.form == slice.form && other.start == slice.start;
    if (!its || same || !stands(other) || !clash(*shape, *its)) continue;
    difference.by.push_back(control::device_id(number, other.form, other.start));
    difference.held = difference.held || is_held(other);
    if (difference.pod.empty()) difference.pod = other.pod;
  }
}

void compare_wanted(const gpu::Model* model, const control::GpuStatus& gpu, std::uint32_t number,
                    const control::WantedSlice& slice, std::vector<Difference>& differences) {
  using enum Difference::What;
  const auto seen = std::ranges::find_if(gpu.slices, [&](const control::SliceStatus& it) {
    return it.form == slice.form && it.start == slice.start;
  });
  Difference difference;
  difference.device = control::device_id(number, slice.form, slice.start);
  if (seen == gpu.slices.end() || !stands(*seen)) {
    difference.what = Missing;
    blame(model, gpu, number, slice, difference);
  } else if (!seen->resource.empty() && seen->resource != slice.resource) {
    difference.what = OtherName;
  } else if (slice.published && !seen->published) {
    difference.what = NotOffered;
  } else if (!slice.published && seen->published) {
    difference.what = Offered;
  } else {
    return;
  }
  if (difference.what != Missing) {
    difference.held = is_held(*seen);
    difference.pod = seen->pod;
  }
  differences.push_back(std::move(difference));
}

std::vector<Difference> differences_of(const gpu::Catalogue& catalogue,
                                       const control::GpuNodeStatus& status,
                                       const control::GpuNodeSpec& wanted) {
  std::vector<Difference> differences;
  for (std::uint32_t i = 0; i < status.gpus.size(); ++i) {
    const control::GpuStatus& gpu = status.gpus[i];
    const gpu::Model* model = catalogue.find(gpu.model);
    if (i < wanted.gpus.size())
      for (const control::WantedSlice& slice : wanted.gpus[i].slices)
        compare_wanted(model, gpu, i, slice, differences);
    for (const control::SliceStatus& slice : gpu.slices) {
      if (!stands(slice) || wanted_at(wanted, i, slice.form, slice.start)) continue;
      differences.push_back({Difference::What::Staying,
                             control::device_id(i, slice.form, slice.start),
                             slice.pod,
                             is_held(slice),
                             {}});
    }
  }
  std::ranges::sort(differences, {}, &Difference::device);
  return differences;
}

/// Not another machine's, as the mind judges it (Mind::place).
bool is_of(const Journal& journal, const std::vector<SeenGpu>& gpus) {
  return gpus.size() < journal.gpus.size() || std::ranges::all_of(gpus, [&](const SeenGpu& gpu) {
           return std::ranges::find(journal.gpus, gpu.uuid, &JournalGpu::uuid) !=
                  journal.gpus.end();
         });
}

}  // namespace

Rehearsal rehearse(const gpu::Catalogue& catalogue, const NodeRead& node,
                   const control::GpuNodeSpec& wanted) {
  // The agent of a node at rest is told of another layout while it runs. Where something is to be
  // done anyhow, after a crash or a reboot, it is as if it started with that layout.
  std::optional<RehearsalNode> tried(std::in_place, catalogue, node);
  Rehearsal rehearsal;
  rehearsal.settled = tried->start(nullptr);
  if (rehearsal.settled && tried->steps().empty()) {
    rehearsal.settled = tried->want(wanted);
  } else {
    tried.emplace(catalogue, node);
    rehearsal.settled = tried->start(&wanted);
  }
  const RehearsalNode& world = *tried;
  rehearsal.steps = world.steps();
  for (const RehearsedStep& step : rehearsal.steps)
    rehearsal.driver_operations += step.driver_operations;
  rehearsal.differences = differences_of(catalogue, world.status(), wanted);
  rehearsal.degraded = world.status().degraded;
  rehearsal.message = world.status().message;
  for (std::uint32_t i = 0; i < world.status().gpus.size(); ++i) {
    const control::GpuStatus& status = world.status().gpus[i];
    GpuAfter after{i, status.uuid, status.model, "", ""};
    for (const SeenGpu& gpu : node.gpus)
      if (gpu.uuid == status.uuid)
        after.layout_before = layout_of(catalogue, gpu, virtuals_of(node.journal, gpu.uuid));
    for (const SeenGpu& gpu : world.gpus())
      if (gpu.uuid == status.uuid)
        after.layout_after = layout_of(catalogue, gpu, virtuals_of(status));
    rehearsal.gpus.push_back(std::move(after));
  }
  return rehearsal;
}

std::vector<TakenPublished> taken_published(const NodeRead& node,
                                            const control::GpuNodeSpec& wanted) {
  std::map<std::string, std::string> published;
  for (const auto& [resource, devices] : node.healthy)
    for (const std::string& device : devices) published[device] = resource;
  if (node.journal && is_of(*node.journal, node.gpus))
    for (std::uint32_t i = 0; i < node.journal->gpus.size(); ++i)
      for (const Entry& entry : node.journal->gpus[i].devices)
        if (entry.published && entry.mark != Mark::Making)
          published.emplace(control::device_id(i, entry.form, entry.start), entry.resource);
  std::vector<TakenPublished> taken;
  for (const auto& [device, resource] : published) {
    const auto name = parse_device_id(device);
    if (!name) continue;
    const control::WantedSlice* slice = wanted_at(wanted, name->gpu, name->form, name->start);
    if (slice == nullptr) taken.push_back({device, resource, TakenPublished::How::Goes});
    else if (slice->resource != resource)
      taken.push_back({device, resource, TakenPublished::How::Renamed});
    else if (!slice->published) taken.push_back({device, resource, TakenPublished::How::Parked});
  }
  return taken;
}

}  // namespace kerf::agent
