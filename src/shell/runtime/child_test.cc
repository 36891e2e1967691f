// run_child(): outcomes, bounds, deadline, and what a child inherits.
#include "shell/runtime/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/temporary_folder_testing.h"

namespace kerf::runtime {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

ChildCommand shell(const std::string& script) {
  return {.arguments = {"/bin/sh", "-c", script}, .deadline = milliseconds(60'000)};
}

TEST(Child, TellsExitCodeAndBothOutputs) {
  const auto outcome = run_child(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_EQ(outcome->signal, 0);
  EXPECT_EQ(outcome->out, "out\n");
  EXPECT_EQ(outcome->err, "err\n");
  EXPECT_FALSE(outcome->ok());
  EXPECT_EQ(outcome->words(), "exit code 3: \"err\"");
}

TEST(Child, FindsProgramsInPathAndPassesArgumentsAsTheyAre) {
  const auto outcome = run_child({.arguments = {"printf", "%s|", "a b", "$HOME", "*", ""}});
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->ok());
  EXPECT_EQ(outcome->out, "a b|$HOME|*||");
}

TEST(Child, SaysWhatCannotBeRun) {
  auto outcome = run_child({.arguments = {"/nowhere/nvidia-modprobe"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::NotFound);
  EXPECT_THAT(outcome.error().message(), HasSubstr("/nowhere/nvidia-modprobe"));
  outcome = run_child({.arguments = {"kerf-no-such-program"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::NotFound);
  outcome = run_child({.arguments = {"/etc/passwd"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::Unavailable);
  outcome = run_child({});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::InvalidArgument);
}

TEST(Child, TellsTheSignal) {
  const auto outcome = run_child(shell("kill -USR1 $$"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, -1);
  EXPECT_EQ(outcome->signal, SIGUSR1);
  EXPECT_FALSE(outcome->ok());
}

TEST(Child, KillsTheWholeGroupAtTheDeadline) {
  const TemporaryFolder folder;
  const std::string fifo = folder.at("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // Held open for writing by this test alone once all children are gone.
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  auto command = shell("exec 5>" + fifo + "; echo begun; (sleep 1000 & sleep 1000) ");
  command.deadline = milliseconds(300);
  const auto outcome = run_child(command);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->timed_out);
  EXPECT_FALSE(outcome->ok());
  // The end of file says that no process has it open; it comes without waiting for the sleeps.
  ::fcntl(reader, F_SETFL, 0);
  char c = 0;
  EXPECT_EQ(::read(reader, &c, 1), 0);
  ::close(reader);
}

TEST(Child, DoesNotWaitForWhatIsLeftInTheBackground) {
  const auto outcome = run_child(shell("sleep 3 & echo done"));
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->ok());
  EXPECT_EQ(outcome->out, "done\n");
}

TEST(Child, BoundsWhatItKeepsAndReadsTheRest) {
  auto command = shell("head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2; exit 4");
  command.output_max = 1000;
  const auto outcome = run_child(command);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 4) << "it was not stopped by a full pipe";
  EXPECT_EQ(outcome->out.size(), 1000u);
  EXPECT_EQ(outcome->err.size(), 1000u);
  EXPECT_TRUE(outcome->truncated);
}

TEST(Child, KeepsAllThatFits) {
  const auto outcome = run_child(shell("head -c 65536 /dev/zero"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->out.size(), 65536u);
  EXPECT_FALSE(outcome->truncated);
}

TEST(Child, StopsOneThatWritesWithoutEnd) {
  auto command = shell("yes");
  command.deadline = milliseconds(100);
  const auto outcome = run_child(command);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->timed_out);
}

TEST(Child, HandsOutputOnAsItComesWithoutABound) {
  auto command = shell("head -c 3000000 /dev/zero; echo err >&2; exit 4");
  std::size_t bytes = 0;
  command.output_max = 1000;
  command.on_out = [&](std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    bytes += piece.size();
    return true;
  };
  const auto outcome = run_child(command);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(bytes, 3'000'000u);
  EXPECT_EQ(outcome->exit_code, 4);
  EXPECT_EQ(outcome->out, "");
  EXPECT_EQ(outcome->err, "err\n");
  EXPECT_FALSE(outcome->truncated);
}

TEST(Child, KillsOneWhoseOutputIsNotWantedAnyMore) {
  auto command = shell("yes");
  int pieces = 0;
  command.on_out = [&](std::string_view) { return ++pieces < 3; };
  const auto outcome = run_child(command);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->stopped);
  EXPECT_FALSE(outcome->timed_out);
  EXPECT_FALSE(outcome->ok());
  EXPECT_EQ(outcome->signal, SIGKILL);
  EXPECT_EQ(pieces, 3);
}

/// Runs in a process of its own: end_children() is for one that ends.
TEST(ChildDeathTest, EndsAllOfThemFromAHandlerOfSignals) {
  testing::FLAGS_gtest_death_test_style = "fast";  // a fork: the same fifo
  const TemporaryFolder folder;
  const std::string fifo = folder.at("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  const auto run_and_end = [&] {
    ::signal(SIGINT, [](int) {
      end_children();
      ::_exit(7);
    });
    auto command = shell("exec 5>" + fifo + "; (sleep 1000 & echo begun; sleep 1000)");
    command.on_out = [](std::string_view) {
      ::raise(SIGINT);  // as the terminal does, while the child runs
      return true;
    };
    (void)run_child(command);
  };
  EXPECT_EXIT(run_and_end(), testing::ExitedWithCode(7), "");
  // The end of file says that neither of the sleeps has it open.
  ::fcntl(reader, F_SETFL, 0);
  char c = 0;
  EXPECT_EQ(::read(reader, &c, 1), 0);
  ::close(reader);
}

TEST(ChildDeathTest, StartsNoneOnceTheyWereEnded) {
  const auto start_after = [] {
    end_children();
    ::_exit(run_child(shell("exit 0")) ? 1 : 8);
  };
  EXPECT_EXIT(start_after(), testing::ExitedWithCode(8), "");
}

TEST(Child, InheritsNoFilesAndNoInput) {
  const int leaked = ::dup(2);  // without O_CLOEXEC
  const auto outcome = run_child(shell("cat; ls /proc/self/fd"));
  ::close(leaked);
  ASSERT_TRUE(outcome);
  // 3 is the folder that ls reads.
  EXPECT_EQ(outcome->out, "0\n1\n2\n3\n");
}

TEST(Child, HasNoBlockedOrIgnoredSignals) {
  sigset_t blocked;
  sigset_t before;
  ::sigfillset(&blocked);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  ::signal(SIGUSR2, SIG_IGN);
  const auto outcome = run_child(shell("kill -USR2 $$; echo survived"));
  ::signal(SIGUSR2, SIG_DFL);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->signal, SIGUSR2) << outcome->out;
}

TEST(Child, GetsOwnVariables) {
  auto command = shell("echo $KERF_A,$HOME,${PATH:+path}");
  command.environment = {"KERF_A=1", "HOME=/elsewhere"};
  const auto outcome = run_child(command);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->out, "1,/elsewhere,path\n");
}

}  // namespace
}  // namespace kerf::runtime
