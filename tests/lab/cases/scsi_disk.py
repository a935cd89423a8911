"""Linux on SCSI disks (vdev sd*): the LSI53C895A that libxl asks for, driven by sym53c8xx and by SeaBIOS."""
import hashlib

from lablib.case import case
from lablib.images import Data, blank, linux, sha256, xl_disk

MIB = 1024 * 1024
ODD_END = 7 * 512
SCRATCH = 8 * MIB


@case("Linux boots from sda by SeaBIOS's driver, reads sdb, copies it to sdc and reads back, many requests at a time", 420,
      order=27, every_time=False)
def scsi_boot(lab):
    data = Data(12 * MIB + ODD_END)
    scratch = blank("sdc", SCRATCH)
    disks = [xl_disk(linux("scsi", "scsi"), "sda"), xl_disk(data.image("data"), "sdb"), xl_disk(scratch, "sdc")]
    guest = lab.guest("scsi", memory=192, disk=disks).create()
    found = guest.results(300)
    for line in found.get("dmesg", [])[:12]:
        lab.note(line)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.equal("sum of the data disk in the guest", found["data-sum"], [data.sum])
    lab.equal("errors in the guest's log", found["disk-errors"], ["0"])
    lab.equal("resets of the bus, of which the driver does one when it starts", found["bus-resets"], ["1"])
    guest.destroy()
    lab.equal("text in the last sector", found["last-sector"], ["last sector, through the page cache"])
    lab.equal("sum of the copy in the guest and of its file in dom0", found["scratch-sum"], [sha256(scratch)])
    lab.equal("the copy up to its last sector", sha256(scratch, SCRATCH - 512),
              hashlib.sha256(data.content[:SCRATCH - 512]).hexdigest())
    lab.note(f"read: {found['data-read']}; interrupts: {found['interrupts']}")
    lab.check(any(line.startswith("0 ") for line in found["target"]), f"target 0 is not there: {found['target']}")
