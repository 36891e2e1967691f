// The bench's hands: kept out of the header, where the compiler sees less than is there.
#include "core/controller/controller_testing.h"

namespace kerf::controller::testing {

using State = cluster::SliceState;

void Bench::tell_event(Event event) {
  if (const auto* seen = std::get_if<Seen>(&event)) {
    known[{control::kind_of(seen->object), control::key_of(control::meta_of(seen->object))}] =
        seen->object;
  } else if (const auto* gone = std::get_if<Gone>(&event)) {
    known.erase({gone->kind, gone->key});
  }
  const bool leads = std::holds_alternative<Leading>(event);
  events.push_back(std::move(event));
  if (!leads) return;
  for (const auto& [which, object] : known) events.emplace_back(Seen{object});
}

void Bench::synced() {
  for (int kind = 0; kind < control::kKinds; ++kind)
    tell_event(Synced{static_cast<Kind>(kind), version});
}

void Bench::tell_classes() {
  for (const char* name : {"cut", "whole"}) {
    control::NodeClass made_from;
    made_from.meta.name = name;
    made_from.hash = "h";
    tell(made_from);
  }
}

void Bench::start(const std::vector<std::string>& types) {
  tell_event(Leading{1});
  tell_classes();
  tell_event(Offerings{market_of(types), now, {}});
  synced();
}

void Bench::step() {
  std::vector<Event> batch;
  batch.swap(events);
  for (Effect& effect : mind.step(batch, now)) {
    if (const auto* at = std::get_if<WakeAt>(&effect.action)) wake = at->at;
    else effects.push_back(std::move(effect));
  }
}
void Bench::pass(std::int64_t ms) {
  const Instant until = now + ms;
  int steps = 0;
  settle();
  while (wake > now && wake <= until) {
    now = wake;
    ASSERT_LT(++steps, 1000) << "it wakes again and again";
    tell_event(Woke{});
    settle();
  }
  now = until;
  tell_event(Woke{});
  settle();
}
void Bench::settle() {
  for (int round = 0; round < 50; ++round) {
    step();
    std::vector<Effect> left;
    for (Effect& effect : std::exchange(effects, {})) {
      if (const auto* solve = std::get_if<Solve>(&effect.action)) {
        auto answer = std::make_shared<const Solution>(controller::solve(*solve->problem, *tables));
        tell_event(Solved{effect.id, std::move(answer)});
      } else if (const auto* put = std::get_if<PutStatus>(&effect.action)) {
        for (control::SlicePolicy& policy : policies)
          if (policy.meta.name == put->policy) {
            policy.status = put->status;
            policy = applied(effect.id, policy);
          }
      } else {
        left.push_back(std::move(effect));
      }
    }
    effects = std::move(left);
    if (events.empty()) return;
  }
}

Told standing(Bench& bench, const std::string& name, const std::vector<Slice>& slices) {
  Told told;
  control::NodeClaim& claim = told.claim;
  claim.meta.name = "claim-" + name;
  claim.meta.labels = {{control::kPolicyLabel, "gpu"}, {control::kModeLabel, "cut"}};
  claim.type = "p5.4xlarge";
  claim.zones = {"us-east-1a"};
  claim.zone = "us-east-1a";
  claim.capacity_types = {market::CapacityType::OnDemand};
  claim.provider_id = "i-" + name;
  claim.node = name;
  claim.initialized = true;
  claim = bench.tell(claim);
  control::Node& node = told.node;
  node.meta.name = name;
  node.meta.labels = claim.meta.labels;
  node.meta.labels[control::kTypeLabel] = claim.type;
  node.meta.labels[control::kZoneLabel] = claim.zone;
  node.meta.labels[control::kCapacityLabel] = "on-demand";
  node.provider_id = claim.provider_id;
  node.ready = true;
  node.allocatable = {15000, 200000, 100000, 100};
  control::GpuNode& gpus = told.gpus;
  gpus.meta.name = name;
  gpus.meta.generation = 1;
  gpus.spec.gpus.resize(1);
  gpus.status.gpus.resize(1);
  gpus.status.gpus[0].model = "H100-80";
  gpus.status.observed_generation = 1;
  gpus.status.cut = gpus.status.ready = true;
  gpus.status.epoch = "1.1";
  for (const Slice& slice : slices) {
    const std::string resource = "nvidia.com/mig-" + slice.form;
    const bool held = !slice.pod.empty();
    gpus.spec.gpus[0].slices.push_back({slice.form, slice.start, resource, held});
    control::SliceStatus status{slice.form, slice.start, resource, held ? State::Used : State::Free,
                                held,       false,       "MIG-1",  ""};
    if (held) status.pod = "default/" + slice.pod;
    gpus.status.gpus[0].slices.push_back(std::move(status));
    node.allocatable_of[resource] += held ? 1 : 0;
  }
  node = bench.tell(node);
  gpus = bench.tell(gpus);
  return told;
}

control::Pod running_pod(const std::string& name, const std::string& profile,
                         const std::string& node) {
  control::Pod pod = pending_pod(name, profile);
  pod.unschedulable = false;
  pod.node = node;
  pod.phase = control::PodPhase::Running;
  pod.admitted = true;
  return pod;
}

}  // namespace kerf::controller::testing
