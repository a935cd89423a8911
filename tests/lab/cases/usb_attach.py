"""USB controllers and the host's own USB devices, by xl. The lab's host has a USB stick with noise on it."""
import hashlib

from cases.life import Shell
from lablib import machine
from lablib.case import case

FIND = """for each in /sys/bus/usb/devices/*/idVendor; do
    at=${each%/*}; [ $(cat $each) = 46f4 ] && echo $(cat $at/busnum) $(cat $at/devnum) && exit 0
done; exit 1"""
DISK = 'find_stick() { for s in /sys/block/sd*; do case $(readlink -f $s) in */usb*) echo /dev/${s##*/}; return;; esac; done; false; }'


def stick():
    """Bus and address of the host's stick, and the sum of what is on it."""
    bus, address = machine.ssh(f"modprobe xhci_pci; sleep 2; {FIND}").stdout.split()
    return bus, address, hashlib.md5(machine.stick_image().read_bytes()).hexdigest()


def reads_stick(lab, shell, wanted, where):
    shell.run(DISK)
    shell.run("for n in $(seq 40); do find_stick >/dev/null && break; sleep 1; done; find_stick", 120)
    found = shell.run("dd if=$(find_stick) bs=64k 2>/dev/null | md5sum", 240)
    lab.check(wanted in found, f"the stick {where}: the guest reads {found!r}, there is {wanted}")


@case("xl usbctrl-attach, usbdev-attach, usbdev-detach and usbctrl-detach: a running Linux guest gets a controller and reads the host's stick", 420,
      ("hvmdm",), order=24, every_time=False)
def usb_attach(lab):
    bus, address, wanted = stick()
    shell = Shell(lab, "plugger")
    guest = shell.guest
    lab.equal("USB controllers at first", shell.run("ls /sys/bus/usb/devices | grep -c ^usb; true").split()[-1], "0")
    guest.xl("usbctrl-attach", "type=devicemodel version=2 ports=6")
    shell.run("for n in $(seq 30); do [ -d /sys/bus/usb/devices/usb1 ] && break; sleep 1; done; [ -d /sys/bus/usb/devices/usb1 ]", 60)
    guest.xl("usbdev-attach", f"hostbus={bus} hostaddr={address}")
    reads_stick(lab, shell, wanted, "that was attached")
    lab.matches("xl usb-list", guest.xl("usb-list").stdout, rf"Bus 0*{bus}\b.*Device 0*{address}\b")
    guest.xl("usbdev-detach", "0 1")
    shell.run("for n in $(seq 30); do find_stick >/dev/null || break; sleep 1; done; ! find_stick", 60)
    guest.xl("usbctrl-detach", "0")
    shell.run("for n in $(seq 30); do [ -d /sys/bus/usb/devices/usb1 ] || break; sleep 1; done; [ ! -d /sys/bus/usb/devices/usb1 ]", 60)
    guest.destroy()


@case("a guest whose configuration names a controller and the host's stick (usbctrl=, usbdev=) reads it", 300, ("hvmdm",), order=24,
      every_time=False)
def usb_configured(lab):
    bus, address, wanted = stick()
    shell = Shell(lab, "plugged", usbctrl=["type=devicemodel,version=3,ports=8"], usbdev=[f"hostbus={bus},hostaddr={address}"])
    reads_stick(lab, shell, wanted, "of the configuration")
    shell.guest.destroy()
