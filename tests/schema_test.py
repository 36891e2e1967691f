#!/usr/bin/env python3
"""Validates what `kerf plan -o json` prints for the examples against its published schema.

    KERF=build/kerf python3 tests/schema_test.py

The schema is strict, so a field that is missing, new or of another type fails here. Beyond the
schema: dollars add up to the micro-dollar, and every name that refers to a node is one.
"""
import copy
import decimal
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

try:
    import jsonschema
except ImportError:
    jsonschema = None

# Inputs of `kerf plan`, below examples/, and the exit codes that are right for them.
RUNS = [
    (["first-slice"], {0}),
    (["inference"], {0}),
    (["notebooks"], {0}),
    (["training"], {0, 1}),
    (["training", "--jobs", "apart"], {0, 1}),
    (["inference", "notebooks", "--policy", "policies/mig-only.yaml"], {0, 1}),
    # Nothing that may be bought can serve these slices: all pods are reported as not placed.
    (["first-slice", "--types", "g4dn.xlarge"], {1}),
    (["--snapshot", "clusters/multi-tenant.json"], {0}),
    (["--snapshot", "clusters/whole-gpus.json"], {1}),
    (["--snapshot", "clusters/reserved.json"], {0}),
    (["--snapshot", "clusters/reserved.json", "--owned-only"], {0}),
    (["--snapshot", "clusters/multi-tenant.json", "-n", "chat", "--replicas", "deploy/guard=9"], {0}),
]

ROOT = Path(__file__).resolve().parent.parent
KERF = os.environ.get("KERF", str(ROOT / "build/kerf"))


def plan(arguments, codes):
    """The document that kerf prints, with numbers as exact decimals."""
    command = [KERF, "plan", "-o", "json"]
    for argument in arguments:
        path = ROOT / "examples" / argument
        command.append(str(path) if path.exists() else argument)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode not in codes:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout, parse_float=decimal.Decimal)


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if jsonschema is None:
            raise unittest.SkipTest("python3-jsonschema is not installed; tools/setup installs it")
        text = (ROOT / "docs/reference/plan.schema.json").read_text(encoding="utf-8")
        schema = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)
        cls.plans = {" ".join(run): plan(run, codes) for run, codes in RUNS}

    def each(self):
        for name, document in self.plans.items():
            with self.subTest(name):
                yield document

    def test_every_example_is_valid(self):
        for document in self.each():
            errors = [f"{error.json_path}: {error.message[:200]}"
                      for error in self.validator.iter_errors(document)]
            self.assertEqual(errors, [])

    def test_schema_refuses_what_is_not_described(self):
        document = copy.deepcopy(self.plans["inference"])
        document["nodes"][0]["surprise"] = 1
        self.assertFalse(self.validator.is_valid(document))
        document = copy.deepcopy(self.plans["inference"])
        del document["bound"]["method"]
        self.assertFalse(self.validator.is_valid(document))
        document = copy.deepcopy(self.plans["inference"])
        document["cost"]["usd_per_hour"] = "1.5"
        self.assertFalse(self.validator.is_valid(document))

    def test_dollars_add_up_exactly(self):
        for document in self.each():
            bill = document["cost"]["usd_per_hour"]
            self.assertEqual(sum(node["usd_per_hour"] for node in document["nodes"]), bill)
            if "cluster" not in document:
                self.assertEqual(sum(action["usd_per_hour"] for action in document["actions"]), bill)
            for node in document["nodes"]:
                parts = [placement["usd_per_hour"] for placement in document["placements"]
                         if placement["node"] == node["name"]]
                if parts:  # a node that only headroom needs is nobody's
                    self.assertEqual(sum(parts), node["usd_per_hour"])
            self.assertLessEqual(document["bound"]["usd_per_hour"], bill)

    def test_every_pod_is_placed_once_or_reported(self):
        for document in self.each():
            pods = [(entry["namespace"], entry["pod"])
                    for entry in document["placements"] + document["unplaced"]]
            self.assertEqual(len(pods), document["demand"]["pods"])
            self.assertEqual(len(set(pods)), len(pods))

    def test_slices_hold_the_pods_that_are_placed(self):
        for document in self.each():
            held = {}
            for node in document["nodes"]:
                for gpu in node["gpus"]:
                    for device in gpu["slices"]:
                        if device["pod"] is not None:
                            held[(device["namespace"], device["pod"])] = node["name"]
            placed = {(placement["namespace"], placement["pod"]): placement["node"]
                      for placement in document["placements"]}
            self.assertEqual(held, placed)

    def test_levers_of_a_cluster_lead_from_its_bill_to_the_plans(self):
        clusters = {run: document for run, document in self.plans.items() if "cluster" in document}
        self.assertEqual(len(clusters), 5)
        for run, document in clusters.items():
            levers = document["levers"]
            if "--owned-only" in run:
                self.assertEqual(levers, [])
                continue
            today = document["cluster"]["today"]["usd_per_hour"]
            self.assertEqual(levers[0]["before_usd_per_hour"], today)
            self.assertEqual(sum(lever["saving_usd_per_hour"] for lever in levers),
                             today - document["cost"]["usd_per_hour"])

    def test_actions_on_a_cluster_are_the_change_of_its_bill(self):
        for run in ("multi-tenant", "whole-gpus", "reserved"):
            document = self.plans[f"--snapshot clusters/{run}.json"]
            today = document["cluster"]["today"]["usd_per_hour"]
            self.assertEqual(sum(action["usd_per_hour"] for action in document["actions"]),
                             document["cost"]["usd_per_hour"] - today)

    def test_every_node_of_a_cluster_is_kept_cut_or_given_back(self):
        for run, document in self.plans.items():
            if "cluster" not in document or "-n" in run:
                continue
            cluster = document["cluster"]
            stay = [node["standing"] for node in cluster["nodes"] if node["action"] != "buy"]
            back = [node["name"] for node in cluster["returned"]]
            self.assertEqual(len(set(stay + back)), cluster["today"]["nodes"], run)
            self.assertEqual(len(stay) + len(back), cluster["today"]["nodes"], run)


class DiffSchema(unittest.TestCase):
    """What `kerf diff -o json` prints of plans that `kerf plan -o json` wrote."""

    @classmethod
    def setUpClass(cls):
        if jsonschema is None:
            raise unittest.SkipTest("python3-jsonschema is not installed; tools/setup installs it")
        text = (ROOT / "docs/reference/diff.schema.json").read_text(encoding="utf-8")
        cls.validator = jsonschema.Draft202012Validator(json.loads(text))
        cls.folder = tempfile.TemporaryDirectory()
        for name, arguments, codes in (
                ("all", ["first-slice"], {0}),
                ("none", ["first-slice", "--types", "g4dn.xlarge"], {1}),
                ("other", ["inference"], {0})):
            done = subprocess.run([KERF, "plan", "-o", "json", ROOT / "examples" / arguments[0],
                                   *arguments[1:]], capture_output=True, text=True, timeout=300,
                                  check=False)
            assert done.returncode in codes, done.stderr
            (Path(cls.folder.name) / f"{name}.json").write_text(done.stdout, encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def diff(self, before, after):
        done = subprocess.run([KERF, "diff", "-o", "json", f"{before}.json", f"{after}.json"],
                              capture_output=True, text=True, timeout=300, check=False,
                              cwd=self.folder.name)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout, parse_float=decimal.Decimal)
        self.assertEqual([f"{error.json_path}: {error.message[:200]}"
                          for error in self.validator.iter_errors(document)], [])
        return document

    def test_a_plan_is_the_same_as_itself(self):
        document = self.diff("all", "all")
        self.assertTrue(document["same"] and document["comparable"])

    def test_pods_that_are_no_longer_placed_are_named_with_the_reason(self):
        document = self.diff("all", "none")
        self.assertFalse(document["same"])
        self.assertTrue(document["pods"])
        self.assertEqual({pod["change"] for pod in document["pods"]}, {"unplaced"})
        self.assertTrue(all(pod["why"] for pod in document["pods"]))

    def test_nodes_account_for_the_change_of_the_bill(self):
        for before, after in (("all", "other"), ("none", "all"), ("other", "none")):
            document = self.diff(before, after)
            hour = document["amounts"][0]
            self.assertEqual(sum(node["after_usd_per_hour"] - node["before_usd_per_hour"]
                                 for node in document["nodes"]), hour["change_usd"])

    def test_plans_of_other_pods_are_not_comparable(self):
        self.assertFalse(self.diff("all", "other")["comparable"])

    def test_what_is_no_plan_is_refused(self):
        for text, says in (("{}", "apiVersion"), ('{"apiVersion": "v1", "kind": "Pod"}', "no plan"),
                           ("nonsense", "wrong.json")):
            (Path(self.folder.name) / "wrong.json").write_text(text, encoding="utf-8")
            done = subprocess.run([KERF, "diff", "all.json", "wrong.json"], capture_output=True,
                                  text=True, timeout=60, check=False, cwd=self.folder.name)
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)


class DoctorSchema(unittest.TestCase):
    """What `kerf doctor -o json` says of examples/doctor, a cluster with much amiss."""

    @classmethod
    def setUpClass(cls):
        if jsonschema is None:
            raise unittest.SkipTest("python3-jsonschema is not installed; tools/setup installs it")
        schema = json.loads((ROOT / "docs/reference/doctor.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)
        command = [KERF, "doctor", "-o", "json", "--snapshot", str(ROOT / "examples/doctor/cluster.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        cls.code, cls.document = done.returncode, json.loads(done.stdout or "null")

    def test_the_diagnosis_is_valid(self):
        errors = [f"{error.json_path}: {error.message[:200]}"
                  for error in self.validator.iter_errors(self.document)]
        self.assertEqual(errors, [])

    def test_schema_refuses_what_is_not_described(self):
        for spoil in (lambda document: document.update(surprise=1),
                      lambda document: document["findings"][0].update(severity="fatal"),
                      lambda document: document["findings"][0].pop("todo")):
            document = copy.deepcopy(self.document)
            spoil(document)
            self.assertFalse(self.validator.is_valid(document))

    def test_counts_are_those_of_the_findings_and_decide_the_exit_code(self):
        told = [finding["severity"] for finding in self.document["findings"]]
        self.assertEqual({word: told.count(word) for word in self.document["counts"]}, self.document["counts"])
        self.assertGreater(self.document["counts"]["problem"], 0)
        self.assertEqual(self.code, 1)

    def test_every_code_is_in_the_reference(self):
        page = (ROOT / "docs/reference/doctor.md").read_text(encoding="utf-8")
        for finding in self.document["findings"]:
            self.assertIn(f"| `{finding['code']}` | {finding['severity']} |", page)


class InsightSchema(unittest.TestCase):
    """What `kerf status`, `cost` and `why` say of a small cluster."""

    @classmethod
    def setUpClass(cls):
        if jsonschema is None:
            raise unittest.SkipTest("python3-jsonschema is not installed; tools/setup installs it")

    def run_kerf(self, command, *arguments, code=0):
        done = subprocess.run([KERF, command, *arguments, "--snapshot",
                               ROOT / "tests/insight/small.yaml"], capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def document(self, command, *arguments):
        text = (ROOT / f"docs/reference/{command}.schema.json").read_text(encoding="utf-8")
        validator = jsonschema.Draft202012Validator(json.loads(text))
        done = self.run_kerf(command, "-o", "json", *arguments)
        document = json.loads(done.stdout, parse_float=decimal.Decimal)
        self.assertEqual([f"{error.json_path}: {error.message[:200]}"
                          for error in validator.iter_errors(document)], [])
        return document

    def test_status_has_every_node_and_pod(self):
        document = self.document("status")
        self.assertEqual([node["instance_type"] for node in document["nodes"]],
                         ["p4d.24xlarge", "g6.xlarge", "g4dn.xlarge"])
        states = {pod["pod"]: pod["state"] for pod in document["pods"]}
        self.assertEqual(states["embed-0"], "runs")
        self.assertEqual(states["embed-3"], "waits")
        self.assertEqual(len(states), 7)
        self.assertEqual(document["cpu_nodes"], 1)

    def test_dollars_add_up_exactly(self):
        document = self.document("cost")
        for field in ("usd_per_hour", "list_usd_per_hour"):
            bill = document["bill"][field]
            rest = document["other_pods"][field] + sum(waste[field] for waste in document["idle"])
            for parts in ("namespaces", "workloads", "pods"):
                self.assertEqual(sum(part[field] for part in document[parts]) + rest, bill, parts)
            self.assertEqual(sum(node[field] for node in document["nodes"]), bill)
            for node in document["nodes"]:
                self.assertEqual(sum(gpu[field] for gpu in node["gpus"]), node[field])
        self.assertGreater(document["bill"]["usd_per_hour"], 20)

    def test_why_tells_waiting_and_running_pods_apart(self):
        waits = self.document("why", "team-a/embed-3")
        self.assertEqual(waits["pods"][0]["state"], "waits")
        self.assertIn("held", [group["obstacle"] for group in waits["obstacles"]])
        runs = self.document("why", "sts/train")
        self.assertEqual(runs["obstacles"], [])
        self.assertEqual(runs["pods"][0]["node"], "ip-10-0-1-12.ec2.internal")
        stuck = self.document("why", "far")
        self.assertIsNone(stuck["least"])
        self.assertIn("p99", stuck["constraints"][0]["name"])
        self.assertIsNotNone(stuck["constraints"][0]["without"])

    def test_names_that_are_not_there_are_refused_with_near_ones(self):
        done = self.run_kerf("why", "team-a/embde", code=2)
        self.assertIn("did you mean team-a/embed", done.stderr)
        done = self.run_kerf("status", "--node", "ip-10-0-1-21.ec2.internal", code=2)
        self.assertIn("did you mean ip-10-0-1-12.ec2.internal", done.stderr)

    def test_every_text_has_lines_of_at_most_100_columns(self):
        for command in (["status"], ["status", "--all"], ["cost"], ["cost", "--by", "pod"],
                        ["cost", "--by", "node"], ["why", "embed"], ["why", "far-0"]):
            for more in ([], ["--ascii"]):
                text = self.run_kerf(*command, *more).stdout
                self.assertTrue(text)
                self.assertLessEqual(max(map(len, text.splitlines())), 100, command)
                if more:
                    self.assertTrue(text.isascii())


if __name__ == "__main__":
    unittest.main()
