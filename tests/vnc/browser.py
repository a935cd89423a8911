#!/usr/bin/env python3
"""Opens a web console in headless Chromium, logs in, looks, types and points; prints what the canvas shows.

    browser.py CHROMIUM URL PASSWORD

Standard output: "size WIDTHxHEIGHT", one line "pixel X Y RRGGBB" for each of some pixels, "done". Chromium is spoken to by its DevTools
protocol over a pair of pipes."""
import json
import os
import subprocess
import sys
import tempfile
import time

PIXELS = [(0, 0), (1, 0), (17, 5), (100, 50), (319, 199)]
PATIENCE = 90


class Browser:
    def __init__(self, chromium, home):
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()
        for fd in (to_browser, from_browser):
            os.set_inheritable(fd, True)

        def wire():
            os.dup2(to_browser, 3)
            os.dup2(from_browser, 4)

        self.process = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
             "--ignore-certificate-errors", f"--user-data-dir={home}", "about:blank"],
            close_fds=False, preexec_fn=wire, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number, self.rest, self.session = 0, b"", None
        page = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]

    def ask(self, method, **parameters):
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            answer = self.answer()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def answer(self):
        while b"\0" not in self.rest:
            piece = os.read(self.answers, 65536)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.rest += piece
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + PATIENCE
        while not self.value(expression):
            if time.monotonic() > end:
                raise RuntimeError(f"never came true: {expression}\n{self.value('document.body.innerText')}")
            time.sleep(0.2)

    def close(self):
        self.process.kill()
        self.process.wait()


def main():
    chromium, url, password = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(chromium, home)
        try:
            visit(browser, url, password)
        finally:
            browser.close()
    print("done")


def visit(browser, url, password):
    browser.ask("Page.navigate", url=url)
    if password:
        browser.until("!!document.querySelector('#noVNC_credentials_dlg.noVNC_open')")
        browser.value(f"document.querySelector('#noVNC_password_input').value = {json.dumps(password)};"
                      "document.querySelector('#noVNC_credentials_button').click()")
    canvas = "document.querySelector('#noVNC_container canvas')"
    pixel = f"{canvas}.getContext('2d').getImageData(319, 199, 1, 1).data"
    browser.until(f"{canvas} && {canvas}.width > 300 && {pixel}.slice(0, 3).some(c => c)")
    print("size", browser.value(f"{canvas}.width + 'x' + {canvas}.height"))
    for x, y in PIXELS:
        data = browser.value(f"Array.from({canvas}.getContext('2d').getImageData({x}, {y}, 1, 1).data)")
        print("pixel", x, y, "%02x%02x%02x" % tuple(data[:3]))
    at = browser.value(f"(r => [r.left + r.width / 2, r.top + r.height / 2])({canvas}.getBoundingClientRect())")
    browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
    for kind in ("mousePressed", "mouseReleased"):
        browser.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)
    browser.value(f"{canvas}.focus()")
    for kind in ("keyDown", "keyUp"):
        browser.ask("Input.dispatchKeyEvent", type=kind, key="a", code="KeyA", windowsVirtualKeyCode=65)
    time.sleep(2)


main()
