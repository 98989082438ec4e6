"""Row 12: no descriptors, no memory, no threads.

Usage: tests/faults/starved.py PROGRAM [the environment: FAULT_SEED]
"""

import os
import pathlib
import subprocess
import sys
import time

import oracle
import world
from world import World


def descriptors(program, seed):
    """The limit falls below what is open, and rises again."""
    here = World(program, seed)
    try:
        daemon = here.start()
        runs = world.runs(3)
        for _ in range(runs):
            here.trade()
            daemon.wait_for_polls(3)
            world.run("prlimit", f"--pid={daemon.pid}", "--nofile=5:1024")
            served = len(here.shop.served)
            time.sleep(1.5)
            oracle.hold(daemon.ended() is None, f"it ended with {daemon.ended()}:\n{daemon.log()[-2000:]}")
            world.run("prlimit", f"--pid={daemon.pid}", "--nofile=1024:1024")
            world.eventually("it reads the shop again", lambda: len(here.shop.served) > served + 2)
        # What was sent and could not be marked for want of a descriptor may come again.
        again = oracle.holds(here, here.again(daemon), marked=True)
        return world.result(12, runs, again, "descriptors run out, and come back")
    finally:
        here.clean()


def ends_in_words(here, before, what):
    """A start without enough ends with a code and a word, reads the shop, or says that it cannot."""
    served = len(here.shop.served)
    daemon = here.spawn(before=before)
    reads = lambda: len(here.shop.served) > served + 1
    says = lambda: "The poll failed" in daemon.log()
    try:
        world.eventually("", lambda: daemon.ended() is not None or reads() or says(), 20)
    except AssertionError:
        raise oracle.Lost(f"{what}: it neither reads the shop nor ends nor says why:\n{daemon.log()}") from None
    code = daemon.ended()
    if code is None:
        here.killed.append(time.time())
        daemon.kill_if_alive()
        return "works" if reads() else "says that it cannot"
    log = daemon.log()
    oracle.hold("panicked" not in log and code != 101, f"{what}: {code}: {log}")
    oracle.hold(log.strip(), f"{what}: ended with {code} without a word")
    return str(code)


def at_start(program, seed):
    """Too little from the beginning."""
    here = World(program, seed)
    try:
        ends = []
        for limit in (4, 8, 12, 16, 24):
            ends.append((f"nofile {limit}", ends_in_words(here, ["prlimit", f"--nofile={limit}"], f"nofile {limit}")))
        for megabytes in (60, 120, 200, 400):
            limit = megabytes << 20
            ends.append((f"as {megabytes} MB", ends_in_words(here, ["prlimit", f"--as={limit}"], f"as {megabytes} MB")))
        oracle.holds(here, here.start())
        return world.result(12, len(ends), 0, "; ".join(f"{what}: {end}" for what, end in ends))
    finally:
        here.clean()


def threads(program, seed):
    """As a user of its own, who may have only so many threads."""
    world.need("setpriv", root=True)
    ends = []
    for limit in (1, 2, 3, 4, 6, 8):
        here = World(program, seed)
        try:
            os.chmod(here.folder, 0o777)
            (here.folder / "monitor.toml").chmod(0o644)
            # A copy that the user can reach and run.
            copy = pathlib.Path(here.folder / "program")
            subprocess.run(["cp", "--reflink=auto", here.binary, copy], check=True)
            here.binary = str(copy)
            user = 65000 + limit
            before = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "prlimit", f"--nproc={limit}"]
            ends.append((f"{limit} threads", ends_in_words(here, before, f"nproc {limit}")))
        finally:
            here.clean()
    return world.result(12, len(ends), 0, "; ".join(f"{what}: {end}" for what, end in ends))


def tries(program, seed):
    world.need("prlimit")
    yield descriptors(program, seed)
    yield at_start(program, seed)
    yield threads(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
