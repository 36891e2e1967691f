#!/usr/bin/env python3
"""Behaves as kubectl does, as far as Kerf uses it, on a cluster that is made up or was recorded.

    FAKE_KUBECTL_PODS=40 FAKE_KUBECTL_NODES=4 tests/fake_kubectl.py get pods --all-namespaces --output=json
    tests/fake_kubectl.py record FOLDER PODS NODES [SEED]

The cluster: FAKE_KUBECTL_FOLDER, one file RESOURCE.json for each resource and page.txt, as `record`
makes it; else fake_cluster.Cluster of FAKE_KUBECTL_PODS (40), _NODES (4), _SEED (1).

FAKE_KUBECTL_MODE has words with commas between them:
    slow=SECONDS             each answer takes that long
    hangs=RESOURCE           it never comes; a child of this one waits too, as a plugin would
    fails=RESOURCE           the server has an internal error
    late=RESOURCE            the same after half of the output
    truncated=RESOURCE       the output stops in the middle, and kubectl is content
    garbled=RESOURCE         the output is no JSON from its middle on
    html=RESOURCE            a proxy's page comes in place of JSON
    endless=RESOURCE         items come without end;  endless-item=RESOURCE: one item does
    forbidden=RESOURCE       the user may not list it;  absent=RESOURCE: there is no such resource
    needs-namespace=NS       the user may list in that namespace only
    no-context  refused  unauthorized  exec-plugin      what kubectl says then
    no-page                  the proxy to Karpenter's pods does not work
    followers                no pod of Karpenter has prices
Calls are written to FAKE_KUBECTL_LOG, a line each, with the process id.
"""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

MODES = [word.partition("=") for word in os.environ.get("FAKE_KUBECTL_MODE", "").split(",") if word]
USER = 'User "dev" cannot list resource'


def mode(name, resource=None):
    """The mode's value, or "" if it is for something else; None if it is off."""
    for word, _, value in MODES:
        if word == name and resource in (None, value):
            return value
    return None


def die(text, code=1):
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.exit(code)


def unreachable():
    if mode("no-context") is not None:
        die("error: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER "
            "environment variable")
    if mode("refused") is not None:
        die("E1130 10:00:00.000000   77 memcache.go:265] couldn't get current server API group list: dial tcp "
            "127.0.0.1:6443: connect: connection refused\n"
            "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?")
    if mode("unauthorized") is not None:
        die("error: You must be logged in to the server (Unauthorized)")
    if mode("exec-plugin") is not None:
        die("Error loading SSO Token: Token for prod does not exist\n"
            "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255")


def list_text(resource, objects):
    return json.dumps({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}},
                      indent=4) + "\n"


def made_up(pods, nodes, seed):
    import fake_cluster  # only where it is needed: most calls are of a recorded one
    return fake_cluster.Cluster(int(pods), int(nodes), int(seed))


class Source:
    """Lists and the metrics page, made up or recorded."""

    def __init__(self):
        folder = os.environ.get("FAKE_KUBECTL_FOLDER")
        self.folder = Path(folder) if folder else None
        self.cluster = None if folder else made_up(
            os.environ.get("FAKE_KUBECTL_PODS", "40"), os.environ.get("FAKE_KUBECTL_NODES", "4"),
            os.environ.get("FAKE_KUBECTL_SEED", "1"))

    def has(self, resource):
        if self.folder:
            return (self.folder / f"{resource}.json").exists()
        return resource in self.cluster.objects

    def text(self, resource, namespace):
        if self.folder and not namespace:
            return (self.folder / f"{resource}.json").read_text(encoding="utf-8")
        objects = (json.loads((self.folder / f"{resource}.json").read_text(encoding="utf-8"))["items"]
                   if self.folder else self.cluster.objects[resource])
        if namespace:
            objects = [one for one in objects if one["metadata"].get("namespace") == namespace]
        return list_text(resource, objects)

    def page(self):
        return (self.folder / "page.txt").read_text(encoding="utf-8") if self.folder else self.cluster.page


def forbidden(resource, where):
    group = resource.partition(".")[2]
    die(f"Error from server (Forbidden): {resource} is forbidden: {USER} \"{resource.partition('.')[0]}\" in API "
        f"group \"{group}\" {where}")


def get(resource, options):
    namespace = options.get("--namespace")
    namespaced = resource in ("pods",) or "--all-namespaces" in options or namespace is not None
    if mode("hangs", resource) is not None:
        with open("/dev/null", encoding="utf-8") as nothing:
            subprocess.run(["sleep", "1000"], stdin=nothing, check=False)
    if mode("forbidden", resource) is not None:
        forbidden(resource, "at the cluster scope")
    only = mode("needs-namespace")
    if only is not None and (not namespaced or namespace != only):
        forbidden(resource, "at the cluster scope")
    source = Source()
    if not source.has(resource) or mode("absent", resource) is not None:
        die(f"error: the server doesn't have a resource type \"{resource.partition('.')[0]}\"")
    if mode("fails", resource) is not None:
        die("Error from server (InternalError): an error on the server has prevented the request from succeeding")
    if source.folder and not MODES and not namespace:  # as fast as it goes
        with open(source.folder / f"{resource}.json", "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
        return
    write(resource, source.text(resource, namespace))


def write(resource, text):
    half = text[:len(text) // 2]
    if mode("late", resource) is not None:
        sys.stdout.write(half)
        die("Error from server (Expired): The provided continue parameter is too old to display a consistent "
            "list result.")
    if mode("truncated", resource) is not None:
        text = half
    if mode("garbled", resource) is not None:
        text = half + "\x00\x1b[31m ]]]}}}" + half
    if mode("html", resource) is not None:
        text = "<html><body>Please log in to the proxy</body></html>\n"
    if mode("endless", resource) is not None:
        sys.stdout.write('{"items": [{"metadata": {"name": "x"}}')
        while True:
            sys.stdout.write(',\n{"metadata": {"name": "x"}}' * 1000)
    if mode("endless-item", resource) is not None:
        sys.stdout.write('{"items": [{"metadata": {"name": "')
        while True:
            sys.stdout.write("x" * 65536)
    sys.stdout.write(text)


def raw(path):
    if mode("no-page") is not None:
        die("Error from server (ServiceUnavailable): the server is currently unable to handle the request")
    if not path.endswith(":8080/proxy/metrics") or "/namespaces/kube-system/pods/karpenter-" not in path:
        die("Error from server (NotFound): the server could not find the requested resource")
    page = Source().page()
    if "-bbbbb:" in path or mode("followers") is not None:  # not the leader
        page = "".join(line + "\n" for line in page.splitlines() if "_offering_" not in line)
    sys.stdout.write(page)


def record(folder, pods, nodes, seed=1):
    cluster = made_up(pods, nodes, seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for resource, objects in cluster.objects.items():
        (folder / f"{resource}.json").write_text(list_text(resource, objects), encoding="utf-8")
    (folder / "page.txt").write_text(cluster.page, encoding="utf-8")


def main(words):
    log = os.environ.get("FAKE_KUBECTL_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {' '.join(words)}\n")
    options = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("--")}
    plain = [word for word in words if not word.startswith("--")]
    if options.get("--context") == "none":
        die('error: context "none" does not exist')
    if "--kubeconfig" in options and not Path(options["--kubeconfig"]).exists():
        die(f"error: stat {options['--kubeconfig']}: no such file or directory")
    if sys.stdin.read(1):
        die("somebody typed into this kubectl")
    if plain == ["config", "current-context"]:
        if mode("no-context") is not None:
            die("error: current-context is not set")
        print("prod")
        return
    unreachable()
    time.sleep(float(mode("slow") or 0))
    if plain == ["version"]:
        print(json.dumps({"clientVersion": {"gitVersion": "v1.36.0"}, "serverVersion": {"gitVersion": "v1.36.3"}},
                         indent=2))
    elif plain == ["get"] and "--raw" in options:
        raw(options["--raw"])
    elif len(plain) == 2 and plain[0] == "get" and options.get("--output") == "json":
        get(plain[1], options)
    else:
        die(f"error: unknown command {' '.join(words)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        record(*sys.argv[2:])
    else:
        try:
            main(sys.argv[1:])
        except BrokenPipeError:
            os._exit(1)
