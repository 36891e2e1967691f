"""What the agent's tests share: a bed with agents on nodes with simulated GPUs, and pods that hold slices."""
import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from kerf_bed import agent, gpu
from kerf_bed.common import BedError, tail
from kerf_bed.testing import BedTest, say
from layouts import devices
from standin import Standin

# A container's own account of its slices: which they are, that they are there, and, when it ends, that
# they are still those that it began with (a file made anew is another file, or of another second).
ACCOUNT = r"""
fail() { echo "$*"; exit 9; }
at() { n=${1#nvidia-cap}; r=$(( (n - 3) % 135 ))
  echo /machine/proc/driver/nvidia/capabilities/gpu$(( (n - 3) / 135 ))/mig/gi$(( r / 9 )); }
look() { for cap in $(ls /dev/nvidia-caps); do
  stat -c '%n %i %Z' $(at $cap)/access || fail "$cap has no instance"; done; }
begun=$(look) || fail "$begun"
leave() { [ "$(look)" = "$begun" ] || fail "was: $begun; is: $(look)"; exit 0; }
trap leave TERM
hold() { sleep $1 & wait $!; leave; }
echo "$begun"
"""

# What nvidia-smi mig -cgi does, at a place of our choice: a GPU instance of H100's 1g.10gb. And -dgi.
BY_HAND = """
import ctypes, sys
nvml = ctypes.CDLL("libnvidia-ml.so.1")
def call(name, *words):
    code = getattr(nvml, name)(*words)
    assert code == 0, f"{name}: {code}"
class Placement(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint), ("size", ctypes.c_uint)]
call("nvmlInit_v2")
verb, gpu, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
device, instance = ctypes.c_void_p(), ctypes.c_void_p()
call("nvmlDeviceGetHandleByIndex_v2", gpu, ctypes.byref(device))
if verb == "create":
    at = Placement(number, 1)
    call("nvmlDeviceCreateGpuInstanceWithPlacement", device, 19, ctypes.byref(at), ctypes.byref(instance))
else:
    call("nvmlDeviceGetGpuInstanceById", device, number, ctypes.byref(instance))
    call("nvmlGpuInstanceDestroy", instance)
"""


def by_hand(bed, node, *words):
    """ "create", GPU, start of a 1g.10gb; "destroy", GPU, id of the instance: as any NVML client can."""
    bed.output([sys.executable, "-c", BY_HAND, *map(str, words)], node=node)


def capabilities(gpu, gi, compute=0):
    """Names under /dev/nvidia-caps of a GPU instance and of its compute instance (mig-minors)."""
    first = 3 + 135 * gpu + 9 * gi
    return {f"nvidia-cap{first}", f"nvidia-cap{first + 1 + compute}"}


def gpu_pod(name, resource, seconds=100000, count=1, node=None, init=None, script="", **spec):
    """A pod whose container holds slices that long. `init`: so does an init container, that long, first;
    seconds=None: only that one."""
    def container(called, hold, limits):
        return {"name": called, "image": "kerf.test/box:1", "args": ["-c", f"{ACCOUNT}{script}\nhold {hold}"],
                "resources": {"limits": limits}, "volumeMounts": [{"name": "machine", "mountPath": "/machine"}]}
    limits = {resource: str(count)}
    mains = [container("main", seconds, limits)] if seconds is not None else [
        {"name": "main", "image": "kerf.test/box:1", "args": ["-c", "exit 0"]}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"kerf.dev/test": "yes"}},
            "spec": {"terminationGracePeriodSeconds": 5, "restartPolicy": "Never",
                     "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                     "containers": mains,
                     **({"initContainers": [container("before", init, limits)]} if init is not None else {}),
                     "volumes": [{"name": "machine", "hostPath": {"path": gpu.MACHINE, "type": "Directory"}}],
                     **({"nodeName": node} if node else {}), **spec}}


def running(pod):
    """(container id, when it started, restarts) of a pod's first container; None unless it runs."""
    for each in (pod or {}).get("status", {}).get("containerStatuses", []):
        if "running" in each["state"]:
            return each["containerID"], each["state"]["running"]["startedAt"], each["restartCount"]
    return None


def devices_of(pod):
    """Device ids that kubelet gave to a pod's containers."""
    return sorted(resource["resourceID"] for each in pod["status"].get("containerStatuses", [])
                  for given in each.get("allocatedResourcesStatus", []) for resource in given["resources"])


class World:
    """A bed with agents, as a test sees it."""

    def __init__(self, bed):
        self.bed, self.begun = bed, time.monotonic()
        self.api = bed.api()
        agent.install(bed)
        self.agents = {}
        self.standin = Standin(self.api, self.say)

    def say(self, text):
        say(f"{time.monotonic() - self.begun:7.2f}  {text}")

    def add_node(self, name, *boards, **options):
        self.bed.node_up(name, gpus=boards, **options)
        return self.add_agent(name)

    def add_agent(self, node, **more):
        self.agents[node] = agent.Agent(self.bed, node)
        self.agents[node].start(**more)
        self.say(f"{node}: agent started")
        return self.agents[node]

    # Pods, in the namespace default.

    def pod(self, name):
        return self.api.find(f"/api/v1/namespaces/default/pods/{name}")

    def make(self, pod):
        self.api.post("/api/v1/namespaces/default/pods", pod)
        return pod["metadata"]["name"]

    def remove(self, name, wait=True):
        self.api.delete(f"/api/v1/namespaces/default/pods/{name}")
        if wait:
            self.bed.wait(f"end of pod {name}", lambda: self.pod(name) is None)

    def wait_running(self, *names, seconds=90):
        """Until all run; their devices are in `device_of`. BedError with kubelet's words if one fails."""
        def is_running(name):
            pod = self.pod(name) or {}
            status = pod.get("status", {})
            if status.get("phase") == "Failed":
                raise AssertionError(f"pod {name} failed: {status.get('reason')} {status.get('message')} "
                                     f"{json.dumps(status.get('containerStatuses'))}")
            return running(pod)
        for name in names:
            self.bed.wait(f"pod {name} Running", lambda name=name: is_running(name), seconds)
        self.say(f"running: {' '.join(names)}")

    def start(self, *pods):
        """Makes pods and waits until they run; ids of their devices, sorted."""
        names = [self.make(pod) for pod in pods]
        self.wait_running(*names)
        return [device for name in names for device in self.devices(name)]

    def devices(self, pod):
        """Of a running pod; kubelet writes them into its status a little later than that it runs."""
        return self.bed.wait(f"devices of {pod}", lambda: devices_of(self.pod(pod)))

    # The node as it is, whatever the agent says of it.

    def instances(self, node):
        return self.instances_of(self.bed, node)

    @staticmethod
    def instances_of(bed, node):
        """{(gpu, "1g.10gb@3"): (gi, [UUIDs of its compute instances])} of the simulated driver."""
        found, number = {}, None
        for line in bed.output(["kerf-fake-driver", "show"], node=node).splitlines():
            words = line.split()
            if words[:1] == ["gpu"]:
                number = int(words[1])
            elif line.startswith("  ") and "@" in words[0]:
                found[number, words[0]] = (int(words[2]), [word for word in words if word.startswith("MIG-")])
        return found

    def cdi(self, node):
        """{device id: UUID} by the CDI files of Kerf on the node."""
        found = {}
        for path in (self.bed.node_root(node) / "run/cdi").glob("kerf.dev-gpu_*.json"):
            for device in json.loads(path.read_text())["devices"]:
                found[device["annotations"]["kerf.dev/device"]] = device["annotations"]["kerf.dev/uuid"]
        return found

    def unfinished(self, node):
        """Files of Kerf's that are no whole journal, lock or CDI file."""
        root = self.bed.node_root(node)
        return sorted(path.name for folder, whole in (("var/lib/kerf", ("journal", "lock")), ("run/cdi", ()))
                      for path in (root / folder).glob("*") if path.name not in whole and not (
                          path.name.startswith("kerf.dev-gpu_") and path.suffix == ".json"))

    def sockets(self, node):
        """Device plugins' sockets in the node: {name: does anybody listen}."""
        script = """import json, os, socket
found = {}
for name in os.listdir("/var/lib/kubelet/device-plugins"):
    path = "/var/lib/kubelet/device-plugins/" + name
    if name.endswith(".sock") and name != "kubelet.sock":
        with socket.socket(socket.AF_UNIX) as one:
            found[name] = one.connect_ex(path) == 0
print(json.dumps(found))"""
        return json.loads(self.bed.output(["/usr/bin/python3", "-c", script], node=node))

    def kubelet_pid(self, node):
        return self.bed.order("pid", "kubelet", node)["pid"]

    def mismatches(self, node):
        """What differs between the layout wanted, the driver, CDI, sockets and the agent's report."""
        wanted = devices((self.standin.gpu_node(node) or {}).get("spec"))
        made = {f"gpu{number}/{place}": uuids for (number, place), (_, uuids) in self.instances(node).items()}
        wrong = [f"{name}: an instance without compute instance" for name, uuids in made.items() if not uuids]
        mig = {name for name in wanted if not name.partition("/")[2].startswith(("whole", "replica/"))}
        wrong += [f"{name}: not made" for name in mig - made.keys()]
        wrong += [f"{name}: stands, not wanted" for name in made.keys() - mig]
        cdi = self.cdi(node)
        wrong += [f"{name}: no CDI file" for name in wanted.keys() - cdi.keys()]
        wrong += [f"{name}: a stale CDI file" for name in cdi.keys() - wanted.keys()]
        wrong += [f"{name}: CDI file of {cdi[name]}, is {uuids[0]}" for name, uuids in made.items()
                  if name in cdi and uuids and cdi[name] != uuids[0]]
        wrong += [f"{name}: an unfinished file" for name in self.unfinished(node)]
        wrong += [f"{name}: a stale socket" for name, alive in self.sockets(node).items() if not alive]
        reported = self.standin.slices(node)
        wrong += [f"{name}: reported {sorted(reported)}" for name in wanted.keys() ^ reported.keys()]
        return wrong


class AgentTest(BedTest):
    """`with self.world("name") as world:` a bed with the agent's kinds; nodes are added by the test."""

    @contextmanager
    def world(self, name, **options):
        logs = os.environ.get("KERF_E2E_LOGS")
        options.setdefault("karpenter", False)
        if logs:
            options["keep_logs"] = Path(logs) / name
        with self.bed(name, **options) as bed:
            world = World(bed)
            self.clock.lap("bed with the agent's kinds")
            try:
                yield world
            except BaseException:
                self.show(world)
                raise
            self.assertEqual(world.standin.errors, [])
        self.assert_nothing_left()

    @contextmanager
    def scenario(self, world, what):
        """A part of a test with a time of its own; when it fails, the others are tried all the same."""
        with self.subTest(what):
            world.say(f"--- {what}")
            try:
                yield
            except BaseException:
                self.show(world)
                raise
        self.clock.lap(what)

    @staticmethod
    def show(world):
        """What a person wants to see after a failure."""
        for one in world.agents.values():
            say(f"{one.node}: the agent said last:\n{tail(one.log_file, 25)}")
            try:
                say(json.dumps((world.standin.gpu_node(one.node) or {}).get("status")))
                say(world.bed.output(["kerf-fake-driver", "show"], node=one.node))
            except BedError:
                pass

    def assert_sound(self, world, node):
        """Everything is as wanted, and nothing is left over. Waits: sockets and files follow the report."""
        try:
            world.bed.wait("a node without leftovers", lambda: world.mismatches(node) == [], 30)
        except BedError:
            self.assertEqual(world.mismatches(node), [])
