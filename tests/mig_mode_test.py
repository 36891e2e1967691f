#!/usr/bin/env python3
"""Runs deploy/node/kerf-mig-mode on simulated machines, and the user data of deploy/examples.

    KERF_FAKE_DRIVER_BUILD=build/dev python3 tests/mig_mode_test.py [Class.test...] [--update]

The script meets the driver through NVML: tests/mig_mode/nvidia-smi asks it for what the simulated
nvidia-smi does not have. systemctl and sleep are recorders beside it. --update writes the files of
deploy/node into the examples. 77: no root that may mount.
"""
import email
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("KERF_FAKE_DRIVER_BUILD", ROOT / "build/dev")).resolve()
FAKE = BUILD / "kerf-fake-driver"
NODE = ROOT / "deploy/node"
EXAMPLES = ROOT / "deploy/examples"
MARKER = "kerf/mig-mode-rebooted"
PUT = re.compile(r"put (\S+) <<'END_OF_FILE'\n(.*?)END_OF_FILE\n", re.DOTALL)
PLACES = {"containerd-nvidia.conf": "/etc/systemd/system/containerd.service.d/20-kerf.conf",
          "kerf-mig-mode": "/usr/local/sbin/kerf-mig-mode",
          "kerf-mig-mode.service": "/etc/systemd/system/kerf-mig-mode.service"}


def user_data(name):
    """The parts of an example: {content type: text}"""
    text = (EXAMPLES / name).read_text()
    block = text.split("  userData: |\n", 1)[1]
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    parsed = email.message_from_string("\n".join(lines) + "\n")
    return {part.get_content_type(): part.get_payload() for part in parsed.get_payload()}


class Machine(unittest.TestCase):
    """A simulated machine whose /var/lib is a folder of the test."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kerf-mig-mode-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name in ("lib", "active", "on-stop"):
            (self.folder / name).mkdir()
        self.marker = self.folder / "lib" / MARKER
        self.environment = {
            **os.environ, "KERF_FAKE_DRIVER": str(self.folder / "machine"), "FAKE": str(FAKE),
            "RECORD": str(self.folder)}

    def fake(self, *words):
        done = subprocess.run([FAKE, *words], env=self.environment, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def start(self, *gpus, more=()):
        self.fake("init", "--latency", "none", *[word for gpu in gpus for word in ("--gpu", gpu)], *more)

    def modes(self):
        return re.findall(r"^gpu .*  MIG (.*?)(?:  |$)", self.fake("show"), re.MULTILINE)

    def runs(self, service, on_stop=None):
        """A service that is active; what stopping it does to the machine."""
        (self.folder / "active" / f"{service}.service").touch()
        if on_stop:
            (self.folder / "on-stop" / f"{service}.service").write_text(on_stop)

    def active(self):
        return sorted(path.name.removesuffix(".service") for path in (self.folder / "active").iterdir())

    def record(self):
        """What was asked of systemctl and sleep since the last time; questions left out."""
        path = self.folder / "record"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in lines if "is-active" not in line]

    def script(self, code, says=(), before="", **environment):
        """Runs it; `before`: a command in the same namespace."""
        said = self.enter(code, f'{before or "true"} && SCRIPT=$$ exec "{NODE}/kerf-mig-mode"', **environment)
        for words in says:
            self.assertIn(words, said)

    def enter(self, code, command, **environment):
        """Runs it there, with ours before the simulated nvidia-smi; answers what it said."""
        command = f'cd "{self.folder}" && mount --bind lib /var/lib && ' \
                  f'export PATH="{ROOT}/tests/mig_mode:$PATH" && {command}'
        done = subprocess.run([FAKE, "enter", "--", "sh", "-c", command], check=False, timeout=120,
                              env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout


class Hopper(Machine):
    def test_is_turned_on_at_once(self):
        self.start("H100-80:2")
        self.assertEqual(self.modes(), ["off", "off"])
        self.script(0, says=["MIG mode is on"])
        self.assertEqual(self.modes(), ["on", "on"])
        self.assertEqual(self.record(), [])

    def test_services_that_hold_a_gpu_are_stopped_and_started_again(self):
        self.start("H100-80:2")
        self.fake("do", "clients", "1", "gpu=1")
        self.runs("nvidia-persistenced", on_stop="clients 0 gpu=1")
        self.runs("set-nvidia-clocks")
        self.script(0)
        self.assertEqual(self.modes(), ["on", "on"])
        self.assertEqual(self.record(), [
            "stop set-nvidia-clocks.service", "stop nvidia-persistenced.service",
            "start nvidia-persistenced.service", "start set-nvidia-clocks.service"])
        self.assertEqual(self.active(), ["nvidia-persistenced", "set-nvidia-clocks"])

    def test_a_machine_that_has_it_is_left_alone(self):
        self.start("H100-80:2", "T4", more=["--mig"])
        self.runs("nvidia-persistenced")
        self.runs("kubelet")
        self.marker.parent.mkdir()
        self.marker.write_text("boot\n")
        self.script(0)
        self.assertEqual(self.record(), [])
        self.assertFalse(self.marker.exists())  # a later boot may need one more reboot

    def test_without_mig_there_is_nothing_to_do(self):
        self.start("T4", "L4")
        self.runs("nvidia-persistenced")
        self.script(0, says=["no GPU has it"])
        self.assertEqual(self.record(), [])

    def test_what_nobody_can_stop_leaves_it_off_and_a_reboot_would_not_help(self):
        self.start("H100-80:2")
        self.runs("nvidia-persistenced")
        self.fake("do", "clients", "1", "gpu=0")
        self.script(1, says=["the reset failed", "reports ModeOff"])
        self.assertEqual(self.modes(), ["off, on after a reset", "on"])
        self.assertEqual(self.record(), ["stop nvidia-persistenced.service",
                                         "start nvidia-persistenced.service"])
        self.assertFalse(self.marker.exists())

    def test_a_reset_ends_what_is_pending(self):
        self.start("H100-80:2")
        self.fake("do", "clients", "1", "gpu=0")
        self.script(0, says=["resetting", "GPU 00000000:10:00.0 was successfully reset"],
                    AFTER_MIG="clients 0 gpu=0")
        self.assertEqual(self.modes(), ["on", "on"])

    def test_beside_a_running_kubelet_nothing_is_touched(self):
        self.start("H100-80")
        self.runs("kubelet")
        self.runs("nvidia-persistenced")
        self.script(1, says=["kubelet runs"])
        self.assertEqual(self.modes(), ["off"])
        self.assertEqual(self.record(), [])

    def test_a_lost_gpu_does_not_hold_up_the_others(self):
        self.start("H100-80:3")
        self.fake("do", "lose", "gpu=1")
        self.script(0)
        self.assertEqual(self.modes(), ["on", "off", "on"])

    def test_one_that_refuses_does_not_hold_up_the_others(self):
        self.start("H100-80:2")
        self.fake("do", "fail", "set-mig-mode", "unknown", "gpu=0", "count=99")
        self.script(1, says=["00000000:10:00.0: nvidia-smi exits with", "reports ModeOff"])
        self.assertEqual(self.modes(), ["off", "on"])
        self.assertFalse(self.marker.exists())

    def test_no_driver_ends_soon_and_stops_nothing(self):
        self.start("H100-80")
        self.runs("nvidia-persistenced")
        self.script(1, says=["nvidia-smi does not answer"],
                    NO_DRIVER="1")
        self.assertEqual(self.record(), ["sleep 2"] * 29)

    def test_a_driver_that_comes_late_is_waited_for(self):
        self.start("H100-80")
        self.script(0, NO_DRIVER_UNTIL_SLEEPS="3")
        self.assertEqual(self.record(), ["sleep 2"] * 3)
        self.assertEqual(self.modes(), ["on"])

    def test_ended_by_systemd_it_starts_the_services_again(self):
        self.start("H100-80")
        self.runs("nvidia-persistenced")
        self.script(1, AFTER_MIG="TERM")
        self.assertEqual(self.record(), ["stop nvidia-persistenced.service",
                                         "start nvidia-persistenced.service"])

    def test_a_service_that_does_not_come_back_is_said(self):
        self.start("H100-80")
        self.runs("nvidia-persistenced", on_stop="FAIL-START")
        self.script(0, says=["nvidia-persistenced.service does not start"])
        self.assertEqual(self.modes(), ["on"])


class Ampere(Machine):
    def test_is_turned_on_and_stays_so_over_a_reboot(self):
        self.start("A100-40:2")
        self.script(0)
        self.assertEqual(self.modes(), ["on", "on"])
        self.fake("do", "reboot")
        self.runs("nvidia-persistenced")
        self.script(0)
        self.assertEqual(self.record(), [])

    def test_passed_through_it_takes_one_reboot(self):
        self.start("A100-40:2", more=["--passthrough"])
        self.runs("nvidia-persistenced")
        self.script(0, says=["rebooting, once"])
        self.assertEqual(self.record(), ["stop nvidia-persistenced.service", "reboot", "sleep 120"])
        self.assertTrue(self.marker.read_text().strip())
        self.assertEqual(self.modes(), ["on", "on"])  # the recorder rebooted it
        self.script(0, says=["MIG mode is on"])
        self.assertEqual(self.record(), [])
        self.assertFalse(self.marker.exists())

    def test_it_is_never_rebooted_twice(self):
        self.start("A100-40", more=["--passthrough"])
        self.script(0, REBOOT="does not help")
        self.assertEqual(self.record(), ["reboot", "sleep 120"])
        for _ in range(3):
            self.script(1, says=["no other reboot", "reports ModeOff"], REBOOT="does not help")
            self.assertEqual(self.record(), [])

    def test_without_a_marker_there_is_no_reboot(self):
        self.start("A100-40", more=["--passthrough"])
        self.script(1, says=["no reboot"], before="mount -o remount,bind,ro /var/lib")
        self.assertEqual(self.record(), [])

    def test_a_refused_reboot_lets_the_node_come_up(self):
        self.start("A100-40", more=["--passthrough"])
        self.runs("nvidia-persistenced")
        self.script(1, says=["the reboot was refused", "reports ModeOff"], REBOOT="refused")
        self.assertEqual(self.record(), ["stop nvidia-persistenced.service", "reboot",
                                         "start nvidia-persistenced.service"])

    def test_beside_gpus_without_mig(self):
        self.start("T4", "A30", "L4")
        self.script(0)
        self.assertEqual(self.modes(), ["on"])


class UserData(Machine):
    def test_the_examples_have_the_files_of_the_node_folder(self):
        for example, names in (("ec2nodeclass-cut.yaml", PLACES), ("ec2nodeclass-whole.yaml", [
                "containerd-nvidia.conf"])):
            parts = user_data(example)
            self.assertEqual(list(parts), ["application/node.eks.aws", "text/x-shellscript"], example)
            found = dict(PUT.findall(parts["text/x-shellscript"]))
            self.assertEqual(found, {PLACES[name]: (NODE / name).read_text() for name in names},
                             f"{example}: {sys.argv[0]} --update writes them")
            self.assertLess(len((EXAMPLES / example).read_bytes()), 16384)  # EC2's limit of user data
            self.assertIn("nvidia.com/gpu.deploy.operands=false,kerf.dev/managed=true",
                          parts["application/node.eks.aws"])

    def shell_part(self, example):
        """Runs it on the machine, with an /etc and a /usr/local/sbin of its own; answers what it said."""
        (self.folder / "sbin").mkdir()
        (self.folder / "part").write_text(user_data(example)["text/x-shellscript"])
        return self.enter(0, "cp -a /etc etc && rm -rf etc/systemd && mount --bind etc /etc && "
                             "mount --bind sbin /usr/local/sbin && exec bash part")

    def test_the_cut_class_turns_mig_on_at_the_first_boot(self):
        self.start("H100-80:8")
        self.assertIn("MIG mode is on", self.shell_part("ec2nodeclass-cut.yaml"))
        self.assertEqual(self.modes(), ["on"] * 8)
        self.assertEqual(self.record(), ["daemon-reload", "enable kerf-mig-mode.service",
                                         "start kerf-mig-mode.service"])
        self.assertTrue((self.folder / "etc/systemd/system/kerf-mig-mode.service").exists())

    def test_the_whole_class_leaves_it_off(self):
        self.start("H100-80")
        self.shell_part("ec2nodeclass-whole.yaml")
        self.assertEqual(self.modes(), ["off"])
        self.assertEqual(self.record(), ["daemon-reload"])
        self.assertTrue((self.folder / "etc/systemd/system/containerd.service.d/20-kerf.conf").exists())


class Style(unittest.TestCase):
    def test_shell(self):
        part = user_data("ec2nodeclass-cut.yaml")["text/x-shellscript"]
        tools = [["bash", "-n", "-"]]
        if shutil.which("shellcheck"):
            tools.append(["shellcheck", "-"])
        for tool in tools:
            for text in ((NODE / "kerf-mig-mode").read_text(), part):
                done = subprocess.run(tool, input=text, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_systemd_takes_the_unit(self):
        with tempfile.TemporaryDirectory() as folder:
            text = (NODE / "kerf-mig-mode.service").read_text()
            unit = Path(folder) / "kerf-mig-mode.service"
            unit.write_text(text.replace("/usr/local/sbin", str(NODE)))
            done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(text, r"(?m)^Before=kubelet\.service$")
        self.assertNotRegex(text, r"(?m)^(Requires|RequiredBy|BindsTo)=")


def update():
    for example in EXAMPLES.glob("ec2nodeclass-*.yaml"):
        text = example.read_text()
        for name, place in PLACES.items():
            head = f"    put {place} <<'END_OF_FILE'\n"
            if head in text:
                start = text.index(head) + len(head)
                end = text.index("    END_OF_FILE\n", start)
                lines = (NODE / name).read_text().splitlines()
                text = text[:start] + "".join(f"    {line}".rstrip() + "\n" for line in lines) + text[end:]
        example.write_text(text)


def may_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False,
                                                stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    elif not may_mount():
        print("skipped: needs root that may mount")
        sys.exit(77)
    else:
        unittest.main()
