"""Row 62: hours in minutes, and one time in a hundred something goes wrong.

Usage: tests/faults/soak.py PROGRAM [the environment: SOAK_SECONDS=600, FAULT_SEED]

Polls come every 100 ms, three thousand times as often as by default. In the first half the program is killed, stopped,
reloaded and sent away again and again; in the second one process goes through everything else, and its memory and
descriptors must be as they were.
"""

import os
import pathlib
import random
import signal
import socket
import sqlite3
import struct
import sys
import time

import oracle
import world
from world import World

ONE_IN = 100
# What allocator and caches may still take.
GROWTH = 12 << 20
DESCRIPTORS = 8


class Mishaps:
    """What goes wrong with answers, one time in a hundred, and how often it did."""

    def __init__(self, here, seed):
        self.random = random.Random(seed)
        self.counts = {}
        here.shop.instead = self.answer
        here.hook.refuse = self.refuse

    def comes(self):
        return self.random.randrange(ONE_IN) == 0

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def answer(self, handler):
        if not self.comes():
            return False
        kind = self.random.choice([self.status, self.garbage, self.reset, self.slow, self.empty, self.cut])
        self.count(kind.__name__)
        return kind(handler)

    def status(self, handler):
        handler.reply(self.random.choice([429, 500, 502, 503, 403]), "<html>no</html>")
        return True

    def garbage(self, handler):
        handler.reply(200, self.random.choice(["<br />Warning: x", "null", "[]", "{", '{"result":"success"}']))
        return True

    def empty(self, handler):
        handler.reply(200, '{"result":"success","totalresults":0,"products":""}')
        return True

    def reset(self, handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()
        return True

    def cut(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"result":"success","products":{"product":[{"pid":1,"quantity_available":0}')
        handler.close_connection = True
        return True

    def slow(self, _):
        time.sleep(0.3)
        return False

    def refuse(self, _):
        if not self.comes():
            return None
        self.count("webhook refused")
        return self.random.choice([500, 503, 429])


def usage(daemon):
    """Resident memory and open descriptors."""
    status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024
    return resident, len(list(pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir()))


def disturbed(here, mishaps, until):
    """Processes that do not live long."""
    daemon = here.start()
    while time.monotonic() < until:
        time.sleep(here.random.uniform(0.2, 3))
        kind = here.random.choice(["kill", "kill", "stop", "pause", "reload", "locked"])
        mishaps.count(kind)
        if kind == "kill":
            daemon.kill()
            daemon = here.start()
        elif kind == "stop":
            daemon.stop()
            daemon = here.start()
        elif kind == "pause":
            daemon.signal(signal.SIGSTOP)
            time.sleep(0.5)
            daemon.signal(signal.SIGCONT)
        elif kind == "reload":
            daemon.signal(signal.SIGHUP)
        else:
            with sqlite3.connect(here.database, timeout=30, isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(0.4)
                other.execute("ROLLBACK")
            other.close()
    here.killed.append(time.time())
    daemon.stop()


def undisturbed(here, until):
    """One process to the end, flat in memory and descriptors once it is warm."""
    daemon = here.start()
    rest = until - time.monotonic()
    time.sleep(max(rest * 0.25, 5))
    first = usage(daemon)
    while time.monotonic() < until:
        daemon.metrics()
        time.sleep(1)
    last = usage(daemon)
    grown = f"from {first[0] >> 20} MB and {first[1]} descriptors to {last[0] >> 20} MB and {last[1]}"
    oracle.hold(last[0] <= first[0] + GROWTH and last[1] <= first[1] + DESCRIPTORS, grown)
    return daemon, grown


def tries(program, seed):
    seconds = int(os.environ.get("SOAK_SECONDS") or 600)
    here = World(program, seed)
    here.settings.update(WHMCS_API_TIMEOUT="5s", SOURCE_DOWN_AFTER="1h")
    try:
        mishaps = Mishaps(here, seed)
        here.trade()
        began = time.monotonic()
        disturbed(here, mishaps, began + seconds / 2)
        daemon, grown = undisturbed(here, began + seconds)
        here.shop.instead = here.hook.refuse = None
        again = oracle.holds(here, daemon, marked=True)
        done = ", ".join(f"{count} {name}" for name, count in sorted(mishaps.counts.items()))
        note = f"{seconds} s, {len(here.recorded.polls)} polls, {len(here.recorded.deliveries)} deliveries; {done}; {grown}"
        yield world.result(62, 1, again, note)
    finally:
        here.clean()


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
