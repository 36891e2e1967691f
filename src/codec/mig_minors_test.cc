// Tests of the driver's device numbers.
#include "codec/mig_minors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "fakedriver/capabilities.h"

namespace kerf::codec {
namespace {

using testing::HasSubstr;

TEST(MigMinors, AreReadForEveryInstanceOfEveryGpu) {
  const auto minors = read_mig_minors(fakedriver::mig_minors(), "mig-minors");
  ASSERT_TRUE(minors) << minors.error().message();
  EXPECT_EQ(minors->size(), 32U * 15 * 9);
  EXPECT_EQ(minors->at({0, 0}), 3U);
  EXPECT_EQ(minors->at({0, 0, 0}), 4U);
  EXPECT_EQ(minors->at({31, 14, 7}), 4322U);
  for (const auto& [capability, minor] : *minors) {
    const std::uint32_t ci =
        capability.ci == agent::kNoInstance ? simgpu::kNoInstance : capability.ci;
    ASSERT_EQ(static_cast<int>(minor),
              fakedriver::capability_minor({static_cast<int>(capability.gpu), capability.gi, ci}));
  }
}

TEST(MigMinors, PassOverOtherCapabilitiesAndBlankLines) {
  const auto minors =
      read_mig_minors("config 1\n\n  monitor 2\r\nfabric-mgmt 9\ngpu1/gi2/access\t7", "m");
  ASSERT_TRUE(minors) << minors.error().message();
  EXPECT_EQ(*minors, (MigMinors{{{1, 2}, 7}}));
  EXPECT_TRUE(read_mig_minors("", "m").value().empty());
}

TEST(MigMinors, SayWhichLineIsWrong) {
  struct Case {
    const char* text;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"config 1\ngpu0/gi0/access", "m:2: \"gpu0/gi0/access\" has no number"},
      {"config one", "m:1: \"config one\" has no device number"},
      {"gpu0/gi0/access 3 4", "has no device number"},
      {"gpu0/gi0/access -3", "has no device number"},
      {"gpu0/gi0/access 1048576", "has no device number"},
      {"gpu0/access 3", "names no instance"},
      {"gpu0/gi0/ci/access 3", "names no instance"},
      {"gpu0/gi0/ci0/ci1/access 3", "names no instance"},
      {"gpu0/gi99999999999/access 3", "names no instance"},
      {"gpu0/gi0/accessory 3", "names no instance"},
      {"gpu0/gi0/access 3\ngpu0/gi0/access 4", "m:2: \"gpu0/gi0/access 4\" comes twice"},
  };
  for (const Case& one : kCases) {
    const auto minors = read_mig_minors(one.text, "m");
    ASSERT_FALSE(minors) << one.text;
    EXPECT_THAT(minors.error().message(), HasSubstr(one.message));
  }
  EXPECT_EQ(read_mig_minors(std::string((1u << 20) + 1, '\n'), "m").error().code(),
            ErrorCode::TooLarge);
}

TEST(DeviceMajors, AreThoseOfTheCharacterDevices) {
  const auto majors = read_device_majors(
      "Character devices:\n  1 mem\n195 nvidia-frontend\n195 nvidiactl\n234 nvidia-caps\n"
      "235 nvidia-caps-imex-channels\n507 nvidia-uvm\n\nBlock devices:\n  7 loop\n99 nvidia-caps\n",
      "devices");
  ASSERT_TRUE(majors) << majors.error().message();
  EXPECT_EQ(*majors, (DeviceMajors{195, 507, 234}));
}

TEST(DeviceMajors, AreUnknownWithoutADriver) {
  EXPECT_EQ(read_device_majors("Character devices:\n  1 mem\n", "d").value(), DeviceMajors{});
  EXPECT_EQ(read_device_majors("195 nvidia\n", "d").value(), DeviceMajors{});
  EXPECT_EQ(read_device_majors("Character devices:\n195 nvidia\n", "d").value().gpu, 195U);
  EXPECT_EQ(read_device_majors("Character devices:\nx nvidia\nnvidia\n", "d").value(),
            DeviceMajors{});
  EXPECT_EQ(read_device_majors(std::string((1u << 20) + 1, '\n'), "d").error().code(),
            ErrorCode::TooLarge);
}

}  // namespace
}  // namespace kerf::codec
