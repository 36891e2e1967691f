#!/usr/bin/env python3
"""Runs every `$ kerf ...` command that the documentation shows and compares what it prints.

In README.md and docs/**/*.md, a ```console block holds commands (lines that start with "$ ") each
followed by the output it must have, standard output and standard error together. A line "..." stands
for any lines. Commands of other programs are left alone. KERF is the program; --update writes today's
output into the blocks that have no "..." line.
"""
import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys

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


def run(kerf, command):
    words = shlex.split(command)
    environment = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1")
    done = subprocess.run([kerf] + words[1:], cwd=ROOT, env=environment, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
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


def check(kerf, path, update):
    text = path.read_text(encoding="utf-8")
    ran, wrong = 0, 0

    def replace(match):
        nonlocal ran, wrong
        out = []
        for command, expected in commands(match.group(1)):
            expected = strip_blank_end(expected)
            out.append("$ " + command)
            if not command.startswith("kerf "):
                out += expected
                continue
            ran += 1
            actual = strip_blank_end(run(kerf, command))
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
    return ran, wrong


def main():
    kerf = os.path.abspath(os.environ.get("KERF", ROOT / "build" / "kerf"))
    update = "--update" in sys.argv[1:]
    pages = [ROOT / "README.md"] + sorted((ROOT / "docs").rglob("*.md"))
    ran = wrong = 0
    for page in pages:
        page_ran, page_wrong = check(kerf, page, update)
        ran += page_ran
        wrong += page_wrong
    print(f"{ran} commands of {len(pages)} pages run, {wrong} print something else")
    if ran == 0:
        print("expected at least one `$ kerf` command in a ```console block")
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
