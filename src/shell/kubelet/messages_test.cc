// Tests of the conversion of kubelet's messages, and of their bounds.
#include "shell/kubelet/messages.h"

#include <gmock/gmock.h>

#include "core/control/gpu_node.h"

namespace kerf::kubelet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A field of type string or message: its tag, its length, its bytes.
std::string field(int number, const std::string& bytes) {
  std::string out(1, static_cast<char>(number * 8 + 2));
  for (std::size_t left = bytes.size();; left >>= 7) {
    out += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    if (left <= 0x7f) return out + bytes;
  }
}

TEST(Messages, AreReadByTheNumbersOfKubernetes) {
  const auto allocate =
      read_allocate(field(1, field(1, "a") + field(1, "b")) + field(1, field(1, "c")));
  ASSERT_TRUE(allocate) << allocate.error().message();
  EXPECT_THAT(*allocate, ElementsAre(ElementsAre("a", "b"), ElementsAre("c")));

  const auto prefer = read_prefer(
      field(1, field(1, "a") + field(1, "b") + field(2, "b") + std::string("\x18\x02", 2)));
  ASSERT_TRUE(prefer) << prefer.error().message();
  ASSERT_EQ(prefer->size(), 1u);
  EXPECT_THAT((*prefer)[0].available, ElementsAre("a", "b"));
  EXPECT_THAT((*prefer)[0].must_include, ElementsAre("b"));
  EXPECT_EQ((*prefer)[0].size, 2u);

  const std::string devices = field(1, "nvidia.com/gpu") + field(2, "y") + field(2, "x");
  const std::string claim = field(1, "claim") + field(2, "ns");
  const auto holders =
      read_holders(field(1, field(1, "pod") + field(2, "ns") +
                                field(3, field(1, "one") + field(2, devices) + field(5, claim)) +
                                field(3, field(1, "two") + field(2, devices))));
  ASSERT_TRUE(holders);
  EXPECT_THAT(*holders, ElementsAre(agent::Holder{"x", "nvidia.com/gpu", "ns/pod"},
                                    agent::Holder{"y", "nvidia.com/gpu", "ns/pod"}));

  const auto allocatable = read_allocatable(field(1, devices) + field(2, "\x01"));
  ASSERT_TRUE(allocatable);
  EXPECT_THAT(allocatable->at("nvidia.com/gpu"), ElementsAre("x", "y"));
}

TEST(Messages, ThatAreNoneOrTooLargeAreErrors) {
  const std::string_view nonsense("\x0a\xff\xff", 3);
  EXPECT_FALSE(read_allocate(nonsense));
  EXPECT_FALSE(read_prefer(nonsense));
  EXPECT_FALSE(read_holders(nonsense));
  EXPECT_FALSE(read_allocatable(nonsense));
  const auto large = read_allocate(std::string(kRequestBytesMax + 1, 'x'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), ErrorCode::TooLarge);
  std::string containers;
  for (std::size_t i = 0; i <= kContainersMax; ++i)
    containers += field(1, field(1, "d" + std::to_string(i)));
  EXPECT_EQ(read_allocate(containers).error().code(), ErrorCode::TooLarge);
  EXPECT_FALSE(read_allocate(field(1, field(1, ""))));
  EXPECT_FALSE(read_allocate(field(1, field(1, "a") + field(1, "a"))));
}

TEST(Messages, AnothersDevicesAreThoseWithoutOurForm) {
  const std::string ours = control::device_id(0, "1g.10gb", 3);
  EXPECT_THAT(foreign_in({{"nvidia.com/gpu", {"GPU-1"}},
                          {"nvidia.com/mig-1g.10gb", {ours}},
                          {"kerf.dev/gpu-10gi", {ours, "x"}},
                          {"example.com/nic", {"nic0"}},
                          {"nvidia.com/none", {}}}),
              ElementsAre("kerf.dev/gpu-10gi", "nvidia.com/gpu"));
  EXPECT_THAT(foreign_in({}), IsEmpty());
}

}  // namespace
}  // namespace kerf::kubelet
