// DaemonSets of the input: what they take of every GPU node.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "codec/pod_spec.h"
#include "codec/reading_notes.h"
#include "core/market/market.h"

namespace kerf::codec {

/// Sums the pods that every GPU node will have.
class DaemonSets {
 public:
  /// `count`: whether they are overhead at all; else they are left out, and told.
  explicit DaemonSets(bool count) : count_(count) {}

  /// One DaemonSet, from its template or one of its pods; a second pod of it is ignored. Left out:
  /// those that ask for GPUs, and those whose selectors or affinity exclude Linux GPU nodes.
  void add(const std::string& ns, const std::string& name, const PodTemplate& pod,
           ReadingNotes& notes);
  /// Adds the sum, if there is any.
  void tell(market::NodeOverhead& overhead) const;

 private:
  bool count_;
  std::set<std::pair<std::string, std::string>> seen_;
  Resources sum_;
  std::int64_t counted_ = 0;
};

/// True if no Linux GPU node with an amd64 processor can have the pod, whatever its type. Labels
/// that may be there or not are taken to be there.
bool excludes_gpu_nodes(const cluster::PodShape& shape);

}  // namespace kerf::codec
