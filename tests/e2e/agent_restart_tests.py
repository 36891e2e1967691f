"""Tests of what starts again around a pod that holds a slice: kubelet, containerd, the agent, the node."""
import shutil
import signal
import threading

from agent_bed import AgentTest, gpu_pod, running
from layouts import condition, is_settled, layout

ONE = "nvidia.com/mig-1g.10gb"
SEVEN = " ".join(f"1g.10gb@{start}" for start in range(7))


class Arrivals:
    """Pods that come all the time, hold a slice for a second, and go."""

    def __init__(self, world, resource):
        self.world, self.resource, self.number, self.ended = world, resource, 0, {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.enough(2)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def enough(self, more):
        """Waits until so many more have come and gone well."""
        wanted = more + sum(how == "Succeeded" for how in self.ended.values())
        self.world.bed.wait("pods that come and go", lambda: sum(
            how == "Succeeded" for how in self.ended.values()) >= wanted, 120)

    def refused(self):
        return {name: how for name, how in self.ended.items() if how != "Succeeded"}

    def _run(self):
        open_pods = []
        while not self._stop.is_set() or open_pods:
            if not self._stop.is_set() and len(open_pods) < 4:
                self.number += 1
                open_pods.append(self.world.make(gpu_pod(f"arrival-{self.number}", self.resource, seconds=1)))
            for name in list(open_pods):
                status = self.world.pod(name)["status"]
                if status.get("phase") in ("Succeeded", "Failed"):
                    self.ended[name] = (status["phase"] if status["phase"] == "Succeeded" else
                                        f"{status.get('reason')}: {status.get('message')}")
                    self.world.api.delete(f"/api/v1/namespaces/default/pods/{name}")
                    open_pods.remove(name)
            self._stop.wait(0.2)


class AgentRestarts(AgentTest):
    def test_pods_run_on_whatever_starts_again(self):
        with self.world("restarts") as world:
            world.add_node("gpu-1", "H100-80:2")
            world.standin.set_layout("gpu-1", layout(SEVEN, "3g.40gb@0 3g.40gb@4"))
            world.start(gpu_pod("small", ONE), gpu_pod("big", "nvidia.com/mig-3g.40gb"))
            self.instances = world.instances("gpu-1")
            self.holders = {name: (running(world.pod(name)), world.devices(name)) for name in ("small", "big")}
            with self.scenario(world, "the agent is killed"):
                self.agent_is_killed(world)
            with self.scenario(world, "the agent is replaced by another version while pods arrive"):
                self.agent_is_upgraded(world)
            with self.scenario(world, "kubelet starts again"):
                self.kubelet_starts_again(world)
            with self.scenario(world, "kubelet is killed while pods arrive"):
                self.kubelet_is_killed(world)
            with self.scenario(world, "containerd starts again while pods arrive"):
                self.containerd_starts_again(world)

    def epoch(self, world):
        return (world.standin.gpu_node("gpu-1").get("status") or {}).get("registrationEpoch")

    def registered_anew(self, world, before):
        world.standin.until("a new registration", lambda: self.epoch(world) not in (before, None) and condition(
            world.standin.gpu_node("gpu-1"), "Ready")[0] == "True" and world.standin.offered("gpu-1") == {
                ONE: 7, "nvidia.com/mig-3g.40gb": 2}, 90)

    def nothing_has_changed(self, world):
        for name, (container, devices) in self.holders.items():
            self.assertEqual(running(world.pod(name)), container)
            self.assertEqual(world.devices(name), devices)
        self.assertEqual(world.instances("gpu-1"), self.instances)
        self.assert_sound(world, "gpu-1")

    def agent_is_killed(self, world):
        before, pid = self.epoch(world), world.kubelet_pid("gpu-1")
        world.agents["gpu-1"].kill()
        self.registered_anew(world, before)
        self.assertEqual(world.kubelet_pid("gpu-1"), pid)
        self.nothing_has_changed(world)

    def agent_is_upgraded(self, world):
        agent, before = world.agents["gpu-1"], self.epoch(world)
        newer = world.bed.folder / "kerfd-newer"
        shutil.copy(agent.program, newer)
        with Arrivals(world, ONE) as arrivals:
            agent.start(newer)
            self.registered_anew(world, before)
            arrivals.enough(4)
        # Without an agent kubelet has no device for a pod that comes then. So the agent says that it ends, and
        # ends when the offer has been withdrawn and whoever was bound before has been admitted.
        world.say(f"{arrivals.number} arrived")
        self.assertEqual(arrivals.refused(), {})
        self.nothing_has_changed(world)

    def kubelet_starts_again(self, world):
        before = self.epoch(world)
        world.bed.restart("kubelet", "gpu-1")
        self.registered_anew(world, before)
        world.start(gpu_pod("after", ONE))
        world.remove("after")
        self.nothing_has_changed(world)

    def kubelet_is_killed(self, world):
        before = self.epoch(world)
        with Arrivals(world, ONE) as arrivals:
            world.bed.order("kill", "kubelet", "gpu-1", signal=signal.SIGKILL)
            self.registered_anew(world, before)
            arrivals.enough(4)
        # kubelet admits pods from its first moment, before any plugin can know of it: those it refuses.
        world.say(f"{arrivals.number} arrived, refused: {arrivals.refused()}")
        self.assertEqual([how for how in arrivals.refused().values() if "unavailable" not in how and
                          "no healthy devices" not in how], [])
        self.nothing_has_changed(world)

    def containerd_starts_again(self, world):
        epoch = self.epoch(world)
        with Arrivals(world, ONE) as arrivals:
            world.bed.restart("containerd", "gpu-1")
            arrivals.enough(4)
        self.assertEqual(arrivals.refused(), {})
        self.assertEqual(self.epoch(world), epoch)
        self.nothing_has_changed(world)


class AgentReboots(AgentTest):
    def test_a_node_that_reboots_comes_back_with_its_layout_and_its_pods(self):
        with self.world("reboots") as world:
            world.bed.node_up("gpu-1", gpus=["H100-80:1", "A100-40:1"])
            world.add_agent("gpu-1")
            world.standin.set_layout("gpu-1", layout("1g.10gb@0 1g.10gb@1 2g.20gb@2 -3g.40gb@4",
                                                     "1g.5gb@2 3g.20gb@4"))
            stays = {"restartPolicy": "Always"}
            pods = {"small": gpu_pod("small", ONE, **stays),
                    "other": gpu_pod("other", "nvidia.com/mig-1g.5gb", **stays)}
            world.start(*pods.values())
            devices = {name: world.devices(name) for name in pods}
            before = world.instances("gpu-1")
            # kubelet rejects for good whoever it finds without a healthy device in its first moments, so
            # kubelet waits until the agent has the slices of pods again: as a unit of the host would have it.
            back = " && ".join(f"kerf-fake-driver show | grep -q '{device[0].partition('/')[2]} .*MIG-'"
                               for device in devices.values())
            world.add_agent("gpu-1", at_boot=True, ready=["sh", "-c", back])
            world.standin.until("it took over", lambda: is_settled(world.standin.gpu_node("gpu-1")))
            for what in ("it reboots", "it reboots in the midst of a cut"):
                with self.scenario(world, what):
                    self.reboot(world, pods, devices, before, "midst" in what)

    def reboot(self, world, pods, devices, before, in_a_cut):
        wanted = set(before)
        if in_a_cut:
            wanted = (wanted - {(0, "2g.20gb@2")}) | {(0, "1g.10gb@2"), (0, "1g.10gb@3")}
            world.standin.set_layout("gpu-1", layout(
                "1g.10gb@0 1g.10gb@1 1g.10gb@2 1g.10gb@3 -3g.40gb@4", "1g.5gb@2 3g.20gb@4"), wait=False)
            world.bed.wait("the cut begun", lambda: (0, "2g.20gb@2") not in world.instances("gpu-1"))
        epoch = world.standin.gpu_node("gpu-1")["status"]["registrationEpoch"]
        containers = {name: running(world.pod(name)) for name in pods}
        world.bed.node_reboot("gpu-1")
        self.clock.lap("rebooted")
        world.standin.until("registered anew", lambda: condition(world.standin.gpu_node("gpu-1"), "Cut")[
            0] == "True" and world.standin.gpu_node("gpu-1")["status"]["registrationEpoch"] != epoch)
        self.assertEqual(world.standin.gpu_node("gpu-1")["status"]["bootID"],
                         world.api.get("/api/v1/nodes/gpu-1")["status"]["nodeInfo"]["bootID"])
        for name in pods:
            self.is_back(world, name, containers[name])
            self.assertEqual(world.devices(name), devices[name])
        now = world.instances("gpu-1")
        self.assertEqual(set(now), wanted)
        self.assert_sound(world, "gpu-1")

    def is_back(self, world, name, container):
        def seen():
            status = world.pod(name)["status"]
            self.assertNotEqual(status["phase"], "Failed", status)
            return running(world.pod(name)) not in (None, container)
        world.bed.wait(f"pod {name} back", seen)
