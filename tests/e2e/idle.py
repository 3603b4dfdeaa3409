#!/usr/bin/env python3
"""What an idle node costs: resident memory, CPU, disk a day. Usage: idle.py [seconds] | idle.py --day [seconds]

With --day the disk is measured over a whole day of heartbeats, 1,440 of them, made in five minutes by a node whose genesis wants one each
200 ms; without, what few heartbeats take is extrapolated, and files grow in steps of 4 KiB."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from lib import LEITHER, ROOT, Dev, cli, environment, free_port, height_of, rpc

DAY = 1_440
BEAT_MS = 200


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    line = next(l for l in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def disk(path):
    """What the files take. RocksDB removes some while they are counted."""
    taken = 0
    for file in pathlib.Path(path).rglob("*"):
        try:
            taken += file.stat().st_blocks * 512 if file.is_file() else 0
        except FileNotFoundError:
            pass
    return taken


def idle(seconds):
    with Dev() as chain:
        pid = chain.process.pid
        time.sleep(5)
        cpu, size, height = cpu_s(pid), disk(chain.state), height_of(chain.url)
        time.sleep(seconds)
        pulses = height_of(chain.url) - height
        grown = disk(chain.state) - size
        return {
            "rss_mb": round(rss_mb(pid)),
            "cpu_percent": round((cpu_s(pid) - cpu) / seconds * 100, 2),
            "pulses": pulses,
            "disk_mb_a_day": round(grown / seconds * 86_400 / 1e6, 2),
        }


def day():
    """A validator made by the README's commands, but for the pace in its genesis."""
    with tempfile.TemporaryDirectory(prefix="leither-idle-") as text:
        home, genesis = pathlib.Path(text) / "home", pathlib.Path(text) / "genesis.json"
        cli(["genesis", "new", genesis, "--name", "idle"], home)
        made = cli(["init", "--validator"], home)
        wallet = cli(["keys", "new", "operator", "--backend", "test"], home)["account"]
        cli(["genesis", "add-validator", genesis, "--key", made["consensus_key"], "--operator", wallet], home)
        cli(["genesis", "add-allocation", genesis, wallet, "1000mei", "--reason", "a test's play money", "--evidence",
             ROOT / "README.md"], home)
        form = json.loads(genesis.read_text())
        form["params"].update(heartbeat_ms=str(BEAT_MS), pulse_ms=str(BEAT_MS), pulse_min_ms=str(BEAT_MS))
        # The id is that of other numbers.
        form.pop("chain", None)
        genesis.write_text(json.dumps(form))
        port = free_port()
        cli(["init", "--genesis", genesis, "--set", f"rpc.listen=127.0.0.1:{port}", "--set", "metrics.listen=127.0.0.1:0", "--set", f"consensus.listen=127.0.0.1:{free_port()}",
             "--set", f"p2p.listen=127.0.0.1:{free_port()}", "--set", "gateway.listen=127.0.0.1:0", "--set", "swarm.listen=127.0.0.1:0", "--set", "log.level=warn"], home)
        url, log = f"http://127.0.0.1:{port}", pathlib.Path(text) / "log"
        with open(log, "w") as out:
            node = subprocess.Popen([str(LEITHER), "run"], stdout=out, stderr=out, env=environment(home))
        try:
            return beats(url, home, node, log)
        finally:
            node.terminate()
            node.wait(30)


def beats(url, home, node, log):
    began = time.time()

    def height():
        try:
            return height_of(url)
        except OSError:
            if node.poll() is not None or time.time() - began > 30:
                sys.exit(f"the node does not answer:\n{log.read_text()[-2000:]}")
            return 0

    while height() < 10:
        time.sleep(BEAT_MS / 1e3)
    first, size, peak = height(), disk(home), 0
    end = time.time() + DAY * BEAT_MS / 1e3 * 2
    while (now := height()) < first + DAY:
        peak = max(peak, disk(home) - size)
        if time.time() > end:
            sys.exit(f"{now - first} heartbeats in twice the time of {DAY}")
        time.sleep(1)
    grown = disk(home) - size
    for block in (str(first), str(now)):
        if rpc(url, "chain_getBlock", block)["tx_count"]:
            sys.exit(f"block {block} is no heartbeat")
    return {"heartbeats": now - first, "disk_mb_a_day": round(grown / (now - first) * DAY / 1e6, 2), "peak_mb": round(max(peak, grown) / 1e6, 2)}


def main():
    flags = [word for word in sys.argv[1:] if word.startswith("--")]
    numbers = [word for word in sys.argv[1:] if not word.startswith("--")]
    if flags not in ([], ["--day"]) or len(numbers) > 1:
        sys.exit(__doc__)
    told = idle(float(numbers[0]) if numbers else 120)
    if flags:
        told.update(day())
    print(json.dumps(told))


if __name__ == "__main__":
    main()
