#!/usr/bin/env python3
"""Drives the real kerf: exit codes, messages, and the mistakes that people make.

    KERF=build/kerf python3 tests/cli_test.py
"""
import json
import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERF = os.environ.get("KERF", str(ROOT / "build/kerf"))

POD = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  containers:
    - name: main
      image: example
      resources:
        requests: {cpu: 500m, memory: 1Gi}
        limits: {RESOURCE: 1}
"""

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 9
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
        - name: main
          image: example
          resources:
            requests: {cpu: CPU, memory: 8Gi}
            limits: {RESOURCE: 1}
"""


def pod(name="one", resource="nvidia.com/gpu"):
    return POD.replace("NAME", name).replace("RESOURCE", resource)


class Kerf(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kerf-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def run_kerf(self, *words, stdin="", env=None, **more):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(env or {})}
        return subprocess.run([KERF, *words], input=stdin.encode(), env=environment, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def expect(self, code, *words, says=(), prints=(), stdin="", env=None):
        """Runs kerf; `says` are parts of standard error, `prints` of standard output."""
        done = self.run_kerf(*words, stdin=stdin, env=env)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"kerf {' '.join(words)}\n{out}\n{err}")
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, err)
        for part in [prints] if isinstance(prints, str) else prints:
            self.assertIn(part, out)
        return out, err


class Commands(Kerf):
    def test_help_names_every_command_and_fits_the_screen(self):
        out, _ = self.expect(0, "--help", prints=["plan", "verify", "simulate", "completion", "version"])
        self.assertNotIn("reference", out)
        for words in [("--help",), ("plan", "--help"), ("help", "completion"), ()]:
            out, err = self.expect(0, *words, prints="Usage: kerf")
            self.assertEqual(err, "")
            self.assertLessEqual(max(len(line) for line in out.splitlines()), 100)

    def test_help_of_plan_explains_exit_codes_and_shows_examples(self):
        self.expect(0, "plan", "--help", prints=["Exit codes:", "2  bad input", "| kerf plan -"])

    def test_version(self):
        out, _ = self.expect(0, "version", prints=["kerf ", "solver: ", "prices: us-east-1 on 20"])
        self.assertEqual(out, self.expect(0, "--version")[0])

    def test_reference_is_the_committed_one(self):
        out, _ = self.expect(0, "reference")
        committed = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
        self.assertEqual(out, committed,
                         "run: build/kerf reference > docs/reference/cli.md")

    def test_mistakes_in_the_command(self):
        manifest = self.write("deployment.yaml", pod())
        for words, says in [
            (("plna",), "did you mean plan?"),
            ((manifest,), f"kerf plan {manifest}"),
            (("deployment.yaml",), "kerf plan deployment.yaml"),
            (("-o", "json"), "the command comes first"),
            (("version", "extra"), "takes no arguments"),
            (("completion",), "Give bash, zsh or fish"),
            (("completion", "powershell"), "is none of bash, zsh, fish"),
        ]:
            out, err = self.expect(2, *words, says=says)
            self.assertEqual(out, "", words)
            self.assertNotIn("terminate", err)


def certificate(**changes):
    """That one pod with a whole GPU needs a g4dn.xlarge where nothing else may be bought."""
    node = {"instance_type": "g4dn.xlarge", "capacity_type": "on-demand",
            "micro_usd_per_hour": 526000}
    proof = {
        "format": "kerf-certificate/1", "parts_per_micro_usd": 1000000, "method": "duals",
        "bound_micro_usd_per_hour": 526000,
        "groups": [{"pods": ["default/one"]}],
        "pools": [{"offerings": [{**node, "mode": "any"}]}],
        "leaves": [{"values": [526000000000],
                    "claims": [{"pool": 0, "worth": 526000000000, "shown_by": "multipliers",
                                "forms": {"whole": 526000000000}}]}],
        "branches": [{"leaf": 0}],
        "nodes": [{**node, "used": {"cpu_milli": 500, "memory_mib": 1024, "pods": 1},
                   "gpus": [[{"form": "whole", "start": 0, "pod": "default/one"}]]}],
    }
    return json.dumps({**proof, **changes})


class Verify(Kerf):
    def setUp(self):
        super().setUp()
        self.input = (self.write("pod.yaml", pod()), "--types", "g4dn.xlarge")

    def test_says_what_was_checked_and_what_is_proven(self):
        proof = self.write("proof.json", certificate())
        self.expect(0, "verify", proof, *self.input, prints=[
            "pods     1 in the proof, 0 outside of it", "shown by multipliers 1",
            "fleet    1 node for 1 pod", "bill     $0.526000 an hour",
            "bound    $0.526000 an hour", "gap      0 %", "The certificate holds."])
        out, _ = self.expect(0, "verify", "-o", "json", proof, *self.input)
        verdict = json.loads(out)
        self.assertEqual(verdict["format"], "kerf-verdict/1")
        self.assertTrue(verdict["holds"])
        self.assertEqual(verdict["bound_micro_usd_per_hour"], 526000)

    def test_exact_proofs_are_tried_again(self):
        exact = certificate(method="exact", leaves=[], branches=[])
        self.expect(0, "verify", self.write("proof.json", exact), *self.input,
                    prints=["all fleets were tried", "The certificate holds."])

    def test_a_false_certificate_is_refused_with_what_is_wrong(self):
        for changes, says in [
            ({"bound_micro_usd_per_hour": 526001}, "the bound is given as $0.526001"),
            ({"groups": []}, "the proof counts no pods"),
            ({"nodes": []}, "fleet: pod default/one is in the proof and on no node"),
        ]:
            proof = self.write("proof.json", certificate(**changes))
            out, _ = self.expect(1, "verify", proof, *self.input,
                                 prints=[says, "The certificate does not hold."])
            self.assertNotIn("bound    $", out)
            verdict = json.loads(self.expect(1, "verify", proof, *self.input, "-o", "json")[0])
            self.assertFalse(verdict["holds"])
            self.assertIsNone(verdict["bound_micro_usd_per_hour"])
        # The same proof where more may be bought leaves something out.
        proof = self.write("proof.json", certificate())
        self.expect(1, "verify", proof, self.input[0],
                    prints="the certificate leaves out g4dn.2xlarge")

    def planned(self, *words):
        """A fleet that is too large to try everything, its JSON and its certificate."""
        pods = "---\n".join(
            DEPLOYMENT.replace("NAME", f"w{i}").replace("RESOURCE", resource).replace("CPU", cpu)
            for i, (resource, cpu) in enumerate([
                ("nvidia.com/gpu", "3"), ("nvidia.com/mig-1g.10gb", "500m"),
                ("nvidia.com/mig-3g.40gb", "6"), ("kerf.dev/gpu-10gi", "2")]))
        self.manifest = self.write("pods.yaml", pods)
        proof = str(self.folder / "proof.json")
        out, _ = self.expect(0, "plan", self.manifest, "--certificate", proof, "-o", "json", *words)
        return json.loads(out), proof

    def test_what_plan_writes_holds_and_proves_its_bound_at_every_effort(self):
        for effort in "123":
            plan, proof = self.planned("--effort", effort)
            self.assertEqual(json.loads(Path(proof).read_text())["method"], "duals", effort)
            verdict = json.loads(self.expect(0, "verify", proof, self.manifest, "-o", "json")[0])
            self.assertTrue(verdict["holds"])
            bound = round(plan["bound"]["usd_per_hour"] * 1e6)
            self.assertEqual(verdict["bound_micro_usd_per_hour"], bound, effort)
            self.expect(0, "verify", proof, self.manifest, prints="The certificate holds.")

    def test_what_plan_writes_does_not_hold_at_other_prices_or_for_other_pods(self):
        _, proof = self.planned()
        self.expect(1, "verify", proof, self.manifest, "--discount", "10",
                    prints="The certificate does not hold.")
        text = Path(self.manifest).read_text()
        fewer = self.write("fewer.yaml", text.replace("replicas: 9", "replicas: 8"))
        self.expect(2, "verify", proof, fewer, says="is no pod of the input")
        smaller = self.write("smaller.yaml", text.replace("cpu: 3", "cpu: 100m"))
        self.expect(1, "verify", proof, smaller, prints="The certificate does not hold.")

    def test_a_bound_that_cannot_be_written_down_is_said_and_no_file_is_left(self):
        job = pod("batch").replace("kind: Pod", "kind: Job").replace("apiVersion: v1",
                                                                    "apiVersion: batch/v1")
        head, spec = job.split("spec:\n")
        indented = "".join("    " + line + "\n" for line in spec.splitlines())
        job = f"{head}spec:\n  template:\n    spec:\n{indented}      restartPolicy: Never\n"
        manifest = self.write("both.yaml", pod() + "---\n" + job)
        proof = self.folder / "none.json"
        out, _ = self.expect(2, "plan", manifest, "--jobs", "apart", "--certificate", str(proof),
                             says=["none.json is not written", "Jobs on nodes of their own"])
        self.assertIn("g4dn.xlarge", out)
        self.assertFalse(proof.exists())
        kept = self.write("kept.json", "as it was")
        self.expect(2, "plan", manifest, "--jobs", "apart", "--certificate", kept)
        self.assertEqual(Path(kept).read_text(), "as it was")

    def test_bad_input_is_told(self):
        proof = self.write("proof.json", certificate())
        torn = self.write("torn.json", certificate()[:100])
        for words, says in [
            ((), "which certificate?"),
            ((proof,), "against what?"),
            (("-", *self.input), "the certificate must be a file"),
            ((torn, *self.input), "torn.json"),
            ((proof, self.write("other.yaml", pod("two"))), "is no pod of the input"),
            ((proof + "x", *self.input), "proof.jsonx"),
        ]:
            out, _ = self.expect(2, "verify", *words, says=["kerf verify: ", says])
            self.assertEqual(out, "", words)


class Completion(Kerf):
    def complete(self, line):
        """What bash offers at the end of the line."""
        words = line.split(" ")
        script = self.write("completion.bash", self.expect(0, "completion", "bash")[0])
        quoted = " ".join(f"'{word}'" for word in words)
        program = (f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
                   "_kerf 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "--norc", "-c", program], stdout=subprocess.PIPE, timeout=60,
                              check=False)
        return done.stdout.decode().split()

    def test_bash_completes_commands_options_and_values(self):
        if shutil.which("bash") is None:
            self.skipTest("bash is not there")
        self.assertEqual(self.complete("kerf pl"), ["plan"])
        self.assertEqual(self.complete("kerf plan --tr"), ["--trace"])
        self.assertEqual(self.complete("kerf plan -o "), ["table", "json"])
        self.assertEqual(self.complete("kerf plan --output = j"), ["json"])
        self.assertEqual(self.complete("kerf plan --capacity-types on-demand,sp"),
                         ["on-demand,spot"])
        self.assertIn("g6.xlarge", self.complete("kerf plan --types g6.x"))
        self.assertEqual(self.complete("kerf completion z"), ["zsh"])
        self.assertEqual(self.complete("kerf plan dep"), [])  # files: left to bash

    def test_scripts_parse_in_their_shell(self):
        for shell, check in [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])]:
            script = self.write(f"script.{shell}", self.expect(0, "completion", shell)[0])
            if shutil.which(shell):
                done = subprocess.run([shell, *check, script], stderr=subprocess.PIPE, timeout=60,
                                      check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""), shell)


class Input(Kerf):
    def test_files_folders_and_standard_input_give_the_same_plan(self):
        manifest = self.write("in/sub/pod.yaml", pod())
        self.write("in/.hidden.yaml", "not: [closed")
        self.write("in/README.md", "# no manifest")
        plans = [self.expect(0, "plan", *words, "-o", "json", stdin=stdin)[0]
                 for words, stdin in [((manifest,), ""), ((str(self.folder / "in"),), ""),
                                      (("-",), pod()),
                                      ((manifest, manifest), "")]]
        costs = {json.loads(plan)["cost"]["usd_per_hour"] for plan in plans}
        self.assertEqual(len(costs), 1)

    def test_a_pipe_of_the_shell_can_be_named(self):
        reader, writer = os.pipe()
        os.write(writer, pod().encode())
        os.close(writer)
        done = self.run_kerf("plan", f"/dev/fd/{reader}", "-q", pass_fds=[reader])
        os.close(reader)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_nothing_given_reads_a_cluster_and_says_what_else_to_give(self):
        for command in ["plan", "status", "cost", "doctor", "snapshot"]:
            self.expect(2, command, says=["cannot run \"kubectl\"", "--snapshot"],
                        env={"PATH": str(self.folder)}, stdin=pod())

    def test_what_describes_a_cluster_is_no_manifest(self):
        cluster = str(ROOT / "examples/clusters/whole-gpus.json")
        self.expect(2, "plan", cluster, says=f"describes a cluster, with the nodes that stand: give it as --snapshot {cluster}")
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [node]})
        self.expect(2, "plan", "-", says=["--snapshot -", "kubectl get pods -A -o json"], stdin=listed)
        plan = self.write("plan.json", self.expect(0, "plan", "-", "-o", "json", stdin=pod())[0])
        self.expect(2, "plan", plan, says="is a plan, not what to plan; kerf diff compares two")
        for command in ["plan", "status", "cost", "doctor"]:
            self.expect(2, command, "--snapshot", plan, says=[plan, "is a plan", "kerf snapshot"])

    def test_mistakes_in_a_snapshot_name_the_file_and_what_was_expected(self):
        for name, text in [("empty.json", ""), ("blank.json", "\n \n"), ("object.json", "{}"),
                           ("list.json", "[]")]:
            file = self.write(name, text)
            for command in ["plan", "status", "cost", "doctor"]:
                self.expect(2, command, "--snapshot", file, says=[file, "expected a snapshot (kerf snapshot)"])

    def test_pods_that_could_not_be_read_are_not_taken_for_idle_gpus(self):
        snapshot = json.loads((ROOT / "examples/clusters/multi-tenant.json").read_text(encoding="utf-8"))
        kinds = {kind["kind"]: kind for kind in snapshot["kinds"]}
        nodes = json.dumps({"apiVersion": "v1", "kind": "List", "items": kinds["Node"]["items"]})
        pods = kinds["Pod"].pop("items")
        kinds["Pod"].update(state="Forbidden", why="User dev cannot list resource pods")
        blind = self.write("blind.json", json.dumps(snapshot))
        for command in ["plan", "status", "cost"]:
            self.expect(2, command, "--snapshot", blind, says=["cannot list resource pods", "not known"])
            self.expect(2, command, "--snapshot", "-", stdin=nodes, says="nodes are in it and no pods")
        kinds["Pod"].update(state="Read", items=pods)
        del kinds["Pod"]["why"], kinds["Node"]["items"]
        kinds["Node"].update(state="Failed", why="the server is gone")
        out, _ = self.expect(1, "plan", "--snapshot", self.write("floating.json", json.dumps(snapshot)))
        self.assertIn("Nodes could not be read (the server is gone)", " ".join(out.split("\n\n")[1].split()))

    def test_a_selection_of_no_pod_is_a_mistake(self):
        cluster = ["--snapshot", str(ROOT / "examples/clusters/multi-tenant.json")]
        for command in ["plan", "status", "cost"]:
            self.expect(2, command, *cluster, "-n", "caht", says="did you mean chat?")
            self.expect(2, command, *cluster, "-n", "xyzzy", says="pods that do are in chat, research, search")
            self.expect(2, command, *cluster, "-l", "app=none", says="--selector: no pod that asks for a GPU")
            self.expect(2, command, *cluster, "-n", "chat", "-l", "app=embed", says="in namespace chat has such labels")

    def test_a_certificate_of_a_cluster_can_be_verified(self):
        cluster = str(ROOT / "examples/clusters/multi-tenant.json")
        for words in [(), ("-n", "chat"), ("--discount", "10")]:
            proof = str(self.folder / "proof.json")
            self.expect(0, "plan", "--snapshot", cluster, *words, "--certificate", proof, "-q")
            self.expect(0, "verify", proof, "--snapshot", cluster, *words, prints="The certificate holds.")
        self.expect(1, "verify", proof, "--snapshot", cluster, prints="does not hold")
        nothing = {"PATH": str(self.folder)}
        self.expect(2, "verify", proof, says=["against what?", "--snapshot FILE"], env=nothing)
        self.expect(2, "verify", proof, "-n", "chat", says=["against what?", "kerf snapshot"], env=nothing)

    def test_kubectl_runs_it_as_a_plugin(self):
        plugin = Path(KERF).resolve().parent / "kubectl-kerf"
        self.assertTrue(plugin.is_symlink(), f"{plugin}: the build makes it")
        self.assertEqual(plugin.resolve(), Path(KERF).resolve())
        for words in [("version",), ("help", "plan"), ("cost", "--snapshot", "examples/clusters/reserved.json")]:
            done = subprocess.run([plugin, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
                                  env={"LC_ALL": "C.UTF-8"}, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(done.stdout, self.run_kerf(*words, cwd=ROOT).stdout)

    def test_mistakes_in_what_is_given(self):
        good = self.write("good.yaml", pod())
        (self.folder / "empty").mkdir()
        self.write("chart/Chart.yaml", "name: web\n")
        self.write("chart/templates/a.yaml", "kind: {{ .Values.kind }}\n")
        self.write("kustom/kustomization.yaml", "resources: [a.yaml]\n")
        latin = self.write("latin.yaml", b"a: 1\nname: caf\xe9\n")
        wide = self.write("wide.yaml", "kind: Pod\n".encode("utf-16"))
        broken = self.write("broken.yaml", "kind: Pod\nmetadata: {name: a\nspec: 3\n")
        template = self.write("template.yaml", "kind: Pod\nmetadata:\n  name: {{ .Values.name }}\n")
        for words, says in [
            (("nowhere.yaml",), "nowhere.yaml: no such file or folder"),
            ((good, str(self.folder / "empty")), "no *.yaml, *.yml or *.json in this folder"),
            ((str(self.folder / "chart"),), "helm template"),
            ((str(self.folder / "kustom"),), "kustomize build"),
            ((latin,), "latin.yaml:2: not UTF-8"),
            ((wide,), "UTF-16"),
            ((broken,), "broken.yaml:"),
            ((template,), "helm template"),
            (("/dev/zero",), "larger than 128 MiB"),
            (("-",), "standard input: empty"),
            ((good, "--trcae", "x"), "did you mean --trace?"),
            ((good, "--replicas", "webb=3"), "webb"),
            ((good, "--region", "eu-west-1"), "--price-region us-east-1"),
            ((good, "--types", "g6.xlrage"), "did you mean g6.xlarge"),
            ((good, "--capacity-types", "spot"), "no spot prices"),
            ((good, "--zones", "eu-west-1a"), "no zone of us-east-1"),
            ((good, "--prices", "none.csv"), "none.csv: no such file"),
            ((good, "--policy", good), "good.yaml"),
            ((good, "--output-file", "/no/such/folder/plan.txt"), "/no/such/folder"),
            (("--trace", "none.csv"), "none.csv: no such file"),
            (("--trace", good), "good.yaml"),
        ]:
            out, err = self.expect(2, "plan", *words, says=["kerf plan: ", says])
            self.assertEqual(out, "", words)
            self.assertLess(len(err), 2000)

    def test_a_file_that_may_not_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        closed = self.write("closed.yaml", pod())
        os.chmod(closed, 0)
        self.expect(2, "plan", closed, says="closed.yaml: no permission")

    def test_manifests_without_gpu_pods_say_so(self):
        service = self.write("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n")
        self.expect(0, "plan", service, says="asks for a GPU")
        self.assertEqual(self.expect(0, "plan", service, "-q")[1], "")


class Output(Kerf):
    def test_all_placed_is_0_and_some_not_placed_is_1(self):
        self.expect(0, "plan", "-", "-q", stdin=pod())
        out, _ = self.expect(1, "plan", "-", "-o", "json",
                             stdin=pod() + "---\n" + pod("huge").replace("500m", "9000"))
        plan = json.loads(out)
        self.assertEqual(len(plan["unplaced"]), 1)
        self.assertIn("code", plan["unplaced"][0]["reason"])

    def test_the_first_line_names_region_and_prices(self):
        for words, parts in [
            ((), ["us-east-1", "20"]),
            (("--region", "eu-west-1", "--price-region", "us-east-1"), ["eu-west-1", "us-east-1"]),
            (("--discount", "10"), ["10 % off"]),
        ]:
            out, _ = self.expect(0, "plan", "-", *words, stdin=pod())
            for part in parts:
                self.assertIn(part, out.splitlines()[0])

    def test_a_discount_is_taken_off(self):
        costs = [json.loads(self.expect(0, "plan", "-", "-o", "json", *words, stdin=pod())[0])
                 ["cost"]["usd_per_hour"] for words in [(), ("--discount", "50")]]
        self.assertAlmostEqual(costs[1], costs[0] / 2, places=5)

    def test_what_is_owned_costs_nothing_and_is_counted(self):
        plan = json.loads(self.expect(0, "plan", "-", "--owned", "p4d.24xlarge=2", "--check", "-o",
                                      "json", stdin=pod(), says="prices hold")[0])
        self.assertEqual(plan["cost"]["usd_per_hour"], 0)
        self.assertEqual(plan["cost"]["owned"]["nodes"], 1)
        self.assertGreater(plan["cost"]["owned"]["on_demand_usd_per_hour"], 20)
        self.assertEqual([action["kind"] for action in plan["actions"]], ["keep"])
        out, _ = self.expect(0, "plan", "-", "--owned", "p4d.24xlarge=2", stdin=pod())
        self.assertIn("1 owned node is used", out)

    def test_owned_nodes_must_be_possible(self):
        for words, said in [
            (("p4d.24xlarge",), "expected NAME=NUMBER such as p4d.24xlarge=2"),
            (("p4d.24xlarge=0",), "--owned"),
            (("p4d.24xlarge=-1",), "--owned"),
            (("p4d.24xlarge=1000000",), "from 1 to 100000"),
            (("p4d.24xlarge=1.5",), "--owned"),
            (("p4d.24xlarge=1", "p4d.24xlarge=2"), "given twice"),
            (("p4d=1",), "is a family"),
            (("m5.large=1",), "--owned: no instance type"),
        ]:
            options = [word for text in words for word in ("--owned", text)]
            self.expect(2, "plan", "-", *options, stdin=pod(), says=said)

    def test_levers_add_up(self):
        words = ("--levers", "--owned", "g6.xlarge=1", "-o", "json")
        plan = json.loads(self.expect(0, "plan", "-", *words, stdin=pod())[0])
        levers = plan["levers"]
        self.assertEqual([lever["name"] for lever in levers], ["types", "slicing", "owned"])
        self.assertEqual(levers[-1]["after_usd_per_hour"], plan["cost"]["usd_per_hour"])
        for one, other in zip(levers, levers[1:]):
            self.assertEqual(one["after_usd_per_hour"], other["before_usd_per_hour"])
        self.assertAlmostEqual(sum(lever["saving_usd_per_hour"] for lever in levers),
                               levers[0]["before_usd_per_hour"] - plan["cost"]["usd_per_hour"])
        out, _ = self.expect(0, "plan", "-", *words[:-2], stdin=pod())
        self.assertIn("Where the saving comes from", out)
        self.assertEqual(json.loads(self.expect(0, "plan", "-", "-o", "json", stdin=pod())[0])
                         ["levers"], [])

    def test_types_replicas_and_daemonsets_count(self):
        manifest = pod().replace("kind: Pod", "kind: ReplicaSet").replace("apiVersion: v1",
                                                                          "apiVersion: apps/v1")
        head, spec = manifest.split("spec:\n")
        manifest = head + "spec:\n  selector: {matchLabels: {app: a}}\n  template:\n" \
            "    metadata: {labels: {app: a}}\n    spec:\n" + \
            "".join("    " + line + "\n" for line in spec.splitlines())
        out, _ = self.expect(0, "plan", "-", "--types", "g5.2xlarge", "--replicas", "one=3",
                             "--daemonsets", "7,1Gi", "-o", "json", stdin=manifest)
        self.assertEqual([n["instance_type"] for n in json.loads(out)["nodes"]], ["g5.2xlarge"] * 3)
        self.expect(1, "plan", "-", "--types", "g5.xlarge", "--daemonsets", "4,1Gi", "-q",
                    stdin=manifest)

    def test_a_checked_plan_says_so_unless_quiet(self):
        self.expect(0, "plan", "-", "--check", stdin=pod(),
                    says="checked: pods placed 1, not placed 0, nodes 1")
        self.assertEqual(self.expect(0, "plan", "-", "--check", "-q", stdin=pod())[1], "")

    def test_the_same_input_gives_the_same_bytes(self):
        for words in [("-o", "json"), ("--all",)]:
            first, second = (self.expect(0, "plan", "-", *words, stdin=pod())[0] for _ in range(2))
            self.assertEqual(first, second)

    def test_an_output_file_is_written_as_a_whole(self):
        target = self.write("plan.json", "old")
        out, _ = self.expect(0, "plan", "-", "-o", "json", "--output-file", target, stdin=pod())
        self.assertEqual(out, "")
        self.assertIn("nodes", json.loads(Path(target).read_text(encoding="utf-8")))
        self.assertEqual([p.name for p in self.folder.iterdir()], ["plan.json"])
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode) & 0o600, 0o600)
        before = Path(target).read_bytes()
        self.expect(2, "plan", "-", "--output-file", target, stdin="kind: [")
        self.assertEqual(Path(target).read_bytes(), before)

    def test_colour_and_ascii_follow_the_environment(self):
        plain, _ = self.expect(0, "plan", "-", stdin=pod())
        self.assertNotIn("\x1b", plain)
        coloured, _ = self.expect(0, "plan", "-", "--color", "always", stdin=pod())
        self.assertIn("\x1b", coloured)
        for words, env in [(("--ascii",), {}), ((), {"LC_ALL": "C"})]:
            out, _ = self.expect(0, "plan", "-", *words, stdin=pod(), env=env)
            self.assertTrue(out.isascii())

    def test_a_reader_that_goes_away_is_no_crash(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([KERF, "plan", "-"], input=pod().encode(), stdout=writer,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_a_full_disk_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([KERF, "plan", "-"], input=pod().encode(), stdout=full,
                                  stderr=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"no space left", done.stderr)


SCENARIO = """name: small
duration: 2h
latencies: fast
market: {instanceTypes: [g6.xlarge, p5.4xlarge]}
workloads:
  - {name: web, replicas: 2, requests: {nvidia.com/mig-1g.10gb: 1, cpu: 1, memory: 2Gi}}
  - {name: job, kind: Job, requests: {kerf.dev/gpu-10gi: 1, cpu: 1, memory: 2Gi}, runsFor: 20m}
"""


class Simulate(Kerf):
    def test_help_says_what_it_takes(self):
        self.expect(0, "simulate", "--help", prints=["SCENARIO", "--swarm N", "--faults FILE",
                                                     "Exit codes:"])

    def test_a_scenario_is_run_under_both_strategies(self):
        scenario = self.write("small.yaml", SCENARIO)
        out, err = self.expect(0, "simulate", scenario, prints=["small: 2 h from Monday 00:00",
                                                                "Kerf", "whole GPUs", "all kept"])
        self.assertEqual(err, "")
        self.assertLessEqual(max(len(line) for line in out.splitlines()), 100)
        alone, _ = self.expect(0, "simulate", scenario, "--strategy", "kerf")
        self.assertNotIn("whole GPUs", alone)
        self.assertEqual(out, self.expect(0, "simulate", "-", stdin=SCENARIO)[0])

    def test_the_same_seed_gives_the_same_bytes(self):
        scenario = self.write("small.yaml", SCENARIO)
        runs = [self.expect(0, "simulate", scenario, "-o", "json", "--seed", seed)[0]
                for seed in ("5", "5", "6")]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])
        self.assertEqual(json.loads(runs[0])["seed"], 5)

    def test_json_is_what_its_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed; tools/setup installs it")
        text = (ROOT / "docs/reference/simulate.schema.json").read_text(encoding="utf-8")
        jsonschema.Draft202012Validator.check_schema(json.loads(text))
        validator = jsonschema.Draft202012Validator(json.loads(text))
        document = json.loads(self.expect(0, "simulate", "-", "-o", "json", stdin=SCENARIO)[0])
        self.assertEqual([error.message for error in validator.iter_errors(document)], [])
        document["runs"][0]["surprise"] = 1
        self.assertFalse(validator.is_valid(document))

    def test_files_beside_a_scenario_are_found(self):
        self.write("in/faults.yaml", "- {what: reboot, at: 1h}\n")
        scenario = self.write("in/small.yaml", SCENARIO + "faultFiles: [faults.yaml]\n")
        more = self.write("more.yaml", "- {what: restart-kubelet, at: 90m}\n")
        for words, faults in [((), 1), (("--faults", more), 2)]:
            out, _ = self.expect(0, "simulate", scenario, *words, "--strategy", "kerf", "-o", "json")
            self.assertEqual(json.loads(out)["runs"][0]["disruption"]["faults"], faults)

    def test_mistakes_print_nothing_and_leave_files_alone(self):
        good = self.write("small.yaml", SCENARIO)
        typo = self.write("typo.yaml", SCENARIO.replace("duration", "duratoin"))
        broken = self.write("broken.yaml", "name: [")
        target = self.write("out.txt", "old")
        for words, says in [
            ((), "--swarm N"),
            ((good, "--swarm", "2"), "leave --swarm out"),
            (("--swarm", "0"), "--swarm: expected a whole number from 1"),
            (("--swarm", "2", "--strategy", "kerf"), "--strategy is about a scenario"),
            ((good, "--seed", "-1"), "--seed"),
            ((good, "--strategy", "best"), "is none of kerf, whole-gpu, both"),
            ((good, "--faults", "none.yaml"), "none.yaml: no such file"),
            ((good, "--faults", good), "unknown field"),
            ((typo,), "typo.yaml:2:1: unknown field \"duratoin\"; did you mean duration?"),
            ((broken,), "broken.yaml:2:1: expected a value"),
            (("nowhere.yaml",), "nowhere.yaml: no such file"),
            ((good, "--output-file", "/no/such/folder/out.txt"), "/no/such/folder"),
        ]:
            out, err = self.expect(2, "simulate", *words, says=["kerf simulate: ", says])
            self.assertEqual(out, "", words)
            self.assertLess(len(err), 2000)
        self.expect(2, "simulate", typo, "--output-file", target)
        self.assertEqual(Path(target).read_text(encoding="utf-8"), "old")
        self.expect(0, "simulate", good, "--output-file", target, "-q")
        self.assertIn("whole GPUs", Path(target).read_text(encoding="utf-8"))

    def test_a_swarm_names_how_to_run_a_failing_seed_again(self):
        for words in [("--swarm", "2"), ("--swarm", "1", "--seed", "2")]:
            done = self.run_kerf("simulate", *words)
            again = self.run_kerf("simulate", *words)
            self.assertIn(done.returncode, (0, 1))
            self.assertEqual(done.stdout, again.stdout)
            out = done.stdout.decode()
            self.assertEqual("kerf simulate --swarm 1 --seed" in out, done.returncode == 1, out)


class Terminal(Kerf):
    def start(self, *words, rows=3000):
        """kerf on a trace that keeps it busy, with standard error on a terminal."""
        lines = ["name,cpu_milli,memory_mib,num_gpu,gpu_milli"]
        lines += [f"p{i},{(i * 37) % 9000 + 500},{(i * 911) % 60000 + 500},1,{i % 999 + 1}"
                  for i in range(rows)]
        trace = self.write("trace.csv", "\n".join(lines) + "\n")
        master, slave = pty.openpty()
        process = subprocess.Popen([KERF, "plan", "--trace", trace, *words],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=slave,
                                   env={"TERM": "xterm", "LC_ALL": "C.UTF-8"})
        os.close(slave)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(os.close, master)
        return process, master

    def read_until(self, process, master, mark, seconds=60):
        """What the terminal gets until `mark` is in it, or the program ends."""
        seen, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    seen += os.read(master, 65536)
                except OSError:  # nobody writes any more
                    break
            elif process.poll() is not None:
                break
            if mark in seen:
                break
        return seen

    def test_an_interrupt_ends_the_program_and_erases_the_line(self):
        process, master = self.start()
        seen = self.read_until(process, master, b"planning: ")
        if b"planning: " not in seen:
            self.skipTest("planned in less than a second")
        process.send_signal(signal.SIGINT)
        seen += self.read_until(process, master, b"\x00")
        self.assertEqual(process.wait(60), -signal.SIGINT)
        self.assertTrue(seen.endswith(b"\r\x1b[K"), seen[-80:])

    def test_quiet_shows_no_progress(self):
        process, master = self.start("-q")
        seen = self.read_until(process, master, b"planning", 3)
        if process.poll() is not None:
            self.skipTest("planned in less time than progress needs to show")
        self.assertEqual(seen, b"")


if __name__ == "__main__":
    unittest.main()
