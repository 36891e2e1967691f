"""Tables of gpunode_tests.py: layouts that the API server takes or refuses, statuses, an agent's rights."""
MIG = "nvidia.com/mig-1g.10gb"


def slice_(profile, resource, start=0, **more):
    return {"profile": profile, "resource": resource, "start": start, **more}


def replicas(count, resource="nvidia.com/gpu.shared", of=None):
    return [slice_(f"replica/{of or count}", resource, start) for start in range(count)]


# What it is; the slices of one GPU.
ACCEPTED = [
    ("an empty GPU", []),
    ("slices with gaps", [slice_("1g.10gb", MIG), slice_("3g.40gb", "nvidia.com/mig-3g.40gb", 4)]),
    ("one with media engines", [slice_("1g.10gb+me", "nvidia.com/mig-1g.10gb.me", 6)]),
    ("one without", [slice_("1g.24gb-me", "nvidia.com/mig-1g.24gb-me", 9)]),
    ("published and parked", [slice_("1g.10gb", MIG, 0, state="Published"),
                              slice_("1g.10gb", MIG, 1, state="Parked")]),
    ("a portable name", [slice_("2g.20gb", "kerf.dev/gpu-20gi")]),
    ("of less than there is", [slice_("2g.20gb", "kerf.dev/gpu-5gi-isolated")]),
    ("for who may share", [slice_("2g.20gb", "kerf.dev/gpu-16gi-shared")]),
    ("a whole GPU", [slice_("whole", "nvidia.com/gpu")]),
    ("a whole GPU, portable", [slice_("whole", "kerf.dev/gpu-180gi-isolated", state="Published")]),
    ("replicas", replicas(4)),
    ("some of them, portable", replicas(3, "kerf.dev/gpu-4gi-shared", of=16)),
]
PROFILE = "spec.gpus[0].slices[0].profile"
START = "spec.gpus[0].slices[0].start"
RESOURCE = "spec.gpus[0].slices[0].resource"
SLICES = "spec.gpus[0].slices"
# What is wrong; the slices of one GPU; the field that the error names; words of it.
REFUSED = [
    ("MPS", [slice_("mps/4", "kerf.dev/gpu-4gi-shared")], PROFILE, "MPS is not served by this agent"),
    ("no form", [slice_("quarter", "nvidia.com/gpu")], PROFILE, "expected a MIG profile as nvidia-smi"),
    ("capitals", [slice_("1G.10GB", "nvidia.com/mig-1G.10GB")], PROFILE, "expected a MIG profile"),
    ("a part of an instance", [slice_("1c.3g.40gb", "nvidia.com/mig-1c.3g.40gb")], PROFILE, "expected a MIG"),
    ("a resource as profile", [slice_("1g.5gb.me", "nvidia.com/mig-1g.5gb.me")], PROFILE, "1g.10gb+me"),
    ("one replica", [slice_("replica/1", "nvidia.com/gpu.shared")], PROFILE, "N from 2 to 16"),
    ("too many replicas", [slice_("replica/17", "nvidia.com/gpu.shared")], PROFILE, "N from 2 to 16"),
    ("a replica of none", [slice_("replica/04", "nvidia.com/gpu.shared")], PROFILE, "N from 2 to 16"),
    ("no profile", [slice_("", MIG)], PROFILE, "expected a MIG profile"),
    ("a long profile", [slice_("1g." + 40 * "1" + "gb", MIG)], PROFILE, "may not be more than 32"),
    ("whole, not at 0", [slice_("whole", "nvidia.com/gpu", 1)], START, "'whole' starts at 0"),
    ("a replica too far", [slice_("replica/4", "nvidia.com/gpu.shared", 4)], START, "start at 0 to N-1"),
    ("before the first slot", [slice_("1g.10gb", MIG, -1)], START, "greater than or equal to 0"),
    ("beyond any slot", [slice_("1g.10gb", MIG, 64)], START, "less than or equal to 63"),
    ("a slice as a whole GPU", [slice_("1g.10gb", "nvidia.com/gpu")], RESOURCE,
     "1g.10gb is offered as nvidia.com/mig-1g.10gb or kerf.dev/gpu-<M>gi"),
    ("a small slice as a big one", [slice_("1g.10gb", "nvidia.com/mig-7g.80gb")], RESOURCE,
     "1g.10gb is offered as nvidia.com/mig-1g.10gb"),
    ("'+' in a resource", [slice_("1g.10gb+me", "nvidia.com/mig-1g.10gb+me")], RESOURCE,
     "offered as nvidia.com/mig-1g.10gb.me or"),
    ("a GPU as shared", [slice_("whole", "nvidia.com/gpu.shared")], RESOURCE, "whole is offered as nvidia.com/gpu or"),
    ("a replica as a GPU", [slice_("replica/4", "nvidia.com/gpu")], RESOURCE,
     "replica/4 is offered as nvidia.com/gpu.shared or kerf.dev/gpu-<M>gi-shared"),
    ("a replica as a portable GPU", [slice_("replica/4", "kerf.dev/gpu-4gi")], RESOURCE, "ends in -shared"),
    ("a replica as isolated", [slice_("replica/4", "kerf.dev/gpu-4gi-isolated")], RESOURCE, "ends in -shared"),
    ("somebody else's name", [slice_("1g.10gb", "example.com/gpu")], RESOURCE, "has to say what a pod gets"),
    ("a size that is not in the list", [slice_("3g.40gb", "kerf.dev/gpu-30gi")], RESOURCE, "M is 2, 4, 5, 6"),
    ("another word", [slice_("3g.40gb", "kerf.dev/gpu-32gi-fast")], RESOURCE, "alone or with -isolated or -shared"),
    ("a promise it cannot keep", [slice_("1g.5gb", "kerf.dev/gpu-6gi")], RESOURCE,
     "kerf.dev/gpu-6gi promises more memory than a 1g.5gb has"),
    ("isolated, and the same", [slice_("3g.71gb", "kerf.dev/gpu-80gi-isolated")], RESOURCE, "promises more memory"),
    ("no name", [slice_("1g.10gb", "")], RESOURCE, "1g.10gb is offered as nvidia.com/mig-1g.10gb or"),
    ("a long name", [slice_("1g.10gb", "nvidia.com/" + 60 * "x")], RESOURCE, "may not be more than 63"),
    ("a name left out", [{"profile": "whole"}], RESOURCE, "Required value"),
    ("a profile left out", [{"resource": MIG}], PROFILE, "Required value"),
    ("a state of the status", [slice_("1g.10gb", MIG, state="Free")], "spec.gpus[0].slices[0].state",
     '"Published", "Parked"'),
    ("two at one start", [slice_("1g.10gb", MIG), slice_("2g.20gb", "nvidia.com/mig-2g.20gb")],
     "spec.gpus[0].slices[1]", "Duplicate value"),
    ("not sorted", [slice_("1g.10gb", MIG, 1), slice_("1g.10gb", MIG, 0)], SLICES, "sorted by start"),
    ("whole beside a slice", [slice_("whole", "nvidia.com/gpu"), slice_("1g.10gb", MIG, 1)], SLICES,
     "'whole' is all of the GPU"),
    ("whole beside a replica", [slice_("whole", "nvidia.com/gpu"),
                                slice_("replica/4", "nvidia.com/gpu.shared", 1)], SLICES, "'whole' is all of the GPU"),
    ("replicas of two counts", [slice_("replica/4", "nvidia.com/gpu.shared"),
                                slice_("replica/2", "nvidia.com/gpu.shared", 1)], SLICES, "all of one count"),
    ("a slice beside a replica", [slice_("1g.10gb", MIG),
                                  slice_("replica/4", "nvidia.com/gpu.shared", 1)], SLICES, "nothing else is on it"),
]
# Of the status: what is wrong; a merge patch of it; field; words.
REFUSED_STATUS = [
    ("a label of somebody else", {"labels": {"kubernetes.io/hostname": "x"}}, "status.labels",
     "only labels of nvidia.com/"),
    ("a state that is none", {"gpus": [{"index": 0, "slices": [{"profile": "whole", "start": 0, "state": "Busy"}]}]},
     "status.gpus[0].slices[0].state", '"Creating", "Free", "Used", "Retiring", "Lost"'),
    ("a GPU twice", {"gpus": [{"index": 0}, {"index": 0}]}, "status.gpus[1]", "Duplicate value"),
    ("a reason in words", {"conditions": [{"type": "Cut", "status": "True", "reason": "it is", "message": "",
                                           "lastTransitionTime": "2026-11-29T16:00:00Z"}]},
     "status.conditions[0].reason", "should match"),
    ("a time that is none", {"lastReportTime": "noon"}, "status.lastReportTime", "date-time"),
]
STATUS = {
    "observedGeneration": 1, "bootID": "b", "registrationEpoch": "r-1", "lastReportTime": "2026-11-29T16:00:00Z",
    "slices": {"used": 1, "free": 2, "parked": 3, "total": 6},
    "gpus": [{"index": 0, "uuid": "GPU-1", "model": "H100-80", "mig": True, "layout": "H100-80 [1g.10gb@0]",
              "slices": [{"profile": "1g.10gb", "start": 0, "device": "gpu0/1g.10gb@0", "resource": MIG,
                          "state": "Used", "offered": True, "uuid": "MIG-1", "pod": "default/a"}]}],
    "labels": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"},
    "conditions": [{"type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 1,
                    "lastTransitionTime": "2026-11-29T16:00:00Z"}
                   for kind, status, reason in (("Cut", "True", "AsWanted"), ("Ready", "False", "KubeletAway"),
                                                ("Degraded", "True", "ModeOff"))]}
# What RBAC lets an agent do (True) and what not: verb, resource, more words of `kubectl auth can-i`.
RIGHTS = [
    (True, "get", "gpunodes"), (True, "list", "gpunodes"), (True, "watch", "gpunodes"),
    (True, "update", "gpunodes", "--subresource=status"), (True, "patch", "gpunodes", "--subresource=status"),
    (False, "update", "gpunodes"), (False, "patch", "gpunodes"), (False, "create", "gpunodes"),
    (False, "delete", "gpunodes"),
    (True, "get", "nodes"), (False, "list", "nodes"), (False, "watch", "nodes"), (False, "patch", "nodes"),
    (False, "patch", "nodes", "--subresource=status"),
    (True, "get", "leases/kerf-controller", "-n", "kerf-system"), (False, "list", "leases", "-n", "kerf-system"),
    (False, "get", "leases/other", "-n", "kerf-system"), (False, "get", "leases/kerf-controller", "-n", "default"),
    (False, "update", "leases/kerf-controller", "-n", "kerf-system"),
    (True, "list", "resourceslices.resource.k8s.io"), (False, "delete", "resourceslices.resource.k8s.io"),
    (False, "list", "pods", "-A"), (False, "create", "pods", "--subresource=eviction"),
    (False, "get", "secrets", "-n", "kerf-system"), (False, "create", "serviceaccounts", "--subresource=token"),
]
