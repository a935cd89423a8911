"""Guests that are saved, restored and migrated in the middle of their work."""

from lablib import machine
from lablib.case import case
from lablib.images import blank, xl_disk
from lablib.lab import HVMDM_IN_DOM0
from lablib.shell import Shell

MIB = 1 << 20
FILE = "/lab/work/saved"


class Worker:
    """A guest that never rests, followed from one domain to the next."""

    def __init__(self, lab, name, arguments, **keys):
        self._lab, self._rounds = lab, -1
        self.guest = lab.linux(name, "work", arguments, memory=112, direct=True, vncunused=1,
                               more_disks=[xl_disk(blank(f"{name}-work", 4 * MIB), "hdb")], **keys).create()

    def works(self, where, more=2):
        """It goes on where it was, finds on its disk what it wrote, and hears what is typed."""
        before = self._rounds
        while self._rounds < before + more:  # some pass while nobody reads yet
            self._rounds = int(self.guest.expect(r"^GUEST round (\d+)\s", 240)[1])
            self._lab.check(self._rounds >= before, f"{where}: round {self._rounds} after {before}")
        self.guest.send(where + "\n")
        self.guest.expect(f"^GUEST heard {where}", 60)
        self._lab.check("GUEST error" not in self.guest.serial.text, f"{where}: {self.guest.serial.text[-1500:]}")

    def moved(self, what):
        """It is another domain now, still paused."""
        self.guest.adopt()
        log = self.guest.dm_log()
        size = self._lab.matches("device model's log", log, r"restored, (\d+) bytes")[1]
        self._lab.check(int(size) <= 100 << 10, f"{what}: {size} bytes of device state")
        self._lab.note(f"{what}: {size} bytes of device state")
        self.guest.xl("unpause")


def save(lab, guest):
    guest.xl("save", FILE, 240)
    lab.check(not guest.exists(), "the guest is still there after xl save")
    guest.close()


def migrate(guest, check=True):
    # The other host is this one: what would be run there by ssh is run here.
    return machine.ssh(f"xl migrate -s '' {guest.name} 'xl migrate-receive'", 300, check)


def save_and_restore(lab, worker):
    save(lab, worker.guest)
    machine.ssh(f"xl restore -p {FILE}", 240)
    worker.moved("restored")
    worker.works("restored")


@case("Linux at work is saved and restored; its disk, keys, screen and serial line stay right", 600, ("hvmdm",), order=36)
def save_restore(lab):
    worker = Worker(lab, "mover", "")
    worker.works("born", 2)
    save_and_restore(lab, worker)
    worker.guest.vnc().expect("GUEST up", 30)  # what its console showed before


@case("Linux at work is saved while it goes on, and migrated", 900, ("hvmdm",), order=37, every_time=False)
def save_keep_migrate(lab):
    worker = Worker(lab, "mover", "")
    worker.works("born", 2)
    machine.ssh(f"xl save -c {worker.guest.name} {FILE}", 240)
    worker.works("kept")
    old = worker.guest.domid
    migrate(worker.guest)
    worker.guest.close()
    worker.guest.adopt()
    lab.check(worker.guest.domid != old, "xl migrate made no other domain")
    worker.works("migrated")


@case("Linux without PV drivers, which does not know that it is suspended, is saved and restored at work", 600, ("hvmdm",), order=37,
      every_time=False)
def save_restore_nopv(lab):
    worker = Worker(lab, "stayer", "nopv")
    worker.works("born", 2)
    save_and_restore(lab, worker)


@case("a migration whose receiver fails leaves the guest at work, and it can be migrated then", 900, ("hvmdm",), order=37,
      every_time=False)
def migration_fails(lab):
    wrapper, broken = "/lab/work/wrapper", "/lab/work/broken"
    lab.sh(f"mkdir -p /lab/work; rm -f {broken}; printf '#!/bin/sh\n[ -e {broken} ] && exit 1\nexec {HVMDM_IN_DOM0} \"$@\"\n' "
           f">{wrapper}; chmod +x {wrapper}")
    worker = Worker(lab, "refused", "", device_model_override=wrapper)
    worker.works("born")
    domid = worker.guest.domid
    lab.sh(f"touch {broken}")
    done = migrate(worker.guest, check=False)
    lab.check(done.returncode != 0, f"xl migrate succeeded without a device model:\n{done.stdout}{done.stderr}")
    lab.equal("the guest's domain", int(worker.guest.xl("domid").stdout), domid)
    lab.equal("domains", lab.sh("xl list | awk 'NR > 2' | wc -l").strip(), "1")
    worker.works("stayed")
    lab.sh(f"rm {broken}")
    migrate(worker.guest)
    worker.guest.close()
    worker.guest.adopt()
    worker.works("migrated")


@case("a damaged file of xl save is refused with one clear line, and an undamaged copy of it restored", 600, ("hvmdm",), order=37,
      every_time=False)
def damaged_file(lab):
    worker = Worker(lab, "damaged", "")
    worker.works("born")
    save(lab, worker.guest)
    # The devices' state is the last thing in it but for a record of a few bytes.
    lab.sh(f"cp {FILE} {FILE}.bad; printf '\\125\\252\\125' | "
           f"dd of={FILE}.bad bs=1 seek=$(($(stat -c %s {FILE}) - 1000)) conv=notrunc 2>/dev/null; ! cmp -s {FILE} {FILE}.bad")
    done = machine.ssh(f"xl restore {FILE}.bad", 240, check=False)
    lab.check(done.returncode != 0, "xl restored a damaged file")
    lab.matches("device model's log", worker.guest.dm_log(), r"error: -incoming .*the saved state is damaged")
    lab.equal("domains that are left", lab.sh("xl list | awk 'NR > 2'").strip(), "")
    machine.ssh(f"rm {FILE}.bad; xl restore -p {FILE}", 240)
    worker.moved("restored")
    worker.works("restored")


class DiskLoad:
    """Writes pieces to hdb of a shell's guest and compares what it reads back, until finish()."""

    def __init__(self, lab, shell):
        self._lab, self._shell = lab, shell
        self._shell.run(": >/tmp/rounds; touch /tmp/go; (while [ -e /tmp/go ]; do head -c 1048576 /dev/urandom >/tmp/piece; "
                        "dd if=/tmp/piece of=/dev/sdb bs=64k oflag=direct conv=notrunc 2>/dev/null; "
                        'if [ "$(dd if=/dev/sdb bs=64k count=16 iflag=direct 2>/dev/null | sha256sum)" = "$(sha256sum </tmp/piece)" ]; '
                        "then echo right; else echo wrong; fi >>/tmp/rounds; done) & true")

    def rounds(self, word="right"):
        return int(self._shell.run(f"grep -c {word} /tmp/rounds || true").split()[-1])

    def goes_on(self, what, more=3):
        before = self.rounds()
        self._shell.run(f"until [ $(grep -c right /tmp/rounds) -ge {before + more} ]; do sleep 1; done", 240)
        self._lab.equal(f"{what}: rounds whose data was wrong", self.rounds("wrong"), 0)

    def finish(self, what):
        self._shell.run("rm /tmp/go; wait", 120)
        self.goes_on(what, 0)
        self._lab.note(f"{what}: {self.rounds()} rounds of disk data right")


def hdb(name):
    return {"more_disks": [xl_disk(blank(f"{name}-hdb", 4 * MIB), "hdb")]}


def wait_memory(lab, guest, condition):
    lab.sh(f"for n in $(seq 60); do m=$(xl list {guest.name} | awk 'NR == 2 {{print $3}}'); [ $m {condition} ] && exit 0; sleep 1; done; exit 1")


def fall_asleep(lab, guest):
    """In S3, for the first time. Who wakes it reads AWAKE 1."""
    guest.send("echo mem >/sys/power/state; echo AW''AKE $(cat /sys/power/suspend_stats/success)\n")
    if lab.device_model == "hvmdm":
        lab.sh(f"for n in $(seq 60); do grep -q 'sleeps (S3)' /var/log/xen/qemu-dm-{guest.name}.log && exit 0; sleep 1; done; exit 1")
    else:
        lab.sh("sleep 20")
    lab.check("AWAKE" not in guest.serial.text, "the guest does not sleep")


def wake(guest):
    guest.xl("trigger", "s3resume")
    guest.expect(r"AWAKE 1\s", 120)


# Without this word Linux in an HVM guest answers a panic with a restart, which Xen does not take for a crash.
CRASHES = "loglevel=4 xen_legacy_crash"


@case("xl vcpu-set; mem-set down and up while the disk is busy; sleep in S3 and waking; a crash with on_crash=restart", 900, order=38,
      every_time=False)
def turns(lab):
    shell = Shell(lab, "turns", CRASHES, vcpus=1, maxvcpus=3, memory=160, acpi_s3=1, on_crash="restart", **hdb("turns"))
    guest = shell.guest
    guest.xl("vcpu-set", "3")
    shell.run("until [ -d /sys/devices/system/cpu/cpu2 ]; do sleep 1; done", 60)
    shell.run("for n in 1 2; do grep -q 1 /sys/devices/system/cpu/cpu$n/online || echo 1 >/sys/devices/system/cpu/cpu$n/online; done", 60)
    lab.equal("processors", shell.run("grep -c ^processor /proc/cpuinfo").split()[-1], "3")
    guest.xl("vcpu-set", "2")

    load = DiskLoad(lab, shell)
    load.goes_on("before")
    guest.xl("mem-set", "120")
    wait_memory(lab, guest, "-le 121")
    load.goes_on("with less memory")
    guest.xl("mem-set", "160")
    wait_memory(lab, guest, "-ge 143")  # without its video memory
    load.goes_on("with its memory back")
    load.finish("mem-set")

    fall_asleep(lab, guest)
    wake(guest)
    load = DiskLoad(lab, shell)
    load.goes_on("awake")
    load.finish("after S3")

    guest.send("echo c >/proc/sysrq-trigger\n")
    guest.wait_reborn(120)
    shell.ready()
    lab.matches("xl's log", guest.xl_log(), r"has shut down, reason code 3 ")


@case("a guest that sleeps in S3 is saved and restored: it sleeps on until it is woken", 600, ("hvmdm",), order=38, every_time=False)
def saved_asleep(lab):
    # Without PV drivers: one that wakes up as another domain knows nothing of Xen's things there.
    shell = Shell(lab, "sleeper", "loglevel=4 nopv", memory=128, acpi_s3=1, **hdb("sleeper"))
    guest = shell.guest
    fall_asleep(lab, guest)
    save(lab, guest)
    machine.ssh(f"xl restore {FILE}", 240)
    guest.adopt()
    lab.sh("sleep 15")
    lab.check("AWAKE" not in guest.serial.text, "it woke up by being restored")
    used = f"xl list {guest.name} | awk 'NR == 2 {{print $NF}}'"
    before = lab.sh(used)
    lab.equal("processor time of a guest that sleeps", lab.sh(f"sleep 5; {used}"), before)
    wake(guest)
    load = DiskLoad(lab, shell)
    load.goes_on("awake")
    load.finish("after S3")


@case("xl trigger power reaches the guest; with on_crash=preserve a crashed guest keeps its screen until xl destroy", 300, order=38,
      every_time=False)
def button_and_crash(lab):
    shell = Shell(lab, "button", CRASHES, memory=128, on_crash="preserve")
    guest = shell.guest
    pressed = "awk '{print $1}' /sys/firmware/acpi/interrupts/ff_pwr_btn"
    lab.equal("presses of the power button", shell.run(pressed).split()[-1], "0")
    guest.xl("trigger", "power")
    shell.run(f"until [ $({pressed}) = 1 ]; do sleep 1; done", 30)
    guest.send("echo c >/proc/sysrq-trigger\n")
    lab.sh(f"for n in $(seq 60); do xl list {guest.name} | awk 'NR == 2 {{print $5}}' | grep -q c && exit 0; sleep 1; done; exit 1")
    guest.vnc().expect("Kernel panic", 30)
    guest.destroy()
    lab.equal("domains that are left", lab.sh("xl list | awk 'NR > 2'").strip(), "")


@case("memory below maxmem (populated on demand), videoram=16 with both adapters: disk data and screen are right", 600, order=38,
      every_time=False)
def memory_settings(lab):
    for adapter in ("stdvga", "cirrus"):
        shell = Shell(lab, f"pod-{adapter}", memory=128, maxmem=256, videoram=16, vga=adapter, vncunused=1, **hdb(f"pod-{adapter}"))
        shell.guest.vnc().expect("GUEST up", 60)
        load = DiskLoad(lab, shell)
        load.goes_on(adapter, 5)
        load.finish(adapter)
        shell.guest.destroy()


@case("the device model stands still for 20 s, then for 100 s, and dom0's clock jumps forth and back: the guest goes on", 900,
      ("hvmdm",), order=39, every_time=False)
def time_turns(lab):
    worker = Worker(lab, "timeless", "")
    worker.works("born")
    vnc = worker.guest.vnc()
    for seconds in (20, 100):  # the second is longer than Linux waits for a disk: it resets the drive and asks again
        lab.sh(f"kill -STOP {worker.guest.dm_pid()}; sleep {seconds}; kill -CONT {worker.guest.dm_pid()}", seconds + 60)
        worker.works(f"stopped{seconds}")
    for jump in (3600, -7200, 3600):
        lab.sh(f"date -s @$(($(date +%s) + {jump}))")
        worker.works(f"jumped{jump}")
        vnc.expect("GUEST up", 30)


@case("a guest that stops to feed Xen's watchdog is started anew with on_watchdog=restart", 400, order=38, every_time=False)
def watchdog(lab):
    shell = Shell(lab, "watched", "xen_wdt.timeout=10", memory=128, on_watchdog="restart")
    shell.guest.send("echo fed >/dev/watchdog\n")  # closed without the letter that ends it
    shell.guest.wait_reborn(90)
    shell.ready()
    lab.matches("xl's log", shell.guest.xl_log(), r"has shut down, reason code 4 ")


@case("a guest without PV drivers that is suspended to its disk (S4) powers off and goes on where it was in the next domain", 600,
      order=38, every_time=False)
def hibernated(lab):
    shell = Shell(lab, "hibernated", "loglevel=4 nopv resume=/dev/sdb", memory=128, on_poweroff="restart",
                  more_disks=[xl_disk(blank("swap", 256 * MIB), "hdb")])
    guest = shell.guest
    shell.run("mkswap /dev/sdb >/dev/null; swapon /dev/sdb; echo kept >/tmp/kept")
    guest.send("echo disk >/sys/power/state; echo WO''KEN $(cat /tmp/kept)\n")
    guest.wait_reborn(240)
    guest.expect(r"WOKEN kept", 240)
    lab.matches("xl's log", guest.xl_log(), r"has shut down, reason code 0 ")
    shell.run("swapoff /dev/sdb")
    load = DiskLoad(lab, shell)
    load.goes_on("woken")
    load.finish("after S4")


@case("mmio_hole=3072 leaves a guest little memory below 4 GiB: disk data by AHCI goes to and from what lies above", 600, order=38,
      every_time=False)
def high_memory(lab):
    shell = Shell(lab, "high", memory=1400, mmio_hole=3072, hdtype="ahci", **hdb("high"))
    high = shell.run("grep 'System RAM' /proc/iomem | grep -c '^1[0-9a-f]\\{8\\}-'").split()[-1]
    lab.check(int(high) > 0, "the guest has no memory above 4 GiB")
    load = DiskLoad(lab, shell)
    load.goes_on("high", 10)
    load.finish("above 4 GiB")
