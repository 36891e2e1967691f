// FakeKubelet: kubelet's device manager and PodResources over gRPC, with the rules of 1.36.3.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace kerf::kubelet {

/// A model, not a script. What it does as kubelet does:
///  - its start deletes all sockets in the folder, then makes kubelet.sock; what it knows is gone,
///    except the checkpoint;
///  - Register connects to the plugin, asks for its options, and makes it the endpoint of that
///  name;
///    a goroutine (thread) reads the stream. When any stream of a name ends, the newest client of
///    the name is disconnected, and all of its devices are unhealthy;
///  - each list is the whole truth, whoever sends it; the checkpoint is written;
///  - an allocation marks the devices, asks the plugin without a lock, then looks them up in the
///    list: one that is not there any more is a panic;
///  - the end of a pod is forgotten with the next List or allocation, and not written;
///  - List does not show init containers.
///
/// All members may be called from any thread.
class FakeKubelet {
 public:
  FakeKubelet(std::string folder, std::string pod_resources);
  ~FakeKubelet();

  void start();
  /// Killed: streams break; kubelet.sock stays and refuses connections.
  void kill();
  void restart() {
    kill();
    start();
  }

  struct Outcome {
    bool granted = false;
    std::string why;                ///< gRPC's code by number, and its words
    int code = 0;                   ///< gRPC's
    std::set<std::string> devices;  ///< given
    std::vector<std::string> cdi;   ///< names that the plugin answered
    bool something_else = false;    ///< the plugin gave more than CDI names
  };
  enum class Container { Ordinary, Init };
  /// Admits a pod with one container that asks for `count` devices.
  Outcome admit(const std::string& pod, const std::string& resource, int count,
                Container container = Container::Ordinary);
  void end(const std::string& pod);
  /// Sends a request with these containers (kubelet sends one each time).
  Outcome allocate_raw(const std::string& resource,
                       const std::vector<std::vector<std::string>>& containers,
                       std::chrono::milliseconds deadline);
  Outcome prefer_raw(const std::string& resource, const std::vector<std::string>& available,
                     const std::vector<std::string>& must, int size,
                     std::chrono::milliseconds deadline);

  std::set<std::string> healthy(const std::string& resource) const;
  std::set<std::string> unhealthy(const std::string& resource) const;
  /// Lists that came in this run of kubelet, of all streams.
  int lists(const std::string& resource) const;
  int registrations(const std::string& resource) const;
  int streams(const std::string& resource) const;  ///< that are open
  int looks() const;                               ///< List of PodResources, answered
  int hanging() const;                             ///< Registers that have come and not returned
  bool panicked() const;
  /// Waits for a change of what is above, as long as it takes (half a minute: false).
  bool wait(const std::function<bool()>& condition) const;

  // Faults.
  void hang_registration(bool hang);  ///< Register does not return while so
  void fail_registration(bool fail);
  void register_without_stream(bool so);  ///< connects, and opens no stream
  void stop_reading(bool stop);           ///< streams are open and not read
  void hang_pod_resources(bool hang);
  void pods_unknown(bool unknown);  ///< has not heard of its pods yet: List shows none
  void connect_again(const std::string& resource);  ///< a second client, as after a late Register
  void end_stream(const std::string& resource);     ///< disconnects the newest client
  void write_checkpoint();
  /// Another plugin takes the name with these devices; it ends with `end_foreign`.
  void foreign(const std::string& resource, const std::set<std::string>& devices);
  void end_foreign(const std::string& resource);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kerf::kubelet
