"""Guests that are saved, restored and migrated in the middle of their work."""

from lablib import machine
from lablib.case import case
from lablib.images import blank, xl_disk

MIB = 1 << 20
FILE = "/lab/work/saved"


class Worker:
    """A guest that never rests, followed from one domain to the next."""

    def __init__(self, lab, name, arguments):
        self._lab, self._rounds = lab, -1
        self.guest = lab.linux(name, "work", arguments, memory=112, direct=True, vncunused=1,
                               more_disks=[xl_disk(blank(f"{name}-work", 4 * MIB), "hdb")]).create()

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


def save_and_restore(lab, worker):
    worker.guest.xl("save", FILE, 240)
    lab.check(not worker.guest.exists(), "the guest is still there after xl save")
    worker.guest.close()
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
    # The other host is this one: what would be run there by ssh is run here.
    machine.ssh(f"xl migrate -s '' {worker.guest.name} 'xl migrate-receive'", 300)
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


class Shell:
    """A guest's shell on its serial line."""

    def __init__(self, lab, name, **keys):
        self._lab, self._asked = lab, 0
        self.guest = lab.linux(name, "shell", "loglevel=4", direct=True, **keys).create()
        self.ready()

    def ready(self):
        self.guest.expect("GUEST done", 240)

    def run(self, command, seconds=60):
        """What the command prints; a mark of its own tells its end."""
        self._asked += 1
        mark = f"END{self._asked}"
        self.guest.send(f"{command}; echo {mark[:1]}''{mark[1:]} $?\n")
        found = self.guest.expect(rf"(?s)\n(?P<text>[^\0]*?){mark} (?P<status>\d+)\s", seconds)
        self._lab.equal(f"status of {command}", found["status"], "0")
        return found["text"]


@case("xl vcpu-set, mem-set, sleep in S3 and waking, a crash with on_crash=restart", 600, order=38, every_time=False)
def turns(lab):
    shell = Shell(lab, "turns", vcpus=1, maxvcpus=3, memory=160, acpi_s3=1, on_crash="restart")
    guest = shell.guest
    guest.xl("vcpu-set", "3")
    shell.run("until [ -d /sys/devices/system/cpu/cpu2 ]; do sleep 1; done", 60)
    shell.run("for n in 1 2; do grep -q 1 /sys/devices/system/cpu/cpu$n/online || echo 1 >/sys/devices/system/cpu/cpu$n/online; done", 60)
    lab.equal("processors", shell.run("grep -c ^processor /proc/cpuinfo").split()[-1], "3")
    guest.xl("vcpu-set", "2")

    guest.xl("mem-set", "120")
    lab.sh(f"for n in $(seq 30); do m=$(xl list {guest.name} | awk 'NR == 2 {{print $3}}'); [ $m -le 121 ] && exit 0; sleep 1; done; exit 1")
    shell.run("dd if=/dev/sda of=/dev/null bs=64k count=64 iflag=direct 2>/dev/null", 60)

    guest.send("echo mem >/sys/power/state; echo AW''AKE $(cat /sys/power/suspend_stats/success)\n")
    lab.sh(f"for n in $(seq 60); do xl list {guest.name} | grep -q -- s-- && exit 0; grep -q 'sleeps (S3)' /var/log/xen/qemu-dm-{guest.name}.log && exit 0; sleep 1; done; exit 0")
    guest.xl("trigger", "s3resume")
    guest.expect("AWAKE", 120)
    shell.run("dd if=/dev/sda of=/dev/null bs=64k count=64 iflag=direct 2>/dev/null", 60)

    guest.send("echo c >/proc/sysrq-trigger\n")
    guest.wait_reborn(120)
    shell.ready()


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
