//! The rules told again from their text alone, short and slow: what must be said, given what the shop showed and what
//! people did.
//!
//! It knows nothing of how the monitor decides; only the words of `docs/alerts.md`, one product and one channel at a time.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::acts::Act;
use crate::acts::Whom;
use crate::series::Ack;
use crate::series::Series;
use crate::setup::Again;
use crate::setup::CRITICAL;
use crate::setup::NAMES;
use crate::setup::OK;
use crate::setup::OUT;
use crate::setup::Setup;
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
    silences: Vec<Silence>,
    acks: usize,
    /// Something was accepted already.
    begun: bool,
    /// Those of the silences that hold now, with their numbers.
    holding: Vec<(usize, Silence)>,
    /// Until when each maintenance window lasts, and the quiet hours of each channel, where they hold now.
    windows: Vec<Option<Timestamp>>,
    quiet: Vec<Option<Timestamp>>,
    /// Since when nothing was accepted, and how many polls.
    failing: Option<(Timestamp, u32)>,
    down: bool,
    /// The last day on which each channel had its reminder.
    reminded: Vec<Option<Date>>,
    /// Said as soon as it was decided, by the time it reaches the channel.
    pub said: Vec<Said>,
}

#[derive(Clone)]
struct Silence {
    whom: Whom,
    from: Timestamp,
    until: Timestamp,
}

/// How a product is told of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Speak,
    /// It began to flap, with a move from that severity.
    Flap {
        from: usize,
    },
    CountsAsTold,
    Withdraw,
}

impl<'a> Model<'a> {
    pub fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            series: BTreeMap::new(),
            silences: Vec::new(),
            acks: 0,
            begun: false,
            holding: Vec::new(),
            windows: Vec::new(),
            quiet: Vec::new(),
            failing: None,
            down: false,
            reminded: vec![None; setup.channels.len()],
            said: Vec::new(),
        }
    }

    /// Products that somebody should take on.
    pub fn open(&self) -> Vec<i64> {
        let open = |one: &&Series| one.severity >= CRITICAL && one.ack.is_none() && !one.gone;
        let open = self.series.iter().filter(|(_, one)| open(one));
        open.map(|(id, _)| *id).collect()
    }

    /// Whether that can be done now.
    pub fn can(&self, act: &Act) -> bool {
        let there = |id| self.series.get(id).filter(|one| !one.gone);
        match act {
            Act::Ack { id, .. } => there(id).is_some(),
            Act::EndAck { id } => there(id).is_some_and(|one| one.ack.is_some()),
            Act::Silence { .. } | Act::EndSilence { .. } => true,
        }
    }

    /// How many silences were made.
    pub fn silenced(&self) -> i64 {
        i64::try_from(self.silences.len()).unwrap_or_default()
    }

    /// Somebody did something at `now`.
    pub fn acted(&mut self, act: &Act, now: Timestamp) {
        match act {
            Act::Ack { id, quantity, eta } => {
                self.acks += 1;
                if let Some(one) = self.series.get_mut(id) {
                    one.end_ack(now);
                    one.ack = Some(Ack {
                        by: format!("staff {}", self.acks),
                        quantity: *quantity,
                        eta: *eta,
                        arrived: 0,
                        while_ok: one.severity == OK,
                        overdue: None,
                    });
                }
            }
            Act::EndAck { id } => {
                if let Some(one) = self.series.get_mut(id) {
                    one.end_ack(now);
                }
            }
            Act::Silence { whom, from, until } => self.silences.push(Silence {
                whom: whom.clone(),
                from: *from,
                until: *until,
            }),
            Act::EndSilence { number } => {
                let place = usize::try_from(number - 1).unwrap_or_default();
                if let Some(silence) = self.silences.get_mut(place) {
                    silence.until = silence.until.min(now);
                }
            }
        }
    }

    /// What keeps the product from being told of; of several the one that is to end last, of those that end together the
    /// newest silence.
    fn mute(&self, id: i64, group: i64) -> Option<String> {
        let silences = self.holding.iter().filter_map(|(number, silence)| {
            let holds = silence.whom.holds_back(id, group);
            holds.then(|| (silence.until, format!("silence {number}")))
        });
        let windows = self.setup.windows.iter().zip(&self.windows);
        let windows = windows.filter_map(|(window, until)| {
            let until = until.filter(|_| window.group.is_none_or(|wanted| wanted == group))?;
            Some((until, format!("maintenance {}", window.name)))
        });
        // The last of those that are alike.
        let mutes = windows.chain(silences);
        mutes.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, name)| name)
    }

    /// Whether somebody wants to hear nothing at all.
    fn is_all_mute(&self) -> bool {
        let mut windows = self.setup.windows.iter().zip(&self.windows);
        self.holding.iter().any(|(_, silence)| silence.whom == Whom::All)
            || windows.any(|(window, until)| window.group.is_none() && until.is_some())
    }

    /// Looks at the clock.
    fn it_is(&mut self, now: Timestamp) {
        let silences = (1..).zip(&self.silences);
        let holding = silences.filter(|(_, silence)| silence.from <= now && now < silence.until);
        self.holding = holding
            .map(|(number, silence)| (number, silence.clone()))
            .collect();
        self.windows = self
            .setup
            .windows
            .iter()
            .map(|window| window.until(now))
            .collect();
        let quiet = self
            .setup
            .channels
            .iter()
            .map(|line| line.quiet.as_ref()?.end(now));
        self.quiet = quiet.collect();
    }

    /// A poll at `now`.
    pub fn polled(&mut self, shown: &Shown, now: Timestamp) {
        self.it_is(now);
        match shown {
            Shown::Catalogue(shown) => self.accepted(shown, now),
            Shown::Empty | Shown::Failed(_) => self.not_accepted(now),
        }
    }

    fn not_accepted(&mut self, now: Timestamp) {
        let (since, polls) = self.failing.map_or((now, 1), |(since, polls)| (since, polls + 1));
        self.failing = Some((since, polls));
        let long = now.duration_since(since) >= self.setup.down_after && polls >= self.setup.down_polls;
        if long && !self.down && !self.is_all_mute() {
            self.down = true;
            self.of_the_source("source.down", now);
        }
    }

    fn of_the_source(&mut self, text: &str, now: Timestamp) {
        for place in 0..self.setup.channels.len() {
            if self.hears_of_the_shop(place) {
                self.say_later(place, text.to_owned(), now);
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

    fn say(&mut self, place: usize, text: String, at: Timestamp) {
        self.said.push(Said {
            at,
            channel: self.setup.channels[place].name,
            text,
        });
    }

    /// What is no alert is decided at once and waits for the end of the quiet hours.
    fn say_later(&mut self, place: usize, text: String, now: Timestamp) {
        let at = self.quiet[place].unwrap_or(now);
        self.say(place, text, at);
    }

    /// The first words after a mute name it, on all channels that hear them.
    fn forget_named(&mut self) {
        for one in self.series.values_mut() {
            if std::mem::take(&mut one.named) && !one.is_muted {
                one.muted = None;
            }
        }
    }

    fn accepted(&mut self, shown: &BTreeMap<i64, Figures>, now: Timestamp) {
        self.failing = None;
        if std::mem::take(&mut self.down) {
            self.of_the_source("source.up", now);
        }
        for (id, (group, level)) in shown {
            self.present(*id, *group, *level, now);
        }
        let absent = self.series.keys().filter(|id| !shown.contains_key(id));
        for id in absent.copied().collect::<Vec<_>>() {
            self.absent(id, now);
        }
        self.forget_named();
        if !self.begun {
            self.begun = true;
            for place in 0..self.setup.channels.len() {
                if self.hears_of_the_shop(place) {
                    let text = self.baseline(place);
                    self.say_later(place, text, now);
                }
            }
        }
    }

    /// `baseline of 84: 2 out, 1 critical, 5 low`
    fn baseline(&self, place: usize) -> String {
        let hears = |one: &&Series| self.setup.terms(one.group).channels.contains(&place);
        let mut counts = [0; 4];
        let heard = self.series.values().filter(hears);
        heard.for_each(|one| counts[one.severity] += 1);
        let [ok, low, critical, out] = counts;
        format!(
            "baseline of {}: {out} out, {critical} critical, {low} low",
            ok + low + critical + out
        )
    }

    fn present(&mut self, id: i64, group: i64, level: Option<i64>, now: Timestamp) {
        let terms = self.setup.terms(group);
        let known = self.series.remove(&id);
        let is_new = known.is_none();
        let mut one = known.unwrap_or_else(|| Series::new(group, self.setup.channels.len(), now));
        one.missing = 0;
        if is_new || one.gone {
            one.gone = false;
            one.first_sight(level, terms, now);
            one.born_open = self.begun && one.severity != OK;
            if self.begun {
                self.product_event(id, group, if is_new { "new" } else { "returned" }, now);
            }
            self.tell(id, &mut one, Manner::CountsAsTold, None, now);
        } else {
            let from = one.severity;
            let moved = one.looked_at(level, terms, self.setup.flap_limit, now);
            let manner = if moved.flaps {
                Manner::Flap { from }
            } else {
                Manner::Speak
            };
            self.find_overdue(id, &mut one, now);
            self.tell(id, &mut one, manner, moved.ended, now);
            self.chase(id, &mut one, now);
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
            self.tell(id, &mut one, Manner::Withdraw, None, now);
            one.close(now);
        }
        self.series.insert(id, one);
    }

    /// Recorded, but not told while the product is muted.
    fn product_event(&mut self, id: i64, group: i64, text: &str, now: Timestamp) {
        if self.mute(id, group).is_none() {
            for place in self.setup.terms(group).channels.clone() {
                self.say_later(place, format!("{id} {text}"), now);
            }
        }
    }

    /// Notes what keeps the product from being told of now.
    fn mark(&self, id: i64, one: &mut Series) {
        let mute = self.mute(id, one.group);
        one.is_muted = mute.is_some();
        one.muted = mute.or(one.muted.take());
    }

    fn tell(&mut self, id: i64, one: &mut Series, manner: Manner, ended: Option<Ack>, now: Timestamp) {
        self.mark(id, one);
        let is_muted = one.is_muted && manner != Manner::Withdraw;
        // What is unknown says nothing, except that it is over.
        if (one.level.is_none() && manner != Manner::Withdraw) || (is_muted && manner != Manner::CountsAsTold)
        {
            return;
        }
        let ack = one.ack.clone().or(ended);
        let mut has_spoken = false;
        for place in 0..self.setup.channels.len() {
            let view = self.view(one, place, manner);
            if manner == Manner::CountsAsTold {
                one.heard(place, view, now);
            } else if let Some((reason, was, meanwhile)) = self.reason(one, place, view, manner, now) {
                let text = alert(id, reason, (was, view), one, (ack.as_ref(), meanwhile), now);
                if manner == Manner::Withdraw {
                    // That can wait, though nobody would say it later.
                    self.say_later(place, text, now);
                } else {
                    self.say(place, text, now);
                }
                one.heard(place, view, now);
                has_spoken = true;
            }
        }
        one.named |= has_spoken;
    }

    /// The severity as the channel is to know it.
    fn view(&self, one: &Series, place: usize, manner: Manner) -> usize {
        let told = &one.told[place];
        let seen = self.setup.channels[place].view(one.severity);
        let hears = self.setup.terms(one.group).channels.contains(&place) || told.escalated;
        match manner {
            Manner::Withdraw => OK,
            Manner::Speak | Manner::Flap { .. } | Manner::CountsAsTold if hears => seen,
            Manner::Speak | Manner::Flap { .. } | Manner::CountsAsTold => seen.min(told.severity),
        }
    }

    /// Why the channel is told of it now, from what, and whether it got that bad only meanwhile.
    fn reason(
        &self,
        one: &mut Series,
        place: usize,
        view: usize,
        manner: Manner,
        now: Timestamp,
    ) -> Option<(&'static str, usize, bool)> {
        let terms = self.setup.terms(one.group);
        let held = one
            .left_out
            .is_some_and(|since| now.duration_since(since) >= minutes(terms.hold));
        let quiet = self.setup.channels[place].quiet.as_ref();
        let is_quiet = self.quiet[place].is_some();
        let pierces = quiet.is_some_and(|quiet| quiet.pierce.contains(&view));
        let (flaps, severity, is_taken) = (one.flaps, one.severity, one.ack.is_some());
        let told = &mut one.told[place];
        let was = told.severity;
        if manner == Manner::Withdraw {
            return (was != OK).then_some(("withdrawn", was, false));
        }
        if is_quiet && !(view > was && pierces) {
            if view > was {
                told.missed = told.missed.max(view);
            }
            return None;
        }
        // A channel that takes neither severity sees nothing go to and fro.
        if let Manner::Flap { from } = manner
            && (terms.channels.contains(&place) || told.escalated)
            && !is_quiet
            && self.setup.channels[place].view(from).max(view) > OK
        {
            return Some(("flapping", was, false));
        }
        let ordinary = match (was, view) {
            _ if flaps && view <= told.worst.max(was) => None,
            (was, view) if view == was => None,
            (OK, _) => Some("first"),
            (was, view) if view > was => Some("worse"),
            // Worse than the channel takes is no recovery.
            (was, _) if severity >= was => None,
            (_, OK) => Some("recovered"),
            (OUT, _) if held => Some("better"),
            _ => None,
        };
        if let Some(reason) = ordinary {
            told.missed = OK;
            return Some((reason, was, false));
        }
        if told.overdue && is_taken {
            // That is said by itself, and what it missed at the next look.
            return None;
        }
        let missed = std::mem::take(&mut told.missed);
        // What it sees as ok, since it is worse than what it takes, is not.
        let is_seen = view == was || severity < was;
        let reason = if view == OK { "recovered" } else { "better" };
        (missed > was && is_seen && !flaps).then_some((reason, missed, true))
    }

    /// A round at `now`: reminders, and what is overdue or neglected.
    pub fn round(&mut self, now: Timestamp) {
        self.it_is(now);
        self.chase_and_remind(now);
        self.forget_named();
    }

    fn chase_and_remind(&mut self, now: Timestamp) {
        let mut series = std::mem::take(&mut self.series);
        if !self.down {
            for (id, one) in series.iter_mut().filter(|(_, one)| !one.gone) {
                self.mark(*id, one);
                self.find_overdue(*id, one, now);
                self.chase(*id, one, now);
            }
        }
        self.series = series;
        let day = now.to_zoned(self.setup.zone.clone()).date();
        let slot = day
            .to_datetime(self.setup.remind_at)
            .to_zoned(self.setup.zone.clone())
            .ok();
        let Some(slot) = slot.map(|slot| slot.timestamp()) else {
            return;
        };
        for place in 0..self.setup.channels.len() {
            if self.quiet[place].is_some() {
                continue;
            }
            let due = slot <= now && self.reminded[place] != Some(day);
            if due {
                self.reminded[place] = Some(day);
            }
            if !self.down {
                self.remind(place, due.then_some(slot), now);
            }
        }
    }

    /// Whether what was ordered did not come in time: whoever was told of the product is to hear that.
    fn find_overdue(&self, id: i64, one: &mut Series, now: Timestamp) {
        if one.level.is_none() || self.mute(id, one.group).is_some() {
            return;
        }
        let waits = one.ack.as_mut().filter(|ack| ack.overdue.is_none());
        if let Some(ack) = waits.filter(|ack| ack.eta.is_some_and(|eta| eta <= now)) {
            ack.overdue = Some(now);
            for told in &mut one.told {
                told.overdue = told.severity != OK;
            }
        }
    }

    /// Tells of what was ordered and did not come, and tells others of what nobody took on.
    fn chase(&mut self, id: i64, one: &mut Series, now: Timestamp) {
        if one.level.is_none() || self.mute(id, one.group).is_some() {
            return;
        }
        let terms = self.setup.terms(one.group);
        let neglected = one.neglected_since();
        for place in 0..self.setup.channels.len() {
            if self.quiet[place].is_some() {
                continue;
            }
            let view = self.setup.channels[place].view(one.severity);
            let was = one.told[place].severity;
            if std::mem::take(&mut one.told[place].overdue) && one.ack.is_some() {
                let shown = if view == OK { was } else { view };
                let text = alert(id, "overdue", (was, shown), one, (one.ack.as_ref(), false), now);
                self.say(place, text, now);
                one.told[place].at = now;
                one.named = true;
                continue;
            }
            let Some((after, to)) = &terms.escalate else {
                continue;
            };
            let long = neglected.is_some_and(|since| now.duration_since(since) >= minutes(*after));
            if long && to.contains(&place) && view > was {
                one.told[place].escalated = true;
                let text = alert(id, "escalated", (was, view), one, (one.ack.as_ref(), false), now);
                self.say(place, text, now);
                one.heard(place, view, now);
                one.named = true;
            }
        }
    }

    fn remind(&mut self, place: usize, slot: Option<Timestamp>, now: Timestamp) {
        let mut series = std::mem::take(&mut self.series);
        for (id, one) in &mut series {
            let terms = self.setup.terms(one.group);
            let (told, at) = (one.told[place].severity, one.told[place].at);
            let view = self.setup.channels[place].view(one.severity);
            let open = told > OK && view > OK && terms.channels.contains(&place);
            if !open || one.gone || one.born_open || one.level.is_none() || one.is_taken_on() {
                continue;
            }
            if self.mute(*id, one.group).is_some() {
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
                let ack = one.ack.clone();
                let text = alert(*id, "reminder", (view, view), one, (ack.as_ref(), false), now);
                self.say(place, text, now);
                one.told[place].at = now;
                one.named = true;
            }
        }
        self.series = series;
    }
}

impl Series {
    fn heard(&mut self, place: usize, severity: usize, now: Timestamp) {
        let told = &mut self.told[place];
        told.severity = severity;
        told.at = now;
        told.missed = OK;
        told.overdue = false;
        told.worst = told.worst.max(severity);
        told.escalated &= severity != OK;
    }
}

fn alert(
    id: i64,
    reason: &str,
    (was, severity): (usize, usize),
    one: &Series,
    (ack, meanwhile): (Option<&Ack>, bool),
    now: Timestamp,
) -> String {
    let left = one.last.map_or_else(|| "?".to_owned(), |left| left.to_string());
    let mut text = format!(
        "{id} {reason} {} (was {}), {left} left",
        NAMES[severity], NAMES[was]
    );
    if let Some(ack) = ack {
        let overdue = ack.overdue.is_some() || ack.eta.is_some_and(|eta| eta <= now);
        text += &format!(", {} has it, {} came", ack.by, ack.arrived);
        text += if overdue { ", overdue" } else { "" };
    }
    if let Some(mute) = one.muted.as_ref().filter(|_| !one.is_muted) {
        text += &format!(", after {mute}");
    }
    text + if meanwhile { ", meanwhile" } else { "" }
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}
