"""How soon a viewer sees what a guest draws, after how long a quiet, and what hostile viewers change about that."""
import time

from . import build, images, machine
from .bench_process import ACTIVITY, activity, numbers
from .lab import Lab, clean_dom0
from .say import LabError

PROBE = "/lab/vncprobe"
QUIET = {0: 60, 5: 6, 60: 2, 130: 1}  # seconds of quiet: changes measured
ENCODINGS = ("raw", "hextile", "zrle", "tight")
# What moves: letters for the guest, how often, milliseconds apart
MOTIONS = {"text": ("t", "l", 40, 50), "video": ("g", "f", 20, 100)}
HOSTILE = 64
WATCHED_SECONDS = 20
SETTLE_SECONDS = 5


def measure(model, log_dir):
    """{figure: value} on that device model."""
    clean_dom0()
    lab = Lab(log_dir, model)
    try:
        return measure_guest(lab)
    finally:
        lab.close()
        machine.ssh("pkill -KILL -x vncprobe", check=False)


def measure_guest(lab):
    install_probe()
    guest = lab.guest("display", disk=[images.xl_disk(images.copy_of("display", "display"), "hda")]).create()
    guest.expect("DISPLAY ready", 120)
    guest.detach_serial()
    tty = machine.ssh(f"xenstore-read /local/domain/{guest.domid}/serial/0/tty").stdout.strip()
    port, pid = 5900 + guest.vnc_display(), guest.dm_pid()
    found = rest(pid, "alone")
    for quiet, count in QUIET.items():
        found.update(percentiles(f"quiet_{quiet}", probe("latency", port, tty, quiet * 1000, count, 0), 1000))
    found.update(percentiles("port", probe("ports", tty, 200), 1000))
    found.update(watched(pid, port))
    found.update(traffic(guest, tty, pid))
    found.update(percentiles("siege_0", probe("latency", port, tty, 0, 60, HOSTILE), 1000))
    found.update(percentiles("siege_5", probe("latency", port, tty, 5000, 5, HOSTILE), 1000))
    attack(port)
    found.update(percentiles("siege_port", probe("ports", tty, 200), 1000))
    guest.destroy()
    return found


def install_probe():
    machine.ssh(f"mkdir -p /lab; rm -f {PROBE}")
    machine.put(build.VNCPROBE.file("vncprobe"), PROBE)


def probe(*words):
    """The numbers that it prints."""
    done = machine.ssh(f"{PROBE} {' '.join(map(str, words))}", timeout=900, check=False)
    values = [float(line.split()[1]) for line in done.stdout.splitlines()]
    if done.returncode != 0 or not values:
        raise LabError(f"vncprobe {words[0]}: {done.stderr}")
    return values


def percentiles(name, values, unit):
    ordered = sorted(value / unit for value in values)
    def at(part):
        return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]
    return {f"{name}_p50": at(0.5), f"{name}_p99": at(0.99), f"{name}_max": ordered[-1]}


def attack(port):
    machine.ssh(f"{PROBE} hostile {port} {HOSTILE} 600 >/lab/hostile.out 2>&1 </dev/null & "
                "for i in $(seq 50); do grep -q attacking /lab/hostile.out && exit 0; sleep 0.1; done; exit 1")
    time.sleep(5)


def watched(pid, port):
    machine.ssh(f"{PROBE} watch {port} {WATCHED_SECONDS + 30} >/dev/null 2>&1 </dev/null &")
    found = rest(pid, "watched")
    machine.ssh("pkill -x vncprobe", check=False)
    return found


def rest(pid, name):
    """The guest at rest."""
    wakeups, cpu = activity(pid, WATCHED_SECONDS, SETTLE_SECONDS)
    return {f"{name}_wakeups": wakeups, f"{name}_cpu": cpu}


def traffic(guest, tty, pid):
    """Bytes and CPU time for a line of text that scrolls and a picture of a film, by encoding."""
    found = {}
    for name, (mode, letter, count, apart) in MOTIONS.items():
        probe("pace", tty, mode, 1, 0)
        for encoding in ENCODINGS:
            vnc = guest.vnc(encodings=encoding)
            settle(vnc)
            bytes_before, cpu_before = int(vnc.do("received")), numbers(ACTIVITY, pid)["cpu"]
            probe("pace", tty, letter, count, apart)
            time.sleep(2)
            found[f"{name}_{encoding}_bytes"] = (int(vnc.do("received")) - bytes_before) / count / 1000
            found[f"{name}_{encoding}_cpu"] = (numbers(ACTIVITY, pid)["cpu"] - cpu_before) / count
            vnc.close()
    probe("pace", tty, "g", 1, 0)
    return found


def settle(vnc):
    """Until the whole picture is there; a text cursor blinks on."""
    for _ in range(20):
        if vnc.do("wait-update 150") == "none":
            return
