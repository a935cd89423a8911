"""Commands and their output, messages, and where things are."""
import os
import subprocess
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = REPO / "build"
LINTED = Path(os.environ.get("HVMDM_CACHE") or Path.home() / ".cache/hvmdm") / "lint"
CORES = os.cpu_count() or 1


def say(text):
    print(f"test: {text}", flush=True)


class Step:
    """Says what begins and how long it usually takes on 2 cores, then how long it took."""

    def __init__(self, what, usual):
        self.what, self.usual = what, usual

    def __enter__(self):
        say(f"{self.what} (usually {self.usual}) ...")
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, value, trace):
        say(f"{self.what}: {time.monotonic() - self.began:.0f} s")


def run(command, **options):
    """Runs a command; returns (status, whole output)."""
    done = subprocess.run([str(word) for word in command], cwd=REPO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    return done.returncode, done.stdout


def sources(*patterns):
    """Tracked and new files that match."""
    status, listing = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns])
    if status == 0:
        return [line for line in listing.splitlines() if (REPO / line).exists()]
    found = [path for pattern in patterns for path in REPO.rglob(pattern)]
    return sorted(str(path.relative_to(REPO)) for path in found if "build" not in path.relative_to(REPO).parts)
