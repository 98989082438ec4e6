//! What people do beside the monitor: they take products on, silence some of them, and change their minds.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::random::Random;

/// What somebody did.
#[derive(Debug, Clone)]
pub enum Act {
    /// Takes a product on.
    Ack {
        id: i64,
        quantity: Option<i64>,
        eta: Option<Timestamp>,
    },
    /// Ends the ack of a product, if there is one.
    EndAck {
        id: i64,
    },
    /// Numbered from 1 in the order they are made.
    Silence {
        whom: Whom,
        from: Timestamp,
        until: Timestamp,
    },
    EndSilence {
        number: i64,
    },
}

/// Whom a silence is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    All,
    Group(i64),
    Products(Vec<i64>),
}

impl Whom {
    pub fn holds_back(&self, id: i64, group: i64) -> bool {
        match self {
            Self::All => true,
            Self::Group(wanted) => *wanted == group,
            Self::Products(ids) => ids.contains(&id),
        }
    }
}

/// What people do in the five minutes before `now`. `open` are products that somebody should take on, `all` is how many
/// products there are; `silences` is how many silences were made.
pub fn acts(random: &mut Random, now: Timestamp, open: &[i64], all: i64, silences: i64) -> Vec<Act> {
    let mut acts = Vec::new();
    let later = |minutes: i64| now + SignedDuration::from_mins(minutes);
    if !open.is_empty() && random.chance(60_000) {
        let id = *random.pick(open);
        acts.push(ack(random, id, now));
    }
    // What is well is ordered too, before it runs low.
    if random.chance(8_000) {
        let id = random.within(1, all);
        acts.push(ack(random, id, now));
    }
    if random.chance(15_000) {
        let id = random.within(1, all);
        acts.push(Act::EndAck { id });
    }
    if random.chance(8_000) {
        let whom = match random.within(0, 9) {
            0 => Whom::All,
            1..=4 => Whom::Group(random.within(1, 6)),
            _ => Whom::Products((0..random.within(1, 12)).map(|_| random.within(1, all)).collect()),
        };
        let from = later(*random.pick(&[0, 0, 0, 60, 600]));
        let until = from + SignedDuration::from_mins(random.within(7, 900));
        acts.push(Act::Silence { whom, from, until });
    }
    if silences > 0 && random.chance(4_000) {
        acts.push(Act::EndSilence {
            number: random.within(1, silences),
        });
    }
    acts
}

fn ack(random: &mut Random, id: i64, now: Timestamp) -> Act {
    let days = random.within(1, 4 * 24 * 60);
    Act::Ack {
        id,
        quantity: random.chance(500_000).then(|| random.within(1, 40)),
        eta: random
            .chance(600_000)
            .then(|| now + SignedDuration::from_mins(days)),
    }
}
