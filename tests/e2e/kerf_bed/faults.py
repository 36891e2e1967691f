"""What the bed's cloud does wrong, late or not at all: a file that its parts read, changed while they run.

Read anew at each use by cloud.py (nodes), prices.py (the page of prices) and ../cloud/main.go (launches):

    launchSeconds  from a NodeClaim to its instance
    refused        [{"type", "zone", "capacityType"}]: launches that are refused; what is left out holds for all
    bootSeconds    from an instance to the start of its containerd and kubelet
    agentSeconds   from kubelet to the start of its agent, if the bed has agents
    neverJoins     instances start nothing, and there is no Node of theirs, for as long as it is true
    nodes          {name: {"bootSeconds", "agentSeconds", "neverJoins"}}: of one node, in place of the general;
                   of one that is to never join there is a Node already, which stays NotReady
    lost           {name: true}: instances that are no more; their Nodes stay until somebody deletes them
    notices        {name: time}: instances that will be lost then (seconds of time.monotonic())
    offerings      {"p5.4xlarge us-east-1a spot": {"price", "available"}}: other than in the file of types
"""
import fcntl
import json
import os
import time
from pathlib import Path

NAME = "cloud.json"
NONE = {"launchSeconds": 0, "refused": [], "bootSeconds": 0, "agentSeconds": 0, "neverJoins": False, "nodes": {},
        "lost": {}, "notices": {}, "offerings": {}}


def read(folder):
    path = Path(folder) / NAME
    return {**NONE, **(json.loads(path.read_text()) if path.exists() else {})}


def of_node(faults, name, what):
    return faults["nodes"].get(name, {}).get(what, faults[what])


class Faults:
    """Of the bed in `folder`. Each call holds from its return on."""

    def __init__(self, folder, api=None):
        self._folder, self._api = Path(folder), api

    def now(self):
        return read(self._folder)

    def change(self, edit):
        """Lets `edit` change the file's content, alone."""
        with open(self._folder / f"{NAME}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = read(self._folder)
            edit(content)
            new = self._folder / f"{NAME}.new"
            new.write_text(json.dumps(content, indent=1))
            os.replace(new, self._folder / NAME)

    def set(self, **values):
        """For example launchSeconds=2, neverJoins=True."""
        unknown = values.keys() - NONE.keys()
        if unknown:
            raise ValueError(f"no such thing: {' '.join(unknown)}")
        self.change(lambda content: content.update(values))

    def set_node(self, name, **values):
        self.change(lambda content: content["nodes"].setdefault(name, {}).update(values))

    def refuse(self, **offer):
        """type=, zone=, capacityType=: such launches have no capacity from now on."""
        self.change(lambda content: content["refused"].append(offer))

    def offering(self, kind, zone, capacity_type, **values):
        """price=, available=: what the page of prices says of it."""
        self.change(lambda content: content["offerings"].setdefault(f"{kind} {zone} {capacity_type}", {}).update(
            values))

    def lose(self, name):
        """Power off, at once: the Node stays, and nobody will start its machine again."""
        self.change(lambda content: content["lost"].update({name: True}))

    def notice(self, name, seconds=120.0):
        """An interruption: its machine is lost after that time. Karpenter hears of it, which then deletes the
        claim, as its interruption controller does."""
        self.change(lambda content: content["notices"].update({name: time.monotonic() + seconds}))
        claims = self._api.get("/apis/karpenter.sh/v1/nodeclaims")["items"]
        for claim in claims:
            if claim.get("status", {}).get("nodeName") == name:
                self._api.delete(f"/apis/karpenter.sh/v1/nodeclaims/{claim['metadata']['name']}")
