#!/usr/bin/env python3
"""NVIDIA's Python bindings of NVML (nvidia-ml-py) get the simulated driver's errors, events, processes.

    KERF_FAKE_DRIVER_BUILD=build/dev python3 tests/nvidia_ml_py_errors_test.py
"""
import ctypes
import os
import subprocess
import sys
import tempfile
import unittest

from nvml_machine import ERROR, OTHER, Machine, nv, other_process, placement, value_of

NOBODY = 65534


class Errors(Machine):
    def test_arguments(self):
        gpu = self.start("H100-80")
        mig = self.make(gpu, "1g.10gb")[2]
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceGetHandleByIndex, 1)
        self.answers("NOT_FOUND", nv.nvmlDeviceGetHandleByUUID, "GPU-nobody")
        self.answers("NOT_FOUND", nv.nvmlDeviceGetHandleByPciBusId, "0000:99:00.0")
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceGetGpuInstanceProfileInfo, gpu,
                     nv.NVML_GPU_INSTANCE_PROFILE_COUNT)
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceCreateGpuInstanceWithPlacement, gpu, 9,
                     placement(2, 4))  # no place of 3g
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 7)
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceGetAttributes, gpu)
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceGetMigMode, mig)
        self.answers("NOT_FOUND", nv.nvmlDeviceGetGpuInstanceById, gpu, 14)
        self.answers("ARGUMENT_VERSION_MISMATCH", nv.nvmlDeviceGetMemoryInfo, gpu, 1)
        self.answers("FUNCTION_NOT_FOUND", nv.nvmlEventSetWait_v3, None,
                     nv.c_nvmlEventSetWait_v3_t())  # younger than this driver

    def test_a_list_too_short_is_told_how_long_it_has_to_be(self):
        gpu = self.start("H100-80")
        room, count = (nv.c_nvmlGpuInstancePlacement_t * 2)(), ctypes.c_uint(2)
        self.answers("INSUFFICIENT_SIZE", nv.nvmlDeviceGetGpuInstancePossiblePlacements, gpu, 19,
                     room, ctypes.byref(count))
        self.assertEqual(count.value, 7)
        name = ctypes.create_string_buffer(4)
        self.assertEqual(nv.nvmlLib.nvmlDeviceGetName(gpu, name, 4), ERROR["INSUFFICIENT_SIZE"])

    def test_boards_and_drivers_without_it(self):
        gpu = self.start("T4", mig=False)
        for call in (nv.nvmlDeviceGetMigMode, lambda g: nv.nvmlDeviceSetMigMode(g, 1),
                     lambda g: nv.nvmlDeviceGetGpuInstanceProfileInfo(g, 0),
                     lambda g: nv.nvmlDeviceCreateGpuInstance(g, 19)):
            self.answers("NOT_SUPPORTED", call, gpu)
        gpu = self.start("H100-80", mig=False, driver=535)
        self.answers("NOT_SUPPORTED", nv.nvmlDeviceGetGpuInstanceProfileInfo, gpu, 0)
        gpu = self.start("H100-80", mig=False)
        self.answers("NOT_SUPPORTED", nv.nvmlDeviceCreateGpuInstance, gpu, 19)
        gpu = self.start("H100-80")
        self.answers("NOT_SUPPORTED", nv.nvmlDeviceCreateGpuInstance, gpu, 77)

    def test_handles_die_with_their_object(self):
        gpu = self.start("H100-80")
        gi, ci, mig = self.make(gpu, "1g.10gb")
        nv.nvmlComputeInstanceDestroy(ci)
        self.answers("INVALID_ARGUMENT", nv.nvmlDeviceGetUUID, mig)
        self.answers("INVALID_ARGUMENT", nv.nvmlComputeInstanceDestroy, ci)
        self.do("reset", "gpu=0")
        for call, stale in ((nv.nvmlDeviceGetUUID, gpu), (nv.nvmlGpuInstanceGetInfo, gi)):
            self.answers("INVALID_ARGUMENT", call, stale)

    def test_in_use(self):
        gpu = self.start("A100-40")
        gi, ci, mig = self.make(gpu, "3g.20gb")
        self.answers("IN_USE", nv.nvmlGpuInstanceDestroy, gi)  # by its compute instance
        self.do("start-process", nv.nvmlDeviceGetUUID(mig), "pid=4711")
        self.answers("IN_USE", nv.nvmlComputeInstanceDestroy, ci)
        self.do("end-process", "pid=4711")
        self.do("start-process", nv.nvmlDeviceGetUUID(gpu), "pid=4712")  # holds the GPU open
        self.answers("IN_USE", nv.nvmlDeviceCreateGpuInstance, gpu, 9)
        self.do("end-process", "pid=4712")
        nv.nvmlComputeInstanceDestroy(ci)
        nv.nvmlGpuInstanceDestroy(gi)

    def test_others_than_root_may_look_and_not_touch(self):
        gpu = self.start("H100-80")
        self.make(gpu, "1g.10gb")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setuid(NOBODY)
                codes = [nv.nvmlLib.nvmlDeviceGetCount_v2(ctypes.byref(ctypes.c_uint())),
                         nv.nvmlLib.nvmlDeviceCreateGpuInstance(gpu, 19,
                                                                ctypes.byref(ctypes.c_void_p())),
                         nv.nvmlLib.nvmlDeviceSetMigMode(gpu, 0, ctypes.byref(ctypes.c_uint()))]
                os.write(writer, " ".join(map(str, codes)).encode())
            except OSError:
                os.write(writer, b"no other user")  # in a user namespace there is none
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        said = os.read(reader, 100).decode()
        os.close(reader)
        os.close(writer)
        if said == "no other user":
            self.skipTest("cannot become another user here")
        no = str(ERROR["NO_PERMISSION"])
        self.assertEqual(said.split(), ["0", no, no])

    def test_a_lost_gpu(self):
        gpu = self.start("H100-80:2")
        _, ci, mig = self.make(gpu, "1g.10gb")
        self.do("lose", "gpu=0", "until=reboot")
        for call, handle in ((nv.nvmlDeviceGetUUID, gpu), (nv.nvmlDeviceGetMigMode, gpu),
                             (nv.nvmlDeviceGetUUID, mig), (nv.nvmlComputeInstanceDestroy, ci)):
            self.answers("GPU_IS_LOST", call, handle)
        self.answers("GPU_IS_LOST", nv.nvmlDeviceGetHandleByIndex, 0)
        nv.nvmlDeviceGetUUID(nv.nvmlDeviceGetHandleByIndex(1))
        self.do("reboot")
        nv.nvmlDeviceGetUUID(nv.nvmlDeviceGetHandleByIndex(0))

    def test_no_machine_is_no_driver(self):
        with tempfile.TemporaryDirectory() as empty:
            said = subprocess.run([sys.executable, "-c", OTHER], stderr=subprocess.PIPE, timeout=60,
                                  env={**os.environ, "KERF_FAKE_DRIVER": empty}, check=False)
        self.assertIn(b"NVMLError_DriverNotLoaded", said.stderr)
        self.assertIn(b"kerf-fake-driver init", said.stderr)

    def test_every_code_can_be_scripted(self):
        gpu = self.start("H100-80")
        codes = ["UNINITIALIZED", "INVALID_ARGUMENT", "NOT_SUPPORTED", "NO_PERMISSION", "NOT_FOUND",
                 "INSUFFICIENT_SIZE", "DRIVER_NOT_LOADED", "TIMEOUT", "FUNCTION_NOT_FOUND",
                 "GPU_IS_LOST", "RESET_REQUIRED", "IN_USE", "INSUFFICIENT_RESOURCES",
                 "ARGUMENT_VERSION_MISMATCH", "INVALID_STATE", "UNKNOWN"]
        for code in codes:
            self.do("fail", "get-mig-mode", code.lower().replace("_", "-"), "count=2")
            for _ in range(2):
                self.answers(code, nv.nvmlDeviceGetMigMode, gpu)
            self.assertEqual(nv.nvmlDeviceGetMigMode(gpu), [1, 1])

    def test_every_operation_can_be_made_to_fail(self):
        gpu = self.start("H100-80")
        gi, ci, mig = self.make(gpu, "1g.10gb")
        events = nv.nvmlEventSetCreate()
        list_to = lambda: (None, ctypes.byref(ctypes.c_uint()))
        handles_to = lambda: (ctypes.byref(ctypes.c_void_p()), ctypes.byref(ctypes.c_uint(1)))
        calls = {
            "device-count": (nv.nvmlDeviceGetCount,),
            "device-by-index": (nv.nvmlDeviceGetHandleByIndex, 0),
            "device-by-uuid": (nv.nvmlDeviceGetHandleByUUID, nv.nvmlDeviceGetUUID(gpu)),
            "device-info": (nv.nvmlDeviceGetMinorNumber, gpu),
            "get-mig-mode": (nv.nvmlDeviceGetMigMode, gpu),
            "set-mig-mode": (nv.nvmlDeviceSetMigMode, gpu, 1),
            "gpu-instance-profile-info": (nv.nvmlDeviceGetGpuInstanceProfileInfo, gpu, 0),
            "possible-placements": (nv.nvmlDeviceGetGpuInstancePossiblePlacements, gpu, 19,
                                    *list_to()),
            "remaining-capacity": (nv.nvmlDeviceGetGpuInstanceRemainingCapacity, gpu, 19),
            "create-gpu-instance": (nv.nvmlDeviceCreateGpuInstance, gpu, 19),
            "destroy-gpu-instance": (nv.nvmlGpuInstanceDestroy, gi),
            "list-gpu-instances": (nv.nvmlDeviceGetGpuInstances, gpu, 19, *handles_to()),
            "gpu-instance-by-id": (nv.nvmlDeviceGetGpuInstanceById, gpu, 7),
            "gpu-instance-info": (nv.nvmlGpuInstanceGetInfo, gi),
            "compute-instance-profile-info": (nv.nvmlGpuInstanceGetComputeInstanceProfileInfo, gi,
                                              0, 0),
            "compute-instance-placements": (
                nv.nvmlGpuInstanceGetComputeInstancePossiblePlacements, gi, 0, *list_to()),
            "compute-instance-capacity": (
                nv.nvmlGpuInstanceGetComputeInstanceRemainingCapacity, gi, 0),
            "create-compute-instance": (nv.nvmlGpuInstanceCreateComputeInstance, gi, 0),
            "destroy-compute-instance": (nv.nvmlComputeInstanceDestroy, ci),
            "list-compute-instances": (nv.nvmlGpuInstanceGetComputeInstances, gi, 0,
                                       *handles_to()),
            "compute-instance-by-id": (nv.nvmlGpuInstanceGetComputeInstanceById, gi, 0),
            "compute-instance-info": (nv.nvmlComputeInstanceGetInfo, ci),
            "mig-device-by-index": (nv.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 0),
            "mig-device-uuid": (nv.nvmlDeviceGetUUID, mig),
            "running-processes": (nv.nvmlDeviceGetComputeRunningProcesses, gpu),
            "wait-events": (nv.nvmlEventSetWait, events, 0),
        }
        outside = {"reset-gpu", "reload-driver"}  # no calls of NVML
        self.assertEqual(set(calls) | outside, set(self.fake("operations").split()))
        for operation, call in calls.items():
            self.do("fail", operation, "unknown")
            self.answers("UNKNOWN", *call)
        self.assertNotIn("fail", self.fake("show"))

    def test_a_creation_that_failed_may_have_happened(self):
        gpu = self.start("H100-80")
        self.do("fail", "create-gpu-instance", "unknown", "effect=done")
        self.answers("UNKNOWN", nv.nvmlDeviceCreateGpuInstance, gpu, 9)
        self.assertEqual(nv.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, 9), 1)


class Events(Machine):
    def listener(self):
        """A process that waits for one event of GPU 0; it is listening when this returns."""
        child = subprocess.Popen(
            [sys.executable, "-c", OTHER + "events = nv.nvmlEventSetCreate()\n"
             "nv.nvmlDeviceRegisterEvents(gpu, nv.nvmlDeviceGetSupportedEventTypes(gpu), events)\n"
             "print('listening', flush=True)\n"
             "e = nv.nvmlEventSetWait(events, 30000)\n"
             "print(nv.nvmlDeviceGetIndex(e.device), e.eventType, e.eventData, e.gpuInstanceId,"
             " e.computeInstanceId)\n"], stdout=subprocess.PIPE)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), b"listening\n")
        return child

    def test_an_xid_reaches_other_processes_with_its_instance(self):
        gpu = self.start("A100-40:2")
        mig = self.make(gpu, "2g.10gb")[2]
        gi = nv.nvmlDeviceGetGpuInstanceId(mig)
        children = [self.listener() for _ in range(2)]
        self.do("xid", 31, "gpu=1")  # of a GPU that nobody listens to
        self.do("xid", 94, "gpu=0", f"gi={gi}", "ci=0")
        for child in children:
            self.assertEqual(child.stdout.read().decode().split(), ["0", "8", "94", str(gi), "0"])

    def test_an_xid_of_the_whole_gpu_names_no_instance(self):
        self.start("H100-80")
        child = self.listener()
        self.do("xid", 48, "gpu=0")
        self.assertEqual(child.stdout.read().decode().split()[2:],
                         ["48", str(0xffffffff), str(0xffffffff)])

    def test_waiting_ends(self):
        gpu = self.start("H100-80")
        events = nv.nvmlEventSetCreate()
        nv.nvmlDeviceRegisterEvents(gpu, nv.nvmlEventTypeXidCriticalError, events)
        self.answers("TIMEOUT", nv.nvmlEventSetWait, events, 1)
        nv.nvmlEventSetFree(events)
        self.answers("INVALID_ARGUMENT", nv.nvmlEventSetWait, events, 1)


class Sharing(Machine):
    def test_two_processes_see_each_others_instances(self):
        gpu = self.start("H100-80")
        made = other_process(
            "gi = nv.nvmlDeviceCreateGpuInstance(gpu, 9)\n"
            "ci = nv.nvmlGpuInstanceCreateComputeInstance(gi, 2)\n"
            "mig = nv.nvmlComputeInstanceGetInfo(ci).device\n"
            "print(json.dumps([nv.nvmlGpuInstanceGetInfo(gi).id, nv.nvmlDeviceGetUUID(mig)]))")
        mig = nv.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 0)
        self.assertEqual([nv.nvmlDeviceGetGpuInstanceId(mig), nv.nvmlDeviceGetUUID(mig)], made)
        gi = nv.nvmlDeviceGetGpuInstanceById(gpu, made[0])
        nv.nvmlComputeInstanceDestroy(nv.nvmlGpuInstanceGetComputeInstanceById(gi, 0))
        nv.nvmlGpuInstanceDestroy(gi)
        self.assertEqual(other_process(
            "print(nv.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, 9))"), 2)

    def test_processes_and_memory_are_told_by_instance(self):
        gpu = self.start("A100-40")
        first, second = (self.make(gpu, "3g.20gb")[2] for _ in range(2))
        self.do("start-process", nv.nvmlDeviceGetUUID(first), "pid=100", "memory=1024")
        self.do("start-process", nv.nvmlDeviceGetUUID(second), "pid=200", "memory=512")
        self.do("start-process", nv.nvmlDeviceGetUUID(second), "pid=300")
        one, other = map(nv.nvmlDeviceGetGpuInstanceId, (first, second))
        running = [(p.pid, p.usedGpuMemory, p.gpuInstanceId, p.computeInstanceId)
                   for p in nv.nvmlDeviceGetComputeRunningProcesses(gpu)]
        self.assertEqual(running, [(100, 2**30, one, 0), (200, 2**29, other, 0), (300, None, other, 0)])
        self.assertEqual([p.pid for p in nv.nvmlDeviceGetComputeRunningProcesses(second)],
                         [200, 300])
        self.assertEqual(nv.nvmlSystemGetProcessName(100), "process 100")
        for device, used in ((first, 1024), (second, 512), (gpu, 1536)):
            memory = nv.nvmlDeviceGetMemoryInfo(device)
            self.assertEqual(memory.used, used * 2**20)
            self.assertEqual(memory.free + memory.used, memory.total)
        self.assertEqual(nv.nvmlDeviceGetMemoryInfo(first).total,
                         nv.nvmlDeviceGetAttributes(first).memorySizeMB * 2**20)

    def test_gpus_and_instances_keep_their_uuids_in_other_processes(self):
        gpu = self.start("H100-80:2")
        uuids = [nv.nvmlDeviceGetUUID(nv.nvmlDeviceGetHandleByIndex(i)) for i in range(2)]
        mig = self.make(gpu, "7g.80gb")[2]
        uuids.append(nv.nvmlDeviceGetUUID(mig))
        self.assertEqual(other_process(
            "print(json.dumps([nv.nvmlDeviceGetUUID(nv.nvmlDeviceGetHandleByIndex(i)) "
            "for i in range(2)] + [nv.nvmlDeviceGetUUID("
            "nv.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 0))]))"), uuids)
        self.assertNotEqual(value_of(gpu), value_of(mig))


if __name__ == "__main__":
    unittest.main()
