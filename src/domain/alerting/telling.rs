//! Who is told what: a series' severity against what each channel was told, gathered into one message a channel.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::about::About;
use crate::domain::alerting::about::alert_id;
use crate::domain::alerting::about::product_ref;
use crate::domain::alerting::about::worst_first;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Told;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::message::ALERTS_PER_MESSAGE;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::CombinationRef;
use crate::domain::message::Message;
use crate::domain::message::OPEN_LISTED;
use crate::domain::message::Open;
use crate::domain::message::PoolRef;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::message::Severity;
use crate::domain::message::Status;
use crate::domain::pool::Board;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::Limited;

/// How a series is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What differs from what was told is told.
    Speak { rule_changed: bool },
    /// First sight: what is open counts as told.
    Settle,
    /// Gone, retired or no longer counted: open alerts are taken back.
    Withdraw,
    /// A combination that is no worse than its product, or what a pool speaks for: only good news.
    Muted,
}

/// What one channel is to hear of this look.
#[derive(Debug, Default)]
struct Gathered {
    alerts: Vec<Alert>,
    events: Vec<ProductEvent>,
}

/// Gathers, over all series of a look, what each channel is to hear.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    rules: &'a Rules,
    instance: &'a str,
    now: Timestamp,
    names: Vec<Arc<str>>,
    /// Channels whose baseline this is: what is open counts as told.
    baselining: Vec<bool>,
    gathered: Vec<Gathered>,
    pools: Spoken,
}

/// The pools as they stand when a look is told of.
#[derive(Debug, Clone, Default)]
pub(super) struct Spoken {
    pub board: Arc<Board>,
    /// Those that are there and concern the shop.
    pub pools: Vec<Arc<Tracked>>,
}

impl Spoken {
    fn pool(&self, name: &str) -> Option<&Arc<Tracked>> {
        self.pools.iter().find(|pool| pool.name.raw() == name)
    }
}

impl<'a> Telling<'a> {
    pub(super) fn new(rules: &'a Rules, instance: &'a str, now: Timestamp) -> Self {
        let names = rules
            .channels
            .iter()
            .map(|channel| Arc::from(channel.name.as_str()))
            .collect();
        let gathered = rules.channels.iter().map(|_| Gathered::default()).collect();
        Self {
            rules,
            instance,
            now,
            names,
            baselining: vec![false; rules.channels.len()],
            gathered,
            pools: Spoken::default(),
        }
    }

    /// From here on these pools speak for what they limit, and are among what is open.
    pub(super) fn set_pools(&mut self, pools: Spoken) {
        self.pools = pools;
    }

    pub(super) fn set_baselining(&mut self, channels: &[usize]) {
        for channel in channels {
            self.baselining[*channel] = true;
        }
    }

    /// Tells of an event every channel the product is routed to.
    pub(super) fn product_event(&mut self, effective: &Effective, event: &ProductEvent) {
        for channel in &effective.channels {
            self.gathered[*channel].events.push(event.clone());
        }
    }

    /// Compares the series with what each channel was told, and tells what differs.
    pub(super) fn series(
        &mut self,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        mode: Mode,
    ) {
        let silent: Vec<bool> = (0..self.names.len())
            .map(|channel| self.is_silent_baseline(channel))
            .collect();
        self.series_where(series, effective, about, mode, &silent);
    }

    /// As [`Telling::series`], for a pool: a channel that hears of its first shop now takes what is open as told,
    /// unless it heard of pools before (`introduced`) and the pool is not `fresh`.
    pub(super) fn pool(
        &mut self,
        pool: &Tracked,
        mode: Mode,
        fresh: bool,
        introduced: &[Arc<str>],
    ) -> SeriesState {
        let mut series = pool.series.clone();
        let silent: Vec<bool> = (0..self.names.len())
            .map(|channel| {
                self.is_silent_baseline(channel) && (fresh || !introduced.contains(&self.names[channel]))
            })
            .collect();
        self.series_where(&mut series, &pool.effective, About::Pool(pool), mode, &silent);
        series
    }

    /// `silent` are the channels to which what is open counts as told.
    fn series_where(
        &mut self,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        mode: Mode,
        silent: &[bool],
    ) {
        if series.told.is_empty() && series.severity == Severity::Ok {
            return;
        }
        self.forget_removed(series);
        // A frozen series says nothing, except that it is over; for a new channel it counts as told all the same.
        let frozen = series.level == Level::Unknown && mode != Mode::Withdraw;
        for (channel, silent) in silent.iter().enumerate() {
            let spoken_for =
                matches!(mode, Mode::Speak { .. }) && self.is_spoken_for(channel, series.severity, about);
            let mode = if spoken_for { Mode::Muted } else { mode };
            if !frozen || *silent {
                self.one_channel(channel, *silent, series, effective, about, mode);
            }
        }
        if matches!(mode, Mode::Speak { .. }) && !frozen && self.is_held(series, effective) {
            series.better_since = None;
        }
    }

    /// Forgets what channels were told that are no longer there.
    pub(super) fn forget_removed(&self, series: &mut SeriesState) {
        series.told.retain(|told| self.names.contains(&told.channel));
    }

    /// Whether what is open counts as told to the channel.
    fn is_silent_baseline(&self, channel: usize) -> bool {
        self.baselining[channel] && !self.rules.first_run_alerts
    }

    /// Whether the series left out long enough ago for that to be said.
    fn is_held(&self, series: &SeriesState, effective: &Effective) -> bool {
        series.better_since.is_some_and(|since| {
            let hold = SignedDuration::try_from(effective.hold).unwrap_or(SignedDuration::MAX);
            self.now.duration_since(since) >= hold
        })
    }

    /// Whether the pool that limits it tells the channel as much, or worse.
    pub(super) fn is_spoken_for(&self, channel: usize, severity: Severity, about: About<'_>) -> bool {
        let limiting = about.bottleneck().and_then(Bottleneck::pool);
        let Some(pool) = limiting.and_then(|name| self.pools.pool(name)) else {
            return false;
        };
        let policy = &self.rules.channels[channel];
        let heard = pool.effective.channels.contains(&channel);
        heard && policy.view(pool.series.severity) >= policy.view(severity)
    }

    fn one_channel(
        &mut self,
        channel: usize,
        silent: bool,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        mode: Mode,
    ) {
        let told = series.told(&self.names[channel]);
        let seen = self.rules.channels[channel].view(series.severity);
        let routed = effective.channels.contains(&channel);
        let view = match (mode, routed) {
            (Mode::Withdraw, _) => Severity::Ok,
            (Mode::Speak { .. } | Mode::Settle | Mode::Muted, true) => seen,
            // A recovery goes to every channel that was told, also one that is no longer routed to.
            (Mode::Speak { .. } | Mode::Settle | Mode::Muted, false) => told.min(seen),
        };
        // A combination that its product covers has nothing to say yet, so it cannot count as told.
        if mode == Mode::Settle || (silent && mode != Mode::Muted) {
            self.set_told(channel, series, view);
        } else if let Some(reason) = self.reason(series, effective, told, view, mode) {
            let alert = self.alert(series, effective, about, reason, told, view);
            self.gathered[channel].alerts.push(alert);
            self.set_told(channel, series, view);
        }
    }

    fn reason(
        &self,
        series: &SeriesState,
        effective: &Effective,
        told: Severity,
        view: Severity,
        mode: Mode,
    ) -> Option<Reason> {
        let rule_changed = mode == Mode::Speak { rule_changed: true };
        // What got worse beyond what the channel takes is no recovery.
        let no_better = view < told && series.severity >= told && mode != Mode::Withdraw;
        if view == told || no_better {
            return None;
        }
        if mode == Mode::Withdraw {
            return Some(Reason::Withdrawn);
        }
        if view > told {
            let reason = if told == Severity::Ok {
                Reason::First
            } else {
                Reason::Worse
            };
            return (mode != Mode::Muted).then_some(if rule_changed { Reason::RuleChanged } else { reason });
        }
        if rule_changed {
            return Some(Reason::RuleChanged);
        }
        if view == Severity::Ok {
            return Some(Reason::Recovered);
        }
        let held = self.is_held(series, effective);
        (told == Severity::Out && held && mode != Mode::Muted).then_some(Reason::Better)
    }

    fn set_told(&self, channel: usize, series: &mut SeriesState, severity: Severity) {
        let name = &self.names[channel];
        if let Some(told) = series.told.iter_mut().find(|told| told.channel == *name) {
            if told.severity != severity {
                told.severity = severity;
                told.at = self.now;
            }
        } else {
            series.told.push(Told {
                channel: Arc::clone(name),
                severity,
                at: self.now,
            });
        }
        series.told.retain(|told| told.severity != Severity::Ok);
    }

    fn alert(
        &self,
        series: &SeriesState,
        effective: &Effective,
        about: About<'_>,
        reason: Reason,
        told: Severity,
        view: Severity,
    ) -> Alert {
        let resolved = view == Severity::Ok;
        Alert {
            alert_id: alert_id(self.instance, about),
            instance: self.instance.to_owned(),
            reason,
            status: if resolved {
                Status::Resolved
            } else {
                Status::Firing
            },
            severity: view,
            previous_severity: told,
            product: about.product().map(product_ref),
            pool: self.pool_of(about),
            bottleneck: about.bottleneck().map(ToString::to_string),
            combination: match about {
                About::Combination { key, label, .. } => Some(CombinationRef {
                    key: key.to_string(),
                    label: label.to_owned(),
                }),
                About::Product(_) | About::Pool(_) => None,
            },
            level: series.last_level,
            previous_level: series.previous_level,
            thresholds: effective.thresholds.clone(),
            started_at: series.started_at,
            observed_at: self.now,
            days_of_cover: None,
            ambiguous_zero: match about {
                About::Product(product) => {
                    series.last_level == Some(0)
                        && product.bottleneck.is_none()
                        && !product.is_surely_controlled()
                        && !effective.is_declared_controlled()
                }
                About::Combination { .. } | About::Pool(_) => false,
            },
        }
    }

    /// The pool that an alert is about, or that limits what it is about.
    fn pool_of(&self, about: About<'_>) -> Option<PoolRef> {
        let (product, combination) = match about {
            About::Pool(pool) => return Some(self.told_of(pool)),
            About::Product(product) => (product, None),
            About::Combination { product, label, .. } => (product, Some(label)),
        };
        let pool = self.pools.board.pool(about.bottleneck()?.pool()?)?;
        Some(pool.told_beside(&Limited {
            instance: self.instance,
            product_id: product.id,
            combination,
        }))
    }

    fn told_of(&self, pool: &Tracked) -> PoolRef {
        match self.pools.board.pool(pool.name.raw()) {
            Some(pool) => pool.told(),
            // No longer configured: what is remembered of it.
            None => PoolRef {
                name: pool.name.raw().to_owned(),
                capacity: pool.group_id.unwrap_or_default(),
                level: pool.series.last_level,
                need: None,
                holds_back: Vec::new(),
                holds_back_total: 0,
            },
        }
    }

    /// The messages of this look: alerts worst first, then product events, each split at the limit.
    pub(super) fn messages(mut self, next: &Memory, new_id: &mut dyn FnMut() -> Uuid) -> Vec<Message> {
        let mut messages = Vec::new();
        for channel in 0..self.names.len() {
            let Gathered { mut alerts, events } = std::mem::take(&mut self.gathered[channel]);
            worst_first(&mut alerts);
            let open = if alerts.is_empty() {
                Open::default()
            } else {
                self.open(channel, next, &alerts)
            };
            for part in alerts.chunks(ALERTS_PER_MESSAGE) {
                let body = Body::Alerts {
                    alerts: part.to_vec(),
                    open: open.clone(),
                };
                messages.push(self.message(channel, body, new_id));
            }
            for part in events.chunks(ALERTS_PER_MESSAGE) {
                messages.push(self.message(
                    channel,
                    Body::Products {
                        events: part.to_vec(),
                    },
                    new_id,
                ));
            }
        }
        messages
    }

    pub(super) fn message(&self, channel: usize, body: Body, new_id: &mut dyn FnMut() -> Uuid) -> Message {
        Message {
            id: new_id(),
            channel: self.names[channel].to_string(),
            instance: Some(self.instance.to_owned()),
            at: self.now,
            body,
        }
    }

    /// What the channel was told of and is still open, beside `announced`: the worst of it, and how many there are.
    pub(super) fn open(&self, channel: usize, next: &Memory, announced: &[Alert]) -> Open {
        let announced: std::collections::HashSet<&str> =
            announced.iter().map(|alert| alert.alert_id.as_str()).collect();
        let mut alerts = Vec::new();
        let pools = self
            .pools
            .pools
            .iter()
            .map(|pool| (&pool.series, &*pool.effective, About::Pool(pool)));
        let products = next.products.iter().flat_map(|product| product.all_series());
        for (series, effective, about) in pools.chain(products) {
            let told = series.told(&self.names[channel]);
            if told == Severity::Ok || announced.contains(alert_id(self.instance, about).as_str()) {
                continue;
            }
            let stands = if series.severity == Severity::Ok {
                told
            } else {
                series.severity
            };
            alerts.push(self.alert(series, effective, about, Reason::Reminder, told, stands));
        }
        worst_first(&mut alerts);
        let total = alerts.len();
        alerts.truncate(OPEN_LISTED);
        Open { alerts, total }
    }

    pub(super) fn channel_name(&self, channel: usize) -> &Arc<str> {
        &self.names[channel]
    }

    pub(super) fn channel_names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// An alert that says that a series is still open.
    pub(super) fn reminder(
        &self,
        series: &SeriesState,
        effective: &Effective,
        about: About<'_>,
        severity: Severity,
    ) -> Alert {
        self.alert(series, effective, about, Reason::Reminder, severity, severity)
    }
}
