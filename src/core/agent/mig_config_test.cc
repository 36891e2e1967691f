// Tests of what a MIG configuration means on a node.
#include "core/agent/mig_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "codec/catalogue.h"
#include "codec/mig_config.h"
#include "core/agent/shape.h"
#include "core/gpu/geometry.h"

namespace kerf::agent {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

MigConfigGpu gpu(const std::string& model, std::uint32_t pci = 0) {
  MigConfigGpu one;
  one.seen.uuid = "GPU-" + model;
  one.seen.model = model;
  one.seen.mig_capable = !model.starts_with("T4");
  one.seen.mode = one.seen.mig_capable;
  one.pci_device = pci;
  return one;
}

MigConfig config_of(const std::string& configs) {
  auto config = codec::read_mig_config("version: v1\nmig-configs:\n" + configs, "c.yaml");
  EXPECT_TRUE(config) << config.error().message();
  return config ? *config : MigConfig{};
}

/// "2g.10gb@0 1g.5gb@2 | whole@0", or why not. Also: every slice is published under its own name.
std::string layout(const MigConfig& config, const std::string& name,
                   const std::vector<MigConfigGpu>& gpus) {
  const auto spec = layout_of(config, name, gpus, codec::builtin_catalogue());
  if (!spec) return spec.error().message();
  std::string text;
  for (std::size_t i = 0; i < spec->gpus.size(); ++i) {
    if (i > 0) text += " | ";
    std::string words;
    for (const control::WantedSlice& slice : spec->gpus[i].slices) {
      std::string resource = "nvidia.com/mig-" + slice.form;
      std::replace(resource.begin(), resource.end(), '+', '.');
      EXPECT_EQ(slice.resource, slice.form == "whole" ? "nvidia.com/gpu" : resource);
      EXPECT_TRUE(slice.published);
      words += (words.empty() ? "" : " ") + slice.form + "@" + std::to_string(slice.start);
    }
    text += words;
  }
  return text;
}

std::string one_entry(const std::string& slices) {
  return "  a:\n  - {devices: all, mig-enabled: true, mig-devices: {" + slices + "}}\n";
}

TEST(MigConfigLayout, PlacesSlicesWhereTheyLeaveTheMostRoom) {
  struct Case {
    const char* model;
    const char* slices;
    const char* layout;
  };
  constexpr Case kCases[] = {
      {"A100-40", "1g.5gb: 7", "1g.5gb@0 1g.5gb@1 1g.5gb@2 1g.5gb@3 1g.5gb@4 1g.5gb@5 1g.5gb@6"},
      {"A100-40", "7g.40gb: 1", "7g.40gb@0"},
      {"A100-40", "3g.20gb: 2", "3g.20gb@0 3g.20gb@4"},
      {"A100-40", "3g.20gb: 1", "3g.20gb@4"},
      {"A100-40", "1g.5gb: 2, 2g.10gb: 1, 3g.20gb: 1", "1g.5gb@0 1g.5gb@1 2g.10gb@2 3g.20gb@4"},
      {"A100-40", "4g.20gb: 1, 3g.20gb: 1", "4g.20gb@0 3g.20gb@4"},
      {"A100-40", "1g.10gb: 4", "1g.10gb@0 1g.10gb@2 1g.10gb@4 1g.10gb@6"},
      {"A100-80", "2g.20gb: 3, 1g.10gb: 1", "2g.20gb@0 2g.20gb@2 2g.20gb@4 1g.10gb@6"},
      {"A100-80", "3c.3g.40gb: 1, 3g.40gb: 1", "3g.40gb@0 3g.40gb@4"},
      {"H100-80", "1g.10gb+me: 1", "1g.10gb+me@6"},
      {"H100-80", "1g.20gb: 2, 3g.40gb: 1", "1g.20gb@0 1g.20gb@2 3g.40gb@4"},
      {"A30", "1g.6gb: 4", "1g.6gb@0 1g.6gb@1 1g.6gb@2 1g.6gb@3"},
      {"A30", "2g.12gb: 1, 1g.6gb: 2", "1g.6gb@0 1g.6gb@1 2g.12gb@2"},
      {"A30", "4g.24gb: 1", "4g.24gb@0"},
  };
  for (const Case& one : kCases) {
    const MigConfig config = config_of(one_entry(one.slices));
    EXPECT_EQ(layout(config, "a", {gpu(one.model)}), one.layout) << one.model << " " << one.slices;
  }
  EXPECT_EQ(layout(config_of(one_entry("")), "a", {gpu("A100-40")}), "");
}

TEST(MigConfigLayout, IsLegalForEveryMultisetThatAModelCanHave) {
  for (const char* key : {"A100-40", "A100-80", "H100-80", "A30"}) {
    const gpu::Model& model = *codec::builtin_catalogue().find(key);
    const gpu::Geometry geometry(model);
    std::set<gpu::Counts> seen;
    for (std::size_t s = 0; s < geometry.states(); ++s) {
      const gpu::Counts& counts = geometry.counts(static_cast<gpu::Geometry::State>(s));
      if (!seen.insert(counts).second) continue;
      MigConfigEntry entry;
      entry.mig = true;
      for (std::size_t p = 0; p < counts.size(); ++p)
        if (counts[p] > 0) entry.slices[model.profiles[p].name] = counts[p];
      const auto spec = layout_of({{{"a", {entry}}}}, "a", {gpu(key)}, codec::builtin_catalogue());
      ASSERT_TRUE(spec) << spec.error().message();
      EXPECT_EQ(illegal(&model, spec->gpus.at(0)), "");
      gpu::Counts made(model.profiles.size(), 0);
      for (const control::WantedSlice& slice : spec->gpus[0].slices)
        ++made[*model.profile_named(slice.form)];
      EXPECT_EQ(made, counts);
    }
    EXPECT_GT(seen.size(), 8U) << key;
  }
}

TEST(MigConfigLayout, IsOfTheEntryThatSelectsTheGpu) {
  const MigConfig config = config_of(R"(
  balanced:
  - device-filter: ["0x20B210DE", "0x233010DE"]
    devices: all
    mig-enabled: true
    mig-devices: {1g.10gb: 2, 2g.20gb: 1, 3g.40gb: 1}
  - device-filter: "0x20B010DE"
    devices: all
    mig-enabled: true
    mig-devices: {1g.5gb: 2, 2g.10gb: 1, 3g.20gb: 1}
  some:
  - {devices: [1, 9], mig-enabled: true, mig-devices: {7g.40gb: 1}}
  - {devices: [0], mig-enabled: false}
  board:
  - device-filter: "0x20B010DE:0x144E10DE"
    devices: all
    mig-enabled: true
    mig-devices: {7g.40gb: 1}
  - {devices: [3], mig-enabled: false}
)");
  EXPECT_EQ(
      layout(config, "balanced",
             {gpu("A100-40", 0x20B010DE), gpu("A100-80", 0x20B210DE), gpu("H100-80", 0x233010DE)}),
      "1g.5gb@0 1g.5gb@1 2g.10gb@2 3g.20gb@4 | 1g.10gb@0 1g.10gb@1 2g.20gb@2 3g.40gb@4 | "
      "1g.10gb@0 1g.10gb@1 2g.20gb@2 3g.40gb@4");
  EXPECT_EQ(layout(config, "some", {gpu("A100-40"), gpu("A100-40")}), "whole@0 | 7g.40gb@0");
  MigConfigGpu plain = gpu("A100-40", 0x20B010DE);
  plain.seen.mode = false;
  plain.pci_subsystem = 0x144D10DE;
  MigConfigGpu meant = plain;
  meant.pci_subsystem = 0x144E10DE;
  EXPECT_EQ(layout(config, "board", {plain, meant}), "whole@0 | 7g.40gb@0");
}

TEST(MigConfigLayout, LeavesAGpuThatNoEntrySelectsAsItStands) {
  const MigConfig config = config_of("  a:\n  - {devices: [1], mig-enabled: false}\n");
  MigConfigGpu cut = gpu("A100-40");
  cut.seen.instances = {{1, 9, 4, 4, {}}, {3, 14, 0, 2, {}}};
  EXPECT_EQ(layout(config, "a", {cut, gpu("A100-40")}), "2g.10gb@0 3g.20gb@4 | whole@0");
  cut.seen.instances.push_back({5, 77, 2, 1, {}});
  EXPECT_EQ(layout(config, "a", {cut}),
            "GPU 0 (A100-40): no entry selects it, and it has a GPU instance at start 2 whose "
            "profile (id 77) the catalogue lacks");
}

TEST(MigConfigLayout, OfAGpuWithoutMigIsWhole) {
  const MigConfig config = config_of(one_entry("1g.5gb: 7") +
                                     "  b:\n  - {devices: [0], mig-enabled: true, mig-devices: "
                                     "{1g.5gb: 7}}\n");
  EXPECT_THAT(layout(config, "a", {gpu("T4"), gpu("A100-40")}), StartsWith("whole@0 | 1g.5gb@0"));
  EXPECT_EQ(layout(config, "b", {gpu("T4")}),
            "GPU 0 (T4): it has no MIG, and an entry that names it wants it cut");
}

TEST(MigConfigLayout, SaysWhyThereIsNone) {
  const auto of = [](const std::string& slices, const std::string& model) {
    return layout(config_of(one_entry(slices)), "a", {gpu(model)});
  };
  EXPECT_EQ(of("1g.5gb: 8", "A100-40"),
            "GPU 0 (A100-40): 8 x 1g.5gb do not fit on A100-40; at most 7 x 1g.5gb do");
  EXPECT_EQ(of("3g.20gb: 2, 2g.10gb: 1", "A100-40"),
            "GPU 0 (A100-40): 1 x 2g.10gb + 2 x 3g.20gb do not fit on A100-40; at most 0 x 2g.10gb "
            "or 1 x 3g.20gb do beside the others");
  EXPECT_EQ(of("1g.5gb: 64, 2g.10gb: 64", "A100-40"),
            "GPU 0 (A100-40): 64 x 1g.5gb + 64 x 2g.10gb do not fit on A100-40");
  EXPECT_EQ(of("1g.10gb+me: 2", "H100-80"),
            "GPU 0 (H100-80): 2 x 1g.10gb+me do not fit on H100-80; at most 1 x 1g.10gb+me do");
  EXPECT_THAT(of("1g.6gb: 1", "A100-40"),
              HasSubstr("A100-40 has no profile \"1g.6gb\"; it has 1g.5gb, 1g.5gb+me"));
  EXPECT_EQ(of("1g.5gb: 1", ""), "GPU 0: its model is not in the catalogue");
  EXPECT_THAT(of("4c.3g.20gb: 1", "A100-40"), HasSubstr("\"4c.3g.20gb\" is no MIG profile"));
  const auto part = layout_of(config_of(one_entry("1c.3g.20gb: 1")), "a", {gpu("A100-40")},
                              codec::builtin_catalogue());
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code(), ErrorCode::Unsupported);
  EXPECT_THAT(part.error().message(), HasSubstr("1c.3g.20gb is a compute instance"));
  EXPECT_THAT(part.error().message(), HasSubstr("write 3g.20gb"));
}

TEST(MigConfigLayout, RefusesEntriesThatContradictEachOther) {
  const MigConfig config = config_of(
      "  a:\n  - {devices: all, mig-enabled: false}\n  - {devices: [0], mig-enabled: true, "
      "mig-devices: {7g.40gb: 1}}\n  b:\n  - {devices: all, mig-enabled: false}\n  - {devices: "
      "[0], mig-enabled: false}\n");
  EXPECT_THAT(layout(config, "a", {gpu("A100-40")}), HasSubstr("want different things of it"));
  EXPECT_EQ(layout(config, "b", {gpu("A100-40")}), "whole@0");
}

TEST(MigConfigLayout, NamesTheConfigurationsThereAreNearestFirst) {
  const MigConfig one = config_of(one_entry("7g.40gb: 1"));
  EXPECT_EQ(layout(one, "", {gpu("A100-40")}), "7g.40gb@0");
  MigConfig many;
  for (const char* name : {"all-1g.5gb", "all-2g.10gb", "all-balanced", "all-disabled"})
    many.configs[name] = {MigConfigEntry{}};
  const auto unknown = layout_of(many, "all-balance", {}, codec::builtin_catalogue());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(unknown.error().message(),
              StartsWith("there is no configuration \"all-balance\"; there are: all-balanced, "));
  EXPECT_THAT(layout(many, "", {}), HasSubstr("there is no configuration \"\""));
  for (int i = 0; i < 20; ++i) many.configs["x" + std::to_string(i)] = {MigConfigEntry{}};
  EXPECT_THAT(layout(many, "y", {}), HasSubstr(" and 16 more"));
}

}  // namespace
}  // namespace kerf::agent
