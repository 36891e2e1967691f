"""A page of prices as Karpenter's AWS provider has it, which the kwok cloud has not; runs inside the bed.

    python3 -m kerf_bed.prices FOLDER

From the file of instance types and what faults.py says of offerings, worked out anew at each request.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import faults

PORT = 8082
URL = f"http://127.0.0.1:{PORT}/metrics"
SERIES = "karpenter_cloudprovider_instance_type_offering_"
ABOUT = {"available": "Instance type offering availability, based on instance type, capacity type, and zone",
         "price_estimate": "Instance type offering estimated hourly price used when making informed decisions on node "
                           "cost calculation, based on instance type, capacity type, and zone"}


def offerings(types, changed):
    """[(type, zone, capacity type, price, available)], by the file and what was changed since."""
    found = []
    for kind in types:
        for offering in kind["offerings"]:
            of = {requirement["key"]: requirement["values"][0] for requirement in offering["Requirements"]}
            zone, capacity = of["topology.kubernetes.io/zone"], of["karpenter.sh/capacity-type"]
            now = changed.get(f"{kind['name']} {zone} {capacity}", {})
            found.append((kind["name"], zone, capacity, now.get("price", offering["Price"]),
                          now.get("available", True)))
    return found


def page(folder):
    """The page as text, of the bed in `folder`."""
    options = json.loads((Path(folder) / "bed.json").read_text())
    all_offerings = offerings(json.loads(Path(options["types"]).read_text()), faults.read(folder)["offerings"])
    lines = []
    for name in ("available", "price_estimate"):
        lines += [f"# HELP {SERIES}{name} {ABOUT[name]}", f"# TYPE {SERIES}{name} gauge"]
        for kind, zone, capacity, price, available in all_offerings:
            value = price if name == "price_estimate" else int(available)
            lines.append(f'{SERIES}{name}{{capacity_type="{capacity}",instance_type="{kind}",zone="{zone}"}} {value}')
    return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/metrics":
            self.send_error(404)
            return
        body = page(sys.argv[1]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
