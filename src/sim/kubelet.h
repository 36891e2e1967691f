// Kubelet: one node's kubelet: admission, containers, device plugins, the status that it writes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/control/kube.h"
#include "sim/api_server.h"
#include "sim/clock.h"
#include "sim/kubelet_devices.h"

namespace kerf::sim {

/// A delay is drawn evenly from [least, most] milliseconds.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
  std::int64_t draw(Dice& dice) const { return dice.between(least, most); }
};

/// Annotation of a pod, "true": its devices are those of an ordinary init container, which
/// PodResources leaves out.
inline constexpr const char* kInitDevices = "sim.kerf.dev/init-devices";

struct KubeletOptions {
  std::int64_t status_every_ms = 10 * control::kSecond;  ///< nodeStatusUpdateFrequency
  Range see{20, 200};                                    ///< what happens to a pod reaches kubelet
  Range container{300, 3000};                            ///< admitted until it runs
  Range notice{20, 200};         ///< containers ended until their devices are free
  Range report{20, 500};         ///< devices free until the API server knows that the pod is over
  Range down{2000, 10000};       ///< after a crash, until it runs again
  Range first_status{100, 500};  ///< started until its first status
  Range readmit{1000, 60000};    ///< after a reboot, until it comes to the pods of the node
  int init_milli =
      30;  ///< of a thousand pods with devices: those that hold them by init containers
};

/// A device plugin process.
class Plugin {
 public:
  virtual ~Plugin() = default;
  /// GetPreferredAllocation: answer with Kubelet::preferred(). Any answer, in time or never.
  virtual void prefer(std::uint64_t call, const std::string& resource,
                      const std::vector<std::string>& available, std::int64_t count) = 0;
  /// Allocate: answer with Kubelet::allocated().
  virtual void allocate(std::uint64_t call, const std::string& resource,
                        const std::vector<std::string>& ids) = 0;
  /// kubelet.sock appeared (all plugins must register anew), or is gone.
  virtual void kubelet_socket(bool up) = 0;
  /// kubelet ended the stream of that resource: another plugin registered under its name.
  virtual void dropped(const std::string& resource) = 0;
};

/// What runs containers on the machine.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual void started(const control::Pod& pod,
                       const std::vector<control::HeldDevice>& devices) = 0;
  virtual void stopped(const std::string& uid) = 0;
};

/// A pod that kubelet refused for good.
struct Rejection {
  enum class Cause : std::uint8_t {
    Unavailable,   ///< too few healthy devices: the API offered more than kubelet has
    Unregistered,  ///< no plugin, or it lists nothing healthy: right after a restart
    OldDevices,    ///< after a restart or reboot: what it had is not there
    Plugin,        ///< the plugin refused, or went away in the middle
  };
  Instant at = 0;
  std::string pod;
  std::string uid;
  Cause cause = Cause::Unavailable;
  std::string why;  ///< kubelet's words
  bool operator==(const Rejection&) const = default;
};

/// One kubelet, from its start to the end of the machine. Rules: facts that were seen on kubelet
/// 1.36.3, named at each function. Pods are admitted one after the other. Acts only when something
/// happens: the status is compared at the next of its ticks after a change, not at each.
class Kubelet {
 public:
  Kubelet(ApiServer& api, std::string node, Runtime& runtime, KubeletOptions options,
          std::uint64_t seed);
  ~Kubelet();
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  const std::string& node() const { return node_; }
  bool up() const { return up_; }
  /// The device manager as it is now: PodResources and the checkpoint file are read from it.
  const DeviceManager& devices() const { return devices_; }
  /// The checkpoint file can be read at any time, PodResources only while kubelet is up.
  std::vector<PodDevices> checkpoint() const { return devices_.checkpoint(); }

  // --- Its life ----------------------------------------------------------------------------------

  /// Begins to run: kubelet.sock is made anew, plugin sockets are deleted, all known devices are
  /// gone until plugins register. Running containers go on; a pod that is not running now is
  /// admitted again, which fails where it has devices. The first status follows at once.
  void start(const std::string& boot_id);
  /// Ends; start() follows by the machine or by crash().
  void stop();
  /// Ends, and starts again by itself after a while.
  void crash();
  /// The machine lost power or goes down: containers are gone too.
  void machine_down();
  /// Started after a reboot: the pods of the node start anew with the devices that they had.
  void start_after_boot(const std::string& boot_id);
  /// Cannot reach the API server; containers run on. On return it takes up all that happened.
  void cut_off(bool cut);

  // --- Plugins -----------------------------------------------------------------------------------

  /// Called after each change of plugins, devices or who holds them, and (heartbeat) when kubelet
  /// begins or ends to renew its Lease.
  void when_changed(std::function<void()> changed) { changed_ = std::move(changed); }
  void when_heard(std::function<void(bool)> heartbeat) { heartbeat_ = std::move(heartbeat); }

  void watch_socket(Plugin& plugin);  ///< is told kubelet_socket()
  void unwatch_socket(Plugin& plugin);
  /// Registers a plugin under a name, in place of another one; false: kubelet is down.
  bool register_plugin(const std::string& resource, Plugin& plugin);
  /// A message of ListAndWatch. Ignored unless the plugin serves that name.
  void list(const std::string& resource, Plugin& plugin, const std::vector<PluginDevice>& devices);
  /// The plugin process, or its server for that name, is gone.
  void unplug(const std::string& resource, Plugin& plugin);
  void unplug_all(Plugin& plugin);
  bool serves(const std::string& resource, const Plugin& plugin) const;
  /// Names that other plugins serve.
  std::set<std::string> served_by_others(const Plugin& plugin) const;
  void preferred(std::uint64_t call, const std::vector<std::string>& ids);
  void allocated(std::uint64_t call, bool granted, const std::string& why);

  // --- What it hears from the API server (sim::NodeMonitor calls these)
  // ---------------------------

  void pod_changed(const Key& pod);
  /// Its status was changed by somebody: it will be overwritten at the next tick.
  void node_changed();

  // --- For checkers ------------------------------------------------------------------------------

  /// Times that it panicked: a device was unlisted while Allocate was in flight for it.
  int crashes() const { return crashes_; }
  const std::vector<Rejection>& rejections() const { return rejections_; }
  /// uids of pods whose containers run.
  std::set<std::string> running() const;
  void add_to(Hasher& hasher) const;

 private:
  enum class Stage : std::uint8_t { Queued, Admitting, Starting, Running, Ended, Over };
  struct Local {
    Key key;
    std::string uid;
    Stage stage = Stage::Queued;
    bool admitted = false;
    bool ending = false;  ///< told to end
    bool hidden = false;
    bool failed = false;  ///< its containers ended badly
    control::PodPhase phase = control::PodPhase::Pending;
    std::string reason;
    std::string message;
    Timer timer;  ///< of kubelet's own steps
    Timer end;    ///< of its containers: they end whether kubelet is there or not
  };
  /// The one admission under way.
  struct Admission {
    std::string uid;  ///< "" = none
    std::vector<std::pair<std::string, std::int64_t>> wants;
    std::size_t at = 0;
    std::uint64_t call = 0;  ///< that must be answered
    Plugin* plugin = nullptr;
  };

  void begin(const std::string& boot_id);
  void resync();
  void look(const Key& key);
  void enqueue(Local& local);
  void admit_next();
  void ask_plugin();
  void choose(const std::vector<std::string>& preferred);
  void next_resource();
  void admitted();
  void reject(Rejection::Cause cause, const std::string& why);
  void run(const std::string& uid);
  void tell_to_end(Local& local);
  void containers_ended(const std::string& uid);
  void finish(const std::string& uid);
  void over(const std::string& uid);
  void write_pod(const Local& local);
  void after(Local& local, Range range, void (Kubelet::*then)(const std::string&));
  Local* find(const std::string& uid);
  void later(std::int64_t delay_ms, std::function<void()> step);
  void panic();
  void halt();

  void devices_changed();
  void status_due();
  void write_status();

  ApiServer& api_;
  Clock& clock_;
  std::string node_;
  Runtime& runtime_;
  KubeletOptions options_;
  Dice dice_;
  DeviceManager devices_;
  bool up_ = false;
  bool cut_ = false;
  std::string boot_id_;
  Instant phase_ = 0;  ///< a time at which a status was, or is to be, written
  Timer status_;
  Timer restart_;
  std::map<std::string, Plugin*> plugins_;  ///< by resource
  std::vector<Plugin*> watchers_;
  std::map<std::string, Local> pods_;  ///< by uid
  std::vector<std::string> queue_;     ///< uids to admit
  Admission admission_;
  std::function<void()> changed_;
  std::function<void(bool)> heartbeat_;
  std::uint64_t calls_ = 0;
  /// Counts ends of the process: what waited for an older one is void.
  std::shared_ptr<std::uint64_t> life_ = std::make_shared<std::uint64_t>(0);
  int crashes_ = 0;
  std::vector<Rejection> rejections_;
};

}  // namespace kerf::sim
