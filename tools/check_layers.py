#!/usr/bin/env python3
"""Checks what a compiler cannot: layers, purity, heavy headers, and the first line of each file.

    tools/check_layers.py [--modules build/release/modules.json] [repository]

Reads the modules as CMake wrote them (cmake/kerf_module.cmake) and every .h and .cc under src/,
tests/, fuzz/ and bench/. Prints one finding a line, `file:line: what, why, what to do`, and exits
with 1 if there is one. Comments and strings never count as code.
"""
import argparse
import fnmatch
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

FOLDERS = ("src", "tests", "fuzz", "bench")
MAX_LINES = 500

# What a PURE module may not include: a clock, threads, files, the environment, chance, logging.
IMPURE_HEADERS = {
    "chrono": "a clock", "ctime": "a clock", "time.h": "a clock", "sys/time.h": "a clock",
    "thread": "threads", "mutex": "threads", "shared_mutex": "threads", "atomic": "threads",
    "condition_variable": "threads", "future": "threads", "semaphore": "threads",
    "latch": "threads", "barrier": "threads", "stop_token": "threads", "pthread.h": "threads",
    "fstream": "files", "iostream": "the terminal", "cstdio": "files", "stdio.h": "files",
    "filesystem": "files", "fcntl.h": "files", "sys/stat.h": "files", "unistd.h": "the system",
    "csignal": "the system", "signal.h": "the system",
    "random": "numbers that differ between standard libraries (use base/prng.h)",
    "syslog.h": "logging",
}
IMPURE_PREFIXES = {"spdlog/": "logging", "glog/": "logging", "boost/log/": "logging"}
IMPURE_WORDS = {
    "throw": "errors are a Result, bugs a KERF_ASSERT",
    "getenv": "the environment is not the core's",
    "secure_getenv": "the environment is not the core's",
}
# (file, header or word) that are meant: the only exceptions.
PURITY_EXCEPTIONS = {
    ("src/base/assert.cc", "cstdio"),  # prints why before it aborts
}

# Headers that are slow to compile or whose types must not spread, and who may include them: files,
# or folders if they end in "/", with a space between them. The first pattern that matches decides.
HEAVY_HEADERS = (
    (r"CLI/.*", "src/*/options.cc", "CLI11 costs 10 s in every file that includes it"),
    (r"(coin/)?(Clp|Coin|Osi)\w*\.(h|hpp)", "src/solver/clp.cc",
     "the LP solver stays behind core/plan/lp.h"),
    (r"curl/.*", "src/shell/apiserver/curl_transport.cc src/shell/controller/page_fetch.cc",
     "libcurl's types stay behind shell/apiserver/transport.h and shell/controller/page_fetch.h"),
    (r"boost/json/src\.hpp", "src/codec/json.cc", "it defines the library; twice will not link"),
    (r"(grpc|grpcpp|kubelet_api)/.*", "src/shell/kubelet/",
     "gRPC costs 7 s in every file that includes it"),
    (r"yaml\.h", "src/codec/yaml.cc", "libyaml's types stay behind codec/yaml.h"),
    (r"boost/json(/.*|\.hpp|_fwd\.hpp)", "src/codec/", "JSON library types never leave codec"),
    (r"boost/beast(/.*|\.hpp)", "src/shell/web/request.cc", "Beast stays behind RequestReader"),
    (r"boost/asio/(posix/.*|signal_set\.hpp|post\.hpp)", "src/shell/runtime/loop.cc",
     "Asio stays behind runtime::Loop"),
    (r"boost/asio(/.*|\.hpp)", "src/shell/", "Asio stays behind runtime::Loop and web::Server"),
    (r"prometheus/.*", "src/shell/telemetry/metrics.cc", "it stays behind telemetry::Metrics"),
)

# Folders of src/ that never meet, whatever a module declares.
NEVER = (
    ("sim", "shell", "the simulated world and the real one are alternatives"),
    ("shell", "sim", "the simulated world and the real one are alternatives"),
    ("cli", "shell/apiserver", "kerf reaches a cluster through kubectl only"),
    ("cli", "shell/nvml", "kerf runs where there is no GPU"),
    ("cli", "shell/kubelet", "kerf is no node agent"),
)


class Module(NamedTuple):
    name: str
    dir: str
    deps: list
    header_deps: list
    test_deps: list
    pure: bool


class Include(NamedTuple):
    line: int
    header: str
    quoted: bool  # "header", not <header>


class Source(NamedTuple):
    code: str  # comments, strings and includes blanked; lines kept
    comments: list  # (line, text)
    includes: list


_TOKEN = re.compile(
    r"""
      (?P<include>^[ \t]*\#[ \t]*include[ \t]*(?:"(?P<quoted>[^"\n]+)"|<(?P<angled>[^>\n]+)>))
    | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))
    | (?P<raw>\b(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?(?:\)(?P=delimiter)"|\Z))
    | (?P<string>"(?:\\.|[^"\\\n])*"?)
    | (?P<number>\b\.?[0-9](?:'?[0-9A-Za-z_.])*)
    | (?P<char>'(?:\\.|[^'\\\n])*'?)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL)


def read_source(text):
    """Splits C++ text into code, comments and includes."""
    comments, includes, code = [], [], []
    position = 0
    for match in _TOKEN.finditer(text):
        code.append(text[position:match.start()])
        position = match.end()
        line = text.count("\n", 0, match.start()) + 1
        if match["number"]:
            code.append(match[0])
            continue
        if match["include"]:
            includes.append(Include(line, match["quoted"] or match["angled"], bool(match["quoted"])))
        elif match["comment"]:
            for offset, comment in enumerate(match[0].split("\n")):
                comments.append((line + offset, comment))
        code.append(" " + "\n" * match[0].count("\n"))
    code.append(text[position:])
    return Source("".join(code), comments, includes)


def is_test(path):
    """*_test.cc, what tests share (*_testing.h, *_testing.cc), and all that is not in src/."""
    return not path.startswith("src/") or bool(re.search(r"_test\.cc$|_testing\.(h|cc)$", path))


def reachable(modules, names):
    """The modules in `names` and all that they depend on."""
    found, queue = set(), list(names)
    while queue:
        name = queue.pop()
        if name not in found and name in modules:
            found.add(name)
            queue.extend(modules[name].deps)
    return found


class Checker:
    def __init__(self, root, modules):
        self.root = Path(root)
        self.modules = {m.name: m for m in modules}
        self.by_dir = {m.dir: m for m in modules}
        self.findings = []

    def report(self, path, line, text):
        self.findings.append(f"{path}:{line}: {text}")

    def check_tree(self):
        for folder in FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".h", ".cc") and path.is_file():
                    relative = path.relative_to(self.root).as_posix()
                    self.check_file(relative, path.read_text(encoding="utf-8", errors="replace"))
        return self.findings

    def check_file(self, path, text):
        source = read_source(text)
        self.check_shape(path, text, source)
        self.check_heavy(path, source)
        if path.startswith("src/"):
            self.check_never(path, source)
            module = self.by_dir.get(path[len("src/"):].rpartition("/")[0])
            if module is None:
                self.report(path, 1, "belongs to no module, so nothing checks or builds it: "
                            "declare its folder with kerf_module() in CMakeLists.txt")
                return
            self.check_dependencies(path, source, module)
            if module.pure and not is_test(path):
                self.check_pure(path, source, module)

    def check_shape(self, path, text, source):
        lines = text.split("\n")
        head = []
        for line in lines:
            if not line.startswith("//"):
                break
            head.append(line[2:].strip())
        sentence = " ".join(head)
        if not re.match(r"// ?\S", lines[0]) or len(head[0].split()) < 3 or \
                not re.search(r"[.?!](\s|$|\))", sentence):
            self.report(path, 1, "line 1 is not a // comment that says in one sentence what the "
                        "file is for: readers start there, write it")
        count = text.count("\n") + (not text.endswith("\n"))
        if count > MAX_LINES and not is_test(path):
            self.report(path, MAX_LINES + 1, f"the file has {count} lines, over {MAX_LINES} is hard "
                        "to hold in one's head: make it two files")
        for line, comment in source.comments:
            if re.search(r"\b(TODO|FIXME)\b", comment) and \
                    not re.search(r"#\d+|https?://\S", comment):
                self.report(path, line, "TODO without an issue, nobody will come back to it: name "
                            "the issue, TODO(#12), or do it now")

    def check_heavy(self, path, source):
        for include in source.includes:
            for pattern, owner, why in HEAVY_HEADERS:
                if not re.fullmatch(pattern, include.header):
                    continue
                if not any(fnmatch.fnmatch(path, one) or (one.endswith("/") and path.startswith(one))
                           for one in owner.split()):
                    self.report(path, include.line, f"includes {include.header}; {why}: only "
                                f"{owner} may, go through its header")
                break

    def check_never(self, path, source):
        for include in source.includes:
            for folder, other, why in NEVER:
                if path.startswith(f"src/{folder}/") and include.header.startswith(f"{other}/"):
                    self.report(path, include.line, f"includes {include.header}; {why}: {folder} "
                                f"may never include {other}, put what both need in core or codec")

    def check_dependencies(self, path, source, module):
        roots = [module.name]
        if is_test(path):
            roots += module.test_deps
        allowed = reachable(self.modules, roots)
        for include in source.includes:
            if include.header.endswith("_testing.h") and not is_test(path):
                self.report(path, include.line, f"includes {include.header}, which is for tests: "
                            "move what you need out of it")
            folder = include.header.rpartition("/")[0]
            other = self.by_dir.get(folder)
            if other is None:
                if include.quoted and (self.root / path).parent.joinpath(include.header).is_file():
                    self.report(path, include.line, f"includes {include.header} relative to "
                                "itself, which hides its module: write the path from src/")
                elif (self.root / "src" / include.header).is_file():
                    self.report(path, include.line, f"includes {include.header}, which belongs to "
                                "no module: declare its folder with kerf_module()")
                continue
            if other.name in allowed:
                continue
            if any(fnmatch.fnmatchcase(include.header, glob) for glob in module.header_deps):
                continue
            self.report(path, include.line, f"includes {include.header}, but {module.name} does not "
                        f"depend on {other.name}: move the code, or add it to DEPS in "
                        "CMakeLists.txt if the layers allow it")

    def check_pure(self, path, source, module):
        for include in source.includes:
            what = IMPURE_HEADERS.get(include.header)
            for prefix, meaning in IMPURE_PREFIXES.items():
                if include.header.startswith(prefix):
                    what = meaning
            if what and (path, include.header) not in PURITY_EXCEPTIONS:
                self.report(path, include.line, f"includes <{include.header}>: {what}; {module.name} "
                            "is PURE: take the value as an argument, or move this out")
        for number, line in enumerate(source.code.split("\n"), 1):
            for word, why in IMPURE_WORDS.items():
                if re.search(rf"\b{word}\b", line) and (path, word) not in PURITY_EXCEPTIONS:
                    self.report(path, number, f"uses {word}, but {why}; {module.name} is PURE: "
                                "return a Result, or take the value as an argument")


def load_modules(path):
    fields = Module._fields
    return [Module(**{f: entry[f] for f in fields})
            for entry in json.loads(Path(path).read_text(encoding="utf-8"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--modules", help="modules.json of a configured build")
    parser.add_argument("root", nargs="?", default=Path(__file__).resolve().parent.parent)
    args = parser.parse_args()
    modules = args.modules or Path(args.root) / "build/release/modules.json"
    try:
        checker = Checker(args.root, load_modules(modules))
    except OSError as error:
        sys.exit(f"check_layers: {error}. Configure a build first: make build")
    findings = checker.check_tree()
    for finding in findings:
        print(finding)
    print(f"check_layers: {len(findings)} findings in {len(checker.modules)} modules")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
