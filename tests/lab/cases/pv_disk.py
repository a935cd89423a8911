"""Guests whose PV drivers take over: the kernel's back end for raw disks, ours where libxl asks for qdisk."""
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
