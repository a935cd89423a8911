"""The viewer people use, beside our own client."""
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import screen

from lablib.case import case
from lablib.settings import vnc_port

PROGRAMS = {"Xvfb": "xvfb", "xtigervncviewer": "tigervnc-viewer", "xdotool": "xdotool", "import": "imagemagick"}


@case("TigerVNC's viewer under Xvfb shows the same picture as our client; keys typed in it arrive", 300, order=14)
def tigervnc(lab):
    absent = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if absent:
        lab.skip(f"not installed: {' '.join(absent)}")
    guest = lab.grub("menu").create()
    ours = guest.vnc()
    guest.expect("entry echo", 120)
    ours.expect("for a command-line.", 60)
    with Viewer(lab, vnc_port() + guest.vnc_display()) as viewer:
        viewer.expect("for a command-line.", 60)
        viewer.expect("restart", 60)  # GRUB's last entry, drawn after all else
        time.sleep(2)
        shown, held = viewer.picture(), ours.shot()
        lab.equal("text in TigerVNC's window", screen.read_text(shown), screen.read_text(held))
        lab.check(shown.pixels == held.pixels, "TigerVNC shows other pixels than vncdrive")
        viewer.keys("Down", "Down", "Down", "Return")
        guest.expect("CHOSEN delta", 60)
        viewer.expect("CHOSEN delta", 60)


class Viewer:
    """TigerVNC on an X server of its own."""

    def __init__(self, lab, port):
        self.lab, self.port = lab, port
        self.directory = Path(tempfile.mkdtemp(prefix="hvmdm-viewer-"))

    def __enter__(self):
        read_end, write_end = os.pipe()
        self.log = open(self.lab.log_dir / "tigervnc.txt", "wb")
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.close(write_end)
        with open(read_end) as told:
            display = told.readline().strip()
        self.lab.check(display, "Xvfb did not start, see tigervnc.txt")
        self.environment = dict(os.environ, DISPLAY=f":{display}", HOME=str(self.directory))
        self.viewer = subprocess.Popen(
            ["xtigervncviewer", "-SecurityTypes=None", "-Shared", "-RemoteResize=0", "-AlertOnFatalError=0", "-MenuKey=",
             "-PreferredEncoding=Hextile", "-FullColor", "-AutoSelect=0", f"127.0.0.1::{self.port}"],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        for process in (self.viewer, self.server):
            process.terminate()
            process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def picture(self):
        """The guest's screen in the viewer's window: the window has no frame, for there is no window manager."""
        path = self.lab.log_dir / "tigervnc.ppm"
        window = self._window()
        subprocess.run(["import", "-silent", "-window", window, "-depth", "8", f"ppm:{path}"], env=self.environment, check=True)
        picture = screen.Picture.load(path)
        return picture.crop(0, 0, 720, 400) if picture.width >= 720 and picture.height >= 400 else picture

    def _window(self):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "TigerVNC"], env=self.environment,
                               capture_output=True, text=True).stdout.split()
        return found[0] if found else "root"

    def expect(self, text, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            lines = screen.read_text(self.picture())
            if any(text in line for line in lines):
                return lines
            time.sleep(1)
        self.lab.check(False, f"TigerVNC did not show '{text}' within {timeout} s but:\n" + "\n".join(filter(None, lines)))

    def keys(self, *names):
        window = self._window()
        subprocess.run(["xdotool", "windowfocus", window, "mousemove", "300", "200"], env=self.environment, check=True)
        time.sleep(1)
        for name in names:
            subprocess.run(["xdotool", "key", "--delay", "100", name], env=self.environment, check=True)
            time.sleep(0.3)
