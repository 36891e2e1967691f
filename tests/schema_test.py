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


if __name__ == "__main__":
    unittest.main()
