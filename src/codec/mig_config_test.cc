// Tests of mig-parted's files.
#include "codec/mig_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kerf::codec {
namespace {

using agent::MigConfigEntry;
using agent::MigDeviceFilter;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(MigConfig, IsReadInEveryForm) {
  const auto config = read_mig_config(R"(
version: v1
mig-configs:
  all-disabled:
  - devices: all
    mig-enabled: false
  nothing:
  - {devices: [], mig-enabled: true, mig-devices: {}}
  mixed:
  - device-filter: ["0x20B010DE", "0x233010DE:0x16C010DE"]
    devices: [0, 3]
    mig-enabled: true
    mig-devices: {1g.5gb: 2, 1g.5gb+me: 1, 1c.3g.20gb: 0, 1g.24gb-me: 1}
  - device-filter: "548868318"
    devices: all
    mig-enabled: false
    mig-devices: {}
)",
                                      "config.yaml");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->configs.size(), 3U);
  EXPECT_THAT(config->configs.at("all-disabled"), ElementsAre(MigConfigEntry{}));
  const MigConfigEntry nothing{{}, std::vector<std::int64_t>{}, true, {}};
  EXPECT_THAT(config->configs.at("nothing"), ElementsAre(nothing));
  const auto& mixed = config->configs.at("mixed");
  ASSERT_EQ(mixed.size(), 2U);
  EXPECT_THAT(mixed[0].filters, ElementsAre(MigDeviceFilter{0x20B010DE, {}},
                                            MigDeviceFilter{0x233010DE, 0x16C010DE}));
  EXPECT_EQ(mixed[0].devices, (std::vector<std::int64_t>{0, 3}));
  EXPECT_THAT(mixed[0].slices, ElementsAre(Pair("1c.3g.20gb", 0), Pair("1g.24gb-me", 1),
                                           Pair("1g.5gb", 2), Pair("1g.5gb+me", 1)));
  EXPECT_THAT(mixed[1].filters, ElementsAre(MigDeviceFilter{0x20B710DE, {}}));
  EXPECT_THAT(mixed[1].slices, IsEmpty());
}

TEST(MigConfig, RefusesWhatMigPartedRefuses) {
  struct Case {
    std::string text;
    const char* message;
  };
  const std::string head = "version: v1\nmig-configs:\n  a:\n  - ";
  const Case cases[] = {
      {"", "0 documents; expected one"},
      {"mig-configs: {a: [{devices: all, mig-enabled: false}]}", "version is missing"},
      {"version: v2\nmig-configs: {}", "c.yaml:1:10: version: \"v2\"; expected v1"},
      {"version: v1", "mig-configs is missing"},
      {"version: v1\nmig-configs: {}", "no configuration; expected at least one"},
      {"version: v1\nmig-configs: {a: []}", "mig-configs[\"a\"]: an empty list"},
      {"version: v1\nmig-config: {}", "did you mean mig-configs?"},
      {head + "{mig-enabled: false}", "devices is missing"},
      {head + "{devices: all}", "mig-enabled is missing"},
      {head + "{devices: some, mig-enabled: false}", "expected all, or a list of GPU indices"},
      {head + "{devices: [-1], mig-enabled: false}", "devices[0]: -1; expected 0 to"},
      {head + "{devices: [a], mig-enabled: false}", "expected a whole number"},
      {head + "{devices: all, mig-enabled: yes please}", "mig-enabled: expected true or false"},
      {head + "{devices: all, mig-enabled: true}", "mig-devices is missing"},
      {head + "{devices: all, mig-enabled: false, mig-devices: {1g.5gb: 1}}",
       "slices of a GPU whose MIG mode is off"},
      {head + "{devices: all, mig-enabled: true, mig-devices: {1g: 1}}",
       "\"1g\" is no MIG profile"},
      {head + "{devices: all, mig-enabled: true, mig-devices: {1g.5gb: -1}}",
       "-1; expected 0 to 64"},
      {head + "{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 0}}", "every count is 0"},
      {head + "{devices: all, mig-enabled: true, mig-devices: {1g.5gb: many}}",
       "expected a whole number"},
      {head + "{devices: all, mig-enabled: true, mig-device: {1g.5gb: 1}}",
       "did you mean mig-devices?"},
      {head + "{device-filter: A100, devices: all, mig-enabled: false}",
       "\"A100\"; expected a PCI id"},
      {head + "{device-filter: '0x1FFFFFFFF', devices: all, mig-enabled: false}",
       "expected a PCI id"},
      {head + "{device-filter: '0x20B010DE:', devices: all, mig-enabled: false}",
       "expected a PCI id"},
      {head + "{device-filter: [1], devices: all, mig-enabled: false}", "expected a string"},
  };
  for (const Case& one : cases) {
    const auto config = read_mig_config(one.text, "c.yaml");
    ASSERT_FALSE(config) << one.text;
    EXPECT_THAT(config.error().message(), HasSubstr(one.message)) << one.text;
  }
  EXPECT_EQ(read_mig_config(std::string((1u << 20) + 1, ' '), "c.yaml").error().code(),
            ErrorCode::TooLarge);
}

TEST(MigConfig, WithAnEmptyFilterIsForEveryGpu) {
  for (const char* filter : {"''", "[]", "null"}) {
    const auto config =
        read_mig_config("version: v1\nmig-configs: {a: [{device-filter: " + std::string(filter) +
                            ", devices: all, mig-enabled: false}]}",
                        "c.yaml");
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_THAT(config->configs.at("a").at(0).filters, IsEmpty());
  }
}

}  // namespace
}  // namespace kerf::codec
