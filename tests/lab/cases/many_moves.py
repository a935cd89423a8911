"""Guests that are saved and restored forty times and migrated ten times, one after the other, at their work."""
import re

from lablib import machine
from lablib.case import case
from lablib.images import WORK, blank, xl_disk
from lablib.settings import LAB

SAVES, MIGRATIONS = 40, 10
MIB = 1 << 20
FILE = f"{WORK}/saved"
LARGEST_STATE = 100 << 10
A_SECOND = 64 << 10  # bytes that come by the network
SECOND = re.compile(r"^GUEST tick (\d+), (\d+) received\n", re.MULTILINE)


class Console:
    """What a guest says on its serial line, joined over the domains that it was."""

    def __init__(self, guest):
        self._guest, self._earlier = guest, ""

    def text(self):
        return self._earlier + self._guest.serial.text.removeprefix("reader attached\n")

    def changes(self, move):
        """`move` makes another domain of the guest and attaches to its serial line."""
        serial = self._guest.serial
        move()
        self._earlier += serial.text.removeprefix("reader attached\n")


def save_restore(guest):
    guest.xl("save", FILE, 240)
    guest.close()
    machine.ssh(f"xl restore -p {FILE}", 240)
    guest.adopt()
    guest.xl("unpause")


def migrate(guest):
    # The other host is this one: what would be run there by ssh is run here.
    machine.ssh(f"xl migrate -s '' {guest.name} 'xl migrate-receive'", 300)
    guest.close()
    guest.adopt()


def many_moves(lab, guest, console, is_well):
    """`is_well(number)` checks the guest after each move."""
    is_well(0)
    largest = 0
    for number in range(1, SAVES + MIGRATIONS + 1):
        old = guest.domid
        console.changes(lambda: (migrate if number % (SAVES // MIGRATIONS + 1) == 0 else save_restore)(guest))
        lab.check(guest.domid != old, f"move {number} made no other domain")
        size = int(lab.matches("device model's log", guest.dm_log(), r"restored, (\d+) bytes")[1])
        lab.check(size <= LARGEST_STATE, f"move {number}: {size} bytes of device state")
        largest = max(largest, size)
        is_well(number)
        if number % 10 == 0:
            lab.note(f"{number} of {SAVES + MIGRATIONS} moves, at most {largest} bytes of device state")


class Linux:
    """A small Linux at work, and how one sees that it is well."""

    def __init__(self, lab, name, load, arguments="", pv=False, **keys):
        self._lab, self._load, self._pings = lab, load, 0
        # Linux 6.1's network front end loses a MiB each time that it is moved, whichever device model there is.
        self.guest = lab.linux(name, "work", f"load={load} nets=77 {arguments}", memory=192 if pv else 112, direct=True, pv=pv, vncunused=1,
                               more_disks=[xl_disk(blank(f"{name}-work", 4 * MIB), "hdb")], **keys).create()
        self.console = Console(self.guest)
        self._rounds, self._received = -1, 0

    def is_well(self, number):
        """It hears and goes on; no second, round or byte is missing; its screen is there."""
        self.guest.expect(SECOND.pattern, 120)  # a Linux that wakes up empties its serial port's queues
        self.guest.send(f"move{number}\n")
        self.guest.expect(f"^GUEST heard move{number}$", 120)
        text = self.console.text()
        self._lab.check("GUEST error" not in text, f"move {number}: {text[-1500:]}")
        seconds = [int(second) for second, _ in SECOND.findall(text)]
        self._lab.equal(f"seconds on the console after move {number}", seconds, list(range(len(seconds))))
        if "disk" in self._load:
            self._rounds = self._goes_on(number, self._rounds, r"^GUEST round (\d+)\n")
        if "net" in self._load:
            self._received = self._goes_on(number, self._received, r"^GUEST tick \d+, (\d+) received\n", A_SECOND)
        if "screen" in self._load:
            self.guest.vnc().expect("of what moves up the screen", 60)

    def _goes_on(self, number, before, pattern, least=1):
        now = before
        while now < before + least:
            now = int(self.guest.expect(pattern, 240)[1])
        return now


def stream(lab):
    """Whoever calls dom0's port 5001 gets bytes without end, slowly."""
    machine.put(LAB / "tcp_peer.py", f"{WORK}/tcp_peer.py")
    lab.sh(f"setsid python3 {WORK}/tcp_peer.py send 5001 {1 << 40} {A_SECOND * 4} >/dev/null 2>&1 </dev/null &")


def linux_moves(lab, name, load, **keys):
    if "net" in load:
        stream(lab)
        keys["vif"] = ["bridge=xenbr0,mac=00:16:3e:77:00:02"]
    linux = Linux(lab, name, load, **keys)
    many_moves(lab, linux.guest, linux.console, linux.is_well)
    linux.guest.destroy()


def moves(about):
    return case(f"saved 40 times, migrated 10 times: {about}", 3600, ("hvmdm",), order=60, every_time=False)


@moves("Linux on emulated disk and network card, at work on both and on its screen")
def moves_emulated(lab):
    linux_moves(lab, "emulated", "disk,net,screen")


@moves("Linux whose PV drivers took disk and network over, at work on both and on its screen")
def moves_pv(lab):
    linux_moves(lab, "taken", "disk,net,screen", pv=True)


@moves("Linux without PV drivers, which does not know that it is moved, at work on disk, network and screen")
def moves_unaware(lab):
    linux_moves(lab, "unaware", "disk,net,screen", arguments="nopv")


@moves("Linux at rest with two processors, a tablet and an e1000")
def moves_idle(lab):
    linux_moves(lab, "idle", "rest", vcpus=2, usb=1, usbdevice="tablet", vif=["bridge=xenbr0,model=e1000"])


@moves("GRUB's command line, by serial line and on the screen")
def moves_grub(lab):
    guest = lab.grub("mover", memory=64, vncunused=1).create()
    guest.expect("entry echo", 120)
    guest.send("c")
    guest.expect("grub>", 30)

    def is_well(number):
        guest.send(f"echo mo''ved{number}\r")
        guest.expect(f"moved{number}", 60)
        guest.vnc().expect(f"moved{number}", 60)

    many_moves(lab, guest, Console(guest), is_well)
    guest.destroy()
