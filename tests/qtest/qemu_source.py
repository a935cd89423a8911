"""QEMU, built from Debian's source package, unchanged, in the cache: for those who ask for it."""
import contextlib
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

# Resolved: what is built knows where it lies.
CACHE = Path(os.environ.get("HVMDM_CACHE") or Path.home() / ".cache/hvmdm").resolve() / "qemu-tests"
SOURCE, BUILD = CACHE / "qemu", CACHE / "build"
EMULATOR = BUILD / "qemu-system-i386"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
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


def apt(*words):
    """apt-get with lists and cache of its own: the machine's sources stay as they are."""
    places = [f"Dir::Etc::sourcelist={CACHE}/sources.list", "Dir::Etc::sourceparts=-", f"Dir::State::lists={CACHE}/lists",
              f"Dir::Cache={CACHE}/cache"]
    return ["apt-get", *[word for place in places for word in ("-o", place)], *words]


def description():
    """The newest .dsc whose files are all there, or None."""
    for found in sorted(CACHE.glob("qemu_*.dsc"), reverse=True):
        text = found.read_text(errors="replace")
        names = {line.split()[2] for line in text.splitlines() if line.startswith(" ") and len(line.split()) == 3}
        if f"Version: {SERIES}" in text and names and all((CACHE / name).exists() for name in names):
            return found
    return None


def fetch_source(say):
    if (SOURCE / "configure").exists():
        return
    log = CACHE / "fetch.log"
    if description() is None:
        say("fetching QEMU's source package (usually 1 minute) ...")
        for folder in ("lists/partial", "cache/archives/partial"):
            (CACHE / folder).mkdir(parents=True, exist_ok=True)
        (CACHE / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n")
        run_logged(apt("update"), log, CACHE)
        run_logged(apt("source", "--download-only", "qemu"), log, CACHE)
    package = description()
    if package is None:
        raise SourceError(f"no source package of QEMU {SERIES} came; is this Debian 12? See {log}")
    unpacked = CACHE / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    shutil.rmtree(SOURCE, ignore_errors=True)
    run_logged(["dpkg-source", "--no-check", "-x", package, unpacked], log, CACHE)
    unpacked.rename(SOURCE)


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
