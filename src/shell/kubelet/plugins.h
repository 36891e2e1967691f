// Plugins: the lists of the resources, and what brings each of them to kubelet.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shell/kubelet/client.h"
#include "shell/kubelet/hub.h"
#include "shell/kubelet/plugin_server.h"
#include "shell/kubelet/presence.h"

namespace kerf::kubelet {

/// "nvidia.com/mig-1g.10gb" -> "kerf-nvidia.com_mig-1g.10gb.sock"; of a name that would make the
/// path of a socket in `folder` too long (107 bytes), the end is replaced by a hash.
std::string endpoint_of(const std::string& resource, const std::string& folder);
/// Removes sockets of such names from the folder; nothing else.
void remove_stale_sockets(const std::string& folder);

/// What a resource goes through: a list (serve) -> a server on its socket -> Register -> kubelet
/// opens a stream -> the list is written: done. From then on a list needs only the stream.
///
/// The loop's thread only.
class Plugins {
 public:
  Plugins(Hub& hub, Client& client, Presence& presence, PluginHost& host);

  void serve(agent::EffectId effect, const agent::Serve& action);
  void opened(const std::string& resource, std::shared_ptr<Stream> stream);
  void written(const std::string& resource, std::uint64_t stream, bool ok);
  void gone(const std::string& resource, std::uint64_t stream);

  /// kubelet left, or another one came: everything is forgotten, Serves in flight are not done.
  void forget();
  /// A file of the folder was made or removed: was it a socket of ours?
  void file_changed(const std::string& name);
  /// Another plugin serves these now.
  void taken_over(const std::set<std::string>& resources);
  /// Writes a list again that kubelet has, so that kubelet writes its checkpoint anew. False: there
  /// is none that could be.
  bool write_again();
  /// A list was written since kubelet came: it has a checkpoint by now, or will have.
  bool wrote() const { return wrote_; }

 private:
  struct Serving {
    agent::EffectId effect = 0;
    std::uint64_t version = 0;
    runtime::TimerId deadline;
  };
  struct Plugin {
    std::string resource;
    std::string endpoint;
    std::unique_ptr<PluginServer> server;
    std::optional<SocketIdentity> socket;

    std::vector<agent::ServedDevice> list;
    std::uint64_t version = 0;  ///< of the list
    std::optional<Serving> serving;

    std::uint64_t attempt = 0;  ///< the Register that is under way; 0: none
    std::shared_ptr<Stream> current;
    std::uint64_t writing = 0;  ///< the version that is being written to `current`; 0: none
    std::uint64_t written = 0;  ///< the newest version that was
    bool taken = false;         ///< another plugin has the name: nothing is written to `current`
    std::vector<std::shared_ptr<Stream>> silent;  ///< oldest first
  };

  void advance(Plugin& plugin);
  void write(Plugin& plugin);
  void begin_registration(Plugin& plugin);
  void silence(Plugin& plugin);
  void not_served(Plugin& plugin, agent::Code code);
  void served(Plugin& plugin);
  /// kubelet ended the stream, or lost the socket: after a while, in which it would have shown that
  /// it restarts, the mind is told.
  void drop_later(const std::string& resource);
  void close(Plugin& plugin);
  Plugin* find(const std::string& resource);

  Hub& hub_;
  Client& client_;
  Presence& presence_;
  PluginHost& host_;
  std::map<std::string, Plugin> plugins_;
  bool wrote_ = false;
  std::uint64_t attempts_ = 0;
};

}  // namespace kerf::kubelet
