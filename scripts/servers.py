"""Servers that scripts start, replace and end: what rolling-upgrade and million have in common. Whoever uses it calls `end_all` at the end, whatever happens."""

import json, os, pathlib, signal, subprocess, sys, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
ANY_PORT = "127.0.0.1:0"


def build():
    """A release build of this tree, or the program that HOLDFAST names."""
    if named := os.environ.get("HOLDFAST"):
        return pathlib.Path(named).resolve()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--bin", "holdfast"], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "release" / "holdfast"


class Server:
    """A server that can be stopped and started again where it was. Its log goes to a file."""

    # Those that were begun: to be ended, even if the next one does not start.
    begun = []

    def __init__(self, binary, folder, part, options, name=None):
        self.binary, self.part, self.options, self.name = binary, part, options, name or part
        self.log = open(folder / f"{self.name}.log", "ab")
        self.start()

    def start(self):
        command = [self.binary, self.part, "--json", *[f"--{name}={value}" for name, value in self.options.items()]]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        if self not in Server.begun:
            Server.begun.append(self)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} does not start:\n" + pathlib.Path(self.log.name).read_text())
        self.ready = json.loads(line)
        # The next time it has the same ports.
        self.options.update({name.replace("_", "-"): bound for name, bound in self.ready.items() if name != "ready"})

    def restart(self):
        """Milliseconds from the signal to the next process's first word."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait()
        self.start()
        return (time.monotonic() - began) * 1000

    def is_there(self):
        if self.pid == self.process.pid:
            return self.process.poll() is None
        try:
            # Behind the name, in which anything may stand.
            return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def stop(self, patience):
        """Asks it to end; the seconds that it took, or None if it did not in time."""
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        while self.is_there():
            if time.monotonic() - began > patience:
                return None
            time.sleep(0.02)
        return time.monotonic() - began

    def end(self):
        if self.is_there():
            os.kill(self.pid, signal.SIGKILL)

    def metric(self, name):
        for wait in (0.5, 1, 2, 4, 0):
            try:
                page = urllib.request.urlopen(f"http://{self.ready['admin']}/metrics", timeout=30).read().decode()
                break
            except OSError:
                # It is handing over, or the machine is at its limit.
                if not wait:
                    raise
                time.sleep(wait)
        return next(float(line.split(" ")[1]) for line in page.splitlines() if line.startswith(name + " "))

    def resident(self):
        """Resident bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


class Gateway(Server):
    """A gateway, whichever process it is by now."""

    def upgrade(self):
        """What it reports: connections, the longest silence in ms, the dearest connection in µs, the whole in ms."""
        command = [self.binary, "upgrade", "--pid", str(self.pid), "--runtime-dir", self.options["runtime-dir"]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        words = done.stdout.split()
        after = lambda *what: [words[at + len(what)] for at in range(len(words)) if tuple(words[at : at + len(what)]) == what]
        self.pid = int(after("to", "process")[0])
        silent = [float(text) for text in after("silent", "for")]
        each = [float(word[1:]) for word, unit in zip(words, words[1:]) if word.startswith("(") and unit == "us"]
        return int(after("passed", "on:")[0].rstrip(",")), max(silent), max(each), float(after("total:")[0])

    def descriptors(self):
        """Open descriptors of all threads."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(len(list((task / "fd").iterdir())) for task in tasks)


def logic_and_state(binary, folder, more_of_state=()):
    """Both, with a store, a journal and a key in the folder; the load test signs its tokens with that."""
    key = folder / "dev.key"
    key.write_bytes(os.urandom(32).hex().encode())
    logic = Server(binary, folder, "logic", {"listen": ANY_PORT, "http": ANY_PORT, "store": str(folder / "holdfast.db"), "log": "warn"})
    state = {"listen": ANY_PORT, "admin": ANY_PORT, "logic": logic.ready["listen"], "log": "warn"}
    state |= {"token-keys": f"dev:HS256:file:{key}", "journal-folder": str(folder / "sessions"), **dict(more_of_state)}
    return logic, Server(binary, folder, "state", state)


def end_on_sigterm():
    """As on Ctrl-C: what was begun is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))


def end_all():
    """From the front to the back, each by its own id."""
    for server in reversed(Server.begun):
        server.end()
