"""A net of real nodes with a genesis of its own, for the scripts in which validators go, come or change: what join.py's homes can do, and a
founding in one call."""
import json
import pathlib
import time

import lib
from join import Node
from lib import ROOT, rpc, until

# Deadlines of days in seconds; a heartbeat well within an epoch.
PARAMS = {"epoch_ms": "6000", "heartbeat_ms": "1500", "unbonding_ms": "20000", "jail_ms": "3000", "misses_max": 5, "pulse_ms": "400",
          "pulse_min_ms": "100"}


class Net:
    """`size` founders, each with a wallet key `payer`, funded and the operator of its validator."""

    def __init__(self, top, size, power=1_000, **params):
        self.top = pathlib.Path(top)
        self.genesis = self.top / "genesis.json"
        self.nodes = [Node(self.top, f"node-{n}") for n in range(1, size + 1)]
        lib.cli(["genesis", "new", self.genesis, "--name", "end-to-end"], self.top)
        for node in self.nodes:
            node.init("--validator")
            node.payer = node.cli("keys", "new", "payer", "--backend", "test")["account"]
            lib.cli(["genesis", "add-validator", self.genesis, "--key", node.made["consensus_key"], "--operator", node.payer, "--power", power],
                    self.top)
            lib.cli(["genesis", "add-allocation", self.genesis, node.payer, "1000mei", "--reason", "a test's play money", "--evidence",
                     ROOT / "README.md"], self.top)
        made = json.loads(self.genesis.read_text())
        wanted = {**PARAMS, **params}
        unknown = set(wanted) - set(made["params"])
        if unknown:
            raise SystemExit(f"genesis.json has no params {sorted(unknown)}")
        # The id is that of other numbers.
        made.pop("chain", None)
        made["params"].update(wanted)
        made["time_ms"] = str(int(time.time() * 1_000))
        self.genesis.write_text(json.dumps(made))
        self.chain = lib.cli(["genesis", "validate", self.genesis], self.top)["chain"]
        for node in self.nodes:
            node.cli("init", "--genesis", self.genesis, *node.settings(*self.peers(node, self.nodes)))

    @staticmethod
    def peers(node, nodes):
        """Settings by which a node finds these others."""
        others = [other for other in nodes if other is not node]
        bft = ",".join(f"/ip4/127.0.0.1/tcp/{other.bft}/p2p/{other.made['consensus_peer_id']}" for other in others)
        return [f"consensus.persistent_peers={bft}", f"p2p.peers={','.join(other.invitation() for other in others)}"]

    def start(self):
        for node in self.nodes:
            node.start()
        until("the first blocks", 60, lambda: all(node.height() >= 3 for node in self.nodes))

    def end(self):
        for node in self.nodes:
            if node.runs():
                node.kill9()


def free_of(node, account):
    return int(rpc(node.url, "account_get", account)["mei"]["free"])


def pay(node, to, amount="1mei"):
    """A payment of its founder, which has to become final; the transaction's id."""
    done = node.cli("transfer", "--from", "payer", to, amount)
    if done["status"] != "final":
        raise SystemExit(f"{node.name} pays {to}: {done}")
    return done["tx"]
