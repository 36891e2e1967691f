// The closed list of what kerf doctor can say; docs/reference/doctor.md shows it, and a test
// compares.
#include <array>

#include "base/assert.h"
#include "doctor/finding.h"

namespace kerf::doctor {
namespace {

/// In the order of Code.
constexpr std::array<CodeInfo, 59> kCodes = {{
    {"KubernetesOld", Severity::Problem, "the API server is older than Kubernetes 1.32",
     "upgrade the cluster before you install Kerf: containers get their slices by CDI",
     "docs/install-agent.md"},
    {"VersionUnknown", Severity::Note, "the version of the API server is not known",
     "see that it is 1.32 or later: kubectl version", ""},
    {"TolerationsByHand", Severity::Note,
     "the API server is older than 1.36: no MutatingAdmissionPolicy can give pods the toleration "
     "of Kerf's nodes",
     "give pods that ask for a GPU {key: kerf.dev/slices, operator: Exists, effect: NoSchedule}, "
     "in their templates",
     "deploy/admission-tolerations.yaml"},
    {"KubeletOld", Severity::Problem, "the kubelet of a GPU node is older than 1.32",
     "replace these nodes by newer ones; nodeadm turns CDI on from Kubernetes 1.32",
     "docs/install-agent.md"},
    {"KubeletSkew", Severity::Warning,
     "a GPU node's kubelet is newer than the API server, or more than three minor versions older",
     "bring nodes and control plane together; Kubernetes supports no other distance",
     "https://kubernetes.io/releases/version-skew-policy/"},
    {"ContainerdOld", Severity::Problem,
     "a GPU node's containerd is older than 1.7: it has no CDI, by which containers get slices",
     "replace these nodes by newer ones", "docs/install-agent.md"},
    {"KubernetesReady", Severity::Ok, "API server and the kubelets of GPU nodes are new enough",
     "nothing", ""},
    {"NotAllowed", Severity::Warning,
     "you may not list kinds that a plan needs; one finding for each API group",
     "ask for a ClusterRole with this rule", "docs/reference/rbac.md"},
    {"NotRead", Severity::Warning, "a kind could not be read",
     "try again; the words are kubectl's own", ""},
    {"OneNamespace", Severity::Warning,
     "pods of one namespace only were read: who else is on the nodes is not known",
     "ask for a ClusterRole that may list pods in all namespaces", "docs/reference/rbac.md"},
    {"PricePageRefused", Severity::Warning, "the metrics page of a Karpenter pod could not be read",
     "ask for a Role with this rule, or save the page and give it with --prices",
     "docs/reference/prices.md"},
    {"ReadingOld", Severity::Note, "what was read is older than twelve hours",
     "take a new snapshot: kerf snapshot", ""},
    {"KarpenterAbsent", Severity::Warning, "the API server serves no NodeClaims",
     "install Karpenter 1.14 or later if Kerf is to buy nodes; planning needs none",
     "docs/controller.md"},
    {"KarpenterNotSeen", Severity::Note, "Karpenter's kinds are served, and no pod of it was seen",
     "does it run outside the cluster, or as part of EKS Auto Mode? Then Kerf gets no prices from "
     "it: give --prices",
     "docs/reference/prices.md"},
    {"KarpenterOld", Severity::Warning, "Karpenter is older than 1.14",
     "upgrade it: with older ones Kerf was never tried", "docs/controller.md"},
    {"KarpenterReady", Severity::Ok, "Karpenter is there and new enough", "nothing", ""},
    {"ReservedOff", Severity::Warning,
     "Karpenter's gate ReservedCapacity is off, and capacity reservations are in use",
     "set ReservedCapacity=true in Karpenter's feature gates: without it reservations are not "
     "bought from",
     "karpenter pkg/operator/options/options.go"},
    {"NodeRepairOn", Severity::Warning,
     "Karpenter's gate NodeRepair is on: it replaces a node, with its pods, after 10 min of "
     "AcceleratedHardwareReady=False",
     "know it when you cut by hand or reset GPUs; set NodeRepair=false if a person should look "
     "first",
     "karpenter pkg/operator/options/options.go"},
    {"StaticMigPromise", Severity::Warning,
     "a NodeOverlay promises MIG slices for every node of a type, whatever its layout",
     "take nvidia.com/mig-* out of it once Kerf buys for these pods: Karpenter would buy a second "
     "node for slices that the promise does not bring",
     "karpenter pkg/controllers/nodeoverlay"},
    {"NodePoolCompetes", Severity::Warning,
     "a NodePool buys GPU nodes, and a SlicePolicy buys for nvidia.com/gpu too: both answer the "
     "same pods",
     "take nvidia.com/gpu out of buysFor, or exclude GPU types from the NodePool",
     "docs/controller.md"},
    {"NodePoolBuysGpus", Severity::Note,
     "a NodePool can buy nodes with NVIDIA GPUs, for pods that ask for nvidia.com/gpu",
     "nothing: it goes on serving them; nvidia.com/mig-* and kerf.dev/* it cannot buy for",
     "docs/controller.md"},
    {"NodePoolExpires", Severity::Note,
     "nodes of a GPU NodePool expire: their pods end whether or not there is another place",
     "set expireAfter: Never for long GPU work, or a terminationGracePeriod that lets it end",
     "karpenter website: concepts/disruption"},
    {"NoConsolidateAfter", Severity::Note,
     "a GPU NodePool has no disruption.consolidateAfter: Karpenter may replace a node as soon as "
     "it looks cheaper",
     "write it, for example consolidateAfter: 10m: before Karpenter 1.15 it is required",
     "karpenter pkg/apis/v1/nodepool.go"},
    {"NodeClassUnpriced", Severity::Warning,
     "a SlicePolicy names a NodeClass that no NodePool uses: Karpenter shows no prices for it",
     "apply deploy/examples/nodepools-prices.yaml: a NodePool of limit 0 for each NodeClass",
     "docs/reference/prices.md"},
    {"NodeClassNotReady", Severity::Warning,
     "a NodeClass is not Ready: nothing can be bought of it",
     "its conditions say what is missing: subnets, security groups, an image, the role", ""},
    {"SmallRootVolume", Severity::Warning,
     "a GPU node has less than 60 GiB for images and emptyDirs, or its NodeClass gives it less: "
     "CUDA images alone take that",
     "give the NodeClass a larger blockDeviceMappings[].ebs.volumeSize; kerf plan --root-volume "
     "says what to reckon with",
     "docs/allocatable.md"},
    {"MigStrategyWrong", Severity::Problem,
     "pods ask for nvidia.com/mig-*, and NVIDIA's device plugin runs with another MIG strategy "
     "than "
     "mixed: they wait for ever",
     "set the strategy to mixed (mig.strategy in the ClusterPolicy, MIG_STRATEGY of the device "
     "plugin), or let Kerf's agent serve these nodes",
     "k8s-device-plugin: MIG strategies"},
    {"OperatorTakesOver", Severity::Problem,
     "the GPU Operator's device plugin or MIG manager may run on a node of Kerf's",
     "label the node nvidia.com/gpu.deploy.operands=false, from birth: in its NodeClass",
     "docs/install-agent.md"},
    {"OperandLabelsFragile", Severity::Warning,
     "single operands are kept off by nvidia.com/gpu.deploy.*=false: the operator deletes these "
     "labels while a node lacks nvidia.com/gpu.present=true",
     "use nvidia.com/gpu.deploy.operands=false, which it leaves alone", "docs/install-agent.md"},
    {"MigConfigFailed", Severity::Problem,
     "MIG manager could not apply the configuration that a node is labelled with",
     "read its log on that node; most often a process holds a GPU. Then set the label "
     "nvidia.com/mig.config again",
     ""},
    {"MigConfigPending", Severity::Note, "MIG manager is changing a node", "wait, then look again",
     ""},
    {"NoProductLabel", Severity::Note,
     "GPU nodes lack the label nvidia.com/gpu.product: pods that select by it never come there",
     "run GPU Feature Discovery on them; on its own nodes Kerf writes these labels", ""},
    {"ForeignPlugin", Severity::Problem,
     "another device plugin runs on a node of Kerf's: the agent says Degraded, and touches nothing",
     "keep it off by an affinity against kerf.dev/managed", "docs/install-agent.md"},
    {"PluginWouldCome", Severity::Warning,
     "NVIDIA's device plugin runs as a DaemonSet of its own, which goes to Kerf's nodes too",
     "give it a nodeAffinity: kerf.dev/managed DoesNotExist", "docs/install-agent.md"},
    {"BottlerocketPlugin", Severity::Warning,
     "a GPU node runs Bottlerocket, which has a device plugin of its own on the host",
     "switch it off in settings.kubelet-device-plugins.nvidia of nodes that are to be Kerf's",
     "docs/install-agent.md"},
    {"DraDriver", Severity::Warning,
     "a DRA driver publishes GPUs of a node; Kerf never acts on such a node",
     "keep the driver off nodes that are to be Kerf's: its dynamic MIG destroys instances that it "
     "does not know",
     "docs/reference/gpunode.md"},
    {"DeviceClassTakesName", Severity::Warning,
     "a DeviceClass maps an NVIDIA resource name: pods that ask by it may be given DRA devices",
     "remove extendedResourceName from it, or do not let a policy buy for that name",
     "docs/controller.md"},
    {"NoDevices", Severity::Problem,
     "a node of a GPU type offers no device at all: it is paid for, and no pod can use its GPUs",
     "look at its device plugin's pod and at the driver: kubectl describe node NODE", ""},
    {"UnknownType", Severity::Warning,
     "a node has NVIDIA devices, and is of a type that Kerf does not know: it is left out of plans",
     "nothing, if it is no EC2 node; else a newer Kerf may know the type", ""},
    {"NotCut", Severity::Note, "GPUs that MIG could cut are handed out whole",
     "kerf plan says what cutting them would save", "docs/when-slicing-pays.md"},
    {"CpuPodsOnGpus", Severity::Warning,
     "pods without a GPU sit on GPU nodes that have no taint: they keep these nodes from being "
     "given back",
     "taint the nodes (nvidia.com/gpu:NoSchedule in their NodePool), and let the pods move", ""},
    {"NotTolerated", Severity::Warning,
     "pods wait although nodes have what they ask for: they do not tolerate the taints there",
     "add the toleration to their templates", ""},
    {"SeesAllGpus", Severity::Warning,
     "a container sets NVIDIA_VISIBLE_DEVICES=all and asks for no GPU: on a GPU node it may see "
     "every GPU and slice",
     "set it to void there, or let the runtime ignore it (accept-nvidia-visible-devices-envvar-"
     "when-unprivileged=false), as Kerf's NodeClasses do",
     "docs/install-agent.md"},
    {"GpuAndMig", Severity::Warning,
     "a pod asks for nvidia.com/gpu and for MIG slices: few nodes have both",
     "ask for one of them; a CUDA program sees one MIG device only", ""},
    {"SharedName", Severity::Warning,
     "a pod asks for nvidia.com/gpu.shared, of which Kerf does not know how much memory it means",
     "ask by memory: kerf.dev/gpu-10gi-shared", "README.md"},
    {"UnknownProfile", Severity::Problem, "pods ask for a GPU resource that no GPU has",
     "correct the name in their templates", ""},
    {"BudgetBlocks", Severity::Warning,
     "a PodDisruptionBudget allows no disruption of GPU pods: neither Kerf nor Karpenter moves "
     "them, and their nodes stay",
     "let it allow one, if the workload can bear that", ""},
    {"KeptPods", Severity::Note, "GPU pods carry karpenter.sh/do-not-disrupt: nobody moves them",
     "take it off where a move would do no harm", ""},
    {"BarePods", Severity::Note,
     "GPU pods have no controller: nothing makes them again, so nobody moves them",
     "make them of a Deployment or Job", ""},
    {"NoPrices", Severity::Warning,
     "no page of Karpenter's metrics has prices: plans use the table that ships with Kerf",
     "does a NodePool use a NodeClass that is Ready? Or give --prices FILE",
     "docs/reference/prices.md"},
    {"SpotNotRefreshed", Severity::Warning,
     "every spot price equals the on-demand price: Karpenter has not got spot prices yet",
     "wait for its first success (it asks every 12 h), or look in its log for "
     "DescribeSpotPriceHistory",
     "docs/reference/prices.md"},
    {"PricesRead", Severity::Ok, "Karpenter's metrics have prices", "nothing", ""},
    {"KerfAbsent", Severity::Note, "Kerf is not installed in the cluster",
     "nothing: kerf plan needs none. To let it watch or act: docs/controller.md",
     "docs/controller.md"},
    {"AgentMissing", Severity::Problem,
     "a node is labelled kerf.dev/managed=true and no kerf-agent runs on it",
     "apply deploy/agent.yaml; kubectl -n kerf-system describe ds kerf-agent says why a pod does "
     "not come",
     "docs/install-agent.md"},
    {"NodeDegraded", Severity::Problem, "an agent cannot make a node as it is wanted",
     "what docs/reference/gpunode.md says of the reason", "docs/reference/gpunode.md"},
    {"PolicyTrouble", Severity::Warning, "a condition of a SlicePolicy is False",
     "what docs/reference/conditions.md says of the reason", "docs/reference/conditions.md"},
    {"PolicyObserves", Severity::Note, "a SlicePolicy observes only",
     "kubectl describe slicepolicy says what it would do; spec.mode: Act lets it",
     "docs/controller.md"},
    {"VersionsDiffer", Severity::Warning, "controller and agents are of different images",
     "let the rollout end, or bring both to one version", "docs/agent.md"},
    {"KerfReady", Severity::Ok, "Kerf's kinds are served, and no agent is degraded", "nothing", ""},
}};
static_assert(static_cast<std::size_t>(Code::KerfReady) + 1 == kCodes.size());

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::Problem: return "problem";
    case Severity::Warning: return "warning";
    case Severity::Note: return "note";
    case Severity::Ok: break;
  }
  return "ok";
}

std::span<const CodeInfo> codes() { return kCodes; }

const CodeInfo& info(Code code) {
  const auto index = static_cast<std::size_t>(code);
  KERF_ASSERT(index < kCodes.size(), "a code is one of the list");
  return kCodes[index];
}

std::string to_string(const About& about) {
  return about.kind + " " + (about.ns.empty() ? "" : about.ns + "/") + about.name;
}

}  // namespace kerf::doctor
