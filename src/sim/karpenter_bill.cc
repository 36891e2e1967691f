// Sums of rates over time, without rounding.
#include "sim/karpenter_bill.h"

#include "base/assert.h"
#include "core/control/object.h"

namespace kerf::sim {

void Bill::open(const std::string& instance, BilledInstance details) {
  details.to = details.from;
  const bool is_new = instances_.emplace(instance, std::move(details)).second;
  KERF_ASSERT(is_new, "an instance id is used once");
}

void Bill::settle(const std::string& instance, Instant now) {
  BilledInstance& entry = instances_.at(instance);
  if (!entry.open) return;
  KERF_ASSERT(now >= entry.to, "time never goes back");
  entry.cost += cost_of(entry.rate, now - entry.to);
  entry.to = now;
}

void Bill::settle_all(Instant now) {
  for (const auto& [id, entry] : instances_) settle(id, now);
}

void Bill::set_rate(const std::string& instance, MicroUsdPerHour rate) {
  instances_.at(instance).rate = rate;
}

void Bill::close(const std::string& instance, Instant now) {
  settle(instance, now);
  instances_.at(instance).open = false;
}

Int128 Bill::total(Instant now) const {
  Int128 sum = 0;
  for (const auto& [id, entry] : instances_) {
    sum += entry.cost;
    if (entry.open) sum += cost_of(entry.rate, now - entry.to);
  }
  return sum;
}

std::int64_t Bill::micro_usd(Instant now) const {
  return static_cast<std::int64_t>(total(now) / control::kHour);
}

MicroUsdPerHour Bill::rate() const {
  MicroUsdPerHour sum;
  for (const auto& [id, entry] : instances_) {
    if (entry.open) sum += entry.rate;
  }
  return sum;
}

void Bill::add_to(Hasher& hasher) const {
  for (const auto& [id, entry] : instances_) {
    hasher.add(id);
    hasher.add(entry.open);
    hasher.add(entry.to);
    hasher.add(entry.rate.micro);
    hasher.add(static_cast<std::int64_t>(entry.cost / control::kHour));
  }
}

}  // namespace kerf::sim
