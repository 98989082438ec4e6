"""The measurements: each returns the lines of the table that it makes."""

import re
import shutil
import sqlite3
import statistics
import subprocess
import time
import uuid

from parts import per_poll
from parts import size
from parts import spread

SECRET = "whsec_" + "YmVuY2ggYmVuY2ggYmVuY2ggYmVuY2gh"


class Line:
    def __init__(self, what, target, ours, floor=None, unit=" s"):
        self.what, self.target, self.unit = what, target, unit
        self.ours, self.floor = list(ours), list(floor or [])

    def cells(self):
        floor = spread(self.floor, self.unit) if self.floor else "–"
        ratio = f"{statistics.median(self.ours) / statistics.median(self.floor):.2f}" if self.floor else "–"
        return [self.what, self.target, spread(self.ours, self.unit), floor, ratio]


def poll(bench, products, pause, polls, passes, target):
    """One poll of a catalogue of which 1 % changed."""
    ours, floor, peaks, floor_peaks = [], [], [], []
    for _ in passes:
        with bench.shop(products, "--change", 10) as shop:
            with bench.floor(shop, polls + 3, pause) as least:
                floor.append(per_poll(least, least, "poll", 2, polls, pause / 2))
                floor_peaks.append(least.peak())
            shop.forget()
            with bench.daemon(shop, f"{round(pause * 1000)}ms") as daemon:
                ours.append(per_poll(daemon, shop, "poll", 2, polls, pause / 2))
                peaks.append(daemon.peak())
    return Line(f"CPU a poll, {products:,} products, 1 % changed", target, ours, floor), peaks, floor_peaks


def poll_100(bench):
    yield poll(bench, 100, 0.1, bench.pick(100, 50), bench.passes(5, 2), "≤ 2 x the floor")[0]


def poll_1000(bench):
    yield poll(bench, 1000, 0.1, bench.pick(100, 50), bench.passes(5, 2), "≤ 2 x the floor")[0]


def poll_10000(bench):
    line, peaks, floor = poll(bench, 10_000, 0.4, 50, bench.passes(3, 1), "≤ 1.5 x the floor")
    yield line
    yield Line("peak RSS, 10,000 products, after 50 polls", "≤ 30 MB", peaks, floor, " MB")


def poll_100000(bench):
    line, peaks, floor = poll(bench, 100_000, 3, 5, bench.passes(3, 1), "≤ 2 x the floor")
    yield line
    yield Line("peak RSS, 100,000 products", "–", peaks, floor, " MB")


def details(bench):
    """One GetProductDetails a product: what 1,000 calls add to the first poll."""
    ours, floor = [], []
    for _ in bench.passes(5, 2):
        with bench.shop(1000) as shop:
            floor.append(-first_floor(bench, shop))
            with bench.daemon(shop, "1h") as daemon:
                daemon.wait_recorded()
                ours.append(-daemon.cpu())
        with bench.shop(1000, "--details", "foreign") as shop:
            floor[-1] += first_floor(bench, shop, "--details")
            shop.forget()
            with bench.daemon(shop, "1h") as daemon:
                while int(shop.hear("details")[1]) < 1000:
                    pass
                daemon.wait_recorded()
                ours[-1] += daemon.cpu()
    yield Line("CPU of 1,000 GetProductDetails, one a product", "≤ 0.05 s", ours, floor)


def first_floor(bench, shop, *flags):
    with bench.floor(shop, 1, 0.5, "changed-rows", *flags) as least:
        least.hear("poll")
        return least.cpu()


def unchanged(bench):
    """A poll in which nothing changed."""
    ours, floor, written = [], [], []
    polls = bench.pick(150, 60)
    for _ in bench.passes(5, 2):
        with bench.shop(1000) as shop:
            with bench.floor(shop, polls + 3, 0.1) as least:
                floor.append(per_poll(least, least, "poll", 2, polls, 0.05))
            shop.forget()
            with bench.daemon(shop, "100ms") as daemon:
                shop.hear_times("poll", 3)
                time.sleep(0.05)
                before = daemon.written()
                ours.append(per_poll(daemon, shop, "poll", 0, polls, 0.05))
                written.append((daemon.written() - before) / polls / 1000)
    yield Line("written by a poll without a change, 1,000 products", "≤ 8 kB", written, unit=" kB")
    yield Line("CPU of a poll without a change, 1,000 products", "≤ with changes", ours, floor)


def disk(bench):
    """A day of polls of 1,000 products, 1 % changing each time, as fast as they go."""
    polls = bench.pick(1440, 240)
    place = bench.place()
    with bench.shop(1000, "--change", 10) as shop:
        with bench.daemon(shop, "100ms", place) as daemon:
            shop.hear_times("poll", 3)
        before = size(daemon.database)
        shop.forget()
        with bench.daemon(shop, "100ms", place) as daemon:
            shop.hear_times("poll", 100)
            early = daemon.resident()
            shop.hear_times("poll", polls - 100)
            late = daemon.resident()
        grown = (size(daemon.database) - before) / polls * 1440 / 1e6
    note = "" if polls == 1440 else f" (from {polls} polls)"
    yield Line(f"disk a day, 1,000 products each minute{note}", "≤ 1 MB", [grown], unit=" MB")
    yield Line(f"RSS after {polls} polls less RSS after 100", "flat", [late - early], unit=" MB")


def flat(bench):
    """Memory over 10,000 polls (17 minutes)."""
    with bench.shop(100, "--change", 10) as shop, bench.daemon(shop, "100ms") as daemon:
        shop.hear_times("poll", 500)
        early = daemon.resident()
        shop.hear_times("poll", 9500)
        yield Line("RSS after 10,000 polls less RSS after 500", "flat", [daemon.resident() - early], unit=" MB")


def first(bench):
    """The first poll of a large shop with the companion, into an empty database."""
    took, cpu, peaks = [], [], []
    for _ in bench.passes(3, 1):
        with bench.shop(100_000, "--details", "contract1", "--combinations") as shop:
            with bench.daemon(shop, "1h") as daemon:
                took.append(daemon.wait_recorded())
                cpu.append(daemon.cpu())
                time.sleep(1)
                peaks.append(daemon.peak())
    what = "first poll of 100,000 products and 100,000 combinations"
    yield Line(f"{what}, from the start", "≤ 10 s", took)
    yield Line(f"{what}, CPU", "–", cpu)
    yield Line(f"{what}, peak RSS", "≤ 200 MB", peaks, unit=" MB")


def metrics(bench):
    yield from scrape(bench, 10_000, "≤ 9 ms")
    yield from scrape(bench, 100_000, "≤ 90 ms")


def scrape(bench, series, target):
    """/metrics with about so many series."""
    each = series_of(bench, 200) / 200
    products = round(series / each)
    with bench.shop(products) as shop, bench.daemon(shop, "1h") as daemon:
        daemon.wait_recorded()
        time.sleep(1)
        _, body = daemon.get("/metrics")
        lines = sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))
        resident, costs = daemon.resident(), []
        for _ in bench.passes(20, 10):
            before = daemon.cpu()
            daemon.get("/metrics")
            time.sleep(0.05)
            costs.append((daemon.cpu() - before) * 1000)
        extra = daemon.peak() - resident
    yield Line(f"CPU of /metrics, {lines:,} series, {len(body) / 1e6:.1f} MB", target, costs, unit=" ms")
    if series > 10_000:
        yield Line("memory that /metrics adds, as many series", "≤ 32 MB", [max(0, extra)], unit=" MB")


def series_of(bench, products):
    with bench.shop(products) as shop, bench.daemon(shop, "1h") as daemon:
        daemon.wait_recorded()
        return len(re.findall(rb"^whmcs_stock_\w+\{", daemon.get("/metrics")[1], re.MULTILINE))


OVERVIEW = ["/", "/?show=out", "/?q=server+1", "/?page=7", "/?sort=name", "/?sort=cover&page=3", "/?group=Group+2&show=low", "/?q=%2342"]
# What is asked for, and the most that 99 of 100 answers may take.
LOOKS = [
    ("/", OVERVIEW, "≤ 100 ms"),
    ("/healthz", ["/healthz"], "–"),
    ("/alerts", ["/alerts", "/alerts?page=2"], "–"),
    ("/products/…", [f"/products/default/{number}" for number in range(1, 10_000, 97)], "–"),
    ("/api/v1/stock", ["/api/v1/stock?limit=100", "/api/v1/stock?severity=out&limit=50"], "–"),
]
WRK = """
local asked, n = {%s}, 0
request = function()
  n = n + 1
  return wrk.format("GET", asked[n %% #asked + 1])
end
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("told %%d %%d %%d %%d %%d\\n", p50, p99, summary.requests, summary.duration, failed))
end
"""


def page(bench):
    """Pages for 50 readers at once, each asking again as soon as it was answered, while all is polled each 2 s."""
    told = {what: ([], [], []) for what, _, _ in LOOKS}
    with bench.shop(10_000, "--change", 10) as shop, bench.daemon(shop, "2s") as daemon:
        daemon.wait_recorded()
        for _ in bench.passes(5, 2):
            for what, addresses, _ in LOOKS:
                for p in zip(told[what], crowd(bench, shop, daemon, addresses)):
                    p[0].append(p[1])
        peak = daemon.peak()
    for what, _, target in LOOKS:
        middle, slowest, rate = told[what]
        each = f"{statistics.median(rate):,.0f} answers a second"
        yield Line(f"{what} for 50 clients, p50 ({each})", "–", middle, unit=" ms")
        yield Line(f"{what} for 50 clients, p99", target, slowest, unit=" ms")
    yield Line("peak RSS meanwhile, 10,000 products", "–", [peak], unit=" MB")


def crowd(bench, shop, daemon, addresses):
    """50 clients for a while: p50 and p99 in milliseconds, and the answers a second."""
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is not installed (Debian: wrk)")
    for address in addresses:
        status, body = daemon.get(address)
        if status != 200 or not body:
            raise RuntimeError(f"{address} was answered with {status}")
    seconds = bench.pick(10, 5)
    script = bench.place() / "crowd.lua"
    script.write_text(WRK % ", ".join(f'"{address}"' for address in addresses))
    shop.forget()
    command = ["wrk", "-t1", "-c50", "--timeout", "20s", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{daemon.port}/"]
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, check=True)
    # It was polled meanwhile, or what is measured is another thing.
    shop.hear("poll", 1)
    line = next(line for line in done.stdout.splitlines() if line.startswith("told "))
    p50, p99, answers, duration, failed = (int(figure) for figure in line.split()[1:])
    if failed:
        raise RuntimeError(f"{failed} of {answers} requests for {addresses[0]} failed")
    return p50 / 1000, p99 / 1000, answers / (duration / 1e6)


def alert(bench):
    """From the end of the answer to the arrival of the webhook."""
    late = []
    flags = ["--stock", 40, "--watch-us", 100]
    with bench.shop(1000, *flags) as shop:
        with bench.daemon(shop, "250ms", WEBHOOK_URL=shop.hook, WEBHOOK_SECRET=SECRET) as daemon:
            shop.hear("hook")
            for product in bench.passes(100, 30):
                shop.hear("poll")
                time.sleep(0.08)
                shop.tell(f"set {product + 1} 3")
                answered = int(shop.hear("poll")[0])
                late.append((int(shop.hear("hook")[0]) - answered) / 1e6)
    yield Line("alert delivered after the answer, 1,000 products", "≤ 20 ms", late, unit=" ms")


def hint(bench):
    """From a hint of the companion to the arrival of the webhook."""
    late = []
    with bench.shop(1000, "--stock", 40, "--details", "contract1") as shop:
        settings = {"WEBHOOK_URL": shop.hook, "WEBHOOK_SECRET": SECRET, "HINT_SECRET": SECRET, "HINT_MIN_INTERVAL": "0"}
        with bench.daemon(shop, "1h", **settings) as daemon:
            shop.hear("hook")
            for product in bench.passes(200, 100):
                time.sleep(0.05)
                shop.tell(f"set {product + 1} 3")
                time.sleep(0.05)
                sent = time.time_ns()
                daemon.hint(SECRET, [product + 1])
                late.append((int(shop.hear("hook")[0]) - sent) / 1e6)
    percentiles = statistics.quantiles(late, n=100)
    yield Line("alert delivered after a hint, 1,000 products with companion, p50", "–", [percentiles[49]], unit=" ms")
    yield Line("alert delivered after a hint, p99", "≤ 500 ms", [percentiles[98]], unit=" ms")


def start(bench):
    """Ready, with 5,000,000 changes in the history."""
    place, took, peaks = bench.place(), [], []
    with bench.shop(1000, "--change", 10) as shop:
        with bench.daemon(shop, "1h", place) as daemon:
            daemon.wait_recorded()
        remember(daemon.database, 5_000_000)
        for _ in bench.passes(5, 3):
            with bench.daemon(shop, "1h", place) as daemon:
                took.append(daemon.wait_ready())
                peaks.append(daemon.peak())
        megabytes = size(daemon.database) / 1e6
    yield Line(f"start to ready, 5,000,000 changes ({megabytes:,.0f} MB)", "≤ 2 s", took)


def remember(database, changes):
    """A year of polls each five minutes up to now, in which 1,000 series changed in turn."""
    each, polls = changes // 1000, 105_000
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE polls SET observed_at = observed_at - ?1 * 300000 WHERE id = 1", [polls + 1])
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + 1) "
            "INSERT INTO polls (id, instance_id, observed_at, duration_ms, outcome, products, changes) "
            "SELECT i, 1, (SELECT observed_at FROM polls WHERE id = 1) + (i - 1) * 300000, 20, 0, 1000, 48 FROM n",
            [polls],
        )
        # The last of each agrees with where the series stands.
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) "
            "INSERT INTO levels (instance_id, series, poll_id, state, level) "
            "SELECT 1, s.number, 2 + n.i * (?2 / ?1) + s.number % (?2 / ?1), 0, "
            "CASE WHEN n.i = ?1 - 1 THEN s.level ELSE 1 + (n.i * 13 + s.number) % 40 END "
            "FROM series s CROSS JOIN n WHERE s.level IS NOT NULL ORDER BY s.number, n.i",
            [each, polls],
        )
    connection.close()


def outbox(bench):
    """10,000 messages wait, half of them for a channel that never answers."""
    place, rates, peaks = bench.place(), [], []
    with bench.shop(100) as shop:
        (place / "monitor.toml").write_text(
            f'[[channel]]\nname = "live"\ntype = "webhook"\nurl = "{shop.hook}"\nsecret = "{SECRET}"\n'
            f'[[channel]]\nname = "dead"\ntype = "webhook"\nurl = "{shop.dead}"\nsecret = "{SECRET}"\n'
        )
        settings = {"CONFIG_FILE": str(place / "monitor.toml")}
        with bench.daemon(shop, "1h", place, **settings) as daemon:
            daemon.wait_recorded()
            shop.hear("hook")
        for _ in bench.passes(3, 1):
            queue(daemon.database, 5000)
            shop.forget()
            with bench.daemon(shop, "1h", place, **settings) as daemon:
                began = int(shop.hear("hook")[0])
                ended = int(shop.hear_times("hook", 4999)[0])
                rates.append(4999 / ((ended - began) / 1e9))
                peaks.append(daemon.peak())
    yield Line("deliveries a second beside a channel that hangs, 10,000 waiting", "≥ 500", rates, unit="")
    yield Line("peak RSS meanwhile", "bounded", peaks, unit=" MB")


def queue(database, count):
    """Copies the baseline message of each channel so many times."""
    with sqlite3.connect(database) as connection:
        connection.create_function("random_id", 0, lambda: str(uuid.uuid4()))
        connection.execute("DELETE FROM outbox WHERE state = 'pending'")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1), "
            "one AS (SELECT * FROM messages WHERE number IN (SELECT min(number) FROM messages GROUP BY channel)) "
            "INSERT INTO messages (id, channel, kind, instance, recorded_at, headline, content) "
            "SELECT random_id(), channel, kind, instance, recorded_at, headline, content "
            "FROM one CROSS JOIN n",
            [count],
        )
        connection.execute(
            "INSERT INTO outbox (message, channel, medium, recipient, state, queued_at, next_attempt_at) "
            "SELECT number, channel, 'webhook', channel, 'pending', recorded_at, recorded_at FROM messages "
            "ORDER BY number DESC LIMIT ?1",
            [2 * count],
        )
    connection.close()


def build(bench):
    """A build from nothing, the crates themselves being there."""
    target = bench.place()
    began = time.monotonic()
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--target-dir", target]
    subprocess.run(command, check=True)
    took = time.monotonic() - began
    yield Line("cold build", "≤ 6 minutes", [took / 60], unit=" minutes")
    program = target / "release/whmcs-stock-monitor"
    yield Line("the program", "≤ 15 MB", [program.stat().st_size / 1e6], unit=" MB")


ROWS = {
    "poll-100": poll_100,
    "poll-1000": poll_1000,
    "poll-10000": poll_10000,
    "poll-100000": poll_100000,
    "details": details,
    "unchanged": unchanged,
    "disk": disk,
    "first": first,
    "metrics": metrics,
    "page": page,
    "alert": alert,
    "hint": hint,
    "start": start,
    "outbox": outbox,
    "flat": flat,
    "build": build,
}
# Only when named: a quarter of an hour, and all cores for minutes.
LONG = ["flat", "build"]
QUICK = ["poll-100", "poll-1000", "poll-10000", "unchanged", "metrics", "alert", "hint", "outbox"]
