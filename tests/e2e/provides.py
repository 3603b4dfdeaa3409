#!/usr/bin/env python3
"""Many MiMeis published at once by one of four nodes: how long it takes until others were told of every one (a full round), whether each of the others then
finds who holds which version, and whether a restart leaves nothing to be told again.

LEITHER_PROVIDES says how many, 400 by default; 100,000 have ten minutes for the round, and take as long again to be made.
Usage: provides.py"""
import concurrent.futures
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import dag
import handmade
from content import Keepers, Unix, curl, forget_peak, memory
from idle import cpu_s
from lib import FAST, Checks, Score, command, rpc, until
from wallet import CALLS_MAX, bech32m, tagged

CHECKS = Checks()
COUNT = int(os.environ.get("LEITHER_PROVIDES") or 400)
# ROUTE-7: a node keeps 250,000 records of one provider, and a MiMei has two keys.
COUNT_MAX = 124_000
# A full round of 100,000 takes ten minutes at most; of a few, what their first round and its timer take.
ROUND_S = 30 + COUNT * 570 / 100_000
# ROUTE-9: so many keys a second at most.
PACE = 4 * 1_024
SAMPLE = 50
# Those of which the bytes are read as well.
READ = 3
AUTHORS = 4
# POOL-3.
AHEAD_MAX = 16
# Names of one directory.
ACROSS = 1_000
# Calls of the socket at a time.
HANDS = 8
MEMORY_MB = 200
PATIENCE_S = 60
APP, KIND = b"provides", b"file"


def tell(part, **more):
    print(json.dumps({"part": part, **more}), flush=True)


class Item:
    """A MiMei, its one version, and what that holds."""

    def __init__(self, n, author):
        self.mark, self.bytes = b"%07d" % n, b"mimei %d\n" % n
        self.id = tagged("leither/mimei/v1", author.id, APP, KIND, self.mark)[:20]
        self.mimei = bech32m("lthmm", self.id)
        self.binary = dag.cid(self.bytes, dag.RAW)
        self.cid = dag.text(self.binary)

    def calls(self):
        """The calls `mimei.create` and `mimei.backup`."""
        create = b"\x03\x00" + b"".join(handmade.blob(text) for text in (APP, KIND, self.mark))
        # No version before it.
        return [create, b"\x03\x01" + self.id + b"\x00" + handmade.blob(self.binary)]


def signed(chain, author, nonce, items):
    tx = handmade.payload(chain, [author.account], nonce, int(time.time() * 1_000) + 3_600_000, [call for item in items for call in item.calls()])
    return "0x" + (tx + handmade.listed([author.key + author.sign(b"leither/tx/v1:" + tx)])).hex()


def parts(items, size):
    return [items[at:at + size] for at in range(0, len(items), size)]


class Provides:
    def __init__(self, top, net, score):
        self.top, self.net, self.score = top, net, score
        self.a, *self.others = net.nodes
        # One that is published after the restart, and not before.
        self.items = [Item(n, net.wallets[n % AUTHORS]) for n in range(COUNT + 1)]
        self.sample = random.Random(COUNT).sample(self.items[:COUNT], min(SAMPLE, COUNT))

    def made(self):
        """On chain, eight MiMeis and their versions a transaction; no author has more than sixteen waiting."""
        began, waiting = time.time(), []
        for first, author in enumerate(self.net.wallets):
            groups = parts(self.items[first::AUTHORS], CALLS_MAX // 2)
            waiting.append([signed(self.net.chain, author, nonce, group) for nonce, group in enumerate(groups)])
        count, sent = sum(map(len, waiting)), time.time()
        while any(waiting):
            last = []
            for at, raws in enumerate(waiting):
                now, waiting[at] = raws[:AHEAD_MAX], raws[AHEAD_MAX:]
                txs = [rpc(self.a.url, "tx_submit", raw)["tx"] for raw in now]
                last += txs[-1:]
            for tx in last:
                done = rpc(self.a.url, "tx_wait", tx, 30_000)
                CHECKS.that(done["status"] in ("final", "settled") and done["receipt"]["done"], f"MiMeis are made: {done}")
        tell("made", mimeis=len(self.items), transactions=count, signing_s=round(sent - began, 1), s=round(time.time() - sent, 1))

    def brought(self):
        """All contents in one CAR, below a directory that keeps them; then what `mimei add` says of each once the chain has it."""
        began, made, folders = time.time(), dag.Made(), []
        for n, part in enumerate(parts(self.items, ACROSS)):
            entries = [(item.mark, made.put(item.bytes, dag.RAW)) for item in part]
            folders.append((b"%04d" % n, made.put(dag.directory(entries))))
        root = made.put(dag.directory(folders))
        car = self.top / "all.car"
        car.write_bytes(dag.car([root], made.items()))
        CHECKS.equal(self.a.cli("storage", "import", car, "--name", "provides")["cid"], dag.text(root), "the directory of all")
        imported = time.time()
        with concurrent.futures.ThreadPoolExecutor(HANDS) as hands:
            refused = [said for lot in hands.map(self.recorded, [self.items[hand::HANDS] for hand in range(HANDS)]) for said in lot]
        CHECKS.equal(refused[:3], [], "versions that are not recorded")
        tell("brought", blocks=len(made.blocks), import_s=round(imported - began, 1), recording_s=round(time.time() - imported, 1))

    def recorded(self, items):
        """The node is told of each that this is its version; which it refused. One connection for all of them."""
        refused, connection = [], Unix(self.a.socket)
        for item in items:
            connection.request("POST", f"/mimei/{item.mimei}/versions/0?cid={item.cid}")
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                refused.append((item.mimei, answer.status, said[:200]))
        connection.close()
        return refused

    def summary(self):
        """How many keys are announced, how many were at least once, how many are due: as `mimei provide --summary` says."""
        status, said = self.a.admin("GET", "/provided/summary")
        if status != 200:
            raise SystemExit(f"{self.a.name} does not say how far it is: {status} {said}")
        return said

    def listed(self, items, file, stdin=None):
        """Publishes a list: each is answered for, and the last line counts them."""
        done = command(["mimei", "publish", "--list", file], self.a.home, self.a.url, stdin)
        CHECKS.equal(done.returncode, 0, f"a list is published: {done.stderr[-500:]}; it begins:\n{done.stdout[:500]}")
        *said, last = [json.loads(line) for line in done.stdout.splitlines()]
        CHECKS.equal(last, {"event": "summary", "published": str(len(items)), "failed": "0"}, "the last line")
        differing = [one for one, item in zip(said, items) if (one["mimei"], one["version"], one["cid"]) != (item.mimei, "0", item.cid)]
        CHECKS.equal((len(said), differing[:3]), (len(items), []), "each is answered for, in its order, with its version")

    def announced(self, keys, began, seconds):
        """Waits until so many keys, which are all, were announced once."""
        shown = began
        while True:
            found = self.summary()
            if (found["keys"], found["announced"], found["due"]) == (str(keys), str(keys), "0"):
                return time.time() - began
            self.net.alive()
            if time.time() - began > seconds:
                raise SystemExit(f"{keys} keys are not announced within {seconds:.0f} s: {found}; it said:\n{self.a.said()[-2000:]}")
            if time.time() - shown > 10:
                shown = time.time()
                tell("announcing", s=round(shown - began), **found)
            # Counting what is due reads as many rows: the more there are, the rarer.
            time.sleep(0.1 if keys < 10_000 else 1)

    def round(self):
        """Published on A; the time until somebody keeps every key, and what it cost whom."""
        keys = 2 * COUNT
        file = self.top / "list"
        file.write_text("".join(f"{item.mimei}\n" for item in self.items[:COUNT]))
        CHECKS.equal(self.summary()["keys"], "0", "nothing is announced before")
        for node in self.net.nodes:
            forget_peak(node.process.pid)
        used = [cpu_s(node.process.pid) for node in self.net.nodes]
        began = time.time()
        self.listed(self.items[:COUNT], file)
        writing = time.time() - began
        took = self.announced(keys, began, ROUND_S)
        used = [cpu_s(node.process.pid) - before for node, before in zip(self.net.nodes, used)]
        peaks = [round(memory(node.process.pid, "VmHWM") / 1_024, 1) for node in self.net.nodes]
        rate, limit = keys / took, limits(keys, took, writing, used)
        tell("round", mimeis=COUNT, keys=keys, s=round(took, 1), writing_s=round(writing, 1), keys_per_s=round(rate), bar_s=round(ROUND_S),
             cpu_s=[round(one, 1) for one in used], memory_mib=peaks, memory_met=max(peaks) * 1_048_576 <= MEMORY_MB * 1_000_000, limit=limit)
        self.score.tried = keys
        self.score.note = (f"{COUNT} MiMeis: {took:.1f} s for a full round, {rate:.0f} keys a second, {writing:.1f} s of it to write them down; limit: "
                           f"{limit}; memory at most {max(peaks)} MiB")
        said = self.a.cli("mimei", "provide", "--summary")
        CHECKS.equal((said["keys"], said["announced"], said["due"]), (str(keys), str(keys), "0"), "the command says the same")

    def searched(self, node, items):
        """What a node finds of each: what A says that it holds, and whether A has the tree."""

        def held(of):
            status, said = node.admin("GET", f"/providers?of={of}")
            return [(one["version"], one["cid"]) for one in said["items"] if one["peer"] == self.a.id] if status == 200 else said

        return [held(item.mimei) for item in items], [held(item.cid) for item in items]

    def found(self):
        """Each of the others finds A, with the version that the chain has, and gets its bytes."""
        began = time.time()
        with concurrent.futures.ThreadPoolExecutor(len(self.others)) as hands:
            heard = list(hands.map(lambda node: self.searched(node, self.sample), self.others))
        for node, (found, trees) in zip(self.others, heard):
            for item, holds, tree in zip(self.sample, found, trees):
                CHECKS.equal(holds, [("0", item.cid)], f"{node.name} finds that A holds {item.mimei}")
                CHECKS.equal(tree, [(None, None)], f"{node.name} finds that A has {item.cid}")
            for item in self.sample[:READ]:
                got = curl(f"{node.gate}/ipfs/{item.cid}?format=raw", seconds=PATIENCE_S)
                CHECKS.equal((got.status, got.body), (200, item.bytes), f"{node.name} reads {item.mimei}")
            item = self.sample[-1]
            said = node.cli("mimei", "findprovs", item.mimei)["items"]
            CHECKS.that((self.a.id, "0", item.cid) in [(one["peer"], one["version"], one["cid"]) for one in said], f"the command says the same: {said}")
        tell("found", mimeis=len(self.sample), nodes=len(self.others), s=round(time.time() - began, 1))

    def kept(self):
        """After a restart all are announced as before, and none is due. Another one is, alone."""
        began, keys = time.time(), 2 * COUNT
        self.a.again()
        back = time.time() - began
        wanted = {"keys": str(keys), "announced": str(keys), "due": "0", "oldest_due_ms": None, "last_round_ms": None}
        CHECKS.equal(self.summary(), wanted, "all are announced, none is due, none was since")
        self.net.meet()
        CHECKS.equal(self.summary(), wanted, "nor once others can be told")
        extra = self.items[COUNT]
        self.listed([extra], "-", f"# one more\n\n{extra.mimei}\n")
        most = 0

        def told():
            nonlocal most
            found = self.summary()
            most = max(most, int(found["due"]))
            return (found["keys"], found["announced"], found["due"]) == (str(keys + 2), str(keys + 2), "0")

        until("one more is announced", PATIENCE_S, told)
        CHECKS.that(most <= 2, f"{most} keys were due where one more MiMei is announced")
        for node in self.others:
            found, _ = self.searched(node, [extra, self.sample[0]])
            CHECKS.equal(found, [[("0", extra.cid)], [("0", self.sample[0].cid)]], f"{node.name} finds it, and those of before")
        tell("kept", answers_after_s=round(back, 1), s=round(time.time() - began, 1))


def limits(keys, took, writing, used):
    """What the round waited for, as far as can be told from outside."""
    if keys < 4 * PACE:
        return "too few to tell"
    if keys / took >= 0.8 * PACE:
        return f"the pace of rounds, {PACE} keys a second (ROUTE-9)"
    cores = os.cpu_count()
    if sum(used) >= 0.8 * cores * took:
        return f"the {cores} processors that all four share"
    if writing >= 0.8 * took:
        return "writing down"
    return f"answers: the nodes used {sum(used) / took:.1f} of {cores} processors"


def main():
    if not 1 <= COUNT <= COUNT_MAX:
        sys.exit(f"LEITHER_PROVIDES is 1 to {COUNT_MAX}")
    with Score("provides", "keys") as score, tempfile.TemporaryDirectory(prefix="leither-provides-") as text:
        top = pathlib.Path(text)
        with Keepers(top / "net", wallets=AUTHORS, params={**FAST, "heartbeat_ms": "2000"}) as net:
            net.start()
            run = Provides(top, net, score)
            for part in (run.made, run.brought, run.round, run.found, run.kept):
                part()
                net.alive()
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
