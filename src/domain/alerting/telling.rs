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
use crate::domain::catalogue::Level;
use crate::domain::message::ALERTS_PER_MESSAGE;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::CombinationRef;
use crate::domain::message::Message;
use crate::domain::message::OPEN_LISTED;
use crate::domain::message::Open;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::message::Severity;
use crate::domain::message::Status;

/// How a series is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What differs from what was told is told.
    Speak { rule_changed: bool },
    /// First sight: what is open counts as told.
    Settle,
    /// Gone, retired or no longer counted: open alerts are taken back.
    Withdraw,
    /// A combination that is no worse than its product: only good news.
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
        }
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
        if series.told.is_empty() && series.severity == Severity::Ok {
            return;
        }
        self.forget_removed(series);
        // A frozen series says nothing, except that it is over; for a new channel it counts as told all the same.
        let frozen = series.level == Level::Unknown && mode != Mode::Withdraw;
        for channel in 0..self.names.len() {
            if !frozen || self.is_silent_baseline(channel) {
                self.one_channel(channel, series, effective, about, mode);
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

    fn one_channel(
        &mut self,
        channel: usize,
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
        if mode == Mode::Settle || (self.is_silent_baseline(channel) && mode != Mode::Muted) {
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
            product: Some(product_ref(about.product)),
            pool: None,
            bottleneck: None,
            combination: about.combination.map(|(key, label)| CombinationRef {
                key: key.to_string(),
                label: label.to_owned(),
            }),
            level: series.last_level,
            previous_level: series.previous_level,
            thresholds: effective.thresholds.clone(),
            started_at: series.started_at,
            observed_at: self.now,
            days_of_cover: None,
            ambiguous_zero: series.last_level == Some(0)
                && about.combination.is_none()
                && !about.product.is_surely_controlled()
                && !effective.is_declared_controlled(),
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
        for product in &next.products {
            for (series, effective, about) in product.all_series() {
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
        }
        worst_first(&mut alerts);
        let total = alerts.len();
        alerts.truncate(OPEN_LISTED);
        Open { alerts, total }
    }

    pub(super) fn channel_name(&self, channel: usize) -> &Arc<str> {
        &self.names[channel]
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
