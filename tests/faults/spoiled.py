"""Rows 13 to 15 and 18: files that are damaged, cut, empty, gone or foreign, and places that are not fit.

Usage: tests/faults/spoiled.py PROGRAM [the environment: FAULT_SEED]
"""

import os
import subprocess
import sys

import oracle
import world
from world import World


def grown(program, seed):
    """A world whose database has a history, merged into its file."""
    here = World(program, seed)
    daemon = here.start()
    here.trade()
    daemon.wait_for_polls(15)
    here.settled(daemon)
    daemon.stop()
    return here


def refused(here, what, code):
    """The start is refused with that code, in words, and the file left as it is."""
    before = world.digest(here.database)
    daemon = here.spawn()
    world.eventually(f"{what}: it ends", lambda: daemon.ended() is not None, 20)
    ended, log = daemon.ended(), daemon.log()
    oracle.hold(ended == code, f"{what}: ended with {ended}, not {code}:\n{log}")
    oracle.hold(str(here.database) in log, f"{what}: it does not name the file:\n{log}")
    oracle.hold("panicked" not in log, log)
    oracle.hold(world.digest(here.database) == before, f"{what}: the file was changed")


def over(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def header(here):
    over(here.database, 0, os.urandom(100))


def magic(here):
    over(here.database, 0, b"not a database\0\0")


def middle(here):
    over(here.database, 4096 * 3, os.urandom(4096))


def cut(here):
    os.truncate(here.database, here.database.stat().st_size // 2 + 100)


def cut_at_a_page(here):
    size = here.database.stat().st_size // 4096
    os.truncate(here.database, size // 2 * 4096)


def damaged(program, seed):
    cases = [(header, 13), (magic, 13), (middle, 14), (cut, 15), (cut_at_a_page, 15)]
    for spoil, row in cases:
        here = grown(program, seed)
        try:
            spoil(here)
            refused(here, spoil.__name__, 65)
            yield world.result(row, 1, 0, f"{spoil.__name__.replace('_', ' ')}: refused with 65, left as it is")
        finally:
            here.clean()


def empty(program, seed):
    """Nothing in the file: a new history, a warning, one baseline and no alert."""
    here = grown(program, seed)
    try:
        os.truncate(here.database, 0)
        del here.came[:]
        daemon = here.start()
        oracle.holds(here, daemon, complete=False)
        oracle.hold("empty file" in daemon.log(), daemon.log())
        kinds = {body["type"] for _, to, _, body in here.came if to == "webhook"}
        oracle.hold(kinds == {"stock.baseline"}, f"said {kinds}")
        return world.result(15, 1, 0, "0 bytes: said aloud, first sight, one baseline and no alert")
    finally:
        here.clean()


def without_its_log(program, seed):
    """A crash, and the write-ahead log is gone: what was merged is there, nothing else is made up."""
    here = World(program, seed)
    try:
        daemon = here.start()
        here.settled(daemon)
        daemon.stop()
        daemon = here.start()
        here.trade()
        daemon.wait_for_polls(10)
        daemon.kill()
        wal = here.database.with_name("stock.db-wal")
        oracle.hold(wal.stat().st_size > 0, "there was no log")
        wal.unlink()
        here.database.with_name("stock.db-shm").unlink(missing_ok=True)
        daemon = here.start()
        here.settled(daemon)
        daemon.stop()
        recorded = oracle.Recorded(here.database)
        crossings, levels = oracle.modelled(recorded.polls)
        oracle.hold(recorded.crossings == crossings and levels == here.shop.levels, "what is recorded does not add up")
        return world.result(15, 1, 0, "its log was deleted after a crash: starts from what was merged, adds up")
    finally:
        here.clean()


def stray_journal(program, seed):
    """A journal of another time beside it is no reason to lose anything."""
    here = grown(program, seed)
    try:
        here.database.with_name("stock.db-journal").write_bytes(os.urandom(4096))
        oracle.holds(here, here.start())
        return world.result(15, 1, 0, "a stray journal beside it: as if it were not there")
    finally:
        here.clean()


def open_to_others(program, seed):
    """Mode 0644, somebody else's file, and a loose umask."""
    world.need("chown", root=True)
    here = grown(program, seed)
    try:
        here.database.chmod(0o644)
        os.chown(here.database, 65534, 65534)
        daemon = here.start(before=["sh", "-c", 'umask 022; exec "$0" "$@"'])
        log = daemon.log()
        oracle.hold("chmod 600" in log and "belongs to another user" in log, log)
        oracle.holds(here, daemon)
        fresh = World(program, seed)
        try:
            daemon = fresh.start(before=["sh", "-c", 'umask 022; exec "$0" "$@"'])
            modes = {path.name: oct(path.stat().st_mode & 0o777) for path in fresh.data.iterdir()}
            oracle.hold(set(modes.values()) == {"0o600"}, str(modes))
            oracle.holds(fresh, daemon)
        finally:
            fresh.clean()
        return world.result(18, 2, 0, "0644 and a foreign owner: warned of; under umask 022 every file is 0600")
    finally:
        here.clean()


def on_an_overlay(program, seed):
    """As in a container without a volume."""
    world.need("mount", root=True)
    here = World(program, seed)
    where = here.folder / "merged"
    try:
        # Not on what may be an overlay itself.
        base = here.folder / "base"
        for folder in (base, where):
            folder.mkdir()
        try:
            world.run("mount", "-t", "tmpfs", "tmpfs", str(base))
            for name in ("lower", "upper", "work"):
                (base / name).mkdir()
            options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
            world.run("mount", "-t", "overlay", "overlay", "-o", options, str(where))
        except RuntimeError as error:
            raise world.Skipped(f"no overlay can be mounted here: {error}") from None
        here.place(where / "data")
        here.trade()
        for _ in range(5):
            daemon = here.start()
            daemon.wait_for_polls(5)
            daemon.kill()
        again = oracle.holds(here, here.start())
        return world.result(18, 5, again, "on an overlay, killed five times: as on any disk")
    finally:
        here.close()
        for daemon in here.daemons:
            daemon.kill_if_alive()
        for mounted in (where, here.folder / "base"):
            subprocess.run(["umount", "-l", str(mounted)], capture_output=True)
        here.clean()


def tries(program, seed):
    yield from damaged(program, seed)
    for one in (empty, without_its_log, stray_journal, open_to_others, on_an_overlay):
        yield one(program, seed)


if __name__ == "__main__":
    sys.exit(world.main(__doc__, tries))
