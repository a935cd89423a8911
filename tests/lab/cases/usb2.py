"""USB 2.0: usbversion=2 as libxl asks for it, a tablet and USB disks at high speed."""
import time

from cases.usb_tablet import TABLET, check_rest, click_and_turn, point
from lablib import machine
from lablib.case import case
from lablib.images import Data, blank, sha256
from lablib.say import LabError
from lablib.settings import patience

MIB = 1024 * 1024
SCRATCH = 2 * MIB
COMPANIONS_READS = 50  # a second, at most: Linux may look at the ports of three UHCI companions four times a second


def high_speed_guest(lab, *arguments):
    data = Data(6 * MIB)
    scratch = blank("stick", SCRATCH)
    extra = ["-device", "usb-tablet,bus=usb.0,port=1",
             "-drive", f"if=none,id=data,file={data.image('data')},format=raw,readonly=on", "-device", "usb-storage,drive=data,bus=usb.0,port=2",
             "-drive", f"if=none,id=scratch,file={scratch},format=raw", "-device", "usb-storage,drive=scratch,bus=usb.0,port=5"]
    guest = lab.linux("usb2", "usb2+input", *arguments, direct=True, usbversion=2, device_model_args_hvm=extra).create()
    deadline = time.monotonic() + 400 * patience()
    while TABLET not in guest.said().get("input", []):
        if time.monotonic() > deadline:
            raise LabError(f"the guest says {guest.said()}")
        time.sleep(0.5)
    return guest, data, scratch


@case("usbversion=2: tablet and USB disks at high speed, read and written; the pointer follows, also after a restore", 900,
      order=23, every_time=False)
def usb2_linux(lab):
    guest, data, scratch = high_speed_guest(lab)
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
    check_rest(lab, guest, COMPANIONS_READS)
    if lab.device_model == "hvmdm":
        guest.xl("save", "/lab/work/usb2.saved", 240)
        guest.close()
        machine.ssh("xl restore -p /lab/work/usb2.saved", 240)
        guest.adopt()
        guest.xl("unpause")
        vnc = guest.vnc()
        point(lab, guest, vnc, width // 4, height // 2)
    guest.destroy()
    lab.equal("sum of the written disk in the guest and of its file in dom0", found["scratch-sum"], [sha256(scratch)])
