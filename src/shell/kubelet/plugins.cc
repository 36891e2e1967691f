// Plugins: the lists of the resources, and what brings each of them to kubelet.
#include "shell/kubelet/plugins.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "shell/runtime/files.h"

namespace kerf::kubelet {
namespace {

constexpr std::size_t kSocketPathMax = 107;  // sockaddr_un
constexpr std::size_t kResourceNameMax = 317;
/// A stream more than that is ended. It takes that many registrations within one run of kubelet.
constexpr std::size_t kSilentMax = 64;
constexpr std::string_view kPrefix = "kerf-";
constexpr std::string_view kSuffix = ".sock";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-';
}
/// "domain/name": as much as is needed for a file name that nobody can steer out of the folder.
bool is_resource(const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == name.size()) return false;
  return name.size() <= kResourceNameMax && std::all_of(name.begin(), name.end(), [](char c) {
           return is_plain(c) || c == '_' || c == '/';
         });
}

}  // namespace

std::string endpoint_of(const std::string& resource, const std::string& folder) {
  // A domain has no '_': the first one is where the '/' was, so no two names become one.
  std::string plain = resource;
  for (char& c : plain)
    if (!is_plain(c)) c = '_';
  const std::size_t around = folder.size() + 1 + kPrefix.size() + kSuffix.size();
  const std::size_t room = kSocketPathMax > around ? kSocketPathMax - around : 0;
  if (plain.size() > room && room > 17) {
    Hasher hash;
    hash.add(resource);
    plain = fmt::format("{}-{:016x}", plain.substr(0, room - 17), hash.value());
  }
  return fmt::format("{}{}{}", kPrefix, plain, kSuffix);
}

void remove_stale_sockets(const std::string& folder) {
  const auto names = runtime::list_folder(folder);
  if (!names) return;  // there is no folder yet, and so no socket
  for (const std::string& name : *names) {
    const std::string path = folder + "/" + name;
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix) && socket_at(path))
      ::unlink(path.c_str());
  }
}

Plugins::Plugins(Hub& hub, Client& client, Presence& presence, PluginHost& host)
    : hub_(hub), client_(client), presence_(presence), host_(host) {}

void Plugins::serve(agent::EffectId effect, const agent::Serve& action) {
  if (!is_resource(action.resource)) return hub_.done(effect, agent::Code::InvalidArgument);
  if (!presence_.up()) return hub_.done(effect, agent::Code::NotFound);
  Plugin& plugin = plugins_[action.resource];
  plugin.resource = action.resource;
  plugin.endpoint = endpoint_of(action.resource, hub_.options().folder);
  not_served(plugin, agent::Code::Unknown);  // an older one has no say any more
  const bool lost = plugin.current && plugin.written != 0 && plugin.written == plugin.version &&
                    plugin.list == action.devices;
  if (lost || plugin.taken) silence(plugin);
  plugin.taken = false;
  plugin.list = action.devices;
  ++plugin.version;
  plugin.serving = Serving{effect, plugin.version, {}};
  plugin.serving->deadline =
      hub_.after(hub_.options().serve_deadline, [this, resource = action.resource] {
        if (Plugin* late = find(resource)) not_served(*late, agent::Code::Timeout);
      });
  advance(plugin);
}

void Plugins::advance(Plugin& plugin) {
  if (plugin.current) return write(plugin);
  if (plugin.attempt != 0) return;
  const std::string path = hub_.options().folder + "/" + plugin.endpoint;
  if (!plugin.server) {
    auto server = PluginServer::start(hub_.loop(), host_, plugin.resource, path);
    if (!server) return not_served(plugin, agent::Code::Unknown);
    plugin.server = std::move(*server);
    plugin.socket = socket_at(path);
  }
  begin_registration(plugin);
}

void Plugins::begin_registration(Plugin& plugin) {
  const std::uint64_t attempt = plugin.attempt = ++attempts_;
  client_.register_plugin(presence_.socket(), plugin.endpoint, plugin.resource,
                          hub_.options().register_deadline,
                          [this, attempt, resource = plugin.resource](Result<void> result) {
                            Plugin* it = find(resource);
                            if (it == nullptr || it->attempt != attempt) return;
                            it->attempt = 0;
                            // kubelet may have connected although it did not say so in time.
                            if (result || it->current) return;
                            not_served(*it, agent::Code::Unknown);
                            presence_.check();
                          });
}

void Plugins::write(Plugin& plugin) {
  if (plugin.taken || plugin.writing != 0 || plugin.written == plugin.version) return;
  plugin.writing = plugin.version;
  plugin.current->write(plugin.list);
}

void Plugins::opened(const std::string& resource, std::shared_ptr<Stream> stream) {
  Plugin* plugin = find(resource);
  if (plugin == nullptr || !plugin->server) return stream->finish();
  silence(*plugin);
  plugin->attempt = 0;  // it was heard; what Register answers comes later, and says nothing more
  plugin->current = std::move(stream);
  plugin->taken = false;
  write(*plugin);
}

void Plugins::written(const std::string& resource, std::uint64_t stream, bool ok) {
  Plugin* plugin = find(resource);
  if (plugin == nullptr || !plugin->current || plugin->current->id() != stream) return;
  const std::uint64_t version = std::exchange(plugin->writing, 0);
  if (!ok) return;  // gone() follows
  plugin->written = version;
  wrote_ = true;
  if (plugin->serving && plugin->serving->version <= version) served(*plugin);
  write(*plugin);
}

void Plugins::gone(const std::string& resource, std::uint64_t stream) {
  Plugin* plugin = find(resource);
  if (plugin == nullptr) return;
  if (plugin->current && plugin->current->id() == stream) {
    plugin->current->finish();
    plugin->current.reset();
    plugin->writing = plugin->written = 0;
    return drop_later(resource);
  }
  const auto found = std::find_if(plugin->silent.begin(), plugin->silent.end(),
                                  [stream](const auto& it) { return it->id() == stream; });
  if (found == plugin->silent.end()) return;
  (*found)->finish();
  plugin->silent.erase(found);
}

void Plugins::silence(Plugin& plugin) {
  plugin.writing = plugin.written = 0;
  if (!plugin.current) return;
  plugin.silent.push_back(std::move(plugin.current));
  plugin.current.reset();
  if (plugin.silent.size() <= kSilentMax) return;
  plugin.silent.front()->finish();
  plugin.silent.erase(plugin.silent.begin());
}

void Plugins::drop_later(const std::string& resource) {
  // A Serve that fails says as much as Dropped does.
  Plugin* plugin = find(resource);
  const bool told = plugin->serving.has_value();
  not_served(*plugin, agent::Code::Unknown);
  const std::uint64_t epoch = presence_.epoch();
  hub_.after(hub_.options().restart_grace, [this, resource, told, epoch] {
    if (presence_.epoch() != epoch || !presence_.check()) return;
    const Plugin* it = find(resource);
    const bool busy = it == nullptr || it->current || it->serving || it->attempt != 0;
    if (!busy && !told) hub_.tell(agent::Dropped{resource});
  });
}

void Plugins::file_changed(const std::string& name) {
  for (auto& [resource, plugin] : plugins_) {
    if (plugin.endpoint != name || !plugin.server) continue;
    if (socket_at(hub_.options().folder + "/" + name) == plugin.socket) return;
    const std::uint64_t epoch = presence_.epoch();
    hub_.after(hub_.options().restart_grace, [this, resource = resource, epoch] {
      if (presence_.epoch() != epoch || !presence_.check()) return;
      Plugin* it = find(resource);
      if (it == nullptr || !it->server) return;
      if (socket_at(hub_.options().folder + "/" + it->endpoint) == it->socket) return;
      const bool told = it->serving.has_value();
      close(*it);
      not_served(*it, agent::Code::Unknown);
      if (!told) hub_.tell(agent::Dropped{resource});
    });
    return;
  }
}

void Plugins::taken_over(const std::set<std::string>& resources) {
  for (const std::string& resource : resources) {
    Plugin* plugin = find(resource);
    if (plugin == nullptr || !plugin->current || plugin->taken) continue;
    plugin->taken = true;
    if (plugin->serving) not_served(*plugin, agent::Code::Unknown);
    else hub_.tell(agent::Dropped{resource});
  }
}

bool Plugins::write_again() {
  for (auto& [resource, plugin] : plugins_) {
    const bool idle = plugin.current && !plugin.taken && plugin.writing == 0 &&
                      plugin.written == plugin.version && !plugin.serving;
    if (!idle) continue;
    plugin.writing = plugin.version;
    plugin.current->write(plugin.list);
    return true;
  }
  return false;
}

void Plugins::forget() {
  for (auto& [resource, plugin] : plugins_) {
    close(plugin);
    not_served(plugin, agent::Code::NotFound);
  }
  plugins_.clear();
  wrote_ = false;
}

void Plugins::close(Plugin& plugin) {
  plugin.current.reset();
  plugin.silent.clear();
  plugin.writing = plugin.written = plugin.attempt = 0;
  plugin.server.reset();  // ends the streams
}

void Plugins::not_served(Plugin& plugin, agent::Code code) {
  if (!plugin.serving) return;
  hub_.cancel(plugin.serving->deadline);
  hub_.done(plugin.serving->effect, code);
  plugin.serving.reset();
}

void Plugins::served(Plugin& plugin) { not_served(plugin, agent::Code::Success); }

Plugins::Plugin* Plugins::find(const std::string& resource) {
  const auto it = plugins_.find(resource);
  return it == plugins_.end() ? nullptr : &it->second;
}

}  // namespace kerf::kubelet
