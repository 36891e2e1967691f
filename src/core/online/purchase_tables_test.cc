// buy: what is bought is the same to the last slice with tables kept from purchase to purchase.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/online/pending.h"
#include "core/online/place.h"
#include "core/online/purchase_testing.h"
#include "core/online/standing_testing.h"

namespace kerf::online {
namespace {

std::string text_of(const plan::Reason& reason) {
  std::string text(plan::to_string(reason.code));
  for (const std::string& arg : reason.args) text += " " + arg;
  return text;
}

std::string text_of(const Resources& r) {
  return fmt::format("{} {} {} {}", r.cpu_milli, r.memory_mib, r.disk_mib, r.pods);
}

/// Everything that a purchase has.
std::string text_of(const Purchase& purchase) {
  std::string text = fmt::format("bill {} apart {}\n", purchase.bill.micro, purchase.apart.micro);
  for (const plan::NodePlan& node : purchase.nodes) {
    text +=
        fmt::format("node {} {} {} used {} of {}", node.type, static_cast<int>(node.capacity_type),
                    node.price.micro, text_of(node.used), text_of(node.allocatable));
    for (const std::string& zone : node.zones) text += " in " + zone;
    for (const auto& [key, value] : node.labels) text += " " + key + "=" + value;
    for (const std::uint32_t pod : node.pods) text += fmt::format(" {}", pod);
    for (const plan::GpuPlan& gpu : node.gpus) {
      text += "\n gpu";
      for (const plan::SlicePlan& slice : gpu.slices)
        text += fmt::format(" {}.{}.{}.{}@{}:{}{}", static_cast<int>(slice.form.kind),
                            slice.form.profile, slice.form.replicas, slice.form.fraction,
                            slice.start, slice.pod, slice.headroom ? "h" : "");
    }
    text += "\n";
  }
  for (const plan::Unplaced& entry : purchase.unplaced)
    text += fmt::format("unplaced {}: {}\n", entry.pod, text_of(entry.reason));
  return text;
}

TEST(PurchaseTables, ChangeNothingInWhatIsBought) {
  const market::Market some = plan::testing::market(plan::testing::some_types());
  const market::Market all = plan::testing::market();
  plan::Geometries tables;
  std::size_t cut = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    cluster::Demand demand;
    Prng prng(seed);
    testing::add_constrained(prng, 1 + static_cast<int>(prng.below(7)), 5, demand);
    cluster::Policy policy;
    if (seed % 4 == 0) policy.limit_gpus = static_cast<std::int64_t>(1 + prng.below(6));
    const market::Market& market = seed % 5 == 0 ? all : some;
    const std::vector<std::uint32_t> pods = testing::all_pods(demand);
    const std::string plain = text_of(buy(demand, pods, market, policy));
    EXPECT_EQ(text_of(buy(demand, pods, market, policy, 2000, &tables)), plain) << "seed " << seed;
    cut += plain.find("@1:") != std::string::npos;
  }
  EXPECT_GT(cut, 10U) << "many of them cut GPUs";
  EXPECT_GE(tables.kept(), 3U);
}

TEST(PurchaseTables, ChangeNothingInOneDecisionAfterTheOther) {
  testing::Ground ground({"p5.4xlarge", "p4d.24xlarge"});
  Placer placer(ground.standing, {});
  for (int n = 1; n <= 7; ++n) {
    cluster::Demand demand;
    const char* profile = n % 2 == 0 ? "1g.10gb" : "3g.20gb";
    plan::testing::add(demand, fmt::format("w{}", n), n, testing::shape(testing::slice(profile)));
    const std::vector<std::uint32_t> pods = testing::all_pods(demand);
    const Decision decision = placer.decide(demand, pods);
    EXPECT_EQ(text_of(decision.purchase), text_of(buy(demand, pods, ground.market, ground.policy)))
        << "nothing stands, so all are bought for";
  }
}

TEST(PurchaseTables, AreNotAskedForWhereNothingIsBought) {
  testing::Ground ground({"p5.4xlarge"});
  const plan::Geometries& kept = ground.standing.asks().geometries();
  const Purchase none = buy_for(ground.standing, {}, {}, 2000);
  EXPECT_EQ(text_of(none), text_of(buy({}, {}, ground.market, ground.policy)));
  EXPECT_EQ(kept.kept(), 0U);
  cluster::Demand demand;
  plan::testing::add(demand, "w", 1, testing::shape(testing::slice("1g.10gb")));
  buy_for(ground.standing, demand, {{0}}, 2000);
  EXPECT_EQ(kept.kept(), 1U) << "what was worked out is kept";
}

}  // namespace
}  // namespace kerf::online
