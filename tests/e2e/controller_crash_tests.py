"""kerfd controller is killed at each kind of effect; two of them; none of them. Run by bed_test.py.

KERF_KILLS: at how many effects of each kind it is killed, while it comes in and after its answer (default: 1).
"""
import os
import threading
import time
from collections import Counter

from controller_bed import ControllerTest, deployment, mig
from history import KERF, seconds_of
from kerf_bed.common import BedError
from kerf_bed.controller import LEASE

KILLS = int(os.environ.get("KERF_KILLS", "1"))
EFFECTS = ("PutStatus", "CreateClaim", "PutLayout", "Nominate", "Publish", "PatchNode", "Withdraw", "Evict",
           "DeleteClaim")


class Killer:
    """Kills the controller by SIGKILL when a request of a kind whose turn has not been comes in, and another
    time when one was answered. Of the former nobody knows whether it was done, nor whether it heard of it."""

    def __init__(self, world):
        self.world, self.over, self.seen = world, False, 0
        self.left = Counter({(kind, done): KILLS for kind in EFFECTS for done in (False, True)})
        self.killed, self.wrong = [], []
        self._thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self._thread.join()

    def run(self):
        while not self.over:
            found = self.world.audit.stages()
            for one in found[self.seen:]:
                turn = (one.kind(), one.is_done)
                if one.user == KERF and self.left[turn] > 0 and (one.ok or not one.is_done):
                    try:
                        self.world.kerfd.kill()
                    except BedError as error:
                        self.wrong.append(str(error))
                    self.left[turn] -= 1
                    self.killed.append(one.kind())
                    self.world.say(f"killed {'after' if one.is_done else 'at'} {one.kind()}: {one}")
                    found = self.world.audit.stages()  # what it did meanwhile is past
                    break
            self.seen = len(found)
            time.sleep(0.01)


class ControllerCrashes(ControllerTest):
    def test_it_is_killed_at_each_kind_of_effect_and_nobody_notices(self):
        with self.world("crashes") as world:
            with Killer(world) as killer:
                world.apply(deployment("half", mig("3g.40gb"), 4))
                world.wait_running("half", 4)
                self.assert_bought(world, 2)
                world.leave_one_on_each("half")
                world.wait("they move together, and a node goes", lambda: len(world.claims()) == 1 and world.running(
                    "half", 2))
                self.assert_bought(world, 2)
                world.scale("half", 1)
                world.apply(deployment("small", mig("1g.10gb"), 3))
                world.wait_running("small", 3)
                world.scale("half", 0)
                # What was offered goes, for what is wanted in its place. One: whether there is room for two beside
                # the small ones depends on which half the ReplicaSet ended.
                world.apply(deployment("middle", mig("2g.20gb"), 1))
                world.wait_running("middle", 1)
                world.remove("small", "middle", "half")
                world.wait_claims(0)
            self.assertEqual(killer.wrong, [])
            world.say(f"killed after: {dict(Counter(killer.killed))}")
            self.assertEqual(set(EFFECTS) - set(killer.killed), set())
            self.assert_bought(world, 2)


class ControllerFailover(ControllerTest):
    def test_a_standby_takes_over_in_the_midst_of_a_purchase(self):
        with self.world("failover", controllers=2) as world:
            world.bed.cloud.set(launchSeconds=5)
            world.wait("one leads", lambda: self.leader(world))
            world.apply(deployment("web", mig("1g.10gb"), 3))
            world.wait("a purchase", world.purchases)
            leader = self.leader(world)
            standby, = (one for one in world.controllers if one is not leader)
            leader.kill_for_good()
            killed = time.time()
            world.wait("the standby leads", standby.leads)
            taken = self.acquired(world) - killed
            world.say(f"taken over {taken:.1f} s after the leader was killed")
            self.assertLess(taken, 15)
            world.wait_running("web", 3)
            self.assert_bought(world, 1)
            with self.scenario(world, "at once when the leader is told to end"):
                leader.again()
                world.wait("both are ready", lambda: all(one.is_ready() for one in world.controllers))
                self.assertTrue(standby.leads())
                told = time.time()
                ended = standby.stop()
                self.assertEqual(ended, "ended with 0")
                self.assertLess(time.time() - told, 10)
                world.wait("the other leads", leader.leads)
                taken = self.acquired(world) - told
                world.say(f"taken over {taken:.1f} s after the leader was told to end")
                self.assertLess(taken, 8)  # not by waiting until its Lease is stale
                world.scale("web", 5)
                self.assert_bought(world, 1)
            with self.scenario(world, "without any, what is cut is lent, and all runs on"):
                self.without_any(world, leader, standby)

    @staticmethod
    def leader(world):
        return next((one for one in world.controllers if one.leads()), None)

    @staticmethod
    def acquired(world):
        return seconds_of(world.api.get(LEASE)["spec"]["acquireTime"])

    def without_any(self, world, leader, standby):
        """Promise 7: what is cut and parked can be had once the Lease has been stale for a minute."""
        world.scale("web", 3)
        node, = world.nodes_of("web")

        def parked():
            one = world.api.get(f"/apis/kerf.dev/v1alpha1/gpunodes/{node}")
            return [each for gpu in one["spec"]["gpus"] for each in gpu["slices"] if each.get("state") == "Parked"]
        world.wait("two are parked", lambda: len(parked()) >= 2)
        before = world.running("web", 3)
        leader.kill_for_good()
        world.scale("web", 5)
        now = world.running("web", 5)
        self.assertEqual({name: now.get(name) for name in before}, before)
        world.start(leader)
        world.start(standby)
        world.wait("the status is written again", lambda: world.status()["figures"]["pods"] == 5)
        self.assertEqual(world.running("web", 5), now)
        self.assert_bought(world, 1)
