"""One guest: its configuration, life cycle, serial line and screen."""
import re
import time

from . import machine, xlconfig
from .say import LabError, duration
from .settings import patience, vnc_port
from .stream import Stream
from .vnc import Vnc

DEFAULTS = {
    "type": "hvm", "memory": 128, "vcpus": 1, "boot": "c", "vga": "stdvga", "serial": "pty",
    "vnc": 1, "vnclisten": "0.0.0.0", "vncdisplay": 0, "vncunused": 0,
    "on_poweroff": "destroy", "on_reboot": "restart", "on_crash": "destroy",
}


class Guest:
    """Made by Lab.guest(); `keys` are xl configuration keys that replace or join DEFAULTS (None removes one)."""

    def __init__(self, name, log_dir, device_model_keys, **keys):
        self.name, self.log_dir = name, log_dir
        self.keys = {"name": name, **DEFAULTS, **device_model_keys, **keys}
        self.domid, self.serial = None, None
        self._vncs = []

    # --- life cycle --------------------------------------------------------------------------------------------------

    def create(self, timeout=90, paused=False):
        """xl create; the reader of the serial port is there before the guest prints anything."""
        self.created_at = time.monotonic()
        done = self.try_create("-p", timeout=timeout)
        if done.returncode != 0:
            raise LabError(f"xl create {self.name} failed:\n{done.stdout}{done.stderr}device model's log:\n{self.dm_log()}")
        self.adopt()
        if not paused:
            self.xl("unpause")
        return self

    def adopt(self):
        """Takes on the domain that xl create -p has made."""
        self._read_domid()
        if self.keys.get("serial"):
            self.attach_serial()

    def try_create(self, options="", timeout=90):
        """xl create as is; returns the finished process."""
        path = f"/lab/work/{self.name}.cfg"
        return machine.ssh(f"mkdir -p /lab/work && cat >{path} && xl create {options} {path}", timeout, check=False,
                           input=xlconfig.write(self.keys))

    def _read_domid(self):
        self.domid = int(machine.ssh(f"xl domid {self.name}").stdout)

    def xl(self, command, arguments="", timeout=60, check=True):
        return machine.ssh(f"xl {command} {self.name} {arguments}", timeout, check)

    def destroy(self):
        self.close()
        self.xl("destroy")

    def close(self):
        """Ends everything of ours that hangs on the guest."""
        if self.serial:
            self.serial.close()
        for vnc in self._vncs:
            vnc.close()
        self.serial, self._vncs = None, []

    def exists(self):
        return self.xl("domid", check=False).returncode == 0

    def wait_gone(self, timeout=60):
        self._poll(lambda: not self.exists(), timeout, "to disappear")

    def wait_reborn(self, timeout=90):
        """Waits until the guest runs as another domain, and attaches to its new serial port."""
        old = self.domid

        def reborn():
            answer = self.xl("domid", check=False)
            if answer.returncode != 0 or int(answer.stdout) == old:
                return False
            domid = int(answer.stdout)
            return machine.ssh(f"xenstore-exists /local/domain/{domid}/serial/0/tty", check=False).returncode == 0

        self._poll(reborn, timeout, f"to come back as another domain than {old}")
        self._read_domid()
        self.attach_serial()

    def wait_another_device_model(self, process, timeout=90):
        """Waits until another process than that serves the same domain, and attaches to its serial port."""
        def changed():
            base = f"/local/domain/{self.domid}"
            found = machine.ssh(f"xenstore-read {base}/image/device-model-pid && xenstore-exists {base}/serial/0/tty", check=False)
            return found.returncode == 0 and int(found.stdout) != process

        self._poll(changed, timeout, f"to get another device model than {process}")
        self.attach_serial()

    def _poll(self, condition, timeout, what):
        deadline = time.monotonic() + timeout * patience()
        while not condition():
            if time.monotonic() > deadline:
                raise LabError(f"waited {duration(timeout * patience())} for {self.name} {what}\n{self.xl_log()}")
            time.sleep(0.5)

    # --- serial line -------------------------------------------------------------------------------------------------

    def attach_serial(self):
        """Connects to the pty that xenstore names; replaces an earlier connection."""
        if self.serial:
            self.serial.close()
        tty = machine.ssh(f"xenstore-read /local/domain/{self.domid}/serial/0/tty").stdout.strip()
        script = (f"exec 3<>{tty} && stty raw -echo <&3 && echo reader attached && "
                  f"exec socat -t0 - FD:3 2>/dev/null")  # that the port went with its domain is no output of the guest
        self.serial = Stream(machine.ssh_command(script), f"{self.name}'s serial port", self.log_dir / f"serial-{self.name}.txt")
        self.serial.expect("^reader attached\n", 30)

    def detach_serial(self):
        self.serial.close()
        self.serial = None

    def expect(self, pattern, timeout=60):
        return self.serial.expect(pattern, timeout)

    def send(self, text):
        self.serial.send(text)

    def results(self, timeout=120):
        """Waits for the guest test's end; returns its GUEST lines as {key: [values]}."""
        self.expect(r"^GUEST done", timeout)
        return self.said()

    def said(self):
        """Its GUEST lines so far, {key: [values]}."""
        found = {}
        for key, value in re.findall(r"^GUEST (\S+) ?(.*)$", self.serial.text, re.MULTILINE):
            found.setdefault(key, []).append(value.strip())
        return found

    def console(self, arguments="-t serial"):
        """xl console on a terminal of its own; detach our reader first, they would share the text."""
        return Stream(machine.ssh_command(f"xl console {arguments} {self.name}", tty=True), f"xl console {self.name}",
                      self.log_dir / f"console-{self.name}.txt")

    # --- screen ------------------------------------------------------------------------------------------------------

    def vnc(self, **options):
        vnc = Vnc(vnc_port() + self.vnc_display(), self.log_dir, self.name, **options)
        self._vncs.append(vnc)
        return vnc

    def vnc_display(self):
        port = machine.ssh(f"xenstore-read /local/domain/{self.domid}/console/vnc-port").stdout.strip()
        return int(port) - 5900

    # --- traces ------------------------------------------------------------------------------------------------------

    def dm_pid(self):
        return int(machine.ssh(f"xenstore-read /local/domain/{self.domid}/image/device-model-pid").stdout)

    def dm_log(self):
        return machine.ssh(f"cat /var/log/xen/qemu-dm-{self.name}.log", check=False).stdout

    def xl_log(self):
        return machine.ssh(f"cat /var/log/xen/xl-{self.name}.log", check=False).stdout
