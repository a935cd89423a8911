"""USB 3: usbversion=3 as libxl asks for it, a tablet and USB disks on an xHCI controller."""
import time

from cases.usb2 import MIB, SCRATCH
from cases.usb_tablet import TABLET, check_rest, click_and_turn, point
from lablib import machine
from lablib.case import case
from lablib.images import Data, blank, sha256
from lablib.say import LabError
from lablib.settings import patience


def xhci_guest(lab):
    data = Data(6 * MIB)
    scratch = blank("stick", SCRATCH)
    extra = ["-device", "usb-tablet,bus=usb.0,port=1",
             "-drive", f"if=none,id=data,file={data.image('data')},format=raw,readonly=on", "-device", "usb-storage,drive=data,bus=usb.0,port=2",
             "-drive", f"if=none,id=scratch,file={scratch},format=raw", "-device", "usb-storage,drive=scratch,bus=usb.0,port=3"]
    guest = lab.linux("usb3", "usb2+input", direct=True, usbversion=3, device_model_args_hvm=extra).create()
    deadline = time.monotonic() + 400 * patience()
    while TABLET not in guest.said().get("input", []):
        if time.monotonic() > deadline:
            raise LabError(f"the guest says {guest.said()}")
        time.sleep(0.5)
    return guest, data, scratch


@case("usbversion=3: the pointer of a tablet follows, saved and restored in the middle; USB disks are read and written", 900, order=24,
      every_time=False)
def usb3_linux(lab):
    guest, data, scratch = xhci_guest(lab)
    found = guest.said()
    for line in found.get("dmesg", [])[:20]:
        lab.note(line)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    speeds = {line.split()[1]: line.split()[2] for line in found["usb"]}
    lab.equal("speed of the tablet", speeds.get("0627:0001"), "480")
    lab.equal("speed of the disk", speeds.get("46f4:0001"), "480")
    lab.equal("sum of the data disk in the guest", found["data-sum"], [data.sum])
    lab.equal("errors in the guest's log", found["errors"], ["0"])
    lab.note(f"read: {found['data-read']}; interrupts: {found['interrupts']}")
    vnc = guest.vnc()
    width, height = vnc.size()
    for x, y in ((width // 2, height // 3), (width - 1, 0), (0, height - 1)):
        point(lab, guest, vnc, x, y)
    click_and_turn(guest, vnc, width // 3, height // 3)
    vnc.close()
    check_rest(lab, guest)
    if lab.device_model == "hvmdm":
        guest.xl("save", "/lab/work/usb3.saved", 240)
        guest.close()
        machine.ssh("xl restore -p /lab/work/usb3.saved", 240)
        guest.adopt()
        guest.xl("unpause")
        vnc = guest.vnc()
        point(lab, guest, vnc, width // 4, height // 2)
        click_and_turn(guest, vnc, width // 4, height // 2)
    guest.destroy()
    lab.equal("sum of the written disk in the guest and of its file in dom0", found["scratch-sum"], [sha256(scratch)])
