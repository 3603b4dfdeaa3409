#!/usr/bin/env python3
"""Strangers flood one validator of four, by every protocol of both swarms: finality may not become slower by more than 20 %, nor its memory grow by
more than 64 MB, and honest peers go on.

Usage: flood.py [--seconds 10] [--pairs 5] [--identities 20] [--addresses 20] [--kinds a,b] [--short]

Each pair is a calm run and a flooded one, one after the other; the median of the pairs' ratios counts. Finality is measured at the attacked
node itself, by transfers that are sent to it and waited for there. Villains come from addresses of their own on loopback, and run with
nice 19, so that on a machine of few cores its own work hardly stands for the node's. What is left of it counts against the node."""
import argparse
import collections
import concurrent.futures
import itertools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import four
import handmade
from idle import rss_mb
from lib import TARGET, RpcError, cli, height_of, rpc

FLOOD = TARGET / "debug" / "leither-flood"
SLOWER, GROWN_MB = 1.20, 64
# A short run has few transfers and one calm run, so its figures are coarse.
SLOWER_SHORT = 1.6
# How often a transfer is sent, in seconds: no divisor of a pulse.
EVERY = 0.193

# By each kind: which swarm and transport, as how many peers, and what the node must say of it by name.
DATA = ["gossip-junk", "gossip-oversized", "gossip-valid-form", "gossip-bad-signature", "gossip-small", "exchange-junk", "exchange-oversized",
        "exchange-many", "streams", "handshakes", "other-chain", "old-version"]
CONSENSUS = ["votes-future", "proposal-parts", "liveness", "sync", "broadcast", "consensus-oversized", "proofs", "streams", "handshakes"]
NAMED = {"other-chain": "is of the chain", "old-version": "speaks none of this node's protocols"}
SHORT = ["quic:gossip-valid-form", "tcp:gossip-small", "tcp:exchange-many", "quic:streams", "quic:other-chain", "tcp:old-version",
         "consensus:votes-future", "consensus:broadcast"]


def all_kinds():
    return [f"{way}:{kind}" for kind in DATA for way in ("quic", "tcp")] + [f"consensus:{kind}" for kind in CONSENSUS]


class Payer:
    """Sends transfers that were signed beforehand, and sees how long each takes to be final."""

    def __init__(self, home, url, payee):
        self.url, self.payee = url, payee
        self.account = cli(["keys", "show", "payer"], home)["account"]
        self.seed = bytes.fromhex(cli(["keys", "export", "payer", "--yes-show-secret"], home)["seed"].removeprefix("0x"))
        self.nonce = 0

    def prepare(self, count):
        info = rpc(self.url, "chain_getInfo")
        made = []
        for _ in range(count):
            call = handmade.transfer(self.payee, 1)
            tx = handmade.payload(info["chain"], [self.account], self.nonce, int(info["time"]) + 60_000, [call])
            made.append(handmade.signed(tx, self.seed))
            self.nonce += 1
        return made

    def stream(self, seconds):
        """Seconds to finality, one a transfer."""
        def one(raw, at):
            time.sleep(max(0, at - time.time()))
            began = time.time()
            sent = None
            while sent is None:
                try:
                    sent = rpc(self.url, "tx_submit", raw)["tx"]
                except RpcError:
                    # Those before it are not in a block yet.
                    if time.time() - began > 30:
                        raise
                    time.sleep(0.1)
            view = rpc(self.url, "tx_wait", sent, 30_000)
            if view["status"] not in ("final", "settled"):
                raise SystemExit(f"a transfer is {view['status']} after {time.time() - began:.1f} s")
            return time.time() - began

        made = self.prepare(int(seconds / EVERY))
        start = time.time()
        # As many at once as nonces may be ahead.
        with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
            return list(pool.map(one, made, [start + n * EVERY for n in range(len(made))]))


class Memory:
    """The most that a process has resident while it is looked at."""

    def __init__(self, pid):
        self.pid, self.most, self.done = pid, rss_mb(pid), threading.Event()
        self.first = self.most
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.done.wait(0.1):
            self.most = max(self.most, rss_mb(self.pid))

    def grown(self):
        self.done.set()
        self.thread.join()
        return self.most - self.first


RUN = itertools.count(1)


def villains(to, chain, kind, identities, addresses, seconds, height):
    """So many peers from so many addresses that no run before came from."""
    run = next(RUN)
    for n in range(addresses):
        line = ["nice", "-n", "19", str(FLOOD), "--to", to, "--chain", chain, "--kind", kind, "--identities", str(identities // addresses),
                "--seconds", str(seconds), "--height", str(height), "--from", f"127.{1 + run // 250}.{1 + run % 250}.{1 + n}"]
        yield subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(processes):
    """What all of them did and saw."""
    counts, words, sent = collections.Counter(), collections.Counter(), 0
    for process in processes:
        out, err = process.communicate(timeout=120)
        if process.returncode:
            raise SystemExit(f"a villain failed: {err}")
        said = json.loads(out)
        counts.update(said["counts"]), words.update(said["words"])
        sent += said["bytes"]
    return counts, words, sent


def measure(payer, pid, seconds, flood=None):
    """Finality, growth of memory and what the villain says, of one run."""
    memory = Memory(pid)
    processes = list(flood()) if flood else []
    if processes:
        # They are at full speed when the measuring begins.
        time.sleep(1)
    took = payer.stream(seconds)
    said = told(processes)
    return statistics.median(took), memory.grown(), said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--identities", type=int, default=20)
    parser.add_argument("--addresses", type=int, default=20)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--short", action="store_true")
    args = parser.parse_args()
    kinds = [kind for kind in args.kinds.split(",") if kind] or (SHORT if args.short else all_kinds())
    seconds, pairs = (3, 1) if args.short else (args.seconds, args.pairs)
    limit = SLOWER_SHORT if args.short else SLOWER
    bad = []
    with tempfile.TemporaryDirectory(prefix="leither-flood-") as text, four.net(pathlib.Path(text)) as (homes, ports, made, chain, nodes):
        urls = [f"http://127.0.0.1:{port[0]}" for port in ports]
        four.answers(homes, urls, chain, nodes)
        payer = Payer(homes[0], urls[0], cli(["keys", "show", "payer"], homes[1])["account"])
        payer.stream(2)
        rpc_port, p2p, bft = ports[0]
        ways = {"quic": f"/ip4/127.0.0.1/udp/{p2p}/quic-v1/p2p/{made[0]['data_peer_id']}",
                "tcp": f"/ip4/127.0.0.1/tcp/{p2p}/p2p/{made[0]['data_peer_id']}",
                "consensus": f"/ip4/127.0.0.1/tcp/{bft}/p2p/{made[0]['consensus_peer_id']}"}
        print(f"{'kind':34} {'calm s':>7} {'flood s':>7} {'ratio':>6} {'grown MB':>8}  what the villain got")
        # A short run has no time to be calm each time.
        once = None
        for name in kinds:
            way, kind = name.split(":")
            ratios, calm_all, flooded_all, grown_all, said = [], [], [], [], None
            for _ in range(pairs):
                if not (args.short and once):
                    once = measure(payer, nodes[0].pid, 5 if args.short else seconds)[0]
                calm = once
                attack = lambda: villains(ways[way], chain, kind, args.identities, args.addresses, seconds + 2, height_of(urls[0]))
                flooded, grown, said = measure(payer, nodes[0].pid, seconds, attack)
                ratios.append(flooded / calm)
                calm_all.append(calm), flooded_all.append(flooded), grown_all.append(grown)
                if any(node.poll() is not None for node in nodes):
                    sys.exit(f"{name}: a node has ended:\n{(homes[0] / 'log').read_text()[-3000:]}")
            ratio, grown = statistics.median(ratios), max(grown_all)
            counts = ", ".join(f"{what} {count}" for what, count in sorted(said[0].items()))
            print(f"{name:34} {statistics.median(calm_all):7.3f} {statistics.median(flooded_all):7.3f} {ratio:6.2f} {grown:8.1f}  "
                  f"{counts}; {said[2] / 1e6:.1f} MB; {said[1].most_common(2)}", flush=True)
            if ratio > limit:
                bad.append(f"{name}: finality is slower by {(ratio - 1) * 100:.0f} %")
            if grown > GROWN_MB:
                bad.append(f"{name}: memory grew by {grown:.0f} MB")
            if kind in NAMED and NAMED[kind] not in (homes[0] / "log").read_text():
                bad.append(f"{name}: the node's log does not say who it was")
        heights = four.agree(urls)
        print(f"{len(kinds)} kinds, {pairs} pairs of {seconds} s: one block and one root at each of {min(heights)} heights")
    if bad:
        sys.exit("\n".join(bad))


if __name__ == "__main__":
    main()
