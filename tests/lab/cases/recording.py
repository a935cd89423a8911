"""Guests that are recorded, and what the recordings are worth: each is played natively, without Xen."""
import re
import subprocess

from lablib import machine
from lablib.case import case
from lablib.images import Data, blank, xl_disk
from lablib.settings import REPO, device_model_binary

MIB = 1024 * 1024
KEPT = REPO / "build" / "recordings"


def record(guest):
    """Has the guest recorded; returns the file in dom0."""
    path = f"/lab/work/{guest.name}.rec"
    guest.keys["device_model_args"] = ["-hvmdm-record", path]
    return path


def played(lab, path, name):
    """What hvmdm-replay says about the recording, which is kept under build/recordings."""
    KEPT.mkdir(parents=True, exist_ok=True)
    here = KEPT / f"{name}.rec"
    machine.get(path, here)
    done = subprocess.run([device_model_binary().with_name("hvmdm-replay"), "--time", here], capture_output=True, text=True)
    lab.check(done.returncode == 0, done.stdout + done.stderr)
    lab.note(f"{here.stat().st_size / 1024:.0f} KiB; " + done.stdout.strip().replace("\n", "; "))
    return done.stdout


def at_least_20_times_as_fast(lab, text):
    """Recorded boots wait for nothing when they are played: hundreds of times is usual."""
    times = int(lab.matches("hvmdm-replay", text, r"(\d+) times as fast")[1])
    lab.check(times >= 20, f"played {times} times as fast as recorded, wanted 20")


@case("SeaBIOS and GRUB are recorded, driven by keys from VNC until GRUB powers off; played equal", 300, ("hvmdm",), 60)
def record_grub(lab):
    guest = lab.grub("menu")
    path = record(guest)
    guest.create()
    vnc = guest.vnc()
    vnc.expect("entry charlie", 120)
    guest.expect("entry echo", 60)
    vnc.tap("Down", "Up", "End", "Up", "Return")
    guest.expect("CHOSEN halt", 30)
    guest.wait_gone(60)
    text = played(lab, path, "seabios-grub")
    lab.check("killed" not in text, "the recording did not end in order")
    at_least_20_times_as_fast(lab, text)


@case("Linux with 2 vCPUs is recorded: boots, reads and writes disks by DMA and PIO, restarts; played equal", 420,
      ("hvmdm",), 61, every_time=False)
def record_linux(lab):
    data = Data(MIB)
    disks = [xl_disk(data.image("data"), "hdb"),
             xl_disk(blank("hdc", MIB // 8), "hdc"), xl_disk(blank("hdd", MIB), "hdd")]
    guest = lab.linux("linux", "disk+power", "libata.force=2.00:pio4", vcpus=2, more_disks=disks, on_reboot="destroy")
    path = record(guest)
    guest.create()
    guest.expect("GUEST going acpi", 300)
    guest.wait_gone(60)
    lab.check(f"GUEST hdb-sum {data.sum}" in guest.serial.text, "the guest read something else from its disk")
    text = played(lab, path, "linux-disks")
    lab.check("killed" not in text, "the recording did not end in order")
    at_least_20_times_as_fast(lab, text)


@case("a recording whose process was killed plays up to its last block", 300, ("hvmdm",), 62, every_time=False)
def record_killed(lab):
    guest = lab.grub("killed")
    path = record(guest)
    guest.create()
    guest.expect("entry echo", 120)
    machine.ssh(f"sleep 2; kill -KILL {guest.dm_pid()}")
    text = played(lab, path, "killed")
    lab.check("killed" in text, "a recording that was cut off counts as complete")
    operations = int(re.search(r"(\d+) operations", text)[1])
    lab.check(operations > 1000, f"only {operations} operations reached the file")
