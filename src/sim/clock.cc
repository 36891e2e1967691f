// How the clock runs what waits, and where a component's chance comes from.
#include "sim/clock.h"

#include <string>

#include "base/assert.h"

namespace kerf::sim {
namespace {

std::uint64_t seed_of(std::uint64_t seed, std::string_view name) {
  Hasher hasher;
  hasher.add(name);
  return seed ^ hasher.value();
}

}  // namespace

Timer Clock::at(Instant time, Callback callback) {
  const Timer timer{time < now_ ? now_ : time, ++asked_};
  waiting_.emplace(std::pair{timer.at, timer.number}, std::move(callback));
  return timer;
}

void Clock::cancel(Timer& timer) {
  waiting_.erase({timer.at, timer.number});
  timer = {};
}

bool Clock::step() {
  if (waiting_.empty()) return false;
  auto first = waiting_.extract(waiting_.begin());
  KERF_ASSERT(first.key().first >= now_, "time never goes back");
  now_ = first.key().first;
  ++steps_;
  first.mapped()();
  return true;
}

void Clock::run_until(Instant time) {
  while (!waiting_.empty() && waiting_.begin()->first.first <= time) step();
  if (now_ < time) now_ = time;
}

std::optional<Instant> Clock::next() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first.first;
}

void Clock::add_to(Hasher& hasher) const {
  hasher.add(now_);
  hasher.add(asked_);
  hasher.add(steps_);
  for (const auto& entry : waiting_) {
    hasher.add(entry.first.first);
    hasher.add(entry.first.second);
  }
}

Dice::Dice(std::uint64_t seed, std::string_view name) : prng_(seed_of(seed, name)) {}

std::uint64_t Dice::next() {
  ++drawn_;
  return prng_.next();
}

std::int64_t Dice::between(std::int64_t least, std::int64_t most) {
  if (most <= least) return least;
  ++drawn_;
  return least +
         static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(most - least) + 1));
}

bool Dice::chance(int milli) {
  if (milli <= 0) return false;
  ++drawn_;
  return prng_.below(1000) < static_cast<std::uint64_t>(milli);
}

}  // namespace kerf::sim
