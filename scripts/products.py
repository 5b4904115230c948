#!/usr/bin/env python3
"""Holdfast beside products that others run, from the system's packages: what a message costs the servers of each, and how many there are in a second. The clients are ours,
the same for all (benches/src/product); the servers have core 0, the clients core 1, unless --together is said. Runs are interleaved, each with fresh servers.

    scripts/bench-peers products [--repeats N] [--seconds N] [--idle N] [--record | --together] [PRODUCT...]

Debian has them as nginx-light and libnginx-mod-nchan, mosquitto, nats-server, ejabberd; whoever is not installed is left out, and that is said. With --record the table goes to
benches/record/DATE-products.md and its chart to docs/products.svg.
"""

import argparse, datetime, html, json, os, pathlib, platform, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

sys.dont_write_bytecode = True
from servers import ANY_PORT, ROOT, Server, build, end_all, end_on_sigterm, logic_and_state

NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"
SERVER_CORE, CLIENT_CORE = "0", "1"
# Seconds that a server may take to listen.
PATIENCE = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server of somebody else's, on a port that was free a moment ago. Ended by its id."""

    def __init__(self, folder, command, environment):
        self.log = open(folder / "log", "ab")
        command = ["taskset", "-c", SERVER_CORE, *command]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, env=os.environ | environment)

    def wait(self, port):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("does not start:\n" + pathlib.Path(self.log.name).read_text()[-2000:])

    def pids(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Foreign:
    """One process from a configuration file; `port` is its WebSockets'."""

    @staticmethod
    def environment(_):
        return {}

    def __init__(self, folder):
        self.port = free_port()
        file = folder / "config.yml"
        file.write_text(self.config(folder))
        self.process = Process(folder, self.command(file), self.environment(folder))
        self.process.wait(self.port)
        self.address, self.more = f"127.0.0.1:{self.port}", []

    def pids(self):
        return self.process.pids()

    def end(self):
        self.process.end()


class Nchan(Foreign):
    """nginx, one worker; messages are in shared memory."""

    name, acknowledges = "nchan", "in shared memory"

    @staticmethod
    def version():
        return said("nginx", "-v").split("/")[-1] + ", nchan " + (said("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan") or "of unknown version")

    @staticmethod
    def is_there():
        return shutil.which("nginx") is not None and os.path.exists(NCHAN)

    def command(self, file):
        return ["nginx", "-c", str(file), "-p", str(file.parent)]

    def config(self, folder):
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.geteuid() == 0 else ""
        return f"""
load_module {NCHAN}; {user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors warn;
events {{ worker_connections 19000; }}
http {{
    access_log off; {temporary} nchan_shared_memory_size 512M;
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        location = /pub {{ nchan_publisher websocket http; nchan_channel_id $arg_id; nchan_message_buffer_length 10; }}
        location = /sub {{ nchan_subscriber websocket; nchan_channel_id $arg_id; nchan_subscriber_first_message newest; nchan_websocket_ping_interval 30; }}
    }}
}}
"""


class Mosquitto(Foreign):
    """Sessions in memory; both ways with QoS 1."""

    name, acknowledges = "mosquitto", "in memory"

    @staticmethod
    def version():
        return said("dpkg-query", "-W", "-f", "${Version}", "mosquitto") or "of unknown version"

    @staticmethod
    def is_there():
        return shutil.which("mosquitto") is not None

    def command(self, file):
        return ["mosquitto", "-c", str(file)]

    def config(self, folder):
        # With WebSockets alone this version does not start.
        return f"""
listener {free_port()} 127.0.0.1
listener {self.port} 127.0.0.1
protocol websockets
socket_domain ipv4
allow_anonymous true
max_queued_messages 10000
max_inflight_messages 100
set_tcp_nodelay true
persistence false
"""


class Nats(Foreign):
    """Without an acknowledgement: a message is told to whoever is there."""

    name, acknowledges, stream = "nats", "none", ""

    @staticmethod
    def version():
        return said("nats-server", "--version").split("v")[-1]

    @staticmethod
    def is_there():
        return shutil.which("nats-server") is not None

    def command(self, file):
        return ["nats-server", "-c", str(file)]

    def config(self, folder):
        return f"""
listen: "127.0.0.1:{free_port()}"
ping_interval: "30s"
websocket {{ listen: "127.0.0.1:{self.port}", no_tls: true, compression: false }}
{self.stream.replace("FOLDER", str(folder))}
"""


class Jetstream(Nats):
    """With a stream in a file that acknowledges, and receivers who are told by NATS itself."""

    name, acknowledges = "nats-jetstream", "in a file, not synced"
    stream = 'jetstream { store_dir: "FOLDER/stream", max_file_store: 8G }'


class Ejabberd(Foreign):
    """Not distributed, so that no daemon for names is left behind; one scheduler for the one core; users need no account."""

    name, acknowledges = "ejabberd", "taken in"
    cells = ["pairs"]

    @staticmethod
    def environment(folder):
        return {"HOME": f"{folder}/home", "ERL_LIBS": f"/usr/lib/{platform.machine()}-linux-gnu", "EJABBERD_CONFIG_PATH": f"{folder}/config.yml"}

    @staticmethod
    def version():
        return said("dpkg-query", "-W", "-f", "${Version}", "ejabberd") or "of unknown version"

    @staticmethod
    def is_there():
        return shutil.which("erl") is not None and shutil.which("ejabberdctl") is not None

    def command(self, file):
        folder = file.parent
        options = ["+S", "1:1", "+K", "true", "+P", "250000", "-mnesia", "dir", f'"{folder}/spool"', "-ejabberd", "log_path", f'"{folder}/log-of-its-own"']
        return ["erl", "-noinput", *options, "-s", "ejabberd"]

    def config(self, folder):
        for name in ("home", "spool"):
            (folder / name).mkdir()
        return f"""
hosts: [localhost]
loglevel: error
auth_method: anonymous
anonymous_protocol: login_anon
allow_multiple_connections: true
websocket_ping_interval: 30
listen:
  - {{ port: {self.port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {{ /ws: ejabberd_http_ws }} }}
modules: {{ mod_stream_mgmt: {{}}, mod_offline: {{}}, mod_roster: {{}} }}
"""


class Holdfast:
    """All three servers; a message is synced to the disk before it is acknowledged."""

    name, acknowledges = "holdfast", "on the disk, synced"

    @staticmethod
    def version():
        return said("git", "-C", str(ROOT), "describe", "--always", "--dirty") or "of unknown version"

    @staticmethod
    def is_there():
        return True

    def __init__(self, folder):
        binary = build()
        self.servers = list(logic_and_state(binary, folder, {"shards": 1}.items()))
        options = {"listen": ANY_PORT, "admin": ANY_PORT, "reactors": 1, "state": self.servers[1].ready["listen"], "log": "warn"}
        self.servers.append(Server(binary, folder, "gateway", options))
        for pid in self.pids():
            subprocess.run(["taskset", "-apc", SERVER_CORE, str(pid)], check=True, stdout=subprocess.DEVNULL)
        self.address, self.more = self.servers[2].ready["listen"], ["--key", str(folder / "dev.key")]

    def pids(self):
        return [server.pid for server in self.servers]

    def end(self):
        for server in reversed(self.servers):
            server.stop(10)
            server.end()
            server.process.wait()
            Server.begun.remove(server)


PRODUCTS = [Holdfast, Nchan, Mosquitto, Nats, Jetstream, Ejabberd]


def said(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def measure(driver, kind, options):
    """One run with fresh servers: what the driver found."""
    with tempfile.TemporaryDirectory(prefix="holdfast-products-") as folder:
        server = kind(pathlib.Path(folder))
        try:
            pids = [word for pid in server.pids() for word in ("--pid", str(pid))]
            command = ["taskset", "-c", CLIENT_CORE, driver, kind.name, server.address, *pids, *server.more, *options]
            done = subprocess.run(command, capture_output=True, text=True)
        finally:
            server.end()
        if done.returncode != 0:
            raise RuntimeError(f"{kind.name} {' '.join(options)}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def attempt(driver, kind, options):
    """The same, or None: one that fails does not cost the others their figures."""
    try:
        return measure(driver, kind, options)
    except RuntimeError as error:
        print(f"scripts/bench-peers products: {error}", file=sys.stderr)
        return None


def show(values, digits):
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def report(given, kinds, runs, idle):
    cores = os.cpu_count()
    model = next((line.split(": ", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    load = " ".join(open("/proc/loadavg").read().split()[:3])
    lines = [f"# Holdfast beside products, {datetime.date.today()}", ""]
    lines += [f"- Machine: {cores} cores of {model}; Linux {platform.release()}; load when it ended {load}"]
    lines += [f"- {kind.name}: {kind.version()}" for kind in kinds if kind is not Jetstream]
    lines += [f"- Command: `scripts/bench-peers products {'--together ' * given.together}--repeats {given.repeats} --seconds {given.seconds} --idle {given.idle}`; medians, least to most in brackets"]
    where = "Servers and client share all cores" if given.together else "All servers of a product on one core, the client on the other"
    lines += [f"- {where}; no TLS, no compression. A closed loop: what can be done at most; its times are mostly waiting in line", ""]
    for cell, title in CELLS.items():
        if not any((cell, kind) in runs for kind in kinds):
            continue
        lines += [f"## {title}", "", "| product | acknowledged once it is | messages/s | deliveries/s | servers: CPU µs a delivery | client: CPU µs | delivery p50 / p99 / p99.9 ms | acknowledgement p50 / p99 / p99.9 ms |"]
        lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
        for kind in kinds:
            found = runs.get((cell, kind), [])
            if not found:
                continue
            of = lambda name: [run[name] for run in found]
            times = lambda name: " / ".join(f"{statistics.median(column):.1f}" for column in zip(*of(name)))
            acknowledged = times("acknowledgement") if kind.acknowledges != "none" else ""
            lines += [f"| {kind.name} | {kind.acknowledges} | {show(of('rate'), 0)} | {show(of('deliveries'), 0)} | {show(of('cpu'), 2)} | {show(of('client'), 2)} | {times('delivery')} | {acknowledged} |"]
        lines += [""]
    if idle:
        lines += ["## An idle connection, logged in and subscribed", "", "| product | bytes of the servers' memory |", "| --- | --- |"]
        lines += [f"| {kind.name} | {count:,.0f} |" for kind, count in idle.items()] + [""]
    return "\n".join(lines)


def chart(kinds, runs):
    """Bars, the shorter the better, drawn for light pages and dark ones."""
    width, bar, left, top = 760, 22, 170, 28
    rows, y = [], top
    for cell, title in CELLS.items():
        found = {kind: statistics.median(run["cpu"] for run in runs[cell, kind]) for kind in kinds if runs.get((cell, kind))}
        if not found:
            continue
        scale = (width - left - 90) / max(found.values())
        rows.append(f'<text x="0" y="{y}" class="title">{html.escape(title)}: CPU µs of all servers, a delivery</text>')
        y += 14
        for kind, value in found.items():
            colour = "ours" if kind is Holdfast else "others"
            rows.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{kind.name}</text>')
            rows.append(f'<rect x="{left}" y="{y}" width="{max(value * scale, 1):.1f}" height="{bar - 4}" class="{colour}"/>')
            note = "" if cell == "fan-out" else f" · {kind.acknowledges}" if kind.acknowledges != "none" else " · no acknowledgement"
            inside = value * scale > 330
            place = f'x="{left + value * scale - 6:.1f}" text-anchor="end" class="in"' if inside else f'x="{left + value * scale + 6:.1f}"'
            rows.append(f'<text {place} y="{y + 15}">{value:.1f}{note}</text>')
            y += bar
        y += 34
    style = """text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 } .in { fill: #fff }
.ours { fill: #1a7f5a } .others { fill: #6e7781 } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }"""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - 20}" role="img"><style>{style}</style>\n' + "\n".join(rows) + "\n</svg>\n"


CELLS = {
    "pairs": "1:1, 500 pairs, 1 in flight, 200 bytes",
    "deep": "1:1, 100 pairs, 16 in flight, 200 bytes",
    "fan-out": "One to 500, 200 bytes",
}
OPTIONS = {
    "pairs": ["--rooms", "500"],
    "deep": ["--rooms", "100", "--in-flight", "16"],
    "fan-out": ["--rooms", "1", "--listeners", "500", "--in-flight", "4"],
}


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench-peers products", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--idle", type=int, default=5000, help="connections for the memory of one; 0 for none")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--together", action="store_true", help="servers and client share all cores")
    parser.add_argument("products", nargs="*", metavar="PRODUCT", help=", ".join(kind.name for kind in PRODUCTS))
    given = parser.parse_args()
    if given.together:
        if given.record:
            parser.error("what is recorded is measured apart: --record or --together")
        global SERVER_CORE, CLIENT_CORE
        SERVER_CORE = CLIENT_CORE = f"0-{os.cpu_count() - 1}"
    wanted = [kind for kind in PRODUCTS if not given.products or kind.name in given.products]
    kinds = [kind for kind in wanted if kind.is_there()]
    for kind in set(wanted) - set(kinds):
        print(f"{kind.name} is not installed, and is left out", file=sys.stderr)
    driver = os.environ.get("PRODUCT_DRIVER")
    if not driver:
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", "benches", "--bin", "product"], cwd=ROOT, check=True)
        driver = str(build().with_name("product"))
    runs, idle = {}, {}
    for _ in range(given.repeats):
        for cell in CELLS:
            for kind in kinds:
                if cell not in getattr(kind, "cells", CELLS):
                    continue
                found = attempt(driver, kind, [*OPTIONS[cell], "--seconds", str(given.seconds)])
                print(f"{cell} {kind.name}: {json.dumps(found)}", file=sys.stderr)
                if found:
                    runs.setdefault((cell, kind), []).append(found)
    if given.idle:
        found = {kind: attempt(driver, kind, ["--idle", "--rooms", str(given.idle)]) for kind in kinds if kind is not Jetstream}
        idle = {kind: bytes["bytes"] for kind, bytes in found.items() if bytes}
    text = report(given, kinds, runs, idle)
    print(text)
    if given.record:
        (ROOT / f"benches/record/{datetime.date.today()}-products.md").write_text(text)
        (ROOT / "docs/products.svg").write_text(chart(kinds, runs))


end_on_sigterm()
try:
    main()
except RuntimeError as error:
    sys.exit(f"scripts/bench-peers products: {error}")
finally:
    end_all()
