"""Starts, reboots and stops a real node; runs inside the bed.

    python3 -m kerf_bed.node up FOLDER NAME [OPTIONS]     OPTIONS: JSON as of Bed.node_up
    python3 -m kerf_bed.node reboot FOLDER NAME
    python3 -m kerf_bed.node down FOLDER NAME
"""
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from . import cgroups, gpu, pki, size
from .common import MAX_NODES, BedError, Channel, plain_environment, run, wait_until

NAMESPACES = ["--pid", "--mount", "--net", "--ipc", "--uts"]
NO_OPTIONS = {"binds": [], "env": {}, "images": [], "labels": {}, "by_cloud": False, "gpus": [],
              "mig": True, "gpu_build": None, "size": None}


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def only_one(folder):
    """Numbers of nodes are given to one at a time."""
    with open(folder / "nodes.lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Node:
    def __init__(self, folder, name):
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", name):
            raise BedError(f"'{name}' cannot be a node's name: small letters, digits, '-' and '.'")
        self.bed_folder, self.name = folder, name
        self.folder = folder / "nodes" / name
        self.bed = json.loads((folder / "bed.json").read_text())

    @property
    def link(self):
        """The bed's end of the cable to the node."""
        return f"node-{(self.folder / 'number').read_text()}"

    def claim_number(self):
        """A number of its own, which its addresses are made of; the one that was free longest."""
        with only_one(self.bed_folder):
            if self.folder.exists():
                raise BedError(f"node {self.name} is already up")
            used = {int(path.read_text()) for path in self.bed_folder.glob("nodes/*/number")}
            last = self.bed_folder / "last-number"
            start = int(last.read_text()) if last.exists() else 0
            free = [number for number in ((start + i) % MAX_NODES + 1 for i in range(MAX_NODES))
                    if number not in used]
            if not free:
                raise BedError(f"a bed has room for {MAX_NODES} nodes")
            last.write_text(str(free[0]))
            self.folder.mkdir()
            (self.folder / "number").write_text(str(free[0]))
        return free[0]

    def up(self, options):
        number = self.claim_number()
        try:
            (self.folder / "log").mkdir()
            options = {**NO_OPTIONS, **options}
            if options["gpus"]:
                options["binds"] += gpu.make_machine(self.folder / "gpus", options["gpu_build"],
                                                     options["gpus"], options["mig"])
            if options["size"]:
                options["binds"] += size.make_machine(self.folder / "size", **options["size"])
            (self.folder / "node.json").write_text(json.dumps({
                **options, "bed": self.bed["name"], "name": self.name, "number": number,
                "parts": self.bed["parts"], "address": f"10.0.{number}.2", "gateway": f"10.0.{number}.1",
                "pods": f"10.244.{number}.0/24"}, indent=1))
            pki.make_client(self.bed_folder / "pki", f"node-{self.name}",
                            f"/O=system:nodes/CN=system:node:{self.name}",
                            self.folder / "kubeconfig")
            self.boot(number)
        except BaseException:
            self.down()
            raise

    def boot(self, number):
        channel, theirs = Channel.pair()
        with open(self.folder / "log/node.log", "ab") as log, theirs:
            subprocess.Popen(
                ["unshare", "--fork", "--kill-child=KILL", *NAMESPACES, sys.executable, "-B",
                 "-m", "kerf_bed.node_init", self.folder],
                stdin=theirs, stdout=log, stderr=log, cwd="/", start_new_session=True,
                env=plain_environment(self.bed["parts"]))
        while True:
            message = channel.receive()
            if message is None:
                raise BedError(f"node {self.name} ended while starting; see node.log")
            if "error" in message:
                raise BedError(f"node {self.name}: {message['error']}")
            if "pid" in message:
                (self.folder / "pid").write_text(str(message["pid"]))
                self.connect(number, message["pid"])
                channel.send(network=True)
            if "ready" in message:
                return

    def connect(self, number, pid):
        run(["ip", "-batch", "-"], f"cable to node {self.name}", input=f"""
            link add name node-{number} type veth peer name eth0 netns {pid}
            address add 10.0.{number}.1/24 dev node-{number}
            link set node-{number} up
            route add 10.244.{number}.0/24 via 10.0.{number}.2 dev node-{number}
            """)

    def reboot(self):
        """Switched off and on: /var and what is written in it stay, /run and the GPUs' instances go."""
        self.switch_off()
        options = json.loads((self.folder / "node.json").read_text())
        if options["gpus"]:
            gpu.reboot_machine(self.folder / "gpus", options["gpu_build"], options["mig"])
        self.boot(options["number"])

    def switch_off(self):
        """Kills process 1 of the node, and with it its daemons, its pods and all that runs in it."""
        if not self.folder.exists():
            raise BedError(f"node {self.name} is not up")
        if (self.folder / "pid").exists():
            pid = int((self.folder / "pid").read_text())
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
            wait_until(f"end of node {self.name}", lambda: not is_alive(pid), 60, 0.01)
            (self.folder / "pid").unlink()
        cgroups.remove(self.bed["name"], self.name)
        subprocess.run(["ip", "link", "delete", self.link], stderr=subprocess.DEVNULL, check=False)

    def down(self):
        self.switch_off()
        shutil.copytree(self.folder / "log", self.bed_folder / "log" / self.name, dirs_exist_ok=True)
        # Its name is free only when all is gone; until then its number is kept, too.
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        shutil.rmtree(self.folder)


def main():
    verb, folder, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        node = Node(folder, name)
        if verb == "up":
            node.up(json.loads(sys.argv[4]) if len(sys.argv) > 4 else {})
        elif verb == "reboot":
            node.reboot()
        else:
            node.down()
    except (BedError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
