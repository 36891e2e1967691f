// Log: threshold, repeats, threads, and readers that do not read.
#include "shell/telemetry/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "codec/json.h"
#include "shell/telemetry/log_line.h"

namespace kerf::telemetry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A log into a file, with clocks that stand still until they are told.
class LogTest : public testing::Test {
 protected:
  LogTest() { file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600); }
  ~LogTest() override { ::close(file_); }

  Log make(Level threshold = Level::Info) {
    return Log({.component = "agent", .threshold = threshold, .fd = file_, .now = [this] {
                  return Log::Now{1'796'054'400'000 + ms_, ms_};
                }});
  }

  /// The lines since the last call, without their time.
  std::vector<std::string> lines() {
    std::vector<std::string> result;
    std::ifstream in(path_);
    in.seekg(read_);
    for (std::string line; std::getline(in, line);
         read_ += static_cast<std::streamoff>(line.size()) + 1) {
      EXPECT_TRUE(codec::parse_json(line, "line"));
      result.push_back(line.substr(35));
    }
    return result;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.at("log");
  int file_ = -1;
  std::streamoff read_ = 0;
  std::atomic<std::int64_t> ms_{1'000'000};
};

constexpr const char* kA = "\"level\":\"info\",\"component\":\"agent\",\"message\":\"a\"}";
constexpr const char* kB = "\"level\":\"info\",\"component\":\"agent\",\"message\":\"b\"}";

TEST_F(LogTest, HasAThreshold) {
  const Log log = make(Level::Warning);
  log.debug("d");
  log.info("i");
  log.warning("w");
  log.named("kubelet").error("e", {{"code", 7}});
  EXPECT_THAT(
      lines(),
      ElementsAre("\"level\":\"warning\",\"component\":\"agent\",\"message\":\"w\"}",
                  "\"level\":\"error\",\"component\":\"kubelet\",\"message\":\"e\",\"code\":7}"));
  EXPECT_FALSE(log.enabled(Level::Info));
  EXPECT_TRUE(log.enabled(Level::Error));
}

TEST_F(LogTest, ReadsLevels) {
  Level level = Level::Info;
  for (const Level l : {Level::Debug, Level::Info, Level::Warning, Level::Error}) {
    EXPECT_TRUE(parse_level(to_string(l), level));
    EXPECT_EQ(level, l);
  }
  EXPECT_FALSE(parse_level("INFO", level));
}

TEST_F(LogTest, CountsRepeatsAndTellsThemLater) {
  const Log log = make();
  for (int i = 0; i < 5; ++i) log.info("a");
  log.info("b");
  EXPECT_THAT(lines(), ElementsAre(kA, kB));
  ms_ += 9'999;
  log.info("a");
  EXPECT_THAT(lines(), IsEmpty());
  ms_ += 1;
  log.info("c");
  const auto told = lines();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_THAT(told[0], HasSubstr("\"message\":\"a\",\"repeated\":5}"));
  EXPECT_THAT(told[1], HasSubstr("\"message\":\"c\"}"));
  // That was written now, so it counts from now on; b was not repeated and is new again.
  log.info("a");
  log.info("b");
  EXPECT_THAT(lines(), ElementsAre(kB));
  ms_ += 10'000;
  log.flush();
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("\"message\":\"a\",\"repeated\":1}")));
  ms_ += 10'000;
  log.info("a");
  EXPECT_THAT(lines(), ElementsAre(kA));
}

TEST_F(LogTest, TakesLinesThatDifferInAnythingAsDifferent) {
  const Log log = make();
  log.info("a", {{"n", 1}});
  log.info("a", {{"n", 2}});
  log.warning("a", {{"n", 1}});
  log.named("web").info("a", {{"n", 1}});
  EXPECT_EQ(lines().size(), 4u);
}

TEST_F(LogTest, TellsAllAtItsEnd) {
  {
    const Log log = make();
    const Log copy = log.named("x");
    log.info("a");
    log.info("a");
    log.flush();
    EXPECT_THAT(lines(), ElementsAre(kA)) << "not before its time";
  }
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("\"repeated\":1}")));
  const Log log = make();
  log.info("a");
  log.info("a");
  log.flush(true);
  EXPECT_THAT(lines(), ElementsAre(kA, HasSubstr("\"repeated\":1}")));
}

TEST_F(LogTest, RemembersABoundedNumberOfLines) {
  const Log log = make();
  log.info("a");
  log.info("a");
  for (int i = 0; i < 1000; ++i) log.info("other", {{"i", i}});
  const auto told = lines();
  EXPECT_EQ(told.size(), 1002u) << "each once, and the repeat of the one that was forgotten";
  EXPECT_EQ(
      std::count_if(told.begin(), told.end(),
                    [](const std::string& line) { return line.ends_with("\"repeated\":1}"); }),
      1);
}

TEST_F(LogTest, KeepsLinesOfManyThreadsWhole) {
  const Log log = make();
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Log mine = log.named("thread");
      for (int i = 0; i < kEach; ++i) mine.info("m", {{"t", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto told = lines();
  EXPECT_EQ(told.size(), std::size_t{kThreads * kEach});
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), told.size());
}

TEST_F(LogTest, DoesNotWaitForAPipeThatNobodyReads) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
  std::int64_t ms = 0;
  const Log log({.fd = ends[1], .now = [&] { return Log::Now{0, ms}; }});
  const std::string text(1500, 'x');
  // Would hang for ever if it waited: the first that finds no room waits 100 ms, the others not.
  for (int i = 0; i < 1000; ++i) log.info("m", {{"i", i}, {"text", text}});
  EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0) << "the pipe of others is as it was";
  std::array<char, 65536> buffer;
  ASSERT_GT(::read(ends[0], buffer.data(), buffer.size()), 0);
  log.info("read again");
  const ssize_t n = ::read(ends[0], buffer.data(), buffer.size());
  ASSERT_GT(n, 0);
  const std::string rest(buffer.data(), static_cast<std::size_t>(n));
  EXPECT_THAT(rest, HasSubstr("log lines were lost"));
  EXPECT_THAT(rest, HasSubstr("\"lost\":99"));
  EXPECT_THAT(rest, HasSubstr("read again"));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(LogTest, OutlivesAReaderThatGoesAway) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Log log({.fd = ends[1], .now = {}});
  ::close(ends[0]);
  for (int i = 0; i < 10; ++i) log.info("m", {{"i", i}});
  ::close(ends[1]);
  const Log closed({.fd = ends[1], .now = {}});
  closed.info("to nobody");
}

TEST_F(LogTest, KeepsLinesWholeOnASocket) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const int small = 4096;
  ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  {
    const Log log({.fd = ends[1], .now = {}});
    const std::string text(3000, 'x');
    for (int i = 0; i < 100; ++i) log.info("m", {{"i", i}, {"text", text}});
    std::string all;
    std::array<char, 65536> buffer;
    const auto drain = [&] {
      for (ssize_t n = 0; (n = ::recv(ends[0], buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;)
        all.append(buffer.data(), static_cast<std::size_t>(n));
    };
    drain();
    log.info("last");
    drain();
    std::istringstream in(all);
    std::string last;
    int count = 0;
    for (std::string line; std::getline(in, line); last = line) {
      EXPECT_TRUE(codec::parse_json(line, "line")) << line;
      ++count;
    }
    EXPECT_GT(count, 2);
    EXPECT_THAT(last, HasSubstr("last"));
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace kerf::telemetry
