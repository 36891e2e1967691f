"""Process 1 of a bed: etcd, API server, scheduler, controllers, Karpenter, and the cloud.

    python3 -m kerf_bed.control_plane FOLDER      its standard input is a channel to the keeper
"""
import json
import os
import socket
import sys
import time
from pathlib import Path

from . import faults, linux, pki
from .api import Api, answers
from .common import API_ADDRESS, API_PORT, SERVICE_ADDRESS, BedError, Channel, plain_environment, run
from .image import write_image
from .init import Init

SLOW = 180  # seconds within which each part has to be ready, on the slowest machine

WRITES = ["create", "update", "patch", "delete", "deletecollection"]
KERFS = ["system:serviceaccount:kerf-system:kerf-controller"]
DONE = {"omitStages": ["RequestReceived", "ResponseStarted"]}
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [
    {"level": "Request", "users": KERFS, "verbs": WRITES, "omitStages": ["ResponseStarted"]},
    {"level": "Metadata", "users": KERFS, **DONE},
    {"level": "Request", "verbs": WRITES, "resources": [{"group": "karpenter.sh", "resources": ["nodeclaims"]}], **DONE},
    {"level": "None"}]}


def seclude(name):
    """Makes the new namespaces a place of their own: /proc, host name, network."""
    linux.make_mounts_private()
    linux.mount("proc", "/proc", "proc")
    socket.sethostname(f"bed-{name}"[:63])
    run(["ip", "-batch", "-"], "network of the bed", input=f"""
        link set lo up
        address add {API_ADDRESS}/32 dev lo
        address add {SERVICE_ADDRESS}/32 dev lo
        """)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")  # between nodes


class ControlPlane:
    def __init__(self, folder, channel):
        self.folder, self.channel = folder, channel
        self.options = json.loads((folder / "bed.json").read_text())
        self.parts, self.pki = Path(self.options["parts"]), folder / "pki"
        self.kubeconfig = folder / "kubeconfig"
        self.environment = plain_environment(self.parts, KUBECACHEDIR=str(folder / "kubectl-cache"))
        self.init = Init(channel, folder)
        self.api = None
        self.started = time.monotonic()

    def say(self, text):
        self.channel.send(say=f"[{time.monotonic() - self.started:.1f} s] {text}")

    def start(self, name, *words, **environment):
        self.init.start(name, [self.parts / name, *words], {**self.environment, **environment})

    def up(self):
        self.make_files()
        self.start_store_and_api()
        self.start_controllers()
        if self.options["karpenter"]:
            self.start_karpenter()
        self.wait_for_controllers()
        if self.options["cloud"]:
            for name in ("prices", "cloud"):
                self.init.start(name, [sys.executable, "-B", "-m", f"kerf_bed.{name}", self.folder],
                                self.environment)

    def make_files(self):
        pki.make_authority(self.pki)
        pki.make_server_certificate(self.pki, "kube-apiserver")
        pki.make_client(self.pki, "admin", "/O=system:masters/CN=admin", self.kubeconfig)
        pki.make_certificate(self.pki, "kubelet-client", "/O=system:masters/CN=apiserver-kubelet-client",
                             "extendedKeyUsage=clientAuth")
        self.api = Api(self.pki)
        write_image(self.folder / "pause.tar", "kerf.test/pause:1", ["/bin/sleep", "2000000000"])
        write_image(self.folder / "box.tar", "kerf.test/box:1", ["/bin/sh"])

    def start_store_and_api(self):
        etcd = "http://127.0.0.1:2379"
        self.start("etcd", "--data-dir", self.folder / "etcd", "--listen-client-urls", etcd,
                   "--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:2380",
                   "--unsafe-no-fsync")
        self.start(
            "kube-apiserver", "--etcd-servers", etcd, "--secure-port", API_PORT, "--bind-address", "0.0.0.0",
            "--advertise-address", API_ADDRESS, "--service-cluster-ip-range", "10.96.0.0/16",
            "--cert-dir", self.pki, "--tls-cert-file", self.pki / "kube-apiserver.crt",
            "--tls-private-key-file", self.pki / "kube-apiserver.key", "--client-ca-file", self.pki / "ca.crt",
            "--kubelet-client-certificate", self.pki / "kubelet-client.crt",
            "--kubelet-client-key", self.pki / "kubelet-client.key",
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", self.pki / "sa.key",
            "--service-account-signing-key-file", self.pki / "sa.key",
            "--authorization-mode", "Node,RBAC", "--allow-privileged",
            "--enable-admission-plugins", "NodeRestriction,ExtendedResourceToleration",
            "--kubelet-preferred-address-types", "InternalIP", *self.audit(), *self.options["api_arguments"])
        self.init.wait_until("API server", lambda: self.api.ok("/readyz"), SLOW)
        self.say("API server is ready")

    def audit(self):
        """Arguments for a log of what Kerf's accounts ask for, writes with their content, and of purchases."""
        if not self.options["audit"]:
            return []
        policy = self.folder / "audit-policy.json"
        policy.write_text(json.dumps(AUDIT, indent=1))
        return ["--audit-policy-file", policy, "--audit-log-path", self.folder / "log/audit.log"]

    def start_controllers(self):
        # The controllers' own limit of 20 requests a second would be most of the start.
        common = ["--kubeconfig", self.kubeconfig, "--leader-elect=false", "--bind-address", "127.0.0.1",
                  "--kube-api-qps", "200", "--kube-api-burst", "400"]
        self.start("kube-scheduler", *common)
        self.start("kube-controller-manager", *common, "--use-service-account-credentials",
                   "--service-account-private-key-file", self.pki / "sa.key",
                   "--root-ca-file", self.pki / "ca.crt",
                   "--flex-volume-plugin-dir", self.folder / "volume-plugins",
                   "--controllers", "*,-nodeipam,-cloud-node-lifecycle-controller",
                   *self.options["manager_arguments"])

    def start_karpenter(self):
        run([self.parts / "kubectl", "--kubeconfig", self.kubeconfig, "apply", "--server-side", "-f",
             self.parts / "crds"], "Karpenter's kinds", env=self.environment)
        for path in ("karpenter.sh/v1/nodeclaims", "karpenter.sh/v1/nodepools",
                     "karpenter.kwok.sh/v1alpha1/kwoknodeclasses"):
            self.init.wait_until(path, lambda at=path: self.api.ok(f"/apis/{at}"), SLOW)
        self.start("karpenter-kwok", KUBECONFIG=str(self.kubeconfig), DISABLE_LEADER_ELECTION="true",
                   SYSTEM_NAMESPACE="kube-system", FEATURE_GATES="NodeOverlay=true", CPU_REQUESTS="2000",
                   INSTANCE_TYPES_FILE_PATH=self.options["types"], METRICS_PORT="8080",
                   HEALTH_PROBE_PORT="8081", KERF_CLOUD=str(self.folder / faults.NAME))

    def wait_for_controllers(self):
        for name, port in (("scheduler", 10259), ("controller manager", 10257)):
            self.init.wait_until(name, lambda at=port: answers(at, "/healthz", tls=True), SLOW)
        # Pods are refused until their namespace has its service account.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.init.wait_until("default service account", lambda: self.api.ok(account), SLOW)
        self.say("scheduler and controllers are ready")
        if self.options["karpenter"]:
            self.init.wait_until("Karpenter", lambda: answers(8081, "/readyz", tls=False), SLOW)
            self.say("Karpenter is ready")


def main():
    channel = Channel.of_stdin()
    channel.send(pid=linux.pid_seen_from_outside())
    folder = Path(sys.argv[1])
    try:
        plane = ControlPlane(folder, channel)
        seclude(plane.options["name"])
        plane.up()
    except (BedError, OSError) as error:
        channel.send(error=str(error))
        os._exit(1)
    channel.send(ready=True)
    plane.init.serve()


if __name__ == "__main__":
    main()
