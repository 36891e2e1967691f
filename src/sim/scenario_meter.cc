// What is counted when, from the changes of the API server's objects and from EC2's bill.
#include "sim/scenario_meter.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/agent/shape.h"
#include "core/control/names.h"

namespace kerf::sim {

using control::GpuNode;
using control::Pod;
using control::PodPhase;

namespace {

/// MIG devices by UUID that the agent sees.
std::set<std::string> slices_of(const GpuNode* node) {
  std::set<std::string> uuids;
  if (node == nullptr) return uuids;
  for (const control::GpuStatus& gpu : node->status.gpus)
    for (const control::SliceStatus& slice : gpu.slices)
      if (slice.uuid.starts_with("MIG")) uuids.insert(slice.uuid);
  return uuids;
}

using Shape = std::vector<std::pair<std::string, std::uint8_t>>;

Shape shape_of(const control::WantedGpu& gpu) {
  Shape shape;
  for (const control::WantedSlice& slice : gpu.slices) shape.emplace_back(slice.form, slice.start);
  std::sort(shape.begin(), shape.end());
  return shape;
}

/// GPUs that were cut and are to be cut otherwise.
std::int64_t changed_layouts(const GpuNode& was, const GpuNode& is) {
  std::int64_t changed = 0;
  const std::size_t count = std::min(was.spec.gpus.size(), is.spec.gpus.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Shape before = shape_of(was.spec.gpus[i]);
    if (!before.empty() && before != shape_of(is.spec.gpus[i])) ++changed;
  }
  return changed;
}

bool runs(const Pod* pod) { return pod != nullptr && pod->phase == PodPhase::Running; }

/// The value that so many of a hundred are at or below; `sorted` is not empty.
std::int64_t percentile(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

}  // namespace

Meter::Meter(World& world) : world_(world), api_(world.api()) {
  listeners_ = {api_.listen(Kind::Pod, [this](const Change& c) { pod_changed(c); }),
                api_.listen(Kind::GpuNode, [this](const Change& c) { gpu_node_changed(c); })};
  // A rule that refuses nothing: it sees who asks.
  api_.deny([this](const Request& request) {
    if (request.verb == Verb::Evict) {
      asked_ = request.key;
      asked_at_ = api_.clock().now();
      controller_asks_ = request.client == "controller";
    }
    return std::string();
  });
}

Meter::~Meter() {
  for (const std::uint64_t listener : listeners_) api_.unlisten(listener);
}

// --- Pods ----------------------------------------------------------------------------------------

/// Thousandths of a GPU that its devices are: a slice by its slots, a replica by their number.
std::int64_t Meter::gpu_milli_of(const Pod& pod) const {
  const control::Node* node = api_.find<control::Node>(pod.node);
  if (node == nullptr) return 0;
  const auto label = node->meta.labels.find(control::kTypeLabel);
  const market::Market& market = world_.prices().base();
  const market::InstanceType* type =
      label == node->meta.labels.end() ? nullptr : market.type_named(label->second);
  if (type == nullptr) return 0;
  const gpu::Model& model = market.model_of(*type);
  std::int64_t milli = 0;
  for (const control::HeldDevice& device : pod.devices) {
    const auto name = agent::parse_device_id(device.id);
    if (!name) continue;
    const auto form = control::parse_form(model, name->form, type->gpu_fraction);
    if (!form) continue;
    if (form->kind == gpu::FormKind::Slice)
      milli += 1000 * model.profiles[form->profile].slots / std::max<int>(1, model.slots);
    else milli += 1000 / form->replicas / type->gpu_fraction;
  }
  return milli;
}

void Meter::begin_run(PodSeen& seen, const Pod& pod) {
  const Instant now = api_.clock().now();
  seen.runs_since = now;
  seen.gpu_milli = gpu_milli_of(pod);
  if (seen.ran) return;
  seen.ran = true;
  waits_.push_back(now - seen.created);
}

void Meter::end_run(PodSeen& seen) {
  if (seen.runs_since == 0) return;
  const std::int64_t length = api_.clock().now() - seen.runs_since;
  pod_ms_ += length;
  held_ += length * seen.gpu_milli;
  seen.runs_since = 0;
}

void Meter::pod_changed(const Change& change) {
  const Pod* was = change.was<Pod>();
  const Pod* is = change.is<Pod>();
  const Pod& pod = is != nullptr ? *is : *was;
  if (pod.shape.gpu.empty()) return;
  const auto [entry, fresh] = pods_.try_emplace(pod.meta.uid);
  PodSeen& seen = entry->second;
  if (fresh) {
    seen.created = pod.meta.created;
    ++made_;
  }
  if (runs(is) && !runs(was)) begin_run(seen, *is);
  if (runs(was) && !runs(is)) end_run(seen);
  const bool evicted = change.key == asked_ && asked_at_ == api_.clock().now() && was != nullptr &&
                       was->meta.deleted == 0 && (is == nullptr || is->meta.deleted != 0);
  if (evicted) {
    asked_at_ = -1;
    ++evicted_;
    if (controller_asks_) ++moved_;
  }
  if (is == nullptr) pods_.erase(entry);
}

// --- Cuts ----------------------------------------------------------------------------------------

void Meter::gpu_node_changed(const Change& change) {
  const GpuNode* was = change.was<GpuNode>();
  const GpuNode* is = change.is<GpuNode>();
  if (is == nullptr) return;
  if (was != nullptr && !(was->spec == is->spec)) layouts_changed_ += changed_layouts(*was, *is);
  const std::set<std::string> before = slices_of(was);
  const std::set<std::string> after = slices_of(is);
  for (const std::string& uuid : after) slices_made_ += before.contains(uuid) ? 0 : 1;
  for (const std::string& uuid : before) slices_destroyed_ += after.contains(uuid) ? 0 : 1;
}

// --- The report ----------------------------------------------------------------------------------

void Meter::count_nodes(report::SimulatedRun& run) const {
  const market::Market& market = world_.prices().base();
  const Instant now = api_.clock().now();
  std::map<std::pair<std::string, std::string>, report::SimulatedType> types;
  Int128 total = 0;
  std::map<std::pair<std::string, std::string>, Int128> costs;
  for (const auto& [id, instance] : world_.karpenter().bill().instances()) {
    const std::pair key(instance.type, std::string(market::to_string(instance.capacity_type)));
    report::SimulatedType& type = types[key];
    type.type = key.first;
    type.capacity_type = key.second;
    const std::int64_t length = (instance.open ? now : instance.to) - instance.from;
    Int128 cost = instance.cost;
    if (instance.open) cost += cost_of(instance.rate, now - instance.to);
    ++type.bought;
    type.node_ms += length;
    costs[key] += cost;
    total += cost;
    ++run.bought;
    if (!instance.open) ++run.returned;
    run.node_ms += length;
    if (const market::InstanceType* of = market.type_named(instance.type))
      run.gpu_milli_ms += length * of->gpu_count * 1000 / of->gpu_fraction;
  }
  run.micro_usd = static_cast<std::int64_t>(total / control::kHour);
  for (auto& [key, type] : types) {
    type.micro_usd = static_cast<std::int64_t>(costs[key] / control::kHour);
    run.types.push_back(type);
  }
  std::stable_sort(run.types.begin(), run.types.end(),
                   [](const auto& a, const auto& b) { return a.micro_usd > b.micro_usd; });
}

report::SimulatedRun Meter::figures() const {
  report::SimulatedRun run;
  count_nodes(run);
  std::set<std::string> warned;
  for (const KarpenterEvent& event : world_.karpenter().events()) {
    switch (event.what) {
      case KarpenterEvent::What::Interrupted:
        ++run.interrupted;
        warned.insert(event.claim);
        break;
      case KarpenterEvent::What::InstanceGone:
        if (!warned.contains(event.claim)) ++run.lost;
        warned.insert(event.claim);
        break;
      case KarpenterEvent::What::InsufficientCapacity:
      case KarpenterEvent::What::NodeClassNotReady:
      case KarpenterEvent::What::LaunchTimeout:
      case KarpenterEvent::What::RegistrationTimeout: ++run.refused; break;
      case KarpenterEvent::What::Launched:
      case KarpenterEvent::What::Registered:
      case KarpenterEvent::What::Initialized:
      case KarpenterEvent::What::Expired:
      case KarpenterEvent::What::Terminated: break;
    }
  }
  run.returned = std::max<std::int64_t>(0, run.returned - static_cast<std::int64_t>(warned.size()));
  run.pods = made_;
  const Instant now = api_.clock().now();
  run.pod_ms = pod_ms_;
  run.gpu_milli_ms_held = held_;
  for (const auto& [uid, seen] : pods_) {
    if (seen.runs_since != 0) {
      run.pod_ms += now - seen.runs_since;
      run.gpu_milli_ms_held += (now - seen.runs_since) * seen.gpu_milli;
    }
  }
  for (const Pod& pod : api_.all<Pod>())
    if (!pod.shape.gpu.empty() && pod.phase == PodPhase::Pending && pod.meta.deleted == 0)
      ++run.waiting;
  std::vector<std::int64_t> waits = waits_;
  std::sort(waits.begin(), waits.end());
  run.ran = static_cast<std::int64_t>(waits.size());
  if (!waits.empty()) {
    run.median_ms = percentile(waits, 50);
    run.p95_ms = percentile(waits, 95);
    run.longest_ms = waits.back();
  }
  run.evicted = evicted_;
  run.rejected = world_.workloads().counts().rejected;
  run.layouts_changed = layouts_changed_;
  run.slices_made = slices_made_;
  run.slices_destroyed = slices_destroyed_;
  run.hash = world_.hash();
  return run;
}

}  // namespace kerf::sim
