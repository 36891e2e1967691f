// What the tests of live objects share: objects in the form in which an API server returns them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "codec/document.h"
#include "codec/json.h"
#include "codec/yaml.h"

namespace kerf::codec::testing {

/// The one document of a text, as it comes from an API server: values without positions.
inline Node object_of(std::string_view yaml) {
  const auto documents = parse_yaml(yaml, "test.yaml");
  if (documents && documents->size() == 1)
    return parse_json(write_json(documents->front().root), "test.json").value().root;
  ADD_FAILURE() << (documents ? "not one document" : documents.error().message()) << "\n" << yaml;
  return {};
}

/// The text with every `from` in it replaced; there must be one.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  for (; at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// A pod of a Job that runs with two slices of one GPU, one of them its sidecar's.
inline constexpr std::string_view kRunningPod = R"(
apiVersion: v1
kind: Pod
metadata:
  name: finetune-1-x7k2p
  generateName: finetune-1-
  namespace: research
  uid: 3b0c9a52-6f0e-4c8a-8d51-0f6f6b1c2f11
  resourceVersion: "48211"
  generation: 1
  creationTimestamp: "2026-11-29T16:00:00Z"
  labels:
    app: finetune
    batch.kubernetes.io/controller-uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55
    batch.kubernetes.io/job-completion-index: "1"
    batch.kubernetes.io/job-name: finetune
    controller-uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55
    job-name: finetune
  annotations:
    batch.kubernetes.io/job-completion-index: "1"
  finalizers: [batch.kubernetes.io/job-tracking]
  ownerReferences:
  - {apiVersion: example.com/v1, kind: Project, name: p, uid: 0000, controller: false}
  - apiVersion: batch/v1
    kind: Job
    name: finetune
    uid: 77d1a9b0-25c4-4f2b-9a37-3d1b3d2a1e55
    controller: true
    blockOwnerDeletion: true
  managedFields:
  - {manager: kube-controller-manager, operation: Update, apiVersion: v1, fieldsType: FieldsV1}
spec:
  nodeName: node-a
  schedulerName: default-scheduler
  restartPolicy: Never
  terminationGracePeriodSeconds: 30
  serviceAccountName: default
  priority: 1000
  priorityClassName: batch
  preemptionPolicy: PreemptLowerPriority
  enableServiceLinks: true
  securityContext: {}
  tolerations:
  - {key: kerf.dev/slices, operator: Exists, effect: NoSchedule}
  - {key: example.com/batch, operator: Exists}
  - {key: nvidia.com/mig-1g.10gb, operator: Exists, effect: NoSchedule}
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  initContainers:
  - name: cache
    image: registry.local/cache:1
    restartPolicy: Always
    resources:
      limits: {cpu: 500m, memory: 1Gi, nvidia.com/mig-1g.10gb: "1"}
      requests: {cpu: 500m, memory: 1Gi, nvidia.com/mig-1g.10gb: "1"}
  containers:
  - name: train
    image: registry.local/train:7
    imagePullPolicy: IfNotPresent
    resources:
      limits: {nvidia.com/mig-1g.10gb: "1", memory: 8Gi}
      requests: {nvidia.com/mig-1g.10gb: "1", cpu: "4", memory: 8Gi, ephemeral-storage: 10Gi}
    terminationMessagePath: /dev/termination-log
    volumeMounts:
    - {mountPath: /var/run/secrets/kubernetes.io/serviceaccount, name: kube-api-access-9fk2d}
  volumes:
  - name: kube-api-access-9fk2d
    projected:
      defaultMode: 420
      sources: [{serviceAccountToken: {expirationSeconds: 3607, path: token}}]
status:
  phase: Running
  observedGeneration: 1
  startTime: "2026-11-29T16:00:04Z"
  hostIP: 10.0.3.7
  podIP: 10.0.3.21
  podIPs: [{ip: 10.0.3.21}]
  qosClass: Burstable
  conditions:
  - {type: PodReadyToStartContainers, status: "True", lastProbeTime: null, lastTransitionTime: "2026-11-29T16:00:05Z"}
  - {type: PodScheduled, status: "True", lastProbeTime: null, lastTransitionTime: "2026-11-29T16:00:03Z"}
  containerStatuses:
  - name: train
    ready: true
    restartCount: 0
    containerID: containerd://5b1e
    state: {running: {startedAt: "2026-11-29T16:00:06Z"}}
    allocatedResources: {cpu: "4", memory: 8Gi, nvidia.com/mig-1g.10gb: "1"}
    allocatedResourcesStatus:
    - name: nvidia.com/mig-1g.10gb
      resources: [{resourceID: gpu0/1g.10gb@3, health: Healthy}]
    - name: claim:shared
      resources: [{resourceID: driver/pool/device, health: Unknown}]
  initContainerStatuses:
  - name: cache
    ready: true
    started: true
    restartCount: 0
    state: {running: {startedAt: "2026-11-29T16:00:05Z"}}
    allocatedResourcesStatus:
    - name: nvidia.com/mig-1g.10gb
      resources: [{resourceID: gpu0/1g.10gb@0}]
)";

/// A pod that no node can take.
inline constexpr std::string_view kPendingPod = R"(
metadata:
  name: web-7d5b8c9f4-qhz2v
  namespace: search
  uid: 91c2
  resourceVersion: "501"
  creationTimestamp: "2026-11-29T16:00:00Z"
  labels: {app: web, pod-template-hash: 7d5b8c9f4}
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: web-7d5b8c9f4, uid: 55aa, controller: true}
spec:
  schedulerName: default-scheduler
  priority: 0
  containers:
  - name: c
    resources: {limits: {nvidia.com/mig-2g.20gb: "1"}, requests: {nvidia.com/mig-2g.20gb: "1"}}
status:
  phase: Pending
  nominatedNodeName: node-b
  conditions:
  - type: PodScheduled
    status: "False"
    reason: Unschedulable
    message: "0/3 nodes are available: 3 Insufficient nvidia.com/mig-2g.20gb."
    lastProbeTime: "2026-11-29T16:00:09Z"
    lastTransitionTime: "2026-11-29T16:00:01Z"
  qosClass: BestEffort
)";

/// A GPU node that Karpenter launched and a kubelet registered.
inline constexpr std::string_view kNode = R"(
apiVersion: v1
kind: Node
metadata:
  name: ip-10-0-3-7.ec2.internal
  uid: 6f2c
  resourceVersion: "99120"
  creationTimestamp: "2026-11-29T15:58:00Z"
  labels:
    kubernetes.io/arch: amd64
    kubernetes.io/hostname: ip-10-0-3-7.ec2.internal
    node.kubernetes.io/instance-type: p5.4xlarge
    topology.kubernetes.io/zone: us-east-1a
    karpenter.sh/capacity-type: spot
    kerf.dev/policy: research
  annotations: {node.alpha.kubernetes.io/ttl: "0"}
spec:
  providerID: aws:///us-east-1a/i-0a1b2c3d4e5f
  podCIDR: 10.0.3.0/24
  unschedulable: true
  taints:
  - {key: kerf.dev/slices, effect: NoSchedule}
  - {key: kerf.dev/uncut, effect: NoSchedule}
  - {key: node.kubernetes.io/unschedulable, effect: NoSchedule, timeAdded: "2026-11-29T16:10:00Z"}
status:
  addresses: [{type: InternalIP, address: 10.0.3.7}]
  daemonEndpoints: {kubeletEndpoint: {Port: 10250}}
  capacity:
    cpu: "16"
    ephemeral-storage: 209702892Ki
    hugepages-2Mi: "0"
    memory: 263884668Ki
    nvidia.com/mig-1g.10gb: "4"
    nvidia.com/mig-3g.40gb: "1"
    pods: "234"
  allocatable:
    cpu: 15890m
    ephemeral-storage: "192188443124"
    hugepages-2Mi: "0"
    memory: 260614012Ki
    nvidia.com/mig-1g.10gb: "2"
    nvidia.com/mig-3g.40gb: "0"
    pods: "234"
  conditions:
  - {type: MemoryPressure, status: "False", reason: KubeletHasSufficientMemory, message: "", lastHeartbeatTime: "2026-11-29T16:09:00Z", lastTransitionTime: "2026-11-29T15:58:00Z"}
  - {type: Ready, status: "True", reason: KubeletReady, message: kubelet is posting ready status, lastHeartbeatTime: "2026-11-29T16:09:00Z", lastTransitionTime: "2026-11-29T15:58:30Z"}
  nodeInfo: {bootID: 2f1c-boot, kubeletVersion: v1.36.3, machineID: ec2, operatingSystem: linux, architecture: amd64}
  images: [{names: [registry.local/train:7], sizeBytes: 4100200300}]
)";

/// A claim of Kerf's after Karpenter has launched and initialized it.
inline constexpr std::string_view kNodeClaim = R"(
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata:
  name: kerf-0f3a
  uid: c1a1
  resourceVersion: "700"
  generation: 1
  creationTimestamp: "2026-11-29T15:57:00Z"
  labels:
    kerf.dev/policy: research
    kerf.dev/mode: cut
    karpenter.sh/nodepool: ""
    karpenter.sh/capacity-type: on-demand
    node.kubernetes.io/instance-type: p5.4xlarge
    topology.kubernetes.io/zone: us-east-1b
  annotations:
    kerf.dev/bought-for: 91c2,91c3
    kerf.dev/layout: '{"gpus": [{"slices": [{"profile": "1g.10gb","start": 0,"resource": "nvidia.com/mig-1g.10gb","state": "Published"}]}]}'
  finalizers: [karpenter.sh/termination]
spec:
  expireAfter: 720h
  nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu-cut}
  requirements:
  - {key: node.kubernetes.io/instance-type, operator: In, values: [p5.4xlarge]}
  - {key: topology.kubernetes.io/zone, operator: In, values: [us-east-1a, us-east-1b]}
  - {key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}
  - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
  taints: [{key: kerf.dev/slices, effect: NoSchedule}]
  startupTaints: [{key: kerf.dev/uncut, effect: NoSchedule}]
status:
  providerID: aws:///us-east-1b/i-0a1b2c3d4e5f
  nodeName: ip-10-0-3-7.ec2.internal
  imageID: ami-0123
  capacity: {cpu: "16", memory: 247500Mi, nvidia.com/gpu: "1", pods: "234"}
  conditions:
  - {type: Launched, status: "True", reason: Launched, message: "", lastTransitionTime: "2026-11-29T15:57:04Z", observedGeneration: 1}
  - {type: Registered, status: "True", reason: Registered, message: "", lastTransitionTime: "2026-11-29T15:58:00Z", observedGeneration: 1}
  - {type: Initialized, status: "True", reason: Initialized, message: "", lastTransitionTime: "2026-11-29T15:59:00Z", observedGeneration: 1}
)";

}  // namespace kerf::codec::testing
