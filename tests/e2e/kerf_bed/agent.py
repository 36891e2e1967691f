"""kerfd agent on a node of a bed: what a cluster needs for it, its credentials, its process."""
import json

from . import gpu
from .common import API_ADDRESS, API_PORT, E2E, BedError

DEPLOY = E2E.parent.parent / "deploy"
FILES = ("crds/kerf.dev_gpunodes.yaml", "rbac-agent.yaml", "admission-agent.yaml")
NAMESPACE, ACCOUNT, SERVICE = "kerf-system", "kerf-agent", "kerfd"
STATE = "/var/lib/kerf"  # in the node


def install(bed):
    """Applies what deploy/ has for the agent: its kind, its account and what that may do."""
    missing = [str(DEPLOY / name) for name in FILES if not (DEPLOY / name).exists()]
    if missing:
        raise BedError(f"not there: {' '.join(missing)}")
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
              {"apiVersion": "v1", "kind": "ServiceAccount",
               "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}})
    bed.kubectl("apply", "--server-side", "--force-conflicts",
                *(word for name in FILES for word in ("-f", DEPLOY / name)))
    bed.kubectl("wait", "--for=condition=Established", "crd/gpunodes.kerf.dev", "--timeout=60s")


class Agent:
    """One agent; a service of its node. `program`: default is the kerfd of the build folder."""

    def __init__(self, bed, node, program=None, arguments=()):
        self.bed, self.node = bed, node
        self.program = str(program or f"{gpu.build_folder()}/kerfd")
        self.arguments = [str(word) for word in arguments]
        self.folder = bed.folder / "nodes" / node / "agent"
        self.log_file = bed.log(SERVICE, node)

    def token(self):
        """Of the agent's account, bound to this Node, as its pod would get one."""
        api = self.bed.api()
        seen = api.get(f"/api/v1/nodes/{self.node}")
        answer = api.post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
                "expirationSeconds": 36000, "boundObjectRef": {
                    "apiVersion": "v1", "kind": "Node", "name": self.node, "uid": seen["metadata"]["uid"]}}})
        return answer["status"]["token"]

    def start(self, program=None, **more):
        """Starts it; or ends it by SIGTERM and starts another program in its place: an upgrade. `more`: as
        of Bed.run_service."""
        self.program = str(program or self.program)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "token").write_text(self.token())
        command = [self.program, "agent", "--node-name", self.node,
                   "--api-server", f"https://{API_ADDRESS}:{API_PORT}",
                   "--ca", self.bed.folder / "pki/ca.crt", "--token", self.folder / "token",
                   "--metrics", "127.0.0.1:9108", *self.arguments]
        return self.bed.run_service(SERVICE, command, self.node, **more)

    def stop(self):
        return self.bed.order("stop", SERVICE, self.node)["ended"]

    def again(self):
        return self.bed.order("start", SERVICE, self.node)["pid"]

    def kill(self):
        """By SIGKILL; its node starts it again after a second."""
        return self.bed.order("kill", SERVICE, self.node)["ended"]

    def pid(self):
        return self.bed.order("pid", SERVICE, self.node)["pid"]

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

    def metrics(self):
        return self.bed.output(["/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:9108/metrics"],
                               node=self.node)
