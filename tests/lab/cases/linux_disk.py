"""Linux on IDE disks: from power-on to user space, reading and writing with and without DMA."""
import hashlib

from lablib.case import case
from lablib.images import Data, blank, sha256, xl_disk

MIB = 1024 * 1024
ODD_END = 7 * 512  # the data disk's end is at no round number


def disk_test(lab, vcpus, tests="disk", **keys):
    """The disk on the second channel's first place goes by PIO, every other by DMA. Returns what the guest said."""
    data = Data(12 * MIB + ODD_END)
    scratch = {"hdc": MIB, "hdd": 4 * MIB}  # small for PIO: each sector costs milliseconds in this machine
    images = {place: blank(place, size) for place, size in scratch.items()}
    guest = lab.linux("disks", tests, "libata.force=2.00:pio4", vcpus=vcpus, **keys, more_disks=[
        xl_disk(data.image("data"), "hdb"), *(xl_disk(image, place) for place, image in images.items())]).create()
    found = guest.results(300)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    modes = ["PIO" if "PIO" in mode else "DMA" for mode in sorted(found["mode"])]
    lab.equal(f"transfer modes of the four drives ({found['mode']})", modes, ["DMA", "DMA", "PIO", "DMA"])
    lab.equal("sum of the data disk in the guest", found["hdb-sum"], [data.sum])
    lab.equal("disk errors in the guest's log", found["disk-errors"], ["0"])
    guest.destroy()
    for place, size in scratch.items():
        lab.equal(f"text in the last sector of {place}", found[f"{place}-last-sector"], ["last sector, through the page cache"])
        lab.equal(f"sum of {place} in the guest and of its file in dom0", found[f"{place}-sum"], [sha256(images[place])])
        all_but_last = size - 512
        lab.equal(f"{place} up to its last sector", sha256(images[place], all_but_last),
                  hashlib.sha256(data.content[:all_but_last]).hexdigest())
    return found


@case("Linux, 1 vCPU: reads a whole disk, copies to others by DMA and by PIO, reads back; the files in dom0 agree", 420, order=20,
      every_time=False)
def linux_disks(lab):
    disk_test(lab, 1)


@case("the same with 2 vCPUs; it finds the machine it is promised: PIIX3 IDE, VGA, serial port, keyboard, processors", 420,
      order=21)
def linux_disks_2cpus(lab):
    found = disk_test(lab, 2, "report+disk", direct=True)
    lab.equal("processors", found["cpus"], ["2"])
    functions = {entry.split()[0]: entry.split()[1:] for entry in found["pci"]}
    for place, (vendor, device, what) in {
        "0000:00:00.0": ("0x8086", "0x1237", "i440FX host bridge"),
        "0000:00:01.0": ("0x8086", "0x7000", "PIIX3 ISA bridge"),
        "0000:00:01.1": ("0x8086", "0x7010", "PIIX3 IDE"),
        "0000:00:01.3": ("0x8086", "0x7113", "PIIX4 power management"),
        "0000:00:02.0": ("0x5853", "0x0001", "Xen platform device"),
        "0000:00:03.0": ("0x1234", "0x1111", "standard VGA"),
    }.items():
        lab.equal(f"{what} at {place}", functions.get(place, [])[:2], [vendor, device])
    lab.check("ata_piix" in functions["0000:00:01.1"], f"no driver took the IDE controller: {functions['0000:00:01.1']}")
    messages = "\n".join(found["dmesg"])
    lab.matches("kernel messages", messages, r"ttyS0 at I/O 0x3f8 \(irq = 4.*16550A")
    lab.matches("kernel messages", messages, r"input: AT Translated Set 2 keyboard")
    lab.matches("interrupts", "\n".join(found["interrupts"]), r"ata_piix")
