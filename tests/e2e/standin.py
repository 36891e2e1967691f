"""Plays the controller for the agent's tests: writes layouts, publishes, withdraws, keeps the Lease.

It does what docs/control.md says of layouts, and no more: no placement, no purchase. Its rules, by
node: what the agent has confirmed is raised in the Node's status once for each layout and registration
of kubelet; what a new layout takes away is lowered first, kept low for half a second, lowered again
whenever kubelet's own status raises it, and only then is the layout written.
"""
import threading
import time
from collections import Counter
from datetime import datetime, timezone

from kerf_bed.api import ApiError
from kerf_bed.common import BedError
from layouts import asks, condition, device_id, devices, is_kerfs, is_settled, layout

GROUP = "/apis/kerf.dev/v1alpha1/gpunodes"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kerf-system/leases"
HOLD = 0.5  # seconds for which the offer is kept low
RENEW = 2.0  # seconds between renewals of the Lease


def micro_time():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Seen:
    """All objects of a kind as the API server has them, by a watch of its own."""

    def __init__(self, api, path, heard):
        self.objects = {}
        self._api, self._path, self._heard = api, path, heard

    def start(self):
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while True:
            try:
                listed = self._api.get(self._path)
                self.objects = {one["metadata"]["name"]: one for one in listed["items"]}
                self._heard(list(self.objects))
                for kind, one in self._api.watch(self._path, listed["metadata"]["resourceVersion"]):
                    name = one.get("metadata", {}).get("name")
                    if kind in ("ADDED", "MODIFIED"):
                        self.objects[name] = one
                    elif kind == "DELETED":
                        self.objects.pop(name, None)
                    else:
                        break
                    self._heard([name])
            except OSError:  # away, or the watch is too old: list again
                time.sleep(0.2)


class Desk:
    """What the stand-in remembers of a node."""

    def __init__(self):
        self.lock = threading.RLock()
        self.staying = None  # while it withdraws: what the API may offer at most, by resource
        self.low_since = None
        self.published = None  # (registration, generation) that was raised already


class Standin:
    """One for a bed. `say` hears of every step. While not `present` it does nothing, and its Lease ages."""

    def __init__(self, api, say=lambda text: None):
        self.api, self.say, self.present = api, say, True
        self._desks, self._changed = {}, threading.Condition()
        self.errors = []  # what the API refused and no retry mended
        self._gpu_nodes = Seen(api, GROUP, self._heard)
        self._nodes = Seen(api, "/api/v1/nodes", self._heard)
        self._gpu_nodes.start()
        self._nodes.start()
        threading.Thread(target=self._renew, daemon=True).start()

    # What the tests ask.

    def gpu_node(self, node):
        return self._gpu_nodes.objects.get(node)

    def until(self, what, condition, seconds=60):
        """Waits for condition() to be true, looking again at each change."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise BedError(f"{what}: not within {seconds} s")
            with self._changed:
                self._changed.wait(0.1)
        return value

    def slices(self, node):
        """{device id: slice} of what the agent reports."""
        return devices((self.gpu_node(node) or {}).get("status"))

    def offered(self, node):
        """{resource: number} of what kubelet has confirmed to the agent."""
        return Counter(slice["resource"] for slice in self.slices(node).values() if slice.get("offered"))

    def allocatable(self, node):
        """{resource: number} of Kerf's names in the Node's status, those that are not 0."""
        status = (self._nodes.objects.get(node) or {}).get("status", {})
        return Counter({name: int(count) for name, count in status.get("allocatable", {}).items()
                        if name.startswith(("kerf.dev/", "nvidia.com/")) and int(count)})

    def set_layout(self, node, spec, wait=True, seconds=60):
        """Takes what the spec leaves out and nobody uses, gives what it adds. The spec that was written:
        with the slices that are in use, which no layout takes away."""
        desk = self._desk(node)
        spec = self._withdraw(desk, node, spec)
        generation = self.write(node, spec)
        if wait:
            self.until(f"{node} cut as wanted", lambda: is_settled(self.gpu_node(node)) and self.gpu_node(
                node)["metadata"]["generation"] >= generation, seconds)
        return spec

    def give(self, node, gpu, words, **more):
        """Adds slices of layout() to a GPU."""
        spec = self._spec(node)
        spec["gpus"][gpu]["slices"] += layout(words)["gpus"][0]["slices"]
        spec["gpus"][gpu]["slices"].sort(key=lambda slice: (slice["start"], slice["profile"]))
        return self.set_layout(node, spec, **more)

    def take(self, node, *ids, **more):
        """Leaves devices out, by their ids, if they are free; those that are not stay."""
        spec = self._spec(node)
        for number, gpu in enumerate(spec["gpus"]):
            gpu["slices"] = [slice for slice in gpu["slices"] if device_id(number, slice) not in ids]
        return self.set_layout(node, spec, **more)

    def write(self, node, spec):
        """The spec as it is, without asking anybody; its generation."""
        while True:
            seen = self.api.find(f"{GROUP}/{node}")
            try:
                if seen is None:
                    written = self.api.post(GROUP, {"apiVersion": "kerf.dev/v1alpha1", "kind": "GpuNode",
                                                    "metadata": {"name": node}, "spec": spec})
                else:
                    written = self.api.put(f"{GROUP}/{node}", {**seen, "spec": spec})
                generation = written["metadata"]["generation"]
                self.say(f"{node}: layout {generation} written")
                self.until("own write seen", lambda: (self.gpu_node(node) or {"metadata": {"generation": 0}})[
                    "metadata"]["generation"] >= generation)
                return generation
            except ApiError as error:
                if error.code != 409:
                    raise

    # The controller's half.

    def _spec(self, node):
        seen = self.api.find(f"{GROUP}/{node}") or {}
        return {"gpus": [{"slices": list(gpu.get("slices", []))} for gpu in seen.get("spec", {}).get("gpus", [])]}

    def _desk(self, node):
        with self._changed:
            return self._desks.setdefault(node, Desk())

    def _heard(self, names):
        for name in names:
            if self.present and name in self._gpu_nodes.objects:
                try:
                    self._look_after(name)
                except OSError as error:
                    # In conflict, or the API server is away: the next change, or list, is another chance.
                    if isinstance(error, ApiError) and error.code != 409:
                        self.errors.append(str(error))
        with self._changed:
            self._changed.notify_all()

    def _look_after(self, name):
        if name not in self._nodes.objects:
            return
        desk = self._desk(name)
        with desk.lock:
            if desk.staying is not None:
                self._keep_low(name, desk)
            else:
                self._lower_what_is_beyond(name)
                self._publish(name, desk, self._gpu_nodes.objects[name])

    def _lower_what_is_beyond(self, name):
        """kubelet's own status may raise what was lowered to what it had a moment ago; and when no agent
        serves kubelet, nothing is there: of what is held somebody may end, which makes room in the scheduler."""
        if condition(self.gpu_node(name), "Degraded")[1] == "ForeignPlugin":
            return  # another plugin serves a name: what it offers is not Kerf's to lower
        now = Counter(self._now(name).values())
        if condition(self.gpu_node(name), "Ready")[0] == "False":  # the agent ends, or kubelet is away
            now = Counter()
        above = {resource: str(now[resource]) for resource, count in self.allocatable(name).items()
                 if is_kerfs(resource) and count > now[resource]}
        if above:
            self.say(f"{name}: lowers {above} again")
            self._write_status(name, {"allocatable": above})

    def _now(self, node):
        """{device: resource} of what the API may offer: kubelet has it, or is told to have it."""
        seen = self.gpu_node(node) or {}
        now = {name: slice["resource"] for name, slice in devices(seen.get("status")).items()
               if slice.get("offered")}
        for name, slice in devices(seen.get("spec")).items():
            if slice.get("state") == "Published":
                now.setdefault(name, slice["resource"])
        return now

    def _withdraw(self, desk, node, spec):
        """Lowers the offer to what stays, and waits until whoever was bound before has its devices."""
        wanted = devices(spec)
        staying = Counter({resource: 0 for resource in self._now(node).values()})
        for name, resource in self._now(node).items():
            stays = wanted.get(name, {})
            if stays.get("state") == "Published" and stays["resource"] == resource:
                staying[resource] += 1
        lowered = {resource: count for resource, count in staying.items()
                   if count < Counter(self._now(node).values())[resource]}
        if lowered:
            self.say(f"{node}: withdraws to {lowered}")
            with desk.lock:
                desk.staying, desk.low_since = lowered, None
            self.until(f"offer of {node} low", lambda: self._is_low_for_long(node, desk))
            self.until(f"devices of pods bound to {node}", lambda: self._all_admitted(node))
            spec = self._with_used(node, spec)
            threading.Thread(target=self._end_withdrawal, args=(node, desk, lowered, spec),
                             daemon=True).start()
        return spec

    def _is_low_for_long(self, node, desk):
        with desk.lock:
            self._keep_low(node, desk)
            return desk.low_since is not None and time.monotonic() >= desk.low_since + HOLD

    def _keep_low(self, node, desk):
        seen = self.allocatable(node)
        above = {resource: str(count) for resource, count in desk.staying.items() if seen[resource] > count}
        if above:
            desk.low_since = None
            self._write_status(node, {"allocatable": above})
        elif desk.low_since is None:
            desk.low_since = time.monotonic()

    def _all_admitted(self, node):
        """Has kubelet admitted, or refused, everybody who is bound to the node and asks for a slice?"""
        listed = self.api.get(f"/api/v1/pods?fieldSelector=spec.nodeName={node}")
        return all("startTime" in one["status"] or not asks(one) for one in listed["items"])

    def _with_used(self, node, spec):
        """Slices that were taken meanwhile stay as they are."""
        wanted, was = devices(spec), devices((self.gpu_node(node) or {}).get("spec"))
        for name, slice in self.slices(node).items():
            if slice.get("state") == "Used" and name not in wanted and name in was:
                number = int(name.partition("/")[0].removeprefix("gpu"))
                in_the_way = {each for each in wanted if each.startswith(f"gpu{number}/") and each not in was}
                spec = {"gpus": [dict(gpu) for gpu in spec["gpus"]]}
                kept = [each for each in spec["gpus"][number]["slices"]
                        if device_id(number, each) not in in_the_way]
                spec["gpus"][number]["slices"] = sorted([*kept, was[name]], key=lambda each: each["start"])
                wanted = devices(spec)
                self.say(f"{node}: {name} came into use and stays")
        return spec

    def _end_withdrawal(self, node, desk, lowered, spec):
        """Once the agent no longer offers what the written layout leaves out, nothing needs to be kept low."""
        wanted = devices(spec)

        def gone():
            return all(wanted.get(name, {}).get("state") == "Published" and wanted[name]["resource"] ==
                       slice["resource"] for name, slice in self.slices(node).items() if slice.get("offered"))
        try:
            self.until("withdrawn devices no longer offered", gone, 120)
        except BedError as error:
            self.errors.append(f"{node}: {error}")
        with desk.lock:
            if desk.staying is lowered:
                desk.staying = None
        self._heard([node])

    def _publish(self, name, desk, seen):
        status = seen.get("status") or {}
        key = (status.get("registrationEpoch"), seen["metadata"]["generation"])
        node_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in
                         self._nodes.objects[name]["status"].get("conditions", []))
        if (not key[0] or desk.published == key or not node_ready or condition(seen, "Ready")[0] != "True"
                or status.get("observedGeneration") != key[1] or not is_settled(seen)):
            return
        allocatable = self.allocatable(name)
        raised = {resource: str(count) for resource, count in self.offered(name).items()
                  if allocatable[resource] < count}
        desk.published = key
        if raised:
            self.say(f"{name}: publishes {raised} ahead of kubelet")
            capacity = self._nodes.objects[name]["status"].get("capacity", {})
            self._write_status(name, {"allocatable": raised, "capacity": {
                resource: count for resource, count in raised.items()
                if int(capacity.get(resource, 0)) < int(count)}})

    def _write_status(self, node, status):
        self.api.patch(f"/api/v1/nodes/{node}/status", {"status": status})

    def _renew(self):
        while True:
            if self.present:
                spec = {"holderIdentity": "stand-in", "leaseDurationSeconds": 15, "renewTime": micro_time()}
                try:
                    if self.api.find(f"{LEASE}/kerf-controller") is None:
                        self.api.post(LEASE, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                                              "metadata": {"name": "kerf-controller"}, "spec": spec})
                    else:
                        self.api.patch(f"{LEASE}/kerf-controller", {"spec": spec})
                except OSError:
                    pass  # the next one will tell
            time.sleep(RENEW)
