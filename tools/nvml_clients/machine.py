"""A simulated machine for a client: made, laid out, and entered."""
import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pynvml as nv

from . import instances


class Machine:
    """Use it as a context: its folder is gone afterwards."""

    def __init__(self, build, *gpus, mig=True, driver=580):
        self.program = str(build / "kerf-fake-driver")
        self.boards = [board for board, _, count in (gpu.partition(":") for gpu in gpus)
                       for _ in range(int(count or 1))]
        self.folder = Path(tempfile.mkdtemp(prefix="kerf-nvml-"))
        os.environ["KERF_FAKE_DRIVER"] = str(self.folder / "machine")
        words = [word for gpu in gpus for word in ("--gpu", gpu)]
        self.kerf("init", "--latency", "none", "--driver", driver, *words, *["--mig"] * mig)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def kerf(self, *words):
        done = subprocess.run([self.program, *map(str, words)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(f"kerf-fake-driver {' '.join(map(str, words))}: "
                               f"{done.stderr.decode()}")
        return done.stdout.decode()

    def do(self, *words):
        self.kerf("do", *words)

    def run(self, *command, stdin=None, first_in_path=None):
        """The client in the machine: (exit code, standard output, standard error)."""
        command = [str(word) for word in command]
        if first_in_path:
            command = ["sh", "-c", f'PATH={first_in_path}:$PATH exec "$@"', "sh", *command]
        done = subprocess.run([self.program, "enter", "--", *command], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                              check=False, encoding="utf-8")
        return done.returncode, done.stdout, done.stderr

    def layout(self):
        """GPU by GPU, what `show` says: ["3g.20gb@4", ...]."""
        gpus = []
        for line in self.kerf("show").splitlines():
            if line.startswith("gpu "):
                gpus.append([])
            elif line.startswith("  "):
                gpus[-1].append(line.split()[0])
        return gpus

    def lay_out(self, layouts):
        """Makes (profile, start) of each GPU in place of what is there; None switches MIG off.

        Answers the MIG devices: dicts of gpu, profile, uuid, gi, ci, index.
        """
        made = []
        nv.nvmlInit()
        try:
            for gpu, layout in enumerate(layouts):
                handle = nv.nvmlDeviceGetHandleByIndex(gpu)
                known = instances.profiles(handle)
                self._clear(handle, known)
                if layout is None:
                    if known:
                        nv.nvmlDeviceSetMigMode(handle, nv.NVML_DEVICE_MIG_DISABLE)
                    continue
                for name, start in layout:
                    made.append({"gpu": gpu, "profile": name,
                                 **self._make(handle, known[name], start)})
        finally:
            nv.nvmlShutdown()
        return made

    @staticmethod
    def _clear(handle, known):
        for info in known.values():
            found = (nv.c_nvmlGpuInstance_t * info.instanceCount)()
            count = ctypes.c_uint()
            nv.nvmlDeviceGetGpuInstances(handle, info.id, found, ctypes.byref(count))
            for gi in found[:count.value]:
                for ci in range(8):  # their ids
                    try:
                        nv.nvmlComputeInstanceDestroy(nv.nvmlGpuInstanceGetComputeInstanceById(gi, ci))
                    except nv.NVMLError_NotFound:
                        pass
                nv.nvmlGpuInstanceDestroy(gi)

    @staticmethod
    def _make(handle, info, start):
        gi, ci, device = instances.make(handle, info, start)
        return {"uuid": nv.nvmlDeviceGetUUID(device), "gi": nv.nvmlGpuInstanceGetInfo(gi).id,
                "ci": nv.nvmlComputeInstanceGetInfo(ci).id, "index": nv.nvmlDeviceGetIndex(device)}

    def gpu_uuids(self):
        nv.nvmlInit()
        try:
            return [nv.nvmlDeviceGetUUID(nv.nvmlDeviceGetHandleByIndex(i))
                    for i in range(nv.nvmlDeviceGetCount())]
        finally:
            nv.nvmlShutdown()
