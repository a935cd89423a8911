"""One guest, measured from xl create until it has been idle for a while."""
import re
import shlex
import time

from . import build, machine, xlconfig
from .bench_process import ACTIVITY, PROCESS, activity, numbers
from .lab import Lab, clean_dom0
from .say import LabError

LIMIT = "/lab/ioreq-limit"
LIMIT_PORTS = "0x5650 8"
IDLE_SECONDS = 10
SETTLE_SECONDS = 5  # what the boot still sets off
RECORDED = "recorded"  # hvmdm that records the guest
STAMP = 'while IFS= read -r line; do echo "$EPOCHREALTIME $line"; done'


def measure(model, log_dir):
    """{figure: value} of one guest on that device model, and what the limit took."""
    clean_dom0()
    recorded = model == RECORDED
    lab = Lab(log_dir, "hvmdm" if recorded else model)
    keys = {"device_model_args": ["-hvmdm-record", "/lab/work/bench.rec"]} if recorded else {}
    try:
        return measure_guest(lab.linux("bench", "bench", menu_seconds=1, **keys))
    finally:
        lab.close()
        machine.ssh("pkill -KILL -x ioreq-limit", check=False)


def measure_guest(guest):
    found = {"start": create(guest)}
    start_limit(guest.domid)
    pid = guest.dm_pid()
    found["libraries"] = numbers(PROCESS, pid)["libraries"]
    vnc = guest.vnc()
    guest.xl("unpause")
    vnc.expect(("SeaBIOS", "Booting from"), 120)  # the packaged QEMU shows text of its own before
    found["seabios"] = time.monotonic() - guest.created_at
    guest.expect("GNU GRUB", 400)
    found["grub"] = time.monotonic() - guest.created_at
    guest.expect("^GUEST up", 600)
    found["linux"] = time.monotonic() - guest.created_at
    found["cpu"] = numbers(ACTIVITY, pid)["cpu"] / 1000
    guest.expect("^GUEST ready", 300)
    found.update(round_trips(guest.serial.text))
    vnc.close()
    found.update(memory(numbers(PROCESS, pid)))
    found["wakeups"], found["idle_cpu"] = activity(pid, IDLE_SECONDS, SETTLE_SECONDS)
    return found


def create(guest):
    """xl create, left paused; returns the milliseconds from the device model's start to its word that it runs."""
    path = f"/lab/work/{guest.name}.cfg"
    machine.ssh(f"mkdir -p /lab/work && cat >{path}", input=xlconfig.write(guest.keys))
    guest.created_at = time.monotonic()
    log = machine.ssh(f"bash -c {shlex.quote(f'xl -vvv create -p {path} 2>&1 | {STAMP}')}", timeout=120).stdout
    guest.adopt()
    return 1000 * (stamp(log, r"spawn watch p=running") - stamp(log, r"Spawning device-model"))


def stamp(log, pattern):
    for line in log.splitlines():
        if re.search(pattern, line):
            return float(line.split()[0])
    raise LabError(f"xl -vvv did not say /{pattern}/:\n{log[-2000:]}")


def start_limit(domid):
    if machine.ssh(f"[ -x {LIMIT} ]", check=False).returncode != 0:
        machine.ssh("mkdir -p /lab")
        machine.put(build.IOREQ_LIMIT.file("ioreq-limit"), LIMIT)
    machine.ssh(f"{LIMIT} {domid} {LIMIT_PORTS} >/lab/limit.out 2>&1 </dev/null & "
                "for i in $(seq 50); do grep -q ready /lab/limit.out && exit 0; sleep 0.1; done; cat /lab/limit.out; exit 1")


def round_trips(text):
    """Microseconds of one access: median and the one that 1 in 100 exceeds."""
    mhz = float(re.search(r"GUEST mhz ([\d.]+)", text)[1])
    found = {}
    for name in ("device", "limit"):
        median, p99 = re.search(rf"GUEST port-{name} (\d+) (\d+)", text).groups()
        found[f"{name}_p50"], found[f"{name}_p99"] = int(median) / mhz, int(p99) / mhz
    return found


def memory(of):
    return {"dirty": of["Private_Dirty"] / 1024, "uss": (of["Private_Clean"] + of["Private_Dirty"]) / 1024, "pss": of["Pss"] / 1024, "rss": of["Rss"] / 1024,
            "binary": of["binary"] / (1 << 20), "libraries_seen": of["libraries"]}
