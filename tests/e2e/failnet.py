"""The net that failpoints.py lets die: four founders under a light stream of transfers, and whoever joins them."""
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import join
import lib
from join import catches_up, same_books, seats, signed_since
from lib import LEITHER, ROOT, RpcError, command, environment, rpc, until

FOUNDERS = 4
POWER = 1_000
# Of a newcomer: small, so that the founders go on without it; of one that signs twice: enough for a turn as proposer now and then.
PLEDGE, PLEDGE_OF_TWIN = "10mei", "300mei"
# A pulse comes whether or not there is anything to record: points are hit, and a chain is long, after seconds.
PARAMS = {"epoch_ms": "2000", "heartbeat_ms": "200", "pulse_ms": "200", "pulse_min_ms": "50", "misses_max": 100_000,
          "pledge_min": "1000000000"}
# A point is reached within this, or the test fails; with room for a machine that builds something else.
REACHED_S = 60
KEPT = 100


class Node(join.Node):
    """A home whose process can be armed."""

    arms, voters = {}, ()

    def spawn(self, *flags):
        self.log = self.home / "log"
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([str(LEITHER), "--json", "run", *flags], stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=environment(self.home, **self.arms))
        return self

    def settings(self, *more):
        votes = [f"consensus.persistent_peers={','.join(voter.consensus_address() for voter in self.voters)}"] if self.voters else []
        return super().settings("snapshots.every_epochs=0", "log.level=warn", *votes, *more)

    def consensus_address(self):
        return f"/ip4/127.0.0.1/tcp/{self.bft}/p2p/{self.made['consensus_peer_id']}"

    @contextlib.contextmanager
    def armed(self, point, k):
        """Its processes die at the k-th hit of the point."""
        self.arms = {"FAILPOINTS": f"{point}={k - 1}*off->return" if k > 1 else f"{point}=return"}
        try:
            yield
        finally:
            self.arms = {}

    def dies(self, point):
        """Waits for the death at this point."""
        try:
            code = self.process.wait(REACHED_S)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{point} was not reached within {REACHED_S} s; {self.name} said:\n{self.said()[-2000:]}") from None
        self.process.stdout.close()
        died_at(point, code, self.said())

    def verb_dies(self, point, k, *args, node=None):
        """A command on this home that is armed, and dies there."""
        with self.armed(point, k):
            done = command(args, self.home, node or self.url, env=self.arms)
        died_at(point, done.returncode, done.stderr)

    def trouble(self):
        """Whatever it is, it is not left running."""
        if self.runs():
            self.kill9()


def died_at(point, code, said):
    if code != -signal.SIGABRT or f"failpoint {point}\n" not in said:
        raise SystemExit(f"{point} was not reached: the process ended with {code}, and said:\n{said[-2000:]}")


class Load(threading.Thread):
    """A light stream: each founder's wallet pays through its own node, one after the other, whoever is up."""

    def __init__(self, founders):
        super().__init__(daemon=True)
        self.founders, self.final, self.ended, self.turn = founders, [], threading.Event(), threading.Lock()

    def run(self):
        while not self.ended.is_set():
            for n, node in enumerate(self.founders):
                payee = self.founders[(n + 1) % len(self.founders)].payer
                # A node that is down answers at once; one that dies while it is asked has acknowledged nothing.
                with self.turn:
                    done = command(["transfer", "--from", "payer", payee, "0.001mei"], node.home, node.address)
                answer = json.loads(done.stdout) if done.returncode == 0 else {}
                if answer.get("status") == "final":
                    self.final.append((answer["tx"], answer["height"]))
                time.sleep(0.05)

    @contextlib.contextmanager
    def paused(self):
        """Nothing is paid meanwhile: an audit compares what follows from the blocks with what the node has a moment later."""
        with self.turn:
            # What a node that died has sent is recorded soon, or waits for another and never is.
            end = time.time() + 5
            while time.time() < end and any(rpc(node.address, "node_getStatus")["pool_txs"] for node in self.founders):
                time.sleep(0.1)
            yield

    def end(self):
        self.ended.set()
        self.join(90)


class Net:
    """Four founders, and whoever joins them."""

    def __init__(self, top, operators):
        """`operators`: so many newcomers may pledge."""
        self.top, self.wanted, self.nodes = pathlib.Path(top), operators, []
        self.genesis = self.top / "genesis.json"
        self.seen = self.checked = self.count = 0
        self.shelf = self.early = None
        self.left_at = 0

    def node(self, name):
        self.count += 1
        self.nodes.append(Node(self.top, f"{name}-{self.count}"))
        return self.nodes[-1]

    def found(self):
        lib.cli(["genesis", "new", self.genesis, "--name", "failpoints"], self.top)
        self.founders = [self.node("founder") for _ in range(FOUNDERS)]
        self.purse = self.top / "purse"
        self.operators = [lib.cli(["keys", "new", f"op-{n}", "--backend", "test"], self.purse)["account"] for n in range(self.wanted)]
        for node in self.founders:
            node.init("--validator")
            node.payer = node.cli("keys", "new", "payer", "--backend", "test")["account"]
            lib.cli(["genesis", "add-validator", self.genesis, "--key", node.made["consensus_key"], "--operator", node.payer,
                     "--power", POWER], self.top)
        made = json.loads(self.genesis.read_text())
        made.pop("chain", None)
        unknown = set(PARAMS) - set(made["params"])
        if unknown:
            raise SystemExit(f"genesis.json has no params {sorted(unknown)}")
        made["params"].update(PARAMS)
        made["time_ms"] = str(int(time.time() * 1_000))
        self.genesis.write_text(json.dumps(made))
        for account in [*(node.payer for node in self.founders), *self.operators]:
            lib.cli(["genesis", "add-allocation", self.genesis, account, "1000mei", "--reason", "a test's play money", "--evidence",
                     ROOT / "README.md"], self.top)
        self.chain = lib.cli(["genesis", "validate", self.genesis], self.top)["chain"]
        for node in self.founders:
            node.voters = [other for other in self.founders if other is not node]
            data = ",".join(other.invitation() for other in node.voters)
            port = lib.free_port()
            node.address = f"http://127.0.0.1:{port}"
            node.cli("init", "--genesis", self.genesis, *node.settings(f"p2p.peers={data}", f"rpc.listen=127.0.0.1:{port}"))
        for node in self.founders:
            node.spawn()
        for node in self.founders:
            self.is_up(node)
        self.first = self.founders[0]
        until("the first blocks", 60, lambda: self.first.height() >= 2)
        self.load = Load(self.founders)
        self.load.start()

    def is_up(self, node):
        """Waits for the first line of a process that was begun."""
        line = node.process.stdout.readline()
        if not line:
            raise SystemExit(f"{node.name} ended at once with {node.process.wait()}:\n{node.said()[-3000:]}")
        node.began = json.loads(line)
        node.url = node.began["rpc"]

    def back(self, node, *flags):
        """It starts without the point, and comes to where the others are."""
        node.spawn(*flags)
        self.is_up(node)
        other = next(founder for founder in self.founders if founder is not node)
        catches_up(node, other, 60)
        return node

    def votes(self, node, validator):
        """It takes its part again."""
        other = next(founder for founder in self.founders if founder is not node)
        since = other.height() + 1
        until(f"{node.name} votes", 60, lambda: signed_since(other, validator, since))

    def judge(self, *nodes):
        """What was final stands, on the one that died and on another; one block and one root a height."""
        known = list(self.load.final)
        for node in dict.fromkeys([self.first, *nodes]):
            catches_up(node, self.founders[1], 60)
            for tx, height in known[self.checked:]:
                try:
                    view = rpc(node.url, "tx_get", tx)
                except RpcError as error:
                    # A snapshot brings no transactions from before it.
                    if node in self.founders or error.reason not in ("pruned", "tx_unknown"):
                        raise SystemExit(f"{tx} was final at {height}, and {node.name} says: {error}") from None
                    continue
                if view["status"] not in ("final", "settled") or view["height"] != height:
                    raise SystemExit(f"{tx} was final at {height}, now it is {view['status']} at {view['height']} on {node.name}")
        self.checked = len(known)
        same_books([*self.founders, *(node for node in nodes if node not in self.founders)], max(0, self.seen - 1))
        self.seen = min(node.height() for node in self.founders)

    def newcomer(self, *flags, name="newcomer", peer=None):
        """A fresh home with nothing but an invitation."""
        node = self.node(name)
        node.voters = self.founders
        return node.join(peer or self.first, self.chain, *flags)

    def operator(self):
        """A wallet with money: its name and account."""
        n = self.wanted - len(self.operators)
        return f"op-{n}", self.operators.pop(0)

    def pledge(self, node, pledge):
        """`node` gets an operator, and is a candidate from the next epoch on."""
        node.op, node.operator = self.operator()
        shutil.copytree(self.purse / "keys", node.home / "keys", dirs_exist_ok=True)
        joined = lib.cli(["validator", "join", "--pledge", pledge, "--from", node.op], node.home, self.first.address)
        node.validator = joined["validator"]

    def seated(self, node):
        until(f"{node.name}: a seat", 60, lambda: node.validator in seats(self.first))
        self.votes(node, node.validator)

    def leaves_early(self):
        """A follower that stops after the first blocks, and of which copies come back late."""
        self.early = self.newcomer(name="early")
        self.back(self.early, "--sync", "blocks")
        self.left_at = self.early.height() + 1
        self.early.stop()

    def library(self):
        """A follower with a snapshot and no old blocks: who joins by it alone has to take the snapshot."""
        if self.shelf is None:
            self.shelf = self.newcomer(name="library")
            self.shelf.start()
            # Whoever left early must find none of the blocks that it lacks.
            until("enough blocks", 180, lambda: self.shelf.height() > KEPT + self.left_at + 10)
            self.shelf.stop()
            self.shelf.base = int(self.shelf.cli("db", "prune", "--keep-from", self.shelf.cli("db", "stat")["height"])["to"])
            self.shelf.cli("snapshot", "create")
            self.back(self.shelf)
        return self.shelf

    def end(self):
        if hasattr(self, "load"):
            self.load.end()
        for node in self.nodes:
            node.trouble()
