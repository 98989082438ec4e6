"""Rows 23 and 25: names that do not resolve, change or lead nowhere, and a network that swallows everything.

Usage: tests/faults/network.py PROGRAM [the environment: FAULT_SEED]

All of it in a network and a file system of its own (unshare), with a name server and rules of nftables of its own.
"""

import os
import socket
import struct
import subprocess
import sys
import threading
import time

import oracle
import world
from world import Shop
from world import World

NAME = "whmcs.test"
A, AAAA = 1, 28


class Names(threading.Thread):
    """A name server that answers for one name what the test says."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.mode, self.address = "answer", "127.0.0.2"
        self.asked = 0
        self.start()

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            self.asked += 1
            answer = self.answer(query)
            if answer:
                self.socket.sendto(answer, sender)

    def answer(self, query):
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack(">H", query[end - 4:end - 2])[0]
        code = {"nxdomain": 3, "servfail": 2}.get(self.mode, 0)
        if self.mode == "silent":
            return None
        data = None
        if self.mode == "answer" and kind == A:
            data = socket.inet_aton(self.address)
        if self.mode == "broken ipv6" and kind == AAAA:
            data = socket.inet_pton(socket.AF_INET6, "::1")
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if data else 0, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data if data else b""
        return head + query[12:end] + record


def failed_for(daemon):
    """The cause of the last poll."""
    polls = daemon.json("/api/v1/polls?limit=1")["items"]
    return polls[0].get("cause") if polls else None


def alone(program, seed):
    """Within a network of its own."""
    world.run("ip", "link", "set", "lo", "up")
    yield names(program, seed)
    yield swallowed(program, seed)
    yield half_open(program, seed)


def goes_bad_and_recovers(here, daemon, bad, good, causes):
    """A trouble between two times of trade."""
    here.trade()
    daemon.wait_for_polls(3)
    here.close()
    served = len(here.shop.served)
    bad()
    cause = world.eventually("a poll fails", lambda: failed_for(daemon))
    oracle.hold(cause in causes, f"it fails of {cause}, not of {causes}")
    here.shop.set(1, 0 if here.shop.levels[1] else 12)
    oracle.hold(daemon.get("/healthz")[0] == 200, "/healthz")
    good()
    world.eventually("it reads the shop again", lambda: len(here.shop.served) > served + 2)


def names(program, seed):
    server = Names()
    here = World(program, seed, shop=Shop(("127.0.0.2", 0)))
    resolver = here.folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    world.run("mount", "--bind", str(resolver), "/etc/resolv.conf")
    moved = Shop(("127.0.0.3", here.shop.port))
    here.settings["WHMCS_API_URL"] = here.shop.url(NAME)
    here.settings["WHMCS_API_TIMEOUT"] = "3s"
    try:
        daemon = here.start()
        here.settled(daemon)
        for mode in ("nxdomain", "servfail", "silent", "broken ipv6"):
            bad = lambda: setattr(server, "mode", mode)
            good = lambda: setattr(server, "mode", "answer")
            # Kept connections need no name: they are cut.
            goes_bad_and_recovers(here, daemon, cut_off(here, bad), good, {"dns", "connect", "timeout"})
        # The same shop under another address: nothing is started again for it.
        moved.levels, moved.served, moved.lock = here.shop.levels, here.shop.served, here.shop.lock
        here.close()
        server.address = "127.0.0.3"
        cut_off(here, lambda: None)()
        asked = moved.asked
        here.shop.server.shutdown()
        here.shop.server.server_close()
        world.eventually("it follows the name", lambda: moved.asked > asked + 2)
        here.shop.set(2, 3)
        here.shop = moved
        again = oracle.holds(here, daemon)
        note = "NXDOMAIN, SERVFAIL, silence, IPv6 alone and broken, another address: each mended without a start"
        return world.result(23, 5, again, note)
    finally:
        here.clean()


def cut_off(here, bad):
    """The trouble, after which no connection of before is used any more."""

    def go():
        bad()

        def close(handler):
            handler.close_connection = True
            return False

        asked = here.shop.asked
        here.shop.instead = close
        time.sleep(0.5)
        here.shop.instead = None
        return asked

    return go


def table(*rules):
    chain = "\n".join(["type filter hook input priority 0;", *rules])
    text = f"table inet faults {{\nchain input {{\n{chain}\n}}\n}}\n"
    done = subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True)
    if done.returncode != 0:
        raise world.Skipped(f"nftables does not work here: {done.stderr.strip()}")


def swallowed(program, seed):
    """Packets to the shop vanish, those of open connections too."""
    here = World(program, seed)
    here.settings["WHMCS_API_TIMEOUT"] = "2s"
    try:
        daemon = here.start()
        here.settled(daemon)
        runs = world.runs(3)
        for _ in range(runs):
            drop = lambda: table(f"tcp dport {here.shop.port} drop")
            mend = lambda: world.run("nft", "delete", "table", "inet", "faults")
            goes_bad_and_recovers(here, daemon, drop, mend, {"timeout", "connect"})
        again = oracle.holds(here, daemon)
        return world.result(25, runs, again, "every packet to the shop is dropped, SYNs and open connections alike")
    finally:
        here.clean()


def half_open(program, seed):
    """Receivers that accept and then hear and say nothing: an attempt ends, and is made again."""
    here = World(program, seed)
    try:
        daemon = here.start()
        here.settled(daemon)
        port = here.hook.server.server_address[1]
        # The handshake is let through, and nothing after it.
        table(f"tcp dport {port} tcp flags & (syn|ack|psh) == ack|psh drop")
        here.shop.set(1, 0)
        world.eventually("it is tried in vain", lambda: "timeout" in daemon.log() or "timed out" in daemon.log())
        mails = [to for _, to, _, _ in here.came if to in world.STAFF]
        oracle.hold(len(mails) >= 4, f"mail was held up: {mails}")
        world.run("nft", "delete", "table", "inet", "faults")
        again = oracle.holds(here, daemon, marked=True)
        return world.result(25, 1, again, "the webhook's receiver accepts and then nothing passes; mail is not held up")
    finally:
        here.clean()


def tries(program, seed):
    world.need("unshare", "nft", "ip", "mount", root=True)
    if "FAULT_ALONE" not in os.environ:
        environment = {**os.environ, "FAULT_ALONE": "1", "FAULT_SEED": str(seed)}
        os.execvpe("unshare", ["unshare", "-n", "-m", sys.executable, __file__, program], environment)
    yield from alone(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
