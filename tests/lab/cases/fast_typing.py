"""Text that is typed quicker than a guest reads."""
import random
import time

from cases.life import Shell
from lablib.case import case

KEYS = 1000


def type_much(lab, name, **keys):
    shell = Shell(lab, name, **keys)
    shell.run("exec 5</dev/tty1; stty raw -echo <&5")  # the last to close a terminal resets it
    shell.run(f"(head -c {KEYS} <&5 >/typed; touch /complete) & true")
    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=KEYS))
    vnc = shell.guest.vnc(key_delay_ms=0)
    began = time.monotonic()
    vnc.type(text)
    lab.note(f"{KEYS} keys sent in {time.monotonic() - began:.1f} s")
    shell.run("for n in $(seq 60); do [ -f /complete ] && break; sleep 1; done; true", 120)
    lab.note(f"read by the guest {time.monotonic() - began:.1f} s after the first was sent")
    said = shell.run("echo typed=$(cat /typed)")
    lab.equal("what the guest read", lab.matches("the shell's answer", said, r"typed=([a-z]*)\s")[1], text)


@case("a thousand keys typed at once into a PS/2 keyboard arrive, in order", 300, ("hvmdm",), order=21, every_time=False)
def typing_ps2(lab):
    type_much(lab, "typist")


@case("a thousand keys typed at once into a USB keyboard arrive, in order", 300, ("hvmdm",), order=21, every_time=False)
def typing_usb(lab):
    type_much(lab, "usbtypist", usb=1, usbdevice=["keyboard"])
