"""Pods come and go by the hundred while free slices are taken and given: none is refused. Run by bed_test.py.

KERF_CHURN_PODS: how many pods (default: 160). KERF_CHURN_SEED: of their kinds and of the layouts (default: 1).
"""
import os
import random
import threading
import time
from collections import Counter

from agent_bed import AgentTest, gpu_pod
from layouts import layout, resource_of

ONE, TWO, THREE = (resource_of(profile) for profile in ("1g.10gb", "2g.20gb", "3g.40gb"))
PODS = int(os.environ.get("KERF_CHURN_PODS", "160"))
SEED = int(os.environ.get("KERF_CHURN_SEED", "1"))
RATE = 8.0  # pods made in a second, as long as not too many are there already
MOST = 24  # that are there at the same time
LAYOUTS = ("1g.10gb@0 1g.10gb@1 1g.10gb@2 1g.10gb@3 1g.10gb@4 1g.10gb@5 1g.10gb@6",
           "1g.10gb@0 1g.10gb@1 1g.10gb@2 1g.10gb@3 3g.40gb@4",
           "2g.20gb@0 1g.10gb@2 1g.10gb@3 3g.40gb@4",
           "3g.40gb@0 1g.10gb@4 1g.10gb@5",
           "1g.10gb@0 2g.20gb@2 1g.10gb@4 -1g.10gb@5 1g.10gb@6")


class Pods:
    """Makes them at a rate, watches how each ends, and removes it."""

    def __init__(self, world, dice):
        self.world, self.dice = world, dice
        self.made, self.ended, self.bad = 0, Counter(), []
        self.done = threading.Event()

    def next_pod(self):
        """Most ask for a small slice and are short; some hold it in an init container, or two of them."""
        name = f"churn-{self.made}"
        kind = self.dice.choices(("short", "longer", "init", "init only", "two", "bigger"), (50, 14, 12, 10, 8, 6))[0]
        hold = round(self.dice.uniform(0.1, 2.0), 1)
        if kind == "init":
            return gpu_pod(name, ONE, hold, init=hold)
        if kind == "init only":
            return gpu_pod(name, ONE, None, init=hold)
        if kind == "two":
            return gpu_pod(name, ONE, hold, count=2)
        if kind == "bigger":
            return gpu_pod(name, self.dice.choice((TWO, THREE)), hold)
        return gpu_pod(name, ONE, hold if kind == "short" else hold + 4)

    def run(self):
        open_pods, path = set(), "/api/v1/namespaces/default/pods"
        begun = time.monotonic()
        while self.made < PODS or open_pods:
            due = min(PODS, int((time.monotonic() - begun) * RATE) + 1)
            while self.made < due and len(open_pods) < MOST:
                open_pods.add(self.world.make(self.next_pod()))
                self.made += 1
            for pod in self.world.api.get(f"{path}?labelSelector=kerf.dev/test=yes")["items"]:
                name, status = pod["metadata"]["name"], pod["status"]
                if name in open_pods and status.get("phase") in ("Succeeded", "Failed"):
                    open_pods.discard(name)
                    self.ended[status["phase"]] += 1
                    if status["phase"] == "Failed":
                        self.bad.append(self.words_of(name, status))
                    self.world.api.delete(f"{path}/{name}")
            self.done.wait(0.15)
        self.done.set()

    def words_of(self, name, status):
        said = ""
        if status.get("reason") is None:  # a container's own account of what is wrong
            try:
                said = self.world.bed.kubectl("logs", name, "--all-containers")[-300:]
            except Exception as error:
                said = str(error)
        return f"{name}: {status.get('reason')}: {status.get('message')} {said}"


class Cuts:
    """Makes one GPU after the other into another layout, as far as its slices are free."""

    def __init__(self, world, pods, dice):
        self.world, self.pods, self.dice, self.count = world, pods, dice, 0

    def run(self):
        texts = [LAYOUTS[0], LAYOUTS[1]]
        while not self.pods.done.is_set():
            gpu = self.count % 2
            texts[gpu] = self.dice.choice([text for text in LAYOUTS if text != texts[gpu]])
            self.cut(gpu, texts[gpu])
            self.count += 1
            self.pods.done.wait(self.dice.uniform(0, 0.5))

    def cut(self, gpu, text):
        """What is in use stays, and of the new layout what is not in its way."""
        spec = {"gpus": [dict(one) for one in self.world.standin.gpu_node("gpu-1")["spec"]["gpus"]]}
        used = [slice for name, slice in self.world.standin.slices("gpu-1").items()
                if name.startswith(f"gpu{gpu}/") and slice["state"] == "Used"]
        was = {(slice["profile"], slice["start"]): slice for slice in spec["gpus"][gpu]["slices"]}
        kept = [was[slice["profile"], slice.get("start", 0)] for slice in used
                if (slice["profile"], slice.get("start", 0)) in was]
        new = [slice for slice in layout(text)["gpus"][0]["slices"]
               if not any(overlap(slice, one) for one in used)]
        spec["gpus"][gpu] = {"slices": sorted(kept + new, key=lambda slice: slice["start"])}
        self.world.standin.set_layout("gpu-1", spec, seconds=120)


def overlap(one, other):
    def slots(slice):
        size = {"1g.10gb": 1, "2g.20gb": 2, "3g.40gb": 4}[slice["profile"]]
        return set(range(slice.get("start", 0), slice.get("start", 0) + size))
    return bool(slots(one) & slots(other))


class AgentChurn(AgentTest):
    def test_no_pod_is_refused_while_slices_are_taken_and_given_all_the_time(self):
        with self.world("churn") as world:
            world.add_node("gpu-1", "H100-80:2")
            world.standin.set_layout("gpu-1", layout(LAYOUTS[0], LAYOUTS[1]))
            self.clock.lap("node, agent, first layout")
            kubelet = world.kubelet_pid("gpu-1")
            world.standin.say = lambda text: None
            pods = Pods(world, random.Random(SEED))
            cuts = Cuts(world, pods, random.Random(SEED + 1))
            runner = threading.Thread(target=self.guarded, args=(pods.run, pods), daemon=True)
            cutter = threading.Thread(target=self.guarded, args=(cuts.run, pods), daemon=True)
            self.broken = []
            runner.start()
            cutter.start()
            begun = time.monotonic()
            while runner.is_alive():
                runner.join(15)
                world.say(f"{pods.made} made, {dict(pods.ended)}, {cuts.count} layouts")
                if self.broken or len(pods.bad) > 5:
                    break
            cutter.join(150)
            self.clock.lap(f"{pods.made} pods, {cuts.count} layouts, "
                           f"{pods.made / (time.monotonic() - begun):.1f} pods/s")
            self.assertEqual(self.broken, [])
            self.assertEqual(pods.bad, [])
            self.assertEqual(pods.ended, {"Succeeded": PODS})
            self.assertGreater(cuts.count, PODS // 50)  # or nothing was tried
            self.assertEqual(world.kubelet_pid("gpu-1"), kubelet)
            said = [line for line in world.agents["gpu-1"].log() if "IN_USE" in str(line)]
            self.assertEqual(said, [])  # it never tried to destroy what is held
            world.standin.set_layout("gpu-1", layout("", ""))
            self.assert_sound(world, "gpu-1")

    def guarded(self, run, pods):
        try:
            run()
        except Exception as error:  # a thread's end is to be told to the test
            self.broken.append(repr(error))
            pods.done.set()
