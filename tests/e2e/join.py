#!/usr/bin/env python3
"""Devices join a chain, pledge, fail, come back, change their key and leave; others begin at a snapshot; the books stay one.
Usage: join.py [directory that keeps the homes and logs]"""
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import lib
from audit import audit
from lib import LEITHER, ROOT, Checks, RpcError, Score, command, environment, free_port, height_of, rpc, until

CHECKS = Checks()
FOUNDERS = 4
POWER = 1_000
PLEDGE = 400 * 10**9
# A day of a chain in a few seconds: a joiner needs no trusted block in the first half minute, and one after it.
UNBONDING_MS = 30_000
EPOCH_S = 8
# Blocks that no prune takes.
KEPT = 100
PARAMS = {"epoch_ms": str(EPOCH_S * 1_000), "heartbeat_ms": "2000", "unbonding_ms": str(UNBONDING_MS), "jail_ms": "3000", "misses_max": 8,
          "pulse_ms": "500", "pulse_min_ms": "100"}
# For whatever comes at the next election, with room for a machine that builds something else.
ELECTION_S = 3 * EPOCH_S + 10


class Node:
    """A home and, while it runs, its process."""

    def __init__(self, top, name):
        self.home = pathlib.Path(top) / name
        self.name = name
        self.p2p, self.bft = free_port(), free_port()
        self.process = self.url = None

    def cli(self, *args, code=0):
        return lib.cli(args, self.home, self.url, code)

    def settings(self, *more):
        wanted = ["rpc.listen=127.0.0.1:0", "metrics.listen=127.0.0.1:0", "gateway.listen=127.0.0.1:0", "swarm.listen=127.0.0.1:0", f"p2p.listen=127.0.0.1:{self.p2p}",
                  f"consensus.listen=127.0.0.1:{self.bft}", "snapshots.every_epochs=1", *more]
        return [word for setting in wanted for word in ("--set", setting)]

    def invitation(self):
        return f"/ip4/127.0.0.1/tcp/{self.p2p}/p2p/{self.made['data_peer_id']}"

    def init(self, *flags):
        self.made = self.cli("init", *flags)
        return self

    def join(self, founder, chain, *flags):
        """A fresh home, with nothing but an invitation."""
        return self.init("--join", founder.invitation(), "--chain", chain, *flags, *self.settings())

    def spawn(self, *flags):
        self.log = self.home / "log"
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([str(LEITHER), "--json", "run", *flags], stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=environment(self.home))
        return self

    def said(self):
        with open(self.log) as log:
            log.seek(self.log_from)
            return log.read()

    def start(self, *flags):
        """Runs it and waits for its first line, which it writes when it can be asked."""
        line = self.spawn(*flags).process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended at once with {self.process.wait()}:\n{self.said()[-3000:]}")
        self.began = json.loads(line)
        self.url = self.began["rpc"]
        return self

    def refused(self, code, words, *flags, seconds=45):
        """Runs it, and looks for its end with this code and a last line that has these words."""
        try:
            found = self.spawn(*flags).process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{self.name} {flags} still runs; it said:\n{self.said()[-3000:]}") from None
        finally:
            self.end()
        CHECKS.equal(found, code, f"{self.name} {flags}: exit code; it said:\n{self.said()[-3000:]}\n")
        # A thread that ends later may still log lines behind it.
        last = ([line for line in self.said().splitlines() if line.startswith("leither: ")] or [""])[-1]
        CHECKS.that(words in last, f"{self.name} {flags} ends with {last!r}, without {words!r}")

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """As systemd does it. Its exit code, if it ran."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(20)
        self.kill9()
        raise SystemExit(f"{self.name} does not end; it said:\n{self.said()[-3000:]}")

    def stop(self):
        CHECKS.equal(self.end(), 0, f"{self.name}: exit code")

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def height(self):
        return height_of(self.url)

    def header(self, height):
        """The final header of that height, with the votes on it."""
        return rpc(self.url, "chain_getHeader", str(height))


class Load(threading.Thread):
    """Pays again and again, so that pulses come as fast as the rules let them, and notes what was called final."""

    def __init__(self, node, payee):
        super().__init__(daemon=True)
        self.node, self.payee = node, payee
        self.final, self.other, self.ended = [], 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            done = command(["transfer", "--from", "payer", self.payee, "0.001mei"], self.node.home, self.node.url)
            answer = json.loads(done.stdout) if done.returncode == 0 else {}
            if answer.get("status") == "final":
                self.final.append((answer["tx"], answer["height"]))
            else:
                self.other += 1
                time.sleep(0.1)

    def end(self):
        self.ended.set()
        self.join(60)


def stake_of(node, operator):
    return next((stake for stake in rpc(node.url, "validator_list")["stakes"] if stake["operator"] == operator), None)


def seats(node):
    return {v["validator"]: int(v["power"]) for v in rpc(node.url, "validator_list")["validators"]}


def signers(node, height):
    return {vote["validator"] for vote in node.header(height)["certificate"]["signatures"]}


def signed_since(node, validator, height):
    """The heights from this one on whose certificate, as this node has it, names the validator."""
    return [h for h in range(height, node.height() + 1) if validator in signers(node, h)]


def locked(node, account):
    return int(rpc(node.url, "account_get", account)["mei"]["locked"])


def same_books(nodes, above=0):
    """One block and one root at each height that two of them have; how many heights those are."""
    heights = {node.name: node.height() for node in nodes}
    shared = 0
    for height in range(above + 1, max(heights.values()) + 1):
        seen = {}
        for node in nodes:
            with contextlib.suppress(RpcError):
                if height <= heights[node.name]:
                    header = node.header(height)["header"]
                    seen.setdefault((header["id"], header["state_root"]), []).append(node.name)
        CHECKS.that(len(seen) <= 1, f"height {height}: the nodes differ: {seen}")
        shared += any(len(names) > 1 for names in seen.values())
    CHECKS.that(shared, f"no height that two nodes have: {heights}")
    return shared


def catches_up(node, other, seconds=30):
    """It comes to a height that the other has at this moment."""
    wanted = other.height()
    until(f"{node.name} comes to height {wanted}", seconds, lambda: node.height() >= wanted)


class Story:
    """The chapters, in their order; each begins where the former ended."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.nodes, self.began = [], time.time()
        self.genesis = self.top / "genesis.json"

    def node(self, name):
        self.nodes.append(Node(self.top, name))
        return self.nodes[-1]

    def tell(self, what):
        print(f"{time.time() - self.began:6.1f} s  {what}", flush=True)

    def found(self):
        """A: three founders, who tell the chain where they are found."""
        self.founders = [self.node(f"founder-{n}") for n in range(1, FOUNDERS + 1)]
        self.joiner = self.node("joiner")
        # The parents of its home are made by whatever comes first.
        self.operator = self.joiner.cli("keys", "new", "op", "--backend", "test")["account"]
        lib.cli(["genesis", "new", self.genesis, "--name", "joining"], self.top)
        for node in self.founders:
            node.init("--validator")
            node.payer = node.cli("keys", "new", "payer", "--backend", "test")["account"]
            lib.cli(["genesis", "add-validator", self.genesis, "--key", node.made["consensus_key"], "--operator", node.payer,
                     "--power", POWER], self.top)
        for account in [self.operator, *(node.payer for node in self.founders)]:
            lib.cli(["genesis", "add-allocation", self.genesis, account, "1000mei", "--reason", "a test's play money", "--evidence",
                     ROOT / "README.md"], self.top)
        made = json.loads(self.genesis.read_text())
        unknown = set(PARAMS) - set(made["params"])
        CHECKS.that(not unknown and made["dev"] is False, f"genesis.json has no params {unknown}")
        # The id is that of other numbers.
        made.pop("chain", None)
        made["params"].update(PARAMS)
        self.time_ms = int(time.time() * 1_000)
        made["time_ms"] = str(self.time_ms)
        self.genesis.write_text(json.dumps(made))
        self.chain = lib.cli(["genesis", "validate", self.genesis], self.top)["chain"]
        for node in self.founders:
            others = [other for other in self.founders if other is not node]
            bft = ",".join(f"/ip4/127.0.0.1/tcp/{other.bft}/p2p/{other.made['consensus_peer_id']}" for other in others)
            data = ",".join(other.invitation() for other in others)
            node.cli("init", "--genesis", self.genesis, *node.settings(f"consensus.persistent_peers={bft}", f"p2p.peers={data}"))
        for node in self.founders:
            node.start()
            CHECKS.equal(node.began["chain"], self.chain, "chain")
        self.load = Load(self.founders[0], self.founders[1].payer)
        self.load.start()
        self.first = self.founders[0]
        for node in self.founders[1:]:
            node.cli("validator", "move", "--from", "payer", "--address", f"/ip4/127.0.0.1/tcp/{node.bft}")
        # The first one is known to the joiner by nothing: it has to find the others alone.
        until("the first blocks", 30, lambda: self.first.height() >= 3)
        self.tell(f"{FOUNDERS} founders, height {self.first.height()}")

    def come(self):
        """B: an invitation is all that a fresh device needs. Meanwhile another one is told the wrong chain."""
        other = self.chain[:-1] + ("0" if self.chain[-1] != "0" else "1")
        self.misled = self.node("misled")
        line = [str(LEITHER), "--json", "init", "--join", self.first.invitation(), "--chain", other, *self.misled.settings()]
        self.misled.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                               env=environment(self.misled.home))
        self.joiner.join(self.first, self.chain, "--validator")
        CHECKS.equal(self.joiner.made["chain"], self.chain, "the invitation's chain")
        self.joiner.start()
        catches_up(self.joiner, self.first)
        at = self.joiner.height()
        until("the joiner follows", 15, lambda: self.joiner.height() >= at + 4)
        CHECKS.equal(rpc(self.joiner.url, "node_getStatus")["validator"], None, "it only follows")
        self.tell(f"the joiner follows, {same_books([self.first, self.joiner])} heights are the same")

    def seated(self, validator, what):
        """Waits for the seat, and for five votes that the first founder has counted since."""
        until(f"{what}: a seat", ELECTION_S, lambda: validator in seats(self.first))
        since = self.first.height() + 1
        until(f"{what}: votes", 20, lambda: len(signed_since(self.first, validator, since)) >= 5)
        catches_up(self.joiner, self.first)

    def pledge(self):
        """C: who pledges has a seat from the next epoch on, signs, and is paid. It only dials out: it has told no address."""
        joined = self.joiner.cli("validator", "join", "--pledge", "400mei", "--from", "op")
        self.validator = joined["validator"]
        CHECKS.equal(self.validator, self.joiner.made["validator"], "the validator's id")
        CHECKS.equal(locked(self.first, self.operator), PLEDGE, "locked")
        stake = stake_of(self.first, self.operator)
        CHECKS.equal((stake["standing"], stake["seated"], stake["pledge"]), ("active", False, str(PLEDGE)), "a candidate")
        again = self.joiner.cli("validator", "join", "--pledge", "400mei", "--from", "op", code=1)
        CHECKS.that("already" in json.dumps(again), f"a second pledge says {again}")
        free = self.joiner.cli("validator", "unjail", "--from", "op", code=1)
        CHECKS.that("not in jail" in json.dumps(free), f"unjail of who is free says {free}")
        self.seated(self.validator, "who pledged")
        CHECKS.equal(seats(self.first)[self.validator], 400, "its power")
        CHECKS.equal(rpc(self.joiner.url, "node_getStatus")["validator"], self.validator, "what it is")

        def paid():
            ends = (rpc(self.first.url, "chain_getBlock", str(h))["end"] for h in range(int(joined["height"]), self.first.height() + 1))
            return [e["args"]["amount"] for end in ends for e in end
                    if (e["pallet"], e["event"]) == ("staking", "paid") and e["args"]["operator"] == self.operator]

        amounts = until("the operator is paid", 20, paid)
        self.tell(f"it has a seat, signs, and was paid {len(amounts)} times")

    def move(self):
        """C: one with a seat says where it is found, and is dialled there without a change of the set."""
        address = f"/ip4/127.0.0.1/tcp/{self.joiner.bft}"
        self.joiner.cli("validator", "move", "--from", "op", "--address", address)
        CHECKS.equal(stake_of(self.first, self.operator)["address"], address, "where it is found")
        # Only the log says whom a node dials.
        until("the founders dial it", 10, lambda: all("a peer in consensus" in said and f"{address}/p2p/" in said
                                                      for said in (node.said() for node in self.founders)))
        self.tell("it told its address, and is dialled")

    def fail(self):
        """D: who is killed is jailed, the others go on; it comes back by `unjail`."""
        self.joiner.kill9()
        at = self.first.height()
        stake = until("jail", ELECTION_S, lambda: (s := stake_of(self.first, self.operator)) and s["standing"] == "jailed" and s)
        until("out of the set", 10, lambda: self.validator not in seats(self.first))
        jailed = self.first.height()
        CHECKS.that(jailed > at + 4, f"the others go on: {at}, {jailed}")
        # The others have cut it off; it takes itself for a validator until it has read that it was jailed.
        time.sleep(2)
        self.joiner.start()
        catches_up(self.joiner, self.first)
        CHECKS.equal(stake_of(self.joiner, self.operator)["standing"], "jailed", "by its own books")
        until("the end of the jail", 30, lambda: int(rpc(self.first.url, "chain_getInfo")["time"]) >= int(stake["until"]))
        self.joiner.cli("validator", "unjail", "--from", "op")
        self.seated(self.validator, "who was jailed")
        self.tell(f"killed at {at}, jailed by {jailed}, back in the set")

    def rotate(self):
        """E: a new key takes over, with the node started once in between."""
        answer = self.joiner.cli("validator", "rotate", "--from", "op")
        new = answer["validator"]
        CHECKS.that(new != self.validator and pathlib.Path(answer["key_file"]).exists(), f"{answer}")
        self.joiner.stop()
        self.joiner.start()
        self.seated(new, "the new key")
        set_of = seats(self.first)
        CHECKS.that(self.validator not in set_of and set_of[new] == 400, f"the old key's seat: {set_of}")
        since = min(signed_since(self.first, new, int(answer["height"])))
        CHECKS.equal(signed_since(self.first, self.validator, since), [], "what the old key signed since")
        CHECKS.equal(rpc(self.joiner.url, "node_getStatus")["validator"], new, "what it is")
        self.validator = new
        self.tell(f"the new key signs from height {since} on, the old one does not")

    def leave(self):
        """F: who leaves is out at the next epoch, and follows. The pledge is waited for in `released`."""
        self.joiner.cli("validator", "leave", "--from", "op")
        until("out of the set", ELECTION_S, lambda: self.validator not in seats(self.first))
        stake = stake_of(self.first, self.operator)
        CHECKS.equal(stake["standing"], "leaving", "standing")
        self.release = int(stake["until"])
        CHECKS.equal(locked(self.first, self.operator), PLEDGE, "the pledge stays until it is released")
        catches_up(self.joiner, self.first)
        at = self.joiner.height()
        until("who left follows", 15, lambda: self.joiner.height() >= at + 4)
        self.tell(f"out of the set at {at}, and follows")

    def copy(self):
        """G: the database of a node that is stopped, as a snapshot, restored elsewhere and pruned."""
        busy = self.joiner.cli("snapshot", "create", code=2)
        CHECKS.that("LOCK" in busy["stderr"] or "use" in busy["stderr"], f"a running node's database: {busy}")
        self.joiner.stop()
        made = self.joiner.cli("snapshot", "create")
        listed = self.joiner.cli("snapshot", "list")["snapshots"]
        CHECKS.equal(listed[0], made, "the newest is the one that was made")
        height = int(made["height"])
        stat = self.joiner.cli("db", "stat")
        CHECKS.equal((stat["height"], stat["lowest"]), (made["height"], "1"), "db stat")
        CHECKS.that(int(stat["home_bytes"]) >= int(stat["data_bytes"]) + int(stat["snapshot_bytes"]) > 0, f"{stat}")
        self.bad_copy(made)
        copy = self.node("restored").init("--genesis", self.genesis)
        copy.cli("init", *copy.settings(f"p2p.peers={self.first.invitation()}"))
        # The chain is older than pledges are bound: a snapshot's files are believed as little as a peer's.
        until("the beginning is long ago", 60, self.is_old)
        doubtful = copy.cli("snapshot", "restore", made["directory"], code=2)
        CHECKS.that("--trust HEIGHT:ID" in doubtful["stderr"], f"a restore without a trusted block: {doubtful}")
        wrong = copy.cli("snapshot", "restore", made["directory"], "--trust", f"{height}:{self.chain}", code=2)
        CHECKS.that("another block than the trusted one" in wrong["stderr"], f"another block: {wrong}")
        unseen = copy.cli("snapshot", "restore", made["directory"], "--trust", f"1:{self.first.header(1)['header']['id']}", code=2)
        CHECKS.that("nothing here shows" in unseen["stderr"], f"a block that the files do not show: {unseen}")
        trust = ("--trust", f"{height}:{made['block']}")
        CHECKS.equal(copy.cli("snapshot", "restore", made["directory"], *trust)["state_root"], made["state_root"], "the restored state")
        CHECKS.equal((copy.home / "data").stat().st_mode & 0o777, 0o700, "the data directory's mode")
        again = copy.cli("snapshot", "restore", made["directory"], *trust, code=2)
        CHECKS.that("in use" in again["stderr"], f"a second restore: {again}")
        self.follows_from(copy.start(), height)
        self.joiner.start()
        catches_up(self.joiner, self.first)
        self.tell(f"a snapshot of {height} was restored elsewhere, and followed")

    def bad_copy(self, made):
        """H: one bit of one chunk."""
        bad = self.top / pathlib.Path(made["directory"]).name
        shutil.copytree(made["directory"], bad)
        chunk = sorted((bad / "chunks").iterdir())[0]
        data = bytearray(chunk.read_bytes())
        data[len(data) // 2] ^= 1
        chunk.write_bytes(data)
        node = self.node("betrayed").init("--genesis", self.genesis)
        trust = ("--trust", f"{made['height']}:{made['block']}")
        until("the beginning is long ago", 60, self.is_old)
        refused = node.cli("snapshot", "restore", bad, *trust, code=2)
        CHECKS.that(chunk.name in refused["stderr"], f"which chunk is bad: {refused}")
        CHECKS.that(not (node.home / "data" / "CURRENT").exists(), "nothing of it is kept")
        # Nothing of it is in the way either.
        node.cli("snapshot", "restore", made["directory"], *trust)

    def follows_from(self, node, below):
        """It follows, and says of what is at or below that height that it has it no more."""
        until(f"{node.name} has a block of its own", 20, lambda: node.height() > below)
        catches_up(node, self.first)
        try:
            rpc(node.url, "chain_getBlock", str(below))
        except RpcError as error:
            CHECKS.equal((error.code, error.reason), (-32044, "pruned"), f"{node.name}: block {below}")
        else:
            CHECKS.that(False, f"{node.name} has block {below}")
        rpc(node.url, "chain_getBlock", str(below + 1))
        same_books([node, self.first], below)

    def is_old(self):
        return time.time() * 1_000 > self.time_ms + UNBONDING_MS + 1_000

    def trust(self):
        """G, H: by now a stranger's word about the beginning is worth nothing: who comes has to know a block."""
        until("the beginning is long ago", 60, self.is_old)
        stranger = self.node("stranger").join(self.first, self.chain)
        stranger.refused(2, "--trust HEIGHT:ID")
        known = self.first.height() // 2
        block = self.first.header(known)["header"]["id"]
        wrong = self.first.header(known + 1)["header"]["id"]
        stranger.refused(3, "no snapshot", "--sync", "snapshot", "--trust", f"{known}:{wrong}")
        CHECKS.that("another block than the trusted one" in stranger.said(), f"the cause: {stranger.said()}")
        stranger.refused(4, "trust", "--sync", "blocks", "--trust", f"{known}:{wrong}")
        late = self.node("late").join(self.first, self.chain).start("--sync", "snapshot", "--trust", f"{known}:{block}")
        base = int(late.began["height"])
        CHECKS.that(base > known, f"its first height {base} is a snapshot's")
        self.follows_from(late, base)
        whole = self.node("whole").join(self.first, self.chain).start("--sync", "blocks", "--trust", f"{known}:{block}")
        catches_up(whole, self.first, 60)
        rpc(whole.url, "chain_getBlock", "1")
        self.sleeper = self.node("sleeper").join(self.first, self.chain).start("--sync", "snapshot", "--trust", f"{known}:{block}")
        self.sleeper.stop()
        self.asleep = time.time()
        self.tell(f"one began at the snapshot of {base}, one with all blocks, both by a trusted block of {known}")

    def released(self):
        """F: the pledge is back once it was bound long enough."""
        def back():
            held = locked(self.first, self.operator)
            CHECKS.that(held == 0 or int(rpc(self.first.url, "chain_getInfo")["time"]) < self.release + ELECTION_S * 1_000, "still locked")
            return held == 0

        until("the pledge is back", UNBONDING_MS // 1_000 + ELECTION_S, back)
        CHECKS.that(int(rpc(self.first.url, "chain_getInfo")["time"]) >= self.release, "not before its time")
        CHECKS.equal(stake_of(self.first, self.operator), None, "nothing stands behind it any more")
        self.tell("the pledge is back")

    def prune(self):
        """G: old blocks go, but never the hundred newest; the node follows without them."""
        until("enough blocks", 60, lambda: self.joiner.height() >= 140)
        self.joiner.stop()
        few = self.joiner.cli("db", "prune", "--keep-from", 20)
        CHECKS.equal((few["from"], few["to"]), ("1", "20"), "pruned")
        all_of = int(self.joiner.cli("db", "stat")["height"])
        much = self.joiner.cli("db", "prune", "--keep-from", all_of)
        CHECKS.equal((much["from"], much["to"]), ("20", str(all_of - KEPT + 1)), "a hundred blocks stay")
        CHECKS.equal(self.joiner.cli("db", "stat")["lowest"], much["to"], "the lowest")
        self.joiner.start()
        self.follows_from(self.joiner, int(much["to"]) - 1)
        self.tell(f"{much['to']} is the lowest block that the joiner keeps")

    def wake(self):
        """G, H: who was away for longer than pledges are bound is told what to say, and may vouch for its own newest block."""
        until("the sleeper's newest block is old", 60, lambda: time.time() > self.asleep + UNBONDING_MS / 1_000 + 1)
        self.sleeper.refused(2, "say so with --trust ")
        word = self.sleeper.said().strip().split("--trust ")[-1]
        height, block = word.split(":")
        CHECKS.equal(self.first.header(int(height))["header"]["id"], block, "the block that it names")
        wrong = self.first.header(int(height) - 1)["header"]["id"]
        self.sleeper.refused(2, "not the one given with --trust", "--trust", f"{height}:{wrong}")
        self.sleeper.start("--trust", word)
        catches_up(self.sleeper, self.first)
        self.sleeper.stop()
        self.tell(f"who slept at {height} was vouched for by its owner")

    def told_wrong(self):
        """H: the device that was told another chain has long given up."""
        out, err = self.misled.process.communicate(timeout=60)
        CHECKS.equal((self.misled.process.returncode, out), (3, ""), f"a wrong chain; it said {err!r}")
        CHECKS.that("no peer of this chain" in err, f"a wrong chain: {err}")
        CHECKS.that(not (self.misled.home / "config/genesis.json").exists(), "it has no genesis")

    def books(self):
        """I: what was called final stands, every node has the same books, and they are right."""
        self.load.end()
        CHECKS.that(len(self.load.final) > 50 and self.load.other == 0, f"{len(self.load.final)} paid, {self.load.other} not")
        running = [node for node in self.nodes if node is not self.misled and node.runs()]
        CHECKS.equal(len(running), FOUNDERS + 4, f"who runs: {[node.name for node in running]}")
        for node in running:
            catches_up(node, self.first)
        whole = [node for node in running if node.name in ("founder-2", "founder-3", "whole")]
        for tx, height in self.load.final:
            found = {(v["height"], v["status"]) for v in (rpc(node.url, "tx_get", tx) for node in whole)}
            CHECKS.equal(found, {(height, "final")}, f"{tx}")
        shared = same_books(running)
        told = audit(self.first.url, self.genesis)
        CHECKS.that(told["transactions"] >= len(self.load.final), f"{told}")
        for node in running:
            node.stop()
        self.tell(f"{len(running)} nodes, one block and one root at each of {shared} heights; {told}")

    def end(self):
        if hasattr(self, "load"):
            self.load.end()
        for node in self.nodes:
            if node.runs():
                node.process.terminate()
        for node in self.nodes:
            if node.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    node.process.wait(20)
                if node.runs():
                    node.kill9()


def main():
    with contextlib.ExitStack() as stack, Score("join", "checks") as score:
        score.tried = lambda: CHECKS.count
        top = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(tempfile.TemporaryDirectory(prefix="leither-join-"))
        story = Story(top)
        try:
            for chapter in (story.found, story.come, story.pledge, story.move, story.fail, story.rotate, story.leave, story.copy, story.trust,
                            story.released, story.prune, story.wake, story.told_wrong, story.books):
                chapter()
        finally:
            story.end()
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
