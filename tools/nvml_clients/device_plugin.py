"""NVIDIA's device plugin on simulated machines, with a stand-in for the kubelet."""
import re
import subprocess
import tempfile
import time
from pathlib import Path

from .kubelet import Kubelet
from .machine import Machine

CLIENT = "device plugin"
PROTO = "vendor/k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto"
COMMON = ["/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidiactl"]
CRITICAL_XID, APPLICATION_XID = 48, 13  # the plugin takes the latter for a mistake of the program
KNOCKS = (31, 43, 45, 68, 109)  # other mistakes of programs


def resource_of(profile):
    return "nvidia.com/mig-" + profile.replace("+", ".")


def paths_of(device):
    """Device nodes of a MIG device, by NVIDIA's numbering of /proc/driver/nvidia-caps/mig-minors."""
    minor = 3 + 135 * device["gpu"] + 9 * device["gi"]
    return sorted([*COMMON, f"/dev/nvidia{device['gpu']}", f"/dev/nvidia-caps/nvidia-cap{minor}",
                   f"/dev/nvidia-caps/nvidia-cap{minor + 1 + device['ci']}"])


class Running:
    """The plugin in a machine, registered with a kubelet of its own. A context."""

    def __init__(self, machine, program, proto, strategy, wanted):
        self.folder = Path(tempfile.mkdtemp(prefix="kerf-kubelet-", dir=machine.folder))
        sockets = self.folder / "kubelet/device-plugins"
        sockets.mkdir(parents=True)
        self.kubelet = Kubelet(sockets, proto, self.folder)
        self.log = open(self.folder / "log", "w+b")
        # In its namespace, /var/lib is our folder: nothing comes into the real one.
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             'mount --bind "$0" /var/lib && exec "$@"', str(self.folder), machine.program, "enter",
             "--in-place", "--", str(program), "--mig-strategy", strategy, "--pass-device-specs"],
            stdout=self.log, stderr=self.log)
        requests = self.kubelet.registered(wanted) if wanted else []
        self.requests = {request.resource_name: request for request in requests}
        self.plugins = {name: self.kubelet.connect(request.endpoint)
                        for name, request in self.requests.items()}

    def said(self):
        return (self.folder / "log").read_text(errors="replace")

    def skipped(self, xid, wanted=0, seconds=0):
        """How many times a resource heard that XID and let it pass; waits until that is `wanted`."""
        line = re.compile(rf"Skipping event .*EventData:{xid} ")
        end = time.monotonic() + seconds
        while (found := len(line.findall(self.said()))) < wanted and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for plugin in self.plugins.values():
            plugin.close()
        self.process.terminate()
        self.process.wait()
        self.kubelet.stop()
        self.log.close()


class DevicePlugins:
    def __init__(self, program, build, report, clone):
        self.program, self.build, self.report = program, build, report
        self.proto = clone / PROTO

    def start(self, machine, strategy, wanted):
        return Running(machine, self.program, self.proto, strategy, wanted)

    def resources(self, row, running, expected):
        """`expected`: resource -> {id: paths}. Compares all that the kubelet is told about them."""
        told = {}
        for name, plugin in running.plugins.items():
            request = running.requests[name]
            self.report.check(row, ("v1beta1", True),
                              (request.version, request.options.get_preferred_allocation_available),
                              f"registration of {name}")
            told[name] = plugin.next_list(10)
        self.report.check(row, {name: {device: "Healthy" for device in devices}
                                for name, devices in expected.items()}, told, "resources and devices")
        for name, devices in expected.items():
            if name not in running.plugins:
                continue
            plugin = running.plugins[name]
            for device, paths in devices.items():
                self.report.check(row, ({"NVIDIA_VISIBLE_DEVICES": device}, paths),
                                  plugin.allocate([device]), f"Allocate of a {name}")
            size = min(2, len(devices))
            got = plugin.prefer(list(devices), size)
            self.report.check(row, (size, True), (len(got), set(got) <= set(devices)),
                              f"GetPreferredAllocation of {name}")
            if size == 2:
                two = sorted(devices)[:2]
                envs, paths = plugin.allocate(two)  # names a GPU that both are on twice
                self.report.check(row, (two, set(devices[two[0]] + devices[two[1]])),
                                  (sorted(envs["NVIDIA_VISIBLE_DEVICES"].split(",")), set(paths)),
                                  f"Allocate of two {name}")

    def health(self, row, machine, running, devices, sick, other):
        """An application's XID of `sick` or `other` changes nothing; a critical one makes `sick`
        unhealthy, and only it. `devices` are all that the plugin offers."""
        offered = {device["resource"] for device in devices}
        if offered != set(running.plugins):
            return  # which was reported
        listeners = {gpu: len({d["resource"] for d in devices if d["gpu"] == gpu})
                     for gpu in (sick["gpu"], other["gpu"])}
        # The plugin says nowhere from when on it listens. Each knock is another XID, until every
        # resource of the GPU has logged the same one.
        knocks = iter(KNOCKS)
        for device in {device["gpu"]: device for device in (sick, other)}.values():
            heard, wanted = None, listeners[device["gpu"]]
            while heard != wanted and (xid := next(knocks, None)):
                machine.do("xid", xid, *device["words"])
                heard = running.skipped(xid, wanted, 5)
            if not self.report.check(row, wanted, heard, f"resources that listen to {device['words']}"):
                return

        def ignores(device):
            """All resources of its GPU hear an application's XID of the device and let it pass: they
            have seen to all that came before it."""
            wanted = running.skipped(APPLICATION_XID) + listeners[device["gpu"]]
            machine.do("xid", APPLICATION_XID, *device["words"])
            self.report.check(row, wanted, running.skipped(APPLICATION_XID, wanted, 20),
                              f"XID {APPLICATION_XID} on {device['uuid']} is heard and skipped")

        def lists():
            told = {name: plugin.next_list(0.1) for name, plugin in running.plugins.items()}
            return {name: health for name, health in told.items() if health}

        ignores(sick)
        self.report.check(row, {}, lists(), f"lists after XID {APPLICATION_XID}")
        machine.do("xid", CRITICAL_XID, *sick["words"])
        told = running.plugins[sick["resource"]].next_list(20)
        health = sorted(device for device, state in (told or {}).items() if state == "Unhealthy")
        self.report.check(row, [sick["uuid"]], health,
                          f"XID {CRITICAL_XID} on a {sick['resource']}")
        ignores(sick)
        ignores(other)
        self.report.check(row, {}, lists(),
                          f"more lists, after XID {APPLICATION_XID} on {other['uuid']}")

    def mixed(self, gpus, layouts, sick):
        """`sick`: the profile, once on its GPU, whose device gets an XID; None: the GPU without MIG."""
        row = (CLIENT, " ".join(gpus), "strategy mixed")
        with Machine(self.build, *gpus) as machine:
            devices = machine.lay_out(layouts)
            for device in devices:
                gpu, gi, ci = (device[name] for name in ("gpu", "gi", "ci"))
                device.update(resource=resource_of(device["profile"]), paths=paths_of(device),
                              words=[f"gpu={gpu}", f"gi={gi}", f"ci={ci}"])
            for gpu, (layout, uuid) in enumerate(zip(layouts, machine.gpu_uuids())):
                if layout is None:
                    devices.append({"gpu": gpu, "profile": None, "uuid": uuid,
                                    "resource": "nvidia.com/gpu", "words": [f"gpu={gpu}"],
                                    "paths": sorted([*COMMON, f"/dev/nvidia{gpu}"])})
            expected = {}
            for device in devices:
                expected.setdefault(device["resource"], {})[device["uuid"]] = device["paths"]
            # Of several of a resource on one GPU the plugin marks only the last: take lone ones.
            lone = [d for d in devices
                    if sum((d["gpu"], d["profile"]) == (o["gpu"], o["profile"]) for o in devices) == 1]
            ill = next(device for device in lone if device["profile"] == sick)
            other = next(device for device in lone if device is not ill)
            with self.start(machine, "mixed", len(expected)) as running:
                self.resources(row, running, expected)
                self.health(row, machine, running, devices, ill, other)

    def single(self, board, profile, starts):
        row = (CLIENT, f"{board}:2", "strategy single")
        with Machine(self.build, f"{board}:2") as machine:
            devices = machine.lay_out([[(profile, start) for start in starts]] * 2)
            with self.start(machine, "single", 1) as running:
                self.resources(row, running, {"nvidia.com/gpu": {
                    device["uuid"]: paths_of(device) for device in devices}})

    def none(self, board, layouts):
        row = (CLIENT, f"{board}:2", "strategy none")
        with Machine(self.build, f"{board}:2") as machine:
            machine.lay_out(layouts)
            with self.start(machine, "none", 1) as running:
                self.resources(row, running, {"nvidia.com/gpu": {
                    uuid: sorted([*COMMON, f"/dev/nvidia{gpu}"])
                    for gpu, uuid in enumerate(machine.gpu_uuids())}})

    def refused(self, board, layouts, strategy, why):
        row = (CLIENT, f"{board}:2", "layouts that it refuses")
        with Machine(self.build, f"{board}:2") as machine:
            machine.lay_out(layouts)
            with self.start(machine, strategy, 0) as running:
                end = time.monotonic() + 20
                while why not in running.said() and time.monotonic() < end:
                    time.sleep(0.1)
                self.report.check(row, True, why in running.said(), f"{strategy}: {why}")
                self.report.check(row, True, running.kubelet.registrations.empty(), strategy)

    def run(self):
        self.mixed(["H100-80:3"], [
            [("1g.10gb", 0), ("1g.10gb", 1), ("2g.20gb", 2), ("3g.40gb", 4)],
            [("1g.10gb+me", 6), ("1g.20gb", 0), ("4g.40gb", 0)][:2], None], "2g.20gb")
        self.mixed(["A100-40:2"], [[("4g.20gb", 0), ("3g.20gb", 4)], None], None)
        self.mixed(["A30:2"], [[("2g.12gb+me", 0), ("1g.6gb", 2), ("1g.6gb", 3)], [("4g.24gb", 0)]],
                   "2g.12gb+me")
        self.mixed(["RTX-PRO-6000:3"], [
            [("1g.24gb+gfx", 0), ("1g.24gb+me", 3), ("2g.48gb", 6)],
            [("1g.24gb+me.all", 0), ("1g.24gb-me", 3), ("2g.48gb-me", 6)],
            [("4g.96gb+gfx", 0)]], "1g.24gb+gfx")
        for board, sick in (("A100-80", "3g.40gb"), ("H100-94", "3g.47gb"), ("H100-96", "3g.48gb"),
                            ("GH200-144", "3g.72gb"), ("H200", "3g.71gb"), ("B200", "3g.90gb"),
                            ("GB200", "3g.93gb"), ("B300", "3g.135gb"), ("GB300", "3g.139gb")):
            self.mixed([f"{board}:2"], [self.balanced(board), None], sick)
        self.single("H100-80", "1g.10gb", range(7))
        self.single("A30", "2g.12gb", (0, 2))
        self.none("H100-80", [self.balanced("H100-80"), None])
        self.refused("H100-80", [self.balanced("H100-80")] * 2, "single",
                     "more than one MIG device type present on node")
        self.refused("H100-80", [[("7g.80gb", 0)], []], "single", "has no MIG devices configured")
        self.refused("H100-80", [[("7g.80gb", 0)], None], "single",
                     "must be configured with the same migEnabled value")

    @staticmethod
    def balanced(board):
        from . import boards
        names = list(boards.profiles(board))  # 1g, 1g+me, 1g of two units, 2g, 3g, 4g, 7g
        return [(names[0], 0), (names[0], 1), (names[3], 2), (names[4], 4)]
