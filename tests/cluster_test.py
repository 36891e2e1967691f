#!/usr/bin/env python3
"""Asks a cluster behind a fake kubectl what `kerf plan`, `status`, `cost`, `why` and `doctor` answer.

    KERF=build/kerf python3 tests/cluster_test.py
"""
import decimal
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERF = os.environ.get("KERF", str(ROOT / "build/kerf"))
FAKE = ROOT / "tests/fake_kubectl.py"


def record(folder, pods, nodes):
    subprocess.run([sys.executable, FAKE, "record", folder, str(pods), str(nodes)], check=True)


class Cluster(unittest.TestCase):
    """A small cluster, live and as a snapshot."""
    PODS, NODES = 300, 30

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="kerf-cluster-"))
        cls.recorded = cls.folder / "recorded"
        record(cls.recorded, cls.PODS, cls.NODES)
        program = cls.folder / "bin/kubectl"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{FAKE}" "$@"\n')
        program.chmod(0o755)
        cls.log = cls.folder / "log"

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def kerf(self, *words, mode="", codes=(0, 1), path=None):
        environment = {"PATH": path or f"{self.folder}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
                       "TERM": "dumb", "FAKE_KUBECTL_FOLDER": str(self.recorded), "FAKE_KUBECTL_MODE": mode,
                       "FAKE_KUBECTL_LOG": str(self.log)}
        done = subprocess.run([KERF, *words], env=environment, stdin=subprocess.DEVNULL, timeout=400, text=True,
                              capture_output=True, check=False)
        self.assertIn(done.returncode, codes, done.stderr)
        return done

    def json(self, *words, **more):
        return json.loads(self.kerf(*words, "-o", "json", "-q", **more).stdout, parse_float=decimal.Decimal)

    def assert_consistent(self, plan, cost):
        """Levers lead from today's bill to the plan's, and today's bill is what kerf cost takes apart."""
        today = plan["cluster"]["today"]["usd_per_hour"]
        self.assertEqual(sum(lever["saving_usd_per_hour"] for lever in plan["levers"]),
                         today - plan["cost"]["usd_per_hour"])
        self.assertEqual(cost["bill"]["usd_per_hour"], today)
        self.assertEqual(sum(one["usd_per_hour"] for one in cost["workloads"]) +
                         sum(one["usd_per_hour"] for one in cost["idle"]) +
                         cost["other_pods"]["usd_per_hour"], today)


class SmallCluster(Cluster):
    def test_the_first_line_names_the_context_and_the_prices(self):
        first = self.kerf("plan").stdout.split("\n\n")[0].replace("\n", " ")
        self.assertIn("context ", first)
        self.assertIn("Karpenter's metrics", first)

    def test_live_and_snapshot_answer_the_same(self):
        snapshot = self.folder / "snapshot.json"
        self.kerf("snapshot", "--output-file", str(snapshot), codes=(0,))
        for words in (["plan"], ["status"], ["cost"]):
            live, saved = self.json(*words), self.json(*words, "--snapshot", str(snapshot))
            said = [json.dumps(one, default=str, sort_keys=True) for one in (live, saved)]
            for text in (live, saved):
                self.assertTrue(text)
            # What names the source or the moment differs; amounts and objects do not.
            self.assertEqual(live.get("cost"), saved.get("cost"), words)
            self.assertEqual(live.get("nodes"), saved.get("nodes"), words)
            self.assertGreater(len(said[0]), 1000)

    def test_money_is_the_same_in_every_answer(self):
        self.assert_consistent(self.json("plan"), self.json("cost"))

    def test_nothing_but_reading_is_asked_of_kubectl(self):
        self.log.unlink(missing_ok=True)
        self.kerf("plan")
        calls = self.log.read_text().splitlines()
        self.assertGreater(len(calls), 20)
        for call in calls:
            self.assertRegex(call, r"\b(get|config current-context|version)\b")
            self.assertNotRegex(call, r"\b(apply|create|patch|delete|edit|exec|annotate|label)\b")

    def test_what_may_not_be_read_is_said_and_planned_without(self):
        done = self.kerf("plan", mode="forbidden=horizontalpodautoscalers.autoscaling,forbidden=nodepools.karpenter.sh")
        self.assertIn("Not read: nodepools.karpenter.sh, horizontalpodautoscalers.autoscaling",
                      done.stdout.replace("\n", " "))
        self.assertIn("This cluster's GPU nodes cost", done.stdout)

    def test_without_a_price_page_the_shipped_table_is_named(self):
        first = self.kerf("plan", mode="no-page").stdout.split("\n\n")[0].replace("\n", " ")
        self.assertIn("shipped price table", first)

    def test_nodes_that_cannot_be_listed_leave_today_unknown_but_pods_planned(self):
        document = self.json("plan", mode="forbidden=nodes")
        self.assertEqual(document["cluster"]["today"]["nodes"], 0)
        self.assertGreater(document["demand"]["pods"], 0)

    def test_nodes_of_which_half_came_are_not_read_and_said_so(self):
        for mode in ("html=nodes", "fails=nodes"):
            with self.subTest(mode):
                document = self.json("plan", mode=mode)
                self.assertIn("Not read: nodes", " ".join(document["cluster"]["not_read"]))
                self.assertEqual(document["cluster"]["today"]["nodes"], 0)

    def test_pods_of_which_half_came_are_no_cluster(self):
        for mode in ("truncated=pods", "garbled=pods", "forbidden=pods"):
            with self.subTest(mode):
                done = self.kerf("plan", mode=mode, codes=(2,))
                self.assertIn("pods could not be read, so who uses the GPUs is not known", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_no_kubectl_is_an_error_with_advice(self):
        done = self.kerf("plan", path="/nonexistent", codes=(2,))
        self.assertIn("kubectl", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_why_answers_for_a_pod_that_waits_and_one_that_runs(self):
        pods = self.json("status")["pods"]
        for state in ("runs", "waits"):
            pod = next(pod for pod in pods if pod["state"] == state)
            text = self.kerf("why", f'{pod["namespace"]}/{pod["pod"]}').stdout
            self.assertIn("What could serve it, bought anew", text)
            self.assertEqual("The scheduler says" in text.replace("\n", " "), state == "waits", text)


class LargeCluster(Cluster):
    """10,000 pods on 1,000 nodes: what is asked of a cluster of that size is answered, and adds up."""
    PODS, NODES = 10_000, 1_000

    def test_every_pod_is_read_and_the_money_adds_up(self):
        plan, cost = self.json("plan"), self.json("cost")
        asked = plan["demand"]["pods"] + plan["demand"]["cpu_only_pods"]
        self.assertGreater(plan["demand"]["pods"], 2_000)
        self.assertGreater(asked, 6_000)  # DaemonSets' pods are neither
        self.assertGreater(plan["cluster"]["today"]["nodes"], 600)
        self.assert_consistent(plan, cost)


if __name__ == "__main__":
    unittest.main()
