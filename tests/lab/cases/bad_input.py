"""What cannot work is refused: at once, with one line that names the option and a remedy."""
import re
import time

from lablib import machine
from lablib.case import case
from lablib.images import blank, xl_disk
from lablib.lab import HVMDM_IN_DOM0
from lablib.settings import patience

ONLY_OURS = ("hvmdm",)
MOST_SECONDS = 15


def one_error(lab, what, log, names):
    """The log ends with its only error line; that names what is wrong, and what helps after a ; ( or full stop."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    lab.check(len(errors) == 1 and errors == lines[-1:], f"{what}: wanted exactly one error, in the log's last line:\n{log}")
    for name in names:
        lab.check(name in errors[0], f"{what}: the error does not name '{name}':\n{errors[0]}")
    lab.check(re.search(r"[;(.] ?\S.{8,}", errors[0].partition("error:")[2].rpartition(names[-1])[2]),
              f"{what}: the error gives no remedy:\n{errors[0]}")
    lab.note(f"{what}: {errors[0]}")


def refused(lab, guest, what, *names):
    began = time.monotonic()
    done = guest.try_create()
    took = time.monotonic() - began
    lab.check(done.returncode != 0, f"{what}: xl create succeeded; the device model's log:\n{guest.dm_log()}")
    one_error(lab, what, guest.dm_log(), names)
    lab.matches(f"{what}: xl's words", done.stdout + done.stderr, r"device model: spawn failed|device model did not start")
    lab.check(took < MOST_SECONDS * patience(), f"{what}: xl create took {took:.0f} s to fail, more than {MOST_SECONDS}")
    lab.equal(f"{what}: domains left", lab.sh("xl list | awk 'NR > 2'"), "")


@case("a disk image that is not there", 60, ONLY_OURS, order=70)
def bad_disk_missing(lab):
    # libxl itself would find a missing path of disk=, so it is given to the device model directly
    path = blank("vanishing", 1 << 20)
    guest = lab.guest("bad", disk=[xl_disk(path, "hda")], device_model_args_hvm=[
        "-drive", "file=/lab/work/nothing-here.img,if=ide,index=1,media=disk,format=raw,cache=writeback"])
    refused(lab, guest, "missing image", "disk", "/lab/work/nothing-here.img")


@case("a disk image that is a directory", 60, ONLY_OURS, order=70)
def bad_disk_directory(lab):
    guest = lab.guest("bad", disk=[xl_disk(blank("disk", 1 << 20), "hda")], device_model_args_hvm=[
        "-drive", "file=/lab/work,if=ide,index=1,media=disk,format=raw,cache=writeback"])
    refused(lab, guest, "directory as image", "disk", "/lab/work")


@case("a VNC display that is taken", 60, ONLY_OURS, order=70)
def bad_vnc_taken(lab):
    lab.sh("setsid socat TCP-LISTEN:5906,bind=0.0.0.0 EXEC:cat >/dev/null 2>&1 </dev/null & echo $! >/run/taken.pid; sleep 1")
    try:
        refused(lab, lab.grub("bad", vncdisplay=6, vncunused=0), "VNC port taken", "-vnc", "5906")
    finally:
        lab.sh("kill $(cat /run/taken.pid)", check=False)


@case("a device that does not exist", 60, ONLY_OURS, order=70)
def bad_device(lab):
    guest = lab.grub("bad", device_model_args_hvm=["-device", "flux-capacitor"])
    refused(lab, guest, "unknown device", "-device", "flux-capacitor")


@case("an option that does not exist", 60, ONLY_OURS, order=70)
def bad_option(lab):
    guest = lab.grub("bad", device_model_args_hvm=["-warp-drive"])
    refused(lab, guest, "unknown option", "-warp-drive")


def by_hand(lab, what, domid, prefix="", names=()):
    """Runs the device model as libxl would, without libxl."""
    arguments = (f"-xen-domid {domid} -no-shutdown -chardev socket,id=libxl-cmd,path=/tmp/by-hand,server=on,wait=off "
                 "-mon chardev=libxl-cmd,mode=control -nodefaults -no-user-config -name by-hand -vnc none -display none "
                 "-serial null -device VGA,vgamem_mb=16 -boot order=c -net none -machine xenfv,suppress-vmdesc=on -m 112")
    began = time.monotonic()
    done = machine.ssh(f"{prefix} timeout 30 {HVMDM_IN_DOM0} {arguments} 2>&1 </dev/null", check=False)
    lab.equal(f"{what}: exit status", done.returncode, 1)
    lab.check(time.monotonic() - began < MOST_SECONDS * patience(), f"{what}: took too long to fail")
    one_error(lab, what, done.stdout, names)


@case("run by hand for a domain that does not exist", 60, ONLY_OURS, order=71)
def bad_domid(lab):
    by_hand(lab, "no such domain", 7777, names=["-xen-domid", "7777"])


@case("run by hand without Xen's devices", 60, ONLY_OURS, order=71)
def bad_no_xen(lab):
    prefix = "mkdir -p /tmp/empty; unshare -m sh -c 'mount --bind /tmp/empty /dev/xen && exec \"$@\"' sh"
    by_hand(lab, "no /dev/xen", 1, prefix, names=["/dev/xen"])


@case("run by hand without arguments, with --help and with --version", 60, ONLY_OURS, order=71)
def by_hand_help(lab):
    bare = machine.ssh(f"timeout 30 {HVMDM_IN_DOM0} 2>&1 </dev/null", check=False)
    lab.equal("exit status without arguments", bare.returncode, 1)
    one_error(lab, "no arguments", bare.stdout, ["-xen-domid"])
    lab.matches("--version", lab.sh(f"{HVMDM_IN_DOM0} --version"), r"hvmdm .*\d")
    lab.matches("--help", lab.sh(f"{HVMDM_IN_DOM0} --help"), "-xen-domid")
