#!/usr/bin/env python3
"""A device joins a busy chain by snapshot: so many accounts, 1,000 transfers a second, and the time from the start of `leither run` until
the device is where the chain is. Usage: joinload.py [accounts] [transfers a second]

The accounts are made by payments to ids that nobody has yet, sixteen a transaction, so the genesis stays small and is fetched from a
peer as by anyone. The load goes on before, during and after the join; what the nodes took of it has to be in the books."""
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

from audit import audit
from join import same_books
from lib import RpcError, cli, rpc, until
from net import UNREACHABLE, Net, Node
from wallet import CALLS_MAX

SENDERS = 1_000
BATCH = 100
# A snapshot comes with each epoch.
EPOCH_MS = 30_000
# Transactions that wait in the pools at most, while accounts are made: an account may have 16 ahead.
AHEAD = 12_000
LOAD_S = 100
# Of which so many before the device comes.
BEFORE_S = 15
FOLLOWS_S = 3
BAR_S = 60


def batches(raws):
    return [raws[n:n + BATCH] for n in range(0, len(raws), BATCH)]


def submit(node, raws):
    """How many were taken; the first refusal."""
    taken, why = 0, None
    for one in rpc(node.url, "tx_submitBatch", raws):
        taken += "tx" in one
        why = why or one.get("error")
    return taken, why


def grow(net, accounts):
    """Pays so many ids for the first time."""
    began, ids = time.time(), [os.urandom(20) for _ in range(accounts)]
    sent = 0
    for n in range(0, accounts, BATCH * CALLS_MAX):
        raws, senders = [], []
        for at in range(n, min(n + BATCH * CALLS_MAX, accounts), CALLS_MAX):
            wallet = net.wallets[sent % SENDERS]
            raws.append(wallet.transfer(net.chain, ids[at:at + CALLS_MAX], 1_000, wallet.nonce)[0])
            wallet.nonce += 1
            sent += 1
        # An account's transactions arrive in order at one node.
        node = net.nodes[(sent - len(raws)) % SENDERS // BATCH % len(net.nodes)]
        taken, why = submit(node, raws)
        if taken != len(raws):
            raise SystemExit(f"{taken} of {len(raws)} taken while accounts were made: {why}")
        until("the pools empty", 60, lambda: sent - settled(net.nodes[0]) < AHEAD)
    until("all accounts are made", 120, lambda: settled(net.nodes[0]) >= sent)
    return ids, round(time.time() - began, 1)


class Counted:
    """Transactions in blocks, counted once a block."""

    def __init__(self):
        self.height = self.txs = 0

    def __call__(self, node):
        head = node.height()
        while self.height < head:
            self.txs += rpc(node.url, "chain_getBlock", str(self.height + 1), 0, 1)["tx_count"]
            self.height += 1
        return self.txs


settled = Counted()


class Stream(threading.Thread):
    """Transfers signed beforehand, a batch at each of its times whatever became of the last."""

    def __init__(self, net, ids, rate, seconds):
        super().__init__(daemon=True)
        chance = random.Random(1)
        self.net, self.rate, self.taken, self.offered, self.refused = net, rate, 0, 0, {}
        self.batches = []
        for n in range(rate * seconds // BATCH):
            # Of the senders each hundred has its node.
            part = n % (SENDERS // BATCH)
            raws = []
            for wallet in net.wallets[part * BATCH:(part + 1) * BATCH]:
                raws.append(wallet.transfer(net.chain, [chance.choice(ids)], 10, wallet.nonce)[0])
                wallet.nonce += 1
            self.batches.append((net.nodes[part % len(net.nodes)], raws))
        self.over, self.lock = threading.Event(), threading.Lock()

    def run(self):
        began, sending = time.time(), []
        for n, (node, raws) in enumerate(self.batches):
            if self.over.wait(max(0, began + n * BATCH / self.rate - time.time())):
                break
            sending.append(threading.Thread(target=self.send, args=(node, raws), daemon=True))
            sending[-1].start()
        for one in sending:
            one.join(60)

    def send(self, node, raws):
        try:
            taken, why = submit(node, raws)
        except (RpcError, *UNREACHABLE) as error:
            taken, why = 0, {"message": str(error)}
        with self.lock:
            self.offered += len(raws)
            self.taken += taken
            if why:
                self.refused[why["message"]] = self.refused.get(why["message"], 0) + len(raws) - taken


def transfers_a_second(node, low, high):
    """In the blocks above one height up to another, by their own times; how many blocks those are."""
    blocks = [rpc(node.url, "chain_getBlock", str(height), 0, 1) for height in range(low, high + 1)]
    span = int(blocks[-1]["header"]["time"]) - int(blocks[0]["header"]["time"])
    return round(sum(block["tx_count"] for block in blocks[1:]) * 1_000 / span), len(blocks) - 1


def snapshots(node):
    return sorted(path.name for path in (node.home / "snapshots").glob("*-*") if (path / "manifest.scale").exists())


def join(net, founder):
    """The seconds that `init --join` took, those from the start of `run` to the head, and to its first answer."""
    joiner = Node(net.top, 9)
    invitation = f"/ip4/127.0.0.1/tcp/{founder.p2p}/p2p/{founder.made['data_peer_id']}"
    peers = ",".join(f"/ip4/127.0.0.1/udp/{node.p2p}/quic-v1/p2p/{node.made['data_peer_id']}" for node in net.nodes)
    began = time.time()
    cli(["init", "--join", invitation, "--chain", net.chain, *joiner.settings(f"p2p.peers={invitation},{peers}")], joiner.home)
    init = time.time() - began
    began = time.time()
    joiner.spawn("--sync", "snapshot")
    joiner.answers(300)
    answered, base = time.time() - began, joiner.height()
    since, took = None, None
    while since is None or time.time() - since < FOLLOWS_S:
        # Where the chain is: at most the block that is under way behind.
        behind = founder.height() - joiner.height()
        if behind <= 1 and since is None:
            since, took = time.time(), time.time() - began
        elif behind > 3:
            since = None
        if time.time() > began + 300:
            raise SystemExit(f"it does not catch up: {behind} behind after 300 s; it said:\n{joiner.said()[-3000:]}")
        time.sleep(0.05)
    return joiner, round(init, 1), round(answered, 1), round(took, 1), base


def main():
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rate = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    params = {"epoch_ms": str(EPOCH_MS), "heartbeat_ms": "5000"}
    every = lambda number: [f"snapshots.every_epochs={int(number == 1)}"]
    with tempfile.TemporaryDirectory(prefix="leither-joinload-") as top, \
            Net(top, wallets=SENDERS, params=params, settings=every) as net:
        net.start()
        founder = net.nodes[0]
        ids, made_s = grow(net, accounts)
        print(f"{accounts} accounts in {made_s} s", flush=True)
        stream = Stream(net, ids, rate, LOAD_S)
        before = set(snapshots(founder))
        txs = settled(founder)
        stream.start()
        time.sleep(BEFORE_S)
        until("a snapshot with the accounts in it", LOAD_S - BEFORE_S, lambda: set(snapshots(founder)) - before)
        low = founder.height()
        joiner, init, answered, took, base = join(net, founder)
        pace, blocks = transfers_a_second(founder, low - BEFORE_S + 5, founder.height())
        try:
            stream.over.set()
            stream.join()
            until("all that was taken is in blocks", 60, lambda: settled(founder) - txs >= stream.taken)
            joiner.catches_up(founder)
            shared = same_books([founder, joiner], base)
            found = rpc(joiner.url, "account_get", net.wallets[0].account)
            other = rpc(founder.url, "account_get", net.wallets[0].account)
            if found["nonce"] != other["nonce"] or found["mei"] != other["mei"]:
                raise SystemExit(f"an account differs: {found} {other}")
            told = audit(founder.url, net.genesis) if "--audit" in sys.argv else None
        finally:
            joiner.stop()
        print(json.dumps({"accounts": accounts, "rate": rate, "join_s": took, "init_s": init, "first_answer_s": answered, "snapshot_height": base,
                          "blocks": blocks, "tps": pace, "offered": stream.offered,
                          "taken": stream.taken, "refused": stream.refused, "same_heights": shared, "audit": told,
                          "snapshot_bytes": sum(f.stat().st_size for f in pathlib.Path(founder.home / "snapshots").rglob("*") if f.is_file())}))
        if took > BAR_S and "--bars" in sys.argv:
            sys.exit(f"later than {BAR_S} s")


if __name__ == "__main__":
    main()
