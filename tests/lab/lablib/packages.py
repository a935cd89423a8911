"""Debian packages of the machine the lab runs on."""
import os
import subprocess

from .lock import Lock
from .say import LabError, Step, run_logged
from .settings import LAB, cache_dir


def wanted(name):
    """Package names in a list file: one or more per line, # begins a comment."""
    lines = (LAB / name).read_text().splitlines()
    return [word for line in lines for word in line.split("#")[0].split()]


def missing(listed="packages"):
    """Those of the outer machine's packages in that list file that are not installed."""
    names = wanted(listed)
    try:
        answer = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
                                capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise LabError("dpkg-query not found: the lab runs on Debian 12 (its QEMU 7.2 matters, see docs/lab.md)")
    installed = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def install(listed="packages"):
    """Installs what is missing of that list file; needs root only then."""
    names = missing(listed)
    if not names:
        return
    if os.geteuid() != 0:
        raise LabError(f"packages are missing: {' '.join(names)}; run `tools/lab build` as root once")
    log = cache_dir() / "logs" / "packages.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = ["apt-get", "install", "-y", "--no-install-recommends", *names]
    with Lock("build"), Step(f"installing {len(names)} packages: {' '.join(names)}", 90):
        run_logged(["apt-get", "update"], log, env=environment)
        run_logged(command, log, env=environment)
