#!/usr/bin/env python3
"""The JavaScript module's tests, those against a running node included."""
import os
import subprocess
import sys

from lib import ROOT, Dev


def main():
    with Dev() as chain:
        env = {**os.environ, "LEITHER_NODE": chain.url}
        sys.exit(subprocess.run(["npm", "test", "--silent"], cwd=ROOT / "rpc/js", env=env).returncode)


if __name__ == "__main__":
    main()
