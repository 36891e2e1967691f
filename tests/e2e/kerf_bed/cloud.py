"""A small EC2 inside the bed: each Node that Karpenter's kwok cloud makes gets a real node behind it.

    python3 -m kerf_bed.cloud FOLDER

A Node object is what kwok calls an instance. While it is there, a node of its name runs; when it is
gone, the node is stopped. The two sets are compared at each change, so that nothing is missed. What is
late, never comes or is lost is in a file (faults.py). Where the bed has agents, a node gets one when its
kubelet is up, as a DaemonSet brings it.
"""
import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import control, faults, gpu, size
from .agent import Agent
from .api import Api
from .common import BedError, plain_environment

PROVIDER = "kwok://"
RETRY_AFTER = 5.0  # seconds, when a node did not start
MODE = "kerf.dev/mode"  # of Kerf's nodes: "whole" is a NodeClass that leaves MIG mode off


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


class Inside:
    """The bed as agent.py wants it, for who is inside."""

    def __init__(self, folder, api, parts):
        self.folder, self._api, self._parts = folder, api, parts

    def api(self):
        return self._api

    def log(self, service, node):
        return self.folder / "nodes" / node / "log" / f"{service}.log"

    def run_service(self, service, command, node):
        return control.order(self.folder / "nodes" / node, "run", service, command=[str(word) for word in command],
                             environment=plain_environment(self._parts))["pid"]


class Cloud:
    def __init__(self, folder):
        self.folder = folder
        self.options = json.loads((folder / "bed.json").read_text())
        self.types = json.loads(Path(self.options["types"]).read_text())
        self.inside = Inside(folder, Api(folder / "pki"), self.options["parts"])
        self.faults = faults.read(folder)
        self.instances = {}  # name -> Node, as the API server has them
        self.seen = {}  # name -> when it was seen first
        self.running = set()  # nodes that this cloud started
        self.at_work = {}  # name -> (verb, process)
        self.not_before = {}  # name -> when to try again
        self.agents = {}  # name -> when its agent is to be started; None: it is

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
        now = time.monotonic()
        self.faults = faults.read(self.folder)
        for name, at in self.faults["notices"].items():
            if at <= now and name not in self.faults["lost"]:
                say(f"{name}: its time is over")
                faults.Faults(self.folder).lose(name)
                self.faults["lost"][name] = True
        for name, (verb, process) in list(self.at_work.items()):
            if process.poll() is not None:
                self.finished(name, verb, process)
        wanted = {name for name in self.instances if name not in self.faults["lost"]}
        for name in wanted - self.running - self.at_work.keys():
            if self.is_due(name, now):
                self.begin("up", name)
        for name in self.running - wanted - self.at_work.keys():
            self.begin("down", name)
        for name in self.running & wanted:
            if self.agents.get(name) is not None and self.agents[name] <= now:
                self.start_agent(name)

    def is_due(self, name, now):
        seen = self.seen.setdefault(name, now)
        return (not faults.of_node(self.faults, name, "neverJoins")
                and seen + faults.of_node(self.faults, name, "bootSeconds") <= now
                and self.not_before.get(name, 0) <= now)

    def start_agent(self, name):
        try:
            agent = Agent(self.inside, name, **self.options["agents"])
            say(f"{name}: agent, process {agent.start()}")
            self.agents[name] = None
        except (BedError, OSError, KeyError) as error:
            say(f"{name}: agent: {error}")
            self.agents[name] = time.monotonic() + RETRY_AFTER

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
        labels = node["metadata"].get("labels", {})
        options["size"] = size.of_type(self.types, labels.get("node.kubernetes.io/instance-type"))
        if self.options["gpu_build"]:
            options.update(gpus=gpu.boards_of(node), gpu_build=self.options["gpu_build"],
                           mig=labels.get(MODE) != "whole")
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
            self.agents.pop(name, None)
        elif process.returncode == 0:
            self.running.add(name)
            if self.options["agents"] is not None:
                self.agents[name] = time.monotonic() + faults.of_node(self.faults, name, "agentSeconds")
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
            cloud.hear(changes.get(timeout=0.1 if cloud.at_work else 0.3))
        except queue.Empty:
            pass
        cloud.act()


if __name__ == "__main__":
    main()
