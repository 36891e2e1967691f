// Tests of what depends on who asks, and of the questions that hosts ask in one call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

using testing::ElementsAre;

constexpr auto kUser = Caller::User;

/// Every question of a GPU and of a GPU instance that NVML keeps for root.
const std::map<std::string, std::function<Return(Driver&, Device, Caller)>> kOfAGpu = {
    {"possible_placements",
     [](Driver& d, Device g, Caller c) { return d.possible_placements(g, 19, c).code; }},
    {"remaining_capacity",
     [](Driver& d, Device g, Caller c) { return d.remaining_capacity(g, 19, c).code; }},
    {"gpu_instances", [](Driver& d, Device g, Caller c) { return d.gpu_instances(g, 19, c).code; }},
    {"gpu_instance_by_id",
     [](Driver& d, Device g, Caller c) { return d.gpu_instance_by_id(g, 99, c).code; }},
};
const std::map<std::string, std::function<Return(Driver&, GpuInstance, Caller)>> kOfAnInstance = {
    {"placements", [](Driver& d, GpuInstance i,
                      Caller c) { return d.compute_instance_possible_placements(i, 0, c).code; }},
    {"capacity", [](Driver& d, GpuInstance i,
                    Caller c) { return d.compute_instance_remaining_capacity(i, 0, c).code; }},
    {"list", [](Driver& d, GpuInstance i, Caller c) { return d.compute_instances(i, 0, c).code; }},
    {"by_id",
     [](Driver& d, GpuInstance i, Caller c) { return d.compute_instance_by_id(i, 0, c).code; }},
};

TEST(Callers, AreRefusedAfterTheHandleAndTheBoardAndBeforeTheMode) {
  for (const auto& [name, ask] : kOfAGpu) {
    Driver driver(machine({"H100-80", "T4", "H100-80"}));
    good(driver.set_mig_mode(gpu(driver), true));
    make_slice(driver, 19, 0, 1, 0);
    const Device lost = gpu(driver, 2);
    driver.lose_gpu(2);
    EXPECT_EQ(ask(driver, Device{77}, kUser), Return::InvalidArgument) << name;
    EXPECT_EQ(ask(driver, lost, kUser), Return::GpuIsLost) << name;
    EXPECT_EQ(ask(driver, gpu(driver, 1), kUser), Return::NotSupported) << name;
    EXPECT_EQ(ask(driver, gpu(driver, 0), kUser), Return::NoPermission) << name;
    EXPECT_NE(ask(driver, gpu(driver, 0), Caller::Root), Return::NoPermission) << name;
    Driver whole(machine({"H100-80"}));
    EXPECT_EQ(ask(whole, gpu(whole), kUser), Return::NoPermission) << name << " with MIG off";
  }
  for (const auto& [name, ask] : kOfAnInstance) {
    Driver driver = cut_machine("H100-80");
    const Slice slice = make_slice(driver, 19, 0, 1, 0);
    EXPECT_EQ(ask(driver, GpuInstance{77}, kUser), Return::InvalidArgument) << name;
    EXPECT_EQ(ask(driver, slice.gpu_instance, kUser), Return::NoPermission) << name;
    EXPECT_EQ(ask(driver, slice.gpu_instance, Caller::Root), Return::Success) << name;
    driver.lose_gpu(0);
    EXPECT_EQ(ask(driver, slice.gpu_instance, kUser), Return::GpuIsLost) << name;
  }
}

TEST(Callers, ThatAreRefusedLeaveNoTrace) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  const Driver before = driver;
  for (const auto& [name, ask] : kOfAGpu) ask(driver, gpu(driver), kUser);
  for (const auto& [name, ask] : kOfAnInstance) ask(driver, slice.gpu_instance, kUser);
  EXPECT_TRUE(driver == before);
}

TEST(Callers, SeeTheProcessesOfInstancesOnlyThere) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  EXPECT_TRUE(driver.process_start(slice.info.mig_uuid, 30, 100));
  EXPECT_TRUE(driver.process_start(driver.state().gpus[0].uuid, 10, 7));
  EXPECT_THAT(good(driver.running_processes(gpu(driver), kUser)),
              ElementsAre(Process{10, kNoInstance, kNoInstance, 7}));
  EXPECT_EQ(good(driver.running_processes(slice.info.device, kUser)).size(), 1U);
  EXPECT_EQ(good(driver.running_processes(gpu(driver))).size(), 2U);
  EXPECT_EQ(good(driver.memory_used(gpu(driver))), 107);
  EXPECT_EQ(good(driver.memory_used(slice.info.device)), 100);
}

TEST(Callers, HearOfWholeGpusOnlyWhereMigIsOn) {
  Driver driver = cut_machine("H100-80");
  driver.inject_xid(0, 94, 7, 0);
  driver.inject_xid(0, 31);
  const auto all = [](const Event&) { return true; };
  EXPECT_EQ(good(driver.next_event(0, all)).xid, 94U);
  EXPECT_EQ(good(driver.next_event(0, all, kUser)).xid, 31U);
  EXPECT_EQ(driver.next_event(2, all, kUser).code, Return::Timeout);
}

TEST(Questions, TakeOneEventAtATimeOfThoseThatAreWanted) {
  Driver driver(machine({"T4", "T4"}));
  for (const int on : {0, 1, 0}) driver.inject_xid(on, 31);
  const auto of_first = [](const Event& e) { return e.gpu == 0; };
  EXPECT_EQ(good(driver.next_event(0, of_first)).sequence, 1U);
  EXPECT_EQ(good(driver.next_event(1, of_first)).sequence, 3U);
  EXPECT_EQ(driver.next_event(3, of_first).code, Return::Timeout);
  driver.fail_next(Operation::WaitEvents, Return::Unknown);
  EXPECT_EQ(driver.next_event(0, of_first).code, Return::Unknown);
  EXPECT_EQ(good(driver.next_event(0, of_first)).sequence, 1U);
}

TEST(Questions, FindAProfileByItsIdInOneCall) {
  Driver driver = cut_machine("H100-80");
  for (std::uint32_t profile = 0; profile < 0x12; ++profile) {
    const auto by_enum = driver.gpu_instance_profile_info(gpu(driver), profile);
    if (!by_enum.ok()) continue;
    EXPECT_EQ(good(driver.gpu_instance_profile_info_by_id(gpu(driver), by_enum.value.id)),
              by_enum.value);
  }
  const auto ask = [&](std::uint32_t id) {
    return driver.gpu_instance_profile_info_by_id(gpu(driver), id).code;
  };
  EXPECT_EQ(ask(99), Return::NotSupported);
  driver.fail_next(Operation::GpuInstanceProfileInfo, Return::NotSupported, 2);
  EXPECT_EQ(ask(19), Return::NotSupported);
  EXPECT_EQ(ask(19), Return::NotSupported);
  EXPECT_EQ(ask(19), Return::Success);

  Config old = machine({"H100-80"});
  old.driver_major = 535;
  Driver whole(old);
  EXPECT_EQ(whole.gpu_instance_profile_info_by_id(gpu(whole), 19).code, Return::NotSupported);
}

TEST(Questions, NumberGpusAndTheirMigDevices) {
  Driver driver = cut_machine(machine({"H100-80", "H100-80"}));
  make_slice(driver, 19, 0, 1, 0, 1);
  const Slice second = make_slice(driver, 19, 1, 1, 0, 1);
  EXPECT_EQ(good(driver.device_index(gpu(driver, 1))), 1);
  EXPECT_EQ(good(driver.device_index(second.info.device)), 1);
  driver.fail_next(Operation::MigDeviceUuid, Return::Unknown);
  EXPECT_EQ(good(driver.device_index(second.info.device)), 1);
  driver.fail_next(Operation::DeviceInfo, Return::Unknown, 2);
  EXPECT_EQ(driver.device_index(second.info.device).code, Return::Unknown);
  EXPECT_EQ(driver.memory_used(second.info.device).code, Return::Unknown);
  EXPECT_EQ(driver.device_index({77}).code, Return::InvalidArgument);
}

}  // namespace
}  // namespace kerf::simgpu
