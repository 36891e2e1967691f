// The agent's process: its start and its end, what it hears, and the loop around its mind.
#include "sim/machine_agent.h"

#include <algorithm>
#include <utility>

namespace kerf::sim {

AgentHost::AgentHost(AgentWorld world, AgentOptions options, std::uint64_t seed)
    : world_(std::move(world)),
      clock_(world_.api.clock()),
      options_(options),
      seed_(seed),
      dice_(seed, "agent/" + world_.node) {
  world_.kubelet.when_changed([this] { kubelet_changed(); });
}

AgentHost::~AgentHost() {
  world_.kubelet.when_changed({});
  world_.kubelet.unwatch_socket(*this);
  for (Timer* timer : {&wake_, &restart_, &lease_look_}) clock_.cancel(*timer);
}

// --- The process ---------------------------------------------------------------------------------

void AgentHost::start(const std::string& boot_id) {
  stop();
  boot_id_ = boot_id;
  ++runs_;
  mind_ = std::make_unique<agent::Agent>(world_.catalogue, options_.mind);
  agent::Started started;
  started.run = world_.node + "/" + std::to_string(runs_);
  started.boot_id = boot_id;
  if (world_.disk.journal) {
    Result<agent::Journal> journal = agent::journal_from_text(*world_.disk.journal);
    if (journal) started.journal = std::move(*journal);
  }
  for (const auto& [device, uuid] : world_.disk.cdi) started.cdi.push_back({device, uuid});
  deliver(std::move(started));
  deliver(agent::CdiStale{});
  xid_cursor_ = world_.driver.newest_event();
  world_.kubelet.watch_socket(*this);
  if (world_.kubelet.up()) deliver(agent::Kubelet{true});
  if (foreign_driver_) deliver(agent::ForeignDriver{true});
  connect();
  lease_tick();
  kubelet_changed();
}

/// All that was in memory is gone; connections to kubelet and the API server break.
void AgentHost::end() {
  if (!mind_) return;
  ++*life_;
  if (journal_in_flight_ && dice_.chance(500)) world_.disk.journal = journal_in_flight_;
  journal_in_flight_.reset();
  mind_.reset();
  client_.reset();
  inbox_.clear();
  step_waits_ = false;
  jobs_.clear();
  driver_busy_ = false;
  last_look_.clear();
  clock_.cancel(wake_);
  list_taken_.clear();
  looking_ = false;
  told_holders_.clear();
  told_foreign_.clear();
  told_wanted_ = {};
  seen_wanted_ = false;
  lease_told_ = false;
  clock_.cancel(lease_look_);
  reports_.clear();
  world_.kubelet.unwatch_socket(*this);
  world_.kubelet.unplug_all(*this);
}

void AgentHost::stop() {
  end();
  clock_.cancel(restart_);
}

void AgentHost::crash() {
  if (!mind_) return;
  stop();
  restart_ = clock_.after(options_.down.draw(dice_), [this] { start(boot_id_); });
}

/// A step of this run of the process.
void AgentHost::later(std::int64_t delay_ms, std::function<void()> step) {
  clock_.after(delay_ms, [life = std::weak_ptr(life_), now = *life_, step = std::move(step)] {
    const std::shared_ptr<std::uint64_t> is = life.lock();
    if (is && *is == now) step();
  });
}

void AgentHost::deliver(agent::Event event) {
  if (!mind_) return;
  inbox_.push_back(std::move(event));
  if (step_waits_) return;
  step_waits_ = true;
  later(options_.loop.draw(dice_), [this] { step(); });
}

void AgentHost::step() {
  step_waits_ = false;
  look_at_lease();
  const std::vector<agent::Event> batch = std::exchange(inbox_, {});
  const std::vector<agent::Effect> effects = mind_->step(batch, clock_.now());
  const std::uint64_t run = runs_;
  for (const agent::Effect& effect : effects) {
    if (fuse_ >= 0 && fuse_-- == 0) {
      crash();
      return;
    }
    ++effects_;
    execute(effect);
    if (!mind_ || run != runs_) return;
  }
}

void AgentHost::execute(const agent::Effect& effect) {
  std::visit([&](const auto& action) { act(effect.id, action); }, effect.action);
}

// --- The API server ------------------------------------------------------------------------------

void AgentHost::connect() {
  if (cut_ || !mind_) return;
  client_ = std::make_unique<Client>(world_.api, "agent/" + world_.node, seed_ + runs_,
                                     options_.watch, options_.write);
  Sink sink;
  sink.seen = [this](const Value& value) {
    const auto* node = std::get_if<control::GpuNode>(value.get());
    seen_wanted_ = true;
    object_version_ = std::max(object_version_, node->meta.version);
    const std::pair<std::string, std::int64_t> now(node->meta.uid, node->meta.generation);
    if (std::exchange(told_wanted_, now) == now) return;
    deliver(agent::Wanted{node->meta.uid, node->meta.generation, node->spec});
  };
  sink.gone = [this](Kind, const Key&, const std::string&) {
    seen_wanted_ = false;
    told_wanted_ = {};
    deliver(agent::NotWanted{});
  };
  sink.synced = [this](Kind, Version) {
    if (!seen_wanted_) deliver(agent::NotWanted{});
  };
  client_->watch(Kind::GpuNode, std::move(sink), world_.node);
}

void AgentHost::cut_off(bool cut) {
  if (cut_ == cut) return;
  cut_ = cut;
  if (cut) {
    client_.reset();
    lose_reports();
  } else {
    connect();
  }
  if (mind_) lease_tick();
}

void AgentHost::set_faults(const WatchFaults& watch, const WriteFaults& write) {
  options_.watch = watch;
  options_.write = write;
  if (client_) client_->set_faults(watch, write);
}

/// The host looks every 10 s. Told with what else happens, if there is anything new in it: nothing
/// is gained by waking a mind only to say that all is well.
void AgentHost::look_at_lease() {
  const agent::Lease lease{!cut_, cut_ ? 0 : world_.lease.renewed};
  if (lease_told_ && lease.reachable == told_lease_.reachable &&
      lease.renewed == told_lease_.renewed)
    return;
  lease_told_ = true;
  lease_told_since_ = clock_.now();
  told_lease_ = lease;
  // What waits to be told of it is older.
  std::erase_if(inbox_, [](const agent::Event& event) {
    return std::holds_alternative<agent::Lease>(event);
  });
  inbox_.insert(inbox_.begin() + (inbox_.empty() || inbox_[0].index() != 0 ? 0 : 1), lease);
}

/// Looks when the Lease would be stale, and every 10 s while it is: the mind counts its age from
/// when it was told of a change, so an outage is noticed up to lease_stale_ms later than by looking
/// every 10 s, never sooner.
void AgentHost::lease_tick() {
  clock_.cancel(lease_look_);
  if (!mind_) return;
  const agent::Lease lease{!cut_, cut_ ? 0 : world_.lease.renewed};
  const bool same = lease_told_ && lease.reachable == told_lease_.reachable &&
                    lease.renewed == told_lease_.renewed;
  if (!same) lease_told_since_ = clock_.now();
  lease_told_ = true;
  told_lease_ = lease;
  // Told again until the mind must have judged it stale; then only a change is news.
  const std::int64_t enough = options_.mind.lease_stale_ms + options_.lease_every_ms;
  if (!same || clock_.now() - lease_told_since_ <= enough) deliver(lease);
  if (cut_) return;
  const std::int64_t every = options_.lease_every_ms;
  const Instant at =
      std::max(world_.lease.renewed + options_.mind.lease_stale_ms + 1, clock_.now() + every);
  lease_look_ = clock_.at((at + every - 1) / every * every, [this] { lease_tick(); });
}

// --- kubelet -------------------------------------------------------------------------------------

void AgentHost::prefer(std::uint64_t call, const std::string& resource,
                       const std::vector<std::string>& available, std::int64_t count) {
  later(options_.rpc.draw(dice_), [this, call, resource, available, count] {
    deliver(
        agent::PreferredAllocation{call, resource, available, {}, static_cast<std::size_t>(count)});
  });
}

void AgentHost::allocate(std::uint64_t call, const std::string& resource,
                         const std::vector<std::string>& ids) {
  later(options_.rpc.draw(dice_), [this, call, resource, ids] {
    deliver(agent::Allocate{call, resource, ids});
  });
}

void AgentHost::kubelet_socket(bool up) {
  list_taken_.clear();
  later(options_.rpc.draw(dice_), [this, up] { deliver(agent::Kubelet{up}); });
}

void AgentHost::dropped(const std::string& resource) {
  later(options_.rpc.draw(dice_), [this, resource] {
    look_at_kubelet();
    deliver(agent::Dropped{resource});
  });
}

/// The host looks at PodResources, and at who serves what, about once a second: here after a
/// change.
void AgentHost::kubelet_changed() {
  if (!mind_ || looking_) return;
  looking_ = true;
  later(options_.look_around.draw(dice_), [this] {
    looking_ = false;
    look_at_kubelet();
  });
}

void AgentHost::look_at_kubelet() {
  agent::Holders holders = pod_resources();
  if (holders.known && holders.devices != told_holders_) {
    told_holders_ = holders.devices;
    deliver(std::move(holders));
  }
  std::set<std::string> foreign = world_.kubelet.served_by_others(*this);
  if (foreign != told_foreign_) {
    told_foreign_ = foreign;
    deliver(agent::ForeignPlugins{std::move(foreign)});
  }
}

void AgentHost::set_foreign_driver(bool present) {
  foreign_driver_ = present;
  deliver(agent::ForeignDriver{present});
}

void AgentHost::poke() {
  later(options_.rpc.draw(dice_), [this] {
    const simgpu::Answer<std::vector<simgpu::Event>> events =
        world_.driver.wait_events(xid_cursor_);
    if (!events.ok()) return;
    for (const simgpu::Event& event : events.value) {
      deliver(agent::Xid{world_.driver.state().gpus[static_cast<std::size_t>(event.gpu)].uuid,
                         event.gpu_instance, event.xid});
    }
  });
}

void AgentHost::add_to(Hasher& hasher) const {
  hasher.add(runs_);
  hasher.add(effects_);
  hasher.add(mind_ ? mind_->hash() : 0);
  hasher.add(cut_);
  hasher.add(fuse_);
  dice_.add_to(hasher);
  if (client_) client_->add_to(hasher);
}

}  // namespace kerf::sim
