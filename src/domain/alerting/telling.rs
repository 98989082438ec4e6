//! Who is told what: a series' severity against what each channel was told, gathered into one message a channel.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::about::About;
use crate::domain::alerting::acks::Acks;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::muting::Mutes;
use crate::domain::alerting::pools;
use crate::domain::alerting::pools::Pools;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::series::Moved;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::forecast::Forecasts;
use crate::domain::message::Alert;
use crate::domain::message::ProductEvent;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::PoolRule;
use crate::domain::stand::Severity;
use crate::domain::taking;

/// How a series is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What differs from what was told is told.
    Speak { rule_changed: bool },
    /// The same where the series begins to flap with this move.
    Flap(Moved),
    /// First sight: what is open counts as told.
    Settle,
    /// A combination of a product that an event just told of: what is open counts as told to those who hear the event.
    Announced,
    /// Gone, retired or no longer counted: open alerts are taken back.
    Withdraw,
    /// A combination that is no worse than its product, or what a pool speaks for: only good news.
    Covered { rule_changed: bool },
}

/// What a channel was told of a series in a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Something,
    /// That nobody has taken it on.
    Escalated,
}

/// What a look did to a series before it is told of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken<'a> {
    /// The series before the look; `None` for a new one.
    pub before: Option<&'a SeriesState>,
    pub moved: Option<Moved>,
}

impl<'a> Taken<'a> {
    /// A product as it was, its severity not moved.
    pub(super) fn since(before: &'a Tracked) -> Self {
        Self {
            before: Some(&before.series),
            moved: None,
        }
    }
}

/// What one channel is to hear of this look.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub alerts: Vec<Alert>,
    /// What was taken back in its quiet hours: recorded now, delivered after them.
    pub held: Vec<Alert>,
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
    /// Whether it is left in peace now, by channel.
    pub(super) quiet: Vec<bool>,
    pub(super) mutes: Mutes,
    pub(super) acks: Acks,
    pub(super) pool_acks: Acks,
    /// What people and time made of series: of the shop's, and of the pools'.
    pub happened: Vec<Event>,
    pub pool_happened: Vec<Event>,
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
            quiet: rules
                .channels
                .iter()
                .map(|channel| channel.is_quiet(now))
                .collect(),
            mutes: Mutes::default(),
            acks: Acks::default(),
            pool_acks: Acks::default(),
            happened: Vec::new(),
            pool_happened: Vec::new(),
        }
    }

    /// Takes what people said into account; `pools` are those that mutes may be about.
    pub(super) fn set_people(&mut self, people: &People, pools: Option<(&Pools, &[PoolRule])>) {
        self.mutes = Mutes::new(&people.mutes, pools);
        self.acks = Acks::new(&people.acks, &people.ended);
        self.pool_acks = Acks::new(&people.pool_acks, &people.pool_ended);
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

    /// Tells of an event every channel the product is routed to, unless that is muted.
    pub(super) fn product_event(&mut self, product: &Tracked, effective: &Effective, event: &ProductEvent) {
        if self.mutes.of(self.instance, About::Product(product)).is_some() {
            return;
        }
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
        taken: Taken<'_>,
    ) {
        let silent: Vec<bool> = (0..self.names.len())
            .map(|channel| self.is_silent_baseline(channel))
            .collect();
        self.series_where(series, effective, about, mode, taken, &silent);
    }

    /// As [`Telling::series`], for a pool: a channel that hears of its first shop now takes what is open as told,
    /// unless it heard of pools before (`introduced`) and the pool is not `fresh`.
    pub(super) fn pool(
        &mut self,
        pool: &Tracked,
        mode: Mode,
        taken: Taken<'_>,
        fresh: bool,
        introduced: &[Arc<str>],
    ) -> SeriesState {
        self.of_pool(
            &pool.series,
            pool,
            About::Pool(pool),
            mode,
            taken,
            fresh,
            introduced,
        )
    }

    /// As [`Telling::pool`], for those orders that take `need` of it; `fresh` is whether their series is.
    pub(super) fn need(
        &mut self,
        pool: &Tracked,
        need: &Combination,
        mode: Mode,
        taken: Taken<'_>,
        fresh: bool,
        introduced: &[Arc<str>],
    ) -> SeriesState {
        let about = About::Need {
            pool,
            need: pools::need_of(&need.key),
        };
        self.of_pool(&need.series, pool, about, mode, taken, fresh, introduced)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all of what both kinds of series of a pool are told by"
    )]
    fn of_pool(
        &mut self,
        series: &SeriesState,
        pool: &Tracked,
        about: About<'_>,
        mode: Mode,
        taken: Taken<'_>,
        fresh: bool,
        introduced: &[Arc<str>],
    ) -> SeriesState {
        let mut series = series.clone();
        let silent: Vec<bool> = (0..self.names.len())
            .map(|channel| {
                self.is_silent_baseline(channel) && (fresh || !introduced.contains(&self.names[channel]))
            })
            .collect();
        self.series_where(&mut series, &pool.effective, about, mode, taken, &silent);
        series
    }

    /// `silent` are the channels to which what is open counts as told.
    fn series_where(
        &mut self,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        mode: Mode,
        taken: Taken<'_>,
        silent: &[bool],
    ) {
        let mode = self.attend(series, about, mode, taken);
        if series.told.is_empty() && series.severity == Severity::Ok {
            series.better_since = None;
            return;
        }
        self.forget_removed(series);
        // A frozen series says nothing, except that it is over; for a new channel it counts as told all the same.
        let frozen = series.level == Level::Unknown && mode != Mode::Withdraw;
        let before = self.alerts_gathered();
        let mut escalated = Vec::new();
        for (channel, silent) in silent.iter().enumerate() {
            let mode = self.mode_for(channel, mode, series.severity, about);
            if !frozen || *silent {
                let done = self.one_channel(channel, *silent, series, effective, about, mode);
                escalated.extend((done == Said::Escalated).then_some(channel));
            }
        }
        self.note_escalated(series, about, &escalated);
        if self.alerts_gathered() != before {
            series.told_of_mute();
        }
        let held =
            matches!(mode, Mode::Speak { .. } | Mode::Flap(_)) && !frozen && self.is_held(series, effective);
        // Whoever knows it as ok waits for nothing.
        if held || (series.told.is_empty() && series.severity == Severity::Ok) {
            series.better_since = None;
        }
    }

    /// How the channel is told: what a pool speaks for is not told by itself.
    fn mode_for(&self, channel: usize, mode: Mode, severity: Severity, about: About<'_>) -> Mode {
        let mode = match mode {
            Mode::Announced if self.hears_of_product(channel, about) => Mode::Settle,
            Mode::Announced => Mode::Speak { rule_changed: false },
            Mode::Speak { .. } | Mode::Flap(_) | Mode::Settle | Mode::Withdraw | Mode::Covered { .. } => mode,
        };
        let rule_changed = match mode {
            Mode::Speak { rule_changed } => rule_changed,
            // What a pool speaks for was not told by itself, so its recovery is not said either.
            Mode::Settle | Mode::Announced | Mode::Flap(_) => false,
            Mode::Withdraw | Mode::Covered { .. } => return mode,
        };
        if self.is_spoken_for(channel, severity, about) {
            Mode::Covered { rule_changed }
        } else {
            mode
        }
    }

    /// Whether the channel hears what happens to the product it is about.
    fn hears_of_product(&self, channel: usize, about: About<'_>) -> bool {
        let product = about.product();
        product.is_some_and(|product| product.effective.channels.contains(&channel))
    }

    fn alerts_gathered(&self) -> usize {
        self.gathered
            .iter()
            .map(|gathered| gathered.alerts.len() + gathered.held.len())
            .sum()
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
    pub(super) fn is_held(&self, series: &SeriesState, effective: &Effective) -> bool {
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
