#!/usr/bin/env python3
"""Drives the real kerf-fake-driver as a person types it: exit codes, messages, scripts, and `enter`.

    KERF_FAKE=build/kerf-fake-driver KERF_NVML=build/lib/libnvidia-ml.so.1 python3 tests/fake_driver_test.py

Without KERF_NVML nothing is loaded into Python. `enter` is tried where this user may mount.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAKE = os.path.abspath(os.environ.get("KERF_FAKE", ROOT / "build/kerf-fake-driver"))
NVML = os.environ.get("KERF_NVML")
MAY_MOUNT = os.geteuid() == 0 and subprocess.run(
    ["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
BAD_INPUT, FAILED = 2, 1

# A program that counts GPUs by the library that it is given: at once, and again for each line it reads.
CLIENT = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
assert lib.nvmlInit_v2() == 0
count = ctypes.c_uint()
while True:
    print(lib.nvmlDeviceGetCount_v2(ctypes.byref(count)), count.value, flush=True)
    if not sys.stdin.readline():
        break
"""


def mounts_of_kerf(folder):
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if str(folder) in line or "- tmpfs kerf " in line]


class Fake(unittest.TestCase):
    def setUp(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="kerf-fake-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.folder = self.scratch / "machine"
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                            "KERF_FAKE_DRIVER": str(self.folder)}

    def expect(self, code, *words, says=(), prints=(), stdin=""):
        """Runs the program; `says` are parts of standard error, `prints` of standard output."""
        words = [str(word) for word in words]
        done = subprocess.run([FAKE, *words], input=stdin.encode(), env=self.environment, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{' '.join(words)}\n{out}\n{err}")
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, err, words)
        for part in [prints] if isinstance(prints, str) else prints:
            self.assertIn(part, out, words)
        if code in (BAD_INPUT, FAILED):
            self.assertEqual(out, "", words)
            self.assertTrue(err.startswith("kerf-fake-driver: ") and err.count("\n") == 1, err)
            self.assertLess(len(err), 300 + len(str(self.scratch)))
        return out

    def init(self, *gpus, more=()):
        words = [word for gpu in gpus for word in ("--gpu", gpu)]
        return self.expect(0, "init", "--latency", "none", *words, *more)

    def show(self):
        return self.expect(0, "show")

    def uuids(self):
        return [line.split()[3] for line in self.show().splitlines() if line.startswith("gpu ")]


class Asking(Fake):
    def test_help_names_every_command_and_fits_the_screen(self):
        for words in [(), ("--help",), ("init", "--help"), ("enter", "--help")]:
            out = self.expect(0, *words, prints="Usage: kerf-fake-driver")
            for line in out.replace(str(self.folder), "").splitlines():
                self.assertLessEqual(len(line), 100, line)
        self.expect(0, prints=["init ", "show ", "do ", "run-script ", "enter ", "boards ",
                               "operations ", str(self.folder)])
        self.expect(0, "init", "--help", prints=["--gpu BOARD[:COUNT]", "535,550,570,580", "--seed"])

    def test_words_that_are_no_command(self):
        for words in [("help",), ("cut",), ("show", "all"), ("--nowhere",), ("show", "do")]:
            self.expect(BAD_INPUT, *words, says="see kerf-fake-driver --help")

    def test_boards_and_operations(self):
        boards = self.expect(0, "boards", prints=["H100-80       NVIDIA H100 80GB HBM3\n",
                                                  "T4            Tesla T4  (no MIG)\n"])
        names = [line.split()[0] for line in boards.splitlines()]
        self.assertEqual(len(names), len(set(names)))
        out = self.init(*names)  # each can be had
        self.assertEqual([line.split()[2] for line in out.splitlines()[1:]], names)
        operations = self.expect(0, "operations").split()
        self.assertEqual(len(operations), 28)
        for operation in operations:
            self.expect(0, "do", "fail", operation, "in-use")
            self.assertIn(f"fail {operation} in-use count=1\n", self.show())


class Init(Fake):
    def test_what_it_prints_is_what_show_prints(self):
        out = self.init("H100-80:2", "T4", more=["--mig", "--driver", "535"])
        self.assertEqual(out, self.show())
        self.assertTrue(out.startswith("driver 535."))
        lines = out.splitlines()[1:]
        self.assertEqual([line.split()[:3] for line in lines],
                         [["gpu", "0", "H100-80"], ["gpu", "1", "H100-80"], ["gpu", "2", "T4"]])
        self.assertEqual(["MIG on" in line for line in lines], [True, True, False])
        self.assertIn("MIG off", self.init("A30"))
        self.assertIn("MIG on", self.init("A30", more=["--mig", "--passthrough"]))

    def test_a_seed_gives_the_same_uuids_again_and_another_others(self):
        first = self.init("A30:3", more=["--seed", "7"])
        self.assertNotEqual(self.init("A30:3", more=["--seed", "8"]), first)
        self.assertEqual(self.init("A30:3", more=["--seed", "7"]), first)
        self.assertEqual(len(set(self.uuids())), 3)

    def test_mistakes_make_no_machine(self):
        for words, says in [
                ((), "--gpu is required"),
                (("--gpu",), "--gpu"),
                (("--gpu", "H1000"), ['"H1000"', "`kerf-fake-driver boards` lists them"]),
                (("--gpu", ""), "`kerf-fake-driver boards` lists them"),
                (("--gpu", "a30"), "`kerf-fake-driver boards` lists them"),
                (("--gpu", "A30:0"), "a count from 1 to 32"),
                (("--gpu", "A30:33"), "a count from 1 to 32"),
                (("--gpu", "A30:"), "a count from 1 to 32"),
                (("--gpu", "A30:two"), "a count from 1 to 32"),
                (("--gpu", "A30:-1"), "a count from 1 to 32"),
                (("--gpu", "A30:99999999999"), "a count from 1 to 32"),
                (("--gpu", "A30:32", "--gpu", "T4"), "at most 32 GPUs"),
                (("--gpu", "A30", "--driver", "470"), ["--driver", "535,550,570,580"]),
                (("--gpu", "A30", "--driver", "new"), "--driver"),
                (("--gpu", "A30", "--seed", "-1"), "--seed"),
                (("--gpu", "A30", "--seed", "1.5"), "--seed"),
                (("--gpu", "A30", "--latency", "some"), "recorded,none"),
                (("--gpu", "A30", "more"), "more")]:
            with self.subTest(words):
                self.expect(BAD_INPUT, "init", *words, says=says)
                self.assertFalse(self.folder.exists())

    def test_commands_without_a_machine_say_how_to_make_one(self):
        self.folder.mkdir()
        for words in [("show",), ("do", "reboot"), ("enter", "--", "true")]:
            self.expect(FAILED, *words, says=[str(self.folder), "`kerf-fake-driver init`"])
        self.assertEqual(self.expect(FAILED, "run-script", "-", stdin="reboot\n",
                                     says="`kerf-fake-driver init`"), "")

    def test_the_folder_is_the_options_before_the_environments(self):
        other = self.scratch / "other"
        self.expect(0, "--machine", other, "init", "--gpu", "T4")
        self.expect(0, "show", "--machine", other, prints="T4")
        self.expect(FAILED, "show")

    def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(self):
        self.folder.mkdir()
        for name in ("thesis.txt", "proc"):
            kept = self.folder / name
            kept.write_text("mine")
            self.expect(BAD_INPUT, "init", "--gpu", "T4", says=[str(self.folder), "empty"])
            self.assertEqual([path.name for path in self.folder.iterdir()], [name])
            self.assertEqual(kept.read_text(), "mine")
            kept.unlink()
        (self.folder / "state").write_text("none of Kerf's, but longer than its header is" * 9)
        self.expect(BAD_INPUT, "init", "--gpu", "T4", says=str(self.folder))
        self.expect(BAD_INPUT, "show", says="not the state of a simulated GPU machine")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["state"])
        (self.folder / "state").unlink()
        self.init("T4")  # an empty one is fine

    def test_a_state_that_is_a_link_is_refused_and_its_target_left_alone(self):
        other = self.scratch / "other"
        self.expect(0, "--machine", other, "init", "--gpu", "A30")
        nothing = self.scratch / "nothing"
        nothing.write_text("")
        self.folder.mkdir()
        for target in (nothing, other / "state"):
            content = target.read_bytes()
            (self.folder / "state").symlink_to(target)
            self.expect(BAD_INPUT, "init", "--gpu", "T4", says=str(self.folder))
            self.assertEqual(target.read_bytes(), content)
            (self.folder / "state").unlink()

    def test_a_path_that_is_no_folder(self):
        self.folder.write_text("a file")
        self.expect(FAILED, "init", "--gpu", "T4", says=str(self.folder))
        self.assertEqual(self.folder.read_text(), "a file")

    def test_a_machine_takes_the_place_of_another(self):
        self.init("H100-80:4", more=["--mig"])
        self.expect(0, "do", "lose", "gpu=3")
        out = self.init("T4")
        self.assertEqual(self.show(), out)
        self.assertNotIn("lost", out)
        self.assertFalse((self.folder / "dev/nvidia1").exists())
        self.assertTrue((self.folder / "dev/nvidia0").exists())


class Do(Fake):
    def lines(self):
        return self.show().splitlines()[1:]

    def test_each_action_shows(self):
        self.init("A100-40:2")
        gpu = self.uuids()[0]
        plain = self.lines()
        for action, shown in [(f"start-process {gpu} pid=12 memory=100", "  pids 12"),
                              ("clients 3 gpu=1", "  3 clients"),
                              ("lose gpu=1 until=reboot", "  lost"),
                              ("slow on", "slow on"),
                              ("fail set-mig-mode timeout count=2 effect=done gpu=1",
                               "fail set-mig-mode timeout count=2 effect=done gpu=1"),
                              ("xid 79 gpu=0", "  lost")]:
            before = self.show()
            self.assertEqual(self.expect(0, "do", *action.split()), "")
            self.assertNotEqual(self.show(), before, action)
            self.assertIn(shown, self.show())
        self.expect(0, "do", "clear-faults")
        self.assertNotIn("fail", self.show())
        self.expect(0, "do", "slow", "off")
        self.expect(0, "do", "reboot")
        self.assertEqual(self.lines(), plain)
        self.expect(0, "do", "xid", "31", "gpu=0")  # one that changes nothing that is shown
        self.assertEqual(self.lines(), plain)

    def test_processes_and_clients_are_in_the_way_of_a_reset(self):
        self.init("H100-80:2")
        self.expect(0, "do", "start-process", self.uuids()[0], "pid=5")
        self.expect(0, "do", "clients", "1", "gpu=1")
        for action in ("reset gpu=0", "reset gpu=1", "reload-driver"):
            self.expect(FAILED, "do", *action.split(), says=[action, "the driver answers IN_USE"])
        self.expect(0, "do", "end-process", "pid=5")
        self.expect(0, "do", "reset", "gpu=0")
        self.expect(0, "do", "clients", "0", "gpu=1")
        self.expect(0, "do", "reload-driver")

    def test_mistakes_change_nothing(self):
        self.init("H100-80")
        before = self.show()
        for words, says in [
                ("", "--help"),
                ("explode", ['"explode" is no action', "expected fail, clear-faults, xid"]),
                ("xid 79", "'xid' needs gpu=N"),
                ("xid gpu=0", "'xid' needs an XID"),
                ("xid 0 gpu=0", "from 1 to 999"),
                ("xid 79 gpu=1", "there is no GPU 1; the machine has 1"),
                ("xid 79 gpu=32", "from 0 to 31"),
                ("xid 31 gpu=0 gi=3", "no GPU instance 3"),
                ("xid 31 gpu=0 ci=0", "gi"),
                ("lose gpu=0 until=monday", "expected reboot"),
                ("start-process GPU-nobody pid=4", '"GPU-nobody" is no device'),
                ("start-process pid=4", "the UUID of a GPU or a MIG device"),
                ("end-process pid=4", "no process 4 runs"),
                ("end-process pid=0", "pid is \"0\""),
                ("clients -1 gpu=0", "a number of clients"),
                ("fail", "needs an operation"),
                ("fail cut in-use", "`kerf-fake-driver operations` lists them"),
                ("fail set-mig-mode success", "no error code of NVML"),
                ("fail set-mig-mode IN_USE", "expected one like in-use"),
                ("fail set-mig-mode in-use count=0", "from 1 to"),
                ("fail set-mig-mode in-use gpu=1", "there is no GPU 1"),
                ("slow", "on or off"),
                ("reboot now", '"now" is too much'),
                ("reset gpu=0 gpu=0", "there twice"),
                ("# only a comment", "no action")]:
            with self.subTest(words):
                self.expect(BAD_INPUT, "do", *words.split(), says=says)
                self.assertEqual(self.show(), before)
        self.expect(BAD_INPUT, "do", "", says="no action")


class Scripts(Fake):
    def script(self, text):
        path = self.scratch / "s.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def test_a_file_and_standard_input(self):
        self.init("T4:3")
        self.expect(0, "run-script", self.script("# two\n\n  lose gpu=0  # this\r\nslow on"))
        self.assertIn("slow on", self.show())
        self.expect(0, "run-script", "-", stdin="lose gpu=2\n")
        self.assertEqual(["lost" in line for line in self.show().splitlines()[1:4]],
                         [True, False, True])

    def test_a_line_that_cannot_be_read_stops_it_before_it_begins(self):
        self.init("T4")
        before = self.show()
        path = self.script("slow on\n\nlose\n")
        self.expect(BAD_INPUT, "run-script", path, says=f"{path}:3: 'lose' needs gpu=N")
        self.expect(BAD_INPUT, "run-script", "-", stdin="lose", says="-:1: 'lose' needs gpu=N")
        self.assertEqual(self.show(), before)

    def test_a_line_that_fails_is_named_and_those_before_have_happened(self):
        self.init("T4")
        path = self.script("# once\nslow on\nend-process pid=4\nclients 1 gpu=0\n")
        self.expect(BAD_INPUT, "run-script", path,
                    says=[f"{path}:3: end-process pid=4", "no process 4",
                          "the lines before have happened"])
        self.assertIn("slow on", self.show())
        self.assertNotIn("clients", self.show())
        refused = self.script("clients 1 gpu=0\nreset gpu=0\n")
        self.expect(FAILED, "run-script", refused, says=[f"{refused}:2: reset gpu=0", "IN_USE"])

    def test_what_is_no_script(self):
        self.init("T4")
        before = self.show()
        self.expect(FAILED, "run-script", self.scratch / "none", says="cannot be read")
        self.expect(BAD_INPUT, "run-script", self.scratch, says=[str(self.scratch), "folder"])
        for empty in ("", "# nothing\n\n"):
            self.expect(BAD_INPUT, "run-script", self.script(empty), says="no action")
        self.expect(BAD_INPUT, "run-script", self.script(b"\xff\xfe\0reboot"), says="s.txt:1: ")
        self.expect(BAD_INPUT, "run-script", says="required")
        self.expect(FAILED, "run-script", self.script("#" * (2**20 + 1)), says="at most 1 MiB")
        self.assertEqual(self.show(), before)


class Together(Fake):
    def test_two_processes_lose_nothing_of_each_other(self):
        self.init("T4:2")
        uuids = self.uuids()
        script = "".join(f"start-process {{}} pid={pid}\n" for pid in range(1, 51))
        running = []
        for uuid in uuids:
            path = self.scratch / uuid
            path.write_text(script.format(*[uuid] * 50))
            running += [subprocess.Popen([FAKE, "run-script", str(path)], env=self.environment)]
            running += [subprocess.Popen([FAKE, "do", "fail", "device-count", "unknown"],
                                         env=self.environment) for _ in range(5)]
        self.assertEqual([process.wait(60) for process in running], [0] * 12)
        shown = self.show().splitlines()
        for line in shown[1:3]:
            self.assertEqual(line.split("pids ")[1].split(), [str(pid) for pid in range(1, 51)])
        self.assertEqual(shown[3:], ["fail device-count unknown count=1"] * 10)

    @unittest.skipUnless(NVML, "KERF_NVML is not set")
    def test_a_client_is_on_the_new_machine_after_init(self):
        self.init("T4:2")
        client = subprocess.Popen([sys.executable, "-c", CLIENT, NVML], text=True, bufsize=1,
                                  env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(client.wait)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.kill)
        self.assertEqual(client.stdout.readline(), "0 2\n")
        self.init("A30:5")
        client.stdin.write("\n")
        self.assertEqual(client.stdout.readline(), "0 5\n")
        client.stdin.close()
        self.assertEqual(client.wait(60), 0)


@unittest.skipUnless(MAY_MOUNT, "`enter` needs root that may mount")
class Enter(Fake):
    def setUp(self):
        super().setUp()
        self.before = mounts_of_kerf(self.scratch)
        self.addCleanup(lambda: self.assertEqual(mounts_of_kerf(self.scratch), self.before))

    def enter(self, *words, code=0, **more):
        return self.expect(code, "enter", "--", *words, **more)

    def sh(self, text):
        return self.enter("sh", "-c", text)

    def test_the_exit_code_and_the_streams_are_the_programs(self):
        self.init("T4")
        self.enter("sh", "-c", "exit 7", code=7)
        self.assertEqual(self.enter("cat", stdin="passed on"), "passed on")
        self.enter("sh", "-c", "echo out; echo err >&2; exit 0", says="err", prints="out")
        self.enter("sh", "-c", "kill -9 $$", code=-9)

    def test_a_program_that_is_not_there(self):
        self.init("T4")
        self.enter("no-such-program", code=FAILED, says=["no-such-program", "No such file"])
        self.expect(BAD_INPUT, "enter", says="required")

    def test_devices_files_and_buses_are_where_programs_look(self):
        self.init("H100-80:2", more=["--mig"])
        # They read like /dev/null: nothing, and no error.
        self.assertEqual(self.sh("cat /dev/nvidia0 /dev/nvidia1 /dev/nvidiactl "
                                 "/dev/nvidia-caps/nvidia-cap1"), "")
        self.assertEqual(self.sh("test -c /dev/null && test -c /dev/nvidia0 && echo both"), "both\n")
        self.assertIn("570.133.20", self.sh("cat /proc/driver/nvidia/version"))
        self.assertEqual(self.sh("ls /proc/driver/nvidia/gpus").split(),
                         ["0000:10:00.0", "0000:11:00.0"])
        self.assertIn(self.uuids()[1],
                      self.sh("cat /proc/driver/nvidia/gpus/0000:11:00.0/information"))
        self.assertIn("0000:10:00.0", self.sh("ls /sys/bus/pci/devices").split())
        self.assertEqual(self.sh("cat /sys/bus/pci/devices/0000:10:00.0/vendor"), "0x10de\n")
        self.assertIn("195 nvidia\n", self.sh("cat /proc/devices"))
        self.assertIn("\nnvidia ", "\n" + self.sh("cat /proc/modules"))  # with ours or without
        self.assertEqual(self.sh("test -r /proc/self/status && test -d /sys/class && echo all"),
                         "all\n")

    def test_outside_there_is_nothing(self):
        self.init("T4")
        self.sh("true")
        self.assertEqual(mounts_of_kerf(self.scratch), self.before)
        self.assertFalse(os.path.exists("/proc/driver/nvidia/gpus/0000:10:00.0"))
        self.assertEqual(list((self.folder / "mounts").iterdir()), [])

    def test_nvidia_smi_lists_and_resets(self):
        self.init("H100-80:2")
        uuids = self.uuids()
        self.assertEqual(self.enter("nvidia-smi", "-L"), "".join(
            f"GPU {i}: NVIDIA H100 80GB HBM3 (UUID: {uuid})\n" for i, uuid in enumerate(uuids)))
        self.assertEqual(self.enter("nvidia-smi", "-r"),
                         "GPU 00000000:10:00.0 was successfully reset.\n"
                         "GPU 00000000:11:00.0 was successfully reset.\nAll done.\n")
        self.expect(0, "do", "clients", "1", "gpu=1")
        for ids in ("0", uuids[0], "0000:10:00.0"):
            self.assertNotIn("11:00.0", self.enter("nvidia-smi", "-r", "-i", ids))
        self.enter("nvidia-smi", "-r", "-i", "0,1", code=19, says="Unable to reset GPU 0000:11:00.0")
        self.enter("nvidia-smi", "-r", "-i", "2", code=6, says="No devices were found: 2")

    def test_nvidia_smi_has_nothing_else_and_says_so(self):
        self.init("T4")
        for words in [(), ("-q",), ("-L", "-r")]:
            done = subprocess.run([FAKE, "enter", "--", "nvidia-smi", *words], env=self.environment,
                                  timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"it has -L and -r [-i IDS]", done.stderr)

    @unittest.skipUnless(NVML, "KERF_NVML is not set")
    def test_programs_find_the_library_by_its_name(self):
        self.init("A30:3")
        self.assertEqual(self.enter(sys.executable, "-c", CLIENT, "libnvidia-ml.so.1"), "0 3\n")
        self.environment["LD_LIBRARY_PATH"] = "/nowhere"
        self.assertRegex(self.sh("echo $LD_LIBRARY_PATH"), ".+/lib:/nowhere\n$")
        self.assertEqual(self.sh("echo $KERF_FAKE_DRIVER"), f"{self.folder}\n")

    def test_many_enter_at_once(self):
        self.init("T4")
        running = [subprocess.Popen([FAKE, "enter", "--", "nvidia-smi", "-L"], env=self.environment,
                                    stdout=subprocess.PIPE) for _ in range(8)]
        for process in running:
            out, _ = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out.count(b"Tesla T4")), (0, 1))

    def test_in_place_stays_in_the_callers_mounts(self):
        self.init("T4")
        script = f'"{FAKE}" enter --in-place -- true && cat /dev/nvidia0 && echo seen'
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                              env=self.environment, timeout=60, stdout=subprocess.PIPE, check=False)
        self.assertEqual(done.stdout, b"seen\n")


@unittest.skipIf(os.geteuid() == 0, "root may enter")
class Others(Fake):
    def test_enter_says_that_it_needs_root(self):
        self.init("T4")
        self.expect(FAILED, "enter", "--", "true", says="this needs root")


if __name__ == "__main__":
    unittest.main(verbosity=2)
