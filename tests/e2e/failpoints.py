#!/usr/bin/env python3
"""A process dies at each of its failpoints, between one write and the next, and comes back: nothing that was final is lost, and every node
keeps the same books. One net of four validators under a light stream of transfers; one JSON line a point.

Usage: failpoints.py [--seed N] [--rounds N] [--share N] [--points NAME,NAME] [--keep DIRECTORY]
--share N takes one point in N, chosen by the seed. The points are those of node/failpoints/src/lib.rs; spec/failpoints.md says what must
hold."""
import argparse
import contextlib
import json
import random
import re
import resource
import shutil
import tempfile
import time
import tomllib

from audit import audit
from failnet import KEPT, PLEDGE, PLEDGE_OF_TWIN, Net
from join import seats, stake_of
from lib import ROOT, Score, until


def points():
    """The names in the table of the crate."""
    text = (ROOT / "node/failpoints/src/lib.rs").read_text()
    table = re.search(r"pub const POINTS: &\[&str\] = &\[(.*?)\];", text, re.S).group(1)
    # What content dies at is tried elsewhere: content_deaths.py, node/services/storage/tests/crash.rs, node/cli/src/content/calls/deaths.rs.
    return [name for name in re.findall(r'"([^"]+)"', table) if not name.startswith("content/")]


# What leads to each point. A play gets the net, the point, the round and its luck, brings a process to its death, and gives at which hit; then all
# is as the page says.


def founder(most):
    """A founder that runs under load, its k-th hit up to `most`."""
    def play(net, point, _, luck):
        victim, k = luck.choice(net.founders), luck.randint(1, most)
        victim.kill9()
        with victim.armed(point, k):
            victim.spawn()
        victim.dies(point)
        net.back(victim)
        net.votes(victim, victim.made["validator"])
        net.judge(victim)
        return k
    return play


def other_set(net, point, _, luck):
    """A founder dies at the block after which others vote."""
    victim = luck.choice(net.founders[1:])
    victim.kill9()
    with victim.armed(point, 1):
        victim.spawn()
    net.is_up(victim)
    newcomer = net.newcomer("--validator")
    newcomer.start()
    net.pledge(newcomer, PLEDGE)
    victim.dies(point)
    net.back(victim)
    net.votes(victim, victim.made["validator"])
    net.seated(newcomer)
    net.judge(victim, newcomer)
    newcomer.stop()
    return 1


def other_part(net, point, _, luck):
    """A follower dies as it becomes a validator."""
    newcomer = net.newcomer("--validator")
    with newcomer.armed(point, 1):
        newcomer.spawn()
    net.is_up(newcomer)
    net.pledge(newcomer, PLEDGE)
    newcomer.dies(point)
    net.back(newcomer)
    net.seated(newcomer)
    net.judge(newcomer)
    newcomer.stop()
    return 1


def accused(net, point, _, luck):
    """Two nodes vote by one key; a founder dies as it notes the proof."""
    first, second = net.founders[1], net.founders[2]
    twin = net.newcomer("--validator", peer=first)
    twin.voters = [first]
    twin.cli("init", *twin.settings())
    twin.start()
    net.pledge(twin, PLEDGE_OF_TWIN)
    net.seated(twin)
    twin.stop()
    other = net.node("twin")
    copied(twin, other)
    (other.home / "config/node_key").unlink()
    other.voters = [second]
    other.made = other.cli("init", *other.settings(f"p2p.peers={second.invitation()}"))
    victim = luck.choice([net.founders[0], net.founders[3]])
    victim.kill9()
    with victim.armed(point, 1):
        victim.spawn()
    net.is_up(victim)
    twin.spawn()
    other.spawn()
    provoke(other, lambda: not victim.runs())
    victim.dies(point)
    net.back(victim)
    net.votes(victim, victim.made["validator"])
    provoke(other, lambda: (stake_of(net.first, twin.operator) or {}).get("standing") == "ejected")
    twin.trouble()
    other.trouble()
    net.judge(victim)
    return 1


def provoke(twin, is_done):
    """Waits until what both did by one key has come of it. With one connection a twin may miss a proposal and stay behind for a while;
    begun anew it votes where the others are."""
    for _ in range(12):
        end = time.time() + 7
        while time.time() < end:
            if is_done():
                return
            time.sleep(0.05)
        twin.kill9()
        twin.spawn()
    raise SystemExit("two nodes with one key run, and nobody is accused")


def copied(node, to):
    """A stopped node's home, once more."""
    shutil.copytree(node.home, to.home, ignore=shutil.ignore_patterns("*.sock"))


def follower(most):
    """A new node that takes every block."""
    def play(net, point, _, luck):
        k = luck.randint(1, most)
        node = net.newcomer()
        with node.armed(point, k):
            node.spawn("--sync", "blocks")
        node.dies(point)
        net.back(node, "--sync", "blocks")
        net.judge(node)
        node.stop()
        return k
    return play


def first_start(net, point, turn, luck):
    """A new node at its very first write, or whose addresses are written for the first time."""
    return follower(1)(net, point, turn, luck)


def pruned(net, point, _, luck):
    """`db prune`; what it had not freed is freed after the start."""
    shelf = net.library()
    # There has to be something to take out.
    until("another block", 30, lambda: shelf.height() > shelf.base + KEPT)
    shelf.stop()
    head = int(shelf.cli("db", "stat")["height"])
    k = luck.randint(1, 3) if point == "store/prune/files-gone" else 1
    shelf.verb_dies(point, k, "db", "prune", "--keep-from", head)
    shelf.base = int(shelf.cli("db", "stat")["lowest"])
    if shelf.base != head - KEPT + 1:
        raise SystemExit(f"{point}: the lowest block is {shelf.base}, not {head - KEPT + 1}")
    again = shelf.cli("db", "prune", "--keep-from", head)
    if again["to"] != str(shelf.base):
        raise SystemExit(f"{point}: a second prune goes to {again['to']}, not {shelf.base}")
    net.back(shelf)
    net.judge(shelf)
    return k


def snapshot(net, point, _, luck):
    """`snapshot create`; what was cut short is no snapshot, and the next one can be restored elsewhere."""
    shelf = net.library()
    before = shelf.height()
    until("another block", 30, lambda: shelf.height() > before)
    shelf.stop()
    shelf.verb_dies(point, 1, "snapshot", "create")
    listed = shelf.cli("snapshot", "list")["snapshots"]
    restored(net, listed[0]["directory"])
    made = shelf.cli("snapshot", "create")
    if shelf.cli("snapshot", "list")["snapshots"][0] != made:
        raise SystemExit(f"{point}: the newest snapshot is not the one that was made")
    copy = restored(net, made["directory"])
    net.back(shelf)
    net.judge(shelf, net.back(copy))
    copy.stop()
    left = [path.name for path in (shelf.home / "snapshots").iterdir() if path.name.endswith(".part")]
    if left:
        raise SystemExit(f"{point}: {left} stay behind")
    return 1


def restored(net, directory):
    """A new home whose database is that snapshot."""
    copy = net.newcomer(name="copy")
    copy.cli("snapshot", "restore", directory)
    return copy


def retired(net, point, _, luck):
    """A node that keeps one snapshot dies as it deletes the one before."""
    shelf = net.library()
    shelf.stop()
    shelf.cli("init", *[word for setting in ("snapshots.every_epochs=1", "snapshots.keep=1") for word in ("--set", setting)])
    with shelf.armed(point, 1):
        shelf.spawn()
    shelf.dies(point)
    shelf.cli("init", "--set", "snapshots.every_epochs=0")
    net.back(shelf)
    until("the half-deleted snapshot is gone", 20,
          lambda: not [path for path in (shelf.home / "snapshots").iterdir() if path.name.endswith(".part")])
    net.judge(shelf)
    return 1


def restore(net, point, turn, luck):
    """A database made of a snapshot: by the command, and from a peer."""
    shelf = net.library()
    node = net.newcomer(peer=shelf)
    if turn % 2:
        with node.armed(point, 1):
            node.spawn("--sync", "snapshot")
        node.dies(point)
        net.back(node, *([] if point == "restore/moved" else ["--sync", "snapshot"]))
    else:
        directory = shelf.cli("snapshot", "list")["snapshots"][0]["directory"]
        node.verb_dies(point, 1, "snapshot", "restore", directory)
        if point != "restore/moved":
            node.cli("snapshot", "restore", directory)
        net.back(node)
    net.judge(node)
    node.stop()
    return 1


def taken(net, point, _, luck):
    """A node that fell behind all its peers replaces its database by a snapshot."""
    node = net.node("late")
    copied(net.early, node)
    shelf = net.library()
    node.made = node.cli("init", *node.settings(f"p2p.peers={shelf.invitation()}"))
    with node.armed(point, 1):
        node.spawn("--sync", "snapshot")
    node.dies(point)
    net.back(node, "--sync", "snapshot")
    if (node.home / "data.before-snapshot").exists():
        raise SystemExit(f"{point}: the former database stays behind")
    net.judge(node)
    node.stop()
    return 1


def invited(net, point, _, luck):
    """`init --join`; nothing but another `init --join` is needed."""
    node = net.node("invited")
    line = ["init", "--join", net.first.invitation(), "--chain", net.chain, *node.settings()]
    node.verb_dies(point, 1, *line)
    node.made = node.cli(*line)
    net.judge(net.back(node))
    node.stop()
    return 1


def trusted(net, point, _, luck):
    """A trusted block counts from the moment that it was given."""
    node = net.newcomer()
    height = net.first.height() - 1
    block = net.first.header(height)["header"]["id"]
    with node.armed(point, 1):
        node.spawn("--trust", f"{height}:{block}")
    node.dies(point)
    if (node.home / "config/trusted").read_text() != f"{height}:{block}\n":
        raise SystemExit(f"{point}: the trusted block is not remembered")
    net.judge(net.back(node))
    node.stop()
    return 1


def settings(net, point, _, luck):
    """`init --set` on a home that has settings."""
    node = net.newcomer()
    read = lambda: tomllib.loads((node.home / "config/node.toml").read_text())
    former = read()
    node.verb_dies(point, 1, "init", "--set", "moniker=mill")
    if read() not in (former, {**former, "moniker": "mill"}):
        raise SystemExit(f"{point}: the settings are neither the old nor the new ones")
    node.cli("init", "--set", "moniker=mill")
    net.judge(net.back(node))
    node.stop()
    return 1


def wallet_key(net, point, _, luck):
    """`keys new`: the key is whole."""
    node = net.newcomer()
    node.verb_dies(point, 1, "keys", "new", "pocket", "--backend", "test")
    listed = [key["name"] for key in node.cli("keys", "list")["keys"]]
    if listed != ["pocket"]:
        raise SystemExit(f"{point}: keys list says {listed}")
    node.cli("keys", "new", "other", "--backend", "test")
    net.judge(net.back(node))
    node.stop()
    return 1


def consensus_key(net, point, turn, luck):
    """A first consensus key, or one that is to replace it: never a key without its record."""
    node = net.newcomer()
    if turn % 2 == 0:
        node.verb_dies(point, 1, "init", "--validator")
        node.made = node.cli("init", "--validator")
        net.back(node)
        net.pledge(node, PLEDGE)
    else:
        node.made = node.cli("init", "--validator")
        node.start()
        net.pledge(node, PLEDGE)
        node.verb_dies(point, 1, "validator", "rotate", "--from", node.op, node=net.first.address)
        node.stop()
        net.back(node)
        node.validator = node.cli("validator", "rotate", "--from", node.op)["validator"]
        node.stop()
        net.back(node)
    net.seated(node)
    net.judge(node)
    node.stop()
    return 1


def rotated(net, point, _, luck):
    """`validator rotate`, told to the chain already: the new key takes over."""
    node = net.newcomer("--validator")
    node.start()
    net.pledge(node, PLEDGE)
    node.verb_dies(point, 1, "validator", "rotate", "--from", node.op, node=net.first.address)
    node.stop()
    net.back(node)
    old = node.validator
    new = json.loads((node.home / "validator/2/sign_state.json").read_text())["validator"]
    node.validator = new
    net.seated(node)
    if old in seats(net.first):
        raise SystemExit(f"{point}: the old key still has a seat")
    net.judge(node)
    node.stop()
    return 1


PLAYS = {
    "sign/written": founder(9), "sign/synced": founder(9), "sign/renamed": founder(9), "sign/permitted": founder(9),
    "engine/proposed": founder(2), "engine/judged": founder(5), "engine/decided": founder(6), "engine/recorded": founder(6),
    "engine/notified": founder(6), "engine/unanswered": founder(6), "engine/followed": follower(9),
    "engine/part-ended": other_part, "engine/part-begun": other_part,
    "store/created": first_start, "store/undecided/before": founder(6), "store/undecided/written": founder(6),
    "store/commit/before": founder(6), "store/commit/written": founder(6), "store/commit/marked": founder(6),
    "store/handover/before": other_set, "store/handover/written": other_set,
    "store/evidence/before": accused, "store/evidence/written": accused,
    "store/prune/noted": pruned, "store/prune/files-gone": pruned, "store/prune/compacted": pruned,
    "snapshot/chunk": snapshot, "snapshot/manifest": snapshot, "snapshot/complete": snapshot, "snapshot/renamed": snapshot,
    "snapshot/handovers": snapshot, "snapshot/retired": retired,
    "restore/chunk": restore, "restore/checked": restore, "restore/written": restore, "restore/moved": restore,
    "join/genesis": invited, "join/trusted": trusted, "join/aside": taken, "join/taken": taken,
    "file/written": settings, "file/renamed": settings, "file/linked": wallet_key,
    "key/made": consensus_key, "key/recorded": consensus_key, "key/rotated": rotated,
    "net/anchors/written": first_start, "net/anchors/renamed": first_start,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--points", default="")
    parser.add_argument("--keep")
    flags = parser.parse_args()
    names = points()
    if set(names) != set(PLAYS):
        raise SystemExit(f"points without a play, or plays without a point: {sorted(set(names) ^ set(PLAYS))}")
    chance = random.Random(flags.seed)
    chosen = flags.points.split(",") if flags.points else chance.sample(names, max(1, len(names) // flags.share))
    # Those that need a long chain come last, whatever was chosen; those that sign twice after all others.
    late = (pruned, snapshot, retired, restore, taken)
    chosen.sort(key=lambda name: (PLAYS[name] is accused, PLAYS[name] in late, names.index(name)))
    # Every death would leave a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(f"seed {flags.seed}: {len(chosen)} of {len(names)} points, {flags.rounds} rounds each", flush=True)
    with contextlib.ExitStack() as stack, Score("failpoints", "crashes", flags.seed) as score:
        top = flags.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="leither-fail-", ignore_cleanup_errors=True))
        pledgers = (other_set, other_part, accused, consensus_key, rotated)
        net = Net(top, flags.rounds * sum(PLAYS[name] in pledgers for name in chosen))
        try:
            net.found()
            if any(PLAYS[name] is taken for name in chosen):
                net.leaves_early()
            for name in chosen:
                play_point(net, name, flags, score)
        finally:
            net.end()
        score.note = f"{len(chosen)} points, {len(net.load.final)} transfers answered final"
    if not net.load.final:
        raise SystemExit("no transfer was final: the test tested nothing")
    print(f"{score.tried} crashes at {len(chosen)} points, {len(net.load.final)} transfers answered final, 0 lost", flush=True)


def play_point(net, name, flags, score):
    """All rounds of a point, and its line."""
    began, before, hits = time.time(), len(net.load.final), []
    for turn in range(flags.rounds):
        # Each point's own luck, whichever others are played.
        luck = random.Random(f"{flags.seed} {name} {turn}")
        try:
            hits.append(PLAYS[name](net, name, turn, luck))
        except BaseException as error:
            print(json.dumps({"point": name, "round": turn, "seed": flags.seed, "failed": str(error).split("\n")[0]}), flush=True)
            raise
        score.tried += 1
    with net.load.paused():
        told = audit(net.first.address, net.genesis)
    print(json.dumps({"point": name, "crashes": flags.rounds, "hits": hits, "final": len(net.load.final) - before,
                      "height": told["blocks"], "audit": "ok", "seconds": round(time.time() - began, 1)}), flush=True)


if __name__ == "__main__":
    main()
