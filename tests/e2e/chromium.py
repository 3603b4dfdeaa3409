"""A real Chromium without a window, told what to do by the DevTools protocol over two pipes: no port, no package. And PNGs, read by the standard
library."""
import base64
import collections
import json
import os
import pathlib
import select
import shutil
import subprocess
import time
import zlib

# As Debian and others call it.
NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
PATIENCE_S = 60
PIECE = 1 << 16


class NoBrowser(Exception):
    """There is none here."""


def program():
    named = os.environ.get("LEITHER_CHROMIUM")
    for name in [named] if named else NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowser("there is no Chromium here: install Debian's chromium-headless-shell, or name one by LEITHER_CHROMIUM")


class Chromium:
    """The process, and one page after the other."""

    def __init__(self, profile):
        # Names end at this machine, whatever the page says.
        words = [program(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE localhost, EXCLUDE 127.0.0.1",
                 "--window-size=640,400", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()
        self.log = open(pathlib.Path(profile).with_suffix(".log"), "w")
        # It takes orders on 3 and answers on 4.
        line = ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", *words]
        self.process = subprocess.Popen(line, pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.close(to_read)
        os.close(to_write)
        self.number, self.rest, self.events = 0, b"", collections.deque()

    def message(self, until):
        """The next thing that it says."""
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.back], [], [], max(0, until - time.time()))
            piece = os.read(self.back, PIECE) if ready else b""
            if not piece:
                self.log.flush()
                said = pathlib.Path(self.log.name).read_text()[-2_000:]
                raise SystemExit(f"Chromium {'says nothing' if not ready else 'has ended'}; it said:\n{said}")
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def ask(self, method, session=None, **params):
        self.number += 1
        call = {"id": self.number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self.to, json.dumps(call).encode() + b"\0")
        until = time.time() + PATIENCE_S
        while True:
            said = self.message(until)
            if said.get("id") == self.number:
                if "error" in said:
                    raise SystemExit(f"Chromium: {method}: {said['error']}")
                return said["result"]
            if "method" in said:
                self.events.append(said)

    def event(self, session, name):
        """Waits until it tells that."""
        until = time.time() + PATIENCE_S
        while True:
            while self.events:
                said = self.events.popleft()
                if said["method"] == name and said.get("sessionId") == session:
                    return said["params"]
            said = self.message(until)
            if "method" in said:
                self.events.append(said)

    def open(self, url):
        return Page(self, url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        self.log.close()


class Page:
    """A tab that has loaded a page, with all that the page loads."""

    def __init__(self, browser, url):
        self.browser = browser
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("Network.enable")
        self.go(url)

    def ask(self, method, **params):
        return self.browser.ask(method, self.session, **params)

    def go(self, url):
        done = self.ask("Page.navigate", url=url)
        if "errorText" in done:
            raise SystemExit(f"{url}: {done['errorText']}")
        self.loaded()

    def loaded(self):
        self.browser.event(self.session, "Page.loadEventFired")

    def run(self, script):
        """The value of an expression in the page; promises are waited for."""
        done = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise SystemExit(f"{script}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def follow(self, selector):
        """Clicks a link, and waits for where it leads."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")
        self.loaded()

    def picture(self, path):
        data = base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])
        pathlib.Path(path).write_bytes(data)
        return data


def colours(png):
    """How often each colour is in a PNG of 8 bits a sample, RGB or RGBA, not interlaced."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise SystemExit("that is no PNG")
    at, packed = 8, b""
    while at < len(png):
        size, kind = int.from_bytes(png[at:at + 4]), png[at + 4:at + 8]
        part, at = png[at + 8:at + 8 + size], at + 12 + size
        if kind == b"IHDR":
            width, height, depth, form, _, _, woven = (int.from_bytes(part[:4]), int.from_bytes(part[4:8]), *part[8:13])
        elif kind == b"IDAT":
            packed += part
    if depth != 8 or form not in (2, 6) or woven:
        raise SystemExit(f"a PNG of another kind: depth {depth}, form {form}")
    step = 3 if form == 2 else 4
    data, line = zlib.decompress(packed), width * step
    seen, above = collections.Counter(), bytes(line)
    for row in range(height):
        start = row * (line + 1)
        above = unfiltered(data[start], bytearray(data[start + 1:start + 1 + line]), above, step)
        seen.update(bytes(above[n:n + 3]) for n in range(0, line, step))
    return seen


def unfiltered(kind, row, above, step):
    """A row of a PNG as it was before it was packed."""
    for n in range(len(row)) if kind else ():
        left = row[n - step] if n >= step else 0
        up = above[n]
        corner = above[n - step] if n >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
        row[n] = (row[n] + guess) & 0xff
    return row
