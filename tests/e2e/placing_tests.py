"""Tests of deploy/ on a real API server and scheduler: which pods get the toleration of Kerf's nodes, and where the
controller's own pods run. Run by bed_test.py.
"""
import json

from gpunode_tests import node
from kerf_bed.testing import BedTest
from rights_cases import MIG, OURS, TOLERATIONS
from rights_tests import apply


class Placing(BedTest):
    def test_pods_that_ask_tolerate(self):
        with self.bed("tolerations", karpenter=False) as bed:
            apply(bed, "admission-tolerations.yaml")
            bed.wait("the policy in force", lambda: OURS in self.made(bed, [MIG], [], None))
            for name, resources, init, brought, expected in TOLERATIONS:
                with self.subTest("tolerates", pod=name):
                    self.assertEqual(self.made(bed, resources, init, brought), expected)
            with self.subTest("what is asked for 0 times is not asked for"):
                self.assertEqual(self.made(bed, [MIG], [], None, amount="0"), [])
            with self.subTest("pods of an owner, too, and they can be made again as they are"):
                template = self.asking([MIG], [], None)
                bed.apply({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r"}, "spec": {
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b"}}, "spec": template["spec"]}}})
                one = bed.wait("its pod", lambda: bed.get("pods", None, "-l", "a=b")["items"])[0]
                self.assertEqual(self.ours(one["spec"]["tolerations"]), [OURS])
                again = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again"}, "spec": one["spec"]}
                made = bed.api().post("/api/v1/namespaces/default/pods?dryRun=All", again)
                self.assertEqual(made["spec"]["tolerations"], one["spec"]["tolerations"])
            with self.subTest("what goes wrong in it stops no pod"):
                policy = bed.get("mutatingadmissionpolicy", "kerf-tolerations")
                self.assertEqual(policy["spec"]["failurePolicy"], "Ignore")
        self.assert_nothing_left()

    def test_where_the_controller_runs(self):
        with self.bed("controllerpod", karpenter=False) as bed:
            for thing in (node("gpu-a"), node("gpu-b", managed=False), node("plain-a", managed=False),
                          node("plain-b", managed=False)):
                if thing["metadata"]["name"] == "gpu-b":
                    thing["metadata"]["labels"]["karpenter.k8s.aws/instance-gpu-count"] = "1"
                thing["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
                bed.api().post("/api/v1/nodes", thing)
            apply(bed, "rbac-controller-observe.yaml", "controller.yaml")

            def placed():
                pods = bed.get("pods", None, "-n", "kerf-system")["items"]
                return sorted(one["spec"].get("nodeName", "") for one in pods) == ["plain-a", "plain-b"]
            bed.wait("a controller on each node without GPUs", placed)
            with self.subTest("the strictest namespace takes it"):
                bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
                    "name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
                spec = dict(bed.get("deploy", "kerf-controller", "-n", "kerf-system")["spec"]["template"]["spec"])
                for key in ("serviceAccount", "serviceAccountName"):
                    spec.pop(key)
                bed.wait("its account", lambda: bed.get("serviceaccount", "default", "-n", "strict"))
                bed.api().post("/api/v1/namespaces/strict/pods?dryRun=All", {
                    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "controller"}, "spec": spec})
            with self.subTest("a drain takes one at most"):
                def counted():
                    status = bed.get("pdb", "kerf-controller", "-n", "kerf-system").get("status", {})
                    return status if status.get("expectedPods") == 2 else None
                self.assertEqual(bed.wait("the budget's count", counted)["desiredHealthy"], 1)
        self.assert_nothing_left()

    @staticmethod
    def asking(resources, init, tolerations, amount="1"):
        def containers(prefix, names):
            return [{"name": f"{prefix}{number}", "image": "none", "resources": {"limits": {name: amount}}}
                    for number, name in enumerate(names)]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asks"}, "spec": {
            "containers": containers("c", resources), **({"initContainers": containers("i", init)} if init else {}),
            **({} if tolerations is None else {"tolerations": tolerations})}}

    @staticmethod
    def ours(tolerations, resources=(MIG,)):
        """Without those that Kubernetes gives to every pod, and for each resource that it asks for."""
        return [one for one in tolerations
                if not one.get("key", "").startswith("node.kubernetes.io/") and one.get("key") not in resources]

    def made(self, bed, resources, init, tolerations, amount="1"):
        """The tolerations of such a pod as the API server would make it."""
        thing = self.asking(resources, init, tolerations, amount)
        made = json.loads(bed.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(thing)))
        return self.ours(made["spec"].get("tolerations", []), [*resources, *init])
