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
/// On a Node until Karpenter has put the claim's labels and taints on it.
inline constexpr const char* kUnregisteredTaint = "karpenter.sh/unregistered";
inline constexpr const char* kDisruptedTaint = "karpenter.sh/disrupted";
inline constexpr const char* kDoNotDisrupt = "karpenter.sh/do-not-disrupt";
inline constexpr const char* kTypeLabel = "node.kubernetes.io/instance-type";
inline constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";
inline constexpr const char* kCapacityLabel = "karpenter.sh/capacity-type";
/// No label but the field that matchFields names, which every node carries as a label in the mind:
/// a DaemonSet's pod asks for its one node by it.
inline constexpr const char* kNodeNameField = "metadata.name";
/// Pods that a claim was bought for, by uid, separated by commas (annotation of the claim).
inline constexpr const char* kBoughtFor = "kerf.dev/bought-for";
inline constexpr const char* kGroupLabel = "kerf.dev/group";
/// On a NodeClaim and its Node: "true"; the agent's DaemonSet selects by it.
inline constexpr const char* kManagedLabel = "kerf.dev/managed";
/// On the same: "false"; keeps the GPU Operator's device plugin and MIG manager away (DESIGN §11).
inline constexpr const char* kOperandsLabel = "nvidia.com/gpu.deploy.operands";
/// On a GpuNode: what its node costs, dollars per hour, for `kubectl get gpunodes`.
inline constexpr const char* kUsdPerHour = "kerf.dev/usd-per-hour";
/// On a NodeClaim: the first layout, JSON of a GpuNode's spec; Karpenter copies it to the Node.
inline constexpr const char* kLayoutAnnotation = "kerf.dev/layout";
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
