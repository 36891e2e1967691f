// stripped(): what Kerf reads survives, and no secret does, wherever it stands.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "codec/catalogue.h"
#include "codec/cluster_kinds.h"
#include "codec/json.h"
#include "codec/live_objects.h"
#include "codec/live_objects_testing.h"
#include "codec/snapshot.h"

namespace kerf::codec {
namespace {

using codec::testing::object_of;
using ::testing::HasSubstr;
using ::testing::Not;

const ClusterKind& kind_of(std::string_view name) {
  for (const ClusterKind& kind : cluster_kinds())
    if (kind.kind == name) return kind;
  ADD_FAILURE() << name;
  return cluster_kinds()[0];
}

std::string line(std::string_view kind, std::string_view yaml) {
  return write_json_line(stripped(kind_of(kind), object_of(yaml)));
}

/// A secret in every place where people put one, and in every field of which Kerf reads a
/// neighbour.
constexpr std::string_view kNastySpec = R"(
  serviceAccountName: S3CRET
  imagePullSecrets: [{name: S3CRET}]
  hostAliases: [{ip: 10.0.0.1, hostnames: [S3CRET]}]
  dnsConfig: {searches: [S3CRET]}
  hostname: S3CRET
  securityContext: {seLinuxOptions: {user: S3CRET}, sysctls: [{name: a, value: S3CRET}]}
  nodeSelector: {pool: gpu}
  volumes:
  - {name: S3CRET, secret: {secretName: S3CRET, items: [{key: S3CRET, path: S3CRET}]}}
  - {name: S3CRET, configMap: {name: S3CRET}}
  - {name: S3CRET, projected: {sources: [{serviceAccountToken: {audience: S3CRET, path: S3CRET}}]}}
  - {name: S3CRET, csi: {driver: d, volumeAttributes: {token: S3CRET}, nodePublishSecretRef: {name: S3CRET}}}
  - {name: S3CRET, flexVolume: {driver: d, options: {password: S3CRET}}}
  - {name: S3CRET, hostPath: {path: S3CRET}}
  - {name: data, persistentVolumeClaim: {claimName: data, note: S3CRET}}
  - name: scratch
    ephemeral:
      volumeClaimTemplate:
        metadata: {annotations: {note: S3CRET}, labels: {a: S3CRET}}
        spec: {storageClassName: fast, accessModes: [S3CRET]}
  initContainers:
  - {name: init, image: i, command: [S3CRET], args: [S3CRET], env: [{name: A, value: S3CRET}]}
  ephemeralContainers:
  - {name: debug, image: i, command: [S3CRET]}
  containers:
  - name: main
    image: registry.local/main:1
    command: [sh, -c, S3CRET]
    args: ["--password=S3CRET"]
    workingDir: S3CRET
    terminationMessagePath: S3CRET
    env:
    - {name: PASSWORD, value: S3CRET}
    - {name: S3CRET, value: x}
    - {name: NVIDIA_VISIBLE_DEVICES, value: all}
    - {name: NVIDIA_VISIBLE_DEVICES, valueFrom: {secretKeyRef: {name: S3CRET, key: S3CRET}}}
    - {name: MIG_STRATEGY, value: S3CRET}
    - {name: FEATURE_GATES, value: S3CRET}
    envFrom: [{secretRef: {name: S3CRET}}, {configMapRef: {name: S3CRET}}]
    lifecycle: {postStart: {exec: {command: [S3CRET]}}, preStop: {httpGet: {path: S3CRET}}}
    livenessProbe: {httpGet: {path: S3CRET, httpHeaders: [{name: Authorization, value: S3CRET}]}}
    readinessProbe: {exec: {command: [S3CRET]}}
    startupProbe: {grpc: {service: S3CRET}}
    volumeMounts: [{name: S3CRET, mountPath: S3CRET, subPath: S3CRET}]
    volumeDevices: [{name: S3CRET, devicePath: S3CRET}]
    securityContext: {seLinuxOptions: {user: S3CRET}}
    ports: [{name: web, containerPort: 80, hostPort: 80, note: S3CRET}]
    resources: {limits: {nvidia.com/gpu: "1"}, claims: [{name: c, request: S3CRET}], note: S3CRET}
)";

constexpr std::string_view kNastyMetadata = R"(
metadata:
  name: nasty
  namespace: a
  uid: "1"
  resourceVersion: "1"
  selfLink: S3CRET
  finalizers: [S3CRET]
  labels: {app: nasty}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: S3CRET
    vault.hashicorp.com/token: S3CRET
    evilkerf.dev/x: S3CRET
    kerf.dev.example.com/x: S3CRET
    kerf.dev: S3CRET
    note: S3CRET
    karpenter.sh/do-not-disrupt: "true"
    sim.kerf.dev/kept: "yes"
  managedFields: [{manager: S3CRET, fieldsV1: {"f:S3CRET": {}}}]
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: r, uid: "2", controller: true, note: S3CRET}]
)";

constexpr std::string_view kNastyStatus = R"(
status:
  phase: Running
  podIP: S3CRET
  hostIP: S3CRET
  message: kept words
  containerStatuses:
  - name: main
    ready: true
    restartCount: 3
    image: S3CRET
    imageID: S3CRET
    containerID: S3CRET
    state: {waiting: {reason: CrashLoopBackOff, message: S3CRET}}
    lastState: {terminated: {message: S3CRET}}
    allocatedResourcesStatus: [{name: nvidia.com/gpu, resources: [{resourceID: GPU-1, health: Healthy}]}]
    volumeMounts: [{name: S3CRET}]
    user: {linux: {uid: 0}}
)";

std::string nasty_pod() {
  return fmt::format("apiVersion: v1\nkind: Pod\n{}spec:\n{}{}", kNastyMetadata.substr(1),
                     kNastySpec.substr(1), kNastyStatus);
}

/// The spec as a pod template `depth` levels down.
std::string indented(std::string_view text, std::size_t depth) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) out += std::string(depth, ' ') + std::string(text.substr(0, end));
    out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

TEST(Stripped, KeepsNoSecretOfAPod) {
  const std::string kept = line("Pod", nasty_pod());
  EXPECT_THAT(kept, Not(HasSubstr("S3CRET")));
  for (const char* part :
       {R"("sim.kerf.dev/kept": "yes")", R"("karpenter.sh/do-not-disrupt": "true")",
        R"({"name": "NVIDIA_VISIBLE_DEVICES","value": "all"})", R"("claimName": "data")",
        R"("storageClassName": "fast")", R"("hostPort": 80)", R"("nvidia.com/gpu": "1")",
        R"("reason": "CrashLoopBackOff")", R"("resourceID": "GPU-1")", R"("message": "kept words")",
        R"("image": "registry.local/main:1")", R"("name": "r","uid": "2","controller": true)"})
    EXPECT_THAT(kept, HasSubstr(part));
}

TEST(Stripped, KeepsNoSecretOfWhateverHoldsPodTemplates) {
  const auto of = [&](std::string_view kind, std::string_view head, std::size_t depth) {
    return line(kind,
                fmt::format("kind: {}\n{}spec:\n{}{}metadata: {{annotations: {{a: S3CRET}}}}\n"
                            "{}spec:\n{}",
                            kind, kNastyMetadata.substr(1), head, std::string(depth, ' '),
                            std::string(depth, ' '), indented(kNastySpec, depth)));
  };
  for (const auto& [kind, head, depth] :
       std::vector<std::tuple<std::string_view, std::string_view, std::size_t>>{
           {"Deployment", "  template:\n", 4},
           {"DaemonSet", "  template:\n", 4},
           {"StatefulSet", "  template:\n", 4},
           {"Job", "  template:\n", 4},
           {"CronJob", "  jobTemplate:\n    spec:\n      template:\n", 8},
           {"LeaderWorkerSet", "  leaderWorkerTemplate:\n    workerTemplate:\n", 6},
           {"JobSet",
            "  replicatedJobs:\n  - name: w\n    template:\n      spec:\n        template:\n",
            10}}) {
    const std::string kept = of(kind, head, depth);
    EXPECT_THAT(kept, Not(HasSubstr("S3CRET"))) << kind;
    EXPECT_THAT(kept, HasSubstr(R"("nvidia.com/gpu": "1")")) << kind;
    EXPECT_THAT(kept, HasSubstr("NVIDIA_VISIBLE_DEVICES")) << kind;
  }
  EXPECT_THAT(of("ReplicaSet", "  template:\n", 4), Not(HasSubstr("nvidia.com/gpu")));
}

TEST(Stripped, KeepsVariablesOfKarpenterAndNvidiaOnlyOfTheirPrograms) {
  const auto with = [](std::string_view kind, std::string_view labels, std::string_view variable) {
    return line(kind, fmt::format(R"(
kind: {}
metadata: {{name: a, labels: {{{}}}}}
spec:
  template:
    spec:
      containers:
      - {{name: c, env: [{{name: {}, value: v}}, {{name: AWS_SECRET_ACCESS_KEY, value: S3CRET}}]}}
)",
                                  kind, labels, variable));
  };
  constexpr std::string_view kKarpenter = "app.kubernetes.io/name: karpenter";
  constexpr std::string_view kPlugin = "app.kubernetes.io/name: nvidia-device-plugin";
  struct Case {
    std::string_view kind, labels, variable;
    bool kept;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"Deployment", kKarpenter, "FEATURE_GATES", true},
           {"Deployment", kKarpenter, "MIG_STRATEGY", false},
           {"Deployment", "app: web", "FEATURE_GATES", false},
           {"StatefulSet", kKarpenter, "FEATURE_GATES", false},
           {"DaemonSet", kPlugin, "MIG_STRATEGY", true},
           {"DaemonSet", "app: nvidia-device-plugin-daemonset", "MIG_STRATEGY", true},
           {"DaemonSet", "app: gpu-feature-discovery", "MIG_STRATEGY", true},
           {"DaemonSet", "app: web", "MIG_STRATEGY", false},
           {"DaemonSet", kPlugin, "FEATURE_GATES", false},
           {"Deployment", "app: web", "NVIDIA_VISIBLE_DEVICES", true}}) {
    const std::string kept = with(one.kind, one.labels, one.variable);
    EXPECT_EQ(kept.find(one.variable) != kept.npos, one.kept) << one.kind << one.labels;
    EXPECT_THAT(kept, Not(HasSubstr("S3CRET")));
  }
  EXPECT_THAT(with("Deployment", "app: web", "NVIDIA_VISIBLE_DEVICES, note: S3CRET"),
              Not(HasSubstr("S3CRET")));
}

TEST(Stripped, DropsAVariableThatIsTooLongToBeOne) {
  const std::string kept = line(
      "Pod", fmt::format("metadata: {{name: a}}\nspec: {{containers: [{{name: c, env: [{{name: "
                         "NVIDIA_VISIBLE_DEVICES, value: {}}}]}}]}}",
                         std::string(2000, 'x')));
  EXPECT_THAT(kept, Not(HasSubstr("xxx")));
}

TEST(Stripped, KeepsNoSecretOfOtherKinds) {
  for (const auto& [kind, yaml] :
       std::vector<std::pair<std::string_view, std::string_view>>{{"EC2NodeClass", R"(
metadata: {name: a}
spec: {userData: S3CRET, role: S3CRET, tags: {a: S3CRET}, subnetSelectorTerms: [{id: S3CRET}], amiFamily: AL2023,
       amiSelectorTerms: [{alias: al2023@latest, owner: S3CRET, tags: {a: S3CRET}}]}
status: {instanceProfile: S3CRET, capacityReservations: [{id: cr-1, ownerID: S3CRET}]})"},
                                                                  {"Node", R"(
metadata: {name: a, annotations: {csi.volume.kubernetes.io/nodeid: S3CRET}}
spec: {podCIDR: S3CRET, providerID: "aws:///us-east-1a/i-1"}
status: {addresses: [{type: InternalIP, address: S3CRET}], images: [{names: [S3CRET]}],
         nodeInfo: {machineID: S3CRET, systemUUID: S3CRET, bootID: b}, volumesAttached: [{name: S3CRET}]})"},
                                                                  {"PersistentVolume", R"(
metadata: {name: a}
spec: {csi: {volumeHandle: S3CRET, nodeStageSecretRef: {name: S3CRET}}, claimRef: {name: c, namespace: n, uid: S3CRET}})"},
                                                                  {"StorageClass", R"(
metadata: {name: a}
parameters: {csi.storage.k8s.io/provisioner-secret-name: S3CRET}
mountOptions: [S3CRET])"},
                                                                  {"SlicePolicy", R"(
metadata: {name: a}
spec: {mode: Observe, usage: {prometheusURL: "http://user:S3CRET@prometheus"}})"},
                                                                  {"HorizontalPodAutoscaler", R"(
metadata: {name: a}
spec: {maxReplicas: 3, metrics: [{external: {metric: {name: S3CRET}}}]})"},
                                                                  {"ClusterPolicy", R"(
metadata: {name: a}
spec: {driver: {enabled: true, env: [{name: LICENSE, value: S3CRET}], imagePullSecrets: [S3CRET]},
       toolkit: {env: [{name: TOKEN, value: S3CRET}]}})"},
                                                                  {"ResourceSlice", R"(
metadata: {name: a}
spec: {driver: gpu.nvidia.com, devices: [{name: S3CRET}]})"}}) {
    EXPECT_THAT(line(kind, yaml), Not(HasSubstr("S3CRET"))) << kind;
  }
}

TEST(Stripped, ReadsAsTheWholePodDoes) {
  const Surroundings around;
  for (const std::string_view yaml : {testing::kRunningPod, testing::kPendingPod}) {
    const Node whole = object_of(yaml);
    const auto before = read_live_pod(whole, around, builtin_catalogue());
    const auto after = read_live_pod(stripped(kind_of("Pod"), whole), around, builtin_catalogue());
    ASSERT_TRUE(before) << before.error().message();
    ASSERT_TRUE(after) << after.error().message();
    EXPECT_EQ(before->pod.shape, after->pod.shape);
    EXPECT_EQ(before->pod.meta.labels, after->pod.meta.labels);
    EXPECT_EQ(before->pod.owner.name, after->pod.owner.name);
    EXPECT_EQ(before->pod.node, after->pod.node);
    EXPECT_EQ(before->pod.devices, after->pod.devices);
    EXPECT_EQ(before->pod.message, after->pod.message);
    EXPECT_EQ(before->trouble, after->trouble);
  }
}

TEST(Stripped, KeepsEmptySelectorsThatMeanEverything) {
  const std::string kept = line("Pod", R"(
metadata: {name: a}
spec:
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - {topologyKey: kubernetes.io/hostname, labelSelector: {}, namespaceSelector: {}}
)");
  EXPECT_THAT(kept, HasSubstr(R"("labelSelector": {},"namespaceSelector": {})"));
}

TEST(Stripped, LeavesOutWhatIsOfAnotherTypeUnlessAScalar) {
  EXPECT_EQ(line("Pod", R"(
metadata: {name: 7, labels: [a], ownerReferences: {a: b}}
spec: S3CRET
status: {phase: {a: b}, conditions: [S3CRET, {type: 1}], startTime: null}
)"),
            R"({"apiVersion": "v1","kind": "Pod","metadata": {"name": 7},)"
            R"("status": {"conditions": [{"type": 1}]}})");
}

TEST(Stripped, ChangesNothingTheSecondTime) {
  const Node once = stripped(kind_of("Pod"), object_of(nasty_pod()));
  EXPECT_EQ(write_json(stripped(kind_of("Pod"), once)), write_json(once));
}

TEST(KeptFields, AreOfKindsAndPartsThatExist) {
  std::set<std::string_view> of;
  for (const KeptFields& row : kept_fields()) of.insert(row.of);
  for (const ClusterKind& kind : cluster_kinds()) EXPECT_TRUE(of.contains(kind.kind)) << kind.kind;
  // Each row of a kind is of use: an object that has its fields keeps them. Parts are of use where
  // they are named, which making the tree checks.
  for (const ClusterKind& kind : cluster_kinds())
    EXPECT_EQ(stripped(kind, Node::mapping()).members.size(), 2u);
}

}  // namespace
}  // namespace kerf::codec
