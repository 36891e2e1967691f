"""The file system of a node: the machine's programs, with /etc, /var, /run and /dev of its own."""
import os
import shutil
import subprocess
import uuid
from pathlib import Path

from . import cgroups, linux
from .common import E2E, BedError

OWN = ("etc", "var", "run", "dev", "proc", "sys")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse", "net/tun")
# kubelet sets these for the whole machine; it is given files to write to instead.
GUARDED = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
           "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes")
STAGE = Path("/.kerf-bed")  # what is waiting to be bound at its place


class NodeRoot:
    """Built in `folder`; the mounts are seen by this process's mount namespace only.

    What outlives a reboot: /var, and the machine's id; /etc is written anew."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.root = folder / "root"

    def enter(self):
        self.forget_last_boot()
        self.root.mkdir(exist_ok=True)
        linux.bind(self.root, self.root)
        self.share_machine()
        self.make_etc_var_run()
        self.make_dev()
        self.make_proc_sys()
        self.keep_visible([self.folder.parent.parent, Path(self.options["parts"]), E2E])
        self.stage_binds()
        linux.enter_root(self.root)
        # All mount points first: what covers a folder to make one there would cover binds in it, too.
        places = [(STAGE / str(number), Path(target))
                  for number, (_, target) in enumerate(self.options["binds"])]
        for step in (self.make_mount_point, self.place_bind):
            for staged, target in places:
                try:
                    step(staged, target)
                except OSError as error:
                    raise BedError(f"--bind to {target}: {error}") from error

    def forget_last_boot(self):
        """Mount points and the like; nothing is mounted there, those mounts went with their namespace."""
        for entry in [*self.root.glob("*"), *self.root.glob(".*"), self.folder / "sysctl",
                      *self.folder.glob("overlay-*")]:
            if entry.is_symlink() or entry.is_file():
                entry.unlink()
            elif entry.is_dir() and entry != self.root / "var":
                shutil.rmtree(entry)

    def share_machine(self):
        """The machine's other folders. First the one in which this root is, lest it shows all others."""
        ours = self.folder.parts[1]
        for top in sorted(Path("/").iterdir(), key=lambda path: (path.name != ours, path.name)):
            place = self.root / top.name
            if top.name in OWN or top.name == STAGE.name:
                continue
            if top.is_symlink():
                place.symlink_to(os.readlink(top))
            elif top.is_dir():
                place.mkdir()
                linux.bind(top, place)

    def make_etc_var_run(self):
        for name in ("etc", "run"):  # in memory: they go with the namespace, a thousand files at once
            (self.root / name).mkdir()
            linux.mount("tmpfs", self.root / name, "tmpfs", 0, "mode=755")
        subprocess.run(["cp", "-a", "/etc/.", self.root / "etc"], check=True)
        for name in ("cni/net.d", "cdi", "containerd", "kubernetes"):
            (self.root / "etc" / name).mkdir(parents=True, exist_ok=True)
        machine_id = self.folder / "machine-id"
        if not machine_id.exists():
            machine_id.write_text(os.urandom(16).hex() + "\n")
        shutil.copy(machine_id, self.root / "etc/machine-id")
        (self.root / "etc/hostname").write_text(self.options["name"] + "\n")
        for name in ("lib", "log", "cache", "spool", "tmp"):
            (self.root / "var" / name).mkdir(parents=True, exist_ok=True)
        (self.root / "var/tmp").chmod(0o1777)
        (self.root / "run/lock").mkdir()
        for name, target in (("run", "../run"), ("lock", "../run/lock")):
            if not (self.root / "var" / name).is_symlink():
                (self.root / "var" / name).symlink_to(target)

    def make_dev(self):
        dev = self.root / "dev"
        dev.mkdir()
        linux.mount("tmpfs", dev, "tmpfs", 0, "mode=755")
        for name in ("pts", "shm", "mqueue", "net"):
            (dev / name).mkdir()
        for name in DEVICES:
            if Path("/dev", name).exists():
                (dev / name).touch()
                linux.bind(Path("/dev", name), dev / name)
        linux.mount("devpts", dev / "pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620")
        linux.mount("tmpfs", dev / "shm", "tmpfs", 0, "mode=1777")
        linux.mount("mqueue", dev / "mqueue", "mqueue")
        for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                             ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
            (dev / name).symlink_to(target)

    def make_proc_sys(self):
        for name in ("proc", "sys"):
            (self.root / name).mkdir()
        linux.mount("proc", self.root / "proc", "proc")
        linux.mount("sysfs", self.root / "sys", "sysfs")
        cgroups.mount_own(self.root / "sys/fs/cgroup")
        (self.folder / "sysctl").mkdir()
        for name in GUARDED:
            place = self.root / "proc/sys" / name
            if place.exists():
                copy = self.folder / "sysctl" / name.replace("/", ".")
                copy.write_text(place.read_text())
                linux.bind(copy, place)
        boot_id = self.folder / "boot-id"
        boot_id.write_text(f"{uuid.uuid4()}\n")
        linux.bind(boot_id, self.root / "proc/sys/kernel/random/boot_id")

    def keep_visible(self, paths):
        """What the bed itself uses must be where it was, even if that is a folder of the node's own."""
        for path in paths:
            place = self.root / path.relative_to("/")
            if not place.exists():
                place.mkdir(parents=True)
                linux.bind(path, place)

    def stage_binds(self):
        stage = self.root / STAGE.name
        stage.mkdir()
        for number, (source, _) in enumerate(self.options["binds"]):
            if not os.path.exists(source):
                raise BedError(f"--bind {source}: there is no such file or folder")
            place = stage / str(number)
            if os.path.isdir(source):
                place.mkdir()
            else:
                place.touch()
            linux.bind(source, place)

    def place_bind(self, staged, target):
        self.make_mount_point(staged, target)  # in a bind before it, there may be none again
        linux.bind(staged, target)

    def make_mount_point(self, staged, target):
        """Without a trace on the machine: a folder that is shared with it is covered first."""
        if target.exists():
            return
        base = target.parent
        while not base.exists():
            base = base.parent
        base = base.resolve()
        top = base.parts[1] if len(base.parts) > 1 else ""
        if top in ("proc", "sys"):
            self.cover_with_tmpfs(base)
        elif top and top not in OWN:
            self.cover_with_overlay(base)
        target.parent.mkdir(parents=True, exist_ok=True)
        if staged.is_dir():
            target.mkdir()
        else:
            target.touch()

    def cover_with_tmpfs(self, base):
        """For /proc/driver and the like, in which nothing can be created: its entries, bound anew."""
        under = STAGE / f"under-{len(list(STAGE.iterdir()))}"
        under.mkdir()
        linux.bind(base, under)
        linux.mount("tmpfs", base, "tmpfs", 0, "mode=755")
        for entry in under.iterdir():
            place = base / entry.name
            if entry.is_symlink():
                place.symlink_to(os.readlink(entry))
                continue
            if entry.is_dir():
                place.mkdir()
            else:
                place.touch()
            linux.bind(entry, place)

    def cover_with_overlay(self, base):
        if self.folder.is_relative_to(base):
            raise BedError(f"the bed's own files are in {base}: bind to a place somewhere else")
        number = len(list(STAGE.iterdir()))
        layers = [self.folder / f"overlay-{number}" / name for name in ("upper", "work")]
        for layer in layers:
            layer.mkdir(parents=True)
        (STAGE / f"over-{number}").mkdir()
        linux.mount("overlay", base, "overlay", 0,
                    f"lowerdir={base},upperdir={layers[0]},workdir={layers[1]}")
