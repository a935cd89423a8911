"""Linux without a boot loader: kernel, ramdisk and command line lie in dom0."""
from lablib.case import case
from lablib.images import blank, bootable, kernel_and_ramdisk, xl_disk

MIB = 1024 * 1024
COMMAND_LINE = "quiet nomodeset xen_emul_unplug=never console=tty0 console=ttyS0,115200 panic=0 hvmtest=report+power"


@case("kernel, ramdisk and command line from dom0 boot before the disk does, and again after a restart", 240, order=22)
def direct_kernel(lab):
    kernel, ramdisk = kernel_and_ramdisk()
    large = "/lab/work/large-ramdisk"  # what follows the archive is ignored, and is not little
    lab.sh(f"cp {ramdisk} {large} && truncate -s {24 * MIB} {large}")
    disks = [xl_disk(bootable("grub", "direct"), "hda"), xl_disk(blank("boots", MIB), "hdb")]
    guest = lab.guest("direct", memory=192, kernel=kernel, ramdisk=large, cmdline=COMMAND_LINE, disk=disks).create()
    for way in ("acpi", "kbd"):
        guest.expect(r"GUEST disk sda ", 120)
        guest.expect(f"GUEST going {way}", 60)
        guest.wait_reborn(90)
    guest.destroy()


@case("a file that is no kernel is refused when the guest is created", 60, ("hvmdm",), order=70)
def direct_kernel_refused(lab):
    lab.sh("head -c 100000 /dev/zero >/lab/work/no-kernel")
    guest = lab.guest("bad", kernel="/lab/work/no-kernel")
    lab.check(guest.try_create().returncode != 0, "xl create took a file of zeros for a kernel")
    lab.matches("the device model's log", guest.dm_log(), r"error: -kernel: /lab/work/no-kernel: it is not a Linux kernel .*bzImage")
