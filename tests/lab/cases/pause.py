"""Pausing, and consoles that come and go."""
import time

from lablib.case import case


@case("xl pause and unpause while booting and running; xl list tells; the console is left and entered again", 420, order=40, every_time=False)
def pause(lab):
    guest = lab.linux("paused", "idle", direct=True).create()
    time.sleep(6)
    stop_and_go(lab, guest, "while it boots")
    guest.expect("GUEST up", 240)
    guest.expect("GUEST alive 2$", 60)
    stop_and_go(lab, guest, "while it runs")
    guest.expect(r"GUEST alive \d+$", 60)

    guest.detach_serial()
    for _ in range(3):
        console = guest.console()
        console.expect(r"GUEST alive \d+$", 60)
        console.send("\x1d")
        deadline = time.monotonic() + 15
        while not console.ended and time.monotonic() < deadline:
            time.sleep(0.2)
        lab.check(console.ended, "xl console did not end on Ctrl-]")
        console.close()


def stop_and_go(lab, guest, when):
    guest.xl("pause")
    lab.matches(f"xl list {when}", guest.xl("list").stdout, r"--p---")
    time.sleep(3)
    guest.serial.skip()
    time.sleep(3)
    guest.serial.skip()
    before = len(guest.serial.text)
    time.sleep(3)
    lab.equal(f"text printed while paused {when}", guest.serial.text[before:], "")
    guest.xl("unpause")
    lab.check("--p---" not in guest.xl("list").stdout, f"still paused after xl unpause {when}")
