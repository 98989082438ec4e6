"""Rows 8, 10 and 11: writing, syncing and reading fail with EIO or ENOSPC under the running program; then a disk goes read-only.

Usage: tests/faults/failing_disk.py PROGRAM [the environment: FAULT_RUNS=3, FAULT_SEED]

strace is attached to the running program and fails its calls for as long as it stays attached. The read-only disk is an
ext4 image on which the kernel is told of an error, as it would be by a dying disk.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import oracle
import world
from world import World

FAULTS = [
    ("fsync", "EIO", 11), ("pwrite64", "EIO", 11), ("pread64", "EIO", 11), ("pwrite64", "ENOSPC", 8),
    ("fsync", "ENOSPC", 8),
]


class Failing:
    """Calls that fail while this is entered."""

    def __init__(self, daemon, call, error):
        self.command = [
            "strace", "-f", "-qq", "-o", "/dev/null", "-p", str(daemon.pid), "-e", f"trace={call}",
            "-e", f"inject={call}:error={error}",
        ]
        self.pid = daemon.pid

    def __enter__(self):
        self.strace = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        tasks = pathlib.Path(f"/proc/{self.pid}/task")

        def attached():
            if self.strace.poll() is not None:
                raise world.Skipped(f"strace cannot attach: {self.strace.stderr.read().strip()}")
            traced = [(task / "status").read_text() for task in tasks.iterdir()]
            return all(f"TracerPid:\t{self.strace.pid}" in status for status in traced)

        world.eventually("strace is attached", attached)

    def __exit__(self, *_):
        self.strace.send_signal(signal.SIGINT)
        self.strace.wait(world.PATIENCE)


def failures(daemon):
    return daemon.metric("whmcs_stock_database_failures_total") or 0


def lives(here, daemon):
    """It goes on asking, and answers whoever asks it."""
    asked = here.shop.asked
    world.eventually("it goes on asking", lambda: here.shop.asked > asked + 3)
    oracle.hold(daemon.get("/healthz")[0] == 200, "/healthz")
    oracle.hold(daemon.ended() is None, "it ended")


def in_trouble(here, daemon, is_bad):
    """Stock moves while it cannot be recorded."""
    daemon.wait_until_ready(200)
    here.trade()
    time.sleep(0.5)
    with is_bad(daemon):
        before = failures(daemon)
        world.eventually("failures are counted", lambda: failures(daemon) > before)
        daemon.wait_until_ready(503)
        lives(here, daemon)
    daemon.wait_until_ready(200)
    time.sleep(0.5)


def failing_calls(program, seed):
    runs = world.runs(3)
    for call, error, row in FAULTS:
        here = World(program, seed)
        try:
            daemon = here.start()
            for _ in range(runs):
                if call == "pread64":
                    daemon = reading(here, daemon, call, error)
                else:
                    in_trouble(here, daemon, lambda daemon: Failing(daemon, call, error))
            # What went out before the mark failed comes again: the mark is what could not be kept.
            again = oracle.holds(here, here.again(daemon), marked=True)
            yield world.result(row, runs, again, f"{call} fails with {error} for a while")
        finally:
            here.clean()


def reading(here, daemon, call, error):
    """What cannot be read is damaged as far as SQLite tells: it says so until it is started again on a sound disk."""
    daemon.wait_until_ready(200)
    here.trade()
    time.sleep(0.5)
    with Failing(daemon, call, error):
        lives(here, daemon)
        world.eventually("it says so", lambda: "could not be" in daemon.log())
    oracle.hold(daemon.ended() is None, "it ended")
    here.killed.append(time.time())
    return here.again(daemon)


def read_only(program, seed):
    """The kernel takes writing away; the operator stops it, has the disk checked, and starts it again."""
    world.need("mkfs.ext4", "mount", "e2fsck", root=True)
    here = World(program, seed)
    image, where = here.folder / "disk", here.folder / "mounted"
    where.mkdir()
    with open(image, "wb") as file:
        file.truncate(48 << 20)
    world.run("mkfs.ext4", "-q", "-F", str(image))
    runs = 2
    try:
        for _ in range(runs):
            try:
                world.run("mount", "-o", "loop,errors=remount-ro", str(image), str(where))
            except RuntimeError as error:
                raise world.Skipped(f"no image can be mounted here: {error}") from None
            loop = pathlib.Path(world.run("findmnt", "-no", "SOURCE", str(where)).strip()).name
            here.place(where / "data")
            daemon = here.start()
            here.trade()
            time.sleep(1)
            pathlib.Path(f"/sys/fs/ext4/{loop}/trigger_fs_error").write_text("1")
            daemon.wait_until_ready(503)
            lives(here, daemon)
            world.eventually("it says so", lambda: "could not be recorded" in daemon.log())
            here.killed.append(time.time())
            daemon.stop()
            world.run("umount", str(where))
            fixed = subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True, text=True)
            oracle.hold(fixed.returncode in (0, 1), fixed.stdout)
        world.run("mount", "-o", "loop", str(image), str(where))
        again = oracle.holds(here, here.start(), marked=True)
        yield world.result(10, runs, again, "an error of the kernel makes the mounted disk read-only under it")
    finally:
        here.close()
        for daemon in here.daemons:
            daemon.kill_if_alive()
        if os.path.ismount(where):
            subprocess.run(["umount", "-l", str(where)])
        here.clean()


def tries(program, seed):
    world.need("strace")
    yield from failing_calls(program, seed)
    yield from read_only(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
