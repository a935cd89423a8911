"""Screen, keyboard and serial port before any operating system."""
from lablib import machine
from lablib.case import case
from lablib.images import blank, bootable, xl_disk
from lablib.say import LabError

MENU = "GNU GRUB"


def menu_guest(lab, name, **keys):
    guest = lab.grub(name, **keys).create()
    vnc = guest.vnc()
    guest.expect(MENU, 120)
    guest.expect("entry echo", 30)
    return guest, vnc


@case("SeaBIOS and GRUB on the VNC screen and the serial port; keys from VNC choose an entry", limit=240, order=10)
def grub_screen(lab):
    guest = lab.grub("menu").create()
    vnc = guest.vnc()
    lines = vnc.expect("SeaBIOS", 60)
    lab.check(vnc.size() in ((720, 400), (640, 400)), f"text mode has size {vnc.size()}")
    lines = vnc.expect("entry charlie", 120)
    lab.check(any(MENU in line for line in lines), "no GRUB heading on the screen")
    guest.expect(MENU, 60)
    guest.expect("entry echo", 30)
    vnc.tap("Down", "Down", "Return")
    guest.expect("CHOSEN charlie", 30)
    vnc.expect("CHOSEN charlie", 30)
    late = guest.vnc(encodings="raw")
    late.expect("CHOSEN charlie", 30)


@case("GRUB with a USB keyboard, which SeaBIOS drives: keys from VNC choose an entry", limit=240, order=11, every_time=False)
def grub_usb_keyboard(lab):
    guest, vnc = menu_guest(lab, "menu", usb=1, usbdevice=["keyboard"])
    lab.matches("what SeaBIOS says to Xen's console", lab.sh("xl dmesg"), "USB keyboard initialized")
    vnc.tap("Down", "Down", "Return")  # to the USB keyboard, as somebody polls it
    guest.expect("CHOSEN charlie", 30)
    vnc.expect("CHOSEN charlie", 30)


@case("keys through `xl console -t serial` and `xl qemu-monitor-command` choose an entry; its text shows the menu", limit=240, order=11)
def grub_console(lab):
    guest, vnc = menu_guest(lab, "menu")
    guest.detach_serial()
    console = guest.console()
    console.send("\x1b[B")
    console.expect("entry bravo", 30)
    for key in ("down", "down 20", "up", "ret"):
        guest.xl("qemu-monitor-command", f"'sendkey {key}'")
    console.expect("CHOSEN charlie", 30)
    vnc.expect("CHOSEN charlie", 30)
    console.close()


@case("the VNC password is asked for: right one enters, wrong one does not, nor does it bring in the encoders", limit=240, order=12)
def vnc_password(lab):
    if lab.device_model == "qemu":
        lab.skip("the packaged QEMU is built without DES and cannot do VNC passwords")
    guest = lab.grub("menu", vncpasswd="1234").create()
    lab.check(refused(guest, "4321"), "a client with a wrong password was let in")
    lab.check(not has_encoders(guest), "LibVNCServer is there without a viewer")
    guest.vnc(password="1234").expect("SeaBIOS", 90)
    lab.check(has_encoders(guest), "LibVNCServer is not there with a viewer")
    lab.check(refused(guest, "4321"), "a client with a wrong password was let in beside another")


def refused(guest, password):
    try:
        guest.vnc(password=password)
    except LabError:
        return True
    return False


def has_encoders(guest):
    return machine.ssh(f"grep -q libvncserver /proc/{guest.dm_pid()}/maps", check=False).returncode == 0


@case("GRUB's halt ends the guest, its reboot brings it back", limit=300, order=13, every_time=False)
def grub_halt_reboot(lab):
    guest, vnc = menu_guest(lab, "menu")
    vnc.tap("End", "Return")
    guest.expect("CHOSEN reboot", 30)
    guest.wait_reborn(60)
    guest.expect("entry echo", 120)
    guest.vnc().tap("End", "Up", "Return")
    guest.wait_gone(60)


@case("with boot=d the CD-ROM drive's medium is booted, not the disk", limit=240, order=15, every_time=False)
def cdrom_boot(lab):
    disks = [xl_disk(blank("target", 64 << 20), "hda"), xl_disk(bootable("grub", "disc"), "hdc", "r", cdrom=True)]
    guest = lab.guest("disc", boot="d", disk=disks).create()
    guest.vnc().expect("entry echo", 200)
