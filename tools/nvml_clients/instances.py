"""MIG through nvidia-ml-py: which profiles a GPU has, where they go, and making one.

For the clients of this folder and for tests/nvml_machine.py. nvidia-ml-py must be on sys.path.
"""
import ctypes

import pynvml as nv

WHOLE = {1: 0, 2: 1, 3: 2, 4: 3, 7: 4}  # compute slices -> NVML_COMPUTE_INSTANCE_PROFILE_*


def placement(start, size):
    return ctypes.byref(nv.c_nvmlGpuInstancePlacement_t(start, size))


def placements_of(count_and_fill):
    """The list behind one of NVML's pairs of buffer and count, as (start, size)."""
    count = ctypes.c_uint()
    count_and_fill(None, ctypes.byref(count))
    found = (nv.c_nvmlGpuInstancePlacement_t * count.value)()
    count_and_fill(found, ctypes.byref(count))
    return [(p.start, p.size) for p in found[:count.value]]


def profiles(gpu):
    """name -> info of every profile of the GPU; `enum` is its NVML_GPU_INSTANCE_PROFILE_*."""
    found = {}
    for profile in range(nv.NVML_GPU_INSTANCE_PROFILE_COUNT):
        try:
            info = nv.nvmlDeviceGetGpuInstanceProfileInfo(gpu, profile)
        except nv.NVMLError_NotSupported:
            continue
        info.enum = profile
        found[info.name] = info
    return found


def placements(gpu, profile_id):
    return placements_of(
        lambda *to: nv.nvmlDeviceGetGpuInstancePossiblePlacements(gpu, profile_id, *to))


def make(gpu, info, start=None):
    """A GPU instance of a profile with one compute instance of all its slices: (gi, ci, MIG device).

    Without `start` the driver chooses where.
    """
    if start is None:
        gi = nv.nvmlDeviceCreateGpuInstance(gpu, info.id)
    else:
        size = dict(placements(gpu, info.id))[start]
        gi = nv.nvmlDeviceCreateGpuInstanceWithPlacement(gpu, info.id, placement(start, size))
    shape = nv.nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, WHOLE[info.sliceCount], 0)
    ci = nv.nvmlGpuInstanceCreateComputeInstance(gi, shape.id)
    return gi, ci, nv.nvmlComputeInstanceGetInfo(ci).device
