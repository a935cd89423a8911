"""A system that installs itself from a CD."""
from lablib.case import case
from lablib.images import blank, bootable, xl_disk

MIB = 1024 * 1024


@case("a system installs itself from a CD to an empty disk: partition, file system, boot loader; then it boots from there", 600,
      order=25)
def install(lab):
    words = "quiet nomodeset xen_emul_unplug=never hvmtest=install"
    cd = bootable("install", "setup", f'set timeout=0\nset arguments="{words}"\n')
    target = blank("target", 64 * MIB)
    guest = lab.guest("installs", memory=192, boot="cd", disk=[xl_disk(target, "hda"), xl_disk(cd, "hdc", "r", cdrom=True)]).create()
    guest.expect("^GUEST installed", 400)
    lab.check("GUEST error" not in guest.serial.text, f"the installer says:\n{guest.serial.text[-1500:]}")
    guest.wait_reborn()
    found = guest.results(300)
    lab.check("error" not in found, f"the installed system says: {found.get('error')}")
    lab.equal("its files", found["sums"], ["vmlinuz: OK initrd.gz: OK"])
    lab.equal("what it wrote and read back", found.get("more"), ["right"])
    guest.destroy()
    without_cd = lab.guest("installs", memory=192, disk=[xl_disk(target, "hda")]).create()  # as the guides say: its line is removed
    found = without_cd.results(300)
    lab.equal("its files without the CD", found.get("sums"), ["vmlinuz: OK initrd.gz: OK"])
    without_cd.destroy()
