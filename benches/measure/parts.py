"""The processes that are measured, and the instruments: processor time, memory, bytes written."""

import base64
import hmac
import http.client
import json
import os
import queue
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

PATIENCE = 600


class Child:
    """A process and what the kernel counts of it."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen([str(part) for part in command], text=True, **options)

    def cpu(self):
        """User and system time in seconds so far, all threads, to the nanosecond."""
        # The clock of another process, as clock_getcpuclockid makes it on Linux.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def status(self, field):
        """A field of /proc/PID/status, in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith(field + ":"))
        return int(line.split()[1]) / 1024

    def peak(self):
        return self.status("VmHWM")

    def resident(self):
        return self.status("VmRSS")

    def written(self):
        """Bytes that it made the disk write."""
        text = Path(f"/proc/{self.process.pid}/io").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("write_bytes")).split()[1])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Talker(Child):
    """A process that says things line by line."""

    def __init__(self, command, **options):
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.lines.put(line.split())
        self.lines.put(None)

    def hear(self, word, timeout=PATIENCE):
        """The next line that begins with the word; others are dropped."""
        end = time.monotonic() + timeout
        while True:
            try:
                line = self.lines.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise RuntimeError(f"{self.process.args[0]} did not say {word!r} within {timeout} s") from None
            if line is None:
                raise RuntimeError(f"{self.process.args[0]} ended")
            if line[0] == word:
                return line[1:]

    def hear_times(self, word, times):
        line = None
        for _ in range(times):
            line = self.hear(word)
        return line

    def forget(self):
        while not self.lines.empty():
            self.lines.get()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


class Bench:
    """Where the programs are, and a folder for the databases on a real disk."""

    def __init__(self, target, quick):
        self.programs = target.resolve() / "release"
        self.quick = quick
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir=target.resolve()))
        self.count = 0

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def passes(self, full, quick):
        return range(quick if self.quick else full)

    def pick(self, full, quick):
        return quick if self.quick else full

    def place(self):
        """A fresh folder."""
        self.count += 1
        place = self.folder / str(self.count)
        place.mkdir()
        return place

    def shop(self, products, *flags):
        """The simulated shop; its time is nobody's."""
        shop = Talker([self.programs / "examples/shop", "--products", products, *flags])
        shop.api = shop.hear("api")[0]
        shop.hook = shop.hear("hook")[0]
        shop.dead = shop.hear("dead")[0]
        return shop

    def floor(self, shop, polls, pause, depth="changed-rows", *flags):
        database = self.place() / "floor.db"
        command = [self.programs / "examples/floor", shop.api, "--polls", polls, "--pause-ms", round(pause * 1000)]
        return Talker(command + ["--depth", depth, "--database", database, *flags])

    def daemon(self, shop, schedule, place=None, **environment):
        return Daemon(self.programs / "whmcs-stock-monitor", shop, schedule, place or self.place(), environment)


class Daemon(Child):
    def __init__(self, program, shop, schedule, place, environment):
        self.place = place
        self.port = free_port()
        self.database = place / "stock.db"
        settings = {
            "PATH": os.environ["PATH"],
            "WHMCS_API_URL": shop.api,
            "WHMCS_API_IDENTIFIER": "bench",
            "WHMCS_API_SECRET": "bench",
            "WHMCS_API_TIMEOUT": "5m",
            "POLL_SCHEDULE": f"every {schedule}",
            "DATABASE_URL": f"sqlite://{self.database}",
            "HTTP_LISTEN": f"127.0.0.1:{self.port}",
        }
        settings.update(environment)
        self.log = open(place / "log", "a")
        self.started = time.time()
        super().__init__([program, "run"], env=settings, cwd=place, stderr=self.log)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def hint(self, secret, products):
        """Sends a hint as the companion does."""
        body = json.dumps({"type": "stock.hint", "data": {"hook": "AcceptOrder", "products": products}})
        name, seconds = str(uuid.uuid4()), int(time.time())
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = hmac.digest(key, f"{name}.{seconds}.{body}".encode(), "sha256")
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(seconds),
            "webhook-signature": "v1," + base64.b64encode(signed).decode(),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/api/v1/hints", body, headers)
            answer = connection.getresponse()
            if answer.status != 202:
                raise RuntimeError(f"the hint: {answer.status} {answer.read()}")
        finally:
            connection.close()

    def wait_ready(self, pause=0.002):
        """Until /readyz says so; returns the seconds since the start."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the daemon ended: " + (self.place / "log").read_text()[-2000:])
            try:
                if self.get("/readyz")[0] == 200:
                    return time.time() - self.started
            except OSError:
                pass
            time.sleep(pause)
        raise RuntimeError("the daemon did not become ready")

    def polls(self):
        return json.loads(self.get("/api/v1/polls")[1])["items"]

    def wait_recorded(self, pause=0.05):
        """Until the first poll is in the database; returns the seconds since the start."""
        self.wait_ready(pause)
        while not (items := self.polls()):
            time.sleep(pause)
        if items[-1]["outcome"] != "accepted":
            raise RuntimeError(f"the first poll: {items[-1]}")
        return time.time() - self.started


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def size(database):
    """Bytes of a database that nobody has open."""
    return sum(path.stat().st_size for path in database.parent.glob(database.name + "*"))


def per_poll(child, teller, word, first, polls, settle):
    """Processor seconds for each of `polls` polls after the `first` ones; read in the pause after a poll."""
    teller.hear_times(word, first)
    time.sleep(settle)
    before = child.cpu()
    teller.hear_times(word, polls)
    time.sleep(settle)
    return (child.cpu() - before) / polls


def spread(values, unit=""):
    """The median, and between what the values lie."""
    values = sorted(values)
    middle = figure(statistics.median(values))
    if len(values) == 1:
        return f"{middle}{unit}"
    return f"{middle}{unit} ({figure(values[0])} to {figure(values[-1])})"


def figure(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.4f}"
