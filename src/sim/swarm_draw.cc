// What one seed stands for: everything of a cluster that can differ is drawn here.
#include <algorithm>
#include <array>

#include "sim/swarm.h"
#include "sim/swarm_draw.h"
#include "simgpu/boards.h"

namespace kerf::sim {

using control::kHour;
using control::kMinute;
using control::kSecond;

namespace {

/// Types that a swarm draws from, by what they are good for: one GPU or several, with MIG at boot
/// only, with MIG at any time, without MIG, a part of a GPU.
constexpr std::array kSmall = {"g6.xlarge", "g4dn.xlarge", "g6e.2xlarge", "g6f.xlarge"};
constexpr std::array kCuttable = {"g7e.2xlarge", "p5.4xlarge", "one-a100.4xlarge",
                                  "one-a30.2xlarge"};
constexpr std::array kLarge = {"g6.12xlarge", "g7e.12xlarge", "two-a100.8xlarge", "p5.48xlarge",
                               "p4d.24xlarge"};

/// EC2 sells A100 by eight only. Small Ampere machines behave the same and are simulated sooner.
market::InstanceType like(const std::string& name, const std::string& model, int gpus,
                          std::int32_t gpu_memory_mib, std::int32_t nominal_gb) {
  market::InstanceType type;
  type.name = name;
  type.arch = "amd64";
  type.vcpu = 12 * gpus;
  type.memory_mib = std::int64_t{gpus} * 98304;
  type.gpu_model = model;
  type.gpu_count = gpus;
  type.gpu_memory_mib = gpu_memory_mib;
  type.nominal_gb = nominal_gb;
  type.network_gbps = 25;
  type.max_pods = 110;
  type.gpu_label = model == "A30" ? "a30" : "a100";
  return type;
}

void add_type(market::Market& market, const market::Market& base, const std::string& name) {
  if (market.type_named(name) != nullptr) return;
  const auto number = static_cast<std::uint32_t>(market.types.size());
  market::Offering offering{number, "", market::CapacityType::OnDemand, {}};
  if (name == "one-a100.4xlarge") {
    market.types.push_back(like(name, "A100-40", 1, 40960, 40));
    offering.price = {2'900'000};
  } else if (name == "two-a100.8xlarge") {
    market.types.push_back(like(name, "A100-40", 2, 40960, 40));
    offering.price = {5'700'000};
  } else if (name == "one-a30.2xlarge") {
    market.types.push_back(like(name, "A30", 1, 24576, 24));
    offering.price = {1'300'000};
  } else {
    const market::InstanceType* type = base.type_named(name);
    if (type == nullptr) return;
    const auto of = static_cast<std::uint32_t>(type - base.types.data());
    const auto sold =
        std::find_if(base.offerings.begin(), base.offerings.end(), [&](const auto& o) {
          return o.type == of && o.capacity_type == market::CapacityType::OnDemand;
        });
    if (sold == base.offerings.end()) return;
    market.types.push_back(*type);
    offering.price = sold->price;
  }
  market.offerings.push_back(offering);
}

template <std::size_t N>
const char* one_of(Dice& dice, const std::array<const char*, N>& names) {
  return names[static_cast<std::size_t>(dice.between(0, N - 1))];
}

std::shared_ptr<const market::Market> draw_market(Dice& dice, const market::Market& base) {
  auto market = std::make_shared<market::Market>();
  market->gpus = base.gpus;
  market->region = base.region;
  market->price_date = base.price_date;
  market->price_source = "swarm";
  add_type(*market, base, one_of(dice, kCuttable));
  for (std::int64_t more = dice.between(0, 2); more > 0; --more)
    add_type(*market, base, one_of(dice, kCuttable));
  for (std::int64_t more = dice.between(0, 2); more > 0; --more)
    add_type(*market, base, one_of(dice, kSmall));
  if (dice.chance(400)) add_type(*market, base, one_of(dice, kLarge));
  return market;
}

PriceOptions draw_prices(Dice& dice, const std::string& region) {
  PriceOptions prices;
  const std::int64_t zones = dice.between(1, 3);
  for (char zone = 'a'; zone < 'a' + zones; ++zone) prices.zones.push_back(region + zone);
  if (dice.chance(300)) {
    prices.kind = PriceOptions::Kind::MeanReverting;
    prices.step_ms = dice.between(10, 60) * kMinute;
    prices.swing_ppm = dice.between(5'000, 100'000);
  }
  prices.spot = dice.chance(600);
  if (dice.chance(300)) {
    prices.up_ms = dice.between(20, 120) * kMinute;
    prices.down_ms = dice.between(2, 15) * kMinute;
  }
  if (dice.chance(500)) prices.refresh_ms = dice.between(10, 120) * kMinute;
  return prices;
}

}  // namespace

SwarmCase draw(std::uint64_t seed, const market::Market& base) {
  SwarmCase drawn;
  drawn.seed = seed;
  WorldSpec& world = drawn.world;
  world.seed = seed;
  Dice dice(seed, "swarm/times");
  world.start = dice.between(0, 7 * 24 * 60) * kMinute;
  drawn.calm_at = world.start + dice.between(20, 90) * kMinute;
  drawn.until = drawn.calm_at + 60 * kMinute;
  Dice market(seed, "swarm/market");
  world.market = draw_market(market, base);
  Dice prices(seed, "swarm/prices");
  world.prices = draw_prices(prices, base.region);
  draw_policies(seed, world);
  draw_workloads(seed, drawn);
  draw_latencies(seed, world);
  drawn.faults = draw_faults(seed, drawn);
  return drawn;
}

void draw_latencies(std::uint64_t seed, WorldSpec& world) {
  Dice dice(seed, "swarm/latencies");
  world.karpenter.boot = {dice.between(20, 60) * kSecond, dice.between(60, 150) * kSecond};
  world.karpenter.launch = {dice.between(500, 3000), dice.between(3000, 9000)};
  if (dice.chance(300)) world.karpenter.spot_life_ms = dice.between(30, 180) * kMinute;
  world.machines.agent_start = {500, dice.between(1, 20) * kSecond};
  world.machines.passthrough = dice.chance(800);
  world.machines.idle_milli = static_cast<int>(dice.between(0, 400));
  world.machines.kubelet.init_milli = static_cast<int>(dice.between(0, 100));
  world.scheduler.sees_most_ms = dice.between(10, 200);
  world.scheduler.judges_each_attempt = dice.chance(500);
  world.scheduler.clears_nomination_milli = static_cast<int>(dice.between(0, 500));
  world.controller.solve = {1, dice.between(10, 1000)};
  world.controller.loop = {0, dice.between(1, 50)};
  if (dice.chance(100)) world.machines.latencies.slow_mig_device = {1000, 3000};
}

}  // namespace kerf::sim
