"""What the machine must have for a bed, and what to do where it is missing."""
import os
import shutil
import struct
import subprocess
from pathlib import Path

from .common import E2E, BedError

PROGRAMS = ("etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kubelet", "kubectl",
            "karpenter-kwok", "containerd", "containerd-shim-runc-v2", "ctr", "crds")
DEBIAN = (("openssl", "openssl"), ("ip", "iproute2"), ("unshare", "util-linux"),
          ("nsenter", "util-linux"), ("setpriv", "util-linux"), ("runc", "runc"), ("/bin/busybox", "busybox-static"),
          ("/usr/lib/cni/ptp", "containernetworking-plugins"))


def parts_folder():
    """Where tests/e2e/build puts its programs; BedError unless all are there."""
    build = E2E / "build"
    parts = Path(subprocess.run([build, "--parts"], stdout=subprocess.PIPE, text=True,
                                check=True).stdout.strip())
    missing = [name for name in PROGRAMS if not (parts / name).exists()]
    if missing:
        raise BedError(f"not built yet: {', '.join(missing)}. Run {os.path.relpath(build)} first "
                       "(about 8 minutes on 2 cores, once)")
    return parts


def is_static(program):
    """An ELF program without an interpreter runs in an image that has nothing else."""
    with open(program, "rb") as file:
        head = file.read(4096)
    if head[:5] != b"\x7fELF\x02":
        return False
    offset, = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    return all(struct.unpack_from("<I", head, offset + i * size)[0] != 3 for i in range(count))


def check_machine():
    """Returns the folder of parts; BedError names what is missing."""
    if os.geteuid() != 0:
        raise BedError("needs root: it makes namespaces, mounts and control groups. Try sudo")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = sorted({package for program, package in DEBIAN if not shutil.which(program, path=path)})
    if not packages and not is_static("/bin/busybox"):
        packages = ["busybox-static"]
    if packages:
        raise BedError(f"needs Debian's {' '.join(packages)}; tools/setup installs what is missing")
    return parts_folder()
