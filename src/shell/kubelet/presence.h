// Presence: is kubelet there, and is it still the same one? By its socket in the plugin folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "shell/kubelet/hub.h"

namespace kerf::kubelet {

/// What a file is, if it is a socket: another one of that name is another one.
struct SocketIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t made_s = 0;
  std::uint32_t made_ns = 0;
  bool operator==(const SocketIdentity&) const = default;
};
/// nullopt: there is no socket.
std::optional<SocketIdentity> socket_at(const std::string& path);
/// Somebody listens there. A queue of connections that is full counts: somebody is there and slow.
bool takes_connections(const std::string& path);

/// kubelet is up when its socket takes connections. A kubelet that was killed leaves a socket that
/// refuses them; one that starts makes a new socket, which may refuse them for a moment.
class Presence {
 public:
  /// `came`: kubelet is up, as new: at the start, or another one than before. `left`: it is not.
  /// They are called from look() and check(), or from the loop.
  Presence(Hub& hub, std::function<void()> came, std::function<void()> left);

  /// The folder has changed, or may have.
  void look();
  /// Is kubelet up, and the one that `came` told of? Else look().
  bool check();
  bool up() const { return up_; }
  /// Counts what came and left. An answer that was asked for in another epoch is void.
  std::uint64_t epoch() const { return epoch_; }
  const std::string& socket() const { return socket_; }

 private:
  void leave();
  void again();

  Hub& hub_;
  std::string socket_;
  std::function<void()> came_, left_;
  std::optional<SocketIdentity> current_;
  bool up_ = false;
  std::uint64_t epoch_ = 0;
  std::chrono::milliseconds pause_{0};
  runtime::TimerId timer_;
};

}  // namespace kerf::kubelet
