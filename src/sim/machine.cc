// A machine's boots, its pods as processes, its faults.
#include "sim/machine.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "core/agent/shape.h"

namespace kerf::sim {
namespace {

simgpu::Config config_of(const MachineWorld& world, const std::string& node,
                         const std::vector<std::string>& boards) {
  simgpu::Config config;
  for (const std::string& board : boards) {
    simgpu::GpuConfig gpu;
    gpu.board = board;
    config.gpus.push_back(gpu);
  }
  config.driver_major = world.options.driver_major;
  config.passthrough = world.options.passthrough;
  config.seed = Dice(world.seed, "driver/" + node).next();
  config.latencies = world.options.latencies;
  return config;
}

}  // namespace

/// A plugin of somebody else: it grants everything.
class Machine::ForeignPlugin : public Plugin {
 public:
  ForeignPlugin(Kubelet& kubelet, Clock& clock, std::string resource,
                std::vector<PluginDevice> devices)
      : kubelet_(kubelet),
        clock_(clock),
        resource_(std::move(resource)),
        devices_(std::move(devices)) {
    kubelet_.watch_socket(*this);
    kubelet_socket(kubelet_.up());
  }
  ~ForeignPlugin() override {
    kubelet_.unwatch_socket(*this);
    kubelet_.unplug_all(*this);
    for (Timer& timer : timers_) clock_.cancel(timer);
  }
  ForeignPlugin(const ForeignPlugin&) = delete;
  ForeignPlugin& operator=(const ForeignPlugin&) = delete;

  void prefer(std::uint64_t call, const std::string&, const std::vector<std::string>&,
              std::int64_t) override {
    soon([this, call] { kubelet_.preferred(call, {}); });
  }
  void allocate(std::uint64_t call, const std::string&, const std::vector<std::string>&) override {
    soon([this, call] { kubelet_.allocated(call, true, ""); });
  }
  void kubelet_socket(bool up) override {
    if (!up) return;
    soon([this] {
      if (kubelet_.register_plugin(resource_, *this)) kubelet_.list(resource_, *this, devices_);
    });
  }
  void dropped(const std::string&) override {}

 private:
  void soon(std::function<void()> step) {
    std::erase_if(timers_, [this](const Timer& timer) { return !clock_.waits(timer); });
    timers_.push_back(clock_.after(20, std::move(step)));
  }

  Kubelet& kubelet_;
  Clock& clock_;
  std::string resource_;
  std::vector<PluginDevice> devices_;
  std::vector<Timer> timers_;
};

Machine::Machine(const MachineWorld& world, std::string node, std::vector<std::string> boards,
                 gpu::GpuMode mode)
    : world_(world),
      clock_(world.api.clock()),
      node_(std::move(node)),
      mode_(mode),
      dice_(world.seed, "machine/" + node_),
      driver_(config_of(world, node_, boards)),
      kubelet_(world.api, node_, *this, world.options.kubelet, world.seed),
      agent_({world.api, world.catalogue, world.lease, node_, driver_, kubelet_, disk_,
              [this](bool before) { changing(before, DestroyedInstance::By::Agent); }},
             world.options.agent, world.seed) {
  kubelet_.when_heard([this](bool heard) {
    if (!on_) return;
    if (heard) world_.nodes.speaks(node_);
    else world_.nodes.silent(node_);
  });
  world_.nodes.attach(kubelet_);
}

Machine::~Machine() { terminate(); }

void Machine::later(std::int64_t delay_ms, std::function<void()> step) {
  clock_.after(delay_ms, [life = std::weak_ptr(life_), now = *life_, step = std::move(step)] {
    const std::shared_ptr<std::uint64_t> is = life.lock();
    if (is && *is == now) step();
  });
}

// --- Boots ---------------------------------------------------------------------------------------

void Machine::power_on() {
  KERF_ASSERT(!on_, "a machine is turned on once");
  on_ = true;
  boot(false);
}

/// The unit that sets MIG mode runs before kubelet. False: the mode is current after a reboot only.
bool Machine::set_modes() {
  if (mode_ == gpu::GpuMode::Whole) return true;
  bool current = true;
  const simgpu::Answer<int> count = driver_.device_count();
  for (int i = 0; i < count.value; ++i) {
    const simgpu::Answer<simgpu::Device> gpu = driver_.device_by_index(i);
    if (!gpu.ok()) continue;
    driver_.set_mig_mode(gpu.value, true);
    const simgpu::Answer<simgpu::MigMode> mode = driver_.mig_mode(gpu.value);
    if (mode.ok() && mode.value.pending != mode.value.current) current = false;
  }
  return current;
}

void Machine::boot(bool again) {
  if (!set_modes()) {
    driver_.reboot();
    later(world_.options.boot.draw(dice_), [this, again] { boot(again); });
    return;
  }
  ++boots_;
  boot_id_ = "boot/" + node_ + "/" + std::to_string(boots_);
  if (again) kubelet_.start_after_boot(boot_id_);
  else kubelet_.start(boot_id_);
  if (world_.options.agent_runs)
    later(world_.options.agent_start.draw(dice_), [this] { agent_.start(boot_id_); });
}

void Machine::go_down(DestroyedInstance::By by) {
  ++*life_;
  agent_.stop();
  kubelet_.machine_down();
  changing(true, by);
  driver_.reboot();
  changing(false, by);
  disk_.cdi.clear();
  processes_.clear();
}

void Machine::reboot() {
  if (!on_) return;
  go_down(DestroyedInstance::By::Reboot);
  later(world_.options.boot.draw(dice_), [this] { boot(true); });
}

void Machine::terminate() {
  if (on_) go_down(DestroyedInstance::By::Reboot);
  on_ = false;
  foreign_.clear();
  world_.nodes.detach(kubelet_);
}

// --- Pods as processes ---------------------------------------------------------------------------

/// A container gets what the CDI entries of its devices say.
void Machine::started(const control::Pod& pod, const std::vector<control::HeldDevice>& devices) {
  if (devices.empty()) return;
  PodProcess& process = processes_[pod.meta.uid];
  process = {key_of(pod.meta).text(), {}, ++starts_};
  std::vector<std::string> uuids;
  for (const control::HeldDevice& device : devices) {
    const auto entry = disk_.cdi.find(device.id);
    if (entry == disk_.cdi.end()) {
      if (agent::parse_device_id(device.id))  // others' devices have no entries of Kerf's
        broken_starts_.push_back(
            {clock_.now(), process.pod, device.id, "it has no CDI entry", false});
      continue;
    }
    const auto& gpus = driver_.state().gpus;
    const bool whole = std::any_of(gpus.begin(), gpus.end(),
                                   [&](const auto& gpu) { return gpu.uuid == entry->second; });
    const std::vector<InstanceView> now = instances();
    const bool slice = std::any_of(now.begin(), now.end(), [&](const InstanceView& instance) {
      return instance.uuid == entry->second;
    });
    if (!whole && !slice) {
      broken_starts_.push_back({clock_.now(), process.pod, device.id,
                                "its CDI entry names " + entry->second + ", which is not there",
                                !lost().empty()});
    }
    uuids.push_back(entry->second);
  }
  if (dice_.chance(world_.options.idle_milli)) return;
  later(world_.options.process.draw(dice_), [this, uid = pod.meta.uid, number = process.number,
                                             uuids] { open_devices(uid, number, uuids); });
}

void Machine::open_devices(const std::string& uid, std::uint64_t number,
                           const std::vector<std::string>& uuids) {
  const auto process = processes_.find(uid);
  if (process == processes_.end() || process->second.number != number) return;
  for (const std::string& uuid : uuids) {
    const std::uint32_t pid = next_pid_++;
    if (driver_.process_start(uuid, pid)) process->second.pids.push_back(pid);
  }
}

void Machine::stopped(const std::string& uid) {
  const auto process = processes_.find(uid);
  if (process == processes_.end()) return;
  for (const std::uint32_t pid : process->second.pids) driver_.process_exit(pid);
  processes_.erase(process);
}

// --- Faults --------------------------------------------------------------------------------------

void Machine::lose_gpu(int gpu, bool comes_back_at_reboot) {
  driver_.lose_gpu(gpu, comes_back_at_reboot);
  xid(gpu, 79);
}

void Machine::fail_next(simgpu::Operation operation, simgpu::Return code, int count,
                        simgpu::Effect effect, int gpu) {
  driver_.fail_next(operation, code, count, effect, gpu);
}

void Machine::xid(int gpu, std::uint32_t xid, std::uint32_t gpu_instance) {
  driver_.inject_xid(gpu, xid, gpu_instance);
  if (agent_.up()) agent_.poke();
}

void Machine::cut_off(bool kubelet, bool agent) {
  kubelet_.cut_off(kubelet);
  agent_.cut_off(agent);
}

void Machine::add_foreign_plugin(const std::string& resource, std::vector<PluginDevice> devices) {
  foreign_[resource] =
      std::make_unique<ForeignPlugin>(kubelet_, clock_, resource, std::move(devices));
}

void Machine::remove_foreign_plugin(const std::string& resource) { foreign_.erase(resource); }

bool Machine::create_foreign_instance(int gpu, std::uint32_t profile_id,
                                      simgpu::Placement placement, bool with_compute) {
  const simgpu::Answer<simgpu::Device> device = driver_.device_by_index(gpu);
  if (!device.ok()) return false;
  const auto made = driver_.create_gpu_instance_with_placement(device.value, profile_id, placement);
  if (!made.ok()) return false;
  const auto info = driver_.gpu_instance_info(made.value);
  if (with_compute && info.ok()) {
    agent::CreateCompute op;
    op.gpu = driver_.state().gpus[static_cast<std::size_t>(gpu)].uuid;
    op.gi = info.value.id;
    const simgpu::Board* board =
        simgpu::find_board(driver_.config().gpus[static_cast<std::size_t>(gpu)].board);
    op.slices = board->by_id(profile_id)->compute_slices;
    perform(driver_, op);
  }
  return true;
}

bool Machine::destroy_foreign_instance(int gpu, std::uint8_t start) {
  changing(true, DestroyedInstance::By::Other);
  bool done = false;
  for (const InstanceView& view : instances()) {
    if (view.gpu != gpu || view.start != start) continue;
    const simgpu::Answer<simgpu::Device> device = driver_.device_by_index(gpu);
    const auto gi = driver_.gpu_instance_by_id(device.value, view.gi);
    if (!gi.ok()) continue;
    const auto& state = driver_.state().gpus[static_cast<std::size_t>(gpu)].instances;
    const auto at = std::find_if(state.begin(), state.end(),
                                 [&](const auto& instance) { return instance.id == view.gi; });
    const auto computes = at->compute_instances;
    for (const auto& compute : computes) {
      const auto ci = driver_.compute_instance_by_id(gi.value, compute.id);
      if (ci.ok()) driver_.destroy_compute_instance(ci.value);
    }
    done = driver_.destroy_gpu_instance(gi.value).ok();
  }
  changing(false, DestroyedInstance::By::Other);
  return done;
}

}  // namespace kerf::sim
