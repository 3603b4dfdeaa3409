"""A network of validators as processes that a script may hurt, an open-loop load on it, and the questions that are asked at the end:
is anything lost that was answered `final`, and have all nodes one book?"""
import contextlib
import http.client
import json
import pathlib
import random
import subprocess
import threading
import time

import lib
from audit import audit
from join import same_books
from lib import LEITHER, RpcError, environment, free_ports, height_of, rpc, until
from wallet import Wallet

MEI = 10**9
FUNDS = 1_000_000 * MEI
# A node that is killed breaks off in the midst of an answer.
UNREACHABLE = (OSError, http.client.HTTPException, json.JSONDecodeError)
START_S = 90


def quantile(values, q):
    """To the hundredth; nothing of nothing."""
    ordered = sorted(values)
    return round(ordered[round(q * (len(ordered) - 1))], 2) if ordered else None


def told(values):
    return {"n": len(values), "p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": quantile(values, 1)}


class Node:
    """A home with its ports, and while it runs its process. `words` stand before the command, as for a network namespace; `arms` are variables of the
    process, as for a failpoint."""

    arms = {}

    def __init__(self, top, number, host="127.0.0.1", words=()):
        self.number, self.name, self.host, self.words = number, f"node-{number}", host, list(words)
        self.home = pathlib.Path(top) / self.name
        self.rpc_port, self.p2p, self.bft, self.metrics, self.gateway, self.swarm = free_ports(6)
        self.url, self.gate = f"http://{host}:{self.rpc_port}", f"http://{host}:{self.gateway}"
        self.process = None
        self.frozen = False

    def cli(self, *args, code=0):
        return lib.cli(args, self.home, self.url, code)

    def settings(self, *more):
        wanted = [f"rpc.listen={self.host}:{self.rpc_port}", f"metrics.listen={self.host}:{self.metrics}", f"gateway.listen={self.host}:{self.gateway}",
                  f"p2p.listen={self.host}:{self.p2p}", f"swarm.listen={self.host}:{self.swarm}", f"consensus.listen={self.host}:{self.bft}",
                  "log.level=warn", *more]
        return [word for setting in wanted for word in ("--set", setting)]

    def spawn(self, *flags):
        """Begins the process and does not wait for it."""
        # Beside the home, whose disk may be full.
        self.log = self.home.with_suffix(".log")
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([*self.words, str(LEITHER), "--json", "run", *flags], stdout=log, stderr=log,
                                            env=environment(self.home, **self.arms))
        self.frozen = False
        return self

    def said(self):
        with open(self.log) as log:
            log.seek(self.log_from)
            return log.read()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As systemd does it."""
        if self.runs():
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(20)
            self.kill9()
            raise SystemExit(f"{self.name} does not end; it said:\n{self.said()[-3000:]}")
        return None

    def height(self):
        return height_of(self.url)

    def seen(self):
        """Its height; nothing where it does not answer."""
        try:
            return int(rpc(self.url, "chain_getInfo", timeout=2)["height"])
        except UNREACHABLE:
            return None

    def header(self, height):
        return rpc(self.url, "chain_getHeader", str(height))

    def answers(self, seconds=START_S):
        end = time.time() + seconds
        while self.seen() is None:
            if not self.runs():
                raise SystemExit(f"{self.name} ended with {self.process.poll()}; it said:\n{self.said()[-3000:]}")
            if time.time() > end:
                raise SystemExit(f"{self.name} does not answer after {seconds} s; it said:\n{self.said()[-3000:]}")
            time.sleep(0.02)
        return self

    def catches_up(self, other, seconds=60):
        """It comes to a height that the other has at this moment."""
        wanted = other.height()
        until(f"{self.name} comes to height {wanted}; it said:\n{self.said()[-2000:]}", seconds, lambda: (self.seen() or 0) >= wanted)


class Net:
    """Validators of equal power, made by the README's commands. `params` differ from a new chain's. With `links` a node reaches another
    only through a link of its own for that pair. `place(number)` says where a node lives, as keywords of Node; `settings(number)` what
    it is told beside its ports; `reaches(node, other)` whether it is told where the other is."""

    node_type = Node

    def __init__(self, top, count=4, params=None, wallets=64, links=None, place=None, settings=None, power=1, reaches=None):
        self.top, self.links = pathlib.Path(top), links
        self.top.mkdir(parents=True, exist_ok=True)
        self.wallets = [Wallet() for _ in range(wallets)]
        self.nodes = [self.node_type(self.top, n, **(place(n) if place else {})) for n in range(1, count + 1)]
        self.genesis = self.top / "genesis.json"
        lib.cli(["genesis", "new", self.genesis, "--name", "net"], self.top)
        for node in self.nodes:
            node.made = lib.cli(["init", "--validator"], node.home)
            node.operator = node.cli("keys", "new", "operator", "--backend", "test")["account"]
            lib.cli(["genesis", "add-validator", self.genesis, "--key", node.made["consensus_key"], "--operator", node.operator,
                     "--power", power], self.top)
        self.found(params or {})
        for node in self.nodes:
            others = [other for other in self.nodes if other is not node and (not reaches or reaches(node, other))]
            bft = ",".join(self.address(node, other, "bft") for other in others)
            data = ",".join(self.address(node, other, "p2p") for other in others)
            more = settings(node.number) if settings else []
            node.cli("init", "--genesis", self.genesis,
                     *node.settings(f"consensus.persistent_peers={bft}", f"p2p.peers={data}", *more))

    def found(self, params):
        form = json.loads(self.genesis.read_text())
        unknown = set(params) - set(form["params"])
        if unknown:
            raise SystemExit(f"genesis.json has no params {sorted(unknown)}")
        form["params"].update(params)
        accounts = [node.operator for node in self.nodes] + [wallet.account for wallet in self.wallets]
        form["allocations"] = [{"account": account, "amount": str(FUNDS), "reason": "a test's play money", "evidence": "0x" + "11" * 32}
                               for account in accounts]
        form["time_ms"] = str(int(time.time() * 1_000))
        # The id is that of other numbers.
        form.pop("chain", None)
        self.genesis.write_text(json.dumps(form))
        self.chain = lib.cli(["genesis", "validate", self.genesis], self.top)["chain"]

    def address(self, node, other, kind):
        """Where one finds the other: at its port, by QUIC in the data swarm, or behind a link, by TCP."""
        port, peer = getattr(other, kind), other.made["consensus_peer_id" if kind == "bft" else "data_peer_id"]
        if self.links:
            return f"/ip4/127.0.0.1/tcp/{self.links.open(node.number, other.number, port)}/p2p/{peer}"
        way = f"udp/{port}/quic-v1" if kind == "p2p" else f"tcp/{port}"
        return f"/ip4/{other.host}/{way}/p2p/{peer}"

    def start(self):
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            node.answers()
        until("the first blocks", 30, lambda: max(node.seen() or 0 for node in self.nodes) >= 2)
        return self

    def running(self):
        return [node for node in self.nodes if node.runs() and not node.frozen]

    def alive(self):
        """A node that ended by itself is a finding."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() not in (None, -9):
                raise SystemExit(f"{node.name} ended by itself with {node.process.poll()}; it said:\n{node.said()[-3000:]}")

    def next_commit(self, nodes, above, began, seconds):
        """Seconds from `began` until one of these nodes shows a height above this one."""
        while True:
            for node in nodes:
                height = node.seen()
                if height is not None and height > above:
                    return time.time() - began
            if time.time() > began + seconds:
                heights = {node.name: node.seen() for node in self.nodes}
                lasts = "\n".join(f"{node.name}: {node.said()[-1500:]}" for node in nodes)
                raise SystemExit(f"no block above {above} within {seconds} s; heights {heights}; they said:\n{lasts}")
            self.alive()
            time.sleep(0.01)

    def level(self, seconds=60):
        """Waits until all nodes run at one height, give or take a block that is under way."""
        end = time.time() + seconds
        while True:
            heights = [node.seen() for node in self.nodes]
            if None not in heights and max(heights) - min(heights) <= 1:
                return
            if time.time() > end:
                lasts = "\n".join(f"{node.name}: {node.said()[-1500:]}" for node in self.nodes)
                raise SystemExit(f"after {seconds} s the nodes are at {heights}; they said:\n{lasts}")
            self.alive()
            time.sleep(0.05)

    def end(self):
        for node in self.nodes:
            if node.runs():
                node.process.send_signal(18)
                node.process.terminate()
        for node in self.nodes:
            if node.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    node.process.wait(20)
                if node.runs():
                    node.kill9()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Load:
    """Payments that begin at their times whatever became of those before; each goes to a random node, and again to others until one of
    them calls it final. `final` has (transaction, height, seconds from its time to that answer, when)."""

    def __init__(self, net, rate, seed, nodes=None, same_node=False):
        self.net, self.rate, self.chance, self.same_node = net, rate, random.Random(seed), same_node
        self.nodes = nodes or net.nodes
        self.free = list(net.wallets)
        self.final, self.refusals = [], {}
        self.offered = self.skipped = 0
        self.open = {}
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def run(self):
        due = time.time()
        while not self.over.wait(max(0, due - time.time())):
            with self.lock:
                self.offered += 1
                wallet = self.free.pop(self.chance.randrange(len(self.free))) if self.free else None
            if wallet is None:
                # Every account waits for its last payment.
                self.skipped += 1
            else:
                threading.Thread(target=self.pay, args=(wallet, due, random.Random(self.chance.random())), daemon=True).start()
            due += self.chance.uniform(0.5, 1.5) / self.rate

    def pay(self, wallet, due, chance):
        to = chance.choice([other for other in self.net.wallets if other is not wallet])
        raw, tx = wallet.transfer(self.net.chain, [to.id], 1_000, wallet.nonce)
        with self.lock:
            self.open[tx] = due
        while tx in self.open:
            node = chance.choice(self.nodes)
            try:
                self.submit(node, raw)
                asked = node if self.same_node else chance.choice(self.nodes)
                view = rpc(asked.url, "tx_wait", tx, 4_000, timeout=6)
                if view["status"] in ("final", "settled"):
                    with self.lock:
                        self.final.append((tx, view["height"], time.time() - due, time.time()))
                        wallet.nonce += 1
                        self.free.append(wallet)
                        self.open.pop(tx, None)
                else:
                    self.note(view["status"])
            except RpcError as error:
                self.note(error.reason)
                time.sleep(0.1)
            except UNREACHABLE:
                self.note("unreachable")
                time.sleep(0.1)

    def submit(self, node, raw):
        try:
            rpc(node.url, "tx_submit", raw, timeout=5)
        except RpcError as error:
            # An earlier try was taken, and is in a block by now.
            if error.reason != "tx_nonce_used":
                raise

    def note(self, reason):
        with self.lock:
            self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def end(self, seconds=60):
        """Sends nothing new and waits for what is open. What is open then was never answered."""
        self.over.set()
        self.thread.join()
        stop = time.time() + seconds
        while self.open and time.time() < stop:
            time.sleep(0.1)
        with self.lock:
            unanswered = list(self.open)
            self.open.clear()
        return unanswered

    def latencies(self, since=0, before=float("inf")):
        return [seconds for _, _, seconds, at in list(self.final) if since <= at - seconds < before]


def has_block(node, height):
    try:
        return bool(rpc(node.url, "chain_getBlock", str(height), 0, 1))
    except RpcError as error:
        if error.reason != "pruned":
            raise
        return False


def verdict(net, load):
    """What was answered final stands at its height on every node, in one block; all nodes have one book, and it is right."""
    for node in net.nodes:
        node.catches_up(max(net.nodes, key=lambda other: other.seen() or 0))
    shared = same_books(net.nodes)
    heights = {}
    first = net.nodes[0]
    for height in range(1, first.height() + 1):
        start = 0
        while start is not None:
            block = rpc(first.url, "chain_getBlock", str(height), start, 2_000)
            for tx in block["txs"]:
                if heights.setdefault(tx["tx"]["id"], str(height)) != str(height):
                    raise SystemExit(f"{tx['tx']['id']} is in two blocks, {heights[tx['tx']['id']]} and {height}")
            start = block["next"]
    # Who began at a snapshot has no blocks of before it.
    whole = [node for node in net.nodes if has_block(node, 1)]
    for at, (tx, height, _, _) in enumerate(load.final):
        if heights.get(tx) != height:
            raise SystemExit(f"{tx} was answered final at {height}, and is in the books at {heights.get(tx)}: it is lost")
        node = whole[at % len(whole)]
        view = rpc(node.url, "tx_get", tx)
        if view["height"] != height or view["status"] not in ("final", "settled"):
            raise SystemExit(f"{tx} was answered final at {height}; {node.name} says {view['status']} {view['height']}")
    if not load.final:
        raise SystemExit("nothing was answered final: the test tested nothing")
    return {"heights": shared, "final": len(load.final), "lost": 0, "audit": audit(first.url, net.genesis)}
