"""A small EC2 inside the bed: each Node that Karpenter's kwok cloud makes gets a real node behind it.

    python3 -m kerf_bed.cloud FOLDER

A Node object is what kwok calls an instance. While it is there, a node of its name runs; when it is
gone, the node is stopped. The two sets are compared at each change, so that nothing is missed.
"""
import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import gpu
from .api import Api

PROVIDER = "kwok://"
RETRY_AFTER = 5.0  # seconds, when a node did not start


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def watch_nodes(api, changes):
    """Puts every change of instances into the queue: ("all", {name: Node}), (event type, Node)."""
    while True:
        try:
            listed = api.get("/api/v1/nodes")
            changes.put(("all", {node["metadata"]["name"]: node for node in listed["items"]}))
            for change in api.watch("/api/v1/nodes", listed["metadata"]["resourceVersion"]):
                changes.put(change)
        except Exception as error:  # the API server may be restarting; whatever it is, list again
            say(f"watch: {error}")
            time.sleep(0.5)


class Cloud:
    def __init__(self, folder):
        self.folder = folder
        self.options = json.loads((folder / "bed.json").read_text())
        self.instances = {}  # name -> Node, as the API server has them
        self.running = set()  # nodes that this cloud started
        self.at_work = {}  # name -> (verb, process)
        self.not_before = {}  # name -> when to try again

    def hear(self, change):
        kind, what = change
        if kind == "all":
            self.instances = {name: node for name, node in what.items() if self.is_instance(node)}
        elif kind in ("ADDED", "MODIFIED") and self.is_instance(what):
            self.instances[what["metadata"]["name"]] = what
        elif kind == "DELETED":
            self.instances.pop(what["metadata"]["name"], None)

    @staticmethod
    def is_instance(node):
        return node["spec"].get("providerID", "").startswith(PROVIDER)

    def act(self):
        for name, (verb, process) in list(self.at_work.items()):
            if process.poll() is not None:
                self.finished(name, verb, process)
        for name in self.instances.keys() - self.running - self.at_work.keys():
            if self.not_before.get(name, 0) <= time.monotonic():
                self.begin("up", name)
        for name in self.running - self.instances.keys() - self.at_work.keys():
            self.begin("down", name)

    def begin(self, verb, name):
        say(f"{name}: {verb}")
        more = []
        try:
            if verb == "up":
                more = [json.dumps(self.node_options(self.instances[name]))]
            self.at_work[name] = (verb, subprocess.Popen(
                [sys.executable, "-B", "-m", "kerf_bed.node", verb, self.folder, name, *more],
                stdin=subprocess.DEVNULL))
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            say(f"{name}: {error}")
            self.not_before[name] = time.monotonic() + RETRY_AFTER

    def node_options(self, node):
        """The bed's options for its nodes, and what the user's program says about this one."""
        options = {**self.options["node"], "by_cloud": True}
        if self.options["gpu_build"]:
            options.update(gpus=gpu.boards_of(node), gpu_build=self.options["gpu_build"])
        if self.options["node_program"]:
            said = subprocess.run([self.options["node_program"]], input=json.dumps(node), text=True,
                                  check=True, stdout=subprocess.PIPE).stdout
            own = json.loads(said or "{}")
            for key in ("binds", "images"):
                options[key] = options.get(key, []) + own.get(key, [])
            for key in ("env", "labels"):
                options[key] = {**options.get(key, {}), **own.get(key, {})}
        return options

    def finished(self, name, verb, process):
        del self.at_work[name]
        say(f"{name}: {verb} ended with {process.returncode}")
        if verb == "down":
            self.running.discard(name)
        elif process.returncode == 0:
            self.running.add(name)
        else:
            self.not_before[name] = time.monotonic() + RETRY_AFTER


def main():
    folder = Path(sys.argv[1])
    cloud, changes = Cloud(folder), queue.Queue()
    # After a restart of this program the nodes are still there.
    cloud.running = {path.parent.name for path in folder.glob("nodes/*/node.json")
                     if json.loads(path.read_text())["by_cloud"]}
    threading.Thread(target=watch_nodes, args=(Api(folder / "pki"), changes), daemon=True).start()
    while True:
        try:
            cloud.hear(changes.get(timeout=0.1 if cloud.at_work else 1.0))
        except queue.Empty:
            pass
        cloud.act()


if __name__ == "__main__":
    main()
