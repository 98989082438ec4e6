//! Who is told what: a series' severity against what each channel was told, gathered into one message a channel.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::about::About;
use crate::domain::alerting::pools;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Told;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::forecast::Forecasts;
use crate::domain::message::Alert;
use crate::domain::message::ProductEvent;
use crate::domain::message::Reason;
use crate::domain::pool::Board;
use crate::domain::pool::Bottleneck;
use crate::domain::stand::Severity;
use crate::domain::taking;

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
    Muted { rule_changed: bool },
}

/// What one channel is to hear of this look.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub alerts: Vec<Alert>,
    pub events: Vec<ProductEvent>,
}

/// Gathers, over all series of a look, what each channel is to hear.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub rules: &'a Rules,
    pub instance: &'a str,
    pub now: Timestamp,
    /// The channels'.
    pub names: Vec<Arc<str>>,
    /// Channels whose baseline this is: what is open counts as told.
    baselining: Vec<bool>,
    pub gathered: Vec<Gathered>,
    pub pools: Spoken,
    /// How fast the shop's series sell.
    pub forecasts: Forecasts,
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
            forecasts: Forecasts::default(),
        }
    }

    /// From here on alerts say how long the stock lasts.
    pub(super) fn set_forecasts(&mut self, forecasts: &Forecasts) {
        self.forecasts = forecasts.clone();
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
        self.of_pool(&pool.series, pool, About::Pool(pool), mode, fresh, introduced)
    }

    /// As [`Telling::pool`], for those orders that take `need` of it; `fresh` is whether their series is.
    pub(super) fn need(
        &mut self,
        pool: &Tracked,
        need: &Combination,
        mode: Mode,
        fresh: bool,
        introduced: &[Arc<str>],
    ) -> SeriesState {
        let about = About::Need {
            pool,
            need: pools::need_of(&need.key),
        };
        self.of_pool(&need.series, pool, about, mode, fresh, introduced)
    }

    fn of_pool(
        &mut self,
        series: &SeriesState,
        pool: &Tracked,
        about: About<'_>,
        mode: Mode,
        fresh: bool,
        introduced: &[Arc<str>],
    ) -> SeriesState {
        let mut series = series.clone();
        let silent: Vec<bool> = (0..self.names.len())
            .map(|channel| {
                self.is_silent_baseline(channel) && (fresh || !introduced.contains(&self.names[channel]))
            })
            .collect();
        self.series_where(&mut series, &pool.effective, about, mode, &silent);
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
            let mode = match mode {
                Mode::Speak { rule_changed } if self.is_spoken_for(channel, series.severity, about) => {
                    Mode::Muted { rule_changed }
                }
                // What a pool speaks for was not told by itself, so its recovery is not said either.
                Mode::Settle if self.is_spoken_for(channel, series.severity, about) => {
                    Mode::Muted { rule_changed: false }
                }
                mode => mode,
            };
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

    /// Whether the pool that limits it tells the channel as much, or worse: by itself, or for those who need no more of
    /// it. For those who need more than one it is the pool itself and who needs less.
    pub(super) fn is_spoken_for(&self, channel: usize, severity: Severity, about: About<'_>) -> bool {
        let (pool, most) = match about {
            About::Pool(_) => return false,
            About::Need { pool, need } => (pool, Some(need - 1)),
            About::Product(_) | About::Combination { .. } => {
                let limiting = about.bottleneck().and_then(Bottleneck::pool);
                let Some(pool) = limiting.and_then(|name| self.pools.pool(name)) else {
                    return false;
                };
                (&**pool, self.need_of(about, pool.name.raw()))
            }
        };
        let policy = &self.rules.channels[channel];
        let enough = |voice: &SeriesState| policy.view(voice.severity) >= policy.view(severity);
        let needs = pool.combinations.iter().filter(|need| !need.gone);
        let mut needs = needs.filter(|need| most.is_none_or(|most| pools::need_of(&need.key) <= most));
        pool.effective.channels.contains(&channel)
            && (enough(&pool.series) || needs.any(|need| enough(&need.series)))
    }

    /// How many of the pool one order takes; `None` where that is not known.
    pub(super) fn need_of(&self, about: About<'_>, pool: &str) -> Option<i64> {
        let product = about
            .product()
            .filter(|product| product.epoch == self.rules.epoch)?;
        let at = self.pools.board.place(pool)?;
        taking::need(&product.drawn.as_ref()?.draws, at, about.key())
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
            (Mode::Speak { .. } | Mode::Settle | Mode::Muted { .. }, true) => seen,
            // A recovery goes to every channel that was told, also one that is no longer routed to.
            (Mode::Speak { .. } | Mode::Settle | Mode::Muted { .. }, false) => told.min(seen),
        };
        // A combination that its product covers has nothing to say yet, so it cannot count as told.
        if mode == Mode::Settle || (silent && !matches!(mode, Mode::Muted { .. })) {
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
        let muted = matches!(mode, Mode::Muted { .. });
        let rule_changed = match mode {
            Mode::Speak { rule_changed } | Mode::Muted { rule_changed } => rule_changed,
            Mode::Settle | Mode::Withdraw => false,
        };
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
            return (!muted).then_some(if rule_changed { Reason::RuleChanged } else { reason });
        }
        if rule_changed && (!muted || view == Severity::Ok) {
            return Some(Reason::RuleChanged);
        }
        if view == Severity::Ok {
            return Some(Reason::Recovered);
        }
        let held = self.is_held(series, effective);
        (told == Severity::Out && held && !muted).then_some(Reason::Better)
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

    pub(super) fn channel_name(&self, channel: usize) -> &Arc<str> {
        &self.names[channel]
    }

    pub(super) fn channel_names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }
}
