"""What the end-to-end scripts share: a chain on free ports, JSON-RPC by the standard library, the CLI, and a small tmpfs."""
import base64
import contextlib
import datetime
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path.home() / ".cache/leither/target"))
LEITHER = TARGET / "debug" / "leither"
# Below the ports that the system gives to whoever connects: a node that was killed finds its own free again.
PORTS = range(12_000, 30_000)
GIVEN = set()
CHANCE = random.SystemRandom()


# Where each run notes how it ended; `make scores` takes it over into tests/scores.jsonl.
SCORES = pathlib.Path(os.environ.get("LEITHER_SCORES") or TARGET / "scores.jsonl")


class Score:
    """How a run ended, as one line of the scoreboard's log: when it ends well, and when it fails.

    `line` is one of tests/scoreboard.py, `unit` names what is counted. `tried` may be raised as the run goes on, or be a function
    that counts, such as a `Checks`'."""

    def __init__(self, line, unit, seed=None):
        self.line, self.unit, self.seed, self.tried, self.skipped = line, unit, seed, 0, False
        # Taken now: a long run may outlast what is checked out.
        self.commit, self.note = commit(), None

    def __enter__(self):
        return self

    def __exit__(self, kind, why, _):
        # Who interrupts a run has tried nothing, and neither has a call for the wrong arguments.
        if self.skipped or (kind and not issubclass(kind, Exception) and not (kind is SystemExit and isinstance(why.code, str))):
            return
        failed = kind is not None
        tried = self.tried() if callable(self.tried) else self.tried
        record = {"line": self.line, "tried": max(tried, int(failed)), "unit": self.unit, "violations": int(failed), "seed": self.seed,
                  "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "commit": self.commit,
                  "note": self.note}
        if failed:
            record["why"] = str(why).strip().split("\n")[0][:200]
        note({name: value for name, value in record.items() if value is not None})


def note(record):
    """Adds a line to the log. A log that cannot be written fails no run: it is no part of what is tested."""
    try:
        SCORES.parent.mkdir(parents=True, exist_ok=True)
        with open(SCORES, "a") as log:
            log.write(json.dumps(record) + "\n")
    except OSError as error:
        print(f"the scoreboard's log {SCORES} cannot be written: {error}")


def commit():
    """What is checked out, with a + where files differ from it; nothing where that cannot be told."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def free_port():
    return free_ports(1)[0]


def free_ports(count):
    """Ports in a row that nobody listens on, by TCP or UDP, and that no other call of this run was given."""
    for _ in range(1_000):
        first = CHANCE.randrange(PORTS.start, PORTS.stop - count)
        wanted = range(first, first + count)
        if not GIVEN.isdisjoint(wanted):
            continue
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in wanted:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    stack.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
            GIVEN.update(wanted)
            return list(wanted)
    raise SystemExit("no free ports")


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error.get("message", "?"))
        self.code = error.get("code")
        self.reason = (error.get("data") or {}).get("reason")


def rpc(url, method, *params, timeout=70):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    while True:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            answer = json.load(answer)
        if "error" not in answer:
            return answer["result"]
        error = RpcError(answer["error"])
        if error.reason != "rate_limited":
            raise error
        # From another address than this machine's own: as long as the node says.
        time.sleep(int(answer["error"]["data"]["retry_after_ms"]) / 1_000)


def pages(url, method, *params):
    """All items of a list that comes in pages."""
    after = None
    while True:
        page = rpc(url, method, *params, after, 200)
        yield from page["items"]
        after = page["next"]
        if after is None:
            return


def height_of(url):
    return int(rpc(url, "chain_getInfo")["height"])


def environment(home, node=None, **more):
    """No setting of the caller's own reaches a command under test."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEITHER_")}
    env["LEITHER_HOME"] = str(home)
    if node:
        env["LEITHER_NODE"] = node
    return {**env, **more}


def command(args, home, node=None, stdin=None, env=None):
    """One command with --json, as it ended."""
    return subprocess.run([str(LEITHER), "--json", *map(str, args)], capture_output=True, text=True, input=stdin or "", cwd=ROOT,
                          env=environment(home, node, **(env or {})))


def cli(args, home, node=None, code=0, stdin=None, env=None):
    """One command with --json that has to end with `code`; its answer. Where it was refused without one, {"stderr": …}.

    Whatever the command: stdout is exactly one JSON object, or nothing where it failed; a failure says why on stderr."""
    done = command(args, home, node, stdin, env)
    shown = f"leither {' '.join(map(str, args))}"
    if done.returncode != code:
        raise SystemExit(f"{shown} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    if code and not done.stderr.strip():
        raise SystemExit(f"{shown} failed and said nothing on stderr")
    if code and not done.stdout:
        return {"stderr": done.stderr}
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise SystemExit(f"{shown}: stdout is not one JSON object ({error}):\n{done.stdout}") from None
    if not isinstance(answer, dict):
        raise SystemExit(f"{shown}: stdout is {type(answer).__name__}, not one JSON object")
    return {**answer, "stderr": done.stderr} if code else answer


def in_store(node):
    """What `storage stat` says is in the store, without what its files take of the disk: they come and go by themselves."""
    return {name: value for name, value in node.cli("storage", "stat").items() if name != "disk"}


def until(what, seconds, look):
    """Waits until `look()` gives something true, and gives that."""
    end = time.time() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.time() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Checks:
    """Counts what was looked at: a script that looked at nothing has tested nothing."""

    def __init__(self):
        self.count = 0

    def that(self, holds, what):
        self.count += 1
        if not holds:
            raise SystemExit(f"not so: {what}")

    def equal(self, found, wanted, what):
        self.that(found == wanted, f"{what}: {found!r} where {wanted!r} was expected")


# What differs from a development chain's rules where only the answers matter, not the pace.
FAST = {"pulse_ms": "200", "pulse_min_ms": "20"}


class Dev:
    """A development chain of its own, ended and removed with the `with` block.

    `params` are rules that differ from a development chain's: its genesis is then made beforehand."""

    def __init__(self, *flags, state=None, params=None):
        self.home = tempfile.TemporaryDirectory(prefix="leither-e2e-")
        self.state = state or str(pathlib.Path(self.home.name) / "chain")
        self.flags = flags
        self.params = params
        self.process = None

    def spawn(self, *flags, json_output=True):
        """Begins the process and does not wait for it."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        sets = [f"rpc.listen=127.0.0.1:{self.port}", f"consensus.listen=127.0.0.1:{free_port()}",
                f"p2p.listen=127.0.0.1:{free_port()}", "gateway.listen=127.0.0.1:0", "swarm.listen=127.0.0.1:0"]
        line = [str(LEITHER), *(["--json"] if json_output else []), "dev", "--state", self.state, *self.flags]
        line += [flag for flag in flags if flag not in self.flags]
        for text in sets:
            line += ["--set", text]
        self.log = pathlib.Path(self.home.name) / "log"
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, env=environment(self.home.name), text=True)
        return self

    def said(self):
        """What the present process has said on stderr."""
        with open(self.log) as log:
            log.seek(self.log_from)
            return log.read()

    def start(self):
        if self.params:
            self.write_genesis(self.params)
            self.params = None
        began = time.time()
        self.spawn()
        self.wait_for_rpc()
        self.answered_s = time.time() - began
        # The line that says that the demo organization is at work.
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the chain ended at once; its log says:\n{self.said()}")
        self.ready = json.loads(line)
        return self

    def wait_for_rpc(self):
        began = time.time()
        while True:
            try:
                rpc(self.url, "chain_getInfo")
                return
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.time() - began > 60:
                    raise SystemExit(f"the chain did not start; its log says:\n{self.said()}") from None
                time.sleep(0.01)

    def write_genesis(self, params):
        """A development chain's own genesis, with other numbers in it."""
        state, self.state = self.state, str(pathlib.Path(self.home.name) / "template")
        made = pathlib.Path(self.state) / "genesis.json"
        self.spawn("--bare")
        until("the development chain's genesis.json", 20, made.exists)
        self.kill()
        genesis = json.loads(made.read_text())
        shutil.rmtree(self.state)
        self.state = state
        unknown = set(params) - set(genesis["params"])
        if unknown:
            raise SystemExit(f"genesis.json has no params {sorted(unknown)}")
        genesis["params"].update(params)
        # The id is that of other numbers.
        genesis.pop("chain", None)
        pathlib.Path(state).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(state) / "genesis.json").write_text(json.dumps(genesis))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, code=0, seconds=20):
        """Asks for the end as Ctrl-C and systemd do, and looks how it ends."""
        self.process.send_signal(signal.SIGTERM)
        self.ends(code, seconds)

    def ends(self, code, seconds):
        """Waits for the process to end by itself; the last thing that it said."""
        try:
            found = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"the process still runs after {seconds} s; its log says:\n{self.said()[-3000:]}") from None
        said = self.said()
        if found != code:
            raise SystemExit(f"the process ended with {found}, not {code}; its log says:\n{said[-3000:]}")
        lines = said.strip().splitlines()
        return lines[-1] if lines else ""

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.home.cleanup()

    def cli(self, *args, code=0, stdin=None, env=None):
        """One command with --json; its answer. `code` is the exit code that it must end with."""
        return cli(args, self.home.name, self.url, code, stdin, env)


class Stream:
    """A WebSocket of JSON-RPC (RFC 6455): text frames, client to server masked."""

    def __init__(self, url, seconds=20):
        host, port = re.fullmatch(r"http://([^:/]+):(\d+)", url).groups()
        self.socket = socket.create_connection((host, int(port)), seconds)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET / HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                            f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                break
            head += byte
        if not head.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"no WebSocket: {head!r}")

    def send(self, method, *params, id=1):
        data = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}).encode()
        mask = os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xfe]) + struct.pack(">H", len(data))
        self.socket.sendall(b"\x81" + length + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(data)))

    def take(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise SystemExit("the node closed the WebSocket")
            data += part
        return data

    def receive(self):
        """The next message; pings are passed over."""
        while True:
            first, second = self.take(2)
            size = second & 0x7f
            if size == 126:
                size, = struct.unpack(">H", self.take(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.take(8))
            data = self.take(size)
            if first & 0x0f == 1:
                return json.loads(data)
            if first & 0x0f == 8:
                raise SystemExit(f"the node closed the WebSocket: {data!r}")

    def close(self):
        self.socket.close()


class Disk:
    """A file system in memory, of its own size; unmounted with the `with` block."""

    def __init__(self, path, kib):
        self.path = pathlib.Path(path)
        self.kib = kib

    def mount(self, *options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(self.path)],
                              capture_output=True, text=True)

    def __enter__(self):
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            done = self.mount(f"size={self.kib}k")
        except FileNotFoundError as error:
            raise NoMount(str(error)) from None
        if done.returncode:
            raise NoMount(done.stderr.strip().splitlines()[0] if done.stderr.strip() else "mount refuses")
        return self

    def grow(self, kib):
        done = self.mount("remount", f"size={kib}k")
        if done.returncode:
            raise SystemExit(f"cannot enlarge {self.path}: {done.stderr}")

    def free(self):
        return shutil.disk_usage(self.path).free

    def fill(self, leave):
        """Takes all but `leave` bytes by a file of somebody else's, and gives its path."""
        filler = self.path / "filler"
        # Another writer may take the last page first.
        with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while self.free() - leave >= 4_096:
                file.write(bytes(min(65_536, self.free() - leave)))
        return filler

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], check=True)


class NoMount(Exception):
    """This machine lets nobody mount here."""
