// One world after the other, each with a meter and its faults; Kerf's with the promises watched.
#include "sim/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "sim/check.h"
#include "sim/faults.h"
#include "sim/scenario_meter.h"
#include "sim/whole_gpu.h"

namespace kerf::sim {
namespace {

/// Promises that are judged as things happen. The others (converges, comes-to-rest, served,
/// gives-back, alone-schedulable, ledger) are judged in phases of a swarm.
constexpr Promise kWatched[] = {
    Promise::SliceInUse,  Promise::ProvenDestination,     Promise::StalePrices,
    Promise::Admission,   Promise::ObserveTouchesNothing, Promise::ObserveWritesNothing,
    Promise::BuysOnce,    Promise::Oversubscribed,        Promise::KubeletCrash,
    Promise::BrokenStart, Promise::LegalLayout,           Promise::EffectsInOrder,
    Promise::Limits,
};

/// Faults of Kerf's own programs mean nothing where Kerf is not there.
bool without_kerf(const FaultSpec& fault) {
  switch (fault.what) {
    case FaultKind::RestartKubelet:
    case FaultKind::Reboot:
    case FaultKind::LoseInstance:
    case FaultKind::Interrupt:
    case FaultKind::OutOfStock:
    case FaultKind::StopFeed:
    case FaultKind::ChangePrice:
    case FaultKind::FailRegistrations:
    case FaultKind::HangLaunches:
    case FaultKind::RestartScheduler:
    case FaultKind::DeletePod:
    case FaultKind::Scale:
    case FaultKind::RollOut:
    case FaultKind::Cordon: return true;
    default: return false;
  }
}

std::string start_text(Instant start) {
  constexpr const char* kDays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                   "Monday",   "Tuesday", "Wednesday"};
  const std::int64_t minutes = start / control::kMinute;
  return fmt::format("{} {:02}:{:02}", kDays[minutes / (24 * 60) % 7], minutes / 60 % 24,
                     minutes % 60);
}

std::string market_text(const WorldSpec& world) {
  const market::Market& market = *world.market;
  constexpr const char* kProcess[] = {"constant", "replayed from a file",
                                      "spot prices drawn around their means"};
  return fmt::format("{}, prices of {} ({}), {}", market.region, market.price_date,
                     market.price_source, kProcess[static_cast<int>(world.prices.kind)]);
}

class Run {
 public:
  Run(const Scenario& scenario, Strategy strategy)
      : strategy_(strategy),
        until_(scenario.world.start + scenario.duration_ms),
        world_(strategy == Strategy::Kerf ? scenario.world : whole_gpu_world(scenario.world)),
        meter_(world_) {
    std::vector<FaultSpec> faults = scenario.faults;
    if (strategy == Strategy::WholeGpu) {
      std::erase_if(faults, [](const FaultSpec& fault) { return !without_kerf(fault); });
      WholeGpuOptions options;
      options.consolidate_after_ms = scenario.consolidate_after_ms;
      whole_.emplace(world_, scenario.world.policies, options);
    }
    if (!faults.empty()) faults_.emplace(world_, std::move(faults), scenario.world.seed);
    if (strategy == Strategy::Kerf) checks_.emplace(world_, faults_ ? &*faults_ : nullptr);
  }

  void advance(Instant to) {
    if (checks_) checks_->run_until(std::min(to, until_));
    else world_.run_until(std::min(to, until_));
  }
  Instant now() const { return world_.now(); }
  Instant until() const { return until_; }

  report::SimulatedRun figures() {
    report::SimulatedRun run = meter_.figures();
    run.strategy = to_string(strategy_);
    run.moved = whole_ ? whole_->moved() : meter_.evicted_by_controller();
    if (faults_) run.faults = static_cast<std::int64_t>(faults_->done().size());
    if (checks_) add_verdicts(run);
    return run;
  }

 private:
  void add_verdicts(report::SimulatedRun& run) const {
    run.checked = true;
    run.promises = std::size(kWatched);
    for (const Verdict& verdict : checks_->verdicts())
      run.broken.push_back(
          {verdict.at - world_.spec().start, to_string(verdict.promise), verdict.sentence});
  }

  Strategy strategy_;
  Instant until_;
  World world_;
  Meter meter_;
  std::optional<WholeGpu> whole_;
  std::optional<Faults> faults_;
  std::optional<Checks> checks_;
};

}  // namespace

std::string_view to_string(Strategy strategy) {
  return strategy == Strategy::Kerf ? "kerf" : "whole-gpu";
}

report::Simulation compare(const Scenario& scenario, const std::vector<Strategy>& strategies,
                           const std::function<void(const ComparisonProgress&)>& progress) {
  report::Simulation out;
  out.scenario = scenario.name;
  out.description = scenario.description;
  out.start = start_text(scenario.world.start);
  out.duration_ms = scenario.duration_ms;
  out.seed = scenario.world.seed;
  out.market = market_text(scenario.world);
  ComparisonProgress at;
  at.all_ms = scenario.duration_ms * static_cast<std::int64_t>(strategies.size());
  for (const Strategy strategy : strategies) {
    at.strategy = strategy;
    Run run(scenario, strategy);
    const std::int64_t before = at.done_ms;
    while (run.now() < run.until()) {
      run.advance(run.now() + control::kHour);
      at.done_ms = before + run.now() - scenario.world.start;
      if (progress) progress(at);
    }
    out.runs.push_back(run.figures());
  }
  return out;
}

}  // namespace kerf::sim
