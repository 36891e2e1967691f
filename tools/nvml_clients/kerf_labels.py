"""Kerf's own labels beside GPU Feature Discovery's, on the same simulated machine, strategy mixed.

With a folder to record into, writes each machine with what GPU Feature Discovery said of it: what
src/shell/nvml/labels_test.cc reads.
"""
import itertools

from . import boards
from .machine import Machine

CLIENT = "Kerf's labels"
MACHINE = "Standard PC (Q35 + ICH9, 2009)"  # has what a label may not have
H100_SEVEN = [("1g.10gb", start) for start in range(7)]
# name -> boards, layout of each GPU (None: MIG off), replicas, whether the resource is renamed
RECORDED = {
    "h100-uncut": (["H100-80", "H100-80"], [[], []], 1, True),
    "h100-seven": (["H100-80", "H100-80"], [H100_SEVEN, H100_SEVEN[:3]], 1, True),
    "h100-media": (["H100-80", "H100-80"],
                   [[("1g.10gb+me", 0), ("1g.20gb", 2), ("3g.40gb", 4)],
                    [("1g.10gb", 6), ("2g.20gb", 0)]], 1, True),
    "h100-whole": (["H100-80"] * 4, [None] * 4, 1, True),
    "h100-half-cut": (["H100-80"] * 3, [None, [("7g.80gb", 0)], []], 1, True),
    "a100-all": (["A100-40", "A100-80"],
                 [[("2g.10gb", 0), ("1g.5gb", 2), ("3g.20gb", 4)], [("4g.40gb", 0)]], 1, True),
    "a30": (["A30"], [[("1g.6gb+me", 0), ("1g.6gb", 1), ("2g.12gb", 2)]], 1, True),
    "rtx-pro-6000": (["RTX-PRO-6000"],
                     [[("1g.24gb+gfx", 0), ("1g.24gb-me", 3), ("2g.48gb", 6)]], 1, True),
    "t4": (["T4"], [None], 1, True),
    "t4-shared": (["T4", "T4"], [None] * 2, 4, False),
    "t4-renamed": (["T4", "T4"], [None] * 2, 4, True),
    "a100-and-t4": (["A100-40", "T4"], [[("3g.20gb", 0), ("3g.20gb", 4)], None], 1, True),
    "a100-and-h100": (["A100-80", "H100-80"], [[("3g.40gb", 4)], [("3g.40gb", 0)]], 1, True),
}
# What is any of several by chance (two kinds of GPU that are both whole or both cut).
EITHER = {"a100-all", "a100-and-h100"}


class KerfLabels:
    def __init__(self, gfd, build, report, record=None, version="unknown"):
        self.gfd, self.build, self.report = gfd, build, report
        self.record, self.version = record, version

    @staticmethod
    def sharing(replicas, renamed):
        return ("version: v1\nsharing:\n  timeSlicing:\n"
                f"    renameByDefault: {str(renamed).lower()}\n"
                f"    resources:\n    - name: nvidia.com/gpu\n      replicas: {replicas}\n")

    def discovered(self, machine, sys, replicas, renamed):
        out, config = machine.folder / "labels", machine.folder / "config.yaml"
        config.write_text("version: v1\n" if replicas == 1 else self.sharing(replicas, renamed))
        code, _, err = machine.run(
            self.gfd, "--use-node-feature-api=false", "--oneshot", "--no-timestamp",
            "--machine-type-file", sys / "class/dmi/id/product_name", "--output-file", out,
            "--mig-strategy", "mixed", "--config-file", config)
        return sorted(out.read_text().splitlines()) if code == 0 else err[-500:]

    def kerfs(self, machine, sys, replicas, renamed):
        words = [replicas, "nvidia.com/gpu.shared" if renamed else "nvidia.com/gpu"]
        code, out, err = machine.run(self.build / "bin/feature_labels",
                                     self.build / "lib/libnvidia-ml.so.1", sys, *words)
        return sorted(out.splitlines()) if code == 0 else err[-500:]

    @staticmethod
    def sys_of(machine):
        sys = machine.folder / "machine/sys"
        (sys / "class/dmi/id").mkdir(parents=True, exist_ok=True)
        (sys / "class/dmi/id/product_name").write_text(MACHINE + "\n")
        return sys

    def compare(self, machine, row, replicas=1, renamed=True, tries=1):
        """Equal, or equal to one of what it says by chance. Answers what it says."""
        sys = self.sys_of(machine)
        got = self.kerfs(machine, sys, replicas, renamed)
        for _ in range(tries):
            said = self.discovered(machine, sys, replicas, renamed)
            if said == got:
                break
        self.report.check((CLIENT, row, "as GPU Feature Discovery"), said, got)
        return said

    def run_recorded(self):
        for name, (gpus, layouts, replicas, renamed) in RECORDED.items():
            with Machine(self.build, *gpus) as machine:
                machine.lay_out(layouts)
                said = self.compare(machine, name, replicas, renamed, 30 if name in EITHER else 1)
                if self.record:
                    self.write(name, said)

    def write(self, name, said):
        gpus, layouts, replicas, renamed = RECORDED[name]
        lines = [f"# GPU Feature Discovery of k8s-device-plugin {self.version}, strategy mixed, on the "
                 "simulated driver 580.", f"machine {MACHINE}"]
        for board, layout in zip(gpus, layouts):
            cut = "whole" if layout is None else " ".join(f"{p}@{s}" for p, s in layout)
            lines.append(f"gpu {board} [{cut}]")
        if replicas > 1:
            lines.append(f"replicas {replicas} {'nvidia.com/gpu.shared' if renamed else 'nvidia.com/gpu'}")
        self.record.mkdir(parents=True, exist_ok=True)
        (self.record / f"{name}.txt").write_text("\n".join([*lines, "", *said, ""]))

    def run_boards(self):
        """Every profile of every board, and full layouts."""
        for board in boards.BOARDS:
            layouts = sorted(boards.full_layouts(board), key=len)
            suffixed = [[(p.name, p.starts[-1])] for p in boards.profiles(board).values()
                        if set("+-") & set(p.name)]
            with Machine(self.build, f"{board}:2") as machine:
                for pair in itertools.chain(zip(layouts, layouts[1:] + layouts[:1]),
                                            ((layout, []) for layout in suffixed)):
                    machine.lay_out(list(pair))
                    self.compare(machine, board)

    def run_drivers(self):
        for branch in (535, 550, 570, 580):
            for board in ("A100-40", "T4", "A10G", "L4", "V100-16"):
                with Machine(self.build, board, mig=False, driver=branch) as machine:
                    self.compare(machine, f"driver {branch}")

    def run(self):
        self.run_recorded()
        self.run_boards()
        self.run_drivers()
