#!/usr/bin/env python3
"""How far long work is. `--json --progress` prints a line a step before the answer: of one shape, never less than the last, at the end what was moved but for
less than a step. Bars come to a terminal alone: not into a pipe, not beside JSON, not into a file's bytes on the standard output.
Usage: progress.py."""
import contextlib
import json
import os
import pathlib
import pty
import subprocess
import tempfile
import threading

from content import MIB, QUICK, Keepers, same, tree
from lib import LEITHER, Checks, Score, environment

CHECKS = Checks()
FILM_MIB, FILES = 48, 600
# PROGRESS-1: a script hears of it every 4 MiB, or every 256 entries; the last chunk may stand between.
STEP = 5 * MIB
# How a bar takes the place of the last one.
ERASE = "\r\x1b[2K"


def words(node, *args):
    return [str(LEITHER), *map(str, args)], {"cwd": node.home, "env": environment(node.home, node.url)}


def lines(node, *args):
    """The events of a command, and its answer."""
    line, more = words(node, "--json", "--progress", *args)
    done = subprocess.run(line, capture_output=True, text=True, check=False, **more)
    shown = " ".join(args[:2])
    CHECKS.equal((done.returncode, done.stderr), (0, ""), f"{shown} ends well and says nothing else")
    *events, answer = [json.loads(text) for text in done.stdout.splitlines()]
    CHECKS.that("event" not in answer, f"{shown}: the last line is the answer")
    return events, answer


def steps(node, whole, *args, is_timed=False):
    """A command of which scripts hear how far it is; its answer. `whole` is how many bytes it moves, or finds that in the answer. What a node tells five times
    a second (SOCK-7) is told as often as it takes that long, and ends anywhere."""
    events, answer = lines(node, *args)
    shown = " ".join(args[:2])
    CHECKS.that(len(events) >= (1 if is_timed else 2), f"{shown}: {len(events)} steps of {FILM_MIB} MiB")
    last = (0, 0)
    for event in events:
        CHECKS.that(set(event) == {"event", "blocks", "bytes"} and event["event"] == "progress", f"{shown}: the shape of {event}")
        CHECKS.that(all(isinstance(event[name], str) and event[name].isascii() and event[name].isdigit() for name in ("blocks", "bytes")),
                    f"{shown}: numbers are decimal strings: {event}")
        now = int(event["blocks"]), int(event["bytes"])
        CHECKS.that(now[0] >= last[0] and now[1] >= last[1], f"{shown}: {now} after {last}")
        last = now
    whole = whole(answer) if callable(whole) else whole
    CHECKS.that((0 if is_timed else whole - STEP) < last[1] <= whole, f"{shown}: the last step is at {last[1]} of {whole}")
    return answer


def at_terminal(node, *args):
    """What a person sees on standard error, and what comes to the standard output."""
    ours, theirs = pty.openpty()
    line, more = words(node, *args)
    shown = bytearray()

    def read():
        # A terminal whose other end is closed says so by an error.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 1 << 16):
                shown.extend(part)

    reader = threading.Thread(target=read)
    try:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, **more)
    finally:
        os.close(theirs)
    reader.start()
    out = process.stdout.read()
    code = process.wait()
    reader.join()
    os.close(ours)
    CHECKS.equal(code, 0, f"{args[:2]} at a terminal: {shown[-500:]!r}")
    return shown.decode(), out


def bars(node, *args):
    shown, out = at_terminal(node, *args)
    drawn = [text for text in shown.split(ERASE)[1:] if text.strip()]
    CHECKS.that(drawn, f"{args[:2]}: a bar comes to a terminal: {shown[-300:]!r}")
    CHECKS.that(shown.rstrip("\r\n").endswith(ERASE), f"{args[:2]}: it goes at the end: {shown[-300:]!r}")
    CHECKS.that(b"\x1b" not in out, f"{args[:2]}: not in the answer")
    return out


def no_bar(node, *args):
    """Neither into a pipe, nor to a terminal beside JSON."""
    line, more = words(node, *args)
    done = subprocess.run(line, capture_output=True, text=True, check=False, **more)
    CHECKS.that(done.returncode == 0 and "\x1b" not in done.stdout + done.stderr and "\r" not in done.stderr,
                f"{args[:2]}: a bar in a pipe: {done.returncode} {done.stderr[-300:]!r}")


def run(top, net):
    giver, taker = net.nodes
    files = top / "files"
    total = tree(files, FILES, 3) + FILM_MIB * MIB
    (files / "film.bin").write_bytes(os.urandom(FILM_MIB * MIB))
    add = ["mimei", "add", "--from", "operator", files]
    made = steps(giver, total, *add)
    mid = made["mimei"]
    giver.publish(mid)
    taker.catches_up(giver)
    moved = lambda answer: int(answer["transferred"]["bytes"])
    came = steps(taker, moved, "mimei", "sync", mid, is_timed=True)
    CHECKS.that(moved(came) >= total, f"all of it was moved: {came}")
    steps(taker, total, "mimei", "get", mid, top / "out")
    CHECKS.that(same(files, top / "out"), "bit for bit")
    # Nothing to move, and no line for it but the answer.
    events, again = lines(taker, "mimei", "sync", mid)
    CHECKS.equal((moved(again), [event for event in events if int(event["bytes"])]), (0, []), "what is here is not moved")

    # At a terminal. New bytes, so that there is something to do.
    for name, more in (("film.bin", b"x"), ("film2.bin", b"y")):
        (files / name).write_bytes(os.urandom(FILM_MIB * MIB) + more)
    bars(giver, "mimei", "add", "--from", "operator", "--mimei", mid, files)
    giver.publish(mid)
    taker.catches_up(giver)
    bars(taker, "mimei", "sync", mid)
    bars(taker, "mimei", "get", mid, top / "out2")
    CHECKS.that(same(files, top / "out2"), "bit for bit, with a bar")
    shown, out = at_terminal(taker, "mimei", "get", f"{mid}/film.bin", "-")
    CHECKS.that(out == (files / "film.bin").read_bytes(), "a file's bytes on the standard output")
    CHECKS.equal(shown, "", "nothing beside them")
    shown, out = at_terminal(taker, "--json", "--progress", "mimei", "get", mid, top / "out3")
    CHECKS.that("\x1b" not in shown and all(json.loads(text) for text in out.splitlines()), f"no bar beside JSON: {shown[-300:]!r}")
    no_bar(giver, "mimei", "add", "--only-hash", "--from", "operator", files)
    no_bar(taker, "mimei", "get", mid, top / "out4")
    no_bar(taker, "mimei", "sync", mid)


def main():
    with tempfile.TemporaryDirectory(prefix="leither-progress-") as text, Score("progress", "checks") as score:
        score.tried = lambda: CHECKS.count
        top = pathlib.Path(text)
        with Keepers(top / "net", count=2, wallets=1, params=QUICK) as net:
            net.start()
            run(top, net)
    print(f"{CHECKS.count} checks")


if __name__ == "__main__":
    main()
