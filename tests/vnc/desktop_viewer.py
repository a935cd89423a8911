#!/usr/bin/env python3
"""Opens a viewer that people use on an X server of its own, logs in, looks, points and types.

    desktop_viewer.py tigervnc|gvncviewer PORT PASSWORD AUTHORITY

AUTHORITY: file of the certificate that must have signed the server's; empty: no TLS. Standard output: "the picture is seen", which
is the unit tests', then "done"."""
import os
import subprocess
import sys
import tempfile
import time

WIDTH, HEIGHT = 320, 200
TALLEST_MENU = 60
STEP = 7  # not every byte is compared
PATIENCE = 60


def wanted_row(y):
    return b"".join((x * 3 + y * 5 + 0x10307).to_bytes(3, "big") for x in range(WIDTH))


class Desktop:
    def __init__(self, home):
        told, write_end = os.pipe()
        self.processes = [subprocess.Popen(["Xvfb", "-displayfd", str(write_end), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
                                           pass_fds=[write_end], stderr=subprocess.DEVNULL)]
        os.close(write_end)
        with open(told) as number:
            self.environment = dict(os.environ, DISPLAY=f":{number.readline().strip()}", HOME=home)

    def start(self, command, **more):
        self.processes.append(subprocess.Popen(command, env=dict(self.environment, **more), stdout=sys.stderr, stderr=sys.stderr))

    def run(self, *command):
        return subprocess.run(command, env=self.environment, check=True, capture_output=True).stdout

    def rows(self):
        data = self.run("import", "-silent", "-window", "root", "-depth", "8", "ppm:-")
        _, size, _, pixels = data.split(b"\n", 3)
        step = 3 * int(size.split()[0])
        return [pixels[at:at + step] for at in range(0, len(pixels), step)]

    def find(self, most_different):
        """Where the guest's picture is: its pixels' bytes differ by `most_different` from what is wanted, on average."""
        rows = self.rows()
        if most_different == 0:
            places = [(at // 3, y) for y, row in enumerate(rows) if (at := row.find(wanted_row(0))) >= 0]
        else:
            places = [(0, y) for y in range(TALLEST_MENU)]
        found = min(((self.difference(rows, *place), place) for place in places), default=(256, None))
        return found[1] if found[0] <= most_different else None

    @staticmethod
    def difference(rows, left, top):
        if top + HEIGHT > len(rows):
            return 256
        pairs = [(a, b) for y in range(HEIGHT) for a, b in zip(wanted_row(y)[::STEP], rows[top + y][3 * left::STEP])]
        return sum(abs(a - b) for a, b in pairs) / len(pairs)

    def windows(self, name):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", name], env=self.environment, capture_output=True, text=True)
        return found.stdout.split()

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


def tigervnc(desktop, port, password, authority):
    security = ["-SecurityTypes=X509Vnc", f"-X509CA={authority}"] if authority else ["-SecurityTypes=VncAuth"]
    desktop.start(["xtigervncviewer", *security, "-RemoteResize=0", "-AlertOnFatalError=0", "-ReconnectOnError=0", "-MenuKey=", "-NoJPEG",
                   "-AutoSelect=0", "-PreferredEncoding=Tight", f"127.0.0.1::{port}"], VNC_PASSWORD=password)


def gvncviewer(desktop, port, password, _):
    desktop.start(["gvncviewer", f"127.0.0.1:{int(port) - 5900}"])
    until(lambda: desktop.windows("Authentication"))
    desktop.run("xdotool", "windowfocus", desktop.windows("Authentication")[-1])
    time.sleep(1)
    desktop.run("xdotool", "type", password)
    desktop.run("xdotool", "key", "Return")


# And how much a byte of a pixel may be wrong, on average: gvncviewer wants JPEG.
VIEWERS = {"tigervnc": (tigervnc, 0), "gvncviewer": (gvncviewer, 10)}


def until(condition):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            sys.exit("it did not happen")
        time.sleep(0.3)
    return found


def main():
    viewer, port, password, authority = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        desktop = Desktop(home)
        try:
            start, most_different = VIEWERS[viewer]
            start(desktop, port, password, authority)
            x, y = until(lambda: desktop.find(most_different))
            print("the picture is seen")
            window = desktop.run("xdotool", "mousemove", str(x + 160), str(y + 100), "getmouselocation", "--shell").decode()
            number = next(line for line in window.splitlines() if line.startswith("WINDOW=")).split("=")[1]
            desktop.run("xdotool", "windowfocus", number)
            time.sleep(1)
            desktop.run("xdotool", "mousemove_relative", "1", "0", "mousemove_relative", "--", "-1", "0", "click", "1")
            time.sleep(1)
            desktop.run("xdotool", "key", "--delay", "100", "a")
            time.sleep(1)
        finally:
            desktop.close()
    print("done")


main()
