"""A serial port that nobody reads."""
import time

from lablib import machine
from lablib.case import case
from lablib.images import copy_of, xl_disk


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
