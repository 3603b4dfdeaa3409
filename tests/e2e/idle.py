#!/usr/bin/env python3
"""What an idle node costs: resident memory, CPU, disk a day. Usage: idle.py [seconds]"""
import json
import os
import pathlib
import sys
import time

from lib import Dev, rpc


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    line = next(l for l in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def disk(path):
    return sum(f.stat().st_blocks * 512 for f in pathlib.Path(path).rglob("*") if f.is_file())


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120
    with Dev() as chain:
        pid = chain.process.pid
        time.sleep(5)
        cpu, size, height = cpu_s(pid), disk(chain.state), int(rpc(chain.url, "chain_getInfo")["height"])
        time.sleep(seconds)
        pulses = int(rpc(chain.url, "chain_getInfo")["height"]) - height
        grown = disk(chain.state) - size
        print(json.dumps({
            "rss_mb": round(rss_mb(pid)),
            "cpu_percent": round((cpu_s(pid) - cpu) / seconds * 100, 2),
            "pulses": pulses,
            "disk_mb_a_day": round(grown / seconds * 86_400 / 1e6, 2),
        }))


if __name__ == "__main__":
    main()
