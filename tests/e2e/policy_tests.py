"""Tests of deploy/crds/kerf.dev_slicepolicies.yaml on a real API server: which policies it takes, which it refuses
and how it says why, and that `kerf plan` reads all that it takes. Run by bed_test.py.
"""
import json
import os
import re
import subprocess
import tempfile

from kerf_bed import BedError, gpu
from kerf_bed.common import E2E
from kerf_bed.testing import BedTest, pod
from policy_cases import ACCEPTED, REFUSED, REFUSED_STATUS, STATUS

ROOT = E2E.parent.parent
DEPLOY = ROOT / "deploy"
DEFAULTS = {
    "mode": "Observe", "priority": 0, "buysFor": ["nvidia.com/mig-*", "kerf.dev/*"], "architectures": ["amd64"],
    "capacityTypes": ["on-demand"], "isolationFloor": "Shared", "sharing": {"timeSlicingReplicas": [2, 3, 4, 6, 8]},
    "consolidation": {"leastSavingUsdPerHour": 0, "coolDown": "15m", "movesPerHour": 10}}
# Three pods that time-slicing, slices and whole GPUs can serve, so that defaults show in the plan.
PODS = {"apiVersion": "v1", "kind": "List", "items": [
    pod(f"p{number}", "", containers=[{"name": "main", "image": "x", "resources": {
        "limits": {resource: "1", "cpu": "1", "memory": "1Gi"}}}])
    for number, resource in enumerate(("kerf.dev/gpu-4gi-shared", "nvidia.com/mig-1g.10gb", "kerf.dev/gpu-10gi"))]}


def policy(spec, name="p"):
    return {"apiVersion": "kerf.dev/v1alpha1", "kind": "SlicePolicy", "metadata": {"name": name}, "spec": spec}


class Policies(BedTest):
    def test_the_kind(self):
        with self.bed("policies", karpenter=False) as bed:
            bed.kubectl("apply", "--server-side", "--validate=strict", "-f",
                        DEPLOY / "crds/kerf.dev_slicepolicies.yaml")
            bed.kubectl("wait", "--for=condition=Established", "crd/slicepolicies.kerf.dev", "--timeout=60s")
            self.clock.lap("kind there")
            self.everything_is_described_and_bounded(bed)
            self.what_is_accepted_can_be_planned_with(bed)
            self.others_are_refused(bed)
            self.what_is_left_out_has_a_value(bed)
            self.status_is_what_people_see(bed)
            self.clock.lap("SlicePolicies looked at")
        self.assert_nothing_left()

    def test_the_examples(self):
        """Policies that apply as they are; NodePools that Karpenter knows, and cannot launch anything from."""
        with self.bed("policyexamples") as bed:
            for name in ("slicepolicies", "gpunodes"):
                bed.kubectl("apply", "--server-side", "-f", DEPLOY / f"crds/kerf.dev_{name}.yaml")
            bed.kubectl("wait", "--for=condition=Established", "crd/slicepolicies.kerf.dev", "--timeout=60s")
            for mode in ("observe", "act"):
                with self.subTest("applies", example=mode):
                    bed.kubectl("apply", "--server-side", "--validate=strict", "-f",
                                DEPLOY / f"examples/slicepolicy-{mode}.yaml")
            self.assertEqual({one["spec"]["mode"] for one in bed.get("slicepolicies")["items"]}, {"Observe", "Act"})
            for one in bed.get("slicepolicies")["items"]:
                self.planned_with(one)
            bed.kubectl("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f",
                        DEPLOY / "examples/nodepools-prices.yaml")
            self.nothing_is_launched_for_prices(bed)
        self.assert_nothing_left()

    def nothing_is_launched_for_prices(self, bed):
        # The same pools, of the bed's kind of NodeClass.
        text = (DEPLOY / "examples/nodepools-prices.yaml").read_text()
        text = text.replace("karpenter.k8s.aws", "karpenter.kwok.sh").replace("EC2NodeClass", "KWOKNodeClass")
        names = sorted(set(re.findall(r"^        name: (\S+)$", text, re.MULTILINE)))
        self.assertEqual(names, ["kerf-cut", "kerf-whole"])
        bed.apply(*({"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": name}}
                    for name in names))
        bed.kubectl("apply", "--server-side", "-f", "-", input=text)
        for name in bed.kubectl("get", "nodepools", "-o", "name").split():
            bed.kubectl("wait", "--for=condition=Ready", name, "--timeout=60s")
        # Whoever tolerates everything is told that nothing is left of the pools' limits.
        bed.apply(pod("any", "true", tolerations=[{"operator": "Exists"}]))

        def said():
            events = bed.get("events", None, "--field-selector=involvedObject.name=any")["items"]
            return next((event["message"] for event in events
                         if event["reason"] == "FailedScheduling" and "nodepool" in event["message"].lower()), None)
        why = bed.wait("Karpenter's answer", said)
        self.assertRegex(why, "limits")
        self.assertEqual(bed.kubectl("get", "nodeclaims", "-o", "name"), "")

    def everything_is_described_and_bounded(self, bed):
        version = bed.get("crd", "slicepolicies.kerf.dev")["spec"]["versions"][0]
        fields = 0

        def walk(path, schema):
            nonlocal fields
            fields += 1
            kind = schema.get("type")
            with self.subTest("described and bounded", field=path):
                if path != "metadata":
                    self.assertRegex(schema.get("description", ""), r"\S.*\.$")
                if kind == "string" and path not in ("apiVersion", "kind"):
                    self.assertTrue({"maxLength", "enum", "format"} & set(schema))
                if kind is None:
                    self.assertTrue(schema["x-kubernetes-int-or-string"])
                    self.assertIn("maxLength", schema)
                if kind == "array":
                    self.assertIn("maxItems", schema)
                    self.assertIn("x-kubernetes-list-type", schema)
                if kind in ("integer", "number"):
                    self.assertIn("minimum", schema)
                if "additionalProperties" in schema:
                    self.assertIn("maxProperties", schema)
                    walk(path + ".*", schema["additionalProperties"])
            for name, inner in schema.get("properties", {}).items():
                walk(f"{path}.{name}".lstrip("."), inner)
            if "items" in schema:
                walk(path + "[]", schema["items"])

        walk("", version["schema"]["openAPIV3Schema"])
        self.assertGreater(fields, 90)
        # The API server serves a kind's description some time after the kind itself.
        said = bed.wait("description of the kind",
                        lambda: bed.kubectl("explain", "slicepolicies.spec.consolidation.windows.schedule"))
        self.assertIn('such as "0 20 * * mon-fri"', " ".join(said.split()))
        every = bed.kubectl("explain", "slicepolicy", "--recursive")
        for name in ("instanceTypes", "usdPerHour", "timeSlicingReplicas", "prometheusURL", "enum: Observe, Act"):
            self.assertIn(name, every)

    @staticmethod
    def create(bed, thing, *words, say="json"):
        return bed.kubectl("create", *words, "-o", say, "-f", "-", input=json.dumps(thing))

    def planned_with(self, one):
        """What `kerf plan` says of PODS under that policy; its exit code is 0 or 1: pods may be left out."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(one, file)
            file.flush()
            answer = subprocess.run([os.path.join(gpu.build_folder(), "kerf"), "plan", "-o", "json", "--policy",
                                     file.name, "-"],
                                    input=json.dumps(PODS), capture_output=True, text=True, check=False)
        self.assertIn(answer.returncode, (0, 1), answer.stderr)
        return json.loads(answer.stdout)

    def what_is_accepted_can_be_planned_with(self, bed):
        for name, spec in ACCEPTED:
            with self.subTest("accepted", policy=name):
                served = json.loads(self.create(bed, policy(spec), "--dry-run=server", "--validate=strict"))
                plans = [self.planned_with(one) for one in (served, policy(spec))]
                # What the API server filled in is what the program assumes.
                self.assertEqual(*plans)
        with self.subTest("an unknown field"):
            with self.assertRaisesRegex(BedError, 'unknown field "spec.limits.usdPerHours"'):
                self.create(bed, policy({"limits": {"usdPerHours": 1}}), "--validate=strict")

    def what_is_left_out_has_a_value(self, bed):
        self.create(bed, policy({}, "defaults"))
        self.assertEqual(bed.get("slp", "defaults")["spec"], DEFAULTS)
        with self.subTest("null is left out"):
            bed.kubectl("patch", "slp", "defaults", "--type=merge", "-p", '{"spec": {"mode": null, "zones": null}}')
            self.assertEqual(bed.get("slp", "defaults")["spec"], DEFAULTS)
        with self.subTest("a change is judged like a new one"):
            self.refused("spec.limits", "mode Act needs", lambda: bed.kubectl(
                "patch", "slp", "defaults", "--type=merge", "-p", '{"spec": {"mode": "Act"}}'))
        bed.kubectl("delete", "slp", "defaults")

    def refused(self, field, words, call):
        """The one error, at that field, with those words."""
        with self.assertRaises(BedError) as caught:
            call()
        said = str(caught.exception)
        self.assertIn("is invalid:", said)
        errors = [error.strip() for error in said.split("is invalid:", 1)[1].strip().split("\n* ")]
        errors = [error.removeprefix("* ") for error in errors
                  if error and not re.search("some validation rules were not checked|Checked value must be of", error)]
        self.assertEqual([error.split(": ")[0] for error in errors], [field], said)
        self.assertIn(words, errors[0])

    def others_are_refused(self, bed):
        for name, spec, field, words in REFUSED:
            with self.subTest("refused", policy=name):
                self.refused(field, words, lambda s=spec: self.create(bed, policy(s), "--dry-run=server"))
        with self.subTest("refused", policy="a name that is no label's value"):
            self.refused("<nil>", "becomes the value of a label", lambda: self.create(
                bed, policy({}, 64 * "x"), "--dry-run=server"))
        with self.subTest("refused", policy="without spec"):
            self.refused("spec", "Required value", lambda: self.create(
                bed, {**policy({}), "spec": None}, "--dry-run=server"))

    def status_is_what_people_see(self, bed):
        self.create(bed, policy({}, "seen"))

        def patch(status, **more):
            bed.kubectl("patch", "slp", "seen", "--subresource=status", "--type=merge", "-p",
                        json.dumps({"status": status, **more}))
        with self.subTest("a spec sent with a status changes nothing"):
            patch(STATUS, spec={"mode": "Act", "limits": {"usdPerHour": 1, "gpus": 1}})
            seen = bed.get("slp", "seen")
            self.assertEqual((seen["metadata"]["generation"], seen["spec"]["mode"]), (1, "Observe"))
            self.assertEqual(seen["status"], STATUS)
        with self.subTest("a status sent with a spec changes nothing"):
            bed.kubectl("patch", "slp", "seen", "--type=merge", "-p",
                        '{"status": {"summary": "x"}, "spec": {"priority": 1}}')
            seen = bed.get("slp", "seen")
            self.assertEqual((seen["metadata"]["generation"], seen["status"]), (2, STATUS))
            self.planned_with(seen)
        with self.subTest("kubectl get"):
            head, line = bed.kubectl("get", "slicepolicies").splitlines()
            self.assertEqual(head.split(), "NAME MODE PODS WAITING $/H COULD-BE BOUND ACCEPTED SERVED AGE".split())
            self.assertEqual(line.split()[:-1], ["seen", "Observe", "12", "2", "37.85", "21.1", "20.900001", "True",
                                                 "PodsWaiting"])
            self.assertIn("12 pods cost $37.85/h now.", bed.kubectl("get", "kerf", "-o", "wide"))
        for name, status, field, words in REFUSED_STATUS:
            with self.subTest("refused", status=name):
                self.refused(field, words, lambda s=status: patch(s))
        with self.subTest("the largest that is kept"):
            uids = [f"2e7c7c4c-ef0f-4e2e-a5be-{number:012}" for number in range(10000)]
            status = {"kept": {"purchases": {"1": uids}}}
            bed.kubectl("patch", "slp", "seen", "--subresource=status", "--type=merge", "--patch-file", "/dev/stdin",
                        input=json.dumps({"status": status}))
            self.assertEqual(len(bed.get("slp", "seen")["status"]["kept"]["purchases"]["1"]), 10000)
        bed.kubectl("delete", "slp", "--all")
