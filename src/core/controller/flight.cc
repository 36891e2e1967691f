// Which objects may be written now.
#include "core/controller/flight.h"

#include <algorithm>

#include "base/assert.h"

namespace kerf::controller {

bool Flight::busy(Kind kind, const Key& key, Instant now) const {
  const auto at = waits_.find({kind, key});
  if (at == waits_.end()) return false;
  const Wait& wait = at->second;
  if (!wait.in_flight) return now < wait.until;
  return !(wait.unknown && wait.listed && now >= wait.until + kLate);
}

EffectId Flight::ask(Kind kind, const Key& key, Version version, Instant now) {
  KERF_ASSERT(!busy(kind, key, now), "an object is written once at a time");
  Wait& wait = waits_[{kind, key}];
  effects_.erase(wait.effect);
  wait = Wait{.effect = ++last_, .decided_on = version, .until = now, .failures = wait.failures};
  effects_[wait.effect] = {kind, key};
  return wait.effect;
}

std::optional<Flight::Landed> Flight::done(EffectId effect, const Outcome& outcome, Version known,
                                           Instant now) {
  const auto at = effects_.find(effect);
  if (at == effects_.end()) return std::nullopt;
  const Target target = at->second;
  effects_.erase(at);
  Wait& wait = waits_[target];
  switch (outcome.result) {
    case Result::Applied:
      // A deletion has no version of its own: the object changes, or goes.
      wait.written = outcome.version != 0 ? outcome.version : wait.decided_on + 1;
      wait.failures = 0;
      // The watch may have been faster than the answer.
      if (known >= wait.written || wait.came_and_went) waits_.erase(target);
      break;
    case Result::Conflict:
    case Result::Later:
    case Result::Forbidden:
    case Result::Refused: {
      wait.in_flight = false;
      const std::int64_t pause = kBackOff << std::min(wait.failures, 6);
      // A conflict is mended by seeing the object; only repeated ones are worth a pause.
      wait.until =
          now + (outcome.result == Result::Conflict ? pause / 4 : std::min(pause, kBackOffMax));
      ++wait.failures;
      break;
    }
    case Result::Unknown: wait.unknown = true; break;
  }
  return Landed{target.first, target.second, outcome.result, outcome.why};
}

std::optional<Flight::Target> Flight::target(EffectId effect) const {
  const auto at = effects_.find(effect);
  if (at == effects_.end()) return std::nullopt;
  return at->second;
}

void Flight::seen(Kind kind, const Key& key, Version version) {
  const auto at = waits_.find({kind, key});
  if (at == waits_.end() || !at->second.in_flight) return;
  const Wait& wait = at->second;
  const bool landed = wait.written != 0 && version >= wait.written;
  const bool too_late = wait.unknown && version > wait.decided_on;
  if (landed || too_late) waits_.erase(at);
}

void Flight::gone(Kind kind, const Key& key) {
  const auto at = waits_.find({kind, key});
  if (at == waits_.end()) return;
  // A request to create may still be under way; everything else is about an object that was there.
  Wait& wait = at->second;
  if (wait.in_flight && wait.decided_on == 0 && wait.written == 0 && !wait.unknown) {
    wait.came_and_went = true;
    return;
  }
  effects_.erase(at->second.effect);
  waits_.erase(at);
}

std::vector<Key> Flight::synced(Kind kind, Version version,
                                const std::function<bool(const Key&)>& there) {
  std::vector<Key> unseen;
  for (auto& [target, wait] : waits_) {
    if (target.first != kind || !wait.in_flight) continue;
    if (wait.unknown) wait.listed = true;
    if (wait.written != 0 && wait.written <= version && !there(target.second))
      unseen.push_back(target.second);
  }
  for (const Key& key : unseen) waits_.erase({kind, key});
  return unseen;
}

void Flight::clear() {
  waits_.clear();
  effects_.clear();
}

std::optional<Instant> Flight::next(Instant now) const {
  std::optional<Instant> next;
  for (const auto& [target, wait] : waits_) {
    const Instant until = wait.in_flight ? wait.until + kLate : wait.until;
    if (wait.in_flight && !wait.unknown) continue;
    if (until > now && (!next || until < *next)) next = until;
  }
  return next;
}

void Flight::add_to(Hasher& hasher) const {
  hasher.add(last_);
  for (const auto& [target, wait] : waits_) {
    hasher.add(static_cast<std::int32_t>(target.first));
    hasher.add(target.second.text());
    hasher.add(wait.effect);
    hasher.add(wait.decided_on);
    hasher.add(wait.written);
    hasher.add(wait.unknown);
    hasher.add(wait.listed);
    hasher.add(wait.until);
    hasher.add(wait.in_flight);
    hasher.add(wait.failures);
  }
}

}  // namespace kerf::controller
