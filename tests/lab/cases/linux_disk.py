"""Linux on IDE disks: from power-on to user space, reading and writing with and without DMA."""
import hashlib

from lablib.case import case
from lablib.images import Data, blank, sha256, xl_disk

MIB = 1024 * 1024
ODD_END = 7 * 512  # the data disk's end is at no round number


def disk_test(lab, vcpus, arguments="", wanted_mode="DMA", data_bytes=12 * MIB + ODD_END, scratch_bytes=4 * MIB):
    data = Data(data_bytes)
    scratch = blank("scratch", scratch_bytes)
    guest = lab.linux("disks", "disk", arguments, vcpus=vcpus, more_disks=[
        xl_disk(data.image("data"), "hdb"), xl_disk(scratch, "hdd")]).create()
    found = guest.results(300)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    modes = found["mode"]
    lab.check(all(wanted_mode in mode for mode in modes) and len(modes) == 3, f"wanted {wanted_mode} on three drives: {modes}")
    lab.equal("sum of the data disk in the guest", found["data-sum"], [data.sum])
    lab.equal("text in the last sector of the scratch disk", found["last-sector"], ["last sector, through the page cache"])
    lab.equal("disk errors in the guest's log", found["disk-errors"], ["0"])
    guest.destroy()
    lab.equal("sum of the scratch disk in the guest and of its file in dom0", found["scratch-sum"], [sha256(scratch)])
    all_but_last = scratch_bytes - 512
    lab.equal("scratch disk up to its last sector", sha256(scratch, all_but_last),
              hashlib.sha256(data.content[:all_but_last]).hexdigest())


def pio_test(lab, vcpus):
    """Smaller disks: every sector by PIO costs milliseconds here."""
    disk_test(lab, vcpus, "libata.dma=0", "PIO", 2 * MIB + ODD_END, MIB)


@case("Linux, 1 vCPU: reads a whole disk by DMA, copies to another, reads back; the file in dom0 agrees", 420, order=20)
def linux_disk_dma_1cpu(lab):
    disk_test(lab, 1)


@case("the same with 2 vCPUs", 420, order=21)
def linux_disk_dma_2cpus(lab):
    disk_test(lab, 2)


@case("the same with 1 vCPU by PIO", 420, order=22)
def linux_disk_pio_1cpu(lab):
    pio_test(lab, 1)


@case("the same with 2 vCPUs by PIO", 420, order=23)
def linux_disk_pio_2cpus(lab):
    pio_test(lab, 2)


@case("Linux finds the machine it is promised: PIIX3 IDE, VGA, serial port, keyboard, processors, memory", 300, order=24)
def linux_hardware(lab):
    guest = lab.linux("hardware", "report", vcpus=2).create()
    found = guest.results(200)
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
