"""The PV pointer: what a viewer does is what a Linux guest's evdev tells, without any USB."""
import time

from cases.restricted import RIGHTS
from cases.usb_tablet import PS2_MOUSE, TABLET, click_and_turn, corners, events, point, wait_for, wait_for_device
from lablib import machine
from lablib.case import case
from lablib.say import LabError
from lablib.settings import patience

POINTER, KEYBOARD = "Xen_Virtual_Pointer", "AT_Translated"
KEY = 1
FILE = "/lab/work/pointer.saved"
A = 30  # Linux' number of that key


def pv_guest(lab, **keys):
    guest = lab.linux("pointer", "input", direct=True, pv=True, vncunused=1, **keys).create()
    wait_for_device(guest, POINTER)
    return guest


def wait_for_state(lab, guest, wanted, when):
    """The back end's, in xenstore."""
    deadline = time.monotonic() + 20 * patience()
    while (found := lab.sh(f"xenstore-read backend/vkbd/{guest.domid}/0/state").strip()) != wanted:
        if time.monotonic() > deadline:
            raise LabError(f"the back end's state {when} is {found}, not {wanted}")
        time.sleep(0.2)


def nothing_left(lab, domid):
    path = f"backend/vkbd/{domid}"
    lab.check(lab.sh(f"xenstore-exists {path} && echo there || true") == "", f"{path} is left over")


def moves_ps2_only(guest, vnc, x, y):
    """The PS/2 mouse tells it, and the PV pointer does not. The first place of all that a viewer shows may be no movement."""
    before = {device: len(events(guest, device)) for device in (POINTER, PS2_MOUSE)}
    vnc.do(f"pointer {x} {y} 0")
    time.sleep(1)  # of places that come together only the last counts
    vnc.do(f"pointer {x + 9} {y + 7} 0")
    wait_for(guest, PS2_MOUSE, lambda heard: len(heard) > before[PS2_MOUSE], "the PS/2 mouse moves")
    return len(events(guest, POINTER)) == before[POINTER]


@case("a Linux guest without USB has exactly the viewer's places, clicks and wheel from the PV pointer, and PS/2 while its driver is away",
      300, ("hvmdm",), order=22)
def pv_pointer(lab):
    guest = pv_guest(lab)
    wait_for_state(lab, guest, "4", "with a driver")
    vnc = guest.vnc()
    x, y = corners(lab, guest, vnc, POINTER)
    click_and_turn(guest, vnc, x, y, POINTER)
    lab.equal("what the PS/2 mouse told", events(guest, PS2_MOUSE), [])

    vnc.tap("a")
    wait_for(guest, KEYBOARD, lambda heard: [each for each in heard if each[0] == KEY][-2:] == [(KEY, A, 1), (KEY, A, 0)], "the key a")
    lab.equal("keys that the PV pointer told", [each for each in events(guest, POINTER) if each[0] == KEY and each[1] < 256], [])
    lab.check("Xen_Virtual_Keyboard" not in guest.said()["input"], "the guest has a PV keyboard, too: keys may come twice")

    guest.send("unbind\n")
    guest.expect("^GUEST unbind done", 30)
    wait_for_state(lab, guest, "6", "without a driver")
    lab.check(moves_ps2_only(guest, vnc, 100, 100), "the PV pointer tells events without a driver")
    # Linux takes a back end that is closed still for one that closes: as kexec does it, the device begins anew first.
    front = lab.sh(f"xenstore-read backend/vkbd/{guest.domid}/0/frontend").strip()
    lab.sh(f"xenstore-write {front}/state 1")
    wait_for_state(lab, guest, "2", "when the device begins anew")
    guest.send("bind\n")
    wait_for_device(guest, POINTER, times=2, seconds=30)
    wait_for_state(lab, guest, "4", "with its driver again")
    point(lab, guest, vnc, x + 5, y + 5, POINTER)

    lab.matches("the device model's log", guest.dm_log(), r"vkbd 0: (guest: )?connected: places, the page is granted")
    domid = guest.domid
    guest.destroy()
    nothing_left(lab, domid)


@case("a guest with a PV pointer is saved and restored: places, clicks and wheel are exact as before", 600, ("hvmdm",), order=22,
      every_time=False)
def pv_pointer_restore(lab):
    guest = pv_guest(lab)
    vnc = guest.vnc()
    point(lab, guest, vnc, 100, 100, POINTER)
    old = guest.domid
    guest.xl("save", FILE, 240)
    guest.close()
    nothing_left(lab, old)
    machine.ssh(f"xl restore -p {FILE}", 240)
    guest.adopt()
    guest.xl("unpause")
    vnc = guest.vnc()
    # The guest connects when it runs again; until then PS/2 has the pointer, and the place is told to whoever takes over.
    width, height = vnc.size()
    point(lab, guest, vnc, width - 1, height // 2, POINTER)
    wait_for_state(lab, guest, "4", "after the restore")
    x, y = corners(lab, guest, vnc, POINTER)
    click_and_turn(guest, vnc, x, y, POINTER)


@case("a USB tablet comes before the PV pointer in a guest that has both", 300, ("hvmdm",), order=22, every_time=False)
def pv_pointer_and_tablet(lab):
    guest = pv_guest(lab, usb=1, usbdevice="tablet")
    wait_for_device(guest, TABLET)
    vnc = guest.vnc()
    point(lab, guest, vnc, 10, 10)
    click_and_turn(guest, vnc, *corners(lab, guest, vnc))
    keys = [each for each in events(guest, POINTER) if each[0] == KEY]
    lab.equal("buttons that the PV pointer told", keys, [])


@case("dm_restrict=1: a guest with a PV pointer's driver does not wait for it, and has PS/2", 300, ("hvmdm",), order=38, every_time=False)
def pv_pointer_restricted(lab):
    guest = lab.linux("pointer", "input", "loglevel=7", direct=True, pv=True, vncunused=1, **RIGHTS).create()
    wait_for_device(guest, PS2_MOUSE)
    lab.check("Waiting for devices to initialise" not in guest.serial.text, "the kernel waited for a PV device")
    lab.check(POINTER not in guest.said()["input"], "there is a PV pointer that nobody serves")
    lab.check(moves_ps2_only(guest, guest.vnc(), 100, 100), "the PV pointer tells events")
