// Tests of GPU instances: profiles, creation, ids, destruction.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simgpu/boards.h"
#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

using testing::ElementsAre;

TEST(GpuInstances, AreFoundByWalkingTheProfileEnums) {
  Driver driver = cut_machine("A100-40");
  std::vector<std::string> names;
  std::uint32_t profile = 0;
  for (;; ++profile) {
    const auto info = driver.gpu_instance_profile_info(gpu(driver), profile);
    if (info.code == Return::InvalidArgument) break;
    if (info.code == Return::NotSupported) continue;
    names.push_back(good(info).name);
  }
  EXPECT_EQ(profile, 0x12u);
  EXPECT_THAT(names, ElementsAre("1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb", "1g.5gb+me",
                                 "1g.10gb"));
}

TEST(GpuInstances, HaveTheRecordedProfileInfo) {
  Driver driver = cut_machine("H100-80");
  // H100: double memory has 26 SMs, not 32 or 16.
  EXPECT_EQ(good(driver.gpu_instance_profile_info(gpu(driver), 9)),
            (GpuInstanceProfileInfo{15, "1g.20gb", 1, 4, 26, 1, 1, 0, 1, 0, 20096}));
}

TEST(GpuInstances, ListPlacementsWhateverIsOccupied) {
  Driver driver = cut_machine("RTX-PRO-6000");
  good(driver.create_gpu_instance(gpu(driver), 0));
  EXPECT_THAT(good(driver.possible_placements(gpu(driver), 14)),
              ElementsAre(Placement{0, 3}, Placement{3, 3}, Placement{6, 3}, Placement{9, 3}));
  EXPECT_EQ(driver.possible_placements(gpu(driver), 19).code, Return::NotSupported);
}

TEST(GpuInstances, CountWhatIsLeftByPlacementAndEngines) {
  Driver driver = cut_machine("A100-40");
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 19)), 7);
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 9)), 2);
  good(driver.create_gpu_instance_with_placement(gpu(driver), 19, {5, 1}));
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 19)), 6);
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 14)), 2);
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 9)), 1);
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 0)), 0);
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 20)), 1);
  good(driver.create_gpu_instance(gpu(driver), 20));
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 20)), 0);
  EXPECT_EQ(driver.remaining_capacity(gpu(driver), 77).code, Return::NotSupported);
}

TEST(GpuInstances, StandWhereTheyWereAskedFor) {
  Driver driver = cut_machine("A100-40");
  const auto made = good(driver.create_gpu_instance_with_placement(gpu(driver), 14, {2, 2}));
  const GpuInstanceInfo info = good(driver.gpu_instance_info(made));
  EXPECT_EQ(info.device, gpu(driver));
  EXPECT_EQ(info.profile_id, 14u);
  EXPECT_EQ(info.placement, (Placement{2, 2}));
  EXPECT_EQ(good(driver.gpu_instance_by_id(gpu(driver), info.id)), made);
  EXPECT_THAT(good(driver.gpu_instances(gpu(driver), 14)), ElementsAre(made));
  EXPECT_TRUE(good(driver.gpu_instances(gpu(driver), 19)).empty());
  EXPECT_EQ(driver.gpu_instance_by_id(gpu(driver), 0).code, Return::NotFound);
}

TEST(GpuInstances, SayWhyTheyCannotBe) {
  Driver driver = cut_machine("A100-40");
  const Device device = gpu(driver);
  good(driver.create_gpu_instance_with_placement(device, 14, {2, 2}));
  const auto code = [&](std::uint32_t id, Placement placement) {
    return driver.create_gpu_instance_with_placement(device, id, placement).code;
  };
  EXPECT_EQ(code(14, {2, 2}), Return::InsufficientResources);  // occupied
  EXPECT_EQ(code(9, {0, 4}), Return::InsufficientResources);   // overlaps
  EXPECT_EQ(code(14, {1, 2}), Return::InvalidArgument);        // no such start
  EXPECT_EQ(code(14, {4, 1}), Return::InvalidArgument);        // wrong size
  EXPECT_EQ(code(19, {7, 1}), Return::InvalidArgument);        // unit 7 has no 1g
  EXPECT_EQ(code(99, {0, 1}), Return::NotSupported);
  good(driver.create_gpu_instance(device, 20));
  EXPECT_EQ(driver.create_gpu_instance(device, 20).code, Return::InsufficientResources);
  EXPECT_EQ(driver.create_gpu_instance(device, 99).code, Return::NotSupported);
}

TEST(GpuInstances, WithAllMediaEnginesLeaveRoomOnlyForThoseWithout) {
  Driver driver = cut_machine("RTX-PRO-6000");
  good(driver.create_gpu_instance(gpu(driver), 65));  // 1g.24gb+me.all
  EXPECT_EQ(driver.create_gpu_instance(gpu(driver), 14).code, Return::InsufficientResources);
  EXPECT_EQ(driver.create_gpu_instance(gpu(driver), 47).code, Return::InsufficientResources);
  EXPECT_TRUE(driver.create_gpu_instance(gpu(driver), 67).ok());
  EXPECT_TRUE(driver.create_gpu_instance(gpu(driver), 66).ok());
}

TEST(GpuInstances, CannotBeMadeWhileAProcessHoldsTheGpu) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  EXPECT_TRUE(driver.process_start(slice.info.mig_uuid, 1));
  EXPECT_TRUE(driver.create_gpu_instance(gpu(driver), 19).ok());  // on a slice: no matter
  EXPECT_TRUE(driver.process_start(driver.state().gpus[0].uuid, 2));
  EXPECT_EQ(driver.create_gpu_instance(gpu(driver), 19).code, Return::InUse);
  EXPECT_EQ(driver.create_gpu_instance_with_placement(gpu(driver), 19, {1, 1}).code, Return::InUse);
  EXPECT_TRUE(driver.process_exit(2));
  driver.set_open_clients(0, 3);
  EXPECT_TRUE(driver.create_gpu_instance_with_placement(gpu(driver), 19, {1, 1}).ok());
}

TEST(GpuInstances, AreNotDestroyedWhileTheyHaveAComputeInstance) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 9, 4, 4, 2);
  EXPECT_EQ(driver.destroy_gpu_instance(slice.gpu_instance).code, Return::InUse);
  good(driver.destroy_compute_instance(slice.compute_instance));
  EXPECT_TRUE(driver.gpu_instance_info(slice.gpu_instance).ok());  // it stays on its own
  good(driver.destroy_gpu_instance(slice.gpu_instance));
  EXPECT_TRUE(good(driver.gpu_instances(gpu(driver), 9)).empty());
  EXPECT_EQ(good(driver.remaining_capacity(gpu(driver), 9)), 2);
}

TEST(GpuInstances, GiveTheirIdToTheNextOneAtTheirPlace) {
  Driver driver = cut_machine("A100-40");
  const auto first = good(driver.create_gpu_instance_with_placement(gpu(driver), 19, {3, 1}));
  const std::uint32_t id = good(driver.gpu_instance_info(first)).id;
  good(driver.destroy_gpu_instance(first));
  const auto second = good(driver.create_gpu_instance_with_placement(gpu(driver), 20, {3, 1}));
  EXPECT_EQ(good(driver.gpu_instance_info(second)).id, id);
  EXPECT_NE(first, second);
  EXPECT_EQ(driver.gpu_instance_info(first).code, Return::InvalidArgument);
}

TEST(GpuInstances, AreChangedByRootOnly) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  const auto before = driver.state().gpus;
  const Device device = gpu(driver);
  EXPECT_EQ(driver.set_mig_mode(device, false, Caller::User).code, Return::NoPermission);
  EXPECT_EQ(driver.create_gpu_instance(device, 19, Caller::User).code, Return::NoPermission);
  EXPECT_EQ(driver.create_gpu_instance_with_placement(device, 19, {1, 1}, Caller::User).code,
            Return::NoPermission);
  EXPECT_EQ(driver.create_compute_instance(slice.gpu_instance, 0, Caller::User).code,
            Return::NoPermission);
  EXPECT_EQ(
      driver.create_compute_instance_with_placement(slice.gpu_instance, 0, {0, 1}, Caller::User)
          .code,
      Return::NoPermission);
  EXPECT_EQ(driver.destroy_compute_instance(slice.compute_instance, Caller::User).code,
            Return::NoPermission);
  EXPECT_EQ(driver.destroy_gpu_instance(slice.gpu_instance, Caller::User).code,
            Return::NoPermission);
  EXPECT_EQ(driver.reset_gpu(0, Caller::User).code, Return::NoPermission);
  EXPECT_EQ(driver.reload_driver(Caller::User).code, Return::NoPermission);
  EXPECT_EQ(driver.state().gpus, before);
}

}  // namespace
}  // namespace kerf::simgpu
