#!/usr/bin/env python3
"""`@helia/verified-fetch`, which believes no gateway, reads files, directories, ranges and CARs from ours, block by block; where something on the way
changes a byte it refuses.

All of it runs in a network namespace with loopback alone where that can be made. Needs npm's registry once; without it, it says so and tests nothing."""
import base64
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

from bitswap import Skip, made, modules
from content import MIB, curl, site
from lib import FAST, ROOT, Checks, Dev, Score

SOURCE = ROOT / "tests/e2e/verified"
PROGRAM = "verified_fetch.mjs"
CHECKS = Checks()


class Reader:
    """A process that reads from one gateway."""

    def __init__(self, place, gateway):
        words = [str(place / "node_modules/.bin/node"), PROGRAM, gateway]
        self.process = subprocess.Popen(words, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        CHECKS.that(self.answer().get("ready"), "it has started")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{PROGRAM} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def fetch(self, url, **headers):
        return self.ask(do="fetch", url=url, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Villain:
    """Passes on what the gateway says, with a bit changed in each block that is named."""

    def __init__(self, gateway):
        host, port = gateway.removeprefix("http://").split(":")
        villain = self
        self.changed, self.asked, self.bent = set(), [], 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                upstream = http.client.HTTPConnection(host, int(port), timeout=20)
                upstream.request("GET", self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
                answer = upstream.getresponse()
                body = bytearray(answer.read())
                villain.asked.append(self.path)
                if body and any(cid in self.path for cid in villain.changed):
                    body[len(body) // 2] ^= 1
                    villain.bent += 1
                self.send_response(answer.status)
                for name in ("content-type", "etag"):
                    if answer.getheader(name):
                        self.send_header(name, answer.getheader(name))
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                upstream.close()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def holds(answer, data, what):
    CHECKS.that("failed" not in answer, f"{what}: {answer}")
    CHECKS.equal((answer["bytes"], answer["sha256"]), (len(data), hashlib.sha256(data).hexdigest()), f"{what}: {answer}")


def leaf_of(gate, cid, path):
    """The id of the block that holds the end of a file's bytes: the last of the CAR's, which is depth first."""
    body = curl(f"{gate}/ipfs/{cid}/{path}?format=car&dag-scope=entity").body
    at, last = 0, None
    while at < len(body):
        size, shift = 0, 0
        while True:
            byte = body[at]
            at += 1
            size, shift = size | (byte & 0x7f) << shift, shift + 7
            if not byte & 0x80:
                break
        part, at = body[at:at + size], at + size
        # A CIDv1 of sha2-256 has 36 bytes.
        if part[:1] == b"\x01":
            last = part[:36]
    return last


def base32(cid):
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def read(reader, cid, files, profile):
    """Files, a page, a range, a CAR: the bytes are those on disk."""
    for name in ("index.html", "style.css", "empty", "pages/deep/note.txt", "film.bin"):
        answer = reader.fetch(f"ipfs://{cid}/{name}")
        holds(answer, (files / name).read_bytes(), f"{profile} {name}")
        CHECKS.equal(answer["status"], 200, name)
    root = reader.fetch(f"ipfs://{cid}/")
    holds(root, (files / "index.html").read_bytes(), f"{profile}: a directory with a page of its own")
    film = (files / "film.bin").read_bytes()
    part = reader.fetch(f"ipfs://{cid}/film.bin", Range=f"bytes={MIB - 5}-{MIB + 4}")
    CHECKS.equal(part["status"], 206, f"a range: {part}")
    CHECKS.equal(part["headers"]["content-range"], f"bytes {MIB - 5}-{MIB + 4}/{len(film)}", "which range")
    holds(part, film[MIB - 5:MIB + 5], f"{profile}: a range over the border of two chunks")
    # The reader makes this CAR itself, of blocks that it checked; that one is the gateway's own.
    theirs = reader.fetch(f"ipfs://{cid}/", Accept="application/vnd.ipld.car")
    CHECKS.that(theirs.get("status") == 200 and theirs["bytes"] > len(film), f"{profile}: a CAR by blocks: {theirs}")
    ours = reader.ask(do="car", root=cid, path="film.bin")
    CHECKS.that("failed" not in ours, f"{profile}: the gateway's CAR: {ours}")
    CHECKS.that(ours["roots"] == [cid] and ours["blocks"] > 5 and ours["type"].startswith("application/vnd.ipld.car"), f"{profile}: {ours}")
    holds(ours, film, f"{profile}: a file of the gateway's CAR, without the gateway")
    none = reader.fetch(f"ipfs://{cid}/nothing")
    CHECKS.that(none.get("status") == 404, f"{profile}: what is not there: {none}")


def refused(place, gate, cid, files):
    """One bit of one block is changed on the way: that file is not read, the others are."""
    with Villain(gate) as villain, Reader(place, villain.url) as reader:
        holds(reader.fetch(f"ipfs://{cid}/film.bin"), (files / "film.bin").read_bytes(), "through a honest proxy")
        CHECKS.that(len(villain.asked) > 3 and all("format=raw" in path for path in villain.asked), f"block by block: {villain.asked[:3]}")
        villain.changed = {base32(leaf_of(gate, cid, "film.bin"))}
        answer = reader.fetch(f"ipfs://{cid}/film.bin")
        CHECKS.that(villain.bent > 0, "a block was changed")
        CHECKS.that("failed" in answer or answer["status"] >= 400, f"a file with a changed block is refused: {answer}")
        holds(reader.fetch(f"ipfs://{cid}/style.css"), (files / "style.css").read_bytes(), "another file of the same directory")
        villain.changed = {cid}
        answer = reader.fetch(f"ipfs://{cid}/style.css")
        CHECKS.that("failed" in answer or answer["status"] >= 400, f"a directory that was changed is refused: {answer}")


def inside(place):
    with Score("verified-fetch", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-verified-") as text, \
            Dev("--bare", params=FAST) as chain:
        score.tried = lambda: CHECKS.count
        files, gate = site(pathlib.Path(text) / "site", 1), chain.ready["gateway"]
        cids = {}
        with Reader(place, gate) as reader:
            for profile in ("unixfs-v1-2025", "unixfs-v0-2015"):
                cids[profile] = chain.cli("mimei", "add", "--from", "alice", "--profile", profile, files)["cid"]
                read(reader, cids[profile], files, profile)
        refused(place, gate, cids["unixfs-v1-2025"], files)
    print(f"{CHECKS.count} checks")


def main():
    if "--inside" in sys.argv:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if sys.argv[1:2] in (["--inside"], ["--here"]):
        return inside(pathlib.Path(sys.argv[2]))
    try:
        place = modules(SOURCE, PROGRAM, "verified")
    except Skip as why:
        print(f"skipped: {why}")
        return None
    here = [sys.executable, __file__]
    try:
        made(["unshare", "-n", "ip", "link", "set", "lo", "up"], "no network namespace")
        words = ["unshare", "-n", *here, "--inside", place]
    except Skip:
        # It knows one gateway and no other, wherever it runs.
        words = [*here, "--here", place]
    sys.exit(subprocess.run([str(word) for word in words], env={**os.environ}).returncode)


if __name__ == "__main__":
    main()
