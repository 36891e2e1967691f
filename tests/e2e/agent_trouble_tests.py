"""Tests of the agent in trouble that others make: foreign plugins, disks, drivers, an API that is away."""
import fcntl
import os
import signal

from agent_bed import AgentTest, by_hand, gpu_pod, running
from kerf_bed.common import E2E
from layouts import condition, is_settled, layout

ONLY = os.environ.get("KERF_TROUBLE", "")  # in the name of the one to try
ONE, THREE = "nvidia.com/mig-1g.10gb", "nvidia.com/mig-3g.40gb"


class AgentTroubles(AgentTest):
    def test_what_stands_is_served_whatever_others_do(self):
        with self.world("troubles") as world:
            world.add_node("gpu-1", "H100-80:2")
            world.standin.set_layout("gpu-1", layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 3g.40gb@4", ""))
            self.device, = world.start(gpu_pod("holder", ONE))
            self.holder = running(world.pod("holder"))
            self.place = self.device.partition("/")[2]
            self.instance = world.instances("gpu-1")[0, self.place]
            for what, act in (
                    ("another device plugin takes a name of Kerf's", self.foreign_plugin),
                    ("a GPU instance that somebody made by hand", self.foreign_instance),
                    ("a process that no pod has, on a slice that is free", self.foreign_process),
                    ("an XID on a free slice, and on one in use", self.xid),
                    ("an NVML call that hangs", self.hanging_driver),
                    ("a driver that refuses", self.refusing_driver),
                    ("a full disk, then one that cannot be written", self.disk),
                    ("the API server is away", self.api_away)):
                if ONLY in what:
                    with self.scenario(world, what):
                        act(world)
                        self.holder_runs_on(world)

    def holder_runs_on(self, world):
        self.assertEqual(running(world.pod("holder")), self.holder)
        self.assertEqual(world.instances("gpu-1")[0, self.place], self.instance)

    def degraded(self, world, reason):
        world.standin.until(f"Degraded {reason}", lambda: condition(world.standin.gpu_node("gpu-1"), "Degraded") == (
            "False" if reason == "AsExpected" else "True", reason), 90)

    @staticmethod
    def epoch(world):
        return world.standin.gpu_node("gpu-1")["status"].get("registrationEpoch")

    @staticmethod
    def is_cut(world):
        world.standin.until("then it is cut", lambda: is_settled(world.standin.gpu_node("gpu-1")), 90)

    def foreign_plugin(self, world):
        before, pid = world.instances("gpu-1"), world.kubelet_pid("gpu-1")
        world.bed.run_service("other", ["/usr/bin/python3", E2E / "wrong_plugin.py", ONE, "3"], "gpu-1")
        self.degraded(world, "ForeignPlugin")
        world.standin.write("gpu-1", layout("1g.10gb@0 1g.10gb@1 2g.20gb@2 3g.40gb@4", "7g.80gb@0"))
        generation = world.standin.gpu_node("gpu-1")["metadata"]["generation"]
        world.standin.until("the layout seen", lambda: world.standin.gpu_node("gpu-1")["status"].get(
            "observedGeneration") == generation)
        self.assertEqual(world.instances("gpu-1"), before)
        world.bed.order("stop", "other", "gpu-1")
        self.degraded(world, "AsExpected")
        self.is_cut(world)
        self.assert_sound(world, "gpu-1")
        self.assertEqual(world.kubelet_pid("gpu-1"), pid)
        world.start(gpu_pod("after", ONE))  # the name is Kerf's again
        world.remove("after")
        world.standin.set_layout("gpu-1", layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 3g.40gb@4", ""))

    def foreign_instance(self, world):
        by_hand(world.bed, "gpu-1", "create", 1, 3)
        gi = world.instances("gpu-1")[1, "1g.10gb@3"][0]
        try:
            world.agents["gpu-1"].kill()  # at its start it looks
            self.degraded(world, "ForeignInstances")
            world.standin.set_layout("gpu-1", layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 3g.40gb@4", "3g.40gb@4"),
                                     wait=False)
            world.standin.until("the rest is cut", lambda: world.standin.offered("gpu-1")[THREE] == 2)
            self.assertEqual(world.instances("gpu-1")[1, "1g.10gb@3"], (gi, []))
            got = world.start(gpu_pod("beside", THREE, count=2))  # kubelet publishes it within 10 s
            self.assertEqual(len(got), 2)
            world.remove("beside")
            world.standin.until("nobody there", lambda: world.standin.slices("gpu-1")["gpu1/3g.40gb@4"][
                "state"] == "Free")
        finally:
            by_hand(world.bed, "gpu-1", "destroy", 1, gi)
        world.standin.set_layout("gpu-1", layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 3g.40gb@4", "1g.10gb@0"))
        self.degraded(world, "AsExpected")
        self.assert_sound(world, "gpu-1")

    def free_place(self, world):
        return next(place for gpu, place in world.instances("gpu-1") if gpu == 0 and place.startswith("1g.10gb@")
                    and place not in (self.place, "1g.10gb@2"))

    def foreign_process(self, world):
        """Only NVML knows of it; also the driver would not destroy the slice, but the agent must not ask it to."""
        free = self.free_place(world)
        _, (uuid,) = world.instances("gpu-1")[0, free]
        world.bed.tell_gpus("gpu-1", "start-process", uuid, "pid=4242")
        spec = world.standin.gpu_node("gpu-1")["spec"]
        said = world.agents["gpu-1"].log_file.stat().st_size
        world.standin.set_layout("gpu-1", layout(f"{self.place} -1g.10gb@2 3g.40gb@4", "1g.10gb@0 2g.20gb@2"),
                                 wait=False)
        world.standin.until("it is Used, and the rest is cut", lambda: world.standin.slices("gpu-1").get(
            f"gpu0/{free}", {}).get("state") == "Used" and (1, "2g.20gb@2") in world.instances("gpu-1"))
        self.assertEqual(world.instances("gpu-1")[0, free][1], [uuid])
        world.bed.tell_gpus("gpu-1", "end-process", "pid=4242")
        self.is_cut(world)
        self.assertNotIn((0, free), world.instances("gpu-1"))
        self.assertNotIn("IN_USE", world.agents["gpu-1"].log_file.read_text()[said:])
        world.standin.set_layout("gpu-1", spec)

    def xid(self, world):
        free = self.free_place(world)
        gi, uuids = world.instances("gpu-1")[0, free]
        world.bed.tell_gpus("gpu-1", "xid", "94", "gpu=0", f"gi={gi}", "ci=0")
        world.standin.until("the free one made anew", lambda: world.instances("gpu-1").get((0, free), (0, uuids))[
            1] not in (uuids, []), 90)
        world.standin.until("offered again", lambda: world.standin.slices("gpu-1")[f"gpu0/{free}"].get("offered"))
        gi = self.instance[0]
        world.bed.tell_gpus("gpu-1", "xid", "31", "gpu=0", f"gi={gi}", "ci=0")  # the application's own fault
        world.bed.tell_gpus("gpu-1", "xid", "94", "gpu=0", f"gi={gi}", "ci=0")
        world.standin.until("the used one Lost", lambda: world.standin.slices("gpu-1")[self.device]["state"] == "Lost")
        self.holder_runs_on(world)
        world.remove("holder")
        world.standin.until("made anew once it is free", lambda: world.standin.slices("gpu-1")[self.device][
            "state"] == "Free" and world.instances("gpu-1")[0, self.place][1] != self.instance[1], 90)
        self.assert_sound(world, "gpu-1")
        world.standin.until("one is offered", lambda: world.standin.offered("gpu-1")[ONE])
        self.device, = world.start(gpu_pod("holder", ONE))
        self.holder = running(world.pod("holder"))
        self.place = self.device.partition("/")[2] if self.device.startswith("gpu0") else self.place
        self.instance = world.instances("gpu-1")[0, self.place]

    def hanging_driver(self, world):
        with open(world.bed.folder / "nodes/gpu-1/gpus/state", "rb") as state:
            fcntl.flock(state, fcntl.LOCK_EX)  # every call of every process waits for it
            world.standin.write("gpu-1", layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 1g.10gb@3 3g.40gb@4", ""))
            # Pods that ask for what stands need no driver.
            world.start(gpu_pod("meanwhile", THREE))
            self.assertEqual(running(world.pod("holder")), self.holder)
        self.is_cut(world)
        world.remove("meanwhile")
        self.assert_sound(world, "gpu-1")

    def refusing_driver(self, world):
        world.bed.tell_gpus("gpu-1", "fail", "create-gpu-instance", "unknown", "count=3")
        world.standin.write("gpu-1", layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 3g.40gb@4", "7g.80gb@0"))
        self.degraded(world, "CutFailed")
        self.is_cut(world)  # by the fourth try
        self.degraded(world, "AsExpected")
        self.assert_sound(world, "gpu-1")

    def disk(self, world):
        """Without its journal the agent makes nothing and destroys nothing."""
        agent, node = world.agents["gpu-1"], {"node": "gpu-1"}
        agent.stop()
        world.bed.output(["sh", "-ec", "cp -a /var/lib/kerf /run/kerf-was;"
                          "mount -t tmpfs -o size=256k,mode=755 tmpfs /var/lib/kerf;"
                          "cp -a /run/kerf-was/. /var/lib/kerf"], **node)
        epoch = self.epoch(world)
        agent.again()
        world.standin.until("agent again", lambda: self.epoch(world) != epoch and is_settled(
            world.standin.gpu_node("gpu-1")))
        for spoil, words, mend in (
                ("dd if=/dev/zero of=/var/lib/kerf/fill bs=1k || true", "No space left", "rm /var/lib/kerf/fill"),
                ("mount --bind /var/lib/kerf /var/lib/kerf && mount -o remount,bind,ro /var/lib/kerf",
                 "Read-only file system", "umount /var/lib/kerf")):
            world.bed.output(["sh", "-c", spoil], **node)
            before, said = world.instances("gpu-1"), agent.log_file.stat().st_size
            wanted = layout("1g.10gb@0 1g.10gb@1 -1g.10gb@2 3g.40gb@4",
                            "3g.40gb@0" if (1, "7g.80gb@0") in before else "7g.80gb@0")
            world.standin.set_layout("gpu-1", wanted, wait=False)
            world.bed.wait(f"the agent to say: {words}", lambda at=said, w=words: w in agent.log_file.read_text()[at:])
            world.start(gpu_pod("meanwhile", THREE))
            self.assertEqual(world.instances("gpu-1"), before)
            world.remove("meanwhile")
            world.bed.output(["sh", "-c", mend], **node)
            self.is_cut(world)
            self.assertNotEqual(world.instances("gpu-1"), before)
            self.assert_sound(world, "gpu-1")

    def api_away(self, world):
        agent, before = world.agents["gpu-1"], world.instances("gpu-1")
        pid, epoch = agent.pid(), self.epoch(world)
        world.bed.order("stop", "kube-apiserver", signal=signal.SIGKILL)
        try:
            # Long enough for every call of the agent to have failed: it says so, and starts anew without it.
            mark = agent.log_file.stat().st_size
            world.bed.wait("the agent to notice", lambda: agent.log_file.stat().st_size > mark)
            self.assertEqual(agent.pid(), pid)
            agent.kill()
            world.bed.wait("agent again", lambda: agent.pid() not in (0, pid))
            world.bed.wait("its sockets", lambda: any(world.sockets("gpu-1").values()))
            self.assertEqual(world.instances("gpu-1"), before)
        finally:
            world.bed.order("start", "kube-apiserver")
        world.bed.wait("API server", lambda: world.api.ok("/readyz"))
        world.standin.until("a new report", lambda: self.epoch(world) != epoch, 90)
        self.assertEqual(world.instances("gpu-1"), before)
        world.standin.until("Node Ready", lambda: world.bed.node_is_ready("gpu-1"))
        world.start(gpu_pod("after-api", THREE))
        world.remove("after-api")
        self.assert_sound(world, "gpu-1")


class AgentAlone(AgentTest):
    def test_without_its_controller_every_cut_slice_becomes_schedulable(self):
        with self.world("alone") as world:
            world.add_node("gpu-1", "H100-80:1")
            spec = layout("1g.10gb@0 -1g.10gb@1 -3g.40gb@4")
            world.standin.set_layout("gpu-1", spec)
            self.assertEqual(world.standin.offered("gpu-1"), {ONE: 1})
            world.say("the controller is gone")
            world.standin.present = False
            world.standin.until("parked slices lent", lambda: world.standin.offered("gpu-1") == {ONE: 2, THREE: 1}, 120)
            self.clock.lap("controller gone to parked slices lent")
            lent = {name for name, slice in world.standin.slices("gpu-1").items() if slice.get("lent")}
            self.assertEqual(lent, {"gpu0/1g.10gb@1", "gpu0/3g.40gb@4"})
            world.start(gpu_pod("lucky", THREE))  # kubelet publishes by itself, within 10 s
            before = running(world.pod("lucky"))
            world.say("the controller is back")
            world.standin.present = True
            world.standin.until("what was lent taken back", lambda: self.took_back(world, spec), 120)
            self.assertEqual(world.standin.offered("gpu-1"), {ONE: 1})
            self.assertEqual(running(world.pod("lucky")), before)
            self.assert_sound(world, "gpu-1")

    @staticmethod
    def took_back(world, spec):
        """What was lent is written as published first, then taken back as everything is: as the controller
        does, again as long as the agent has not read yet that the Lease is fresh, and lends again."""
        lent = {name for name, slice in world.standin.slices("gpu-1").items() if slice.get("lent")}
        if lent:
            world.standin.set_layout("gpu-1", {"gpus": [{"slices": [
                {**slice, "state": "Published"} if f"gpu0/{slice['profile']}@{slice['start']}" in lent else slice
                for slice in spec["gpus"][0]["slices"]]}]})
            world.standin.set_layout("gpu-1", spec)
        return not lent and world.standin.offered("gpu-1") == {ONE: 1}
