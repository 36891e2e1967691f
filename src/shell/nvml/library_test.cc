// Tests of loading NVML: no library, another library, one that has next to nothing.
#include "shell/nvml/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

using testing::HasSubstr;

TEST(Library, SaysWhatToDoWhereThereIsNone) {
  const auto missing = Library::load("/nowhere/libnvidia-ml.so.1");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("/nowhere/libnvidia-ml.so.1"));
  EXPECT_THAT(missing.error().message(), HasSubstr("is the driver installed"));
}

TEST(Library, RefusesALibraryThatIsNotNvml) {
  const auto other = Library::load(KERF_NONE_NVML);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::InvalidArgument);
  EXPECT_THAT(other.error().message(), HasSubstr("nvmlInit_v2"));
}

TEST(Library, SaysThatAFileIsNoLibrary) {
  for (const char* path : {"/etc/passwd", "/etc"}) {
    const auto other = Library::load(path);
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().message(), HasSubstr("it is no library")) << path;
  }
}

TEST(Library, HasEveryFunctionInTheSimulatedDriver) {
  const auto library = Library::load(KERF_FAKE_NVML);
  ASSERT_TRUE(library);
  const Functions& f = (*library)->functions();
  EXPECT_TRUE(f.device_create_gpu_instance_with_placement.there());
  EXPECT_TRUE(f.compute_instance_get_info_v2.there());
  EXPECT_TRUE(f.event_set_wait_v2.there());
}

TEST(Library, AFunctionThatIsNotThereAnswersThatAndDoesNotCrash) {
  const auto library = Library::load(KERF_FEW_NVML);
  ASSERT_TRUE(library);
  const Functions& f = (*library)->functions();
  EXPECT_FALSE(f.device_get_mig_mode.there());
  unsigned current = 0;
  unsigned pending = 0;
  EXPECT_EQ(f.device_get_mig_mode(nullptr, &current, &pending), nvmlabi::kFunctionNotFound);
}

TEST(DriverWithoutLibrary, StartsLaterWhenThereIsOne) {
  Driver driver({"/nowhere/libnvidia-ml.so.1"}, codec::builtin_catalogue());
  EXPECT_FALSE(driver.start());
  EXPECT_FALSE(driver.started());
  EXPECT_EQ(driver.look().code, static_cast<Code>(nvmlabi::kLibraryNotFound));
  EXPECT_EQ(driver.perform(agent::CreateInstance{}), Code::Uninitialized);
  EXPECT_FALSE(driver.processes().known);
  EXPECT_EQ(driver.news().code, Code::Uninitialized);
  EXPECT_FALSE(driver.inventory());
}

TEST(DriverWithoutLibrary, TriesTheCandidatesAtEachStart) {
  const TemporaryFolder folder;
  const std::string late = folder.at("libnvidia-ml.so.1");
  Driver driver({"/nowhere/libnvidia-ml.so.1", {"/nowhere/else.so", late}},
                codec::builtin_catalogue());
  const auto none = driver.start();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(none.error().message(), HasSubstr("is the driver installed"));
  EXPECT_THAT(none.error().message(), HasSubstr("/nowhere/else.so, " + late));
  folder.link(KERF_FEW_NVML, "libnvidia-ml.so.1");
  EXPECT_EQ(driver.look().code, Code::FunctionNotFound) << "that library's answer";
  EXPECT_TRUE(driver.started());
  EXPECT_FALSE(driver.outdated());
}

TEST(DriverWithoutLibrary, PassesOverACandidateThatIsNotNvml) {
  Driver good({"/nowhere/a.so", {KERF_NONE_NVML, KERF_FEW_NVML}}, codec::builtin_catalogue());
  EXPECT_TRUE(good.start());
  Driver bad({"/nowhere/a.so", {KERF_NONE_NVML, "/nowhere/b.so"}}, codec::builtin_catalogue());
  const auto none = bad.start();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::InvalidArgument);
  EXPECT_THAT(none.error().message(), HasSubstr("nvmlInit_v2")) << "says more than: nothing there";
}

TEST(DriverOfAnAncientLibrary, AnswersFunctionNotFoundAndGoesOn) {
  Driver driver({KERF_FEW_NVML}, codec::builtin_catalogue());
  ASSERT_TRUE(driver.start());
  EXPECT_EQ(driver.look().code, Code::FunctionNotFound);
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(0), 19, 0, 1}),
            Code::FunctionNotFound);
  EXPECT_EQ(driver.perform(agent::CreateCompute{driver.uuid_of(0), 1, 1}), Code::FunctionNotFound);
  EXPECT_EQ(driver.perform(agent::DestroyCompute{driver.uuid_of(0), 1, 19, 0, 0, "MIG-x"}),
            Code::FunctionNotFound);
  EXPECT_EQ(driver.perform(agent::DestroyInstance{driver.uuid_of(0), 1, 19, 0}),
            Code::FunctionNotFound);
  EXPECT_FALSE(driver.processes().known);
  EXPECT_TRUE(driver.news().xids.empty());
  EXPECT_EQ(driver.set_mig_mode(0, true).code, Code::FunctionNotFound);
  const auto inventory = driver.inventory();
  ASSERT_TRUE(inventory);
  ASSERT_EQ(inventory->gpus.size(), 1U);
  EXPECT_EQ(inventory->gpus[0].uuid, "GPU-few");
  EXPECT_FALSE(inventory->gpus[0].unanswered.empty());
  EXPECT_FALSE(agent::has_trouble(*inventory)) << "an old driver is no trouble";
}

/// Whatever it answers, nothing grows without bound, crashes, or reads what was not written (the
/// sanitizers say so).
TEST(DriverOfAHostileLibrary, IsNotBelievedInSize) {
  std::size_t started = 0;
  std::size_t instances = 0;
  std::size_t described = 0;
  for (int seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    ::setenv("KERF_HOSTILE_SEED", std::to_string(seed).c_str(), 1);
    Driver driver({KERF_HOSTILE_NVML}, codec::builtin_catalogue());
    for (int i = 0; i < 3; ++i) {
      for (const agent::SeenGpu& gpu : driver.look().gpus) {
        ASSERT_LE(gpu.uuid.size(), std::size_t{nvmlabi::kUuidSize});
        ASSERT_LE(gpu.instances.size(), Session::kListMax);
        instances += gpu.instances.size();
        for (const auto& instance : gpu.instances)
          ASSERT_LE(instance.computes.size(), Session::kListMax);
      }
      ASSERT_LE(driver.gpus(), std::size_t{4 * Session::kGpusMax});
      ASSERT_LE(driver.processes().processes.size(), driver.gpus() * 2 * Session::kProcessesMax);
      driver.perform(agent::CreateInstance{driver.uuid_of(0), 19, 0, 1});
      driver.perform(agent::CreateCompute{driver.uuid_of(0), 1, 1});
      driver.perform(agent::DestroyCompute{driver.uuid_of(0), 1, 19, 0, 0, "MIG-x"});
      driver.perform(agent::DestroyInstance{driver.uuid_of(0), 1, 19, 0});
      driver.set_mig_mode(0, true);
      ASSERT_LE(driver.news().xids.size(), 320U);
      started += driver.started() ? 1 : 0;
      if (const auto inventory = driver.inventory()) {
        for (const auto& gpu : inventory->gpus) {
          ASSERT_LE(gpu.name.size(), std::size_t{nvmlabi::kNameSize});
          described += gpu.instances.size();
        }
      }
    }
  }
  EXPECT_GT(started, 300U) << "the test has to get somewhere";
  EXPECT_GT(instances, 10U);
  EXPECT_GT(described, 1000U);
}

}  // namespace
}  // namespace kerf::nvml
