// Tests of the GPU catalogue: the shipped files, and what the reader refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "codec/catalogue.h"

namespace kerf::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const gpu::Model& model(std::string_view key) {
  const gpu::Model* found = builtin_catalogue().find(key);
  EXPECT_NE(found, nullptr) << key;
  return found == nullptr ? builtin_catalogue().models.front() : *found;
}

const gpu::Profile& profile(std::string_view key, std::string_view name) {
  const gpu::Model& m = model(key);
  const auto index = m.profile_named(name);
  EXPECT_TRUE(index) << key << ' ' << name;
  return m.profiles.at(index.value_or(0));
}

TEST(GpuCatalogue, HasSixteenMigModelsAndSevenWithout) {
  std::size_t profiles = 0;
  std::vector<std::string> mig;
  std::vector<std::string> whole;
  std::vector<std::string> not_cut;
  for (const gpu::Model& m : builtin_catalogue().models) {
    profiles += m.profiles.size();
    (m.profiles.empty() ? whole : mig).push_back(m.key);
    if (!m.profiles.empty() && !m.cuttable()) not_cut.push_back(m.key);
    EXPECT_EQ(m.profiles.empty(), m.generation == gpu::Generation::NoMig) << m.key;
  }
  EXPECT_EQ(profiles, 113u);
  EXPECT_THAT(mig, ElementsAre("A100-40", "A100-80", "H100-80", "H100-94", "H100-96", "PG506-96",
                               "GH200-144", "H200", "B200", "GB200", "B300", "GB300", "A30",
                               "RTX-PRO-6000", "RTX-PRO-5000", "RTX-PRO-4500"));
  EXPECT_THAT(whole, ElementsAre("T4", "T4G", "A10G", "L4", "L40S", "V100-16", "V100-32"));
  EXPECT_THAT(not_cut, ElementsAre("RTX-PRO-5000", "RTX-PRO-4500"));
}

TEST(GpuCatalogue, HasTheNominalSizesThatPortableRequestsMeet) {
  const std::pair<const char*, int> expected[] = {
      {"A100-40", 40}, {"A100-80", 80},      {"H100-80", 80},      {"H100-94", 94},
      {"H100-96", 96}, {"PG506-96", 96},     {"GH200-144", 144},   {"H200", 141},
      {"B200", 180},   {"GB200", 186},       {"B300", 269},        {"GB300", 278},
      {"A30", 24},     {"RTX-PRO-6000", 96}, {"RTX-PRO-5000", 48}, {"RTX-PRO-4500", 32},
      {"T4", 16},      {"T4G", 16},          {"A10G", 24},         {"L4", 24},
      {"L40S", 48},    {"V100-16", 16},      {"V100-32", 32}};
  for (const auto& [key, nominal] : expected) EXPECT_EQ(model(key).nominal_gb, nominal) << key;
}

TEST(GpuCatalogue, TakesAProfilesNominalSizeFromItsName) {
  for (const gpu::Model& m : builtin_catalogue().models) {
    for (const gpu::Profile& p : m.profiles) {
      EXPECT_EQ(p.name.find("g." + std::to_string(p.nominal_gb) + "gb"), 1u) << m.key << p.name;
      EXPECT_EQ(p.name[0] - '0', p.compute_slices) << m.key << p.name;
      EXPECT_LE(p.memory_mib, p.nominal_gb * 1024) << m.key << p.name;
    }
  }
}

TEST(GpuCatalogue, KnowsProfilesAsHardwareListsThem) {
  const gpu::Profile& a = profile("A100-40", "3g.20gb");
  EXPECT_EQ(a.id, 9);
  EXPECT_EQ(a.slots, 4);
  EXPECT_EQ(a.max_instances, 2);
  EXPECT_EQ(a.memory_mib, 19968);
  EXPECT_EQ(a.sm_count, 42);
  EXPECT_EQ(a.engines, (gpu::Engines{3, 2, 0, 0, 0}));
  EXPECT_THAT(a.starts, ElementsAre(0, 4));
  EXPECT_EQ(a.status, gpu::Status::Verified);
  const gpu::Profile& r = profile("rtx-pro-6000", "1g.24gb+me.all");
  EXPECT_EQ(r.id, 65);
  EXPECT_EQ(r.slots, 3);
  EXPECT_THAT(r.starts, ElementsAre(0, 3, 6, 9));
  EXPECT_TRUE(r.special());
  EXPECT_EQ(resource_name(r), "nvidia.com/mig-1g.24gb.me.all");
}

TEST(GpuCatalogue, LeavesUnknownFiguresUnknown) {
  const gpu::Profile& b300 = profile("B300", "3g.135gb");
  EXPECT_EQ(b300.memory_mib, 0);
  EXPECT_EQ(b300.sm_count, 0);
  EXPECT_EQ(b300.engines, (gpu::Engines{-1, -1, 0, -1, 0}));
  EXPECT_EQ(b300.status, gpu::Status::Derived);
  const gpu::Profile& rtx = profile("RTX-PRO-5000", "2g.48gb");
  EXPECT_EQ(rtx.id, gpu::Profile::kUnknownId);
  EXPECT_EQ(rtx.slots, 0);
  EXPECT_EQ(rtx.status, gpu::Status::Unverified);
}

TEST(GpuCatalogue, SeparatesGpusWhoseModeNeedsAReset) {
  std::set<std::string> ampere;
  for (const gpu::Model& m : builtin_catalogue().models) {
    if (m.generation == gpu::Generation::Ampere) ampere.insert(m.key);
  }
  EXPECT_THAT(ampere, ElementsAre("A100-40", "A100-80", "A30", "PG506-96"));
}

TEST(GpuCatalogue, ReadsEveryLabelAsNodesCarryIt) {
  const std::pair<const char*, const char*> expected[] = {
      {"NVIDIA-A100-SXM4-40GB", "A100-40"},
      {"NVIDIA-A100-80GB-PCIe", "A100-80"},
      {"NVIDIA-H100-80GB-HBM3", "H100-80"},
      {"NVIDIA-H200", "H200"},
      {"NVIDIA-B200", "B200"},
      {"NVIDIA-B300-SXM6-AC", "B300"},
      {"Tesla-T4", "T4"},
      {"NVIDIA-A10G", "A10G"},
      {"NVIDIA-L4", "L4"},
      {"NVIDIA-L40S", "L40S"},
      {"Tesla-V100-SXM2-16GB", "V100-16"},
      {"NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX-PRO-6000"}};
  for (const auto& [label, key] : expected) {
    EXPECT_THAT(model(key).labels, testing::Contains(label));
  }
  for (const gpu::Model& m : builtin_catalogue().models) {
    EXPECT_FALSE(m.labels.empty()) << m.key;
    for (const std::string& label : m.labels) {
      EXPECT_LE(label.size(), 63u) << "a label value of Kubernetes";
      EXPECT_EQ(label.find_first_of(" _|"), std::string::npos) << label;
    }
  }
}

constexpr std::string_view kModelColumns =
    "key,labels,labels_unverified,generation,slots,compute_slices,memory_mib,nominal_gb,sm_count,"
    "source\n";
constexpr std::string_view kProfileColumns =
    "model,name,id,compute_slices,slots,max_instances,memory_mib,nominal_gb,sm_count,copy_engines,"
    "decoders,encoders,jpeg,ofa,starts,status,source\n";
constexpr std::string_view kModelRow = "X,X-label,,Ampere,4,4,,24,,made-up\n";
constexpr std::string_view kProfileRow =
    "X,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,0 1 2 3,derived,made-up\n";

std::string text(std::string_view columns, std::string_view rows) {
  return std::string(columns) + std::string(rows);
}

TEST(GpuCatalogue, ReadsASmallOne) {
  const auto read =
      parse_catalogue(text(kModelColumns, kModelRow), text(kProfileColumns, kProfileRow));
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->models.size(), 1u);
  EXPECT_TRUE(read->models[0].cuttable());
}

TEST(GpuCatalogue, RefusesModelsWithFileLineAndColumn) {
  const std::pair<std::string, const char*> cases[] = {
      {"X,X-label,,Ampere,4,4,,,,made-up\n",
       "gpu_models.csv:2: nominal_gb: expected a whole number"},
      {"X,X-label,,Turing,4,4,,24,,made-up\n", "gpu_models.csv:2: generation: expected NoMig"},
      {"X,X-label,,Ampere,17,4,,24,,made-up\n",
       "gpu_models.csv:2: slots: expected 1 to 16, got 17"},
      {"X,X-label,,Ampere,4,4,,24,,\n", "gpu_models.csv:2: source: must not be empty"},
      {std::string(kModelRow) + "x,Y,,Ampere,4,4,,24,,s\n",
       "gpu_models.csv:3: key: a second model 'x'"},
      {std::string(kModelRow) + "Y,X-label,,NoMig,,,,24,,s\n", "'X-label' already means X"},
      {std::string(kModelRow) + "Y,Y,,Ampere,4,4,,24,,s\n", "no profile of Y, which has MIG"},
  };
  for (const auto& [rows, words] : cases) {
    const auto read =
        parse_catalogue(text(kModelColumns, rows), text(kProfileColumns, kProfileRow));
    ASSERT_FALSE(read) << rows;
    EXPECT_THAT(read.error().message(), HasSubstr(words));
  }
}

TEST(GpuCatalogue, RefusesProfilesWithFileLineAndColumn) {
  const std::string models = text(kModelColumns, std::string(kModelRow) + "W,W,,NoMig,,,,24,,s\n");
  const std::pair<std::string, const char*> cases[] = {
      {"Z,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,0 1,derived,s\n", "gpu_profiles.csv:2: model: no such key"},
      {"W,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,0 1,derived,s\n", "model: W has no MIG"},
      {"X,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,0 4,derived,s\n", "starts: 1 slots from 4 do not fit"},
      {"X,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,1 0,derived,s\n", "starts: expected ascending"},
      {"X,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,0;1,derived,s\n", "starts: expected slot numbers"},
      {"X,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,0 1,seen,s\n", "status: expected verified, derived"},
      {"X,1g.6gb,14,1,1,4,,6,,1,0,0,0,0,,derived,s\n", "status: is 'unverified' exactly where"},
      {"X,1g.6gb,14,5,1,4,,6,,1,0,0,0,0,0 1,derived,s\n", "compute_slices: expected 1 to 4, got 5"},
      {"X,1g.6gb,14,1,1,0,,6,,1,0,0,0,0,0 1,derived,s\n", "max_instances: expected 1 to 16, got 0"},
      {"X,1g.6gb,65535,1,1,4,,6,,1,0,0,0,0,0 1,derived,s\n", "id: expected 0 to 65534"},
      {std::string(kProfileRow) + std::string(kProfileRow),
       "gpu_profiles.csv:3: name: a second '1g.6gb'"},
  };
  for (const auto& [rows, words] : cases) {
    const auto read = parse_catalogue(models, text(kProfileColumns, rows));
    ASSERT_FALSE(read) << rows;
    EXPECT_THAT(read.error().message(), HasSubstr(words));
  }
}

TEST(GpuCatalogue, RefusesATableWithoutAColumn) {
  const auto read = parse_catalogue("key,labels\nX,Y\n", text(kProfileColumns, kProfileRow));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), HasSubstr("gpu_models.csv: there is no column"));
}

}  // namespace
}  // namespace kerf::codec
