"""Row 5: the power goes. The disk is an ext4 image; what its file holds at that instant is all that is left.

Usage: tests/faults/power_cut.py PROGRAM [the environment: FAULT_RUNS=15, FAULT_SEED]

The program is stopped (SIGSTOP) while it works, the image is copied without any sync, and the program is killed. The
copy is mounted as after a power cut, and the next start works on it. What reached a receiver was committed before, so
it must be there.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import oracle
import world
from world import World


class Images:
    """The disk, and after each cut its copy."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.count = 0
        self.image = self.folder / "disk-0"
        self.mounted = None
        with open(self.image, "wb") as file:
            file.truncate(48 << 20)
        # As a server's disk is by default; the journal's own commits come each five seconds.
        world.run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))

    def mount(self):
        self.mounted = self.folder / f"mounted-{self.count}"
        self.mounted.mkdir()
        world.run("mount", "-o", "loop", str(self.image), str(self.mounted))
        return self.mounted

    def cut(self):
        """What is left, as the disk of the next start."""
        old, where = self.image, self.mounted
        self.count += 1
        self.image = self.folder / f"disk-{self.count}"
        shutil.copyfile(old, self.image)
        return old, where

    def unmount(self, where):
        # The kernel may hold it for a moment after a kill.
        for _ in range(200):
            if subprocess.run(["umount", str(where)], capture_output=True).returncode == 0:
                return
            time.sleep(0.02)
        subprocess.run(["umount", "-l", str(where)], capture_output=True)


def go_through(here, disk, runs):
    here.trade(0.005, 0.03)
    for _ in range(runs):
        here.place(disk.mount() / "data")
        daemon = here.start()
        told = len(here.came)
        world.eventually("it says something", lambda: len(here.came) > told + 3)
        time.sleep(here.random.uniform(0, 1.2))
        daemon.signal(signal.SIGSTOP)
        # What it sent already arrives.
        time.sleep(0.1)
        image, where = disk.cut()
        daemon.kill()
        disk.unmount(where)
        os.unlink(image)
    here.place(disk.mount() / "data")
    return here.start()


def tries(program, seed):
    world.need("mkfs.ext4", "mount", root=True)
    runs = world.runs(15)
    here = World(program, seed)
    disk = Images(here.folder)
    try:
        try:
            disk.unmount(disk.mount())
            disk.mounted.rmdir()
        except RuntimeError as error:
            raise world.Skipped(f"no image can be mounted here: {error}") from None
        daemon = go_through(here, disk, runs)
        again = oracle.holds(here, daemon)
        note = f"{len(here.recorded.polls)} polls, {len(here.recorded.deliveries)} deliveries over the cuts"
        yield world.result(5, runs, again, note)
    finally:
        here.close()
        for daemon in here.daemons:
            daemon.kill_if_alive()
        if disk.mounted and os.path.ismount(disk.mounted):
            disk.unmount(disk.mounted)
        here.clean()


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
