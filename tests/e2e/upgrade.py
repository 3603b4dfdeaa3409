#!/usr/bin/env python3
"""Newer rules come to a running net: four validators that play by the first rules are started again one after the other, three say that they
are ready, and the second rules are in force from an election on, on all nodes alike; a program that knows only the first stops by name.
Usage: upgrade.py [directory that keeps the homes and logs]"""
import contextlib
import json
import pathlib
import sys
import tempfile
import threading
import time

from join import CHECKS, Node, catches_up, same_books, seats, stake_of
from lib import command, rpc, until
from founding import Net, PARAMS


def rules(node):
    return rpc(node.url, "chain_getInfo")["params"]["version"]


def rules_events(node, first, last):
    """(height, version) of each change of the rules that the books tell of."""
    ends = ((h, rpc(node.url, "chain_getBlock", str(h))["end"]) for h in range(first, last + 1))
    return [(h, e["args"]["version"]) for h, end in ends for e in end if (e["pallet"], e["event"]) == ("staking", "rules")]


class Load(threading.Thread):
    """Pays through whichever node runs; nothing that was final may be lost."""

    def __init__(self, nodes, payee):
        super().__init__(daemon=True)
        self.nodes, self.payee = nodes, payee
        self.final, self.ended = [], threading.Event()

    def run(self):
        payer = self.nodes[0]
        while not self.ended.is_set():
            node = next((node for node in self.nodes if node.runs() and node.url), None)
            if node is None:
                time.sleep(0.1)
                continue
            done = command(["transfer", "--from", "payer", self.payee, "0.001mei"], payer.home, node.url)
            answer = json.loads(done.stdout) if done.returncode == 0 else {}
            if answer.get("status") == "final":
                self.final.append((answer["tx"], answer["height"]))
            else:
                time.sleep(0.2)

    def end(self):
        self.ended.set()
        self.join(70)


def main():
    with contextlib.ExitStack() as stack:
        top = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(tempfile.TemporaryDirectory(prefix="leither-upgrade-"))
        # Whoever is started again is away for a few pulses: nobody is jailed for it.
        net = Net(pathlib.Path(top), 4, version=1, misses_max=500)
        nodes, began = list(net.nodes), time.time()
        election_s = 4 * int(PARAMS["epoch_ms"]) / 1_000 + 20

        def tell(what):
            print(f"{time.time() - began:6.1f} s  {what}", flush=True)

        load = None
        try:
            net.start()
            one = net.nodes[0]
            CHECKS.equal([rules(node) for node in net.nodes], [1] * 4, "the rules at the start")
            load = Load(net.nodes, net.nodes[1].payer)
            load.start()
            # A program that is not renewed: it follows, and knows the first rules alone.
            old = Node(pathlib.Path(top), "old-program").join(one, net.chain)
            nodes.append(old)
            old.start("--rules-max", "1")
            catches_up(old, one)
            for node in net.nodes:
                node.stop()
                # The three others go on.
                other = next(other for other in net.nodes if other is not node)
                at = other.height()
                until("three go on", 30, lambda: other.height() >= at + 2)
                node.start()
                catches_up(node, other)
            tell("each was started again, one after the other")

            refused = net.nodes[0].cli("validator", "ready", 3, "--from", "payer", code=1)
            CHECKS.that("rules 3 cannot be next" in json.dumps(refused), f"rules 3: {refused}")
            for node in net.nodes[:2]:
                node.cli("validator", "ready", 2, "--from", "payer")
            epoch = int(rpc(one.url, "validator_list")["epoch"])
            until("two elections", 2 * election_s, lambda: int(rpc(one.url, "validator_list")["epoch"]) >= epoch + 2)
            CHECKS.equal([rules(node) for node in net.nodes], [1] * 4, "half of the power is ready")
            done = net.nodes[2].cli("validator", "ready", 2, "--from", "payer")
            CHECKS.equal([rules(node) for node in net.nodes], [1] * 4, "not before the election")
            until("the second rules on all nodes", election_s, lambda: all(rules(node) == 2 for node in net.nodes))
            changes = rules_events(one, int(done["height"]), one.height())
            CHECKS.equal([version for _, version in changes], [2], f"one change: {changes}")
            height = changes[0][0]
            for node in net.nodes:
                catches_up(node, one)
                CHECKS.equal(rules_events(node, height, height), changes, f"{node.name}: when they came")
            CHECKS.equal(len(seats(one)), 4, "the fourth, which did not say so, votes on")
            CHECKS.equal(stake_of(one, net.nodes[3].payer)["standing"], "active", "and is not punished")
            tell(f"three of four were ready; the second rules came with block {height}")

            until("the old program ends", 30, lambda: not old.runs())
            CHECKS.equal(old.process.wait(), 4, "the old program's exit code")
            last = old.said().strip().splitlines()[-1]
            CHECKS.that("plays by rules 2" in last and "install the current leither" in last, f"the old program says: {last}")
            old.refused(4, "plays by rules 2", "--rules-max", "1")
            old.start()
            catches_up(old, one)
            tell("a program that knows the first rules alone stopped by name; renewed, it goes on")

            # It paid all the way through; how fast is the machine's affair.
            until("twenty payments", 120, lambda: len(load.final) > 20)
            load.end()
            for node in nodes:
                catches_up(node, one)
            for tx, at in load.final:
                found = {(v["height"], v["status"]) for v in (rpc(node.url, "tx_get", tx) for node in net.nodes)}
                CHECKS.equal(found, {(at, "final")}, f"{tx}")
            shared = same_books(nodes)
            tell(f"{len(load.final)} payments final, one block and one root at each of {shared} heights")
            for node in nodes:
                node.stop()
        finally:
            if load:
                load.ended.set()
            for node in nodes:
                if node.runs():
                    node.kill9()
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
