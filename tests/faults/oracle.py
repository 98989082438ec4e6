"""What must hold after every fault: a small model of its own, told what was served and what arrived (I1 to I7)."""

import pathlib
import shutil
import sqlite3
import subprocess
import urllib.parse

from world import CANARIES

# How long after a kill its last words may still arrive.
LATE = 0.25
PAGES = ["/", "/alerts", "/deliveries", "/sources", "/products/default/1", "/nowhere", "/api/v1/stock?limit=x"]


class Lost(AssertionError):
    """The promise was broken."""


def hold(condition, what):
    if not condition:
        raise Lost(what)


def severity(level):
    return 3 if level <= 0 else 2 if level <= 2 else 1 if level <= 5 else 0


def modelled(polls):
    """The crossings that the recorded levels make, and where they end."""
    levels, severities, crossings = {}, {}, []
    for poll, changed in polls:
        for product, level in sorted(changed.items()):
            previous = levels.get(product)
            hold(previous != level, f"poll {poll}: a level that did not change has a row")
            levels[product] = level
            if product not in severities:
                severities[product] = severity(level)
                continue
            before = severities[product]
            # Low is left above 6 only.
            after = 1 if before == 1 and level == 6 else severity(level)
            severities[product] = after
            if after == before:
                continue
            reason = "recovered" if after == 0 else "first" if before == 0 else "worse" if after > before else "better"
            crossings.append((poll, product, before, after, reason, level, previous))
    return crossings, levels


class Recorded:
    """What a database holds, read without the program."""

    def __init__(self, path):
        with sqlite3.connect(path) as db:
            self.db = db
            integrity = [row[0] for row in db.execute("PRAGMA integrity_check")]
            hold(integrity == ["ok"], f"I1: the database is damaged: {integrity}")
            hold(not db.execute("PRAGMA foreign_key_check").fetchall(), "I1: references that point nowhere")
            self.polls = [(row[0], {}) for row in db.execute("SELECT id FROM polls WHERE outcome = 0 ORDER BY id")]
            by_id = dict(self.polls)
            levels = db.execute(
                "SELECT l.poll_id, s.product_id, l.level FROM levels l JOIN series s "
                "ON s.instance_id = l.instance_id AND s.number = l.series"
            )
            for poll, product, level in levels:
                hold(poll in by_id, f"I4: poll {poll} was not accepted and changed the level of {product}")
                by_id[poll][product] = level
            self.crossings = db.execute(
                "SELECT poll_id, product_id, severity_from, severity_to, reason, level, previous_level "
                "FROM events WHERE kind = 'severity' ORDER BY poll_id, product_id"
            ).fetchall()
            self.deliveries = db.execute(
                "SELECT m.id, o.recipient, o.state, m.kind FROM outbox o JOIN messages m ON m.number = o.message "
                "ORDER BY o.id"
            ).fetchall()
            self.times = [row[0] for row in db.execute("SELECT observed_at FROM polls ORDER BY id")]
        db.close()

    def seen_as_served(self, served):
        """Each recorded catalogue is one that was served, in the order of serving."""
        rest = iter(served)
        levels = {}
        for poll, changed in self.polls:
            levels.update(changed)
            hold(any(answer == levels for answer in rest), f"I2: poll {poll} recorded what was not served: {levels}")

    def told(self):
        """What the messages of one channel must be, as (product, severity) lists in their order."""
        told = {product: severity(level) for product, level in self.polls[0][1].items()} if self.polls else {}
        messages = {}
        for poll, product, _, after, *_ in self.crossings:
            before = told[product]
            # What got better is said where it left out, and where it is well again.
            if after > before or (after < before and (after == 0 or before == 3)):
                told[product] = after
                messages.setdefault(poll, []).append((product, after))
        return [sorted(alerts) for alerts in messages.values()]


def repeated(recorded, came, killed, marked):
    """Every message reached every recipient; how many came again, which only a kill between may cause."""
    arrivals = {}
    for identity, recipient, at, _ in came:
        arrivals.setdefault((identity, recipient), []).append(at)
    again = 0
    for identity, recipient, state, kind in recorded.deliveries:
        recipient = recipient if "@" in recipient else "webhook"
        times = arrivals.pop((identity, recipient), [])
        hold(times, f"I3: lost: {kind} {identity} never reached {recipient}, though it is {state}")
        hold(state == "sent", f"I3: {kind} {identity} for {recipient} is {state}")
        for first, second in zip(times, times[1:]):
            explained = marked or any(first - LATE <= kill <= second for kill in killed)
            hold(explained, f"I3: {kind} {identity} came to {recipient} twice without a kill between")
            again += 1
    hold(not arrivals, f"I3: came, but is not recorded: {sorted(arrivals)}")
    return again


def told_as_recorded(recorded, came):
    """The webhooks' alerts are what the crossings call for, each once."""
    first = {}
    for identity, recipient, _, body in came:
        if recipient == "webhook" and body["type"] == "stock.alerts":
            first.setdefault(identity, body)
    ranks = ["ok", "low", "critical", "out"]
    said = []
    for identity, recipient, _, kind in recorded.deliveries:
        if kind == "stock.alerts" and "@" not in recipient:
            alerts = first[identity]["data"]["alerts"]
            said.append(sorted((alert["product"]["id"], ranks.index(alert["severity"])) for alert in alerts))
    hold(said == recorded.told(), f"I2: said {said}, to be said {recorded.told()}")


def no_secret(world, daemon):
    """I5: no canary in logs, database, metrics or pages."""
    texts = {str(path): path.read_bytes() for path in world.logs if path.exists()}
    for path in pathlib.Path(world.data).iterdir():
        if path.is_file():
            texts[str(path)] = path.read_bytes()
    texts.update({path: text.encode() for path, text in world.pages})
    for name, secret in CANARIES.items():
        bare = secret.removeprefix("whsec_")
        for form in {bare, urllib.parse.quote(bare), urllib.parse.quote_plus(bare)}:
            found = [place for place, text in texts.items() if form.encode() in text]
            hold(not found, f"I5: {name} stands in {found}")
    hold(not any(b"panicked at" in text for text in texts.values()), "something panicked")


def look(world, daemon):
    """Keeps what the pages and metrics say now, and has promtool read the latter."""
    metrics = daemon.metrics()
    world.pages = [(path, daemon.get(path)[1]) for path in PAGES] + [("/metrics", metrics)]
    if shutil.which("promtool"):
        check = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
        hold(check.returncode == 0, f"I7: promtool: {check.stdout}{check.stderr}")


def holds(world, daemon, marked=False, complete=True):
    """Lets it come to rest, stops it, and holds all seven; gives how many deliveries were repeated.

    `marked` is a row in which a message may come again; `complete` is false where what was served before a loss of the
    file is not recorded.
    """
    try:
        world.settled(daemon)
        look(world, daemon)
        daemon.stop()
    except AssertionError as error:
        raise Lost(str(error)) from None
    recorded = Recorded(world.database)
    crossings, levels = modelled(recorded.polls)
    hold(recorded.crossings == crossings, f"I2: recorded {recorded.crossings}, to be recorded {crossings}")
    hold(levels == world.shop.levels, f"I2: ends with {levels}, the shop with {world.shop.levels}")
    if complete:
        recorded.seen_as_served(world.shop.served)
    again = repeated(recorded, world.came, world.killed, marked)
    if complete:
        told_as_recorded(recorded, world.came)
    no_secret(world, daemon)
    world.recorded = recorded
    return again
