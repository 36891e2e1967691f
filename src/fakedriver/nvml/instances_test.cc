// Tests of the calls about instances: every version of their structs, lists, and who may ask.
#include <array>
#include <cstring>

#include "fakedriver/nvml/loaded_testing.h"

namespace kerf::fakedriver::nvml {
namespace {

class Instances : public LoadedTest {
 protected:
  static abi::GpuInstance instance(simgpu::GpuInstance i) {
    return reinterpret_cast<abi::GpuInstance>(static_cast<std::uintptr_t>(i.value));
  }
  static abi::ComputeInstance instance(simgpu::ComputeInstance i) {
    return reinterpret_cast<abi::ComputeInstance>(static_cast<std::uintptr_t>(i.value));
  }
};

/// As a caller leaves it: garbage, and the version.
template <class Info>
Info asked(unsigned version) {
  Info info;
  std::memset(static_cast<void*>(&info), 0xff, sizeof info);
  info.version = abi::struct_version<Info>(version);
  return info;
}

TEST_F(Instances, AreProfiledInEveryVersion) {
  abi::GpuInstanceProfileInfo first;
  std::memset(&first, 0xff, sizeof first);
  ASSERT_EQ(call("nvmlDeviceGetGpuInstanceProfileInfo", device(0U), 0U, &first), abi::kSuccess);
  EXPECT_EQ(first.id, 19U);
  EXPECT_EQ(first.slice_count, 1U);
  EXPECT_EQ(first.instance_count, 7U);
  EXPECT_EQ(first.is_p2p_supported, 0U);
  for (const bool by_id : {false, true}) {
    const char* function =
        by_id ? "nvmlDeviceGetGpuInstanceProfileInfoByIdV" : "nvmlDeviceGetGpuInstanceProfileInfoV";
    const unsigned which = by_id ? 19 : 0;
    auto second = asked<abi::GpuInstanceProfileInfo_v2>(2);
    ASSERT_EQ(call(function, device(0U), which, &second), abi::kSuccess);
    EXPECT_STREQ(second.name, "1g.10gb");
    EXPECT_EQ(second.is_p2p_supported, 0U);
    EXPECT_EQ(second.memory_size_mib, first.memory_size_mib);
    EXPECT_EQ(second.multiprocessor_count, first.multiprocessor_count);
    EXPECT_EQ(second.ofa_count, first.ofa_count);
    auto third = asked<abi::GpuInstanceProfileInfo_v3>(3);
    ASSERT_EQ(call(function, device(0U), which, &third), abi::kSuccess);
    EXPECT_STREQ(third.name, "1g.10gb");
    EXPECT_EQ(third.id, 19U);
    EXPECT_EQ(third.capabilities, 0U);
    auto wrong = asked<abi::GpuInstanceProfileInfo_v3>(4);
    EXPECT_EQ(call(function, device(0U), which, &wrong), abi::kArgumentVersionMismatch);
    EXPECT_EQ(call(function, device(0U), 99U, &third),
              by_id ? abi::kNotSupported : abi::kInvalidArgument);
    EXPECT_EQ(call(function, device(2U), which, &third), abi::kNotSupported);
  }
}

TEST_F(Instances, AreProfiledInOneCallOfTheDriver) {
  auto info = asked<abi::GpuInstanceProfileInfo_v2>(2);
  const auto ask = [&] {
    return call("nvmlDeviceGetGpuInstanceProfileInfoByIdV", device(0U), 19U, &info);
  };
  fail_next(simgpu::Operation::GpuInstanceProfileInfo, simgpu::Return::NotSupported, 2);
  EXPECT_EQ(ask(), abi::kNotSupported);
  EXPECT_EQ(ask(), abi::kNotSupported);
  EXPECT_EQ(ask(), abi::kSuccess);
}

TEST_F(Instances, HaveComputeProfilesInEveryVersion) {
  const abi::GpuInstance of = instance(slice(0).gpu_instance);
  abi::ComputeInstanceProfileInfo first;
  ASSERT_EQ(call("nvmlGpuInstanceGetComputeInstanceProfileInfo", of, 0U, 0U, &first),
            abi::kSuccess);
  EXPECT_EQ(first.slice_count, 1U);
  const char* function = "nvmlGpuInstanceGetComputeInstanceProfileInfoV";
  auto second = asked<abi::ComputeInstanceProfileInfo_v2>(2);
  ASSERT_EQ(call(function, of, 0U, 0U, &second), abi::kSuccess);
  EXPECT_STREQ(second.name, "1g.10gb");
  auto third = asked<abi::ComputeInstanceProfileInfo_v3>(3);
  ASSERT_EQ(call(function, of, 0U, 0U, &third), abi::kSuccess);
  EXPECT_STREQ(third.name, "1g.10gb");
  EXPECT_EQ(third.multiprocessor_count, first.multiprocessor_count);
  EXPECT_EQ(third.capabilities, 0U);
  EXPECT_EQ(call(function, of, 0U, 1U, &third), abi::kInvalidArgument) << "engines are shared";
  EXPECT_EQ(call(function, of, 1U, 0U, &third), abi::kNotSupported);
  second.version = 7;
  EXPECT_EQ(call(function, of, 0U, 0U, &second), abi::kArgumentVersionMismatch);
}

TEST_F(Instances, WithGraphicsSaySoInTheThirdVersion) {
  TearDown();
  make(simgpu::machine({"RTX-PRO-6000"}));
  change([](simgpu::Driver& d) { d.set_mig_mode(d.handle_of(0), true); });
  ASSERT_EQ(call("nvmlInit_v2"), abi::kSuccess);
  int graphics = 0;
  for (unsigned profile = 0; profile < abi::kGpuInstanceProfiles; ++profile) {
    auto info = asked<abi::GpuInstanceProfileInfo_v3>(3);
    if (call("nvmlDeviceGetGpuInstanceProfileInfoV", device(0U), profile, &info) != abi::kSuccess)
      continue;
    const bool named = std::string(info.name).ends_with("+gfx");
    EXPECT_EQ(info.capabilities, named ? abi::kProfileCapabilityGfx : 0U) << info.name;
    graphics += named ? 1 : 0;
  }
  EXPECT_GT(graphics, 0);
}

TEST_F(Instances, AreFoundAndDescribed) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const simgpu::Slice made = slice(2, 1);
  std::array<abi::GpuInstance, 7> found{};
  unsigned count = 0;
  ASSERT_EQ(call("nvmlDeviceGetGpuInstances", device(1U), 19U, found.data(), &count),
            abi::kSuccess);
  ASSERT_EQ(count, 1U);
  abi::GpuInstanceInfo info{};
  ASSERT_EQ(call("nvmlGpuInstanceGetInfo", found[0], &info), abi::kSuccess);
  EXPECT_EQ(info.device, device(1U));
  EXPECT_EQ(info.placement.start, 2U);
  std::array<abi::ComputeInstance, 7> computes{};
  ASSERT_EQ(call("nvmlGpuInstanceGetComputeInstances", found[0], 0U, computes.data(), &count),
            abi::kSuccess);
  ASSERT_EQ(count, 1U);
  abi::ComputeInstanceInfo compute{};
  ASSERT_EQ(call("nvmlComputeInstanceGetInfo_v2", computes[0], &compute), abi::kSuccess);
  EXPECT_EQ(compute.device, device(made.info.device));
  EXPECT_EQ(compute.gpu_instance, found[0]);
  EXPECT_EQ(compute.placement.size, 1U);
  abi::ComputeInstanceInfo_v1 old{};
  ASSERT_EQ(call("nvmlComputeInstanceGetInfo", computes[0], &old), abi::kSuccess);
  EXPECT_EQ(old.device, compute.device);
}

TEST_F(Instances, HavePlacementsWhoseNumberMayBeAskedFor) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  std::array<abi::Placement, 7> placements{};
  for (const char* function : {"nvmlDeviceGetGpuInstancePossiblePlacements_v2",
                               "nvmlDeviceGetGpuInstancePossiblePlacements"}) {
    unsigned count = 0;
    ASSERT_EQ(call(function, device(0U), 19U, kNone, &count), abi::kSuccess);
    EXPECT_EQ(count, 7U);
    count = 6;
    EXPECT_EQ(call(function, device(0U), 19U, placements.data(), &count), abi::kInsufficientSize);
    EXPECT_EQ(count, 7U);
    ASSERT_EQ(call(function, device(0U), 19U, placements.data(), &count), abi::kSuccess);
    EXPECT_EQ(placements[6].start, 6U);
  }
  const abi::GpuInstance of = instance(slice(0).gpu_instance);
  unsigned count = 0;
  ASSERT_EQ(call("nvmlGpuInstanceGetComputeInstancePossiblePlacements", of, 0U, kNone, &count),
            abi::kSuccess);
  EXPECT_EQ(count, 1U);
}

TEST_F(Instances, AnswerOthersThanRootInTheDriversOrderOfChecks) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const abi::GpuInstance of = instance(slice(0).gpu_instance);
  const abi::Device lost = device(1U);
  change([](simgpu::Driver& d) { d.lose_gpu(1); });
  const AsNobody nobody;
  unsigned count = 0;
  const auto ask = [&](abi::Device gpu) {
    return call("nvmlDeviceGetGpuInstanceRemainingCapacity", gpu, 19U, &count);
  };
  EXPECT_EQ(ask(nullptr), abi::kInvalidArgument);
  EXPECT_EQ(ask(lost), abi::kGpuIsLost);
  EXPECT_EQ(ask(device(2U)), abi::kNotSupported);
  EXPECT_EQ(ask(device(0U)), abi::kNoPermission);
  abi::GpuInstance found = nullptr;
  EXPECT_EQ(call("nvmlDeviceGetGpuInstanceById", device(0U), 1U, &found), abi::kNoPermission);
  EXPECT_EQ(call("nvmlDeviceCreateGpuInstance", device(0U), 19U, &found), abi::kNoPermission);
  EXPECT_EQ(call("nvmlGpuInstanceGetComputeInstanceRemainingCapacity", of, 0U, &count),
            abi::kNoPermission);
  abi::ComputeInstance compute = nullptr;
  EXPECT_EQ(call("nvmlGpuInstanceGetComputeInstanceById", of, 0U, &compute), abi::kNoPermission);
}

TEST_F(Instances, AreMadeAndUnmade) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  abi::GpuInstance made = nullptr;
  const abi::Placement at{4, 4};
  ASSERT_EQ(call("nvmlDeviceCreateGpuInstanceWithPlacement", device(0U), 9U, &at, &made),
            abi::kSuccess);
  const abi::Placement nowhere{256, 4};
  EXPECT_EQ(call("nvmlDeviceCreateGpuInstanceWithPlacement", device(0U), 9U, &nowhere, &made),
            abi::kInvalidArgument);
  abi::ComputeInstance compute = nullptr;
  const abi::Placement inside{1, 1};
  ASSERT_EQ(call("nvmlGpuInstanceCreateComputeInstanceWithPlacement", made, 0U, &inside, &compute),
            abi::kSuccess);
  EXPECT_EQ(call("nvmlGpuInstanceDestroy", made), abi::kInUse);
  EXPECT_EQ(call("nvmlComputeInstanceDestroy", compute), abi::kSuccess);
  EXPECT_EQ(call("nvmlGpuInstanceDestroy", made), abi::kSuccess);
  EXPECT_EQ(call("nvmlGpuInstanceDestroy", made), abi::kInvalidArgument);
}

}  // namespace
}  // namespace kerf::fakedriver::nvml
