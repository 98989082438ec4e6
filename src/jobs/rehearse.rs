//! A rehearsal: what the rules would have said of a time that is past, decided anew from the history.
//!
//! It runs the very steps of a check and of a round of reminders, in memory. A poll at which nothing moved is decided
//! only while time alone may change something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::domain::alerting::decide::Seen;
use crate::domain::alerting::decide::decide;
use crate::domain::alerting::decide::is_waiting;
use crate::domain::alerting::decision::Decision;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::judge;
use crate::domain::alerting::judge::AGREEING_POLLS;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::remind;
use crate::domain::alerting::rules::Repeat;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::forecast::Forecasts;
use crate::domain::message::Message;
use crate::domain::people::People;
use crate::domain::people::Silence;
use crate::domain::source::Cause;
use crate::domain::source::Failure;
use crate::jobs::past::Past;
use crate::jobs::said::SaidThen;
use crate::maintenance::Window;
use crate::store::timeline::Ended;
use crate::store::timeline::PastPoll;
use crate::store::timeline::Timeline;

const DAY: Duration = Duration::from_hours(24);

/// Everything a rehearsal needs.
#[derive(Debug)]
pub struct Rehearse {
    pub rules: Arc<Rules>,
    /// The shops by name, as they were.
    pub shops: Vec<(String, Timeline)>,
    pub since: Timestamp,
    pub until: Timestamp,
    pub remind_at: Time,
    pub zone: TimeZone,
    /// All that were ever made; empty where what people said is left out, as the acks of the shops are then.
    pub silences: Vec<Silence>,
    pub windows: Arc<[Window]>,
}

/// What would have been said.
#[derive(Debug, Default)]
pub struct Rehearsed {
    /// In the order of time.
    pub messages: Vec<Message>,
    /// Polls of the time, and how many of them had to be decided.
    pub polls: usize,
    pub decided: usize,
    /// Polls that were suspect: what they showed is not kept, so they count as failed.
    pub suspect: usize,
}

/// One shop on the way through its past.
struct Stage<'a> {
    name: &'a str,
    past: Past<'a>,
    said: SaidThen<'a>,
    memory: Memory,
    /// The next poll.
    next: usize,
    /// What the history does not hold.
    nothing: Capacities,
    /// How fast the series sell, as could be told last; how many products there were then.
    forecasts: (Forecasts, usize),
    /// How many of the timeline's rates are known by then.
    known_rates: usize,
}

impl Rehearse {
    /// Decides everything anew.
    #[must_use]
    pub fn run(&self) -> Rehearsed {
        let mut rehearsed = Rehearsed::default();
        let mut stages: Vec<Stage<'_>> = self.shops.iter().map(|shop| self.stage(shop)).collect();
        let mut slots = self.slots().into_iter().peekable();
        let mut reminded = vec![None; self.rules.channels.len()];
        let mut short = self.next_short(&stages, self.since, false);
        loop {
            let poll = stages.iter().filter_map(Stage::next_at).min();
            let round = slots.peek().copied().into_iter().chain(short).min();
            match (poll, round.filter(|at| *at <= self.until)) {
                (Some(poll), round) if round.is_none_or(|round| poll <= round) => {
                    self.step(&mut stages, poll, &mut rehearsed);
                    self.remind(&mut stages, &mut reminded, poll, &mut rehearsed);
                    short = self.next_short(&stages, poll, true);
                }
                (_, Some(round)) => {
                    let _ = slots.next_if(|slot| *slot == round);
                    self.remind(&mut stages, &mut reminded, round, &mut rehearsed);
                    short = self.next_short(&stages, round, true);
                }
                (_, None) => break,
            }
        }
        rehearsed
    }

    fn stage<'a>(&'a self, (name, timeline): &'a (String, Timeline)) -> Stage<'a> {
        let past = Past::new(timeline);
        let memory = past.told_already(&self.rules, name);
        let beside = (self.silences.as_slice(), &self.windows);
        Stage {
            name,
            said: SaidThen::new(&timeline.acks, beside, self.since),
            past,
            memory,
            next: 0,
            nothing: Capacities::default(),
            forecasts: Default::default(),
            known_rates: 0,
        }
    }

    /// The hour of reminders of each day in question.
    fn slots(&self) -> Vec<Timestamp> {
        let mut slots = Vec::new();
        let mut day = self.since.to_zoned(self.zone.clone()).date();
        let last = self.until.to_zoned(self.zone.clone()).date();
        while day <= last {
            let slot = self.zone.to_ambiguous_timestamp(day.to_datetime(self.remind_at));
            if let Ok(slot) = slot.compatible()
                && slot > self.since
                && slot <= self.until
            {
                slots.push(slot);
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        slots
    }

    /// When something is next to be said again that is said more often than once a day: after `now`, or then, unless a
    /// round was held (`rounded`).
    fn next_short(&self, stages: &[Stage<'_>], now: Timestamp, rounded: bool) -> Option<Timestamp> {
        let is_short = |repeat: Option<Repeat>| matches!(repeat, Some(Repeat::Every(wait)) if wait < DAY);
        if !self.rules.rules.iter().any(|rule| is_short(rule.repeat)) {
            return None;
        }
        let up = stages.iter().filter(|stage| stage.memory.source.down.is_none());
        let products = up.flat_map(|stage| &stage.memory.products);
        let due = products.flat_map(|product| {
            let wait = match product.effective.repeat {
                Repeat::Every(wait) if wait < DAY => Some(wait),
                Repeat::Every(_) | Repeat::Daily | Repeat::Never => None,
            };
            let told = product.series.told.iter().filter(|_| !product.gone);
            told.filter_map(move |told| told.at.checked_add(wait?).ok())
        });
        due.filter(|due| *due > now || !rounded)
            .min()
            .map(|due| due.max(now))
    }

    /// A round of reminders, and of what is overdue or was taken on by nobody.
    fn remind(
        &self,
        stages: &mut [Stage<'_>],
        reminded: &mut [Option<Date>],
        now: Timestamp,
        rehearsed: &mut Rehearsed,
    ) {
        let people: Vec<People> = stages.iter_mut().map(|stage| stage.people(now)).collect();
        let shops: Vec<remind::Shop<'_>> = stages
            .iter()
            .zip(&people)
            .map(|(stage, people)| remind::Shop {
                instance: stage.name,
                memory: &stage.memory,
                people,
            })
            .collect();
        let channels = self.rules.channels.iter().zip(reminded);
        let slots: Vec<Option<Timestamp>> = channels
            .map(|(channel, reminded)| {
                let (day, slot) = remind::slot(channel, self.remind_at, &self.zone, now)?;
                // What was due before belongs to the time before.
                let due = *reminded != Some(day) && slot > self.since;
                *reminded = Some(day);
                due.then_some(slot)
            })
            .collect();
        let reminders = remind::remind(&self.rules, &shops, None, &slots, now, &mut Uuid::new_v4);
        rehearsed.messages.extend(reminders.messages);
        for (stage, changed) in stages.iter_mut().zip(reminders.shops) {
            if let Some(changed) = changed {
                stage.said.became(&changed.acks, now);
                stage.memory = changed.memory;
            }
        }
    }

    /// The polls of that time.
    fn step(&self, stages: &mut [Stage<'_>], at: Timestamp, rehearsed: &mut Rehearsed) {
        for stage in stages.iter_mut() {
            while stage.next_at() == Some(at) {
                rehearsed.polls += 1;
                let people = stage.people(at);
                let Some(decision) = stage.poll(&self.rules, &people, rehearsed) else {
                    continue;
                };
                rehearsed.decided += 1;
                rehearsed.messages.extend(decision.messages);
                stage.said.became(&decision.acks, at);
                stage.memory = decision.next;
            }
        }
    }
}

impl<'a> Stage<'a> {
    fn next_at(&self) -> Option<Timestamp> {
        self.past
            .timeline
            .polls
            .get(self.next)
            .map(|poll| poll.observed_at)
    }

    fn people(&mut self, now: Timestamp) -> People {
        self.said.at(&self.memory, now)
    }

    /// The next poll; `None` where it leads to nothing.
    fn poll(&mut self, rules: &Rules, people: &People, rehearsed: &mut Rehearsed) -> Option<Decision> {
        let timeline: &'a Timeline = self.past.timeline;
        let poll = timeline.polls.get(self.next)?;
        self.next += 1;
        let moved = self.past.advance(poll.id);
        self.renew_forecasts(poll.observed_at);
        match poll.ended {
            Ended::Failed(cause) => Some(self.failed((rules, people), poll, cause)),
            Ended::Suspect => {
                rehearsed.suspect += 1;
                (!poll.part).then(|| self.failed((rules, people), poll, Cause::Suspect))
            }
            Ended::Accepted if poll.part => {
                let products: Vec<Arc<Product>> =
                    moved.iter().filter_map(|id| self.past.product(*id)).collect();
                (!products.is_empty()).then(|| {
                    let snapshot = self.past.snapshot(poll.observed_at, products);
                    self.decide((rules, people), Seen::Part(&snapshot), poll.observed_at)
                })
            }
            Ended::Accepted
                if moved.is_empty()
                    && self.forecasts.0.is(&self.memory.forecasts)
                    && !is_waiting(self.policy(rules, people), &self.memory, poll.observed_at) =>
            {
                self.memory.source.last_accepted_at = Some(poll.observed_at);
                None
            }
            Ended::Accepted => Some(self.accepted((rules, people), poll)),
        }
    }

    /// The sell rates as could be told then, by the numbers that series have here.
    fn renew_forecasts(&mut self, now: Timestamp) {
        let timeline: &'a Timeline = self.past.timeline;
        let known = timeline.rates.iter().take_while(|rates| rates.at <= now).count();
        let products = self.memory.products.len();
        if known == self.known_rates && products == self.forecasts.1 {
            return;
        }
        self.known_rates = known;
        let Some(last) = known.checked_sub(1).and_then(|last| timeline.rates.get(last)) else {
            return;
        };
        let rate = |product: &Arc<Tracked>| Some((product.series.number, *last.rates.get(&product.id)?));
        let rates = self.memory.products.iter().filter_map(rate).collect();
        self.forecasts = (Forecasts::new(rates, last.at), products);
    }

    fn failed(&self, under: (&Rules, &People), poll: &PastPoll, cause: Cause) -> Decision {
        let failure = Failure {
            cause,
            detail: poll.detail.clone(),
            retry_after: None,
        };
        self.decide(under, Seen::Failed(&failure), poll.observed_at)
    }

    /// What was believed then is believed, whatever it looks like beside a past that is not whole.
    fn accepted(&mut self, under: (&Rules, &People), poll: &PastPoll) -> Decision {
        let snapshot = self.past.snapshot(poll.observed_at, self.past.products());
        let decision = self.decide(under, Seen::Catalogue(&snapshot), poll.observed_at);
        if decision.outcome == Outcome::Accepted {
            return decision;
        }
        let levels: Vec<(ProductId, Level)> = self.past.levels();
        let mut run = judge::suspect_run(None, &levels);
        run.polls = AGREEING_POLLS - 1;
        self.memory.source.suspect = Some(run);
        self.decide(under, Seen::Catalogue(&snapshot), poll.observed_at)
    }

    fn decide(&self, (rules, people): (&Rules, &People), seen: Seen<'_>, now: Timestamp) -> Decision {
        decide(
            self.policy(rules, people),
            &self.memory,
            seen,
            now,
            &mut Uuid::new_v4,
        )
    }

    fn policy<'p>(&'p self, rules: &'p Rules, people: &'p People) -> Policy<'p> {
        Policy {
            instance: self.name,
            rules,
            capacities: &self.nothing,
            pools: None,
            people,
            forecasts: &self.forecasts.0,
        }
    }
}

/// So many messages by day (in the zone) and channel.
#[must_use]
pub fn by_day(messages: &[Message], zone: &TimeZone) -> BTreeMap<Date, BTreeMap<String, usize>> {
    let mut days: BTreeMap<Date, BTreeMap<String, usize>> = BTreeMap::new();
    for message in messages {
        let day = message.at.to_zoned(zone.clone()).date();
        *days
            .entry(day)
            .or_default()
            .entry(message.channel.clone())
            .or_default() += 1;
    }
    days
}
