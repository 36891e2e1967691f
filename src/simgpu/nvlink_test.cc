// Who is linked with whom on machines as they are sold, and by bridges.
#include "simgpu/nvlink.h"

#include <gtest/gtest.h>

namespace kerf::simgpu {
namespace {

Config machine(const std::vector<std::string>& boards, std::vector<Bridge> bridges = {}) {
  Config config;
  for (const std::string& board : boards) config.gpus.push_back({board, "", -1});
  config.bridges = std::move(bridges);
  return config;
}

TEST(NvLink, GoesThroughSwitchesWhereABoardComesWithThem) {
  const Config p4d = machine({"A100-40", "A100-40"});
  EXPECT_EQ(nvlink_of(p4d, 1, 11).to, NvLink::To::Switch);
  EXPECT_EQ(nvlink_of(p4d, 1, 12).to, NvLink::To::Nothing);
  EXPECT_EQ(nvlink_of(machine({"H100-80"}), 0, 0).to, NvLink::To::Nothing) << "alone";
  EXPECT_EQ(nvlink_of(machine({"H100-94", "H100-94"}), 0, 0).to, NvLink::To::Nothing);
  EXPECT_EQ(nvlink_of(machine({"L4", "L4"}), 0, 0).to, NvLink::To::Nothing);
}

TEST(NvLink, OfABridgeGoesToTheOtherGpu) {
  const Config config = machine({"H100-94", "H100-94", "H100-94"}, {{0, 2}});
  EXPECT_EQ(nvlink_of(config, 2, 17).to, NvLink::To::Gpu);
  EXPECT_EQ(nvlink_of(config, 2, 17).gpu, 0);
  EXPECT_EQ(nvlink_of(config, 0, 0).gpu, 2);
  EXPECT_EQ(nvlink_of(config, 1, 0).to, NvLink::To::Nothing);
}

TEST(NvLink, BridgesThatCannotBeAreSaid) {
  EXPECT_EQ(wrong_bridges(machine({"A30", "A30"}, {{0, 1}})), "");
  EXPECT_EQ(wrong_bridges(machine({"A30", "A30"}, {{0, 2}})), "there is no GPU 2 to bridge");
  EXPECT_EQ(wrong_bridges(machine({"A30", "L4"}, {{0, 1}})), "GPU 1 has no NVLink");
  EXPECT_EQ(wrong_bridges(machine({"A30", "A30"}, {{1, 1}})),
            "GPU 1 has two bridges; expected each GPU in one pair");
  EXPECT_EQ(wrong_bridges(machine({"A30"}, {{0, -1}})), "there is no GPU -1 to bridge");
}

}  // namespace
}  // namespace kerf::simgpu
