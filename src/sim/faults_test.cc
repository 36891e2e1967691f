// Each kind of fault strikes, ends, and leaves a world that runs on; names are read back.
#include "sim/faults.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/scenario.h"
#include "sim/world_testing.h"

namespace kerf::sim {
namespace {

using namespace testing;

TEST(FaultNames, AreReadBack) {
  for (int i = 0; i < static_cast<int>(FaultKind::kCount); ++i) {
    const auto kind = static_cast<FaultKind>(i);
    EXPECT_EQ(fault_named(to_string(kind)), kind) << i;
  }
  EXPECT_EQ(fault_named("crash"), std::nullopt);
  for (const char* preset : kWatchPresets) EXPECT_TRUE(watch_faults(preset)) << preset;
  for (const char* preset : kWritePresets) EXPECT_TRUE(write_faults(preset)) << preset;
  EXPECT_FALSE(watch_faults("lost"));
  EXPECT_FALSE(write_faults("break"));
  EXPECT_EQ(operation_named("create-gpu-instance"), simgpu::Operation::CreateGpuInstance);
  EXPECT_EQ(return_named("in-use"), simgpu::Return::InUse);
}

TEST(FaultNames, OfTheExamplesAreAllKnown) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(KERF_SOURCE_DIR "/examples/faults")) {
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    const auto faults = read_fault_file(entry.path().filename().string(), text.str());
    ASSERT_TRUE(faults) << faults.error().message();
    EXPECT_FALSE(faults->empty()) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 6);
}

WorldSpec small() {
  WorkloadSpec web = deployment("web", slice("1g.10gb"), 3);
  WorldSpec spec = world_of({"p5.4xlarge"}, {web});
  spec.policies[0].buys.limit_gpus = 4;
  return spec;
}

TEST(Faults, EveryKindStrikesARunningWorldAndEnds) {
  for (int i = 0; i < static_cast<int>(FaultKind::kCount); ++i) {
    const auto kind = static_cast<FaultKind>(i);
    WorldSpec spec = small();
    if (kind == FaultKind::Interrupt) {
      spec.prices.spot = true;
      spec.policies[0].buys.capacity_types = {market::CapacityType::Spot};
    }
    World world(spec);
    world.run_until(10 * kMinute);
    ASSERT_EQ(running(world), 3) << to_string(kind);
    Faults faults(world, {}, 1);
    FaultSpec fault;
    fault.what = kind;
    fault.for_ms = {20 * kSecond, 20 * kSecond};
    EXPECT_TRUE(faults.strike(fault)) << to_string(kind);
    ASSERT_EQ(faults.done().size(), 1U) << to_string(kind);
    EXPECT_EQ(faults.done()[0].what, kind);
    world.run_until(world.now() + kMinute);
    faults.calm();
    EXPECT_FALSE(faults.strike(fault)) << "nothing happens when it is calm";
    world.run_until(world.now() + kMinute);
    EXPECT_TRUE(world.controller().up() || kind == FaultKind::CrashControllerAtEffect);
    for (const control::Node& node : world.api().all<control::Node>())
      EXPECT_FALSE(node.cordoned) << to_string(kind);
    for (const auto& policy : world.api().all<control::SlicePolicy>())
      EXPECT_EQ(policy.mode, control::Mode::Act) << to_string(kind);
  }
}

TEST(Faults, ComeAgainAboutSoOftenAndStop) {
  World world(small());
  FaultSpec fault;
  fault.what = FaultKind::CrashController;
  fault.every_ms = 10 * kMinute;
  fault.count = 3;
  Faults faults(world, {fault}, 1);
  world.run_until(2 * kHour);
  ASSERT_EQ(faults.done().size(), 3U);
  for (std::size_t i = 1; i < 3; ++i) {
    const std::int64_t between = faults.done()[i].at - faults.done()[i - 1].at;
    EXPECT_GE(between, 5 * kMinute);
    EXPECT_LE(between, 15 * kMinute);
  }
}

TEST(Faults, CalmEndsWhatLasts) {
  World world(small());
  world.run_until(10 * kMinute);
  Faults faults(world, {}, 1);
  FaultSpec stop;
  stop.what = FaultKind::StopController;
  stop.for_ms = {kHour, kHour};
  FaultSpec feed = stop;
  feed.what = FaultKind::StopFeed;
  FaultSpec watch = stop;
  watch.what = FaultKind::Watch;
  for (const FaultSpec& fault : {stop, feed, watch}) ASSERT_TRUE(faults.strike(fault));
  EXPECT_FALSE(world.controller().up());
  faults.calm();
  EXPECT_TRUE(world.controller().up());
}

TEST(Faults, OneMoreChangesNothingThatElseIsDrawn) {
  const auto hash = [](bool more) {
    World world(small());
    FaultSpec none;
    none.what = FaultKind::Interrupt;  // nothing is spot here
    none.at_ms = 5 * kMinute;
    Faults faults(world, more ? std::vector{none} : std::vector<FaultSpec>{}, 1);
    world.run_until(20 * kMinute);
    Hasher hasher;
    world.api().add_to(hasher);
    return hasher.value();
  };
  EXPECT_EQ(hash(true), hash(false));
}

}  // namespace
}  // namespace kerf::sim
