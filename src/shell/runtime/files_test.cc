// Files: what is read, replaced and locked, on full, read-only and absent folders too.
#include "shell/runtime/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/temporary_folder_testing.h"

namespace kerf::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string content(const std::string& path) {
  const auto text = read_file(path, 1u << 20);
  return text ? *text : "error: " + text.error().message();
}

std::vector<std::string> all_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

/// Runs `body` in a process of its own, which may give up rights and mount; its answer is the exit
/// code. 77: it could not be prepared.
constexpr int kNotPrepared = 77;
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(ReadFile, ReadsUpToItsBound) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", "12345");
  EXPECT_EQ(*read_file(path, 5), "12345");
  const auto text = read_file(path, 4);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::TooLarge);
  EXPECT_THAT(text.error().message(), HasSubstr("more than 4 bytes"));
  EXPECT_EQ(*read_file(folder.write("empty", ""), 0), "");
  EXPECT_EQ(read_file(path, 0).error().code(), ErrorCode::TooLarge);
  const std::string large(100'000, 'x');
  EXPECT_EQ(*read_file(folder.write("large", large), 100'000), large);
}

TEST(ReadFile, ReadsWhatHasNoSize) {
  const auto text = read_file("/proc/self/status", 1u << 16);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_THAT(*text, HasSubstr("Pid:"));
  EXPECT_EQ(read_file("/proc/self/status", 10).error().code(), ErrorCode::TooLarge);
}

TEST(ReadFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.at("fifo").c_str(), 0600), 0);
  for (const std::string& path : {folder.folder(), folder.at("fifo"), std::string("/dev/zero")}) {
    const auto text = read_file(path, 100);
    ASSERT_FALSE(text) << path;
    EXPECT_EQ(text.error().code(), ErrorCode::InvalidArgument) << path;
    EXPECT_THAT(text.error().message(), HasSubstr("not a regular file"));
  }
}

TEST(ReadFile, SaysWhatIsAbsentAndFollowsLinks) {
  const TemporaryFolder folder;
  auto text = read_file(folder.at("absent"), 100);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(text.error().message(), HasSubstr("No such file"));
  folder.write("a", "text");
  EXPECT_EQ(read_file(folder.at("a/b"), 100).error().code(), ErrorCode::NotFound);
  folder.link("a", "link");
  EXPECT_EQ(content(folder.at("link")), "text");
  folder.link("round", "round");
  EXPECT_EQ(read_file(folder.at("round"), 100).error().code(), ErrorCode::InvalidArgument);
}

TEST(ReplaceFile, MakesAndReplaces) {
  const TemporaryFolder folder;
  const std::string path = folder.at("a");
  const mode_t umask_before = ::umask(0077);
  for (const Durability durability : {Durability::Durable, Durability::Fast}) {
    ASSERT_TRUE(replace_file(path, "one", durability, 0640));
    EXPECT_EQ(content(path), "one");
    EXPECT_EQ(mode_of(path), 0640u);
    ASSERT_TRUE(replace_file(path, "", durability));
    EXPECT_EQ(content(path), "");
    EXPECT_EQ(mode_of(path), 0644u);
  }
  ::umask(umask_before);
  EXPECT_THAT(all_names(folder.folder()), ElementsAre("a"));
}

TEST(ReplaceFile, ReplacesALinkAndNotWhatItPointsTo) {
  const TemporaryFolder folder;
  folder.write("target", "old");
  folder.link("target", "link");
  ASSERT_TRUE(replace_file(folder.at("link"), "new", Durability::Fast));
  EXPECT_EQ(content(folder.at("target")), "old");
  EXPECT_EQ(content(folder.at("link")), "new");
}

TEST(ReplaceFile, LeavesNothingWhereItCannot) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.at("folder"));
  folder.write("folder/x", "x");
  auto result = replace_file(folder.at("folder"), "text", Durability::Durable);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("folder"));
  EXPECT_THAT(all_names(folder.folder()), ElementsAre("folder"));
  result = replace_file(folder.at("absent/a"), "text", Durability::Durable);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::NotFound);
}

TEST(ReplaceFile, KeepsTheOldFileWhenItMayNotGrow) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", "old");
  const int code = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return kNotPrepared;
    const auto result = replace_file(path, std::string(2000, 'x'), Durability::Durable);
    return !result && result.error().code() == ErrorCode::Unavailable ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(content(path), "old");
  EXPECT_THAT(all_names(folder.folder()), ElementsAre("a"));
}

TEST(ReplaceFile, KeepsTheOldFileOnAFullDisk) {
  const TemporaryFolder folder;
  const int code = in_child([&] {
    // A disk of 64 KiB that only this process sees.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("kerf", folder.folder().c_str(), "tmpfs", 0, "size=64k") != 0)
      return kNotPrepared;
    const std::string path = folder.at("a");
    if (!replace_file(path, "old", Durability::Durable)) return 1;
    const auto result = replace_file(path, std::string(200'000, 'x'), Durability::Durable);
    if (result || result.error().message().find("No space left") == std::string::npos) return 2;
    if (content(path) != "old" || all_names(folder.folder()).size() != 1) return 3;
    // There is room again.
    if (!replace_file(path, std::string(30'000, 'y'), Durability::Durable)) return 4;
    if (::mount("kerf", folder.folder().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      return kNotPrepared;
    const auto read_only = replace_file(path, "new", Durability::Durable);
    if (read_only || read_only.error().message().find("Read-only") == std::string::npos) return 5;
    if (remove_file(path)) return 6;
    return content(path) == std::string(30'000, 'y') ? 0 : 7;
  });
  if (code == kNotPrepared) GTEST_SKIP() << "no right to mount";
  EXPECT_EQ(code, 0);
}

TEST(ReplaceFile, NeedsTheRightToWrite) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", "old");
  ASSERT_EQ(::chmod(folder.folder().c_str(), 0555), 0);
  const int code = in_child([&] {
    if (::getuid() == 0 && ::setuid(65534) != 0) return kNotPrepared;
    const auto result = replace_file(path, "new", Durability::Fast);
    if (result || result.error().message().find("Permission denied") == std::string::npos) return 1;
    if (remove_file(path) || make_folders(folder.at("b/c"))) return 2;
    return lock_file(folder.at("lock")) ? 3 : 0;
  });
  ::chmod(folder.folder().c_str(), 0755);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(content(path), "old");
}

TEST(RemoveUnfinished, TakesWhatAKilledProcessLeft) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", "old");
  // Killed in the middle of it: a write beyond the limit raises SIGXFSZ.
  const int code = in_child([&] {
    const rlimit limit{1000, 1000};
    const rlimit no_core{0, 0};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || ::setrlimit(RLIMIT_CORE, &no_core) != 0)
      return kNotPrepared;
    ::signal(SIGXFSZ, SIG_DFL);
    static_cast<void>(replace_file(path, std::string(2000, 'x'), Durability::Fast));
    return 1;
  });
  EXPECT_EQ(code, 128 + SIGXFSZ);
  EXPECT_EQ(all_names(folder.folder()).size(), 2u);
  EXPECT_THAT(*list_folder(folder.folder()), ElementsAre("a"));
  EXPECT_EQ(*remove_unfinished(folder.folder()), 1u);
  EXPECT_THAT(all_names(folder.folder()), ElementsAre("a"));
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(*remove_unfinished(folder.folder()), 0u);
  EXPECT_EQ(*remove_unfinished(folder.at("absent")), 0u);
}

TEST(RemoveFile, IsContentWithAnAbsentOne) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a");
  EXPECT_TRUE(remove_file(path, Durability::Durable));
  EXPECT_TRUE(remove_file(path, Durability::Durable));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(remove_file(folder.folder()));
}

TEST(ListFolder, IsSortedAndBounded) {
  const TemporaryFolder folder;
  EXPECT_THAT(*list_folder(folder.folder()), IsEmpty());
  for (const char* name : {"b", "a", ".c"}) folder.write(name);
  EXPECT_THAT(*list_folder(folder.folder(), 3), ElementsAre(".c", "a", "b"));
  EXPECT_EQ(list_folder(folder.folder(), 2).error().code(), ErrorCode::TooLarge);
  EXPECT_EQ(list_folder(folder.at("absent")).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(list_folder(folder.at("a")).error().code(), ErrorCode::NotFound);
}

TEST(MakeFolders, MakesAllThatAreMissing) {
  const TemporaryFolder folder;
  EXPECT_TRUE(make_folders(folder.at("a/b//c/"), 0750));
  EXPECT_TRUE(std::filesystem::is_directory(folder.at("a/b/c")));
  EXPECT_EQ(mode_of(folder.at("a/b")), 0750u);
  EXPECT_TRUE(make_folders(folder.at("a/b/c")));
  folder.write("file");
  EXPECT_FALSE(make_folders(folder.at("file")));
  EXPECT_FALSE(make_folders(folder.at("file/x")));
}

TEST(LockFile, IsHeldByOne) {
  const TemporaryFolder folder;
  const std::string path = folder.at("lock");
  std::optional<FileLock> first = *lock_file(path);
  auto second = lock_file(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(second.error().message(),
              HasSubstr("it is held by pid " + std::to_string(::getpid())));
  FileLock moved = std::move(*first);
  first.reset();
  EXPECT_FALSE(lock_file(path)) << "it went with the move";
  { const FileLock last = std::move(moved); }
  EXPECT_TRUE(lock_file(path));
}

TEST(LockFile, IsFreeWhenItsHolderIsKilled) {
  const TemporaryFolder folder;
  const std::string path = folder.at("lock");
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto lock = lock_file(path);
    static_cast<void>(::write(ready[1], lock ? "y" : "n", 1));
    for (;;) ::pause();
  }
  char held = 0;
  ASSERT_EQ(::read(ready[0], &held, 1), 1);
  ASSERT_EQ(held, 'y');
  const auto refused = lock_file(path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("pid " + std::to_string(pid)));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(lock_file(path));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(LockFile, BearsAnyContentOfTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("lock", "\x1b[31m not a number, and far longer than one");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(fd, LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(lock_file(path).error().message(), HasSubstr("held by another process"));
  ::close(fd);
  EXPECT_EQ(lock_file(folder.at("absent/lock")).error().code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace kerf::runtime
