"""Disk images that the kernel's back end cannot serve, and images that somebody else uses."""
from lablib.case import case
from lablib.images import blank, linux, sha256, xl_disk

ONLY_OURS = ("hvmdm",)
MIB = 1024 * 1024
TAIL = 4 * MIB
PIECE = 64 * 1024  # what the guest writes at a time
ROOM = 16 * MIB  # behind the bootable part, for the guest to write


def needs_qemu_nbd(lab):
    if lab.sh("command -v qemu-nbd qemu-img || true").count("\n") < 2:
        lab.skip("dom0 has no qemu-nbd; `tools/lab build` makes a dom0 that has it")


@case("Linux boots from a qcow2 hda, writes and reads it, powers off; what qemu-img finds in the image is what it wrote", 300,
      order=25, every_time=False)
def qcow2_disk(lab):
    needs_qemu_nbd(lab)
    raw = linux("cow", "tail")
    image, found_in = "/lab/work/cow.qcow2", "/lab/work/cow.raw"
    lab.sh(f"qemu-img convert -f raw -O qcow2 {raw} {image} && qemu-img resize -q {image} +{ROOM} && rm {raw}")
    guest = lab.guest("cow", memory=192, disk=[xl_disk(image, "hda", form="qcow2")]).create()
    found = guest.results(240)
    guest.wait_gone(60)
    lab.check("error" not in found, f"the guest says: {found.get('error')}")
    lab.equal("sum of what the guest read back", found["tail-read"], found["tail-written"])
    lab.equal("disk errors in the guest's log", found["disk-errors"], ["0"])
    lab.sh("for i in 1 2 3 4 5 6 7 8 9 10; do pgrep qemu-nbd >/dev/null || break; sleep 1; done")
    lab.equal("qemu-nbd processes that are left", lab.sh("pgrep -c qemu-nbd || true").strip(), "0")
    lab.sh(f"qemu-img check -q {image} && qemu-img convert -f qcow2 -O raw {image} {found_in}")
    size = int(lab.sh(f"stat -c %s {found_in}"))
    lab.equal("the disk's size in the guest", found["bytes"], [str(size)])
    start = (size // PIECE) * PIECE - TAIL
    lab.sh(f"tail -c +{start + 1} {found_in} | head -c {TAIL} >/lab/work/tail")
    lab.equal("sum of the image's last 4 MiB (of whole pieces) in dom0", [sha256("/lab/work/tail")], found["tail-written"])


@case("a second guest on the same writable image is refused, and its log names the first", 150, ONLY_OURS, order=72)
def disk_locked(lab):
    first = lab.grub("owner").create()
    image = "/lab/work/owner.img"
    # xl's own block script would notice that loop has the file; the device model must by itself
    second = lab.guest("late", disk=[xl_disk(blank("late", MIB), "hdb")], device_model_args_hvm=[
        "-drive", f"file={image},if=ide,index=0,media=disk,format=raw,cache=writeback"])
    done = second.try_create()
    lab.check(done.returncode != 0, f"xl create succeeded; the device model's log:\n{second.dm_log()}")
    line = lab.matches("the second guest's log", second.dm_log(), rf"error: disk {image}: .*").group(0)
    lab.check(f"process {first.dm_pid()} (hvmdm) of guest owner" in line, f"the line does not name the owner: {line}")
    lab.note(line)
    lab.equal("domains", lab.sh("xl list | awk 'NR > 2 {print $1}'").split(), ["owner"])
    first.destroy()
    lab.check(second.try_create().returncode == 0, f"the image is not free again; the log:\n{second.dm_log()}")
    second.destroy()
