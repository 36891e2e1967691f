// From pending to offered to bound, pod by pod.
#include "shell/controller/pod_waits.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace kerf::shell {

using control::Key;

PodWaits::Waits PodWaits::observe(std::span<const controller::Event> batch,
                                  std::span<const controller::Effect> effects,
                                  std::int64_t now_ms) {
  Waits waits;
  for (const controller::Event& event : batch) {
    if (const auto* seen = std::get_if<controller::Seen>(&event)) {
      if (const auto* pod = std::get_if<control::Pod>(&seen->object)) see(*pod, now_ms, waits);
    } else if (const auto* gone = std::get_if<controller::Gone>(&event)) {
      const auto at = gone->kind == control::Kind::Pod ? pods_.find(gone->key) : pods_.end();
      if (at != pods_.end() && at->second.uid == gone->uid) pods_.erase(at);
    } else if (const auto* done = std::get_if<controller::Done>(&event)) {
      nominated(*done, now_ms, waits);
    } else if (std::holds_alternative<controller::Leading>(event)) {
      nominations_.clear();  // of another term: nobody says what became of them
    }
  }
  for (const controller::Effect& effect : effects) {
    if (const auto* nominate = std::get_if<controller::Nominate>(&effect.action)) {
      if (!nominate->node.empty()) nominations_[effect.id] = {nominate->pod, nominate->uid};
    } else if (const auto* note = std::get_if<controller::Note>(&effect.action)) {
      if (note->record.kind == control::Kind::Pod) own(note->record.about);
      for (const Key& pod : note->record.pods) own(pod);
    }
  }
  return waits;
}

void PodWaits::see(const control::Pod& pod, std::int64_t now_ms, Waits& waits) {
  const Key key = control::key_of(pod.meta);
  auto at = pods_.find(key);
  if (at != pods_.end() && at->second.uid != pod.meta.uid) {
    pods_.erase(at);
    at = pods_.end();
  }
  const bool bound = !pod.node.empty();
  if (bound || pod.done()) {
    if (at == pods_.end()) return;
    if (bound && at->second.ours)
      waits.bound_ms.push_back(std::max<std::int64_t>(now_ms - at->second.since_ms, 0));
    pods_.erase(at);
    return;
  }
  if (at != pods_.end() || !pod.unschedulable || pods_.size() >= kPodsMax) return;
  const std::int64_t since = pod.judged > 0 ? std::min(pod.judged, now_ms) : now_ms;
  pods_.emplace(key, Wait{pod.meta.uid, since});
}

void PodWaits::nominated(const controller::Done& done, std::int64_t now_ms, Waits& waits) {
  const auto found = nominations_.extract(done.effect);
  if (found.empty() || done.outcome.result != controller::Result::Applied) return;
  const auto at = pods_.find(found.mapped().first);
  if (at == pods_.end() || at->second.uid != found.mapped().second) return;
  at->second.ours = true;
  if (std::exchange(at->second.offered, true)) return;
  waits.offered_ms.push_back(std::max<std::int64_t>(now_ms - at->second.since_ms, 0));
}

void PodWaits::own(const Key& pod) {
  const auto at = pods_.find(pod);
  if (at != pods_.end()) at->second.ours = true;
}

}  // namespace kerf::shell
