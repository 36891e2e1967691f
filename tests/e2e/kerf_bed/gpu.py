"""GPUs that do not exist, for a node: a machine of kerf-fake-driver, shown where drivers show theirs.

What looks for GPUs on the node finds them as on a real one: libnvidia-ml.so.1 among the system's
libraries, /dev/nvidia*, /proc/driver/nvidia, the PCI bus, nvidia-smi on the PATH.
"""
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from .common import E2E, BedError

LIBRARIES = Path("/usr/lib") / (sysconfig.get_config_var("MULTIARCH") or "")
MACHINE = "/run/kerf-fake-driver"  # where the library looks without being told
# What EC2's instance types have (kwok's types carry no boards).
BOARDS = {"g6.xlarge": "L4", "g7e.2xlarge": "RTX-PRO-6000", "p4d.24xlarge": "A100-40:8",
          "p5.4xlarge": "H100-80", "p5.48xlarge": "H100-80:8"}


def build_folder():
    """Where kerf-fake-driver and its library were built."""
    root = E2E.parent.parent
    named = os.environ.get("KERF_FAKE_DRIVER_BUILD")
    for folder in [Path(named)] if named else [root / "build/release", root / "build/dev"]:
        if (folder / "kerf-fake-driver").exists():
            return str(folder.resolve())
    raise BedError("kerf-fake-driver is not built: make build, or name its folder in "
                   "KERF_FAKE_DRIVER_BUILD")


def boards_of(node):
    """[BOARD:COUNT] of a Node, by its instance type."""
    kind = node["metadata"].get("labels", {}).get("node.kubernetes.io/instance-type", "")
    return [BOARDS[kind]] if kind in BOARDS else []


def make_machine(folder, build, boards, mig):
    """Makes the machine in `folder`; the binds that show it in a node."""
    words = [f"{build}/kerf-fake-driver", "--machine", folder, "init", *(["--mig"] if mig else [])]
    for board in boards:
        words += ["--gpu", board]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise BedError(done.stderr.strip())
    nodes = [entry for entry in sorted((folder / "dev").iterdir())]
    return [[str(source), str(target)] for source, target in [
        (folder, MACHINE),
        *((entry, f"/dev/{entry.name}") for entry in nodes),
        (folder / "proc/driver", "/proc/driver"),
        (folder / "sys/bus/pci", "/sys/bus/pci"),
        (f"{build}/lib/libnvidia-ml.so.1", LIBRARIES / "libnvidia-ml.so.1"),
        (f"{build}/kerf-fake-driver", "/usr/bin/kerf-fake-driver"),
        (f"{build}/kerf-fake-driver", "/usr/bin/nvidia-smi")]]


def reboot_machine(folder, build, mig):
    """What a reboot leaves: no instances, and MIG mode only on Ampere; with `mig` it is on again
    everywhere before anything else starts, as by a unit in a node's user data."""
    tell_machine(folder, build, "reboot")
    if mig:
        subprocess.run([sys.executable, "-c", SET_MODE, f"{build}/lib/libnvidia-ml.so.1"], check=True,
                       env={**os.environ, "KERF_FAKE_DRIVER": str(folder)})


def tell_machine(folder, build, *action):
    """Lets something happen to it: an action of a script of kerf-fake-driver, in words."""
    done = subprocess.run([f"{build}/kerf-fake-driver", "--machine", folder, "do", *action],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise BedError(done.stderr.strip())


SET_MODE = """
import ctypes, sys
nvml = ctypes.CDLL(sys.argv[1])
def call(name, *words, fine=(0,)):
    code = getattr(nvml, name)(*words)
    assert code in fine, f"{name}: {code}"
call("nvmlInit_v2")
count, device, activation = ctypes.c_uint(), ctypes.c_void_p(), ctypes.c_uint()
call("nvmlDeviceGetCount_v2", ctypes.byref(count))
for index in range(count.value):
    call("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(device))
    call("nvmlDeviceSetMigMode", device, 1, ctypes.byref(activation), fine=(0, 3))
"""
