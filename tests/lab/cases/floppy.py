"""Floppy disks, which xl has no key for: they come by device_model_args_hvm."""
import struct

from lablib import build, machine
from lablib.case import case
from lablib.images import copy_of

SIZE = 1440 * 1024
LAST_SECTOR = bytes(range(256)) * 2
PRINTED = b"Printed by INT 17h.\r\n"


def content():
    return build.FLOPPY_IMAGE.file("floppy.img").read_bytes()


def output(command):
    """The bytes that a command in dom0 writes."""
    return bytes.fromhex(machine.ssh(f"{command} | od -An -v -tx1").stdout)


@case("SeaBIOS finds a floppy drive and boots from it; its disk is read whole, a sector is written and found in dom0", 180,
      order=28, every_time=False)
def floppy_boot(lab):
    disk = copy_of("floppy", "floppy")
    guest = lab.guest("floppy", boot="a", device_model_args_hvm=["-fda", disk]).create()
    found = guest.results(120)
    whole = content()
    words = sum(struct.unpack(f"<{SIZE // 2}H", whole)) & 0xffffffff
    lab.check("error" not in found, f"INT 13h failed: AX = {found.get('error')}")
    lab.equal("drive the boot sector came from", found["drive"], ["0000"])
    lab.equal("CX and DX of INT 13h function 8: 80 cylinders, 18 sectors, 2 heads, 1 drive", found["geometry"], ["4F120101"])
    lab.equal("sum of the disk's words in the guest", found["sum"], [f"{words:08X}"])
    lab.equal("bytes 6 and 7 of what was written, read back", found["back"], ["0706"])
    guest.destroy()
    lab.equal("bytes of the image", machine.ssh(f"stat -c %s {disk}").stdout.strip(), str(SIZE))
    lab.equal("the last sector in dom0", output(f"tail -c 512 {disk}"), LAST_SECTOR)


@case("a write-protected floppy disk is read and stays as it is; what the BIOS prints on the parallel port is in a file", 180,
      order=29, every_time=False)
def floppy_read_only(lab):
    disk, paper = copy_of("floppy", "protected"), "/lab/work/paper"
    drive = f"if=floppy,index=0,format=raw,readonly=on,file={disk}"
    guest = lab.guest("protected", boot="a",
                      device_model_args_hvm=["-drive", drive, "-parallel", f"file:{paper}"]).create()
    found = guest.results(120)
    lab.check("sum" in found, "the disk was not read")
    lab.check(found.get("error", [""])[0].startswith("03"), f"INT 13h says something else than write-protected: {found}")
    guest.destroy()
    lab.check(output(f"tail -c 512 {disk}") == content()[-512:], "the write-protected disk was written")
    lab.equal("what the boot sector printed by INT 17h", output(f"cat {paper}"), PRINTED)
