#!/usr/bin/env python3
"""Drives kerf snapshot through a fake kubectl: what is read, and everything that can go wrong.

    KERF=build/kerf python3 tests/kubectl_test.py
"""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import fake_cluster

ROOT = Path(__file__).resolve().parent.parent
KERF = os.environ.get("KERF", str(ROOT / "build/kerf"))
FAKE = ROOT / "tests/fake_kubectl.py"
PODS, NODES = 40, 6


class Snapshot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = Path(tempfile.mkdtemp(prefix="kerf-kubectl-"))
        cls.recorded = cls.shared / "recorded"
        subprocess.run([sys.executable, FAKE, "record", cls.recorded, str(PODS), str(NODES)], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared, ignore_errors=True)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kerf-kubectl-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "bin").mkdir()
        # The interpreter by its path: what finds python3 may take longer than all that follows.
        program = self.folder / "bin/kubectl"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{FAKE}" "$@"\n')
        program.chmod(0o755)
        self.log = self.folder / "log"

    def environment(self, mode="", **more):
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                "FAKE_KUBECTL_FOLDER": str(self.recorded), "FAKE_KUBECTL_MODE": mode,
                "FAKE_KUBECTL_LOG": str(self.log), **more}

    def run_kerf(self, *words, mode="", env=None, stdin=b"typed"):
        return subprocess.run([KERF, "snapshot", *words], env=self.environment(mode, **(env or {})), input=stdin,
                              timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def taken(self, *words, mode="", says=(), env=None):
        """A snapshot that could be taken, and what was said of it."""
        done = self.run_kerf(*words, mode=mode, env=env)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, 0, said)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, said)
        return json.loads(done.stdout), said

    def refused(self, *words, mode="", says=(), env=None):
        done = self.run_kerf(*words, mode=mode, env=env)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, 2, said)
        self.assertEqual(done.stdout, b"")
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, said)
        return said

    def kind(self, snapshot, kind):
        return next(one for one in snapshot["kinds"] if one["kind"] == kind)

    def calls(self):
        return [line.partition(" ")[2].split() for line in self.log.read_text().splitlines()]

    def left_behind(self):
        """Processes of the calls that are still there, and what they have started."""
        pids = {line.split()[0] for line in self.log.read_text().splitlines()}
        alive = []
        for one in Path("/proc").iterdir():
            if not one.name.isdigit():
                continue
            try:
                fields = (one / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            state, group = fields[0], fields[2]
            if (one.name in pids or group in pids) and state not in "ZX":
                alive.append(one.name)
        return alive


class Reading(Snapshot):
    def test_everything_of_a_cluster_is_in_it_and_said(self):
        snapshot, said = self.taken(says=[
            f"read context prod (Kubernetes v1.36.3): {NODES} nodes, {PODS} pods, ",
            "not in this cluster: NodeOverlay, LeaderWorkerSet, JobSet, GpuNode",
            "prices: Karpenter's, from kube-system/karpenter-7d5b8c9f4-aaaaa"])
        self.assertEqual(len(said.splitlines()), 3, said)
        self.assertEqual(snapshot["apiVersion"], "kerf.dev/snapshot/v1alpha1")
        self.assertEqual(snapshot["context"], "prod")
        self.assertEqual(snapshot["serverVersion"], "v1.36.3")
        self.assertRegex(snapshot["taken"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(len(self.kind(snapshot, "Node")["items"]), NODES)
        self.assertEqual(len(self.kind(snapshot, "Pod")["items"]), PODS)
        self.assertEqual(self.kind(snapshot, "GpuNode")["state"], "Absent")
        recorded = json.loads((self.recorded / "pods.json").read_text())["items"]
        names = sorted((one["metadata"]["namespace"], one["metadata"]["name"]) for one in recorded)
        self.assertEqual([(one["metadata"]["namespace"], one["metadata"]["name"])
                          for one in self.kind(snapshot, "Pod")["items"]], names)
        pages = {page["pod"]: page["lines"] for page in snapshot["pages"]}
        self.assertEqual(len(pages), 2)
        leader, follower = (pages[f"kube-system/karpenter-7d5b8c9f4-{one}"] for one in ("aaaaa", "bbbbb"))
        self.assertGreater(len(leader), 100)
        self.assertTrue(all("karpenter_build_info" in line for line in follower))
        self.assertFalse([line for line in leader if line.startswith("go_")])

    def test_no_secret_is_in_it(self):
        self.assertIn(fake_cluster.SECRET, (self.recorded / "pods.json").read_text())
        done = self.run_kerf()
        self.assertGreater(len(done.stdout), 50_000)
        self.assertNotIn(fake_cluster.SECRET.encode(), done.stdout)

    def test_the_same_cluster_gives_the_same_bytes(self):
        one, two = (json.dumps({**self.taken(mode=mode)[0], "taken": ""}) for mode in ("", "slow=0.1"))
        self.assertEqual(one, two)

    def test_only_get_version_and_current_context_are_run(self):
        self.taken()
        for call in self.calls():
            self.assertIn(call[0], ("get", "version", "config"))
            if call[0] == "config":
                self.assertEqual(call, ["config", "current-context"])
        self.assertFalse([call for call in self.calls() if "secrets" in call or "configmaps" in call])

    def test_context_and_kubeconfig_reach_every_call(self):
        config = self.folder / "config"
        config.write_text("")
        snapshot, _ = self.taken("--context", "staging", "--kubeconfig", str(config), says="read context staging")
        self.assertEqual(snapshot["context"], "staging")
        for call in self.calls():
            self.assertIn("--context=staging", call)
            self.assertIn(f"--kubeconfig={config}", call)
        self.assertFalse([call for call in self.calls() if call[0] == "config"])

    def test_kubectl_has_no_input_to_wait_for(self):
        self.taken()  # the fake one fails if it can read anything

    def test_a_file_is_written_as_a_whole_and_quiet_is_quiet(self):
        file = self.folder / "eks.json"
        done = self.run_kerf("--output-file", str(file), "-q")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        self.assertEqual(json.loads(file.read_text())["kind"], "Snapshot")

    def test_a_recorded_cluster_is_the_made_up_one(self):
        env = {"FAKE_KUBECTL_FOLDER": "", "FAKE_KUBECTL_PODS": str(PODS), "FAKE_KUBECTL_NODES": str(NODES)}
        one, two = (json.dumps({**self.taken(env=more)[0], "taken": ""}) for more in (None, env))
        self.assertEqual(one, two)


class Trouble(Snapshot):
    def test_a_kind_that_cannot_be_read_is_said_with_what_is_lacking(self):
        for word, state, says in [
            ("forbidden", "Forbidden", "nodepools.karpenter.sh: you may not list them, so limits and"),
            ("absent", "Absent", "not in this cluster: NodePool"),
            ("fails", "Failed", "(InternalError): an error on the server"),
            ("late", "Failed", "(Expired): The provided continue parameter"),
            ("truncated", "Failed", "kubectl get nodepools.karpenter.sh: it ends in the middle"),
            ("garbled", "Failed", "so limits and requirements of NodePools are not known"),
            ("html", "Failed", "this is not JSON"),
            ("endless-item", "Failed", "item 1 has more than 16 MiB"),
        ]:
            with self.subTest(word):
                snapshot, _ = self.taken(mode=f"{word}=nodepools.karpenter.sh", says=says)
                kind = self.kind(snapshot, "NodePool")
                self.assertEqual(kind["state"], state)
                self.assertNotIn("items", kind)
                self.assertTrue(kind["why"])
                self.assertNotIn("\x1b", kind["why"])
                self.assertEqual(len(self.kind(snapshot, "Pod")["items"]), PODS)

    def test_pods_that_cannot_be_read_leave_the_nodes(self):
        for word in ("truncated", "garbled", "fails", "forbidden"):
            snapshot, _ = self.taken(mode=f"{word}=pods", says=f"{NODES} nodes, no pods, ")
            self.assertNotEqual(self.kind(snapshot, "Pod")["state"], "Read")
            self.assertEqual(snapshot["pages"], [])

    def test_neither_pods_nor_nodes_is_an_error(self):
        self.refused(mode="truncated=pods,fails=nodes", says=[
            "neither nodes nor pods of context prod could be read", "ends in the middle", "(InternalError)",
            "Try kubectl get nodes,pods -A"])
        self.refused(mode="forbidden=pods,forbidden=nodes", says="name it with -n")

    def test_no_rights_but_in_one_namespace(self):
        self.refused(mode="needs-namespace=team-a", says="with rights in one namespace only, name it with -n")
        snapshot, _ = self.taken("-n", "team-a", mode="needs-namespace=team-a", says=[
            "no nodes, ", "pods of namespace team-a only", "nodes: you may not list them"])
        self.assertEqual(snapshot["onlyNamespace"], "team-a")
        namespaces = {one["metadata"]["namespace"] for one in self.kind(snapshot, "Pod")["items"]}
        self.assertEqual(namespaces, {"team-a"})
        self.assertEqual(self.kind(snapshot, "Deployment")["state"], "Read")
        self.assertEqual(self.kind(snapshot, "Node")["state"], "Forbidden")

    def test_with_rights_for_all_a_namespace_changes_nothing(self):
        snapshot, _ = self.taken("-n", "team-a", says=f"{PODS} pods")
        self.assertNotIn("onlyNamespace", snapshot)

    def test_no_cluster_is_one_error_in_kubectls_words(self):
        for mode, says in [
            ("no-context", ["no configuration has been provided", "kubectl config get-contexts"]),
            ("refused", ["kubectl: The connection to the server 127.0.0.1:6443 was refused", "VPN"]),
            ("unauthorized", ["You must be logged in to the server", "Log in"]),
            ("exec-plugin", ["getting credentials: exec: executable aws failed", "aws sso login"]),
        ]:
            with self.subTest(mode):
                said = self.refused(mode=mode, says=["kerf snapshot: kubectl: "] + says)
                self.assertEqual(len(said.splitlines()), 2, said)
        self.refused("--context", "none", says=['context "none" does not exist', "--context"])
        self.refused("--kubeconfig", "/nowhere/config", says=["stat /nowhere/config", "--kubeconfig"])

    def test_no_kubectl_says_what_to_do(self):
        nothing = self.folder / "nothing"
        nothing.mkdir()
        self.refused(env={"PATH": str(nothing)}, says=['cannot run "kubectl"', "--snapshot"])

    def test_prices_that_cannot_be_had_are_said(self):
        snapshot, _ = self.taken(mode="no-page", says=[
            "the metrics of kube-system/karpenter-7d5b8c9f4-aaaaa could not be read", "(ServiceUnavailable)"])
        self.assertEqual({page["why"][:17] for page in snapshot["pages"]}, {"Error from server"})
        self.taken(mode="followers", says="karpenter-7d5b8c9f4-bbbbb has none (only the leader does)")

    def test_options_that_make_no_sense(self):
        self.refused("--context", "", says="--context: the value is empty")
        self.refused("--output-file", str(self.folder / "no/such/file"), says="no such file")
        self.refused("--output-file", str(self.folder), says="kerf snapshot: ")
        self.refused("extra", says="takes no arguments")
        self.refused("--contxt", "a", says="--context")
        self.assertFalse(self.log.exists(), "nothing was run for them")

    def test_a_value_is_never_taken_for_an_option(self):
        self.taken("--context=--all-namespaces", "-n", "team-a")
        self.assertIn("--context=--all-namespaces", self.calls()[0])

    def test_a_file_is_left_as_it_was_where_there_is_an_error(self):
        file = self.folder / "eks.json"
        file.write_text("before")
        self.refused("--output-file", str(file), mode="refused")
        self.assertEqual(file.read_text(), "before")
        self.assertEqual([one.name for one in self.folder.iterdir() if one.name.startswith("eks")], ["eks.json"])


class Interrupted(Snapshot):
    def start(self, mode, *words):
        kerf = subprocess.Popen([KERF, "snapshot", *words], env=self.environment(mode),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(kerf.wait)
        self.addCleanup(kerf.kill)
        end = time.monotonic() + 60
        while time.monotonic() < end and not self.hangs():
            time.sleep(0.02)
        self.assertTrue(self.hangs(), "kubectl was started, and waits")
        return kerf

    def hangs(self):
        """True once the call that hangs has a child of its own."""
        if not self.log.exists():
            return False
        pids = {line.split()[0] for line in self.log.read_text().splitlines()}
        for one in Path("/proc").iterdir():
            try:
                if one.name.isdigit() and (one / "comm").read_text() == "sleep\n":
                    if (one / "stat").read_text().rpartition(")")[2].split()[1] in pids:
                        return True
            except OSError:
                continue
        return False

    def test_no_kubectl_is_left_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.log.unlink(missing_ok=True)
                file = self.folder / "eks.json"
                kerf = self.start("hangs=pods", "--output-file", str(file))
                kerf.send_signal(number)
                self.assertEqual(kerf.wait(timeout=30), -number)
                end = time.monotonic() + 30
                while self.left_behind() and time.monotonic() < end:
                    time.sleep(0.02)
                self.assertEqual(self.left_behind(), [])
                self.assertFalse(file.exists())

    def test_what_it_waits_for_is_shown_on_a_terminal(self):
        parent, child = pty.openpty()
        kerf = subprocess.Popen([KERF, "snapshot", "--output-file", "/dev/null"],
                                env={**self.environment("slow=2"), "TERM": "xterm"}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=child)
        os.close(child)
        shown = b""
        while select.select([parent], [], [], 60)[0]:
            try:
                piece = os.read(parent, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(parent)
        self.assertEqual(kerf.wait(timeout=30), 0)
        self.assertIn(b"reading the cluster: ", shown)
        self.assertIn(b"read context prod", shown)


if __name__ == "__main__":
    unittest.main(verbosity=2)
