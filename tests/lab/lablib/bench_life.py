"""Saving, restoring and migrating a guest at rest, and what its device model has to say of itself."""
import shlex
import time

from . import machine
from .bench_lab import STAMP, stamp
from .lab import Lab, clean_dom0

FILE = "/lab/work/saved"
STATE = "/lab/work/state"
# What libxl asks for when it saves: the guest stands still, the device model writes its state to a file.
QMP = ('{{ for line in \'{{"execute": "qmp_capabilities"}}\' \'{{"execute": "stop"}}\' '
       '\'{{"execute": "xen-save-devices-state", "arguments": {{"filename": "{state}"}}}}\' \'{{"execute": "cont"}}\'; '
       'do echo "$line"; sleep 0.5; done; }} | socat -t2 - UNIX-CONNECT:/var/run/xen/qmp-libxl-{domid}')


def measure(model, log_dir):
    """{figure: value} on that device model."""
    clean_dom0()
    lab = Lab(log_dir, model)
    try:
        guest = lab.linux("traveller", "work", "load=rest", direct=True, memory=128, vncunused=1).create()
        guest.expect("^GUEST tick 5", 300)
        found = {"state": state_size(guest)}
        found["save"] = timed(lambda: guest.xl("save", FILE, 240))
        guest.close()
        found["restore"] = timed(lambda: machine.ssh(f"xl restore {FILE}", 240))
        guest.adopt()
        guest.expect("^GUEST tick", 60)
        found.update(migrate(guest))
        guest.adopt()
        guest.expect("^GUEST tick", 60)
        return found
    finally:
        lab.close()


def state_size(guest):
    """KiB of device state."""
    machine.ssh(f"xl pause {guest.name}")
    machine.ssh(QMP.format(state=STATE, domid=guest.domid))
    size = machine.ssh(f"stat -c %s {STATE}").stdout
    machine.ssh(f"xl unpause {guest.name}")
    return int(size) / 1024


def timed(action):
    began = time.monotonic()
    action()
    return 1000 * (time.monotonic() - began)


def migrate(guest):
    """To the same host: what would be run at the other by ssh is run here."""
    command = f"xl -vvv migrate -s '' {guest.name} 'xl migrate-receive' 2>&1 | {STAMP}"
    began = time.monotonic()
    log = machine.ssh(f"bash -c {shlex.quote(command)}", timeout=300).stdout
    took = time.monotonic() - began
    guest.close()
    return {"migrate": 1000 * took, "downtime": 1000 * (stamp(log, "Domain started") - stamp(log, "guest has suspended"))}
