// What tests of kubelets share: a scripted plugin, a runtime that takes notes, a small cluster.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/api_server.h"
#include "sim/api_server_testing.h"
#include "sim/kubelet.h"
#include "sim/kubelet_nodes.h"

namespace kerf::sim::testing {

/// Serves one resource, registers whenever kubelet.sock appears, and answers after a while.
class ScriptedPlugin : public Plugin {
 public:
  ScriptedPlugin(Kubelet& kubelet, Clock& clock, std::string resource)
      : kubelet_(kubelet), clock_(clock), resource_(std::move(resource)) {
    kubelet_.watch_socket(*this);
  }

  void serve(std::vector<PluginDevice> devices) {
    devices_ = std::move(devices);
    kubelet_.list(resource_, *this, devices_);
  }
  void connect() {
    if (kubelet_.register_plugin(resource_, *this)) kubelet_.list(resource_, *this, devices_);
  }

  void prefer(std::uint64_t call, const std::string&, const std::vector<std::string>& available,
              std::int64_t) override {
    asked = available;
    clock_.after(5, [this, call] { kubelet_.preferred(call, preferred); });
  }
  void allocate(std::uint64_t call, const std::string&,
                const std::vector<std::string>& ids) override {
    granted.push_back(ids);
    if (!answers) return;
    clock_.after(latency_ms, [this, call] { kubelet_.allocated(call, grants, "no"); });
  }
  void kubelet_socket(bool up) override {
    if (up && registers_after_ms >= 0) clock_.after(registers_after_ms, [this] { connect(); });
  }
  void dropped(const std::string&) override { ++drops; }

  std::vector<std::string> preferred;
  std::vector<std::string> asked;  ///< the last list of available ids
  std::vector<std::vector<std::string>> granted;
  std::int64_t latency_ms = 50;
  std::int64_t registers_after_ms = 10;
  bool answers = true;
  bool grants = true;
  int drops = 0;

 private:
  Kubelet& kubelet_;
  Clock& clock_;
  std::string resource_;
  std::vector<PluginDevice> devices_;
};

class NotingRuntime : public Runtime {
 public:
  void started(const control::Pod& pod, const std::vector<control::HeldDevice>& devices) override {
    running[pod.meta.uid] = devices;
    for (const auto& device : devices) {
      const bool fresh = held.insert(device.id).second;
      if (!fresh) ++shared;
    }
  }
  void stopped(const std::string& uid) override {
    for (const auto& device : running[uid]) held.erase(device.id);
    running.erase(uid);
  }
  std::map<std::string, std::vector<control::HeldDevice>> running;  ///< by uid
  std::set<std::string> held;
  int shared = 0;  ///< devices that began to be used by two at a time
};

/// `count` healthy devices "d0" ...
inline std::vector<PluginDevice> devices(int count) {
  std::vector<PluginDevice> list;
  for (int i = 0; i < count; ++i) list.push_back({"d" + std::to_string(i), true});
  return list;
}

/// One node "n" with a kubelet and a plugin of kSmall.
struct Small {
  explicit Small(std::uint64_t seed = 1, KubeletOptions options = no_init())
      : api(clock),
        nodes(api, seed),
        kubelet(api, "n", runtime, options, seed),
        plugin(kubelet, clock, kSmall) {
    nodes.attach(kubelet);
    api.create(node("n"));
    kubelet.start("boot/1");
  }
  static KubeletOptions no_init() {
    KubeletOptions options;
    options.init_milli = 0;
    return options;
  }

  /// A pod that the scheduler has bound to the node.
  void bind(const std::string& name, std::int64_t count = 1) {
    control::Pod pod = gpu_pod(name, "1g.5gb", count);
    pod.node = "n";
    api.create(std::move(pod));
  }
  const control::Pod& pod(const std::string& name) const {
    return *api.find<control::Pod>(key(name));
  }
  const control::Node& object() const { return *api.find<control::Node>("n"); }
  std::int64_t allocatable() const {
    const auto amount = object().allocatable_of.find(kSmall);
    return amount == object().allocatable_of.end() ? -1 : amount->second;
  }
  void run(std::int64_t ms) { clock.run_until(clock.now() + ms); }

  Clock clock;
  ApiServer api;
  NodeMonitor nodes;
  NotingRuntime runtime;
  Kubelet kubelet;
  ScriptedPlugin plugin;
};

}  // namespace kerf::sim::testing
