"""Row 2, and the crashes within a migration of row 57: kill -9 at the Nth pwrite64 or fsync of a thread.

Usage: tests/faults/killed_at_a_write.py PROGRAM [the environment: FAULT_RUNS=40, FAULT_SEED]
"""

import sys
import time

import oracle
import world
from world import World

CALLS = ["pwrite64", "fsync"]


def traced(call, number):
    """Runs the program under strace, which is its child and not its parent (-D)."""
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]


def until_killed(here, call, number, patience=6):
    """Whether the kill came; a program that writes less than that is stopped."""
    daemon = here.spawn(before=traced(call, number))
    end = time.monotonic() + patience
    while daemon.ended() is None and time.monotonic() < end:
        time.sleep(0.005)
    came = daemon.ended() is not None
    oracle.hold(not came or daemon.ended() == -9, f"ended with {daemon.ended()}:\n{daemon.log()}")
    here.killed.append(time.time())
    daemon.kill_if_alive()
    return came


def at_work(program, seed):
    """One history, killed again and again."""
    here = World(program, seed)
    try:
        here.trade()
        runs, came = world.runs(40), 0
        for number in range(runs):
            call = CALLS[number % 2]
            came += until_killed(here, call, here.random.randint(1, 400 if call == "pwrite64" else 60))
        again = oracle.holds(here, here.start())
        oracle.hold(came > runs // 2, f"only {came} of {runs} kills came")
        note = f"{came} killed at a write, the others by time; {len(here.recorded.polls)} polls recorded"
        return world.result(2, runs, again, note)
    finally:
        here.clean()


def at_birth(program, seed):
    """Histories of their own, each killed while its tables are made."""
    runs, came = world.runs(40) // 2, 0
    for number in range(runs):
        here = World(program, seed + number)
        try:
            came += until_killed(here, CALLS[number % 2], 1 + 5 * number)
            oracle.holds(here, here.start())
        finally:
            here.clean()
    return world.result(57, runs, 0, f"killed while the tables were made ({came} at a write): made anew at the next start")


def tries(program, seed):
    world.need("strace")
    yield at_work(program, seed)
    yield at_birth(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
