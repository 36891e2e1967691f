// Selectors of nodes and pods in manifests -> requirements.
#pragma once

#include <algorithm>
#include <vector>

#include "codec/kube_object.h"
#include "core/cluster/pod.h"

namespace kerf::codec {

/// Lists come out sorted and without doubles, so that what means the same is equal.
template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

/// `{a: b}` as In requirements, by key.
cluster::Requirements requirements_of(const Labels& labels);

/// One entry of matchExpressions; its values come out sorted. Gt and Lt are for nodes only.
Result<cluster::Requirement> read_requirement(const KubeObject& object, const Node& expression,
                                              bool for_nodes);

/// A label selector {matchLabels, matchExpressions}. nullptr reads as an empty one; that a null
/// selector selects nothing is the caller's affair.
Result<cluster::Requirements> label_selector(const KubeObject& object, const Node* selector);

}  // namespace kerf::codec
