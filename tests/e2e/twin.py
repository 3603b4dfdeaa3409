#!/usr/bin/env python3
"""The owner of a validator starts a copy of its home beside it: one key signs twice. The evidence comes into a block, the offender is
slashed and loses its seat for good, on every node, and the others go on. Usage: twin.py

The consensus swarm knows a validator by its key, so both twins have one name there. Each has peers of its own: nodes 1 and 2 find the
original under that name, node 3 the copy, and gossip carries what either says to all."""
import json
import shutil
import sys
import tempfile
import time

from audit import audit
from join import seats, stake_of
from lib import Checks, command, rpc, until
from net import MEI, Net, Node, same_books

CHECKS = Checks()
PLEDGE = 400
# Each takes its turn to propose within four pulses, and then there are two proposals.
CAUGHT_S = 60


def events(node, name):
    """All events of that name of the staking pallet, by height."""
    return [(height, one["args"]) for height in range(1, node.height() + 1) for one in rpc(node.url, "chain_getBlock", str(height))["end"]
            if (one["pallet"], one["event"]) == ("staking", name)]


def twin_of(net, original):
    """A copy of the home, keys and guard included, with a data key and ports of its own; only node 3 finds it."""
    twin = Node(net.top, 5)
    twin.home.mkdir()
    for part in ("config", "validator", "data"):
        shutil.copytree(original.home / part, twin.home / part)
    for name in ("node_key", "node.toml"):
        (twin.home / "config" / name).unlink()
    twin.made, third = original.made, net.nodes[2]
    data = ",".join(net.address(twin, other, "p2p") for other in net.nodes[:3])
    made = twin.cli("init", *twin.settings(f"consensus.persistent_peers={net.address(twin, third, 'bft')}", f"p2p.peers={data}"))
    CHECKS.that(made["data_peer_id"] != original.made["data_peer_id"], "the twin's name in the data swarm is its own")
    peers = lambda node, others: ["--set", "consensus.persistent_peers=" + ",".join(net.address(node, one, "bft") for one in others)]
    original.cli("init", *peers(original, net.nodes[:2]))
    third.cli("init", *peers(third, [*net.nodes[:2], twin]))
    return twin


def main():
    with tempfile.TemporaryDirectory(prefix="leither-twin-") as top, \
            Net(top, wallets=2, params={"heartbeat_ms": "1000", "pulse_min_ms": "100"}) as net:
        net.start()
        honest, original = net.nodes[:3], net.nodes[3]
        first, operator = honest[0], original.operator
        original.cli("validator", "raise", f"{PLEDGE}mei", "--from", "operator")
        CHECKS.equal(stake_of(first, operator)["pledge"], str(PLEDGE * MEI), "the pledge")
        for node in (original, honest[2]):
            CHECKS.equal(node.stop(), 0, f"{node.name}: exit code")
        twin = twin_of(net, original)
        began, height = time.time(), first.seen()
        for node in (honest[2], original, twin):
            node.spawn()
        for node in (honest[2], original, twin):
            node.answers()
        until("the offender is ejected", CAUGHT_S, lambda: stake_of(first, operator)["standing"] == "ejected")
        caught = time.time() - began
        slash = events(first, "slashed")
        CHECKS.equal(len(slash), 1, f"slashes: {slash}")
        at, deed = slash[0]
        lost = PLEDGE * MEI // 20
        CHECKS.equal((deed["operator"], deed["validator"], int(deed["amount"])), (operator, original.made["validator"], lost), "the slash")
        for node in net.nodes + [twin]:
            until(f"{node.name} has that block", 30, lambda node=node: (node.seen() or 0) > at + 2)
            stake = stake_of(node, operator)
            CHECKS.equal((stake["standing"], stake["seated"], stake["pledge"]), ("ejected", False, str(PLEDGE * MEI - lost)), f"{node.name}")
            CHECKS.equal(len(seats(node)), 3, f"seats as {node.name} has them")
            listed = node.cli("validator", "list")
            CHECKS.equal([s["standing"] for s in listed["stakes"] if s["operator"] == operator], ["ejected"], f"validator list of {node.name}")
        # The others go on, the two follow and sign nothing more.
        high = first.height()
        paid = command(["transfer", "--from", "operator", honest[1].operator, "1mei"], first.home, first.url)
        CHECKS.equal(paid.returncode, 0, f"a payment after it: {paid.stderr}")
        until("five more blocks", 30, lambda: first.height() >= high + 5)
        for h in range(at + 3, first.height() + 1):
            names = {vote["validator"] for vote in first.header(h)["certificate"]["signatures"]}
            CHECKS.that(original.made["validator"] not in names, f"the offender signed height {h}")
        for node in [*honest[1:], original, twin]:
            node.catches_up(first)
        shared = same_books([*net.nodes, twin])
        CHECKS.equal(len(events(first, "slashed")), 1, "one deed is punished once")
        answer = {"caught_s": round(caught, 1), "height": height, "slashed_at": at, "heights": shared, "audit": audit(first.url, net.genesis)}
        for node in [*net.nodes, twin]:
            CHECKS.equal(node.stop(), 0, f"{node.name}: exit code")
    print(json.dumps({**answer, "checks": CHECKS.count}))


if __name__ == "__main__":
    main()
