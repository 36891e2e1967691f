// Tests of the agent's files: what a run leaves, what a crash leaves, what cannot be written.
#include "shell/agent/disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/temporary_folder_testing.h"

namespace kerf::shell {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DiskTest : public ::testing::Test {
 protected:
  Disk::Options options() const { return {folder_.at("state"), folder_.at("cdi")}; }
  static agent::Journal journal() {
    agent::Journal journal;
    journal.boot_id = "boot";
    journal.uid = "uid";
    journal.generation = 3;
    journal.gpus.push_back(
        {"GPU-1", {{"1g.10gb", 2, "nvidia.com/mig-1g.10gb", true, agent::Mark::Stands, false}}});
    return journal;
  }
  static codec::CdiEdits node(const std::string& path) {
    codec::CdiEdits edits;
    edits.nodes.emplace_back().path = path;
    return edits;
  }
  TemporaryFolder folder_;
};

TEST_F(DiskTest, RemembersJournalAndCdiFilesOverARun) {
  {
    Disk disk(options());
    ASSERT_TRUE(disk.open());
    ASSERT_TRUE(disk.write_journal(journal()));
    ASSERT_TRUE(disk.write_cdi({"gpu0/1g.10gb@2", "MIG-1"}, {}, node("/dev/nvidia0")));
    ASSERT_TRUE(disk.write_cdi({"gpu0/1g.10gb@3", "MIG-2"}, {}, node("/dev/nvidia0")));
    ASSERT_TRUE(disk.remove_cdi("gpu0/1g.10gb@3"));
    ASSERT_TRUE(disk.remove_cdi("gpu0/never@0"));
  }
  Disk disk(options());
  ASSERT_TRUE(disk.open());
  const Disk::Found found = disk.read();
  EXPECT_EQ(found.journal, journal());
  EXPECT_THAT(found.cdi, ElementsAre(agent::CdiEntry{"gpu0/1g.10gb@2", "MIG-1"}));
  EXPECT_THAT(found.troubles, IsEmpty());
}

TEST_F(DiskTest, BeginsWithNothingOnANewMachine) {
  Disk disk(options());
  ASSERT_TRUE(disk.open());
  const Disk::Found found = disk.read();
  EXPECT_FALSE(found.journal);
  EXPECT_THAT(found.cdi, IsEmpty());
  EXPECT_THAT(found.troubles, IsEmpty());
}

TEST_F(DiskTest, BelievesNoJournalThatIsCutOff) {
  const std::string text = agent::to_text(journal());
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, text.size() / 2, text.size() - 1}) {
    folder_.write("state/journal", text.substr(0, size));
    Disk disk(options());
    ASSERT_TRUE(disk.open());
    const Disk::Found found = disk.read();
    EXPECT_FALSE(found.journal) << size;
    ASSERT_EQ(found.troubles.size(), 1U) << size;
    EXPECT_THAT(found.troubles[0], HasSubstr("no journal is believed"));
  }
}

TEST_F(DiskTest, RemovesWhatACrashLeftAndNothingOfOthers) {
  {
    Disk disk(options());
    ASSERT_TRUE(disk.open());
    ASSERT_TRUE(disk.write_cdi({"gpu0/1g.10gb@2", "MIG-1"}, {}, node("/dev/nvidia0")));
  }
  folder_.write("cdi/kerf.dev-gpu_gpu0_1g.10gb_3.json", "{\"cdiVersion\": \"0.6.0\"");
  std::filesystem::copy_file(folder_.at("cdi/kerf.dev-gpu_gpu0_1g.10gb_2.json"),
                             folder_.at("cdi/kerf.dev-gpu_gpu0_1g.10gb_4.json"));
  folder_.write("cdi/nvidia.yaml", "kind: nvidia.com/gpu");
  Disk disk(options());
  ASSERT_TRUE(disk.open());
  const Disk::Found found = disk.read();
  EXPECT_THAT(found.cdi, ElementsAre(agent::CdiEntry{"gpu0/1g.10gb@2", "MIG-1"}));
  EXPECT_EQ(found.troubles.size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(folder_.at("cdi/nvidia.yaml")));
  EXPECT_FALSE(std::filesystem::exists(folder_.at("cdi/kerf.dev-gpu_gpu0_1g.10gb_3.json")));
  EXPECT_FALSE(std::filesystem::exists(folder_.at("cdi/kerf.dev-gpu_gpu0_1g.10gb_4.json")));
}

TEST_F(DiskTest, IsOneAgentsOnly) {
  Disk first(options());
  ASSERT_TRUE(first.open());
  Disk second(options());
  const auto opened = second.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::Conflict);
  const auto written = second.write_journal(journal());
  ASSERT_FALSE(written);
  EXPECT_FALSE(std::filesystem::exists(folder_.at("state/journal")));
}

TEST_F(DiskTest, WritesOnceTheFolderCanBeUsed) {
  folder_.write("state", "a file where the folder is to be");
  Disk disk(options());
  EXPECT_FALSE(disk.open());
  EXPECT_FALSE(disk.write_journal(journal()));
  std::filesystem::remove(folder_.at("state"));
  EXPECT_TRUE(disk.write_journal(journal()));
  EXPECT_EQ(disk.read().journal, journal());
}

TEST_F(DiskTest, KeepsTheJournalToRoot) {
  Disk disk(options());
  ASSERT_TRUE(disk.open());
  ASSERT_TRUE(disk.write_journal(journal()));
  struct stat about {};
  ASSERT_EQ(::stat(folder_.at("state/journal").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace kerf::shell
