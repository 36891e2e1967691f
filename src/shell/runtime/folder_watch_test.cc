// FolderWatch: files and folders that come, go and change, and an overflow.
#include "shell/runtime/folder_watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "base/temporary_folder_testing.h"
#include "shell/runtime/files.h"

namespace kerf::runtime {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using Told = std::vector<std::string>;

/// A loop on a thread, and what its FolderWatch told: "+name" created, "-name" removed, "=name"
/// written, "*" look at everything.
class FolderWatchTest : public testing::Test {
 protected:
  ~FolderWatchTest() override {
    if (!thread_.joinable()) return;
    on_loop([this] { watch_.reset(); });
    loop_.quit();
    thread_.join();
  }

  void watch(const std::string& folder) {
    auto started =
        FolderWatch::start(loop_, folder, [this](const std::string& name, Change change) {
          static constexpr std::array kSigns{"+", "-", "=", "*"};
          const std::lock_guard lock(mutex_);
          told_.push_back(kSigns.at(static_cast<std::size_t>(change)) + name);
          news_.notify_all();
        });
    ASSERT_TRUE(started) << started.error().message();
    watch_ = *std::move(started);
    thread_ = std::thread([this] { loop_.run(); });
  }

  void on_loop(const std::function<void()>& function) {
    std::promise<void> done;
    ASSERT_TRUE(loop_.post([&] {
      function();
      done.set_value();
    }));
    done.get_future().wait();
  }

  bool watching() {
    bool result = false;
    on_loop([&] { result = watch_->watching(); });
    return result;
  }

  /// What has been told since the last time, up to `last`, which is waited for.
  Told until(const std::string& last) {
    std::unique_lock lock(mutex_);
    const auto found = [&] { return std::find(told_.begin(), told_.end(), last); };
    EXPECT_TRUE(
        news_.wait_for(lock, std::chrono::seconds(60), [&] { return found() != told_.end(); }))
        << "waited for " << last << " and had " << testing::PrintToString(told_);
    auto end = found();
    if (end != told_.end()) ++end;
    Told result(told_.begin(), end);
    told_.erase(told_.begin(), end);
    return result;
  }

  TemporaryFolder folder_;
  Loop loop_;
  std::unique_ptr<FolderWatch> watch_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable news_;
  Told told_;
};

TEST_F(FolderWatchTest, TellsOfFiles) {
  watch(folder_.folder());
  EXPECT_TRUE(watching());
  folder_.write("a", "text");
  EXPECT_THAT(until("=a"), ElementsAre("+a", "=a"));
  fs::rename(folder_.at("a"), folder_.at("b"));
  EXPECT_THAT(until("+b"), ElementsAre("-a", "+b"));
  fs::remove(folder_.at("b"));
  EXPECT_THAT(until("-b"), ElementsAre("-b"));
}

TEST_F(FolderWatchTest, TellsOfAReplacedFileAndOfASocket) {
  folder_.write("checkpoint", "old");
  watch(folder_.folder());
  ASSERT_TRUE(replace_file(folder_.at("checkpoint"), "new", Durability::Fast));
  EXPECT_THAT(until("+checkpoint"), Contains("+checkpoint"));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder_.at("kubelet.sock");
  std::copy(path.begin(), path.end(), address.sun_path);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(until("+kubelet.sock"), Contains("+kubelet.sock"));
  ::close(fd);
}

TEST_F(FolderWatchTest, SeesAFolderThatIsMadeAgain) {
  fs::create_directory(folder_.at("d"));
  watch(folder_.at("d"));
  for (int i = 0; i < 3; ++i) {
    fs::remove_all(folder_.at("d"));
    until("*");
    fs::create_directory(folder_.at("d"));
    until("*");
    // Removing may have been told in two parts, so one of them may be about the folder before.
    while (!watching()) until("*");
    folder_.write("d/a");
    EXPECT_THAT(until("=a"), Contains("=a"));
  }
}

TEST_F(FolderWatchTest, WaitsForAPathThatIsNotThere) {
  watch(folder_.at("x/y//z/"));
  EXPECT_FALSE(watching());
  fs::create_directories(folder_.at("x/y/z"));
  until("*");
  while (!watching()) until("*");
  folder_.write("x/y/z/a");
  until("=a");
  // Its parent is replaced as a whole.
  fs::rename(folder_.at("x/y"), folder_.at("x/old"));
  until("*");
  EXPECT_FALSE(watching());
  fs::rename(folder_.at("x/old"), folder_.at("x/y"));
  until("*");
  while (!watching()) until("*");
  fs::remove(folder_.at("x/y/z/a"));
  until("-a");
}

TEST_F(FolderWatchTest, FollowsLinksAndSeesThemChange) {
  fs::create_directories(folder_.at("one/d"));
  fs::create_directories(folder_.at("two/d"));
  folder_.link("one", "link");
  watch(folder_.at("link/d"));
  folder_.write("one/d/a");
  until("=a");
  fs::remove(folder_.at("link"));
  until("*");
  folder_.link("two", "link");
  until("*");
  while (!watching()) until("*");
  folder_.write("two/d/b");
  until("=b");
}

TEST_F(FolderWatchTest, WatchesAFolderThatIsItsOwnParentByALink) {
  folder_.link(".", "self");
  watch(folder_.at("self"));
  folder_.write("a");
  EXPECT_THAT(until("=a"), ElementsAre("+a", "=a"));
  fs::remove(folder_.at("self"));
  until("*");
}

TEST_F(FolderWatchTest, WaitsWhileAFileHasItsPlace) {
  folder_.write("d", "a file");
  watch(folder_.at("d"));
  EXPECT_FALSE(watching());
  fs::remove(folder_.at("d"));
  until("*");
  fs::create_directory(folder_.at("d"));
  until("*");
  while (!watching()) until("*");
  folder_.write("d/a");
  until("=a");
}

TEST_F(FolderWatchTest, SaysToLookAtEverythingAfterAnOverflow) {
  watch(folder_.folder());
  std::promise<void> blocked;
  std::promise<void> release;
  ASSERT_TRUE(loop_.post([&] {
    blocked.set_value();
    release.get_future().wait();
  }));
  blocked.get_future().wait();
  int most = 16384;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
  if (most > 100'000) {
    release.set_value();
    GTEST_SKIP() << "this machine's queue is too long to fill";
  }
  // Equal events behind one another are merged, so their names take turns.
  for (int i = 0; i < most; ++i) {
    const std::string path = folder_.at(i % 2 == 0 ? "a" : "b");
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    ::close(fd);
  }
  release.set_value();
  until("*");
  // And goes on.
  folder_.write("c");
  until("=c");
}

TEST_F(FolderWatchTest, MayBeDestroyedByItsCallback) {
  Loop loop;
  std::unique_ptr<FolderWatch> watch;
  int told = 0;
  watch = *FolderWatch::start(loop, folder_.folder(), [&](const std::string&, Change) {
    ++told;
    watch.reset();
    loop.after(1, [&] { loop.quit(); });
  });
  folder_.write("a");
  loop.run();
  EXPECT_EQ(told, 1);
}

TEST_F(FolderWatchTest, RefusesAPathThatMayMeanAnything) {
  for (const char* path : {"", "relative/d", "/var/../lib"}) {
    const auto started = FolderWatch::start(loop_, path, [](const std::string&, Change) {});
    ASSERT_FALSE(started) << path;
    EXPECT_EQ(started.error().code(), ErrorCode::InvalidArgument);
    EXPECT_THAT(started.error().message(), HasSubstr("expected an absolute path"));
  }
}

}  // namespace
}  // namespace kerf::runtime
