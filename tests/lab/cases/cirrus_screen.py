"""The graphics adapter that libxl gives to guests whose configuration says nothing."""
from lablib.case import case
from lablib.images import bootable, xl_disk

# Without nomodeset, so that Linux' own driver sets a mode: packed pixels, and its console drawn into the linear memory.
SETTINGS = 'set timeout=60\nset arguments="quiet xen_emul_unplug=never hvmtest=report+cirrus"\n'


@case("vga=\"cirrus\": GRUB's menu, then Linux' cirrus driver and its console, read off the VNC screen; blits", limit=240, order=16,
      every_time=False)
def cirrus_screen(lab):
    guest = lab.guest("cirrus", vga="cirrus", memory=192, disk=[xl_disk(bootable("linux", "cirrus", SETTINGS), "hda")])
    vnc = guest.create().vnc()
    vnc.expect("SeaBIOS", 60)
    vnc.expect("lab linux", 120)
    lab.check(vnc.size() in ((720, 400), (640, 400)), f"text mode has size {vnc.size()}")
    vnc.tap("Return")
    found = guest.results()
    lab.check(any("0x1013 0x00b8 0x030000 cirrus" in line for line in found["pci"]), f"no cirrus driver: {found['pci']}")
    vnc.expect("GUES", 30)  # Linux has a T of its own
    lab.equal("size of the console", vnc.size(), (1024, 768))
    lab.equal("blit that fills", found["blit-fill"], ["0x44332211"])
    lab.equal("blit with exclusive or", found["blit-xor"], ["0x45312115"])
    # Meanwhile the linear memory is taken from the guest, and comes back.
    lab.equal("blits from the CPU", [found[f"blit-{what}"] for what in ("waits", "done", "data")],
              [["0x03 0x03 0x03"], ["0x00 0x00 0x00"], ["0x44444445 0x44444446 0x44444447"]])
