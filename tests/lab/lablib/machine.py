"""The outer machine: emulated, with Xen and dom0 inside."""
import hashlib
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import build, packages
from .lock import Lock
from .say import LabError, Step, duration, say
from .settings import DISPLAYS, cache_dir, memory_mib, patience, ssh_port, vnc_port

XEN_ARGUMENTS = ("dom0_mem=2048M,max:2048M dom0_max_vcpus=2 console=com1 com1=115200,8n1 "
                 "loglvl=info guest_loglvl=all noreboot")
DOM0_ARGUMENTS = "console=hvc0 root=/dev/vda rw init=/dom0-init loglevel=4 net.ifnames=0"
RUN = "run"  # below the cache directory


def run_dir():
    return cache_dir() / RUN


def serial_log():
    return run_dir() / "serial.log"


# --- state -----------------------------------------------------------------------------------------------------------

def pid():
    """Process id of the running outer machine, or None."""
    try:
        number = int((run_dir() / "qemu.pid").read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return number if any(str(run_dir()).encode() in word for word in command) else None


def answers(timeout=10):
    """Whether dom0 can be reached."""
    try:
        return ssh("true", timeout=timeout, check=False).returncode == 0
    except LabError:
        return False


# --- ssh -------------------------------------------------------------------------------------------------------------

def _control_directory():
    """Short, because the path of a socket may have 107 bytes only."""
    name = hashlib.sha256(str(cache_dir()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"hvmdm-lab-{os.getuid()}-{name}"


def ssh_options():
    key = build.SSH_KEY.directory / "key"
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=10",
               "BatchMode=yes", "IdentitiesOnly=yes", "ServerAliveInterval=20", "ServerAliveCountMax=6",
               f"ControlPath={_control_directory()}/ssh"]
    return ["-F", "/dev/null", "-i", str(key), *(word for option in options for word in ("-o", option))]


def ssh_command(script, tty=False):
    """Command line that runs a shell script in dom0."""
    flags = ["-tt", "-e", "none"] if tty else ["-T"]
    return ["ssh", *ssh_options(), *flags, "-p", str(ssh_port()), "root@127.0.0.1", script]


def ssh(script, timeout=120, check=True, input=None):
    """Runs a shell script in dom0; returns the finished process with its text output."""
    limit = timeout * patience()
    text = input is None or isinstance(input, str)
    feed = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    try:
        done = subprocess.run(ssh_command(script), capture_output=True, text=text, timeout=limit,
                              **({"errors": "replace"} if text else {}), **feed)
    except subprocess.TimeoutExpired:
        raise LabError(f"dom0 did not finish within {duration(limit)}: {script.strip().splitlines()[0]}")
    if done.returncode == 255 and pid() is None:
        raise LabError("the outer machine does not run; `tools/lab start` starts it")
    if check and done.returncode != 0:
        raise LabError(f"dom0: `{script.strip()}` ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def put(source, destination):
    _copy([str(source)], f"root@127.0.0.1:{destination}", f"copying {source} to dom0")


def get(source, destination):
    _copy([f"root@127.0.0.1:{source}"], str(destination), f"copying {source} from dom0")


def _copy(sources, destination, what):
    command = ["scp", "-q", "-r", *ssh_options(), "-P", str(ssh_port()), *sources, destination]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        hint = "" if pid() else " (the outer machine does not run; `tools/lab start` starts it)"
        raise LabError(f"{what} failed: {done.stderr.strip()}{hint}")


# --- start and stop --------------------------------------------------------------------------------------------------

def start():
    """Boots the outer machine unless it runs already."""
    with Lock("machine"):
        if pid() and answers():
            say(f"already running: {describe()}")
            return
        if pid():
            say("the outer machine runs but does not answer; restarting it")
        stop(quiet=True)
        packages.install()
        for artefact in (build.SSH_KEY, build.XEN, build.DOM0):
            artefact.build()
        check_ports()
        with Step("booting the outer machine to dom0", 25):
            launch()
            wait_for_dom0()
        subprocess.run(["ssh", *ssh_options(), "-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-f", "-N",
                        "-p", str(ssh_port()), "root@127.0.0.1"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        say(f"running: {describe()}")


def describe():
    last = vnc_port() + DISPLAYS - 1
    return (f"process {pid()}, ssh on 127.0.0.1:{ssh_port()}, VNC displays :0 to :{DISPLAYS - 1} on "
            f"127.0.0.1:{vnc_port()} to {last}")


def check_ports():
    ports = [(ssh_port(), "HVMDM_LAB_SSH_PORT")]
    ports += [(vnc_port() + display, "HVMDM_LAB_VNC_PORT") for display in range(DISPLAYS)]
    for port, variable in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise LabError(f"port {port} of 127.0.0.1 is in use; free it or set {variable} to another one")


def stick_image():
    """What is on the USB stick of the outer machine: 4 MiB of noise."""
    path = run_dir() / "stick.img"
    if not path.exists():
        path.write_bytes(random.Random(2).randbytes(4 << 20))
    return path


def launch():
    directory = run_dir()
    directory.mkdir(parents=True, exist_ok=True)
    _control_directory().mkdir(mode=0o700, exist_ok=True)
    dom0 = build.DOM0.directory
    if serial_log().exists():
        serial_log().replace(directory / "serial.log.before")
    overlay = directory / "dom0.qcow2"
    overlay.unlink(missing_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(dom0 / "dom0.img"), str(overlay)],
                   check=True)
    forwards = [f"hostfwd=tcp:127.0.0.1:{ssh_port()}-:22"]
    forwards += [f"hostfwd=tcp:127.0.0.1:{vnc_port() + n}-:{5900 + n}" for n in range(DISPLAYS)]
    command = [
        "nice", "-n", "-15", "qemu-system-x86_64",
        "-accel", "tcg,thread=multi", "-cpu", "qemu64,+svm,+npt", "-smp", "3", "-m", str(memory_mib()),
        "-display", "none", "-no-reboot", "-monitor", "none", "-serial", f"file:{serial_log()}",
        "-pidfile", str(directory / "qemu.pid"),
        "-kernel", str(build.XEN.directory / "xen"), "-append", XEN_ARGUMENTS,
        "-initrd", f"{dom0}/vmlinuz {DOM0_ARGUMENTS},{dom0}/initrd.img",
        "-drive", f"file={overlay},if=virtio,format=qcow2,cache=unsafe",
        "-netdev", "user,id=n0,restrict=off," + ",".join(forwards), "-device", "virtio-net-pci,netdev=n0",
        "-drive", f"file={stick_image()},if=none,id=stick,format=raw,readonly=on",
        "-device", "qemu-xhci", "-device", "usb-storage,drive=stick",
    ]
    with open(directory / "qemu.out", "wb") as out:
        out.write((shlex.join(command) + "\n").encode())
        out.flush()
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + 10
    while pid() is None:
        if time.monotonic() > deadline:
            raise LabError(f"the outer machine did not start: {(directory / 'qemu.out').read_text()[-500:]}")
        time.sleep(0.1)
    raise_priority(pid())


def raise_priority(process):
    """Its CPUs wait for each other all the time; beside a busy build they would starve."""
    try:
        Path(f"/proc/{process}/autogroup").write_text("-15")
    except OSError:
        say("could not raise the outer machine's priority (not root?): guests will be slow while other work runs")


def wait_for_dom0():
    limit = 240 * patience()
    began = shown = time.monotonic()
    while not answers(timeout=10):
        now = time.monotonic()
        if pid() is None:
            raise LabError(f"the outer machine ended: {(run_dir() / 'qemu.out').read_text()[-500:]}\n{last_serial_lines()}")
        if now - began > limit:
            raise LabError(f"dom0 did not answer within {duration(limit)}; is the host busy? Its console, {serial_log()}, "
                           f"ends so:\n{last_serial_lines()}")
        if now - shown > 15:
            shown = now
            say(f"  dom0 does not answer yet, {now - began:.0f} s")
        time.sleep(1)


def last_serial_lines():
    try:
        return "\n".join(serial_log().read_text(errors="replace").splitlines()[-8:])
    except OSError:
        return ""


def _ended(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def stop(quiet=False):
    """Ends the outer machine; its disk is thrown away, so there is nothing to shut down."""
    with Lock("machine"):
        number = pid()
        if number is None and not quiet:
            say("not running")
        if number is not None:
            os.kill(number, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while not _ended(number):  # it holds its ports until the very end
                if time.monotonic() > deadline:
                    os.kill(number, signal.SIGKILL)
                time.sleep(0.1)
            if not quiet:
                say("stopped")
        for name in ("dom0.qcow2", "qemu.pid"):
            (run_dir() / name).unlink(missing_ok=True)
        shutil.rmtree(_control_directory(), ignore_errors=True)
