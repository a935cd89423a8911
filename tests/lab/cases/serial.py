"""Much through a serial port, by `xl console`, and a port that nobody reads."""
import hashlib
import subprocess
import time

from lablib import machine
from lablib.case import case
from lablib.images import copy_of, xl_disk
from lablib.say import LabError
from lablib.settings import patience
from tcp_peer import PIECE as BLOCK
from tcp_peer import noise

BLOCKS = 160
CTRL_BRACKET = b"\x1d" # ends xl console: the one byte that it keeps for itself


def bulk_guest(lab, name):
    guest = lab.guest(name, disk=[xl_disk(copy_of("serialbulk", "serialbulk"), "hda")]).create()
    guest.expect("BULK ready", 120)
    return guest


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


class XlConsole:
    """`xl console` on a terminal of its own, byte for byte: what it shows goes into a file."""

    def __init__(self, guest, file):
        self.file = file
        command = machine.ssh_command(f"xl console -t serial {guest.name}", tty=True)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=open(file, "wb"), stderr=subprocess.STDOUT)

    def send(self, data):
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def wait(self, done, what, seconds):
        """Until done(what it showed) is true; returns that."""
        deadline = time.monotonic() + seconds * patience()
        while not done(shown := self.file.read_bytes()):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise LabError(f"xl console: waited for {what}; {len(shown)} bytes came, the last {shown[-40:]!r}")
            time.sleep(1)
        return shown

    def close(self):
        self.send(CTRL_BRACKET)
        self._process.wait(10)


def rolled(data):
    """The sum that it makes of what it hears."""
    total = 0
    for byte in data:
        total = ((total << 1 | total >> 31) + byte) & 0xffffffff
    return total


@case("xl console takes 10 MiB from a guest and gives it 10 MiB, every byte right", 3600, order=41, every_time=False)
def serial_bulk(lab):
    guest = bulk_guest(lab, "bulk")
    guest.detach_serial()
    console = XlConsole(guest, lab.log_dir / "console-bulk.bin")

    size, began = BLOCKS * BLOCK, time.monotonic()
    console.send(bytes([ord("o"), BLOCKS]))
    shown = console.wait(lambda shown: len(shown) >= size, "10 MiB", 1700)
    lab.note(f"10 MiB from the guest in {time.monotonic() - began:.0f} s")
    lab.equal("SHA-256 of what came", hashlib.sha256(shown[-size:]).hexdigest(), hashlib.sha256(noise() * BLOCKS).hexdigest())

    data, began = noise().replace(CTRL_BRACKET, b"\x1e") * BLOCKS, time.monotonic()
    console.send(bytes([ord("i"), BLOCKS]))
    console.wait(lambda shown: shown.endswith(b"BULK go\n"), "BULK go", 60)
    console.send(data)
    shown = console.wait(lambda shown: b"BULK sum " in shown[size:] and shown.endswith(b"\n"), "BULK sum", 1700)
    lab.note(f"10 MiB to the guest in {time.monotonic() - began:.0f} s")
    lab.equal("the guest's sum", shown.split()[-1], f"{rolled(data):08X}".encode())
    console.close()
