// Runs what a seed stands for, and says what came of it.
#include "sim/swarm.h"

#include <fmt/format.h>

namespace kerf::sim {

SwarmResult run(const SwarmCase& drawn) {
  SwarmResult result;
  result.seed = drawn.seed;
  World world(drawn.world);
  Faults faults(world, drawn.faults, drawn.seed);
  CheckOptions options;
  options.steady = drawn.world.prices.kind == PriceOptions::Kind::Constant &&
                   drawn.world.prices.up_ms == 0 && drawn.world.karpenter.spot_life_ms == 0;
  Checks checks(world, &faults, options);
  checks.run_until(drawn.calm_at);
  checks.begin_calm();
  checks.run_until(drawn.until);
  checks.end_calm();
  checks.begin_alone();
  checks.run_until(drawn.until + 5 * control::kMinute);
  checks.end_alone();

  SwarmStats& stats = result.stats;
  stats.simulated_ms = world.now() - drawn.world.start;
  stats.steps = world.clock().steps();
  stats.effects = world.controller().effects();
  stats.pods = world.workloads().counts().pods;
  stats.nodes = std::ssize(world.karpenter().bill().instances());
  stats.faults = std::ssize(faults.done());
  stats.micro_usd = world.karpenter().bill().micro_usd(world.now());
  result.verdicts = checks.verdicts();
  Hasher hasher;
  hasher.add(world.hash());
  faults.add_to(hasher);
  result.hash = hasher.value();
  return result;
}

SwarmResult run(std::uint64_t seed, const market::Market& base) { return run(draw(seed, base)); }

std::string replay_of(std::uint64_t seed) {
  return fmt::format("kerf simulate --swarm 1 --seed {}", seed);
}

std::string to_text(const SwarmResult& result) {
  std::string text = replay_of(result.seed) + "\n";
  for (const Verdict& verdict : result.verdicts)
    text += fmt::format("  {} at {}.{:03} s: {}\n", to_string(verdict.promise), verdict.at / 1000,
                        verdict.at % 1000, verdict.sentence);
  return text;
}

}  // namespace kerf::sim
