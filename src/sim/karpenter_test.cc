// Life of NodeClaims, drains, interruptions, and the bill to the micro-dollar.
#include "sim/karpenter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "codec/catalogue.h"
#include "core/control/names.h"
#include "sim/api_server_testing.h"
#include "sim/evictions.h"

namespace kerf::sim {
namespace {

using control::kHour;
using control::kMinute;
using control::kSecond;
using control::NodeClaim;
using market::CapacityType;
using testing::key;
using What = KarpenterEvent::What;

std::shared_ptr<const market::Market> shipped() {
  static const auto market =
      std::make_shared<const market::Market>(*codec::builtin_market("us-east-1"));
  return market;
}

struct Cloud {
  explicit Cloud(std::uint64_t seed = 1, PriceOptions price_options = {},
                 KarpenterOptions options = {})
      : api(clock),
        evictions(api, seed),
        nodes(api, seed),
        prices(shipped(), std::move(price_options), seed, 0),
        karpenter({api, nodes, lease, codec::builtin_catalogue(), seed, {}}, prices,
                  std::move(options)) {
    lease.lease_renewed(365 * 24 * kHour);  // the controller is not what is tested here
    control::NodeClass node_class;
    node_class.meta.name = "cut";
    api.create(std::move(node_class));
  }

  void claim(const std::string& name, const std::string& type = "g6.xlarge",
             std::vector<CapacityType> capacity_types = {CapacityType::OnDemand},
             std::int64_t expire_after_ms = 0) {
    NodeClaim object;
    object.meta.name = name;
    object.meta.labels = {{control::kModeLabel, "cut"}, {control::kPolicyLabel, "p"}};
    object.meta.annotations = {{control::kNodeClassHash, "h"}};
    object.node_class = "cut";
    object.type = type;
    object.capacity_types = std::move(capacity_types);
    object.taints = {{control::kSlicesTaint, "", "NoSchedule"}};
    object.startup_taints = {{control::kUncutTaint, "", "NoSchedule"}};
    object.expire_after_ms = expire_after_ms;
    api.create(std::move(object));
  }
  const NodeClaim* find(const std::string& name) const { return api.find<NodeClaim>(name); }
  const control::Node* node_of(const std::string& name) const {
    return api.find<control::Node>(find(name)->node);
  }
  void remove_startup_taint(const std::string& node) {
    api.mutate<control::Node>(Key{"", node}, [](control::Node& changed) {
      std::erase_if(changed.taints, [](const auto& t) { return t.key == control::kUncutTaint; });
    });
  }
  /// A pod without a GPU that runs on the node.
  void bind(const std::string& name, const std::string& node, bool kept = false) {
    control::Pod pod = testing::pod(name);
    if (kept) pod.meta.annotations[control::kDoNotDisrupt] = "true";
    pod.meta.labels["app"] = pod.shape.labels["app"] = "x";
    pod.owner = {"ReplicaSet", "x", "x"};
    pod.node = node;
    api.create(std::move(pod));
  }
  std::vector<What> events(const std::string& name) const {
    std::vector<What> list;
    for (const KarpenterEvent& event : karpenter.events())
      if (event.claim == name) list.push_back(event.what);
    return list;
  }
  /// 0: it never did.
  Instant when(const std::string& name, What what) const {
    for (const KarpenterEvent& event : karpenter.events())
      if (event.claim == name && event.what == what) return event.at;
    return 0;
  }
  void run(std::int64_t ms) { clock.run_until(clock.now() + ms); }

  Clock clock;
  ApiServer api;
  Evictions evictions;
  NodeMonitor nodes;
  ControllerLease lease;
  Prices prices;
  Karpenter karpenter;
};

TEST(Karpenter, AClaimBecomesANodeWithAllThatItSays) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Cloud cloud(seed);
    cloud.run(kSecond);
    cloud.claim("c");
    cloud.run(10 * kSecond);
    ASSERT_TRUE(cloud.find("c")->launched());
    EXPECT_TRUE(cloud.find("c")->node.empty());
    EXPECT_EQ(cloud.find("c")->meta.labels.at("karpenter.sh/nodepool"), "");
    cloud.run(3 * kMinute);
    const control::Node* node = cloud.node_of("c");
    ASSERT_NE(node, nullptr);
    EXPECT_TRUE(node->ready);
    EXPECT_EQ(node->provider_id, cloud.find("c")->provider_id);
    EXPECT_EQ(node->meta.labels.at(control::kPolicyLabel), "p");
    EXPECT_EQ(node->meta.labels.at(control::kTypeLabel), "g6.xlarge");
    EXPECT_EQ(node->meta.labels.at(control::kZoneLabel), cloud.find("c")->zone);
    EXPECT_EQ(node->meta.labels.at(control::kCapacityLabel), "on-demand");
    EXPECT_EQ(node->meta.annotations.at(control::kNodeClassHash), "h");
    EXPECT_EQ(node->taints.size(), 2u);
    EXPECT_EQ(node->allocatable, market::allocatable(*shipped()->type_named("g6.xlarge")));
    const Instant launched = cloud.when("c", What::Launched);
    const Instant registered = cloud.when("c", What::Registered);
    EXPECT_GE(launched, kSecond + 2050);
    EXPECT_LE(launched, kSecond + 6500);
    EXPECT_GE(registered - launched, 40 * kSecond);
    EXPECT_LE(registered - launched, 120 * kSecond);
    EXPECT_FALSE(cloud.find("c")->initialized) << "the startup taint is there";
    cloud.remove_startup_taint(cloud.find("c")->node);
    cloud.run(kSecond);
    EXPECT_TRUE(cloud.find("c")->initialized);
  }
}

TEST(Karpenter, TakesTheCheapestThatIsThereOfWhatTheClaimAllows) {
  PriceOptions options;
  Cloud cloud(1, options);
  const auto type =
      static_cast<std::uint32_t>(shipped()->type_named("g6.xlarge") - shipped()->types.data());
  cloud.karpenter.change_prices([&](Prices& prices) {
    prices.set_price(type, "us-east-1a", CapacityType::Spot, {300'000});
    prices.set_price(type, "us-east-1b", CapacityType::Spot, {200'000});
    prices.set_price(type, "us-east-1c", CapacityType::Spot, {250'000});
    prices.hold_out(type, "us-east-1b", CapacityType::Spot, kHour);
  });
  cloud.claim("spot", "g6.xlarge", {CapacityType::OnDemand, CapacityType::Spot});
  cloud.run(10 * kSecond);
  EXPECT_EQ(cloud.find("spot")->zone, "us-east-1c");
  EXPECT_EQ(cloud.find("spot")->capacity_type, CapacityType::Spot);
  // The refusal that this took is in the feed.
  for (const market::Offering& offering : cloud.prices.feed()->offerings)
    EXPECT_FALSE(offering.type == type && offering.zone == "us-east-1b" &&
                 offering.capacity_type == CapacityType::Spot);
}

TEST(Karpenter, AClaimThatNothingCanServeIsDeleted) {
  Cloud cloud;
  const auto type =
      static_cast<std::uint32_t>(shipped()->type_named("g6.xlarge") - shipped()->types.data());
  cloud.karpenter.change_prices(
      [&](Prices& prices) { prices.hold_out(type, "", CapacityType::OnDemand, kHour); });
  cloud.claim("c");
  cloud.run(10 * kSecond);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.events("c"), (std::vector<What>{What::InsufficientCapacity, What::Terminated}));
  EXPECT_EQ(cloud.karpenter.bill().total(cloud.clock.now()), 0);
}

TEST(Karpenter, AClaimOfANodeClassThatIsNotReadyIsDeleted) {
  Cloud cloud;
  cloud.api.mutate<control::NodeClass>(Key{"", "cut"},
                                       [](control::NodeClass& changed) { changed.ready = false; });
  cloud.claim("c");
  cloud.run(10 * kSecond);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.events("c")[0], What::NodeClassNotReady);
}

TEST(Karpenter, ALaunchThatHangsIsGivenUpAfterFiveMinutesAndStallsAllUntilThen) {
  Cloud cloud;
  cloud.karpenter.hang_launches(1);
  cloud.claim("c");
  cloud.run(4 * kMinute);
  EXPECT_NE(cloud.find("c"), nullptr);
  EXPECT_GE(cloud.karpenter.stalled_ms(), 4 * kMinute - 1);
  cloud.run(2 * kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.events("c")[0], What::LaunchTimeout);
  EXPECT_LE(cloud.karpenter.stalled_ms(), 5 * kMinute + 10 * kSecond);
  cloud.run(kHour);
  EXPECT_LE(cloud.karpenter.stalled_ms(), 5 * kMinute + 10 * kSecond);
}

TEST(Karpenter, ANodeThatNeverRegistersIsTerminatedAfterFifteenMinutes) {
  Cloud cloud;
  cloud.karpenter.fail_registrations(1);
  cloud.claim("c");
  cloud.run(15 * kMinute - kSecond);
  EXPECT_NE(cloud.find("c"), nullptr);
  EXPECT_GT(cloud.karpenter.bill().rate().micro, 0);
  cloud.run(kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.karpenter.bill().rate().micro, 0);
}

struct OneNode : Cloud {
  explicit OneNode(std::vector<CapacityType> capacity_types = {CapacityType::OnDemand},
                   std::int64_t expire_after_ms = 0) {
    claim("c", "g6.xlarge", std::move(capacity_types), expire_after_ms);
    run(4 * kMinute);
    node = find("c")->node;
  }
  std::string node;
};

TEST(Karpenter, ADeletedClaimIsDrainedThenTheInstanceEndsThenAllIsGone) {
  OneNode cloud;
  cloud.bind("a", cloud.node);
  cloud.run(10 * kSecond);
  cloud.api.erase(Kind::NodeClaim, Key{"", "c"});
  cloud.run(kSecond);
  const auto& taints = cloud.node_of("c")->taints;
  EXPECT_TRUE(std::any_of(taints.begin(), taints.end(), [](const auto& taint) {
    return taint.key == control::kDisruptedTaint && taint.effect == "NoSchedule";
  }));
  EXPECT_GT(cloud.karpenter.bill().rate().micro, 0);
  cloud.run(2 * kMinute);
  EXPECT_EQ(cloud.api.find<control::Pod>(key("a")), nullptr);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.api.find<control::Node>(cloud.node), nullptr);
  EXPECT_EQ(cloud.karpenter.machine(cloud.node), nullptr);
  EXPECT_EQ(cloud.karpenter.bill().rate().micro, 0);
}

TEST(Karpenter, ADeletedNodeTakesItsClaimWithIt) {
  OneNode cloud;
  cloud.api.erase(Kind::Node, Key{"", cloud.node});
  cloud.run(kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.api.find<control::Node>(cloud.node), nullptr);
}

TEST(Karpenter, ADrainWaitsForABudget) {
  OneNode cloud;
  cloud.bind("a", cloud.node);
  BudgetSpec budget;
  budget.name = "b";
  budget.selector.labels = {{"app", cluster::Operator::In, {"x"}}};
  budget.selector.namespaces = {"default"};
  budget.min_available = 1;
  cloud.evictions.put_budget(budget);
  cloud.run(10 * kSecond);
  cloud.api.erase(Kind::NodeClaim, Key{"", "c"});
  cloud.run(20 * kMinute);
  ASSERT_NE(cloud.api.find<control::Pod>(key("a")), nullptr);
  EXPECT_EQ(cloud.api.find<control::Pod>(key("a"))->meta.deleted, 0);
  EXPECT_NE(cloud.find("c"), nullptr);
  cloud.evictions.remove_budget(key("b"));
  cloud.run(2 * kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
}

TEST(Karpenter, ADrainWaitsForAPodThatMustNotBeDisrupted) {
  OneNode cloud;
  OneNode idle;  // the agent of an idle node looks at its driver each minute
  for (OneNode* one : {&cloud, &idle}) {
    one->bind("kept", one->node, true);
    one->run(10 * kSecond);
  }
  cloud.api.erase(Kind::NodeClaim, Key{"", "c"});
  cloud.run(24 * kHour);
  idle.run(24 * kHour);
  EXPECT_LT(cloud.clock.steps(), idle.clock.steps() + 100) << "it polls";
  EXPECT_EQ(cloud.api.find<control::Pod>(key("kept"))->meta.deleted, 0);
  cloud.api.erase(Kind::Pod, key("kept"));
  cloud.run(2 * kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
}

TEST(Karpenter, AClaimExpiresWhateverRunsOnIt) {
  OneNode cloud({CapacityType::OnDemand}, kHour);
  cloud.bind("a", cloud.node);
  cloud.run(55 * kMinute);
  EXPECT_EQ(cloud.find("c")->meta.deleted, 0);
  cloud.run(5 * kMinute);
  EXPECT_EQ(cloud.when("c", What::Expired), kHour);
  EXPECT_EQ(cloud.find("c"), nullptr);
}

TEST(Karpenter, AnInterruptedSpotNodeDrainsAndDiesTwoMinutesLater) {
  OneNode cloud({CapacityType::Spot});
  cloud.bind("kept", cloud.node, true);
  cloud.run(10 * kSecond);
  const Instant notice = cloud.clock.now();
  cloud.karpenter.interrupt(cloud.node);
  EXPECT_NE(cloud.find("c")->meta.deleted, 0);
  cloud.run(2 * kMinute - 1);
  EXPECT_TRUE(cloud.karpenter.machine(cloud.node)->on());
  cloud.run(1);
  EXPECT_FALSE(cloud.karpenter.machine(cloud.node)->on());
  EXPECT_EQ(cloud.karpenter.bill().instances().begin()->second.to, notice + 2 * kMinute);
  cloud.run(10 * kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.api.find<control::Pod>(key("kept")), nullptr);
}

TEST(Karpenter, ALostInstanceIsNotReadyThenCollected) {
  OneNode cloud;
  cloud.bind("a", cloud.node);
  cloud.run(10 * kSecond);
  cloud.karpenter.lose_instance(cloud.node);
  EXPECT_EQ(cloud.karpenter.bill().rate().micro, 0);
  cloud.run(39 * kSecond);
  EXPECT_TRUE(cloud.node_of("c")->ready);
  cloud.run(2 * kSecond);
  EXPECT_FALSE(cloud.node_of("c")->ready);
  cloud.run(3 * kMinute);
  EXPECT_EQ(cloud.find("c"), nullptr);
  EXPECT_EQ(cloud.api.find<control::Node>(cloud.node), nullptr);
  EXPECT_EQ(cloud.api.find<control::Pod>(key("a")), nullptr);
}

TEST(Karpenter, EveryShippedTypeCanBeLaunchedOrIsNeverInStock) {
  Cloud cloud;
  int launched = 0;
  for (const market::InstanceType& type : shipped()->types) cloud.claim(type.name, type.name);
  cloud.run(5 * kMinute);
  for (const market::InstanceType& type : shipped()->types) {
    if (cloud.find(type.name) == nullptr) continue;
    ASSERT_NE(cloud.node_of(type.name), nullptr) << type.name;
    ++launched;
  }
  EXPECT_GE(launched, 50);
}

TEST(Bill, IsTheSumOfRateTimesTimeToTheMicroDollar) {
  Bill bill;
  bill.open("i", {"t", "z", CapacityType::OnDemand, "c", 1000, 0, true, {3'600'000}, 0});
  EXPECT_EQ(bill.total(1000), 0);
  EXPECT_EQ(bill.micro_usd(2000), 1000);
  bill.settle("i", 1500);
  bill.set_rate("i", {7'200'000});
  EXPECT_EQ(bill.micro_usd(2000), 500 + 1000);
  bill.close("i", 2000);
  EXPECT_EQ(bill.micro_usd(99'000), 1500);
  EXPECT_EQ(bill.rate().micro, 0);
  bill.settle("i", 99'000);
  EXPECT_EQ(bill.micro_usd(99'000), 1500);
}

/// Nodes come, go, are interrupted and lost while spot prices move: the bill equals what an
/// independent watcher adds up, millisecond by millisecond of each rate.
TEST(KarpenterProperty, TheBillIsTheSumOfAllNodeHours) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    PriceOptions options;
    options.kind = PriceOptions::Kind::MeanReverting;
    options.step_ms = 7 * kMinute;
    options.up_ms = 3 * kHour;
    KarpenterOptions karpenter;
    karpenter.spot_life_ms = 4 * kHour;
    Cloud cloud(seed, options, karpenter);
    Dice dice(seed, "property");
    // The watcher: which instances EC2 has, by the events, and what each costs, by the prices.
    std::map<std::string, std::tuple<std::uint32_t, std::string, CapacityType>> there;
    Int128 sum = 0;
    Instant last = 0;
    std::size_t read = 0;
    int made = 0;
    const auto read_events = [&] {
      for (; read < cloud.karpenter.events().size(); ++read) {
        const KarpenterEvent& event = cloud.karpenter.events()[read];
        if (event.what == What::InstanceGone || event.what == What::Terminated)
          there.erase(event.claim);
        if (event.what != What::Launched) continue;
        const NodeClaim* claim = cloud.find(event.claim);
        const auto type = static_cast<std::uint32_t>(shipped()->type_named(claim->type) -
                                                     shipped()->types.data());
        there[event.claim] = {type, claim->zone, claim->capacity_type};
      }
    };
    for (Instant next = 0; cloud.clock.now() < 24 * kHour;) {
      if (cloud.clock.now() >= next) {
        next = cloud.clock.now() + dice.between(kMinute, 40 * kMinute);
        const std::vector<std::string> nodes = cloud.karpenter.nodes();
        const std::string node = nodes.empty()
                                     ? ""
                                     : nodes[static_cast<std::size_t>(dice.between(
                                           0, static_cast<std::int64_t>(nodes.size()) - 1))];
        const std::int64_t what = dice.between(0, 5);
        if (what <= 2) {
          cloud.claim("c" + std::to_string(++made), dice.chance(500) ? "g6.xlarge" : "p5.4xlarge",
                      {dice.chance(700) ? CapacityType::Spot : CapacityType::OnDemand});
        } else if (what == 3 && !node.empty()) {
          cloud.api.erase(Kind::Node, Key{"", node});
        } else if (what == 4 && !node.empty()) {
          cloud.karpenter.lose_instance(node);
        }
      }
      read_events();
      const Instant before = cloud.clock.now();
      Int128 rate = 0;
      for (const auto& [claim, offering] : there)
        rate += std::apply([&](auto... is) { return cloud.prices.find(is...); }, offering)
                    ->offering.price.micro;
      ASSERT_TRUE(cloud.clock.step());
      sum += rate * (cloud.clock.now() - before);
      last = cloud.clock.now();
      read_events();
    }
    ASSERT_GT(made, 10);
    ASSERT_GT(sum, 0);
    EXPECT_TRUE(cloud.karpenter.bill().total(last) == sum) << "seed " << seed;
  }
}

TEST(KarpenterProperty, TheSameSeedRunsTheSame) {
  const auto run = [](std::uint64_t seed) {
    PriceOptions options;
    options.kind = PriceOptions::Kind::MeanReverting;
    Cloud cloud(seed, options);
    for (int i = 0; i < 5; ++i) {
      cloud.claim("c" + std::to_string(i), "p5.4xlarge", {CapacityType::Spot});
      cloud.run(20 * kSecond);
    }
    cloud.run(10 * kMinute);
    Hasher hasher;
    cloud.karpenter.add_to(hasher);
    cloud.api.add_to(hasher);
    return hasher.value();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace kerf::sim
