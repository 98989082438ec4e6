//! A shop's catalogue poll by poll, put together again from the history.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::product::options_key;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Told;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Details;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::domain::catalogue::options::Options;
use crate::domain::forecast::SellRate;
use crate::domain::message::Capability;
use crate::domain::stand::Severity;
use crate::store::past::PastItem;
use crate::store::timeline::Attributes;
use crate::store::timeline::Timeline;
use crate::store::value::PollId;
use crate::store::value::Stood;

/// The catalogue as it stood after some poll.
pub(super) struct Past<'a> {
    pub timeline: &'a Timeline,
    /// The levels as last seen, also of what is missing.
    known: BTreeMap<ProductId, Level>,
    /// What the catalogue holds.
    shown: BTreeMap<ProductId, Arc<Product>>,
    /// The next of `timeline.levels`.
    next_level: usize,
    /// Polls that saw another name, group or presence, with the product; ascending.
    turns: Vec<(PollId, ProductId)>,
    next_turn: usize,
    /// The next of `timeline.capabilities`.
    next_capability: usize,
    companion_lost: bool,
}

impl<'a> Past<'a> {
    /// As it stood at the beginning.
    pub(super) fn new(timeline: &'a Timeline) -> Self {
        let mut turns: Vec<(PollId, ProductId)> = Vec::new();
        for (id, all) in &timeline.attributes {
            turns.extend(all.iter().filter_map(|attributes| Some((attributes.until?, *id))));
        }
        turns.sort_unstable_by_key(|(poll, id)| (poll.0, *id));
        let mut past = Self {
            timeline,
            known: BTreeMap::new(),
            shown: BTreeMap::new(),
            next_level: 0,
            turns,
            next_turn: 0,
            next_capability: 0,
            companion_lost: false,
        };
        if let Some(start) = &timeline.start {
            for item in start.items.iter().filter(|item| item.combination.is_none()) {
                if let Stood::At(level) = item.stood {
                    past.known.insert(item.product_id, level);
                    past.build(item.product_id, start.poll);
                }
            }
            past.capabilities_until(start.poll);
        }
        past
    }

    /// Goes on to what that poll saw; the products that differ.
    pub(super) fn advance(&mut self, poll: PollId) -> Vec<ProductId> {
        let mut moved = BTreeSet::new();
        while let Some(shift) = self
            .timeline
            .levels
            .get(self.next_level)
            .filter(|shift| shift.poll.0 <= poll.0)
        {
            self.next_level += 1;
            match shift.stood {
                Stood::At(level) => {
                    self.known.insert(shift.product_id, level);
                }
                // What is missing long enough is gone: that is decided anew.
                Stood::Gone => {}
            }
            moved.insert(shift.product_id);
        }
        while let Some((_, id)) = self.turns.get(self.next_turn).filter(|(at, _)| at.0 <= poll.0) {
            self.next_turn += 1;
            moved.insert(*id);
        }
        let was = self.companion_lost;
        self.capabilities_until(poll);
        for id in &moved {
            self.build(*id, poll);
        }
        if was != self.companion_lost {
            return self.known.keys().copied().collect();
        }
        moved.into_iter().collect()
    }

    fn capabilities_until(&mut self, poll: PollId) {
        while let Some((_, capability, lost)) = self
            .timeline
            .capabilities
            .get(self.next_capability)
            .filter(|(at, _, _)| at.0 <= poll.0)
        {
            self.next_capability += 1;
            if *capability == Capability::Companion {
                self.companion_lost = *lost;
            }
        }
    }

    /// The product as that poll saw it; taken out of the catalogue where it did not.
    fn build(&mut self, id: ProductId, poll: PollId) {
        let attributes = self
            .timeline
            .attributes(id, poll)
            .filter(|attributes| attributes.present);
        match (attributes, self.known.get(&id)) {
            (Some(attributes), Some(level)) => {
                let product = Arc::new(product(id, attributes, *level));
                self.shown.insert(id, product);
            }
            (Some(_) | None, Some(_) | None) => {
                self.shown.remove(&id);
            }
        }
    }

    pub(super) fn product(&self, id: ProductId) -> Option<Arc<Product>> {
        self.shown.get(&id).cloned()
    }

    pub(super) fn products(&self) -> Vec<Arc<Product>> {
        self.shown.values().cloned().collect()
    }

    /// The levels of what the catalogue holds, ascending by id.
    pub(super) fn levels(&self) -> Vec<(ProductId, Level)> {
        let level = |id: &ProductId| self.known.get(id).copied().unwrap_or(Level::Unknown);
        self.shown.keys().map(|id| (*id, level(id))).collect()
    }

    pub(super) fn snapshot(&self, observed_at: Timestamp, products: Vec<Arc<Product>>) -> Snapshot {
        Snapshot {
            observed_at,
            products,
            companion: self.companion(),
        }
    }

    fn companion(&self) -> Companion {
        let mut now = self.timeline.attributes.values().filter_map(|all| all.last());
        if self.companion_lost || !now.any(|attributes| attributes.tells_control) {
            Companion::Absent
        } else {
            Companion::Contract1
        }
    }

    /// What is remembered at the beginning: what is open then counts as told, and every channel was introduced.
    pub(super) fn told_already(&self, rules: &Rules, instance: &str) -> Memory {
        let Some(start) = &self.timeline.start else {
            return Memory::default();
        };
        let mut memory = Memory::default();
        for item in start.items.iter().filter(|item| item.combination.is_none()) {
            let Some(attributes) = self.timeline.attributes(item.product_id, start.poll) else {
                continue;
            };
            let number = memory.source.next_series;
            memory.source.next_series += 1;
            let rates = self.timeline.rates.first();
            let rate = rates.and_then(|rates| rates.rates.get(&item.product_id));
            let tracked = told(
                rules,
                instance,
                attributes,
                (item, number),
                rate,
                start.observed_at,
            );
            memory.products.push(Arc::new(tracked));
        }
        let source = &mut memory.source;
        source.last_accepted_at = Some(start.observed_at);
        source.last_accepted_products = self.shown.len();
        source.had_stock_fields = true;
        source.had_companion = Some(Companion::Contract1).filter(|_| self.companion() != Companion::Absent);
        let channels = rules.channels.iter();
        source.baselined = channels.map(|channel| Arc::from(channel.name.as_str())).collect();
        memory
    }
}

/// The product as WHMCS and its companion would have to show it for that level.
fn product(id: ProductId, attributes: &Attributes, level: Level) -> Product {
    let (quantity, controlled) = match level {
        Level::Known(n) => (Figure::Number(n), attributes.tells_control.then_some(true)),
        Level::NotControlled => (Figure::Number(0), Some(false)),
        Level::Unknown => (Figure::Absent, None),
    };
    let detailed = attributes.tells_control
        || controlled.is_some()
        || attributes.group.is_some()
        || attributes.hidden.is_some()
        || attributes.retired.is_some();
    let details = detailed.then(|| {
        Arc::new(Details {
            id,
            group_id: attributes.group_id,
            group: attributes.group.clone(),
            name: None,
            hidden: attributes.hidden,
            retired: attributes.retired,
            controlled,
            quantity,
            in_use: None,
            options: Options::default(),
            combinations: Arc::from([]),
            source_hash: 0,
        })
    });
    Product {
        listing: Arc::new(Listing {
            id,
            group_id: attributes.group_id,
            name: attributes.name.clone(),
            quantity,
            price: None,
            options: Options::default(),
            source_hash: 0,
        }),
        details,
        details_fresh: detailed,
    }
}

/// A product whose channels know how it stands.
fn told(
    rules: &Rules,
    instance: &str,
    attributes: &Attributes,
    (item, number): (&PastItem, u32),
    rate: Option<&SellRate>,
    at: Timestamp,
) -> Tracked {
    let (level, gone) = match item.stood {
        Stood::At(level) => (level, false),
        Stood::Gone => (Level::Unknown, true),
    };
    let product = product(item.product_id, attributes, level);
    let effective = rules.effective(&Subject {
        instance,
        group_id: product.group_id(),
        group: product.group(),
        product_id: product.id(),
        product: &product.listing.name,
        pairs: None,
    });
    let mut series = SeriesState::first(number, level, &effective, at);
    if !gone {
        series.settle(level, &effective, rate, at);
    }
    // What was known then was believed.
    series.seen_other_than_zero = true;
    let details = product.details.as_deref();
    let mut tracked = Tracked {
        id: product.id(),
        name: product.listing.name.clone(),
        group_id: product.group_id(),
        group: product.group().cloned(),
        hidden: details.and_then(|details| details.hidden),
        retired: details.and_then(|details| details.retired),
        price: None,
        controlled: details.and_then(|details| details.controlled),
        missing: u32::from(!item.present),
        gone,
        options_key: options_key(&product),
        per_choice: false,
        ambiguous_zero: false,
        bottleneck: None,
        series,
        effective,
        combinations: Vec::new(),
        drawn: None,
        seen: None,
        epoch: rules.epoch,
    };
    if !tracked.is_silent() {
        tell(rules, &mut tracked, at);
    }
    tracked
}

fn tell(rules: &Rules, tracked: &mut Tracked, at: Timestamp) {
    for channel in &tracked.effective.channels {
        let channel = &rules.channels[*channel];
        let severity = channel.view(tracked.series.severity);
        if severity != Severity::Ok {
            let name = Arc::from(channel.name.as_str());
            tracked.series.told.push(Told::new(name, severity, at));
        }
    }
}
