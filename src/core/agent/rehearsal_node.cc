// RehearsalNode: what becomes of each effect.
#include "core/agent/rehearsal_node.h"

#include <algorithm>

#include "core/agent/shape.h"
#include "core/gpu/legality.h"

namespace kerf::agent {
namespace {

using What = RehearsedStep::What;

/// Nothing that the mind does by itself waits longer: a grant of a run before (10 s), a Look (60
/// s).
constexpr std::int64_t kQuietMs = 150'000;
constexpr std::int64_t kLongestMs = 30 * 60'000;
constexpr int kDeliveriesMax = 200'000;

bool is_virtual(const std::string& form) { return form == "whole" || form.starts_with("replica/"); }

SeenInstance* instance_of(SeenGpu* gpu, std::uint32_t gi) {
  if (gpu == nullptr) return nullptr;
  for (SeenInstance& instance : gpu->instances)
    if (instance.gi == gi) return &instance;
  return nullptr;
}

}  // namespace

bool RehearsalNode::start(const control::GpuNodeSpec* wanted) {
  Started started{"rehearsal", node_.boot_id, node_.journal, node_.cdi};
  if (node_.journal) {
    for (const JournalGpu& gpu : node_.journal->gpus)
      for (const Entry& entry : gpu.devices) {
        const auto index = static_cast<std::uint32_t>(&gpu - node_.journal->gpus.data());
        const std::string device = control::device_id(index, entry.form, entry.start);
        names_.emplace(device, entry.resource);
        if (is_virtual(entry.form)) virtual_.insert(device);
      }
  }
  std::vector<Event> batch = {std::move(started), ForeignPlugins{node_.foreign_plugins},
                              ForeignDriver{node_.foreign_driver}, Kubelet{node_.kubelet_up}};
  if (wanted != nullptr) batch.emplace_back(Wanted{"rehearsal", 1, *wanted});
  deliver(std::move(batch));
  return settle();
}

bool RehearsalNode::want(const control::GpuNodeSpec& wanted) {
  changed_ = now_;
  deliver({Wanted{"rehearsal", 1, wanted}});
  return settle();
}

bool RehearsalNode::settle() {
  const Instant end = now_ + kLongestMs;
  for (int i = 0; i < kDeliveriesMax && now_ < end; ++i) {
    if (!waiting_.empty()) {
      const Effect effect = std::move(waiting_.front());
      waiting_.pop_front();
      Event event = outcome(effect);
      ++now_;
      deliver({std::move(event)});
    } else if (wake_at_ < 0 || wake_at_ - changed_ > kQuietMs) {
      return true;
    } else {
      now_ = std::max(now_ + 1, wake_at_);
      wake_at_ = -1;
      deliver({Woke{}});
    }
  }
  return false;
}

void RehearsalNode::deliver(std::vector<Event> batch) {
  for (Effect& effect : agent_.step(batch, now_)) {
    if (const auto* wake = std::get_if<WakeAt>(&effect.action)) {
      wake_at_ = wake->at;
      continue;
    }
    if (const auto* report = std::get_if<Report>(&effect.action)) status_ = report->status;
    waiting_.push_back(std::move(effect));
  }
}

Event RehearsalNode::outcome(const Effect& effect) {
  if (std::holds_alternative<Look>(effect.action)) return Looked{effect.id, Code::Success, gpus_};
  if (std::holds_alternative<Confirm>(effect.action)) {
    Confirmed confirmed{effect.id, node_.kubelet_up, {}};
    for (const auto& [resource, list] : lists_)
      for (const ServedDevice& served : list)
        if (served.healthy) confirmed.healthy[resource].insert(served.id);
    return confirmed;
  }
  if (const auto* question = std::get_if<AskHolders>(&effect.action)) {
    Holders answer = node_.holders[static_cast<std::size_t>(question->source)];
    answer.effect = effect.id;
    answer.source = question->source;
    return answer;
  }
  const Code code = operate(effect.action);
  if (code == Code::Success) changed_ = now_;
  return Done{effect.id, code};
}

Code RehearsalNode::operate(const Action& action) {
  if (const auto* op = std::get_if<CreateInstance>(&action)) return create(*op);
  if (const auto* op = std::get_if<CreateCompute>(&action)) return complete(*op);
  if (const auto* op = std::get_if<DestroyCompute>(&action)) return destroy(*op);
  if (const auto* op = std::get_if<DestroyInstance>(&action)) return destroy(*op);
  if (const auto* op = std::get_if<Serve>(&action)) serve(*op);
  if (const auto* op = std::get_if<WriteJournal>(&action)) write(op->journal);
  return Code::Success;
}

/// As the driver judges it: whatever stands, Kerf's or not, takes slots, instances and engines.
Code RehearsalNode::create(const CreateInstance& op) {
  SeenGpu* gpu = gpu_of(op.gpu);
  const gpu::Model* model = gpu == nullptr ? nullptr : catalogue_.find(gpu->model);
  if (gpu == nullptr || gpu->lost) return Code::GpuIsLost;
  if (!gpu->mode || model == nullptr || !model->cuttable()) return Code::NotSupported;
  const auto placed = [&](std::uint16_t profile, std::uint8_t start) {
    std::optional<gpu::Placed> found;
    for (std::size_t i = 0; i < model->profiles.size(); ++i)
      if (model->profiles[i].id == profile &&
          std::ranges::find(model->profiles[i].starts, start) != model->profiles[i].starts.end())
        found = gpu::Placed{static_cast<std::uint8_t>(i), start};
    return found;
  };
  gpu::Usage usage(*model);
  std::set<std::uint32_t> ids;
  for (const SeenInstance& instance : gpu->instances) {
    ids.insert(instance.gi);
    if (instance.start < op.start + op.size && op.start < instance.start + instance.size)
      return Code::InsufficientResources;
    if (const auto other = placed(instance.profile, instance.start)) usage.add(*other);
  }
  const auto mine = placed(op.profile, op.start);
  if (!mine) return Code::InvalidArgument;
  if (usage.conflict(*mine) != gpu::Usage::Conflict::None) return Code::InsufficientResources;
  std::uint32_t gi = 1;
  while (ids.contains(gi)) ++gi;
  gpu->instances.push_back({gi, op.profile, op.start, op.size, {}});
  std::ranges::sort(gpu->instances, {}, &SeenInstance::start);
  add(What::Create, op.gpu, device_at(*gpu, *instance_of(gpu, gi)), 1);
  return Code::Success;
}

Code RehearsalNode::complete(const CreateCompute& op) {
  SeenGpu* gpu = gpu_of(op.gpu);
  SeenInstance* instance = instance_of(gpu, op.gi);
  if (instance == nullptr) return Code::NotFound;
  instance->computes.push_back({0, op.slices, "MIG-rehearsed-" + std::to_string(++made_)});
  add(What::Create, op.gpu, device_at(*gpu, *instance), 1);
  return Code::Success;
}

Code RehearsalNode::destroy(const DestroyCompute& op) {
  SeenGpu* gpu = gpu_of(op.gpu);
  SeenInstance* instance = instance_of(gpu, op.gi);
  if (instance == nullptr) return Code::NotFound;
  std::erase_if(instance->computes, [&](const SeenCompute& it) { return it.uuid == op.uuid; });
  add(What::Destroy, op.gpu, device_at(*gpu, *instance), 1);
  return Code::Success;
}

Code RehearsalNode::destroy(const DestroyInstance& op) {
  SeenGpu* gpu = gpu_of(op.gpu);
  const SeenInstance* instance = instance_of(gpu, op.gi);
  if (instance == nullptr) return Code::NotFound;
  const std::string device = device_at(*gpu, *instance);
  std::erase_if(gpu->instances, [&](const SeenInstance& it) { return it.gi == op.gi; });
  add(What::Destroy, op.gpu, device, 1);
  return Code::Success;
}

void RehearsalNode::add(What what, const std::string& uuid, const std::string& device,
                        int operations) {
  for (auto last = steps_.rbegin(); operations > 0 && last != steps_.rend(); ++last) {
    const bool cuts = last->what == What::Create || last->what == What::Destroy;
    if (last->device != device || !cuts) continue;
    if (last->what != what) break;
    last->driver_operations += operations;
    return;
  }
  RehearsedStep step;
  step.what = what;
  step.gpu = number_of(uuid);
  step.uuid = uuid;
  step.device = device;
  step.driver_operations = operations;
  step.was_published = what != What::Create && published_.contains(device);
  steps_.push_back(std::move(step));
}

/// Whole GPUs and replicas come and go with the journal.
void RehearsalNode::write(const Journal& journal) {
  std::set<std::string> now;
  for (std::uint32_t i = 0; i < journal.gpus.size(); ++i)
    for (const Entry& entry : journal.gpus[i].devices) {
      const std::string device = control::device_id(i, entry.form, entry.start);
      if (!is_virtual(entry.form)) continue;
      now.insert(device);
      if (!virtual_.contains(device)) add(What::Create, journal.gpus[i].uuid, device, 0);
    }
  for (const std::string& device : virtual_) {
    const auto name = parse_device_id(device);
    if (!now.contains(device) && name && name->gpu < journal.gpus.size())
      add(What::Destroy, journal.gpus[name->gpu].uuid, device, 0);
  }
  virtual_ = std::move(now);
}

void RehearsalNode::serve(const Serve& serve) {
  lists_[serve.resource] = serve.devices;
  const auto step = [&](What what, const std::string& device, const std::string& before) {
    const auto name = parse_device_id(device);
    RehearsedStep it;
    it.what = what;
    it.device = device;
    it.gpu = name ? name->gpu : 0;
    it.uuid = it.gpu < status_.gpus.size() ? status_.gpus[it.gpu].uuid : "";
    it.resource = serve.resource;
    it.before = before;
    it.was_published = what != What::Publish && published_.contains(device);
    steps_.push_back(std::move(it));
  };
  std::set<std::string> healthy;
  for (const ServedDevice& served : serve.devices) {
    std::string& name = names_[served.id];
    if (!name.empty() && name != serve.resource) step(What::Rename, served.id, name);
    name = serve.resource;
    if (!served.healthy) continue;
    healthy.insert(served.id);
    std::string& offered = offered_[served.id];
    if (offered != serve.resource) step(What::Publish, served.id, "");
    offered = serve.resource;
  }
  for (auto it = offered_.begin(); it != offered_.end();) {
    if (it->second != serve.resource || healthy.contains(it->first)) {
      ++it;
      continue;
    }
    step(What::Withdraw, it->first, "");
    it = offered_.erase(it);
  }
}

std::vector<RehearsedStep> RehearsalNode::steps() const {
  std::set<std::string> other;  // devices that are not what they were
  for (const RehearsedStep& step : steps_)
    if (step.what != What::Publish && step.what != What::Withdraw) other.insert(step.device);
  const auto resource = [](const auto& map, const std::string& device) {
    const auto found = map.find(device);
    return found == map.end() ? std::string() : found->second;
  };
  std::vector<RehearsedStep> steps;
  for (const RehearsedStep& step : steps_)
    if (other.contains(step.device) ||
        resource(published_, step.device) != resource(offered_, step.device))
      steps.push_back(step);
  return steps;
}

std::uint32_t RehearsalNode::number_of(const std::string& uuid) const {
  for (std::uint32_t i = 0; i < status_.gpus.size(); ++i)
    if (status_.gpus[i].uuid == uuid) return i;
  return 0;
}

std::string RehearsalNode::device_at(const SeenGpu& gpu, const SeenInstance& instance) const {
  const auto form = form_of(catalogue_.find(gpu.model), instance.profile, instance.start);
  return control::device_id(number_of(gpu.uuid), form.value_or("?"), instance.start);
}

SeenGpu* RehearsalNode::gpu_of(const std::string& uuid) {
  for (SeenGpu& gpu : gpus_)
    if (gpu.uuid == uuid) return &gpu;
  return nullptr;
}

}  // namespace kerf::agent
