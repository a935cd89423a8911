"""Guests that switch themselves off or restart."""
import re

from lablib.case import case
from lablib.images import blank, copy_of, xl_disk


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


@case("a guest that asks for soft resets stays the same domain, with its disk, serial port and screen, on a new device model each time",
      240, order=35, every_time=False)
def soft_reset(lab):
    guest = lab.guest("soft", disk=[xl_disk(copy_of("softreset", "softreset"), "hda")]).create()
    guest.expect(r"SOFT round 0001", 120)
    for done in (2, 3, 4):
        domid, process = guest.domid, guest.dm_pid()
        guest.send("s")
        guest.wait_another_device_model(process, 90)
        lab.equal("the domain's number after a soft reset", int(guest.xl("domid").stdout), domid)
        guest.send("?")
        guest.expect(f"SOFT round {done:04}", 60)
        lab.check("SOFT failed" not in guest.serial.text, f"the disk after a soft reset:\n{guest.serial.text[-500:]}")
        lab.equal("processes with that number", lab.sh(f"pgrep -c -f -- '-xen-domid {domid} '").strip(), "1")
    guest.vnc().expect("SOFT round 0004", 30)
    reasons = re.findall(r"has shut down, reason code (\d+) ", guest.xl_log())
    lab.equal("the reasons of the shutdowns in xl's log", reasons, ["5", "5", "5"])
