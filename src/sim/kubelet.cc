// kubelet's process: start, crash and reboot, its plugins, and the node status that it writes.
#include "sim/kubelet.h"

#include <algorithm>

#include "base/assert.h"

namespace kerf::sim {

using control::PodPhase;

Kubelet::Kubelet(ApiServer& api, std::string node, Runtime& runtime, KubeletOptions options,
                 std::uint64_t seed)
    : api_(api),
      clock_(api.clock()),
      node_(std::move(node)),
      runtime_(runtime),
      options_(options),
      dice_(seed, "kubelet/" + node_) {}

Kubelet::~Kubelet() {
  for (auto& [uid, local] : pods_) {
    clock_.cancel(local.timer);
    clock_.cancel(local.end);
  }
  for (Timer* timer : {&status_, &restart_}) clock_.cancel(*timer);
}

// --- Its life ------------------------------------------------------------------------------------

void Kubelet::begin(const std::string& boot_id) {
  KERF_ASSERT(!up_, "a kubelet runs once");
  up_ = true;
  boot_id_ = boot_id;
  phase_ = clock_.now() + options_.first_status.draw(dice_);
  if (heartbeat_) heartbeat_(!cut_);
  status_due();
  const std::vector<Plugin*> watchers = watchers_;
  for (Plugin* plugin : watchers) plugin->kubelet_socket(true);
  if (changed_) changed_();
}

void Kubelet::start(const std::string& boot_id) {
  begin(boot_id);
  for (auto& [uid, local] : pods_) {
    if (local.stage == Stage::Ended) after(local, options_.notice, &Kubelet::finish);
    if (local.stage == Stage::Starting || local.stage == Stage::Admitting)
      local.stage = Stage::Queued;
    if (local.stage == Stage::Queued) queue_.push_back(uid);
    if (local.stage == Stage::Over) after(local, options_.report, &Kubelet::over);
  }
  resync();
  admit_next();
}

void Kubelet::start_after_boot(const std::string& boot_id) {
  begin(boot_id);
  later(options_.readmit.draw(dice_), [this] {
    for (auto& [uid, local] : pods_) {
      if (local.stage == Stage::Queued) queue_.push_back(uid);
      if (local.stage == Stage::Over) after(local, options_.report, &Kubelet::over);
    }
    resync();
    admit_next();
  });
}

/// A step of the process that runs now.
void Kubelet::later(std::int64_t delay_ms, std::function<void()> step) {
  clock_.after(delay_ms, [life = std::weak_ptr(life_), now = *life_, step = std::move(step)] {
    const std::shared_ptr<std::uint64_t> is = life.lock();
    if (is && *is == now) step();
  });
}

/// The process is gone: its steps, its memory, the plugin sockets. What runs goes on running.
void Kubelet::halt() {
  up_ = false;
  ++*life_;
  queue_.clear();
  admission_ = {};
  plugins_.clear();
  devices_.restart();
  clock_.cancel(status_);
  clock_.cancel(restart_);
  for (auto& [uid, local] : pods_) clock_.cancel(local.timer);
  if (heartbeat_) heartbeat_(false);
}

void Kubelet::stop() {
  if (!up_) {
    clock_.cancel(restart_);
    return;
  }
  halt();
  const std::vector<Plugin*> watchers = watchers_;
  for (Plugin* plugin : watchers) plugin->kubelet_socket(false);
}

void Kubelet::crash() {
  stop();
  restart_ = clock_.after(options_.down.draw(dice_), [this] { start(boot_id_); });
}

/// Seen: a device that left the list while its Allocate was in flight is a nil pointer.
void Kubelet::panic() {
  ++crashes_;
  crash();
}

void Kubelet::machine_down() {
  stop();
  for (auto& [uid, local] : pods_) {
    clock_.cancel(local.end);
    if (local.stage == Stage::Running) runtime_.stopped(uid);
    if (local.stage != Stage::Over) local.stage = Stage::Queued;
  }
}

void Kubelet::cut_off(bool cut) {
  if (cut_ == cut) return;
  cut_ = cut;
  if (up_ && heartbeat_) heartbeat_(!cut);
  if (cut || !up_) return;
  for (auto& [uid, local] : pods_) {
    if (local.stage == Stage::Over) after(local, options_.report, &Kubelet::over);
    else write_pod(local);
  }
  resync();
  status_due();
}

void Kubelet::resync() {
  if (!up_ || cut_) return;
  std::set<Key> keys = api_.pods_on(node_);
  for (const auto& [uid, local] : pods_) keys.insert(local.key);
  for (const Key& key : keys) look(key);
}

// --- Plugins -------------------------------------------------------------------------------------

void Kubelet::watch_socket(Plugin& plugin) { watchers_.push_back(&plugin); }
void Kubelet::unwatch_socket(Plugin& plugin) { std::erase(watchers_, &plugin); }

bool Kubelet::register_plugin(const std::string& resource, Plugin& plugin) {
  if (!up_) return false;
  Plugin*& serving = plugins_[resource];
  Plugin* before = serving;
  serving = &plugin;
  devices_.registered(resource);
  devices_changed();
  if (admission_.plugin != nullptr && admission_.wants[admission_.at].first == resource)
    reject(Rejection::Cause::Plugin, "rpc error: code = Unavailable desc = transport is closing");
  if (before != nullptr && before != &plugin) before->dropped(resource);
  return true;
}

void Kubelet::list(const std::string& resource, Plugin& plugin,
                   const std::vector<PluginDevice>& devices) {
  if (!up_ || !serves(resource, plugin)) return;
  devices_.list(resource, devices);
  devices_changed();
}

void Kubelet::unplug(const std::string& resource, Plugin& plugin) {
  if (!up_ || !serves(resource, plugin)) return;
  plugins_.erase(resource);
  devices_.unplugged(resource, clock_.now());
  devices_changed();
  later(DeviceManager::kForgetAfter, [this] { status_due(); });
  if (admission_.plugin == &plugin && admission_.wants[admission_.at].first == resource)
    reject(Rejection::Cause::Plugin, "rpc error: code = Unavailable desc = transport is closing");
}

void Kubelet::unplug_all(Plugin& plugin) {
  std::vector<std::string> names;
  for (const auto& [resource, serving] : plugins_) {
    if (serving == &plugin) names.push_back(resource);
  }
  for (const std::string& name : names) unplug(name, plugin);
}

bool Kubelet::serves(const std::string& resource, const Plugin& plugin) const {
  const auto serving = plugins_.find(resource);
  return serving != plugins_.end() && serving->second == &plugin;
}

std::set<std::string> Kubelet::served_by_others(const Plugin& plugin) const {
  std::set<std::string> names;
  for (const auto& [resource, serving] : plugins_) {
    if (serving != &plugin) names.insert(resource);
  }
  return names;
}

// --- Status --------------------------------------------------------------------------------------

void Kubelet::devices_changed() {
  status_due();
  if (changed_) changed_();
}

/// Writes at the next tick if anything differs then. Ticks are phase_ + k * status_every_ms.
void Kubelet::status_due() {
  if (!up_ || cut_ || clock_.waits(status_)) return;
  Instant tick = phase_;
  if (clock_.now() >= tick) {
    const std::int64_t passed = (clock_.now() - tick) / options_.status_every_ms;
    tick += (passed + 1) * options_.status_every_ms;
  }
  status_ = clock_.at(tick, [this] { write_status(); });
}

/// Its own truth, whatever others have patched in meanwhile; names that it forgot stay, with 0.
void Kubelet::write_status() {
  if (!up_ || cut_) return;
  const control::Node* node = api_.find<control::Node>(node_);
  if (node == nullptr) return;
  control::Amounts capacity = devices_.capacity(clock_.now());
  control::Amounts allocatable = devices_.allocatable(clock_.now());
  for (const auto& [resource, amount] : node->capacity_of) capacity.try_emplace(resource, 0);
  for (const auto& [resource, amount] : node->allocatable_of) allocatable.try_emplace(resource, 0);
  if (node->ready && node->boot_id == boot_id_ && node->capacity_of == capacity &&
      node->allocatable_of == allocatable)
    return;
  api_.mutate<control::Node>(Key{"", node_}, [&](control::Node& changed) {
    changed.ready = true;
    changed.boot_id = boot_id_;
    changed.capacity_of = capacity;
    changed.allocatable_of = allocatable;
  });
}

void Kubelet::node_changed() { status_due(); }

// --- For checkers --------------------------------------------------------------------------------

std::set<std::string> Kubelet::running() const {
  std::set<std::string> uids;
  for (const auto& [uid, local] : pods_) {
    if (local.stage == Stage::Running) uids.insert(uid);
  }
  return uids;
}

void Kubelet::add_to(Hasher& hasher) const {
  hasher.add(up_);
  hasher.add(cut_);
  hasher.add(boot_id_);
  hasher.add(phase_);
  devices_.add_to(hasher);
  for (const auto& [uid, local] : pods_) {
    hasher.add(uid);
    hasher.add(static_cast<std::int32_t>(local.stage));
    hasher.add(local.ending);
    hasher.add(static_cast<std::int32_t>(local.phase));
  }
  for (const std::string& uid : queue_) hasher.add(uid);
  hasher.add(admission_.uid);
  hasher.add(static_cast<std::uint64_t>(admission_.at));
  hasher.add(static_cast<std::int32_t>(crashes_));
  hasher.add(static_cast<std::uint64_t>(rejections_.size()));
  dice_.add_to(hasher);
}

}  // namespace kerf::sim
