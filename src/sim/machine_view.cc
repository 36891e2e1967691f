// What stands on a machine's GPUs and who holds it in truth, for checkers.
#include <algorithm>

#include "sim/machine.h"
#include "simgpu/boards.h"

namespace kerf::sim {

std::vector<InstanceView> Machine::instances() const {
  std::vector<InstanceView> views;
  std::map<std::uint32_t, std::string> pods;  // by pid
  for (const auto& [uid, process] : processes_) {
    for (const std::uint32_t pid : process.pids) pods[pid] = process.pod;
  }
  const std::vector<simgpu::GpuState>& gpus = driver_.state().gpus;
  for (std::size_t g = 0; g < gpus.size(); ++g) {
    const simgpu::Board* board = simgpu::find_board(driver_.config().gpus[g].board);
    for (const simgpu::GpuInstanceState& instance : gpus[g].instances) {
      InstanceView view;
      view.gpu = static_cast<int>(g);
      view.gi = instance.id;
      view.form = std::string(board->profiles[instance.profile].name);
      view.start = instance.start;
      if (!instance.compute_instances.empty()) view.uuid = instance.compute_instances[0].uuid;
      view.holders = kubelet_.devices().holders(
          control::device_id(static_cast<std::uint32_t>(g), view.form, view.start));
      for (const simgpu::ComputeInstanceState& compute : instance.compute_instances) {
        for (const std::uint32_t pid : compute.pids) {
          const auto pod = pods.find(pid);
          view.processes.insert(pod == pods.end() ? "?" : pod->second);
        }
      }
      views.push_back(std::move(view));
    }
  }
  std::sort(views.begin(), views.end(), [](const InstanceView& a, const InstanceView& b) {
    return std::pair(a.gpu, a.start) < std::pair(b.gpu, b.start);
  });
  return views;
}

/// Around each call that may destroy an instance: what is not there any more was destroyed, and is
/// logged with those who held it before. A compute instance that goes is that too: its pod is cut
/// off.
void Machine::changing(bool before, DestroyedInstance::By by) {
  if (before) {
    before_ = instances();
    return;
  }
  const std::vector<InstanceView> now = instances();
  for (const InstanceView& was : before_) {
    const bool stands = std::any_of(now.begin(), now.end(), [&](const InstanceView& is) {
      return is.gpu == was.gpu && is.gi == was.gi && is.start == was.start && is.form == was.form &&
             (is.uuid == was.uuid || was.uuid.empty());
    });
    if (!stands) destroyed_.push_back({clock_.now(), by, was});
  }
  before_.clear();
}

std::set<int> Machine::lost() const {
  std::set<int> gpus;
  for (std::size_t g = 0; g < driver_.state().gpus.size(); ++g) {
    if (driver_.state().gpus[g].lost) gpus.insert(static_cast<int>(g));
  }
  return gpus;
}

void Machine::clear_log() {
  destroyed_.clear();
  broken_starts_.clear();
}

void Machine::add_to(Hasher& hasher) const {
  hasher.add(node_);
  hasher.add(on_);
  hasher.add(boot_id_);
  hasher.add(driver_.hash());
  hasher.add(disk_.journal ? *disk_.journal : "");
  for (const auto& [device, uuid] : disk_.cdi) {
    hasher.add(device);
    hasher.add(uuid);
  }
  kubelet_.add_to(hasher);
  agent_.add_to(hasher);
  hasher.add(static_cast<std::uint64_t>(destroyed_.size()));
  hasher.add(static_cast<std::uint64_t>(broken_starts_.size()));
  dice_.add_to(hasher);
}

}  // namespace kerf::sim
