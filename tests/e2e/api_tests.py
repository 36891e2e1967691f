"""Tests of Kerf's client of the Kubernetes API on a real kube-apiserver. Run by bed_test.py."""
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from kerf_bed import BedError, gpu, pki
from kerf_bed.common import E2E
from kerf_bed.leftovers import Snapshot
from kerf_bed.testing import MARK, BedTest, say

OBJECTS = 1000
PATIENCE = 60  # seconds, of a test that has failed already
MAPS = {"version": "v1", "plural": "configmaps", "ns": "t"}
COMPACT = """
import json, sys, urllib.request
def ask(path, **words):
    request = urllib.request.Request("http://127.0.0.1:2379/v3/kv/" + path, json.dumps(words).encode())
    return json.load(urllib.request.urlopen(request, timeout=30))
revision = ask("range", key="AA==")["header"]["revision"]
ask("compaction", revision=revision, physical=True)
"""


def config_map(name, value="0", **metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"value": str(value)},
            "metadata": {"name": name, "namespace": "t", "labels": {"kerf": "test"}, **metadata}}


class Program:
    """A program in the bed that takes a line and prints lines."""

    def __init__(self, bed, *words):
        self.process = bed.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code


class Proxy(Program):
    def __init__(self, bed):
        super().__init__(bed, sys.executable, "-B", E2E / "tcp_proxy.py", "127.0.0.1", "443")
        self.url = f"https://127.0.0.1:{int(self.process.stdout.readline())}"

    def do(self, word):
        self.write(word)
        assert self.process.stdout.readline() == word + "\n"


class Watched:
    """What a watch told: the state that follows from it, and each version that was seen."""

    def __init__(self):
        self.changed = threading.Condition()
        self.objects, self.seen, self.counts = {}, Counter(), Counter()
        self.troubles = []

    def take(self, line):
        with self.changed:
            event = line["event"]
            self.counts[event] += 1
            if event == "seen":
                self.objects[line["name"]] = line["version"]
                self.seen[line["name"], line["uid"], line["version"]] += 1
            elif event == "gone":
                del self.objects[line["name"]]  # a KeyError: what was never there, or gone twice
            elif event == "trouble":
                self.troubles.append(line["what"])
            self.changed.notify_all()

    def wait(self, what, condition):
        with self.changed:
            if not self.changed.wait_for(condition, PATIENCE):
                raise BedError(f"{what}: not within {PATIENCE} s; {self.counts} {self.troubles[-3:]}")

    def wait_count(self, event, least):
        self.wait(f"{least} times {event}", lambda: self.counts[event] >= least)


class Probe(Program):
    """kerf_api_probe: the client under test."""

    def __init__(self, bed, server, ca, token, *more):
        super().__init__(bed, Path(gpu.build_folder()) / "kerf_api_probe", "--server", server,
                         "--ca", ca, "--token", token, *more)
        self.count, self.answers, self.watches = 0, {}, {}
        self.failed = None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            for text in self.process.stdout:
                line = json.loads(text)
                if "watch" in line:
                    self.watches[line["watch"]].take(line)
                else:
                    self.answers[line["id"]].put(line)
        except (KeyError, ValueError) as error:
            self.failed = repr(error)

    def send(self, do, **words):
        self.count += 1
        answer = self.answers[self.count] = queue.Queue()
        self.watches[self.count] = Watched()
        self.write(json.dumps({"id": self.count, "do": do, **words}))
        return self.watches[self.count] if do == "watch" else answer

    def ask(self, do, **words):
        return self.send(do, **words).get(timeout=PATIENCE)

    def end(self):
        code = super().end()
        self.reader.join(PATIENCE)
        assert self.failed is None, self.failed
        return code


class Api(BedTest):
    """One bed for all: an API server and its store, no nodes."""

    def test_the_client_on_a_real_api_server(self):
        self.folder = Path(tempfile.mkdtemp(prefix="api-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        pki.make_authority(self.folder / "other")
        self.tokens = {name: self.folder / name for name in ("all", "few", "rotated")}
        for path in self.tokens.values():
            path.touch()
        self.before = Snapshot(MARK)
        with self.bed("api", karpenter=False) as self.live:
            self.clock.lap("start to ready")
            self.programs = []
            self.ca = self.live.folder / "pki/ca.crt"
            self.make_accounts()
            self.probe = self.start_probe("https://10.0.0.1:443", self.tokens["all"])
            try:
                for step in (self.tls_is_verified, self.errors_are_told_apart, self.applies_conflict,
                             self.rights_and_rotation, self.evictions_respect_budgets,
                             self.lists_and_follows, self.survives_the_network,
                             self.survives_a_restart, self.survives_compaction):
                    with self.subTest(step.__name__):
                        step()
                        self.clock.lap(step.__name__.replace("_", " "))
            finally:
                codes = [program.end() for program in self.programs]
            self.clock.lap("programs ended")
            self.assertEqual(codes, [0] * len(codes))
        self.clock.lap("stop")
        self.assert_nothing_left()

    # --- What the steps share ------------------------------------------------------------------------

    def make_accounts(self):
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        rbac = "rbac.authorization.k8s.io"
        self.live.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "t"}},
            *({**account, "metadata": {"name": name, "namespace": "t"}} for name in ("all", "few")),
            {"apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "all"},
             "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
             "subjects": [{"kind": "ServiceAccount", "name": "all", "namespace": "t"}]},
            {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": "few", "namespace": "t"},
             "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"],
                        "verbs": ["get", "list", "watch"]}]},
            {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": "few", "namespace": "t"},
             "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "few"},
             "subjects": [{"kind": "ServiceAccount", "name": "few", "namespace": "t"}]})
        for name in ("all", "few"):
            self.tokens[name].write_text(self.live.kubectl("create", "token", name, "-n", "t"))

    def start_probe(self, server, token, *more, ca=None):
        self.programs.append(Probe(self.live, server, ca or self.ca, token, *more))
        return self.programs[-1]

    def start_proxy(self):
        self.programs.append(Proxy(self.live))
        return self.programs[-1]

    def is_current(self, watched):
        """Does the watch show what the API server has? Waits for it."""
        def truth():
            items = self.probe.ask("list", **MAPS, labels="kerf=test")["object"]["items"]
            return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}
        wanted = truth()
        watched.wait("what the server has", lambda: watched.objects == wanted)
        self.assertEqual([seen for seen, count in watched.seen.items() if count != 1], [])

    def change(self, *names):
        """Each of them gets a new version."""
        for answer in [self.probe.send("merge_patch", **MAPS, name=name, quiet=True,
                                       object={"data": {"value": str(time.monotonic_ns())}})
                       for name in names]:
            self.assertEqual(answer.get(timeout=PATIENCE)["answer"], "Ok")

    def end_of_process(self, name):
        """Kills a part of the control plane; the bed starts it again."""
        which = ["pgrep", "-x", name]
        pid = self.live.output(which).strip()
        self.live.output(["kill", "-9", pid])
        self.live.wait(f"another {name}", lambda: self.live.output(which).strip() != pid)

    # --- Steps ---------------------------------------------------------------------------------------

    def tls_is_verified(self):
        get = {"version": "v1", "plural": "namespaces", "name": "t"}
        stranger = self.start_probe("https://10.0.0.1:443", self.tokens["all"],
                                    ca=self.folder / "other/ca.crt")
        answer = stranger.ask("replace", **get, object={})
        self.assertEqual((answer["answer"], answer["status"]), ("Later", 0))
        self.assertIn("certificate", answer["message"])
        # The server listens there, too, and its certificate does not say so.
        elsewhere = self.start_probe("https://127.0.0.2:443", self.tokens["all"])
        answer = elsewhere.ask("get", **get)
        self.assertEqual((answer["answer"], answer["status"]), ("Later", 0))
        self.assertIn("127.0.0.2", answer["message"])
        self.assertEqual(self.probe.ask("get", **get)["answer"], "Ok")

    def errors_are_told_apart(self):
        def ask(do, name="one", **words):
            return self.probe.ask(do, **MAPS, name=name, **words)
        self.assertEqual(ask("get")["answer"], "NotFound")
        made = ask("create", object=config_map("one"))["object"]
        answer = ask("create", object=config_map("one"))
        self.assertEqual((answer["answer"], answer["reason"]), ("AlreadyExists", "AlreadyExists"))
        answer = ask("create", object=config_map("Not_A_Name"))
        self.assertEqual((answer["answer"], answer["reason"]), ("Refused", "Invalid"))
        self.assertIn("Not_A_Name", answer["message"])
        changed = {**made, "data": {"value": "1"}}
        self.assertEqual(ask("replace", object=changed)["answer"], "Ok")
        answer = ask("replace", object=changed)  # with the version that it had before
        self.assertEqual((answer["answer"], answer["status"]), ("Conflict", 409))
        stale = made["metadata"]["resourceVersion"]
        patch = {"object": {"data": {"value": "2"}}}
        self.assertEqual(ask("merge_patch", **patch, object_version=stale)["answer"], "Conflict")
        self.assertEqual(ask("merge_patch", **patch)["object"]["data"], {"value": "2"})
        self.assertEqual(ask("remove", uid="another")["answer"], "Conflict")
        self.assertEqual(ask("remove", object_version=stale)["answer"], "Conflict")
        self.assertEqual(ask("remove", uid=made["metadata"]["uid"])["answer"], "Ok")
        self.assertEqual(ask("get")["answer"], "NotFound")
        unknown = self.probe.ask("list", group="kerf.test", version="v9", plural="things")
        self.assertEqual(unknown["answer"], "NotFound")

    def applies_conflict(self):
        other = self.start_probe("https://10.0.0.1:443", self.tokens["all"], "--manager", "other")
        wanted = {**MAPS, "name": "applied"}
        self.assertEqual(self.probe.ask("apply", **wanted, object=config_map("applied", 1))["answer"], "Ok")
        answer = other.ask("apply", **wanted, object=config_map("applied", 2))
        self.assertEqual((answer["answer"], answer["reason"]), ("Conflict", "Conflict"))
        self.assertIn("probe", answer["message"])
        answer = other.ask("apply", **wanted, object=config_map("applied", 2), force=True)
        self.assertEqual(answer["object"]["data"], {"value": "2"})
        managers = {entry["manager"] for entry in answer["object"]["metadata"]["managedFields"]}
        self.assertEqual(managers, {"probe", "other"})
        self.assertEqual(self.probe.ask("remove", **wanted)["answer"], "Ok")

    def rights_and_rotation(self):
        token = self.tokens["rotated"]
        token.write_text(self.tokens["few"].read_text())
        few = self.start_probe("https://10.0.0.1:443", token)
        answer = few.ask("list", version="v1", plural="secrets", ns="t")
        self.assertEqual((answer["answer"], answer["status"], answer["reason"]),
                         ("Refused", 403, "Forbidden"))
        self.assertIn("system:serviceaccount:t:few", answer["message"])
        self.assertEqual(self.probe.ask("create", **MAPS, object=config_map("mine"))["answer"], "Ok")
        # Rights to one name are enough to watch that one.
        watched = few.send("watch", **MAPS, fields="metadata.name=mine")
        watched.wait_count("synced", 1)
        self.assertEqual(list(watched.objects), ["mine"])
        get = {**MAPS, "name": "mine"}
        token.write_text("no.token.atall")
        answer = few.ask("get", **get)
        self.assertEqual((answer["answer"], answer["status"]), ("Later", 401))
        token.write_text(self.tokens["few"].read_text())
        self.assertEqual(few.ask("get", **get)["answer"], "Ok")
        self.assertEqual(self.probe.ask("remove", **get)["answer"], "Ok")
        watched.wait_count("gone", 1)

    def evictions_respect_budgets(self):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": "kept", "namespace": "t", "labels": {"app": "kept"}}, "spec": {
                "nodeName": "nowhere", "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": "none"}]}}
        pods = {"version": "v1", "plural": "pods", "ns": "t"}
        budgets = {"group": "policy", "version": "v1", "plural": "poddisruptionbudgets", "ns": "t"}
        made = self.probe.ask("create", **pods, object=pod)
        self.assertEqual(made["answer"], "Ok", made["message"])
        # No kubelet: the test says itself that the pod runs.
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        self.assertEqual(self.probe.ask("merge_patch", **pods, name="kept", subresource="status",
                                        object={"status": status})["answer"], "Ok")
        self.probe.ask("create", **budgets, object={
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "kept"}}}})
        self.live.wait("budget", lambda: self.probe.ask("get", **budgets, name="b")["object"].get(
            "status", {}).get("currentHealthy") == 1)
        uid = made["object"]["metadata"]["uid"]
        answer = self.probe.ask("evict", **pods, name="kept", uid=uid)
        self.assertEqual((answer["answer"], answer["status"], answer["cause"]),
                         ("Later", 429, "DisruptionBudget"))
        self.assertIn("disruption budget", answer["message"])
        self.assertEqual(self.probe.ask("remove", **budgets, name="b")["answer"], "Ok")
        self.assertEqual(self.probe.ask("evict", **pods, name="kept", uid="another")["answer"], "Conflict")
        self.assertEqual(self.probe.ask("evict", **pods, name="kept", uid=uid)["answer"], "Ok")

    def lists_and_follows(self):
        answers = [self.probe.send("create", **MAPS, object=config_map(f"m{i}"), quiet=True)
                   for i in range(OBJECTS)]
        for answer in answers:
            self.assertEqual(answer.get(timeout=PATIENCE)["answer"], "Ok")
        self.clock.lap(f"{OBJECTS} objects created")
        fresh = self.start_probe("https://10.0.0.1:443", self.tokens["all"])
        fresh.ask("get", **MAPS, name="m1")
        before = fresh.ask("health")["health"]["rss_kb"]
        fresh.send("watch", **MAPS, labels="kerf=test", page=100).wait_count("synced", 1)
        after = fresh.ask("health")["health"]["rss_kb"]
        say(f"resident: {before} kB, with {OBJECTS} objects watched {after} kB")
        self.watched = self.probe.send("watch", **MAPS, labels="kerf=test", page=100)
        self.watched.wait_count("synced", 1)
        self.assertEqual(self.watched.counts["seen"], OBJECTS)
        health = self.probe.ask("health")["health"]
        self.change("m1", "m2", "m3")
        self.probe.ask("remove", **MAPS, name="m4")
        self.probe.ask("create", **MAPS, object=config_map("new"))
        self.is_current(self.watched)
        self.assertEqual(self.watched.counts["gone"], 1)
        self.assertEqual((health["broken"], health["not_sent"]), (0, 0))
        self.assertGreaterEqual(health["contact_age_ms"], 0)

    def survives_the_network(self):
        proxy = self.start_proxy()
        client = self.start_probe(proxy.url, self.tokens["all"])
        proxy.do("drip")
        watched = client.send("watch", **MAPS, labels="kerf=test", page=100, silent_ms=3000)
        watched.wait_count("synced", 1)
        self.is_current(watched)
        proxy.do("cut")
        watched.wait_count("trouble", 1)
        self.change("m5", "m6")
        self.assertEqual(client.ask("get", **MAPS, name="m5")["answer"], "Later")
        proxy.do("open")
        watched.wait_count("recovered", 1)
        self.is_current(watched)
        proxy.do("stall")
        self.change("m7")
        self.is_current(watched)
        self.assertTrue(any("said nothing for 3 s" in why for why in watched.troubles), watched.troubles)
        self.assertEqual(watched.counts["synced"], 1)  # each time from where it was

    def survives_a_restart(self):
        troubles, recovered = self.watched.counts["trouble"], self.watched.counts["recovered"]
        self.end_of_process("kube-apiserver")
        self.watched.wait_count("trouble", troubles + 1)
        answer = self.probe.ask("merge_patch", **MAPS, name="m8", object={"data": {"value": "x"}})
        # An API server that starts knows no rights yet: it may say 403.
        self.assertIn((answer["answer"], answer["status"]), (
            ("Later", 0), ("Later", 503), ("Unknown", 0), ("Unknown", 500), ("Ok", 200), ("Refused", 403)),
            answer["message"])
        self.live.wait("API server again", lambda: self.probe.ask("get", **MAPS, name="m8")["answer"] == "Ok")
        self.change("m8", "m9")
        self.watched.wait_count("recovered", recovered + 1)
        self.is_current(self.watched)

    def survives_compaction(self):
        proxy = self.start_proxy()
        client = self.start_probe(proxy.url, self.tokens["all"])
        watched = client.send("watch", **MAPS, labels="kerf=test")
        watched.wait_count("synced", 1)
        proxy.do("cut")
        watched.wait_count("trouble", 1)
        self.change("m10")
        made = self.probe.ask("get", **MAPS, name="m11")["object"]["metadata"]["uid"]
        for name in ("m11", "m12"):
            self.assertEqual(self.probe.ask("remove", **MAPS, name=name)["answer"], "Ok")
        anew = self.probe.ask("create", **MAPS, object=config_map("m11"))["object"]["metadata"]["uid"]
        self.assertNotEqual(made, anew)
        self.live.output([sys.executable, "-c", COMPACT])
        self.end_of_process("kube-apiserver")  # its memory of changes goes with it
        self.live.wait("API server again", lambda: self.probe.ask("get", **MAPS, name="m10")["answer"] == "Ok")
        proxy.do("open")
        watched.wait_count("synced", 2)
        self.is_current(watched)
        self.assertEqual(watched.counts["gone"], 2)
        self.assertNotIn("m12", watched.objects)
        self.is_current(self.watched)
