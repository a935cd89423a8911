"""What happens to a running Linux's discs and disks from outside: media that are changed, a host disk that is full."""
import time

from lablib.case import case
from lablib.images import Data, sha256, xl_disk
from lablib.say import LabError
from lablib.settings import patience

MIB = 1024 * 1024
SECTOR = 2048
READ_ALL = "sha256sum </dev/sr0 | cut -c1-64"
READ_ONE = "dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>&1 | head -n 1"
WAIT_FOR_DISC = "for i in 1 2 3 4 5 6; do dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>/dev/null && break; sleep 1; done"


class Shell:
    """Commands at the guest's serial port, and what they print."""

    def __init__(self, guest):
        self.guest, self.asked = guest, 0

    def run(self, command):
        self.guest.send(command + "\n")

    def ask(self, command, seconds=60):
        """What `command` prints, on one line."""
        self.asked += 1
        self.run(f'echo "answer"-{self.asked}: $({command})')  # quoted: the terminal's echo is no answer
        return self.guest.expect(rf"^answer-{self.asked}: ?(.*)\n", seconds).group(1).strip()


def shell_guest(lab, name, disks):
    guest = lab.linux(name, "shell", direct=True, more_disks=disks).create()
    guest.results(300)
    return guest, Shell(guest)


@case("xl cd-eject and cd-insert under a running Linux: each disc has its own size and checksum, the empty drive says so, "
      "a locked tray is refused and keeps its disc", 480, order=26)
def cd_change(lab):
    first, second = Data(3 * MIB + 5 * SECTOR, seed=11), Data(2 * MIB + SECTOR, seed=12)
    paths = {"one": first.image("one"), "two": second.image("two")}
    guest, shell = shell_guest(lab, "discs", [xl_disk(paths["one"], "hdc", "r", cdrom=True)])

    def check(what, disc):
        shell.ask(WAIT_FOR_DISC)
        lab.equal(f"512-byte sectors of {what}", shell.ask("cat /sys/block/sr0/size"), str(len(disc.content) // 512))
        lab.equal(f"checksum of {what}", shell.ask(READ_ALL, 120), disc.sum)

    check("the disc it booted with", first)
    guest.xl("cd-eject", "hdc")
    lab.matches("reading without a disc", shell.ask(READ_ONE), "No medium found")
    guest.xl("cd-insert", f"hdc {paths['two']}")
    check("the second disc", second)
    guest.xl("cd-insert", f"hdc {paths['one']}")  # without cd-eject: libxl ejects by itself
    check("the first disc again", first)

    shell.run("exec 3</dev/sr0")  # an open drive is locked
    lab.equal("an open drive", shell.ask("ls -l /proc/$$/fd | grep -c sr0"), "1")
    for command, arguments in (("cd-eject", "hdc"), ("cd-insert", f"hdc {paths['two']}")):
        refused = guest.xl(command, arguments, check=False)
        lab.check(refused.returncode != 0, f"xl {command} succeeds although the tray is locked:\n{refused.stdout}{refused.stderr}")
    lab.equal("checksum of the disc behind the lock", shell.ask(READ_ALL, 120), first.sum)
    if lab.device_model == "hvmdm":
        lab.matches("what xl says of the locked tray", refused.stdout + refused.stderr, "locked")
    shell.run("exec 3<&-")
    lab.equal("a closed drive", shell.ask("ls -l /proc/$$/fd | grep -c sr0"), "0")
    guest.xl("cd-insert", f"hdc {paths['two']}")
    check("the second disc, after the lock", second)
    guest.xl("cd-eject", "hdc")
    lab.matches("reading without a disc", shell.ask(READ_ONE), "No medium found")
    lab.equal("ATA errors in the guest's log", shell.ask("dmesg | grep -cE 'ata[0-9.]+: .*(frozen|timeout|reset)'"), "0")


FULL = "/lab/full"


@case("a full file system under a disk: the guest stands still until there is room, then everything it wrote is there", 480,
      order=27, device_models=("hvmdm",))
def disk_full(lab):
    size = 12 * MIB
    lab.sh(f"mkdir -p {FULL} && mount -t tmpfs -o size=10m full {FULL} && truncate -s {size} {FULL}/disk.img && "
           f"head -c {4 * MIB} /dev/zero >{FULL}/filling")
    try:
        guest, shell = shell_guest(lab, "full", [xl_disk(f"{FULL}/disk.img", "hdb")])
        total = 9 * MIB
        lab.equal("data to write", shell.ask(f"dd if=/dev/urandom of=/tmp/data bs=64k count={total // 65536} 2>/dev/null; "
                                             "wc -c </tmp/data", 120), str(total))
        wanted = shell.ask("sha256sum </tmp/data | cut -c1-64", 60)
        shell.run("dd if=/tmp/data of=/dev/sdb bs=64k oflag=direct 2>&1 | tail -n 1")
        wait_for(lab, "the machine to stop", lambda: "io-error" in status(guest))
        lab.matches("the device model's log", guest.dm_log(), "the machine stops")
        lab.sh(f"rm {FULL}/filling; mount -o remount,size=20m {FULL}")
        guest.xl("unpause")
        if "io-error" in status(guest):
            lab.note("xl unpause leaves the machine as it is; QMP cont")
            guest.xl("qemu-monitor-command", "cont")
        guest.expect(rf"^{total // 65536}\+0 records out", 120)
        lab.equal("the guest's disk errors", shell.ask("dmesg | grep -cE 'I/O error|ata[0-9.]+: .*failed'"), "0")
        shell.ask("sync")
        guest.destroy()
        lab.equal("what is in the image", sha256(f"{FULL}/disk.img", total), wanted)
    finally:
        lab.sh(f"xl destroy full >/dev/null 2>&1; sleep 1; umount {FULL}", check=False)


def status(guest):
    return guest.xl("qemu-monitor-command", "'info status'").stdout


def wait_for(lab, what, condition, seconds=120):
    deadline = time.monotonic() + seconds * patience()
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds * patience():.0f} s for {what}")
        time.sleep(1)
