// Random walks of one machine with the real mind of the agent: what must hold whatever happens.
#include <gtest/gtest.h>

#include <map>

#include "sim/machine_testing.h"

namespace kerf::sim {
namespace {

using control::kMinute;
using control::kSecond;
using control::PodPhase;
using testing::key;
using testing::OneMachine;

using Cut = std::vector<std::pair<std::string, std::uint8_t>>;

const std::vector<Cut> kCuts = {
    {},
    {{"1g.5gb", 0}, {"1g.5gb", 1}, {"1g.5gb", 2}, {"1g.5gb", 3}, {"1g.5gb", 4}, {"1g.5gb", 5}},
    {{"2g.10gb", 0}, {"2g.10gb", 2}, {"3g.20gb", 4}},
    {{"3g.20gb", 0}, {"3g.20gb", 4}},
    {{"4g.20gb", 0}, {"2g.10gb", 4}, {"1g.5gb", 6}},
    {{"1g.5gb", 0}, {"2g.10gb", 2}, {"1g.5gb", 6}},
};

/// A controller and a scheduler that know just enough: a pod is bound where the API offers room,
/// and a layout is changed after what is offered has been lowered to what is held, for half a
/// second.
struct Walk : OneMachine {
  Walk(std::uint64_t seed, MachineOptions options)
      : OneMachine({"A100-40"}, seed, options), dice(seed, "walk") {}

  std::map<std::string, std::int64_t> taken() const {
    std::map<std::string, std::int64_t> amounts;
    for (const control::Pod& pod : api.all<control::Pod>())
      if (!pod.done()) ++amounts["nvidia.com/mig-" + pod.shape.gpu[0].profile];
    return amounts;
  }
  /// What the agent has confirmed: the controller lowers what a status of kubelet's raised.
  std::int64_t confirmed(const std::string& resource) const {
    std::int64_t amount = 0;
    if (gpu_node().status.observed_generation != gpu_node().meta.generation) return 0;
    for (const control::SliceStatus& slice : gpu_node().status.gpus[0].slices)
      if (slice.resource == resource && slice.published) ++amount;
    return amount;
  }
  void bind_somewhere() {
    const auto held = taken();
    for (const auto& [resource, amount] : object().allocatable_of) {
      const auto mine = held.find(resource);
      const std::int64_t room = std::min(amount, confirmed(resource));
      if (room <= (mine == held.end() ? 0 : mine->second) || !dice.chance(700)) continue;
      bind("p" + std::to_string(++made), resource.substr(resource.find('-') + 1));
      return;
    }
  }
  void end_one() {
    if (made > 0)
      api.erase(Kind::Pod, key("p" + std::to_string(dice.between(1, made))),
                dice.chance(force_milli) ? 0 : -1);
  }
  void change_layout() {
    for (int i = 0; i < 14; ++i) {
      const auto held = taken();
      api.mutate<control::Node>(Key{"", "n"}, [&](control::Node& changed) {
        for (auto& [resource, amount] : changed.allocatable_of) {
          const auto mine = held.find(resource);
          amount = std::min(amount, mine == held.end() ? 0 : mine->second);
        }
      });
      run(50);
    }
    Cut cut = kCuts[static_cast<std::size_t>(
        dice.between(0, static_cast<std::int64_t>(kCuts.size()) - 1))];
    want(cut, dice.chance(850));
  }
  void fault() {
    switch (dice.between(0, 7)) {
      case 0: machine.crash_agent_before_effect(dice.between(0, 12)); break;
      case 1: machine.restart_kubelet(); break;
      case 2: machine.cut_off(dice.chance(300), dice.chance(500)); break;
      case 3: machine.agent().fail_journal(1); break;
      case 4: machine.set_slow(dice.chance(500)); break;
      case 5:
        machine.fail_next(dice.chance(500) ? simgpu::Operation::CreateGpuInstance
                                           : simgpu::Operation::DestroyGpuInstance,
                          simgpu::Return::Unknown, 1,
                          dice.chance(500) ? simgpu::Effect::Done : simgpu::Effect::Nothing);
        break;
      case 6:
        machine.fail_next(dice.chance(500) ? simgpu::Operation::CreateComputeInstance
                                           : simgpu::Operation::DestroyComputeInstance,
                          simgpu::Return::InUse, 1, simgpu::Effect::Nothing);
        break;
      case 7:
        if (dice.chance(150)) machine.reboot();
        break;
    }
  }
  /// What the agent promises, so far.
  void check(std::uint64_t seed) {
    for (const DestroyedInstance& destroyed : machine.destroyed()) {
      ASSERT_FALSE(destroyed.by == DestroyedInstance::By::Agent && destroyed.was.held())
          << "seed " << seed << ": " << destroyed.was.form << "@" << int{destroyed.was.start}
          << " of " << *destroyed.was.holders.begin() << " at " << destroyed.at;
    }
    for (const BrokenStart& start : machine.broken_starts())
      FAIL() << "seed " << seed << ": " << start.pod << ": " << start.device << ": " << start.why;
    machine.clear_log();
    ASSERT_EQ(machine.kubelet().crashes(), 0) << "seed " << seed;
    std::map<std::string, std::set<std::string>> users;  // by UUID
    for (const InstanceView& view : machine.instances()) {
      ASSERT_LE(view.holders.size(), 1u) << "seed " << seed;
      ASSERT_LE(view.processes.size(), 1u) << "seed " << seed;
    }
  }

  Dice dice;
  int made = 0;
  /// Pods ended by force: their devices look free to the API and are not.
  int force_milli = 0;
};

MachineOptions wild() {
  MachineOptions options;
  options.kubelet.init_milli = 150;
  options.idle_milli = 300;
  return options;
}

TEST(MachineWalk, WithoutFaultsNoPodIsRejected) {
  int made = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Walk walk(seed, wild());
    walk.run(3 * kMinute);
    for (int i = 0; i < 80; ++i) {
      const std::int64_t what = walk.dice.between(0, 9);
      if (what <= 5) walk.bind_somewhere();
      else if (what <= 7) walk.end_one();
      else walk.change_layout();
      walk.run(walk.dice.between(0, 15 * kSecond));
      walk.check(seed);
      if (HasFatalFailure()) return;
      for (const Rejection& rejection : walk.machine.kubelet().rejections())
        FAIL() << "seed " << seed << ": " << rejection.pod << ": " << rejection.why;
    }
    made += walk.made;
  }
  EXPECT_GT(made, 200);
}

TEST(MachineWalk, WhateverHappensNoHeldSliceIsDestroyedAndTheNodeConverges) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Walk walk(seed, wild());
    walk.force_milli = 100;
    walk.run(3 * kMinute);
    for (int i = 0; i < 80; ++i) {
      const std::int64_t what = walk.dice.between(0, 9);
      if (what <= 3) walk.bind_somewhere();
      else if (what <= 5) walk.end_one();
      else if (what <= 7) walk.change_layout();
      else walk.fault();
      walk.run(walk.dice.between(0, 15 * kSecond));
      walk.check(seed);
      if (HasFatalFailure()) return;
    }
    walk.machine.cut_off(false, false);
    walk.machine.set_slow(false);
    walk.machine.driver().clear_faults();
    walk.machine.agent().fail_journal(0);
    walk.machine.crash_agent_before_effect(-1);
    const std::vector<Key> pods = walk.api.keys<control::Pod>();
    for (const Key& pod : pods) walk.api.erase(Kind::Pod, pod);
    walk.run(5 * kMinute);
    ASSERT_TRUE(walk.converges(20 * kMinute))
        << "seed " << seed << ": " << walk.gpu_node().status.message;
    ASSERT_EQ(walk.machine.instances().size(), walk.gpu_node().spec.gpus[0].slices.size());
  }
}

}  // namespace
}  // namespace kerf::sim
