"""NVIDIA's GPU Feature Discovery on simulated machines: the labels of each strategy."""
import re

from . import boards
from .machine import Machine

CLIENT = "gpu-feature-discovery"
# Compute capability and family; NVIDIA's table of CUDA GPUs and GFD's names of families.
COMPUTE = {"A100-40": (8, 0, "ampere"), "A100-80": (8, 0, "ampere"), "A30": (8, 0, "ampere"),
           "H100-80": (9, 0, "hopper"), "H100-94": (9, 0, "hopper"), "H100-96": (9, 0, "hopper"),
           "GH200-144": (9, 0, "hopper"), "H200": (9, 0, "hopper"), "B200": (10, 0, "blackwell"),
           "GB200": (10, 0, "blackwell"), "B300": (10, 3, "blackwell"),
           "GB300": (10, 3, "blackwell"), "RTX-PRO-6000": (12, 0, "blackwell"),
           "T4": (7, 5, "turing"), "A10G": (8, 6, "ampere"), "L4": (8, 9, "ada-lovelace"),
           "V100-16": (7, 0, "volta")}
# What the simulated driver of each branch says of itself.
VERSIONS = {535: ("535.183.01", "12.2"), 550: ("550.127.05", "12.4"), 570: ("570.133.20", "12.8"),
            580: ("580.82.07", "13.0")}


def version_labels(branch):
    driver, cuda = VERSIONS[branch]
    labels = {}
    for new, old, text in (("cuda.driver-version", "cuda.driver", driver),
                           ("cuda.runtime-version", "cuda.runtime", cuda)):
        labels[new + ".full"] = text
        for part, old_part, value in zip(("major", "minor", "revision"), ("major", "minor", "rev"),
                                         text.split(".")):
            labels[f"{new}.{part}"] = labels[f"{old}.{old_part}"] = value
    return labels


def gpu_labels(name, count, mig_on):
    row, (major, minor, family) = boards.board(name), COMPUTE[name]
    return {"gpu.product": row["product"], "gpu.count": count, "gpu.memory": row["memory_mib"] or None,
            "gpu.replicas": 0 if mig_on else 1, "gpu.sharing-strategy": "none",
            "gpu.family": family, "gpu.compute.major": major, "gpu.compute.minor": minor,
            "gpu.machine": "simulated", "gpu.mode": "compute", "mps.capable": "false",
            "vgpu.present": "false", "mig.capable": str(bool(row["slots"])).lower()}


def slice_labels(prefix, board, profile, count):
    labelled = profile.name.replace("+", ".")
    return {f"{prefix}.{key}": value for key, value in {
        "product": f"{boards.board(board)['product']}-MIG-{labelled}", "count": count,
        "replicas": 1, "sharing-strategy": "none", "memory": profile.mib,
        "multiprocessors": profile.sms, "slices.gi": profile.slices, "slices.ci": profile.slices,
        "engines.copy": profile.copy, "engines.decoder": profile.decoders,
        "engines.encoder": profile.encoders, "engines.jpeg": profile.jpeg,
        "engines.ofa": profile.ofa}.items()}


class FeatureDiscovery:
    def __init__(self, program, build, report, clone):
        self.program, self.build, self.report, self.clone = program, build, report, clone
        self.lines = {}  # NVIDIA's file -> [lines, of them matched]

    def labels(self, machine, strategy):
        (machine.folder / "type").write_text("simulated\n")
        out = machine.folder / "labels"
        code, _, err = machine.run(self.program, "--use-node-feature-api=false", "--oneshot",
                                   "--no-timestamp", "--machine-type-file", machine.folder / "type",
                                   "--output-file", out, "--mig-strategy", strategy)
        if code:
            return err[-500:]
        return dict(line.removeprefix("nvidia.com/").split("=", 1)
                    for line in out.read_text().splitlines())

    def compare(self, machine, row, strategy, expected, plain=True):
        """Whatever nobody has recorded (None) is left out on both sides."""
        got = self.labels(machine, strategy)
        if strategy != "none":
            expected = {**expected, "mig.strategy": strategy}
        if isinstance(got, dict):
            unknown = {key for key, value in expected.items() if value is None}
            got = {key: value for key, value in got.items() if key not in unknown}
            self.match(got, strategy, row, plain)
        self.report.check(row, {key: str(value) for key, value in sorted(expected.items())
                                if value is not None},
                          dict(sorted(got.items())) if isinstance(got, dict) else got, strategy)

    def match(self, got, strategy, row, plain):
        """NVIDIA's own test: each line of the output matches some line of its file of regexes."""
        if self.clone is None:
            return
        name = f"expected-output-mig-{strategy}.txt"
        regexes = [re.compile(line.replace(r"\/", "/"))
                   for line in (self.clone / "tests" / name).read_text().splitlines()]
        lines = [f"nvidia.com/{key}={value}" for key, value in got.items() if "vgpu" not in key]
        missed = [line for line in lines if not any(regex.search(line) for regex in regexes)]
        counts = self.lines.setdefault(name, [0, 0])
        counts[0] += len(lines)
        counts[1] += len(lines) - len(missed)
        if plain:  # NVIDIA's files know neither +me and the like nor a layout that is invalid
            self.report.check((CLIENT, row[1], "NVIDIA's expected-output"), [], missed, name)

    def run_board(self, board):
        known, row = boards.profiles(board), (CLIENT, board, "labels")
        layouts = sorted(boards.full_layouts(board), key=len)
        base = {**version_labels(580), **gpu_labels(board, 2, True)}

        def mixed(*gpus):
            labels = dict(base)
            names = [name for layout in gpus for name, _ in layout]
            for name in set(names):
                prefix = "mig-" + name.replace("+", ".")
                labels |= slice_labels(prefix, board, known[name], names.count(name))
            return labels

        suffixed = [p for p in known.values() if set("+-") & set(p.name)]
        two_types = next(layout for layout in layouts if len({name for name, _ in layout}) > 1)
        with Machine(self.build, f"{board}:2") as machine:
            self.compare(machine, row, "mixed", base)
            self.compare(machine, row, "none", base)
            for pair in zip(layouts, layouts[1:] + layouts[:1]):
                machine.lay_out(pair)
                self.compare(machine, row, "mixed", mixed(*pair))
            for profile in suffixed:
                pair = [[(profile.name, profile.starts[-1])], []]
                machine.lay_out(pair)
                self.compare(machine, row, "mixed", mixed(*pair), plain=False)
            for profile in known.values():
                places = [(profile.name, start) for start in profile.starts][:profile.most]
                machine.lay_out([places] * 2)
                self.compare(machine, row, "none", base)
                labels = slice_labels("gpu", board, profile, 2 * len(places))
                self.compare(machine, row, "single", {**base, **labels},
                             plain=profile not in suffixed)
            machine.lay_out([two_types] * 2)
            self.compare(machine, row, "single", {
                **base, "gpu.product": base["gpu.product"] + "-MIG-INVALID", "gpu.count": 0,
                "gpu.replicas": 0, "gpu.sharing-strategy": "", "gpu.memory": 0}, plain=False)

    def run(self):
        for board in boards.BOARDS:
            self.run_board(board)
        for board in COMPUTE:
            for branch in VERSIONS:
                with Machine(self.build, f"{board}:3", mig=False, driver=branch) as machine:
                    row = (CLIENT, "all boards, MIG off", "labels")
                    expected = {**version_labels(branch), **gpu_labels(board, 3, False)}
                    for strategy in ("none", "mixed", "single"):
                        self.compare(machine, row, strategy, expected)
        for name, (lines, matched) in self.lines.items():
            self.report.note(f"k8s-device-plugin's tests/{name}: {matched} of {lines} labels match")
