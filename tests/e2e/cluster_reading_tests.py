"""Tests of what kerf reads of a cluster through kubectl, on a real kube-apiserver. Run by bed_test.py.

Objects stand as their controllers would have written them; scheduler and controllers are stopped, so that
whatever changes was changed by kerf.
"""
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cluster_reading_cases as cases
from kerf_bed import BedError, gpu, pki
from kerf_bed.api import ApiError
from kerf_bed.common import E2E
from kerf_bed.testing import BedTest, say

ROOT = E2E.parent.parent
NODES = int(os.environ.get("KERF_READING_NODES", "200"))
PODS = int(os.environ.get("KERF_READING_PODS", "2000"))
THREADS = 8
# What the API server itself writes all the time.
RESTLESS = {"leases.coordination.k8s.io", "events", "events.events.k8s.io"}
LOOKS = {"get", "list"}
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [
    {"level": "Metadata", "users": ["reader"]}, {"level": "None"}]}
# Of a plan: what it decides. The rest says where its input is from.
DECIDES = ("cost", "bound", "demand", "nodes", "actions", "placements", "unplaced", "workloads")


def decided(document):
    """What a plan decides, without the words that name its source."""
    kept = json.loads(json.dumps({key: document.get(key) for key in DECIDES}))
    kept["demand"].pop("described")
    for workload in kept["workloads"]:
        workload.pop("source")
    return kept


def kerf_program():
    return os.environ.get("KERF") or f"{gpu.build_folder()}/kerf"


class ClusterReading(BedTest):
    def setUp(self):
        super().setUp()
        self.files = tempfile.TemporaryDirectory(prefix="kerf-reading-")
        self.addCleanup(self.files.cleanup)
        self.folder = Path(self.files.name)

    def assert_nothing_left(self):
        self.files.cleanup()
        super().assert_nothing_left()

    # --- The bed ---------------------------------------------------------------------------------

    def quiet_bed(self, name):
        """API server and store alone are left running once the namespaces have what pods need."""
        policy = self.folder / "audit.json"
        policy.write_text(json.dumps(AUDIT))
        return self.bed(name, karpenter=False, api_arguments=[
            "--audit-policy-file", str(policy), "--audit-log-path", str(self.folder / "audit.log")])

    def fill(self, bed):
        for name in sorted((ROOT / "deploy/crds").glob("*.yaml")) + sorted(
                (Path(bed.options["parts"]) / "crds").glob("*.yaml")):
            bed.kubectl("apply", "--server-side", "-f", name)
        bed.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        for space in ("team-a", "team-b"):
            bed.kubectl("create", "namespace", space)
            bed.wait(f"account of {space}",
                     lambda at=space: bed.kubectl("get", "serviceaccount", "default", "-n", at))
        for service in ("kube-scheduler", "kube-controller-manager"):
            bed.order("stop", service, signal=9)
        api = bed.api()
        for one in cases.NODES:
            self.put_node(api, one)
        for one in (cases.CHAT, cases.EMBED, cases.LATE, cases.WEB):
            self.put_deployment(api, *one)
        self.put_job(api, *cases.TRAIN)
        bed.apply(*cases.OTHERS, *cases.GUEST)
        pki.make_client(bed.folder / "pki", "reader", "/O=system:masters/CN=reader", self.folder / "reader.kubeconfig")
        self.clock.lap("objects stand")

    @staticmethod
    def put_node(api, one):
        at = f"/api/v1/nodes/{one['metadata']['name']}"
        api.post("/api/v1/nodes", {**one, "status": {}})
        api.patch(f"{at}/status", {"status": one["status"]})
        # The API server gives every new Node the taint not-ready, which a controller would take away.
        api.patch(at, {"spec": {"taints": one["spec"]["taints"] or None}})

    @staticmethod
    def put_pod(api, one):
        at = f"/api/v1/namespaces/{one['metadata']['namespace']}/pods"
        api.post(at, one)
        api.patch(f"{at}/{one['metadata']['name']}/status",
                  {"status": cases.pod_status(one["spec"].get("nodeName"))})

    def put_deployment(self, api, name, ns, shape, places):
        at = f"/apis/apps/v1/namespaces/{ns}"
        owner = api.post(f"{at}/deployments", cases.workload("Deployment", ns, name, len(places), shape))
        labels = {**shape["metadata"]["labels"], "pod-template-hash": "7d9f8b6c5d"}
        shape = {**shape, "metadata": {"labels": labels}}
        middle = cases.workload("ReplicaSet", ns, f"{name}-7d9f8b6c5d", len(places), shape)
        middle["metadata"]["ownerReferences"] = [{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": owner["metadata"]["uid"],
            "controller": True}]
        owner = api.post(f"{at}/replicasets", middle)
        for index, on in enumerate(places):
            self.put_pod(api, cases.pod(ns, f"{name}-7d9f8b6c5d-x{index}", shape, on, owner))

    def put_job(self, api, name, ns, shape, places):
        owner = api.post(f"/apis/batch/v1/namespaces/{ns}/jobs", cases.job(ns, name, len(places), shape))
        shape = {**shape, "spec": {**shape["spec"], "restartPolicy": "Never"}}
        for index, on in enumerate(places):
            self.put_pod(api, cases.pod(ns, f"{name}-x{index}", shape, on, owner))

    # --- kerf ------------------------------------------------------------------------------------

    def kerf(self, bed, *words, codes=(0, 1), kubeconfig=None):
        """What it prints on standard output and error. It finds the real kubectl on the PATH."""
        where = [] if "--snapshot" in words else ["--kubeconfig", str(kubeconfig or self.folder / "reader.kubeconfig")]
        done = bed.run([kerf_program(), *words, *where], env={"HOME": str(self.folder)}, capture_output=True, text=True,
                       timeout=300)
        self.assertIn(done.returncode, codes, f"kerf {' '.join(map(str, words))}\n{done.stdout[-2000:]}{done.stderr}")
        return done.stdout, done.stderr

    def document(self, bed, *words, **more):
        return json.loads(self.kerf(bed, *words, "-o", "json", **more)[0])

    def everything(self, bed):
        """{kind: {namespace/name: resourceVersion}} of all that the API server can list."""
        kinds = bed.kubectl("api-resources", "--verbs=list", "-o", "name").split()
        found = {}
        for kind in sorted(set(kinds) - RESTLESS):
            try:
                items = (bed.get(kind, None, "-A") or {"items": []})["items"]
            except BedError:
                continue  # listed, and not served to anybody
            found[kind] = {f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}":
                           one["metadata"].get("resourceVersion") for one in items}
        return found

    def asked_for(self):
        lines = (self.folder / "audit.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.strip()]

    # --- Tests -----------------------------------------------------------------------------------

    def test_a_cluster_is_read_planned_and_left_as_it_is(self):
        with self.quiet_bed("reading") as bed:
            self.fill(bed)
            before = self.everything(bed)
            self.assertIn("pods", before)
            snapshot = self.folder / "snapshot.json"
            self.kerf(bed, "snapshot", "--output-file", snapshot, codes=(0,))
            self.clock.lap("snapshot taken")
            self.a_snapshot_has_no_secrets(snapshot)
            self.what_stands_is_told(bed)
            self.clock.lap("status and cost told")
            self.a_plan_is_that_of_its_snapshot(bed, snapshot)
            self.clock.lap("planned twice")
            self.pods_are_explained(bed)
            self.a_doctor_sees_what_hurts(bed, snapshot)
            self.selections_hold(bed)
            self.clock.lap("why, doctor and selections told")
            with self.subTest("nothing has changed"):
                self.assertEqual(before, self.everything(bed))
            with self.subTest("nothing but looking was asked for"):
                asked = self.asked_for()
                self.assertGreater(len(asked), 20)
                self.assertEqual({one["verb"] for one in asked} - LOOKS, set())
            with self.subTest("Secrets and ConfigMaps were never asked for"):
                self.assertEqual({one.get("objectRef", {}).get("resource") for one in asked} &
                                 {"secrets", "configmaps"}, set())
            self.a_guest_is_told_what_is_left_out(bed)
            self.a_cluster_that_is_not_there_is_said(bed)
        self.assert_nothing_left()

    def a_snapshot_has_no_secrets(self, snapshot):
        text = snapshot.read_text()
        with self.subTest("a snapshot is one document with what was read"):
            self.assertEqual(json.loads(text)["kind"], "Snapshot")
            for name in ("gpu-a100", "chat-7d9f8b6c5d-x0", "us-east-1a"):
                self.assertIn(name, text)
        with self.subTest("and without what is nobody's business"):
            for word in ("hunter2", "SECRET_TOKEN", "managedFields", "kerf.test/secret"):
                self.assertNotIn(word, text)

    def what_stands_is_told(self, bed):
        status = self.document(bed, "status")
        with self.subTest("GPU nodes stand as they are"):
            stand = {one["name"]: one["instance_type"] for one in status["nodes"]}
            self.assertEqual(stand, {"gpu-a100": "p4d.24xlarge", "gpu-h100": "p5.4xlarge", "gpu-l4": "g6.xlarge"})
            slices = [one for node in status["nodes"] if node["name"] == "gpu-h100"
                      for board in node["gpus"] for one in board["slices"]]
            self.assertEqual(len(slices), 7)
            self.assertEqual(sum(one["holder"] is not None for one in slices), 3)
        with self.subTest("and so do their pods"):
            self.assertEqual(len(status["pods"]), 6)
        cost = self.document(bed, "cost")
        with self.subTest("the cost of pods and of what is idle add up to the bill"):
            bill = sum(one["usd_per_hour"] for one in status["nodes"])
            self.assertAlmostEqual(cost["bill"]["usd_per_hour"], bill, places=4)

    def a_plan_is_that_of_its_snapshot(self, bed, snapshot):
        live = self.document(bed, "plan")
        kept = self.document(bed, "plan", "--snapshot", snapshot)
        with self.subTest("the live cluster and its snapshot give one plan"):
            self.assertEqual(decided(live), decided(kept))
            self.assertGreater(live["cost"]["usd_per_hour"], 0)
        with self.subTest("and the same again"):
            self.assertEqual(kept, self.document(bed, "plan", "--snapshot", snapshot))
        with self.subTest("standard input is a snapshot too"):
            done = bed.run([kerf_program(), "plan", "--snapshot", "-", "-o", "json"], input=snapshot.read_text(),
                           capture_output=True, text=True, timeout=300)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertEqual(json.loads(done.stdout)["cost"], kept["cost"])
        with self.subTest("what kubectl prints is a cluster as well"):
            listed = self.folder / "list.json"
            listed.write_text(bed.kubectl("get", "nodes,pods,deployments,replicasets,jobs,pdb,pv,pvc", "-A", "-o", "json"))
            plain = self.document(bed, "plan", "--snapshot", listed)
            self.assertEqual(plain["cost"], kept["cost"])

    def pods_are_explained(self, bed):
        why = self.document(bed, "why", "team-a/late-7d9f8b6c5d-x0")
        with self.subTest("a pod that waits is explained"):
            self.assertEqual(why["target"]["namespace"], "team-a")
            self.assertIn("Insufficient nvidia.com/mig-1g.10gb", json.dumps(why))
        runs = self.document(bed, "why", "team-b/train-x0")
        with self.subTest("and one that runs"):
            self.assertIn("gpu-a100", json.dumps(runs["pods"]))
        with self.subTest("one that is not there is an error that says so"):
            _, error = self.kerf(bed, "why", "team-a/nobody", codes=(2,))
            self.assertIn("nobody", error)

    def a_doctor_sees_what_hurts(self, bed, snapshot):
        seen = self.document(bed, "doctor")
        codes = {one["code"] for one in seen["findings"]}
        with self.subTest("the doctor looked at all of it"):
            counts = seen["cluster"]
            self.assertEqual((counts["nodes"], counts["gpu_nodes"], counts["pods"], counts["gpu_pods"]), (4, 3, 7, 6))
            self.assertEqual(counts["server_version"], "v1.36.3")
        for code in ("KubernetesReady", "KarpenterNotSeen", "NoPrices", "NodePoolBuysGpus", "NodePoolExpires", "NotCut",
                     "NoProductLabel", "PolicyObserves", "BudgetBlocks"):
            with self.subTest("the doctor says", code=code):
                self.assertIn(code, codes)
        for code in ("NotAllowed", "NotRead", "KerfAbsent", "KarpenterAbsent", "UnknownProfile", "CpuPodsOnGpus"):
            with self.subTest("the doctor does not say", code=code):
                self.assertNotIn(code, codes)
        with self.subTest("and the same of the snapshot"):
            kept = self.document(bed, "doctor", "--snapshot", snapshot)
            self.assertEqual([one["code"] for one in kept["findings"]], [one["code"] for one in seen["findings"]])

    def selections_hold(self, bed):
        with self.subTest("one namespace"):
            pods = self.document(bed, "status", "-n", "team-b")["pods"]
            self.assertEqual({one["namespace"] for one in pods}, {"team-b"})
        with self.subTest("one label"):
            pods = self.document(bed, "status", "-l", "app=chat")["pods"]
            self.assertEqual(len(pods), 3)
        with self.subTest("a context by name, and one that is not there"):
            self.document(bed, "status", "--context", "bed")
            _, error = self.kerf(bed, "status", "--context", "nowhere", codes=(2,))
            self.assertIn("nowhere", error)

    def a_guest_is_told_what_is_left_out(self, bed):
        token = bed.kubectl("create", "token", "guest", "-n", "team-a").strip()
        guest = json.loads((self.folder / "reader.kubeconfig").read_text())
        guest["users"] = [{"name": "guest", "user": {"token": token}}]
        guest["contexts"][0]["context"].update(user="guest", namespace="team-a")
        file = self.folder / "guest.kubeconfig"
        file.write_text(json.dumps(guest))
        seen = self.document(bed, "doctor", "-n", "team-a", kubeconfig=file)
        findings = {one["code"]: one for one in seen["findings"]}
        with self.subTest("pods of one namespace were read, and that is said"):
            self.assertIn("OneNamespace", findings)
            self.assertEqual(seen["cluster"]["pods"], 5)
        refused = [one for one in seen["findings"] if one["code"] == "NotAllowed"]
        with self.subTest("each kind that may not be read is named with the rule that allows it"):
            self.assertTrue(any("nodepools.karpenter.sh" in one["says"] for one in refused), refused)
            self.assertTrue(all("verbs: [get, list]" in one["todo"] for one in refused))
        with self.subTest("a plan is made of what may be seen, and says what is left out"):
            words = self.kerf(bed, "plan", "-n", "team-a", kubeconfig=file)
            self.assertIn("nodepools", "".join(words))
            done = self.document(bed, "status", "-n", "team-a", kubeconfig=file)
            self.assertEqual({one["namespace"] for one in done["pods"]}, {"team-a"})
        bed.kubectl("delete", "clusterrolebinding", "see-nodes")
        bed.kubectl("delete", "rolebinding", "see-pods", "-n", "team-a")
        with self.subTest("without any right there is an error, in kubectl's words"):
            _, error = self.kerf(bed, "plan", kubeconfig=file, codes=(2,))
            self.assertIn("forbidden", error)

    def a_cluster_that_is_not_there_is_said(self, bed):
        away = json.loads((self.folder / "reader.kubeconfig").read_text())
        away["clusters"][0]["cluster"]["server"] = "https://10.0.0.1:444"
        file = self.folder / "away.kubeconfig"
        file.write_text(json.dumps(away))
        with self.subTest("an API server that is away"):
            _, error = self.kerf(bed, "status", kubeconfig=file, codes=(2,))
            self.assertIn("10.0.0.1:444", error)
        with self.subTest("a kubeconfig that is not there"):
            _, error = self.kerf(bed, "status", kubeconfig=self.folder / "none", codes=(2,))
            self.assertIn("none", error)

    def test_a_large_cluster_is_read_page_by_page(self):
        with self.quiet_bed("readinglarge") as bed:
            self.fill(bed)
            self.fill_many(bed)
            snapshot = self.folder / "large.json"
            self.kerf(bed, "snapshot", "--output-file", snapshot, codes=(0,))
            self.clock.lap(f"snapshot of {PODS + 7} pods and {NODES + 4} nodes, {snapshot.stat().st_size >> 10} KiB")
            with self.subTest("lists came in pages"):
                pages = [one for one in self.asked_for() if "limit=500" in one.get("requestURI", "")
                         and one.get("objectRef", {}).get("resource") == "pods"]
                self.assertGreaterEqual(len(pages), (PODS + 7) // 500)
            status = self.document(bed, "status")
            self.clock.lap("status")
            with self.subTest("every pod and node arrived once"):
                self.assertEqual(len(status["nodes"]), NODES + 3)
                self.assertEqual(len({(one["namespace"], one["pod"]) for one in status["pods"]}), PODS + 6)
            plan = self.document(bed, "plan", "--snapshot", snapshot, "--effort", "1")
            self.clock.lap("planned")
            with self.subTest("and is placed or reported"):
                self.assertEqual(len(plan["placements"]) + len(plan["unplaced"]), plan["demand"]["pods"])
            seen = self.document(bed, "doctor", "--snapshot", snapshot)
            with self.subTest("the doctor saw as many"):
                self.assertEqual(seen["cluster"]["pods"], PODS + 7)
            self.clock.lap("doctor")
        self.assert_nothing_left()

    def fill_many(self, bed):
        """Nodes of seven slices, and on them pods of 20 ReplicaSets; some wait."""
        shape = cases.template({"app": "many"}, {cases.MIG: 1}, cpu="100m")
        nodes = [cases.node(f"many-{index}", "p5.4xlarge", {cases.MIG: 7}) for index in range(NODES)]
        api = bed.api()
        owners = [api.post("/apis/apps/v1/namespaces/team-b/replicasets",
                           cases.workload("ReplicaSet", "team-b", f"many-{index}", PODS // 20, shape))
                  for index in range(20)]
        pods = [cases.pod("team-b", f"many-{index % 20}-{index:05d}", shape,
                          f"many-{index // 7}" if index // 7 < NODES else None, owners[index % 20])
                for index in range(PODS)]
        with ThreadPoolExecutor(THREADS) as crew:
            list(crew.map(lambda one: self.put_node(api, one), nodes))
            list(crew.map(lambda one: self.put_pod(api, one), pods))
        self.clock.lap(f"{NODES} nodes and {PODS} pods made")
        self.assertRaises(ApiError, api.post, "/api/v1/nodes", nodes[0])
        say(f"kubectl alone lists pods in {len(bed.kubectl('get', 'pods', '-A', '-o', 'json')) >> 10} KiB")
