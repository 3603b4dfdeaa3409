"""Network namespaces joined by a bridge: each node has a network card of its own that can be unplugged, and may be made deaf to others.
Needs root, and a kernel with namespaces, veth and bridge. All of it goes with the `with` block; what an earlier run left behind that was
killed goes at the start of the next."""
import os
import pathlib
import signal
import subprocess

PREFIX = "lthc"


class NoSpaces(Exception):
    """This machine makes no network namespaces for us."""


def ip(*words, check=True):
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
    except FileNotFoundError:
        raise NoSpaces("there is no command `ip`: install iproute2") from None
    if check and done.returncode:
        raise NoSpaces(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def sweep():
    """What belongs to no process that runs."""
    for line in ip("netns", "list").splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX) and not pathlib.Path(f"/proc/{name[len(PREFIX):].split('-')[0]}").exists():
            remove(name)
    for path in pathlib.Path("/sys/class/net").glob(f"{PREFIX}*"):
        owner = path.name[len(PREFIX):].split("-")[0]
        if not pathlib.Path(f"/proc/{owner}").exists():
            ip("link", "del", path.name, check=False)


def remove(name):
    """Ends what runs in a namespace of ours, and the namespace."""
    for pid in ip("netns", "pids", name, check=False).split():
        os.kill(int(pid), signal.SIGKILL)
    ip("netns", "del", name, check=False)


class Spaces:
    def __init__(self, count):
        self.count, self.bridge = count, f"{PREFIX}{os.getpid()}"
        # Of the block for documentation, which no route leads to.
        self.net = "198.51.100"
        self.deaf = set()

    def name(self, n):
        return f"{self.bridge}-{n}"

    def host(self, n):
        return f"{self.net}.{n}"

    def card(self, n):
        return f"02:4c:54:48:00:{n:02x}"

    def words(self, n):
        """Before a command that is to run there. `ip` becomes that command: its process is the one that was started."""
        return ["ip", "netns", "exec", self.name(n)]

    def __enter__(self):
        if os.geteuid() != 0:
            raise NoSpaces("only root may make network namespaces")
        sweep()
        try:
            ip("link", "add", self.bridge, "type", "bridge")
            ip("address", "add", f"{self.host(254)}/24", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")
            for n in range(1, self.count + 1):
                space = self.name(n)
                ip("netns", "add", space)
                ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
                ip("-n", space, "link", "set", "eth0", "address", self.card(n))
                ip("-n", space, "address", "add", f"{self.host(n)}/24", "dev", "eth0")
                ip("-n", space, "link", "set", "eth0", "up")
                ip("-n", space, "link", "set", "lo", "up")
                ip("link", "set", space, "master", self.bridge)
                ip("link", "set", space, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for n in range(1, self.count + 1):
            remove(self.name(n))
            ip("link", "del", self.name(n), check=False)
        ip("link", "del", self.bridge, check=False)

    def cut(self, directions):
        """From now on nothing of the first of each pair reaches the second: its frames go to a card that nobody has."""
        wanted = set(directions)
        for a, b in self.deaf ^ wanted:
            card = "02:00:00:00:00:00" if (a, b) in wanted else self.card(b)
            ip("-n", self.name(a), "neigh", "replace", self.host(b), "lladdr", card, "nud", "permanent", "dev", "eth0")
        self.deaf = wanted

    def part(self, *groups):
        nodes = [(node, n) for n, group in enumerate(groups) for node in group]
        self.cut((a, b) for a, ga in nodes for b, gb in nodes if ga != gb)

    def heal(self):
        self.cut(())

    def plug(self, n, state):
        """Its network card, `up` or `down`."""
        ip("link", "set", self.name(n), state)
