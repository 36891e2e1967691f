// Presence: is kubelet there, and is it still the same one?
#include "shell/kubelet/presence.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kerf::kubelet {
namespace {

constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLastPause{1'000};

}  // namespace

std::optional<SocketIdentity> socket_at(const std::string& path) {
  struct statx info = {};
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
  if (::statx(AT_FDCWD, path.c_str(), kFlags, STATX_BASIC_STATS | STATX_BTIME, &info) != 0)
    return std::nullopt;
  if (!S_ISSOCK(info.stx_mode)) return std::nullopt;
  // The time of birth tells apart two files that had one inode number. A change of mode or label
  // makes no other file of it; where the file system keeps no birth, it has to be taken for one.
  const auto& time = (info.stx_mask & STATX_BTIME) != 0 ? info.stx_btime : info.stx_ctime;
  return SocketIdentity{(std::uint64_t{info.stx_dev_major} << 32) | info.stx_dev_minor,
                        info.stx_ino, time.tv_sec, time.tv_nsec};
}

bool takes_connections(const std::string& path) {
  sockaddr_un address = {};
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  const bool taken = ::connect(fd, plain, sizeof address) == 0 || errno == EAGAIN;
  ::close(fd);
  return taken;
}

Presence::Presence(Hub& hub, std::function<void()> came, std::function<void()> left)
    : hub_(hub),
      socket_(hub.options().folder + "/kubelet.sock"),
      came_(std::move(came)),
      left_(std::move(left)) {}

void Presence::look() {
  hub_.cancel(timer_);
  const auto found = socket_at(socket_);
  if (up_ && found == current_) return;
  leave();
  if (found != current_) pause_ = std::chrono::milliseconds(0);
  current_ = found;
  if (!found) return;
  if (!takes_connections(socket_)) return again();
  pause_ = std::chrono::milliseconds(0);
  up_ = true;
  ++epoch_;
  came_();
}

bool Presence::check() {
  if (!up_) return false;
  if (socket_at(socket_) == current_ && takes_connections(socket_)) return true;
  leave();
  look();
  return false;
}

void Presence::leave() {
  if (!up_) return;
  up_ = false;
  ++epoch_;
  left_();
}

void Presence::again() {
  pause_ = std::min(std::max(pause_ * 2, kFirstPause), kLastPause);
  timer_ = hub_.after(pause_, [this] { look(); });
}

}  // namespace kerf::kubelet
