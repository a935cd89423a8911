"""USB keyboards and pointers: what a viewer does is what a Linux guest's evdev tells."""
import itertools
import re
import time

from lablib import machine
from lablib.case import case
from lablib.say import LabError
from lablib.settings import patience

KEY, REL, ABS = 1, 2, 3
X, Y, WHEEL = 0, 1, 8
LEFT, RIGHT, MIDDLE = 272, 273, 274
TABLET, MOUSE, KEYBOARD = (f"QEMU_QEMU_USB_{kind}" for kind in ("Tablet", "Mouse", "Keyboard"))
PS2_MOUSE = "PS/2"
MOST = 0x7fff
REST = 10
MOST_OWN = 10  # wake-ups a second, beside those that answer the guest
GUESTS_READS = 24  # a second: Linux reads FRNUM once and PORTSC five times every 250 ms while a UHCI device is awake


def events(guest, device):
    """(type, code, value) of all that the guest heard from the device so far."""
    found = re.findall(r"^GUEST event (\S+) (\d+) (\d+) (-?\d+)", guest.serial.text, re.MULTILINE)
    return [tuple(map(int, each[1:])) for each in found if device in each[0]]


def wait_for(guest, device, wanted, what, seconds=20):
    deadline = time.monotonic() + seconds * patience()
    while not wanted(events(guest, device)):
        if time.monotonic() > deadline:
            raise LabError(f"{what}: the guest heard from {device} {events(guest, device)[-8:]}")
        time.sleep(0.05)


def place(heard):
    """Where the guest's pointer is."""
    at = {X: 0, Y: 0}
    at.update({code: value for kind, code, value in heard if kind == ABS})
    return at[X], at[Y]


def scaled(lab, at, size):
    """The tablet's coordinate for a viewer's; the packaged device model never reaches the border."""
    if lab.device_model == "qemu":
        return at * MOST // size
    return -(-at * MOST // (size - 1))


def point(lab, guest, vnc, x, y, device=TABLET):
    width, height = vnc.size()
    vnc.do(f"pointer {x} {y} 0")
    wanted = scaled(lab, x, width), scaled(lab, y, height)
    wait_for(guest, device, lambda heard: place(heard) == wanted, f"the pointer is at {x}, {y} of {width}x{height}, in the guest at {wanted}")
    return wanted


def corners(lab, guest, vnc, device=TABLET):
    """Points at the corners and at two places more; ends at the last."""
    width, height = vnc.size()
    right, bottom = width - 1, height - 1
    places = [(width // 2, height // 2), (right, 0), (right, bottom), (0, bottom), (0, 0), (right // 3, bottom // 3)]
    told = [point(lab, guest, vnc, x, y, device) for x, y in places]
    lab.note(f"{width}x{height}: {', '.join(f'{at} is {value}' for at, value in zip(places, told))}")
    if lab.device_model == "hvmdm":
        lab.equal("the corners", told[1:5], [(MOST, 0), (MOST, MOST), (0, MOST), (0, 0)])
    return places[-1]


def click_and_turn(guest, vnc, x, y, device=TABLET):
    for mask, button in ((1, LEFT), (4, RIGHT), (2, MIDDLE)):
        for down in (1, 0):
            vnc.do(f"pointer {x} {y} {mask * down}")
            wait_for(guest, device, lambda heard: heard[-1:] == [(KEY, button, down)], f"button {button} {'down' if down else 'up'}")
    for mask, turned in ((8, 1), (16, -1), (16, -1)):
        before = len(events(guest, device))
        vnc.do(f"pointer {x} {y} {mask}")
        vnc.do(f"pointer {x} {y} 0")
        wait_for(guest, device, lambda heard: (REL, WHEEL, turned) in heard[before:], f"the wheel turned by {turned}")


def wake_ups(lab, guest):
    """How often the device model's threads were woken, a second."""
    count = f"cat /proc/{guest.dm_pid()}/task/*/status | awk '/^voluntary_ctxt/ {{sum += $2}} END {{print sum}}'"
    before, after = lab.sh(f"{count}; sleep {REST}; {count}").split()
    return (int(after) - int(before)) / REST


def own_wake_ups(lab, guest):
    """The same while the guest's processors stand still: what is left is no answer to a guest. Nobody tells the device model of
    a pause, so its controller goes on looking for work."""
    guest.xl("pause")
    time.sleep(1)
    own = wake_ups(lab, guest)
    guest.xl("unpause")
    return own


def check_rest(lab, guest, guests_reads=0):
    """A guest with an open tablet that nobody moves costs no more than its own accesses and MOST_OWN."""
    time.sleep(8)  # after the last movement the controller looks less and less often
    awake, own = wake_ups(lab, guest), own_wake_ups(lab, guest)
    lab.note(f"wake-ups a second of the device model, guest at rest: {awake:.1f}; guest paused: {own:.1f}")
    if lab.device_model == "hvmdm":
        lab.check(own <= MOST_OWN, f"{own} wake-ups a second that no guest asked for")
        most = guests_reads + MOST_OWN
        lab.check(awake <= most, f"{awake} wake-ups a second, at most {most} are the guest's reads and what is promised")


def wait_for_device(guest, device, times=1, seconds=240):
    """Until the guest has found it so many times."""
    deadline = time.monotonic() + seconds * patience()
    while sum(device in name for name in guest.said().get("input", [])) < times:
        if time.monotonic() > deadline:
            raise LabError(f"the guest has no {device} but {guest.said().get('input')}")
        time.sleep(0.2)


def usb_guest(lab, devices=(TABLET, KEYBOARD), usbdevice=("tablet", "keyboard"), **keys):
    guest = lab.linux("tablet", "input", direct=True, usb=1, usbdevice=list(usbdevice), vncunused=1, **keys).create()
    for device in devices:
        wait_for_device(guest, device)
    return guest


@case("a Linux guest's evdev has exactly the viewer's places, clicks, wheel and keys from USB", 240,
      order=21)
def usb_tablet(lab):
    guest = usb_guest(lab)
    vnc = guest.vnc()
    click_and_turn(guest, vnc, *corners(lab, guest, vnc))
    lab.equal("what the PS/2 mouse told", events(guest, PS2_MOUSE), [])

    vnc.tap("a")
    wait_for(guest, KEYBOARD, lambda heard: [each for each in heard if each[0] == KEY][-2:] == [(KEY, 30, 1), (KEY, 30, 0)], "the key a")
    lab.equal("what the PS/2 keyboard told", [each for each in events(guest, "AT_Translated") if each[0] == KEY], [])

    vnc.close()
    check_rest(lab, guest, GUESTS_READS)


@case("a guest that lets its USB devices sleep wakes nobody, and the pointer wakes it", 300, order=22, every_time=False)
def usb_sleep(lab):
    guest = usb_guest(lab)
    guest.send("sleep\n")
    guest.expect("^GUEST sleeping", 90)
    time.sleep(8)
    asleep = wake_ups(lab, guest)
    lab.note(f"wake-ups a second of the device model, guest and USB devices at rest: {asleep:.1f}")
    if lab.device_model == "hvmdm":
        lab.check(asleep <= MOST_OWN, f"{asleep} wake-ups a second although the bus may sleep")
    vnc = guest.vnc()
    width, height = vnc.size()
    point(lab, guest, vnc, width // 3, height // 4)  # wakes it


@case("a guest with a tablet is saved and restored: its pointer follows at once, and buttons and keys still work", 420, ("hvmdm",),
      order=22, every_time=False)
def usb_restore(lab):
    guest = usb_guest(lab)
    vnc = guest.vnc()
    point(lab, guest, vnc, 100, 100)
    guest.xl("save", "/lab/work/tablet.saved", 240)
    guest.close()
    machine.ssh("xl restore -p /lab/work/tablet.saved", 240)
    guest.adopt()
    guest.xl("unpause")
    vnc = guest.vnc()
    width, height = vnc.size()
    point(lab, guest, vnc, width - 1, height // 2)
    click_and_turn(guest, vnc, width - 1, height // 2)
    vnc.tap("b")
    wait_for(guest, KEYBOARD, lambda heard: (KEY, 48, 0) in heard, "the key b")


def moved(heard):
    """How far a mouse went."""
    return tuple(sum(value for kind, code, value in heard if (kind, code) == (REL, axis)) for axis in (X, Y))


@case("a Linux guest's evdev has exactly the viewer's movements, clicks and wheel from a USB mouse, and no click from PS/2", 240,
      order=22, every_time=False)
def usb_mouse(lab):
    guest = usb_guest(lab, (MOUSE,), ("mouse",))
    vnc = guest.vnc()
    deadline = time.monotonic() + 60 * patience()
    for turn in itertools.count():  # until the guest listens, and the viewer's first place is no movement
        vnc.do(f"pointer {100 + turn % 2} 100 0")
        time.sleep(0.5)
        if events(guest, MOUSE):
            break
        lab.check(time.monotonic() < deadline, f"the guest hears nothing from {MOUSE}")
    vnc.do("pointer 100 100 0")
    time.sleep(2)
    x, y = 100, 100
    for to_x, to_y in ((180, 130), (20, 300), (500, 310), (499, 10)):  # some further than one report goes
        start = moved(events(guest, MOUSE))
        vnc.do(f"pointer {to_x} {to_y} 0")
        wanted = start[0] + to_x - x, start[1] + to_y - y
        wait_for(guest, MOUSE, lambda heard: moved(heard) == wanted, f"from {x}, {y} to {to_x}, {to_y}, together {wanted}")
        x, y = to_x, to_y
    click_and_turn(guest, vnc, x, y, MOUSE)
    lab.equal("movements while nothing but buttons and the wheel moved", moved(events(guest, MOUSE)), wanted)
    lab.equal("what the PS/2 mouse told since", [each for each in events(guest, PS2_MOUSE) if each[0] == KEY], [])
