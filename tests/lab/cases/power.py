"""Guests that switch themselves off or restart."""
from lablib.case import case


@case("Linux powers off by ACPI: the domain is gone, xl says poweroff", 300, order=30)
def poweroff(lab):
    guest = lab.linux("off", "poweroff").create()
    guest.expect("GUEST going", 200)
    guest.wait_gone(60)
    lab.matches("xl's log", guest.xl_log(), r"has shut down, reason code 0 ")
    lab.matches("xl's log", guest.xl_log(), r"Action for shutdown reason code 0 is destroy")


def restart(lab, arguments):
    guest = lab.linux("again", "reboot", arguments).create()
    guest.expect("GUEST going", 200)
    guest.wait_reborn(90)
    lab.matches("xl's log", guest.xl_log(), r"has shut down, reason code 1 ")
    guest.expect("GUEST up", 200)


@case("Linux restarts by ACPI: a new domain boots", 420, order=31)
def reboot(lab):
    restart(lab, "reboot=a")


@case("Linux restarts by the keyboard controller", 420, order=32)
def reboot_keyboard(lab):
    restart(lab, "reboot=k")


@case("Linux restarts by port 0xcf9", 420, order=33)
def reboot_cf9(lab):
    restart(lab, "reboot=p")


@case("with on_reboot=destroy a restart ends the guest", 300, order=34)
def reboot_destroys(lab):
    guest = lab.linux("once", "reboot", on_reboot="destroy").create()
    guest.expect("GUEST going", 200)
    guest.wait_gone(60)
