"""Row 6: SIGTERM at any instant, a storm of SIGHUP, and a second signal.

Usage: tests/faults/signals.py PROGRAM [the environment: FAULT_RUNS=30, FAULT_SEED]
"""

import signal
import sys
import time

import oracle
import world
from world import World


def at_any_instant(program, seed):
    """SIGTERM and SIGINT between the first instruction and a second of work: 0, or gone before anybody listened to it."""
    here = World(program, seed)
    try:
        here.trade()
        runs, early = world.runs(30), 0
        for number in range(runs):
            daemon = here.spawn()
            time.sleep(here.random.uniform(0.0, 1.0) ** 2)
            number = [signal.SIGTERM, signal.SIGINT][number % 2]
            began = time.monotonic()
            daemon.signal(number)
            code = daemon.process.wait(world.PATIENCE)
            took = time.monotonic() - began
            oracle.hold(took < 10, f"it took {took:.1f} s")
            # Before the program listens for it, a signal ends it as it ends any process; nothing was begun then.
            began_work = "Starting." in daemon.log()
            oracle.hold(code == 0 or (code == -number and "Listening" not in daemon.log()), f"{code}: {daemon.log()}")
            early += code != 0
        # A stop in order lets what has begun be marked: nothing comes twice.
        again = oracle.holds(here, here.start())
        return world.result(6, runs, again, f"SIGTERM and SIGINT at any instant; {early} before it listened for them")
    finally:
        here.clean()


def storm(program, seed):
    """Hundreds of reloads in a few seconds, half of them of a broken file."""
    here = World(program, seed)
    try:
        daemon = here.start()
        here.trade()
        runs = world.runs(30) * 10
        rules = here.folder / "monitor.toml"
        for number in range(runs):
            new = rules.with_suffix(".new")
            new.write_text(world.RULES + ("broken =\n" if number % 2 else ""))
            new.rename(rules)
            daemon.signal(signal.SIGHUP)
            time.sleep(0.01)
        daemon.wait_for_polls(3)
        again = oracle.holds(here, daemon)
        return world.result(6, runs, again, "a storm of SIGHUP, every second one for a broken file")
    finally:
        here.clean()


def twice(program, seed):
    """A second signal while the first waits for receivers that hang: at once."""
    runs = max(world.runs(30) // 6, 1)
    here = World(program, seed)
    try:
        daemon = here.start()
        here.settled(daemon)
        for number in range(runs):
            hangs = []

            def hang(_):
                hangs.append(1)
                time.sleep(20)
                return True

            here.hook.before_answer = hang
            here.shop.set(1, [0, 12][number % 2])
            world.eventually("the receiver hangs", lambda: hangs)
            here.killed.append(time.time())
            daemon.signal(signal.SIGTERM)
            time.sleep(0.2)
            oracle.hold(daemon.ended() is None, "it did not wait for what it had begun")
            began = time.monotonic()
            daemon.signal(signal.SIGTERM)
            code = daemon.process.wait(world.PATIENCE)
            oracle.hold(code == 0 and time.monotonic() - began < 2, f"{code} after {time.monotonic() - began:.1f} s")
            here.hook.before_answer = None
            daemon = here.start()
            here.settled(daemon)
        again = oracle.holds(here, daemon)
        return world.result(6, runs, again, "a second SIGTERM while a receiver hangs: gone at once, told again later")
    finally:
        here.clean()


def tries(program, seed):
    for one in (at_any_instant, storm, twice):
        yield one(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
