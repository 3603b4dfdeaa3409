#!/usr/bin/env python3
"""Four validators; two homes are gone for good, and the chain stands still. The survivors go on as a new chain with a third one; balances are
what they were, the old chain's transactions are refused, and a fresh device joins.
Usage: recover.py [directory that keeps the homes and logs]"""
import contextlib
import json
import pathlib
import shutil
import sys
import tempfile
import time

import lib
from join import CHECKS, Node, catches_up, locked, same_books, seats, stake_of
from lib import RpcError, rpc, until
from founding import Net, free_of, pay

PLEDGE = 200 * 10**9


def but_height(answer):
    """An answer without the height at which it was read."""
    return {name: value for name, value in answer.items() if name != "height"}


class Story:
    def __init__(self, top):
        self.top = pathlib.Path(top)
        # A device that joins late needs no trusted block within this time, and the pledge waits for so long.
        self.net = Net(top, 4, unbonding_ms="90000")
        self.nodes = list(self.net.nodes)
        self.began = time.time()

    def tell(self, what):
        print(f"{time.time() - self.began:6.1f} s  {what}", flush=True)

    def live(self):
        """A: a chain with something on it: payments, an organization, a pledge behind a validator that will be gone."""
        self.net.start()
        self.one, self.two, self.three, self.four = self.net.nodes
        for node in self.net.nodes:
            node.cli("validator", "move", "--from", "payer", "--address", f"/ip4/127.0.0.1/tcp/{node.bft}")
        self.gone = self.four.payer
        self.four.cli("validator", "raise", "--from", "payer", "200mei")
        pay(self.two, self.one.payer, "5mei")
        self.one.cli("org", "create", "mill", "--symbol", "corn", "--decimals", 0, "--from", "payer")
        CHECKS.equal(locked(self.one, self.gone), PLEDGE, "locked behind the validator that will be gone")
        self.raw = self.signed_payment()
        self.tell(f"four validators, height {self.one.height()}")

    def signed_payment(self):
        """The bytes of a final transaction of this chain, as the chain itself shows them."""
        tx = pay(self.one, self.two.payer, "3mei")
        found = rpc(self.one.url, "tx_get", tx)
        return found["tx"]["raw"]

    def halt(self):
        """B: two homes are gone for good."""
        for node in (self.three, self.four):
            node.kill9()
            shutil.rmtree(node.home)
        time.sleep(1)
        self.at = {node.name: node.height() for node in (self.one, self.two)}
        time.sleep(6)
        for node in (self.one, self.two):
            CHECKS.that(node.height() <= self.at[node.name] + 1, f"{node.name} goes on with half the power")
        until("the survivors are at one height", 30, lambda: self.one.height() == self.two.height())
        self.height = self.one.height()
        accounts = [node.payer for node in self.net.nodes]
        self.before = {a: but_height(rpc(self.one.url, "account_get", a)) for a in accounts}
        self.org = but_height(self.one.cli("org", "show", "mill"))
        self.last = self.one.header(self.height)["header"]
        self.tell(f"the chain stands still at {self.height}")

    def plan(self):
        """C: offers of three, one of whom is new; a running node is told to be stopped."""
        self.new = Node(self.top, "new")
        self.nodes.append(self.new)
        self.new.init("--validator", *self.new.settings())
        operator = self.new.cli("keys", "new", "payer", "--backend", "test")["account"]
        offers = []
        for node, chain in ((self.one, []), (self.two, []), (self.new, ["--chain", self.net.chain])):
            offer = self.top / f"{node.name}.offer.json"
            node.cli("recover", "offer", offer, "--operator", "payer", *chain)
            offers += ["--validator", f"{offer}=1000"]
        self.new.payer = operator
        self.file = self.top / "recovery.json"
        busy = self.one.cli("recover", "plan", self.file, *offers, code=2)
        CHECKS.that("stop it" in busy["stderr"], f"a node that runs: {busy}")
        for node in (self.one, self.two):
            node.stop()
        strangers = self.one.cli("recover", "plan", self.file, *offers[4:], code=2)
        CHECKS.that("none of the validators kept" in strangers["stderr"], f"strangers: {strangers}")
        planned = self.one.cli("recover", "plan", self.file, *offers)
        self.chain = planned["chain"]
        CHECKS.equal((planned["old_chain"], planned["height"], planned["state_root"]),
                     (self.net.chain, str(self.height), self.last["state_root"]), "what the plan goes on from")
        CHECKS.equal(sorted(v["new"] for v in planned["validators"]), [False, False, True], "who is new")
        CHECKS.equal(sorted(planned["leaving"]), sorted([self.three.payer, self.four.payer]), "who leaves")
        other = self.top / "same.json"
        time_ms = json.loads(self.file.read_text())["time_ms"]
        self.two.cli("recover", "plan", other, "--time-ms", time_ms, *offers)
        CHECKS.equal(other.read_bytes(), self.file.read_bytes(), "two survivors' plans, byte for byte")
        self.tell(f"a plan of {self.file.stat().st_size} bytes, chain {self.chain[:10]}")

    def refuse(self):
        """D: a plan that is not right by a survivor's own books changes nothing there."""
        good = json.loads(self.file.read_text())

        def refused(words, change):
            plan = json.loads(json.dumps(good))
            plan.pop("chain")
            change(plan)
            path = self.top / "wrong.json"
            path.write_text(json.dumps(plan))
            said = self.two.cli("recover", "start", path, code=2)["stderr"]
            CHECKS.that(words in said and said.count("\n") == 1, f"{words!r}: {said}")

        other = "0x" + "11" * 32
        refused("proof of possession", lambda plan: plan["origin"].update(chain=other))
        refused("two histories", lambda plan: plan["origin"].update(block=other))
        refused("is refused", lambda plan: plan["origin"].update(state_root=other))
        refused("the root", lambda plan: plan["origin"].update(first_root=other))
        refused("proof of possession", lambda plan: plan["validators"][0].update(operator=self.four.payer))
        refused("ends at height", lambda plan: plan["origin"].update(height=str(self.height + 1)))
        CHECKS.equal(json.loads((self.two.home / "config/genesis.json").read_text())["chain"], self.net.chain, "still of the old chain")
        self.two.cli("recover", "start", self.file, "--dry-run")
        self.tell("six wrong plans refused")

    def start(self):
        """E: the survivors start by the plan, the new one joins them, and the three go on."""
        for node in (self.one, self.two):
            done = node.cli("recover", "start", self.file)
            CHECKS.equal((done["chain"], done["old_chain"]), (self.chain, self.net.chain), f"{node.name} starts")
            CHECKS.that((pathlib.Path(done["old_files"]) / "data/CURRENT").exists(), "the old database stays")
            again = node.cli("recover", "start", self.file, code=2)
            CHECKS.that("of the new chain already" in again["stderr"], f"a second start: {again}")
        three = [self.one, self.two, self.new]
        for node in three:
            node.cli("init", *node.settings(*Net.peers(node, three)))
        for node in (self.one, self.two):
            node.start()
            CHECKS.equal((node.began["chain"], node.began["height"]), (self.chain, "0"), f"{node.name} at the start")
        CHECKS.equal(but_height(rpc(self.one.url, "account_get", self.one.payer)), self.before[self.one.payer], "a balance at height 0")
        self.new.cli("init", "--join", self.one.invitation(), "--chain", self.chain, *self.new.settings(*Net.peers(self.new, three)))
        self.new.start()
        until("the new chain goes on", 60, lambda: all(node.height() >= 3 for node in three))
        CHECKS.that("snapshot" in self.new.said(), "it took the state from a snapshot")
        CHECKS.equal(sorted(seats(self.one).values()), [1000, 1000, 1000], "the seats")
        self.tell(f"three validators at height {self.one.height()} of the new chain")

    def same(self):
        """F: all that was there is there; what was signed for the old chain counts for nothing."""
        for account, before in self.before.items():
            CHECKS.equal(but_height(rpc(self.one.url, "account_get", account)), before, f"{account}: balances and nonce")
        CHECKS.equal(but_height(self.one.cli("org", "show", "mill")), self.org, "the organization")
        try:
            rpc(self.one.url, "tx_submit", self.raw)
        except RpcError as error:
            CHECKS.equal(error.reason, "tx_wrong_chain", "an old transaction")
        else:
            CHECKS.that(False, "an old transaction is taken")
        stake = stake_of(self.one, self.gone)
        CHECKS.equal(stake["standing"], "leaving", "who is gone")
        CHECKS.equal(locked(self.one, self.gone), PLEDGE, "its pledge, for now")
        CHECKS.equal(stake_of(self.one, self.two.payer)["standing"], "active", "who stayed")
        before = free_of(self.one, self.new.payer)
        pay(self.two, self.new.payer, "7mei")
        CHECKS.equal(free_of(self.one, self.new.payer) - before >= 7 * 10**9, True, "a payment on the new chain")
        proof = self.one.cli("prove", "--ancestry", "--chain", self.chain)
        CHECKS.equal([(past["chain"], past["height"], past["block"]) for past in proof["value"]],
                     [(self.net.chain, str(self.height), self.last["id"])], "the ancestry, proven")
        self.tell("balances, nonces and the organization are as they were; an old transaction is refused")

    def join(self):
        """G: a fresh device joins by an invitation, by all blocks and by a snapshot."""
        fresh = Node(self.top, "fresh").join(self.one, self.chain)
        self.nodes.append(fresh)
        fresh.start()
        catches_up(fresh, self.one)
        CHECKS.equal(rpc(fresh.url, "account_get", self.gone)["mei"]["locked"], str(PLEDGE), "the old state, by the new device's books")
        rpc(fresh.url, "chain_getBlock", "1")
        until("a snapshot of the new chain", 60, lambda: any((self.one.home / "snapshots").glob("[0-9]*-*/manifest.scale")))
        late = Node(self.top, "late").join(self.two, self.chain)
        self.nodes.append(late)
        misled = Node(self.top, "misled").join(self.two, self.chain)
        # Once the invitation's genesis is changed by hand it is another chain's, which nobody keeps.
        path = misled.home / "config/genesis.json"
        genesis = json.loads(path.read_text())
        genesis.pop("chain")
        genesis["origin"]["first_root"] = "0x" + "22" * 32
        path.write_text(json.dumps(genesis))
        misled.refused(3, "no peer of this chain")
        late.start("--sync", "snapshot")
        catches_up(late, self.one)
        same_books([self.one, self.two, self.new, fresh, late])
        self.tell("two fresh devices joined")

    def released(self):
        """H: who is gone has its pledge back by the usual unbonding; restarts hold."""
        for node in (self.one, self.new):
            node.stop()
            node.start()
        until("the pledge is back", 150, lambda: locked(self.two, self.gone) == 0)
        CHECKS.equal(free_of(self.two, self.gone) - int(self.before[self.gone]["mei"]["free"]), PLEDGE, "all of it")
        CHECKS.equal(stake_of(self.two, self.gone), None, "no stake is left")
        guards = sorted(path.name for path in (self.one.home / "validator").glob("sign_state*.json"))
        CHECKS.equal(len(guards), 2, f"a guard for each chain: {guards}")
        same_books([self.one, self.two, self.new])
        for node in self.nodes:
            if node.runs():
                node.stop()
        self.tell("the pledge of who is gone is back")

    def end(self):
        for node in self.nodes:
            if node.runs():
                node.kill9()


def main():
    with contextlib.ExitStack() as stack:
        top = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(tempfile.TemporaryDirectory(prefix="leither-recover-"))
        story = Story(top)
        try:
            for chapter in (story.live, story.halt, story.plan, story.refuse, story.start, story.same, story.join, story.released):
                chapter()
        finally:
            story.end()
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
