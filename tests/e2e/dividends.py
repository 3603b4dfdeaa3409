#!/usr/bin/env python3
"""Dividends that a running node pushes to many holders: an organization's units are handed out to holders who never did anything, income arrives,
and once more while the first is being paid; every page is pushed by itself. Each holder is paid what sums of its own say, to the last unit; every
balance is recomputed from the blocks; and the pulses meanwhile are as close as before.

LEITHER_HOLDERS says how many, 2,000 by default; 100,000 take some ten minutes, most of it spent on signing and on looking at all of it.
Usage: dividends.py"""
import hashlib
import json
import os
import pathlib
import statistics
import threading
import time

import handmade
from audit import audit
from lib import ROOT, Checks, Dev, RpcError, Score, height_of, pages, rpc, until

CHECKS = Checks()
MEI = 10**9
HOLDERS = int(os.environ.get("LEITHER_HOLDERS", "2000"))
# Ten pages and more, whatever the number.
PUSHES = max(1, min(2_000, HOLDERS // 10))
# An income of so much a unit: far above what its payment costs.
PER_UNIT = 1_000_000
SEEDS = {key["name"]: bytes.fromhex(key["secret"])
         for key in json.loads((ROOT / "spec/vectors/keys.json").read_text())["dev"]["keys"] if key.get("name")}
# Who hands units out; another one pays all the while, so that pulses come as under load.
HANDS, PAYER = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"], "ivan"
CALLS_MAX, AHEAD_MAX = 16, 16
PUSH_WEIGHT = 60_000


def holder(n):
    """An account that nobody has the key of, and what it holds."""
    return hashlib.sha256(f"holder {n}".encode()).digest()[:20], n % 7 + 1


class Signer:
    """Signs as one of the development chain's accounts, by hand: a transfer at a time would take a pulse each."""

    def __init__(self, chain, name):
        self.url, self.seed, self.account = chain.url, SEEDS[name], chain.ready["accounts"][name]
        self.chain = rpc(self.url, "chain_getInfo")["chain"]
        self.nonce = int(rpc(self.url, "account_get", self.account)["next_nonce"])

    def signed(self, calls):
        until_ms = int(time.time() * 1_000) + 3_600_000
        tx = handmade.payload(self.chain, [self.account], self.nonce, until_ms, calls)
        self.nonce += 1
        return handmade.signed(tx, self.seed)


class Steady(threading.Thread):
    """Pays a little four times a second, as long as it is let."""

    def __init__(self, chain):
        super().__init__(daemon=True)
        self.signer, self.to = Signer(chain, PAYER), chain.ready["accounts"]["alice"]
        self.over, self.sent, self.failed = threading.Event(), 0, None

    def run(self):
        try:
            while not self.over.wait(0.25):
                raw = self.signer.signed([handmade.transfer(self.to, 1)])
                while not self.taken(raw) and not self.over.wait(0.25):
                    pass
        except Exception as error:
            self.failed = error

    def taken(self, raw):
        try:
            rpc(self.signer.url, "tx_submit", raw)
        except RpcError as error:
            # So many wait already.
            if error.reason != "tx_nonce_gap":
                raise
            return False
        self.sent += 1
        return True

    def end(self):
        self.over.set()
        self.join(20)
        CHECKS.that(self.failed is None and self.sent > 0, f"somebody paid all the while: {self.failed}")


def found(chain, top):
    """An organization whose founder issues to herself what she then hands out; its treasury can pay for the pushes."""
    charter = chain.cli("org", "charter", "alice")
    charter.update(issuance_cap=str(2**80), push_least="1")
    path = pathlib.Path(top) / "charter.json"
    path.write_text(json.dumps(charter))
    units = sum(holder(n)[1] for n in range(HOLDERS))
    chain.cli("org", "create", "many", "--symbol", "many", "--decimals", 0, "--charter", path, "--from", "alice")
    chain.cli("org", "role", "many", "alice", "developer", "--from", "alice")
    chain.cli("org", "issue", "many", "alice", f"{units}many", "--role", "developer", "--reason", "for all", "--evidence", "./README.md", "--from", "alice")
    # A payment costs 60,000 times the base fee; twice as many as there are may be made, and the fee may rise.
    chain.cli("transfer", "--from", "judy", "@many", f"{HOLDERS * PUSH_WEIGHT * 8 // MEI + 1}mei")
    return units, chain.cli("org", "show", "many")["token"]


def handed_out(chain, token):
    """To each holder its units, by transactions of sixteen payments."""
    token_bytes = handmade.id_bytes(token)
    pay = lambda to, units: b"\x01\x00" + token_bytes + to + handmade.le(units, 16) + handmade.blob(b"")
    lots = {name: range(first, HOLDERS, len(HANDS)) for first, name in enumerate(HANDS)}
    for name in HANDS[1:]:
        mine = sum(holder(n)[1] for n in lots[name])
        if mine:
            chain.cli("transfer", "--from", "alice", name, f"{mine}many")
    waiting = {}
    for name in HANDS:
        signer = Signer(chain, name)
        groups = [lots[name][at:at + CALLS_MAX] for at in range(0, len(lots[name]), CALLS_MAX)]
        waiting[name] = [signer.signed([pay(*holder(n)) for n in group]) for group in groups]
    while any(waiting.values()):
        # No account has more than sixteen waiting.
        last = []
        for name in HANDS:
            now, waiting[name] = waiting[name][:AHEAD_MAX], waiting[name][AHEAD_MAX:]
            last += [rpc(chain.url, "tx_submit", raw)["tx"] for raw in now][-1:]
        for tx in last:
            done = rpc(chain.url, "tx_wait", tx, 30_000)
            CHECKS.that(done["status"] in ("final", "settled") and done["receipt"]["done"], f"units are handed out: {done}")
    held = {handmade.id_bytes(row["account"]): int(row["free"]) for row in pages(chain.url, "token_getHolders", token)}
    held = {who: units for who, units in held.items() if units}
    CHECKS.equal(held == dict(holder(n) for n in range(HOLDERS)), True, f"{HOLDERS} hold what they were given")


class Index:
    """What a unit has earned, as spec/tokens.md has it: whole units are paid, nothing is rounded away."""

    def __init__(self, units):
        self.units, self.per_unit, self.debt = units, 0, 0

    def income(self, amount):
        shared = amount - amount * 1_000 // 10_000
        scaled = (shared << 128) - self.debt
        step = -(-scaled // self.units)
        self.per_unit, self.debt = self.per_unit + step, step * self.units - scaled

    def owed(self, units):
        return self.per_unit * units >> 128


class Blocks:
    """Reads blocks once each: their times, and whom each pushed how much."""

    def __init__(self, url, token, height):
        self.url, self.token, self.next = url, token, height
        self.times, self.paid, self.pushed = {}, {}, {}

    def read(self):
        while self.next <= height_of(self.url):
            block = rpc(self.url, "chain_getBlock", str(self.next), 0, 2_000)
            self.times[self.next] = int(block["header"]["time"])
            claims = [e["args"] for e in block["end"] if (e["pallet"], e["event"]) == ("tokens", "claimed") and e["args"]["token"] == self.token]
            self.pushed[self.next] = len(claims)
            for claim in claims:
                who = handmade.id_bytes(claim["holder"])
                self.paid[who] = self.paid.get(who, 0) + int(claim["amount"])
            self.next += 1
        return self

    def intervals(self, first, last):
        return [self.times[height] - self.times[height - 1] for height in range(first, last + 1) if height - 1 in self.times]


def paid_in(chain, index, nth):
    """An income that no number of units divides."""
    amount = index.units * PER_UNIT + 10_007 + nth
    index.income(amount)
    chain.cli("org", "income", "many", f"{amount // MEI}.{amount % MEI:09}mei", "--note", f"income {nth}", "--from", "judy")


def pushes(chain, units, token):
    """Both incomes, and all that they push; how close pulses were before and meanwhile."""
    blocks, index = Blocks(chain.url, token, height_of(chain.url)), Index(units)
    quiet = blocks.next + 12
    until("pulses before the income", 60, lambda: height_of(chain.url) >= quiet)
    blocks.read()
    paid_in(chain, index, 1)
    until("the first page", 30, lambda: any(blocks.read().pushed.values()))
    paid_in(chain, index, 2)
    wanted = {who: index.owed(units) for who, units in map(holder, range(HOLDERS))}
    rounds = 2 * (HOLDERS // PUSHES + 2)
    all_of_it = sum(wanted.values())
    until("all pages", 60 + 3 * rounds, lambda: sum(blocks.read().paid.values()) >= all_of_it)
    CHECKS.equal(blocks.paid == wanted, True, "each holder was pushed what its units earned, to the last unit")
    busy = [height for height, count in blocks.pushed.items() if count]
    CHECKS.that(max(blocks.pushed.values()) <= PUSHES, f"at most {PUSHES} a block: {max(blocks.pushed.values())}")
    CHECKS.that(len(busy) >= HOLDERS // PUSHES, f"page by page: {len(busy)} blocks")
    # The block after a page shows how long that page took.
    until("a block after the last page", 30, lambda: max(blocks.read().times) > max(busy))
    return blocks, blocks.intervals(min(blocks.times), quiet), blocks.intervals(min(busy) + 1, max(busy) + 1), wanted


def looked_at(chain, wanted):
    """What the node says that each has now: nothing came from elsewhere."""
    native = rpc(chain.url, "chain_getInfo")["native"]["token"]
    have = {handmade.id_bytes(row["account"]): (int(row["free"]), int(row["locked"])) for row in pages(chain.url, "token_getHolders", native)}
    CHECKS.equal([who.hex() for who, amount in wanted.items() if have.get(who) != (amount, 0)], [], "whose balance is not its dividend")


def main():
    with Score("dividends", "holders") as score, Dev("--bare", params={"pushes_max": PUSHES}) as chain:
        units, token = found(chain, chain.home.name)
        handed_out(chain, token)
        steady = Steady(chain)
        steady.start()
        blocks, before, meanwhile, wanted = pushes(chain, units, token)
        steady.end()
        looked_at(chain, wanted)
        usual, pushing = statistics.median(before), statistics.median(meanwhile)
        delayed = sum(1 for interval in meanwhile if interval > 1.5 * usual)
        told = (f"{HOLDERS} holders, {PUSHES} a pulse: {len(meanwhile)} pulses of pushes, median {pushing:.0f} ms, at most {max(meanwhile)}; before "
                f"{usual:.0f}, at most {max(before)}; {delayed} delayed")
        print(told)
        score.tried, score.note = HOLDERS, told
        CHECKS.that(pushing <= 1.2 * usual, f"pulses are as close as before: {told}")
        print("audit ok:", audit(chain.url, f"{chain.state}/genesis.json"))
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
