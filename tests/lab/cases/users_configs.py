"""Configurations as the users' guides show them, with only device_model_override added."""
import time

from lablib import machine, xlconfig
from lablib.case import case
from lablib.images import blank, bootable, linux, xl_disk
from lablib.stream import Stream


def as_documented(lab, name, **keys):
    """A guest without the lab's own defaults, except the name and a display of its own."""
    cleared = dict.fromkeys(("vga", "serial", "vncunused", "vncdisplay", "vnclisten", "vnc", "boot", "on_poweroff",
                             "on_reboot", "on_crash", "vcpus", "type"))
    return lab.guest(name, **{**cleared, **keys})


@case("FreeBSD installer (wiki): blank disk and CD, boot=d, bridge, two vCPUs", 300, order=90)
def users_installer(lab):
    guest = as_documented(
        lab, "installer", type="hvm", memory=256, vcpus=2, vif=["bridge=xenbr0"], boot="d", vnc=1, vnclisten="0.0.0.0",
        vncdisplay=1, on_poweroff="destroy", on_reboot="restart", on_crash="restart",
        disk=[xl_disk(blank("target", 64 << 20), "hda"), xl_disk(bootable("grub", "cd"), "hdc", "r", cdrom=True)]).create()
    guest.vnc().expect("entry echo", 200)


@case("FreeBSD VM image (tutorial): hda,rw in place, VNC with password, serial pty", 420, order=90)
def users_image(lab):
    password = None if lab.device_model == "qemu" else "1234"  # the packaged QEMU has no DES
    guest = as_documented(
        lab, "image", type="hvm", memory=256, vcpus=1, vnc=1, vnclisten="0.0.0.0", vncpasswd=password, serial="pty",
        disk=[xl_disk(linux("image", "report"), "hda", "rw")]).create()
    vnc = guest.vnc(password=password)
    vnc.expect("GUEST up", 240)
    guest.results(120)


@case("FreeBSD on ZFS (handbook): builder, MAC address, block device as disk, tablet", 300, order=90)
def users_zfs(lab):
    image = bootable("grub", "volume")
    device = lab.sh(f"losetup -f --show {image}").strip()
    try:
        guest = as_documented(
            lab, "zfs", builder="hvm", memory=256, vcpus=2, vif=["mac=00:16:3E:74:34:32,bridge=xenbr0"], vnc=1,
            vnclisten="0.0.0.0", serial="pty", usbdevice="tablet",
            disk=[xl_disk(device, "hda", "rw"), xl_disk(bootable("grub", "cd"), "hdc", "r", cdrom=True)]).create()
        guest.expect("entry echo", 200)
        guest.destroy()
    finally:
        lab.sh(f"sleep 1; losetup -d {device}", check=False)


@case("Windows (wiki): the installer's configuration with acpi=1 and without a network", 300, order=90, every_time=False)
def users_windows(lab):
    guest = as_documented(
        lab, "windows", type="hvm", memory=256, vcpus=2, acpi=1, boot="d", vnc=1, vnclisten="0.0.0.0", vncdisplay=1,
        on_poweroff="destroy", on_reboot="restart", on_crash="restart",
        disk=[xl_disk(blank("target", 64 << 20), "hda"), xl_disk(bootable("grub", "cd"), "hdc", "r", cdrom=True)]).create()
    guest.vnc().expect("entry echo", 200)


@case("FreeBSD VM image (tutorial) as its readers start it: `xl create -c` shows the whole boot and takes commands, Ctrl-] leaves it, "
      "`xl console` comes back", 420, order=90, every_time=False)
def users_create_c(lab):
    guest = as_documented(lab, "console", type="hvm", memory=256, vcpus=1, vnc=1, vnclisten="0.0.0.0", serial="pty",
                          disk=[xl_disk(linux("console", "shell"), "hda", "rw")])
    path = "/lab/work/console.cfg"
    machine.ssh(f"mkdir -p /lab/work && cat >{path}", input=xlconfig.write(guest.keys))
    console = Stream(machine.ssh_command(f"xl create -c {path}", tty=True), "xl create -c", lab.log_dir / "create-c.txt")
    console.expect("GUEST done", 240)
    works(console, "first")
    leave(lab, console)
    lab.check(guest.exists(), "leaving the console ended the guest")
    again = guest.console("")
    works(again, "second")
    leave(lab, again)
    guest.xl("destroy")


def works(console, word):
    """A command goes to the guest's shell and its answer comes back."""
    console.send(f"\necho said-$((6 * 7))-{word}\n")
    console.expect(f"said-42-{word}", 60)


def leave(lab, console):
    console.send("\x1d")
    deadline = time.monotonic() + 15
    while not console.ended and time.monotonic() < deadline:
        time.sleep(0.2)
    lab.check(console.ended, "the console did not end on Ctrl-]")
    console.close()
