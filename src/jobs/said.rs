//! What people said in the past, as it held at each time of a rehearsal.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::alerting::acks::AckStep;
use crate::domain::alerting::state::Memory;
use crate::domain::catalogue::ProductId;
use crate::domain::people::Ack;
use crate::domain::people::People;
use crate::domain::people::Silence;
use crate::maintenance;
use crate::maintenance::Window;
use crate::store::timeline::PastAck;

/// The acks of one shop on the way through its past; silences and windows.
pub(super) struct SaidThen<'a> {
    acks: &'a [PastAck],
    silences: &'a [Silence],
    windows: &'a [Window],
    /// The next of `acks`.
    next: usize,
    in_force: Vec<(ProductId, Ack)>,
    /// When the last ack of a product ended.
    ended: Vec<(ProductId, Timestamp)>,
}

impl<'a> SaidThen<'a> {
    /// As it was at `since`: what had ended by then is over.
    pub(super) fn new(
        acks: &'a [PastAck],
        (silences, windows): (&'a [Silence], &'a Arc<[Window]>),
        since: Timestamp,
    ) -> Self {
        let mut said = Self {
            acks,
            silences,
            windows,
            next: 0,
            in_force: Vec::new(),
            ended: Vec::new(),
        };
        while let Some(past) = said.acks.get(said.next).filter(|past| past.ack.made_at <= since) {
            said.next += 1;
            match past.ended.filter(|(at, _)| *at <= since) {
                Some((at, _)) => said.end(past.product_id, at),
                None => said.in_force.push((past.product_id, past.ack.clone())),
            }
        }
        said
    }

    fn end(&mut self, product: ProductId, at: Timestamp) {
        self.in_force.retain(|(id, _)| *id != product);
        self.ended.retain(|(id, _)| *id != product);
        self.ended.push((product, at));
    }

    /// What held at `now`, by the series of that memory.
    pub(super) fn at(&mut self, memory: &Memory, now: Timestamp) -> People {
        self.go_on(now);
        let number = |id: ProductId| memory.product(id).map(|product| product.series.number);
        let mut people = People::default();
        for (id, ack) in &self.in_force {
            people.acks.extend(number(*id).map(|series| Ack {
                series,
                ..ack.clone()
            }));
        }
        people.acks.sort_by_key(|ack| ack.series);
        people.ended = self
            .ended
            .iter()
            .filter_map(|(id, at)| Some((number(*id)?, *at)))
            .collect();
        people.ended.sort_unstable();
        let holds = |silence: &&Silence| {
            let ended = silence.ended_at.is_some_and(|at| at <= now);
            silence.made_at <= now && silence.starts_at <= now && now < silence.ends_at && !ended
        };
        let silences = self.silences.iter().filter(holds).map(Silence::mute);
        people.with_mutes(silences.chain(maintenance::mutes(self.windows, now)))
    }

    /// Takes in what was made and ended up to `now`.
    fn go_on(&mut self, now: Timestamp) {
        let acks = self.acks;
        let over: Vec<(ProductId, Timestamp)> = self
            .in_force
            .iter()
            .filter_map(|(product, ack)| {
                let past = acks.iter().find(|past| past.ack.id == ack.id)?;
                let (at, by_somebody) = past.ended?;
                (by_somebody && at <= now).then_some((*product, at))
            })
            .collect();
        over.into_iter().for_each(|(product, at)| self.end(product, at));
        while let Some(past) = acks.get(self.next).filter(|past| past.ack.made_at <= now) {
            self.next += 1;
            if self.in_force.iter().any(|(id, _)| *id == past.product_id) {
                self.end(past.product_id, past.ack.made_at);
            }
            match past.ended.filter(|(at, by_somebody)| *by_somebody && *at <= now) {
                Some((at, _)) => self.end(past.product_id, at),
                None => self.in_force.push((past.product_id, past.ack.clone())),
            }
        }
    }

    /// Takes in what a decision made of the acks.
    pub(super) fn became(&mut self, steps: &[AckStep], now: Timestamp) {
        for step in steps {
            let Some(known) = self.in_force.iter_mut().find(|(_, ack)| ack.id == step.ack.id) else {
                continue;
            };
            known.1.clone_from(&step.ack);
            let product = known.0;
            if step.ended.is_some() {
                self.end(product, now);
            }
        }
    }
}
