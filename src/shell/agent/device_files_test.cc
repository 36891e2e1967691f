// Tests of what a container gets: nodes by the driver's numbers, libraries by NVIDIA's toolkit.
#include "shell/agent/device_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_testing.h"

namespace kerf::shell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DeviceFilesTest : public ::testing::Test {
 protected:
  DeviceFilesTest() {
    root_.write("proc/driver/nvidia-caps/mig-minors",
                "config 1\nmonitor 2\ngpu3/gi2/access 426\ngpu3/gi2/ci0/access 427\n");
    root_.write("proc/devices", "Character devices:\n195 nvidia\n511 nvidia-caps\n");
    root_.write("dev/nvidiactl", "");
    root_.write("dev/nvidia-uvm", "");
  }
  DeviceFiles files(std::string base = {}) const {
    return DeviceFiles({root_.folder(), std::move(base), root_.at("cdi")});
  }
  static std::vector<std::string> paths(const codec::CdiEdits& edits) {
    std::vector<std::string> all;
    for (const codec::CdiDeviceNode& node : edits.nodes) all.push_back(node.path);
    return all;
  }
  TemporaryFolder root_;
};

TEST_F(DeviceFilesTest, GiveAWholeGpuItsOneNode) {
  const auto own = files().own(3, agent::kNoInstance, agent::kNoInstance);
  ASSERT_TRUE(own);
  EXPECT_THAT(paths(*own), ElementsAre("/dev/nvidia3"));
}

TEST_F(DeviceFilesTest, GiveASliceTheNodesThatAreThere) {
  root_.write("dev/nvidia-caps/nvidia-cap426", "");
  root_.write("dev/nvidia-caps/nvidia-cap427", "");
  const auto own = files().own(3, 2, 0);
  ASSERT_TRUE(own) << own.error().message();
  EXPECT_THAT(paths(*own), ElementsAre("/dev/nvidia3", "/dev/nvidia-caps/nvidia-cap426",
                                       "/dev/nvidia-caps/nvidia-cap427"));
  EXPECT_FALSE(own->nodes[1].major);  // the runtime looks at the node
}

TEST_F(DeviceFilesTest, GiveASliceItsNumbersWhereNobodyMadeTheNodes) {
  const auto own = files().own(3, 2, 0);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->nodes[1].type, "c");
  EXPECT_EQ(own->nodes[1].major, 511);
  EXPECT_EQ(own->nodes[1].minor, 426);
  EXPECT_EQ(own->nodes[2].minor, 427);
}

TEST_F(DeviceFilesTest, SayWhichLineIsMissing) {
  const auto own = files().own(3, 5, 0);
  ASSERT_FALSE(own);
  EXPECT_THAT(own.error().message(), HasSubstr("mig-minors: has no line for GPU 3 (device minor)"));
}

TEST_F(DeviceFilesTest, TakeLibrariesFromTheToolkitsFileAndFollowItsChanges) {
  const auto spec = [](const std::string& library) {
    return "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: []\ncontainerEdits:\n"
           "  env: [NVIDIA_VISIBLE_DEVICES=void]\n"
           "  deviceNodes: [{path: /dev/nvidiactl}]\n"
           "  mounts: [{hostPath: " +
           library + ", containerPath: " + library + "}]\n";
  };
  root_.write("cdi/nvidia.yaml", spec("/usr/lib64/libcuda.so.1"));
  DeviceFiles files = this->files();
  {
    const DeviceFiles::Common& common = files.common();
    EXPECT_EQ(common.from, root_.at("cdi/nvidia.yaml"));
    EXPECT_EQ(common.trouble, "");
    ASSERT_EQ(common.edits.mounts.size(), 1U);
    EXPECT_THAT(paths(common.edits), ElementsAre("/dev/nvidia-uvm", "/dev/nvidiactl"));
    EXPECT_THAT(common.edits.env, ElementsAre("NVIDIA_VISIBLE_DEVICES=void"));
  }
  root_.write("cdi/nvidia.yaml", spec("/usr/lib64/libcuda.so.570.133.20"));
  EXPECT_EQ(files.common().edits.mounts[0].host_path, "/usr/lib64/libcuda.so.570.133.20");
  root_.write("etc/cdi/nvidia.json", "{\"cdiVersion\": \"0.5.0\", \"kind\": 7}");
  EXPECT_THAT(files.common().trouble, HasSubstr("nvidia.json"));  // the first one counts
}

TEST_F(DeviceFilesTest, GoOnWithTheControlNodesAloneAndSayWhy) {
  DeviceFiles files = this->files();
  const DeviceFiles::Common& common = files.common();
  EXPECT_EQ(common.from, "");
  EXPECT_THAT(common.trouble, HasSubstr("nvidia-ctk"));
  EXPECT_THAT(paths(common.edits), ElementsAre("/dev/nvidiactl", "/dev/nvidia-uvm"));
}

TEST_F(DeviceFilesTest, TellThatWhatEntriesAreMadeOfHasChanged) {
  DeviceFiles files = this->files();
  EXPECT_FALSE(files.changed());  // nothing was asked for yet
  files.common();
  EXPECT_FALSE(files.changed());
  root_.write("proc/driver/nvidia/version", "NVRM version: 570.133.20");
  EXPECT_TRUE(files.changed());
  files.common();
  EXPECT_FALSE(files.changed());
  root_.write("cdi/nvidia.yaml", "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: []\n");
  EXPECT_TRUE(files.changed());
}

TEST_F(DeviceFilesTest, SayThatTheFileThatWasNamedIsNotThere) {
  DeviceFiles files = this->files("/nowhere/base.yaml");
  EXPECT_THAT(files.common().trouble, HasSubstr("/nowhere/base.yaml"));
}

}  // namespace
}  // namespace kerf::shell
