#!/usr/bin/env python3
"""Four validators, one of them a villain (f = 1 < 4/3): the other three commit on with one book, an equivocator is convicted, nobody else is.
Usage: byzantine.py [seconds a behaviour [behaviour ...]]

The villain is `leither-villain` (tests/byzantine): `leither` with the published engine's own misbehaviour between its engine and its network."""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import join
import lib
from audit import audit
from join import CHECKS, Load, same_books, stake_of
from lib import LEITHER, ROOT, environment, rpc, until

VILLAIN = LEITHER.with_name("leither-villain")
N = 4
# Equal and least, so that turns go round in one order.
POWER = 1
PLEDGE = 100 * 10**9
PARAMS = {"pulse_ms": "200", "pulse_min_ms": "50", "heartbeat_ms": "1000"}
# No more between two heights: rounds that fail grow longer, and this machine may be building something else.
STALL_S = 20
SEED = 7


def sometimes(probability):
    return {"mode": "random", "probability": probability}


ALWAYS = {"mode": "always"}
# What it says of each deed, in the log.
DEEDS = {
    "equivocate_votes": "Equivocating vote",
    "equivocate_proposals": "Sending conflicting proposal",
    "drop_votes": "Dropping vote",
    "drop_proposals": "Dropping proposal",
    "ignore_locks": "Overriding nil prevote",
    "force_precommit_nil": "Forcing nil precommit",
    "drop_inbound_proposals": "Dropping inbound proposal",
}
# Each a list of configurations, as its own rules keep some out of one. A lock is ignored where rounds fail after most have prevoted, and
# somebody then proposes another block. So the villain precommits nothing while one of the honest is down, and withholds its proposals:
# whoever comes back in that round and has the next turn knows of no lock.
BEHAVIOURS = {
    "equivocate-votes": [{"equivocate_votes": ALWAYS}],
    "equivocate-proposals": [{"equivocate_proposals": ALWAYS}],
    "drop-votes": [{"drop_votes": sometimes(0.5)}],
    "drop-proposals": [{"drop_proposals": sometimes(0.5)}],
    "ignore-locks": [{"ignore_locks": ALWAYS, "force_precommit_nil": ALWAYS, "drop_proposals": sometimes(0.7),
                      "drop_inbound_proposals": {"mode": "at_rounds", "rounds": [1, 2, 3, 4, 5]}}],
    "nil-precommits": [{"force_precommit_nil": ALWAYS}],
    "drop-inbound-proposals": [{"drop_inbound_proposals": sometimes(0.5)}],
    # An equivocator is soon found out: so seldom that the others are seen, too.
    "all-at-random": [
        {"equivocate_votes": sometimes(0.03), "equivocate_proposals": sometimes(0.1)},
        {"drop_votes": sometimes(0.3), "drop_proposals": sometimes(0.3), "ignore_locks": ALWAYS, "force_precommit_nil": sometimes(0.3),
         "drop_inbound_proposals": sometimes(0.1)},
    ],
}
# With these an honest validator, the one whose turn is after the villain's, is killed and started again and again.
DISTURBED = {"ignore-locks"}


class Node(join.Node):
    """One of four; `deeds` makes it the villain."""

    def __init__(self, top, name, deeds=None):
        super().__init__(top, name)
        self.deeds = deeds

    def spawn(self, *flags):
        if self.deeds is None:
            return super().spawn(*flags)
        self.log, self.log_from = self.home / "log", 0
        told = json.dumps([{**layer, "seed": SEED} for layer in self.deeds])
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([str(VILLAIN), "--json", "run", *flags], stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=environment(self.home, VILLAIN=told))
        return self


class Pace(threading.Thread):
    """Notes the honest height, and how long it stood still at most."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.ended = node, threading.Event()
        self.height, self.longest, self.since = node.height(), 0.0, time.time()

    def run(self):
        while not self.ended.wait(0.1):
            height, now = self.node.height(), time.time()
            if height > self.height:
                self.longest = max(self.longest, now - self.since)
                self.height, self.since = height, now

    def end(self):
        self.ended.set()
        self.join()
        return max(self.longest, time.time() - self.since)


class Disturbance(threading.Thread):
    """An honest validator is killed and comes back, again and again."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.ended, self.count = node, threading.Event(), 0

    def run(self):
        while not self.ended.wait(2.5):
            self.node.kill9()
            time.sleep(1)
            self.node.start()
            self.count += 1

    def end(self):
        self.ended.set()
        self.join()


def found(top, behaviour):
    """The four homes, of one genesis."""
    genesis = top / "genesis.json"
    nodes = [Node(top, f"honest-{n}") for n in range(1, N)] + [Node(top, "villain", BEHAVIOURS[behaviour])]
    for node in nodes:
        node.init("--validator")
        node.payer = node.cli("keys", "new", "payer", "--backend", "test")["account"]
    lib.cli(["genesis", "new", genesis, "--name", behaviour], top)
    for node in nodes:
        lib.cli(["genesis", "add-validator", genesis, "--key", node.made["consensus_key"], "--operator", node.payer, "--power", POWER], top)
        lib.cli(["genesis", "add-allocation", genesis, node.payer, "1000mei", "--reason", "a test's play money", "--evidence",
                 ROOT / "README.md"], top)
    made = json.loads(genesis.read_text())
    CHECKS.equal(set(PARAMS) - set(made["params"]), set(), "params that genesis.json has not")
    made.pop("chain", None)
    made["params"].update(PARAMS)
    genesis.write_text(json.dumps(made))
    for node in nodes:
        others = [other for other in nodes if other is not node]
        peers = ",".join(f"/ip4/127.0.0.1/tcp/{other.bft}/p2p/{other.made['consensus_peer_id']}" for other in others)
        data = ",".join(other.invitation() for other in others)
        node.cli("init", "--genesis", genesis, *node.settings(f"consensus.persistent_peers={peers}", f"p2p.peers={data}", "log.level=warn"))
    return nodes, genesis


def start(nodes):
    """All at once: none answers before it has found the others."""
    threads = [threading.Thread(target=node.start) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    CHECKS.that(all(node.url for node in nodes), "every node answers")


def after_the_villain(honest):
    """Whose turn is after its: who proposed where it, not there yet, let a round pass."""
    def look():
        headers = (honest[0].header(height) for height in range(1, honest[0].height() + 1))
        return next((header for header in headers if int(header["certificate"]["round"]) > 0), None)
    author = until("a turn of the absent villain", 30, look)["header"]["proposer"]
    return next(node for node in honest if rpc(node.url, "node_getStatus")["validator"] == author)


def faults(node, upto):
    """What the blocks say of faults: (height, event, who)."""
    told = []
    for height in range(1, upto + 1):
        for event in rpc(node.url, "chain_getBlock", str(height))["end"]:
            if event["pallet"] == "staking" and event["event"] in ("slashed", "jailed"):
                told.append((height, event["event"], event["args"]["operator"], int(event["args"].get("amount", 0))))
    return told


def judge(honest, villain, behaviour, acknowledged, genesis, began):
    """Everything that must hold, by the books of the honest alone."""
    for node in honest:
        CHECKS.that(node.runs(), f"{node.name} has ended by itself:\n{(node.home / 'log').read_text()[-2000:]}")
    tip = max(node.height() for node in honest)
    for node in honest:
        until(f"{node.name} comes to height {tip}", STALL_S, lambda: node.height() >= tip)
    shared = same_books(honest)
    CHECKS.that(acknowledged, "a transfer was answered final")
    for tx, height in acknowledged:
        for node in honest:
            view = rpc(node.url, "tx_get", tx)
            CHECKS.equal((view["status"] in ("final", "settled"), view["height"]), (True, height), f"{tx} on {node.name}")
    audit(honest[0].url, genesis)

    told = faults(honest[0], tip)
    accused = [fault for fault in told if fault[2] != villain.payer]
    CHECKS.equal(accused, [], f"{behaviour}: faults of the honest")
    for node in honest:
        stake = stake_of(honest[0], node.payer)
        CHECKS.equal((stake["standing"], stake["seated"]), ("active", True), f"{node.name}'s seat")
    slashed = [fault for fault in told if fault[1] == "slashed"]
    stake = stake_of(honest[0], villain.payer)
    if any(name.startswith("equivocate") for layer in villain.deeds for name in layer):
        CHECKS.equal(len(slashed), 1, f"{behaviour}: convictions (blocks say {told})")
        CHECKS.equal((stake["standing"], stake["seated"]), ("ejected", False), "the equivocator's seat")
        CHECKS.equal((slashed[0][3], stake["pledge"]), (PLEDGE * 5 // 100, str(PLEDGE - PLEDGE * 5 // 100)), "a twentieth of its pledge")
        return tip, shared, f"convicted at height {slashed[0][0]}, {slashed[0][0] - began} after it began"
    # To be silent, to forget and to say no are no proofs of guilt.
    CHECKS.equal(slashed, [], f"{behaviour}: convictions")
    return tip, shared, f"not convicted, {stake['standing']}"


def deeds(villain):
    """How often it did what it is here for; each of it at least once, or the test has tested nothing. Who does several things by chance and is thrown
    out for the first equivocation may not come to all of them: then one equivocation and half of the kinds do."""
    said = villain.said()
    names = [name for layer in villain.deeds for name in layer]
    done = {name: said.count(f"BYZANTINE: {DEEDS[name]}") + said.count(f"BYZANTINE AMNESIA: {DEEDS[name]}") for name in names}
    equivocations = [name for name in names if name.startswith("equivocate")]
    if len(equivocations) > 1:
        CHECKS.that(any(done[name] for name in equivocations), f"the villain signed nothing twice; it said:\n{said[-3000:]}")
        CHECKS.that(2 * sum(map(bool, done.values())) >= len(names), f"the villain did little: {done}")
        return done
    for name, count in done.items():
        CHECKS.that(count > 0, f"the villain did not {name}; it said:\n{said[-3000:]}")
    against = said.count("prevotes against its lock")
    return {**done, **({"against_its_lock": against} if "ignore_locks" in done else {})}


def play(top, behaviour, seconds):
    top = pathlib.Path(top)
    nodes, genesis = found(top, behaviour)
    *honest, villain = nodes
    helpers = []
    try:
        # Without the villain first, so that its operator has pledged by then: something is to be lost.
        start(honest)
        lib.cli(["validator", "raise", "100mei", "--from", "payer"], villain.home, honest[0].url)
        CHECKS.equal(stake_of(honest[0], villain.payer)["pledge"], str(PLEDGE), "what the villain has pledged")
        successor = after_the_villain(honest)
        villain.start()
        honest.sort(key=lambda node: node is successor)
        began = honest[0].height()
        workers = [Load(honest[n], honest[1 - n].payer) for n in range(2)]
        pace = Pace(honest[0])
        disturbance = Disturbance(successor) if behaviour in DISTURBED else None
        helpers += [*workers, pace] + ([disturbance] if disturbance else [])
        for helper in helpers:
            helper.start()
        time.sleep(seconds)
        if disturbance:
            disturbance.end()
        for worker in workers:
            worker.end()
        stall = pace.end()
        acknowledged = [each for worker in workers for each in worker.final]
        tip, shared, verdict = judge(honest, villain, behaviour, acknowledged, genesis, began)
        CHECKS.that(stall <= STALL_S, f"{behaviour}: no block for {stall:.1f} s")
        CHECKS.that(tip > began + seconds / 2, f"{behaviour}: {tip - began} heights in {seconds:.0f} s")
        done = deeds(villain)
        rounds = collections.Counter(int(rpc(honest[0].url, "chain_getHeader", str(h))["certificate"]["round"]) for h in range(began + 1, tip + 1))
        CHECKS.that(villain.runs(), f"the villain lives:\n{villain.said()[-2000:]}")
        print(f"{behaviour}: {tip - began} heights survived in {seconds:.0f} s ({sum(n for r, n in rounds.items() if r)} in later rounds, the "
              f"longest wait {stall:.1f} s), {len(acknowledged)} transfers final, one book at each of {shared} heights; {verdict}; deeds {done}",
              flush=True)
        return tip - began
    finally:
        for helper in helpers:
            helper.ended.set()
        for helper in helpers:
            helper.join(60)
        for node in nodes:
            if node.runs():
                node.process.terminate()
        for node in nodes:
            if node.process:
                try:
                    node.process.wait(20)
                except subprocess.TimeoutExpired:
                    node.kill9()


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    chosen = sys.argv[2:] or list(BEHAVIOURS)
    if any(name not in BEHAVIOURS for name in chosen):
        sys.exit(f"{__doc__}\nbehaviours: {' '.join(BEHAVIOURS)}")
    # What it must refuse, before anything is made.
    for told in ("", "{}", '{"drop_vote": {"mode": "always"}}'):
        done = subprocess.run([str(VILLAIN), "--help"], capture_output=True, text=True, env=environment("/nowhere", VILLAIN=told))
        CHECKS.equal(done.returncode, 2, f"VILLAIN={told!r}: exit code")
        CHECKS.that(done.stderr.startswith("leither-villain: VILLAIN: "), done.stderr)
    heights = 0
    for behaviour in chosen:
        with tempfile.TemporaryDirectory(prefix="leither-byzantine-") as top:
            heights += play(top, behaviour, seconds)
    print(f"{len(chosen)} behaviours, {heights} heights survived, 0 forks, nothing final lost; {CHECKS.count} checks")


if __name__ == "__main__":
    main()
