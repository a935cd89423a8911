"""Messages: progress on standard output, problems as one exception that names the remedy."""
import subprocess
import sys
import time


class LabError(Exception):
    """Something the lab cannot do; the text says what, why and what helps."""


def say(text):
    print(f"lab: {text}", flush=True)


class Step:
    """Prints what begins and how long it usually takes, then how long it took."""

    def __init__(self, what, usual_seconds=None):
        self.what, self.usual = what, usual_seconds

    def __enter__(self):
        usual = f" (usually {duration(self.usual)})" if self.usual else ""
        say(f"{self.what}{usual} ...")
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, value, trace):
        took = duration(time.monotonic() - self.began)
        say(f"{self.what}: {'done' if kind is None else 'FAILED'} after {took}")


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def run_logged(command, log, cwd=None, env=None):
    """Runs a command with its output in a file; on failure raises with the last lines of it."""
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        status = subprocess.call(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 cwd=cwd, env=env)
    if status != 0:
        tail = "\n  ".join(open(log, errors="replace").read().splitlines()[-15:])
        raise LabError(f"{command[0]} failed with status {status}; whole output: {log}\n  {tail}")


def main_guard(main):
    """Runs main() and turns LabError and interruption into a message and exit status 2."""
    try:
        sys.exit(main())
    except LabError as error:
        print(f"lab: error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        sys.exit(130)
