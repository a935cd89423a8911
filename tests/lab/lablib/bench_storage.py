"""Disk and CD requests of one guest, timed by the guest itself, and what they cost dom0."""
import re
import time

from . import images, machine
from .bench_process import ACTIVITY, numbers
from .lab import Lab, clean_dom0
from .say import LabError

MIB = 1 << 20
GIB = 1 << 30
DISK_BYTES = 64 * MIB
INT13_MIB = 2


def measure(model, log_dir):
    """{figure: value} on that device model."""
    clean_dom0()
    lab = Lab(log_dir, model)
    try:
        return {"int13": int13(lab), **requests(lab)}
    finally:
        lab.close()


def int13(lab):
    guest = lab.guest("int13", disk=[images.xl_disk(images.copy_of("int13", "int13"), "hda")]).create()
    guest.expect("INT13 begin", 120)
    began = time.monotonic()
    guest.expect("INT13 end", 300)
    took = time.monotonic() - began
    guest.destroy()
    return 1000 * took / INT13_MIB


def requests(lab):
    # In dom0's page cache, so that its disk is not measured; without holes.
    files = {"disk": DISK_BYTES, "cd": 16 * MIB}
    for name, size in files.items():
        machine.ssh(f"head -c {size} /dev/zero | tr '\\0' x >/lab/work/{name}.img")
    disks = [images.xl_disk("/lab/work/disk.img", "hdb"), images.xl_disk("/lab/work/cd.img", "hdc", mode="r", cdrom=True)]
    guest = lab.linux("storage", "storage", direct=True, more_disks=disks).create()
    found = {}
    pid = guest.dm_pid()
    for name in ("read", "write", "random-read", "random-write", "cd"):
        guest.expect(f"^GUEST phase {name}", 400)
        before = numbers(ACTIVITY, pid)["cpu"]
        guest.send("\n")
        guest.expect(rf"^GUEST io-{name} \d+ \d+", 300)
        cpu = numbers(ACTIVITY, pid)["cpu"] - before
        took, moved = map(int, re.search(rf"GUEST io-{name} (\d+) (\d+)", guest.serial.text).groups())
        found.update(figures(name, took, moved, cpu))
    guest.expect("^GUEST done", 60)
    if "GUEST error" in guest.serial.text:
        raise LabError(f"the guest failed:\n{guest.serial.text[-1000:]}")
    guest.destroy()
    return found


def figures(name, microseconds, moved, cpu_ms):
    if name.startswith("random"):
        return {name: microseconds / (moved / 4096), f"{name}_cpu": 1000 * cpu_ms / (moved / 4096)}
    return {name: microseconds / 1000 / (moved / MIB), f"{name}_cpu": cpu_ms / 1000 / (moved / GIB)}
