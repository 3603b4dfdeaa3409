#!/usr/bin/env python3
"""A local network is killed, frozen, slowed, cut in two and healed, and keeps one book; what is told wrong is refused.
Usage: localnet.py [chaos|refusals|kept|join ...]"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from lib import LEITHER, ROOT, Checks, Score, environment, free_ports, height_of, until

CHECKS = Checks()
# From the start of the script on, in seconds.
CUT, HEAL, END = 11, 17, 36
SCRIPT = f"""\
1s kill 4
3s start 4     # on the home that was torn from it
5s pause 3
7s resume 3
8s delay 40
9s loss 0.5 2
10s delay 0
10s loss 0
{CUT}s cut 1,2|3,4
{HEAL}s heal
"""


def localnet(top, *flags, stdin=subprocess.DEVNULL):
    """Begins a local network with --json."""
    return subprocess.Popen([str(LEITHER), "--json", "localnet", *map(str, flags)], stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, cwd=ROOT, text=True,
                            env=environment(pathlib.Path(top) / "home", TMPDIR=str(top), LEITHER_LOG_LEVEL="nonsense"))


def ended(process, code=0, seconds=120, stdin=None):
    """The one line that it printed, and what it said on stderr."""
    try:
        out, err = process.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        out, err = process.communicate(timeout=60)
        raise SystemExit(f"the net did not end within {seconds} s:\n{out}{err}") from None
    CHECKS.equal(process.returncode, code, f"exit code; it said:\n{err}\n{out}")
    lines = out.splitlines()
    CHECKS.equal(len(lines), 1 if code == 0 else 0, f"lines on stdout: {out!r}")
    return (json.loads(lines[0]) if lines else {}), err


def base_port():
    """The first of as many as a net may want."""
    return free_ports(200)[0]


def leftovers(top):
    """What a net leaves behind: processes of it, and its directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(top).encode() in line and int(entry.name) != os.getpid():
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found + [str(path) for path in pathlib.Path(top).glob("leither-net-*")]


def height(url):
    try:
        return height_of(url)
    except OSError:
        return None


def stood_at(seen):
    """The heights that were seen during the cut, but for its first moments."""
    return [h for at, h in seen if CUT + 3 <= at <= HEAL - 1 and h is not None]


def chaos(top):
    script = pathlib.Path(top) / "script"
    script.write_text(SCRIPT)
    port = base_port()
    urls = [f"http://127.0.0.1:{port + 10 * n}" for n in range(4)]
    net = localnet(top, "--nodes", 4, "--for", f"{END}s", "--tps", 50, "--pulse", 500, "--base-port", port, "--script", script,
                   stdin=subprocess.PIPE)
    until("four nodes answer", 90, lambda: net.poll() is not None or all(height(url) is not None for url in urls))
    began, seen = time.time(), []
    # Node 1 is hurt by nobody, and answers throughout.
    while net.poll() is None and time.time() < began + END - 2:
        at = time.time() - began
        seen.append((at, height(urls[0])))
        # Healed, and all are well beyond where they stood.
        if at > HEAL + 1 and (stood := stood_at(seen)) and min(height(url) or 0 for url in urls) >= max(stood) + 6:
            break
        time.sleep(0.25)
    answer, said = ended(net, stdin="quit\n")

    during = stood_at(seen)
    before = [h for at, h in seen if at <= CUT - 0.5 and h is not None]
    CHECKS.that(before and max(before) >= 4, f"blocks before the cut: {before}\n{said}")
    CHECKS.that(during, f"node 1 answered nothing during the cut: {seen}")
    CHECKS.equal(min(during), max(during), "two halves of two commit nothing")
    CHECKS.that(answer["height"] >= during[0] + 4, f"blocks after the healing: {during[0]} then, {answer['height']} now\n{said}")
    CHECKS.that(answer["agree"] is True and answer["why"] is None, f"{answer}")
    CHECKS.equal([node["node"] for node in answer["nodes"]], [1, 2, 3, 4], "nodes")
    for node in answer["nodes"]:
        CHECKS.equal(node["state"], "up", f"node {node}")
        CHECKS.that(node["height"] >= answer["height"] and node["rss_bytes"] > 1 << 20 and node["disk_bytes"] > 0, f"{node}")
    CHECKS.that(answer["accepted"] > 50 * 5, f"load: {answer['accepted']} accepted, {answer['refused']} not")
    CHECKS.equal(said.strip(), "", "every command of the script was done")
    CHECKS.equal(leftovers(top), [], "nothing is left")
    return answer["height"]


def refusals(top):
    wrong = {
        "destroy 1": "`destroy` is no command",
        "kill": "write `kill N`",
        "kill 7": "there is no node 7",
        "kill 99": "is no node",
        "start 1": "runs already",
        "resume 1": "is not paused",
        "cut 1,1": "stands twice",
        "cut 1|5": "there is no node 5",
        "delay 99999": "is no delay",
        "loss 80": "is no loss",
        "send -1": "is no rate",
        "x" * 5_000: "at most 1024 bytes",
        "\x1b[2J": "is no command",
    }
    # All of them in the time that the net has, and a right one after them.
    net = localnet(top, "--nodes", 1, "--pulse", 200, stdin=subprocess.PIPE)
    answer, said = ended(net, stdin="".join(f"{line}\n" for line in wrong) + "\nquit\n")
    sentences = said.splitlines()
    CHECKS.equal(len(sentences), len(wrong), f"one sentence each:\n{said}")
    for (line, words), sentence in zip(wrong.items(), sentences):
        CHECKS.that(words in sentence and sentence.startswith("leither: "), f"{line[:20]!r} got {sentence!r}")
    CHECKS.that("\x1b" not in said, "no escape code is repeated")
    CHECKS.that(answer["agree"] is True and answer["nodes"][0]["state"] == "up", f"{answer}")

    full = pathlib.Path(top) / "full"
    full.mkdir()
    (full / "letter").write_text("dear")
    script = pathlib.Path(top) / "wrong"
    script.write_text("1s kill 1\n2s dance\n")
    for flags, words in [
        (["--nodes", 0], "1 to 16"),
        (["--nodes", 17], "1 to 16"),
        (["--for", "30"], "is no duration"),
        (["--pulse", 5], "20 to 10000"),
        (["--base-port", 80], "1024 to"),
        (["--tps", 2_001], "0 to 2000"),
        (["--dir", full], "neither empty nor a local net"),
        (["--script", script], "line 2: `dance` is no command"),
        (["--script", full / "none"], "cannot be read"),
    ]:
        _, said = ended(localnet(top, *flags), code=2)
        CHECKS.that(words in said, f"{flags} says {said!r}, without {words!r}")
    CHECKS.equal([path.name for path in full.iterdir()], ["letter"], "a directory of somebody else's")
    CHECKS.equal(leftovers(top), [], "nothing is left")
    return len(wrong)


def kept(top):
    home = pathlib.Path(top) / "kept"
    flags = ["--dir", home, "--tps", 20, "--for", "6s"]
    first, _ = ended(localnet(top, *flags, "--nodes", 2, "--pulse", 200))
    again, _ = ended(localnet(top, *flags))
    CHECKS.equal(again["chain"], first["chain"], "the chain")
    CHECKS.that(again["height"] > first["height"] > 0, f"it goes on: {first['height']}, {again['height']}")
    CHECKS.that(first["agree"] and again["agree"], f"{first} {again}")
    for name in ("localnet.json", "genesis.json", "node-1/log", "node-2/config/node.toml"):
        CHECKS.that((home / name).exists(), name)
    _, said = ended(localnet(top, "--dir", home, "--nodes", 3), code=2)
    CHECKS.that("leave --nodes out" in said, said)
    # Ctrl-C ends it as well as anything.
    net = localnet(top, "--dir", home, "--base-port", (port := base_port()))
    until("it answers", 60, lambda: net.poll() is not None or (height(f"http://127.0.0.1:{port}") or 0) >= again["height"])
    net.terminate()
    last, _ = ended(net)
    CHECKS.that(last["agree"] and last["height"] >= again["height"], f"{last}")
    CHECKS.equal(leftovers(home), [], "no node is left")
    return last["height"]


def join(top):
    port = base_port()
    urls = [f"http://127.0.0.1:{port + 10 * n}" for n in range(4)]
    net = localnet(top, "--nodes", 3, "--pulse", 300, "--tps", 20, "--for", "120s", "--base-port", port, stdin=subprocess.PIPE)
    until("three nodes have a few blocks", 90, lambda: net.poll() is not None or min(height(url) or 0 for url in urls[:3]) > 5)
    if net.poll() is None:
        net.stdin.write("join\n")
        net.stdin.flush()
    until("the fourth has followed beyond them", 90, lambda: net.poll() is not None or (height(urls[3]) or 0) > 8)
    answer, said = ended(net, stdin="quit\n")
    CHECKS.equal([(node["node"], node["state"]) for node in answer["nodes"]], [(n, "up") for n in range(1, 5)], f"nodes; it said {said!r}")
    CHECKS.that(answer["agree"] is True and answer["height"] > 5, f"the fourth has the others' book: {answer}")
    return answer["height"]


PARTS = {"chaos": chaos, "refusals": refusals, "kept": kept, "join": join}


def main():
    names = sys.argv[1:] or list(PARTS)
    if any(name not in PARTS for name in names):
        sys.exit(__doc__)
    with Score("localnet", "checks") as score:
        score.tried = lambda: CHECKS.count
        for name in names:
            with tempfile.TemporaryDirectory(prefix="leither-local-") as top:
                print(f"{name}: {PARTS[name](top)}")
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
