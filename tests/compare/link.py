"""A process that serves the test protocol, and a fast way to talk to it."""
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from qtest import qemu_source

from .viewer import Viewer

REPO = Path(__file__).resolve().parents[2]
START_SECONDS = 60
ANSWER_SECONDS = 120
PATIENCE_SECONDS = 10
FIRMWARE = ["/usr/share/seabios", "/usr/share/qemu"]  # of packages: Debian's source has none


class CompareError(Exception):
    """What says, why, and what helps."""


class Died(Exception):
    """The process ended, or stopped answering, while a stream was played."""


class Link:
    """One machine. The words of `command` may name its "{folder}", where `images` are made: {file: bytes of noise}.

    `has_clock`: serves clock_step. What has none does at once what it does at all. `viewer`: somebody types by VNC.
    """

    def __init__(self, name, command, functions, images=(), has_clock=True, viewer=False):
        self.name, self.has_clock, self.viewer = name, has_clock, None
        self.functions = functions
        self.folder = tempfile.mkdtemp(prefix="compare-")
        for image in images:
            Path(self.folder, image).write_bytes(random.Random(image).randbytes(images[image]))
        self.levels = 0
        self.patience = PATIENCE_SECONDS
        self.rest = b""
        path = os.path.join(self.folder, "qtest")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(START_SECONDS)
            self.log = open(os.path.join(self.folder, "log"), "w+b")
            words = [word.replace("{folder}", self.folder) for word in command]
            self.process = subprocess.Popen([*words, "-qtest", f"unix:{path}", "-qtest-log", "/dev/null"],
                                            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
            try:
                self.socket = self.accept(listener)
                self.viewer = self.look() if viewer else None
            except CompareError:
                self.close()
                raise
        self.socket.settimeout(ANSWER_SECONDS)
        self.places = {}

    def died(self, error):
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            return Died(f"{self.name} does not answer: {error}")
        return Died(f"{self.name} ended with status {self.process.returncode}: {self.last_words()}")

    def accept(self, listener):
        listener.settimeout(0.25)
        for _ in range(START_SECONDS * 4):
            try:
                return listener.accept()[0]
            except TimeoutError:
                if self.process.poll() is not None:
                    break
        raise CompareError(f"{self.name} did not start: {self.last_words()}")

    def last_words(self):
        self.log.seek(0)
        return self.log.read()[-600:].decode(errors="replace").strip()

    def look(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return Viewer(os.path.join(self.folder, "vnc"))
            except OSError as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise CompareError(f"{self.name}'s screen cannot be seen: {error}") from None
                time.sleep(0.1)

    def key(self, words):
        try:
            self.viewer.key(int(words[1], 0), words[2] == "down")
        except OSError as error:
            raise self.died(error) from None

    def close(self):
        for connection in (getattr(self, "socket", None), self.viewer):
            if connection:
                connection.close()
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def look_up(self):
        """Finds the functions that streams name, wherever they are."""
        for devfn in range(256):
            if not self.functions:
                return
            address = 0x80000000 | devfn << 8
            _, found = self.talk([f"outl 0xcf8 {address:#x}", "inl 0xcfc"])
            wanted = int(found[0][3:], 16)
            for name, (vendor, device) in self.functions.items():
                if wanted == device << 16 | vendor and name not in self.places:
                    self.places[name] = address
        missing = [name for name in self.functions if name not in self.places]
        if missing:
            raise CompareError(f"{self.name} has no {', '.join(missing)}")

    def translate(self, line):
        """The commands of one line of a stream; the last one's reply is the line's."""
        words = line.split()
        if not words[0].startswith("config_"):
            return [line]
        register, width = int(words[2], 0), words[0][-1]
        select = f"outl 0xcf8 {self.places[words[1]] | register & 0xfc:#x}"
        port = 0xcfc + register % 4
        if words[0].startswith("config_read"):
            return [select, f"in{width} {port:#x}"]
        return [select, f"out{width} {port:#x} {words[3]}"]

    def send(self, commands):
        try:
            self.socket.sendall(("\n".join(commands) + "\n").encode())
        except OSError as error:
            raise self.died(error) from None

    def receive(self, count):
        """The raw replies to `count` commands, with the interrupt lines between them."""
        parts, have = [self.rest], 0
        have = self.replies_in(self.rest)
        while have < count:
            try:
                piece = self.socket.recv(1 << 20)
            except OSError as error:
                raise self.died(error) from None
            if not piece:
                raise self.died("closed")
            parts.append(piece)
            self.rest = b"".join(parts)
            parts = [self.rest]
            have = self.replies_in(self.rest)
        blob = self.rest
        end = blob.rfind(b"\n") + 1
        self.rest = blob[end:]
        return blob[:end]

    @staticmethod
    def replies_in(blob):
        end = blob.rfind(b"\n") + 1
        return blob.count(b"\n", 0, end) - blob.count(b"IRQ ", 0, end)

    def split(self, blob, count):
        """[(interrupt levels when the reply came, reply)]"""
        answers = []
        levels = self.levels
        for line in blob.decode().split("\n"):
            if line.startswith("IRQ "):
                _, edge, number = line.split()
                bit = 1 << int(number)
                levels = levels | bit if edge == "raise" else levels & ~bit
            elif line:
                answers.append((levels, line))
        self.levels = levels
        if len(answers) != count:
            raise Died(f"{self.name}: {len(answers)} replies to {count} commands")
        return answers

    def talk(self, commands):
        """(levels, replies to all commands that read)"""
        self.send(commands)
        answers = self.split(self.receive(len(commands)), len(commands))
        return self.levels, [reply for _, reply in answers if reply != "OK"]

    def wait(self, words):
        """Reads until the masked value is there; the line's reply is the last one."""
        command, mask, value = f"{words[1]} {words[2]}", int(words[3], 0), int(words[4], 0)
        deadline = time.monotonic() + self.patience
        while True:
            self.send([command])
            ((levels, reply),) = self.split(self.receive(1), 1)
            if int(reply[3:], 16) & mask == value:
                return levels, reply
            if time.monotonic() > deadline:
                return self.levels, f"{reply} (waited in vain)"


def ours():
    given = os.environ.get("HVMDM_BINARY")
    for candidate in [Path(given)] if given else [REPO / "build" / preset / "hvmdm" for preset in ("release", "dev")]:
        if candidate.exists():
            return str(candidate)
    raise CompareError("hvmdm is not built: cmake --preset release && cmake --build --preset release")


def theirs(with_clock=False):
    """Words that start the packaged QEMU; a build of one's own where its clock must move, which Debian's does not let it."""
    if with_clock:
        if not qemu_source.EMULATOR.exists():
            raise CompareError("this compares with a QEMU whose clock can be moved: tools/qtest-suite --emulator builds it")
        return [str(qemu_source.EMULATOR), *(word for folder in FIRMWARE for word in ("-L", folder))]
    program = os.environ.get("QEMU_BINARY", "qemu-system-i386")
    if not shutil.which(program):
        raise CompareError(f"{program} is not there: install package qemu-system-x86")
    return [program]
