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
#include <atomic>
#include <cerrno>
#include <ctime>
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

/// Where the bytes of a pipe go; false: no more are wanted.
using Sink = std::function<bool(std::string_view)>;

/// Keeps the first of them.
Sink keeping(std::string& kept, std::size_t bytes_max, bool& truncated) {
  return [&kept, bytes_max, &truncated](std::string_view bytes) {
    const std::size_t room = bytes_max - kept.size();
    kept.append(bytes.substr(0, room));
    truncated |= bytes.size() > room;
    return true;
  };
}

enum class Drained : std::uint8_t { All, AtEnd, Refused };

/// Takes what is in the pipe, but no more than it can hold by default: a child that writes without
/// end must not keep the deadline from being looked at.
Drained drain(int fd, const Sink& sink) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return Drained::AtEnd;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? Drained::All : Drained::AtEnd;
    const bool wanted = sink(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    return wanted ? Drained::All : Drained::Refused;
  }
}

/// Takes what a pipe can hold; its writer has ended. False: refused.
bool drain_rest(const Descriptor& pipe, const Sink& sink) {
  constexpr int kPipeInBuffers = 2;
  for (int i = 0; i < kPipeInBuffers && pipe.get() >= 0; ++i) {
    const Drained drained = drain(pipe.get(), sink);
    if (drained != Drained::All) return drained != Drained::Refused;
  }
  return true;
}

/// Process groups of the children that run, for end_children(); 0: a free place. Lock-free, so that
/// a handler of signals may read it.
std::array<std::atomic<pid_t>, kChildrenMax> running_groups{};
static_assert(std::atomic<pid_t>::is_always_lock_free);
/// Threads that are between starting a child and noting it.
std::atomic<int> starting{0};
std::atomic<bool> ending{false};

/// While it lives this thread handles no signal, so that a handler that waits for `starting` never
/// waits for the thread that it has interrupted.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    ++starting;
  }
  ~SignalsHeld() {
    --starting;
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_{};
};

/// A place in running_groups. It is given back before the child is waited for: until then nobody
/// else can have its number.
class RunningPlace {
 public:
  RunningPlace() {
    for (std::atomic<pid_t>& place : running_groups) {
      pid_t free = 0;
      if (!place.compare_exchange_strong(free, kTaken)) continue;
      place_ = &place;
      return;
    }
  }
  ~RunningPlace() { give_back(); }
  RunningPlace(const RunningPlace&) = delete;
  RunningPlace& operator=(const RunningPlace&) = delete;

  bool ok() const { return place_ != nullptr; }
  void note(pid_t group) { place_->store(group); }
  void give_back() {
    if (place_ != nullptr) place_->store(0);
    place_ = nullptr;
  }

 private:
  static constexpr pid_t kTaken = -1;
  std::atomic<pid_t>* place_ = nullptr;
};

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

/// Where the two outputs go.
struct Sinks {
  Sink out;
  Sink err;
};

/// Reads until the child has ended, the deadline has passed or its output is refused. True: it has
/// ended.
bool follow(std::chrono::milliseconds deadline, const Descriptor& child, Pipe& out, Pipe& err,
            const Sinks& sinks, ChildOutcome& outcome) {
  const auto end = Clock::now() + deadline;
  for (;;) {
    std::array<pollfd, 3> polled{pollfd{child.get(), POLLIN, 0}, pollfd{out.read.get(), POLLIN, 0},
                                 pollfd{err.read.get(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) {
      outcome.timed_out = true;
      return false;
    }
    constexpr std::int64_t kStepMs = 60'000;
    const int n = ::poll(polled.data(), polled.size(), static_cast<int>(std::min(left, kStepMs)));
    if (n < 0 && errno != EINTR) {
      outcome.timed_out = true;
      return false;
    }
    if (n <= 0) continue;
    // A closed end's descriptor is -1, which poll() passes over.
    if (polled[1].revents != 0) {
      const Drained drained = drain(out.read.get(), sinks.out);
      if (drained == Drained::AtEnd) out.read.close();
      outcome.stopped = drained == Drained::Refused;
    }
    if (polled[2].revents != 0 && drain(err.read.get(), sinks.err) == Drained::AtEnd)
      err.read.close();
    if (outcome.stopped) return false;
    if (polled[0].revents != 0) return true;
  }
}

}  // namespace

std::string ChildOutcome::words() const {
  if (timed_out) return "it did not end in time and was killed";
  if (stopped) return "it was killed: no more of its output was wanted";
  std::string text = signal != 0 ? "killed by signal " + std::to_string(signal)
                                 : "exit code " + std::to_string(exit_code);
  const std::size_t start = err.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return text;
  std::string_view line = std::string_view(err).substr(start);
  line = line.substr(0, line.find_first_of("\r\n"));
  return text + ": " + quoted(line, 200);
}

namespace {

tl::unexpected<Error> cannot_run(const std::string& program, int error) {
  const bool is_absent = error == ENOENT || error == ENOTDIR;
  return fail(is_absent ? ErrorCode::NotFound : ErrorCode::Unavailable,
              "cannot run " + quoted(program) + ": " + words_of(error));
}

/// Starts it and notes its group in `place`.
Result<pid_t> start(const ChildCommand& command, Pipe& out, Pipe& err, RunningPlace& place) {
  const std::string& program = command.arguments[0];
  const SignalsHeld held;
  if (ending) return cannot_run(program, ECANCELED);
  pid_t pid = 0;
  const int error = SpawnSetup().spawn(pid, command, out.write.get(), err.write.get());
  if (error != 0) return cannot_run(program, error);
  place.note(pid);
  return pid;
}

}  // namespace

Result<ChildOutcome> run_child(const ChildCommand& command) {
  if (command.arguments.empty() || command.arguments[0].empty())
    return invalid("no program to run was named");
  const std::string& program = command.arguments[0];
  Pipe out;
  Pipe err;
  if (!out.make() || !err.make()) return cannot_run(program, errno);
  RunningPlace place;
  if (!place.ok()) return cannot_run(program, EAGAIN);
  KERF_TRY(const pid_t pid, start(command, out, err, place));
  out.write.close();
  err.write.close();

  ChildOutcome outcome;
  const Sinks sinks{
      command.on_out ? command.on_out : keeping(outcome.out, command.output_max, outcome.truncated),
      keeping(outcome.err, command.output_max, outcome.truncated)};
  const Descriptor child(pidfd_of(pid));
  const int pidfd_error = errno;
  const bool ended = child.get() >= 0 && follow(command.deadline, child, out, err, sinks, outcome);
  if (!ended) ::kill(-pid, SIGKILL);
  place.give_back();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (child.get() < 0) return cannot_run(program, pidfd_error);
  // What it wrote last. What it left in the background may write on, and is not waited for.
  if (!outcome.stopped) outcome.stopped = !drain_rest(out.read, sinks.out);
  drain_rest(err.read, sinks.err);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

void end_children() {
  ending = true;
  constexpr timespec kMoment{.tv_sec = 0, .tv_nsec = 1'000'000};
  constexpr int kMoments = 2'000;  // starting a program takes a few
  for (int i = 0; i < kMoments && starting > 0; ++i) ::nanosleep(&kMoment, nullptr);
  for (const std::atomic<pid_t>& place : running_groups)
    if (const pid_t group = place.load(); group > 0) ::kill(-group, SIGKILL);
}

}  // namespace kerf::runtime
