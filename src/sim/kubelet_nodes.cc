// Node lifecycle, NoExecute taints and pod garbage collection as kube-controller-manager does them.
#include "sim/kubelet_nodes.h"

#include <algorithm>
#include <vector>

namespace kerf::sim {

using control::Node;
using control::Pod;

NodeMonitor::NodeMonitor(ApiServer& api, std::uint64_t seed, NodeMonitorOptions options)
    : api_(api), clock_(api.clock()), options_(options), dice_(seed, "node-monitor") {
  pods_ = api_.listen(Kind::Pod, [this](const Change& change) { pod_changed(change); });
  nodes_ = api_.listen(Kind::Node, [this](const Change& change) { node_changed(change); });
}

NodeMonitor::~NodeMonitor() {
  api_.unlisten(pods_);
  api_.unlisten(nodes_);
}

void NodeMonitor::attach(Kubelet& kubelet) { kubelets_[kubelet.node()] = &kubelet; }

void NodeMonitor::detach(Kubelet& kubelet) {
  const auto at = kubelets_.find(kubelet.node());
  if (at != kubelets_.end() && at->second == &kubelet) kubelets_.erase(at);
}

void NodeMonitor::pod_changed(const Change& change) {
  const Pod* was = change.was<Pod>();
  const Pod* is = change.is<Pod>();
  const std::string& node = is != nullptr ? is->node : was->node;
  if (node.empty()) return;
  const bool bound = was == nullptr || was->node != node;
  const bool over = is == nullptr || (was != nullptr && is->meta.deleted != was->meta.deleted);
  if (!bound && !over) return;
  const auto kubelet = kubelets_.find(node);
  if (kubelet != kubelets_.end()) {
    kubelet->second->pod_changed(change.key);
  } else if (is != nullptr && api_.find<Node>(node) == nullptr) {
    clock_.after(options_.orphan.draw(dice_), [this, node] { collect(node); });
  }
}

void NodeMonitor::node_changed(const Change& change) {
  const std::string& node = change.key.name;
  const Node* was = change.was<Node>();
  const Node* is = change.is<Node>();
  if (is == nullptr) {
    const auto silence = silent_.find(node);
    if (silence != silent_.end()) {
      clock_.cancel(silence->second.timer);
      silent_.erase(silence);
    }
    clock_.after(options_.orphan.draw(dice_), [this, node] { collect(node); });
    return;
  }
  if (was == nullptr || was->taints != is->taints) {
    const bool hard = std::any_of(is->taints.begin(), is->taints.end(), [](const auto& taint) {
      return taint.effect == "NoExecute" && taint.key != kUnreachableTaint;
    });
    if (hard) clock_.after(options_.taint.draw(dice_), [this, node] { evict_untolerant(node); });
  }
  const auto kubelet = kubelets_.find(node);
  if (kubelet != kubelets_.end()) kubelet->second->node_changed();
}

void NodeMonitor::silent(const std::string& node) {
  if (silent_.contains(node)) return;
  silent_[node].timer = clock_.after(options_.grace_ms, [this, node] { not_ready(node); });
}

void NodeMonitor::speaks(const std::string& node) {
  const auto silence = silent_.find(node);
  if (silence == silent_.end()) return;
  clock_.cancel(silence->second.timer);
  silent_.erase(silence);
  api_.mutate<Node>(Key{"", node}, [](Node& changed) {
    std::erase_if(changed.taints, [](const auto& taint) { return taint.key == kUnreachableTaint; });
  });
}

void NodeMonitor::not_ready(const std::string& node) {
  Silence& silence = silent_[node];
  silence.unready = true;
  silence.timer = clock_.after(options_.tolerated_ms, [this, node] { evict_all(node); });
  api_.mutate<Node>(Key{"", node}, [](Node& changed) {
    changed.ready = false;
    const cluster::Taint taint{kUnreachableTaint, "", "NoExecute"};
    if (std::find(changed.taints.begin(), changed.taints.end(), taint) == changed.taints.end())
      changed.taints.push_back(taint);
  });
}

/// DefaultTolerationSeconds: every pod tolerates an unreachable node for a while.
void NodeMonitor::evict_all(const std::string& node) {
  const std::set<Key> pods = api_.pods_on(node);
  for (const Key& key : pods) api_.erase(Kind::Pod, key);
}

void NodeMonitor::evict_untolerant(const std::string& node) {
  const Node* is = api_.find<Node>(node);
  if (is == nullptr) return;
  std::vector<cluster::Taint> hard;
  for (const cluster::Taint& taint : is->taints) {
    if (taint.effect == "NoExecute" && taint.key != kUnreachableTaint) hard.push_back(taint);
  }
  const std::set<Key> pods = api_.pods_on(node);
  for (const Key& key : pods) {
    const Pod* pod = api_.find<Pod>(key);
    if (pod == nullptr || pod->done()) continue;
    const bool stays = std::all_of(hard.begin(), hard.end(), [&](const auto& taint) {
      return cluster::tolerates(pod->shape.tolerations, taint);
    });
    if (!stays) api_.erase(Kind::Pod, key);
  }
}

/// Pods of a node that does not exist are removed without a kubelet's word.
void NodeMonitor::collect(const std::string& node) {
  if (api_.find<Node>(node) != nullptr) return;
  const std::set<Key> pods = api_.pods_on(node);
  for (const Key& key : pods) api_.remove(Kind::Pod, key);
}

void NodeMonitor::add_to(Hasher& hasher) const {
  for (const auto& [node, silence] : silent_) {
    hasher.add(node);
    hasher.add(silence.timer.at);
    hasher.add(silence.unready);
  }
  dice_.add_to(hasher);
}

}  // namespace kerf::sim
