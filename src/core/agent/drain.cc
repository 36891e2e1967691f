// Who may go: a device leaves when kubelet has it as unhealthy, nothing can be in flight, and all
// four sources say that nobody holds it.
#include "core/agent/mind.h"

namespace kerf::agent {

/// This many failures to complete an instance, and it is made anew.
constexpr int kComputeTries = 3;

/// Is there a device that somebody held before and nobody holds now?
static bool lets_go(const Holders& before, const Holders& now) {
  return std::any_of(before.devices.begin(), before.devices.end(), [&](const Holder& was) {
    return std::none_of(now.devices.begin(), now.devices.end(),
                        [&](const Holder& is) { return is.device == was.device; });
  });
}

void Agent::Mind::hear(const Holders& event) {
  Told& told = told_[static_cast<int>(event.source)];
  if (event.effect == 0) {
    if (!event.known) return;
    if (lets_go(told.seen, event))  // it is worth asking all of them again
      for (Told& any : told_) any.polls = 0;
    told.seen = event;
    return;
  }
  if (told.asking != event.effect) return;
  told.asking = 0;
  told.answered = true;
  if (!event.known) {
    told.retry.fail(now_, options_.retry_ms, options_.retry_max_ms);
    return;
  }
  told.retry.ok();
  const bool same = told.asked.devices == event.devices && told.asked.processes == event.processes;
  told.polls = same ? std::min(told.polls + 1, 5) : 0;
  told.asked_id = event.effect;
  told.asked_at = told.asking_at;
  told.asked = told.seen = event;
}

Agent::Mind::Leave Agent::Mind::leave_of(const Gpu& gpu, const Device& device) {
  if (!device.exists()) return Leave::No;
  if (!device.wanted) return gpu.ruled ? Leave::Destroy : Leave::No;
  if (!device.virt() && (device.lost || device.odd() || device.compute_failures >= kComputeTries))
    return Leave::Remake;
  if (!device.listed.empty() && device.listed != device.resource) return Leave::Rename;
  return Leave::No;
}

std::optional<Instant> Agent::Mind::since(const Device& device) const {
  if (device.listed.empty())
    return device.quiet == kNever ? started_at_ : device.quiet + options_.in_flight_ms;
  if (device.healthy || device.quiet == kNever) return std::nullopt;
  return device.quiet + options_.in_flight_ms;
}

void Agent::Mind::end_grant(Device& device, bool leaves) {
  if (device.grant == 0) return;
  const Instant expiry = device.granted + options_.grant_ms;
  bool expired = true;
  for (const Source source : {Source::PodResources, Source::Checkpoint}) {
    const Told& told = told_[static_cast<int>(source)];
    if (told.asked_id > device.grant && device.held[static_cast<int>(source)].asked) {
      device.grant = 0;  // kubelet remembers it from here on
      return;
    }
    expired = expired && told.asked_at >= expiry;
  }
  if (expired) {
    device.grant = 0;
    return;
  }
  if (device.grant == kPerhaps && !leaves) return;
  const bool shown = device.held[static_cast<int>(Source::PodResources)].seen;
  if (told_[static_cast<int>(Source::PodResources)].asked_id < device.grant &&
      (shown || due(device.granted + options_.in_flight_ms)))
    need(Source::PodResources);
  if (!due(expiry)) return;
  for (const Source source : {Source::PodResources, Source::Checkpoint})
    if (told_[static_cast<int>(source)].asked_at < expiry) need(source);
}

void Agent::Mind::drain() {
  if (!looked_) return;
  const bool still = frozen();
  each([this, still](std::uint32_t index, const DeviceKey&, Device& device) {
    const Gpu& gpu = gpus_[index];
    const Leave leave = still || gpu.lost() ? Leave::No : leave_of(gpu, device);
    end_grant(device, leave != Leave::No || (!device.exists() && !device.listed.empty()));
    device.drained = false;
    const bool ended = !device.held[static_cast<int>(Source::PodResources)].seen;
    for (int s = 0; s < kSources; ++s)
      if (device.held[s].asked && ended) told_[s].poll = true;
    if (leave == Leave::No) return;
    const auto from = since(device);
    if (!from || !due(*from)) return;
    bool free = device.grant == 0;
    for (int s = 0; s < kSources; ++s) {
      if (told_[s].asked_at < *from) told_[s].again = true;
      if (device.held[s].any()) told_[s].poll = true;
      free = free && told_[s].asked_at >= *from && !device.held[s].any();
    }
    device.drained = free;
  });
}

void Agent::Mind::ask() {
  for (int s = 0; s < kSources; ++s) {
    Told& told = told_[s];
    // What a source said last is not believed for ever: the host may have missed that it changed.
    const bool says_held = !told.asked.devices.empty() || !told.asked.processes.empty();
    const bool now =
        told.again || !told.answered || (says_held && due(told.asked_at + options_.look_every_ms));
    const bool poll = told.poll;
    told.again = told.poll = false;
    if (told.asking != 0 || !(now || poll) || !due(told.retry.at)) continue;
    if (!now && !due(told.asked_at + (options_.holders_ms << told.polls))) continue;
    told.asking_at = now_;
    told.asking = emit(AskHolders{static_cast<Source>(s)});
  }
}

bool Agent::Mind::is_going(std::uint32_t index, const DeviceKey& key, const Device& device) const {
  return device.drained && journal_sure_ && is_marked_going(journal_, index, key);
}

}  // namespace kerf::agent
