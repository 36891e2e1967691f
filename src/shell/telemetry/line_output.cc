// LineOutput: a descriptor that is asked before it is written to.
#include "shell/telemetry/line_output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace kerf::telemetry {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPatience{100};

/// Waits until `fd` takes something; false if not by `end`.
bool wait_for_room(int fd, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd polled{fd, POLLOUT, 0};
    const int n = ::poll(&polled, 1, left > 0 ? static_cast<int>(left) : 0);
    if (n > 0) return true;  // also if it is broken: write() says how
    if (n == 0 || errno != EINTR) return false;
  }
}

}  // namespace

LineOutput::LineOutput(int fd) : fd_(fd) {
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL)
    ::signal(SIGPIPE, SIG_IGN);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  if (S_ISSOCK(status.st_mode)) kind_ = Kind::Socket;
  if (!S_ISFIFO(status.st_mode)) return;
  // O_NONBLOCK on the descriptor itself would be everybody's who shares the pipe.
  kind_ = Kind::Pipe;
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int again = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (again < 0) return;  // no right to open it: poll() alone has to do
  fd_ = again;
  own_ = true;
}

LineOutput::~LineOutput() {
  if (own_) ::close(fd_);
}

bool LineOutput::send(std::string_view text) {
  const auto end = Clock::now() + (stuck_ ? std::chrono::milliseconds(0) : kPatience);
  while (!text.empty()) {
    // A file and a non-blocking pipe need not be asked first.
    if (kind_ != Kind::Socket && !own_ && !wait_for_room(fd_, end)) return false;
    const ssize_t n = kind_ == Kind::Socket
                          ? ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                          : ::write(fd_, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
      if (n > 0) rest_ = text;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !wait_for_room(fd_, end)) return false;
  }
  return true;
}

bool LineOutput::write(std::string_view line) {
  // The rest of a line that was begun comes first, or two would be one.
  if (!rest_.empty()) {
    const std::string rest = rest_;
    if (!send(rest)) {
      stuck_ = true;
      return false;
    }
  }
  const bool whole = send(line);
  stuck_ = !whole;
  // A line that was begun will be finished, and counts as written.
  return whole || !rest_.empty();
}

}  // namespace kerf::telemetry
