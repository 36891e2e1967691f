"""CPUs and memory that a machine does not have, for a node: kubelet then reports those of an instance type.

kubelet counts CPUs in /sys/devices/system and reads memory from /proc/meminfo; a node is shown others there.
What runs on the node gets what the machine has: pods may ask for much, and had better use little.
"""
from pathlib import Path

SYSTEM = "/sys/devices/system"
PODS = 110  # kubelet's default


def of_type(types, name):
    """{"cpus", "memory_mib"} of an instance type in the file of types; None if it is not there."""
    for one in types:
        if one["name"] == name:
            memory = one["resources"]["memory"]
            return {"cpus": int(one["resources"]["cpu"]), "memory_mib": int(memory.removesuffix("Mi"))}
    return None


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def make_machine(folder, cpus, memory_mib):
    """Makes the files in `folder`; the binds that show them in a node."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kib = memory_mib * 1024
    own = {"MemTotal": kib, "MemFree": kib, "MemAvailable": kib}
    write(folder / "meminfo", "\n".join(
        f"{line.partition(':')[0]}: {own[line.partition(':')[0]]:>14} kB" if line.partition(":")[0] in own else line
        for line in lines))
    for number in range(cpus):
        core = folder / f"cpu/cpu{number}"
        write(core / "topology/core_id", number)
        write(core / "topology/physical_package_id", 0)
        (folder / "node/node0").mkdir(parents=True, exist_ok=True)
        (folder / f"node/node0/cpu{number}").symlink_to(f"../../cpu/cpu{number}")
    for name in ("online", "possible", "present"):
        write(folder / "cpu" / name, f"0-{cpus - 1}")
        write(folder / "node" / name, 0)
    write(folder / "node/node0/meminfo", f"Node 0 MemTotal: {kib:>14} kB")
    write(folder / "node/node0/distance", 10)
    (folder / "node/node0/hugepages").mkdir()
    return [[str(folder / "meminfo"), "/proc/meminfo"], [str(folder / "cpu"), f"{SYSTEM}/cpu"],
            [str(folder / "node"), f"{SYSTEM}/node"]]
