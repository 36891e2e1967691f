"""A bed as its user sees it: start it, run commands and nodes in it, stop it."""
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from . import control, faults, gpu
from .api import Api
from .common import E2E, PREFIX, BedError, Channel, folder_of, plain_environment, wait_until
from .keeper import IS_UP, lock_folder, remove_remains
from .machine import check_machine
from .node_root import OWN

TYPES = E2E / "instance_types.json"
ENTER = ["--mount", "--net", "--pid", "--ipc", "--uts"]
# Who kills the command that enters gets the command itself ended too.
AS_CHILD = ["setpriv", "--pdeathsig", "TERM"]


def ignore(_):
    pass


class Bed:
    """A bed of this process: it ends with the `with` block, with stop(), or with this process.

    name      beds of different names do not see each other; default: one that is not in use
    types     Karpenter's instance types, a file; default: instance_types.json beside the program
    karpenter, cloud   whether they run; the cloud starts a real node for each Node of Karpenter
    node      options of the nodes that the cloud starts: binds, env, images, labels as of node_up
    node_program       a program that gets such a Node as JSON and prints more of them as JSON
    gpus      whether such a node has the GPUs of its instance type, simulated
    agents    whether such a node gets kerfd agent once its kubelet is up; or {"program", "arguments"}
    audit     whether the API server writes log/audit.log: what Kerf's accounts do, and purchases
    api_arguments, manager_arguments    more arguments for kube-apiserver, kube-controller-manager
    keep_logs  a folder to copy all logs to at the end
    say       a function that is told of progress
    """

    def __init__(self, name=None, *, types=TYPES, karpenter=True, cloud=True, node=None,
                 node_program=None, gpus=False, agents=False, audit=False, api_arguments=(), manager_arguments=(),
                 keep_logs=None, say=ignore):
        self.name = name or f"run-{os.getpid()}-{os.urandom(2).hex()}"
        if not self.name.replace("-", "a").replace(".", "a").isalnum() or len(self.name) > 40:
            raise BedError(f"'{self.name}' cannot be a bed's name: letters, digits, '-' and '.', "
                           "up to 40")
        self.options = {
            "name": self.name, "types": str(Path(types).resolve()), "karpenter": karpenter,
            "cloud": karpenter and cloud, "node": node_options(**(node or {})),
            "node_program": node_program and str(Path(node_program).resolve()),
            "gpu_build": gpu.build_folder() if gpus else None,
            "agents": agent_options(agents), "audit": audit, "api_arguments": list(api_arguments),
            "manager_arguments": list(manager_arguments)}
        self.folder = folder_of(self.name)
        self.keep_logs, self.say = keep_logs, say
        self.logs = None  # where they were copied to
        self.pid1 = self._channel = self._keeper = None

    @classmethod
    def attach(cls, name):
        """One that is up already, and stays."""
        bed = cls(name)
        try:
            lock = lock_folder(bed.folder)
        except BedError:
            pass
        else:
            if lock is None:
                raise BedError(f"no bed named '{name}' is up; see: bed status")
            os.close(lock)
            raise BedError(f"bed {name} was killed; remove its remains: bed down --name {name}")
        if not (bed.folder / "pid1").exists():
            raise BedError(f"bed {name} is only starting")
        bed.pid1 = int((bed.folder / "pid1").read_text())
        bed.options = json.loads((bed.folder / "bed.json").read_text())
        return bed

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Returns when everything is ready."""
        self.options["parts"] = str(check_machine())
        if not os.path.isfile(self.options["types"]):
            raise BedError(f"{self.options['types']}: no such file of instance types")
        self._channel, theirs = Channel.pair()
        with theirs:
            self._keeper = subprocess.Popen(
                [sys.executable, "-B", "-m", "kerf_bed.keeper"], stdin=theirs, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(E2E), "TMPDIR": tempfile.gettempdir()})
        try:
            self._channel.send(**self.options)
            while True:
                message = self._channel.receive()
                if message is None or "gone" in message:
                    self._fail(message or {})
                if "say" in message:
                    self.say(message["say"])
                if "ready" in message:
                    break
            self.pid1 = int((self.folder / "pid1").read_text())
        except BaseException:
            self.stop()
            raise

    def _fail(self, message):
        self.logs = message.get("logs")
        why = message.get("error") or "its keeper has ended"
        if "gone" in message:
            self._close()
        raise BedError(f"bed {self.name} {'' if why == IS_UP else 'did not start: '}{why}"
                       + (f"\nlogs: {self.logs}" if self.logs else ""))

    def _close(self):
        self._keeper.wait()
        self._channel.close()
        self._channel = self.pid1 = None

    def keep(self):
        """Lets the bed live on without this process."""
        self._channel.send(keep=True)
        while "kept" not in (message := self._channel.receive() or {"gone": True}):
            if "gone" in message:
                self._fail(message)
        self._channel.close()
        self._channel = None

    def stop(self):
        """Ends all that runs in the bed and removes what is left of it."""
        if self._channel is None:
            return
        self._channel.send(stop=True, logs_to=self.keep_logs and str(Path(self.keep_logs).resolve()))
        last = {}
        while (message := self._channel.receive()) is not None:
            last = message
        self._close()
        if "gone" not in last:  # the keeper was killed
            lock = lock_folder(self.folder)
            if lock is not None:
                remove_remains(self.name)
                os.close(lock)
        self.logs = last.get("logs")
        if last.get("error") and self.folder.exists():
            raise BedError(f"bed {self.name} is not all gone: {last['error']}")

    def command(self, words, node=None):
        """The command line that runs `words` inside the bed, or inside one of its nodes."""
        if self.pid1 is None:
            raise BedError(f"bed {self.name} is not up")
        enter = ["nsenter", "--target", str(self.pid1), *ENTER, "--", *AS_CHILD]
        where = os.getcwd()
        if node:
            pid = self.folder / "nodes" / node / "pid"
            if not pid.exists():
                raise BedError(f"node {node} is not up in bed {self.name}")
            enter += ["nsenter", "--target", pid.read_text(), *ENTER, "--cgroup", "--", *AS_CHILD]
            where = "/" if where.split("/")[1] in OWN else where
        return [*enter, "env", "-C", where, *[str(word) for word in words]]

    def environment(self, node=None, env=None):
        """The caller's, less its proxies, which cannot be reached from inside, and with a kubeconfig."""
        base = {key: value for key, value in os.environ.items()
                if not key.lower().endswith("_proxy")}
        own = {}
        if node:
            own = json.loads((self.folder / "nodes" / node / "node.json").read_text())["env"]
        path = f"{self.options['parts']}:{base.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
        return {**base, "PATH": path, "KUBECONFIG": str(self.folder / "kubeconfig"),
                "KUBECACHEDIR": str(self.folder / "kubectl-cache"), "KERF_BED": self.name,
                **own, **(env or {})}

    def popen(self, words, node=None, env=None, **more):
        """Starts a command inside; it ends with the bed, or with its node, at the latest."""
        return subprocess.Popen(self.command(words, node), env=self.environment(node, env), **more)

    def run(self, words, node=None, env=None, **more):
        return subprocess.run(self.command(words, node), env=self.environment(node, env),
                              check=False, **more)

    def output(self, words, node=None, **more):
        """What a command prints; BedError with all it said if it fails."""
        done = self.run(words, node, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        if done.returncode != 0:
            raise BedError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def kubectl(self, *words, **more):
        return self.output(["kubectl", *words], **more)

    def apply(self, *objects):
        """Creates or changes objects, given as dictionaries."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.kubectl("apply", "--server-side", "-f", "-", input=text)

    def get(self, kind, name=None, *words):
        """An object, or the list of all, as a dictionary; None if there is no such object."""
        text = self.kubectl("get", kind, *([name] if name else []), "-o", "json",
                            "--ignore-not-found", *words)
        return json.loads(text) if text.strip() else None

    def wait(self, what, condition, seconds=180):
        """Until `condition()` is true; its value. On the way it may fail with BedError."""
        last = []

        def tried():
            try:
                return condition()
            except BedError as error:
                last[:] = [str(error)]
                return None
        try:
            return wait_until(what, tried, seconds, 0.1)
        except BedError as error:
            raise BedError(f"{error}{' (' + last[0] + ')' if last else ''}") from None

    def node_is_ready(self, name):
        node = self.get("node", name) or {}
        return any(condition["type"] == "Ready" and condition["status"] == "True"
                   for condition in node.get("status", {}).get("conditions", []))

    def node_up(self, name, wait=True, **options):
        """Starts a real node: containerd and kubelet under the name of a Node, or as a new Node.

        binds   (source, target) pairs: shown in the node, and so to containerd and kubelet
        env     environment of containerd, kubelet and of commands run in the node
        images  OCI archives to import
        labels  labels of a new Node
        gpus    ["H100-80:2"]: boards of kerf-fake-driver that the node has, and how many
        mig     whether MIG mode is on, on the boards that have it (default: yes)
        """
        self.output([sys.executable, "-B", "-m", "kerf_bed.node", "up", self.folder, name,
                     json.dumps(node_options(**options))], env={"PYTHONPATH": str(E2E)})
        if wait:
            self.wait(f"node {name} Ready", lambda: self.node_is_ready(name))

    def node_reboot(self, name, wait=True):
        """Switches it off and on. /var stays; /run, processes, pods' containers and GPU instances do not.

        Its boot id is another one then; MIG mode is on again if it was to be when the node came up."""
        self.output([sys.executable, "-B", "-m", "kerf_bed.node", "reboot", self.folder, name],
                    env={"PYTHONPATH": str(E2E)})
        boot_id = (self.folder / "nodes" / name / "boot-id").read_text().strip()
        if wait:
            self.wait(f"node {name} Ready after its reboot", lambda: self.node_is_ready(name) and self.get(
                "node", name)["status"]["nodeInfo"]["bootID"] == boot_id)

    def node_down(self, name):
        """Ends everything that runs on the node, as if its machine had been switched off."""
        self.output([sys.executable, "-B", "-m", "kerf_bed.node", "down", self.folder, name],
                    env={"PYTHONPATH": str(E2E)})

    def node_root(self, name):
        """Where a process of this machine sees the node's file system, until its next reboot."""
        folder = str(self.folder / "nodes" / name)
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[-2:-1] == [folder] and "kerf_bed.node_init" in words and "unshare" not in words[0]:
                return entry / "root"
        raise BedError(f"node {name} is not up in bed {self.name}")

    def order(self, verb, service, node=None, **more):
        """Starts, stops, kills a service of a node, or of the control plane: see control.py."""
        folder = self.folder / "nodes" / node if node else self.folder
        if not (folder / control.NAME).exists():
            raise BedError(f"{f'node {node}' if node else f'bed {self.name}'} is not up")
        return control.order(folder, verb, service, **more)

    def restart(self, service, node=None, signal=signal.SIGTERM):
        """Ends it and starts it at once; its new process id."""
        self.order("stop", service, node, signal=signal)
        return self.order("start", service, node)["pid"]

    def run_service(self, service, command, node=None, env=None, at_boot=False, ready=()):
        """Runs a program as a service: started again whenever it ends, its output in the log of its name.
        In place of another of that name, which is told to end by SIGTERM.

        at_boot   it is started again, before kubelet, when the node reboots
        ready     a command; kubelet then starts once that has succeeded
        """
        command = [str(word) for word in command]
        folder = self.folder / "nodes" / node if node else self.folder
        own = json.loads((folder / "node.json").read_text())["env"] if node else {}
        environment = plain_environment(self.options["parts"], **own, **(env or {}))
        if at_boot:
            (folder / "at-boot").mkdir(exist_ok=True)
            (folder / "at-boot" / f"{service}.json").write_text(json.dumps(
                {"command": command, "environment": environment, "ready": [str(word) for word in ready]}))
        return self.order("run", service, node, command=command, environment=environment)["pid"]

    def log(self, service, node=None):
        """The file in which its output is."""
        return (self.folder / "nodes" / node if node else self.folder) / "log" / f"{service}.log"

    def api(self, token=None):
        """A client of the API server, as the administrator or by a token."""
        return Api(self.folder / "pki", pid=self.pid1, token=token)

    @property
    def cloud(self):
        """What its cloud does wrong: faults.py."""
        return faults.Faults(self.folder, self.api())

    def tell_gpus(self, node, *action):
        """Lets something happen to the node's simulated GPUs: "xid", "79", "gpu=0"."""
        folder = self.folder / "nodes" / node
        gpu.tell_machine(folder / "gpus", json.loads((folder / "node.json").read_text())["gpu_build"],
                         *action)

    def nodes(self):
        """Names of the real nodes that are up."""
        return sorted(path.parent.name for path in self.folder.glob("nodes/*/pid"))


def agent_options(agents):
    if not agents:
        return None
    given = {} if agents is True else agents
    return {"program": str(Path(given.get("program") or f"{gpu.build_folder()}/kerfd").resolve()),
            "arguments": list(given.get("arguments", ()))}


def node_options(binds=(), env=None, images=(), labels=None, gpus=(), mig=True):
    return {"binds": [[os.path.abspath(source), os.path.abspath(target)] for source, target in binds],
            "env": dict(env or {}), "images": [os.path.abspath(image) for image in images],
            "labels": dict(labels or {}), "gpus": list(gpus), "mig": mig,
            "gpu_build": gpu.build_folder() if gpus else None}


def all_beds():
    """[(name, is it alive)] of this machine's temporary folder."""
    found = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        if (folder / "bed.json").exists():
            try:
                lock = lock_folder(folder)
            except BedError:
                found.append((folder.name.removeprefix(PREFIX), True))
                continue
            if lock is not None:
                os.close(lock)
                found.append((folder.name.removeprefix(PREFIX), False))
    return found


def take_down(name, logs_to=None, seconds=120):
    """Ends a bed of any process, or removes the remains of one whose keeper was killed."""
    folder = folder_of(name)
    told = False

    def is_gone():
        nonlocal told
        try:
            lock = lock_folder(folder)
        except BedError:
            if not told and (folder / "keeper.pid").exists():
                if logs_to:
                    (folder / "logs-to").write_text(str(Path(logs_to).resolve()))
                os.kill(int((folder / "keeper.pid").read_text()), signal.SIGTERM)
                told = True
            return False
        if lock is not None:
            remove_remains(name)
            os.close(lock)
        return True
    if not folder.exists():
        raise BedError(f"no bed named '{name}' is up; see: bed status")
    wait_until(f"end of bed {name}", is_gone, seconds)
