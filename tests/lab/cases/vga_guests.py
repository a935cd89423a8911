"""The screen as drivers of boot loaders and systems use it."""
import screen
from lablib import images
from lablib.case import case
from lablib.golden import Golden, describe, same, writing
from lablib.images import bootable, xl_disk
from lablib.scenes import Scene

PATTERN = "0123456789-the-picture-of-the-guest-abcdefghijklmnopqrstuvwxyz"
MEMTEST_BLUE = b"\0\0\xa8"


@case("GRUB's menu in graphics looks as with the packaged QEMU; memtest86+ runs and is readable", 240, order=18, every_time=False)
def vga_grub_memtest(lab):
    golden = Golden("std", lab.device_model)
    guest = lab.guest("gfx", disk=[xl_disk(bootable("gfx", "gfx"), "hda")], memory=64).create()
    vnc = guest.vnc(encodings="raw") if lab.device_model == "qemu" else guest.vnc()
    menu = Scene("grub-gfxterm", ())
    vnc.wait_size((1024, 768), 120)
    guest.expect("memtest86", 60)  # the menu is on the serial line too
    black = vnc.wait_picture(lambda picture: picture.colours() > 1, 60)
    lab.check(black is None, "the menu is not drawn")
    if writing():
        golden.take(menu, vnc)
    else:
        found = golden.difference(menu, vnc, 30)
        lab.check(found is None, found)
    vnc.tap("Down", "Return")
    vnc.expect("Memtest86+", 60)
    lines = vnc.expect("Pass", 60)
    lab.note(next(line for line in lines if "Memtest86+" in line).strip())
    lab.check(MEMTEST_BLUE in set(vnc.shot().each_pixel()), "memtest86+'s screen is not blue")


def picture_guest(lab, name, arguments):
    kernel, ramdisk = images.kernel_and_ramdisk()
    words = f"console=ttyS0,115200 panic=0 quiet xen_emul_unplug=never hvmtest=picture pattern={PATTERN} {arguments}"
    return lab.guest(name, memory=192, vncunused=1, kernel=kernel, ramdisk=ramdisk, cmdline=words).create()


def expected(width, height, stride, bits):
    data = ((PATTERN + "\n").encode() * (stride * height // (len(PATTERN) + 1) + 1))[:stride * height]
    rows = []
    for y in range(height):
        row = data[y * stride:y * stride + width * bits // 8]
        pixels = bytearray(width * 3)
        step = bits // 8
        pixels[0::3], pixels[1::3], pixels[2::3] = row[2::step], row[1::step], row[0::step]
        rows.append(bytes(pixels))
    return screen.Picture(width, height, b"".join(rows))


@case("Linux's bochs and vesafb drivers: what the guest puts into its frame buffer is what a viewer sees", 240, order=19,
      every_time=False)
def vga_linux_drivers(lab):
    guests = {"bochs": picture_guest(lab, "bochs", ""), "VESA": picture_guest(lab, "vesa", "nomodeset vga=0x318")}
    for driver, guest in guests.items():
        vnc = guest.vnc()
        found = guest.results(200)
        lab.check(driver in found["driver"][0], f"the driver is {found['driver']}, wanted {driver}")
        width, height = map(int, found["size"][0].split(","))
        lab.note(f"{found['driver'][0]}: {width}x{height}, {found['bits'][0]} bits; modes: {found['modes'][0] or 'none'}")
        wanted = expected(width, height, int(found["stride"][0]), int(found["bits"][0]))
        got = vnc.wait_picture(lambda picture: same(wanted, picture), 30)
        lab.check(got is None, f"{driver}: {got and describe(wanted, got)}")
        if driver == "bochs" and lab.device_model == "hvmdm":
            lab.equal("the preferred mode of our EDID", found["modes"][0].split()[0], "1280x800")
