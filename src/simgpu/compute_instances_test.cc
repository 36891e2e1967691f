// Tests of compute instances and MIG devices: parts, UUIDs, indices, attributes, stale handles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "simgpu/boards.h"
#include "simgpu/driver_testing.h"

namespace kerf::simgpu {
namespace {

using testing::ElementsAre;

TEST(ComputeInstances, HaveTheRecordedPartsOfEachGpuInstance) {
  // Compute slices of the GPU instance -> enum of the profile -> slices, how many (go-nvml
  // a100.go).
  using Rows = std::map<std::uint32_t, std::pair<int, int>>;
  const std::map<std::uint32_t, Rows> expected = {
      {19, {{0, {1, 1}}}},
      {14, {{0, {1, 2}}, {1, {2, 1}}}},
      {9, {{0, {1, 3}}, {1, {2, 1}}, {2, {3, 1}}}},
      {5, {{0, {1, 4}}, {1, {2, 2}}, {3, {4, 1}}}},
      {0, {{0, {1, 7}}, {1, {2, 3}}, {2, {3, 2}}, {3, {4, 1}}, {4, {7, 1}}}}};
  for (const auto& [profile_id, rows] : expected) {
    Driver driver = cut_machine("A100-40");
    const auto instance = good(driver.create_gpu_instance(gpu(driver), profile_id));
    Rows found;
    for (std::uint32_t profile = 0; profile < 9; ++profile) {
      const auto info = driver.compute_instance_profile_info(instance, profile);
      if (info.code == Return::NotSupported) continue;
      found[profile] = {good(info).slice_count, info.value.instance_count};
      EXPECT_EQ(good(driver.compute_instance_possible_placements(instance, info.value.id)).size(),
                static_cast<std::size_t>(info.value.instance_count));
      int made = 0;
      Driver copy = driver;
      while (copy.create_compute_instance(instance, info.value.id).ok()) ++made;
      EXPECT_EQ(made, info.value.instance_count);
    }
    EXPECT_EQ(found, rows) << profile_id;
    EXPECT_EQ(driver.compute_instance_profile_info(instance, 9).code, Return::InvalidArgument);
  }
}

TEST(ComputeInstances, ShareAGpuInstanceUntilItsSlicesAreTaken) {
  Driver driver = cut_machine("H100-80");
  const auto instance = good(driver.create_gpu_instance(gpu(driver), 9));
  const auto first = good(driver.create_compute_instance(instance, 0));
  EXPECT_EQ(good(driver.compute_instance_remaining_capacity(instance, 0)), 2);
  EXPECT_EQ(good(driver.compute_instance_remaining_capacity(instance, 2)), 0);
  EXPECT_EQ(driver.create_compute_instance(instance, 2).code, Return::InsufficientResources);
  EXPECT_EQ(driver.create_compute_instance(instance, 3).code, Return::NotSupported);
  EXPECT_EQ(driver.create_compute_instance_with_placement(instance, 0, {0, 1}).code,
            Return::InsufficientResources);
  EXPECT_EQ(driver.create_compute_instance_with_placement(instance, 0, {3, 1}).code,
            Return::InvalidArgument);
  const auto last = good(driver.create_compute_instance_with_placement(instance, 0, {2, 1}));
  EXPECT_EQ(good(driver.compute_instance_info(last)).id, 1u);
  EXPECT_EQ(good(driver.compute_instance_info(last)).placement, (Placement{2, 1}));
  EXPECT_THAT(good(driver.compute_instances(instance, 0)), ElementsAre(first, last));
  EXPECT_EQ(good(driver.compute_instance_by_id(instance, 1)), last);
  EXPECT_EQ(driver.compute_instance_by_id(instance, 2).code, Return::NotFound);
  good(driver.destroy_compute_instance(first));
  const auto again = good(driver.create_compute_instance(instance, 0));
  EXPECT_EQ(good(driver.compute_instance_info(again)).id, 0u);  // ids come back
}

TEST(ComputeInstances, AreNotDestroyedUnderAProcess) {
  Driver driver = cut_machine("H100-80");
  const Slice slice = make_slice(driver, 19, 0, 1, 0);
  EXPECT_TRUE(driver.process_start(slice.info.mig_uuid, 42));
  EXPECT_EQ(driver.destroy_compute_instance(slice.compute_instance).code, Return::InUse);
  EXPECT_EQ(driver.destroy_gpu_instance(slice.gpu_instance).code, Return::InUse);
  EXPECT_TRUE(driver.process_exit(42));
  good(driver.destroy_compute_instance(slice.compute_instance));
  EXPECT_FALSE(driver.process_start(slice.info.mig_uuid, 42));
}

TEST(ComputeInstances, HaveANewUuidEachTime) {
  Driver driver = cut_machine("H100-80");
  std::set<std::string> uuids;
  for (int i = 0; i < 50; ++i) {
    const Slice slice = make_slice(driver, 19, 0, 1, 0);
    EXPECT_EQ(good(driver.uuid(slice.info.device)), slice.info.mig_uuid);
    EXPECT_THAT(slice.info.mig_uuid,
                testing::MatchesRegex("MIG-[0-9a-f]+-[0-9a-f]+-5[0-9a-f]+-[0-9a-f]+-[0-9a-f]+"));
    EXPECT_EQ(slice.info.mig_uuid.size(), 40u);
    uuids.insert(slice.info.mig_uuid);
    if (i % 2 == 0) {
      good(driver.destroy_compute_instance(slice.compute_instance));
      good(driver.destroy_gpu_instance(slice.gpu_instance));
    } else {
      EXPECT_TRUE(driver.reset_gpu(0).ok());
    }
  }
  EXPECT_EQ(uuids.size(), 50u);
}

TEST(MigDevices, LeaveHolesThatTheNextOneFills) {
  Driver driver = cut_machine("A100-40");
  const Slice a = make_slice(driver, 19, 0, 1, 0);
  const Slice b = make_slice(driver, 19, 1, 1, 0);
  EXPECT_EQ(good(driver.max_mig_device_count(gpu(driver))), 7);
  EXPECT_EQ(good(driver.mig_device_by_index(gpu(driver), 0)), a.info.device);
  EXPECT_EQ(good(driver.mig_device_by_index(gpu(driver), 1)), b.info.device);
  good(driver.destroy_compute_instance(a.compute_instance));
  EXPECT_EQ(driver.mig_device_by_index(gpu(driver), 0).code, Return::NotFound);
  EXPECT_EQ(good(driver.mig_device_by_index(gpu(driver), 1)), b.info.device);
  const Slice c = make_slice(driver, 9, 4, 4, 2);
  EXPECT_EQ(good(driver.mig_device_by_index(gpu(driver), 0)), c.info.device);
  EXPECT_EQ(driver.mig_device_by_index(gpu(driver), 7).code, Return::InvalidArgument);
  EXPECT_EQ(driver.mig_device_by_index(gpu(driver), -1).code, Return::InvalidArgument);
}

TEST(MigDevices, DoNotExistForAGpuInstanceWithoutComputeInstance) {
  Driver driver = cut_machine("A100-40");
  good(driver.create_gpu_instance(gpu(driver), 9));
  for (int i = 0; i < 7; ++i)
    EXPECT_EQ(driver.mig_device_by_index(gpu(driver), i).code, Return::NotFound);
}

TEST(MigDevices, KnowWhereTheyBelong) {
  Config config = machine({"T4", "H100-80"});
  config.gpus[1].minor = 5;
  Driver driver(config);
  good(driver.set_mig_mode(gpu(driver, 1), true));
  const auto instance = good(driver.create_gpu_instance_with_placement(gpu(driver, 1), 9, {4, 4}));
  const auto compute = good(driver.create_compute_instance(instance, 1));
  const Device mig = good(driver.compute_instance_info(compute)).device;
  EXPECT_EQ(good(driver.parent_of(mig)), gpu(driver, 1));
  EXPECT_EQ(good(driver.gpu_instance_id(mig)), good(driver.gpu_instance_info(instance)).id);
  EXPECT_EQ(good(driver.compute_instance_id(mig)), 0u);
  EXPECT_EQ(good(driver.minor_number(mig)), 5);
  EXPECT_EQ(good(driver.device_name(mig)), "NVIDIA H100 80GB HBM3 MIG 2c.3g.40gb");
  EXPECT_EQ(good(driver.memory_mib(mig)), 40448);
  EXPECT_TRUE(good(driver.is_mig_device(mig)));
  EXPECT_EQ(good(driver.attributes(mig)), (Attributes{32, 3, 2, 3, 3, 0, 3, 0, 40448}));
  EXPECT_EQ(good(driver.device_by_uuid(good(driver.uuid(mig)))), mig);
  // A MIG device is no GPU, and a GPU no MIG device.
  EXPECT_EQ(driver.mig_mode(mig).code, Return::InvalidArgument);
  EXPECT_EQ(driver.create_gpu_instance(mig, 19).code, Return::InvalidArgument);
  EXPECT_EQ(driver.attributes(gpu(driver, 1)).code, Return::InvalidArgument);
  EXPECT_EQ(driver.parent_of(gpu(driver, 1)).code, Return::InvalidArgument);
}

TEST(Handles, DieWithTheirObjectAndMeanNothingElseLater) {
  const auto expect_dead = [](Driver& driver, const Slice& slice) {
    EXPECT_EQ(driver.gpu_instance_info(slice.gpu_instance).code, Return::InvalidArgument);
    EXPECT_EQ(driver.destroy_gpu_instance(slice.gpu_instance).code, Return::InvalidArgument);
    EXPECT_EQ(driver.compute_instance_info(slice.compute_instance).code, Return::InvalidArgument);
    EXPECT_EQ(driver.uuid(slice.info.device).code, Return::InvalidArgument);
    EXPECT_EQ(driver.device_by_uuid(slice.info.mig_uuid).code, Return::NotFound);
  };
  for (const int how : {0, 1, 2, 3}) {
    SCOPED_TRACE(how);
    Driver driver = cut_machine("A100-40");
    const Slice slice = make_slice(driver, 19, 0, 1, 0);
    const Device device = gpu(driver);
    if (how == 0) {
      good(driver.destroy_compute_instance(slice.compute_instance));
      good(driver.destroy_gpu_instance(slice.gpu_instance));
    }
    if (how == 1) good(driver.reset_gpu(0));
    if (how == 2) good(driver.reload_driver());
    if (how == 3) driver.reboot();
    expect_dead(driver, slice);
    EXPECT_EQ(driver.mig_mode(device).code, how == 0 ? Return::Success : Return::InvalidArgument);
    EXPECT_EQ(driver.device_by_uuid(driver.state().gpus[0].uuid).value == device, how == 0);
    make_slice(driver, 19, 0, 1, 0);
    expect_dead(driver, slice);
  }
}

TEST(Handles, OfAGpuOutliveAChangeOfMode) {
  Driver driver(machine({"A100-40"}));
  const Device device = gpu(driver);
  good(driver.set_mig_mode(device, true));
  EXPECT_TRUE(driver.mig_mode(device).ok());
}

TEST(Handles, OfNothingAreInvalid) {
  Driver driver = cut_machine("A100-40");
  EXPECT_EQ(driver.uuid(Device{}).code, Return::InvalidArgument);
  EXPECT_EQ(driver.gpu_instance_info(GpuInstance{}).code, Return::InvalidArgument);
  EXPECT_EQ(driver.compute_instance_info(ComputeInstance{}).code, Return::InvalidArgument);
  EXPECT_EQ(driver.device_by_index(1).code, Return::InvalidArgument);
  EXPECT_EQ(driver.device_by_index(-1).code, Return::InvalidArgument);
}

}  // namespace
}  // namespace kerf::simgpu
