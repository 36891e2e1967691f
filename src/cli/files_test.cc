// Tests of reading with bounds and of writing as a whole.
#include "cli/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/temporary_folder_testing.h"

namespace kerf::cli {
namespace {

using ::testing::HasSubstr;

std::string content(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

std::size_t files_in(const TemporaryFolder& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.folder())) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

TEST(ReadFile, ReadsUpToTheBoundAndNoFurther) {
  const TemporaryFolder folder;
  const std::string file = folder.write("a", std::string(1 << 20, 'x'));
  const auto all = read_file(file, 1 << 20);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), std::size_t{1} << 20);
  const auto refused = read_file(file, (1 << 20) - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::TooLarge);
  EXPECT_THAT(read_file("/dev/zero", 1 << 20).error().message(), HasSubstr("larger than 1 MiB"));
}

TEST(ReadFile, SaysWhyNot) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_file(folder.at("none"), 10).error().code(), ErrorCode::NotFound);
  EXPECT_THAT(read_file(folder.folder(), 10).error().message(), HasSubstr("is a folder"));
  EXPECT_THAT(read_file(folder.write("a") + "/b", 10).error().message(), HasSubstr("not a folder"));
}

TEST(ReadText, SaysWhereTextIsNotUtf8AndWhatItSeemsToBe) {
  const TemporaryFolder folder;
  EXPECT_EQ(*read_text(folder.write("good", "caf\xC3\xA9\n"), 100), "caf\xC3\xA9\n");
  EXPECT_THAT(read_text(folder.write("latin", "a: b\nc: caf\xE9\n"), 100).error().message(),
              HasSubstr("latin:2: not UTF-8 text (byte 0xe9)"));
  EXPECT_THAT(read_text(folder.write("wide",
                                     "\xFF\xFE"
                                     "a"),
                        100)
                  .error()
                  .message(),
              HasSubstr("UTF-16"));
  EXPECT_THAT(read_text(folder.write("zipped", "\x1F\x8B\x08"), 100).error().message(),
              HasSubstr("gzip"));
}

TEST(WriteFile, ReplacesTheFileAndLeavesNothingBeside) {
  const TemporaryFolder folder;
  const std::string file = folder.write("plan.txt", "old");
  ::chmod(file.c_str(), 0640);
  ASSERT_TRUE(write_file(file, "new"));
  EXPECT_EQ(content(file), "new");
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0640u);
  EXPECT_EQ(files_in(folder), 1u);
}

TEST(WriteFile, FollowsALink) {
  const TemporaryFolder folder;
  const std::string file = folder.write("real.txt", "old");
  folder.link(file, "link.txt");
  ASSERT_TRUE(write_file(folder.at("link.txt"), "new"));
  EXPECT_EQ(content(file), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.at("link.txt")));
}

TEST(WriteFile, WritesToWhatIsNoRegularFile) {
  EXPECT_TRUE(check_writable("/dev/null"));
  EXPECT_TRUE(write_file("/dev/null", "text"));
  EXPECT_THAT(write_file("/dev/full", "text").error().message(), HasSubstr("no space left"));
}

TEST(WriteFile, IsRefusedBeforeTheWorkIfItCannotSucceed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(check_writable(folder.at("new.txt")));
  EXPECT_THAT(check_writable(folder.at("no/such/plan.txt")).error().message(),
              HasSubstr("no/such: no such file or folder"));
  EXPECT_THAT(check_writable(folder.folder()).error().message(), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace kerf::cli
