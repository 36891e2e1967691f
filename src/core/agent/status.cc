// The status of the GpuNode: what is seen and confirmed, never what is hoped for.
#include <array>

#include "core/agent/mind.h"

namespace kerf::agent {

/// So many failures in a row, and it is more than a passing one.
constexpr int kFailuresToSay = 3;
/// There is no GpuNode: when to try again, unless one is told.
constexpr std::int64_t kNoGpuNodeMs = 10'000;

constexpr const char* kSourceWords[kSources] = {"kubelet's PodResources", "kubelet's checkpoint",
                                                "the list of processes on the GPUs"};

bool Agent::Mind::is_offered(const Device& device) const { return device.healthy && device.taken; }

control::SliceStatus Agent::Mind::slice_status(const Gpu& gpu, const DeviceKey& key,
                                               const Device& device) const {
  using cluster::SliceState;
  control::SliceStatus slice;
  slice.form = key.second;
  slice.start = key.first;
  slice.uuid = gpu.uuid_of(device);
  const auto resource = resources_.find(device.listed);
  const bool taken = resource != resources_.end() && resource->second.taken;
  if (taken) slice.resource = device.listed;
  slice.published = is_offered(device);
  slice.lent = device.lent;
  if (device.lost || gpu.lost() || (device.wanted && leave_of(gpu, device) == Leave::Remake)) {
    slice.state = SliceState::Lost;
  } else if (device.is_held()) {
    slice.state = SliceState::Used;
  } else if (!device.wanted && (gpu.ruled || !device.exists())) {
    slice.state = SliceState::Retiring;
  } else if (slice.uuid.empty() || !taken) {
    slice.state = SliceState::Creating;
  } else {
    slice.state = SliceState::Free;
  }
  if (device.is_held()) slice.pod = device.pod;
  return slice;
}

bool Agent::Mind::is_cut() const {
  if (!looked_ || !wanted_ || !kubelet_up_) return false;
  for (const Gpu& gpu : gpus_) {
    if (!gpu.ruled || gpu.lost() || !gpu.foreign.empty()) return false;
    for (const auto& [key, device] : gpu.devices) {
      if (!device.wanted) return false;
      const auto resource = resources_.find(device.resource);
      if (gpu.uuid_of(device).empty() || leave_of(gpu, device) != Leave::No ||
          device.listed != device.resource || resource == resources_.end() ||
          !resource->second.taken || (device.published && !is_offered(device)))
        return false;
    }
  }
  return true;
}

std::pair<control::Degraded, std::string> Agent::Mind::degraded() const {
  using control::Degraded;
  std::array<std::string, 8> why;
  const auto say = [&why](Degraded reason, std::string message) {
    auto& words = why[static_cast<std::size_t>(reason)];
    if (words.empty()) words = std::move(message);
  };
  if (unreadable_)
    say(Degraded::IllegalLayout, "generation " + std::to_string(unreadable_->generation) +
                                     " of the spec cannot be read: " + unreadable_->why);
  if (older_ && older_->stays(now_)) say(Degraded::IllegalLayout, older_->words());
  if (look_retry_.failures >= kFailuresToSay)
    say(Degraded::CutFailed,
        "the driver cannot be looked at: " + to_string(look_code_) +
            (looked_ ? "; what stood is served as it was seen last" : "; nothing is served") +
            ". If it stays so, the driver or a GPU hangs: see dmesg on the node, and reboot it");
  if (foreign_driver_) say(Degraded::ForeignDriver, "another driver publishes ResourceSlices here");
  if (const std::string name = foreign_resource(); !name.empty())
    say(Degraded::ForeignPlugin, "another device plugin serves " + name);
  for (std::uint32_t i = 0; i < gpus_.size(); ++i) {
    const Gpu& gpu = gpus_[i];
    const std::string name = "GPU " + std::to_string(i);
    if (!gpu.foreign.empty() && (wanted_ || gpu.followed))
      say(Degraded::ForeignInstances, name + " has " + std::to_string(gpu.foreign.size()) +
                                          " GPU instances that Kerf did not make");
    if (gpu.lost()) say(Degraded::GpuLost, name + " is lost or needs a reset");
    if (!gpu.illegal.empty()) say(Degraded::IllegalLayout, name + ": " + gpu.illegal);
    for (const auto& [key, device] : gpu.devices) {
      if (!gpu.followed || !device.wanted || gpu.lost()) continue;
      if (!device.virt() && !gpu.seen.mode)
        say(Degraded::ModeOff, name + ": MIG mode is off; it is set when the machine boots");
      if (device.virt() && gpu.seen.mode)
        say(Degraded::IllegalLayout, name + ": MIG mode is on, there is no " + key.second);
    }
    if (!gpu.failed || gpu.retry.failures < kFailuresToSay) continue;
    constexpr const char* kWords[] = {"looking at", "creating", "completing", "taking apart",
                                      "destroying"};
    const bool never = gpu.code == Code::InvalidArgument || gpu.code == Code::NotSupported;
    say(never ? Degraded::IllegalLayout : Degraded::CutFailed,
        std::string(kWords[static_cast<int>(gpu.failed->kind)]) + " " +
            id_of(gpu.failed->gpu, gpu.failed->key) + ": " + to_string(gpu.code));
  }
  if (const int source = unread_source(); source < kSources)
    say(Degraded::CutFailed,
        std::string(kSourceWords[source]) + " cannot be read, so nothing may be taken away");
  for (std::size_t i = 1; i < why.size(); ++i)
    if (!why[i].empty()) return {static_cast<Degraded>(i), why[i]};
  return {Degraded::No, ""};
}

/// The first that is not told for long although something has to go; kSources: none.
int Agent::Mind::unread_source() const {
  const auto waits = [](const Gpu& gpu) {
    return gpu.followed && !gpu.lost() &&
           std::any_of(gpu.devices.begin(), gpu.devices.end(),
                       [&](const auto& entry) { return leave_of(gpu, entry.second) != Leave::No; });
  };
  if (!std::any_of(gpus_.begin(), gpus_.end(), waits)) return kSources;
  int source = 0;
  while (source < kSources && told_[source].retry.failures < kFailuresToSay) ++source;
  return source;
}

/// Before the first Look: what the run before left, of which nothing is known yet.
std::vector<control::GpuStatus> Agent::Mind::remembered() const {
  std::vector<control::GpuStatus> gpus;
  for (const JournalGpu& written : journal_.gpus) {
    control::GpuStatus& gpu = gpus.emplace_back();
    gpu.uuid = written.uuid;
    for (const Entry& entry : written.devices) {
      control::SliceStatus& slice = gpu.slices.emplace_back();
      slice.form = entry.form;
      slice.start = entry.start;
      slice.state = cluster::SliceState::Creating;
    }
  }
  return gpus;
}

control::GpuNodeStatus Agent::Mind::status() const {
  control::GpuNodeStatus status;
  if (!looked_) status.gpus = remembered();
  for (const Gpu& gpu : gpus_) {
    control::GpuStatus& seen = status.gpus.emplace_back();
    seen.uuid = gpu.seen.uuid;
    seen.model = gpu.seen.model;
    seen.mig = gpu.seen.mode;
    seen.lost = gpu.lost();
    for (const auto& [key, device] : gpu.devices)
      seen.slices.push_back(slice_status(gpu, key, device));
  }
  status.observed_generation = wanted_ ? wanted_->generation : 0;
  status.boot_id = boot_id_;
  std::tie(status.degraded, status.message) = degraded();
  status.cut = status.degraded == control::Degraded::No && is_cut();
  status.ready = kubelet_up_ && looked_ && told_[static_cast<int>(Source::Checkpoint)].answered;
  for (const auto& [name, resource] : resources_)
    status.ready = status.ready && resource.registered;
  status.epoch = run_ + "." + std::to_string(registrations_);
  return status;
}

void Agent::Mind::report() {
  if (reporting_id_ != 0 || !(looked_ || look_retry_.failures >= kFailuresToSay)) return;
  if (older_) due(older_->since + kOlderMs);  // then there is more to say
  control::GpuNodeStatus now = status();
  if (reported_ == now || !due(report_retry_.at)) return;
  reporting_ = now;
  reporting_id_ = emit(Report{std::move(now)});
}

void Agent::Mind::reported(Code code) {
  reported_.reset();
  if (report_void_) {
    report_retry_.ok();
  } else if (code == Code::Success) {
    reported_ = std::move(reporting_);
    report_retry_.ok();
  } else if (code == Code::NotFound) {
    report_retry_ = {0, now_ + kNoGpuNodeMs};
  } else {
    report_retry_.fail(now_, options_.retry_ms, options_.retry_max_ms);
  }
  reporting_.reset();
  reporting_id_ = 0;
  report_void_ = false;
}

/// There is a GpuNode that may have no status.
void Agent::Mind::report_anew() {
  reported_.reset();
  report_retry_.ok();
  report_void_ = reporting_id_ != 0;
}

}  // namespace kerf::agent
