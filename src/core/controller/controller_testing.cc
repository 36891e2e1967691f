// The bench's hands: kept out of the header, where the compiler sees less than is there.
#include "core/controller/controller_testing.h"

namespace kerf::controller::testing {

void Bench::tell_event(Event event) { events.push_back(std::move(event)); }

void Bench::synced() {
  for (int kind = 0; kind < control::kKinds; ++kind)
    tell_event(Synced{static_cast<Kind>(kind), version});
}

void Bench::start(const std::vector<std::string>& types) {
  tell_event(Leading{1});
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
            policy = tell(policy);
            tell_event(Done{effect.id, {Result::Applied, policy.meta.version, ""}});
          }
      } else {
        left.push_back(std::move(effect));
      }
    }
    effects = std::move(left);
    if (events.empty()) return;
  }
}

}  // namespace kerf::controller::testing
