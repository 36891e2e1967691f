"""Tests of kerfd controller in a real cluster: it buys, cuts, moves and gives back. Run by bed_test.py.

KERF_BURST_PODS: how many pods wait at once in ControllerBurst (default: 30).
KERF_SILENCE: for how many seconds nothing may be written in ControllerDown once all is settled (default: 40).
"""
import json
import math
import os
import subprocess
import tempfile
import time
from pathlib import Path

from controller_bed import ControllerTest, budget, daemon_set, deployment, mig
from history import name_of
from kerf_bed import controller, gpu, prices
from layouts import is_settled

PODS = int(os.environ.get("KERF_BURST_PODS", "30"))
SILENCE = float(os.environ.get("KERF_SILENCE", "40"))


def has(one, kind, status="True"):
    """Has the object a condition of that type and status?"""
    return any(each["type"] == kind and each["status"] == status
               for each in one.get("status", {}).get("conditions", []))


def is_kerfs_node(node):
    return "kerf.dev/policy" in node["metadata"].get("labels", {})


def is_uncut(node):
    return any(taint["key"] == "kerf.dev/uncut" for taint in node["spec"].get("taints", []))


class ControllerFirst(ControllerTest):
    def test_from_nothing_to_running_on_a_slice_of_a_node_that_was_bought_for_it(self):
        with self.world("first") as world:
            world.apply(daemon_set("probe", mig("1g.10gb")),
                        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                         "metadata": {"name": "urgent"}, "value": 1000})
            world.apply(deployment("web", mig("1g.10gb"), 3),
                        deployment("urgent", mig("1g.10gb"), 1, priorityClassName="urgent"))
            world.wait_running("web", 3)
            world.wait_running("urgent", 1)
            self.print_timeline(world)
            with self.scenario(world, "one node was bought for all of them, and says what it is"):
                self.one_node(world)
            with self.scenario(world, "a DaemonSet's pod gets its slice of the node that is there, and buys none"):
                world.wait_running("probe", 1)
                self.assert_bought(world, 1)
            with self.scenario(world, "each step is told"):
                self.is_told(world)
            with self.scenario(world, "the node goes when they go"):
                world.remove("web", "urgent")
                world.wait_claims(0)
                world.wait("no node of Kerf's", lambda: not [
                    node for node in world.api.get("/api/v1/nodes")["items"] if is_kerfs_node(node)])
                self.assert_bought(world, 1)
                world.wait_event("NodeReturned")

    def print_timeline(self, world):
        def of_web(pod):
            return pod["metadata"].get("labels", {}).get("app") == "web"
        steps = [
            ("pod made", "pods", of_web),
            ("the scheduler finds no place", "pods", lambda pod: of_web(pod) and has(pod, "PodScheduled", "False")),
            ("claim made", "nodeclaims", lambda claim: True),
            ("launched", "nodeclaims", lambda claim: has(claim, "Launched")),
            ("Node there", "nodes", is_kerfs_node),
            ("kubelet Ready", "nodes", lambda node: is_kerfs_node(node) and has(node, "Ready")),
            ("agent reports", "gpunodes", lambda one: one.get("status", {}).get("gpus")),
            ("layout written", "gpunodes", lambda one: one.get("spec", {}).get("gpus")),
            ("cut as written", "gpunodes", is_settled),
            ("nominated", "pods", lambda pod: of_web(pod) and pod["status"].get("nominatedNodeName")),
            ("startup taint gone", "nodes",
             lambda node: is_kerfs_node(node) and has(node, "Ready") and not is_uncut(node)),
            ("bound", "pods", lambda pod: of_web(pod) and pod["spec"].get("nodeName")),
            ("Running", "pods", lambda pod: of_web(pod) and has(pod, "Ready"))]
        begun, last = world.history.first("pods", of_web)[0], 0
        for what, kind, is_so in steps:
            at, _ = world.history.first(kind, is_so)
            self.assertIsNotNone(at, what)
            world.say(f"    {at - begun:6.2f} s  {what}")
            last = at
        ready = world.history.first("nodes", lambda node: is_kerfs_node(node) and has(node, "Ready"))[0]
        world.say(f"    from kubelet Ready to the first pod's Ready: {last - ready:.2f} s")

    def one_node(self, world):
        self.assert_bought(world, 1)
        (name, claim), = world.claims().items()
        self.assertTrue(name.startswith("kerf-"), name)
        labels = claim["metadata"]["labels"]
        self.assertEqual({key: labels.get(key) for key in (
            "kerf.dev/policy", "kerf.dev/mode", "kerf.dev/managed", "nvidia.com/gpu.deploy.operands")}, {
                "kerf.dev/policy": "gpu", "kerf.dev/mode": "cut", "kerf.dev/managed": "true",
                "nvidia.com/gpu.deploy.operands": "false"})
        self.assertEqual(labels["node.kubernetes.io/instance-type"], "p5.4xlarge")
        first = json.loads(claim["metadata"]["annotations"]["kerf.dev/layout"])
        self.assertEqual(sum(len(one["slices"]) for one in first["gpus"]), 4)
        self.assertEqual(world.nodes_of("web") | world.nodes_of("urgent"), {claim["status"]["nodeName"]})
        seen = world.bed.kubectl("get", "gpunodes")
        world.say("\n" + seen)
        self.assertIn("6.88", seen)
        self.assertNotIn("kerf.dev/uncut", json.dumps(world.api.get(
            f"/api/v1/nodes/{claim['status']['nodeName']}")["spec"]))
        self.assertTrue(has(claim, "Initialized"), claim["status"])
        world.wait("status says what it costs", lambda: math.isclose(world.bill(), 6.88))
        self.assertEqual(world.condition("PodsServed")[0], "True")
        self.assertEqual(world.condition("PricesCurrent")[:2], ("True", "KarpenterMetrics"))

    def is_told(self, world):
        for pod in world.pods("web"):
            world.wait_event("NodeBought", name_of(pod))
        (name, claim), = world.claims().items()
        world.wait_event("NodeBought", name)
        world.wait_event("LayoutChanged", claim["status"]["nodeName"])


class ControllerBurst(ControllerTest):
    KINDS = (("one", mig("1g.10gb"), 10), ("two", mig("2g.20gb"), 4), ("three", mig("3g.40gb"), 4),
             ("large", mig("1g.24gb"), 3), ("ten", "kerf.dev/gpu-10gi", 6), ("twenty", "kerf.dev/gpu-20gi", 3))

    def test_what_waits_together_is_bought_for_at_the_price_of_the_plan(self):
        policy = controller.policy(capacityTypes=["on-demand", "spot"])
        apps = [deployment(name, resource, max(1, count * PODS // 30)) for name, resource, count in self.KINDS]
        with self.world("burst", policy=policy, start=False) as world:
            world.apply(*apps)
            count = sum(app["spec"]["replicas"] for app in apps)
            world.wait(f"{count} pods wait", lambda: sum(has(pod, "PodScheduled", "False") for app in apps
                                                        for pod in world.pods(name_of(app))) == count)
            world.start(world.kerfd)
            for app in apps:
                world.wait_running(name_of(app), app["spec"]["replicas"], 600)
            bill, planned = self.bill_of(world), self.planned(world, policy, apps)
            world.say(f"{count} pods on {len(world.claims())} nodes: ${bill:.4f}/h; kerf plan: ${planned:.4f}/h")
            self.assertGreater(len(world.claims()), 1)
            self.assertLessEqual(bill, planned * 1.02)
            world.wait("status says what it costs", lambda: math.isclose(world.bill(), bill, abs_tol=0.01))
            self.assertEqual(len(world.purchases()), len(world.claims()))  # nothing was bought and given back
            for app in apps:
                self.assertEqual(len(world.running(name_of(app), app["spec"]["replicas"]) or {}),
                                 app["spec"]["replicas"])

    @staticmethod
    def bill_of(world):
        """By what each claim became, and the page of prices."""
        types = json.loads(Path(world.bed.options["types"]).read_text())
        cost = {(kind, zone, capacity): price for kind, zone, capacity, price, _ in prices.offerings(types, {})}
        return sum(cost[tuple(claim["metadata"]["labels"][key] for key in (
            "node.kubernetes.io/instance-type", "topology.kubernetes.io/zone", "karpenter.sh/capacity-type"))]
            for claim in world.claims().values())

    @staticmethod
    def planned(world, policy, apps):
        with tempfile.TemporaryDirectory() as folder:
            files = {"apps.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": apps}),
                     "policy.json": json.dumps(policy), "page.txt": prices.page(world.bed.folder)}
            for name, text in files.items():
                (Path(folder) / name).write_text(text)
            done = subprocess.run([f"{gpu.build_folder()}/kerf", "plan", f"{folder}/apps.json", "--prices",
                                   f"{folder}/page.txt", "--policy", f"{folder}/policy.json", "-o", "json", "-q"],
                                  capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"kerf plan: {done.returncode} {done.stderr}")
        return float(json.loads(done.stdout)["cost"]["usd_per_hour"])


class ControllerRecut(ControllerTest):
    def test_room_on_a_gpu_that_is_paid_for_is_cut_anew_beside_running_pods(self):
        quiet = {"coolDown": "1h", "movesPerHour": 1}  # nobody is moved to make room
        with self.world("recut", policy=controller.policy(consolidation=quiet)) as world:
            world.apply(deployment("small", mig("1g.10gb"), 3))
            before = world.wait_running("small", 3)
            world.apply(deployment("big", mig("3g.40gb"), 1))
            big = world.wait_running("big", 1)
            self.assert_bought(world, 1)
            self.assertEqual(world.running("small", 3), before)
            with self.scenario(world, "what became free is cut into something else, whoever runs beside it"):
                world.remove("big")
                world.apply(deployment("middle", mig("2g.20gb"), 1))
                world.wait_running("middle", 1)
                self.assertEqual(world.running("small", 3), before)
                self.assert_bought(world, 1)
            with self.scenario(world, "a portable request is met by what is free, under another name"):
                world.remove("middle")
                world.apply(deployment("portable", "kerf.dev/gpu-20gi", 1))
                world.wait_running("portable", 1)
                self.assertEqual(world.running("small", 3), before)
            world.say(f"purchases: {world.purchases()}; big was {big}")
            self.assert_bought(world, 1)


class ControllerDown(ControllerTest):
    def test_what_is_left_moves_together_and_the_rest_is_given_back(self):
        with self.world("down") as world:
            world.apply(budget("half", "half", minAvailable=2), deployment("half", mig("3g.40gb"), 4))
            world.wait_running("half", 4)
            world.wait_claims(2)
            world.wait("the bill of two", lambda: math.isclose(world.bill(), 2 * 6.88))
            with self.scenario(world, "the budget forbids a move"):
                world.leave_one_on_each("half")
                self.assertEqual(len(world.nodes_of("half")), 2)
                before = world.running("half", 2)
                self.stays_as_it_is(world, before)
            with self.scenario(world, "it is moved once it is allowed, when its destination stands"):
                world.apply(budget("half", "half", minAvailable=1))
                world.wait("both on one node", lambda: world.running("half", 2) and len(world.nodes_of("half")) == 1)
                self.destination_stood(world)
                world.wait_claims(1)
                world.wait("the bill of one", lambda: math.isclose(world.bill(), 6.88))
                self.assert_bought(world, 2)
                world.wait_event("PodMoves")
                world.wait_event("NodeReturned")
            with self.scenario(world, "then nothing is written any more"):
                self.is_silent(world)
            with self.scenario(world, "the last node goes with the last pod"):
                world.remove("half")
                world.wait_claims(0)
                world.wait("no bill", lambda: world.bill() == 0)

    def stays_as_it_is(self, world, before):
        """While it would have been moved three times: its waits are 3 s and 5 s here."""
        begun = time.monotonic()
        world.bed.wait("some rounds of consolidation", lambda: time.monotonic() > begun + 20)
        self.assertEqual(world.running("half", 2), before)
        self.assertEqual([one for one in world.audit.effects() if one.kind() == "Evict" and one.ok], [])

    def destination_stood(self, world):
        """The slice to which the pod moved was there, free, before it was evicted."""
        eviction = next(one for one in world.audit.effects() if one.kind() == "Evict" and one.ok)
        where, = world.nodes_of("half")
        slices = []
        for (_, at), what, one in world.history.seen["gpunodes"]:
            if name_of(one) == where and at < eviction.at and what != "DELETED":
                slices = [each for gpu_ in one.get("status", {}).get("gpus", []) for each in gpu_.get("slices", [])]
        free = [each for each in slices if each["profile"] == "3g.40gb" and each["state"] != "Used"]
        self.assertEqual(len(free), 1, slices)

    def is_silent(self, world):
        """For SILENCE seconds in which its waits, shortened by QUICK, pass as often as they do in ten minutes."""
        def last():
            found = world.audit.effects()
            return found[-1].at if found else 0
        world.wait("8 s without a write", lambda: time.time() > last() + 8)
        begun = time.time()
        versions = {kind: self.versions(world, kind) for kind in ("slicepolicies", "gpunodes", "nodeclaims")}
        world.bed.wait("silence", lambda: time.time() > begun + SILENCE, SILENCE + 60)
        self.assertEqual([str(one) for one in world.audit.effects(after=begun)], [])
        self.assertEqual({kind: self.versions(world, kind) for kind in versions}, versions)

    @staticmethod
    def versions(world, kind):
        group = "karpenter.sh/v1" if kind == "nodeclaims" else "kerf.dev/v1alpha1"
        return {name_of(one): one["metadata"]["resourceVersion"] for one in world.api.get(
            f"/apis/{group}/{kind}")["items"]}
