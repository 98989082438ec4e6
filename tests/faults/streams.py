"""Row 9: nobody takes the log: a full device, and a pipe whose reader left.

Usage: tests/faults/streams.py PROGRAM [the environment: FAULT_SEED]
"""

import os
import subprocess
import sys

import oracle
import world
from world import World


def free_port_daemon(here, log):
    """A daemon whose log cannot be read: its address is chosen before."""
    port = world.free_port()
    daemon = here.spawn(log=log, HTTP_LISTEN=f"127.0.0.1:{port}", LOG_LEVEL="debug")
    daemon.address = ("127.0.0.1", port)

    def answers():
        try:
            return daemon.get("/healthz")[0] == 200
        except OSError:
            oracle.hold(daemon.ended() is None, f"it ended with {daemon.ended()}")
            return False

    world.eventually("it answers", answers)
    return daemon


def full():
    return open("/dev/full", "wb")


def left():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "wb")


def commands(here):
    """Commands whose output nobody takes end with a code of theirs."""
    for words in [["status"], ["config", "show"], ["--help"], ["history", "1"]]:
        for stream in (full(), left()):
            with stream:
                ended = subprocess.run(
                    [here.binary, *words], cwd=here.folder, env=here.settings, stdout=stream, stderr=subprocess.PIPE,
                )
            said = ended.stderr.decode()
            oracle.hold("panicked" not in said and 0 <= ended.returncode < 100, f"{words}: {ended.returncode}: {said}")


def tries(program, seed):
    for make, note in [(full, "the log is /dev/full"), (left, "the log is a pipe that nobody reads")]:
        here = World(program, seed)
        try:
            with make() as log:
                daemon = free_port_daemon(here, log)
            here.trade()
            daemon.wait_for_polls(10)
            again = oracle.holds(here, daemon)
            commands(here)
            yield world.result(9, 1, again, note)
        finally:
            here.clean()


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
