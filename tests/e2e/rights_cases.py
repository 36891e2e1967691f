"""Tables of rights_tests.py and placing_tests.py: what the controller's account may do, and which pods get the
toleration of Kerf's nodes.
"""
READ = ("list", "watch")
KERF, KARPENTER = "kerf.dev", "karpenter.sh"
EVENTS = "events.k8s.io"


def read(group, *resources):
    return [(group, resource, verb) for resource in resources for verb in READ]


# (group, resource[/subresource], verb): all that rbac-controller-observe.yaml gives in all namespaces ...
OBSERVE = {
    *read("", "pods", "nodes", "namespaces", "persistentvolumeclaims", "persistentvolumes"),
    *read("storage.k8s.io", "storageclasses"), *read("node.k8s.io", "runtimeclasses"), *read("apps", "daemonsets"),
    *read("batch", "jobs"), *read("leaderworkerset.x-k8s.io", "leaderworkersets"), *read("jobset.x-k8s.io", "jobsets"),
    *read("policy", "poddisruptionbudgets"), *read("scheduling.k8s.io", "priorityclasses"),
    *read("resource.k8s.io", "deviceclasses"), *read(KARPENTER, "nodeclaims"),
    *read("karpenter.k8s.aws", "ec2nodeclasses"), *read(KERF, "gpunodes", "slicepolicies"),
    (KERF, "slicepolicies/status", "update")}
# ... and what rbac-controller-act.yaml adds.
ACT = {
    (KARPENTER, "nodeclaims", "create"), (KARPENTER, "nodeclaims", "delete"), (KERF, "gpunodes", "create"),
    (KERF, "gpunodes", "patch"), ("", "pods/status", "patch"), ("", "pods/eviction", "create"), ("", "nodes", "patch"),
    ("", "nodes/status", "patch"), (EVENTS, "events", "create")}
# What neither may, wherever: (group, resource, verb).
NEVER = [
    ("", "secrets", "get"), ("", "secrets", "list"), ("", "configmaps", "list"),
    ("", "serviceaccounts/token", "create"),
    ("", "pods", "create"), ("", "pods", "delete"), ("", "pods", "patch"), ("", "pods/exec", "create"),
    ("", "pods/binding", "create"), ("", "nodes", "create"), ("", "nodes", "delete"), ("", "nodes", "update"),
    ("", "nodes/status", "update"), ("", "nodes/proxy", "get"), ("", "namespaces", "delete"),
    ("apps", "daemonsets", "patch"), ("apps", "deployments", "list"), ("batch", "jobs", "delete"),
    ("policy", "poddisruptionbudgets", "patch"), (KARPENTER, "nodeclaims", "patch"), (KARPENTER, "nodepools", "list"),
    (KARPENTER, "nodepools", "patch"), (KARPENTER, "nodeclaims", "deletecollection"),
    ("karpenter.k8s.aws", "ec2nodeclasses", "patch"), (KERF, "gpunodes", "delete"), (KERF, "gpunodes/status", "patch"),
    (KERF, "slicepolicies", "patch"), (KERF, "slicepolicies", "create"), (KERF, "slicepolicies/status", "patch"),
    ("rbac.authorization.k8s.io", "clusterroles", "bind"), ("", "users", "impersonate"), (EVENTS, "events", "list"),
    (EVENTS, "events", "patch"), ("", "events", "create")]
# What only a namespace has: (group, resource, verb, namespace, name), and whether.
IN_NAMESPACES = [
    (verb not in ("patch", "delete"), "coordination.k8s.io", "leases", verb, "kerf-system", "kerf-controller")
    for verb in ("get", "list", "watch", "update", "patch", "delete")] + [
    (True, "coordination.k8s.io", "leases", "create", "kerf-system", ""),
    (False, "coordination.k8s.io", "leases", "update", "kerf-system", "other"),
    (False, "coordination.k8s.io", "leases", "get", "kube-system", "kerf-controller"),
    (False, "coordination.k8s.io", "leases", "create", "default", ""),
    (True, EVENTS, "events", "create", "default", ""), (False, EVENTS, "events", "patch", "default", "")]

MIG = "nvidia.com/mig-1g.10gb"
NODE, NODE_STATUS = "/api/v1/nodes/n", "/api/v1/nodes/n/status"


def both(**amounts):
    """Of capacity and allocatable."""
    return {"status": {key: amounts for key in ("capacity", "allocatable")}}


# What the controller may write of a Node: what it is; the path; a merge patch.
NODE_ALLOWED = [
    ("offers", NODE_STATUS, both(**{MIG: "3", "kerf.dev/gpu-10gi": "1"})),
    ("withdraws", NODE_STATUS, {"status": {"allocatable": {MIG: "0"}}}),
    ("takes away", NODE_STATUS, both(**{"kerf.dev/gpu-10gi": None})),
    ("labels", NODE, {"metadata": {"labels": {"nvidia.com/gpu.product": "H100", "kerf.dev/x": "y"}}}),
    ("unlabels", NODE, {"metadata": {"labels": {"nvidia.com/gpu.product": None, "kerf.dev/managed": None}}})]
AMOUNTS = "capacity and allocatable the controller changes nvidia.com/ and kerf.dev/ only"
STATUS = "of a Node's status the controller changes capacity and allocatable only"
LABELS, META = "of a Node's labels", "of a Node's metadata the controller changes labels only"
# What it may not: the same, and words of the refusal.
NODE_REFUSED = [
    ("CPUs", NODE_STATUS, {"status": {"capacity": {"cpu": "64"}}}, AMOUNTS),
    ("memory", NODE_STATUS, {"status": {"allocatable": {"memory": "1Ti"}}}, AMOUNTS),
    ("pods taken away", NODE_STATUS, {"status": {"allocatable": {"pods": None}}}, AMOUNTS),
    ("another's resource", NODE_STATUS, {"status": {"allocatable": {"amd.com/gpu": "1"}}}, AMOUNTS),
    ("a condition", NODE_STATUS, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, STATUS),
    ("no conditions", NODE_STATUS, {"status": {"conditions": None}}, STATUS),
    ("an address", NODE_STATUS, {"status": {"addresses": [{"type": "InternalIP", "address": "10.1.1.1"}]}}, STATUS),
    ("an image less", NODE_STATUS, {"status": {"images": []}}, STATUS),
    ("a label with the status", NODE_STATUS, {"metadata": {"labels": {"kerf.dev/x": "z"}}}, LABELS),
    ("an annotation with the status", NODE_STATUS, {"metadata": {"annotations": {"a": "c"}}}, META),
    ("a label", NODE, {"metadata": {"labels": {"a": "c"}}}, LABELS),
    ("no label", NODE, {"metadata": {"labels": {"a": None}}}, LABELS),
    ("a role", NODE, {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}, LABELS),
    ("an annotation", NODE, {"metadata": {"annotations": {"kerf.dev/layout": "c"}}}, META),
    ("a finalizer", NODE, {"metadata": {"finalizers": ["example.com/a"]}}, META),
    ("cordoned", NODE, {"spec": {"unschedulable": True}}, "spec the controller changes taints only")]
FIELD, NOTHING = "status the controller changes nominatedNodeName only", "metadata the controller changes nothing"
# Of a pod's status: what it is; a merge patch; words of the refusal.
POD_REFUSED = [
    ("a phase", {"status": {"phase": "Failed"}}, FIELD),
    ("a condition", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, FIELD),
    ("an address", {"status": {"nominatedNodeName": "n", "podIP": "10.1.1.1"}}, FIELD),
    ("a label", {"metadata": {"labels": {"a": "b"}}}, NOTHING)]
OURS = {"key": "kerf.dev/slices", "operator": "Exists", "effect": "NoSchedule"}
OTHER = {"key": "example.com/a", "operator": "Exists"}
# What asks: containers' and init containers' resource names; tolerations that it brings; what it has then of them.
TOLERATIONS = [
    ("a slice", [MIG], [], None, [OURS]),
    ("a slice with media engines", ["nvidia.com/mig-1g.5gb.me"], [], None, [OURS]),
    ("a whole GPU", ["nvidia.com/gpu"], [], None, [OURS]),
    ("a portable request", ["kerf.dev/gpu-10gi"], [], None, [OURS]),
    ("an isolated one", ["kerf.dev/gpu-10gi-isolated"], [], None, [OURS]),
    ("the second container", ["cpu", MIG], [], None, [OURS]),
    ("an init container", ["cpu"], ["memory", "nvidia.com/gpu"], None, [OURS]),
    ("one with others", [MIG], [], [OTHER], [OTHER, OURS]),
    ("one with an empty list", [MIG], [], [], [OURS]),
    ("one that has it", [MIG], [], [OURS], [OURS]),
    ("one that has it for all effects", [MIG], [], [{"key": "kerf.dev/slices", "operator": "Exists"}],
     [{"key": "kerf.dev/slices", "operator": "Exists"}]),
    ("one that tolerates everything", [MIG], [], [{"operator": "Exists"}], [{"operator": "Exists"}]),
    ("one that tolerates another effect", [MIG], [], [{**OURS, "effect": "NoExecute"}],
     [{**OURS, "effect": "NoExecute"}, OURS]),
    ("no GPU", ["cpu", "memory"], ["cpu"], None, []),
    ("no GPU, with others", ["cpu"], [], [OTHER], [OTHER]),
    ("another driver's", ["amd.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/gpu-x", "notnvidia.com/mig-1g.10gb",
                          "example.com/kerf.dev"], [], None, []),
]
