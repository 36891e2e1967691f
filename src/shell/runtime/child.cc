// run_child(): posix_spawn, two pipes, a pidfd and a deadline.
#include "shell/runtime/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/quote.h"

extern char** environ;

namespace kerf::runtime {
namespace {

using Clock = std::chrono::steady_clock;

std::string words_of(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void set(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// glibc 2.36 declares pidfd_open() without extern "C".
int pidfd_of(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

struct Pipe {
  Descriptor read;
  Descriptor write;
  bool make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.set(ends[0]);
    write.set(ends[1]);
    return ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
};

/// Takes what is in the pipe; false at its end.
bool drain(int fd, std::string& kept, std::size_t bytes_max, bool& truncated) {
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return false;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    const std::size_t room = bytes_max - kept.size();
    const auto size = static_cast<std::size_t>(n);
    kept.append(buffer.data(), std::min(size, room));
    truncated |= size > room;
    // A child that writes without end must not keep the deadline from being looked at.
    if (size < buffer.size()) return true;
  }
}

/// Takes what a pipe can hold; its writer has ended.
void drain_rest(const Descriptor& pipe, std::string& kept, std::size_t bytes_max, bool& truncated) {
  constexpr int kPipeInBuffers = 8;
  for (int i = 0; i < kPipeInBuffers && pipe.get() >= 0; ++i) {
    if (!drain(pipe.get(), kept, bytes_max, truncated)) return;
  }
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& s : strings) result.push_back(s.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& own) {
  std::vector<std::string> result = own;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& mine : own) replaced |= !name.empty() && mine.starts_with(name);
    if (!replaced) result.emplace_back(text);
  }
  return result;
}

/// posix_spawn's two opaque objects.
class SpawnSetup {
 public:
  SpawnSetup() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  /// 0, or an error's number.
  int spawn(pid_t& pid, const ChildCommand& command, int out, int err) {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, out, 1);
    ::posix_spawn_file_actions_adddup2(&actions_, err, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    std::vector<std::string> arguments = command.arguments;
    std::vector<std::string> environment = merged_environment(command.environment);
    return ::posix_spawnp(&pid, arguments[0].c_str(), &actions_, &attributes_,
                          pointers(arguments).data(), pointers(environment).data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Reads until the child has ended or the deadline has passed. True: it has ended.
bool follow(const ChildCommand& command, const Descriptor& child, Pipe& out, Pipe& err,
            ChildOutcome& outcome) {
  const auto end = Clock::now() + command.deadline;
  for (;;) {
    std::array<pollfd, 3> polled{pollfd{child.get(), POLLIN, 0}, pollfd{out.read.get(), POLLIN, 0},
                                 pollfd{err.read.get(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    constexpr std::int64_t kStepMs = 60'000;
    const int n = ::poll(polled.data(), polled.size(), static_cast<int>(std::min(left, kStepMs)));
    if (n < 0 && errno != EINTR) return false;
    if (n <= 0) continue;
    // A closed end's descriptor is -1, which poll() passes over.
    if (polled[1].revents != 0 &&
        !drain(out.read.get(), outcome.out, command.output_max, outcome.truncated))
      out.read.close();
    if (polled[2].revents != 0 &&
        !drain(err.read.get(), outcome.err, command.output_max, outcome.truncated))
      err.read.close();
    if (polled[0].revents != 0) return true;
  }
}

}  // namespace

std::string ChildOutcome::words() const {
  if (timed_out) return "it did not end in time and was killed";
  std::string text = signal != 0 ? "killed by signal " + std::to_string(signal)
                                 : "exit code " + std::to_string(exit_code);
  const std::size_t start = err.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return text;
  std::string_view line = std::string_view(err).substr(start);
  line = line.substr(0, line.find_first_of("\r\n"));
  return text + ": " + quoted(line, 200);
}

Result<ChildOutcome> run_child(const ChildCommand& command) {
  if (command.arguments.empty() || command.arguments[0].empty())
    return invalid("no program to run was named");
  const std::string& program = command.arguments[0];
  const auto unavailable = [&](int error) {
    return fail(ErrorCode::Unavailable, "cannot run " + quoted(program) + ": " + words_of(error));
  };

  Pipe out;
  Pipe err;
  if (!out.make() || !err.make()) return unavailable(errno);
  pid_t pid = 0;
  const int error = SpawnSetup().spawn(pid, command, out.write.get(), err.write.get());
  if (error == ENOENT || error == ENOTDIR)
    return fail(ErrorCode::NotFound, "cannot run " + quoted(program) + ": " + words_of(error));
  if (error != 0) return unavailable(error);
  out.write.close();
  err.write.close();

  ChildOutcome outcome;
  const Descriptor child(pidfd_of(pid));
  const int pidfd_error = errno;
  const bool ended = child.get() >= 0 && follow(command, child, out, err, outcome);
  if (!ended) {
    outcome.timed_out = true;
    ::kill(-pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (child.get() < 0) return unavailable(pidfd_error);
  // What it wrote last. What it left in the background may write on, and is not waited for.
  drain_rest(out.read, outcome.out, command.output_max, outcome.truncated);
  drain_rest(err.read, outcome.err, command.output_max, outcome.truncated);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

}  // namespace kerf::runtime
