"""Tests of deploy/ on a real API server: what the controller's account may do in Observe and in Act, and which parts of
objects the admission policies hold it to. Run by bed_test.py.
"""
from gpunode_tests import AGENT, node
from kerf_bed.api import ApiError
from kerf_bed.common import E2E
from kerf_bed.testing import BedTest, claim, pod
from rights_cases import (ACT, EVENTS, IN_NAMESPACES, KERF, MIG, NEVER, NODE, NODE_ALLOWED, NODE_REFUSED, NODE_STATUS,
                          OBSERVE, POD_REFUSED, READ)

DEPLOY = E2E.parent.parent / "deploy"
CONTROLLER = "system:serviceaccount:kerf-system:kerf-controller"
VERBS = ("get", *READ, "create", "update", "patch", "delete", "deletecollection")
POD_STATUS = "/api/v1/namespaces/default/pods/p/status"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
UNCUT, SLICES = ({"key": key, "effect": "NoSchedule"} for key in ("kerf.dev/uncut", "kerf.dev/slices"))


def apply(bed, *names):
    bed.kubectl("apply", "--server-side", "--validate=strict",
                *(word for name in names for word in ("-f", DEPLOY / name)))


def may(bed, user, group, resource, verb, namespace="", name=""):
    resource, _, subresource = resource.partition("/")
    return bed.api().post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": user, "groups": ["system:serviceaccounts", "system:authenticated"], "resourceAttributes": {
                "group": group, "resource": resource, "subresource": subresource, "verb": verb,
                "namespace": namespace, "name": name}}})["status"]["allowed"]


def given(bed, role):
    """All that a ClusterRole gives, one by one."""
    return {(group, resource, verb) for rule in bed.get("clusterrole", role)["rules"] for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]}


class Rights(BedTest):
    def test_what_the_controller_may(self):
        with self.bed("rights") as bed:
            apply(bed, "crds/kerf.dev_slicepolicies.yaml", "crds/kerf.dev_gpunodes.yaml", "rbac-agent.yaml",
                  "rbac-controller-observe.yaml")
            token = bed.kubectl("create", "token", "kerf-controller", "-n", "kerf-system").strip()
            self.observe_reads_and_tells(bed)
            self.observe_does_its_work(bed, bed.api(token))
            apply(bed, "rbac-controller-act.yaml", "admission-controller.yaml")
            self.act_does_more(bed)
            self.agents_write_no_policies(bed)
            self.clock.lap("rights looked at")
            self.policies_are_sound(bed, "kerf-controller-node-status", "kerf-controller-pod-status",
                                    "kerf-controller-own-nodeclaims")
            controller = self.as_controller(bed, token)
            self.of_a_node_it_writes_little(bed, controller)
            self.of_a_pod_it_writes_one_field(bed, controller)
            self.claims_are_its_own(bed, controller)
            self.clock.lap("admission looked at")
        self.assert_nothing_left()

    # --- RBAC ------------------------------------------------------------------------------------

    def observe_reads_and_tells(self, bed):
        with self.subTest("the role gives exactly that"):
            self.assertEqual(given(bed, "kerf-controller-observe"), OBSERVE)
        self.rights_are(bed, OBSERVE)
        for group, resource, verb in sorted(ACT):
            with self.subTest("Observe has no right of Act", resource=resource, verb=verb):
                self.assertFalse(may(bed, CONTROLLER, group, resource, verb, "team"))

    def observe_does_its_work(self, bed, controller):
        """What it writes, written by its token; and nothing of the same objects beside it."""
        bed.apply({"apiVersion": "kerf.dev/v1alpha1", "kind": "SlicePolicy", "metadata": {"name": "p"}, "spec": {}})
        policy = "/apis/kerf.dev/v1alpha1/slicepolicies/p"
        seen = bed.get("slicepolicy", "p")
        leases = "/apis/coordination.k8s.io/v1/namespaces/kerf-system/leases"
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "kerf-controller"},
                 "spec": {"holderIdentity": "a"}}
        event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "p.1", "namespace": "default"},
                 "eventTime": "2026-11-29T16:00:00.000000Z", "reportingController": "kerf.dev/controller",
                 "reportingInstance": "a", "action": "Would", "reason": "WouldBuy", "type": "Normal", "regarding": {
                     "apiVersion": "kerf.dev/v1alpha1", "kind": "SlicePolicy", "name": "p",
                     "uid": seen["metadata"]["uid"]}}
        controller.put(policy + "/status", {**seen, "status": {"summary": "told"}})
        made = controller.post(leases, lease)
        controller.put(leases + "/kerf-controller", {**made, "spec": {"holderIdentity": "b"}})
        controller.get(leases + "?fieldSelector=metadata.name%3Dkerf-controller")
        controller.post("/apis/events.k8s.io/v1/namespaces/default/events", event)
        self.assertIn("told", bed.kubectl("describe", "slicepolicy", "p"))
        self.assertIn("WouldBuy", bed.kubectl("get", "events", "-A", "--field-selector",
                                              "reportingComponent=kerf.dev/controller"))
        event["metadata"] = {"name": "p.2", "namespace": "kube-system"}
        for what, call, *arguments in [
                ("a policy's spec", controller.patch, policy, {"spec": {"priority": 1}}),
                ("another Lease", controller.put, leases + "/other", lease), ("every Lease", controller.get, leases),
                ("an Event elsewhere", controller.post, "/apis/events.k8s.io/v1/namespaces/kube-system/events", event),
                ("a NodeClaim", controller.post, CLAIMS, claim("c")[1])]:
            with self.subTest("Observe may not write", what=what):
                with self.assertRaises(ApiError) as caught:
                    call(*arguments)
                self.assertEqual(caught.exception.code, 403)

    def act_does_more(self, bed):
        with self.subTest("the role gives exactly that"):
            self.assertEqual(given(bed, "kerf-controller-act"), ACT)
        changed = {(group, resource) for group, resource, _ in ACT}
        self.rights_are(bed, {right for right in OBSERVE | ACT if right[:2] in changed})

    def rights_are(self, bed, rights):
        for group, resource in sorted({(group, resource) for group, resource, _ in rights}):
            with self.subTest("rights", group=group, resource=resource):
                self.assertEqual({verb for verb in VERBS if may(bed, CONTROLLER, group, resource, verb, "team")},
                                 {verb for g, r, verb in rights if (g, r) == (group, resource)})
        for group, resource, verb in NEVER:
            with self.subTest("never", resource=resource, verb=verb):
                self.assertFalse(may(bed, CONTROLLER, group, resource, verb, "kerf-system"))
        for allowed, group, resource, verb, namespace, name in IN_NAMESPACES:
            with self.subTest("in a namespace", resource=resource, verb=verb, namespace=namespace, name=name):
                self.assertEqual(may(bed, CONTROLLER, group, resource, verb, namespace, name), allowed)
        with self.subTest("events elsewhere"):
            self.assertEqual(may(bed, CONTROLLER, EVENTS, "events", "create", "team"),
                             (EVENTS, "events", "create") in rights)

    def agents_write_no_policies(self, bed):
        for resource in ("slicepolicies", "slicepolicies/status"):
            for verb in VERBS:
                with self.subTest("an agent", resource=resource, verb=verb):
                    self.assertFalse(may(bed, AGENT, KERF, resource, verb))

    # --- Admission -------------------------------------------------------------------------------

    def policies_are_sound(self, bed, *names):
        for name in names:
            with self.subTest("no doubtful expression, and it fails closed", policy=name):
                def checked(of=name):
                    found = bed.get("validatingadmissionpolicy", of)
                    return found if "typeChecking" in found.get("status", {}) else None
                policy = bed.wait("its types checked", checked)
                self.assertFalse(policy["status"]["typeChecking"].get("expressionWarnings"))
                self.assertEqual(policy["spec"]["failurePolicy"], "Fail")

    def as_controller(self, bed, token):
        """Its client. It gets more rights than deploy/ gives: the policies have to hold by themselves."""
        bed.kubectl("create", "clusterrole", "more", "--verb=*",
                    "--resource=nodes,nodes/status,pods/status,nodeclaims.karpenter.sh,nodeclaims.karpenter.sh/status")
        bed.kubectl("create", "clusterrolebinding", "more", "--clusterrole=more",
                    "--serviceaccount=kerf-system:kerf-controller")
        return bed.api(token)

    def refused(self, policy, words, call, *arguments):
        with self.assertRaises(ApiError) as caught:
            call(*arguments)
        said = str(caught.exception)
        self.assertEqual(caught.exception.code, 403, said)
        self.assertIn(f"ValidatingAdmissionPolicy 'kerf-controller-{policy}'", said)
        self.assertIn(words, said)

    def of_a_node_it_writes_little(self, bed, controller):
        one = node("n", taints=[(SLICES["key"], "NoSchedule"), (UNCUT["key"], "NoSchedule")])
        one["metadata"].update(annotations={"a": "b"}, labels={"a": "b", "kerf.dev/managed": "true"})
        # As large as kubelets make it, so that the policies' cost is within what the API server allows.
        one["metadata"]["labels"].update({f"example.com/label-{number}": 60 * "x" for number in range(100)})
        one["status"].update(conditions=[{"type": "Ready", "status": "True"}], images=[
            {"names": [f"registry.example.com/team/image-{number}@sha256:{64 * digit}" for digit in "abcde"],
             "sizeBytes": 123456789} for number in range(50)], volumesInUse=[
            f"kubernetes.io/csi/ebs.csi.aws.com^vol-{number:017}" for number in range(100)])
        admin = bed.api()
        admin.post("/api/v1/nodes", one)

        def in_force():
            try:
                controller.patch(NODE + "?dryRun=All", {"metadata": {"labels": {"a": "c"}}})
            except ApiError as error:
                return "ValidatingAdmissionPolicy" in str(error)
            return False
        bed.wait("the policy in force", in_force)

        def change_taints(change):
            """Beside those that come and go with the node's condition: on the node as it is now."""
            while True:
                seen = admin.get(NODE)
                try:
                    return controller.patch(NODE, {"metadata": {"resourceVersion": seen["metadata"]["resourceVersion"]},
                                                   "spec": {"taints": change(seen["spec"]["taints"])}})
                except ApiError as error:
                    if error.code != 409:
                        raise
        for what, path, patch in NODE_ALLOWED:
            with self.subTest("may", what=what):
                controller.patch(path, patch)
        with self.subTest("may", what="let pods come"):
            change_taints(lambda taints: [taint for taint in taints if taint["key"] != UNCUT["key"]])
        seen = admin.get(NODE)
        self.assertEqual((seen["status"]["allocatable"][MIG], seen["metadata"]["labels"]["kerf.dev/x"]), ("0", "y"))
        self.assertNotIn(UNCUT["key"], [taint["key"] for taint in seen["spec"]["taints"]])
        for what, path, patch, words in NODE_REFUSED:
            with self.subTest("may not", what=what):
                self.refused("node-status", words, controller.patch, path, patch)
        for what, change in [
                ("a taint gone", lambda taints: [one for one in taints if one != SLICES]),
                ("a taint more", lambda taints: [*taints, UNCUT]),
                ("a taint's effect", lambda taints: [{**one, "effect": "PreferNoSchedule"} if one == SLICES else one
                                                     for one in taints])]:
            with self.subTest("may not", what=what):
                self.refused("node-status", "removes kerf.dev/uncut, and neither", change_taints, change)
        with self.subTest("may not", what="delete or make a Node"):
            self.refused("node-status", "neither makes nor deletes", controller.delete, NODE)
            self.refused("node-status", "neither makes nor deletes", controller.post, "/api/v1/nodes", node("other"))
        with self.subTest("others write as before"):
            admin.patch(NODE_STATUS, {"status": {"capacity": {"cpu": "9"}}, "metadata": {"annotations": {"a": "d"}}})
            admin.patch(NODE, {"metadata": {"labels": {"a": "c"}}, "spec": {"unschedulable": True}})
            self.assertEqual(admin.get(NODE)["status"]["capacity"]["cpu"], "9")

    def of_a_pod_it_writes_one_field(self, bed, controller):
        bed.apply(pod("p", "true", nodeSelector={"no": "node"}))
        bed.wait("the scheduler's word", lambda: bed.get("pod", "p")["status"].get("conditions"))
        for value in ("n", None):
            with self.subTest("nominates", node=value):
                controller.patch(POD_STATUS, {"status": {"nominatedNodeName": value}})
                self.assertEqual(bed.get("pod", "p")["status"].get("nominatedNodeName"), value)
        for what, patch, words in POD_REFUSED:
            with self.subTest("may not", what=what):
                self.refused("pod-status", words, controller.patch, POD_STATUS, patch)

    def claims_are_its_own(self, bed, controller):
        node_class, own = claim("own")
        own["metadata"]["labels"]["kerf.dev/policy"] = "p"
        own["spec"]["nodeClassRef"]["name"] = "not-there"  # so that nothing is launched
        other = {**own, "metadata": {"name": "other"}}
        with self.subTest("makes and deletes its own"):
            controller.post(CLAIMS, own)
            controller.delete(f"{CLAIMS}/own")
        with self.subTest("may not make another"):
            self.refused("own-nodeclaims", "that carry the label kerf.dev/policy", controller.post, CLAIMS, other)
        bed.apply(node_class, claim("other")[1])
        with self.subTest("may not delete or change another's"):
            self.refused("own-nodeclaims", "that carry the label kerf.dev/policy", controller.delete, f"{CLAIMS}/other")
            self.refused("own-nodeclaims", "changes none", controller.patch, f"{CLAIMS}/other",
                         {"metadata": {"labels": {"kerf.dev/policy": "p"}}})
        bed.kubectl("delete", "nodeclaim", "other", "--timeout=120s")
