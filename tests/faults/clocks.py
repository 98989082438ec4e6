"""Rows 19 and 20: the wall clock jumps, and the machine sleeps.

Usage: tests/faults/clocks.py PROGRAM [the environment: FAULT_SEED]

libfaketime gives the program the wall clock that a file says and leaves the monotonic one alone, as a clock that
somebody sets does.
"""

import glob
import signal
import sys
import time

import oracle
import world
from world import World

HOUR = 3600
# What the clock says beside the true time, in seconds.
JUMPS = [("an hour on", HOUR), ("an hour back", 0), ("1970", -int(time.time()) + 86400), ("now again", 0),
         ("2106", 80 * 365 * 86400), ("now again", 0)]


class Clock:
    """The wall clock of the program, set by a file."""

    def __init__(self, here):
        found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not found:
            raise world.Skipped("there is no libfaketime")
        self.file = here.folder / "clock"
        self.say(0)
        self.settings = {
            "LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def say(self, offset):
        # Replaced as a whole: it is read at every look at the clock.
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset:+d}\n")
        new.rename(self.file)


def jumps(program, seed):
    here = World(program, seed)
    try:
        clock = Clock(here)
        here.settings.update(REPORT_SCHEDULE="7 3 * * *", REPORT_EMAIL_TO=world.BOSS)
        daemon = here.start(**clock.settings)
        for _, offset in JUMPS:
            # What is queued in another century is due there: what was queued is told before.
            here.settled(daemon)
            clock.say(offset)
            here.trade()
            polls, began = daemon.polls(), time.monotonic()
            time.sleep(2)
            rate = (daemon.polls() - polls) / (time.monotonic() - began)
            # A tenth of a second between them, whatever the wall clock says.
            oracle.hold(2 <= rate <= 12, f"at {offset:+d} s it polls {rate:.1f} times a second")
        again = oracle.holds(here, daemon)
        told_reports(here)
        note = "+1 h, -1 h, 1970, 2106 and back under the running program; polls go on evenly, no storm of reports"
        return world.result(19, len(JUMPS), again, note)
    finally:
        here.clean()


def told_reports(here):
    """A schedule of once a day may have been made up for at each jump, once; not for the years between."""
    mails = [identity for identity, to, _, _ in here.came if to == world.BOSS]
    oracle.hold(len(mails) <= len(JUMPS), f"{len(mails)} reports")


def sleeps(program, seed):
    """Stopped, ten minutes pass, and it wakes."""
    here = World(program, seed)
    try:
        clock = Clock(here)
        here.settings.update(POLL_SCHEDULE="every 3s")
        daemon = here.start(**clock.settings)
        runs = world.runs(3)
        for number in range(runs):
            here.settled(daemon)
            daemon.signal(signal.SIGSTOP)
            clock.say(600 * (number + 1))
            here.shop.set(1, [0, 12][number % 2])
            # Longer than two intervals of the schedule, so that beats are missed in fact.
            time.sleep(7)
            asked = here.shop.asked
            daemon.signal(signal.SIGCONT)
            time.sleep(2)
            polls = here.shop.asked - asked
            # At first a shop's companion is asked for beside the catalogue.
            oracle.hold(1 <= polls <= 2, f"{polls} requests in the two seconds after it woke")
        again = oracle.holds(here, daemon)
        return world.result(20, runs, again, "stopped for two beats while ten minutes pass: one poll makes up for it")
    finally:
        here.clean()


def tries(program, seed):
    yield jumps(program, seed)
    yield sleeps(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
