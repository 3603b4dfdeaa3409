"""What the scripts about content share: HTTP as curl does it, the admin socket, trees of files, what a process has in memory, and a network
whose nodes keep content."""
import http.client
import json
import pathlib
import random
import socket
import subprocess
import urllib.parse

from lib import FAST, rpc, until
from net import Net, Node

MIB = 1 << 20
# Nodes ask their peers of the chain every few seconds, and again where one was not ready.
MEET_S = 60
# Where the answers matter, not the pace.
QUICK = {**FAST, "heartbeat_ms": "1000"}


class Answer:
    """What curl was answered."""

    def __init__(self, raw):
        # Of several heads (a redirect that was followed) the last counts.
        while True:
            head, _, rest = raw.partition(b"\r\n\r\n")
            if not rest.startswith(b"HTTP/"):
                break
            raw = rest
        lines = head.decode().split("\r\n")
        self.status, self.body = int(lines[0].split()[1]), rest
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}


def curl(url, *flags, seconds=40):
    # Names below localhost are resolved by curl itself, wherever it is; a path is sent as it is written.
    done = subprocess.run(["curl", "-s", "-i", "--path-as-is", "--max-time", str(seconds), *flags, url], capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"curl {url} {flags}: {done.returncode} {done.stderr!r}")
    return Answer(done.stdout)


def same(left, right):
    """Whether two directories hold the same, links included; else what differs."""
    done = subprocess.run(["diff", "-r", "--no-dereference", str(left), str(right)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{left} and {right} differ: {done.stdout[:500]}{done.stderr[:500]}")
    return True


def tree(path, files, seed, size=1_000):
    """So many files of noise of up to about that size, in about as many directories as each has files; their bytes."""
    noise, total = random.Random(seed), 0
    across = max(1, round(files ** 0.5))
    for at in range(files):
        place = pathlib.Path(path) / f"d{at // across:04}"
        if at % across == 0:
            place.mkdir(parents=True)
        data = noise.randbytes(noise.randrange(size // 2, size * 3 // 2))
        (place / f"f{at % across:04}.bin").write_bytes(data)
        total += len(data)
    return total


def site(path, seed):
    """A small site: pages, nested directories, a file of several chunks."""
    path, noise = pathlib.Path(path), random.Random(seed)
    (path / "pages/deep").mkdir(parents=True)
    (path / "index.html").write_text(f"<!doctype html><title>site {seed}</title><link rel=stylesheet href=style.css><h1>hello {seed}</h1>")
    (path / "style.css").write_text("body { color: #222 }")
    (path / "pages/deep/note.txt").write_text(f"far below {seed}")
    (path / "empty").write_bytes(b"")
    (path / "film.bin").write_bytes(noise.randbytes(3 * MIB + 17))
    return path


class Unix(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path, seconds=60):
        super().__init__("leither", timeout=seconds)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def admin(path, method, call, body=None, seconds=60):
    """One call of a node's admin socket: status, and what it answered (JSON, else bytes)."""
    connection = Unix(path, seconds)
    try:
        connection.request(method, call, body)
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    try:
        return answer.status, json.loads(data)
    except ValueError:
        return answer.status, data


def quoted(text):
    return urllib.parse.quote(text, safe="")


def memory(pid, name="VmRSS"):
    """KiB of a process: VmRSS now, VmHWM at most since it began or `forget_peak`."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise SystemExit(f"process {pid} has no {name}: it has ended")


def forget_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Keeper(Node):
    """A node, and what is asked of the content that it keeps."""

    @property
    def socket(self):
        return self.home / "run/leither.sock"

    def answers(self, *args, **more):
        """Content begins after everything else."""
        found = super().answers(*args, **more)
        until(f"{self.name} answers by its socket", 30, self.has_content)
        return found

    def has_content(self):
        try:
            return self.admin("GET", "/storage")[0] == 200
        except OSError:
            return False

    def admin(self, method, call, body=None, seconds=60):
        return admin(self.socket, method, call, body, seconds)

    def newest(self, mid):
        """The number of the newest version that it keeps, or nothing, as long as it does not answer."""
        try:
            status, local = self.admin("GET", f"/mimei/{mid}")
        except OSError:
            return None
        if status != 200:
            raise SystemExit(f"{self.name}: {local}")
        return int(local["newest"]["version"]) if local["newest"] else None

    def bytes(self):
        return int(self.cli("storage", "stat")["bytes"])

    def peers(self):
        return self.cli("swarm", "peers")["items"]

    def whoami(self):
        """Its name in the content swarm."""
        return self.cli("swarm", "id")["peer"]

    def publish(self, mid):
        """What was announced; `confirmed` are those who say that they keep that this node has it."""
        said = self.cli("mimei", "publish", mid)
        return {**said, "confirmed": said["of_mimei"]["confirmed"]}

    def sync(self, mid):
        """Fetches the newest version: which, and how much came."""
        done = self.cli("mimei", "sync", mid)
        return {**done, **done["transferred"]}

    def add(self, path, *flags):
        """Adds files as a new MiMei: its id, and what was answered."""
        made = self.cli("mimei", "add", "--from", "operator", path, *flags)
        if made["status"] != "final":
            raise SystemExit(f"{self.name}: {path} was not added: {made}")
        return made["mimei"], made

    def change(self, mid, path, file):
        """Writes a file of the working copy."""
        return self.cli("mimei", "cur", "write", f"{mid}/{path}", file)

    def backup(self, mid):
        """The working copy becomes the newest version: its number."""
        done = self.cli("mimei", "backup", mid, "--from", "operator")
        if done["status"] != "final":
            raise SystemExit(f"{self.name}: no backup of {mid}: {done}")
        return int(done["version"])

    def follow(self, mid, number, seconds):
        """Waits until it keeps that version."""
        until(f"{self.name} keeps version {number} of {mid}; it said:\n{self.said()[-2000:]}", seconds, lambda: self.newest(mid) == number)

    def again(self):
        """Ends as systemd ends it, and starts."""
        self.stop()
        self.spawn().answers()


class Keepers(Net):
    """Validators that keep content and find one another's in the content swarm."""

    node_type = Keeper

    def start(self):
        super().start()
        for node in self.nodes:
            node.id = node.whoami()
        self.meet()
        return self

    def meet(self):
        """Each is connected to all others in the content swarm, of which nobody told it."""
        for node in self.running():
            others = {other.id for other in self.running()} - {node.id}
            until(f"{node.name} meets {others}; it said:\n{node.said()[-2000:]}", MEET_S,
                  lambda: others <= {peer["peer"] for peer in node.peers()})

    def verified(self):
        """Every count and every byte of what is kept, on every node that runs; how many blocks."""
        blocks = 0
        for node in self.running():
            found = node.cli("storage", "verify", "--hashes")
            if found["wrong"]:
                raise SystemExit(f"{node.name} keeps what is wrong: {found['wrong'][:3]}")
            blocks += int(found["blocks"])
        return blocks


def head_of(node, mid):
    """The newest version on chain, as a node knows it."""
    return rpc(node.url, "mimei_get", mid)["head"]
