"""What each fault happens to: a shop, two receivers, and the daemon as a process; nothing here is the program's code."""

import base64
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

PATIENCE = 60
PRODUCTS = range(1, 13)
# Only these sell out: more of them at once would be doubted.
MAY_SELL_OUT = 4
# Around the thresholds of 5 and 2 and the margin of 1.
STOCKS = [12, 7, 6, 5, 4, 3, 2, 1, 0]
STAFF = ["sales@shop.example", "depot@shop.example"]
BOSS = "boss@shop.example"
CANARIES = {
    "WHMCS_API_IDENTIFIER": "CanaryIdentifierOfTheFaults",
    "WHMCS_API_SECRET": "CanarySecretOfTheFaults",
    "HTTP_TOKEN": "CanaryTokenOfTheFaults-long-enough",
    "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"CanaryWebhookKey-of-32-bytes-or-").decode(),
}
RULES = '[[rule]]\nstock_control = "on"\nhold = "0s"\n'


class Skipped(Exception):
    """This machine cannot try it, and why."""


def need(*programs, root=False):
    """Skips where a program or the right to mount is missing."""
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Skipped(f"there is no {program}")
    if root and os.geteuid() != 0:
        raise Skipped("only root can do this")


def run(*command):
    """Runs a command of the system, which must work."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def eventually(what, condition, patience=PATIENCE):
    """Waits until the condition gives something true."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.02)


class Quiet(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # A client that was killed leaves in the middle of a word.
        pass


def serve(handler, owner, address=("127.0.0.1", 0)):
    server = Quiet(address, handler)
    server.owner = owner
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


class Shop:
    """A WHMCS whose stock moves, and which remembers every catalogue it served."""

    def __init__(self, address=("127.0.0.1", 0)):
        self.lock = threading.Lock()
        self.levels = dict.fromkeys(PRODUCTS, 12)
        self.served = []
        self.asked = 0
        # What it does instead of answering: takes the handler, gives whether that was all.
        self.instead = None
        self.server = serve(ShopAnswers, self, address)
        self.host, self.port = self.server.server_address

    def url(self, host=None):
        return f"http://{host or self.host}:{self.port}/includes/api.php"

    def set(self, product, level):
        with self.lock:
            self.levels[product] = level


def product(pid, level):
    return {
        "pid": pid, "gid": 1, "type": "server", "name": f"DS-{pid}", "description": "Fast", "module": "",
        "paytype": "recurring", "allowqty": 0,
        "pricing": {"EUR": {"prefix": "", "suffix": " EUR", "monthly": "49.00"}},
        "customfields": {"customfield": []}, "configoptions": {"configoption": []},
        "quantity_available": level,
    }


class ShopAnswers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        shop = self.server.owner
        form = self.rfile.read(int(self.headers["content-length"]))
        action = dict(urllib.parse.parse_qsl(form.decode())).get("action")
        with shop.lock:
            shop.asked += 1
            instead, levels = shop.instead, dict(shop.levels)
        if instead and instead(self):
            return
        if action == "GetProducts":
            products = [product(pid, level) for pid, level in levels.items()]
            answer = {"result": "success", "totalresults": len(products), "products": {"product": products}}
            with shop.lock:
                shop.served.append(levels)
        else:
            name = (action or "").lower()
            answer = {"result": "error", "message": f'Invalid API Action: "{name}" is not a valid API action'}
        self.reply(200, json.dumps(answer))

    def reply(self, status, body):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def failing(status=500):
    """An answer that says nothing of the stock."""

    def answer(handler):
        handler.reply(status, "{}")
        return True

    return answer


class Hook:
    """A webhook receiver: `came` holds (id, recipient, when, body) in the order of arrival."""

    def __init__(self, came):
        self.came = came
        # Called with the id once the request is there whole, before it is answered.
        self.before_answer = None
        # Called once somebody connected, before a byte is read.
        self.on_connect = None
        # Called with the id: where it gives a status, that is the answer, and nothing was taken.
        self.refuse = None
        self.server = serve(HookAnswers, self)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_address[1]


class HookAnswers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        hook = self.server.owner
        if hook.on_connect and hook.on_connect():
            return
        super().handle()

    def do_POST(self):
        hook = self.server.owner
        body = self.rfile.read(int(self.headers["content-length"]))
        refused = hook.refuse and hook.refuse(self.headers["webhook-id"])
        if refused:
            self.send_response(refused)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        hook.came.append((self.headers["webhook-id"], "webhook", time.time(), json.loads(body)))
        if hook.before_answer and hook.before_answer(self.headers["webhook-id"]):
            return
        self.send_response(204)
        self.end_headers()


class Mail:
    """A mail server; what it took joins the same list as the webhooks."""

    def __init__(self, came):
        self.came = came
        # Called once somebody connected, before the greeting: nothing can have been sent then.
        self.on_connect = None
        # Called once a mail is there whole, before that is said.
        self.before_answer = None
        self.server = serve(MailAnswers, self)
        self.url = "smtp://127.0.0.1:%d?tls=none" % self.server.server_address[1]


class MailAnswers(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        mail = self.server.owner
        if mail.on_connect and mail.on_connect():
            return
        self.say("220 mail.shop.example")
        to = []
        for line in self.rfile:
            word = line.strip().upper()
            if word.startswith(b"EHLO") or word.startswith(b"HELO"):
                self.say("250 mail.shop.example")
            elif word.startswith(b"RCPT TO:"):
                to.append(line.split(b"<")[1].split(b">")[0].decode())
                self.say("250 ok")
            elif word == b"DATA":
                self.say("354 go on")
                if self.take(mail, to):
                    return
                to = []
            elif word == b"QUIT":
                self.say("221 bye")
                return
            elif word == b"RSET":
                to = []
                self.say("250 ok")
            else:
                self.say("250 ok")

    def take(self, mail, to):
        text = b""
        while not text.endswith(b"\r\n.\r\n"):
            line = self.rfile.readline()
            if not line:
                return True
            text += line
        identity = re.search(rb"(?im)^message-id:\s*<([^@>]+)@", text).group(1).decode()
        for recipient in to:
            mail.came.append((identity, recipient, time.time(), None))
        if mail.before_answer and mail.before_answer(identity):
            return True
        self.say("250 taken")
        return False


class World:
    """A folder, the shop, both receivers, and the daemon's settings."""

    def __init__(self, binary, seed, folder=None, shop=None):
        self.binary = os.path.abspath(binary)
        self.random = random.Random(seed)
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="faults-"))
        self.own = folder is None
        self.shop = shop or Shop()
        self.came = []
        self.hook = Hook(self.came)
        self.mail = Mail(self.came)
        self.killed = []
        self.logs = []
        self.pages = []
        self.daemons = []
        self.closing = threading.Event()
        self.trading = None
        self.settings = {
            **CANARIES,
            "PATH": os.environ["PATH"],
            "WHMCS_API_URL": self.shop.url(),
            "LOW_STOCK": "5", "CRITICAL_STOCK": "2", "FLAP_LIMIT": "0", "POLL_SCHEDULE": "every 100ms",
            "SMTP_URL": self.mail.url, "SMTP_FROM": "stock@shop.example", "ALERT_EMAIL_TO": ",".join(STAFF),
            "WEBHOOK_URL": self.hook.url, "HTTP_LISTEN": "127.0.0.1:0",
            "CONFIG_FILE": str(self.folder / "monitor.toml"),
        }
        if "PLANTED" in os.environ:
            self.settings["PLANTED"] = os.environ["PLANTED"]
        (self.folder / "monitor.toml").write_text(RULES)
        self.place(self.folder / "data")

    def place(self, data):
        """Keeps the database there from the next start on."""
        self.data = pathlib.Path(data)
        self.database = self.data / "stock.db"
        self.settings["DATABASE_URL"] = f"sqlite://{self.database}"

    def trade(self, fastest=0.02, slowest=0.12):
        """Sells and restocks until `close`."""
        moves = random.Random(self.random.random())

        def go():
            while not self.closing.is_set():
                pid, level = moves.choice(PRODUCTS), moves.choice(STOCKS)
                self.shop.set(pid, level if pid <= MAY_SELL_OUT else max(level, 1))
                time.sleep(moves.uniform(fastest, slowest))

        self.closing.clear()
        self.trading = threading.Thread(target=go, daemon=True)
        self.trading.start()

    def close(self):
        self.closing.set()
        if self.trading:
            self.trading.join()
            self.trading = None

    def spawn(self, before=(), log=None, **settings):
        """Starts the daemon, behind these words of a command line, and waits for nothing."""
        daemon = Daemon(self, list(before), log, settings)
        self.daemons.append(daemon)
        return daemon

    def start(self, before=(), **settings):
        """Starts the daemon and waits until it listens."""
        daemon = self.spawn(before, **settings)
        daemon.wait_until_listening()
        return daemon

    def settled(self, daemon):
        """Waits until the daemon knows the shop as it is and has told it all."""
        self.close()

        def knows():
            items = daemon.json("/api/v1/stock?limit=1000")["items"]
            known = {item["product_id"]: item["level"] for item in items}
            return known == self.shop.levels

        eventually("the daemon knows every level", knows)
        eventually("an empty outbox", daemon.has_told_all)

    def again(self, daemon):
        """A start in order, before which time passes: whatever waits for its lease or its next attempt is due."""
        self.close()
        daemon.stop()
        with sqlite3.connect(self.database) as db:
            db.execute("UPDATE outbox SET next_attempt_at = queued_at WHERE state = 'pending'")
        db.close()
        return self.start()

    def clean(self):
        """Ends what is left of it."""
        self.close()
        for daemon in self.daemons:
            daemon.kill_if_alive()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)


class Daemon:
    """The program's process."""

    def __init__(self, world, before, log, settings):
        self.world = world
        self.token = world.settings.get("HTTP_TOKEN")
        self.log_path = world.folder / f"log-{len(world.logs)}"
        world.logs.append(self.log_path)
        self.address = None
        self.counters = {}
        environment = {**world.settings, **settings}
        out = log or open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [*before, world.binary, "run"], cwd=world.folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )
        if not log:
            out.close()
        self.pid = self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def ended(self):
        return self.process.poll()

    def wait_until_listening(self):
        def listening():
            if self.ended() is not None:
                raise AssertionError(f"the daemon ended with {self.ended()}:\n{self.log()}")
            found = re.search(r"Listening: page, API and metrics\..*address=\S*?(127\.0\.0\.1):(\d+)", self.log())
            return found and (found.group(1), int(found.group(2)))

        self.address = eventually("the daemon listens", listening)

    def get(self, path, timeout=PATIENCE):
        """The status and the body."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, path):
        status, body = self.get(path)
        assert status == 200, f"{path}: {status} {body}"
        return json.loads(body)

    def metrics(self):
        """The text of /metrics; a counter that went back since the last time is a fault."""
        status, text = self.get("/metrics")
        assert status == 200, text
        kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        for series, value in re.findall(r"^([a-zA-Z_:][^ ]*(?:\{.*\})?) (\S+)$", text, re.M):
            if kinds.get(series.split("{")[0]) == "counter":
                before = self.counters.get(series, 0.0)
                assert float(value) >= before, f"{series} went back from {before} to {value}"
                self.counters[series] = float(value)
        return text

    def metric(self, series):
        found = re.search(f"^{re.escape(series)} (\\S+)$", self.metrics(), re.M)
        return float(found.group(1)) if found else None

    def polls(self):
        return self.metric('whmcs_polls_total{whmcs="default"}') or 0

    def wait_for_polls(self, count):
        goal = self.polls() + count + 1
        eventually(f"{count} more polls", lambda: self.polls() >= goal)

    def has_told_all(self):
        lines = re.findall(r"^whmcs_stock_outbox_messages\{.*pending.*\} (\S+)$", self.metrics(), re.M)
        return bool(lines) and all(float(value) == 0 for value in lines)

    def wait_until_ready(self, status):
        eventually(f"/readyz answers {status}", lambda: self.get("/readyz")[0] == status)

    def kill(self):
        """kill -9, and its end."""
        self.world.killed.append(time.time())
        self.signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def kill_if_alive(self):
        if self.ended() is None:
            self.process.kill()
            self.process.wait()

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """SIGTERM, and its end: code 0 within ten seconds."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            raise AssertionError("SIGTERM did not end it within ten seconds") from None
        assert code == 0, f"it ended with {code} after {time.monotonic() - began:.1f} s:\n{self.log()[-2000:]}"


def main(usage, tries):
    """Runs a script: `tries` takes the program and a seed, and gives or yields what came of each row."""
    # As the world's modules are imported by the script that is run, a fault of a test is told from one of the program.
    from oracle import Lost

    if len(sys.argv) != 2:
        print(usage.strip(), file=sys.stderr)
        return 64
    seed = int(os.environ.get("FAULT_SEED") or time.time_ns() % 10**9)
    print(f"FAULT_SEED={seed}", flush=True)
    try:
        for result in tries(sys.argv[1], seed):
            print("RESULT " + json.dumps(result), flush=True)
        return 0
    except Skipped as why:
        print(f"skipped: {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    except Lost as what:
        print(f"LOST {what}")
        return 1


def runs(usual):
    """How often, unless FAULT_RUNS says otherwise."""
    return int(os.environ.get("FAULT_RUNS") or usual)


def result(row, runs, repeated=0, note=""):
    """What came of a row; that nothing was lost is what the oracle held on the way."""
    return {"row": row, "runs": runs, "lost": 0, "repeated": repeated, "note": note}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
