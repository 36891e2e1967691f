"""What happened in a bed, for tests: every change of some kinds by watches, every write of Kerf's by the audit log."""
import json
import threading
import time
from datetime import datetime

KERF = "system:serviceaccount:kerf-system:kerf-controller"
PATHS = {"pods": "/api/v1/pods", "nodes": "/api/v1/nodes", "nodeclaims": "/apis/karpenter.sh/v1/nodeclaims",
         "gpunodes": "/apis/kerf.dev/v1alpha1/gpunodes", "slicepolicies": "/apis/kerf.dev/v1alpha1/slicepolicies"}
QUIET = ("get", "list", "watch")


def name_of(one):
    return one["metadata"]["name"]


def seconds_of(text):
    """RFC 3339 as seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class History:
    """Every value of every object of PATHS as a watch told it, with its time since `begun` (monotonic)."""

    def __init__(self, api, begun):
        self._api, self._begun = api, begun
        self.seen = {kind: [] for kind in PATHS}  # [(time, "ADDED" | "MODIFIED" | "DELETED", object)]
        self._objects = {kind: {} for kind in PATHS}
        for kind, path in PATHS.items():
            threading.Thread(target=self._watch, args=(kind, path), daemon=True).start()

    def _add(self, kind, what, one):
        now = (time.monotonic() - self._begun, time.time())
        uid = one["metadata"]["uid"]
        if what == "DELETED":
            self._objects[kind].pop(uid, None)
        else:
            self._objects[kind][uid] = one
        self.seen[kind].append((now, what, one))

    def _watch(self, kind, path):
        while True:
            try:
                listed = self._api.get(path)
                there = {one["metadata"]["uid"] for one in listed["items"]}
                for uid in self._objects[kind].keys() - there:
                    self._add(kind, "DELETED", self._objects[kind][uid])
                for one in listed["items"]:
                    self._add(kind, "MODIFIED", one)
                for what, one in self._api.watch(path, listed["metadata"]["resourceVersion"]):
                    if what not in ("ADDED", "MODIFIED", "DELETED"):
                        break
                    self._add(kind, what, one)
            except (OSError, ValueError):  # the API server is away, or the bed is at its end
                time.sleep(0.2)

    def first(self, kind, condition):
        """When an object of that kind was first seen for which it is true, and that object; (None, None)."""
        for (at, _), what, one in self.seen[kind]:
            if what != "DELETED" and condition(one):
                return at, one
        return None, None

    def ends(self, kind):
        """{name: time.time() at which it was gone, or told to end}."""
        found = {}
        for (_, at), what, one in self.seen[kind]:
            if what == "DELETED" or "deletionTimestamp" in one["metadata"]:
                found[name_of(one)] = min(at, found.get(name_of(one), at))
        return found

    def claims(self):
        """[(time.time(), name, pods that it was bought for)] of Kerf's that were seen, each once."""
        found = {}
        for (_, at), _, one in self.seen["nodeclaims"]:
            if "kerf.dev/policy" in one["metadata"].get("labels", {}):
                found.setdefault(one["metadata"]["uid"], (at, name_of(one), bought_for(one)))
        return list(found.values())

    def failed_pods(self):
        """[(name, reason, message)] of pods that kubelet refused, or that failed for another reason than their own."""
        found = {}
        for _, _, pod in self.seen["pods"]:
            status = pod.get("status", {})
            if status.get("phase") == "Failed" and status.get("reason") and not is_garbage(pod):
                found[name_of(pod)] = (status["reason"], status.get("message", ""))
        return [(name, *why) for name, why in found.items()]

    def robbed_pods(self):
        """[(name, message)] of pods in which a container found another slice than it had."""
        found = {}
        for _, _, pod in self.seen["pods"]:
            for each in pod.get("status", {}).get("containerStatuses", []):
                for state in (each.get("state", {}), each.get("lastState", {})):
                    if state.get("terminated", {}).get("exitCode") == 9:
                        found[name_of(pod)] = str(state["terminated"])
        return list(found.items())


def is_garbage(pod):
    """Was its node gone before it?"""
    return any(each["type"] == "DisruptionTarget" and each.get("reason") in (
        "DeletionByPodGC", "DeletionByTaintManager") for each in pod["status"].get("conditions", []))


def bought_for(claim):
    text = claim.get("metadata", {}).get("annotations", {}).get("kerf.dev/bought-for", "")
    return [uid for uid in text.split(",") if uid]


class Request:
    """One line of the audit log."""

    def __init__(self, line):
        self.at, self.is_done = seconds_of(line["stageTimestamp"]), line["stage"] != "RequestReceived"
        self.verb, self.user = line["verb"], line["user"]["username"]
        of = line.get("objectRef", {})
        self.resource, self.name = of.get("resource", ""), of.get("name", "")
        self.subresource, self.namespace = of.get("subresource", ""), of.get("namespace", "")
        self.group = of.get("apiGroup", "")
        self.code = line.get("responseStatus", {}).get("code", 0)
        self.ok = 200 <= self.code < 300
        self.body = line.get("requestObject") or {}
        self.name = self.name or self.body.get("metadata", {}).get("name", "")

    def __str__(self):
        what = "/".join(word for word in (self.resource, self.name, self.subresource) if word)
        return f"{self.verb} {what}: {self.code}"

    __repr__ = __str__

    def bought_for(self):
        return bought_for(self.body)

    def kind(self):
        """Which of the controller's effects it is; "" for the Lease and Events, and for reading."""
        if self.verb in QUIET:
            return ""
        if self.resource == "nodeclaims":
            return {"create": "CreateClaim", "delete": "DeleteClaim"}.get(self.verb, "")
        if self.resource == "slicepolicies":
            return "PutStatus"
        if self.resource == "gpunodes":
            return "PutLayout"
        if self.resource == "pods":
            return {"eviction": "Evict", "status": "Nominate"}.get(self.subresource, "")
        if self.resource == "nodes":
            if self.subresource != "status":
                return "PatchNode"
            if not self.is_done:
                return ""  # its content is not known yet
            return "Publish" if "capacity" in self.body.get("status", {}) else "Withdraw"
        return ""


class Audit:
    """The audit log of a bed, read on as it grows."""

    def __init__(self, path):
        self.path, self._at, self._requests, self._rest = path, 0, [], b""
        self._lock = threading.Lock()

    def all(self):
        """What was answered."""
        return [one for one in self.stages() if one.is_done]

    def stages(self):
        """Kerf's writes are there twice: when they come in, before anything is done, and when they are answered."""
        with self._lock:
            if self.path.exists():
                with open(self.path, "rb") as file:
                    file.seek(self._at)
                    new = file.read()
                self._at += len(new)
                *lines, self._rest = (self._rest + new).split(b"\n")
                self._requests += [Request(json.loads(line)) for line in lines if line.strip()]
            return list(self._requests)

    def kerfs(self):
        return [one for one in self.all() if one.user == KERF]

    def writes(self, verb=None, resource=None, after=0):
        """Of Kerf's controllers."""
        return [one for one in self.kerfs() if one.verb not in QUIET and verb in (None, one.verb) and resource in (
            None, one.resource) and one.at > after]

    def effects(self, after=0):
        """Writes other than the Lease and Events."""
        return [one for one in self.writes(after=after) if one.resource not in ("leases", "events")]

    def denied(self):
        return [one for one in self.kerfs() if one.code in (401, 403)]
