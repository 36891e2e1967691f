#!/usr/bin/env python3
"""Drives the real kerfd on simulated GPUs: what it prints, its schema, exit codes and messages.

    KERFD=build/kerfd KERF_FAKE=build/kerf-fake-driver KERF_NVML=build/lib/libnvidia-ml.so.1 \\
        python3 tests/kerfd_test.py
"""
import copy
import ctypes
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = Path(__file__).resolve().parent.parent
KERFD = os.environ["KERFD"]
FAKE = os.environ["KERF_FAKE"]
NVML = os.environ["KERF_NVML"]


class Placement(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint), ("size", ctypes.c_uint)]


class Nvml:
    """Cuts the GPUs of the machine in KERF_FAKE_DRIVER, as any program could."""

    def __init__(self, folder):
        os.environ["KERF_FAKE_DRIVER"] = folder
        self.lib = ctypes.CDLL(NVML)
        self.call("nvmlInit_v2")

    def call(self, name, *arguments):
        code = getattr(self.lib, name)(*arguments)
        if code != 0:
            raise AssertionError(f"{name}: {code}")

    def cut(self, gpu, profile, start, size, compute_profile=None):
        """A GPU instance; with a compute instance its MIG device's UUID."""
        device, gi, ci = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        self.call("nvmlDeviceGetHandleByIndex_v2", gpu, ctypes.byref(device))
        at = Placement(start, size)
        self.call("nvmlDeviceCreateGpuInstanceWithPlacement", device, profile, ctypes.byref(at),
                  ctypes.byref(gi))
        if compute_profile is None:
            return None
        self.call("nvmlGpuInstanceCreateComputeInstance", gi, compute_profile, ctypes.byref(ci))
        info = (ctypes.c_uint64 * 8)()  # the MIG device comes first
        self.call("nvmlComputeInstanceGetInfo_v2", ci, info)
        uuid = ctypes.create_string_buffer(96)
        self.call("nvmlDeviceGetUUID", ctypes.c_void_p(info[0]), uuid, 96)
        return uuid.value.decode()

    def close(self):
        self.call("nvmlShutdown")


class Kerfd(unittest.TestCase):
    def machine(self, *words):
        folder = tempfile.mkdtemp(prefix="kerfd-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.folder = folder
        self.fake("init", "--latency", "none", *words)
        return folder

    def fake(self, *words):
        done = subprocess.run([FAKE, "--machine", self.folder, *words], timeout=60, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def expect(self, code, *words, says=(), prints=(), stdout=subprocess.PIPE):
        """Runs kerfd; `says` are parts of standard error, `prints` of standard output."""
        environment = {"PATH": os.environ["PATH"], "KERF_FAKE_DRIVER": getattr(self, "folder", "/nowhere")}
        done = subprocess.run([KERFD, *words], env=environment, timeout=60, check=False,
                              stdout=stdout, stderr=subprocess.PIPE)
        out, err = (done.stdout or b"").decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"kerfd {' '.join(words)}\n{out}\n{err}")
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, err)
        for part in [prints] if isinstance(prints, str) else prints:
            self.assertIn(part, out)
        return out, err

    def inventory(self, *more, code=0):
        out, err = self.expect(code, "agent", "--inventory", "--nvml-library", NVML, *more)
        self.assertEqual(err, "")
        return out

    def cut_machine(self):
        """Two H100, the second one cut, and a T4."""
        nvml = Nvml(self.machine("--gpu", "H100-80:2", "--gpu", "T4", "--mig"))
        self.addCleanup(nvml.close)
        small = nvml.cut(1, 19, 0, 1, 0)
        large = nvml.cut(1, 9, 4, 4, 2)
        nvml.cut(1, 14, 2, 2)
        self.fake("do", "start-process", large, "pid=100", "memory=512")
        return small, large


class Usage(Kerfd):
    def test_help_and_version(self):
        for words in [(), ("--help",), ("-h",), ("help",), ("agent", "--help"),
                      ("controller", "--help")]:
            out, err = self.expect(0, *words, prints="Usage: kerfd")
            self.assertEqual(err, "")
            self.assertLessEqual(max(len(line) for line in out.splitlines()), 100)
        self.expect(0, "version", prints="kerfd ")
        self.expect(0, "--version", prints="kerfd ")

    def test_mistakes(self):
        for words, says in [
            (("controler",), "no command \"controler\"; there are controller and agent"),
            (("controller",), "KUBERNETES_SERVICE_HOST"),
            (("controller", "--token", "/t"), "--api-server, --ca and --token go together"),
            (("controller", "--set", "settle"), "\"settle\" is not NAME=DURATION, such as node-deadline=15m"),
            (("controller", "--set", "settle=soon"), "expected a duration such as 30m"),
            (("controller", "--set", "sleep=5s"), "no wait is called \"sleep\"; there are batch-idle, batch-max"),
            (("controller", "--node-class", "EC2NodeClass"), "is not RESOURCE.VERSION.GROUP/KIND"),
            (("controller", "--karpenter-metrics", "10.0.0.1:8080"), "expected a URL such as http://10.0.3.7:8080/metrics"),
            (("controller", "--inventory"), "\"--inventory\" is no option of the controller"),
            (("controller", "--api-server", "https://127.0.0.1:1", "--ca", "/none", "--token", "/none",
              "--price-region", "mars-1"), "no prices of \"mars-1\" are shipped; there are us-east-1"),
            (("controller", "--api-server", "https://127.0.0.1:1", "--ca", "/none/ca", "--token", "/none/t"),
             "/none/"),
            (("--inventory",), "no command \"--inventory\""),
            (("agent",), "which Node is this? Give --node-name NAME, or set NODE_NAME"),
            (("agent", "--node-name", "n1"), "KUBERNETES_SERVICE_HOST"),
            (("agent", "--node-name", "n1", "--token", "/t"), "--api-server, --ca and --token go together"),
            (("agent", "--node-name", "n1", "--api-server", "http://10.0.0.1:80", "--ca", "/c", "--token",
              "/t"), "10.0.0.1"),
            (("agent", "--layout"), "--layout needs a value: --layout FILE"),
            (("agent", "--dry-run"), "--dry-run needs a layout"),
            (("agent", "--layout", "a", "--mig-config", "b", "--name", "c"), "give one of them"),
            (("agent", "--mig-config", "b"), "--mig-config needs --name NAME"),
            (("agent", "--name", "c"), "give --mig-config FILE, too"),
            (("agent", "--layout", "a", "--layout", "b"), "--layout is given twice"),
            (("agent", "--layout", "a", "--metrics", "9108"), "\"9108\" is none of ADDRESS:PORT, :PORT, off"),
            (("agent", "--layout", "a", "--metrics", ":99999"), "none of ADDRESS:PORT"),
            (("agent", "--layout", "a", "--metrics", "::1:9108"), "put an IPv6 address in brackets"),
            (("agent", "--layout", "a", "--log-level", "loud"), "none of debug, info, warning, error"),
            (("agent", "--inventry"), "\"--inventry\" is no option"),
            (("agent", "--inventory", "x"), "\"x\" is no option"),
            (("agent", "--inventory", "-o", "yaml"), "\"yaml\" is none of table, json"),
            (("agent", "--inventory", "-o"), "-o needs a value: -o table or json"),
            (("agent", "-o", "--inventory"), "-o needs a value"),
            (("agent", "--inventory", "-o", "json", "--output=table"), "-o (--output) is given twice"),
            (("agent", "--inventory=maybe"), "--inventory takes no value: \"--inventory=maybe\""),
            (("agent", "--inventory", "--nvml-library="), "--nvml-library needs a value"),
            (("agent", "--inventory", "--nvml-library", ""), "--nvml-library needs a value"),
            (("agent", "--inventory", "--nvml-library"), "--nvml-library needs a value"),
        ]:
            out, err = self.expect(2, *words, says=says)
            self.assertEqual(out, "", words)
            self.assertNotIn("terminate", err)

    def test_no_library_no_driver(self):
        self.expect(2, "agent", "--inventory", "--nvml-library", "/nowhere/libnvidia-ml.so.1",
                    says=["/nowhere/libnvidia-ml.so.1", "is the driver installed"])
        self.expect(2, "agent", "--inventory", "--nvml-library", KERFD, says="cannot load")
        self.expect(2, "agent", "--inventory", "--nvml-library", "/etc/passwd",
                    says=["\"/etc/passwd\"", "it is no library"])
        self.expect(2, "agent", "--inventory", "--nvml-library", NVML,
                    says=["DRIVER_NOT_LOADED", "is the kernel module loaded"])

    def test_output_that_cannot_be_written(self):
        self.machine("--gpu", "T4")
        if os.path.exists("/dev/full"):
            with open("/dev/full", "wb") as full:
                self.expect(2, "agent", "--inventory", "--nvml-library", NVML, stdout=full,
                            says="cannot write to standard output")


    def test_closed_standard_files(self):
        """A file that the library opens must not get the number of one that is closed."""
        self.cut_machine()
        state = Path(self.folder, "state")
        before = state.read_bytes()
        for closed, code in [(">&-", 2), ("<&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 2)]:
            script = f'exec "$0" agent --inventory --nvml-library "$1" {closed}'
            done = subprocess.run(["sh", "-c", script, KERFD, NVML], timeout=60, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE,
                                  env={"PATH": os.environ["PATH"], "KERF_FAKE_DRIVER": self.folder})
            self.assertEqual(done.returncode, code, closed)
            self.assertEqual(state.read_bytes(), before, closed)
            if closed == ">&-":
                self.assertIn(b"standard output is closed", done.stderr)
            if code == 0:
                self.assertIn(b"GPU 1: H100-80", done.stdout)


MIG_CONFIG = """version: v1
mig-configs:
  all-1g.10gb:
  - {devices: all, mig-enabled: true, mig-devices: {"1g.10gb": 7}}
  mixed:
  - {devices: [0], mig-enabled: true, mig-devices: {"1g.10gb": 2, "3g.40gb": 1}}
  - {devices: [1], mig-enabled: true, mig-devices: {"7g.80gb": 1}}
"""
ONE_SLICE = """gpus:
- slices:
  - {profile: 1g.10gb, start: 3, resource: nvidia.com/mig-1g.10gb, state: Published}
- slices: []
"""


class DryRun(Kerfd):
    """--dry-run on a machine without kubelet: nothing is touched, and what cannot be known is said."""

    def setUp(self):
        self.machine("--gpu", "H100-80:2", "--mig")
        self.work = tempfile.mkdtemp(prefix="kerfd-")
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def file(self, name, text):
        path = Path(self.work, name)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def dry_run(self, code, *words, **expected):
        before = Path(self.folder, "state").read_bytes()
        out, err = self.expect(code, "agent", "--dry-run", "--nvml-library", NVML, "--state",
                               self.work + "/state", "--kubelet", self.work + "/kubelet", "--cdi",
                               self.work + "/cdi", *words, **expected)
        self.assertEqual(Path(self.folder, "state").read_bytes(), before)
        self.assertFalse(Path(self.work, "state").exists())
        return out, err

    def test_a_layout_as_a_table_and_as_json(self):
        layout = self.file("layout.yaml", ONE_SLICE)
        self.dry_run(1, "--layout", layout, says="kubelet does not answer",
                     prints=["then    H100-80 [1g.10gb@3]", "cut gpu0/1g.10gb@3", "2 driver operations"])
        out, _ = self.dry_run(1, "--layout", layout, "-o", "json")
        document = json.loads(out)
        self.assertEqual(document["driver_operations"], 2)
        if jsonschema is not None:
            schema = json.loads((ROOT / "docs/reference/rehearsal.schema.json").read_text())
            jsonschema.validate(document, schema)

    def test_a_configuration_of_mig_parted(self):
        config = self.file("config.yaml", MIG_CONFIG)
        self.dry_run(1, "--mig-config", config, "--name", "mixed",
                     prints=["H100-80 [1g.10gb@0 1g.10gb@1 3g.40gb@4]", "H100-80 [7g.80gb@0]"])
        self.dry_run(2, "--mig-config", config, "--name", "all-1g.5gb",
                     says="there is no configuration \"all-1g.5gb\"; there are: all-1g.10gb, mixed")

    def test_files_that_are_wrong(self):
        for text, says in [
            ("gpus: 3\n", "layout.yaml:1:7: gpus"),
            ("gpus:\n- slices:\n  - {profil: 1g.10gb}\n", ":3:"),
            ("gpus: [\n", "layout.yaml:"),
            ("gpus:\n- slices:\n  - {profile: mps/4, resource: nvidia.com/gpu.shared}\n", "MPS"),
        ]:
            self.dry_run(2, "--layout", self.file("layout.yaml", text), says=says)
        self.dry_run(2, "--layout", self.work + "/nothing.yaml", says="nothing.yaml")

    def test_a_layout_that_no_gpu_can_have(self):
        text = ONE_SLICE.replace("1g.10gb, start: 3", "2g.20gb, start: 3").replace("mig-1g.10gb", "mig-2g.20gb")
        self.dry_run(1, "--layout", self.file("layout.yaml", text), prints="IllegalLayout")


class Table(Kerfd):
    def test_a_cut_machine(self):
        small, large = self.cut_machine()
        out = self.inventory()
        for part in ["driver 570.", "3 GPUs", "GPU 0: H100-80, GPU-", "H100-80 []",
                     "H100-80 [1g.10gb@0 2g.20gb@2 3g.40gb@4]", small, large, "pid 100, 512 MiB",
                     "no compute instance: no pod can use it", "GPU 2: T4", "this GPU has none",
                     "7 kinds of slice, and their placements, from the driver"]:
            self.assertIn(part, out)
        self.assertLessEqual(max(len(line) for line in out.splitlines()), 100)
        self.assertTrue(out.isascii())

    def test_an_old_driver_and_a_mode_that_waits(self):
        self.machine("--gpu", "A100-40", "--driver", "535")
        self.assertIn("from Kerf's table", self.inventory())
        self.fake("do", "clients", "1", "gpu=0")
        nvml = Nvml(self.folder)
        device, activation = ctypes.c_void_p(), ctypes.c_int()
        nvml.call("nvmlDeviceGetHandleByIndex_v2", 0, ctypes.byref(device))
        nvml.call("nvmlDeviceSetMigMode", device, 1, ctypes.byref(activation))
        nvml.close()
        self.assertIn("off, and on after the next reset of the GPU", self.inventory())

    def test_a_lost_gpu_is_printed_and_said_by_the_exit_code(self):
        self.machine("--gpu", "H100-80:2", "--mig")
        self.fake("do", "lose", "gpu=1")
        out = self.inventory(code=1)
        self.assertIn("it fell off the bus, or needs a reset", out)
        self.assertIn("H100-80 []", out)

    def test_what_only_root_may_ask_is_said(self):
        self.cut_machine()
        self.fake("do", "fail", "list-gpu-instances", "no-permission", "count=99")
        out = self.inventory()
        self.assertIn("GPU instances: NO_PERMISSION (root may ask)", out)
        self.assertIn("not known: not all GPU instances were told", out)


    def test_compute_instances_that_could_not_be_read(self):
        self.cut_machine()
        self.fake("do", "fail", "compute-instance-profile-info", "invalid-argument", "count=1",
                  "gpu=1")
        out = self.inventory(code=1)
        self.assertIn("compute instances not known", out)


class Json(Kerfd):
    def documents(self):
        self.cut_machine()
        yield json.loads(self.inventory("-o", "json"))
        self.fake("do", "fail", "compute-instance-profile-info", "unknown", "count=99")
        yield json.loads(self.inventory("-o", "json", code=1))
        self.machine("--gpu", "A30", "--gpu", "RTX-PRO-6000", "--gpu", "L4")
        yield json.loads(self.inventory("--output=json"))
        self.machine("--gpu", "A100-40", "--gpu", "H100-80", "--driver", "535")
        yield json.loads(self.inventory("-o", "json"))
        self.machine("--gpu", "H100-80:2", "--mig")
        self.fake("do", "lose", "gpu=0")
        yield json.loads(self.inventory("-o", "json", code=1))

    def test_every_document_is_valid(self):
        if jsonschema is None:
            self.skipTest("python3-jsonschema is not installed; tools/setup installs it")
        text = (ROOT / "docs/reference/inventory.schema.json").read_text(encoding="utf-8")
        schema = json.loads(text)
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for document in self.documents():
            errors = [f"{error.json_path}: {error.message[:200]}"
                      for error in validator.iter_errors(document)]
            self.assertEqual(errors, [])
            for key in document["gpus"][0]:
                broken = copy.deepcopy(document)
                del broken["gpus"][0][key]
                self.assertFalse(validator.is_valid(broken), key)
            document["gpus"][0]["surprise"] = 1
            self.assertFalse(validator.is_valid(document))

    def test_it_says_what_stands(self):
        small, large = self.cut_machine()
        document = json.loads(self.inventory("-o", "json"))
        self.assertEqual(document["apiVersion"], "kerf.dev/inventory/v1alpha1")
        gpu = document["gpus"][1]
        self.assertEqual(gpu["mig"]["layout"], "H100-80 [1g.10gb@0 2g.20gb@2 3g.40gb@4]")
        first, bare, last = gpu["mig"]["instances"]
        self.assertEqual(first["compute_instances"][0]["uuid"], small)
        self.assertEqual(bare["compute_instances"], [])
        self.assertEqual(last["compute_instances"][0]["uuid"], large)
        self.assertEqual(last["processes"], [
            {"pid": 100, "gpu_instance": last["id"], "compute_instance": 0, "used_mib": 512}])
        self.assertEqual([gpu["model"] for gpu in document["gpus"]], ["H100-80", "H100-80", "T4"])
        self.assertIsNone(document["gpus"][2]["mig"])
        profiles = {profile["id"]: profile for profile in gpu["mig"]["profiles"]}
        self.assertEqual([at["start"] for at in profiles[9]["placements"]], [0, 4])

    def test_it_changes_nothing(self):
        self.cut_machine()
        state = Path(self.folder, "state").read_bytes()
        self.inventory()
        self.inventory("-o", "json")
        self.assertEqual(Path(self.folder, "state").read_bytes(), state)


if __name__ == "__main__":
    unittest.main()
