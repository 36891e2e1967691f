#!/usr/bin/env python3
"""Runs every `$ kerf ...` and `$ kerf-fake-driver ...` that the documentation shows and compares what
it prints.

In README.md and docs/**/*.md, a ```console block holds commands (lines that start with "$ ") each
followed by the output it must have, standard output and standard error together. A line "..." stands
for any lines. Commands of other programs are left alone. KERF and KERF_FAKE are the programs; without
KERF_FAKE it is the kerf-fake-driver beside kerf, and its commands are left alone where there is none.
Each page has a simulated machine of its own. `kerf-fake-driver enter` runs only where it may mount.
--update writes today's output into the blocks that have no "..." line.

It also compares the tables of reasons in docs/reference/events.md and conditions.md with the closed lists of
src/report/decision_reasons.cc, and those of docs/reference/snapshot.md with src/codec/cluster_kinds.cc, and
those of docs/reference/doctor.md with src/doctor/codes.cc.
"""
import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(block):
    """Splits a block into (command line, expected output lines)."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


class Programs:
    """The programs whose commands are run, by name, and what was left out."""

    def __init__(self):
        kerf = pathlib.Path(os.environ.get("KERF", ROOT / "build" / "kerf")).absolute()
        fake = os.environ.get("KERF_FAKE")
        self.paths = {"kerf": str(kerf)}
        if fake or (kerf.parent / "kerf-fake-driver").exists():
            self.paths["kerf-fake-driver"] = os.path.abspath(fake or kerf.parent / "kerf-fake-driver")
        self.may_mount = os.geteuid() == 0 and subprocess.run(
            ["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
        self.ran, self.left_out = 0, []

    def runs(self, command):
        """Is it one of ours? One that cannot be run here is noted."""
        name, _, rest = command.partition(" ")
        if name not in ("kerf", "kerf-fake-driver"):
            return False
        if name not in self.paths:
            self.left_out.append(f"$ {command} (kerf-fake-driver is not built)")
        elif name == "kerf-fake-driver" and rest.split()[:1] == ["enter"] and not self.may_mount:
            self.left_out.append(f"$ {command} (only root may mount)")
        else:
            self.ran += 1
            return True
        return False

    def run(self, command, machine):
        words = shlex.split(command)
        environment = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", KERF_FAKE_DRIVER=machine)
        done = subprocess.run([self.paths[words[0]]] + words[1:], cwd=ROOT, env=environment, text=True,
                              timeout=300, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        return done.stdout.rstrip("\n").split("\n")


def matches(expected, actual):
    """Line by line; "..." matches any run of lines."""
    if "..." not in expected:
        return expected == actual
    at = expected.index("...")
    head, tail = expected[:at], expected[at + 1:]
    if actual[:len(head)] != head:
        return False
    rest = actual[len(head):]
    return not tail or any(matches(tail, rest[i:]) for i in range(len(rest) + 1))


def strip_blank_end(lines):
    while lines and lines[-1] == "":
        lines = lines[:-1]
    return lines


def check(programs, path, update, machine):
    """How many commands of the page print something else."""
    text = path.read_text(encoding="utf-8")
    wrong = 0

    def replace(match):
        nonlocal wrong
        out = []
        for command, expected in commands(match.group(1)):
            expected = strip_blank_end(expected)
            out.append("$ " + command)
            if not programs.runs(command):
                out += expected
                continue
            actual = strip_blank_end(programs.run(command, machine))
            if matches(expected, actual):
                out += expected
            elif update and "..." not in expected:
                out += actual
            else:
                wrong += 1
                out += expected
                print(f"{path.relative_to(ROOT)}: $ {command} prints something else:")
                print("\n".join(difflib.unified_diff(expected, actual, "shown", "printed", lineterm="")))
        return "```console\n" + "\n".join(out) + "\n```"

    new = BLOCK.sub(replace, text)
    if update and new != text:
        path.write_text(new, encoding="utf-8")
    return wrong


def listed(name, file="src/report/decision_reasons.cc"):
    """Rows of an array of the source, each its strings and words, adjacent strings joined."""
    source = (ROOT / file).read_text(encoding="utf-8")
    body = re.search(rf"\b{name} = {{{{(.*?)}}}};", source, re.DOTALL).group(1)
    body = re.sub(r'"\s+"', "", body)
    rows = re.findall(r'{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)}', body)
    return [[a or b for a, b in re.findall(r'"((?:[^"\\]|\\.)*)"|([\w:]+)', row)] for row in rows]


def table_rows(page, width):
    """Cells of the page's table rows of that many columns, without heads and backquotes."""
    rows = []
    for line in (ROOT / "docs/reference" / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if len(cells) == width and not set(line) <= set("|- "):
            rows.append(cells)
    return rows


def check_reasons():
    """How many tables of reasons differ from the program's lists."""
    events = [(row[0], "Warning" if row[2] == "true" else "Normal", row[1]) for row in listed("kReasons")]
    shown = [(row[0], row[1], row[2]) for row in table_rows("events.md", 5) if row[0] != "reason"]
    conditions = [(row[0].removeprefix("Type::"), "True" if row[2] == "true" else "False", row[1])
                  for row in listed("kConditions")]
    told, kind = [], ""
    for cells in table_rows("conditions.md", 5):
        kind = cells[0] or kind
        if cells[0] != "type":
            told.append((kind, cells[1], cells[2]))
    wrong = 0
    for page, expected, actual in (("events.md", events, shown), ("conditions.md", conditions, told)):
        if not expected or expected != actual:
            wrong += 1
            print(f"docs/reference/{page} and src/report/decision_reasons.cc differ:")
            print("\n".join(difflib.unified_diff([str(one) for one in expected], [str(one) for one in actual],
                                                 "the program's", "shown", lineterm="")))
    return wrong


KEPT_LISTS = {
    "annotations of these domains and their subdomains": "kAnnotationDomains",
    "single annotations": "kAnnotations",
    "variables of any container": "kAnyVariables",
    "variables of Karpenter's Deployment": "kKarpenterVariables",
    "variables of NVIDIA's DaemonSets and of the ClusterPolicy": "kNvidiaVariables",
}


def check_snapshot():
    """Is what the page says is kept of a cluster what the program keeps?"""
    source = (ROOT / "src/codec/cluster_kinds.cc").read_text(encoding="utf-8")
    strings = lambda text: re.findall(r'"([^"]*)"', re.sub(r'"\s+"', "", text))
    kept = re.search(r"\bkKept = .*?\(\{(.*?)\n\}\);", source, re.DOTALL).group(1)
    expected = [strings(row) for row in re.findall(r"{([^{}]*)}", kept)]
    for title, name in KEPT_LISTS.items():
        words = re.search(rf"\b{name} =\s*std::to_array<std::string_view>\((.*?)\);", source, re.DOTALL)
        expected.append([title, " ".join(re.findall(r'"([^"]*)"', words.group(1)))])
    actual = [cells for cells in table_rows("snapshot.md", 3) if cells[0] != "of"]
    actual += [cells for cells in table_rows("snapshot.md", 2) if cells[0] in KEPT_LISTS]
    if len(expected) > 100 and expected == actual:
        return 0
    print("docs/reference/snapshot.md and src/codec/cluster_kinds.cc differ:")
    print("\n".join(difflib.unified_diff([" | ".join(row) for row in expected],
                                         [" | ".join(row) for row in actual], "the program's", "shown",
                                         lineterm="")))
    return 1


def check_doctor():
    """Does the page show every code that kerf doctor has, in its order and words?"""
    expected = [(row[0], row[1].removeprefix("Severity::").lower(), *row[2:])
                for row in listed("kCodes", "src/doctor/codes.cc")]
    shown = [tuple(row) for row in table_rows("doctor.md", 5) if row[0] != "code"]
    if len(expected) > 50 and expected == shown:
        return 0
    print("docs/reference/doctor.md and src/doctor/codes.cc differ:")
    print("\n".join(difflib.unified_diff([str(one) for one in expected], [str(one) for one in shown],
                                         "the program's", "shown", lineterm="")))
    return 1


def main():
    programs = Programs()
    update = "--update" in sys.argv[1:]
    pages = [ROOT / "README.md"] + sorted((ROOT / "docs").rglob("*.md"))
    wrong = check_reasons() + check_snapshot() + check_doctor()
    for page in pages:
        with tempfile.TemporaryDirectory(prefix="kerf-docs-") as folder:
            wrong += check(programs, page, update, folder + "/machine")
    for command in programs.left_out:
        print(f"left out: {command}")
    print(f"{programs.ran} commands of {len(pages)} pages run, {wrong} print something else")
    if programs.ran == 0:
        print("expected at least one `$ kerf` command in a ```console block")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
