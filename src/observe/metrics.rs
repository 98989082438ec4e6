//! The text of `/metrics`: written at the scrape from one moment of the view; what is unknown or gone is absent.

use jiff::Timestamp;

use crate::domain::metrics::CombinationSeries;
use crate::domain::metrics::Of;
use crate::domain::pool::Board;
use crate::domain::pool::Pool;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::items::entries;
use crate::observe::items::of_product;
use crate::observe::pools;
use crate::observe::text::escaped;
use crate::observe::text::head;
use crate::observe::text::push_escaped;
use crate::observe::text::push_number;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::store::deliveries::OutboxCount;

/// The format's content type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The stock and the sources, as they stand in this moment.
#[must_use]
pub fn stock(seen: &Seen) -> String {
    scrape(seen).0
}

/// The same, and how many combinations it goes without because there are more than the configuration allows.
#[must_use]
pub fn scrape(seen: &Seen) -> (String, usize) {
    let shops: Vec<Shop<'_>> = seen.instances.iter().map(Shop::new).collect();
    let products: usize = seen.instances.iter().map(|i| i.memory.products.len()).sum();
    let mut out = String::with_capacity(4096 + products * 480);
    let chosen = Chosen::of(&shops, &seen.combinations);
    levels(&mut out, &shops, &chosen);
    severities(&mut out, &shops);
    thresholds(&mut out, &shops);
    covers(&mut out, &shops);
    infos(&mut out, &shops, &chosen);
    pools(&mut out, &seen.pools);
    sources(&mut out, &shops);
    summary(&mut out, &shops, &seen.pools);
    omitted(&mut out, chosen.omitted);
    (out, chosen.omitted)
}

/// The outbox: each configured channel, at 0 too, and each other one that rows are left of.
#[must_use]
pub fn outbox(channels: &[impl AsRef<str>], rows: &[OutboxCount]) -> String {
    let empty = |name: &str| OutboxCount {
        channel: name.to_owned(),
        pending: 0,
        dead: 0,
        oldest: None,
    };
    let unused = channels.iter().map(AsRef::as_ref);
    let unused = unused.filter(|name| !rows.iter().any(|row| row.channel == *name));
    let rows: Vec<OutboxCount> = unused.map(empty).chain(rows.iter().cloned()).collect();
    let mut out = String::new();
    let name = "whmcs_stock_outbox_messages";
    head(
        &mut out,
        name,
        "gauge",
        "Messages that wait for delivery (pending) or were given up (dead).",
    );
    for row in &rows {
        let channel = escaped(&row.channel);
        for (state, count) in [("pending", row.pending), ("dead", row.dead)] {
            out.push_str(&format!(
                "{name}{{channel=\"{channel}\",state=\"{state}\"}} {count}\n"
            ));
        }
    }
    let name = "whmcs_stock_outbox_oldest_timestamp_seconds";
    head(
        &mut out,
        name,
        "gauge",
        "When the oldest pending message was recorded, or may leave after quiet hours; absent where none waits.",
    );
    for row in &rows {
        if let Some(oldest) = row.oldest {
            let (channel, seconds) = (escaped(&row.channel), seconds(oldest));
            out.push_str(&format!("{name}{{channel=\"{channel}\"}} {seconds}\n"));
        }
    }
    out
}

/// An instance with its label, escaped once.
struct Shop<'a> {
    instance: &'a Instance,
    label: String,
}

impl<'a> Shop<'a> {
    fn new(instance: &'a Instance) -> Self {
        Self {
            instance,
            label: escaped(&instance.name),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        entries(&self.instance.name, &self.instance.memory).filter(|entry| !entry.is_gone())
    }

    fn products(&self) -> impl Iterator<Item = Entry<'a>> {
        self.entries().filter(|entry| entry.combination.is_none())
    }
}

/// The combinations that have series.
struct Chosen<'a> {
    /// With the place of their shop.
    entries: Vec<(usize, Entry<'a>)>,
    /// How many would have, were there not too many of them.
    omitted: usize,
}

impl<'a> Chosen<'a> {
    fn of(shops: &[Shop<'a>], series: &CombinationSeries) -> Self {
        let mut entries = Vec::new();
        let mut count = 0;
        for (place, shop) in shops.iter().enumerate() {
            let Instance { name, memory, .. } = shop.instance;
            for product in memory
                .products
                .iter()
                .filter(|product| !product.combinations.is_empty())
            {
                let wanted = series.of(Of {
                    instance: name,
                    id: product.id,
                    name: &product.name,
                    group: product.group.as_ref(),
                });
                let own = of_product(name, memory, product).filter(|entry| {
                    !entry.is_gone() && entry.combination.is_some_and(|own| wanted.takes(&own.label))
                });
                for entry in own {
                    count += 1;
                    // Beyond the limit they are counted only.
                    if count <= series.most {
                        entries.push((place, entry));
                    }
                }
            }
        }
        let omitted = if count > series.most { count } else { 0 };
        if omitted > 0 {
            entries = Vec::new();
        }
        Self { entries, omitted }
    }

    fn within<'b>(&'b self, shops: &'b [Shop<'a>]) -> impl Iterator<Item = (&'b Shop<'a>, &'b Entry<'a>)> {
        self.entries
            .iter()
            .filter_map(|(place, entry)| Some((shops.get(*place)?, entry)))
    }
}

/// Appends `name{whmcs="…",product_id="…"`, open for more labels.
fn begin(out: &mut String, name: &str, shop: &Shop<'_>, entry: &Entry<'_>) {
    for part in [name, "{whmcs=\"", &shop.label, "\",product_id=\""] {
        out.push_str(part);
    }
    push_number(out, entry.product.id);
    out.push('"');
}

fn begin_combination(out: &mut String, name: &str, shop: &Shop<'_>, entry: &Entry<'_>) {
    begin(out, name, shop, entry);
    out.push_str(",combination=\"");
    for (index, (option, choice)) in entry.combination.iter().flat_map(|c| c.key.pairs()).enumerate() {
        if index > 0 {
            out.push(';');
        }
        push_number(out, *option);
        out.push('=');
        push_number(out, *choice);
    }
    out.push('"');
}

fn end(out: &mut String, value: i64) {
    out.push_str("} ");
    push_number(out, value);
    out.push('\n');
}

fn levels(out: &mut String, shops: &[Shop<'_>], chosen: &Chosen<'_>) {
    let name = "whmcs_stock_level";
    head(
        out,
        name,
        "gauge",
        "Units left at the last accepted poll (see whmcs_last_success_timestamp_seconds); absent when unknown or not controlled.",
    );
    for shop in shops {
        for entry in shop.products() {
            if let Some(level) = entry.level() {
                begin(out, name, shop, &entry);
                end(out, level);
            }
        }
    }
    let name = "whmcs_stock_combination_level";
    head(
        out,
        name,
        "gauge",
        "Units left of a combination of options that has a figure of its own.",
    );
    for (shop, entry) in chosen.within(shops) {
        if let Some(level) = entry.level() {
            begin_combination(out, name, shop, entry);
            end(out, level);
        }
    }
}

fn severities(out: &mut String, shops: &[Shop<'_>]) {
    let name = "whmcs_stock_severity";
    head(
        out,
        name,
        "gauge",
        "0 ok, 1 low, 2 critical, 3 out; kept while the level is unknown, absent when not controlled or never alerted.",
    );
    for shop in shops {
        for entry in shop.products() {
            // Nobody is told of a retired product; a rule on this series must not be either.
            if let Some(severity) = entry.severity().filter(|_| !entry.is_silent()) {
                begin(out, name, shop, &entry);
                end(out, i64::from(severity.rank()));
            }
        }
    }
}

fn thresholds(out: &mut String, shops: &[Shop<'_>]) {
    let name = "whmcs_stock_threshold";
    head(
        out,
        name,
        "gauge",
        "The level at or below which the severity holds; out is always at or below 0.",
    );
    for shop in shops {
        for entry in shop.products().filter(|entry| entry.state() != "not_controlled") {
            let thresholds = entry.thresholds();
            for (severity, value) in [("low", thresholds.low), ("critical", thresholds.critical)] {
                begin(out, name, shop, &entry);
                out.push_str(",severity=\"");
                out.push_str(severity);
                out.push('"');
                end(out, value);
            }
        }
    }
}

fn covers(out: &mut String, shops: &[Shop<'_>]) {
    let name = "whmcs_stock_cover_seconds";
    head(
        out,
        name,
        "gauge",
        "How long the stock lasts at the present sell rate; absent without enough history, and where the level is unknown.",
    );
    let forecast = |shop: &&Shop<'_>| !shop.instance.memory.forecasts.rates.is_empty();
    for shop in shops.iter().filter(forecast) {
        for entry in shop.products() {
            if let Some(cover) = entry.cover() {
                begin(out, name, shop, &entry);
                end(out, cover.seconds());
            }
        }
    }
}

fn infos(out: &mut String, shops: &[Shop<'_>], chosen: &Chosen<'_>) {
    let name = "whmcs_stock_product_info";
    head(
        out,
        name,
        "gauge",
        "The names of a product and its group; always 1, to be joined with group_left.",
    );
    for shop in shops {
        for entry in shop.products() {
            begin(out, name, shop, &entry);
            out.push_str(",product=\"");
            push_escaped(out, entry.product.name.shown());
            out.push_str("\",group=\"");
            push_escaped(
                out,
                entry.product.group.as_ref().map_or("", |group| group.shown()),
            );
            out.push('"');
            end(out, 1);
        }
    }
    let name = "whmcs_stock_combination_info";
    head(
        out,
        name,
        "gauge",
        "The names of a combination's choices; always 1, to be joined with group_left.",
    );
    for (shop, entry) in chosen.within(shops) {
        if let Some(combination) = entry.combination {
            begin_combination(out, name, shop, entry);
            out.push_str(",label=\"");
            push_escaped(out, &combination.label);
            out.push('"');
            end(out, 1);
        }
    }
}

/// What a metric shows of a pool; `None` where that is not known.
type Figure = fn(&Pool) -> Option<i64>;

/// The pools of the configuration: a pool spans shops, so its name is its only label.
fn pools(out: &mut String, board: &Board) {
    let families: [(&str, &str, Figure); 3] = [
        (
            "whmcs_stock_pool_level",
            "What is left of a pool; absent when unknown.",
            |pool| pool.level.known(),
        ),
        (
            "whmcs_stock_pool_capacity",
            "How many there are of a pool in all, as configured.",
            |pool| Some(pool.capacity),
        ),
        (
            "whmcs_stock_pool_severity",
            "0 ok, 1 low, 2 critical, 3 out; kept while the level is unknown, absent where it never was known.",
            |pool| pool.severity().map(|severity| i64::from(severity.rank())),
        ),
    ];
    for (name, help, value) in families {
        head(out, name, "gauge", help);
        for pool in &board.pools {
            if let Some(value) = value(pool) {
                out.push_str(name);
                out.push_str("{pool=\"");
                push_escaped(out, &pool.name);
                out.push('"');
                end(out, value);
            }
        }
    }
}

fn sources(out: &mut String, shops: &[Shop<'_>]) {
    let name = "whmcs_up";
    head(
        out,
        name,
        "gauge",
        "1 if the last poll was accepted; absent before the first one ended.",
    );
    for shop in shops {
        if let Some(up) = shop.instance.up() {
            let (label, up) = (&shop.label, u8::from(up));
            out.push_str(&format!("{name}{{whmcs=\"{label}\"}} {up}\n"));
        }
    }
    let name = "whmcs_poll_failing";
    head(
        out,
        name,
        "gauge",
        "1 while the last poll was not accepted, by the cause; absent while it was.",
    );
    for shop in shops {
        let last = shop.instance.last_poll.as_ref();
        if let Some(cause) = last.and_then(|poll| poll.outcome.cause()) {
            let (label, reason) = (&shop.label, cause.as_str());
            out.push_str(&format!("{name}{{whmcs=\"{label}\",reason=\"{reason}\"}} 1\n"));
        }
    }
    let name = "whmcs_last_success_timestamp_seconds";
    head(
        out,
        name,
        "gauge",
        "When the catalogue of the last accepted poll was asked for; all stock metrics are as of then.",
    );
    for shop in shops {
        if let Some(at) = shop.instance.last_success() {
            let (label, at) = (&shop.label, seconds(at));
            out.push_str(&format!("{name}{{whmcs=\"{label}\"}} {at}\n"));
        }
    }
}

fn summary(out: &mut String, shops: &[Shop<'_>], board: &Board) {
    let name = "whmcs_stock_products";
    head(
        out,
        name,
        "gauge",
        "Products under watch, by the state of their level.",
    );
    for shop in shops {
        for state in ["known", "unknown", "not_controlled"] {
            let count = shop.products().filter(|entry| entry.state() == state).count();
            let label = &shop.label;
            out.push_str(&format!(
                "{name}{{whmcs=\"{label}\",state=\"{state}\"}} {count}\n"
            ));
        }
    }
    let name = "whmcs_stock_products_per_choice";
    head(
        out,
        name,
        "gauge",
        "Products with more combinations than the limit, followed per choice instead.",
    );
    for shop in shops {
        let count = shop.products().filter(|entry| entry.product.per_choice).count();
        let label = &shop.label;
        out.push_str(&format!("{name}{{whmcs=\"{label}\"}} {count}\n"));
    }
    let name = "whmcs_stock_alerts";
    head(
        out,
        name,
        "gauge",
        "Products, combinations and pools that are not ok.",
    );
    let mut open = [0u64; 4];
    for entry in shops
        .iter()
        .flat_map(Shop::entries)
        .filter(|entry| entry.is_alert(board))
    {
        if let Some(severity) = entry.severity() {
            open[usize::from(severity.rank())] += 1;
        }
    }
    for severity in pools::open(board) {
        open[usize::from(severity.rank())] += 1;
    }
    for severity in [Severity::Low, Severity::Critical, Severity::Out] {
        let count = open[usize::from(severity.rank())];
        let severity = severity.as_str();
        out.push_str(&format!("{name}{{severity=\"{severity}\"}} {count}\n"));
    }
}

fn omitted(out: &mut String, count: usize) {
    let name = "whmcs_stock_metrics_combinations_omitted";
    head(
        out,
        name,
        "gauge",
        "Combinations that have no series because there are more than METRICS_MAX_COMBINATIONS.",
    );
    out.push_str(&format!("{name} {count}\n"));
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
