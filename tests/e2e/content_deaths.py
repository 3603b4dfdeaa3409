#!/usr/bin/env python3
"""A running node dies at each point between two writes of its content database, while a command is at work, and comes back: the books are right, what was to be a
version is whole or is none, `show` says how the working copy stands, the same command succeeds, and every byte is what it was. One JSON line a point.

Usage: content_deaths.py [--seed N] [--rounds N] [--share N] [--points NAME,NAME]
--share N takes one point in N, chosen by the seed; round N dies at the N-th hit. The points are those of node/failpoints/src/lib.rs that begin with content/."""
import argparse
import json
import pathlib
import random
import re
import resource
import signal
import tempfile
import time

from content import MIB, QUICK, Keeper, Keepers, head_of, same
from lib import ROOT, Checks, Score, command, until
from net import START_S, UNREACHABLE

CHECKS = Checks()
# From the end of the command to that of the process.
DEAD_S = 20
# A node that was armed may tidy up and die of that before the command begins; the next start has less to tidy.
TRIES = 4


class Victim(Keeper):
    """A node whose process can be armed."""

    def dies_of(self, point, k, *args, ready=lambda: None):
        """Its process dies at the k-th hit of the point while the command is at work. False where it had no such hit."""
        for _ in range(TRIES):
            self.stop()
            self.arms = {"FAILPOINTS": f"{point}={k - 1}*off->return" if k > 1 else f"{point}=return"}
            try:
                self.spawn()
            finally:
                self.arms = {}
            if self.is_up():
                ready()
                done = command(args, self.home, self.url)
                # What comes after the command's answer may be at the point a moment later.
                if done.returncode == 0 and self.runs() and self.stop() != -signal.SIGABRT:
                    return False
                self.died_at(point, done)
                return True
            self.died_at(point)
            self.back()
        raise SystemExit(f"{point}: {self.name} died {TRIES} times before its command began")

    def is_up(self):
        """Waits until it answers. False where it died first."""
        def look():
            if not self.runs():
                return "dead"
            try:
                return self.seen() is not None and self.has_content() and "up"
            except UNREACHABLE:
                return None
        return until(f"{self.name} is up, or dead; it said:\n{self.said()[-2000:]}", START_S, look) == "up"

    def died_at(self, point, done=None):
        until(f"{self.name} dies at {point}; the command ended with {done}", DEAD_S, lambda: not self.runs())
        code = self.process.poll()
        CHECKS.that(code == -signal.SIGABRT and f"failpoint {point}\n" in self.said(),
                    f"{self.name} dies at {point}: it ended with {code}, and said:\n{self.said()[-2000:]}")

    def back(self):
        """Nobody repairs anything: it starts, and its books are right."""
        self.spawn().answers()
        self.sound()

    def sound(self):
        CHECKS.equal(self.cli("storage", "verify", "--hashes")["wrong"], [], "the books of the content")

    def local(self, mid):
        status, local = self.admin("GET", f"/mimei/{mid}")
        CHECKS.equal(status, 200, "what is here of it")
        return local


class Deaths:
    def __init__(self, top, net):
        self.top, self.net, self.count = top, net, 0
        self.source, self.victim = net.nodes[:2]

    def files(self, luck, size=6 * MIB):
        """A directory with a file of several windows, and small ones."""
        self.count += 1
        path = self.top / f"files-{self.count}"
        path.mkdir()
        (path / "film.bin").write_bytes(luck.randbytes(size))
        for n in range(20):
            (path / f"{n}.txt").write_text(f"{n} {luck.random()}")
        return path

    def got(self, mid, which, files):
        """It is here, and every byte is what it was."""
        self.count += 1
        out = self.top / f"out-{self.count}"
        self.victim.cli("mimei", "get", f"{mid}@{which}", out)
        CHECKS.that(same(files, out), f"{mid}@{which} is what was added")

    def back(self):
        self.victim.back()
        self.victim.catches_up(self.source)

    def ready(self):
        """It has met who has the content, and knows the MiMei."""
        self.net.meet()
        self.victim.catches_up(self.source)

    def whole_or_absent(self, mid, versions):
        """The versions that the node says it has are those of the files."""
        newest = self.victim.newest(mid)
        CHECKS.that(newest is None or newest < len(versions), f"version {newest} of {len(versions)}")
        if newest is not None:
            self.got(mid, newest, versions[newest])
        lost = [root for root in (item["root"] for item in self.victim.cli("storage", "pins")["items"]) if root.startswith(f"pin/conflict/{mid}")]
        CHECKS.equal(lost, [], "nobody was in conflict with anybody")

    def add(self, point, k, luck):
        first, second = self.files(luck, MIB), self.files(luck)
        mid, _ = self.victim.add(first)
        line = ("mimei", "add", "--from", "operator", "--mimei", mid, second)
        reached = self.victim.dies_of(point, k, *line)
        self.back()
        self.whole_or_absent(mid, [first, second])
        CHECKS.equal(self.victim.cli(*line)["status"], "final", "the same add succeeds")
        self.got(mid, "last", second)
        self.got(mid, 0, first)
        return reached

    def backup(self, point, k, luck):
        files = self.files(luck, MIB)
        mid, _ = self.victim.add(files)
        changed = self.top / "changed"
        changed.write_bytes(luck.randbytes(MIB))
        self.victim.change(mid, "film.bin", changed)
        (self.top / f"after-{mid}").mkdir()
        after = self.top / f"after-{mid}"
        for path in files.iterdir():
            (after / path.name).write_bytes(path.read_bytes())
        (after / "film.bin").write_bytes(changed.read_bytes())
        line = ("mimei", "backup", mid, "--from", "operator")
        reached = self.victim.dies_of(point, k, *line)
        self.back()
        cur = self.victim.local(mid)["cur"]["cid"]
        self.got(mid, "cur", after)
        shown = self.victim.cli("mimei", "show", mid, "--offline")
        CHECKS.equal(shown["standing"], "same" if shown["head"]["cid"] == cur else "ahead", "how the working copy stands")
        CHECKS.that("lost" not in shown and "sides" not in shown, f"nothing lost: {shown}")
        self.whole_or_absent(mid, [files, after])
        self.victim.cli(*line)
        shown = self.victim.cli("mimei", "show", mid, "--offline")
        CHECKS.equal((shown["standing"], shown["head"]["version"], shown["head"]["cid"]), ("same", "1", cur), "the same backup succeeds, once")
        self.got(mid, "last", after)
        return reached

    def restore(self, point, k, luck):
        first, second = self.files(luck, MIB), self.files(luck, MIB)
        mid, made = self.victim.add(first)
        self.victim.cli("mimei", "add", "--from", "operator", "--mimei", mid, second)
        line = ("mimei", "restore", mid, "--version", "0")
        reached = self.victim.dies_of(point, k, *line)
        self.back()
        local = self.victim.local(mid)
        CHECKS.that((local["cur"] is None) == (local["base"] is None), f"a working copy and what it came from, or neither: {local}")
        standing = self.victim.cli("mimei", "show", mid, "--offline")["standing"]
        CHECKS.equal(standing, "ahead" if local["cur"] else "none", "how the working copy stands")
        self.whole_or_absent(mid, [first, second])
        CHECKS.equal(self.victim.cli(*line)["cid"], made["cid"], "the same restore succeeds")
        self.got(mid, "cur", first)
        return reached

    def sync(self, point, k, luck):
        files = self.files(luck)
        mid, made = self.source.add(files)
        self.source.publish(mid)
        reached = self.victim.dies_of(point, k, "mimei", "sync", mid, ready=self.ready)
        self.back()
        self.whole_or_absent(mid, [files])
        self.net.meet()
        CHECKS.equal(self.victim.sync(mid)["version"], "0", "the same sync succeeds")
        CHECKS.equal(head_of(self.victim, mid)["cid"], made["cid"], "of what the chain has")
        self.got(mid, 0, files)
        return reached

    def purge(self, point, k, luck):
        first, second = self.files(luck, MIB), self.files(luck, MIB)
        (second / "film.bin").write_bytes((first / "film.bin").read_bytes())
        mid, _ = self.victim.add(first)
        self.victim.cli("mimei", "add", "--from", "operator", "--mimei", mid, second)
        self.victim.cli("storage", "release", f"version/{mid}/0", "--discard")
        line = ("storage", "purge", "--all")
        reached = self.victim.dies_of(point, k, *line)
        self.back()
        self.got(mid, 1, second)
        self.victim.cli(*line)
        self.victim.sound()
        self.got(mid, 1, second)
        CHECKS.equal(self.victim.cli("storage", "trash")["items"], [], "the trash is empty")
        return reached


# The command that surely comes to each point.
PLAYS = {
    "content/write/before": Deaths.backup, "content/write/written": Deaths.restore, "content/write/flushed": Deaths.add,
    "content/add/window": Deaths.add, "content/add/finished": Deaths.sync, "content/act/changed": Deaths.backup,
    "content/holds/cleared": Deaths.add, "content/purge/step": Deaths.purge,
}


def points():
    """The names in the table of the crate."""
    text = (ROOT / "node/failpoints/src/lib.rs").read_text()
    table = re.search(r"pub const POINTS: &\[&str\] = &\[(.*?)\];", text, re.S).group(1)
    return [name for name in re.findall(r'"([^"]+)"', table) if name.startswith("content/")]


class Net(Keepers):
    node_type = Victim


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--points", default="")
    flags = parser.parse_args()
    names = points()
    if set(names) != set(PLAYS):
        raise SystemExit(f"points without a play, or plays without a point: {sorted(set(names) ^ set(PLAYS))}")
    chosen = flags.points.split(",") if flags.points else random.Random(flags.seed).sample(names, max(1, len(names) // flags.share))
    # Every death would leave a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f"seed {flags.seed}: {len(chosen)} of {len(names)} points, {flags.rounds} rounds each", flush=True)
    with Score("failpoints", "crashes", flags.seed) as score, tempfile.TemporaryDirectory(prefix="leither-deaths-") as text:
        top = pathlib.Path(text)
        with Net(top / "net", wallets=1, params=QUICK) as net:
            net.start()
            deaths = Deaths(top, net)
            for name in chosen:
                began, reached = time.time(), 0
                for turn in range(flags.rounds):
                    luck = random.Random(f"{flags.seed} {name} {turn}")
                    hit = PLAYS[name](deaths, name, turn + 1, luck)
                    CHECKS.that(hit or turn, f"{name} is reached")
                    reached += bool(hit)
                score.tried += reached
                print(json.dumps({"point": name, "crashes": reached, "seconds": round(time.time() - began, 1)}), flush=True)
            net.verified()
        score.note = f"{len(chosen)} points of content on a running node, {CHECKS.count} checks"
    print(f"{score.tried} crashes, {CHECKS.count} checks")


if __name__ == "__main__":
    main()
