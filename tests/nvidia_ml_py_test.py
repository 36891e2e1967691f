#!/usr/bin/env python3
"""NVIDIA's own Python bindings of NVML (nvidia-ml-py) ask the simulated driver for what there is.

    KERF_FAKE_DRIVER_BUILD=build/dev python3 tests/nvidia_ml_py_test.py
"""
import inspect
import unittest

from nvml_machine import (MIG_BOARDS, Machine, handles_of, name_by_memory, nv, placement,
                          placements_of, value_of)


class Library(Machine):
    def test_starts_are_counted(self):
        self.start("A100-40")
        nv.nvmlInit()
        nv.nvmlShutdown()
        self.assertEqual(nv.nvmlDeviceGetCount(), 1)
        self.close()
        self.answers("UNINITIALIZED", nv.nvmlDeviceGetCount)
        self.answers("UNINITIALIZED", nv.nvmlShutdown)
        self.answers("UNINITIALIZED", nv.nvmlUnitGetCount)  # one that is not simulated

    def test_versions(self):
        for branch, driver, cuda in [(535, "535.183.01", 12020), (550, "550.127.05", 12040),
                                     (570, "570.133.20", 12080), (580, "580.82.07", 13000)]:
            self.start("H200", driver=branch)
            self.assertEqual(nv.nvmlSystemGetDriverVersion(), driver)
            self.assertTrue(nv.nvmlSystemGetNVMLVersion().endswith("." + driver))
            self.assertEqual(nv.nvmlSystemGetCudaDriverVersion_v2(), cuda)

    def test_errors_have_nvmls_texts(self):
        self.start("A30")
        for code in (1, 2, 3, 4, 6, 7, 9, 10, 13, 15, 999):
            self.assertEqual(nv.nvmlErrorString(code), nv.NVMLError._errcode_to_string[code])


class Inventory(Machine):
    def test_what_a_gpu_is(self):
        self.start("A100-40", "T4", "RTX-PRO-6000", mig=False)
        self.assertEqual(nv.nvmlDeviceGetCount(), 3)
        for index, (name, mib, pci, compute, architecture) in enumerate([
                ("NVIDIA A100-SXM4-40GB", 40960, 0x20B010DE, (8, 0), nv.NVML_DEVICE_ARCH_AMPERE),
                ("Tesla T4", 15360, 0x1EB810DE, (7, 5), nv.NVML_DEVICE_ARCH_TURING),
                ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 97887, 0x2BB510DE, (12, 0),
                 nv.NVML_DEVICE_ARCH_BLACKWELL)]):
            gpu = nv.nvmlDeviceGetHandleByIndex(index)
            uuid = nv.nvmlDeviceGetUUID(gpu)
            bus = nv.nvmlDeviceGetPciInfo(gpu)
            self.assertEqual(nv.nvmlDeviceGetName(gpu), name)
            self.assertEqual(nv.nvmlDeviceGetMinorNumber(gpu), index)
            self.assertEqual(nv.nvmlDeviceGetIndex(gpu), index)
            self.assertRegex(uuid, r"^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
            self.assertEqual((bus.pciDeviceId, bus.bus), (pci, 0x10 + index))
            self.assertEqual(nv.nvmlDeviceGetCudaComputeCapability(gpu), compute)
            self.assertEqual(nv.nvmlDeviceGetArchitecture(gpu), architecture)
            for memory in (nv.nvmlDeviceGetMemoryInfo(gpu),
                           nv.nvmlDeviceGetMemoryInfo(gpu, version=nv.nvmlMemory_v2)):
                self.assertEqual((memory.total, memory.used), (mib * 2**20, 0))
                self.assertEqual(memory.free, memory.total)
            for found in (nv.nvmlDeviceGetHandleByUUID(uuid),
                          nv.nvmlDeviceGetHandleByPciBusId(bus.busId),
                          nv.nvmlDeviceGetHandleByPciBusId(bus.busIdLegacy)):
                self.assertEqual(value_of(found), value_of(gpu))

    def test_every_getter_of_one_device_answers_or_says_not_supported(self):
        gpu = self.start("H100-80")
        mig = self.make(gpu, "2g.20gb")[2]
        getters = {name: call for name, call in vars(nv).items()
                   if name.startswith("nvmlDeviceGet") and callable(call) and "Handle" not in name
                   and sum(p.default is p.empty
                           for p in inspect.signature(call).parameters.values()) == 1}
        self.assertEqual(len(getters), 142)
        absent = set()
        answered = {}
        for device in (gpu, mig):
            for name, call in getters.items():
                try:
                    call(device)
                    answered.setdefault(name, 0)
                    answered[name] += 1
                except nv.NVMLError_FunctionNotFound:
                    absent.add(name)
                except (nv.NVMLError_NotSupported, nv.NVMLError_InvalidArgument):
                    pass
        self.assertEqual(absent, set())
        for name in ("Name", "UUID", "Index", "MinorNumber", "PciInfo", "MemoryInfo",
                     "ComputeRunningProcesses", "GraphicsRunningProcesses", "Brand"):
            self.assertEqual(answered.get("nvmlDeviceGet" + name), 2, name)
        for name in ("MigMode", "ComputeMode", "PersistenceMode", "Architecture",
                     "SupportedEventTypes", "MaxMigDeviceCount"):
            self.assertGreaterEqual(answered.get("nvmlDeviceGet" + name, 0), 1, name)

    def test_names_that_clients_make_of_memory_are_the_profiles(self):
        for board in MIG_BOARDS:
            gpu = self.start(board)
            total = nv.nvmlDeviceGetMemoryInfo(gpu).total
            for name, info in self.profiles(gpu).items():
                made = name_by_memory(info.sliceCount, info.memorySizeMB, total)
                self.assertEqual(name.replace("-", "+").split("+")[0], made, board)


class Mode(Machine):
    def mode(self, gpu):
        return nv.nvmlDeviceGetMigMode(gpu)

    def test_hopper_changes_at_once_and_ampere_resets_itself(self):
        for board in ("H100-80", "A100-40"):
            gpu = self.start(board, mig=False)
            self.assertEqual(self.mode(gpu), [0, 0])
            for wanted in (1, 0):
                self.assertEqual(nv.nvmlDeviceSetMigMode(gpu, wanted), nv.NVML_SUCCESS)
                self.assertEqual(self.mode(gpu), [wanted, wanted])

    def test_a_client_keeps_the_change_pending_until_a_reset(self):
        gpu = self.start("A100-40", mig=False)
        self.do("clients", 1, "gpu=0")
        self.assertEqual(nv.nvmlDeviceSetMigMode(gpu, 1), nv.NVML_ERROR_IN_USE)
        self.assertEqual(self.mode(gpu), [0, 1])
        self.do("clients", 0, "gpu=0")
        self.do("reset", "gpu=0")
        self.assertEqual(self.mode(nv.nvmlDeviceGetHandleByIndex(0)), [1, 1])

    def test_passed_through_ampere_needs_a_reboot(self):
        gpu = self.start("A30", mig=False, more=["--passthrough"])
        self.assertEqual(nv.nvmlDeviceSetMigMode(gpu, 1), nv.NVML_ERROR_RESET_REQUIRED)
        self.assertEqual(self.mode(gpu), [0, 1])
        self.do("reboot")
        self.assertEqual(self.mode(nv.nvmlDeviceGetHandleByIndex(0)), [1, 1])

    def test_profiles_without_mig_are_told_by_drivers_after_535(self):
        for branch, told in ((535, False), (570, True)):
            gpu = self.start("H100-80", mig=False, driver=branch)
            self.assertEqual(bool(self.profiles(gpu)), told)


class Instances(Machine):
    def test_both_structs_of_a_profile_agree(self):
        gpu = self.start("RTX-PRO-6000")
        for name, info in self.profiles(gpu).items():
            first = nv.nvmlDeviceGetGpuInstanceProfileInfo(gpu, info.enum, version=1)
            again = nv.nvmlDeviceGetGpuInstanceProfileInfoById(gpu, info.id)
            self.assertEqual(again.name, name)
            for field, _ in nv.c_nvmlGpuInstanceProfileInfo_t._fields_:
                self.assertEqual(getattr(first, field), getattr(info, field), (name, field))

    def test_every_profile_at_every_placement_with_every_compute_instance(self):
        made = 0
        for board in MIG_BOARDS:
            gpu = self.start(board)
            for info in self.profiles(gpu).values():
                places = self.placements(gpu, info.id)
                # What fits an empty GPU side by side; at most as many as placements.
                left = nv.nvmlDeviceGetGpuInstanceRemainingCapacity(gpu, info.id)
                self.assertEqual(left, info.instanceCount)
                for start, size in places:
                    gi = nv.nvmlDeviceCreateGpuInstanceWithPlacement(gpu, info.id,
                                                                     placement(start, size))
                    made += self.walk_compute_instances(gpu, gi, info, (start, size))
                    self.answers("INSUFFICIENT_RESOURCES",
                                 nv.nvmlDeviceCreateGpuInstanceWithPlacement, gpu, info.id,
                                 placement(start, size))
                    nv.nvmlGpuInstanceDestroy(gi)
                    self.answers("INVALID_ARGUMENT", nv.nvmlGpuInstanceGetInfo, gi)
        self.assertEqual(made, 723)

    def walk_compute_instances(self, gpu, gi, profile, place):
        info = nv.nvmlGpuInstanceGetInfo(gi)
        self.assertEqual((info.profileId, (info.placement.start, info.placement.size)),
                         (profile.id, place))
        self.assertEqual(value_of(info.device), value_of(gpu))
        self.assertEqual(value_of(nv.nvmlDeviceGetGpuInstanceById(gpu, info.id)), value_of(gi))
        listed = handles_of(nv.c_nvmlGpuInstance_t, profile.instanceCount,
                            lambda *to: nv.nvmlDeviceGetGpuInstances(gpu, profile.id, *to))
        self.assertEqual(listed, [value_of(gi)])
        made = 0
        for shape in range(nv.NVML_COMPUTE_INSTANCE_PROFILE_COUNT):
            try:
                ci_profile = nv.nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, shape, 0)
            except nv.NVMLError_NotSupported:
                continue
            places = placements_of(lambda *to: nv.nvmlGpuInstanceGetComputeInstancePossiblePlacements(
                gi, ci_profile.id, *to))  # pylint: disable=cell-var-from-loop
            self.assertEqual(len(places), ci_profile.instanceCount)
            for start, size in places:
                ci = nv.nvmlGpuInstanceCreateComputeInstanceWithPlacement(
                    gi, ci_profile.id, placement(start, size))
                self.check_mig_device(gpu, gi, ci, ci_profile, (start, size))
                nv.nvmlComputeInstanceDestroy(ci)
                self.answers("INVALID_ARGUMENT", nv.nvmlComputeInstanceGetInfo, ci)
                made += 1
            # As many as the driver places by itself.
            all_of_it = [nv.nvmlGpuInstanceCreateComputeInstance(gi, ci_profile.id) for _ in places]
            self.answers("INSUFFICIENT_RESOURCES", nv.nvmlGpuInstanceCreateComputeInstance, gi,
                         ci_profile.id)
            self.assertEqual(
                nv.nvmlGpuInstanceGetComputeInstanceRemainingCapacity(gi, ci_profile.id), 0)
            self.assertEqual(
                handles_of(nv.c_nvmlComputeInstance_t, len(places),
                           lambda *to: nv.nvmlGpuInstanceGetComputeInstances(
                               gi, ci_profile.id, *to)),  # pylint: disable=cell-var-from-loop
                [value_of(ci) for ci in all_of_it])
            self.answers("IN_USE", nv.nvmlGpuInstanceDestroy, gi)
            for ci in all_of_it:
                nv.nvmlComputeInstanceDestroy(ci)
        return made

    def check_mig_device(self, gpu, gi, ci, ci_profile, place):
        info = nv.nvmlComputeInstanceGetInfo(ci)
        self.assertEqual(value_of(info.gpuInstance), value_of(gi))
        self.assertEqual((info.placement.start, info.placement.size), place)
        self.assertEqual(value_of(nv.nvmlGpuInstanceGetComputeInstanceById(gi, info.id)),
                         value_of(ci))
        mig = info.device
        whole = nv.nvmlGpuInstanceGetInfo(gi)
        self.assertEqual(nv.nvmlDeviceIsMigDeviceHandle(mig).value, 1)
        self.assertEqual(value_of(nv.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig)),
                         value_of(gpu))
        self.assertEqual(value_of(nv.nvmlDeviceGetHandleByUUID(nv.nvmlDeviceGetUUID(mig))),
                         value_of(mig))
        self.assertEqual(value_of(nv.nvmlDeviceGetMigDeviceHandleByIndex(gpu, 0)), value_of(mig))
        self.assertEqual((nv.nvmlDeviceGetGpuInstanceId(mig), nv.nvmlDeviceGetComputeInstanceId(mig)),
                         (whole.id, info.id))
        attributes = nv.nvmlDeviceGetAttributes(mig)
        profile = nv.nvmlDeviceGetGpuInstanceProfileInfoById(gpu, whole.profileId)
        self.assertEqual(attributes.gpuInstanceSliceCount, profile.sliceCount)
        self.assertEqual(attributes.computeInstanceSliceCount, place[1])
        self.assertEqual(attributes.memorySizeMB, profile.memorySizeMB)
        self.assertEqual(attributes.multiprocessorCount, ci_profile.multiprocessorCount)
        self.assertEqual(attributes.sharedDecoderCount, profile.decoderCount)
        self.assertEqual(nv.nvmlDeviceGetName(mig), nv.nvmlDeviceGetName(gpu) + " MIG "
                         + ci_profile.name)

    def test_every_layout_of_the_plain_profiles_is_reached_and_no_other(self):
        """Depth first through all ways to place 1g, 2g, 3g, 4g and 7g: NVIDIA draws 19 full ones."""
        gpu = self.start("A100-40")
        profiles = {name: info for name, info in self.profiles(gpu).items() if info.enum <= 4}
        choices = [(info.id, start, size) for info in profiles.values()
                   for start, size in self.placements(gpu, info.id)]
        seen, full = set(), set()

        def walk(layout, taken):
            if layout in seen:
                return
            seen.add(layout)
            grows = False
            for choice in choices:
                profile_id, start, size = choice
                units = set(range(start, start + size))
                if taken & units:
                    self.answers("INSUFFICIENT_RESOURCES",
                                 nv.nvmlDeviceCreateGpuInstanceWithPlacement, gpu, profile_id,
                                 placement(start, size))
                    continue
                grows = True
                gi = nv.nvmlDeviceCreateGpuInstanceWithPlacement(gpu, profile_id,
                                                                 placement(start, size))
                walk(layout | {choice}, taken | units)
                nv.nvmlGpuInstanceDestroy(gi)
            if not grows:
                full.add(layout)

        walk(frozenset(), frozenset())
        self.assertEqual((len(seen), len(full)), (298, 19))

    def test_the_drivers_own_order_strands_a_3g_that_placement_fits(self):
        for board, names in (("A100-40", ("1g.5gb", "1g.5gb", "2g.10gb", "3g.20gb")),
                             ("H100-80", ("1g.10gb", "1g.10gb", "2g.20gb", "3g.40gb"))):
            gpu = self.start(board)
            for name in names[:3]:
                self.make(gpu, name)
            self.answers("INSUFFICIENT_RESOURCES", self.make, gpu, names[3])
            gpu = self.start(board)
            for name, start in zip(names, (2, 3, 0, 4)):
                self.make(gpu, name, start)
            self.assertEqual(nv.nvmlDeviceGetGpuInstanceRemainingCapacity(
                gpu, self.profiles(gpu)[names[0]].id), 0)

    def test_mig_devices_take_the_first_free_index_and_leave_holes(self):
        gpu = self.start("H100-80")
        self.assertEqual(nv.nvmlDeviceGetMaxMigDeviceCount(gpu), 7)
        made = [self.make(gpu, "1g.10gb") for _ in range(3)]
        nv.nvmlComputeInstanceDestroy(made[1][1])
        self.answers("NOT_FOUND", nv.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 1)
        self.assertEqual(nv.nvmlDeviceGetIndex(made[2][2]), 2)
        again = nv.nvmlGpuInstanceCreateComputeInstance(made[1][0], 0)
        self.assertEqual(nv.nvmlDeviceGetIndex(nv.nvmlComputeInstanceGetInfo(again).device), 1)


if __name__ == "__main__":
    unittest.main()
