"""Tests of kerfd controller: two policies, warm slices, whole GPUs, a node that reboots, a kill in mid-search. Run by
bed_test.py.

KERF_SEARCH_PODS: how many wait for the search in which it is killed (default: 40).
"""
import os
import signal
import time
from pathlib import Path

from agent_bed import devices_of, running
from controller_bed import NS, POLICIES, ControllerTest, deployment, mig
from controller_tests import has
from history import name_of
from kerf_bed import controller
from kerf_bed.agent import Agent
from kerf_bed.common import wait_until
from layouts import is_settled

SEARCH_PODS = int(os.environ.get("KERF_SEARCH_PODS", "40"))
ONE, GPU, TYPE = mig("1g.10gb"), "nvidia.com/gpu", "node.kubernetes.io/instance-type"
H100 = 6.88  # dollars per hour of a p5.4xlarge
STILL = {"coolDown": "1h", "movesPerHour": 0}  # consolidation that moves nobody
RED = controller.policy("red", priority=10, consolidation=STILL, limits={"usdPerHour": 7, "gpus": 1},
                        selector={"namespaces": ["default"], "podLabels": {"team": "red"}})


def red(app):
    app["spec"]["template"]["metadata"]["labels"]["team"] = "red"
    return app


def sees_gpus(count):
    """Of a pod's script: it has exactly so many GPUs."""
    return f"\nset -- /dev/nvidia[0-9]*; [ $# = {count} ] && [ -e $1 ] || fail $*"


def claim_of(world, app):
    """The one behind the node that all of an app's pods are on."""
    node, = world.nodes_of(app)
    return next(claim for claim in world.claims().values() if claim.get("status", {}).get("nodeName") == node)


def policy_of(claim):
    return claim["metadata"]["labels"]["kerf.dev/policy"]


def gpu_node(world, node):
    return world.api.get(f"/apis/kerf.dev/v1alpha1/gpunodes/{node}")


def kill_in_search():
    """By SIGKILL, as soon as the controller's thread that searches, which slept, has something to do."""
    def thread():
        try:
            return next((path.parent for path in Path("/proc").glob("[0-9]*/task/*/comm")
                         if path.read_text() == "kerf-search\n"), None)
        except OSError:  # something ended meanwhile
            return None
    found = wait_until("the thread", thread, 60, 0.01)
    time.sleep(0.5)  # it begins with other things; it searches when nothing new has come for a second
    for state in (") S ", ") R "):
        wait_until("a search", lambda state=state: state in (found / "stat").read_text(), 60, 0)
    os.kill(int(found.parts[2]), signal.SIGKILL)
    wait_until("its end", lambda: not found.exists(), 60, 0.01)


class ControllerMore(ControllerTest):
    def stays(self, what, is_so):
        for _ in range(30):  # 15 s
            self.assertTrue(is_so(), what)
            time.sleep(0.5)

    def test_policies_buy_for_their_own_pods(self):
        with self.world("policies", policy=controller.policy(consolidation=STILL)) as world:
            world.apply(RED, red(deployment("red", ONE, 2)), deployment("plain", ONE, 2))
            with self.scenario(world, "a node for each of them, though one had room for all"):
                for app, policy in (("red", "red"), ("plain", "gpu")):
                    world.wait_running(app, 2)
                    claim = claim_of(world, app)
                    self.assertEqual(policy_of(claim), policy)
                    self.assertEqual([set(pods) for _, name, pods in world.purchases() if name == name_of(claim)],
                                     [{pod["metadata"]["uid"] for pod in world.pods(app)}])
                    world.wait(f"the bill of {policy}", lambda policy=policy: world.bill(policy) == H100)
                    self.assertEqual(world.status(policy)["figures"]["pods"], 2)
                self.assert_bought(world, 2)
            with self.scenario(world, "the limits of one are not the other's"):
                world.scale("red", 8, wait=False)
                world.wait("seven have all of the GPU, and one waits", lambda: world.condition("PodsServed", "red")[
                    1] == "PodsWaiting" and sum(map(bool, map(running, world.pods("red")))) == 7)
                self.assertEqual(world.condition("PodsServed")[:2], ("True", "Served"))
                self.assert_bought(world, 2)
            with self.scenario(world, "one is deleted: the one of its pods that waits is the other's now"):
                before = {name_of(pod): running(pod) for pod in world.pods("red") if running(pod)}
                world.api.delete(f"{POLICIES}/red")
                now = world.wait_running("red", 8)  # the other has room for the one that waited
                self.assertEqual({name: now[name] for name in before}, before)
                self.assert_bought(world, 2)
            with self.scenario(world, "whose pods are on both nodes has both on its bill"):
                world.wait("the bill", lambda: world.bill() == 2 * H100, 30)
            with self.scenario(world, "made again under its name it gives back its node, which nobody did before"):
                world.remove("red")
                self.stays("two claims", lambda: len(world.claims()) == 2)
                world.apply(RED)
                world.wait_claims(1)
                self.assertEqual(policy_of(claim_of(world, "plain")), "gpu")
            with self.scenario(world, "one is deleted while its node is coming: the other has room for its pod"):
                world.bed.cloud.set(launchSeconds=5)
                world.apply(red(deployment("late", ONE, 1)))
                world.wait("it buys", lambda: len(world.purchases()) == 3)
                world.api.delete(f"{POLICIES}/red")
                world.wait_running("late", 1, 60)
                self.assertEqual(policy_of(claim_of(world, "late")), "gpu")
                self.assert_bought(world, 3)

    def test_warm_slices_stand_ready(self):
        policy = controller.policy(warm=[{"resource": ONE, "count": 2}], consolidation=STILL)
        with self.world("warm", policy=policy) as world:
            world.wait("two are offered to nobody yet", lambda: self.free(world) == 2)
            with self.scenario(world, "their node stays, though nobody is on it"):
                self.stays("a claim, two slices", lambda: len(world.claims()) == 1 and self.free(world) == 2)
                world.wait("its bill", lambda: world.bill() == H100)
            with self.scenario(world, "a pod runs on one without waiting for anything, and another is cut"):
                world.apply(deployment("web", ONE, 1))
                world.wait_running("web", 1)
                self.assertIsNone(world.history.first("pods", lambda pod: has(pod, "PodScheduled", "False"))[0])
                world.wait("two are free again", lambda: self.free(world) == 2)
                self.assert_bought(world, 1)
            with self.scenario(world, "so it goes on while there is room; then a node is bought for the one missing"):
                for pods, nodes in ((5, 1), (6, 2)):
                    world.scale("web", pods)
                    world.wait("two are free", lambda: self.free(world) == 2)
                    self.assert_bought(world, nodes)
            with self.scenario(world, "nobody wants them any more: the nodes go"):
                world.remove("web")
                world.apply(controller.policy(consolidation=STILL))
                world.wait_claims(0, 60)

    @staticmethod
    def free(world):
        """How many of ONE the nodes offer beyond what the pods on them ask for."""
        offered = sum(int(node["status"].get("allocatable", {}).get(ONE, 0))
                      for node in world.api.get("/api/v1/nodes")["items"])
        return offered - sum(bool(pod["spec"].get("nodeName")) for pod in world.api.get(f"{NS}/pods")["items"])

    def test_whole_gpus_are_of_the_other_node_class(self):
        policy = controller.policy(buysFor=[GPU, "nvidia.com/mig-*"], consolidation=STILL)
        on_h100 = {"nodeSelector": {TYPE: "p5.4xlarge"}}
        with self.world("whole", policy=policy) as world:
            # One after the other, as a machine that is bought for two GPUs has room for others.
            for app, resource, count, kind, mode, more in (
                    ("slice", ONE, 1, "p5.4xlarge", "cut", {}), ("one", GPU, 1, "g6.xlarge", "whole", {}),
                    ("h100", GPU, 1, "p5.4xlarge", "whole", on_h100), ("two", GPU, 2, "p4d.24xlarge", "whole", {})):
                with self.scenario(world, f"{app}: {mode}, {kind}"):
                    world.apply(deployment(app, resource, 1, count=count, script=sees_gpus(count), **more))
                    world.wait_running(app, 1)
                    claim = claim_of(world, app)
                    labels, node_class = claim["metadata"]["labels"], claim["spec"]["nodeClassRef"]["name"]
                    self.assertEqual((labels[TYPE], labels["kerf.dev/mode"], node_class), (kind, mode, f"kerf-{mode}"))
                    gpus = gpu_node(world, claim["status"]["nodeName"])["status"]["gpus"]
                    self.assertEqual({gpu["mig"] for gpu in gpus}, {mode == "cut"})
            self.assert_bought(world, 4)
            world.remove("slice", "one", "h100", "two")
            world.wait_claims(0)

    def test_a_node_reboots(self):
        # A node that boots has no pods for a while: as with the real wait, that is no reason to give it back.
        with self.world("reboot", policy=controller.policy(consolidation=STILL), settings={"empty": "60s"}) as world:
            world.apply(deployment("small", ONE, 2), deployment("big", mig("3g.40gb"), 1))
            for what in ("its agent comes after kubelet, as a pod does", "its agent is there before kubelet"):
                with self.scenario(world, what):
                    pods = {**world.wait_running("small", 2), **world.wait_running("big", 1)}
                    self.reboot(world, pods, "before" in what)

    def reboot(self, world, pods, is_early):
        (name, claim), = world.claims().items()
        node = claim["status"]["nodeName"]
        old = gpu_node(world, node)["status"]
        agent = Agent(world.bed, node)
        if is_early:  # it has their slices again by then
            held = [device for app in ("small", "big") for pod in world.pods(app) for device in devices_of(pod)]
            agent.start(at_boot=True, ready=["sh", "-c", " && ".join(
                f"kerf-fake-driver show | grep -q '{device.partition('/')[2]} .*MIG-'" for device in held)])
        world.bed.node_reboot(node)
        if not is_early:
            agent.start()
        world.wait("it is cut again", lambda: gpu_node(world, node)["status"]["bootID"] != old["bootID"] and is_settled(
            gpu_node(world, node)))
        if not is_early:  # kubelet refuses those that it finds without a device: their owners make others
            world.wait("all are refused", lambda: pods.keys() <= {pod for pod, *_ in world.history.failed_pods()})
            world.rejected.update(pods)
            for pod in pods:
                world.api.delete(f"{NS}/pods/{pod}")

        def anew():
            now = {**(world.running("small", 2) or {}), **(world.running("big", 1) or {})}
            return len(now) == 3 and not set(now.values()) & set(pods.values()) and now
        self.assertEqual(world.wait("all run again", anew).keys() == pods.keys(), is_early)
        self.assertEqual(gpu_node(world, node)["status"]["gpus"][0]["layout"], old["gpus"][0]["layout"])
        self.assertEqual(world.nodes_of("small") | world.nodes_of("big"), {node})
        self.assertEqual(set(world.claims()), {name})
        self.assert_bought(world, 1)

    def test_it_is_killed_while_it_searches(self):
        kinds = [ONE] * 5 + [mig("2g.20gb")] * 2 + [mig("3g.40gb"), mig("1g.24gb"), "kerf.dev/gpu-10gi"]
        apps = [deployment(f"app-{number}", kinds[number % 10], 2) for number in range(SEARCH_PODS // 2)]
        for number, app in enumerate(apps):  # the more they differ the longer it searches
            requests = {"cpu": f"{100 + number}m", "memory": f"{1000 + 7 * number}Mi"}
            app["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"] = requests
        with self.world("search", start=False) as world:
            world.apply(*apps)
            world.wait("all wait", lambda: sum(has(pod, "PodScheduled", "False") for app in apps
                                               for pod in world.pods(name_of(app))) == SEARCH_PODS)
            world.start(world.kerfd)
            for _ in range(3):
                kill_in_search()
                self.assertEqual([line for line in world.kerfd.log() if line.get("what") == "Buy"], [])
            for app in apps:
                world.wait_running(name_of(app), 2, 600)
            self.assertEqual({name for _, name, _ in world.purchases()}, set(world.claims()))
