"""Objects of cluster_reading_tests.py: a cluster as it stands, written as its parts would have written it."""

GPU = "nvidia.com/gpu"
MIG = "nvidia.com/mig-1g.10gb"
TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}

# EC2's figures less what kubelet keeps, roughly: enough for what the tests put there.
SIZES = {"p4d.24xlarge": ("95690m", "1152Gi", 737), "p5.4xlarge": ("15690m", "244Gi", 198),
         "g6.xlarge": ("3690m", "14Gi", 58), "m6i.large": ("1690m", "6Gi", 29)}


def node(name, kind, devices=None, zone="us-east-1a", capacity="on-demand", labels=None, taints=(TAINT,)):
    """A Node; what is in its status goes through the subresource."""
    cpu, memory, pods = SIZES[kind]
    amounts = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "200Gi",
               **{key: str(value) for key, value in (devices or {}).items()}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": kind, "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": "us-east-1", "karpenter.sh/capacity-type": capacity,
        "karpenter.sh/nodepool": "gpus", **(labels or {})}},
        "spec": {"providerID": f"aws:///{zone}/i-{name}", "taints": list(taints)},
        "status": {"capacity": amounts, "allocatable": amounts, "nodeInfo": {
            "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "6.12", "osImage": "Amazon Linux 2023",
            "containerRuntimeVersion": "containerd://2.1.5", "kubeletVersion": "v1.36.1-eks-113cf36",
            "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}


def template(labels, devices, cpu="500m", **spec):
    amounts = {"cpu": cpu, "memory": "1Gi", **{key: str(value) for key, value in devices.items()}}
    return {"metadata": {"labels": labels}, "spec": {
        "tolerations": [TOLERATION], **spec, "containers": [{
            "name": "main", "image": "kerf.test/pause:1", "resources": {"requests": amounts, "limits": amounts},
            "env": [{"name": "SECRET_TOKEN", "value": "hunter2"},
                    {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}]}]}}


def workload(kind, ns, name, replicas, shape, **spec):
    """A Deployment or ReplicaSet that selects what `shape` is labelled with."""
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": ns},
            "spec": {"replicas": replicas, "selector": {"matchLabels": shape["metadata"]["labels"]},
                     "template": shape, **spec}}


def job(ns, name, pods, shape):
    shape = {**shape, "spec": {**shape["spec"], "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": ns}, "spec": {
        "parallelism": pods, "completions": pods, "template": {"spec": shape["spec"]}}}


def pod(ns, name, shape, on=None, owner=None):
    """`owner`: an object that the API server has made, with its uid."""
    meta = {"name": name, "namespace": ns, "labels": shape["metadata"]["labels"]}
    if owner:
        meta["ownerReferences"] = [{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True,
                                    "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta,
            "spec": {**shape["spec"], **({"nodeName": on} if on else {})}}


def pod_status(on):
    """What kubelet or the scheduler would say."""
    if on:
        return {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"},
                                                   {"type": "Ready", "status": "True"}]}
    return {"phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/4 nodes are available: 4 Insufficient nvidia.com/mig-1g.10gb."}]}


NODES = [node("gpu-a100", "p4d.24xlarge", {GPU: 8}), node("gpu-h100", "p5.4xlarge", {GPU: 0, MIG: 7}),
         node("gpu-l4", "g6.xlarge", {GPU: 1}, capacity="spot"), node("cpu-1", "m6i.large", taints=())]

# Name, namespace, shape, where its pods are (None: it waits).
CHAT = ("chat", "team-a", template({"app": "chat"}, {MIG: 1}), ["gpu-h100", "gpu-h100", "gpu-h100"])
EMBED = ("embed", "team-b", template({"app": "embed"}, {GPU: 1}), ["gpu-l4"])
TRAIN = ("train", "team-b", template({"app": "train"}, {GPU: 4}, cpu="8"), ["gpu-a100"])
LATE = ("late", "team-a", template({"app": "late"}, {MIG: 5}), [None])
WEB = ("web", "team-a", template({"app": "web"}, {}), ["cpu-1"])

OTHERS = [
    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "batch"}, "value": -10},
    {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "chat", "namespace": "team-a"},
     "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "chat"}}}},
    {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "models"}, "spec": {
        "capacity": {"storage": "100Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "gp3",
        "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]}]}]}}}},
    {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models", "namespace": "team-b"},
     "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3", "volumeName": "models",
              "resources": {"requests": {"storage": "100Gi"}}}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "team-a"},
     "stringData": {"password": "hunter2"}},
    {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpus"}, "spec": {
        "limits": {"nvidia.com/gpu": "64"}, "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "5m"},
        "template": {"spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "gpu"},
            "expireAfter": "720h", "taints": [TAINT], "requirements": [
                {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["p4d.24xlarge", "g6.xlarge"]}]}}}},
    {"apiVersion": "kerf.dev/v1alpha1", "kind": "SlicePolicy", "metadata": {"name": "all"}, "spec": {}},
    {"apiVersion": "kerf.dev/v1alpha1", "kind": "GpuNode", "metadata": {"name": "gpu-h100"}, "spec": {"gpus": [
        {"slices": [{"profile": "1g.10gb", "start": start, "resource": MIG, "state": "Published"}
                    for start in range(7)]}]}},
]

# Who may see the pods of one namespace, and nothing else.
GUEST = [
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "guest", "namespace": "team-a"}},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
     "metadata": {"name": "see-pods", "namespace": "team-a"},
     "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
     "metadata": {"name": "see-pods", "namespace": "team-a"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "see-pods"},
     "subjects": [{"kind": "ServiceAccount", "name": "guest", "namespace": "team-a"}]},
    # Nodes are cluster-wide; without them nothing can be said of where pods run.
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "see-nodes"},
     "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "see-nodes"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "see-nodes"},
     "subjects": [{"kind": "ServiceAccount", "name": "guest", "namespace": "team-a"}]},
]
