#!/usr/bin/env python3
"""Four validators made by the README's commands agree on every block and root under load. Usage: four.py [seconds]"""
import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error

import lib
from lib import LEITHER, ROOT, Score, environment, free_port, rpc

N = 4


def cli(home, *args, node=None):
    return lib.cli(args, home, node)


@contextlib.contextmanager
def net(top):
    """The validators, running: homes, ports (JSON-RPC, data, consensus), what `init` said of each, the chain, the processes."""
    genesis = top / "genesis.json"
    cli(top, "genesis", "new", str(genesis), "--name", "four")
    homes = [top / f"v{n}" for n in range(N)]
    ports = [(free_port(), free_port(), free_port()) for _ in homes]
    made = []
    for home in homes:
        made.append(cli(home, "init", "--validator"))
        wallet = cli(home, "keys", "new", "payer", "--backend", "test")["account"]
        cli(home, "genesis", "add-validator", str(genesis), "--key", made[-1]["consensus_key"], "--operator", wallet)
        cli(home, "genesis", "add-allocation", str(genesis), wallet, "1000mei", "--reason", "a test's play money",
            "--evidence", str(ROOT / "README.md"))
    chain = cli(top, "genesis", "validate", str(genesis))["chain"]
    nodes = []
    try:
        for n, home in enumerate(homes):
            rpc_port, p2p, bft = ports[n]
            others = [m for m in range(N) if m != n]
            peers = ",".join(f"/ip4/127.0.0.1/tcp/{ports[m][2]}/p2p/{made[m]['consensus_peer_id']}" for m in others)
            data = ",".join(f"/ip4/127.0.0.1/udp/{ports[m][1]}/quic-v1/p2p/{made[m]['data_peer_id']}" for m in others)
            cli(home, "init", "--genesis", str(genesis), "--set", f"rpc.listen=127.0.0.1:{rpc_port}",
                "--set", "metrics.listen=127.0.0.1:0", "--set", "gateway.listen=127.0.0.1:0", "--set", "swarm.listen=127.0.0.1:0", "--set", f"p2p.listen=127.0.0.1:{p2p}", "--set", f"consensus.listen=127.0.0.1:{bft}",
                "--set", f"consensus.persistent_peers={peers}", "--set", f"p2p.peers={data}", "--set", "log.level=warn")
            log = open(home / "log", "w")
            nodes.append(subprocess.Popen([str(LEITHER), "--home", str(home), "run"], stdout=log, stderr=log,
                                          env=environment(home)))
        yield homes, ports, made, chain, nodes
    finally:
        for node in nodes:
            node.terminate()
        for node in nodes:
            node.wait(30)


def answers(homes, urls, chain, nodes):
    """Waits until all of them do."""
    until = time.time() + 60
    for url, home, node in zip(urls, homes, nodes):
        while True:
            try:
                assert rpc(url, "chain_getInfo")["chain"] == chain
                break
            except (urllib.error.URLError, ConnectionError):
                if time.time() > until or node.poll() is not None:
                    sys.exit(f"{url} does not answer:\n{(home / 'log').read_text()[-2000:]}")
                time.sleep(0.1)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    with (Score("four", "heights") as score, tempfile.TemporaryDirectory(prefix="leither-four-") as text,
          net(pathlib.Path(text)) as (homes, ports, _, chain, nodes)):
        score.tried += run(homes, [f"http://127.0.0.1:{p[0]}" for p in ports], chain, seconds, nodes)


def agree(urls):
    """One block and one root at each height that all have; how many."""
    heights = [int(rpc(url, "chain_getInfo")["height"]) for url in urls]
    for height in range(1, min(heights) + 1):
        seen = {(h["header"]["id"], h["header"]["state_root"]) for h in (rpc(url, "chain_getHeader", str(height)) for url in urls)}
        if len(seen) != 1:
            sys.exit(f"height {height}: the nodes differ: {seen}")
    return heights


def run(homes, urls, chain, seconds, nodes):
    answers(homes, urls, chain, nodes)
    payees = [cli(home, "keys", "show", "payer")["account"] for home in homes]
    end, sent = time.time() + seconds, []
    while time.time() < end:
        for n, home in enumerate(homes):
            # Sent to one node, asked of another.
            done = cli(home, "transfer", "--from", "payer", payees[(n + 1) % N], "0.001mei", node=urls[n])
            sent.append((done["tx"], done["height"], urls[(n + 2) % N]))
    for tx, height, url in sent:
        view = rpc(url, "tx_wait", tx, 20_000)
        if view["height"] != height or view["status"] not in ("final", "settled"):
            sys.exit(f"{tx}: final at {height} on one node, {view['status']} at {view['height']} on another")
    heights = agree(urls)
    if any(node.poll() is not None for node in nodes):
        sys.exit("a node has ended by itself")
    print(f"{N} validators, {seconds:.0f} s, {len(sent)} transfers, heights {heights}: one block and one root at each of {min(heights)}")
    return min(heights)


if __name__ == "__main__":
    main()
