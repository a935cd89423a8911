"""How each artefact of the lab is made. The source of a make_ function is part of its artefact's key."""
import gzip
import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

from . import packages, scenes
from .artefacts import Artefact
from .grubimage import make_image
from .ovmf import make_ovmf
from .say import LabError, run_logged, say
from .settings import LAB


def make_ssh_key(directory, log):
    run_logged(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hvmdm-lab", "-f", directory / "key"], log)


def make_xen(directory, log):
    packed = sorted(Path("/boot").glob("xen-4.17-amd64.gz"))
    if not packed:
        raise LabError("no /boot/xen-4.17-amd64.gz although xen-hypervisor-4.17-amd64 is installed; reinstall that package")
    (directory / "xen").write_bytes(gzip.decompress(packed[0].read_bytes()))


def make_dom0(directory, log):
    if os.geteuid() != 0:
        raise LabError("building dom0's image needs root (debootstrap); run `tools/lab build` as root once")
    root = directory / "root"
    names = packages.wanted("dom0/packages")
    run_logged(["debootstrap", "--variant=minbase", "bookworm", root, debian_mirror()], log)
    copy_apt_setup(root)
    apt = "apt-get -o APT::Sandbox::User=root"
    script = f"""set -e
        export DEBIAN_FRONTEND=noninteractive
        printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
        {apt} update; {apt} install -y --no-install-recommends {' '.join(names)}
        {apt} clean; rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d"""
    run_logged(["chroot", root, "sh", "-c", script], log)

    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(SSH_KEY.file("key.pub"), root / "root/.ssh/authorized_keys")
    with open(root / "etc/ssh/sshd_config", "a") as config:
        config.write("PermitRootLogin yes\nMaxSessions 200\nMaxStartups 200\nUseDNS no\n")
    with open(root / "etc/xen/xl.conf", "a") as config:
        config.write((LAB / "dom0/xl.conf").read_text())
    (root / "etc/hosts").write_text("127.0.0.1 dom0 localhost\n")
    shutil.copy(LAB / "dom0/init", root / "dom0-init")

    shutil.copy(next((root / "boot").glob("vmlinuz-*")), directory / "vmlinuz")
    shutil.copy(next((root / "boot").glob("initrd.img-*")), directory / "initrd.img")
    image = directory / "dom0.img"
    run_logged(["truncate", "-s", "4G", image], log)
    run_logged(["mkfs.ext4", "-q", "-d", root, image], log)
    shutil.rmtree(root)


def debian_mirror():
    """The mirror this machine itself installs from."""
    sources = [*Path("/etc/apt/sources.list.d").glob("*.sources"), *Path("/etc/apt/sources.list.d").glob("*.list"),
               Path("/etc/apt/sources.list")]
    for line in (line for path in sources if path.exists() for line in path.read_text().splitlines()):
        words = line.split()
        if words and words[0] in ("URIs:", "deb"):
            for word in words[1:]:
                if word.startswith(("http:", "https:")) and "security" not in word:
                    return word
    raise LabError("no Debian mirror found in /etc/apt; add one to /etc/apt/sources.list")


def copy_apt_setup(root):
    """Lets the new system install from where this machine does."""
    for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
        shutil.copy(path, root / "etc/apt/sources.list.d")
    for path in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copy(path, root / "etc/apt/apt.conf.d")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def make_guest_kernel(directory, log):
    source = directory / "source"
    source.mkdir()
    with tarfile.open("/usr/src/linux-source-6.1.tar.xz") as tree:
        tree.extractall(source)
    source = next(source.iterdir())
    jobs = f"-j{os.cpu_count()}"
    run_logged(["make", "-s", "tinyconfig"], log, cwd=source)
    run_logged(["scripts/kconfig/merge_config.sh", "-m", ".config", LAB / "guests/linux/kernel.config"], log, cwd=source)
    run_logged(["make", "-s", "olddefconfig"], log, cwd=source)
    run_logged(["make", "-s", jobs, "bzImage"], log, cwd=source)
    shutil.copy(source / "arch/x86/boot/bzImage", directory)
    shutil.copy(source / ".config", directory / "config")
    shutil.rmtree(directory / "source")


def make_guest_initrd(directory, log):
    root = directory / "root"
    for name in ("bin", "dev", "proc", "sys", "tmp", "mnt"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    shutil.copy(LAB / "guests/linux/init", root / "init")
    shutil.copytree(LAB / "guests/linux/tests", root / "tests")
    for program in ("ports", "blocks", "events", "dsp", "tcp"):
        run_logged(["gcc", "-Os", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector",
                    "-fno-pie", "-no-pie", "-s", "-o", root / "bin" / program, LAB / f"guests/linux/{program}.c"], log)
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], input="\n".join(names).encode(), cwd=root,
                            capture_output=True, check=True).stdout
    (directory / "initrd.gz").write_bytes(gzip.compress(packed, mtime=0))
    shutil.rmtree(root)


def make_linux_image(directory, log):
    files = {"boot/vmlinuz": GUEST_KERNEL.file("bzImage"), "boot/initrd.gz": GUEST_INITRD.file("initrd.gz")}
    make_image(directory, "linux.img", LAB / "guests/linux/grub.cfg", files, log)


def make_uefi_image(directory, log):
    packages.install(UEFI_PACKAGES)
    files = {"boot/vmlinuz": GUEST_KERNEL.file("bzImage"), "boot/initrd.gz": GUEST_INITRD.file("initrd.gz")}
    make_image(directory, "uefi.img", LAB / "guests/linux/grub.cfg", files, log, "x86_64-efi")


def make_install_image(directory, log):
    core = directory / "core.img"
    run_logged(["grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", core, "biosdisk", "part_msdos", "ext2",
                "linux", "normal", "serial", "configfile"], log)
    files = {"boot/vmlinuz": GUEST_KERNEL.file("bzImage"), "boot/initrd.gz": GUEST_INITRD.file("initrd.gz"),
             "boot/disk/boot.img": Path("/usr/lib/grub/i386-pc/boot.img"), "boot/disk/core.img": core,
             "boot/disk/grub.cfg": LAB / "guests/linux/installed.cfg"}
    make_image(directory, "install.img", LAB / "guests/linux/grub.cfg", files, log)


def make_uefi_firmware(directory, log):
    packages.install(UEFI_PACKAGES)
    make_ovmf(directory, log)


def make_grub_image(directory, log):
    make_image(directory, "grub.img", LAB / "guests/grub/grub.cfg", {}, log)


def make_boot_sector(directory, name, log):
    run_logged(["as", "--32", "-o", directory / f"{name}.o", LAB / f"guests/{name}/{name}.S"], log)
    run_logged(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", directory / f"{name}.img",
                directory / f"{name}.o"], log)
    os.truncate(directory / f"{name}.img", 4 << 20)


def make_gfx_image(directory, log):
    files = {"boot/memtest.bin": Path("/boot/memtest86+x64.bin"), "boot/ascii.pf2": Path("/usr/share/grub/ascii.pf2")}
    make_image(directory, "gfx.img", LAB / "guests/gfx/grub.cfg", files, log)


def make_layouts_image(directory, log):
    files = {}
    for layout, keys in grub_layouts((LAB / "guests/layouts/keys.txt").read_text()).items():
        table = directory / f"{layout}.gkb"
        (directory / f"{layout}.keys").write_text(keys)
        run_logged(["grub-mklayout", "-i", directory / f"{layout}.keys", "-o", table], log)
        files[f"boot/grub/layouts/{layout}.gkb"] = table
    make_image(directory, "layouts.img", LAB / "guests/layouts/grub.cfg", files, log)


def grub_layouts(text):
    """{layout: lines for grub-mklayout}; Return and the space bar join what is written on the keys."""
    layouts, lines = {}, None
    for words in (line.split() for line in text.splitlines()):
        if words[:1] == ["layout"]:
            lines = layouts.setdefault(words[1], ["keycode 28 =" + " U+000D" * 4, "keycode 57 =" + " U+0020" * 4])
        elif words and words[0] != "#":
            for key, characters in enumerate(words[1:], int(words[0])):
                if characters != "dead":
                    codes = [f"U+{ord(c):04X}" for c in characters] + ["VoidSymbol"] * 3
                    lines.append(f"keycode {key} = {' '.join(codes[:4])}")
    return {layout: "\n".join(lines) + "\n" for layout, lines in layouts.items()}


def make_int13_image(directory, log):
    make_boot_sector(directory, "int13", log)


def make_serialbulk_image(directory, log):
    make_boot_sector(directory, "serialbulk", log)


def make_softreset_image(directory, log):
    make_boot_sector(directory, "softreset", log)


def make_floppy_image(directory, log):
    """The boot sector, and noise up to the size of a floppy disk."""
    make_boot_sector(directory, "floppy", log)
    image = directory / "floppy.img"
    image.write_bytes(image.read_bytes()[:512] + random.Random(1).randbytes(1440 * 1024 - 512))


def make_display_image(directory, log):
    make_boot_sector(directory, "display", log)


def make_vncprobe(directory, log):
    run_logged(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", directory / "vncprobe",
                LAB / "vncprobe.cpp"], log)


def make_vgamodes_image(directory, log):
    source = LAB / "guests/vgamodes"
    (directory / "scenes.bin").write_bytes(scenes.compiled(scenes.read()))
    objects = [directory / "program.o", directory / "scenes.o"]
    run_logged(["as", "--32", "-o", directory / "boot.o", source / "boot.S"], log)
    run_logged(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", directory / "boot.bin", directory / "boot.o"], log)
    run_logged(["gcc", "-m32", "-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-stack-protector", "-fno-pie",
                "-fno-asynchronous-unwind-tables", "-c", "-o", objects[0], source / "program.c"], log)
    run_logged(["as", "--32", f"-I{directory}", "-o", objects[1], source / "program.S"], log)
    run_logged(["ld", "-m", "elf_i386", "-T", source / "program.ld", "--oformat", "binary", "-o", directory / "program.bin", *objects], log)
    image = directory / "vgamodes.img"
    image.write_bytes((directory / "boot.bin").read_bytes() + (directory / "program.bin").read_bytes())
    os.truncate(image, 1 << 20)


def make_vncdrive(directory, log):
    run_logged(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-o", directory / "vncdrive",
                LAB / "vncdrive.cpp", "-lvncclient"], log)


def make_ioreq_limit(directory, log):
    run_logged(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-o", directory / "ioreq-limit",
                LAB / IOREQ_LIMIT_SOURCE, "-lxendevicemodel", "-lxenforeignmemory", "-lxenevtchn"], log)


UEFI_PACKAGES = "guests/uefi/packages"
IOREQ_LIMIT_SOURCE = "../../tools/ioreq_limit/ioreq_limit.cpp"

SSH_KEY = Artefact("ssh-key", "the lab's ssh key", 1, make_ssh_key)
XEN = Artefact("xen", "the Xen image", 1, make_xen)
DOM0 = Artefact("dom0", "dom0's disk image", 200, make_dom0, ["dom0"], [SSH_KEY])
GUEST_KERNEL = Artefact("guest-kernel", "the guests' Linux kernel", 360, make_guest_kernel, ["guests/linux/kernel.config"])
GUEST_INITRD = Artefact("guest-initrd", "the guests' user space", 2, make_guest_initrd,
                        ["guests/linux/init", "guests/linux/tests", "guests/linux/ports.c", "guests/linux/blocks.c",
                         "guests/linux/events.c", "guests/linux/dsp.c", "guests/linux/tcp.c", "guests/linux/tiny.h"])
LINUX_IMAGE = Artefact("linux-image", "the Linux guest's disk image", 3, make_linux_image,
                       ["guests/linux/grub.cfg", "lablib/grubimage.py"], [GUEST_KERNEL, GUEST_INITRD])
INSTALL_IMAGE = Artefact("install-image", "the CD that installs the Linux guest", 3, make_install_image,
                         ["guests/linux/grub.cfg", "guests/linux/installed.cfg", "lablib/grubimage.py"], [GUEST_KERNEL, GUEST_INITRD])
GRUB_IMAGE = Artefact("grub-image", "the GRUB guest's disk image", 3, make_grub_image,
                      ["guests/grub/grub.cfg", "lablib/grubimage.py"])
GFX_IMAGE = Artefact("gfx-image", "GRUB in graphics and memtest86+", 3, make_gfx_image,
                     ["guests/gfx/grub.cfg", "lablib/grubimage.py"])
LAYOUTS_IMAGE = Artefact("layouts-image", "GRUB that repeats what is typed on a layout", 3, make_layouts_image,
                         ["guests/layouts", "lablib/grubimage.py"])
INT13_IMAGE = Artefact("int13-image", "the boot sector that reads by INT 13h", 1, make_int13_image, ["guests/int13/int13.S"])
SOFTRESET_IMAGE = Artefact("softreset-image", "the boot sector that asks for a soft reset", 1, make_softreset_image,
                           ["guests/softreset/softreset.S"])
SERIALBULK_IMAGE = Artefact("serialbulk-image", "the boot sector that moves much over COM1", 1, make_serialbulk_image,
                            ["guests/serialbulk/serialbulk.S"])
FLOPPY_IMAGE = Artefact("floppy-image", "the floppy disk that reads itself", 1, make_floppy_image, ["guests/floppy/floppy.S"])
DISPLAY_IMAGE = Artefact("display-image", "the boot sector that draws when told", 1, make_display_image, ["guests/display/display.S"])
VNCPROBE = Artefact("vncprobe", "what measures and attacks VNC in dom0", 3, make_vncprobe, ["vncprobe.cpp"])
VGAMODES_IMAGE = Artefact("vgamodes-image", "the guest that shows every screen mode", 1, make_vgamodes_image,
                          ["guests/vgamodes/boot.S", "guests/vgamodes/program.c", "guests/vgamodes/program.S", "guests/vgamodes/program.ld",
                           "guests/vgamodes/scenes.txt", "lablib/scenes.py"])
VNCDRIVE = Artefact("vncdrive", "the VNC client", 5, make_vncdrive, ["vncdrive.cpp"])
IOREQ_LIMIT = Artefact("ioreq-limit", "the least ioreq server", 3, make_ioreq_limit, [IOREQ_LIMIT_SOURCE])
UEFI_IMAGE = Artefact("uefi-image", "the Linux guest's disk image for UEFI", 5, make_uefi_image,
                      [UEFI_PACKAGES, "guests/linux/grub.cfg", "lablib/grubimage.py"], [GUEST_KERNEL, GUEST_INITRD])
UEFI_FIRMWARE = Artefact("uefi-firmware", "UEFI firmware", 500, make_uefi_firmware, [UEFI_PACKAGES, "lablib/ovmf.py"])

ALL = [SSH_KEY, XEN, VNCDRIVE, IOREQ_LIMIT, DOM0, GUEST_KERNEL, GUEST_INITRD, LINUX_IMAGE, GRUB_IMAGE, INSTALL_IMAGE, INT13_IMAGE,
       VGAMODES_IMAGE, GFX_IMAGE, LAYOUTS_IMAGE, FLOPPY_IMAGE, SOFTRESET_IMAGE, SERIALBULK_IMAGE, DISPLAY_IMAGE, VNCPROBE]
# Built by the first case that needs them: the firmware takes long, and those cases run only when they are named.
ON_DEMAND = [UEFI_IMAGE, UEFI_FIRMWARE]
IMAGES = {"linux": LINUX_IMAGE, "uefi": UEFI_IMAGE, "grub": GRUB_IMAGE, "install": INSTALL_IMAGE, "int13": INT13_IMAGE, "vgamodes": VGAMODES_IMAGE,
          "gfx": GFX_IMAGE, "layouts": LAYOUTS_IMAGE, "floppy": FLOPPY_IMAGE, "softreset": SOFTRESET_IMAGE,
          "serialbulk": SERIALBULK_IMAGE, "display": DISPLAY_IMAGE}


def build(again=()):
    """Builds whatever is not there yet, and the artefacts named in `again` in any case."""
    known = {artefact.name for artefact in [*ALL, *ON_DEMAND]}
    for name in again:
        if name not in known:
            raise LabError(f"no artefact is named {name}; there are {', '.join(sorted(known))}")
    packages.install()
    for artefact in ALL:
        artefact.build(again=artefact.name in again)
    for artefact in ON_DEMAND:
        if artefact.name in again:
            artefact.build(again=True)
    say("everything is built")
