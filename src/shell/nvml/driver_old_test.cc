// Tests of what the simulated driver does not do: older structs, GPUs that are counted anew, an
// instance that is made elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shell/nvml/nvml_testing.h"

namespace kerf::nvml {
namespace {

void set(const char* name, const char* value) { ::setenv(name, value, 1); }

struct Scripted : testing::Test {
  Scripted() {
    set("KERF_STUB_GPUS", "a");
    set("KERF_STUB_HANDLES", "gpu");
    set("KERF_STUB_PROFILES", "3");
    set("KERF_STUB_ID", "19");
    set("KERF_STUB_CREATED", "");
    set("KERF_STUB_START", "0");
    set("KERF_STUB_INIT", "0");
    set("KERF_STUB_DEVICE", "0");
  }
  static std::string created() { return std::getenv("KERF_STUB_CREATED"); }
  Driver driver{{KERF_SCRIPTED_NVML}, codec::builtin_catalogue()};
};

TEST_F(Scripted, ProfilesAreReadFromEachVersionOfTheStruct) {
  for (const char* newest : {"3", "2", "2?", "1"}) {
    SCOPED_TRACE(newest);
    set("KERF_STUB_PROFILES", newest);
    Driver each({KERF_SCRIPTED_NVML}, codec::builtin_catalogue());
    const auto inventory = each.inventory();
    ASSERT_TRUE(inventory);
    const agent::InventoryGpu& gpu = inventory->gpus.at(0);
    EXPECT_EQ(gpu.profiles_from, agent::FactFrom::Driver);
    ASSERT_EQ(gpu.profiles.size(), 1U) << "enum 1 is not supported, enum 2 is past the end";
    EXPECT_EQ(gpu.profiles[0].id, 19);
    EXPECT_EQ(gpu.profiles[0].name, "1g.5gb") << "without 'MIG ', and from the table if need be";
    EXPECT_EQ(gpu.profiles[0].multiprocessors, 14U);
    EXPECT_EQ(gpu.profiles[0].memory_mib, 4864);
    EXPECT_EQ(gpu.profiles[0].placements_from, agent::FactFrom::Table);
    EXPECT_EQ(gpu.profiles[0].placements.size(), 7U);
  }
}

TEST_F(Scripted, ALibraryOfAnotherVersionThanTheModuleNeedsANewProcess) {
  const Code mismatch{18};
  ASSERT_TRUE(driver.start());
  EXPECT_FALSE(driver.outdated());
  set("KERF_STUB_INIT", "18");
  set("KERF_STUB_DEVICE", "18");
  driver.look();
  EXPECT_TRUE(driver.outdated()) << "whatever call says so";
  EXPECT_EQ(driver.look().code, mismatch) << "it is initialised again, in vain";
  EXPECT_FALSE(driver.started());
  const auto started = driver.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(),
              testing::HasSubstr("the driver was upgraded under this process"));
  set("KERF_STUB_INIT", "0");
  set("KERF_STUB_DEVICE", "0");
  EXPECT_EQ(driver.look().code, Code::Success) << "the old driver is back";
  EXPECT_FALSE(driver.outdated());
}

TEST_F(Scripted, SaysWhatALibraryOfTheDriverThatIsMissingMeans) {
  set("KERF_STUB_INIT", "12");
  const auto started = driver.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), testing::HasSubstr("is the driver installed"));
  EXPECT_FALSE(driver.outdated());
}

/// Whether the driver's handles stay with a GPU or with an index.
struct Recounted : Scripted, testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(HandlesBy, Recounted, testing::Values("gpu", "index"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(Recounted, AnIndexMeansTheSameGpuAsBefore) {
  set("KERF_STUB_HANDLES", GetParam());
  set("KERF_STUB_GPUS", "abc");
  ASSERT_EQ(driver.look().gpus.size(), 3U);
  set("KERF_STUB_GPUS", "ac");  // b fell off the bus, and c has its index
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(1), 19, 0, 1}), Code::GpuIsLost);
  EXPECT_EQ(created(), "");
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(2), 19, 0, 1}), Code::Success);
  EXPECT_EQ(created(), "c");
  agent::Looked looked = driver.look();
  ASSERT_EQ(looked.code, Code::Success);
  ASSERT_EQ(looked.gpus.size(), 3U);
  EXPECT_FALSE(looked.gpus[0].lost);
  EXPECT_TRUE(looked.gpus[1].lost);
  EXPECT_EQ(looked.gpus[1].uuid, "GPU-b");
  EXPECT_EQ(looked.gpus[2].uuid, "GPU-c");
  EXPECT_FALSE(looked.gpus[2].lost);

  set("KERF_STUB_GPUS", "cab");  // it is back, and all are somewhere else
  looked = driver.look();
  ASSERT_EQ(looked.gpus.size(), 3U);
  EXPECT_FALSE(looked.gpus[1].lost);
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(1), 19, 0, 1}), Code::Success);
  EXPECT_EQ(created(), "b");
}

TEST_F(Scripted, ProfilesAreReadAgainWhenNvmlIsInitialisedAgain) {
  EXPECT_EQ(driver.inventory()->gpus.at(0).profiles.at(0).id, 19);
  set("KERF_STUB_ID", "47");
  EXPECT_EQ(driver.inventory()->gpus.at(0).profiles.at(0).id, 19) << "once a generation";
  driver.session().init();
  EXPECT_EQ(driver.inventory()->gpus.at(0).profiles.at(0).id, 47);
}

TEST_F(Scripted, AGpuThatIsNewGetsAnIndexOfItsOwn) {
  set("KERF_STUB_GPUS", "ab");
  ASSERT_EQ(driver.look().gpus.size(), 2U);
  set("KERF_STUB_GPUS", "xb");  // a was replaced
  agent::Looked looked = driver.look();
  EXPECT_TRUE(looked.gpus.at(0).lost);
  looked = driver.look();
  ASSERT_EQ(looked.gpus.size(), 3U);
  EXPECT_EQ(looked.gpus[2].uuid, "GPU-x");
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(2), 19, 0, 1}), Code::Success);
  EXPECT_EQ(created(), "x");
}

TEST_F(Scripted, AnInstanceThatWasMadeElsewhereIsTakenDownAgain) {
  ASSERT_EQ(driver.look().code, Code::Success);
  set("KERF_STUB_START", "3");
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(0), 19, 2, 1}), Code::InvalidState);
  EXPECT_EQ(created(), "") << "destroyed";
  EXPECT_EQ(driver.perform(agent::CreateInstance{driver.uuid_of(0), 19, 3, 1}), Code::Success);
  EXPECT_EQ(created(), "a");
}

}  // namespace
}  // namespace kerf::nvml
