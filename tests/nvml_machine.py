"""What tests of the simulated driver through nvidia-ml-py share: a machine for each test, lists.

Importing it loads lib/libnvidia-ml.so.1 from the folder KERF_FAKE_DRIVER_BUILD. It ends the program
with 77, and says why, where nvidia-ml-py is not in build/python (tools/setup puts it there) or
nobody may be root.
"""
import ctypes
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("KERF_FAKE_DRIVER_BUILD", ROOT / "build/dev")).resolve()
PROGRAM = BUILD / "kerf-fake-driver"
LIBRARY = BUILD / "lib/libnvidia-ml.so.1"
PYTHON = ROOT / "build/python"

sys.path[:0] = [str(PYTHON), str(ROOT / "tools")]
try:
    import pynvml as nv
except ImportError:
    print(f"skipped: nvidia-ml-py is not in {PYTHON}; tools/setup installs it from PyPI")
    sys.exit(77)
if os.geteuid() != 0:  # the driver takes changes from root only; a user namespace will do
    if subprocess.run(["unshare", "--user", "--map-root-user", "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        print("skipped: neither root nor allowed to make a user namespace")
        sys.exit(77)
    os.execvp("unshare", ["unshare", "--user", "--map-root-user", sys.executable, *sys.argv])
ctypes.CDLL(str(LIBRARY))  # so that nv finds this one by its name
from nvml_clients import instances  # noqa: E402
from nvml_clients.instances import placement, placements_of  # noqa: E402, F401

# A process of its own on the machine that the environment names.
OTHER = f"import ctypes, json, os, sys; sys.path.insert(0, {str(PYTHON)!r}); " \
    f"ctypes.CDLL({str(LIBRARY)!r}); import pynvml as nv; nv.nvmlInit(); " \
    "gpu = nv.nvmlDeviceGetHandleByIndex(0)\n"
MIG_BOARDS = ["A100-40", "A100-80", "H100-80", "H100-94", "H100-96", "GH200-144", "H200", "B200",
              "GB200", "B300", "GB300", "A30", "RTX-PRO-6000"]
ERROR = {name[len("NVML_ERROR_"):]: value for name, value in vars(nv).items()
         if name.startswith("NVML_ERROR_")}


def other_process(code):
    """Standard output of `code` in another process, read as JSON."""
    return json.loads(subprocess.run([sys.executable, "-c", OTHER + code], timeout=60, check=True,
                                     stdout=subprocess.PIPE).stdout)


def handles_of(kind, room, count_and_fill):
    found, count = (kind * room)(), ctypes.c_uint(room)
    count_and_fill(found, ctypes.byref(count))
    return [ctypes.cast(h, ctypes.c_void_p).value for h in found[:count.value]]


def value_of(handle):
    return ctypes.cast(handle, ctypes.c_void_p).value


def name_by_memory(slices, mib, gpu_bytes):
    """How go-nvlib makes a profile's name out of memory sizes."""
    part = math.ceil(mib * 2**20 / gpu_bytes * 8) / 8
    return f"{slices}g.{math.floor(part * math.ceil(gpu_bytes / 2**30) + 0.5)}gb"


class Machine(unittest.TestCase):
    """A machine of its own for each test."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kerf-nvml-")
        os.chmod(self.folder, 0o755)  # others may ask the driver too
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.environ["KERF_FAKE_DRIVER"] = self.folder
        self.open = 0
        self.addCleanup(self.close)

    def close(self):
        for _ in range(self.open):
            nv.nvmlShutdown()
        self.open = 0

    def fake(self, *words):
        done = subprocess.run([str(PROGRAM), *map(str, words)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def do(self, *words):
        self.fake("do", *words)

    def start(self, *gpus, mig=True, driver=570, more=()):
        """Makes the machine and answers the handle of its first GPU."""
        words = [word for gpu in gpus for word in ("--gpu", gpu)]
        self.fake("init", "--latency", "none", "--driver", driver, *words, *["--mig"] * mig, *more)
        if not self.open:
            nv.nvmlInit()
            self.open = 1
        return nv.nvmlDeviceGetHandleByIndex(0)

    def answers(self, code, call, *arguments):
        with self.assertRaises(nv.NVMLError) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.value, ERROR[code], f"{raised.exception}, not {code}")

    def profiles(self, gpu):
        return instances.profiles(gpu)

    def placements(self, gpu, profile_id):
        return instances.placements(gpu, profile_id)

    def make(self, gpu, name, start=None):
        """A GPU instance with one compute instance of all its slices: (gi, ci, MIG device)."""
        return instances.make(gpu, instances.profiles(gpu)[name], start)
