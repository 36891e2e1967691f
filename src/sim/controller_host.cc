// The controller's process: list, watch, lead, decide, write.
#include "sim/controller_host.h"

#include <algorithm>
#include <utility>

#include "sim/controller_requests.h"

namespace kerf::sim {

namespace {

using controller::Outcome;
using controller::Result;

Outcome outcome_of(const Answer& answer) {
  switch (answer.code) {
    case Code::Ok: return {Result::Applied, answer.version, ""};
    case Code::Conflict:
    case Code::AlreadyExists:
    case Code::NotFound: return {Result::Conflict, 0, answer.why};
    case Code::Unknown: return {Result::Unknown, 0, answer.why};
    case Code::Invalid:
    case Code::Forbidden:
    case Code::TooMany: break;
  }
  return {Result::Refused, 0, answer.why};
}

}  // namespace

ControllerHost::ControllerHost(ApiServer& api, Prices& prices, ControllerLease& lease,
                               ControllerHostOptions options, std::uint64_t seed)
    : api_(api),
      clock_(api.clock()),
      prices_(prices),
      lease_(lease),
      options_(std::move(options)),
      seed_(seed),
      dice_(seed, "controller") {}

ControllerHost::~ControllerHost() { stop(); }

void ControllerHost::later(std::int64_t delay_ms, std::function<void()> call) {
  clock_.after(delay_ms, [life = life_, now = *life_, call = std::move(call)] {
    if (*life == now) call();
  });
}

void ControllerHost::start() {
  clock_.cancel(restart_);
  if (up()) return;
  ++runs_;
  mind_ = std::make_unique<controller::Controller>(options_.mind, options_.tables);
  client_ = std::make_unique<Client>(api_, "controller", seed_ ^ (runs_ * 0x9e3779b97f4a7c15ULL),
                                     options_.watch, options_.write);
  lead();
  const Sink sink{[this](const Value& value) { deliver(controller::Seen{*value}); },
                  [this](Kind kind, const Key& key, const std::string& uid) {
                    deliver(controller::Gone{kind, key, uid});
                  },
                  [this](Kind kind, Version version) {
                    deliver(controller::Synced{kind, version});
                  }};
  for (int kind = 0; kind < control::kKinds; ++kind) client_->watch(static_cast<Kind>(kind), sink);
  scrape();
}

void ControllerHost::lead() {
  leads_ = true;
  deliver(controller::Leading{++term_});
  renew();
}

void ControllerHost::renew() {
  if (!leads_) return;
  if (clock_.now() >= paused_until_) lease_.lease_renewed(clock_.now());
  later(options_.lease_every_ms, [this] { renew(); });
}

void ControllerHost::scrape() {
  // A page that answers is as of now, however seldom Karpenter refreshes what stands on it.
  const bool news =
      told_market_ != prices_.feed() || clock_.now() >= told_as_of_ + options_.prices_every_ms;
  if (!prices_.feed_stopped() && news) {
    told_market_ = prices_.feed();
    told_as_of_ = clock_.now();
    deliver(controller::Offerings{told_market_, told_as_of_, options_.overhead});
  }
  later(options_.scrape_every_ms, [this] { scrape(); });
}

void ControllerHost::end() {
  ++*life_;
  clock_.cancel(wake_);
  mind_.reset();
  client_.reset();
  inbox_.clear();
  step_waits_ = false;
  leads_ = false;
  paused_until_ = 0;
  told_market_.reset();
  told_as_of_ = 0;
  fuse_ = -1;
}

void ControllerHost::stop() {
  clock_.cancel(restart_);
  if (up()) end();
}

void ControllerHost::crash() {
  if (!up()) return;
  end();
  restart_ = clock_.after(options_.down.draw(dice_), [this] { start(); });
}

void ControllerHost::pause(std::int64_t ms) {
  paused_until_ = std::max(paused_until_, clock_.now() + ms);
}

void ControllerHost::lose_lease(std::int64_t ms) {
  if (!up() || !leads_) return;
  leads_ = false;
  deliver(controller::Following{});
  later(ms, [this] {
    if (leads_) return;
    lead();
    for (int kind = 0; kind < control::kKinds; ++kind) client_->relist(static_cast<Kind>(kind));
  });
}

void ControllerHost::set_faults(const WatchFaults& watch, const WriteFaults& write) {
  options_.watch = watch;
  options_.write = write;
  if (client_) client_->set_faults(watch, write);
}

void ControllerHost::deliver(controller::Event event) {
  inbox_.push_back(std::move(event));
  if (step_waits_) return;
  step_waits_ = true;
  const std::int64_t pause = std::max<std::int64_t>(0, paused_until_ - clock_.now());
  later(pause + options_.loop.draw(dice_), [this] { step(); });
}

void ControllerHost::step() {
  step_waits_ = false;
  if (clock_.now() < paused_until_) {
    step_waits_ = true;
    later(paused_until_ - clock_.now(), [this] { step(); });
    return;
  }
  const std::vector<controller::Event> batch = std::exchange(inbox_, {});
  ++steps_;
  const std::uint64_t life = *life_;
  for (const controller::Effect& effect : mind_->step(batch, clock_.now())) {
    if (fuse_ == 0) {
      crash();
      return;
    }
    carry_out(effect);
    if (*life_ != life) return;
  }
}

void ControllerHost::carry_out(const controller::Effect& effect) {
  if (const auto* wake = std::get_if<controller::WakeAt>(&effect.action)) {
    clock_.cancel(wake_);
    wake_ = clock_.at(wake->at, [this] { deliver(controller::Woke{}); });
    return;
  }
  if (on_effect) on_effect(effect);
  if (fuse_ > 0) --fuse_;
  if (const auto* note = std::get_if<controller::Note>(&effect.action)) {
    if (on_record) on_record(note->record);
  } else if (const auto* question = std::get_if<controller::Solve>(&effect.action)) {
    auto solution = std::make_shared<const controller::Solution>(
        controller::solve(*question->problem, *options_.tables));
    later(options_.solve.draw(dice_), [this, id = effect.id, solution = std::move(solution)] {
      deliver(controller::Solved{id, solution});
    });
  } else {
    ++effects_;
    client_->write(request_for(effect.action), [this, id = effect.id](const Answer& answer) {
      deliver(controller::Done{id, outcome_of(answer)});
    });
  }
}

void ControllerHost::add_to(Hasher& hasher) const {
  hasher.add(up());
  hasher.add(leads_);
  hasher.add(term_);
  hasher.add(runs_);
  hasher.add(effects_);
  hasher.add(steps_);
  dice_.add_to(hasher);
  if (mind_) hasher.add(mind_->hash());
  if (client_) client_->add_to(hasher);
}

}  // namespace kerf::sim
