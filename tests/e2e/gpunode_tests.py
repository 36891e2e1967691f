"""Tests of deploy/ on a real API server: what it takes of a GpuNode, and what it lets an agent do.
Run by bed_test.py.
"""
import csv
import json

from gpunode_cases import ACCEPTED, MIG, PROFILE, REFUSED, REFUSED_STATUS, RIGHTS, STATUS, slice_
from kerf_bed import BedError
from kerf_bed.common import E2E
from kerf_bed.testing import BedTest

DEPLOY = E2E.parent.parent / "deploy"
PROFILES = E2E.parent.parent / "data/gpu_profiles.csv"
AGENT = "system:serviceaccount:kerf-system:kerf-agent"
LADDER = (2, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 141, 180)


def gpu_node(name, *gpus):
    return {"apiVersion": "kerf.dev/v1alpha1", "kind": "GpuNode", "metadata": {"name": name},
            "spec": {"gpus": [{"slices": slices} for slices in gpus]}}


def node(name, managed=True, taints=()):
    """A Node without a machine: enough for scheduler and DaemonSet controller."""
    amounts = {"cpu": "8", "memory": "16Gi", "pods": "50"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {
        "name": name, "labels": {"kubernetes.io/os": "linux", **({"kerf.dev/managed": "true"} if managed else {})}},
        "spec": {"taints": [{"key": key, "effect": effect} for key, effect in taints]},
        "status": {"capacity": amounts, "allocatable": amounts}}


class GpuNodes(BedTest):
    def test_what_is_deployed_for_the_agent(self):
        with self.bed("gpunodes", karpenter=False) as bed:
            self.clock.lap("start to ready")
            for name in ("crds/kerf.dev_gpunodes.yaml", "rbac-agent.yaml", "admission-agent.yaml", "agent.yaml"):
                with self.subTest("is valid", file=name):
                    bed.kubectl("apply", "--server-side", "--validate=strict", "-f", DEPLOY / name)
            bed.kubectl("wait", "--for=condition=Established", "crd/gpunodes.kerf.dev", "--timeout=60s")
            self.everything_is_described_and_bounded(bed)
            self.layouts_are_accepted(bed)
            self.layouts_are_refused(bed)
            self.status_is_what_people_see(bed)
            self.clock.lap("GpuNodes looked at")
            agents = self.agents_come_to_managed_nodes(bed)
            self.an_agent_has_few_rights(bed)
            self.an_agent_writes_its_own_status_only(bed, agents)
            self.clock.lap("agents looked at")
        self.assert_nothing_left()

    def test_the_agents_pod_reaches_its_node(self):
        """agent.yaml with a shell in place of kerfd: mounts, namespaces and rights are what the agent needs."""
        with self.bed("agentpod", karpenter=False) as bed:
            for name in ("rbac-agent.yaml", "agent.yaml"):
                bed.kubectl("apply", "--server-side", "-f", DEPLOY / name)
            container = {"name": "agent", "image": "kerf.test/box:1", "args": ["-c", "exec sleep 100000"],
                         "livenessProbe": None, "readinessProbe": None}
            bed.kubectl("patch", "ds", "kerf-agent", "-n", "kerf-system", "-p", json.dumps(
                {"spec": {"template": {"spec": {"containers": [container]}}}}))
            bed.node_up("gpu-1", gpus=["H100-80:1"], labels={"kerf.dev/managed": "true"})
            bed.output(["mount", "--make-rshared", "/"], node="gpu-1")  # as systemd has it
            bed.kubectl("rollout", "status", "ds/kerf-agent", "-n", "kerf-system", "--timeout=120s")
            self.clock.lap("node and agent's pod up")

            def inside(script):
                return bed.kubectl("exec", "-n", "kerf-system", "ds/kerf-agent", "--", "sh", "-c", script).split()
            for what, script, said in [
                    ("its node's name", "echo $NODE_NAME $POD_NAMESPACE", ["gpu-1", "kerf-system"]),
                    ("nothing of NVIDIA's runtime", "echo $NVIDIA_VISIBLE_DEVICES", ["void"]),
                    ("kubelet's sockets", "cd /var/lib/kubelet && ls -d */kubelet.sock",
                     ["device-plugins/kubelet.sock", "pod-resources/kubelet.sock"]),
                    ("the GPUs", "ls /dev/nvidia0 /dev/nvidiactl /dev/nvidia-caps/nvidia-cap1",
                     ["/dev/nvidia-caps/nvidia-cap1", "/dev/nvidia0", "/dev/nvidiactl"]),
                    ("the driver's library and programs", "ls /host/usr/lib/*/libnvidia-ml.so.1 | wc -l; "
                     "chroot /host nvidia-smi -L | grep -c H100", ["1", "1"]),
                    ("its account", "ls /var/run/secrets/kubernetes.io/serviceaccount",
                     ["ca.crt", "namespace", "token"]),
                    ("the node's processes", "ps | grep -c '[/]kubelet '", ["1"]),
                    ("no file system of its own to write to", "echo a >/a; echo a >/host/a; ls /a /host/a 2>&1 | wc -l",
                     ["2"])]:
                with self.subTest("it has", what=what):
                    self.assertEqual(inside(script), said)
            with self.subTest("what it writes is on the node"):
                inside("echo kept >/var/lib/kerf/try; echo cdi >/var/run/cdi/try; mknod /dev/nvidia-try c 240 9999")
                self.assertEqual(bed.output(["cat", "/var/lib/kerf/try", "/run/cdi/try"], node="gpu-1").split(),
                                 ["kept", "cdi"])
                bed.output(["test", "-c", "/dev/nvidia-try"], node="gpu-1")
            with self.subTest("and what comes on the node is seen"):
                bed.output(["sh", "-c", "mknod /dev/nvidia-late c 240 9998; mkdir -p /run/nvidia/driver && "
                            "mount -t tmpfs none /run/nvidia/driver && touch /run/nvidia/driver/came"], node="gpu-1")
                inside("test -c /dev/nvidia-late && ls /host/run/nvidia/driver/came")
            self.clock.lap("looked at")
        self.assert_nothing_left()

    def everything_is_described_and_bounded(self, bed):
        version = bed.get("crd", "gpunodes.kerf.dev")["spec"]["versions"][0]
        fields = 0

        def walk(path, schema):
            nonlocal fields
            fields += 1
            kind = schema["type"]
            with self.subTest("described and bounded", field=path):
                if path != "metadata":
                    self.assertRegex(schema.get("description", ""), r"\S.*\.$")
                if kind == "string" and path not in ("apiVersion", "kind"):
                    self.assertTrue({"maxLength", "enum", "format"} & set(schema))
                if kind == "array":
                    self.assertIn("maxItems", schema)
                    self.assertIn("x-kubernetes-list-type", schema)
                if kind == "integer":
                    self.assertIn("minimum", schema)
                if "additionalProperties" in schema:
                    self.assertIn("maxProperties", schema)
            for name, inner in schema.get("properties", {}).items():
                walk(f"{path}.{name}".lstrip("."), inner)
            if "items" in schema:
                walk(path + "[]", schema["items"])

        walk("", version["schema"]["openAPIV3Schema"])
        self.assertGreater(fields, 45)
        # The API server serves a kind's description some time after the kind itself.
        said = bed.wait("description of the kind", lambda: bed.kubectl("explain", "gpunode.spec.gpus.slices.profile"))
        self.assertIn("such as 1g.10gb", " ".join(said.split()))

    @staticmethod
    def create(bed, thing, *words):
        bed.kubectl("create", *words, "-f", "-", input=json.dumps(thing))

    def layouts_are_accepted(self, bed):
        for name, slices in ACCEPTED:
            with self.subTest("accepted", layout=name):
                self.create(bed, gpu_node("n", slices), "--dry-run=server")
        with self.subTest("every profile of the catalogue, under each name that it may have"):
            lines = [line for line in PROFILES.read_text().splitlines() if not line.startswith("#")]
            profiles = {row["name"]: int(row["nominal_gb"]) for row in csv.DictReader(lines)}
            names = [(profile, resource) for profile, gib in profiles.items() for resource in (
                "nvidia.com/mig-" + profile.replace("+", "."), f"kerf.dev/gpu-{max(m for m in LADDER if m <= gib)}gi")]
            self.assertGreater(len(names), 140)
            gpus = [[slice_(*pair, start) for start, pair in enumerate(names[at:at + 64])]
                    for at in range(0, len(names), 64)]
            self.create(bed, gpu_node("n", *gpus), "--dry-run=server")
        with self.subTest("the largest there can be"):
            gpus = [[slice_("1g.24gb+me.all", "nvidia.com/mig-1g.24gb.me.all", start) for start in range(64)]] * 16
            self.create(bed, gpu_node("n", *gpus), "--dry-run=server")
        with self.subTest("without a layout: the agent only looks"):
            self.create(bed, {**gpu_node("n"), "spec": None}, "--dry-run=server")
        with self.subTest("what is left out has a value"):
            self.create(bed, {**gpu_node("defaults"), "spec": {"gpus": [{}, {"slices": [
                {"profile": "1g.10gb", "resource": MIG}]}]}})
            self.assertEqual(bed.get("gn", "defaults")["spec"], {"gpus": [{"slices": []}, {"slices": [
                {"profile": "1g.10gb", "resource": MIG, "start": 0, "state": "Parked"}]}]})
            bed.kubectl("delete", "gn", "defaults")

    def refused(self, field, words, call):
        """The one error, at that field, with those words."""
        with self.assertRaises(BedError) as caught:
            call()
        said = str(caught.exception)
        self.assertIn("is invalid:", said)
        errors = [error.strip() for error in said.split("is invalid:", 1)[1].strip().split("* ") if error.strip()]
        errors = [error for error in errors if "some validation rules were not checked" not in error]
        self.assertEqual([error.split(": ")[0] for error in errors], [field], said)
        self.assertIn(words, errors[0])

    def layouts_are_refused(self, bed):
        for name, slices, field, words in REFUSED:
            with self.subTest("refused", layout=name):
                self.refused(field, words,
                             lambda s=slices: self.create(bed, gpu_node("n", s), "--dry-run=server"))
        with self.subTest("refused", layout="a node without GPUs"):
            self.refused("spec.gpus", "at least 1 items",
                         lambda: self.create(bed, gpu_node("n"), "--dry-run=server"))
        with self.subTest("refused", layout="too many GPUs"):
            self.refused("spec.gpus", "at most 16 items",
                         lambda: self.create(bed, gpu_node("n", *[[]] * 17), "--dry-run=server"))
        with self.subTest("refused", layout="more slices than starts"):
            many = [slice_("1g.10gb", MIG, start % 64) for start in range(65)]
            with self.assertRaisesRegex(BedError, r"spec.gpus\[0\].slices: Too many: 65: must have at most 64 items"):
                self.create(bed, gpu_node("n", many), "--dry-run=server")
        with self.subTest("a change is judged like a new one"):
            self.create(bed, gpu_node("changed", [slice_("1g.10gb", MIG)]))
            patch = json.dumps({"spec": {"gpus": [{"slices": [slice_("mps/2", MIG)]}]}})
            self.refused(PROFILE, "MPS is not served",
                         lambda: bed.kubectl("patch", "gn", "changed", "--type=merge", "-p", patch))
            bed.kubectl("delete", "gn", "changed")

    @staticmethod
    def patch_status(bed, name, status, **more):
        bed.kubectl("patch", "gn", name, "--subresource=status", "--type=merge", "-p",
                    json.dumps({"status": status, **more}))

    def status_is_what_people_see(self, bed):
        self.create(bed, gpu_node("seen", [slice_("1g.10gb", MIG)]))
        bed.kubectl("annotate", "gn", "seen", "kerf.dev/usd-per-hour=6.88")
        with self.subTest("a spec sent with a status changes nothing"):
            self.patch_status(bed, "seen", STATUS, spec={"gpus": [{}, {}]})
            seen = bed.get("gn", "seen")
            self.assertEqual((seen["metadata"]["generation"], len(seen["spec"]["gpus"])), (1, 1))
            self.assertEqual(seen["status"], STATUS)
        with self.subTest("kubectl get"):
            head, line = bed.kubectl("get", "gn").splitlines()
            self.assertEqual(head.split(), "NAME MODEL USED FREE PARKED $/H CUT READY DEGRADED AGE LAYOUT".split())
            words = line.split()
            self.assertEqual(words[:9], ["seen", "H100-80", "1", "2", "3", "6.88", "True", "False", "ModeOff"])
            self.assertEqual(words[10:], ["H100-80", "[1g.10gb@0]"])
        for name, status, field, words in REFUSED_STATUS:
            with self.subTest("refused", status=name):
                self.refused(field, words, lambda s=status: self.patch_status(bed, "seen", s))
        bed.kubectl("delete", "gn", "seen")

    def agents_come_to_managed_nodes(self, bed):
        """{node: the agent's pod}"""
        taints = [("kerf.dev/uncut", "NoSchedule"), ("kerf.dev/slices", "NoSchedule"), ("nvidia.com/gpu", "NoSchedule"),
                  ("karpenter.sh/disrupted", "NoSchedule"), ("example.com/any", "NoExecute")]
        for thing in (node("node-a", taints=taints), node("node-b"), node("plain", managed=False)):
            self.create(bed, thing)

        def pods():
            found = bed.get("pods", None, "-n", "kerf-system")["items"]
            return {pod["spec"].get("nodeName"): pod for pod in found}
        bed.wait("an agent on each managed node", lambda: set(pods()) == {"node-a", "node-b"})
        pod = pods()["node-a"]
        with self.subTest("the agent's namespace has to allow it"):
            for level in ("baseline", "restricted"):
                self.create(bed, {"apiVersion": "v1", "kind": "Namespace", "metadata": {
                    "name": level, "labels": {"pod-security.kubernetes.io/enforce": level}}})
                spec = {key: value for key, value in bed.get("ds", "kerf-agent", "-n", "kerf-system")["spec"][
                    "template"]["spec"].items() if key not in ("serviceAccount", "serviceAccountName")}
                with self.assertRaisesRegex(BedError, "violates PodSecurity.*hostPath"):
                    self.create(bed, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent"}, "spec": spec},
                                "-n", level)
        with self.subTest("it goes last"):
            self.assertEqual(pod["spec"]["priority"], 2000001000)
        return {name: pod["metadata"]["name"] for name, pod in pods().items()}

    def an_agent_has_few_rights(self, bed):
        for allowed, *words in RIGHTS:
            with self.subTest("rights", of=" ".join(words)):
                done = bed.run(["kubectl", "auth", "can-i", *words, "--as", AGENT], capture_output=True, text=True)
                self.assertEqual(done.stdout.split()[0], "yes" if allowed else "no", done.stderr)

    def an_agent_writes_its_own_status_only(self, bed, agents):
        for name in agents:
            self.create(bed, gpu_node(name, []))
        # More than rbac-agent.yaml gives: the policy has to hold by itself.
        bed.kubectl("create", "clusterrole", "all-gpunodes", "--verb=*",
                    "--resource=gpunodes.kerf.dev,gpunodes.kerf.dev/status")
        bed.kubectl("create", "clusterrolebinding", "all-gpunodes", "--clusterrole=all-gpunodes",
                    "--serviceaccount=kerf-system:kerf-agent")

        def token(*bound):
            return bed.kubectl("create", "token", "kerf-agent", "-n", "kerf-system", *bound).strip()
        of_a = token("--bound-object-kind=Pod", f"--bound-object-name={agents['node-a']}")
        of_nobody = token()

        def as_agent(token_, *words, **more):
            return bed.kubectl("--kubeconfig=/dev/null", "--server=https://10.0.0.1:443", f"--token={token_}",
                               f"--certificate-authority={bed.folder}/pki/ca.crt", *words, **more)

        def report(token_, name):
            return as_agent(token_, "patch", "gn", name, "--subresource=status", "--type=merge", "-p",
                            json.dumps({"status": {"bootID": "agent"}}))

        def says(words, call, *arguments):
            with self.assertRaises(BedError) as caught:
                call(*arguments)
            self.assertIn("ValidatingAdmissionPolicy 'kerf-agent-own-gpunode'", str(caught.exception))
            self.assertIn(words, str(caught.exception))
            return True

        def in_force():
            try:
                report(of_nobody, "node-b")
            except BedError as error:
                return "ValidatingAdmissionPolicy" in str(error)
            return False
        bed.wait("the policy in force", in_force)
        with self.subTest("its own status"):
            report(of_a, "node-a")
            self.assertEqual(bed.get("gn", "node-a")["status"]["bootID"], "agent")
        with self.subTest("its own status by PUT"):
            whole = bed.get("gn", "node-a")
            whole["status"]["bootID"] = "again"
            as_agent(of_a, "replace", "--subresource=status", "-f", "-", input=json.dumps(whole))
            self.assertEqual(bed.get("gn", "node-a")["status"]["bootID"], "again")
        with self.subTest("another's status"):
            says("the agent on node node-a may not write the status of GpuNode node-b", report, of_a, "node-b")
        with self.subTest("without a node"):
            says("names no node", report, of_nobody, "node-a")
        label = ("label", "gn", "node-a", "a=b")
        spec = ("patch", "gn", "node-a", "--type=merge", "-p", '{"spec":{"gpus":[{},{}]}}')
        for what in (label, spec, ("delete", "gn", "node-a"), ("delete", "gn", "--all")):
            with self.subTest("anything else of a GpuNode", call=what[0]):
                says("the status of its GpuNode and nothing else", as_agent, of_a, *what)
        with self.subTest("anything else of a GpuNode", call="create"):
            with self.assertRaisesRegex(BedError, "the status of its GpuNode and nothing else"):
                as_agent(of_a, "create", "-f", "-", input=json.dumps(gpu_node("node-c", [])))
        with self.subTest("others write as before"):
            for words in (label, spec):
                bed.kubectl(*words)
            self.patch_status(bed, "node-b", {"bootID": "admin"})
            self.assertEqual(bed.get("gn", "node-b")["status"]["bootID"], "admin")
            bed.kubectl("delete", "gn", "--all")
        with self.subTest("the policy fails closed"):
            policy = bed.get("validatingadmissionpolicy", "kerf-agent-own-gpunode")
            self.assertEqual(policy["spec"]["failurePolicy"], "Fail")
            self.assertFalse(policy["status"]["typeChecking"].get("expressionWarnings"))
