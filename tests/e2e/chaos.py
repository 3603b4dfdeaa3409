#!/usr/bin/env python3
"""Chaos: four validators, each in a network namespace of its own, under open-loop load, hurt by a seeded schedule: kill -9, SIGSTOP,
partitions, unplugged cards, a full disk, torn and flipped tails of the write-ahead log, of the database's log and of its newest table.
Usage: chaos.py [minutes] [seed]

At the end nothing that was answered `final` is lost, all have one book, each node's every block, receipt and holding reads the same, and
every balance is recomputed. A node whose files were damaged refuses with a sentence, or recovers; then it is as good as the others. Node 1
is hurt like the others, but its files are never damaged: somebody has to keep the whole book for the audit."""
import collections
import contextlib
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from lib import Disk, NoMount, RpcError, pages, rpc
from net import Load, Net, verdict
from spaces import NoSpaces, Spaces

RATE = 4
NODES = [1, 2, 3, 4]
# The one on a small disk.
SMALL, DISK_KIB = 4, 192 * 1024
AGAIN_S = 90
ENDS_S = 100
PARAMS = {"epoch_ms": "20000", "heartbeat_ms": "2000", "pulse_ms": "500", "pulse_min_ms": "100", "misses_max": 1_000_000}
FILES = {"wal": "consensus.wal", "log": "*.log", "table": "*.sst"}


class Chaos:
    def __init__(self, net, spaces, disk, chance):
        self.net, self.spaces, self.disk, self.chance = net, spaces, disk, chance
        self.counts = collections.Counter()

    def node(self, n):
        return self.net.nodes[n - 1]

    def log(self, what, **more):
        self.counts[what] += 1
        print(json.dumps({"at_s": round(time.time() - self.began, 1), "event": what, **more}), flush=True)

    def again(self):
        """All is whole: the net commits, and all come to one height. Says how long that took to begin."""
        above = max(node.seen() or 0 for node in self.net.nodes)
        took = self.net.next_commit(self.net.nodes, above, time.time(), AGAIN_S)
        self.net.level(AGAIN_S)
        self.net.alive()
        return round(took, 2)

    def kill(self):
        count = self.chance.choice([1, 1, 1, 2, 3, 4])
        victims = self.chance.sample(self.net.nodes, count)
        for node in victims:
            node.process.kill()
        for node in victims:
            node.process.wait()
        time.sleep(self.chance.uniform(0, 4))
        for node in victims:
            node.spawn()
        for node in victims:
            node.answers()
        self.log(f"kill-{count}", again_s=self.again())

    def freeze(self):
        victims = self.chance.sample(self.net.nodes, self.chance.choice([1, 1, 2]))
        for node in victims:
            node.process.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.5, 10))
        for node in victims:
            node.process.send_signal(signal.SIGCONT)
        self.log(f"freeze-{len(victims)}", again_s=self.again())

    def partition(self):
        order = self.chance.sample(NODES, 4)
        at = self.chance.choice([1, 2, 2])
        self.spaces.part(order[:at], order[at:])
        time.sleep(self.chance.uniform(2, 20))
        self.spaces.heal()
        self.log(f"partition-{at}-{4 - at}", again_s=self.again())

    def oneway(self):
        """Some pairs hear each other in one direction alone."""
        pairs = [(a, b) for a in NODES for b in NODES if a != b]
        self.spaces.cut(self.chance.sample(pairs, self.chance.randint(2, 6)))
        time.sleep(self.chance.uniform(2, 15))
        self.spaces.heal()
        self.log("oneway", again_s=self.again())

    def unplug(self):
        n = self.chance.choice(NODES)
        self.spaces.plug(n, "down")
        time.sleep(self.chance.uniform(2, 15))
        self.spaces.plug(n, "up")
        self.log("unplug", again_s=self.again())

    def full(self):
        """ENOSPC: the node ends by itself and says why; with room again it goes on."""
        node = self.node(SMALL)
        filler = self.disk.fill(0)
        try:
            code = node.process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"on a full disk {node.name} ran on for {ENDS_S} s; it said:\n{node.said()[-2000:]}") from None
        finally:
            filler.unlink()
        said = self.sentence(node)
        if code != 4 or not re.search(r"disk|space|storage", said, re.I):
            raise SystemExit(f"on a full disk {node.name} ended with {code}, {said!r}")
        node.spawn().answers()
        self.log("full", said=said[:120], again_s=self.again())

    def sentence(self, node):
        lines = node.said().strip().splitlines()
        said = lines[-1] if lines else ""
        if not said.startswith("leither: ") and '"leither: ' not in said:
            raise SystemExit(f"{node.name} ended without a sentence; it said:\n{node.said()[-2000:]}")
        return said

    def damage(self):
        """Tears or flips the tail of one of its files while it is stopped."""
        node = self.node(self.chance.choice(NODES[1:]))
        what, how = self.chance.choice(list(FILES)), self.chance.choice(["torn", "flipped"])
        node.process.kill()
        node.process.wait()
        found = sorted((node.home / "data").glob(FILES[what]), key=lambda path: path.stat().st_mtime)
        if not found or not found[-1].stat().st_size:
            node.spawn().answers()
            self.log(f"{how}-{what}-none", again_s=self.again())
            return
        path = found[-1]
        data = bytearray(path.read_bytes())
        tail = min(len(data), self.chance.choice([64, 1_024, 16_384]))
        at = len(data) - 1 - self.chance.randrange(tail)
        if how == "torn":
            data = data[:at]
        else:
            data[at] ^= 1 << self.chance.randrange(8)
        path.write_bytes(data)
        node.spawn()
        outcome = self.outcome(node)
        self.log(f"{how}-{what}", file=path.name, at=at, size=len(data), outcome=outcome, again_s=self.again())
        self.counts[f"{how}-{what}: {outcome}"] += 1

    def outcome(self, node):
        """It refuses with a sentence and is helped as the sentence says, or runs and comes to where the others are."""
        end = time.time() + AGAIN_S
        while node.runs():
            height = node.seen()
            if height is not None and height + 1 >= max(other.seen() or 0 for other in self.net.nodes):
                return "recovered"
            if time.time() > end:
                raise SystemExit(f"damaged, {node.name} neither ends nor comes to the others; it said:\n{node.said()[-3000:]}")
            time.sleep(0.1)
        code, said = node.process.poll(), self.sentence(node)
        if code not in (2, 4):
            raise SystemExit(f"damaged, {node.name} ended with {code}: {said!r}")
        print(json.dumps({"refused": said[:300]}), flush=True)
        if "delete" in said.lower() and "consensus.wal" in said:
            (node.home / "data" / "consensus.wal").unlink(missing_ok=True)
            node.spawn().answers()
            return "refused, its log deleted"
        return self.restore(node)

    def restore(self, node):
        """A new database: of a snapshot where somebody has one, else of all blocks."""
        shutil.rmtree(node.home / "data")
        node.spawn("--sync", "snapshot")
        end = time.time() + AGAIN_S
        while node.runs() and node.seen() is None and time.time() < end:
            time.sleep(0.1)
        if node.runs():
            return "refused, restored by a snapshot"
        if node.process.poll() != 3:
            raise SystemExit(f"{node.name} took no snapshot and ended with {node.process.poll()}: {node.said()[-2000:]}")
        node.spawn().answers()
        return "refused, restored by blocks"

    def run(self, minutes):
        self.began = time.time()
        kinds = [self.kill, self.kill, self.freeze, self.partition, self.oneway, self.unplug, self.damage, self.damage, self.damage]
        kinds += [self.full] if self.disk else []
        queue = []
        while time.time() < self.began + 60 * minutes:
            if not queue:
                # Each kind comes as often as it stands there, in an order of chance.
                queue = self.chance.sample(kinds, len(kinds))
            time.sleep(self.chance.uniform(0, 4))
            queue.pop()()


def compare(net):
    """Every block with its receipts and every holding, as each node reads them from its disk."""
    first = net.nodes[0]
    token = rpc(first.url, "chain_getInfo")["native"]["token"]
    blocks = 0
    for height in range(1, min(node.height() for node in net.nodes) + 1):
        start = 0
        while start is not None:
            wanted = rpc(first.url, "chain_getBlock", str(height), start, 500)
            for node in net.nodes[1:]:
                try:
                    found = rpc(node.url, "chain_getBlock", str(height), start, 500)
                except RpcError as error:
                    if error.reason != "pruned":
                        raise SystemExit(f"{node.name} cannot read block {height}: {error}") from None
                    continue
                # Each proposer may have heard other late votes on the newest block.
                if {**found, "certificate": None} != {**wanted, "certificate": None}:
                    raise SystemExit(f"block {height} reads otherwise on {node.name}")
                blocks += 1
            start = wanted["next"]
    holders = [list(pages(node.url, "token_getHolders", token)) for node in net.nodes]
    if any(one != holders[0] for one in holders):
        raise SystemExit("the holdings differ")
    return blocks, len(holders[0])


def main():
    words = sys.argv[1:]
    minutes = float(words[0]) if words else 3
    seed = int(words[1]) if len(words) > 1 else int(time.time())
    chance = random.Random(seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    print(f"{minutes} minutes, seed {seed}", flush=True)
    with contextlib.ExitStack() as stack:
        top = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leither-chaos-")))
        try:
            spaces = stack.enter_context(Spaces(len(NODES)))
        except NoSpaces as why:
            print(f"chaos: skipped, no network namespaces here ({why})")
            return
        try:
            disk = stack.enter_context(Disk(top / "net" / f"node-{SMALL}", DISK_KIB))
        except NoMount as why:
            print(f"chaos without a full disk: no tmpfs can be mounted here ({why})")
            disk = None
        place = lambda n: {"host": spaces.host(n), "words": spaces.words(n)}
        settings = lambda n: [f"rpc.allowed_hosts=localhost,{spaces.host(n)}"]
        net = stack.enter_context(Net(top / "net", params=PARAMS, place=place, settings=settings))
        net.start()
        load, work = Load(net, RATE, seed).start(), Chaos(net, spaces, disk, chance)
        time.sleep(3)
        work.run(minutes)
        unanswered = load.end()
        net.level()
        blocks, holders = compare(net)
        told = {"minutes": minutes, "seed": seed, "events": dict(sorted(work.counts.items())), "offered": load.offered,
                "unanswered": unanswered, "blocks_read": blocks, "holders": holders, **verdict(net, load)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
