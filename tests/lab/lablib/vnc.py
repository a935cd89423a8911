"""A VNC client on a guest's screen: vncdrive behind Python methods."""
import itertools
import subprocess
import time

import screen

from . import build
from .say import LabError, duration
from .settings import patience

_shots = itertools.count(1)


class Vnc:
    def __init__(self, port, log_dir, name, password=None, encodings=None, key_delay_ms=60, authority=None):
        command = [str(build.VNCDRIVE.file("vncdrive")), "--key-delay", str(key_delay_ms)]
        command += ["--password", password] if password else []
        command += ["--encodings", encodings] if encodings else []
        command += ["--ca", str(authority)] if authority else []  # file of its certificate: TLS is spoken
        self._log_dir, self._name = log_dir, name
        with open(log_dir / f"vncdrive-{name}.txt", "ab") as log:
            self._process = subprocess.Popen([*command, f"127.0.0.1:{port}"], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, stderr=log, text=True)
        self._read_answer("connecting")

    def do(self, command):
        """Sends one vncdrive command; returns what follows "ok"."""
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except OSError:
            raise LabError(f"VNC client of {self._name} ended before '{command}': {self._process.stdout.read().strip()}; "
                           "vncdrive-*.txt among the logs may tell more")
        return self._read_answer(command)

    def _read_answer(self, command):
        answer = self._process.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise LabError(f"VNC client of {self._name}: {command}: {answer or 'ended'}")
        return answer[2:].strip()

    def tap(self, *keys):
        for key in keys:
            self.do(f"tap {key}")

    def type(self, text):
        self.do(f"type {text}")

    def size(self):
        width, height = self.do("size").split()[:2]
        return int(width), int(height)

    def shot(self, refresh=False):
        """The picture that the client holds now, kept among the case's logs."""
        if refresh:
            self.do("refresh")
        path = self._log_dir / f"screen-{self._name}-{next(_shots):03}.ppm"
        self.do(f"shot {path}")
        return screen.Picture.load(path)

    def text(self, refresh=False):
        """The lines of a text mode's screen."""
        return screen.read_text(self.shot(refresh))

    def expect(self, text, timeout=60):
        """Waits until a line of the screen contains the text, or one of several; returns all lines."""
        texts = (text,) if isinstance(text, str) else text
        return self._wait_for(lambda line: any(each in line for each in texts), " or ".join(f"'{each}'" for each in texts), timeout)

    def _wait_for(self, wanted, name, timeout):
        limit = timeout * patience()
        deadline = time.monotonic() + limit
        while True:
            picture = self.shot()
            lines = screen.read_text(picture)
            if any(wanted(line) for line in lines):
                picture.remove()
                return lines
            if time.monotonic() > deadline:
                shown = "\n".join("    |" + line for line in lines if line.strip())
                raise LabError(f"screen of {self._name}: waited {duration(limit)} for {name}; "
                               f"{picture.width}x{picture.height} shows:\n{shown or '    (no text)'}")
            picture.remove()
            self.do("wait-update 1000")

    def wait_size(self, size, timeout=60):
        """Waits until the screen has that size."""
        deadline = time.monotonic() + timeout * patience()
        while self.size() != size:
            if time.monotonic() > deadline:
                raise LabError(f"screen of {self._name}: waited {duration(timeout * patience())} for {size[0]}x{size[1]}; "
                               f"it is {self.size()}")
            self.do("wait-update 500")

    def wait_picture(self, wanted, timeout=30):
        """Waits until a picture is as wanted; then nothing, else the last one, which stays among the case's logs."""
        deadline = time.monotonic() + timeout * patience()
        while True:
            picture = self.shot()
            if wanted(picture):
                picture.remove()
                return None
            if time.monotonic() > deadline:
                return picture
            picture.remove()
            self.do("wait-update 500")

    def close(self):
        self._process.kill()
        self._process.wait()
