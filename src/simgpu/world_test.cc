// Tests of what happens to the machine from outside: processes, XIDs, losses, faults, latencies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

using testing::ElementsAre;

TEST(World, ListsProcessesWhereTheyRun) {
  Driver driver = cut_machine("H100-80");
  const Slice a = make_slice(driver, 19, 0, 1, 0);
  const Slice b = make_slice(driver, 19, 1, 1, 0);
  EXPECT_TRUE(driver.process_start(a.info.mig_uuid, 30));
  EXPECT_TRUE(driver.process_start(b.info.mig_uuid, 20));
  EXPECT_TRUE(driver.process_start(driver.state().gpus[0].uuid, 10));
  EXPECT_FALSE(driver.process_start(a.info.mig_uuid, 30));
  EXPECT_FALSE(driver.process_start("MIG-none", 30));
  const std::uint32_t of_a = good(driver.gpu_instance_info(a.gpu_instance)).id;
  const std::uint32_t of_b = good(driver.gpu_instance_info(b.gpu_instance)).id;
  EXPECT_THAT(good(driver.running_processes(a.info.device)), ElementsAre(Process{30, of_a, 0}));
  EXPECT_THAT(good(driver.running_processes(gpu(driver))),
              ElementsAre(Process{10, kNoInstance, kNoInstance}, Process{20, of_b, 0},
                          Process{30, of_a, 0}));
  EXPECT_TRUE(driver.process_exit(30));
  EXPECT_FALSE(driver.process_exit(30));
  EXPECT_TRUE(good(driver.running_processes(a.info.device)).empty());
}

TEST(World, ReportsEachXidOnceToEachClient) {
  Driver driver(machine({"H100-80", "T4"}));
  std::uint64_t first = driver.newest_event();
  driver.inject_xid(0, 94, 7, 0);
  std::uint64_t second = driver.newest_event();  // registers later
  driver.inject_xid(1, 31);
  EXPECT_THAT(good(driver.wait_events(first)),
              ElementsAre(Event{1, 0, 94, 7, 0}, Event{2, 1, 31, kNoInstance, kNoInstance}));
  EXPECT_EQ(driver.wait_events(first).code, Return::Timeout);
  EXPECT_THAT(good(driver.wait_events(second)),
              ElementsAre(Event{2, 1, 31, kNoInstance, kNoInstance}));
  EXPECT_TRUE(driver.mig_mode(gpu(driver)).ok());  // 94 is contained
}

TEST(World, KeepsTheNewestEventsOnly) {
  Driver driver(machine({"T4"}));
  for (int i = 0; i < 300; ++i) driver.inject_xid(0, 31);
  std::uint64_t cursor = 0;
  const auto events = good(driver.wait_events(cursor));
  EXPECT_EQ(events.size(), 256u);
  EXPECT_EQ(events.front().sequence, 45u);
  EXPECT_EQ(cursor, 300u);
}

TEST(World, ForgetsEventsNobodyReadWhenTheDriverIsLoadedAgain) {
  for (const bool reload : {false, true}) {
    Driver driver(machine({"T4"}));
    std::uint64_t cursor = driver.newest_event();
    driver.inject_xid(0, 31);
    if (reload) good(driver.reload_driver());
    else driver.reboot();
    EXPECT_EQ(driver.wait_events(cursor).code, Return::Timeout);
    driver.inject_xid(0, 43);
    EXPECT_EQ(good(driver.wait_events(cursor)).front().sequence, 2u);
  }
}

TEST(World, LosesAGpuThatFallsOffTheBusUntilReboot) {
  Driver driver = cut_machine("A100-40");
  const Device device = gpu(driver);
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  driver.inject_xid(0, 79);
  EXPECT_EQ(driver.mig_mode(device).code, Return::GpuIsLost);
  EXPECT_EQ(driver.device_by_index(0).code, Return::GpuIsLost);
  EXPECT_EQ(driver.device_by_uuid(slice.info.mig_uuid).code, Return::GpuIsLost);
  EXPECT_EQ(driver.create_gpu_instance(device, 19).code, Return::GpuIsLost);
  EXPECT_EQ(driver.gpu_instance_info(slice.gpu_instance).code, Return::GpuIsLost);
  EXPECT_EQ(driver.destroy_compute_instance(slice.compute_instance).code, Return::GpuIsLost);
  EXPECT_EQ(driver.running_processes(device).code, Return::GpuIsLost);
  EXPECT_EQ(driver.reset_gpu(0).code, Return::GpuIsLost);
  EXPECT_FALSE(driver.process_start(slice.info.mig_uuid, 1));
  EXPECT_EQ(good(driver.device_count()), 1);
  std::uint64_t cursor = 0;
  EXPECT_EQ(good(driver.wait_events(cursor)).size(), 1u);
  driver.reboot();
  EXPECT_TRUE(driver.mig_mode(gpu(driver)).ok());
}

TEST(World, LosesAGpuForGood) {
  Driver driver(machine({"A100-40", "A100-40"}));
  driver.lose_gpu(0);
  driver.inject_xid(0, 79);
  driver.reboot();
  EXPECT_EQ(driver.device_by_index(0).code, Return::GpuIsLost);
  EXPECT_TRUE(driver.device_by_index(1).ok());
}

TEST(Faults, AnswerTheirCodeAsOftenAsAskedAndDoNothing) {
  Driver driver = cut_machine("H100-80");
  const auto before = driver.state().gpus;
  driver.fail_next(Operation::CreateGpuInstance, Return::InsufficientResources, 2);
  EXPECT_EQ(driver.create_gpu_instance(gpu(driver), 19).code, Return::InsufficientResources);
  EXPECT_TRUE(driver.remaining_capacity(gpu(driver), 19).ok());
  EXPECT_EQ(driver.create_gpu_instance(gpu(driver), 19).code, Return::InsufficientResources);
  EXPECT_EQ(driver.state().gpus, before);
  EXPECT_TRUE(driver.create_gpu_instance(gpu(driver), 19).ok());
}

TEST(Faults, CanReportAsFailedACreationThatSucceeded) {
  Driver driver = cut_machine("H100-80");
  driver.fail_next(Operation::CreateGpuInstance, Return::Unknown, 1, Effect::Done);
  const auto made = driver.create_gpu_instance_with_placement(gpu(driver), 9, {4, 4});
  EXPECT_EQ(made.code, Return::Unknown);
  EXPECT_EQ(made.value, GpuInstance{});
  const auto found = good(driver.gpu_instances(gpu(driver), 9));
  ASSERT_EQ(found.size(), 1u);
  driver.fail_next(Operation::CreateComputeInstance, Return::Unknown, 1, Effect::Done);
  EXPECT_EQ(driver.create_compute_instance(found[0], 2).code, Return::Unknown);
  EXPECT_EQ(good(driver.compute_instances(found[0], 2)).size(), 1u);
  driver.fail_next(Operation::DestroyGpuInstance, Return::Unknown, 1, Effect::Done);
  // It cannot be destroyed anyway: its own code, and the fault waits.
  EXPECT_EQ(driver.destroy_gpu_instance(found[0]).code, Return::InUse);
  good(driver.destroy_compute_instance(good(driver.compute_instance_by_id(found[0], 0))));
  EXPECT_EQ(driver.destroy_gpu_instance(found[0]).code, Return::Unknown);
  EXPECT_TRUE(driver.state().gpus[0].instances.empty());
  EXPECT_TRUE(driver.state().faults.empty());
}

TEST(Faults, CanLeaveAGpuInstanceWithoutItsComputeInstance) {
  Driver driver = cut_machine("H100-80");
  driver.fail_next(Operation::CreateComputeInstance, Return::InsufficientResources);
  const auto instance = good(driver.create_gpu_instance(gpu(driver), 19));
  EXPECT_EQ(driver.create_compute_instance(instance, 0).code, Return::InsufficientResources);
  EXPECT_TRUE(driver.gpu_instance_info(instance).ok());
  EXPECT_EQ(driver.mig_device_by_index(gpu(driver), 0).code, Return::NotFound);
}

TEST(Faults, StrikeOneGpuAndOneOperation) {
  Driver driver = cut_machine(machine({"H100-80", "H100-80"}));
  driver.fail_next(Operation::DestroyGpuInstance, Return::Unknown, 1, Effect::Nothing, 1);
  const auto a = good(driver.create_gpu_instance(gpu(driver, 0), 19));
  const auto b = good(driver.create_gpu_instance(gpu(driver, 1), 19));
  EXPECT_TRUE(driver.destroy_gpu_instance(a).ok());
  EXPECT_EQ(driver.destroy_gpu_instance(b).code, Return::Unknown);
  EXPECT_TRUE(driver.destroy_gpu_instance(b).ok());
  driver.fail_next(Operation::GetMigMode, Return::Unknown, 5);
  driver.clear_faults();
  EXPECT_TRUE(driver.mig_mode(gpu(driver)).ok());
}

TEST(Faults, ComeInTheOrderInWhichTheyWereSetAcrossReboots) {
  Driver driver(machine({"A100-40"}));
  driver.fail_next(Operation::GetMigMode, Return::Unknown);
  driver.fail_next(Operation::GetMigMode, Return::ResetRequired);
  EXPECT_EQ(driver.mig_mode(gpu(driver)).code, Return::Unknown);
  driver.reboot();
  EXPECT_EQ(driver.mig_mode(gpu(driver)).code, Return::ResetRequired);
  EXPECT_TRUE(driver.mig_mode(gpu(driver)).ok());
}

TEST(Latency, IsDrawnAnewForEachChangeWithinItsRange) {
  Driver driver = cut_machine("H100-80");
  std::set<std::int64_t> creating;
  std::set<std::int64_t> destroying;
  for (int i = 0; i < 40; ++i) {
    const auto made = driver.create_gpu_instance(gpu(driver), 19);
    creating.insert(made.latency_ms);
    destroying.insert(driver.destroy_gpu_instance(made.value).latency_ms);
  }
  EXPECT_GE(*creating.begin(), 100);
  EXPECT_LE(*creating.rbegin(), 1000);
  EXPECT_GT(creating.size(), 20u);
  EXPECT_GE(*destroying.begin(), 700);
  EXPECT_LE(*destroying.rbegin(), 1500);
}

TEST(Latency, OfAWalkOverMigDevicesReachesSecondsUnderLoad) {
  Driver driver = cut_machine("H100-80");
  for (std::uint8_t start = 0; start < 7; ++start) make_slice(driver, 19, start, 1, 0);
  const auto walk = [&] {
    std::int64_t total = 0;
    for (int i = 0; i < 7; ++i) {
      const auto device = driver.mig_device_by_index(gpu(driver), i);
      total += device.latency_ms + driver.uuid(device.value).latency_ms;
    }
    return total;
  };
  EXPECT_LT(walk(), 100);
  driver.set_slow(true);
  EXPECT_GT(walk(), 2800);
  EXPECT_LE(walk(), 10000);
  EXPECT_GE(driver.device_by_uuid("MIG-none").latency_ms, 1000);
  EXPECT_LT(driver.gpu_instances(gpu(driver), 19).latency_ms, 10);  // no walk
}

TEST(Latency, IsWhatTheHostConfigures) {
  Config config = machine({"H100-80"});
  config.latencies.of(Operation::GetMigMode) = {33, 33};
  Driver driver(config);
  EXPECT_EQ(driver.mig_mode(gpu(driver)).latency_ms, 33);
}

}  // namespace
}  // namespace kerf::simgpu
