//! The rows of the overview that are shown: each with what a reader needs to know of it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::forecast;
use crate::domain::forecast::Cover;
use crate::domain::limit::Sentence;
use crate::domain::pool::Bottleneck;
use crate::notify::people;
use crate::observe::items::Entry;
use crate::observe::said::Said;
use crate::observe::view::Seen;
use crate::web::addresses;
use crate::web::index::Anchor;
use crate::web::index::Head;
use crate::web::index::Index;
use crate::web::index::Unit;
use crate::web::overview::Group;
use crate::web::overview::is_soon;
use crate::web::overview::why_unknown;
use crate::web::pools;
use crate::web::selection::Selection;
use crate::web::show::Ago;
use crate::web::show::Named;
use crate::web::show::Words;
use crate::web::show::grouped;
use crate::web::trend::Trend;

/// Lines under a row; more of them are on the product's page.
const LINES: usize = 12;
/// Combinations named in a line.
const NAMES: usize = 4;

/// What the rows are made from.
pub struct Aside<'a> {
    pub seen: &'a Seen,
    pub index: &'a Index,
    pub said: &'a Said,
    /// How the products of the shown rows stood in the slots of the last days, by shop and series.
    pub past: &'a Pasts,
    pub now: Timestamp,
}

/// The past of some series, by the place of their shop and their number.
pub type Pasts = HashMap<(u32, u32), Arc<[Option<i64>]>>;

/// A row of the overview.
pub enum Row<'a> {
    Product(Box<Product<'a>>),
    Pool(Box<Held<'a>>),
}

/// A product, and those of its combinations that stand otherwise.
pub struct Product<'a> {
    pub id: String,
    pub link: String,
    pub name: Named<'a>,
    pub shop: &'a str,
    pub group: Option<&'a str>,
    pub number: i64,
    pub retired: bool,
    pub hidden: bool,
    pub per_choice: bool,
    /// How many combinations are as the product is.
    pub likewise: usize,
    pub stand: Stand<'a>,
    pub trend: Option<Trend>,
    pub lines: Vec<Line<'a>>,
    /// What the lines come to: `3 combinations: 2 out, 1 low`.
    pub summary: String,
    pub more: usize,
}

/// A pool, and what it speaks for.
pub struct Held<'a> {
    pub id: String,
    pub pool: pools::Row<'a>,
    pub lines: Vec<Line<'a>>,
    /// What the lines come to: `What it limits: 12 out`.
    pub summary: String,
    pub more: usize,
}

/// How a series stands.
pub struct Stand<'a> {
    pub place: Group,
    pub level: String,
    /// The last figure that was another one.
    pub was: Option<i64>,
    /// Thresholds, where stock is controlled.
    pub limits: Option<pools::Limits<'a>>,
    pub lasts: Option<Lasts>,
    pub since: Option<Ago>,
    pub read: Option<Ago>,
    /// What limits its level.
    pub limit: Option<Sentence>,
    /// Why it is not known.
    pub why: Option<&'static str>,
    /// The last figure of a level that is not known, and when it was read.
    pub last_known: Option<(i64, Ago)>,
    /// Who has taken it on, what keeps it from being told of; each with whether it is overdue.
    pub people: Vec<(Words, bool)>,
}

/// How long what is left lasts.
pub struct Lasts {
    /// `about 6 days`
    pub about: String,
    /// `4 to 9 days`
    pub range: Option<String>,
    pub soon: bool,
}

/// Series that stand alike, under the row of what they share.
pub struct Line<'a> {
    pub place: Group,
    pub level: String,
    pub names: Vec<Link<'a>>,
    /// How many more are like that.
    pub more: usize,
    pub limit: Option<Sentence>,
    pub why: Option<&'static str>,
    pub people: Vec<(Words, bool)>,
}

/// A name in a line, and where more of it stands.
pub struct Link<'a> {
    pub product: Option<Named<'a>>,
    pub combination: Option<&'a str>,
    pub link: String,
}

/// The row as it is shown.
#[must_use]
pub fn row<'a>(head: &Head, selection: &Selection<'_>, aside: &Aside<'a>) -> Row<'a> {
    let units: Vec<&Unit> = selection.units(head).collect();
    match head.anchor {
        Anchor::Product { shop, product } => {
            Row::Product(Box::new(of_product((shop, product), head, &units, aside)))
        }
        Anchor::Pool(place) => Row::Pool(Box::new(of_pool(place, &units, aside))),
    }
}

fn of_product<'a>(at: (u32, u32), head: &Head, units: &[&Unit], aside: &Aside<'a>) -> Product<'a> {
    let Aside { seen, index, .. } = aside;
    let shop = &seen.instances[at.0 as usize];
    let product = &shop.memory.products[at.1 as usize];
    let entry = Entry {
        instance: &shop.name,
        forecasts: &shop.memory.forecasts,
        observed_at: shop.memory.source.last_accepted_at,
        product,
        combination: None,
    };
    let own = index.units(head).first().filter(|unit| !unit.is_combination());
    let combinations: Vec<&Unit> = units
        .iter()
        .copied()
        .filter(|unit| unit.is_combination())
        .collect();
    let (lines, more) = lines(&combinations, false, aside);
    Product {
        id: format!("p{}-{}", at.0, product.id),
        link: addresses::product(&shop.name, product.id, None),
        name: Named {
            name: product.name.shown(),
            number: product.id,
        },
        shop: &shop.name,
        group: product.group.as_ref().map(|group| group.shown()),
        number: product.id,
        retired: product.retired == Some(true),
        hidden: product.hidden == Some(true),
        per_choice: product.per_choice,
        likewise: own.map_or(0, |own| index.folded(own).len()),
        trend: trend(&entry, at.0, aside),
        stand: stand(&entry, aside),
        lines,
        more,
        summary: format!(
            "{}: {}",
            combinations_of(combinations.len()),
            counted(&combinations)
        ),
    }
}

/// How it went; `None` where the database did not tell.
fn trend(entry: &Entry<'_>, shop: u32, aside: &Aside<'_>) -> Option<Trend> {
    let past = aside.past.get(&(shop, entry.series().number))?;
    let controlled = Group::of(entry) != Group::NotControlled;
    Some(Trend {
        levels: past.iter().copied().chain([entry.level()]).collect(),
        low: Some(entry.thresholds().low),
    })
    // One figure is no course.
    .filter(|trend| controlled && trend.levels.iter().flatten().count() > 1)
}

/// The series of the products of those rows, by the place of their shop.
#[must_use]
pub fn series_of<'i>(heads: impl Iterator<Item = &'i Head>, seen: &Seen) -> Vec<Vec<u32>> {
    let mut series = vec![Vec::new(); seen.instances.len()];
    for head in heads {
        if let Anchor::Product { shop, product } = head.anchor {
            let place = shop as usize;
            let tracked = &seen.instances[place].memory.products[product as usize];
            series[place].push(tracked.series.number);
        }
    }
    series
}

/// `1 combination`, `12 combinations`.
fn combinations_of(count: usize) -> String {
    format!("{count} combination{}", if count == 1 { "" } else { "s" })
}

/// `2 out, 1 low`
fn counted(units: &[&Unit]) -> String {
    let counts = Group::ALL.into_iter().map(|group| {
        let count = units.iter().filter(|unit| unit.group == group).count();
        (count, group)
    });
    let counts = counts.filter(|(count, _)| *count > 0);
    let words: Vec<String> = counts
        .map(|(count, group)| format!("{count} {}", group.title().to_lowercase()))
        .collect();
    words.join(", ")
}

fn of_pool<'a>(place: u32, units: &[&Unit], aside: &Aside<'a>) -> Held<'a> {
    let Aside { seen, said, now, .. } = *aside;
    let pool = &seen.pools.pools[place as usize];
    let (lines, more) = lines(units, true, aside);
    Held {
        id: format!("pool{place}"),
        pool: pools::said_row(pool, seen, said, now),
        lines,
        more,
        summary: format!("What it limits: {}", counted(units)),
    }
}

/// How that series stands.
#[must_use]
pub fn stand<'a>(entry: &Entry<'a>, aside: &Aside<'a>) -> Stand<'a> {
    let Aside { seen, now, .. } = *aside;
    let place = Group::of(entry);
    let series = entry.series();
    let thresholds = entry.thresholds();
    let ago = |at| Ago { at, now };
    let shop = seen.instance(entry.instance);
    // A pool says for itself why it is not known.
    let why = shop.and_then(|shop| why_unknown(entry, &shop.memory.source));
    Stand {
        place,
        level: level(entry),
        was: entry.level().and(series.previous_level),
        limits: (place != Group::NotControlled).then_some(pools::Limits {
            low: thresholds.low,
            critical: thresholds.critical,
            origin: &thresholds.origin,
        }),
        lasts: entry
            .cover()
            .filter(|_| entry.level().is_some_and(|level| level > 0))
            .map(|cover| lasts(&cover, is_soon(Some(cover), thresholds.cover))),
        since: series
            .frozen_since
            .or(entry.severity().map(|_| series.since))
            .map(ago),
        read: entry.observed_at.map(ago),
        limit: entry.why(&seen.pools, pools::STYLE),
        why: why.filter(|_| entry.pool(&seen.pools).is_none()),
        last_known: series
            .last_level
            .zip(series.last_known_at.map(ago))
            .filter(|_| entry.state() == "unknown"),
        people: said_of(entry, aside),
    }
}

/// The figure; never a figure where none is known.
fn level(entry: &Entry<'_>) -> String {
    match (entry.level(), Group::of(entry)) {
        (Some(level), _) => grouped(level),
        (None, Group::NotControlled) => "–".to_owned(),
        (None, _) if entry.state() == "not_controlled" => "–".to_owned(),
        (None, _) => "?".to_owned(),
    }
}

fn said_of(entry: &Entry<'_>, aside: &Aside<'_>) -> Vec<(Words, bool)> {
    let said = aside.said;
    let ack = said
        .ack(entry)
        .map(|ack| (Words(people::taken(&ack)), ack.overdue));
    let silenced = said.silenced(entry);
    let silenced = silenced.map(|by| (Words(people::muted(&by)), false));
    ack.into_iter().chain(silenced).collect()
}

/// How long it lasts, with the range in which that most probably lies.
#[must_use]
pub fn lasts(cover: &Cover, soon: bool) -> Lasts {
    let short = |days: f64| {
        if days < 1.0 {
            "<1".to_owned()
        } else {
            format!("{:.0}", days.round())
        }
    };
    let (from, to) = (short(cover.earliest), cover.latest.map(short));
    let range = match to {
        // What lasts a year needs no range.
        _ if cover.days > 365.0 => None,
        Some(to) if to == from => None,
        Some(to) => Some(format!("{from} to {to} days")),
        None => Some(format!("{from} days or more")),
    };
    Lasts {
        about: forecast::about(cover.days),
        range,
        soon,
    }
}

/// The series in as few lines as say it all: those that stand alike for the same reason share one.
fn lines<'a>(units: &[&Unit], with_product: bool, aside: &Aside<'a>) -> (Vec<Line<'a>>, usize) {
    type Alike<'a> = (Group, Option<i64>, Option<&'a Bottleneck>, Option<i64>);
    let mut sorts: Vec<(Alike<'a>, Vec<Entry<'a>>)> = Vec::new();
    for unit in units {
        let entry = unit.entry(aside.seen);
        // Of what a pool holds back each product is a line.
        let alike = match with_product {
            true => (
                Group::Out,
                None,
                None,
                Some(unit.id() + i64::from(unit.shop) * (1 << 40)),
            ),
            false => (unit.group, entry.level(), entry.bottleneck(), None),
        };
        match sorts.iter_mut().find(|(known, _)| *known == alike) {
            Some((_, entries)) => entries.push(entry),
            None => sorts.push((alike, vec![entry])),
        }
    }
    let more = sorts.iter().skip(LINES).map(|(_, entries)| entries.len()).sum();
    let shown = sorts.iter().take(LINES);
    let shown = shown.filter_map(|(_, entries)| line(entries, with_product, aside));
    (shown.collect(), more)
}

fn line<'a>(entries: &[Entry<'a>], with_product: bool, aside: &Aside<'a>) -> Option<Line<'a>> {
    let first = entries
        .iter()
        .min_by_key(|entry| (Group::of(entry), entry.level()))?;
    let stand = stand(first, aside);
    let people = entries.iter().flat_map(|entry| said_of(entry, aside));
    let named = |entry: &Entry<'a>| Link {
        product: with_product.then(|| Named {
            name: entry.product.name.shown(),
            number: entry.product.id,
        }),
        combination: entry.combination.map(|combination| &*combination.label),
        link: addresses::product(
            entry.instance,
            entry.product.id,
            entry
                .combination
                .map(|combination| combination.key.to_string())
                .as_deref(),
        ),
    };
    Some(Line {
        place: stand.place,
        level: stand.level,
        names: entries.iter().take(NAMES).map(named).collect(),
        more: entries.len().saturating_sub(NAMES),
        // Under a pool's row it is that pool.
        limit: stand.limit.filter(|_| !with_product),
        why: stand.why.filter(|_| !with_product),
        people: people.take(2).collect(),
    })
}
