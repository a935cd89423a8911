"""Guests that switch themselves off or restart."""
import re

from lablib.case import case
from lablib.images import blank, xl_disk


@case("Linux restarts by ACPI, keyboard controller and port 0xcf9, each time as a new domain, then powers off by ACPI", 600,
      order=30)
def power(lab):
    guest = lab.linux("again", "power", direct=True, more_disks=[xl_disk(blank("boots", 1 << 20), "hdb")]).create()
    for way in ("acpi", "kbd", "pci"):
        guest.expect(f"GUEST going {way}", 200)
        guest.wait_reborn(90)
    guest.expect("GUEST going off", 200)
    guest.wait_gone(60)
    reasons = re.findall(r"has shut down, reason code (\d+) ", guest.xl_log())
    lab.equal("the reasons of the shutdowns in xl's log", reasons, ["1", "1", "1", "0"])
    lab.matches("xl's log", guest.xl_log(), r"Action for shutdown reason code 0 is destroy")


@case("with on_reboot=destroy a restart ends the guest", 240, order=34, every_time=False)
def reboot_destroys(lab):
    guest = lab.grub("once", on_reboot="destroy").create()
    guest.expect("entry echo", 120)
    guest.vnc().tap("End", "Return")
    guest.expect("CHOSEN reboot", 30)
    guest.wait_gone(60)
    lab.matches("xl's log", guest.xl_log(), r"Action for shutdown reason code 1 is destroy")
