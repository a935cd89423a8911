"""Much through a serial port, by `xl console`, and a port that nobody reads."""
import hashlib
import time

from lablib import machine
from lablib.case import case
from lablib.images import copy_of, xl_disk

UNIT = 1 << 16
OUT, DATA = "/lab/work/out", "/lab/work/data"


def noise():
    """As tests/lab/guests/serialbulk makes it."""
    x, made = 1, bytearray()
    for _ in range(UNIT):
        x = (x * 1664525 + 1013904223) & 0xffffffff
        made.append(x >> 24)
    return bytes(made)


def rolled(data):
    total = 0
    for byte in data:
        total = ((total << 1 | total >> 31) + byte) & 0xffffffff
    return total


def octal(letter, count):
    return f"{letter}\\{count:03o}"


def bulk_guest(lab, name):
    guest = lab.guest(name, disk=[xl_disk(copy_of("serialbulk", "serialbulk"), "hda")]).create()
    guest.expect("BULK ready", 120)
    return guest


@case("xl console takes 10 MiB from a guest and gives it 10 MiB, every byte right", 3600, order=41, every_time=False)
def serial_bulk(lab):
    blocks = 160
    guest = bulk_guest(lab, "bulk")
    guest.detach_serial()

    began = time.monotonic()
    lab.sh(f"(printf '{octal('o', blocks)}'; sleep 3000) | xl console -t serial {guest.name} >{OUT} 2>&1 & echo $! >/lab/work/console")
    wait_for(f"[ $(stat -c %s {OUT}) -ge {blocks * UNIT} ]")
    time.sleep(2)
    lab.note(f"10 MiB from the guest in {time.monotonic() - began:.0f} s")
    found = lab.sh(f"tail -c {blocks * UNIT} {OUT} | sha256sum").split()[0]
    lab.equal("SHA-256 of what came", found, hashlib.sha256(noise() * blocks).hexdigest())
    lab.sh("pkill -f 'xenconsole|xl console'; sleep 1", check=False)

    # Ctrl-] is the one byte that xl console keeps for itself.
    data = noise().replace(b"\x1d", b"\x1e") * blocks
    machine.ssh(f"cat >{DATA}", 300, input=data)
    began = time.monotonic()
    lab.sh(f"mkfifo /lab/work/in; (xl console -t serial {guest.name} </lab/work/in >{OUT} 2>&1 &); "
           f"(exec 3>/lab/work/in; printf '{octal('i', blocks)}' >&3; until grep -q 'BULK go' {OUT}; do sleep 1; done; "
           f"cat {DATA} >&3; sleep 3000) >/dev/null 2>&1 &")
    wait_for(f"grep -q 'BULK sum ........' {OUT}")
    lab.note(f"10 MiB to the guest in {time.monotonic() - began:.0f} s")
    lab.matches("the guest's sum", lab.sh(f"tail -n 1 {OUT}"), f"BULK sum {rolled(data):08X}")
    lab.sh("pkill -f 'xenconsole|xl console'", check=False)


def wait_for(condition, seconds=1700):
    """Until that holds in dom0; each call of the shell stays short."""
    deadline = time.monotonic() + seconds
    while machine.ssh(f"for n in $(seq 20); do {condition} && exit 0; sleep 1; done; exit 1", 60, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {condition}")


@case("a guest writes for a minute to a serial port that nobody reads: it is not held up, and the newest output waits for the reader",
      480, order=41, every_time=False)
def serial_unread(lab):
    guest = bulk_guest(lab, "unread")
    tty = machine.ssh(f"xenstore-read /local/domain/{guest.domid}/serial/0/tty").stdout.strip()
    guest.send("t\x1e")
    read = int(guest.expect("BULK bursts ([0-9A-F]{8})", 120)[1], 16) / 30
    guest.detach_serial()
    lab.sh(f"stty raw -echo <{tty}; printf 't\\074' >{tty}")
    time.sleep(70)
    guest.attach_serial()
    unread = int(guest.expect("BULK bursts ([0-9A-F]{8})", 60)[1], 16) / 60
    lab.note(f"bursts of 16 bytes a second: {read:.0f} with a reader, {unread:.0f} without")
    lab.check(unread > read / 2, f"a reader makes the port quicker: {read:.0f} bursts a second with, {unread:.0f} without")
