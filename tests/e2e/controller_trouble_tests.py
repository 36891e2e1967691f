"""Tests of kerfd controller when others let it down: the cloud, the scheduler, its own rights. Run by bed_test.py.

KERF_TROUBLE: only scenarios with this in their name.
"""
import os
import time

from agent_bed import running
from controller_bed import ControllerTest, daemon_set, deployment, mig
from history import name_of
from kerf_bed import controller
from kerf_bed.agent import Agent

ONLY = os.environ.get("KERF_TROUBLE", "")
# A node that is away is found out, and its pods are told to end, sooner than a cluster would.
SOON = {"manager_arguments": ["--node-monitor-grace-period=8s"],
        "api_arguments": ["--default-not-ready-toleration-seconds=2", "--default-unreachable-toleration-seconds=2"]}


class ControllerTroubles(ControllerTest):
    def test_what_was_on_it_runs_again_elsewhere_and_nothing_is_bought_twice(self):
        settings = {"node-deadline": "40s", "price-age": "20s"}
        policy = controller.policy(consolidation={"coolDown": "1h", "movesPerHour": 1})  # no moves but for trouble
        with self.world("trouble", policy=policy, settings=settings, **SOON) as world:
            for what, act in (
                    ("a launch is refused for capacity", self.refused),
                    ("a node never joins", self.never_joins),
                    ("a node dies", self.dies),
                    ("an interruption notice", self.notice),
                    ("an agent is away", self.agent_away),
                    ("the prices are away, and come again", self.no_prices)):
                if ONLY in what:
                    with self.scenario(world, what):
                        self.since = len(world.purchases())
                        act(world)
                        world.remove("web")
                        world.wait_claims(0)
                        world.bed.cloud.set(refused=[], neverJoins=False, offerings={})

    def refused(self, world):
        world.bed.cloud.refuse(type="g6.xlarge")
        world.apply(deployment("web", "kerf.dev/gpu-20gi", 2))
        world.wait_running("web", 2)
        bought = [claim["metadata"]["labels"]["node.kubernetes.io/instance-type"] for claim in world.claims().values()]
        self.assertEqual(bought, ["g7e.2xlarge"])
        refused = [name for _, name, _ in world.purchases()[self.since:] if name not in world.claims()]
        self.assertGreaterEqual(len(refused), 1)
        world.wait_event("LaunchRefused", "gpu")  # the claim is gone: told on the policy
        self.assertIn("InsufficientCapacityError", world.bed.kubectl("get", "events", "-A"))

    def never_joins(self, world):
        world.bed.cloud.set(neverJoins=True)
        world.apply(deployment("web", mig("1g.10gb"), 2))
        first = next(iter(world.wait_claims(1)))
        world.wait("its instance", lambda: world.claims().get(first, {}).get("status", {}).get("providerID"))
        world.wait("it is given back", lambda: first not in world.claims())
        world.bed.cloud.set(neverJoins=False)
        world.wait_running("web", 2)
        self.assertLessEqual(len(world.purchases()) - self.since, 2)
        world.wait_event("NodeReturned", first)

    def dies(self, world):
        world.apply(deployment("web", mig("1g.10gb"), 2))
        world.wait_running("web", 2)
        (first, claim), = world.claims().items()
        node = claim["status"]["nodeName"]
        world.bed.cloud.lose(node)
        world.wait("they run elsewhere", lambda: world.running("web", 2) and node not in world.nodes_of("web"))
        self.assert_bought(world, 2, self.since)
        world.wait("its claim is collected", lambda: first not in world.claims())

    def notice(self, world):
        world.apply(deployment("web", mig("1g.10gb"), 2))
        world.wait_running("web", 2)
        (first, claim), = world.claims().items()
        node = claim["status"]["nodeName"]
        world.bed.cloud.notice(node, 30)
        world.wait("they run elsewhere", lambda: world.running("web", 2) and node not in world.nodes_of("web"))
        self.assert_bought(world, 2, self.since)
        world.wait("the node is gone", lambda: first not in world.claims())

    def agent_away(self, world):
        """Nothing is offered on its node, what runs runs on; when it is back, those that wait run."""
        world.apply(deployment("web", mig("1g.10gb"), 1))
        held = world.wait_running("web", 1)
        (first, claim), = world.claims().items()
        node = claim["status"]["nodeName"]
        agent = Agent(world.bed, node)
        agent.stop()
        world.scale("web", 3, wait=False)
        world.wait("nothing is offered", lambda: world.api.get(f"/api/v1/nodes/{node}")["status"]["allocatable"].get(
            mig("1g.10gb"), "0") == "0")
        time.sleep(10)
        self.assertLessEqual(held.items(), {name_of(pod): running(pod) for pod in world.pods("web")}.items())
        agent.again()
        now = world.wait_running("web", 3)
        self.assertLessEqual(held.items(), now.items())
        self.assertIn(first, world.claims())
        self.assertLessEqual(len(world.purchases()) - self.since, 2)

    def no_prices(self, world):
        """What was read last stands; placement goes on, also when it counts as old."""
        world.bed.order("stop", "prices")
        world.apply(deployment("web", mig("1g.10gb"), 1))
        world.wait_running("web", 1)
        world.wait("it says so", lambda: world.condition("PricesCurrent")[0] == "False")
        world.bed.order("start", "prices")
        world.bed.cloud.offering("p5.4xlarge", "us-east-1a", "on-demand", price=7.5)
        world.wait("and that it has them again", lambda: world.condition("PricesCurrent")[0] == "True")


class ControllerObserve(ControllerTest):
    def test_observe_writes_what_it_may_and_nothing_else(self):
        policy = controller.policy(mode="Observe")
        with self.world("observe", act=False, policy=policy) as world:
            world.apply(deployment("web", mig("1g.10gb"), 3), daemon_set("probe", mig("1g.10gb")))
            world.wait("its status says what it would cost", lambda: float(world.status().get("figures", {}).get(
                "couldBeUsdPerHour", 0)) == 6.88)
            status = world.status()
            world.say(f"{status.get('summary')} next: {status.get('next')}")
            self.assertEqual(status["observedGeneration"], 1)
            self.assertEqual(status["figures"]["pending"], 3)
            self.assertIn("p5.4xlarge", str(status["next"]))
            self.assertTrue(status["summary"])
            world.wait("and the least that is possible", lambda: "boundUsdPerHour" in world.status().get("figures", {}))
            with self.scenario(world, "a pod that comes is in it"):
                world.scale("web", 8, wait=False)
                world.wait("two nodes", lambda: float(world.status()["figures"].get(
                    "couldBeUsdPerHour", 0)) == 2 * 6.88)
            world.wait_event("WouldBuy", "gpu")
            self.assertEqual(world.claims(), {})
            self.assertEqual(world.audit.denied(), [])
            writes = {(one.group, one.resource, one.subresource) for one in world.audit.writes()}
            self.assertEqual(writes, {("kerf.dev", "slicepolicies", "status"), ("coordination.k8s.io", "leases", ""),
                                      ("events.k8s.io", "events", "")})
            told = {one["regarding"]["kind"] for one in world.api.get("/apis/events.k8s.io/v1/events")["items"]
                    if one.get("reportingController") == "kerf.dev/controller"}
            self.assertEqual(told, {"SlicePolicy"})
            with self.scenario(world, "Act without the rights to act says what it misses and does no harm"):
                self.acts_without_rights(world)

    def acts_without_rights(self, world):
        """Only here requests are refused: the check at the end leaves out what came after this."""
        begun = time.time()
        world.api.patch("/apis/kerf.dev/v1alpha1/slicepolicies/gpu", {"spec": {"mode": "Act"}})
        world.wait("a claim is refused", lambda: any(one.at > begun for one in world.audit.denied()))
        self.assertEqual(world.claims(), {})
        world.api.patch("/apis/kerf.dev/v1alpha1/slicepolicies/gpu", {"spec": {"mode": "Observe"}})
        world.wait("it observes again", lambda: world.status().get("observedGeneration") == 3)
        denied = [str(one) for one in world.audit.denied()]
        world.say(f"refused meanwhile: {denied}")
        self.assertLess(len(denied), 200)  # it is not tried in a tight loop
        world.expected_denials = set(denied)


class ControllerDisagrees(ControllerTest):
    def test_what_the_scheduler_refuses_is_told_and_not_bought_for_again_and_again(self):
        settings = {"disagree": "5s", "disagree-silent": "20s", "vain": "2s"}
        policy = controller.policy(zones=["us-east-1a"])
        with self.world("disagrees", settings=settings, policy=policy) as world:
            with self.scenario(world, "a host port that a DaemonSet of nodes to come takes"):
                self.host_port(world)
            with self.scenario(world, "an affinity of a pod on a node that is none of Kerf's"):
                self.affinity(world)
            with self.scenario(world, "a DaemonSet that asks for a slice buys nothing"):
                before = len(world.purchases())
                world.apply(daemon_set("greedy", mig("1g.24gb")))
                world.apply(deployment("fine", mig("1g.10gb"), 1))
                world.wait_running("fine", 1)
                types = {one.body["metadata"]["labels"].get("node.kubernetes.io/instance-type") or str(
                    one.body["spec"]["requirements"]) for one in world.audit.writes("create", "nodeclaims")[before:]}
                self.assertFalse(any("g7e" in one for one in types), types)

    def host_port(self, world):
        taken = daemon_set("taken", mig("1g.10gb"))
        container = taken["spec"]["template"]["spec"]["containers"][0]
        del container["resources"], container["volumeMounts"]
        container["args"] = ["-c", "sleep 100000"]
        container["ports"] = [{"containerPort": 9999, "hostPort": 9999}]
        taken["spec"]["template"]["spec"].update(tolerations=[{"operator": "Exists"}], volumes=[])
        wants = deployment("wants", mig("1g.10gb"), 1)
        wants["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 9999, "hostPort": 9999}]
        # At first its node has a place only where the port is free; then the DaemonSet's pod is there before it.
        world.apply(taken)
        world.apply(wants)
        world.wait("a purchase", world.purchases)
        pod = name_of(world.pods("wants")[0])
        found = world.wait("it is explained", lambda: world.events("SchedulerDisagrees", pod) or world.events(
            "PurchasesSpent", pod) or world.events("CannotBePlaced", pod))
        world.say(f"{found}")
        self.assertLessEqual(len(world.purchases()), 2)
        world.remove("wants")
        world.api.delete("/apis/apps/v1/namespaces/default/daemonsets/taken")
        world.wait_claims(0)

    def affinity(self, world):
        before = len(world.purchases())
        world.bed.node_up("plain", labels={"topology.kubernetes.io/zone": "us-east-1a"})
        term = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "guest"}}}
        world.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hermit", "labels": {"app": "hermit"}},
                     "spec": {"nodeName": "plain", "terminationGracePeriodSeconds": 1, "containers": [
                         {"name": "main", "image": "kerf.test/box:1", "args": ["-c", "sleep 100000"]}],
                         "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}})
        world.wait("hermit runs", lambda: world.running("hermit", 1))
        world.apply(deployment("guest", mig("1g.10gb"), 1))
        pod = name_of(world.wait("guest is there", lambda: world.pods("guest"))[0])
        found = world.wait_event("SchedulerDisagrees", pod)
        self.assertIn("anti-affinity", found[0][1])
        self.assertLessEqual(len(world.purchases()) - before, 2)
        world.remove("guest")
        world.wait_claims(0)
