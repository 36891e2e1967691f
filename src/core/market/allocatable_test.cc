// Tests of allocatable(): Karpenter's published figures for every type, and cases worked by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "codec/catalogue.h"
#include "core/market/market.h"

namespace kerf::market {
namespace {

struct Published {
  std::string_view type;
  std::int64_t cpu_milli;
  std::int64_t memory_mib;
  std::int64_t pods;
};

// "Resources" of each type in the instance type reference of Karpenter's AWS provider v1.14, page
// of 2026-07-11 (p3.2xlarge, p3.8xlarge, p3.16xlarge: v1.12): what its own code gives with default
// settings. Every type shows ephemeral-storage 17Gi there, of a root volume of 20 GiB.
constexpr Published kPublished[] = {
    {"g4dn.xlarge", 3920, 14481, 29},
    {"g4dn.2xlarge", 7910, 29636, 29},
    {"g4dn.4xlarge", 15890, 59946, 29},
    {"g4dn.8xlarge", 31850, 120248, 58},
    {"g4dn.12xlarge", 47810, 178933, 234},
    {"g4dn.16xlarge", 63770, 241490, 58},
    {"g4dn.metal", 95690, 355262, 737},
    {"g5.xlarge", 3920, 14162, 58},
    {"g5.2xlarge", 7910, 29317, 58},
    {"g5.4xlarge", 15890, 57691, 234},
    {"g5.8xlarge", 31850, 118312, 234},
    {"g5.12xlarge", 47810, 173400, 737},
    {"g5.16xlarge", 63770, 239554, 234},
    {"g5.24xlarge", 95690, 355262, 737},
    {"g5.48xlarge", 191450, 723299, 345},
    {"g5g.xlarge", 3920, 6525, 58},
    {"g5g.2xlarge", 7910, 14103, 58},
    {"g5g.4xlarge", 15890, 27322, 234},
    {"g5g.8xlarge", 31850, 57632, 234},
    {"g5g.16xlarge", 63770, 112720, 737},
    {"g5g.metal", 63770, 112720, 737},
    {"g6.xlarge", 3920, 14162, 58},
    {"g6.2xlarge", 7910, 29317, 58},
    {"g6.4xlarge", 15890, 57691, 234},
    {"g6.8xlarge", 31850, 118312, 234},
    {"g6.12xlarge", 47810, 178933, 234},
    {"g6.16xlarge", 63770, 234021, 737},
    {"g6.24xlarge", 95690, 355262, 737},
    {"g6.48xlarge", 191450, 718987, 737},
    {"g6e.xlarge", 3920, 29317, 58},
    {"g6e.2xlarge", 7910, 59627, 58},
    {"g6e.4xlarge", 15890, 118312, 234},
    {"g6e.8xlarge", 31850, 239554, 234},
    {"g6e.12xlarge", 47810, 360157, 292},
    {"g6e.16xlarge", 63770, 476504, 737},
    {"g6e.24xlarge", 95690, 721682, 492},
    {"g6e.48xlarge", 191450, 1449132, 492},
    {"g6f.large", 1930, 7002, 20},
    {"g6f.xlarge", 3920, 14162, 58},
    {"g6f.2xlarge", 7910, 29317, 58},
    {"g6f.4xlarge", 15890, 57691, 234},
    {"g7.2xlarge", 7910, 27161, 254},
    {"g7.4xlarge", 15890, 54699, 506},
    {"g7.8xlarge", 31850, 113934, 632},
    {"g7.12xlarge", 47810, 173169, 758},
    {"g7.24xlarge", 95690, 346715, 1514},
    {"g7.48xlarge", 191450, 718756, 758},
    {"g7e.2xlarge", 7910, 57471, 254},
    {"g7e.4xlarge", 15890, 115320, 506},
    {"g7e.8xlarge", 31850, 236562, 506},
    {"g7e.12xlarge", 47810, 477659, 632},
    {"g7e.24xlarge", 95690, 962625, 632},
    {"g7e.48xlarge", 191450, 1932558, 632},
    {"gr6.4xlarge", 15890, 118312, 234},
    {"gr6.8xlarge", 31850, 239554, 234},
    {"gr6f.4xlarge", 15890, 118312, 234},
    {"p3.2xlarge", 7910, 56786, 58},
    {"p3.8xlarge", 31850, 228187, 234},
    {"p3.16xlarge", 63770, 459304, 234},
    {"p3dn.24xlarge", 95690, 718987, 737},
    {"p4d.24xlarge", 95690, 1082712, 737},
    {"p4de.24xlarge", 95690, 1082712, 737},
    {"p5.4xlarge", 15890, 240830, 118},
    {"p5.48xlarge", 191450, 1938410, 100},
    {"p5e.48xlarge", 191450, 1938410, 100},
    {"p5en.48xlarge", 191450, 1937332, 198},
    {"p6-b200.48xlarge", 191450, 1937332, 198},
    {"p6-b300.48xlarge", 191450, 3877198, 198},
};

InstanceType small(std::int32_t vcpu) {
  InstanceType type;
  type.name = "g6.xlarge";
  type.arch = "amd64";
  type.vcpu = vcpu;
  type.memory_mib = 16'384;
  type.max_pods = 58;
  return type;
}

TEST(Allocatable, IsWhatKarpenterPublishesForEveryShippedType) {
  const auto market = codec::builtin_market("us-east-1");
  ASSERT_TRUE(market.has_value());
  EXPECT_EQ(market->types.size(), std::size(kPublished));
  for (const Published& published : kPublished) {
    const InstanceType* type = market->type_named(published.type);
    ASSERT_NE(type, nullptr) << published.type;
    const Resources got =
        allocatable(*type, {.daemonsets = {}, .source = {}, .root_volume_gib = 20});
    EXPECT_EQ(got.cpu_milli, published.cpu_milli) << published.type;
    EXPECT_EQ(got.memory_mib, published.memory_mib) << published.type;
    EXPECT_EQ(got.pods, published.pods) << published.type;
    EXPECT_EQ(got.disk_mib, 17 * 1024) << published.type;
  }
}

// 6 % of the first core is 60m, 1 % of the second 10m, 0.5 % of the next two 5m each, then 2.5m.
TEST(Allocatable, ReservesCpuByTheNumberOfCores) {
  struct Case {
    std::int32_t vcpu;
    std::int64_t reserved_milli;
  };
  const Case cases[] = {{1, 60},   {2, 70},    {3, 75},   {4, 80},   {5, 82},
                        {8, 90},   {16, 110},  {32, 150}, {48, 190}, {64, 230},
                        {96, 310}, {128, 390}, {192, 550}};
  for (const Case& c : cases) {
    EXPECT_EQ(allocatable(small(c.vcpu)).cpu_milli, c.vcpu * 1000 - c.reserved_milli) << c.vcpu;
  }
}

// g6.xlarge: 7.5 % of 16384 is 1228.8, so 1229; 255 + 11 * 58 = 893; 100 for eviction.
TEST(Allocatable, ReservesMemoryForHypervisorKubeletAndEviction) {
  EXPECT_EQ(allocatable(small(4)).memory_mib, 16'384 - 1'229 - 893 - 100);
}

// g5g.xlarge: 8192 - 64 for the kernel is 8128; 7.5 % of it is 609.6, so 610.
TEST(Allocatable, CountsTheMemoryThatArmKernelsKeep) {
  InstanceType type = small(4);
  type.arch = "arm64";
  type.memory_mib = 8'192;
  EXPECT_EQ(allocatable(type).memory_mib, 8'128 - 610 - 893 - 100);
}

// 200 GiB: a tenth is kept free for eviction and 1 GiB reserved.
TEST(Allocatable, TakesDiskFromTheRootVolume) {
  InstanceType type = small(4);
  EXPECT_EQ(allocatable(type).disk_mib, (200 - 20 - 1) * 1024);
  type.local_nvme_gb = 7'600;
  EXPECT_EQ(allocatable(type).disk_mib, (200 - 20 - 1) * 1024) << "local NVMe is not counted";
  EXPECT_EQ(allocatable(type, {.daemonsets = {}, .source = {}, .root_volume_gib = 21}).disk_mib,
            21 * 1024 - 2'151 - 1024)
      << "a tenth of 21504 MiB is rounded up";
}

TEST(Allocatable, LeavesRoomForDaemonSets) {
  const Resources bare = allocatable(small(4));
  const Resources daemonsets = {.cpu_milli = 250, .memory_mib = 300, .disk_mib = 512, .pods = 5};
  EXPECT_EQ(allocatable(small(4), {.daemonsets = daemonsets, .source = {}}), bare - daemonsets);
}

TEST(Allocatable, IsNeverNegative) {
  const Resources huge = {
      .cpu_milli = 1 << 30, .memory_mib = 1 << 30, .disk_mib = 1 << 30, .pods = 1 << 30};
  EXPECT_EQ(allocatable(small(4), {.daemonsets = huge, .source = {}}), Resources{});

  InstanceType tiny = small(1);
  tiny.memory_mib = 512;
  const Resources got = allocatable(tiny, {.daemonsets = {}, .source = {}, .root_volume_gib = 0});
  EXPECT_EQ(got.memory_mib, 0);
  EXPECT_EQ(got.disk_mib, 0);
  EXPECT_EQ(got.cpu_milli, 940);
}

}  // namespace
}  // namespace kerf::market
