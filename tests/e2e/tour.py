#!/usr/bin/env python3
"""Walks the README's tour as printed, against a chain of its own, then audits every balance; again after kill -9 and restart."""
import os
import re
import shlex
import subprocess
import sys

from audit import audit
from lib import LEITHER, ROOT, Dev


def commands():
    text = (ROOT / "README.md").read_text()
    tour = text.split("tour:begin", 1)[1].split("tour:end", 1)[0]
    for block in re.findall(r"```sh\n(.*?)```", tour, re.S):
        yield from (line for line in block.splitlines() if line.strip())


def walk(chain):
    env = {**os.environ, "LEITHER_HOME": chain.home.name, "LEITHER_NODE": chain.url, "PATH": f"{LEITHER.parent}:{os.environ['PATH']}"}
    lines = list(commands())
    if len(lines) < 15:
        sys.exit("the README's tour has lost its commands")
    for line in lines:
        done = subprocess.run(shlex.split(line), capture_output=True, text=True, env=env, cwd=ROOT)
        print(f"$ {line}\n{done.stdout}{done.stderr}" if done.returncode else f"ok  {line}")
        if done.returncode:
            sys.exit(f"the tour fails at: {line}")


def main():
    with Dev() as chain:
        print(f"RPC answered after {chain.answered_s:.2f} s")
        walk(chain)
        genesis = f"{chain.state}/genesis.json"
        before = audit(chain.url, genesis)
        print("audit ok:", before)
        chain.kill()
        chain.start()
        after = audit(chain.url, genesis)
        print("after kill -9 and restart:", after)
        if after["transactions"] != before["transactions"]:
            sys.exit("transactions were lost in a kill -9")


if __name__ == "__main__":
    main()
