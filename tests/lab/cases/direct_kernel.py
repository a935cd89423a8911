"""Linux without a boot loader: kernel, ramdisk and command line lie in dom0."""
from lablib.case import case
from lablib.images import bootable, kernel_and_ramdisk, xl_disk

MIB = 1024 * 1024
COMMAND_LINE = "quiet nomodeset xen_emul_unplug=never console=tty0 console=ttyS0,115200 panic=0 hvmtest=report"


@case("kernel, ramdisk and command line from dom0 boot before the disk does", 240, order=22)
def direct_kernel(lab):
    kernel, ramdisk = kernel_and_ramdisk()
    large = "/lab/work/large-ramdisk"  # what follows the archive is ignored, and is not little
    lab.sh(f"cp {ramdisk} {large} && truncate -s {24 * MIB} {large}")
    guest = lab.guest("direct", memory=192, kernel=kernel, ramdisk=large, cmdline=COMMAND_LINE,
                      disk=[xl_disk(bootable("grub", "direct"), "hda")]).create()
    found = guest.results(120)
    lab.check(any(entry.startswith("sda ") for entry in found["disk"]), f"the disk is not there: {found['disk']}")
    guest.destroy()


@case("a file that is no kernel is refused when the guest is created", 60, ("hvmdm",), order=70)
def direct_kernel_refused(lab):
    lab.sh("head -c 100000 /dev/zero >/lab/work/no-kernel")
    guest = lab.guest("bad", kernel="/lab/work/no-kernel")
    lab.check(guest.try_create().returncode != 0, "xl create took a file of zeros for a kernel")
    lab.matches("the device model's log", guest.dm_log(), r"error: -kernel: /lab/work/no-kernel: it is not a Linux kernel .*bzImage")
