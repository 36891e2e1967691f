"""Layouts as the tests write them, and what GpuNodes and pods say, as plain dictionaries."""


def resource_of(profile):
    """The resource under which a form is offered when nothing else is said."""
    if profile == "whole":
        return "nvidia.com/gpu"
    if profile.startswith("replica/"):
        return "nvidia.com/gpu.shared"
    return f"nvidia.com/mig-{profile.replace('+', '.')}"


def layout(*gpus):
    """A GpuNode's spec from text, one for each GPU: "1g.10gb@0 1g.10gb@1=kerf.dev/gpu-10gi -3g.40gb@4";
    with "-" before it a slice is parked."""
    def slice_of(word):
        state = "Parked" if word.startswith("-") else "Published"
        form, _, resource = word.removeprefix("-").partition("=")
        profile, _, start = form.rpartition("@")
        return {"profile": profile, "start": int(start), "resource": resource or resource_of(profile),
                "state": state}
    return {"gpus": [{"slices": sorted((slice_of(word) for word in gpu.split()),
                                       key=lambda slice: (slice["start"], slice["profile"]))}
                     for gpu in gpus]}


def device_id(gpu, slice):
    return f"gpu{gpu}/{slice['profile']}@{slice.get('start', 0)}"


def devices(part):
    """{device id: slice} of a GpuNode's spec or status."""
    return {device_id(number, slice): slice for number, gpu in enumerate((part or {}).get("gpus", []))
            for slice in gpu.get("slices", [])}


def condition(node, kind):
    """(status, reason) of a GpuNode's condition; ("", "") if it has none of that type."""
    for each in (node or {}).get("status", {}).get("conditions", []):
        if each["type"] == kind:
            return each["status"], each.get("reason", "")
    return "", ""


def is_settled(node):
    """Has the agent made of the spec what it can?"""
    return node is not None and condition(node, "Cut")[0] == "True" and node["status"].get(
        "observedGeneration") == node["metadata"]["generation"]


def is_kerfs(resource):
    return resource.startswith(("nvidia.com/mig-", "kerf.dev/"))


def asks(pod):
    """Does it ask for a slice?"""
    spec = pod["spec"]
    return any(is_kerfs(name) or name.startswith("nvidia.com/gpu")
               for container in [*spec["containers"], *spec.get("initContainers", [])]
               for name in (container.get("resources") or {}).get("limits", {}))
