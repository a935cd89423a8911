"""QEMU, built from Debian's source package, unchanged, in the cache: for those who ask for it."""
import contextlib
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from debian_source import NoSource, fetch

# Resolved: what is built knows where it lies.
CACHE = Path(os.environ.get("HVMDM_CACHE") or Path.home() / ".cache/hvmdm").resolve() / "qemu-tests"
SOURCE, BUILD = CACHE / "qemu", CACHE / "build"
EMULATOR = BUILD / "qemu-system-i386"
SERIES = "1:7.2+dfsg"
OPTIONS = ["--target-list=i386-softmmu", "--without-default-features", "--enable-tcg", "--enable-vnc", "--enable-tools",
           "--disable-werror", "--disable-docs"]  # ahci-test is built with the tools only


class SourceError(Exception):
    """What says, why, and what helps."""


def run_logged(command, log, cwd):
    with open(log, "ab") as out:
        if subprocess.call([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                           stderr=out) != 0:
            tail = "\n  ".join(Path(log).read_text(errors="replace").splitlines()[-12:])
            raise SourceError(f"{command[0]} failed; whole output: {log}\n  {tail}")


@contextlib.contextmanager
def alone(say):
    """Two builds in one folder would spoil each other."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build of it is under way; waiting ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch_source(say):
    if SOURCE.exists():
        return
    say("fetching QEMU's source package (usually 1 minute) ...")
    log = CACHE / "fetch.log"
    try:
        fetch("qemu", SERIES, CACHE, lambda command: run_logged(command, log, CACHE))
    except NoSource as error:
        raise SourceError(f"{error} See {log}") from None


def configure(say, log):
    """Anew, too, where the folder was moved: its build files name the old place."""
    stamp, wanted = BUILD / "configured", f"{SOURCE}\n{' '.join(OPTIONS)}\n"
    if stamp.exists() and stamp.read_text() == wanted and (BUILD / "build.ninja").exists():
        return
    say("configuring it (usually 30 s) ...")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir()
    run_logged([SOURCE / "configure", *OPTIONS], log, BUILD)
    stamp.write_text(wanted)


def build(targets, say):
    """The build folder, with these of its programs made."""
    log = CACHE / "build.log"
    with alone(say):
        fetch_source(say)
        log.unlink(missing_ok=True)
        configure(say, log)
        if missing := [target for target in targets if not (BUILD / target).exists()]:
            say(f"building {', '.join(Path(target).name for target in missing)} (usually "
                f"{'8' if EMULATOR.name in missing else '3'} minutes on 2 cores the first time) ...")
        run_logged(["ninja", *targets], log, BUILD)  # an interrupted build goes on where it was
    return BUILD
