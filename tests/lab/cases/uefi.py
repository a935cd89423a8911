"""bios="ovmf": UEFI firmware drives the same devices as SeaBIOS does, and leaves its own frame buffer to the guest."""
from lablib.case import case
from lablib.images import Data, bootable, linux_words, uefi_firmware, xl_disk

from .net import Transfer, no_loss, tell_figures, vif
from .vga_guests import PATTERN, describe, expected, same

MIB = 1024 * 1024


def uefi_guest(lab, name, **keys):
    return lab.guest(name, **{"memory": 384, "bios": "ovmf", "bios_path_override": uefi_firmware(), **keys})


def boots_with_everything(lab, vga, card, frame_buffer):
    disk, disc = Data(8 * MIB), Data(4 * MIB, 2)
    transfer = Transfer(lab, 2)
    tests = "picture+uefi+net" if frame_buffer else "uefi+net"
    words = linux_words(tests, f"pattern={PATTERN} nets=77")
    keep = "insmod all_video\nset gfxpayload=keep\n" if frame_buffer else ""
    disks = [xl_disk(bootable("uefi", "uefi", f'{keep}set timeout=-1\nset arguments="{words}"\n'), "hda"),
             xl_disk(disk.image("disk"), "hdb"), xl_disk(disc.image("disc"), "hdc", "r", cdrom=True)]
    guest = uefi_guest(lab, "uefi", vga=vga, disk=disks, vif=[vif(card)]).create()
    vnc = guest.vnc()
    guest.expect("lab linux", 300)
    lab.check(vnc.size()[0] >= 640 and vnc.size() != (720, 400), f"the firmware's screen has size {vnc.size()}")
    lab.check(vnc.wait_picture(lambda picture: picture.colours() > 1, 30) is None, "the firmware shows nothing")
    vnc.tap("Return")
    found = guest.results(400)
    lab.equal("the firmware", found["firmware"][0], "64")
    if frame_buffer:
        shows_the_pattern(lab, vnc, found)
    lab.equal("the disk's sum", found["hdb-sum"][0], disk.sum)
    lab.equal("the disc's sum", found["hdc-sum"][0], disc.sum)
    lab.equal("errors of disks", found["disk-errors"][0], "0")
    no_loss(lab, found, ("small", "large"))
    tell_figures(lab, found)
    transfer.check(found)
    guest.destroy()


def shows_the_pattern(lab, vnc, found):
    lab.matches("the frame buffer's driver", found["driver"][0], "EFI")
    width, height = map(int, found["size"][0].split(","))
    lab.note(f"{width}x{height}, {found['bits'][0]} bits")
    wanted = expected(width, height, int(found["stride"][0]), int(found["bits"][0]))
    got = vnc.wait_picture(lambda picture: same(wanted, picture), 30)
    lab.check(got is None, f"the picture: {got and describe(wanted, got)}")


@case("UEFI: firmware, GRUB and Linux on the standard VGA's frame buffer; the keyboard chooses; disk, CD and e1000 are whole", 700, order=36,
      every_time=False)
def uefi_std(lab):
    boots_with_everything(lab, "stdvga", "e1000", frame_buffer=True)


# Its driver has modes of 24 bits only, which it draws into itself: the guest gets no frame buffer of it.
@case("UEFI on the Cirrus adapter, and with an rtl8139", 700, order=36, every_time=False)
def uefi_cirrus(lab):
    boots_with_everything(lab, "cirrus", "rtl8139", frame_buffer=False)


@case("UEFI boots Linux from a CD", 500, order=36, every_time=False)
def uefi_cd(lab):
    disc = bootable("uefi", "disc", f'set arguments="{linux_words("shell")}"\n')
    guest = uefi_guest(lab, "uefi-cd", boot="d", disk=[xl_disk(disc, "hdc", "r", cdrom=True)]).create()
    guest.expect("^GUEST up", 400)
    guest.destroy()
