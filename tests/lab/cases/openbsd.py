"""OpenBSD's installation floppy: a system with drivers that nobody here wrote."""
import os
import subprocess
import time
from pathlib import Path

import screen
from lablib import machine, settings
from lablib.case import case
from lablib.images import STORE, blank, xl_disk

from .net import MAC, NET, dhcp_server, vif

MIB = 1024 * 1024
FLOPPY = "openbsd-floppy.img"
COPIED = "rcd0c"  # the CD itself: its bytes are known here

# Every 2 KiB of the CD stand somewhere in the disk's image, at the start of a fragment of the file system.
ALL_THERE = r"""
set -- {iso} {disk}
perl -e 'my ($cd, $disk) = @ARGV; my ($piece, %there, $missing);
open(my $d, "<:raw", $disk) or die; while (read($d, $piece, 512)) { $there{$piece} = 1 }
open(my $c, "<:raw", $cd) or die; while (read($c, $piece, 512)) { $missing++ unless $there{$piece} }
print $missing + 0, "\n"' "$@"
"""


def floppy(lab):
    """The image's path: HVMDM_OPENBSD_FLOPPY, or beside the repository."""
    places = [os.environ.get("HVMDM_OPENBSD_FLOPPY"), settings.REPO.parent / "shared/guests" / FLOPPY]
    for place in places:
        if place and Path(place).is_file():
            return Path(place)
    lab.skip("no OpenBSD installation floppy here; name an image in HVMDM_OPENBSD_FLOPPY")


def boot_cd(lab):
    """A CD in dom0 that boots the floppy's image, as many bytes as whole 64 KiB."""
    tree, iso = lab.log_dir / "cd", lab.log_dir / "openbsd.iso"
    tree.mkdir(exist_ok=True)
    (tree / FLOPPY).write_bytes(floppy(lab).read_bytes())
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-b", FLOPPY, "-c", "boot.cat", "-o", iso, tree], check=True,
                   capture_output=True)
    machine.ssh(f"mkdir -p {STORE}")
    machine.put(iso, f"{STORE}/openbsd.iso")
    return f"{STORE}/openbsd.iso"


@case("OpenBSD boots from CD, finds the machine, partitions a disk, makes a file system, and reads back what it wrote", 600,
      order=26)
def openbsd_install(lab):
    iso, disk = boot_cd(lab), blank("wd0", 128 * MIB)
    guest = lab.guest("openbsd", memory=128, boot="d",
                      disk=[xl_disk(disk, "hda"), xl_disk(iso, "hdc", "r", cdrom=True)]).create()
    vnc = guest.vnc()
    seen = watch_boot(vnc)
    for line in ("pchb0 at pci0 dev 0 function 0", "82441FX", "82371SB", "wd0 at pciide0 channel 0 drive 0",
                 "cd0 at scsibus0", "cd0(pciide0:1:0)", "DMA", "ns16550a", "vt0 at isa0", "mf2-kbd"):
        lab.check(line in seen, f"OpenBSD does not find '{line}':\n{seen}")

    run = typist(vnc)
    run("s")
    run("fdisk -i wd0", "[n]")
    run("y")
    run("disklabel -E wd0", "> ")
    run("a a", "offset:")
    for wanted in ("size:", "FS type:", "> "):
        run("", wanted)
    run("w")
    run("q")
    run("newfs -q /dev/rwd0a && echo made-$?", "made-0", timeout=120)
    run("mount /dev/wd0a /mnt; echo mounted-$?", "mounted-0")
    run(f"dd if=/dev/{COPIED} of=/mnt/x bs=2k; sync; echo copied", "records out", timeout=200)
    run("umount /mnt; fsck -n /dev/rwd0a; echo checked-$?", "checked-0", timeout=120)
    guest.destroy()
    lab.equal("sectors of the CD that are not in the disk's image", lab.sh(ALL_THERE.replace("{iso}", iso).replace("{disk}", disk), 120).strip(), "0")


@case("OpenBSD's rl(4) on libxl's own card: finds it, gets an address by DHCP, pings dom0 without loss", 480, order=26, every_time=False)
def openbsd_network(lab):
    network(lab, None, "rl0")


@case("OpenBSD's ne(4) on an ne2k_pci: the same", 480, order=26, every_time=False)
def openbsd_ne2k_pci(lab):
    network(lab, "ne2k_pci", "ne3")


@case("OpenBSD's le(4) on a pcnet: the same", 480, order=26, every_time=False)
def openbsd_pcnet(lab):
    network(lab, "pcnet", "le1")


def network(lab, model, card):
    guest = lab.guest(f"openbsd-{card}", memory=128, boot="d", vif=[vif(model)],
                      disk=[xl_disk(boot_cd(lab), "hdc", "r", cdrom=True)]).create()
    vnc = guest.vnc()
    seen = watch_boot(vnc)
    for line in (f"{card} at pci0 dev 4 function 0", f"address {MAC[:12]}"):  # the line is full there
        lab.check(line in seen, f"OpenBSD does not find '{line}':\n{seen}")
    run = typist(vnc)
    run("s")
    with dhcp_server(lab, 51):
        run(f">/etc/dhclient.conf; dhclient {card}", f"bound to 192.168.{NET}.51")
    run(f"ifconfig {card} 192.168.{NET}.51; echo set-$?", "set-0")  # the script that does that is not on the floppy
    run(f"ping -c 50 192.168.{NET}.1", "50 packets received", timeout=120)
    run(f"ping -c 20 -s 1472 192.168.{NET}.1", "20 packets received", timeout=60)


def typist(vnc):
    """Types a command and waits for one of the texts: the shell's prompt, unless told."""
    def run(command, *wanted, timeout=60):
        vnc.type(command)
        vnc.tap("Return")
        return vnc.expect(wanted or ("# ",), timeout)
    return run


def watch_boot(vnc, seconds=240):
    """All lines that the kernel shows until the installer asks; they scroll."""
    seen, deadline = [], time.monotonic() + seconds * settings.patience()
    while time.monotonic() < deadline:
        picture = vnc.shot()
        lines = [line.rstrip() for line in screen.read_text(picture)]
        picture.remove()
        seen += [line for line in lines if line and line not in seen]
        if any("(I)nstall" in line for line in lines):
            return "\n".join(seen)
        vnc.do("wait-update 1000")
    vnc.expect("(I)nstall", 1)  # says what the screen shows instead
