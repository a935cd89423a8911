"""The command behind tools/quickstart: a guest on real Xen, with VNC and serial console to connect to."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import build, images, machine, xlconfig
from .guest import DEFAULTS
from .lab import HVMDM_IN_DOM0
from .say import LabError, Step, main_guard, run_logged, say
from .settings import REPO, cache_dir, device_model_binary, vnc_port

NAME = "quickstart"
SPACE_MIB = 8000  # dom0's image, the kernel's sources while they are built, packages
KEPT_FREE_MIB = 300  # in dom0


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/quickstart",
        description="Runs an HVM guest with hvmdm on a real Xen host inside an emulated machine, and says how to "
                    "connect to it. Installs Debian packages and builds what is missing (about 20 minutes the first "
                    "time, about 1 minute afterwards). Needs Debian 12 and root; no KVM.")
    parser.add_argument("--disk", metavar="FILE", help="boot this raw disk image (the guest works on a copy)")
    parser.add_argument("--cdrom", metavar="FILE", help="put this ISO image into the CD-ROM drive and boot from it first")
    parser.add_argument("--memory", metavar="MIB", type=int, default=256, help="the guest's memory (256)")
    parser.add_argument("--config", metavar="FILE", help="run the guest of this xl configuration; image files it names "
                                                         "are copied into dom0")
    parser.add_argument("--device-model", choices=["hvmdm", "qemu"], default="hvmdm",
                        help="qemu: the packaged one, for comparison")
    parser.add_argument("--stop", action="store_true", help="end the guest and the Xen host")
    given = parser.parse_args()
    if given.config and (given.disk or given.cdrom):
        parser.error("--config brings its own disks; leave out --disk and --cdrom")
    if not 32 <= given.memory <= 3000:
        parser.error(f"--memory {given.memory}: give 32 to 3000 MiB (the Xen host has 6144, dom0 takes 2048)")
    for option in ("disk", "cdrom", "config"):
        path = getattr(given, option)
        if path and not os.path.isfile(path):
            parser.error(f"--{option} {path}: there is no such file")
    return given


def main():
    given = arguments()
    if given.stop:
        machine.stop()
        return 0
    if os.geteuid() != 0:
        raise LabError("tools/quickstart installs packages and builds a Xen host; run it as root")
    check_space()
    if given.device_model == "hvmdm":
        build_device_model()
    build.build()
    machine.start()
    machine.ssh(f"xl destroy {NAME} 2>/dev/null; mkdir -p /lab/work; true")
    if given.device_model == "hvmdm":
        install_device_model()
    name = create(given)
    tell(name, given.device_model)
    return 0


def check_space():
    directory = cache_dir()
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free >> 20
    if not build.DOM0.is_built() and free < SPACE_MIB:
        raise LabError(f"only {free} MiB are free at {directory}, {SPACE_MIB} are needed; make room, or name another place "
                       "in HVMDM_CACHE")


def build_device_model():
    log = cache_dir() / "logs" / "device-model.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with Step("building hvmdm (build/release/hvmdm)", 120):
        run_logged(["cmake", "--preset", "release"], log, cwd=REPO)
        run_logged(["cmake", "--build", "--preset", "release"], log, cwd=REPO)


def install_device_model():
    stripped = cache_dir() / "hvmdm.stripped"
    subprocess.run(["strip", "-o", str(stripped), str(device_model_binary())], check=True)
    machine.put(stripped, HVMDM_IN_DOM0 + ".new")
    machine.ssh(f"chmod 755 {HVMDM_IN_DOM0}.new && mv {HVMDM_IN_DOM0}.new {HVMDM_IN_DOM0}")


def create(given):
    text = user_config(given) if given.config else own_config(given)
    if given.device_model == "hvmdm":
        text += f'\ndevice_model_version = "qemu-xen"\ndevice_model_override = "{HVMDM_IN_DOM0}"\n'
    found = re.search(r"^\s*name\s*=\s*[\"']([^\"']+)", text, re.MULTILINE)
    name = found[1] if found else NAME
    with Step(f"xl create of guest {name}", 10):
        machine.ssh(f"xl destroy {name} 2>/dev/null; true")
        path = f"/lab/work/{name}.cfg"
        done = machine.ssh(f"cat >{path} && xl create {path}", 120, check=False, input=text)
    if done.returncode != 0:
        log = machine.ssh(f"cat /var/log/xen/qemu-dm-{name}.log 2>/dev/null", check=False).stdout
        raise LabError(f"xl create failed:\n{done.stdout}{done.stderr}the device model's log:\n{log}")
    return name


def own_config(given):
    disks = []
    if given.disk:
        disks.append(xlconfig.disk(send(given.disk), "hda"))
    if given.cdrom:
        disks.append(xlconfig.disk(send(given.cdrom), "hdc", mode="r", cdrom=True))
    if not disks:
        disks.append(xlconfig.disk(images.linux(NAME, "shell", menu_seconds=10), "hda"))
    keys = {**DEFAULTS, "name": NAME, "memory": given.memory, "disk": disks, "boot": "dc" if given.cdrom else "c"}
    return xlconfig.write(keys)


def user_config(given):
    """The user's own text; every image file that exists here is copied to the same path in dom0."""
    text = Path(given.config).read_text()
    lists = re.findall(r"^\s*disk\s*=\s*\[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    for spec in re.findall(r"[\"']([^\"']+)[\"']", " ".join(lists)):
        target = re.search(r"target=(.*)", spec)
        path = target[1] if target else spec.split(",")[0]
        path = re.sub(r"^(file|phy|tap2?:aio|raw):", "", path.strip())
        if os.path.isfile(path) and os.path.isabs(path):
            send(path, path)
    return text


def send(path, destination=None):
    """Copies an image into dom0, sparse; returns its path there."""
    destination = destination or f"/lab/work/{Path(path).name}"
    size = os.stat(path).st_blocks * 512 >> 20
    free = int(machine.ssh("df -Pm / | awk 'NR == 2 {print $4}'").stdout)
    if size > free - KEPT_FREE_MIB:
        raise LabError(f"{path} holds {size} MiB, but dom0 has only {free} MiB free; use a smaller or a sparser image")
    with Step(f"copying {path} ({size} MiB) into dom0", max(2, size // 40)):
        machine.ssh(f"mkdir -p {Path(destination).parent}")
        reader = subprocess.Popen(["tar", "-C", str(Path(path).resolve().parent), "-cSf", "-", Path(path).resolve().name],
                                  stdout=subprocess.PIPE)
        writer = subprocess.run(machine.ssh_command(
            f"tar -xSf - -C {Path(destination).parent} --transform 's|.*|{Path(destination).name}|'"), stdin=reader.stdout,
            capture_output=True, text=True)
        if reader.wait() != 0 or writer.returncode != 0:
            raise LabError(f"copying {path} failed: {writer.stderr.strip()}")
    return destination


def tell(name, device_model):
    deadline = time.monotonic() + 10
    port = ""
    while not port and time.monotonic() < deadline:
        domid = machine.ssh(f"xl domid {name}").stdout.strip()
        port = machine.ssh(f"xenstore-read /local/domain/{domid}/console/vnc-port", check=False).stdout.strip()
    screen = f"127.0.0.1:{vnc_port() + int(port) - 5900}" if port else "none (vnc=0)"
    binary = "hvmdm" if device_model == "hvmdm" else "the packaged QEMU"
    print(f"""
Guest {name} runs on {binary}.

  screen (VNC)      {screen}      for example: vncviewer {screen.replace(':', '::')}
  serial console    ./tools/lab ssh 'xl console -t serial {name}'      (Ctrl-] leaves it)
  its log           ./tools/lab ssh 'cat /var/log/xen/qemu-dm-{name}.log'
  xl                ./tools/lab ssh 'xl list'
  end               ./tools/quickstart --stop
""", flush=True)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    main_guard(main)
