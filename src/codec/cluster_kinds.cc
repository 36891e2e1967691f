// Tables: kinds as kubectl names them, and field by field what is kept of each.
#include "codec/cluster_kinds.h"

#include <array>

namespace kerf::codec {
namespace {

constexpr auto kKinds = std::to_array<ClusterKind>({
    {"nodes", "v1", "Node", false, "what stands and what it costs is not known"},
    {"pods", "v1", "Pod", true, "who runs and who waits is not known"},
    {"namespaces", "v1", "Namespace", false,
     "rules that select namespaces by labels cannot be followed"},
    {"nodeclaims.karpenter.sh", "karpenter.sh/v1", "NodeClaim", false,
     "nodes that are being bought are not seen"},
    {"nodepools.karpenter.sh", "karpenter.sh/v1", "NodePool", false,
     "limits and requirements of NodePools are not known"},
    {"ec2nodeclasses.karpenter.k8s.aws", "karpenter.k8s.aws/v1", "EC2NodeClass", false,
     "reserved capacity and images are not known"},
    {"nodeoverlays.karpenter.sh", "karpenter.sh/v1alpha1", "NodeOverlay", false,
     "prices that were adjusted for Karpenter are not known"},
    {"poddisruptionbudgets.policy", "policy/v1", "PodDisruptionBudget", true,
     "how many pods may be away at once is not known"},
    {"persistentvolumes", "v1", "PersistentVolume", false, "zones of volumes are not known"},
    {"persistentvolumeclaims", "v1", "PersistentVolumeClaim", true,
     "which volumes pods use is not known"},
    {"storageclasses.storage.k8s.io", "storage.k8s.io/v1", "StorageClass", false,
     "zones of volumes that are yet to be made are not known"},
    {"priorityclasses.scheduling.k8s.io", "scheduling.k8s.io/v1", "PriorityClass", false,
     "priorities are those that pods carry"},
    {"runtimeclasses.node.k8s.io", "node.k8s.io/v1", "RuntimeClass", false,
     "overhead of runtimes is what pods carry"},
    {"daemonsets.apps", "apps/v1", "DaemonSet", true, "what a new node has to carry is not known"},
    {"deployments.apps", "apps/v1", "Deployment", true, "Deployments are told by their pods only"},
    {"replicasets.apps", "apps/v1", "ReplicaSet", true,
     "pods of Deployments are grouped by their names"},
    {"statefulsets.apps", "apps/v1", "StatefulSet", true,
     "StatefulSets are told by their pods only"},
    {"jobs.batch", "batch/v1", "Job", true, "pods of a Job that are yet to come are not counted"},
    {"cronjobs.batch", "batch/v1", "CronJob", true, "Jobs are not told by their CronJob"},
    {"horizontalpodautoscalers.autoscaling", "autoscaling/v2", "HorizontalPodAutoscaler", true,
     "how far workloads may grow is not known"},
    {"leaderworkersets.leaderworkerset.x-k8s.io", "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet",
     true, "groups of pods are told by their pods only"},
    {"jobsets.jobset.x-k8s.io", "jobset.x-k8s.io/v1alpha2", "JobSet", true,
     "groups of Jobs are told by their pods only"},
    {"gpunodes.kerf.dev", "kerf.dev/v1alpha1", "GpuNode", false,
     "which slice stands on which GPU is worked out from counts"},
    {"slicepolicies.kerf.dev", "kerf.dev/v1alpha1", "SlicePolicy", false,
     "limits and classes of Kerf's policies are not known"},
    {"clusterpolicies.nvidia.com", "nvidia.com/v1", "ClusterPolicy", false,
     "how the GPU operator is set up is not known"},
    {"deviceclasses.resource.k8s.io", "resource.k8s.io/v1", "DeviceClass", false,
     "resource names that another driver serves are not known"},
    {"resourceslices.resource.k8s.io", "resource.k8s.io/v1", "ResourceSlice", false,
     "GPUs that another driver offers are not seen"},
});

constexpr auto kKept = std::to_array<KeptFields>({
    {"every-kind", "", "apiVersion kind metadata@metadata"},

    {"metadata", "",
     "name generateName namespace uid resourceVersion generation creationTimestamp "
     "deletionTimestamp labels.* annotations?annotations"},
    {"metadata", "ownerReferences[]", "apiVersion kind name uid controller"},
    {"condition", "",
     "type status reason message observedGeneration lastTransitionTime lastProbeTime"},
    {"requirement", "", "key operator values[] minValues"},
    {"label-selector", "", "matchLabels.* matchExpressions[]@requirement"},
    {"node-selector-term", "", "matchExpressions[]@requirement matchFields[]@requirement"},
    {"taint", "", "key value effect"},
    {"toleration", "", "key operator value effect tolerationSeconds"},
    {"resources", "", "requests.* limits.*"},
    {"resources", "claims[]", "name"},
    {"affinity-term", "",
     "topologyKey labelSelector@label-selector namespaceSelector@label-selector namespaces[] "
     "matchLabelKeys[] mismatchLabelKeys[]"},
    {"container", "", "name image restartPolicy resources@resources env?environment"},
    {"container", "ports[]", "name containerPort hostPort hostIP protocol"},
    {"claim", "", "name"},
    {"claim", "persistentVolumeClaim", "claimName"},
    {"claim", "ephemeral.volumeClaimTemplate.metadata", "annotations?annotations"},
    {"claim", "ephemeral.volumeClaimTemplate.spec", "storageClassName volumeName"},
    {"container-status", "", "name ready started restartCount"},
    {"container-status", "state.waiting", "reason"},
    {"container-status", "state.terminated", "reason exitCode"},
    {"container-status", "allocatedResourcesStatus[]", "name"},
    {"container-status", "allocatedResourcesStatus[].resources[]", "resourceID health"},

    {"pod-spec", "",
     "nodeName schedulerName nodeSelector.* priority priorityClassName preemptionPolicy "
     "restartPolicy runtimeClassName hostNetwork overhead.* resources@resources "
     "tolerations[]@toleration containers[]@container initContainers[]@container volumes?claims"},
    {"pod-spec", "os", "name"},
    {"pod-spec", "schedulingGates[]", "name"},
    {"pod-spec", "resourceClaims[]", "name"},
    {"pod-spec", "topologySpreadConstraints[]",
     "maxSkew minDomains topologyKey whenUnsatisfiable labelSelector@label-selector "
     "matchLabelKeys[] nodeAffinityPolicy nodeTaintsPolicy"},
    {"pod-spec", "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
     "nodeSelectorTerms[]@node-selector-term"},
    {"pod-spec", "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[]",
     "weight"},
    {"pod-spec", "affinity.podAffinity",
     "requiredDuringSchedulingIgnoredDuringExecution[]@affinity-term"},
    {"pod-spec", "affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[]",
     "weight"},
    {"pod-spec", "affinity.podAntiAffinity",
     "requiredDuringSchedulingIgnoredDuringExecution[]@affinity-term"},
    {"pod-spec", "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[]",
     "weight"},
    {"pod-template", "metadata", "labels.* annotations?annotations"},
    {"pod-template", "", "spec@pod-spec"},
    {"job-spec", "",
     "parallelism completions completionMode suspend backoffLimit template@pod-template"},

    {"Node", "spec", "providerID unschedulable taints[]@taint"},
    {"Node", "status", "capacity.* allocatable.* conditions[]@condition"},
    {"Node", "status.nodeInfo",
     "architecture bootID containerRuntimeVersion kernelVersion kubeletVersion osImage"},

    {"Pod", "", "spec@pod-spec"},
    {"Pod", "status",
     "phase reason message nominatedNodeName startTime conditions[]@condition "
     "containerStatuses[]@container-status initContainerStatuses[]@container-status"},

    {"Namespace", "status", "phase"},

    {"NodeClaim", "spec",
     "requirements[]@requirement taints[]@taint startupTaints[]@taint resources@resources "
     "expireAfter terminationGracePeriod"},
    {"NodeClaim", "spec.nodeClassRef", "group kind name"},
    {"NodeClaim", "status",
     "providerID nodeName imageID capacity.* allocatable.* conditions[]@condition"},

    {"NodePool", "spec", "weight replicas limits.*"},
    {"NodePool", "spec.disruption", "consolidationPolicy consolidateAfter"},
    {"NodePool", "spec.disruption.budgets[]", "nodes schedule duration reasons[]"},
    {"NodePool", "spec.template.metadata", "labels.* annotations?annotations"},
    {"NodePool", "spec.template.spec",
     "requirements[]@requirement taints[]@taint startupTaints[]@taint expireAfter "
     "terminationGracePeriod"},
    {"NodePool", "spec.template.spec.nodeClassRef", "group kind name"},
    {"NodePool", "status", "resources.* nodes conditions[]@condition"},

    {"EC2NodeClass", "spec", "amiFamily instanceStorePolicy"},
    {"EC2NodeClass", "spec.amiSelectorTerms[]", "alias id name"},
    {"EC2NodeClass", "spec.capacityReservationSelectorTerms[]", "id instanceMatchCriteria"},
    {"EC2NodeClass", "spec.blockDeviceMappings[]", "deviceName rootVolume"},
    {"EC2NodeClass", "spec.blockDeviceMappings[].ebs", "volumeSize volumeType"},
    {"EC2NodeClass", "spec.kubelet",
     "maxPods podsPerCore kubeReserved.* systemReserved.* evictionHard.*"},
    {"EC2NodeClass", "status", "conditions[]@condition"},
    {"EC2NodeClass", "status.amis[]", "id name requirements[]@requirement"},
    {"EC2NodeClass", "status.capacityReservations[]",
     "id instanceType instanceMatchCriteria availabilityZone reservationType endTime state"},

    {"NodeOverlay", "spec", "weight price priceAdjustment capacity.* requirements[]@requirement"},
    {"NodeOverlay", "status", "conditions[]@condition"},

    {"PodDisruptionBudget", "spec",
     "minAvailable maxUnavailable unhealthyPodEvictionPolicy selector@label-selector"},
    {"PodDisruptionBudget", "status",
     "disruptionsAllowed currentHealthy desiredHealthy expectedPods"},

    {"PersistentVolume", "spec", "storageClassName capacity.*"},
    {"PersistentVolume", "spec.claimRef", "namespace name"},
    {"PersistentVolume", "spec.nodeAffinity.required", "nodeSelectorTerms[]@node-selector-term"},
    {"PersistentVolume", "status", "phase"},
    {"PersistentVolumeClaim", "spec", "storageClassName volumeName"},
    {"PersistentVolumeClaim", "status", "phase"},
    {"StorageClass", "", "provisioner volumeBindingMode"},
    {"StorageClass", "allowedTopologies[].matchLabelExpressions[]", "key values[]"},

    {"PriorityClass", "", "value globalDefault preemptionPolicy"},
    {"RuntimeClass", "", "handler"},
    {"RuntimeClass", "overhead", "podFixed.*"},
    {"RuntimeClass", "scheduling", "nodeSelector.* tolerations[]@toleration"},

    {"DaemonSet", "spec", "selector@label-selector template@pod-template"},
    {"DaemonSet", "status",
     "currentNumberScheduled desiredNumberScheduled numberAvailable numberReady"},
    {"Deployment", "spec", "replicas paused selector@label-selector template@pod-template"},
    {"Deployment", "status", "replicas readyReplicas availableReplicas"},
    {"ReplicaSet", "spec", "replicas"},
    {"ReplicaSet", "status", "replicas readyReplicas"},
    {"StatefulSet", "spec", "replicas selector@label-selector template@pod-template"},
    {"StatefulSet", "spec.ordinals", "start"},
    {"StatefulSet", "spec.volumeClaimTemplates[].metadata", "name annotations?annotations"},
    {"StatefulSet", "spec.volumeClaimTemplates[].spec", "storageClassName volumeName"},
    {"StatefulSet", "status", "replicas readyReplicas"},
    {"Job", "", "spec@job-spec"},
    {"Job", "status", "active succeeded failed startTime completionTime conditions[]@condition"},
    {"CronJob", "spec", "schedule timeZone suspend concurrencyPolicy"},
    {"CronJob", "spec.jobTemplate", "spec@job-spec"},
    {"CronJob", "status", "lastScheduleTime"},

    {"HorizontalPodAutoscaler", "spec", "minReplicas maxReplicas"},
    {"HorizontalPodAutoscaler", "spec.scaleTargetRef", "apiVersion kind name"},
    {"HorizontalPodAutoscaler", "status", "currentReplicas desiredReplicas"},

    {"LeaderWorkerSet", "spec", "replicas"},
    {"LeaderWorkerSet", "spec.leaderWorkerTemplate",
     "size restartPolicy leaderTemplate@pod-template workerTemplate@pod-template"},
    {"LeaderWorkerSet", "status", "replicas readyReplicas conditions[]@condition"},
    {"JobSet", "spec", "suspend"},
    {"JobSet", "spec.replicatedJobs[]", "name replicas"},
    {"JobSet", "spec.replicatedJobs[].template", "spec@job-spec"},
    {"JobSet", "status", "terminalState conditions[]@condition"},
    {"JobSet", "status.replicatedJobsStatus[]", "name ready active succeeded failed"},

    {"GpuNode", "spec.gpus[].slices[]", "profile start resource state"},
    {"GpuNode", "status",
     "observedGeneration bootID registrationEpoch lastReportTime slices.* labels.* "
     "conditions[]@condition"},
    {"GpuNode", "status.gpus[]", "index uuid model mig lost layout"},
    {"GpuNode", "status.gpus[].slices[]",
     "profile start device resource state offered lent uuid pod"},
    {"SlicePolicy", "spec",
     "architectures[] budgets.** buysFor[] capacityTypes[] consolidation.** families[] "
     "headroom.** instanceTypes[] isolationFloor limits.* mode nodeClasses.* nodeLabels.* "
     "nodeTaints[]@taint priority selector.** sharing.** warm.** zones[]"},
    {"SlicePolicy", "status", "observedGeneration figures.* conditions[]@condition"},

    {"ClusterPolicy", "spec.mig", "strategy"},
    {"ClusterPolicy", "spec.cdi", "enabled default"},
    {"ClusterPolicy", "spec.driver", "enabled version"},
    {"ClusterPolicy", "spec.toolkit", "enabled version env?environment"},
    {"ClusterPolicy", "spec.devicePlugin", "enabled version"},
    {"ClusterPolicy", "spec.devicePlugin.config", "name default"},
    {"ClusterPolicy", "spec.migManager", "enabled version"},
    {"ClusterPolicy", "spec.migManager.config", "name default"},
    {"ClusterPolicy", "spec.gfd", "enabled version"},
    {"ClusterPolicy", "spec.dcgmExporter", "enabled version"},
    {"ClusterPolicy", "status", "state conditions[]@condition"},

    {"DeviceClass", "spec", "extendedResourceName"},
    {"ResourceSlice", "spec", "driver nodeName"},
    {"ResourceSlice", "spec.pool", "name"},
});

constexpr auto kAnnotationDomains = std::to_array<std::string_view>(
    {"kerf.dev", "karpenter.sh", "karpenter.k8s.aws", "nvidia.com"});
constexpr auto kAnnotations = std::to_array<std::string_view>({
    "kubernetes.io/config.mirror",
    "kubernetes.io/config.source",
    "leaderworkerset.sigs.k8s.io/exclusive-topology",
    "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology",
    "storageclass.kubernetes.io/is-default-class",
    "volume.beta.kubernetes.io/storage-class",
});

constexpr auto kAnyVariables = std::to_array<std::string_view>({"NVIDIA_VISIBLE_DEVICES"});
constexpr auto kKarpenterVariables =
    std::to_array<std::string_view>({"AWS_FEATURE_GATES", "FEATURE_GATES", "IGNORE_DRA_REQUESTS",
                                     "RESERVED_ENIS", "VM_MEMORY_OVERHEAD_PERCENT"});
constexpr auto kNvidiaVariables = std::to_array<std::string_view>(
    {"ACCEPT_NVIDIA_VISIBLE_DEVICES_AS_VOLUME_MOUNTS",
     "ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED", "DEVICE_ID_STRATEGY",
     "DEVICE_LIST_STRATEGY", "FAIL_ON_INIT_ERROR", "MIG_STRATEGY", "PASS_DEVICE_SPECS",
     "WITH_REBOOT"});

}  // namespace

std::span<const ClusterKind> cluster_kinds() { return kKinds; }
std::span<const KeptFields> kept_fields() { return kKept; }
std::span<const std::string_view> kept_annotation_domains() { return kAnnotationDomains; }
std::span<const std::string_view> kept_annotations() { return kAnnotations; }

std::span<const std::string_view> kept_variables(EnvironmentOf whose) {
  switch (whose) {
    case EnvironmentOf::AnyContainer: return kAnyVariables;
    case EnvironmentOf::Karpenter: return kKarpenterVariables;
    case EnvironmentOf::Nvidia: return kNvidiaVariables;
  }
  return {};
}

}  // namespace kerf::codec
