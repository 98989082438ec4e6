"""Rows 17 and 59: a second daemon, a thousand scrapes at once, and readers that read nothing.

Usage: tests/faults/crowd.py PROGRAM [the environment: FAULT_SEED]
"""

import http.client
import socket
import sys
import threading
import time

import oracle
import world
from world import World

SCRAPES = 1000


def second(program, seed):
    here = World(program, seed)
    try:
        daemon = here.start()
        here.trade()
        runs = world.runs(5)
        for _ in range(runs):
            began = time.monotonic()
            other = here.spawn()
            code = other.process.wait(world.PATIENCE)
            took = time.monotonic() - began
            oracle.hold(code == 75 and took < 5, f"the second ended with {code} after {took:.1f} s")
        again = oracle.holds(here, daemon)
        return world.result(17, runs, again, "a second daemon on the same file: 75 at once, the first unharmed")
    finally:
        here.clean()


def scrape(address, token, results):
    try:
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        results.append((answer.status, body.rstrip().endswith(b"}") or len(body) > 0))
        connection.close()
    except OSError as error:
        results.append((type(error).__name__, False))


def slow_readers(daemon, count):
    """Ask, and take nothing of the answer."""
    readers = []
    for _ in range(count):
        reader = socket.create_connection(daemon.address)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        reader.sendall(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {daemon.token}\r\n\r\n".encode() * 20)
        readers.append(reader)
    return readers


def thousand(program, seed):
    here = World(program, seed)
    try:
        daemon = here.start()
        here.trade()
        daemon.wait_for_polls(5)
        readers = slow_readers(daemon, 8)
        served, began = len(here.shop.served), time.monotonic()
        results = []
        threads = [threading.Thread(target=scrape, args=(daemon.address, daemon.token, results)) for _ in range(SCRAPES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        polls = len(here.shop.served) - served
        good = sum(1 for status, _ in results if status == 200)
        others = sorted({str(status) for status, _ in results if status != 200})
        oracle.hold(polls >= 1, "it did not poll meanwhile")
        # One address has only so many places; who has none is told so or cut off, and nobody waits for ever.
        oracle.hold(good >= SCRAPES // 20 and took < 60, f"{good} answered, others {others}, in {took:.1f} s")
        for reader in readers:
            reader.close()
        world.eventually("it answers again", lambda: daemon.get("/metrics")[0] == 200)
        again = oracle.holds(here, daemon)
        note = f"{good} of {SCRAPES} scrapes at once answered in {took:.1f} s beside 8 readers that read nothing; "
        note += f"{polls} polls meanwhile" + (f"; the others: {', '.join(others)}" if others else "")
        return world.result(59, 1, again, note)
    finally:
        here.clean()


def tries(program, seed):
    yield second(program, seed)
    yield thousand(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
