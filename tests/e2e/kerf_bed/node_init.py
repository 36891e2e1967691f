"""Process 1 of a node: makes its file system and network, then runs containerd and kubelet.

    python3 -m kerf_bed.node_init FOLDER      its standard input is a channel to kerf_bed.node
"""
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from . import cgroups, linux
from .api import answers
from .common import BedError, Channel, plain_environment, run
from .init import Init
from .node_root import NodeRoot

SLOW = 180  # seconds
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
SNAPSHOTTER = "native"  # copies; works wherever the bed's folder is, and the images are small

CONTAINERD = f"""version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "{SNAPSHOTTER}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "kerf.test/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE it cannot be lowered, and no pod would start
  enable_cdi = true
  cdi_spec_dirs = ["/etc/cdi", "/var/run/cdi"]
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  snapshotter = "{SNAPSHOTTER}"
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "/etc/cni/net.d"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"  # else it makes /opt/containerd, on the machine's own disk
"""


def kubelet_configuration(pki):
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                           "x509": {"clientCAFile": str(pki / "ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs", "cgroupsPerQOS": False, "enforceNodeAllocatable": [],
        "failCgroupV1": False, "failSwapOn": False, "makeIPTablesUtilChains": False, "resolvConf": "",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        # The machine's disk may be rather full: that must not evict pods or delete images.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%",
                         "nodefs.inodesFree": "1%", "imagefs.inodesFree": "1%"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99}


class NodeInit:
    def __init__(self, folder, channel):
        self.folder, self.channel = folder, channel
        self.options = json.loads((folder / "node.json").read_text())
        self.parts = Path(self.options["parts"])
        self.environment = plain_environment(self.parts, **self.options["env"])
        self.init = Init(None, folder)

    def up(self):
        cgroups.enter(self.options["bed"], self.options["name"])
        linux.make_mounts_private()
        NodeRoot(self.folder, self.options).enter()
        socket.sethostname(self.options["name"][:63])
        self.network()
        self.containerd()
        for file in sorted((self.folder / "at-boot").glob("*.json")):
            service = json.loads(file.read_text())
            self.init.start(file.stem, service["command"], service["environment"])
            if service["ready"]:
                self.init.wait_until(file.stem, lambda service=service: subprocess.run(
                    service["ready"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    env=service["environment"], check=False).returncode == 0, SLOW)
        self.kubelet()

    def network(self):
        if self.channel.receive() is None:
            raise BedError("who starts this node is gone")
        run(["ip", "-batch", "-"], "network of the node", input=f"""
            link set lo up
            address add {self.options["address"]}/24 dev eth0
            link set eth0 up
            route add default via {self.options["gateway"]}
            """)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        Path("/etc/cni/net.d/10-pods.conflist").write_text(json.dumps({
            "cniVersion": "1.0.0", "name": "pods", "plugins": [{
                "type": "ptp", "ipMasq": False, "ipam": {
                    "type": "host-local", "ranges": [[{"subnet": self.options["pods"]}]],
                    "routes": [{"dst": "0.0.0.0/0"}]}}]}))

    def containerd(self):
        Path("/etc/containerd/config.toml").write_text(CONTAINERD)
        self.init.start("containerd", [self.parts / "containerd", "-c", "/etc/containerd/config.toml"],
                        self.environment)
        ctr = [self.parts / "ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io"]
        self.init.wait_until("containerd", lambda: subprocess.run(
            [*ctr, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self.environment, check=False).returncode == 0, SLOW)
        bed = self.folder.parent.parent
        for image in (bed / "pause.tar", bed / "box.tar", *self.options["images"]):
            run([*ctr, "images", "import", "--local", "--snapshotter", SNAPSHOTTER, image], f"image {image}",
                env=self.environment)

    def kubelet(self):
        pki = self.folder.parent.parent / "pki"
        configuration = Path("/etc/kubernetes/kubelet.json")
        configuration.write_text(json.dumps(kubelet_configuration(pki), indent=1))
        labels = ",".join(f"{key}={value}" for key, value in self.options["labels"].items())
        self.init.start("kubelet", [
            self.parts / "kubelet", "--config", configuration, "--kubeconfig", self.folder / "kubeconfig",
            "--hostname-override", self.options["name"], "--node-ip", self.options["address"],
            "--cert-dir", "/var/lib/kubelet/pki", *(["--node-labels", labels] if labels else [])],
            self.environment)
        self.init.wait_until("kubelet", lambda: answers(10248, "/healthz", tls=False), SLOW)


def main():
    channel = Channel.of_stdin()
    channel.send(pid=linux.pid_seen_from_outside())
    try:
        node = NodeInit(Path(sys.argv[1]), channel)
        node.up()
    except (BedError, OSError, subprocess.CalledProcessError) as error:
        channel.send(error=str(error))
        os._exit(1)
    channel.send(ready=True)
    channel.close()
    node.init.serve()


if __name__ == "__main__":
    main()
