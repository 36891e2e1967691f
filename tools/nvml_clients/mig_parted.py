"""NVIDIA's mig-parted on simulated machines."""
import json

import yaml

from . import boards
from .machine import Machine

CLIENT = "mig-parted"
# Boards of both generations on which every full layout is applied, not only NVIDIA's configurations.
EVERY_LAYOUT = ["A100-40", "H100-80", "A30", "RTX-PRO-6000"]


class MigParted:
    def __init__(self, program, build, report, defaults):
        self.program, self.build, self.report = program, build, report
        self.defaults = defaults  # the text of NVIDIA's config-default.yaml; "" if there is none

    def call(self, machine, command, *words, stdin=None, first_in_path=None):
        return machine.run(self.program, command, *words, stdin=stdin, first_in_path=first_in_path)

    def apply(self, machine, configs, name, **more):
        """Answers whether it was applied, and what was said."""
        path = machine.folder / "configs.yaml"
        path.write_text(configs, encoding="utf-8")
        code, out, err = self.call(machine, "apply", "-f", path, "-c", name, **more)
        return code == 0, out + err

    def exported(self, machine):
        """GPU by GPU: None with MIG off, else profile -> count."""
        code, out, err = self.call(machine, "export")
        if code:
            return err
        found = []
        for gpu, board in enumerate(machine.boards):
            for spec in yaml.safe_load(out)["mig-configs"]["current"]:
                only = spec.get("device-filter", boards.device_filter(board))
                if boards.device_filter(board) in only and (
                        spec["devices"] == "all" or gpu in spec["devices"]):
                    found.append(spec["mig-devices"] if spec["mig-enabled"] else None)
        return found

    def applies(self, machine, row, configs, name, expected):
        """Applies, asserts and exports one configuration, and looks at the machine itself."""
        done, said = self.apply(machine, configs, name)
        if not self.report.check(row, True, done, f"apply {name}: {said[-400:] if not done else ''}"):
            return
        code, _, err = self.call(machine, "assert", "-f", machine.folder / "configs.yaml", "-c", name)
        self.report.check(row, 0, code, f"assert {name}: {err[-200:]}")
        self.report.check(row, expected, self.exported(machine), f"export after {name}")
        made = [sorted(place.split("@")[0] for place in gpu) for gpu in machine.layout()]
        wanted = [sorted(n for n, count in (gpu or {}).items() for _ in range(count))
                  for gpu in expected]
        self.report.check(row, wanted, made, f"layout after {name}")

    def refuses(self, machine, row, configs, name, why):
        before = self.exported(machine)
        done, said = self.apply(machine, configs, name)
        self.report.check(row, False, done, f"{name}: {why}")
        self.report.check(row, True, why in said, f"{name}: no '{why}' in {said[-300:]!r}")
        return before

    # --- what is compared ------------------------------------------------------------------------

    def default_configs(self, board):
        """The configurations of NVIDIA's file that are meant for the board: name -> profile -> count."""
        known, found = boards.profiles(board), {}
        for name, specs in yaml.safe_load(self.defaults)["mig-configs"].items():
            for spec in specs:
                filters = spec.get("device-filter", [boards.device_filter(board)])
                filters = filters if isinstance(filters, list) else [filters]
                wanted = spec.get("mig-devices") or {}
                if boards.device_filter(board) in filters and all(
                        p in known and n <= known[p].most for p, n in wanted.items()):
                    found[name] = wanted if spec["mig-enabled"] else None
                    break
        return found

    def run_defaults(self, board):
        row = (CLIENT, board, "config-default.yaml")
        with Machine(self.build, f"{board}:2") as machine:
            for name, wanted in self.default_configs(board).items():
                self.applies(machine, row, self.defaults, name, [wanted, wanted])

    def run_generated(self, board):
        row = (CLIENT, board, "generate-config")
        known = boards.profiles(board)
        with Machine(self.build, f"{board}:2") as machine:
            code, text, err = self.call(machine, "generate-config")
            if not self.report.check(row, 0, code, err[-300:]):
                return
            generated = {name: specs[0].get("mig-devices")
                         for name, specs in yaml.safe_load(text)["mig-configs"].items()}
            expected = {"all-" + p.name.replace("+", "."): {p.name: p.most} for p in known.values()}
            expected |= {"all-disabled": {}, "all-enabled": {}, "all-balanced": self.balanced(known)}
            self.report.check(row, expected, generated, "what is generated")
            for name, wanted in generated.items():
                self.applies(machine, row, text, name,
                             [None if name == "all-disabled" else wanted] * 2)

    @staticmethod
    def balanced(known):
        """mig-parted's formula (pkg/mig/builder), by the profile of each size that fits most often."""
        plain = [p for p in known.values() if not set("+-") & set(p.name)]
        formula = {7: {1: 2, 2: 1, 3: 1}, 4: {1: 2, 2: 1}}[max(p.slices for p in plain)]
        return {max((p for p in plain if p.slices == size), key=lambda p: p.most).name: count
                for size, count in formula.items()}

    def run_layouts(self, board):
        """Any full layout can be had in some order: mig-parted tries all orders."""
        row = (CLIENT, board, "every full layout")
        with Machine(self.build, board) as machine:
            for layout in boards.full_layouts(board):
                counts = {}
                for name, _ in layout:
                    counts[name] = counts.get(name, 0) + 1
                self.applies(machine, row, self.config(counts), "one", [counts])

    @staticmethod
    def config(counts, enabled=True):
        return json.dumps({"version": "v1", "mig-configs": {"one": [
            {"devices": "all", "mig-enabled": enabled, "mig-devices": counts}]}})

    def run_mode(self, board):
        row = (CLIENT, board, "MIG mode, on and off")
        known = boards.profiles(board)
        largest = max(known.values(), key=lambda p: p.units).name
        with Machine(self.build, f"{board}:2", mig=False) as machine:
            self.applies(machine, row, self.config({largest: 1}), "one", [{largest: 1}] * 2)
            self.applies(machine, row, self.config({}, False), "one", [None] * 2)
            machine.do("clients", 1, "gpu=1")
            done, said = self.apply(machine, self.config({largest: 1}), "one")
            self.report.check(row, (False, True), (done, "error resetting all GPUs" in said),
                              "a client in the way")
            self.report.check(row, True, "MIG off, on after a reset" in machine.kerf("show"),
                              "the change is pending")
            # nvidia-smi of a machine whose client goes just before mig-parted resets the GPUs.
            wrapper = machine.folder / "bin"
            wrapper.mkdir()
            smi = wrapper / "nvidia-smi"
            smi.write_text(f"#!/bin/sh\n{machine.program} do clients 0 gpu=1\n"
                           f'exec {machine.folder}/machine/bin/nvidia-smi "$@"\n')
            smi.chmod(0o755)
            done, said = self.apply(machine, self.config({largest: 1}), "one",
                                    first_in_path=wrapper)
            self.report.check(row, True, done, f"with a reset by nvidia-smi: {said[-300:]}")
            self.report.check(row, [{largest: 1}] * 2, self.exported(machine), "after the reset")

    def run_refusals(self, board):
        row = (CLIENT, board, "refusals")
        known = boards.profiles(board)
        plain = [p for p in known.values() if not set("+-") & set(p.name)]
        smallest = min(plain, key=lambda p: p.units)
        largest = max(plain, key=lambda p: p.units)
        with Machine(self.build, board) as machine:
            # Profiles that the board lacks are not among them: mig-parted takes such a list as empty.
            for counts in ({smallest.name: smallest.most + 1}, {smallest.name: 1, largest.name: 1}):
                self.refuses(machine, row, self.config(counts), "one", "ERROR_INSUFFICIENT_RESOURCES")
                self.report.check(row, [[]], machine.layout(), f"nothing is left after {counts}")
            device = machine.lay_out([[(largest.name, 0)]])[0]
            machine.do("start-process", device["uuid"], "pid=4711")
            before = self.refuses(machine, row, self.config({smallest.name: 2}), "one", "ERROR_IN_USE")
            self.report.check(row, before, self.exported(machine), "the slice in use is still there")
            machine.do("end-process", "pid=4711")
            self.applies(machine, row, self.config({smallest.name: 2}), "one", [{smallest.name: 2}])
            machine.do("fail", "create-gpu-instance", "in-use", "count=1000")
            self.refuses(machine, row, self.config({largest.name: 1}), "one", "ERROR_IN_USE")

    def run_checkpoint(self, board):
        row = (CLIENT, board, "checkpoint, clear, restore")
        with Machine(self.build, f"{board}:2") as machine:
            layouts = sorted(boards.full_layouts(board), key=len)
            machine.lay_out([layouts[-1], layouts[len(layouts) // 2]])
            before, file = machine.layout(), machine.folder / "checkpoint.json"
            code, _, err = self.call(machine, "checkpoint", "-f", file)
            self.report.check(row, 0, code, err[-200:])
            self.applies(machine, row, self.config({}, False), "one", [None, None])
            code, _, err = self.call(machine, "restore", "-f", file)
            self.report.check(row, 0, code, err[-200:])
            self.report.check(row, before, machine.layout(), "placements")

    def run_two_boards(self):
        row = (CLIENT, "A30 and H100-80", "generate-config")
        wanted = [self.balanced(boards.profiles(board)) for board in ("A30", "H100-80")]
        with Machine(self.build, "A30", "H100-80") as machine:
            _, text, _ = self.call(machine, "generate-config")
            self.applies(machine, row, text, "all-balanced", wanted)
            filters = [spec["device-filter"]
                       for spec in yaml.safe_load(text)["mig-configs"]["all-balanced"]]
            self.report.check(row, [boards.device_filter("A30"), boards.device_filter("H100-80")],
                              sorted(sum(filters, [])), "device filters")

    def run_old_driver(self):
        row = (CLIENT, "H100-80", "driver 535")
        with Machine(self.build, "H100-80", mig=False, driver=535) as machine:
            code, _, err = self.call(machine, "generate-config")
            self.report.check(row, (True, True), (code != 0, "no MIG profiles discovered" in err),
                              "profiles cannot be asked for while MIG is off")
            self.applies(machine, row, self.config({"1g.10gb": 7}), "one", [{"1g.10gb": 7}])
            code, _, err = self.call(machine, "generate-config")
            self.report.check(row, 0, code, err[-200:])

    def run(self):
        self.run_two_boards()
        self.run_old_driver()
        for board in boards.BOARDS:
            if self.defaults:
                self.run_defaults(board)
            self.run_generated(board)
        for board in EVERY_LAYOUT:
            self.run_layouts(board)
        for board in ("A100-40", "H100-80", "RTX-PRO-6000"):
            self.run_mode(board)
            self.run_refusals(board)
            self.run_checkpoint(board)
