// Labels: which labels a bought node carries, and whether labels meet a requirement.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/check/audit.h"

namespace kerf::check {

inline constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";
inline constexpr const char* kZoneLabelBeta = "failure-domain.beta.kubernetes.io/zone";
inline constexpr const char* kHostnameLabel = "kubernetes.io/hostname";

inline bool is_zone_label(const std::string& key) {
  return key == kZoneLabel || key == kZoneLabelBeta;
}

/// Values by key. A key has several values where several names mean the same: the product of a GPU
/// model is sold under more than one.
using NodeLabels = std::map<std::string, std::vector<std::string>>;

/// Labels that Kubernetes, Karpenter and GPU Feature Discovery give to a node of this type, without
/// its zone. The hostname is not known before the node is there: a value that nobody can name.
NodeLabels given_labels(const Audit& audit, const plan::NodePlan& node);
/// The same with what the policy and the plan add. Of a node that stands: the labels that it has,
/// its zone among them.
NodeLabels labels_of(const Audit& audit, const plan::NodePlan& node);
/// The zones in which the node may come up, as far as they matter to these requirements: its own
/// list; if that is empty, those of the market, those that a requirement names, and one unknown.
std::vector<std::string> possible_zones(const Audit& audit, const plan::NodePlan& node,
                                        const cluster::PodShape& shape);

/// As Kubernetes evaluates a requirement: NotIn holds where the key is absent; Gt and Lt want one
/// integer on both sides.
bool meets(const cluster::Requirement& requirement, const NodeLabels& labels);
bool meets(const cluster::Requirement& requirement,
           const std::map<std::string, std::string>& labels);

/// nodeSelector and required node affinity, in every zone in which the node may come up.
/// Empty if admitted, else the end of a sentence.
std::string why_not_selected(const Audit& audit, const plan::NodePlan& node,
                             const cluster::PodShape& shape);

/// Whether the selector of a constraint of `carrier` looks at `other`. A selector without
/// namespaces means the carrier's own.
bool selects(const cluster::PodSelector& selector, const cluster::PodShape& carrier,
             const cluster::PodShape& other);

}  // namespace kerf::check
