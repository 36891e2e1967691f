// NodeMonitor: routes changes to the kubelets, and what Kubernetes itself does when a node is
// silent.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/hash.h"
#include "sim/api_server.h"
#include "sim/clock.h"
#include "sim/kubelet.h"

namespace kerf::sim {

/// kube-controller-manager's defaults.
struct NodeMonitorOptions {
  std::int64_t grace_ms = 40 * control::kSecond;       ///< silent so long: not ready
  std::int64_t tolerated_ms = 300 * control::kSecond;  ///< not ready so long: its pods are deleted
  Range taint{5, 100};         ///< a NoExecute taint until the pods that do not tolerate it go
  Range orphan{20000, 40000};  ///< a Node is gone until its pods are removed
};

/// The taint of a node that is not ready, NoExecute.
inline constexpr const char* kUnreachableTaint = "node.kubernetes.io/unreachable";

/// One for a cluster. Makes the node lifecycle controller, the taint manager and the pod garbage
/// collector, and tells each kubelet of its pods and its Node, so that a change costs one look-up
/// however many nodes there are.
class NodeMonitor {
 public:
  NodeMonitor(ApiServer& api, std::uint64_t seed, NodeMonitorOptions options = {});
  ~NodeMonitor();
  NodeMonitor(const NodeMonitor&) = delete;
  NodeMonitor& operator=(const NodeMonitor&) = delete;

  void attach(Kubelet& kubelet);
  void detach(Kubelet& kubelet);

  /// Its kubelet no longer renews its Lease: it is down, or cut off.
  void silent(const std::string& node);
  /// It does again; the kubelet itself writes that the node is ready.
  void speaks(const std::string& node);

  void add_to(Hasher& hasher) const;

 private:
  struct Silence {
    Timer timer;
    bool unready = false;
  };

  void pod_changed(const Change& change);
  void node_changed(const Change& change);
  void not_ready(const std::string& node);
  void evict_all(const std::string& node);
  void evict_untolerant(const std::string& node);
  void collect(const std::string& node);

  ApiServer& api_;
  Clock& clock_;
  NodeMonitorOptions options_;
  Dice dice_;
  std::map<std::string, Kubelet*> kubelets_;  ///< by node
  std::map<std::string, Silence> silent_;
  std::uint64_t pods_ = 0;
  std::uint64_t nodes_ = 0;
};

}  // namespace kerf::sim
