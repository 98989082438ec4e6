//! From what is known to a report: its parts, each with the most pressing first.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::HashMap;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::forecast::money;
use crate::domain::pool::Board;
use crate::domain::pool::Pool;
use crate::domain::report::Amount;
use crate::domain::report::Beyond;
use crate::domain::report::Changed;
use crate::domain::report::Happened;
use crate::domain::report::Health;
use crate::domain::report::LISTED;
use crate::domain::report::Line;
use crate::domain::report::Money;
use crate::domain::report::PoolLine;
use crate::domain::report::Report;
use crate::domain::report::Section;
use crate::domain::report::Topic;
use crate::domain::reporting::lines;
use crate::domain::reporting::lines::Known;
use crate::domain::reporting::lines::Sorted;
use crate::domain::reporting::outline::Outline;
use crate::domain::stand::AckRef;
use crate::domain::stand::Counts;
use crate::domain::stand::Severity;

/// What a report is made of.
#[derive(Debug)]
pub struct Material<'a> {
    /// In the order of the configuration.
    pub shops: &'a [Known<'a>],
    pub board: &'a Board,
    /// Who has taken a pool on, by the pool's name.
    pub pool_acks: HashMap<String, AckRef>,
    /// What happened to products, newest first; those in other groups too.
    pub events: Vec<Happened>,
    pub health: Health,
}

/// Which stretch of time a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
    /// As which time it shows how things stand.
    pub now: Timestamp,
    /// It was due at `until`, and nobody could make it then.
    pub late: bool,
}

/// What the estimate of money rests on, beside [`money::ASSUMPTIONS`].
pub const ASSUMPTIONS: [&str; 2] = [
    "Only time counts in which the level was known to be 0 and the shop was read, within the period of the report.",
    "What was not ordered here may have been ordered as another product: take it as an upper bound.",
];

/// The report.
#[must_use]
pub fn compose(outline: &Outline, span: Span, material: Material<'_>) -> Report {
    let all = lines::lines(outline, material.shops, material.board, span.now);
    let pools = pools(outline, material.board, &material.pool_acks);
    let mut left_out = Vec::new();
    let mut beyond = Beyond::default();
    let products = lines::counts(outline, material.shops);
    let all_is_well = is_seen(&all, products) && all_is_well(&all, &pools, &material.health);
    let events = events(outline, material.shops, material.events);
    let mut sections = Vec::with_capacity(outline.topics.len());
    for topic in &outline.topics {
        let mut lines = |mut lines: Vec<Line>| {
            beyond.lines.extend(cut_lines(*topic, &mut lines, &mut left_out));
            lines
        };
        sections.push(match topic {
            Topic::ActNow => Section::ActNow {
                lines: lines(act_now(&all)),
            },
            Topic::RunningOut => Section::RunningOut {
                lead_time_days: Some(outline.lead_time.as_secs_f64() / 86_400.0),
                lines: lines(running_out(&all, outline.has(Topic::ActNow))),
            },
            Topic::Ordered => Section::Ordered {
                lines: lines(ordered(&all)),
            },
            Topic::Changed => Section::Changed(changed(&all, &events, &mut left_out, &mut beyond)),
            Topic::Idle => Section::Idle {
                lines: lines(idle(&all, outline, span.now)),
            },
            Topic::Pools => {
                let mut pools = pools.clone();
                beyond.pools = cut(*topic, &mut pools, &mut left_out);
                Section::Pools { lines: pools }
            }
            Topic::Money => Section::Money(lost_money(&all, &mut left_out, &mut beyond)),
            Topic::Health => Section::Health(Box::new(material.health.clone())),
        });
    }
    let shops = material.shops.iter().map(|shop| shop.instance);
    Report {
        name: outline.name.clone(),
        period: outline.period,
        from: span.from,
        until: span.until,
        instances: shops
            .filter(|shop| outline.concerns(shop))
            .map(str::to_owned)
            .collect(),
        products,
        all_is_well,
        sections,
        left_out,
        made_at: Timestamp::from_millisecond(span.now.as_millisecond()).unwrap_or(span.now),
        late: span.late,
        all: all
            .into_iter()
            .filter(|sorted| !sorted.gone)
            .map(|sorted| sorted.line)
            .collect(),
        beyond,
    }
}

/// Whether nothing in the report is worth a mail: idle stock and money lost are not news of their own.
#[must_use]
pub fn is_empty(report: &Report) -> bool {
    let says = |section: &Section| match section {
        Section::ActNow { lines } | Section::RunningOut { lines, .. } | Section::Ordered { lines } => {
            !lines.is_empty()
        }
        Section::Changed(changed) => changed.moved_total + changed.events_total > 0,
        Section::Pools { lines } => lines.iter().any(|pool| pool.severity > Severity::Ok),
        Section::Health(health) => !is_well(health),
        Section::Idle { .. } | Section::Money(_) => false,
    };
    !report.sections.iter().any(says)
}

/// Leaves as many as are listed; the others.
fn cut<T>(topic: Topic, lines: &mut Vec<T>, left_out: &mut Vec<(Topic, usize)>) -> Vec<T> {
    let others = lines.split_off(lines.len().min(LISTED));
    if !others.is_empty() {
        left_out.push((topic, others.len()));
    }
    others
}

fn cut_lines(
    topic: Topic,
    lines: &mut Vec<Line>,
    left_out: &mut Vec<(Topic, usize)>,
) -> impl Iterator<Item = (Topic, Line)> + use<> {
    let others = cut(topic, lines, left_out).into_iter();
    others.map(move |line| (topic, line))
}

/// Whether levels are known: none was lost, and not all are missing.
fn is_seen(all: &[Sorted], products: Counts) -> bool {
    let lost = |sorted: &Sorted| sorted.speaks && !sorted.gone && !sorted.line.known;
    let known = products.total() - products.unknown;
    !all.iter().any(lost) && (known > 0 || products.unknown == 0)
}

fn all_is_well(all: &[Sorted], pools: &[PoolLine], health: &Health) -> bool {
    let late = |ack: &Option<AckRef>| ack.as_ref().is_some_and(|ack| ack.overdue);
    let overdue = |sorted: &Sorted| late(&sorted.line.ack);
    let empty =
        |pool: &PoolLine| late(&pool.ack) || (pool.severity >= Severity::Critical && pool.ack.is_none());
    act_now(all).is_empty()
        && running_out(all, false).is_empty()
        && !all.iter().any(overdue)
        && !pools.iter().any(empty)
        && is_well(health)
}

fn is_well(health: &Health) -> bool {
    let blind = health.gaps.iter().any(|(_, _, until)| until.is_none());
    health.dead_letters == 0 && health.overdue_reports.is_empty() && health.never_read.is_empty() && !blind
}

fn sorted(
    all: &[Sorted],
    wanted: impl Fn(&Sorted) -> bool,
    order: impl Fn(&Line, &Line) -> Ordering,
) -> Vec<Line> {
    let mut lines: Vec<&Line> = all
        .iter()
        .filter(|sorted| wanted(sorted))
        .map(|sorted| &sorted.line)
        .collect();
    // Stable: among equals the order of shops and products stays.
    lines.sort_by(|a, b| order(a, b));
    lines.into_iter().cloned().collect()
}

fn amount(line: &Line) -> i64 {
    line.lost.as_ref().map_or(0, |lost| lost.hundredths)
}

fn act_now(all: &[Sorted]) -> Vec<Line> {
    sorted(all, is_to_act_on, |a, b| {
        let key = |line: &Line| (Reverse(line.severity), Reverse(amount(line)), line.since);
        key(a).cmp(&key(b))
    })
}

fn is_to_act_on(sorted: &Sorted) -> bool {
    let open = sorted.speaks && !sorted.gone && !sorted.spoken_for;
    open && sorted.line.severity >= Severity::Critical && sorted.line.ack.is_none()
}

fn running_out(all: &[Sorted], without_acted: bool) -> Vec<Line> {
    let wanted = |sorted: &Sorted| {
        let line = &sorted.line;
        let short = match (&line.cover, line.lead_time_days) {
            (Some(cover), Some(lead)) => cover.days < lead,
            (None, _) | (_, None) => false,
        };
        let there = line.known && line.severity < Severity::Out && sorted.speaks && !sorted.gone;
        short && there && line.ack.is_none() && !(without_acted && is_to_act_on(sorted))
    };
    sorted(all, wanted, |a, b| {
        let days = |line: &Line| line.cover.map_or(f64::INFINITY, |cover| cover.days);
        days(a).total_cmp(&days(b))
    })
}

fn ordered(all: &[Sorted]) -> Vec<Line> {
    let wanted = |sorted: &Sorted| sorted.line.ack.is_some() && !sorted.gone;
    sorted(all, wanted, |a, b| {
        let key = |line: &Line| {
            let ack = line.ack.as_ref();
            let eta = ack.and_then(|ack| ack.eta);
            let overdue = ack.is_some_and(|ack| ack.overdue);
            (
                Reverse(overdue),
                eta.unwrap_or(Timestamp::MAX),
                Reverse(line.severity),
            )
        };
        key(a).cmp(&key(b))
    })
}

fn changed(
    all: &[Sorted],
    events: &[Happened],
    left_out: &mut Vec<(Topic, usize)>,
    beyond: &mut Beyond,
) -> Changed {
    let moves = |sorted: &Sorted| sorted.line.sold > 0 || sorted.line.restocked > 0;
    let mut moved = sorted(all, moves, |a, b| {
        let key = |line: &Line| (Reverse(line.sold), Reverse(line.restocked));
        key(a).cmp(&key(b))
    });
    let mut events = events.to_vec();
    let (moved_total, events_total) = (moved.len(), events.len());
    let others = moved.split_off(moved_total.min(LISTED)).into_iter();
    beyond.lines.extend(others.map(|line| (Topic::Changed, line)));
    beyond.events = events.split_off(events_total.min(LISTED));
    let more = moved_total - moved.len() + events_total - events.len();
    if more > 0 {
        left_out.push((Topic::Changed, more));
    }
    Changed {
        moved,
        moved_total,
        events,
        events_total,
    }
}

/// In stock, and watched without a sale for as long as it takes to be idle.
fn idle(all: &[Sorted], outline: &Outline, now: Timestamp) -> Vec<Line> {
    let after = SignedDuration::try_from(outline.idle_after).unwrap_or(SignedDuration::MAX);
    let long_ago = |at: Timestamp| now.duration_since(at) >= after;
    let wanted = |sorted: &Sorted| {
        let watched = sorted.movement.counted_since.is_some_and(long_ago);
        let in_stock = sorted.line.known && sorted.line.level > Some(0);
        in_stock && sorted.speaks && !sorted.gone && watched && sorted.movement.fell_at.is_none_or(long_ago)
    };
    sorted(all, wanted, |a, b| b.level.cmp(&a.level))
}

fn lost_money(all: &[Sorted], left_out: &mut Vec<(Topic, usize)>, beyond: &mut Beyond) -> Money {
    let wanted = |sorted: &Sorted| sorted.line.lost.is_some() && sorted.speaks;
    let mut lines = sorted(all, wanted, |a, b| amount(b).cmp(&amount(a)));
    let mut total: BTreeMap<String, i64> = BTreeMap::new();
    for lost in lines.iter().filter_map(|line| line.lost.as_ref()) {
        let sum = total.entry(lost.currency.clone()).or_default();
        *sum = sum.saturating_add(lost.hundredths);
    }
    beyond.lines.extend(cut_lines(Topic::Money, &mut lines, left_out));
    Money {
        lines,
        total: total
            .into_iter()
            .map(|(currency, hundredths)| Amount { currency, hundredths })
            .collect(),
        assumptions: std::iter::once(money::ASSUMPTIONS)
            .chain(ASSUMPTIONS)
            .map(str::to_owned)
            .collect(),
    }
}

/// The pools of the shops that the report is about, worst first.
fn pools(outline: &Outline, board: &Board, acks: &HashMap<String, AckRef>) -> Vec<PoolLine> {
    let concerned =
        |pool: &&Pool| outline.instances.is_empty() || pool.shops.iter().any(|shop| outline.concerns(shop));
    let mut pools: Vec<PoolLine> = board
        .pools
        .iter()
        .filter(concerned)
        .map(|pool| PoolLine {
            name: pool.name.to_string(),
            capacity: pool.capacity,
            level: pool.level.known(),
            severity: pool.severity().unwrap_or_default(),
            cover: pool.cover,
            holds_back: pool.held_back(),
            ack: acks.get(&*pool.name).cloned(),
        })
        .collect();
    pools.sort_by_key(|pool| Reverse(pool.severity));
    pools
}

/// What happened in the groups that the report is about.
fn events(outline: &Outline, shops: &[Known<'_>], events: Vec<Happened>) -> Vec<Happened> {
    let concerned = |event: &Happened| {
        let shop = shops.iter().find(|shop| shop.instance == event.instance);
        let product = shop.and_then(|shop| shop.memory.product(event.product.id));
        product.is_some_and(|product| {
            outline.concerns(&event.instance)
                && outline.concerns_group(product.group_id, product.group.as_ref())
        })
    };
    events.into_iter().filter(concerned).collect()
}
