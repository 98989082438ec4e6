//! Shops that are no longer configured: what is open there is taken back, once.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alerting::about::About;
use crate::domain::alerting::acks::AckStep;
use crate::domain::alerting::decision::Change;
use crate::domain::alerting::decision::Event;
use crate::domain::alerting::decision::EventKind;
use crate::domain::alerting::remind::Shop;
use crate::domain::alerting::remind::grouped;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Mode;
use crate::domain::alerting::telling::Taken;
use crate::domain::alerting::telling::Telling;
use crate::domain::catalogue::CombinationKey;
use crate::domain::message::Alert;
use crate::domain::message::Message;
use crate::domain::stand::Severity;

/// What is to be recorded and said of shops that are gone.
#[derive(Debug, Default)]
pub struct Departure {
    /// For each shop what changed, in the order they were given.
    pub shops: Vec<Left>,
    pub messages: Vec<Message>,
}

/// What is to be recorded of one shop that is gone.
#[derive(Debug, Default)]
pub struct Left {
    pub changes: Vec<Change>,
    pub events: Vec<Event>,
    /// The acks that end.
    pub acks: Vec<AckStep>,
}

/// Takes back what is open in these shops. Levels and history stay as they are; a shop that returns goes on from them.
#[must_use]
pub fn depart(
    rules: &Rules,
    shops: &[Shop<'_>],
    now: Timestamp,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Departure {
    let mut departure = Departure::default();
    let mut alerts: Vec<Vec<Alert>> = rules.channels.iter().map(|_| Vec::new()).collect();
    for shop in shops {
        let mut leaving = Leaving {
            telling: Telling::new(rules, shop.instance, now),
            events: Vec::new(),
        };
        leaving.telling.set_people(shop.people, None);
        let products = shop.memory.products.iter();
        let changes = products.filter_map(|known| leaving.product(known)).collect();
        departure.shops.push(Left {
            changes,
            events: leaving.events,
            acks: leaving.telling.acks.clone().into_steps(),
        });
        for (all, gathered) in alerts.iter_mut().zip(leaving.telling.gathered) {
            all.extend(gathered.alerts.into_iter().chain(gathered.held));
        }
    }
    departure.messages = grouped(rules, alerts, now, new_id);
    departure
}

struct Leaving<'a> {
    telling: Telling<'a>,
    events: Vec<Event>,
}

impl Leaving<'_> {
    fn product(&mut self, known: &Arc<Tracked>) -> Option<Change> {
        self.telling.withdraw_acks(known);
        let mut tracked = (**known).clone();
        let mut series = tracked.series.clone();
        self.close(&mut series, known, About::Product(known), None);
        tracked.series = series;
        for (combination, before) in tracked.combinations.iter_mut().zip(&known.combinations) {
            let about = About::combination(known, before);
            self.close(&mut combination.series, known, about, Some(&before.key));
        }
        (!known.is_stored_alike(&tracked)).then(|| Change {
            before: Some(Arc::clone(known)),
            after: Arc::new(tracked),
        })
    }

    /// Ends one series, where anything of it is open.
    fn close(
        &mut self,
        series: &mut SeriesState,
        product: &Tracked,
        about: About<'_>,
        key: Option<&CombinationKey>,
    ) {
        if series.told.is_empty() && series.severity == Severity::Ok {
            return;
        }
        let effective = match about {
            About::Combination { key, .. } => {
                let mut combinations = product.combinations.iter();
                combinations
                    .find(|other| other.key == *key)
                    .map_or(&product.effective, |own| &own.effective)
            }
            About::Product(_) | About::Pool(_) | About::Need { .. } => &product.effective,
        };
        self.telling
            .series(series, effective, about, Mode::Withdraw, Taken::default());
        let Some(moved) = series.close(self.telling.now) else {
            return;
        };
        let name = key.map_or_else(|| "-".to_owned(), ToString::to_string);
        self.events.push(Event {
            key: format!(
                "{}/{}/{name}/{:016x}/{}",
                self.telling.instance, product.id, series.fingerprint, series.transition
            ),
            at: self.telling.now,
            kind: EventKind::Severity {
                from: moved.from,
                to: moved.to,
                reason: moved.reason,
            },
            product_id: Some(product.id),
            combination: key.cloned(),
            level: series.last_level,
            previous_level: series.previous_level,
        });
    }
}
