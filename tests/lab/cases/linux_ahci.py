"""Linux on an AHCI controller: SeaBIOS and GRUB boot from it, the kernel's ahci driver queues its commands."""
import hashlib

from lablib.case import case
from lablib.images import Data, blank, sha256, xl_disk

MIB = 1024 * 1024


@case('hdtype="ahci": boots from port 0, reads a disk, copies it with several commands in flight; the files in dom0 agree', 420,
      order=22)
def ahci_disks(lab):
    data = Data(12 * MIB)
    size = 8 * MIB
    scratch = blank("scratch", size)
    guest = lab.linux("ahci", "ahci", hdtype="ahci", more_disks=[
        xl_disk(data.image("data"), "hdb"), xl_disk(scratch, "hdc")]).create()
    found = guest.results(300)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.matches("the controller", found["controller"][0], r"^0000:00:04\.0 0x8086 0x2922")
    lab.equal("sum of the data disk in the guest", found["data-sum"], [data.sum])
    disks = {line.split()[0]: line.split()[1:] for line in found["disk"]}
    lab.equal("disks by port", sorted(disks), ["0", "1", "2"])
    for port, words in disks.items():
        lab.matches(f"queue of port {port}", " ".join(words), r"depth=(3[12])\b")
    lab.equal("disk errors in the guest's log", found["disk-errors"], ["0"])
    lab.note(f"interrupts: {found['interrupts']}; {found['data-read']}")
    guest.destroy()
    lab.equal("text in the last sector", found["scratch-last"], ["last sector, through the page cache"])
    lab.equal("sum of the scratch disk in the guest and of its file in dom0", found["scratch-sum"], [sha256(scratch)])
    lab.equal("what was copied", sha256(scratch, size - 512), hashlib.sha256(data.content[:size - 512]).hexdigest())
