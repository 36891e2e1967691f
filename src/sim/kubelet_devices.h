// DeviceManager: how a kubelet counts, gives out and remembers the devices of its plugins.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "core/control/kube.h"
#include "sim/clock.h"

namespace kerf::sim {

/// A device as its plugin lists it (ListAndWatch).
struct PluginDevice {
  std::string id;
  bool healthy = true;
  auto operator<=>(const PluginDevice&) const = default;
};

/// Devices of one pod, by resource: what the checkpoint file and PodResources know of it.
struct PodDevices {
  std::string pod;  ///< "namespace/name"
  std::string uid;
  std::map<std::string, std::set<std::string>> ids;
  /// Held by an ordinary init container: PodResources does not list it.
  bool hidden = false;
  bool operator==(const PodDevices&) const = default;
};

/// What admission of a pod came to for one resource.
struct Grant {
  enum class Kind : std::uint8_t {
    Call,     ///< ask the plugin (Allocate) for `ids`, then answered() or refused()
    Kept,     ///< the pod has its devices from before, and they are there
    Rejected  ///< for good; `why` is kubelet's message
  };
  Kind kind = Kind::Rejected;
  std::vector<std::string> ids;  ///< Call: in no order
  std::string why;
};

/// kubelet's device manager as a value: rules of pkg/kubelet/cm/devicemanager in 1.34 to 1.36
/// (facts marked "seen" were run on 1.36.3). What it knows lives in memory, except the checkpoint.
///
/// - Capacity of a resource is what is listed, allocatable what of it is healthy (seen). A resource
///   whose plugin went away has no healthy device; `kForgetAfter` later kubelet forgets it.
/// - A device is in use from the moment it is chosen; it is recorded for its pod after the plugin
///   has answered (seen). In between neither PodResources nor the checkpoint has it.
/// - A device that left the list before its Allocate was answered crashes kubelet (seen).
class DeviceManager {
 public:
  /// A plugin whose socket is gone keeps its resource listed, not healthy, for this long.
  static constexpr control::Instant kForgetAfter = 5 * control::kMinute;

  // --- Plugins -----------------------------------------------------------------------------------

  /// A plugin registers under the name; one that was there is cut off, and the list begins empty.
  void registered(const std::string& resource);
  /// The plugin of that name says what it has. No effect if none is registered.
  void list(const std::string& resource, const std::vector<PluginDevice>& devices);
  /// The plugin's socket is gone.
  void unplugged(const std::string& resource, control::Instant now);
  bool has_plugin(const std::string& resource) const;

  // --- What it offers ----------------------------------------------------------------------------

  /// By resource; 0 for what is registered and has none.
  control::Amounts capacity(control::Instant now) const;
  control::Amounts allocatable(control::Instant now) const;
  /// PodResources GetAllocatableResources: what it believes now, healthy, by resource.
  std::map<std::string, std::set<std::string>> allocatable_ids() const;
  /// PodResources List: pods with devices, without hidden ones and allocations in flight.
  std::vector<PodDevices> pod_resources() const;
  /// The file kubelet_internal_checkpoint: hidden ones too; nothing in flight.
  std::vector<PodDevices> checkpoint() const;

  // --- Giving out --------------------------------------------------------------------------------

  /// The ids that are free, in an order drawn from `dice`: what GetPreferredAllocation is asked
  /// with.
  std::vector<std::string> free(const std::string& resource, Dice& dice) const;
  /// Chooses `count` devices for a pod: those of `preferred` that are free first, then others in an
  /// order drawn from `dice`. The chosen are in use from now on.
  Grant choose(const std::string& pod, const std::string& uid, const std::string& resource,
               std::int64_t count, const std::vector<std::string>& preferred, Dice& dice);
  /// The plugin answered Allocate for a pod that choose() said Call for. False: a device is not
  /// listed any more, and kubelet has crashed; call restart().
  [[nodiscard]] bool answered(const std::string& uid, const std::string& resource, bool hidden);
  /// The plugin refused, or is gone: the devices are free again.
  void refused(const std::string& uid, const std::string& resource);
  /// The pod's containers have stopped, or it was rejected: what it has is free.
  void free_pod(const std::string& uid);

  /// The devices of a pod that was recorded.
  std::vector<control::HeldDevice> devices_of(const std::string& uid) const;
  /// Pods ("namespace/name") that are recorded for, or about to get, the device under any name.
  std::set<std::string> holders(const std::string& id) const;

  // --- Restart -----------------------------------------------------------------------------------

  /// The process ended: all that is left is the checkpoint.
  void restart();

  void add_to(Hasher& hasher) const;

 private:
  struct Resource {
    bool plugin = false;
    control::Instant gone_at = 0;             ///< without plugin: since when
    std::map<std::string, bool> listed;       ///< id -> healthy
    std::map<std::string, std::string> used;  ///< id -> uid, chosen or recorded
    bool operator==(const Resource&) const = default;
  };

  bool forgotten(const Resource& resource, control::Instant now) const;
  Grant keep(const PodDevices& pod, const std::string& resource, std::int64_t count) const;

  std::map<std::string, Resource> resources_;
  std::map<std::string, PodDevices> recorded_;  ///< by uid
  std::map<std::string, PodDevices> flying_;    ///< by uid: chosen, Allocate not answered
};

}  // namespace kerf::sim
