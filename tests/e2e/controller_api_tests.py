"""kerfd controller and an API server that is away, slow, forgetful, or busy with others. Run by bed_test.py.

KERF_API_AWAY: for how many seconds the API server is away (default: 20; 600 is what is promised).
KERF_API_TROUBLE: only scenarios with this in their name.
"""
import os
import signal
import subprocess
import sys
import threading
import time

from controller_bed import NS, ControllerTest, deployment, mig
from history import name_of
from kerf_bed import controller
from kerf_bed.common import E2E

AWAY = float(os.environ.get("KERF_API_AWAY", "20"))
ONLY = os.environ.get("KERF_API_TROUBLE", "")


class Meddler:
    """Writes annotations into all that Kerf writes, again and again: whoever writes by version is in conflict."""

    PATHS = ("/api/v1/nodes", "/apis/karpenter.sh/v1/nodeclaims", "/apis/kerf.dev/v1alpha1/gpunodes",
             "/apis/kerf.dev/v1alpha1/slicepolicies", f"{NS}/pods")

    def __init__(self, world):
        self.world, self.over, self.count = world, threading.Event(), 0
        self._threads = [threading.Thread(target=self.run, args=(path,), daemon=True) for path in self.PATHS]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self._threads:
            thread.join()

    def run(self, path):
        while not self.over.is_set():
            try:
                for one in self.world.api.get(path)["items"]:
                    for _ in range(10):
                        self.count += 1
                        self.world.api.patch(f"{path}/{name_of(one)}", {"metadata": {"annotations": {
                            "example.com/count": str(self.count)}}})
            except OSError:
                pass  # gone meanwhile


class Proxy:
    """tcp_proxy.py in the bed's network, between a controller and the API server."""

    def __init__(self, world):
        self.process = world.bed.popen([sys.executable, "-B", E2E / "tcp_proxy.py", "127.0.0.1", "443"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def tell(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == word, word

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class ControllerApi(ControllerTest):
    def test_whatever_the_api_server_does_pods_come_to_run_and_nothing_is_bought_twice(self):
        policy = controller.policy(consolidation={"coolDown": "1h", "movesPerHour": 1})  # nobody moves meanwhile
        with self.world("api", policy=policy) as world:
            world.apply(deployment("held", mig("1g.10gb"), 1))
            self.held = world.wait_running("held", 1)
            for what, act in (
                    ("the API server is away in the midst of a purchase", self.away),
                    ("etcd is killed", self.etcd),
                    ("its watches have expired", self.expired),
                    ("somebody writes to everything all the time", self.conflicts),
                    ("a slow API", self.slow),
                    ("a lossy API", self.lossy)):
                if ONLY in what:
                    with self.scenario(world, what):
                        since = len(world.purchases())
                        act(world)
                        self.assert_bought(world, 1, since)
                        world.remove("web")
                        world.wait_claims(1)
                        self.assertEqual(world.running("held", 1), self.held)

    @staticmethod
    def ask(world):
        """For more than what the node that stands has."""
        world.apply(deployment("web", mig("3g.40gb"), 2))

    def done(self, world):
        world.wait_running("web", 2)
        world.wait("the status is of now", lambda: world.status()["figures"]["pods"] == 3)

    def away(self, world):
        since = len(world.purchases())
        self.ask(world)
        world.wait("a purchase", lambda: len(world.purchases()) > since)
        world.bed.order("stop", "kube-apiserver", signal=signal.SIGKILL)
        begun = time.monotonic()
        world.bed.wait(f"{AWAY} s", lambda: time.monotonic() > begun + AWAY, AWAY + 60)
        self.assertNotEqual(world.kerfd.pid(), 0)
        world.bed.order("start", "kube-apiserver")
        world.api_again()
        self.done(world)

    def etcd(self, world):
        since = len(world.purchases())
        self.ask(world)
        world.wait("a purchase", lambda: len(world.purchases()) > since)
        world.bed.order("kill", "etcd")
        world.api_again()
        self.done(world)

    def expired(self, world):
        """It is stopped, the world goes on and etcd forgets what was, and the API server its cache."""
        pid = world.kerfd.pid()
        world.bed.output(["kill", "-STOP", str(pid)])
        self.ask(world)
        for number in range(20):
            world.api.patch(f"{NS}/pods/{next(iter(self.held))}", {"metadata": {"annotations": {
                "example.com/count": str(number)}}})
        version = int(world.api.get(f"{NS}/pods")["metadata"]["resourceVersion"])
        world.bed.output(["/bin/busybox", "wget", "-q", "-O", "-", "--post-data", f'{{"revision": "{version}"}}',
                          "http://127.0.0.1:2379/v3/kv/compaction"])
        world.bed.order("kill", "kube-apiserver")
        world.api_again()
        world.bed.output(["kill", "-CONT", str(pid)])
        self.done(world)

    def conflicts(self, world):
        with Meddler(world) as meddler:
            self.ask(world)
            self.done(world)
        conflicts = [one for one in world.audit.effects() if one.code == 409]
        world.say(f"{meddler.count} writes of another's; conflicts of Kerf's: {len(conflicts)}")

    def through(self, world, act):
        """Another controller in place of the first, which speaks to the API server through a proxy."""
        proxy = Proxy(world)
        world.kerfd.stop()
        other = controller.Controller(world.bed, 3, server=f"https://127.0.0.1:{proxy.port}")
        world.controllers.append(other)
        try:
            world.start(other)
            act(proxy)
        finally:
            proxy.tell("open")
            other.stop()
            proxy.close()
            world.controllers.remove(other)
            world.start(world.kerfd)

    def slow(self, world):
        def act(proxy):
            proxy.tell("slow")
            self.ask(world)
            self.done(world)
        self.through(world, act)

    def lossy(self, world):
        """All connections end every other second, some of them without a word."""
        def lose(proxy, over):
            turn = 0
            while not over.wait(1.5):
                for word in ("stall",) if turn % 4 == 3 else ("cut", "open"):
                    proxy.tell(word)
                turn += 1

        def act(proxy):
            over = threading.Event()
            thread = threading.Thread(target=lose, args=(proxy, over), daemon=True)
            thread.start()
            try:
                self.ask(world)
                world.wait_running("web", 2, 400)
            finally:
                over.set()
                thread.join()
            proxy.tell("open")
            self.done(world)
        self.through(world, act)
