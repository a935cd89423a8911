"""A conversation with a running program: its output is collected in the background and searched for patterns."""
import re
import subprocess
import threading
import time

from .say import LabError, duration
from .settings import patience


class Stream:
    """Runs a command; `text` grows while it prints; `expect` searches from where the last match ended."""

    def __init__(self, command, name, capture=None):
        self.name, self._capture = name, capture
        self._changed = threading.Condition()
        self._text, self._position, self._ended = "", 0, False
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, bufsize=0)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        halved = ""  # the first half of an end of line
        while data := self._process.stdout.read(65536):
            if self._capture:
                with open(self._capture, "ab") as file:
                    file.write(data)
            text = halved + data.decode(errors="replace")
            halved = "\r" if text.endswith("\r") else ""
            with self._changed:
                self._text += text.removesuffix("\r").replace("\r\n", "\n")
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def text(self):
        with self._changed:
            return self._text

    @property
    def ended(self):
        with self._changed:
            return self._ended

    def expect(self, pattern, timeout=60):
        """Waits for the regular expression in new text; returns its match."""
        compiled = re.compile(pattern, re.MULTILINE)
        limit = timeout * patience()
        deadline = time.monotonic() + limit
        with self._changed:
            while True:
                if found := compiled.search(self._text, self._position):
                    self._position = found.end()
                    return found
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    why = "ended" if self._ended else f"did not show it within {duration(limit)}"
                    raise LabError(f"{self.name}: waited for /{pattern}/ but it {why}; its last lines:\n{self._tail()}")
                self._changed.wait(min(left, 1))

    def _tail(self):
        return "\n".join("    " + printable(line) for line in self._text[self._position:].splitlines()[-12:]) or "    (nothing)"

    def skip(self):
        """Forgets everything printed so far."""
        with self._changed:
            self._position = len(self._text)

    def send(self, text):
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def close(self):
        """Ends the program."""
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(3)


def printable(line):
    """A line without control sequences and long gaps."""
    without = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", re.sub(r"[\x00-\x08\x0e-\x1a\x7f]", "", line))
    return re.sub(" {9,}", "        ", without)
