#!/usr/bin/env python3
"""A validator's key changes machines, there and back: at no time do two homes sign by it, and an old copy is refused.
Usage: move.py [directory that keeps the homes and logs]"""
import contextlib
import pathlib
import shutil
import sys
import tempfile
import time

from join import CHECKS, Node, catches_up, same_books, signed_since
from lib import free_port, rpc, until
from founding import Net, pay

WAY = {"LEITHER_PASSWORD": "on the way"}


def move(node, *args, code=0, **env):
    import lib
    return lib.cli(["keys", "move", *args], node.home, node.url, code, env={**WAY, **env})


def main():
    with contextlib.ExitStack() as stack:
        top = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(tempfile.TemporaryDirectory(prefix="leither-move-"))
        top = pathlib.Path(top)
        net = Net(top, 4)
        nodes = list(net.nodes)
        began = time.time()

        def tell(what):
            print(f"{time.time() - began:6.1f} s  {what}", flush=True)

        try:
            net.start()
            one, old = net.nodes[0], net.nodes[3]
            # The others know it by its consensus key's peer id, wherever it listens.
            validator = old.made["validator"]
            until("it signs", 30, lambda: len(signed_since(one, validator, 1)) >= 3)
            file = top / "way.json"
            busy = move(old, "export", file, code=2)
            CHECKS.that("stop it first" in busy["stderr"] and not file.exists(), f"a running node: {busy}")
            old.stop()
            moved = move(old, "export", file)
            CHECKS.equal(moved["validator"], validator, "whose key it is")
            text = file.read_text()
            CHECKS.that("scrypt" in text and "sign_state" not in text and "height" not in text, "it is encrypted")
            again = move(old, "export", top / "again.json", code=2)
            CHECKS.that("moved to another machine" in again["stderr"], f"a second copy: {again}")
            old.refused(4, "moved to another machine")
            tell("exported; the old home signs nothing")

            copy = top / "copy.json"
            shutil.copy(file, copy)
            late = top / "late.json"
            shutil.copy(file, late)
            new = Node(top, "new-machine")
            new.p2p, new.bft = old.p2p, old.bft
            nodes.append(new)
            new.init("--genesis", net.genesis, *new.settings())
            wrong = move(new, "import", file, code=2, LEITHER_PASSWORD="other")
            CHECKS.that("wrong password" in wrong["stderr"] and file.exists(), f"a wrong password: {wrong}")
            came = move(new, "import", file)
            CHECKS.that(came["validator"] == validator and not file.exists(), f"imported, and the file is gone: {came}")
            made = new.init("--validator").made
            CHECKS.equal((made["validator"], made["consensus_peer_id"]), (validator, old.made["consensus_peer_id"]), "the same key")
            new.cli("init", *new.settings(*Net.peers(new, [*net.nodes[:3]])))
            new.start()
            catches_up(new, one)
            since = one.height() + 1
            until("it signs on the new machine", 40, lambda: len(signed_since(one, validator, since)) >= 3)
            # The new machine has its ports.
            elsewhere = [f"p2p.listen=127.0.0.1:{free_port()}", f"consensus.listen=127.0.0.1:{free_port()}", "swarm.listen=127.0.0.1:0"]
            old.refused(4, "moved to another machine", *(word for setting in elsewhere for word in ("--set", setting)))
            tell("the new machine signs")

            new.stop()
            stale = move(new, "import", copy, code=2)
            CHECKS.that("old copy" in stale["stderr"] and copy.exists(), f"an old copy: {stale}")
            back = top / "back.json"
            move(new, "export", back)
            new.refused(4, "moved to another machine")
            move(old, "import", back)
            old.start()
            catches_up(old, one)
            since = one.height() + 1
            until("it signs at home again", 40, lambda: len(signed_since(one, validator, since)) >= 3)
            pay(one, old.payer)
            tell("back at home, it signs")
            old.stop()
            stale = move(old, "import", late, code=2)
            CHECKS.that("old copy" in stale["stderr"], f"an old copy at home: {stale}")
            old.start()
            catches_up(old, one)
            same_books(net.nodes)
            standing = {stake["standing"] for stake in rpc(one.url, "validator_list")["stakes"]}
            CHECKS.that("ejected" not in standing, f"nobody signed twice: {standing}")
            for node in net.nodes:
                node.stop()
        finally:
            for node in nodes:
                if node.runs():
                    node.kill9()
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
