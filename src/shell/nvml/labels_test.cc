// Feature labels of simulated machines against what GPU Feature Discovery said of the same ones:
// tests/feature_labels/, recorded by tools/compare_nvml_clients --record-labels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "shell/nvml/nvml_testing.h"
#include "shell/nvml/standing_testing.h"

namespace kerf::nvml {
namespace {

namespace fs = std::filesystem;

struct Recorded {
  std::string machine;
  std::vector<std::string> boards;
  std::vector<std::vector<std::pair<std::string, int>>> layouts;
  std::vector<bool> mig;
  int replicas = 1;
  std::string resource;
  std::string labels;  ///< a line each
};

Recorded read_recorded(const fs::path& path) {
  Recorded recorded;
  std::ifstream file(path);
  bool labels = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (labels) {
      recorded.labels += line + "\n";
    } else if (word.empty()) {
      labels = true;
    } else if (word == "machine") {
      recorded.machine = line.substr(word.size() + 1);
    } else if (word == "replicas") {
      words >> recorded.replicas >> recorded.resource;
    } else if (word == "gpu") {
      words >> recorded.boards.emplace_back();
      auto& layout = recorded.layouts.emplace_back();
      recorded.mig.push_back(line.find("[whole]") == std::string::npos);
      std::string cut = line.substr(line.find('[') + 1);
      cut.resize(cut.find(']'));
      std::istringstream slices(cut);
      for (std::string slice; recorded.mig.back() && slices >> slice;)
        layout.emplace_back(slice.substr(0, slice.find('@')),
                            std::stoi(slice.substr(slice.find('@') + 1)));
    }
  }
  return recorded;
}

/// The machine as it was recorded.
void lay_out(Rig& rig, const Recorded& recorded) {
  for (std::uint32_t i = 0; i < recorded.boards.size(); ++i) {
    if (recorded.mig[i]) {
      ASSERT_TRUE(rig.driver.set_mig_mode(i, true).done(true));
    }
    const gpu::Model& model = *codec::builtin_catalogue().find(recorded.boards[i]);
    for (const auto& [form, start] : recorded.layouts[i]) {
      const gpu::Profile& profile = model.profiles.at(model.profile_named(form).value());
      rig.give(i, profile.id, static_cast<std::uint8_t>(start), profile.slots,
               profile.compute_slices);
    }
  }
}

std::vector<std::string> recorded_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(KERF_SOURCE_DIR "/tests/feature_labels"))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class LabelsOf : public testing::TestWithParam<std::string> {};

TEST_P(LabelsOf, AreThoseOfGpuFeatureDiscovery) {
  const Recorded recorded =
      read_recorded(fs::path(KERF_SOURCE_DIR "/tests/feature_labels") / (GetParam() + ".txt"));
  ASSERT_THAT(recorded.labels, testing::HasSubstr("nvidia.com/gpu.product="));
  Rig rig(recorded.boards, 580, false);
  lay_out(rig, recorded);
  const std::string sys = std::string(std::getenv(fakedriver::kFolderVariable)) + "/sys";
  fs::create_directories(sys + "/class/dmi/id");
  std::ofstream(sys + "/class/dmi/id/product_name") << recorded.machine << "\n";
  const auto facts = rig.driver.facts(sys);
  ASSERT_TRUE(facts);
  const auto status =
      standing(rig.driver.look(), codec::builtin_catalogue(), recorded.replicas, recorded.resource);
  std::istringstream expected(recorded.labels);
  std::istringstream got(label_lines(agent::feature_labels(*facts, status)));
  std::map<std::string, std::string> lines[2];
  for (std::istringstream* text : {&expected, &got})
    for (std::string line; std::getline(*text, line);)
      lines[text == &got][line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
  EXPECT_EQ(lines[1], lines[0]);
}

INSTANTIATE_TEST_SUITE_P(Recorded, LabelsOf, testing::ValuesIn(recorded_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace kerf::nvml
