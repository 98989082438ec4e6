"""Rows 3, 4 and 49: kill -9 between claiming a message and sending it, and between its acceptance and its mark.

Usage: tests/faults/crashes.py PROGRAM [the environment: FAULT_RUNS=20, FAULT_SEED]

No hook in the program is needed: the receiver decides the instant. Before a mail server has greeted, nothing can have
been sent; once it has the whole message, that was sent; and while somebody else holds the database's write lock,
nothing can be marked.
"""

import sqlite3
import sys
import threading
import time

import oracle
import world
from world import World


class Instant:
    """One kill, at the moment that a receiver names."""

    def __init__(self, here):
        self.here = here
        self.armed = threading.Event()
        self.struck = threading.Event()

    def strike(self, *_):
        """Called by a receiver: whether it struck now."""
        if not self.armed.is_set():
            return False
        self.armed.clear()
        self.here.daemons[-1].kill()
        self.struck.set()
        return True


def rounds(here, runs, arm):
    """Sells something, waits for the kill, starts again."""
    daemon = here.start()
    here.settled(daemon)
    for number in range(runs):
        instant = Instant(here)
        disarm = arm(instant)
        instant.armed.set()
        here.shop.set(1 + number % 4, [0, 12][(number // 4) % 2])
        world.eventually("the instant comes", instant.struck.is_set)
        disarm()
        daemon = here.start()
        here.settled(daemon)
    return daemon


def before_the_greeting(instant):
    mail = instant.here.mail
    mail.on_connect = instant.strike
    return lambda: setattr(mail, "on_connect", None)


def before_it_is_heard(receiver):
    """The receiver has it all; its answer never comes."""

    def arm(instant):
        one = getattr(instant.here, receiver)
        one.before_answer = instant.strike
        return lambda: setattr(one, "before_answer", None)

    return arm


def before_it_is_marked(instant):
    """Accepted and heard, but the mark waits for the lock of another until the kill."""
    here = instant.here
    locked = threading.Event()
    done = threading.Event()

    def lock():
        with sqlite3.connect(here.database, timeout=30, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            locked.set()
            done.wait(world.PATIENCE)
            other.execute("ROLLBACK")
        other.close()

    def accepted(_):
        if not instant.armed.is_set() or locked.is_set():
            return False
        threading.Thread(target=lock, daemon=True).start()
        # Where the program sends within a transaction of its own, nobody else gets the lock: that is looked at, too.
        locked.wait(2)
        threading.Timer(0.15, strike).start()
        return False

    def strike():
        instant.strike()
        done.set()

    here.hook.before_answer = accepted
    return lambda: setattr(here.hook, "before_answer", None)


def tries(program, seed):
    runs = world.runs(20)
    for row, marked, arm, note in [
        (3, False, before_the_greeting, "killed when the mail server was reached and had not greeted"),
        (4, True, before_it_is_heard("hook"), "killed when the webhook had it all and had not answered"),
        (4, True, before_it_is_marked, "killed after the webhook's 204, its mark held up"),
        (49, True, before_it_is_heard("mail"), "killed when the mail server had it all and had not said 250"),
    ]:
        here = World(program, seed)
        try:
            daemon = rounds(here, runs, arm)
            again = oracle.holds(here, daemon, marked=marked)
            if marked:
                oracle.hold(again > 0, f"row {row}: nothing came twice: the instant was missed")
            yield world.result(row, runs, again, note)
        finally:
            here.clean()


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
