// A saboteur for each promise: it commits exactly that breach, and its checker names it.
#include "sim/check.h"

#include <gtest/gtest.h>

#include "sim/world_testing.h"

namespace kerf::sim {
namespace {

using namespace testing;

/// Three small slices on one Hopper GPU; pods that never open their devices, so that the driver
/// itself stops no saboteur.
WorldSpec small() {
  WorldSpec spec = world_of({"p5.4xlarge"}, {deployment("web", slice("1g.10gb"), 3)});
  spec.policies[0].buys.limit_gpus = 2;
  spec.machines.idle_milli = 1000;
  spec.machines.kubelet.init_milli = 0;
  return spec;
}

struct Watched {
  explicit Watched(WorldSpec spec = small(), CheckOptions options = {})
      : world(std::move(spec)), faults(world, {}, 1), checks(world, &faults, options) {}

  void run(std::int64_t ms) { checks.run_until(world.now() + ms); }
  /// The three pods run.
  void settle() {
    run(10 * kMinute);
    ASSERT_EQ(running(world), 3);
    ASSERT_TRUE(checks.verdicts().empty()) << checks.verdicts()[0].sentence;
  }
  std::string node() { return world.karpenter().nodes().at(0); }
  Machine& machine() { return *world.karpenter().machine(node()); }
  void ask(controller::Action action) {
    world.controller().on_effect(controller::Effect{99, std::move(action)});
  }
  std::set<Promise> broken() const {
    std::set<Promise> promises;
    for (const Verdict& verdict : checks.verdicts()) promises.insert(verdict.promise);
    return promises;
  }

  World world;
  Faults faults;
  Checks checks;
};

control::Pod bare(const std::string& name, const cluster::PodShape& shape) {
  control::Pod pod;
  pod.meta.ns = "default";
  pod.meta.name = name;
  pod.shape = shape;
  return pod;
}

const std::set<Promise> kNone;

TEST(Checks, SayNothingOfAClusterInWhichAllIsWell) {
  Watched it;
  it.settle();
  it.checks.begin_calm();
  it.run(kHour);
  it.checks.end_calm();
  it.checks.begin_alone();
  it.run(5 * kMinute);
  it.checks.end_alone();
  EXPECT_EQ(it.broken(), kNone);
}

TEST(Checks, SeeTheCanary) {
  CheckOptions options;
  options.canary = true;
  Watched it(small(), options);
  it.run(10 * kMinute);
  EXPECT_EQ(it.broken(), std::set{Promise::Canary});
}

TEST(Checks, CatchASliceDestroyedInUse) {
  Watched it;
  it.settle();
  for (const InstanceView& slice : it.machine().instances()) {
    if (!slice.held()) continue;
    ASSERT_TRUE(it.machine().destroy_foreign_instance(slice.gpu, slice.start));
    break;
  }
  it.run(kSecond);
  EXPECT_TRUE(it.broken().contains(Promise::SliceInUse));
}

TEST(Checks, ExcuseSomebodyWhoRunsNvidiaSmi) {
  Watched it;
  it.settle();
  FaultSpec fault;
  fault.what = FaultKind::ForeignInstance;
  fault.for_ms = {kHour, kHour};
  ASSERT_TRUE(it.faults.strike(fault));
  const InstanceView held = it.machine().instances().front();
  it.machine().destroy_foreign_instance(held.gpu, held.start);
  it.run(kSecond);
  EXPECT_EQ(it.broken(), kNone);
}

TEST(Checks, CatchALayoutThatIsNotReached) {
  Watched it;
  it.settle();
  it.checks.begin_calm();
  it.world.controller().stop();
  it.machine().agent().stop();
  it.world.api().mutate<control::GpuNode>(
      {"", it.node()}, [](control::GpuNode& node) { node.spec.gpus[0].slices.clear(); });
  it.run(kHour);
  it.checks.end_calm();
  EXPECT_TRUE(it.broken().contains(Promise::Converges));
}

TEST(Checks, CatchAnEvictionWithoutADestination) {
  Watched it;
  it.settle();
  it.run(10 * kMinute);
  const control::Pod& pod = *it.world.api().all<control::Pod>().begin();
  it.ask(controller::Evict{key_of(pod.meta), pod.meta.uid});
  EXPECT_EQ(it.broken(), std::set{Promise::ProvenDestination});
}

TEST(Checks, CatchANodeGivenBackWithPodsOnIt) {
  Watched it;
  it.settle();
  const control::NodeClaim& claim = *it.world.api().all<control::NodeClaim>().begin();
  it.ask(controller::DeleteClaim{claim.meta.name, claim.meta.uid});
  EXPECT_EQ(it.broken(), std::set{Promise::ProvenDestination});
}

TEST(Checks, CatchAMoveForMoneyAtOldPrices) {
  Watched it;
  it.settle();
  const std::string claim = it.world.api().all<control::NodeClaim>().begin()->meta.name;
  controller::Record record;
  record.what = controller::What::Move;
  record.args = {claim, "elsewhere"};
  it.world.karpenter().change_prices([](Prices& prices) { prices.stop_feed(true); });
  const std::int64_t age = kPriceAgeMs;
  it.checks.run_until(it.world.prices().feed_stopped_since() + age);
  it.world.controller().on_record(record);
  EXPECT_EQ(it.broken(), kNone) << "prices are good for so long";
  it.run(1);
  it.world.controller().on_record(record);
  EXPECT_EQ(it.broken(), std::set{Promise::StalePrices});
}

TEST(Checks, CatchWhatIsDoneForAPolicyThatObserves) {
  Watched it;
  it.settle();
  it.world.api().mutate<control::SlicePolicy>(
      {"", "gpu"}, [](control::SlicePolicy& policy) { policy.mode = control::Mode::Observe; });
  it.ask(controller::Withdraw{it.node(), 0, {}});
  EXPECT_EQ(it.broken(), kNone) << "it cannot know yet";
  it.run(10 * kSecond);
  it.ask(controller::Withdraw{it.node(), 0, {}});
  EXPECT_EQ(it.broken(), std::set{Promise::ObserveTouchesNothing});
}

TEST(Checks, CatchAWriteWhereNothingEverActed) {
  WorldSpec spec = small();
  spec.policies[0].mode = control::Mode::Observe;
  Watched it(spec);
  it.run(10 * kMinute);
  EXPECT_EQ(it.broken(), kNone);
  Request request;
  request.client = "controller";
  request.kind = Kind::Pod;
  request.part = Part::Status;
  request.key = it.world.api().keys<control::Pod>().at(0);
  request.change = [](Object&) {};
  it.world.api().write(request);
  EXPECT_EQ(it.broken(), std::set{Promise::ObserveWritesNothing});
}

TEST(Checks, CatchSlicesThatNobodyOffersWhileTheControllerIsAway) {
  Watched it;
  it.settle();
  it.checks.begin_calm();
  it.checks.begin_alone();
  it.machine().agent().stop();
  it.run(5 * kMinute);
  it.checks.end_alone();
  EXPECT_TRUE(it.broken().contains(Promise::AloneSchedulable));
}

TEST(Checks, CatchMoreOfferedThanKubeletHas) {
  Watched it;
  it.settle();
  for (const char* name : {"a", "b", "c", "d", "e"})
    it.world.api().create(bare(name, slice("1g.10gb")));
  it.run(500);
  it.world.api().mutate<control::Node>({"", it.node()}, [](control::Node& node) {
    node.allocatable_of["nvidia.com/mig-1g.10gb"] = 7;
  });
  it.run(5 * kSecond);
  EXPECT_TRUE(it.broken().contains(Promise::Oversubscribed));
  EXPECT_TRUE(it.broken().contains(Promise::Admission));
}

TEST(Checks, ExcuseARefusalAfterTheAgentDied) {
  Watched it;
  it.settle();
  it.world.controller().stop();
  it.machine().crash_agent();
  it.run(500);
  control::Pod late = bare("late", slice("1g.10gb"));
  late.node = it.node();
  it.world.api().create(late);
  it.run(kSecond);
  EXPECT_EQ(it.machine().kubelet().rejections().size(), 1U);
  EXPECT_EQ(it.broken(), kNone);
}

control::NodeClaim claim_for(Watched& it, const std::string& name, const std::string& uids) {
  control::NodeClaim claim = *it.world.api().all<control::NodeClaim>().begin();
  control::NodeClaim fresh;
  fresh.meta.name = name;
  fresh.meta.labels = claim.meta.labels;
  fresh.meta.annotations["kerf.dev/bought-for"] = uids;
  fresh.node_class = claim.node_class;
  fresh.type = claim.type;
  fresh.capacity_types = claim.capacity_types;
  return fresh;
}

TEST(Checks, CatchASecondPurchaseForOneNeed) {
  Watched it;
  it.settle();
  it.world.api().create(claim_for(it, "first", "Pod-1"));
  EXPECT_EQ(it.broken(), kNone);
  it.world.api().create(claim_for(it, "second", "Pod-1,Pod-2"));
  EXPECT_TRUE(it.broken().contains(Promise::BuysOnce));
}

TEST(Checks, CatchAPurchaseOverALimit) {
  Watched it;
  it.settle();
  it.world.api().create(claim_for(it, "first", "Pod-1"));
  it.world.api().create(claim_for(it, "second", "Pod-2"));
  EXPECT_EQ(it.broken(), std::set{Promise::Limits}) << "two GPUs are allowed, this is the third";
}

TEST(Checks, CatchAPurchaseOverTheBudgetOfANamespace) {
  for (const bool own : {true, false}) {
    WorldSpec spec = small();
    spec.policies[0].buys.limit_gpus = 9;
    spec.policies[0].budgets[own ? "default" : "elsewhere"].gpus = 1;
    Watched it(spec);
    it.settle();
    for (const char* name : {"first", "second"}) {
      control::Pod pod = bare(name, slice("7g.80gb"));
      pod.scheduler = "another";  // so that the controller does not buy for it too
      it.world.api().create(pod);
      const std::string uid = it.world.api().find<control::Pod>(Key{"default", name})->meta.uid;
      control::NodeClaim claim = claim_for(it, name, uid);
      claim.layout.gpus.resize(1);
      claim.layout.gpus[0].slices = {{"7g.80gb", 0, "nvidia.com/mig-7g.80gb", true}};
      EXPECT_EQ(it.broken(), kNone) << name;
      it.world.api().create(claim);
    }
    EXPECT_EQ(it.broken(), own ? std::set{Promise::Limits} : kNone);
  }
}

TEST(Checks, CatchAPurchaseWithoutALimit) {
  WorldSpec spec = small();
  spec.policies[0].buys.limit_gpus.reset();
  Watched it(spec);
  it.run(kMinute);
  it.world.api().create([&] {
    control::NodeClaim claim;
    claim.meta.name = "unlimited";
    claim.meta.labels[control::kPolicyLabel] = "gpu";
    claim.node_class = "cut";
    claim.type = "p5.4xlarge";
    claim.capacity_types = {market::CapacityType::OnDemand};
    return claim;
  }());
  EXPECT_TRUE(it.broken().contains(Promise::BuysOnce));
}

/// Takes a device off its list between Allocate and the answer.
class Unlisting : public Plugin {
 public:
  explicit Unlisting(Kubelet& kubelet) : kubelet_(kubelet) {}
  void prefer(std::uint64_t call, const std::string&, const std::vector<std::string>&,
              std::int64_t) override {
    kubelet_.preferred(call, {});
  }
  void allocate(std::uint64_t call, const std::string& resource,
                const std::vector<std::string>&) override {
    kubelet_.list(resource, *this, {});
    kubelet_.allocated(call, true, "");
  }
  void kubelet_socket(bool) override {}
  void dropped(const std::string&) override {}

 private:
  Kubelet& kubelet_;
};

TEST(Checks, CatchACrashOfKubelet) {
  Watched it;
  it.settle();
  Kubelet& kubelet = it.machine().kubelet();
  Unlisting plugin(kubelet);
  const std::string resource = "nvidia.com/mig-3g.40gb";
  ASSERT_TRUE(kubelet.register_plugin(resource, plugin));
  kubelet.list(resource, plugin, {{"theirs", true}});
  control::Pod pod = bare("big", slice("3g.40gb"));
  pod.node = it.node();
  it.world.api().create(pod);
  it.run(kSecond);
  EXPECT_TRUE(it.broken().contains(Promise::KubeletCrash));
}

TEST(Checks, CatchAContainerWithADeviceThatIsNotThere) {
  WorldSpec spec = small();
  Watched it(spec);
  it.settle();
  // Something free, offered, and gone without the agent's knowledge.
  ASSERT_TRUE(it.world.workloads().scale({"default", "web"}, 2));
  it.run(20 * kSecond);
  bool gone = false;
  for (const InstanceView& view : it.machine().instances())
    if (!view.held()) gone = gone || it.machine().destroy_foreign_instance(view.gpu, view.start);
  ASSERT_TRUE(gone);
  ASSERT_TRUE(it.world.workloads().scale({"default", "web"}, 3));
  it.run(10 * kSecond);
  EXPECT_TRUE(it.broken().contains(Promise::BrokenStart));
}

TEST(Checks, CatchALayoutThatTheAgentCallsIllegal) {
  Watched it;
  it.settle();
  it.world.api().mutate<control::GpuNode>({"", it.node()}, [](control::GpuNode& node) {
    node.status.degraded = control::Degraded::IllegalLayout;
  });
  EXPECT_EQ(it.broken(), std::set{Promise::LegalLayout});
}

TEST(Checks, CatchABillThatDoesNotAddUp) {
  Watched it;
  it.settle();
  it.world.karpenter().when_prices_change({});  // the checker does not hear of this
  it.world.karpenter().change_prices([](Prices& prices) {
    const market::Offering first = prices.offered()[0].offering;
    for (const Prices::Offered& offered : std::vector(prices.offered()))
      prices.set_price(offered.offering.type, offered.offering.zone, offered.offering.capacity_type,
                       {first.price.micro * 2});
  });
  it.run(kMinute);
  it.checks.end_calm();
  EXPECT_TRUE(it.broken().contains(Promise::Ledger));
}

TEST(Checks, CatchASecondEffectOnAnObjectInFlight) {
  Watched it;
  it.settle();
  const control::Node& node = *it.world.api().find<control::Node>(it.node());
  const controller::Withdraw withdraw{it.node(), node.meta.version, {}};
  it.ask(withdraw);
  EXPECT_EQ(it.broken(), kNone);
  it.run(100);
  it.ask(withdraw);
  EXPECT_EQ(it.broken(), std::set{Promise::EffectsInOrder});
}

TEST(Checks, CatchAnEffectOfOneWhoDoesNotLead) {
  Watched it;
  it.settle();
  FaultSpec fault;
  fault.what = FaultKind::LoseLease;
  fault.for_ms = {kMinute, kMinute};
  ASSERT_TRUE(it.faults.strike(fault));
  it.run(kSecond);
  it.ask(controller::Note{});
  EXPECT_EQ(it.broken(), std::set{Promise::EffectsInOrder});
}

TEST(Checks, CatchOneWhoNeverComesToRest) {
  Watched it;
  it.settle();
  it.checks.begin_calm();
  for (int minute = 0; minute < 60; ++minute) {
    it.run(kMinute);
    it.ask(controller::Note{});
  }
  it.checks.end_calm();
  EXPECT_EQ(it.broken(), std::set{Promise::ComesToRest});
}

TEST(Checks, CatchAPodThatIsLeftWaitingAndANodeThatIsKept) {
  Watched it;
  it.settle();
  it.checks.begin_calm();
  it.world.controller().stop();
  ASSERT_TRUE(it.world.workloads().remove({"default", "web"}));
  it.world.workloads().add(deployment("late", slice("3g.40gb"), 1));
  it.run(kHour);
  it.checks.end_calm();
  EXPECT_EQ(it.broken(), (std::set{Promise::Served, Promise::GivesBack}));
}

}  // namespace
}  // namespace kerf::sim
