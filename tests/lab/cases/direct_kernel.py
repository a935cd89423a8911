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


@case("a distribution's kernel, whose PV pointer's driver waits for its other end, boots without waiting; nothing of it is left",
      400, order=23, every_time=False)
def stock_kernel(lab):
    kernel = lab.sh("ls /boot/vmlinuz-* | tail -n 1").strip()
    driver = lab.sh(f"grep CONFIG_INPUT_XEN_KBDDEV_FRONTEND /boot/config-{kernel.partition('-')[2]}").strip()
    lab.equal("the kernel's driver", driver, "CONFIG_INPUT_XEN_KBDDEV_FRONTEND=y")
    guest = lab.guest("stock", memory=320, kernel=kernel, ramdisk=kernel_and_ramdisk()[1],
                      cmdline="nomodeset console=ttyS0,115200 panic=0 hvmtest=none").create()
    guest.expect(r"^GUEST up", 300)
    lab.check("Waiting for devices to initialise" not in guest.serial.text, "the kernel waited for a PV device")
    back = f"backend/vkbd/{guest.domid}/0"
    lab.equal("the PV pointer's back end", lab.sh(f"xenstore-read {back}/state").strip(), "4")
    front = lab.sh(f"xenstore-read {back}/frontend").strip()
    lab.equal("what the driver requests", lab.sh(f"xenstore-read {front}/request-abs-pointer").strip(), "1")
    guest.destroy()
    lab.check(lab.sh(f"xenstore-exists {back} && echo there || true") == "", "the PV pointer's back end is left over")


@case("a file that is no kernel is refused when the guest is created", 60, ("hvmdm",), order=70)
def direct_kernel_refused(lab):
    lab.sh("head -c 100000 /dev/zero >/lab/work/no-kernel")
    guest = lab.guest("bad", kernel="/lab/work/no-kernel")
    lab.check(guest.try_create().returncode != 0, "xl create took a file of zeros for a kernel")
    lab.matches("the device model's log", guest.dm_log(), r"error: -kernel: /lab/work/no-kernel: it is not a Linux kernel .*bzImage")
