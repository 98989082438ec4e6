//! The rules told again from their text alone, short and slow: what must be said, given what the shop showed.
//!
//! It knows nothing of how the monitor decides; only the words of `docs/alerts.md`, one product and one channel at a time.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::setup::Again;
use crate::setup::CRITICAL;
use crate::setup::LOW;
use crate::setup::NAMES;
use crate::setup::OK;
use crate::setup::OUT;
use crate::setup::Setup;
use crate::setup::Terms;
use crate::shop::Figures;
use crate::shop::Shown;

/// Something that must be said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// When it reaches the channel.
    pub at: Timestamp,
    pub channel: &'static str,
    /// `17 worse out (was low), 0 left`, `17 new`, `source.down` …
    pub text: String,
}

impl Said {
    /// The product it is about.
    pub fn id(&self) -> Option<i64> {
        self.text.split(' ').next()?.parse().ok()
    }
}

/// Everything the rules remember.
pub struct Model<'a> {
    setup: &'a Setup,
    series: BTreeMap<i64, Series>,
    /// Something was accepted already.
    begun: bool,
    /// Since when nothing was accepted, and how many polls.
    failing: Option<(Timestamp, u32)>,
    down: bool,
    /// The last day on which each channel had its reminder.
    reminded: Vec<Option<Date>>,
    pub said: Vec<Said>,
}

/// A product.
#[derive(Debug, Clone)]
struct Series {
    group: i64,
    /// `None` while it cannot be read.
    level: Option<i64>,
    last: Option<i64>,
    severity: usize,
    /// Since when the level has called for at least this severity without a break.
    called: [Option<Timestamp>; 4],
    left_out: Option<Timestamp>,
    unknown_since: Option<Timestamp>,
    missing: u32,
    gone: bool,
    born_open: bool,
    told: Vec<Told>,
}

/// What one channel was told of a product.
#[derive(Debug, Clone, Copy)]
struct Told {
    severity: usize,
    at: Timestamp,
}

/// How a product is told of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Speak,
    CountsAsTold,
    Withdraw,
}

impl<'a> Model<'a> {
    pub fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            series: BTreeMap::new(),
            begun: false,
            failing: None,
            down: false,
            reminded: vec![None; setup.channels.len()],
            said: Vec::new(),
        }
    }

    /// A poll at `now`.
    pub fn polled(&mut self, shown: &Shown, now: Timestamp) {
        match shown {
            Shown::Catalogue(shown) => self.accepted(shown, now),
            Shown::Empty | Shown::Failed(_) => self.not_accepted(now),
        }
    }

    fn not_accepted(&mut self, now: Timestamp) {
        let (since, polls) = self.failing.map_or((now, 1), |(since, polls)| (since, polls + 1));
        self.failing = Some((since, polls));
        let long = now.duration_since(since) >= self.setup.down_after && polls >= self.setup.down_polls;
        if long && !self.down {
            self.down = true;
            self.of_the_source("source.down", now);
        }
    }

    fn of_the_source(&mut self, text: &str, now: Timestamp) {
        for place in 0..self.setup.channels.len() {
            if self.hears_of_the_shop(place) {
                self.say(place, text.to_owned(), now);
            }
        }
    }

    /// Every channel that hears of the shop's products.
    fn hears_of_the_shop(&self, place: usize) -> bool {
        self.setup.channels[place].default
            || self
                .setup
                .groups
                .iter()
                .any(|terms| terms.channels.contains(&place))
    }

    fn say(&mut self, place: usize, text: String, now: Timestamp) {
        self.said.push(Said {
            at: now,
            channel: self.setup.channels[place].name,
            text,
        });
    }

    fn accepted(&mut self, shown: &BTreeMap<i64, Figures>, now: Timestamp) {
        self.failing = None;
        if std::mem::take(&mut self.down) {
            self.of_the_source("source.up", now);
        }
        for (id, (group, level)) in shown {
            self.present(*id, *group, *level, now);
        }
        let absent: Vec<i64> = self
            .series
            .keys()
            .filter(|id| !shown.contains_key(id))
            .copied()
            .collect();
        for id in absent {
            self.absent(id, now);
        }
        if !self.begun {
            self.begun = true;
            for place in 0..self.setup.channels.len() {
                if self.hears_of_the_shop(place) {
                    let text = self.baseline(place);
                    self.say(place, text, now);
                }
            }
        }
    }

    /// `baseline of 84: 2 out, 1 critical, 5 low`
    fn baseline(&self, place: usize) -> String {
        let heard = self
            .series
            .values()
            .filter(|one| self.setup.terms(one.group).channels.contains(&place));
        let mut counts = [0; 4];
        heard.for_each(|one| counts[one.severity] += 1);
        let [ok, low, critical, out] = counts;
        format!(
            "baseline of {}: {out} out, {critical} critical, {low} low",
            ok + low + critical + out
        )
    }

    fn present(&mut self, id: i64, group: i64, level: Option<i64>, now: Timestamp) {
        let terms = self.setup.terms(group);
        let Some(mut one) = self.series.remove(&id) else {
            let mut one = Series::new(group, self.setup.channels.len(), now);
            one.first_sight(level, terms, now);
            one.born_open = self.begun && one.severity != OK;
            if self.begun {
                self.product_event(id, group, "new", now);
            }
            self.tell(id, &mut one, Manner::CountsAsTold, now);
            self.series.insert(id, one);
            return;
        };
        one.missing = 0;
        if one.gone {
            one.gone = false;
            one.first_sight(level, terms, now);
            one.born_open = one.severity != OK;
            self.product_event(id, group, "returned", now);
            self.tell(id, &mut one, Manner::CountsAsTold, now);
        } else {
            one.looked_at(level, terms, now);
            self.tell(id, &mut one, Manner::Speak, now);
        }
        self.series.insert(id, one);
    }

    fn absent(&mut self, id: i64, now: Timestamp) {
        let Some(mut one) = self.series.remove(&id) else {
            return;
        };
        one.missing += 1;
        if one.missing == 3 {
            one.gone = true;
            self.product_event(id, one.group, "gone", now);
            self.tell(id, &mut one, Manner::Withdraw, now);
            one.severity = OK;
            one.born_open = false;
        }
        self.series.insert(id, one);
    }

    fn product_event(&mut self, id: i64, group: i64, text: &str, now: Timestamp) {
        for place in self.setup.terms(group).channels.clone() {
            self.say(place, format!("{id} {text}"), now);
        }
    }

    fn tell(&mut self, id: i64, one: &mut Series, manner: Manner, now: Timestamp) {
        // What is unknown says nothing, except that it is over.
        if one.level.is_none() && manner != Manner::Withdraw {
            return;
        }
        let terms = self.setup.terms(one.group);
        let held = one
            .left_out
            .is_some_and(|since| now.duration_since(since) >= minutes(terms.hold));
        for place in 0..self.setup.channels.len() {
            let told = one.told[place].severity;
            let seen = self.setup.channels[place].view(one.severity);
            let view = match manner {
                Manner::Withdraw => OK,
                Manner::Speak | Manner::CountsAsTold if terms.channels.contains(&place) => seen,
                Manner::Speak | Manner::CountsAsTold => seen.min(told),
            };
            let reason = match (told, view) {
                _ if manner == Manner::CountsAsTold => None,
                (told, view) if told == view => None,
                _ if manner == Manner::Withdraw => Some("withdrawn"),
                (OK, _) => Some("first"),
                (told, view) if view > told => Some("worse"),
                // Worse than the channel takes is no recovery.
                (told, _) if one.severity >= told => None,
                (_, OK) => Some("recovered"),
                (OUT, _) if held => Some("better"),
                _ => None,
            };
            if let Some(reason) = reason {
                self.say(place, alert(id, reason, view, told, one.last), now);
            }
            if reason.is_some() || manner == Manner::CountsAsTold {
                one.heard(place, view, now);
            }
        }
        if held {
            one.left_out = None;
        }
    }

    /// A round of reminders at `now`.
    pub fn reminders(&mut self, now: Timestamp) {
        let day = now.to_zoned(self.setup.zone.clone()).date();
        let slot = day
            .to_datetime(self.setup.remind_at)
            .to_zoned(self.setup.zone.clone())
            .ok();
        let Some(slot) = slot.map(|slot| slot.timestamp()) else {
            return;
        };
        for place in 0..self.setup.channels.len() {
            let due = slot <= now && self.reminded[place] != Some(day);
            if due {
                self.reminded[place] = Some(day);
            }
            if !self.down {
                self.remind(place, due.then_some(slot), now);
            }
        }
    }

    fn remind(&mut self, place: usize, slot: Option<Timestamp>, now: Timestamp) {
        let mut series = std::mem::take(&mut self.series);
        for (id, one) in &mut series {
            let terms = self.setup.terms(one.group);
            let Told { severity: told, at } = one.told[place];
            let view = self.setup.channels[place].view(one.severity);
            let open = told > OK && view > OK && terms.channels.contains(&place);
            if !open || one.gone || one.born_open || one.level.is_none() {
                continue;
            }
            let before_slot = slot.is_some_and(|slot| at < slot);
            let age = now.duration_since(at);
            let due = match terms.again {
                Again::Never => false,
                Again::Daily => before_slot && view >= CRITICAL,
                // Whole days are counted in mornings, whatever the hour of the last word.
                Again::Hours(hours) if hours >= 24 => before_slot && age >= minutes(60 * (hours - 12)),
                Again::Hours(hours) => age >= minutes(60 * hours),
            };
            if due {
                self.say(place, alert(*id, "reminder", view, view, one.last), now);
                one.told[place].at = now;
            }
        }
        self.series = series;
    }
}

fn alert(id: i64, reason: &str, severity: usize, was: usize, left: Option<i64>) -> String {
    let left = left.map_or_else(|| "?".to_owned(), |left| left.to_string());
    format!(
        "{id} {reason} {} (was {}), {left} left",
        NAMES[severity], NAMES[was]
    )
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// What a level calls for.
fn calls_for(level: i64, terms: &Terms) -> usize {
    match level {
        i64::MIN..=0 => OUT,
        n if n <= terms.critical.min(terms.low) => CRITICAL,
        n if n <= terms.low => LOW,
        _ => OK,
    }
}

impl Series {
    fn new(group: i64, channels: usize, now: Timestamp) -> Self {
        Self {
            group,
            level: None,
            last: None,
            severity: OK,
            called: [None; 4],
            left_out: None,
            unknown_since: None,
            missing: 0,
            gone: false,
            born_open: false,
            told: vec![
                Told {
                    severity: OK,
                    at: now
                };
                channels
            ],
        }
    }

    fn heard(&mut self, place: usize, severity: usize, now: Timestamp) {
        if self.told[place].severity != severity {
            self.told[place] = Told { severity, at: now };
        }
    }

    /// The level as it is, at once.
    fn first_sight(&mut self, level: Option<i64>, terms: &Terms, now: Timestamp) {
        self.level = level;
        self.last = level.or(self.last);
        self.called = [None; 4];
        self.left_out = None;
        self.unknown_since = level.is_none().then_some(now);
        if let Some(level) = level {
            self.severity = calls_for(level, terms);
        }
    }

    /// The level as a further poll shows it: the severity moves where that is confirmed.
    fn looked_at(&mut self, level: Option<i64>, terms: &Terms, now: Timestamp) {
        self.level = level;
        let Some(level) = level else {
            self.unknown_since.get_or_insert(now);
            return;
        };
        self.last = Some(level);
        if let Some(since) = self.unknown_since.take() {
            // While it was unknown, the clocks stood still.
            let stood = now.duration_since(since);
            for clock in self.called.iter_mut().chain([&mut self.left_out]).flatten() {
                *clock += stood;
            }
        }
        let called = calls_for(level, terms);
        self.born_open &= level <= terms.low;
        let was = self.severity;
        for severity in LOW..=OUT {
            if called < severity || severity <= was {
                self.called[severity] = None;
                continue;
            }
            let since = *self.called[severity].get_or_insert(now);
            let wait = if severity == OUT {
                terms.confirm_out
            } else {
                terms.confirm
            };
            if now.duration_since(since) >= minutes(wait) {
                self.severity = severity;
            }
        }
        let in_margin = was == LOW && level <= terms.low + terms.margin;
        if called < was && !(called == OK && in_margin) {
            self.severity = called;
        }
        match (was, self.severity) {
            (OUT, LOW | CRITICAL) => self.left_out = Some(now),
            (_, OK | OUT) => self.left_out = None,
            _ => {}
        }
        self.born_open &= self.severity != OK;
    }
}
