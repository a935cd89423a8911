"""What a case gets: the machine, the device model under test, guests that are cleaned up."""
import re

from . import images, machine
from .guest import Guest
from .say import LabError, say

HVMDM_IN_DOM0 = "/usr/libexec/hvmdm"


class Failure(Exception):
    """A case's expectation was not met."""


class Skip(Exception):
    """A case cannot be judged here; the text says why."""


class Lab:
    images = images

    def __init__(self, log_dir, device_model):
        self.log_dir, self.device_model = log_dir, device_model
        self._guests = []

    def sh(self, script, timeout=120, check=True):
        """Runs a shell script in dom0; returns its standard output."""
        return machine.ssh(script, timeout, check).stdout

    def guest(self, name, **keys):
        """A guest, not created yet; keys as in Guest."""
        override = {"device_model_version": "qemu-xen", "device_model_override": HVMDM_IN_DOM0}
        guest = Guest(name, self.log_dir, override if self.device_model == "hvmdm" else {}, **keys)
        self._guests.append(guest)
        return guest

    def linux(self, name, test, arguments="", more_disks=(), menu_seconds=0, direct=False, pv=False, **keys):
        """A guest whose small Linux runs a test of guests/linux/tests; not created yet. `direct`: its kernel is loaded from
        dom0 instead of by GRUB from hda, which saves half a minute. `pv`: its PV drivers take over disks and network."""
        disk = images.xl_disk(images.linux(name, test, arguments, menu_seconds, pv), "hda")
        if direct:
            kernel, ramdisk = images.kernel_and_ramdisk()
            words = f"console=tty0 console=ttyS0,115200 panic=0 {images.linux_words(test, arguments, pv)}"
            keys = {"kernel": kernel, "ramdisk": ramdisk, "cmdline": words, **keys}
        return self.guest(name, **{"memory": 192, "disk": [disk, *more_disks], **keys})

    def grub(self, name, **keys):
        """A guest that stays in GRUB's menu; not created yet."""
        return self.guest(name, disk=[images.xl_disk(images.bootable("grub", name), "hda")], **keys)

    # --- expectations ------------------------------------------------------------------------------------------------

    def check(self, condition, text):
        if not condition:
            raise Failure(text)

    def equal(self, what, got, wanted):
        if got != wanted:
            raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")

    def matches(self, what, text, pattern):
        found = re.search(pattern, text, re.MULTILINE)
        if not found:
            raise Failure(f"{what} does not match /{pattern}/:\n{text.strip() or '(empty)'}")
        return found

    def skip(self, reason):
        raise Skip(reason)

    def note(self, text):
        """A line for the reader of the run's output."""
        say(f"  {text}")

    # --- end of a case -----------------------------------------------------------------------------------------------

    def close(self):
        for guest in self._guests:
            guest.close()
        self._guests = []


CLEAN = r"""
for tries in 1 2 3; do
    for id in $(xl list | awk 'NR > 1 && $2 != 0 {print $2}'); do xl destroy $id >/dev/null 2>&1; done
    [ $(xl list | wc -l) = 2 ] && break
    sleep 1
done
pkill -KILL -f -- '-xen-domid [0-9]' && sleep 1   # a device model that outlived its domain
pkill -f '[u]dhcpd -f /lab|/lab/work/[t]ftpd.py'   # servers of a case that was killed
rm -rf /lab/work; mkdir -p /lab/work
xl list | awk 'NR > 2'
"""


def clean_dom0():
    """Destroys every guest and whatever it left; says what could not be removed."""
    left = machine.ssh(CLEAN, timeout=120, check=False).stdout.strip()
    if left:
        raise LabError(f"domains remain although they were destroyed:\n{left}")
