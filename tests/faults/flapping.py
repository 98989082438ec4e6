"""Row 35: every second answer of the shop is a 500, 502, 503 or 504, for minutes.

Usage: tests/faults/flapping.py PROGRAM [the environment: FAULT_SEED]
"""

import random
import sys
import time

import oracle
import world
from world import World

# A minute at ten polls a second is what an hour is at one in six seconds.
SECONDS = 60


def tries(program, seed):
    here = World(program, seed)
    chance = random.Random(seed)
    failed = []

    def answer(handler):
        if chance.random() < 0.5:
            return False
        failed.append(1)
        handler.reply(chance.choice([500, 502, 503, 504]), "no")
        return True

    try:
        daemon = here.start()
        here.settled(daemon)
        here.shop.instead = answer
        here.trade()
        ups = set()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            ups.add(daemon.metric('whmcs_up{whmcs="default"}'))
            time.sleep(0.1)
        here.shop.instead = None
        again = oracle.holds(here, daemon)
        oracle.hold(ups <= {0.0, 1.0} and 1.0 in ups, f"whmcs_up was {ups}")
        note = f"{len(failed)} of {here.shop.asked} requests failed, {len(here.recorded.polls)} polls were accepted"
        yield world.result(35, 1, again, note)
    finally:
        here.clean()


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
