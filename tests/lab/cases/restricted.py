"""A device model that gave up its rights: dm_restrict=1."""
from cases.life import Shell
from cases.media import READ_ALL, READ_ONE, WAIT_FOR_DISC
from cases.net import hand_off
from lablib import machine
from lablib.case import case
from lablib.images import WORK, Data, blank, sha256, xl_disk
from lablib.settings import LAB

MIB = 1 << 20
FILE = f"{WORK}/saved"
RIGHTS = {"dm_restrict": 1, "device_model_user": "nobody"}


FORBIDDEN = ("hypercall", "other_channel", "other_domain", "virq")


def may(lab, pid):
    """What the process' descriptors for Xen can do: {attempt: how it went}."""
    return dict(line.split()[:2] for line in lab.sh(f"python3 {WORK}/rights.py {pid}").splitlines())


def confined(lab, guest):
    """Looks at the process from dom0."""
    machine.put(LAB / "rights.py", f"{WORK}/rights.py")
    pid = guest.dm_pid()
    status = lab.sh(f"cat /proc/{pid}/task/*/status").splitlines()
    lab.equal("its threads' users", {line for line in status if line.startswith("Uid:")}, {"Uid:" + "\t65534" * 4})
    lab.equal("their capabilities", {line for line in status if line.startswith(("CapPrm:", "CapEff:"))},
              {f"{kind}:\t{0:016x}" for kind in ("CapPrm", "CapEff")})
    lab.equal("its root directory", lab.sh(f"readlink /proc/{pid}/root").strip(), f"/run/xen/qemu-root-{guest.domid}")
    lab.equal("what it may do", may(lab, pid), dict.fromkeys(FORBIDDEN, "refused"))


def answer(shell, command):
    return shell.run(command, 120).split()[-1]


@case("dm_restrict=1: a device model without rights serves disks, CD change, screen, save and restore, a restart", 600, ("hvmdm",), order=38)
def restricted(lab):
    first, second = Data(3 * MIB, seed=21), Data(2 * MIB, seed=22)
    disk = blank("restricted-hdb", 8 * MIB)
    shell = Shell(lab, "restricted", more_disks=[xl_disk(disk, "hdb"), xl_disk(first.image("one"), "hdc", "r", cdrom=True)], **RIGHTS)
    guest = shell.guest
    confined(lab, guest)

    def uses_everything(disc):
        shell.run("dd if=/dev/urandom of=/dev/sdb bs=64k count=128 2>/dev/null; sync")
        lab.equal("what the guest wrote", answer(shell, "sha256sum </dev/sdb | cut -d' ' -f1"), sha256(disk))
        shell.run(WAIT_FOR_DISC)
        lab.equal("the disc", answer(shell, READ_ALL), disc.sum)

    uses_everything(first)
    guest.xl("cd-eject", "hdc")
    lab.matches("reading without a disc", shell.run(READ_ONE), "No medium found")
    guest.xl("cd-insert", f"hdc {second.image('two')}")
    uses_everything(second)

    guest.xl("save", FILE, 240)
    guest.close()
    machine.ssh(f"xl restore {FILE}", 240)
    guest.adopt()
    confined(lab, guest)
    uses_everything(second)
    guest.vnc().expect("GUEST up", 30)

    guest.send("reboot -f\n")
    guest.wait_reborn(120)
    shell.ready()
    confined(lab, guest)
    uses_everything(second)


@case("dm_restrict=1: PV drivers take disks and network over from a device model without rights", 240, ("hvmdm",), order=38, every_time=False)
def restricted_hand_off(lab):
    hand_off(lab, "restrictedpv", **RIGHTS)


@case("without dm_restrict the same attempts succeed that it makes impossible", 120, ("hvmdm",), order=38, every_time=False)
def unrestricted(lab):
    machine.put(LAB / "rights.py", f"{WORK}/rights.py")
    guest = lab.grub("free").create()
    found = may(lab, guest.dm_pid())
    for attempt in FORBIDDEN:
        lab.equal(attempt, found[attempt], "done")
