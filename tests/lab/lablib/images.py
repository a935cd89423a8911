"""Disk images in dom0. Originals are sent there once; every guest gets copies of its own."""
import hashlib
import random

from . import build, machine, xlconfig
from .grubimage import SETTINGS_SIZE, settings_block
from .say import LabError, say

STORE, WORK = "/lab/store", "/lab/work"


def bootable(kind, name, settings=""):
    """A fresh bootable image of a kind in build.IMAGES with these GRUB settings; returns its path in dom0."""
    artefact = build.IMAGES[kind]
    offset = int(artefact.file(f"{kind}.img.settings-offset").read_text())
    stored = _stored(artefact, f"{kind}.img")
    path = f"{WORK}/{name}.img"
    machine.ssh(f"mkdir -p {WORK} && cp {stored} {path} && "
                f"dd of={path} bs={SETTINGS_SIZE} oflag=seek_bytes seek={offset} conv=notrunc status=none",
                input=settings_block(settings).decode())
    return path


def copy_of(kind, name):
    """A fresh copy of an image in build.IMAGES that takes no settings; returns its path in dom0."""
    stored = _stored(build.IMAGES[kind], f"{kind}.img")
    path = f"{WORK}/{name}.img"
    machine.ssh(f"mkdir -p {WORK} && cp {stored} {path}")
    return path


def linux(name, test, arguments="", menu_seconds=0, pv=False):
    """An image whose Linux runs the guest test of that name; pv: its PV drivers take disks and network over."""
    return bootable("linux", name, f'set timeout={menu_seconds}\nset arguments="{linux_words(test, arguments, pv)}"\n')


def linux_words(test, arguments="", pv=False):
    """The kernel's command line for that test, consoles aside."""
    emulated = "" if pv else "xen_emul_unplug=never "
    return f"quiet nomodeset {emulated}hvmtest={test} {arguments}".strip()


def uefi_firmware():
    """Path in dom0 of what bios_path_override takes."""
    return _stored(build.UEFI_FIRMWARE, "OVMF.fd")


def kernel_and_ramdisk():
    """Paths in dom0 of the small Linux's two files, for guests that boot without a boot loader."""
    return [_stored(build.GUEST_KERNEL, "bzImage"), _stored(build.GUEST_INITRD, "initrd.gz")]


def _stored(artefact, name):
    path = f"{STORE}/{artefact.name}-{artefact.key()}"
    _store(artefact.file(name), path)
    return path


def blank(name, size):
    path = f"{WORK}/{name}.img"
    machine.ssh(f"mkdir -p {WORK} && rm -f {path} && truncate -s {size} {path}")
    return path


class Data:
    """Reproducible content for a data disk."""

    def __init__(self, size, seed=1):
        self.content = random.Random(seed).randbytes(size)
        self.sum = hashlib.sha256(self.content).hexdigest()

    def image(self, name):
        """A fresh copy in dom0; returns its path."""
        stored = f"{STORE}/data-{self.sum[:16]}"
        if machine.ssh(f"[ -e {stored} ]", check=False).returncode != 0:
            say("  sending the data disk to dom0")
            machine.ssh(f"mkdir -p {STORE} && cat >{stored}.part && mv {stored}.part {stored}", input=self.content,
                        timeout=300)
        machine.ssh(f"mkdir -p {WORK} && cp {stored} {WORK}/{name}.img")
        return f"{WORK}/{name}.img"


def sha256(path, bytes_of_it=None):
    """Sum of a file in dom0, or of its first bytes."""
    head = f"head -c {bytes_of_it} {path}" if bytes_of_it else f"cat {path}"
    return machine.ssh(f"{head} | sha256sum").stdout.split()[0]


def _store(source, stored):
    if machine.ssh(f"[ -e {stored} ]", check=False).returncode == 0:
        return
    if not source.exists():
        raise LabError(f"{source} is missing; `tools/lab build` makes it")
    say(f"  sending {source.name} to dom0")
    machine.ssh(f"mkdir -p {STORE}")
    machine.put(source, stored + ".part")
    machine.ssh(f"mv {stored}.part {stored}")


xl_disk = xlconfig.disk
