"""Guests whose PV drivers take over: the kernel's back end for raw disks, ours where libxl asks for qdisk."""
from cases.life import FILE, Shell, save
from lablib.case import case
from lablib.images import Data, blank, sha256, xl_disk

MIB = 1024 * 1024
IDE_HDC = 22 << 8  # its number in xenstore
LAST = "last sector, through the page cache"


def vdev_number(letter):
    """The number of xvdX in xenstore."""
    return 202 << 8 | (ord(letter) - ord("a")) << 4


@case("Linux with PV drivers: the emulated disks go, data stays whole on qdisk and blkback, over attach, detach and restart",
      900, order=24)
def qdisk_pv(lab):
    data = Data(12 * MIB)
    source, scratch, memory, hot = data.image("data"), blank("scratch", 12 * MIB), blank("memory", MIB), blank("hot", 12 * MIB)
    guest = lab.linux("pv", "pv", "attach=1", pv=True, more_disks=[
        xl_disk(source, "hdb", backend="qdisk"), xl_disk(scratch, "hdc", backend="qdisk"), xl_disk(memory, "hdd")]).create()

    guest.expect("GUEST attach-now", 300)
    guest.xl("block-attach", f"format=raw,vdev=xvde,access=rw,backendtype=qdisk,target={hot}")
    guest.expect("GUEST detach-now", 120)
    lab.equal("state of the attached disk's back end", node(lab, guest, vdev_number("e"), "state"), "4")
    guest.xl("block-detach", "xvde")
    guest.expect("GUEST restarting", 120)
    first = guest.said()
    lab.equal("emulated disks after the hand-off", first["emulated"], ["0"])
    lab.equal("sum of the data disk in the guest", first["xvdb-sum"], [data.sum])
    lab.equal("sum of the attached disk in the guest", first["xvde-sum"], [data.sum])
    lab.equal("sum of the attached disk's file in dom0", sha256(hot), data.sum)
    lab.equal("attached disk in xenstore", exists(lab, guest, vdev_number("e")), False)
    lab.equal("errors in the guest's log", first["disk-errors"], ["0"])
    lab.equal("write cache of the scratch disk", first["write-cache"], ["write back"])
    lab.note(f"drivers: {first['blkfront']}")

    guest.wait_reborn(120)
    second = guest.results(300)
    lab.check("error" not in second, f"the guest says: {second.get('error')}")
    lab.equal("which boot", second["boot"], ["1"])
    lab.equal("sum of the scratch disk before and after the restart", second["xvdc-sum"], first["xvdc-sum"])
    lab.equal("text in its last sector", [*first["xvdc-last-sector"], *second["xvdc-last-sector"]], [LAST, LAST])
    lab.equal("sum of its file in dom0", sha256(scratch), second["xvdc-sum"][0])
    lab.equal("errors in the guest's log", second["disk-errors"], ["0"])
    guest.destroy()
    lab.equal("back ends that are left", lab.sh("xenstore-ls backend/qdisk", check=False).strip(), "")


@case("a qcow2 disk, which only the device model can serve, stays the PV guest's after the hand-off and over a restart", 900,
      order=25, every_time=False)
def qdisk_qcow2(lab):
    data = Data(12 * MIB)
    source, memory = data.image("data"), blank("memory", MIB)
    scratch = f"{lab.images.WORK}/scratch.qcow2"
    lab.sh(f"qemu-img create -q -f qcow2 {scratch} 12M")
    guest = lab.linux("pv", "pv", pv=True, more_disks=[
        xl_disk(source, "hdb"), xl_disk(scratch, "hdc", form="qcow2"), xl_disk(memory, "hdd")]).create()
    guest.expect("GUEST boot 0", 300)
    lab.equal("state of the qcow2 disk's back end", node(lab, guest, IDE_HDC, "state"), "4")
    guest.expect("GUEST restarting", 120)
    first = guest.said()
    lab.equal("emulated disks after the hand-off", first["emulated"], ["0"])
    guest.wait_reborn(120)
    second = guest.results(300)
    lab.check("error" not in second, f"the guest says: {second.get('error')}")
    lab.equal("sum of the qcow2 disk before and after the restart", second["xvdc-sum"], first["xvdc-sum"])
    lab.equal("errors in the guest's log", [*first["disk-errors"], *second["disk-errors"]], ["0", "0"])
    guest.destroy()
    lab.sh(f"qemu-img check -q {scratch} && qemu-img convert -O raw {scratch} {scratch}.raw")
    lab.equal("sum of what qemu-img finds in the file", sha256(f"{scratch}.raw"), second["xvdc-sum"][0])


@case("PV disks that were attached as xvdb or detached as hdc stay so over save and restore", 600, ("hvmdm",), order=25, every_time=False)
def attached_and_saved(lab):
    data = Data(4 * MIB, seed=31)
    hot = data.image("hot")
    shell = Shell(lab, "attached", pv=True, more_disks=[xl_disk(blank("cold", 4 * MIB), "hdc")])
    guest = shell.guest

    def restored():
        save(lab, guest)
        lab.sh(f"xl restore {FILE}", 240)
        guest.adopt()
        lab.equal("emulated disks", shell.run("ls /sys/block | grep -c '^sd' || true").split()[-1], "0")

    def sum_in_guest():
        shell.run("until [ -b /dev/xvdb ]; do sleep 1; done", 60)
        return shell.run("dd if=/dev/xvdb bs=64k iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1", 120).split()[-1]

    guest.xl("block-attach", f"format=raw,vdev=xvdb,access=rw,target={hot}")
    lab.equal("sum of the attached disk", sum_in_guest(), data.sum)
    restored()
    lab.matches("device model's log", guest.dm_log(), "attached since the machine began")
    lab.equal("sum of the attached disk after a restore", sum_in_guest(), data.sum)
    shell.run("dd if=/dev/urandom of=/dev/xvdb bs=64k count=64 oflag=direct conv=notrunc 2>/dev/null", 60)
    lab.equal("sum of its file in dom0", sha256(hot), sum_in_guest())
    restored()
    lab.equal("sum after another restore", sum_in_guest(), sha256(hot))
    guest.xl("block-detach", "hdc")
    shell.run("while [ -b /dev/xvdc ]; do sleep 1; done", 60)
    restored()
    lab.matches("device model's log", guest.dm_log(), "detached since the guest was started")
    lab.equal("sum after a restore without hdc", sum_in_guest(), sha256(hot))


@case("the device model is killed under a PV guest: xl destroy still removes everything", 300, order=24)
def qdisk_killed(lab):
    guest = lab.linux("pv", "pv+idle", pv=True, direct=True, more_disks=[
        xl_disk(blank("b", MIB), "hdb", backend="qdisk"), xl_disk(blank("c", MIB), "hdc", backend="qdisk"),
        xl_disk(blank("d", MIB), "hdd")]).create()
    guest.expect("GUEST emulated 0", 300)
    lab.sh(f"kill -9 {guest.dm_pid()}")
    guest.destroy()
    lab.equal("guests that are left", lab.sh("xl list | awk 'NR > 2'").strip(), "")
    lab.equal("back ends that are left", lab.sh("xenstore-ls backend/qdisk", check=False).strip(), "")


def node(lab, guest, number, key):
    return lab.sh(f"xenstore-read backend/qdisk/{guest.domid}/{number}/{key}").strip()


def exists(lab, guest, number):
    return lab.sh(f"xenstore-exists backend/qdisk/{guest.domid}/{number} && echo yes", check=False).strip() == "yes"
