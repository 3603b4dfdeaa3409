#!/usr/bin/env python3
"""A site opens in a real Chromium from nodes that are not its author's, after the author's node has ended for good: with its style, image, script and
pages, on an origin of its own; where origins are shared its script does not run; two sites do not see each other.

In a network namespace with loopback alone where that can be made. Pictures of what was seen go to LEITHER_PICTURES, if that names a directory."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from bitswap import Skip, made
from chromium import Chromium, NoBrowser, colours, program
from content import QUICK, Keepers
from lib import Checks, Score

CHECKS = Checks()
PATIENCE_S = 60
# A page without anything has one colour.
COLOURS_MIN = 8
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title><link rel="stylesheet" href="style.css"></head>
<body><h1>{name}</h1><p id="said">no script ran</p><img id="image" src="image.png" alt="" width="120" height="80">
<p><a id="there" href="pages/second.html">the second page</a></p><script src="app.js"></script></body></html>
"""
SECOND = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>second</title><link rel="stylesheet" href="../style.css"></head>
<body><h1>second</h1><p id="said">no script ran</p><a id="back" href="../">back</a><script src="../app.js"></script></body></html>
"""
SCRIPT = """document.getElementById('said').textContent = `the script ran on ${location.origin}`
localStorage.setItem('secret', '%s')
"""
STYLE = "body { background: linear-gradient(90deg, #fff, %s); font-family: sans-serif } h1 { color: rgb(10, 120, 60) }"
# Everything that a page of another origin can try: its own storage, its cookies, and the other one's page in a frame.
SPY = """(async () => {
  const frame = document.createElement('iframe')
  frame.src = '%s'
  document.body.append(frame)
  await new Promise((done) => { frame.onload = done; setTimeout(done, 10000) })
  let through
  try { through = frame.contentWindow.localStorage.getItem('secret') } catch (error) { through = error.name }
  let fetched
  try { fetched = (await (await fetch('%s')).text()).length } catch (error) { fetched = error.name }
  return { own: localStorage.getItem('secret'), through, fetched, cookies: document.cookie }
})()"""


def png(width, height, colour):
    """A picture with a gradient of that colour."""
    rows = b"".join(b"\0" + b"".join(bytes(channel * x // width for channel in colour) for x in range(width)) for _ in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def site(path, name, colour):
    path = pathlib.Path(path)
    (path / "pages").mkdir(parents=True)
    (path / "index.html").write_text(PAGE.format(name=name))
    (path / "pages/second.html").write_text(SECOND)
    (path / "style.css").write_text(STYLE % colour)
    (path / "app.js").write_text(SCRIPT % name)
    (path / "image.png").write_bytes(png(60, 40, (250, 180, 40)))
    return path


class Shots:
    """Where pictures go."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def take(self, page, name):
        seen = colours(page.picture(self.directory / f"{name}.png"))
        most, all_of = seen.most_common(1)[0][1], sum(seen.values())
        CHECKS.that(len(seen) >= COLOURS_MIN and most < all_of, f"the picture {name} is blank: {len(seen)} colours")


def opened(browser, own, name, shots, shot):
    """On its own origin all of it works."""
    page = browser.open(f"{own}/")
    CHECKS.equal(page.run("document.title"), name, "its title")
    CHECKS.equal(page.run("document.getElementById('said').textContent"), f"the script ran on {own}", "its script")
    CHECKS.equal(page.run("getComputedStyle(document.querySelector('h1')).color"), "rgb(10, 120, 60)", "its style")
    CHECKS.equal(page.run("document.getElementById('image').naturalWidth"), 60, "its image")
    shots.take(page, shot)
    page.follow("#there")
    CHECKS.equal(page.run("[location.pathname, document.querySelector('h1').textContent].join()"), "/pages/second.html,second", "a page below")
    CHECKS.equal(page.run("document.getElementById('said').textContent"), f"the script ran on {own}", "its script there")
    page.follow("#back")
    CHECKS.equal(page.run("location.href"), f"{own}/", "and back")
    return page


def shared(browser, gate, mid, name, shots, shot):
    """On an origin that all sites share the page shows, and its script does not run."""
    page = browser.open(f"{gate}/mm/{mid}/")
    CHECKS.equal(page.run("location.href"), f"{gate}/mm/{mid}/", "it stays there")
    CHECKS.equal(page.run("document.querySelector('h1').textContent"), name, "the page")
    CHECKS.equal(page.run("document.getElementById('said').textContent"), "no script ran", "its script")
    CHECKS.equal(page.run("self.origin"), "null", "the origin is nobody's")
    shots.take(page, shot)


def looked_at(browser, node, sites, shots):
    port = node.gate.rsplit(":", 1)[1]
    own = {mid: f"http://{mid}.mm.localhost:{port}" for mid in sites}
    pages = {mid: opened(browser, own[mid], name, shots, f"{node.name}-{name}") for mid, name in sites.items()}
    for mid, other in (tuple(sites), tuple(sites)[::-1]):
        found = pages[mid].run(SPY % (own[other] + "/", own[other] + "/app.js"))
        CHECKS.equal(found["own"], sites[mid], "its own storage is its own")
        CHECKS.equal(found["through"], "SecurityError", "another site's storage")
        CHECKS.that(isinstance(found["fetched"], int) and found["fetched"] > 20, f"what is public is read by anybody: {found}")
        CHECKS.equal(found["cookies"], "", "there are no cookies")
    for mid, name in sites.items():
        shared(browser, node.gate, mid, name, shots, f"{node.name}-{name}-shared")
    # A host of the gateway's own sends paths to origins.
    page = browser.open(f"http://localhost:{port}/mm/{next(iter(sites))}/")
    CHECKS.equal(page.run("location.origin"), own[next(iter(sites))], "moved to its own origin")


def run(top, shots):
    with Keepers(top / "net", wallets=1, params=QUICK) as net:
        net.start()
        author, provider, reader, _ = net.nodes
        sites = {}
        for name, colour in (("first", "#f93"), ("other", "#39f")):
            mid, _ = author.add(site(top / name, name, colour))
            author.publish(mid)
            provider.cli("mimei", "provide", mid)
            provider.follow(mid, 0, PATIENCE_S)
            sites[mid] = name
        author.stop()
        author.process = None
        shutil.rmtree(author.home)
        for mid in sites:
            CHECKS.equal(reader.newest(mid), None, "the reader's node has none of it")
        with Chromium(top / "profile") as browser:
            for node in (provider, reader):
                began = time.time()
                looked_at(browser, node, sites, shots)
                print(json.dumps({"part": "opened", "at": node.name, "s": round(time.time() - began, 1)}), flush=True)
        net.alive()


def inside():
    with Score("browser", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-browser-") as text:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        shots = Shots(os.environ.get("LEITHER_PICTURES") or top / "pictures")
        run(top, shots)
        print(f"{len(list(shots.directory.glob('*.png')))} pictures in {shots.directory}")
    print(f"{CHECKS.count} checks")


def main():
    if "--inside" in sys.argv:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return inside()
    try:
        program()
    except NoBrowser as why:
        print(f"skipped: {why}")
        return None
    try:
        made(["unshare", "-n", "ip", "link", "set", "lo", "up"], "no network namespace")
    except Skip:
        # No name but this machine's is looked up.
        return inside()
    sys.exit(subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside"]).returncode)


if __name__ == "__main__":
    main()
