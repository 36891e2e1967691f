// Decides which DaemonSets run on GPU nodes and sums their requests.
#include "codec/daemonsets.h"

#include <fmt/format.h>

#include <algorithm>

namespace kerf::codec {
namespace {

using cluster::Requirement;

/// True if the requirement fails on every GPU node. Only labels of which all such nodes are known
/// to have this value, or none, decide.
bool fails(const Requirement& requirement) {
  static const Labels kNode = {{"kubernetes.io/os", "linux"},
                               {"beta.kubernetes.io/os", "linux"},
                               {"kubernetes.io/arch", "amd64"},
                               {"beta.kubernetes.io/arch", "amd64"},
                               {"nvidia.com/gpu.present", "true"}};
  static const std::set<std::string> kAbsent = {"eks.amazonaws.com/compute-type",
                                                "node-role.kubernetes.io/control-plane",
                                                "node-role.kubernetes.io/master"};
  const bool decides = kNode.contains(requirement.key) || kAbsent.contains(requirement.key);
  return decides && !cluster::matches(requirement, kNode);
}

}  // namespace

bool excludes_gpu_nodes(const cluster::PodShape& shape) {
  const auto any_fails = [](const cluster::Requirements& all) {
    return std::any_of(all.begin(), all.end(), fails);
  };
  if (any_fails(shape.node_selector)) return true;
  if (!shape.node_affinity.empty() &&
      std::all_of(shape.node_affinity.begin(), shape.node_affinity.end(), any_fails)) {
    return true;
  }
  return std::any_of(shape.unplaceable.begin(), shape.unplaceable.end(),
                     [](const cluster::Unplaceable& one) { return one.field == "spec.os"; });
}

void DaemonSets::add(const std::string& ns, const std::string& name, const PodTemplate& pod,
                     ReadingNotes& notes) {
  if (!seen_.emplace(ns, name).second) return;
  if (!pod.shape.gpu.empty()) {
    notes.leave_out("DaemonSet", "DaemonSets", "a GPU on every node is no demand of a known size");
  } else if (excludes_gpu_nodes(pod.shape)) {
    notes.leave_out("DaemonSet", "DaemonSets", "not for Linux GPU nodes");
  } else if (!count_) {
    notes.leave_out("DaemonSet", "DaemonSets",
                    "not counted, because the overhead of nodes is given");
  } else {
    sum_ = sum_ + pod.shape.requests;
    ++counted_;
  }
}

void DaemonSets::tell(market::NodeOverhead& overhead) const {
  if (counted_ == 0) return;
  overhead.daemonsets = overhead.daemonsets + sum_;
  overhead.source = fmt::format("DaemonSets in the input ({})", counted_);
}

}  // namespace kerf::codec
