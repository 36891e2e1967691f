"""A made-up EKS cluster as its API server would print it: nodes with GPUs, workloads, Karpenter.

The same figures and seed give the same objects. Pods are as long as real ones, with all that a
snapshot must leave out.
"""
import csv
import random
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ZONES = [REGION + letter for letter in "abc"]
BORN = "2026-11-2%dT0%d:00:00Z"
# A value of this stands wherever people keep secrets.
SECRET = "S3CRET"

# type, vCPUs, GiB, GPUs, product, MiB of one GPU, MIG profile and its number on a GPU
GPU_TYPES = [
    ("g5.xlarge", 4, 16, 1, "NVIDIA-A10G", 23028, None),
    ("g6.xlarge", 4, 16, 1, "NVIDIA-L4", 23034, None),
    ("g6.12xlarge", 48, 192, 4, "NVIDIA-L4", 23034, None),
    ("p4d.24xlarge", 96, 1152, 8, "NVIDIA-A100-SXM4-40GB", 40960, ("mig-1g.5gb", 7)),
    ("p4d.24xlarge", 96, 1152, 8, "NVIDIA-A100-SXM4-40GB", 40960, None),
    ("p5.48xlarge", 192, 2048, 8, "NVIDIA-H100-80GB-HBM3", 81559, ("mig-3g.40gb", 2)),
]
CPU_TYPE = ("m6i.4xlarge", 16, 64, 0, "", 0, None)

# resource of kubectl -> (apiVersion, kind)
KINDS = {
    "nodes": ("v1", "Node"), "pods": ("v1", "Pod"), "namespaces": ("v1", "Namespace"),
    "nodeclaims.karpenter.sh": ("karpenter.sh/v1", "NodeClaim"),
    "nodepools.karpenter.sh": ("karpenter.sh/v1", "NodePool"),
    "ec2nodeclasses.karpenter.k8s.aws": ("karpenter.k8s.aws/v1", "EC2NodeClass"),
    "poddisruptionbudgets.policy": ("policy/v1", "PodDisruptionBudget"),
    "persistentvolumes": ("v1", "PersistentVolume"),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaim"),
    "storageclasses.storage.k8s.io": ("storage.k8s.io/v1", "StorageClass"),
    "priorityclasses.scheduling.k8s.io": ("scheduling.k8s.io/v1", "PriorityClass"),
    "runtimeclasses.node.k8s.io": ("node.k8s.io/v1", "RuntimeClass"),
    "daemonsets.apps": ("apps/v1", "DaemonSet"), "deployments.apps": ("apps/v1", "Deployment"),
    "replicasets.apps": ("apps/v1", "ReplicaSet"), "statefulsets.apps": ("apps/v1", "StatefulSet"),
    "jobs.batch": ("batch/v1", "Job"), "cronjobs.batch": ("batch/v1", "CronJob"),
    "horizontalpodautoscalers.autoscaling": ("autoscaling/v2", "HorizontalPodAutoscaler"),
}


class Cluster:
    """`objects[resource]` is a list; `page` the metrics of Karpenter's leader."""

    def __init__(self, pods, nodes, seed=1):
        self.random = random.Random(seed)
        self.objects = {resource: [] for resource in KINDS}
        self.serial = 0
        self.free = []  # (node, resource, devices left)
        for i in range(nodes):
            self.add_node(i)
        self.add_surroundings()
        self.add_daemons()
        self.add_karpenter()
        self.add_workloads(pods)
        self.page = metrics_page()

    def uid(self):
        self.serial += 1
        return f"{self.serial:08x}-5c1e-4f0a-9b6d-{self.random.getrandbits(48):012x}"

    def add(self, resource, name, namespace=None, labels=None, annotations=None, owner=None, **parts):
        version, kind = KINDS[resource]
        metadata = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET,
                                    **(annotations or {})},
                    "creationTimestamp": BORN % (self.serial % 10, self.serial % 9), "generation": 1,
                    "labels": labels or {}, "name": name,
                    "resourceVersion": str(100000 + self.serial), "uid": self.uid()}
        if namespace:
            metadata["namespace"] = namespace
        if owner:
            about = owner["metadata"]
            metadata["ownerReferences"] = [{"apiVersion": owner["apiVersion"], "blockOwnerDeletion": True,
                                            "controller": True, "kind": owner["kind"], "name": about["name"],
                                            "uid": about["uid"]}]
        one = {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}
        self.objects[resource].append(one)
        return one

    def add_node(self, i):
        kind = GPU_TYPES[i % len(GPU_TYPES)] if i % 3 or i < 3 else CPU_TYPE
        name_of, cpus, gib, gpus, product, mib, cut = kind
        zone = ZONES[i % len(ZONES)]
        name = f"ip-10-{i // 65536}-{i // 256 % 256}-{i % 256}.ec2.internal"
        spot = self.random.random() < 0.2
        labels = {"beta.kubernetes.io/instance-type": name_of, "kubernetes.io/arch": "amd64",
                  "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                  "node.kubernetes.io/instance-type": name_of, "topology.kubernetes.io/region": REGION,
                  "topology.kubernetes.io/zone": zone, "karpenter.sh/nodepool": "gpu" if gpus else "default",
                  "karpenter.sh/capacity-type": "spot" if spot else "on-demand",
                  "karpenter.k8s.aws/instance-family": name_of.split(".")[0],
                  "karpenter.sh/initialized": "true", "karpenter.sh/registered": "true"}
        amounts = {"cpu": str(cpus), "ephemeral-storage": "209702892Ki", "hugepages-1Gi": "0",
                   "memory": f"{gib * 1048576}Ki", "pods": "110"}
        if gpus:
            labels.update({"nvidia.com/gpu.present": "true", "nvidia.com/gpu.count": str(gpus),
                           "nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": str(mib),
                           "nvidia.com/mig.capable": str(product[7] in "AH" and "A10G" not in product).lower(),
                           "nvidia.com/mig.strategy": "mixed" if cut else "none"})
            resource = f"nvidia.com/{cut[0]}" if cut else "nvidia.com/gpu"
            devices = gpus * (cut[1] if cut else 1)
            amounts[resource] = str(devices)
            self.free.append([name, resource, devices])
        allocatable = dict(amounts, cpu=f"{cpus * 1000 - 100}m", memory=f"{gib * 990000}Ki")
        provider = f"aws:///{zone}/i-{i:017x}"
        taints = [{"effect": "NoSchedule", "key": "nvidia.com/gpu", "value": "true"}] if gpus else []
        claim = self.add("nodeclaims.karpenter.sh", f"gpu-{i:05x}", labels=labels, spec={
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
            "requirements": [{"key": "node.kubernetes.io/instance-type", "operator": "In",
                              "values": [name_of]}], "expireAfter": "720h", "taints": taints},
            status={"providerID": provider, "nodeName": name, "capacity": amounts,
                    "conditions": conditions(["Initialized", "Launched", "Ready", "Registered"])})
        self.add("nodes", name, labels=labels, owner=claim, annotations={
            "csi.volume.kubernetes.io/nodeid": f'{{"ebs.csi.aws.com":"{SECRET}"}}',
            "node.alpha.kubernetes.io/ttl": "15"},
            spec={"podCIDR": SECRET, "providerID": provider, "taints": taints},
            status={"addresses": [{"address": f"10.0.{i // 256 % 256}.{i % 256}", "type": "InternalIP"}],
                    "allocatable": allocatable, "capacity": amounts,
                    "conditions": conditions(["Ready"]) + conditions(["MemoryPressure", "DiskPressure"], "False"),
                    "images": [{"names": [f"registry.example.com/{SECRET}/image-{k}@sha256:{k:064x}"],
                                "sizeBytes": 1000000 * k} for k in range(20)],
                    "nodeInfo": {"architecture": "amd64", "bootID": self.uid(),
                                 "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "6.12.46",
                                 "kubeletVersion": "v1.36.3-eks-1", "machineID": SECRET, "osImage": "Amazon Linux",
                                 "systemUUID": SECRET}})

    def add_surroundings(self):
        for name in ("default", "kube-system", "team-a", "team-b"):
            self.add("namespaces", name, labels={"kubernetes.io/metadata.name": name}, status={"phase": "Active"})
        self.add("nodepools.karpenter.sh", "gpu", spec={
            "weight": 10, "limits": {"nvidia.com/gpu": "4000"},
            "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m",
                           "budgets": [{"nodes": "10%"}]},
            "template": {"spec": {"requirements": [{"key": "karpenter.sh/capacity-type", "operator": "In",
                                                    "values": ["spot", "on-demand"]}],
                                  "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass",
                                                   "name": "default"}}}})
        self.add("ec2nodeclasses.karpenter.k8s.aws", "default",
                 annotations={"karpenter.k8s.aws/ec2nodeclass-hash": "77"},
                 spec={"amiFamily": "AL2023", "amiSelectorTerms": [{"alias": "al2023@latest"}], "role": SECRET,
                       "userData": SECRET, "tags": {"token": SECRET}},
                 status={"amis": [{"id": "ami-1", "name": "al2023-nvidia"}], "conditions": conditions(["Ready"])})
        self.add("storageclasses.storage.k8s.io", "gp3",
                 annotations={"storageclass.kubernetes.io/is-default-class": "true"},
                 parameters={"type": "gp3", "csi.storage.k8s.io/provisioner-secret-name": SECRET},
                 provisioner="ebs.csi.aws.com", volumeBindingMode="WaitForFirstConsumer")
        self.add("priorityclasses.scheduling.k8s.io", "batch", value=-10, globalDefault=False,
                 preemptionPolicy="Never")
        self.add("runtimeclasses.node.k8s.io", "nvidia", handler="nvidia")

    def add_daemons(self):
        for name, only_gpus in (("aws-node", False), ("kube-proxy", False),
                                ("nvidia-device-plugin-daemonset", True)):
            template = pod_spec(self, name, None, 1)
            owner = self.add("daemonsets.apps", name, "kube-system", labels={"app": name}, spec={
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": template}})
            for node in self.objects["nodes"]:
                if only_gpus and "nvidia.com/gpu.present" not in node["metadata"]["labels"]:
                    continue
                self.add_pod(f"{name}-{self.serial:05x}", "kube-system", {"app": name}, owner,
                             pod_spec(self, name, None, 1), node["metadata"]["name"])

    def add_karpenter(self):
        labels = {"app.kubernetes.io/name": "karpenter", "app.kubernetes.io/instance": "karpenter"}
        spec = pod_spec(self, "karpenter", None, 1)
        spec["containers"][0]["env"].append({"name": "FEATURE_GATES", "value": "ReservedCapacity=true"})
        spec["containers"][0]["ports"] = [{"containerPort": 8080, "name": "http-metrics", "protocol": "TCP"},
                                          {"containerPort": 8081, "name": "http", "protocol": "TCP"}]
        deployment = self.add("deployments.apps", "karpenter", "kube-system", labels=labels, spec={
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec}})
        owner = self.add("replicasets.apps", "karpenter-7d5b8c9f4", "kube-system", labels=labels,
                         owner=deployment, spec={"replicas": 2})
        for suffix in ("aaaaa", "bbbbb"):
            pod = self.add_pod(f"karpenter-7d5b8c9f4-{suffix}", "kube-system", labels, owner,
                               pod_spec(self, "karpenter", None, 1), self.objects["nodes"][-1]["metadata"]["name"])
            pod["spec"]["containers"][0]["ports"] = spec["containers"][0]["ports"]

    def add_workloads(self, pods):
        """Until there are `pods` pods: about two in five ask for a GPU or a slice, as long as there are."""
        left = pods - len(self.objects["pods"])
        number = 0
        while left > 0:
            count = min(left, 1 + self.random.randrange(12))
            left -= count
            number += 1
            namespace = self.random.choice(["default", "team-a", "team-b"])
            name = f"{self.random.choice(['embed', 'train', 'chat', 'batch', 'web'])}-{number}"
            resource = self.random.choice([None, None, None, "nvidia.com/gpu", "nvidia.com/mig-1g.5gb",
                                           "nvidia.com/mig-3g.40gb"][:6])
            self.add_workload(name, namespace, count, resource)

    def add_workload(self, name, namespace, count, resource):
        labels = {"app": name, "team": namespace}
        spec = pod_spec(self, name, resource, 1)
        template = {"metadata": {"labels": labels, "annotations": {"note": SECRET}}, "spec": spec}
        kind = self.random.choice(["Deployment", "Deployment", "StatefulSet", "Job"])
        if kind == "Job":
            owner = self.add("jobs.batch", name, namespace, labels=labels, spec={
                "parallelism": count, "completions": count, "template": template}, status={"active": count})
        elif kind == "StatefulSet":
            owner = self.add("statefulsets.apps", name, namespace, labels=labels, spec={
                "replicas": count, "selector": {"matchLabels": labels}, "template": template})
        else:
            deployment = self.add("deployments.apps", name, namespace, labels=labels, spec={
                "replicas": count, "selector": {"matchLabels": labels}, "template": template})
            self.add("horizontalpodautoscalers.autoscaling", name, namespace, spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": 1, "maxReplicas": 2 * count}, status={"currentReplicas": count})
            owner = self.add("replicasets.apps", f"{name}-5d9c7f68b4", namespace, labels=labels, owner=deployment,
                             spec={"replicas": count, "template": template})
        for i in range(count):
            pod_name = f"{name}-{i}" if kind == "StatefulSet" else f"{owner['metadata']['name']}-{self.serial:05x}"
            self.add_pod(pod_name, namespace, labels, owner, pod_spec(self, name, resource, 1),
                         self.node_for(resource))

    def node_for(self, resource):
        """A node with a free device; None: the pod waits."""
        if resource is None:
            return self.random.choice(self.objects["nodes"])["metadata"]["name"]
        for entry in self.free:
            if entry[1] == resource and entry[2] > 0:
                entry[2] -= 1
                return entry[0]
        return None

    def add_pod(self, name, namespace, labels, owner, spec, node):
        running = node is not None
        if running:
            spec["nodeName"] = node
        status = {"phase": "Running" if running else "Pending", "qosClass": "Burstable"}
        if running:
            status.update(hostIP="10.0.0.1", podIP="10.0.9.9", podIPs=[{"ip": "10.0.9.9"}],
                          startTime="2026-11-29T16:00:04Z",
                          conditions=conditions(["PodReadyToStartContainers", "Initialized", "Ready",
                                                 "ContainersReady", "PodScheduled"]),
                          containerStatuses=[{"containerID": f"containerd://{SECRET}", "image": one["image"],
                                              "imageID": f"sha256:{SECRET}", "lastState": {}, "name": one["name"],
                                              "ready": True, "restartCount": 0, "started": True,
                                              "state": {"running": {"startedAt": "2026-11-29T16:00:06Z"}}}
                                             for one in spec["containers"]])
        else:
            status["conditions"] = [{"lastProbeTime": None, "lastTransitionTime": "2026-11-29T16:00:04Z",
                                     "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                                     "reason": "Unschedulable", "status": "False", "type": "PodScheduled"}]
        return self.add("pods", name, namespace, labels=labels, owner=owner, spec=spec, status=status,
                        annotations={"vault.hashicorp.com/agent-inject-token": SECRET,
                                     "prometheus.io/scrape": "true"})


def conditions(types, status="True"):
    return [{"lastProbeTime": None, "lastTransitionTime": "2026-11-29T16:00:05Z", "status": status, "type": one}
            for one in types]


def pod_spec(cluster, name, resource, devices):
    amounts = {"cpu": "500m", "memory": "1Gi"}
    if resource:
        amounts[resource] = str(devices)
    container = {
        "args": ["--model=/models/base", f"--api-key={SECRET}", "--port=8000"],
        "command": ["/usr/bin/serve", "--config", "/etc/serve/config.yaml"],
        "env": [{"name": "DATABASE_URL", "value": f"postgres://user:{SECRET}@db.internal:5432/main"}] +
               [{"name": f"SETTING_{k}", "value": f"value-{k}-{SECRET}"} for k in range(6)] +
               [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"key": "token", "name": SECRET}}}],
        "image": f"registry.example.com/{name}:v1.2.3", "imagePullPolicy": "IfNotPresent",
        "livenessProbe": {"failureThreshold": 3, "httpGet": {"path": "/healthz", "port": 8000, "scheme": "HTTP",
                                                             "httpHeaders": [{"name": "Authorization",
                                                                              "value": SECRET}]},
                          "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1},
        "name": "main", "ports": [{"containerPort": 8000, "name": "http", "protocol": "TCP"}],
        "resources": {"limits": dict(amounts), "requests": dict(amounts)},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "volumeMounts": [{"mountPath": "/etc/serve", "name": "config"},
                         {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                          "name": "kube-api-access", "readOnly": True}]}
    proxy = {"env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
             "image": "registry.example.com/proxy:1", "name": "proxy",
             "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
             "volumeMounts": [{"mountPath": "/etc/proxy", "name": "config"}]}
    spec = {"containers": [container, proxy], "dnsPolicy": "ClusterFirst", "enableServiceLinks": True,
            "priority": 0, "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "serviceAccount": name, "serviceAccountName": name,
            "terminationGracePeriodSeconds": 30,
            "tolerations": [{"effect": "NoExecute", "key": f"node.kubernetes.io/{why}", "operator": "Exists",
                             "tolerationSeconds": 300} for why in ("not-ready", "unreachable")],
            "volumes": [{"configMap": {"defaultMode": 420, "name": f"{name}-{SECRET}"}, "name": "config"},
                        {"name": "kube-api-access",
                         "projected": {"defaultMode": 420, "sources": [
                             {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                             {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}],
                                            "name": "kube-root-ca.crt"}}]}}]}
    if resource:
        spec["tolerations"].append({"effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists"})
    return spec


def metrics_page():
    """Karpenter's leader's, with the shipped prices of the region."""
    lines = ["# HELP go_goroutines Number of goroutines that currently exist.", "# TYPE go_goroutines gauge",
             "go_goroutines 412", "# HELP karpenter_build_info A metric with a constant '1' value.",
             "# TYPE karpenter_build_info gauge",
             f'karpenter_build_info{{commit="0abc",goversion="go1.25",version="1.14.1"}} 1']
    name = "karpenter_cloudprovider_instance_type_"
    offerings = []
    with open(ROOT / "data/ec2_prices.csv", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            if row["region"] != REGION:
                continue
            for zone in ZONES:
                offerings.append((f'{{capacity_type="{row["capacity_type"]}",instance_type="{row["instance_type"]}",'
                                  f'zone="{zone}"}}', row["usd_per_hour"]))
    for series, values in (("offering_available", [(label, "1") for label, _ in offerings]),
                           ("offering_price_estimate", offerings)):
        lines += [f"# HELP {name}{series} Instance type offerings.", f"# TYPE {name}{series} gauge"]
        lines += [f"{name}{series}{label} {value}" for label, value in values]
    return "\n".join(lines) + "\n"
