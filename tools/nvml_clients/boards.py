"""What Kerf's own tables (data/*.csv) say of boards: the simulated driver has others, made apart."""
import collections
import csv
import itertools
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"

# PCI device ids, from the comments in mig-parted's deployments/systemd/config-default.yaml and the
# PCI ID database; the rest of a board is in data/.
PCI = {"A100-40": 0x20B0, "A100-80": 0x20B2, "A30": 0x20B7, "H100-80": 0x2330, "H100-94": 0x2321,
       "H100-96": 0x2342, "GH200-144": 0x2348, "H200": 0x2335, "B200": 0x2901, "GB200": 0x2941,
       "B300": 0x3182, "GB300": 0x31C2, "RTX-PRO-6000": 0x2BB5}
BOARDS = list(PCI)

Profile = collections.namedtuple(
    "Profile", "name id slices units most mib sms copy decoders encoders jpeg ofa starts")


def _rows(name):
    with open(DATA / name, encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def _number(text):
    return int(text) if text else None


def profiles(board):
    """name -> Profile; a number that nobody has recorded is None."""
    return {row["name"]: Profile(
        row["name"], *(_number(row[column]) for column in (
            "id", "compute_slices", "slots", "max_instances", "memory_mib", "sm_count",
            "copy_engines", "decoders", "encoders", "jpeg", "ofa")),
        [int(start) for start in row["starts"].split()])
        for row in _rows("gpu_profiles.csv") if row["model"] == board}


def board(name):
    """The row of data/gpu_models.csv, and `product`: the label that GPU Feature Discovery makes."""
    row = next(row for row in _rows("gpu_models.csv") if row["key"] == name)
    row["product"] = (row["labels"] or row["labels_unverified"]).split("|")[0]
    return row


def device_filter(name):
    return f"0x{PCI[name]:04X}10DE"


def full_layouts(name):
    """Every layout of plain profiles (no +me and the like) to which nothing can be added.

    As lists of (profile name, start), one for each multiset of profiles.
    """
    plain = [p for p in profiles(name).values() if not set("+-") & set(p.name)]
    places = [(p, start, frozenset(range(start, start + p.units)))
              for p in plain for start in p.starts]
    found = {}

    def legal(layout, place):
        taken = frozenset(itertools.chain.from_iterable(units for _, _, units in layout))
        return not place[2] & taken and sum(p is place[0] for p, _, _ in layout) < place[0].most

    def walk(layout, first):
        grows = False
        for i, place in enumerate(places):
            if legal(layout, place):
                grows = True
                if i >= first:
                    walk([*layout, place], i + 1)
        if not grows:
            key = tuple(sorted(p.name for p, _, _ in layout))
            found.setdefault(key, [(p.name, start) for p, start, _ in layout])

    walk([], 0)
    return list(found.values())
