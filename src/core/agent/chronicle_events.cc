// Chronicle: what the mind is told: outcomes, confirmations, the layout wanted.
#include "core/agent/chronicle_memory.h"

namespace kerf::agent {

void Chronicle::Memory::hear(const Started& event) {
  Memory fresh(*catalogue_);
  fresh.now_ = now_;
  fresh.records_ = std::move(records_);
  *this = std::move(fresh);
  run_ = event.run;
  if (event.journal) journal_ = *event.journal;
  written_ = devices_of(journal_);
  for (const CdiEntry& entry : event.cdi) cdi_[entry.device] = entry.uuid;
}

void Chronicle::Memory::hear(const Looked& event) {
  const auto flight = flights_.extract(event.effect);
  if (event.code != Code::Success) {
    if (!flight.empty()) records_.push_back(DriverFailed{"look", "", event.code});
    return;
  }
  compare_ = compare_ || seen_.empty();
  for (const SeenGpu& gpu : event.gpus) seen_[gpu.uuid] = gpu;
}

void Chronicle::Memory::hear(const Kubelet&) {
  for (auto& [id, flight] : flights_) flight.void_now = true;
  lists_.clear();
  offered_.clear();
}

void Chronicle::Memory::hear(const Dropped& event) {
  for (auto& [id, flight] : flights_)
    if (flight.resource == event.resource) flight.void_now = true;
  const auto list = lists_.find(event.resource);
  if (list == lists_.end()) return;
  list->second.sent = 0;
  list->second.confirmed = false;
}

void Chronicle::Memory::hear(const Wanted& event) {
  if (told_uid_ != event.uid) older_.reset();
  told_uid_ = event.uid;
  if (!follows(event, wanted_, journal_, now_, older_)) return;
  const bool same = wanted_ && wanted_->uid == event.uid;
  if (same && event.generation == wanted_->generation) return;
  wanted_ = event;
  compare_ = true;
}

void Chronicle::Memory::hear(const NotWanted&) {
  compare_ = compare_ || wanted_;
  wanted_.reset();
  told_uid_.clear();
  older_.reset();
}

void Chronicle::Memory::hear(const Unreadable&) { older_.reset(); }

void Chronicle::Memory::hear(const Xid& event) {
  XidHeard record{event.gpu, event.gi, event.xid, ""};
  if (const auto seen = seen_.find(event.gpu); seen != seen_.end() && event.gi != kNoInstance)
    for (const SeenInstance& instance : seen->second.instances) {
      if (instance.gi != event.gi) continue;
      const std::string device = id_of(event.gpu, instance.profile, instance.start);
      if (written_.contains(device)) record.device = device;
    }
  records_.push_back(std::move(record));
}

void Chronicle::Memory::hear(const Confirmed& event) {
  if (!event.known) return;
  for (auto& [resource, list] : lists_) {
    if (list.sent == 0 || list.confirmed || event.effect <= list.sent) continue;
    std::set<std::string> expected;
    for (const auto& [device, healthy] : list.devices)
      if (healthy) expected.insert(device);
    const auto found = event.healthy.find(resource);
    if (found == event.healthy.end() ? !expected.empty() : expected != found->second) continue;
    list.confirmed = true;
    offered(resource, list);
  }
}

/// kubelet has that list.
void Chronicle::Memory::offered(const std::string& resource, List& list) {
  for (const auto& [device, healthy] : list.devices) {
    const auto was = offered_.find(device);
    const bool before = was != offered_.end() && was->second == resource;
    if (healthy != before)
      records_.push_back(OfferChanged{device, resource, healthy, now_ - list.at});
    if (healthy) offered_[device] = resource;
    else if (before) offered_.erase(was);
    const auto cut = open_.find(device);
    if (cut == open_.end() || cut->second.done.contains(Phase::Confirmed)) continue;
    const Phase sent = cut->second.kind == Cut::Give ? Phase::Listed : Phase::Unhealthy;
    if (cut->second.done.contains(sent) && (cut->second.kind == Cut::Give || !healthy))
      step_done(device, Phase::Confirmed, Code::Success, cut->second.last);
  }
  std::erase_if(offered_, [&](const auto& entry) {
    return entry.second == resource && !list.devices.contains(entry.first);
  });
}

void Chronicle::Memory::served(Flight& flight, bool ok) {
  for (const Step& step : flight.steps)
    if (Open* cut = cut_of(step); cut != nullptr && step.phase == Phase::Unlisted)
      cut->unlisting = 0;
  const auto list = lists_.find(flight.resource);
  if (ok && list != lists_.end()) list->second.sent = newest_;
}

void Chronicle::Memory::hear(const Done& event) {
  auto found = flights_.extract(event.effect);
  if (found.empty()) return;
  Flight& flight = found.mapped();
  const bool ok = event.code == Code::Success;
  if (flight.report) records_.push_back(Reported{ok});
  if (!ok && flight.operation != nullptr)
    records_.push_back(DriverFailed{flight.operation, flight.gpu, event.code});
  if (ok && flight.cdi && flight.cdi->uuid.empty()) cdi_.erase(flight.cdi->device);
  else if (ok && flight.cdi) cdi_[flight.cdi->device] = flight.cdi->uuid;
  if (ok && flight.destroys)
    std::erase_if(seen_[flight.gpu].instances, [&](const SeenInstance& instance) {
      return std::pair(instance.profile, instance.start) == *flight.destroys;
    });
  if (!flight.resource.empty()) {
    served(flight, ok && !flight.void_now);
    if (flight.void_now) return;  // a kubelet that is gone had it, or nobody
  }
  for (const Step& step : flight.steps)
    if (cut_of(step) != nullptr) step_done(step.device, step.phase, event.code, flight.at);
}

}  // namespace kerf::agent
