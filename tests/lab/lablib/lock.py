"""One lab command at a time: a re-entrant lock on the cache directory."""
import fcntl
import os

from .say import LabError, say
from .settings import cache_dir

_held = {}


class Lock:
    """`with Lock("build"):` waits for other invocations, saying whom it waits for."""

    def __init__(self, name):
        self.path = cache_dir() / f"{name}.lock"

    def __enter__(self):
        if _held.get(self.path, 0):
            _held[self.path] += 1
            return self
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path, "a+")
        except OSError as error:
            raise LabError(f"cannot write {self.path}: {error.strerror}; set HVMDM_CACHE to a directory of yours")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.seek(0)
            say(f"waiting for another lab command to finish ({self.file.read().strip() or 'unknown process'})")
            fcntl.flock(self.file, fcntl.LOCK_EX)
        self.file.truncate(0)
        self.file.write(f"process {os.getpid()}")
        self.file.flush()
        _held[self.path] = 1
        return self

    def __exit__(self, *_):
        _held[self.path] -= 1
        if _held[self.path] == 0 and hasattr(self, "file"):
            self.file.truncate(0)
            self.file.close()
