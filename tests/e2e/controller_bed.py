"""What the controller's tests share: a bed in which kerfd controller works, and what must always be true."""
import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

from agent_bed import ACCOUNT, running
from history import Audit, History, name_of
from kerf_bed import controller, gpu
from kerf_bed.common import BedError, tail
from kerf_bed.testing import BedTest, say

NS = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
POLICIES = "/apis/kerf.dev/v1alpha1/slicepolicies"
REQUESTS = {"cpu": "1", "memory": "4Gi"}  # nodes of the cloud have what their type has
PATIENCE = 240  # seconds for what has to come, on the slowest machine


def mig(profile):
    return f"nvidia.com/mig-{profile}"


def template(resource, labels, count=1, script="", **spec):
    """A pod template whose container holds slices, and says at its end whether they are still the same."""
    return {"metadata": {"labels": labels}, "spec": {
        "terminationGracePeriodSeconds": 5,
        "containers": [{"name": "main", "image": "kerf.test/box:1",
                        "args": ["-c", f"{ACCOUNT}{script}\nhold 100000"],
                        "resources": {"requests": REQUESTS, "limits": {resource: str(count)}},
                        "volumeMounts": [{"name": "machine", "mountPath": "/machine"}]}],
        "volumes": [{"name": "machine", "hostPath": {"path": gpu.MACHINE, "type": "Directory"}}], **spec}}


def deployment(name, resource, replicas, **more):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": template(resource, {"app": name}, **more)}}


def daemon_set(name, resource, **more):
    """Its template brings the toleration: the DaemonSet controller does not see what admission adds to pods."""
    more.setdefault("tolerations", [{"key": "kerf.dev/slices", "operator": "Exists", "effect": "NoSchedule"}])
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": {
        "selector": {"matchLabels": {"app": name}}, "template": template(resource, {"app": name}, **more)}}


def budget(name, app, **spec):
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": app}}, **spec}}


class World:
    """A bed with controllers, as a test sees it."""

    def __init__(self, bed, *, act, policy, settings, controllers, start):
        self.bed, self.begun = bed, time.monotonic()
        self.api = bed.api()
        controller.install(bed, act=act)
        self.history = History(self.api, self.begun)
        self.audit = Audit(bed.folder / "log/audit.log")
        self.expected_denials = set()  # of a test that lets requests be refused, in words
        self.rejected = set()  # pods that kubelet may refuse: they were on a node that rebooted
        self.starts = []  # when the API server started anew: for a moment it knows of no rights
        self.controllers = [controller.Controller(bed, number + 1, settings=settings) for number in range(controllers)]
        if policy is not None:
            bed.apply(policy)
        if start:
            for one in self.controllers:
                self.start(one)

    def start(self, one):
        one.start()
        self.bed.wait(f"{one.name} ready", one.is_ready, PATIENCE)
        self.say(f"{one.name} is ready")

    def api_again(self):
        """Waits for the API server, which was killed."""
        begun = time.time() - 5
        self.wait("the API server", lambda: self.api.ok("/readyz"))
        self.starts.append((begun, time.time() + 5))

    @property
    def kerfd(self):
        return self.controllers[0]

    def say(self, text):
        say(f"{time.monotonic() - self.begun:7.2f}  {text}")

    def wait(self, what, condition, seconds=PATIENCE):
        """Until it is true, by the histories or by asking; its value."""
        value = self.bed.wait(what, condition, seconds)
        self.say(what)
        return value

    # Workloads, in the namespace default.

    def apply(self, *objects):
        self.bed.apply(*objects)

    def pods(self, app):
        """Those that are there and not told to end."""
        return [pod for pod in self.api.get(f"{NS}/pods?labelSelector=app={app}")["items"]
                if "deletionTimestamp" not in pod["metadata"]]

    def running(self, app, count):
        """{pod: container} if exactly so many run and nothing else of it is there."""
        pods = self.pods(app)
        found = {name_of(pod): running(pod) for pod in pods}
        return found if len(pods) == count and all(found.values()) else None

    def wait_running(self, app, count, seconds=PATIENCE):
        """{pod: its container} once so many run."""
        if count == 0:
            return self.wait(f"{app}: none", lambda: not self.api.get(f"{NS}/pods?labelSelector=app={app}")["items"],
                             seconds)
        return self.wait(f"{app}: {count} running", lambda: self.running(app, count), seconds)

    def scale(self, app, count, wait=True):
        self.api.patch(f"{APPS}/deployments/{app}", {"spec": {"replicas": count}})
        return self.wait_running(app, count) if wait else None

    def leave_one_on_each(self, app):
        """Its owner is told which pods to end: all but one of each node."""
        count = 0
        for node in self.nodes_of(app):
            here = [pod for pod in self.pods(app) if pod["spec"].get("nodeName") == node]
            for pod in here[1:]:
                self.api.patch(f"{NS}/pods/{name_of(pod)}", {"metadata": {"annotations": {
                    "controller.kubernetes.io/pod-deletion-cost": "-100"}}})
            count += 1
        return self.scale(app, count)

    def remove(self, *apps):
        for app in apps:
            self.api.delete(f"{APPS}/deployments/{app}?propagationPolicy=Foreground")
        for app in apps:
            self.wait_running(app, 0)

    def nodes_of(self, app):
        return {pod["spec"].get("nodeName") for pod in self.pods(app)}

    # What Kerf makes of it.

    def claims(self):
        """Those of Kerf's, by name."""
        return {name_of(one): one for one in self.api.get(CLAIMS)["items"]
                if "kerf.dev/policy" in one["metadata"].get("labels", {})}

    def wait_claims(self, count, seconds=PATIENCE):
        self.wait(f"{count} claims", lambda: len(self.claims()) == count, seconds)
        return self.claims()

    def status(self, policy="gpu"):
        return self.api.get(f"{POLICIES}/{policy}").get("status", {})

    def bill(self, policy="gpu"):
        return float(self.status(policy).get("figures", {}).get("usdPerHour", "nan"))

    def condition(self, kind, policy="gpu"):
        """(status, reason, message) of the policy's condition."""
        for each in self.status(policy).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"], each.get("message", "")
        return "", "", ""

    def events(self, reason, name=None):
        """Of Kerf's: [(kind/name, note)] by reason, of that object."""
        found = []
        for one in self.api.get("/apis/events.k8s.io/v1/events")["items"]:
            of = one.get("regarding", {})
            if one["reason"] == reason and one.get("reportingController", "") == "kerf.dev/controller" and (
                    name is None or of.get("name") == name):
                found.append((f"{of.get('kind')}/{of.get('name')}", one.get("note", "")))
        return found

    def wait_event(self, reason, name=None):
        found = self.bed.wait(f"event {reason} {name or ''}", lambda: self.events(reason, name), PATIENCE)
        self.say(f"event {reason}: {found[0][0]}: {found[0][1]}")
        return found

    # What is always true.

    def purchases(self):
        """[(time, claim, pods that it was bought for)] of claims ever made: by the audit log, which has those
        that were gone at once; and by the watch, as the log does not say that a request was answered whose
        sender was killed meanwhile."""
        made = [(one.at, one.name, one.bought_for()) for one in self.audit.writes("create", "nodeclaims") if one.ok]
        known = {name for _, name, _ in made}
        return sorted(made + [one for one in self.history.claims() if one[1] not in known])

    def wrongs(self):
        """What must never be, in words."""
        wrong = [f"pod {name}: Failed {reason}: {message}" for name, reason, message in self.history.failed_pods()
                 if name not in self.rejected]
        wrong += [f"pod {name}: its slice changed under it: {message}" for name, message in self.history.robbed_pods()]
        wrong += [f"refused to Kerf: {one}" for one in self.audit.denied() if str(one) not in self.expected_denials
                  and not any(begin <= one.at <= end for begin, end in self.starts)]
        wrong += self.kubelets_that_ended()
        wrong += self.bought_twice()
        return wrong

    def kubelets_that_ended(self):
        logs = [*(self.bed.folder / "nodes").glob("*/log/node.log"), *(self.bed.folder / "log").glob("*/node.log")]
        return [f"{path.parent}: {line}" for path in logs for line in path.read_text(errors="replace").splitlines()
                if line.startswith("kubelet ")]

    def bought_twice(self):
        """A second claim for a pod while the one before was neither refused, nor lost, nor given back."""
        wrong, ends = [], self.history.ends("nodeclaims")
        living = {}  # pod -> (claim, when it ended)
        names = [name for _, name, _ in self.purchases()]
        wrong += [f"claim {name} was made {names.count(name)} times" for name in set(names) if names.count(name) > 1]
        for at, name, pods in self.purchases():
            for pod in pods:
                before = living.get(pod)
                if before and ends.get(before, float("inf")) > at:
                    wrong.append(f"pod {pod}: {name} was bought while {before} was there")
                living[pod] = name
        return wrong


class ControllerTest(BedTest):
    """`with self.world("name") as world:` a bed with kerfd controller; at its end it is looked for what must not be."""

    @contextmanager
    def world(self, name, *, act=True, policy=controller.policy(), settings=None, controllers=1, start=True,
              **options):
        logs = os.environ.get("KERF_E2E_LOGS")
        if logs:
            options["keep_logs"] = Path(logs) / name
        with self.bed(name, gpus=True, agents=True, audit=True, **options) as bed:
            world = None
            try:
                world = World(bed, act=act, policy=policy, settings=settings, controllers=controllers, start=start)
                self.clock.lap("bed with a controller")
                yield world
                self.assertEqual(world.wrongs(), [])
            except BaseException:
                if world:
                    self.show(world)
                raise
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

    def assert_bought(self, world, count, since=0):
        """So many claims were ever made after the first `since` ones, for whatever reason."""
        self.assertEqual(len(world.purchases()) - since, count, world.purchases())

    @staticmethod
    def show(world):
        """What a person wants to see after a failure."""
        for one in world.controllers:
            say(f"{one.name} said last:\n{tail(one.log_file, 30)}")
        for words in (("get", "nodeclaims,nodes,gpunodes,slicepolicies"), ("get", "pods", "-o", "wide"),
                      ("get", "events.events.k8s.io", "--sort-by=.metadata.creationTimestamp")):
            try:
                say("\n" + "\n".join(world.bed.kubectl(*words).splitlines()[-40:]))
            except BedError as error:
                say(str(error))
        try:
            say(json.dumps({key: value for key, value in world.status().items() if key != "kept"}))
        except OSError as error:
            say(str(error))
        for path in sorted((world.bed.folder / "nodes").glob("*/log/kerfd.log")):
            say(f"agent of {path.parent.parent.name} said last:\n{tail(path, 6)}")
