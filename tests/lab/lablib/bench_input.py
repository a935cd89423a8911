"""What an open USB tablet costs: a guest whose kernel asks it for news all the time, at rest, watched, asleep."""
from .bench_process import activity
from .lab import Lab, clean_dom0

SECONDS = 20
SETTLE_SECONDS = 10  # after the last movement a controller may look for work less and less often


def measure(model, log_dir):
    """{figure: value} on that device model."""
    clean_dom0()
    lab = Lab(log_dir, model)
    try:
        return measure_guest(lab)
    finally:
        lab.close()


def measure_guest(lab):
    guest = lab.linux("tablet", "input", direct=True, usb=1, usbdevice=["tablet"], vncunused=1).create()
    guest.expect("^GUEST input QEMU_QEMU_USB_Tablet", 240)
    pid = guest.dm_pid()
    found = rest(pid, "alone")
    vnc = guest.vnc()
    found.update(rest(pid, "watched"))
    vnc.close()
    found.update(asleep(guest, pid))
    guest.destroy()
    return found


def rest(pid, name):
    wakeups, cpu = activity(pid, SECONDS, SETTLE_SECONDS)
    return {f"{name}_wakeups": wakeups, f"{name}_cpu": cpu}


def asleep(guest, pid):
    """The guest's kernel lets its USB devices sleep."""
    guest.send("sleep\n")
    guest.expect("^GUEST sleeping", 90)
    return rest(pid, "asleep")
