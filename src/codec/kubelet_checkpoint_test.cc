// Tests of kubelet's checkpoint, old and new form.
#include "codec/kubelet_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kerf::codec {
namespace {

using agent::Holder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kText = R"({"Data":{"PodDeviceEntries":[
 {"PodUID":"uid-1","ContainerName":"c","ResourceName":"nvidia.com/mig-1g.10gb",
  "DeviceIDs":{"-1":["gpu0/1g.10gb@3"]},"AllocResp":"Cg=="},
 {"PodUID":"uid-2","ContainerName":"init","ResourceName":"nvidia.com/gpu",
  "DeviceIDs":{"0":["gpu1/whole@0"],"1":["gpu2/whole@0","gpu3/whole@0"]},"AllocResp":null},
 {"PodUID":"uid-3","ContainerName":"c","ResourceName":"example.com/other",
  "DeviceIDs":null,"Later":[1,2]}],
 "RegisteredDevices":{"nvidia.com/gpu":["gpu1/whole@0","gpu2/whole@0"],"nvidia.com/none":null}},
 "Checksum":18446744073709551615})";

TEST(KubeletCheckpoint, TellsEveryDeviceThatWasGiven) {
  const auto read = read_kubelet_checkpoint(kText, "checkpoint");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_THAT(read->devices, ElementsAre(Holder{"gpu0/1g.10gb@3", "nvidia.com/mig-1g.10gb", ""},
                                         Holder{"gpu1/whole@0", "nvidia.com/gpu", ""},
                                         Holder{"gpu2/whole@0", "nvidia.com/gpu", ""},
                                         Holder{"gpu3/whole@0", "nvidia.com/gpu", ""}));
  EXPECT_THAT(read->pod_uids, ElementsAre("uid-1", "uid-2", "uid-2", "uid-2"));
  EXPECT_THAT(read->registered,
              ElementsAre(Pair("nvidia.com/gpu", ElementsAre("gpu1/whole@0", "gpu2/whole@0")),
                          Pair("nvidia.com/none", IsEmpty())));
}

TEST(KubeletCheckpoint, ReadsTheListsOfOldKubelets) {
  const auto read = read_kubelet_checkpoint(
      R"({"Data":{"PodDeviceEntries":[{"PodUID":"u","ResourceName":"a/b","DeviceIDs":["x","y"]}],)"
      R"("RegisteredDevices":{"a/b":["x","y","z"]}},"Checksum":1})",
      "checkpoint");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_THAT(read->devices, ElementsAre(Holder{"x", "a/b", ""}, Holder{"y", "a/b", ""}));
}

TEST(KubeletCheckpoint, OfAKubeletWithoutDevicesIsEmpty) {
  const auto read = read_kubelet_checkpoint(
      R"({"Data":{"PodDeviceEntries":null,"RegisteredDevices":{}},"Checksum":1})", "checkpoint");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_THAT(read->devices, IsEmpty());
  EXPECT_THAT(read->registered, IsEmpty());
}

TEST(KubeletCheckpoint, NeverTakesADamagedFileForAnEmptyOne) {
  const std::string whole = kText;
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    ASSERT_FALSE(read_kubelet_checkpoint(whole.substr(0, bytes), "checkpoint")) << bytes;
  struct Case {
    const char* text;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"{}", "checkpoint: Data is missing"},
      {R"({"Data":null})", "Data is missing"},
      {R"({"Data":[]})", "Data: expected a mapping"},
      {R"({"Data":{"PodDeviceEntries":{}}})", "Data.PodDeviceEntries: expected a list"},
      {R"({"Data":{"PodDeviceEntries":[1]}})", "PodDeviceEntries[0]: expected a mapping"},
      {R"({"Data":{"PodDeviceEntries":[{"DeviceIDs":[]}]}})", "ResourceName is missing"},
      {R"({"Data":{"PodDeviceEntries":[{"ResourceName":"a","DeviceIDs":"x"}]}})",
       "DeviceIDs: expected device ids by NUMA node, or a list of them"},
      {R"({"Data":{"PodDeviceEntries":[{"ResourceName":"a","DeviceIDs":{"0":"x"}}]}})",
       "DeviceIDs.0: expected a list"},
      {R"({"Data":{"PodDeviceEntries":[{"ResourceName":"a","DeviceIDs":[3]}]}})",
       "DeviceIDs[0]: expected a string"},
      {R"({"Data":{"RegisteredDevices":{}}})", "Data: PodDeviceEntries is missing"},
      {R"({"Data":{"PodDeviceEntries":[],"RegisteredDevices":{"a":[{}]}}})", "expected a string"},
  };
  for (const Case& one : kCases) {
    const auto read = read_kubelet_checkpoint(one.text, "checkpoint");
    ASSERT_FALSE(read) << one.text;
    EXPECT_THAT(read.error().message(), HasSubstr(one.message));
  }
}

TEST(KubeletCheckpoint, IsBounded) {
  const std::string text = R"({"Data":{}})" + std::string(kCheckpointBytesMax, ' ');
  EXPECT_EQ(read_kubelet_checkpoint(text, "checkpoint").error().code(), ErrorCode::TooLarge);
}

}  // namespace
}  // namespace kerf::codec
