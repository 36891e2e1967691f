"""The agent is killed at every step of a cut that can be seen from outside. Run by bed_test.py.

KERF_CRASH_NODES: how many nodes share the work, at the same time (default: 6).
KERF_CRASH_STRIDE: only every n-th step (default: 1).

A step is a change of a file: the journal is replaced, an instance or compute instance of the driver comes
or goes, a CDI file comes or goes. After it the agent is killed by SIGKILL; its node starts it again.
"""
import os
import threading

from agent_bed import AgentTest, gpu_pod, running
from fs_events import Steps
from layouts import layout

NODES = int(os.environ.get("KERF_CRASH_NODES", "6"))
STRIDE = int(os.environ.get("KERF_CRASH_STRIDE", "1"))
# One slice is in use all the time; two that are free give way to one, and the other way round.
LAYOUTS = ("1g.10gb@0 1g.10gb@2 1g.10gb@3 3g.40gb@4", "1g.10gb@0 2g.20gb@2 3g.40gb@4")
QUIET = 15.0  # seconds without a step after which a cut has no more of them


class Killer:
    """On one node: changes the layout again and again, each time with a kill after another step."""

    def __init__(self, world, node, numbers):
        self.world, self.node, self.numbers = world, node, numbers
        self.wrong, self.killed, self.at = [], [], 0

    def run(self):
        try:
            for number in self.numbers:
                if number % 4 == 1:
                    self.once(number, LAYOUTS[1], then=LAYOUTS[0])
                for text in (LAYOUTS[1], LAYOUTS[0]):
                    self.once(number, text, then=text)
        except Exception as error:
            self.wrong.append(f"{self.node}: {error!r}")

    def prepare(self):
        world, node = self.world, self.node
        world.standin.set_layout(node, layout("1g.10gb@0"))
        self.pod = f"holder-{node}"
        world.start(gpu_pod(self.pod, "nvidia.com/mig-1g.10gb", node=node))
        self.device, = world.devices(self.pod)
        self.container = running(world.pod(self.pod))
        self.instance = world.instances(node)[0, self.device.partition("/")[2]]
        world.standin.set_layout(node, layout(LAYOUTS[0]))

    def once(self, number, text, then):
        """The `number`-th step of the cut to that layout, if there are so many, is the last that the agent
        sees; the next one finds that `then` is wanted."""
        world, node = self.world, self.node
        with Steps(world.bed, node) as steps:
            world.standin.set_layout(node, layout(text), wait=False)
            last = None
            for _ in range(number):
                last = steps.next(QUIET)
                if last is None:
                    break
            else:
                world.agents[node].kill()
                self.killed.append(f"{number}: {''.join(last[:1])} {last[1]} {last[2]}")
        world.standin.set_layout(node, layout(then), seconds=150)
        self.check(f"{node}, killed after step {number} ({last}) of the cut to {text}, then {then}")

    def check(self, when):
        world = self.world
        try:
            world.bed.wait("a node without leftovers", lambda: world.mismatches(self.node) == [], 30)
        except Exception:
            self.wrong.append(f"{when}: {world.mismatches(self.node)}")
        if running(world.pod(self.pod)) != self.container:
            self.wrong.append(f"{when}: the pod that holds a slice does not run on")
        if world.instances(self.node).get((0, self.device.partition("/")[2])) != self.instance:
            self.wrong.append(f"{when}: the slice in use is another one")


class AgentCrashes(AgentTest):
    def test_a_node_whose_agent_is_killed_at_any_step_comes_to_the_layout_wanted(self):
        with self.world("crashes") as world:
            names = [f"gpu-{number}" for number in range(1, NODES + 1)]
            for name in names:
                world.add_node(name, "H100-80:1")
            killers = [Killer(world, name, ()) for name in names]
            killers[0].prepare()
            most = max(self.count_steps(world, killers[0], text) for text in (LAYOUTS[1], LAYOUTS[0]))
            world.say(f"a cut has up to {most} steps")
            self.clock.lap("nodes, agents, and a cut without a kill")
            for number, killer in enumerate(killers):
                killer.numbers = range(1 + number * STRIDE, most + 1, NODES * STRIDE)
            self.at_once([lambda killer=killer: killer.prepare() for killer in killers[1:]])
            world.standin.say = lambda text: None
            self.at_once([killer.run for killer in killers])
            killed = sorted({what for killer in killers for what in killer.killed},
                            key=lambda what: int(what.partition(":")[0]))
            world.say("killed after:\n  " + "\n  ".join(killed))
            self.assertEqual([wrong for killer in killers for wrong in killer.wrong], [])
            for kind in ("+ journal", "+ instance", "+ compute", "+ cdi", "- instance", "- compute", "- cdi"):
                self.assertTrue(any(kind in what for what in killed), f"no kill after '{kind}'")

    @staticmethod
    def count_steps(world, killer, text):
        found = []
        with Steps(world.bed, killer.node) as steps:
            world.standin.set_layout(killer.node, layout(text))
            while step := steps.next(1.0):
                found.append(" ".join(step))
        world.say(f"steps to {text}: {'; '.join(found)}")
        return len(found)

    @staticmethod
    def at_once(runs):
        threads = [threading.Thread(target=run, daemon=True) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
