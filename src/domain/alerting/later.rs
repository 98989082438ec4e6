//! What people and time make of a series beside its level: mutes, acks, overdue, escalation, and what waited.

use jiff::SignedDuration;

use crate::domain::alerting::about::About;
use crate::domain::alerting::about::happening;
use crate::domain::alerting::acks::Acks;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::speaking::Ear;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Said;
use crate::domain::alerting::telling::Taken;
use crate::domain::alerting::telling::Telling;
use crate::domain::catalogue::Level;
use crate::domain::message::EndedMute;
use crate::domain::message::Reason;
use crate::domain::stand::Severity;

impl SeriesState {
    /// The mute that ended without a message having said so.
    pub(super) fn ended_mute(&self) -> Option<EndedMute> {
        let notes = self.notes();
        notes.mute.as_deref().filter(|_| !notes.muted).cloned()
    }

    /// A message about it said that its mute ended.
    pub(super) fn told_of_mute(&mut self) {
        if !self.notes().muted && self.notes().mute.is_some() {
            self.note(|notes| notes.mute = None);
        }
    }
}

impl Telling<'_> {
    /// Takes in what people and time mean for a series whose level was just taken; how it is then told of.
    pub(super) fn attend(
        &mut self,
        series: &mut SeriesState,
        about: About<'_>,
        mode: Mode,
        taken: Taken<'_>,
    ) -> Mode {
        self.mark_mute(series, about);
        if series.calm_down(self.rules.flap_limit, self.now) {
            self.happens(series, about, EventKind::Calm);
        }
        if mode == Mode::Withdraw {
            self.acks_mut(about).withdraw(series.number);
            return mode;
        }
        if let Some(before) = taken.before {
            self.acks_mut(about).count(before, series);
        }
        if !matches!(mode, Mode::Settle | Mode::Announced) {
            self.find_overdue(series, about);
        }
        let (Mode::Speak { .. } | Mode::Covered { .. }, Some(moved)) = (mode, taken.moved) else {
            return mode;
        };
        if !series.flip(moved, self.rules.flap_limit, self.now) {
            return mode;
        }
        self.happens(series, about, EventKind::Flapping);
        match mode {
            Mode::Speak { .. } => Mode::Flap(moved),
            Mode::Covered { .. } | Mode::Flap(_) | Mode::Settle | Mode::Announced | Mode::Withdraw => mode,
        }
    }

    /// Marks the series with the mute that is in force for it now.
    pub(super) fn mark_mute(&self, series: &mut SeriesState, about: About<'_>) {
        match self.mutes.of(self.instance, about) {
            Some(mute) => {
                let is_marked = |known: &EndedMute| known.kind == mute.kind && *known.id == *mute.id;
                let marked = series.notes().mute.as_deref().is_some_and(is_marked);
                if !marked || !series.notes().muted {
                    series.note(|notes| {
                        notes.mute = Some(mute.ended().into());
                        notes.muted = true;
                    });
                }
            }
            None if series.notes().muted => series.note(|notes| notes.muted = false),
            None => {}
        }
    }

    /// Finds that the time of the series' ack has passed: whoever was told of the series is to be told that.
    pub(super) fn find_overdue(&mut self, series: &mut SeriesState, about: About<'_>) {
        if series.notes().muted || series.level == Level::Unknown {
            return;
        }
        let now = self.now;
        if self.acks_mut(about).fall_due(series.number, now).is_some() {
            for told in &mut series.told {
                told.overdue = told.severity != Severity::Ok;
            }
        }
    }

    /// What a channel is told where nothing differs from what it was told: that an ack is overdue, that nobody has taken
    /// the series on, or what it missed in its quiet hours.
    pub(super) fn what_waited(
        &mut self,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        ear: Ear,
        covered: bool,
    ) -> Said {
        let said = self.unattended(series, effective, about, ear, covered);
        if said != Said::Nothing || ear.quiet {
            return said;
        }
        let missed = series
            .told_entry(&self.names[ear.channel])
            .map_or(Severity::Ok, |told| told.missed);
        if missed == Severity::Ok {
            return Said::Nothing;
        }
        self.remember(ear.channel, series, |told| told.missed = Severity::Ok);
        // What is worse than the channel takes is no better to it.
        let worse = ear.view < ear.told && series.severity >= ear.told;
        if missed <= ear.told || worse || !ear.routed || covered || series.is_flapping() {
            return Said::Nothing;
        }
        let reason = if ear.view == Severity::Ok {
            Reason::Recovered
        } else {
            Reason::Better
        };
        let mut alert = self.alert(series, effective, about, reason, missed, ear.view);
        alert.meanwhile = true;
        self.gathered[ear.channel].alerts.push(alert);
        if ear.told != Severity::Ok {
            self.set_told(ear.channel, series, ear.view);
            let now = self.now;
            self.remember(ear.channel, series, |told| told.at = now);
        }
        Said::Something
    }

    /// Tells the channel that an ack is overdue, or that nobody has taken the series on, where that is due.
    pub(super) fn unattended(
        &mut self,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
        ear: Ear,
        covered: bool,
    ) -> Said {
        if ear.quiet || series.notes().muted || series.level.known().is_none() {
            return Said::Nothing;
        }
        if self.is_to_hear_of_overdue(series, about, ear) {
            let now = self.now;
            let view = self.rules.channels[ear.channel].view(series.severity);
            let shown = if view == Severity::Ok { ear.told } else { view };
            let alert = self.alert(series, effective, about, Reason::Overdue, ear.told, shown);
            self.gathered[ear.channel].alerts.push(alert);
            self.remember(ear.channel, series, |told| {
                told.overdue = false;
                told.at = now;
            });
            return Said::Something;
        }
        let severity = self.rules.channels[ear.channel].view(series.severity);
        if covered || severity <= ear.told || !self.is_escalated_to(series, effective, about, ear.channel) {
            return Said::Nothing;
        }
        let ear = Ear {
            view: severity,
            ..ear
        };
        self.say(series, effective, about, ear, Reason::Escalated);
        self.remember(ear.channel, series, |told| told.escalated = true);
        Said::Escalated
    }

    fn is_to_hear_of_overdue(&self, series: &mut SeriesState, about: About<'_>, ear: Ear) -> bool {
        let waits = series
            .told_entry(&self.names[ear.channel])
            .is_some_and(|told| told.overdue);
        // Another ack may have taken its place since, whose time has not passed.
        let ack = self.acks(about).in_force(series.number);
        let still = ack.is_some_and(|ack| ack.overdue_at.is_some());
        if waits && !still {
            self.remember(ear.channel, series, |told| told.overdue = false);
        }
        waits && still
    }

    /// Whether nobody has taken the series on for so long that this channel is to hear of it.
    fn is_escalated_to(
        &self,
        series: &SeriesState,
        effective: &Effective,
        about: About<'_>,
        channel: usize,
    ) -> bool {
        let Some(escalation) = &effective.escalation else {
            return false;
        };
        let Some(since) = series.notes().urgent_since else {
            return false;
        };
        let acks = self.acks(about);
        if !escalation.channels.contains(&channel) || series.born_open || acks.holds(series.number) {
            return false;
        }
        let since = acks
            .free_since(series.number, self.now)
            .map_or(since, |free| free.max(since));
        let after = SignedDuration::try_from(escalation.after).unwrap_or(SignedDuration::MAX);
        self.now.duration_since(since) >= after
    }

    /// Records to which channels the series was escalated.
    pub(super) fn note_escalated(&mut self, series: &mut SeriesState, about: About<'_>, channels: &[usize]) {
        if channels.is_empty() {
            return;
        }
        let names: Vec<&str> = channels.iter().map(|channel| &*self.names[*channel]).collect();
        self.happens(series, about, EventKind::Escalated(names.join(", ")));
    }

    /// Ends the acks of a product that is gone.
    pub(super) fn withdraw_acks(&mut self, product: &Tracked) {
        if self.acks.is_empty() {
            return;
        }
        let combinations = product.combinations.iter().map(|combination| &combination.series);
        for series in combinations.chain([&product.series]) {
            self.acks.withdraw(series.number);
        }
    }

    fn happens(&mut self, series: &mut SeriesState, about: About<'_>, kind: EventKind) {
        series.transition = series.transition.saturating_add(1);
        let event = happening(self.instance, about, series, kind, self.now);
        if about.is_pool() {
            self.pool_happened.push(event);
        } else {
            self.happened.push(event);
        }
    }

    pub(super) fn acks(&self, about: About<'_>) -> &Acks {
        if about.is_pool() {
            &self.pool_acks
        } else {
            &self.acks
        }
    }

    fn acks_mut(&mut self, about: About<'_>) -> &mut Acks {
        if about.is_pool() {
            &mut self.pool_acks
        } else {
            &mut self.acks
        }
    }

    /// Whether time or people alone can change what is told of the product. `mutes_moved`: other mutes are in force
    /// than at the last look.
    pub(super) fn is_waiting(&self, product: &Tracked, mutes_moved: bool) -> bool {
        let combinations = product.combinations.iter();
        let mut all = std::iter::once((&product.series, &*product.effective))
            .chain(combinations.map(|combination| (&combination.series, &*combination.effective)));
        all.any(|(series, effective)| self.series_waits(series, effective))
            || (mutes_moved && self.is_marked_anew(product))
    }

    fn series_waits(&self, series: &SeriesState, effective: &Effective) -> bool {
        let notes = series.notes.as_deref();
        series.is_waiting()
            || notes.is_some_and(|notes| {
                notes.flapping_since.is_some()
                    || (notes.urgent_since.is_some() && effective.escalation.is_some())
                    || (notes.muted && self.mutes.is_empty())
            })
            || series.told.iter().any(|told| {
                let channel = self.names.iter().position(|name| *name == told.channel);
                let view = channel.map(|channel| self.rules.channels[channel].view(series.severity));
                told.missed != Severity::Ok || told.overdue || view != Some(told.severity)
            })
            || (!self.acks.is_empty() && self.acks.in_force(series.number).is_some())
    }

    /// Whether anything may be said of the product between two looks.
    pub(super) fn may_speak_between_looks(&self, product: &Tracked) -> bool {
        let combinations = product
            .combinations
            .iter()
            .map(|combination| (&combination.series, &*combination.effective));
        let mut all = combinations.chain([(&product.series, &*product.effective)]);
        all.any(|(series, effective)| {
            !series.told.is_empty()
                || (effective.escalation.is_some() && series.notes().urgent_since.is_some())
                || self.acks.in_force(series.number).is_some()
                || self.pool_acks.in_force(series.number).is_some()
        })
    }

    /// Whether the mutes that are in force now mark another series of the product, or mark one otherwise.
    fn is_marked_anew(&self, product: &Tracked) -> bool {
        let is_new = |series: &SeriesState, about: About<'_>| {
            let mut fresh = series.clone();
            self.mark_mute(&mut fresh, about);
            fresh.notes != series.notes
        };
        product
            .all_series()
            .any(|(series, _, about)| is_new(series, about))
    }
}
