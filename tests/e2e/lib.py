"""What the end-to-end scripts share: a chain on free ports, JSON-RPC by the standard library, and the CLI."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path.home() / ".cache/leither/target"))
LEITHER = TARGET / "debug" / "leither"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error.get("message", "?"))
        self.code = error.get("code")
        self.reason = (error.get("data") or {}).get("reason")


def rpc(url, method, *params, timeout=70):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        answer = json.load(answer)
    if "error" in answer:
        raise RpcError(answer["error"])
    return answer["result"]


def pages(url, method, *params):
    """All items of a list that comes in pages."""
    after = None
    while True:
        page = rpc(url, method, *params, after, 200)
        yield from page["items"]
        after = page["next"]
        if after is None:
            return


class Dev:
    """A development chain of its own, ended and removed with the `with` block."""

    def __init__(self, *flags, state=None):
        self.home = tempfile.TemporaryDirectory(prefix="leither-e2e-")
        self.state = state or str(pathlib.Path(self.home.name) / "chain")
        self.flags = flags
        self.process = None

    def start(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        sets = [f"rpc.listen=127.0.0.1:{self.port}", f"consensus.listen=127.0.0.1:{free_port()}",
                f"p2p.listen=127.0.0.1:{free_port()}"]
        command = [str(LEITHER), "--json", "dev", "--state", self.state, *self.flags]
        for text in sets:
            command += ["--set", text]
        env = {**os.environ, "LEITHER_HOME": self.home.name}
        self.log = open(pathlib.Path(self.home.name) / "log", "a")
        began = time.time()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=env, text=True)
        while True:
            try:
                rpc(self.url, "chain_getInfo")
                self.answered_s = time.time() - began
                break
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.time() - began > 60:
                    raise SystemExit(f"the chain did not start; its log says:\n{open(self.log.name).read()}")
                time.sleep(0.02)
        # The line that says that the demo organization is at work.
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the chain ended at once; its log says:\n{open(self.log.name).read()}")
        self.ready = json.loads(line)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self.home.cleanup()

    def cli(self, *args, code=0):
        """One command with --json; its answer. `code` is the exit code that it must end with."""
        env = {**os.environ, "LEITHER_HOME": self.home.name, "LEITHER_NODE": self.url}
        done = subprocess.run([str(LEITHER), "--json", *args], capture_output=True, text=True, env=env, cwd=ROOT)
        if done.returncode != code:
            raise SystemExit(f"leither {' '.join(args)} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {"stderr": done.stderr}
