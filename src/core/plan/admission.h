// Admission: may a pod run on what an offering buys, and in which forms can a GPU serve its
// request?
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cluster/pod.h"
#include "core/cluster/policy.h"
#include "core/gpu/form.h"
#include "core/market/market.h"
#include "core/plan/reason.h"

namespace kerf::plan {

/// What one label of a node has to be for somebody.
struct LabelNeed {
  bool may_be_absent = true;
  bool may_be_present = true;
  std::optional<std::set<std::string>> in;  ///< unset: any value
  std::set<std::string> not_in;
  std::optional<std::int64_t> above;  ///< Gt: an integer greater than this
  std::optional<std::int64_t> below;  ///< Lt

  bool operator==(const LabelNeed&) const = default;
  /// A value that meets the need, the least one; nullopt if there is none.
  std::optional<std::string> value() const;
  bool satisfiable() const { return may_be_absent || value().has_value(); }
};

/// By key: labels that no offering decides and that a node can be given (team=ml).
using LabelNeeds = std::map<std::string, LabelNeed>;

/// True if a node can be given a label of this key: Karpenter's restricted domains (pkg/apis/v1
/// labels.go: kubernetes.io, k8s.io, karpenter.sh) and those of the cloud and of NVIDIA are not
/// ours to invent.
bool can_be_given(const std::string& key);

/// The labels a node needs for this shape, beside those of offering and policy. Of several node
/// affinity terms that want different labels the first one counts.
LabelNeeds label_needs(const market::Market& market, const cluster::Policy& policy,
                       const cluster::PodShape& shape);
/// True if label_needs had to choose where Kubernetes would leave a choice: a bound must not rely
/// on it.
bool chooses_labels(const market::Market& market, const cluster::Policy& policy,
                    const cluster::PodShape& shape);
/// Both needs together.
LabelNeeds merge(LabelNeeds a, const LabelNeeds& b);
/// Can one node meet both?
bool compatible(const LabelNeeds& a, const LabelNeeds& b);
/// The labels to give, by key. The needs must be satisfiable.
std::vector<std::pair<std::string, std::string>> labels_of(const LabelNeeds& needs);

/// True if node selector or node affinity name an architecture; then the policy's do not count.
bool names_arch(const cluster::PodShape& shape);

/// The fields that decide which nodes admit a pod and in which forms; all else blank, so that pods
/// that are alike in them share one.
cluster::PodShape admission_part(const cluster::PodShape& shape);

struct Admission {
  bool ok = true;
  Reason why_not;  ///< NoTypeMatches with the constraint, where not ok
};

/// How labels that a node can be given count: as label_needs chooses them, or as if every choice
/// were open (for bounds).
enum class GivenLabels : std::uint8_t { AsChosen, Open };

/// May a pod of this shape run on a node of this offering? Judged: architecture (the policy's,
/// unless the pod names one), node selector and affinity against market::node_labels, the policy's
/// node labels and taints, zones of volumes. Not judged here: resources, forms, other pods. The
/// taint kerf.dev/slices is tolerated by every pod that asks for a GPU. `zone` empty: no zone is
/// known.
Admission admits(const market::Market& market, const cluster::Policy& policy,
                 const cluster::PodShape& shape, const market::InstanceType& type,
                 const std::string& zone, market::CapacityType capacity,
                 GivenLabels given = GivenLabels::AsChosen);

/// The part of admits() that node selector and node affinity decide.
Admission selects(const market::Market& market, const cluster::Policy& policy,
                  const cluster::PodShape& shape, const market::InstanceType& type,
                  const std::string& zone, market::CapacityType capacity,
                  GivenLabels given = GivenLabels::AsChosen);

/// Every form of one GPU of this type that serves one device of the request, in the order of
/// gpu::forms_of. Rules (README.md, docs/reference/traces.md):
///  - Whole: the whole GPU, of at least `gib` nominal GB; never a fractional instance;
///  - Slice: the profile of that name;
///  - Portable: any form with at least M nominal GB but special profiles (+me, -me, +gfx); memory
///    enforced unless the request tolerates sharing; MPS only if it need not be isolated. The
///    policy's isolation floor can only raise the request;
///  - ShareOfMemory: the plain profiles with the fewest slots such that slots / total >= s;
///  - ShareOfCompute: the plain profile whose compute slices of the total are nearest to s, ties to
///    the smaller.
std::vector<gpu::Form> forms_for(const cluster::GpuRequest& request, const market::Market& market,
                                 const market::InstanceType& type, const cluster::Policy& policy);

}  // namespace kerf::plan
