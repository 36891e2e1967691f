// DriverHand: what is pending, and what is past its deadline.
#include "shell/agent/driver_hand.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace kerf::shell {
namespace {

agent::Event timed_out(const agent::Effect& effect) {
  if (std::holds_alternative<agent::Look>(effect.action))
    return agent::Looked{effect.id, agent::Code::Timeout, {}};
  if (std::holds_alternative<agent::AskHolders>(effect.action))
    return agent::Holders{effect.id, agent::Source::Processes, false, {}, {}};
  return agent::Done{effect.id, agent::Code::Timeout};
}

agent::EffectId effect_of(const agent::Event& event) {
  if (const auto* looked = std::get_if<agent::Looked>(&event)) return looked->effect;
  if (const auto* holders = std::get_if<agent::Holders>(&event)) return holders->effect;
  if (const auto* done = std::get_if<agent::Done>(&event)) return done->effect;
  return 0;
}

}  // namespace

DriverHand::DriverHand(Options options, const gpu::Catalogue& catalogue, runtime::Loop& loop,
                       Deliver deliver, std::function<void()> reloaded)
    : options_(std::move(options)), loop_(loop), deliver_(std::move(deliver)) {
  options_.worker.reloaded = [alive = alive_, &loop, reloaded = std::move(reloaded)] {
    static_cast<void>(loop.post([alive, reloaded] {
      if (*alive) reloaded();
    }));
  };
  worker_ = std::make_unique<nvml::Worker>(
      options_.worker, catalogue, [this, alive = alive_, &loop](agent::Event event) {
        static_cast<void>(loop.post([this, alive, event = std::move(event)]() mutable {
          if (*alive) told(std::move(event));
        }));
      });
}

DriverHand::~DriverHand() { *alive_ = false; }

bool DriverHand::stop(std::chrono::milliseconds deadline) { return worker_->stop(deadline); }

void DriverHand::act(const agent::Effect& effect) {
  Pending pending{timed_out(effect), {}, runtime::Loop::now()};
  if (!worker_->submit(effect)) {
    deliver_(std::move(pending.on_deadline));
    return;
  }
  pending.timer = loop_.after(options_.deadline_ms, [this, alive = alive_, id = effect.id] {
    if (*alive) late(id);
  });
  pending_.emplace(effect.id, std::move(pending));
}

void DriverHand::late(agent::EffectId effect) {
  const auto found = pending_.find(effect);
  if (found == pending_.end()) return;
  if (!worker_->withdraw(effect)) overdue_[effect] = found->second.begun;
  agent::Event event = std::move(found->second.on_deadline);
  pending_.erase(found);
  deliver_(std::move(event));
}

void DriverHand::told(agent::Event event) {
  const agent::EffectId effect = effect_of(event);
  if (effect == 0) {
    deliver_(std::move(event));
    return;
  }
  if (const auto found = pending_.find(effect); found != pending_.end()) {
    loop_.cancel(found->second.timer);
    pending_.erase(found);
    deliver_(std::move(event));
  } else if (overdue_.erase(effect) != 0) {
    deliver_(agent::Doubt{});
  }
}

std::int64_t DriverHand::stuck_ms() const {
  const runtime::Instant now = runtime::Loop::now();
  runtime::Instant oldest = now;
  for (const auto& [effect, begun] : overdue_) oldest = std::min(oldest, begun);
  return now - oldest;
}

}  // namespace kerf::shell
