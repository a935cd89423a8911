"""Several guests at once, and what is left of them: nothing."""
import time

from lablib.case import case
from lablib.images import blank, xl_disk

TRACES = {
    "device models": "pgrep -fa -- '-xen-domid [0-9]' || true",
    "interfaces": "ip -o link | grep -oE '(vif|tap)[^:@ ]*' || true",
    "sockets": "ls /run/xen | grep -E '^qmp-' || true",
    "pseudo terminals": "ls /dev/pts | grep -v ptmx | wc -l",
    "domains": "xl list | awk 'NR > 2'",
    "xenstore entries": "xenstore-ls /local/domain/0/device-model 2>/dev/null; xenstore-ls /local/domain/0/backend 2>/dev/null | grep frontend-id || true",
    "loop devices": "losetup -a",
    "zombie processes": "ps -eo stat,comm | grep '^Z' || true",
    "listening VNC ports": "grep -cE ':17(0[C-F]|1[0-9A-F]|2[0-9A-F]) 00000000:0000 0A' /proc/net/tcp || true",
}


def traces(lab):
    # our own ssh sessions have no terminal here, so every pseudo terminal is a guest's
    return {what: lab.sh(script).strip() for what, script in TRACES.items()}


def free_mib(lab):
    return int(lab.sh("xl info free_memory").strip())


def settle(lab, before, seconds):
    """Traces once they are like before, or as they are when the time is over."""
    deadline = time.monotonic() + seconds
    while (now := traces(lab)) != before and time.monotonic() < deadline:
        time.sleep(2)
    return now


@case("three guests on three displays; one destroyed amid disk I/O; nothing is left of them", 600, order=60,
      every_time=False)
def many_guests(lab):
    before, memory = traces(lab), free_mib(lab)
    lab.equal("device models before the case", before["device models"], "")

    busy = lab.linux("busy", "hammer", direct=True, vncdisplay=1, vif=["bridge=xenbr0"],
                     more_disks=[xl_disk(blank("busy-scratch", 64 << 20), "hdd")]).create()
    busy.expect("GUEST hammering", 240)  # before the others come: a waiting GRUB takes a whole processor
    menu = lab.grub("menu", vncdisplay=3).create()
    searching = lab.grub("searching", vncdisplay=3, vncunused=1).create()  # :3 is taken: finds the next one
    lab.equal("display of the first", busy.vnc_display(), 1)
    lab.equal("display of the second", menu.vnc_display(), 3)
    lab.equal("display of the third", searching.vnc_display(), 4)
    lab.equal("domains", len(lab.sh("xl list").splitlines()), 5)
    for guest in (menu, searching):
        guest.vnc().expect("entry echo", 240)
    busy.vnc().expect("GUEST up", 60)

    busy.destroy()
    menu_screen = menu.vnc()
    menu_screen.tap("Down", "Return")
    menu.expect("CHOSEN bravo", 60)
    menu.destroy()
    searching.destroy()

    after = settle(lab, before, 30)
    for what, text in before.items():
        lab.equal(f"{what} after all", after[what], text)
    left = free_mib(lab)
    lab.check(left >= memory - 2, f"Xen's free memory was {memory} MiB and is {left} MiB")


@case("a guest created and destroyed three times in a row leaves nothing", 420, order=61)
def create_destroy(lab):
    before, memory = traces(lab), None
    for round_number in range(3):
        guest = lab.grub("again", vif=["bridge=xenbr0"]).create()
        time.sleep(round_number)
        guest.destroy()
        settle(lab, before, 20)
        memory = memory or free_mib(lab)  # the first round may leave caches
    after = settle(lab, before, 20)
    for what, text in before.items():
        lab.equal(f"{what} after all", after[what], text)
    left = free_mib(lab)
    lab.check(left >= memory - 2, f"Xen's free memory was {memory} MiB after the first round and is {left} MiB")
