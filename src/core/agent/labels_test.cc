// Tests of feature labels where no machine of GPU Feature Discovery's is at hand: lost GPUs, slices
// that do not count, versions and names that make no sense.
#include "core/agent/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kerf::agent {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::Pair;

NodeFacts facts_of(int gpus) {
  NodeFacts facts;
  facts.driver_version = "570.124.06";
  facts.cuda_version = 12080;
  facts.machine = "p5.48xlarge";
  for (int i = 0; i < gpus; ++i) {
    GpuFacts& gpu = facts.gpus.emplace_back();
    gpu.uuid = "GPU-" + std::to_string(i);
    gpu.product = "NVIDIA H100 80GB HBM3";
    gpu.memory_mib = 81559;
    gpu.compute_major = 9;
    gpu.mig_capable = true;
    gpu.pci_class = 0x030200;
    gpu.profiles = {{"1g.10gb", 9984, 16, 1, {1, 1, 0, 1, 0}}};
  }
  return facts;
}

control::GpuNodeStatus status_of(int gpus, bool mig) {
  control::GpuNodeStatus status;
  for (int i = 0; i < gpus; ++i) {
    control::GpuStatus& gpu = status.gpus.emplace_back();
    gpu.uuid = "GPU-" + std::to_string(i);
    gpu.mig = mig;
  }
  return status;
}

void add(control::GpuStatus& gpu, const std::string& form, const std::string& uuid,
         const std::string& resource = "") {
  control::SliceStatus& slice = gpu.slices.emplace_back();
  slice.form = form;
  slice.start = static_cast<std::uint8_t>(gpu.slices.size());
  slice.uuid = uuid;
  slice.resource = resource;
}

TEST(FeatureLabels, AreNoneBeforeAGpuIsKnown) {
  EXPECT_THAT(feature_labels(facts_of(0), status_of(0, true)), IsEmpty());
  EXPECT_THAT(feature_labels(facts_of(1), status_of(0, true)), IsEmpty());
  EXPECT_THAT(feature_labels(facts_of(0), status_of(1, true)), IsEmpty());
}

TEST(FeatureLabels, CountCompleteSlicesUnderAnyName) {
  auto status = status_of(2, true);
  add(status.gpus[0], "1g.10gb", "MIG-1", "nvidia.com/mig-1g.10gb");
  add(status.gpus[1], "1g.10gb", "MIG-2", "kerf.dev/gpu-10gi");
  add(status.gpus[1], "1g.10gb", "");
  add(status.gpus[1], "9g.90gb", "MIG-3");
  const auto labels = feature_labels(facts_of(2), status);
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/mig-1g.10gb.count", "2")));
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/gpu.replicas", "0")));
  EXPECT_THAT(labels, Not(Contains(Key("nvidia.com/mig-9g.90gb.count"))));
  EXPECT_THAT(labels, Not(Contains(Key("nvidia.com/gfd.timestamp"))));
}

TEST(FeatureLabels, LeaveALostGpuOut) {
  auto status = status_of(2, true);
  add(status.gpus[0], "1g.10gb", "MIG-1");
  status.gpus[0].lost = true;
  auto labels = feature_labels(facts_of(2), status);
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/gpu.count", "1")));
  EXPECT_THAT(labels, Not(Contains(Key("nvidia.com/mig-1g.10gb.count"))));
  status.gpus[1].lost = true;
  EXPECT_THAT(feature_labels(facts_of(2), status), IsEmpty());
}

TEST(FeatureLabels, SayOfAnUnknownValueNothing) {
  NodeFacts facts = facts_of(1);
  facts.gpus[0].memory_mib = 0;
  facts.gpus[0].compute_major = 0;
  facts.gpus[0].pci_class.reset();
  facts.gpus[0].profiles[0].engines.ofa = -1;
  facts.cuda_version = 0;
  facts.machine = "";
  auto status = status_of(1, true);
  add(status.gpus[0], "1g.10gb", "MIG-1");
  const auto labels = feature_labels(facts, status);
  for (const char* key : {"gpu.memory", "gpu.family", "gpu.compute.major",
                          "mig-1g.10gb.engines.ofa", "cuda.runtime-version.full"})
    EXPECT_THAT(labels, Not(Contains(Key(std::string("nvidia.com/") + key))));
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/gpu.mode", "unknown")));
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/gpu.machine", "unknown")));
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/mig-1g.10gb.engines.jpeg", "1")));
}

TEST(FeatureLabels, TakeADriverVersionOfTwoOrThreeParts) {
  NodeFacts facts = facts_of(1);
  facts.driver_version = "610.43";
  auto labels = feature_labels(facts, status_of(1, false));
  EXPECT_EQ(labels["nvidia.com/cuda.driver-version.full"], "610.43");
  EXPECT_EQ(labels["nvidia.com/cuda.driver.minor"], "43");
  EXPECT_THAT(labels, Contains(Pair("nvidia.com/cuda.driver.rev", "")));
  for (const char* version : {"", "610", "1.2.3.4"}) {
    facts.driver_version = version;
    EXPECT_THAT(feature_labels(facts, status_of(1, false)),
                Not(Contains(Key("nvidia.com/cuda.driver-version.full"))))
        << version;
  }
}

TEST(FeatureLabels, AreWhatKubernetesTakes) {
  NodeFacts facts = facts_of(1);
  facts.machine = " a  b/c(d)\xff\t_";
  auto labels = feature_labels(facts, status_of(1, false));
  EXPECT_THAT(labels, Not(Contains(Key("nvidia.com/gpu.machine")))) << "ends in '_'";
  facts.machine = " a  b/c(d)\xff\t";
  labels = feature_labels(facts, status_of(1, false));
  EXPECT_EQ(labels["nvidia.com/gpu.machine"], "a-bcd");
  facts.machine = std::string(64, 'x');
  labels = feature_labels(facts, status_of(1, false));
  EXPECT_THAT(labels, Not(Contains(Key("nvidia.com/gpu.machine"))));
}

TEST(FeatureLabels, NameTheFabricThatAllAreIn) {
  NodeFacts facts = facts_of(3);
  EXPECT_THAT(feature_labels(facts, status_of(3, false)),
              Not(Contains(Key("nvidia.com/gpu.clique"))));
  facts.gpus[1].clique = facts.gpus[2].clique = "c.1";
  EXPECT_THAT(feature_labels(facts, status_of(3, false)),
              Contains(Pair("nvidia.com/gpu.clique", "c.1")));
  facts.gpus[2].clique = "c.2";
  EXPECT_THAT(feature_labels(facts, status_of(3, false)),
              Not(Contains(Key("nvidia.com/gpu.clique"))));
}

TEST(FeatureLabels, KnowEachFamily) {
  const std::vector<std::tuple<int, int, const char*>> families = {
      {6, 0, "pascal"},     {7, 0, "volta"},        {7, 5, "turing"},    {8, 0, "ampere"},
      {8, 6, "ampere"},     {8, 9, "ada-lovelace"}, {9, 0, "hopper"},    {10, 3, "blackwell"},
      {12, 0, "blackwell"}, {13, 0, "rubin"},       {99, 0, "undefined"}};
  for (const auto& [major, minor, family] : families) {
    NodeFacts facts = facts_of(1);
    facts.gpus[0].compute_major = major;
    facts.gpus[0].compute_minor = minor;
    EXPECT_EQ(feature_labels(facts, status_of(1, false))["nvidia.com/gpu.family"], family);
  }
}

TEST(FeatureLabels, SayHowAGpuIsShared) {
  auto status = status_of(1, false);
  for (int i = 0; i < 4; ++i) add(status.gpus[0], "replica/4", "GPU-0", "nvidia.com/gpu.shared");
  auto labels = feature_labels(facts_of(1), status);
  EXPECT_EQ(labels["nvidia.com/gpu.replicas"], "4");
  EXPECT_EQ(labels["nvidia.com/gpu.sharing-strategy"], "time-slicing");
  EXPECT_EQ(labels["nvidia.com/gpu.product"], "NVIDIA-H100-80GB-HBM3");
  for (auto& slice : status.gpus[0].slices) slice.resource = "nvidia.com/gpu";
  EXPECT_EQ(feature_labels(facts_of(1), status)["nvidia.com/gpu.product"],
            "NVIDIA-H100-80GB-HBM3-SHARED");
}

}  // namespace
}  // namespace kerf::agent
