// Adds up what the machines of the fleet are, and where their dollars go.
#include "core/controller/overview.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/control/names.h"
#include "core/controller/mind.h"

namespace kerf::controller {

using cluster::SliceState;

namespace {

const char* state_of(const Standing& slice) {
  switch (slice.state) {
    case SliceState::Creating: return "creating";
    case SliceState::Used: return "used";
    case SliceState::Retiring: return "retiring";
    case SliceState::Lost: return "lost";
    case SliceState::Free: break;
  }
  return slice.published ? "free" : "parked";
}

/// Where the dollars of one machine go: used, then by cause.
std::vector<MicroUsdPerHour> parts_of(const Machine& machine) {
  std::vector<std::int64_t> weights(1 + kStranded, 0);
  const auto weight = [&](Stranded cause) -> std::int64_t& {
    return weights[1 + static_cast<std::size_t>(cause)];
  };
  std::int64_t left = std::int64_t{1000} * machine.instance->gpu_count;
  bool anybody = false;
  for (const Standing& slice : machine.slices) {
    const std::int64_t milli = std::min(left, milli_of(*machine.model, slice.at.form));
    left -= milli;
    if (slice.state == SliceState::Used) {
      weights[0] += milli;
      anybody = true;
    } else if (slice.state == SliceState::Lost) {
      weight(Stranded::Unusable) += milli;
    } else {
      weight(slice.published ? Stranded::Free : Stranded::Parked) += milli;
    }
  }
  weight(Stranded::Uncut) += left;
  const std::int64_t used = weights[0];
  const std::int64_t rest = std::int64_t{1000} * machine.instance->gpu_count - used;
  std::optional<Stranded> whole;
  if (machine.coming()) whole = Stranded::Coming;
  else if (machine.closed()) whole = Stranded::Unusable;
  else if (!anybody) whole = Stranded::Idle;
  if (whole) {
    std::fill(weights.begin() + 1, weights.end(), 0);
    weight(*whole) = rest;
  }
  return split(machine.price, weights);
}

}  // namespace

const char* to_string(Stranded cause) {
  switch (cause) {
    case Stranded::Coming: return "coming";
    case Stranded::Idle: return "idle";
    case Stranded::Free: return "free";
    case Stranded::Parked: return "parked";
    case Stranded::Uncut: return "uncut";
    case Stranded::Unusable: break;
  }
  return "unusable";
}

Overview Controller::Mind::overview() const {
  Overview overview;
  if (!thought_ || !may_act()) return overview;
  std::map<std::string, Money> money;
  for (const auto& [key, policy] : store_.all<control::SlicePolicy>()) {
    Money& one = money[key.name];
    one.policy = key.name;
    one.act = policy.mode == control::Mode::Act;
    const auto mind = policies_.find(key.name);
    if (mind != policies_.end()) one.figures = mind->second.figures;
  }
  std::map<std::tuple<std::string, std::string, std::string, std::string>, std::int64_t> slices;
  for (const auto& [name, machine] : fleet_) {
    Money& one = money[machine.policy];
    one.policy = machine.policy;
    ++one.nodes;
    one.nodes_in_service += machine.in_service ? 1 : 0;
    one.claims_unlaunched += machine.claim != nullptr && !machine.claim->launched() ? 1 : 0;
    one.bill += machine.price;
    const std::vector<MicroUsdPerHour> parts = parts_of(machine);
    one.used += parts[0];
    for (std::size_t c = 0; c < kStranded; ++c) one.stranded[c] += parts[1 + c];
    if (!machine.seen_by_agent) continue;
    for (const Standing& slice : machine.slices)
      ++slices[{machine.policy, machine.model->key,
                control::form_text(*machine.model, slice.at.form), state_of(slice)}];
  }
  for (auto& [name, one] : money) overview.policies.push_back(std::move(one));
  for (const auto& [key, count] : slices)
    overview.slices.push_back(
        {std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<3>(key), count});
  return overview;
}

}  // namespace kerf::controller
