// What the node's driver, disk and kubelet do with one effect, and what there is to see of them.
#include <algorithm>

#include "core/agent/world_testing.h"
#include "simgpu/boards.h"

namespace kerf::agent {
namespace {

using FactKind = Fact::Kind;

std::string id_of(std::size_t gpu, const simgpu::Board& board,
                  const simgpu::GpuInstanceState& instance) {
  return control::device_id(static_cast<std::uint32_t>(gpu),
                            std::string(board.profiles[instance.profile].name), instance.start);
}

bool is_complete(const simgpu::Board& board, const simgpu::GpuInstanceState& instance) {
  return instance.compute_instances.size() == 1 &&
         instance.compute_instances[0].placement.size ==
             board.profiles[instance.profile].compute_slices;
}

}  // namespace

std::optional<Code> World::operate(const Action& action) {
  const auto gpu = [&](std::uint32_t number) {
    return driver.device_by_index(static_cast<int>(number)).value;
  };
  const auto there = [&](const std::string& uuid) {
    const auto number = number_of(uuid);
    return number && !fallen_.contains(*number);
  };
  const auto code = [](simgpu::Return value) { return static_cast<Code>(value); };
  const auto going = [&](std::uint32_t index, std::uint32_t gi) {
    const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[index].board);
    for (const simgpu::GpuInstanceState& instance : driver.state().gpus[index].instances) {
      if (instance.id != gi) continue;
      const auto profile = static_cast<std::uint16_t>(board.profiles[instance.profile].id);
      check_written(index, profile, instance.start, true);
      trace.push_back({FactKind::Destroyed, id_of(index, board, instance), "", {}});
      said_to_stand_.erase(id_of(index, board, instance));
    }
  };
  if (const auto* create = std::get_if<CreateInstance>(&action)) {
    if (!there(create->gpu)) return Code::GpuIsLost;
    const std::uint32_t number = *number_of(create->gpu);
    check_written(number, create->profile, create->start, false);
    return code(driver
                    .create_gpu_instance_with_placement(gpu(number), create->profile,
                                                        {create->start, create->size})
                    .code);
  }
  if (const auto* create = std::get_if<CreateCompute>(&action)) {
    if (!there(create->gpu)) return Code::GpuIsLost;
    const auto gi = driver.gpu_instance_by_id(gpu(*number_of(create->gpu)), create->gi);
    if (!gi.ok()) return code(gi.code);
    for (std::uint32_t profile = 0; profile < simgpu::kComputeInstanceProfileEnums; ++profile) {
      const auto info = driver.compute_instance_profile_info(gi.value, profile);
      if (info.ok() && info.value.slice_count == create->slices)
        return code(driver.create_compute_instance(gi.value, info.value.id).code);
    }
    return Code::NotSupported;
  }
  if (const auto* destroy = std::get_if<DestroyCompute>(&action)) {
    if (!there(destroy->gpu)) return Code::GpuIsLost;
    const std::uint32_t number = *number_of(destroy->gpu);
    const auto gi = driver.gpu_instance_by_id(gpu(number), destroy->gi);
    if (!gi.ok()) return code(gi.code);
    const auto around = driver.gpu_instance_info(gi.value).value;
    if (around.profile_id != destroy->profile || around.placement.start != destroy->start)
      return Code::NotFound;
    const auto ci = driver.compute_instance_by_id(gi.value, destroy->ci);
    if (!ci.ok()) return code(ci.code);
    if (driver.compute_instance_info(ci.value).value.mig_uuid != destroy->uuid)
      return Code::NotFound;
    going(number, destroy->gi);
    return code(driver.destroy_compute_instance(ci.value).code);
  }
  if (const auto* destroy = std::get_if<DestroyInstance>(&action)) {
    if (!there(destroy->gpu)) return Code::GpuIsLost;
    const std::uint32_t number = *number_of(destroy->gpu);
    const auto gi = driver.gpu_instance_by_id(gpu(number), destroy->gi);
    if (!gi.ok()) return code(gi.code);
    const auto info = driver.gpu_instance_info(gi.value).value;
    if (info.profile_id != destroy->profile || info.placement.start != destroy->start)
      return Code::NotFound;
    going(number, destroy->gi);
    return code(driver.destroy_gpu_instance(gi.value).code);
  }
  if (const auto* write = std::get_if<WriteCdi>(&action)) cdi_[write->device] = write->uuid;
  if (const auto* remove = std::get_if<RemoveCdi>(&action)) cdi_.erase(remove->device);
  if (const auto* write = std::get_if<WriteJournal>(&action)) journal_ = to_text(write->journal);
  if (const auto* report = std::get_if<Report>(&action)) status = report->status;
  if (const auto* serve = std::get_if<Serve>(&action)) {
    if (!kubelet_up) return Code::Unknown;
    // A list that changes nothing in what is offered cannot be told from the one before it.
    for (const Incoming& last : incoming_)
      if (last.resource == serve->resource && last.list != serve->devices &&
          offered_in(last.list) != offered_in(lists_[serve->resource]))
        trace.push_back({FactKind::Overtaken, "", serve->resource, {}});
    incoming_.push_back({list_lag, serve->resource, serve->devices});
    if (list_lag == 0) take_lists(true);
  }
  return Code::Success;
}

std::vector<SeenGpu> World::look() {
  std::vector<SeenGpu> seen;
  for (std::size_t i = 0; i < driver.config().gpus.size(); ++i) {
    if (fallen_.contains(static_cast<std::uint32_t>(i))) continue;
    const simgpu::GpuState& state = driver.state().gpus[i];
    const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[i].board);
    SeenGpu gpu{state.uuid,
                driver.config().gpus[i].board,
                board.mig(),
                state.mig.current,
                state.mig.pending,
                state.lost,
                {},
                {}};
    if (!state.lost)
      for (const simgpu::GpuInstanceState& instance : state.instances) {
        const simgpu::BoardProfile& profile = board.profiles[instance.profile];
        SeenInstance& it = gpu.instances.emplace_back();
        it = {
            instance.id, static_cast<std::uint16_t>(profile.id), instance.start, profile.size, {}};
        for (const auto& compute : instance.compute_instances)
          it.computes.push_back({compute.id, compute.placement.size, compute.uuid});
      }
    seen.push_back(std::move(gpu));
  }
  return seen;
}

Holders World::holders(Source source) {
  Holders answer;
  answer.source = source;
  if (source == Source::Processes) {
    for (std::uint32_t i = 0; i < driver.state().gpus.size(); ++i)
      for (const auto& instance : driver.state().gpus[i].instances)
        for (const auto& compute : instance.compute_instances)
          for (const std::uint32_t pid : compute.pids)
            if (!fallen_.contains(i))
              answer.processes.push_back({driver.state().gpus[i].uuid, instance.id, pid});
    return answer;
  }
  answer.known = source == Source::Checkpoint || kubelet_up;
  for (const Pod& pod : pods) {
    const bool shown = source == Source::PodResources ? pod.in_list : pod.in_checkpoint;
    if (pod.admitted && shown)
      answer.devices.push_back(
          {pod.device, pod.resource, source == Source::PodResources ? "ns/" + pod.name : ""});
  }
  return answer;
}

std::optional<std::uint32_t> World::number_of(const std::string& uuid) const {
  for (std::uint32_t i = 0; i < driver.state().gpus.size(); ++i)
    if (driver.state().gpus[i].uuid == uuid) return i;
  return std::nullopt;
}

void World::check_written(std::uint32_t gpu, std::uint16_t profile, std::uint8_t start, bool goes) {
  const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[gpu].board);
  const std::string form(board.by_id(profile)->name);
  const Journal journal = journal_ ? journal_from_text(*journal_).value() : Journal{};
  for (const JournalGpu& written : journal.gpus)
    for (const Entry& entry : written.devices)
      if (written.uuid == driver.state().gpus[gpu].uuid && entry.form == form &&
          entry.start == start && (entry.mark == Mark::Going) == goes)
        return;
  trace.push_back({FactKind::Unwritten, control::device_id(gpu, form, start), "", {}});
}

void World::note_standing() {
  for (std::size_t i = 0; i < driver.state().gpus.size(); ++i) {
    const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[i].board);
    for (const simgpu::GpuInstanceState& instance : driver.state().gpus[i].instances) {
      if (!is_complete(board, instance)) continue;
      std::string& known = said_to_stand_[id_of(i, board, instance)];
      if (known == instance.compute_instances[0].uuid) continue;
      known = instance.compute_instances[0].uuid;
      trace.push_back({FactKind::Created, id_of(i, board, instance), "", {}});
    }
  }
}

std::string World::layout(std::size_t gpu) {
  const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[gpu].board);
  std::vector<std::pair<int, std::string>> slices;
  for (const simgpu::GpuInstanceState& instance : driver.state().gpus[gpu].instances)
    slices.emplace_back(instance.start, std::string(board.profiles[instance.profile].name) + "@" +
                                            std::to_string(instance.start) +
                                            (is_complete(board, instance) ? "" : "-"));
  std::sort(slices.begin(), slices.end());
  std::string text;
  for (const auto& [start, slice] : slices) text += (text.empty() ? "" : " ") + slice;
  return text;
}

std::string World::uuid_of(const std::string& device) {
  for (std::size_t i = 0; i < driver.state().gpus.size(); ++i) {
    const simgpu::Board& board = *simgpu::find_board(driver.config().gpus[i].board);
    for (const simgpu::GpuInstanceState& instance : driver.state().gpus[i].instances)
      if (id_of(i, board, instance) == device && is_complete(board, instance))
        return instance.compute_instances[0].uuid;
    const std::string prefix = "gpu" + std::to_string(i) + "/";
    if (!mode_ && device.starts_with(prefix)) return driver.state().gpus[i].uuid;
  }
  return "";
}

bool World::stands(const std::string& device) { return !uuid_of(device).empty(); }

std::vector<std::string> World::healthy(const std::string& resource) const {
  const auto found = lists_.find(resource);
  return found == lists_.end() ? std::vector<std::string>{} : offered_in(found->second);
}

}  // namespace kerf::agent
