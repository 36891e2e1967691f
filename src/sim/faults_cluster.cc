// Faults of streams and writes, of the market, and what users and other software do.
#include <algorithm>

#include "base/assert.h"
#include "core/control/names.h"
#include "sim/faults.h"
#include "sim/world.h"

namespace kerf::sim {

using control::Pod;

// --- Streams -------------------------------------------------------------------------------------

void Faults::apply_streams() {
  world_.controller().set_faults(watch_of_[0], write_of_[0]);
  for (const std::string& node : world_.karpenter().nodes())
    if (Machine* machine = machine_of(node))
      machine->agent().set_faults(watch_of_[1], write_of_[1]);
}

bool Faults::strike_streams(const FaultSpec& spec) {
  const bool is_watch = spec.what == FaultKind::Watch;
  const std::int64_t ms = length(spec);
  for (int who = 0; who < 2; ++who) {
    if (spec.who != Who::All && static_cast<int>(spec.who) != who) continue;
    if (is_watch) watch_of_[who] = watch_faults(spec.preset).value_or(WatchFaults{});
    else write_of_[who] = write_faults(spec.preset).value_or(WriteFaults{});
    last(std::string(to_string(spec.what)) + "/" + std::to_string(who), ms, [this, is_watch, who] {
      if (is_watch) watch_of_[who] = {};
      else write_of_[who] = {};
      apply_streams();
    });
  }
  apply_streams();
  tell(spec, spec.preset, ms);
  return true;
}

// --- The market ----------------------------------------------------------------------------------

bool Faults::strike_market(const FaultSpec& spec) {
  const std::int64_t ms = length(spec);
  switch (spec.what) {
    case FaultKind::StopFeed:
      world_.karpenter().change_prices([](Prices& prices) { prices.stop_feed(true); });
      last("feed", ms, [this] {
        world_.karpenter().change_prices([](Prices& prices) { prices.stop_feed(false); });
      });
      break;
    case FaultKind::FailRegistrations:
      world_.karpenter().fail_registrations(static_cast<int>(spec.number));
      break;
    case FaultKind::HangLaunches:
      world_.karpenter().hang_launches(static_cast<int>(spec.number));
      break;
    default: return change_offering(spec);
  }
  tell(spec, "", ms);
  return true;
}

/// Of the offerings that the fault names, one; those of types that are in use first.
bool Faults::change_offering(const FaultSpec& spec) {
  const Prices& prices = world_.prices();
  std::set<std::string> used;
  for (const auto& claim : world_.api().all<control::NodeClaim>()) used.insert(claim.type);
  std::vector<market::Offering> all;
  std::vector<market::Offering> near;
  for (const Prices::Offered& offered : prices.offered()) {
    const market::Offering& offering = offered.offering;
    const std::string& type = prices.base().types[offering.type].name;
    if (!spec.type.empty() && type != spec.type) continue;
    if (!spec.zone.empty() && offering.zone != spec.zone) continue;
    if (spec.capacity_type && offering.capacity_type != *spec.capacity_type) continue;
    all.push_back(offering);
    if (used.contains(type)) near.push_back(offering);
  }
  const auto& from = near.empty() ? all : near;
  if (from.empty()) return false;
  const market::Offering hit =
      from[static_cast<std::size_t>(dice_.between(0, std::ssize(from) - 1))];
  const std::int64_t ms = length(spec);
  world_.karpenter().change_prices([&](Prices& changed) {
    if (spec.what == FaultKind::OutOfStock)
      changed.hold_out(hit.type, spec.type.empty() || !spec.zone.empty() ? hit.zone : "",
                       hit.capacity_type, world_.now() + ms);
    else
      changed.set_price(hit.type, hit.zone, hit.capacity_type,
                        {std::max<std::int64_t>(1, hit.price.micro * spec.percent / 100)});
  });
  tell(spec, prices.base().types[hit.type].name, ms);
  return true;
}

// --- Users ---------------------------------------------------------------------------------------

bool Faults::strike_users(const FaultSpec& spec) {
  ApiServer& api = world_.api();
  const auto drawn = [&](const std::vector<Key>& keys) {
    return keys[static_cast<std::size_t>(dice_.between(0, std::ssize(keys) - 1))];
  };
  if (spec.what == FaultKind::DeletePod) {
    std::vector<Key> pods;
    for (const Pod& pod : api.all<Pod>())
      if (!pod.shape.gpu.empty() && pod.meta.deleted == 0 && !pod.done())
        pods.push_back(key_of(pod.meta));
    if (pods.empty()) return false;
    const Key key = drawn(pods);
    tell(spec, spec.force ? api.find<Pod>(key)->node : key.text());
    return api.erase(Kind::Pod, key, spec.force ? 0 : -1);
  }
  if (spec.what == FaultKind::DeleteClaim) {
    const std::vector<Key> claims = api.keys<control::NodeClaim>();
    if (claims.empty()) return false;
    const Key key = drawn(claims);
    tell(spec, api.find<control::NodeClaim>(key)->node);
    return api.erase(Kind::NodeClaim, key);
  }
  const std::vector<Key> instances = world_.workloads().instances();
  if (instances.empty()) return false;
  const Key key = drawn(instances);
  if (spec.what == FaultKind::Scale) {
    if (!world_.workloads().scale(key, dice_.between(0, spec.number))) return false;
  } else {
    const std::vector<WorkloadSpec>& workloads = world_.spec().workloads;
    const auto of = std::find_if(workloads.begin(), workloads.end(), [&](const auto& workload) {
      return workload.ns == key.ns &&
             (workload.name == key.name || key.name.starts_with(workload.name + "-"));
    });
    if (of == workloads.end() || !world_.workloads().roll_out(key, of->shape)) return false;
  }
  tell(spec, key.text());
  return true;
}

// --- The cluster ---------------------------------------------------------------------------------

bool Faults::strike_cluster(const FaultSpec& spec) {
  ApiServer& api = world_.api();
  if (spec.what == FaultKind::Observe) return observe(spec);
  const std::int64_t ms = length(spec);
  if (spec.what == FaultKind::RestartScheduler) {
    world_.scheduler().stop();
    last("scheduler", ms, [this] { world_.scheduler().start(); });
    tell(spec, "", ms);
  } else if (spec.what == FaultKind::Cordon) {
    Machine* machine = machine_for(spec);
    if (machine == nullptr) return false;
    const Key key{"", machine->node()};
    tell(spec, key.name, ms);
    api.mutate<control::Node>(key, [](control::Node& node) { node.cordoned = true; });
    last("cordon/" + key.name, ms, [this, key] {
      world_.api().mutate<control::Node>(key, [](control::Node& node) { node.cordoned = false; });
    });
  } else {
    const std::vector<Key> classes = api.keys<control::NodeClass>();
    if (classes.empty()) return false;
    const Key key = classes[static_cast<std::size_t>(dice_.between(0, std::ssize(classes) - 1))];
    tell(spec, key.name);
    api.mutate<control::NodeClass>(key, [&](control::NodeClass& node_class) {
      node_class.hash = "hash-" + std::to_string(done_.size());
    });
  }
  return true;
}

bool Faults::observe(const FaultSpec& spec) {
  std::vector<Key> acting;
  for (const auto& policy : world_.api().all<control::SlicePolicy>())
    if (policy.mode == control::Mode::Act) acting.push_back(key_of(policy.meta));
  if (acting.empty()) return false;
  const Key key = acting[static_cast<std::size_t>(dice_.between(0, std::ssize(acting) - 1))];
  const std::int64_t ms = length(spec);
  tell(spec, key.name, ms);
  const auto set = [this, key](control::Mode mode) {
    world_.api().mutate<control::SlicePolicy>(
        key, [mode](control::SlicePolicy& policy) { policy.mode = mode; });
  };
  set(control::Mode::Observe);
  last("observe/" + key.name, ms, [set] { set(control::Mode::Act); });
  return true;
}

}  // namespace kerf::sim
