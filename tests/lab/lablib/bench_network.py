"""TCP and pings between a guest and dom0 on a bridge, by each emulated card, timed by the guest."""
import re

from . import machine
from .bench_process import ACTIVITY, numbers
from .lab import Lab, clean_dom0
from .say import LabError

CARDS = {"rtl8139": "8139cp", "e1000": "e1000"}
BRIDGE, NET = "xenbr0", 77
MIB = 4
SERVERS = (f"(head -c {MIB << 20} /dev/zero | setsid socat -u STDIN TCP-LISTEN:5001,reuseaddr) >/dev/null 2>&1 </dev/null & "
           f"setsid socat -u TCP-LISTEN:5002,reuseaddr,readbytes={MIB << 20} OPEN:/dev/null >/dev/null 2>&1 </dev/null &")


def measure(model, log_dir):
    """{figure: value} on that device model."""
    found = {}
    for card in CARDS:
        clean_dom0()
        lab = Lab(log_dir, model)
        try:
            found.update({f"{card}_{key}": value for key, value in talk(lab, card).items()})
        finally:
            lab.close()
            machine.ssh("pkill -KILL -x socat", check=False)
    return found


def talk(lab, card):
    machine.ssh(SERVERS)
    guest = lab.linux("netbench", "netbench", f"nets={NET} mib={MIB}", direct=True,
                      vif=[f"bridge={BRIDGE},model={card}"]).create()
    guest.expect(rf"^GUEST card {CARDS[card]}\s", 300)
    pid = guest.dm_pid()
    found = {}
    for phase, pattern in (("ping", r"[\d.]+ [\d.]+ [\d.]+ \d+"), ("in", r"\d+ [\d.]+ [\d.]+"), ("out", r"\d+ [\d.]+ [\d.]+")):
        guest.expect(f"^GUEST phase {phase}", 200)
        before = numbers(ACTIVITY, pid)["cpu"]
        guest.send("\n")
        guest.expect(rf"^GUEST {phase} {pattern}", 300)
        cpu = numbers(ACTIVITY, pid)["cpu"] - before
        words = re.search(rf"GUEST {phase} ({pattern})", guest.serial.text)[1].split()
        found.update(figures(phase, [float(word) for word in words], cpu))
    guest.destroy()
    return found


def figures(phase, words, cpu_ms):
    if phase == "ping":
        if words[3] < 290:
            raise LabError(f"only {words[3]:.0f} of 300 pings were answered")
        return {"ping": words[1]}
    moved, began, ended = words
    if moved != MIB << 20:
        raise LabError(f"{moved:.0f} bytes were moved instead of {MIB} MiB")
    return {phase: 1000 * (ended - began) / MIB, f"{phase}_cpu": cpu_ms / MIB}
