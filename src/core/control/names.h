// Names that Kerf writes into and reads from a cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/cluster/pod.h"
#include "core/control/object.h"
#include "core/gpu/form.h"

namespace kerf::control {

/// On a NodeClaim and its Node: the policy that bought it. A node without it is not Kerf's.
inline constexpr const char* kPolicyLabel = "kerf.dev/policy";
/// On the same: "cut", "whole" or "any", the mode of its GPUs, from its NodeClass.
inline constexpr const char* kModeLabel = "kerf.dev/mode";
/// Hash of the NodeClass that the node was made from (kerf annotation on the claim).
inline constexpr const char* kNodeClassHash = "kerf.dev/nodeclass-hash";
/// Startup taint of new nodes, NoSchedule, until the first layout is verified and offered.
inline constexpr const char* kUncutTaint = "kerf.dev/uncut";
/// Taint of every Kerf node, NoSchedule: pods that ask for a GPU tolerate it.
inline constexpr const char* kSlicesTaint = "kerf.dev/slices";
inline constexpr const char* kDisruptedTaint = "karpenter.sh/disrupted";
inline constexpr const char* kDoNotDisrupt = "karpenter.sh/do-not-disrupt";
inline constexpr const char* kTypeLabel = "node.kubernetes.io/instance-type";
inline constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";
inline constexpr const char* kCapacityLabel = "karpenter.sh/capacity-type";
/// Pods that a claim was bought for, by uid, separated by commas (annotation of the claim).
inline constexpr const char* kBoughtFor = "kerf.dev/bought-for";
inline constexpr const char* kGroupLabel = "kerf.dev/group";
/// A time-sliced replica of no stated size.
inline constexpr const char* kSharedGpu = "nvidia.com/gpu.shared";

/// How a form is written in objects (WantedSlice::form).
std::string form_text(const gpu::Model& model, const gpu::Form& form);
/// The form of that text on the model; nullopt: there is none. `fraction` as in gpu::forms_of.
std::optional<gpu::Form> parse_form(const gpu::Model& model, const std::string& text,
                                    std::uint8_t fraction = 1);
/// The name under which a device is offered to nobody in particular: "nvidia.com/mig-1g.5gb",
/// "nvidia.com/gpu", "kerf.dev/gpu-4gi-shared" of a replica (kSharedGpu of one too small for any).
std::string natural_resource(const gpu::Model& model, const gpu::Form& form);

/// A portable name, kerf.dev/gpu-<M>gi[-isolated|-shared], taken apart; nullopt: it is none, or its
/// M is not one that is offered.
std::optional<cluster::GpuRequest> parse_portable(const std::string& resource);

/// Uids of the pods that a claim was bought for.
std::vector<std::string> bought_for(const Labels& annotations);
bool is_bought_for(const Labels& annotations, const std::string& uid);

}  // namespace kerf::control
