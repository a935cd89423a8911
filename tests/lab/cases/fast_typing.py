"""Text that is typed quicker than a guest reads."""
import random
import string
import time

from lablib.case import case
from lablib.shell import Shell

CHARACTERS = 5000
A_SECOND = 1000  # at least; the viewer sends as fast as it can
READING = 900    # seconds; by USB a guest fetches 125 reports a second at most, in an emulated machine a few dozen


def type_much(lab, name, **keys):
    shell = Shell(lab, name, **keys)
    shell.run("exec 5</dev/tty1; stty raw -echo <&5")  # the last to close a terminal resets it
    shell.run(f"(head -c {CHARACTERS} <&5 >/typed; touch /complete) & true")
    text = "".join(random.Random(1).choices(string.ascii_letters, k=CHARACTERS))
    vnc = shell.guest.vnc(key_delay_ms=0)
    began = time.monotonic()
    vnc.type(text)
    sent = time.monotonic() - began
    lab.note(f"{CHARACTERS} characters sent in {sent:.1f} s, {CHARACTERS / sent:.0f} a second")
    shell.run(f"for n in $(seq {READING // 2}); do [ -f /complete ] && break; sleep 1; done; true", READING + 60)
    lab.note(f"read by the guest {time.monotonic() - began:.1f} s after the first was sent")
    lab.equal("characters that the guest read", shell.run("wc -c </typed").split()[-1], str(CHARACTERS))
    said = shell.run("echo typed=$(cat /typed)", 240)
    lab.equal("what the guest read", lab.matches("the shell's answer", said, r"typed=([a-zA-Z]*)\s")[1], text)


@case("5000 letters in both cases typed at once into a PS/2 keyboard arrive, in order", 1500, ("hvmdm",), order=21, every_time=False)
def typing_ps2(lab):
    type_much(lab, "typist")


@case("5000 letters in both cases typed at once into a USB keyboard arrive, in order", 1500, ("hvmdm",), order=21, every_time=False)
def typing_usb(lab):
    type_much(lab, "usbtypist", usb=1, usbdevice=["keyboard"])
