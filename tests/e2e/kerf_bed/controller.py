"""kerfd controller in a bed: what a cluster needs for it, its credentials, its process, its policies."""
import json

from . import agent, gpu, prices
from .agent import DEPLOY, NAMESPACE
from .common import API_ADDRESS, API_PORT, BedError

ACCOUNT = "kerf-controller"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/kerf-controller"
KINDS = ("slicepolicies", "gpunodes")
OBSERVE = ("rbac-controller-observe.yaml", "admission-controller.yaml", "admission-tolerations.yaml")
ACT = ("rbac-controller-act.yaml",)
NODE_CLASS = "kwoknodeclasses.v1alpha1.karpenter.kwok.sh/KWOKNodeClass"
CLASSES = {"cut": "kerf-cut", "whole": "kerf-whole"}
# The mind's and the host's waits, shorter than people want them, so that tests see what comes after.
QUICK = {"park-after": "2s", "settle": "3s", "consolidate-every": "5s", "status-every": "3s", "refused": "20s",
         "vain": "3s", "empty": "5s", "scrape-every": "2s"}


def node_class(name):
    return {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": name}}


def may_read_node_classes():
    """In place of what deploy/ says of ec2nodeclasses."""
    name, group = "kerf-controller-kwok", "rbac.authorization.k8s.io"
    return ({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": [
        {"apiGroups": ["karpenter.kwok.sh"], "resources": ["kwoknodeclasses"], "verbs": ["list", "watch"]}]},
            {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
             "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
             "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}]})


def policy(name="gpu", mode="Act", **spec):
    """A SlicePolicy that may buy what the tests need, and no more than they can need."""
    return {"apiVersion": "kerf.dev/v1alpha1", "kind": "SlicePolicy", "metadata": {"name": name}, "spec": {
        "mode": mode, "nodeClasses": CLASSES, "limits": {"usdPerHour": 200, "gpus": 32},
        "consolidation": {"coolDown": "1s", "movesPerHour": 1000, "leastSavingUsdPerHour": 0}, **spec}}


def install(bed, act=True):
    """Applies what deploy/ has for both halves, and NodeClasses to buy from. `act`: also what Act may write."""
    files = [*OBSERVE, *(ACT if act else ())]
    missing = [name for name in files if not (DEPLOY / name).exists()]
    if missing:
        raise BedError(f"not there: {' '.join(str(DEPLOY / name) for name in missing)}")
    agent.install(bed)
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", DEPLOY / "crds",
                *(word for name in files for word in ("-f", DEPLOY / name)))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=60s",
                *(f"crd/{kind}.kerf.dev" for kind in KINDS))
    bed.apply(*(node_class(name) for name in CLASSES.values()), *may_read_node_classes())
    wait_for_tolerations(bed)


def wait_for_tolerations(bed):
    """The API server begins to obey an admission policy some time after it was made: until it does, pods that
    ask for slices would be without the toleration. Asked by a pod that is never made."""
    probe = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": {"containers": [
        {"name": "main", "image": "none", "resources": {"limits": {"nvidia.com/mig-1g.10gb": "1"}}}]}}
    api = bed.api()

    def obeyed():
        made = api.post("/api/v1/namespaces/default/pods?dryRun=All", probe)
        return any(one.get("key") == "kerf.dev/slices" for one in made["spec"].get("tolerations", []))
    bed.wait("the toleration of Kerf's taint in pods", obeyed, 60)


class Controller:
    """One controller; a service of the bed's control plane. Several of them need a number each.

    settings   {"park-after": "2s"}: --set
    server     where it finds the API server; default: the API server itself
    """

    def __init__(self, bed, number=1, program=None, settings=None, arguments=(),
                 server=f"https://{API_ADDRESS}:{API_PORT}"):
        self.bed, self.number, self.server = bed, number, server
        self.name = f"kerfd-{number}"
        self.program = str(program or f"{gpu.build_folder()}/kerfd")
        self.settings = {**QUICK, **(settings or {})}
        self.arguments = [str(word) for word in arguments]
        self.folder = bed.folder / "controllers" / self.name
        self.log_file = bed.log(self.name)
        self.metrics_port = 9108 + number

    def token(self):
        answer = self.bed.api().post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 36000}})
        return answer["status"]["token"]

    def command(self):
        return [self.program, "controller", "--identity", self.name, "--api-server", self.server,
                "--ca", self.bed.folder / "pki/ca.crt", "--token", self.folder / "token",
                "--metrics", f"127.0.0.1:{self.metrics_port}", "--node-class", NODE_CLASS,
                "--karpenter-metrics", prices.URL,
                *(word for name, value in self.settings.items() for word in ("--set", f"{name}={value}")),
                *self.arguments]

    def start(self):
        """Starts it, or one with other arguments in its place."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "token").write_text(self.token())
        return self.bed.run_service(self.name, self.command())

    def stop(self):
        return self.bed.order("stop", self.name)["ended"]

    def again(self):
        return self.bed.order("start", self.name)["pid"]

    def kill(self):
        """By SIGKILL; the bed starts it again after a second."""
        return self.bed.order("kill", self.name)["ended"]

    def kill_for_good(self):
        """By SIGKILL, until again()."""
        return self.bed.order("stop", self.name, signal=9)["ended"]

    def pid(self):
        return self.bed.order("pid", self.name)["pid"]

    def log(self):
        """Its lines so far, as dictionaries; what is no JSON as {"text"}."""
        lines = []
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"text": line})
        return lines

    def page(self, path="/metrics"):
        return self.bed.output(["/bin/busybox", "wget", "-q", "-O", "-",
                                f"http://127.0.0.1:{self.metrics_port}{path}"])

    def is_ready(self):
        return self.bed.run(["/bin/busybox", "wget", "-q", "-O", "/dev/null",
                             f"http://127.0.0.1:{self.metrics_port}/readyz"], capture_output=True).returncode == 0

    def leads(self):
        lease = self.bed.api().find(LEASE)
        return bool(lease) and lease["spec"].get("holderIdentity") == self.name
