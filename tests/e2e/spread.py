#!/usr/bin/env python3
"""Content spreads over four nodes: published on one, provided by others, found, followed, caught up with by difference, carried as a CAR, read and kept
by its id, got back by a device that lost it, read at a node that has none of it, and still there when its author's node has ended for good. A provider
that lies costs time.
Usage: spread.py [part ...]. LEITHER_SPREAD_FILES (2000; 100000 by hand) and LEITHER_SPREAD_ROUNDS (30) say how much."""
import http.client
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from content import MIB, Keepers, curl, head_of, same, site, tree
from lib import LEITHER, Checks, Score, command, environment, in_store, until
from net import told

CHECKS = Checks()
FILES = int(os.environ.get("LEITHER_SPREAD_FILES") or 2_000)
ROUNDS = int(os.environ.get("LEITHER_SPREAD_ROUNDS") or 30)
# A provider is at a new version after so long, however long the chain took for it.
FOLLOWED_S = 5
# From the command on one node to the first byte on another, at a pulse of 1 s.
READ_S = 3
# What a change of one file may move beside that file.
BESIDE = 64 << 10
# What came, or did not, by then: a block is given up after 30 s, a provider is asked again within a minute.
PATIENCE_S = 60
CHANGED = 8_192
# Directories of a large tree take their time.
WHOLE_S = 60 + FILES // 200


def tell(part, **more):
    print(json.dumps({"part": part, **more}), flush=True)


def is_here(node, cid):
    """Whether it has the root itself: the network is not asked."""
    status = curl(f"{node.gate}/ipfs/{cid}?format=raw", "-H", "Cache-Control: only-if-cached").status
    CHECKS.that(status in (200, 412), f"{node.name} says {status} of what it may have")
    return status == 200


class Spread:
    def __init__(self, top, net, score):
        self.top, self.net, self.score = top, net, score
        self.a, self.b, self.c, self.d = net.nodes
        self.noise = random.Random(FILES)

    def path(self, name):
        return self.top / name

    def change_one(self, node, mid, path):
        """Another content for one file, and a backup of it: the version's number, and when it was final."""
        file = self.path("changed")
        file.write_bytes(self.noise.randbytes(CHANGED))
        node.change(mid, path, file)
        return node.backup(mid), time.time()

    def holders(self, node, what):
        """Who has it, and which version, as that node finds out."""
        return {item["peer"]: item["version"] for item in node.cli("mimei", "findprovs", what)["items"]}

    def published(self):
        """A tree on A; B and D provide it, C finds all three and is none of them."""
        self.files = self.path("tree")
        size = tree(self.files, FILES, 1)
        self.mid, made = self.a.add(self.files)
        said = self.a.publish(self.mid)
        CHECKS.equal((said["mimei"], said["version"], said["cid"]), (self.mid, "0", made["cid"]), "what was published")
        CHECKS.that(said["confirmed"] and set(said["confirmed"]) <= {node.id for node in self.net.nodes}, f"who keeps that: {said}")
        began = time.time()
        for node in (self.b, self.d):
            # What the chain does not know yet at this node is refused there.
            node.catches_up(self.a)
            node.cli("mimei", "provide", self.mid)
            node.follow(self.mid, 0, WHOLE_S)
        tell("provided", files=FILES, bytes=size, two_providers_s=round(time.time() - began, 2))
        wanted = {node.id: "0" for node in (self.a, self.b, self.d)}
        until("C finds the three that have it", PATIENCE_S, lambda: self.holders(self.c, self.mid) == wanted)
        CHECKS.that(self.a.id in self.holders(self.c, made["cid"]), "by the tree's id, too")
        CHECKS.equal(self.c.newest(self.mid), None, "C has none of it")
        status = [item for item in self.b.cli("mimei", "provide", "--status")["items"] if item["mimei"] == self.mid]
        CHECKS.equal(len(status), 1, "B says what it provides")

    def followed(self):
        """Each new version is at every provider soon after the chain has it."""
        late = []
        for n in range(8):
            number, final = self.change_one(self.a, self.mid, f"d{n % 3:04}/f{n:04}.bin")
            for node in (self.b, self.d):
                node.follow(self.mid, number, FOLLOWED_S + 20)
            late.append(time.time() - final)
        CHECKS.that(max(late) <= FOLLOWED_S, f"both providers are at a new version within {FOLLOWED_S} s of it: {late}")
        tell("followed", s=told(late))
        self.score.note = f"a new version at two providers after {told(late)['p50']} s, at most {told(late)['max']} s"
        number = str(number)
        wanted = {node.id: number for node in (self.a, self.b, self.d)}
        until("all say which version they hold", PATIENCE_S, lambda: self.holders(self.c, self.mid) == wanted)

    def caught_up(self):
        """A provider that was away takes what differs; so does who asks once; the same content is not fetched twice."""
        before = self.b.bytes()
        self.b.stop()
        number, _ = self.change_one(self.a, self.mid, "d0001/f0001.bin")
        self.b.spawn().answers()
        back = time.time()
        self.b.follow(self.mid, number, PATIENCE_S)
        tell("back", caught_up_s=round(time.time() - back, 2), bytes=self.b.bytes() - before)
        CHECKS.that(0 < self.b.bytes() - before <= CHANGED + BESIDE, f"B stored {self.b.bytes() - before} bytes more for a file of {CHANGED}")
        came = sum(int(peer["received_bytes"]) for peer in self.b.peers())
        CHECKS.that(came <= CHANGED + BESIDE, f"{came} bytes of blocks came to B for a file of {CHANGED}")

        self.c.catches_up(self.a)
        whole = self.c.sync(self.mid)
        CHECKS.that(whole["version"] == str(number) and int(whole["blocks"]) > FILES, f"C has it whole: {whole}")
        number, _ = self.change_one(self.a, self.mid, "d0002/f0002.bin")
        self.c.catches_up(self.a)
        part = self.c.sync(self.mid)
        CHECKS.equal(part["version"], str(number), "the newest")
        CHECKS.that(CHANGED <= int(part["bytes"]) <= CHANGED + BESIDE, f"one file of {CHANGED} bytes in {FILES}: {part}")
        again = self.c.sync(self.mid)
        CHECKS.equal((again["version"], again["bytes"]), (str(number), "0"), "nothing new")
        tell("difference", files=FILES, changed=CHANGED, bytes=int(part["bytes"]), blocks=int(part["blocks"]))
        CHECKS.equal(self.c.cli("mimei", "restore", self.mid, "--version", "0")["version"], "0", "a version that is not here is fetched to be the working copy")

        # Another MiMei with the same files and one more.
        self.a.cli("mimei", "get", f"{self.mid}@last", self.path("copy"))
        (self.path("copy") / "more.txt").write_text("one more")
        other, _ = self.a.add(self.path("copy"))
        self.a.publish(other)
        self.c.catches_up(self.a)
        came = self.c.sync(other)
        CHECKS.that(int(came["bytes"]) <= BESIDE, f"what is here is not fetched again: {came}")
        tell("shared", files=FILES + 1, bytes=int(came["bytes"]), here=came["here"])

    def carried(self):
        """By a CAR file, without the network; one with a byte changed carries nothing."""
        mid, made = self.a.add(site(self.path("carried"), 2))
        car = self.path("site.car")
        self.a.cli("storage", "export", made["cid"], car)
        CHECKS.that(car.stat().st_size > 3 * MIB, "all of it")
        bad = bytearray(car.read_bytes())
        bad[len(bad) // 2] ^= 1
        self.path("bad.car").write_bytes(bad)
        before = in_store(self.d)
        done = command(["storage", "import", self.path("bad.car")], self.d.home, self.d.url)
        CHECKS.that(done.returncode in (1, 2) and "hash" in done.stderr, f"a CAR that was changed: {done.returncode} {done.stderr}")
        CHECKS.equal(in_store(self.d), before, "nothing of a CAR that was changed")
        CHECKS.that(not is_here(self.d, made["cid"]), "it is not there before")
        CHECKS.equal(self.d.cli("storage", "import", car)["cid"], made["cid"], "the id")
        CHECKS.that(is_here(self.d, made["cid"]), "it is there")
        self.d.cli("storage", "export", made["cid"], self.path("back.car"))
        CHECKS.equal(self.path("back.car").read_bytes(), car.read_bytes(), "the way back gives the same bytes")
        tell("car", bytes=car.stat().st_size)

    def by_id(self):
        """A tree is read by its content id, fetched, kept by a name, and made a version of another MiMei without files."""
        files = site(self.path("by-id"), 6)
        mid, made = self.a.add(files)
        self.a.publish(mid)
        _, small = self.a.add(files / "style.css")
        cid, note = made["cid"], self.path("by-id-note")
        self.c.cli("mimei", "get", f"/ipfs/{cid}/pages/deep/note.txt", note)
        CHECKS.equal(note.read_text(), "far below 6", "one file of it")
        said = self.c.cli("mimei", "add", "--cid", cid, "--from", "operator", code=1)
        CHECKS.that("leither storage fetch" in said["stderr"], f"C has not got it whole: {said}")
        came = self.c.cli("storage", "fetch", cid, "--pin", "site")
        CHECKS.equal((came["cid"], came["root"]), (cid, "pin/keep/site"), "what is kept")
        CHECKS.that(int(came["transferred"]["bytes"]) > 3 * MIB, f"all of it came: {came}")
        CHECKS.equal(self.c.cli("storage", "fetch", cid, "--pin", "site")["transferred"]["blocks"], "0", "it is here")
        said = self.c.cli("storage", "fetch", small["cid"], "--pin", "site", code=1)
        CHECKS.that("keeps another tree" in said["stderr"], f"the name is taken: {said}")
        self.c.cli("storage", "provide", cid)
        until("D finds C by the tree's id", PATIENCE_S, lambda: self.c.id in self.holders(self.d, cid))
        CHECKS.that(f"pin/announce/{cid}" in [item["root"] for item in self.c.cli("storage", "pins")["items"]], "it is kept by that")
        CHECKS.equal(self.c.cli("storage", "provide", cid, "--stop")["provided"], False, "no more")
        self.c.cli("storage", "provide", cid, "--stop", code=1)
        own = self.c.cli("mimei", "add", "--cid", cid, "--from", "operator", "--mark", "by-id")
        CHECKS.equal((own["status"], own["version"], own["cid"]), ("final", "0", cid), "the first version of another MiMei")
        self.c.publish(own["mimei"])
        self.d.catches_up(self.c)
        self.d.sync(own["mimei"])
        self.d.cli("mimei", "get", own["mimei"], self.path("by-id-out"))
        CHECKS.that(same(files, self.path("by-id-out")), "bit for bit")
        # What is closed for others is fetched by nobody who could not read it.
        hidden, closed = self.a.add(site(self.path("by-id-closed"), 7), "--private")
        self.a.publish(hidden)
        before = in_store(self.c)
        said = self.c.cli("mimei", "get", closed["cid"], self.path("by-id-none"), code=1)
        CHECKS.that("readers" in said["stderr"], f"C is none of its readers: {said}")
        CHECKS.equal(in_store(self.c), before, "nothing of it came")
        self.c.cli("storage", "fetch", closed["cid"])
        said = self.c.cli("mimei", "add", "--cid", closed["cid"], "--from", "operator", code=1)
        CHECKS.that("readers" in said["stderr"], f"C could go on with it no better: {said}")
        tell("by_id", bytes=int(came["transferred"]["bytes"]))

    def backed_up(self):
        """Two devices keep each other's; one loses all its content, and gets it back bit for bit."""
        kept = {}
        for node, other, seed in ((self.c, self.d, 11), (self.d, self.c, 12)):
            files = self.path(f"own-{seed}")
            tree(files, 300, seed)
            site(files / "site", seed)
            mid, _ = node.add(files)
            node.publish(mid)
            other.catches_up(node)
            other.cli("mimei", "provide", mid)
            other.follow(mid, 0, PATIENCE_S)
            kept[mid] = files
        self.d.stop()
        shutil.rmtree(self.d.home / "content")
        self.d.spawn().answers()
        CHECKS.equal([self.d.newest(mid) for mid in kept], [None, None], "D has lost all")
        self.net.meet()
        began = time.time()
        for mid, files in kept.items():
            came = self.d.sync(mid)
            CHECKS.that(came["version"] == "0" and int(came["bytes"]) > 3 * MIB, f"it came back: {came}")
            out = self.path(f"out-{mid}")
            self.d.cli("mimei", "get", mid, out)
            CHECKS.that(same(files, out), "bit for bit")
        tell("restored", mimeis=len(kept), s=round(time.time() - began, 2))

    def read(self):
        """From the command on A to the first byte at C, which provides nothing."""
        mid, _ = self.a.add(site(self.path("read"), 3))
        self.a.publish(mid)
        host, port = self.c.gate.removeprefix("http://").split(":")
        file, took = self.path("round"), []
        for n in range(ROUNDS):
            text = f"round {n} {self.noise.random()}".encode()
            file.write_bytes(text)
            self.a.change(mid, "round.txt", file)
            began = time.time()
            words = [str(LEITHER), "--json", "mimei", "backup", mid, "--from", "operator"]
            backup = subprocess.Popen(words, env=environment(self.a.home, self.a.url), stdout=subprocess.DEVNULL)
            gate = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
            while True:
                gate.request("GET", f"/mm/{mid}@last/round.txt")
                answer = gate.getresponse()
                body = answer.read()
                if body == text:
                    break
                CHECKS.that(answer.status in (200, 404) and time.time() < began + PATIENCE_S, f"round {n}: {answer.status} {body[:80]!r}")
                time.sleep(0.01)
            took.append(time.time() - began)
            gate.close()
            CHECKS.equal(backup.wait(PATIENCE_S), 0, "the backup's exit code")
        CHECKS.equal(self.c.newest(mid), None, "C read it, and keeps none of it")
        tell("read", s=told(took))
        CHECKS.that(told(took)["p99"] <= READ_S, f"from the command to the first byte elsewhere within {READ_S} s: {told(took)}")
        self.score.note += f"; published to read elsewhere p50 {told(took)['p50']}, p99 {told(took)['p99']} s"

    def lied(self):
        """D announces what it has no more: a reader waits, and gets the right bytes or none."""
        files = site(self.path("lie"), 4)
        mid, made = self.d.add(files)
        self.d.publish(mid)
        for item in self.d.cli("storage", "pins")["items"]:
            if item["cid"] == made["cid"]:
                only = ["--discard"] if item["root"].startswith("version/") else []
                self.d.cli("storage", "release", item["root"], *only)
        self.d.cli("storage", "purge", "--all")
        CHECKS.that(not is_here(self.d, made["cid"]), "D has not got what it announces")
        began = time.time()
        found = curl(f"{self.c.gate}/mm/{mid}/film.bin", seconds=PATIENCE_S)
        CHECKS.that(found.status in (404, 503, 504), f"nobody has it: {found.status} {found.body[:200]!r}")
        alone = time.time() - began
        # Whoever has the same files has it.
        self.b.add(files)
        self.b.cli("mimei", "provide", mid)
        began = time.time()
        found = until("B's blocks instead", PATIENCE_S, lambda: (lambda it: it.status == 200 and it)(
            curl(f"{self.c.gate}/mm/{mid}/film.bin", seconds=PATIENCE_S)))
        CHECKS.that(found.body == (files / "film.bin").read_bytes(), "the right bytes")
        tell("lied", liar_alone_s=round(alone, 2), beside_an_honest_one_s=round(time.time() - began, 2))

    def orphaned(self):
        """A's node ends for good. C has nothing of the site and serves it, from B."""
        files = site(self.path("orphan"), 5)
        mid, made = self.a.add(files)
        self.a.publish(mid)
        self.b.catches_up(self.a)
        self.b.cli("mimei", "provide", mid)
        self.b.follow(mid, 0, PATIENCE_S)
        self.a.stop()
        self.a.process = None
        shutil.rmtree(self.a.home)
        CHECKS.that(not is_here(self.c, made["cid"]) and self.c.newest(mid) is None, "C has none of it")
        CHECKS.equal(head_of(self.c, mid)["cid"], made["cid"], "the head, by the chain")
        began = time.time()
        first = curl(f"{self.c.gate}/mm/{mid}/", seconds=PATIENCE_S)
        took = time.time() - began
        CHECKS.equal((first.status, first.body), (200, (files / "index.html").read_bytes()), "its first page")
        for name in ("style.css", "pages/deep/note.txt", "empty", "film.bin"):
            found = curl(f"{self.c.gate}/mm/{mid}/{name}", seconds=PATIENCE_S)
            CHECKS.that(found.status == 200 and found.body == (files / name).read_bytes(), f"{name}: {found.status}")
        part = curl(f"{self.c.gate}/mm/{mid}/film.bin", "-r", f"{MIB - 5}-{MIB + 4}")
        CHECKS.equal((part.status, part.body), (206, (files / "film.bin").read_bytes()[MIB - 5:MIB + 5]), "a range")
        CHECKS.that(self.holders(self.c, mid).get(self.b.id) == "0", "B is found")
        out = self.path("orphan-out")
        self.c.sync(mid)
        self.c.cli("mimei", "get", mid, out)
        CHECKS.that(same(files, out), "C can keep it, too")
        tell("orphaned", first_page_s=round(took, 2))

    # The last one ends A for good.
    PARTS = ("published", "followed", "caught_up", "carried", "by_id", "backed_up", "read", "lied", "orphaned")

    def run(self, names):
        for name in names:
            began = time.time()
            getattr(self, name)()
            self.net.alive()
            tell(name, ok=True, took_s=round(time.time() - began, 1))
        tell("verified", blocks=self.net.verified())


def main():
    names = sys.argv[1:] or Spread.PARTS
    if not set(names) <= set(Spread.PARTS):
        sys.exit(f"{__doc__}\nParts: {' '.join(Spread.PARTS)}")
    # These two build on the tree of the first.
    if {"followed", "caught_up"} & set(names) and "published" not in names:
        names = ["published", *names]
    with Score("spread", "checks") as score, tempfile.TemporaryDirectory(prefix="leither-spread-") as text:
        score.tried, score.note = lambda: CHECKS.count, ""
        top = pathlib.Path(text)
        with Keepers(top / "net", wallets=1, params={"heartbeat_ms": "2000"}) as net:
            net.start()
            Spread(top, net, score).run(names)
        score.note = score.note.removeprefix("; ") or None
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
