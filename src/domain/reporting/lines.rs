//! One line for each series: how it stands, what it did in the period, and to which parts of a report it belongs.

use std::collections::HashMap;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::forecast::Forecasts;
use crate::domain::forecast::money;
use crate::domain::people::People;
use crate::domain::pool::Board;
use crate::domain::pool::Bottleneck;
use crate::domain::report::Amount;
use crate::domain::report::Line;
use crate::domain::reporting::movement::Movement;
use crate::domain::reporting::outline::Outline;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Counts;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::taking;

/// What is known of one shop.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub instance: &'a str,
    pub memory: &'a Memory,
    /// By the series' number.
    pub movements: &'a HashMap<u32, Movement>,
    pub forecasts: &'a Forecasts,
    pub people: &'a People,
}

/// A series with its line, and what the line does not say.
#[derive(Debug, Clone)]
pub struct Sorted {
    pub line: Line,
    /// No longer there.
    pub gone: bool,
    /// Something people are told of: not retired, nor hidden where its rule says so, nor a combination that is no
    /// worse than its product.
    pub speaks: bool,
    /// Its pool speaks for it.
    pub spoken_for: bool,
    /// When it last fell, and since when it is counted.
    pub movement: Movement,
}

/// How the products stand that the report is about.
#[must_use]
pub fn counts(outline: &Outline, shops: &[Known<'_>]) -> Counts {
    let mut counts = Counts::default();
    for product in shops.iter().flat_map(|shop| within(outline, shop)) {
        if !product.gone {
            counts.add(product.series.level, product.series.severity);
        }
    }
    counts
}

/// Each series with a figure that the report is about, the gone ones too; ascending by shop, product and combination.
#[must_use]
pub fn lines(outline: &Outline, shops: &[Known<'_>], board: &Board, now: Timestamp) -> Vec<Sorted> {
    let mut lines = Vec::new();
    for shop in shops {
        for product in within(outline, shop) {
            let reading = Reading {
                outline,
                shop,
                board,
                now,
                product,
            };
            lines.extend(reading.line(None));
            lines.extend(
                product
                    .combinations
                    .iter()
                    .filter_map(|combination| reading.line(Some(combination))),
            );
        }
    }
    lines
}

fn within<'a>(outline: &'a Outline, shop: &Known<'a>) -> impl Iterator<Item = &'a Tracked> {
    let products: &'a [_] = if outline.concerns(shop.instance) {
        &shop.memory.products
    } else {
        &[]
    };
    products
        .iter()
        .map(AsRef::as_ref)
        .filter(|product: &&Tracked| outline.concerns_group(product.group_id, product.group.as_ref()))
}

struct Reading<'a> {
    outline: &'a Outline,
    shop: &'a Known<'a>,
    board: &'a Board,
    now: Timestamp,
    product: &'a Tracked,
}

impl Reading<'_> {
    fn line(&self, combination: Option<&Combination>) -> Option<Sorted> {
        let product = self.product;
        let series = combination.map_or(&product.series, |combination| &combination.series);
        let effective = combination.map_or(&product.effective, |combination| &combination.effective);
        let bottleneck = match combination {
            Some(combination) => combination.bottleneck.as_ref(),
            None => product.bottleneck.as_ref(),
        };
        let level = last_figure(series)?;
        let movement = self
            .shop
            .movements
            .get(&series.number)
            .copied()
            .unwrap_or_default();
        let line = Line {
            instance: self.shop.instance.to_owned(),
            product: ProductRef {
                id: product.id,
                name: product.name.shown().to_owned(),
                group: product.group.as_ref().map(|group| group.shown().to_owned()),
            },
            combination: combination.map(|combination| CombinationRef {
                key: combination.key.to_string(),
                label: combination.label.to_string(),
            }),
            level: Some(level),
            known: series.level.known().is_some(),
            severity: series.severity,
            since: series.since,
            thresholds: effective.thresholds.clone(),
            rate: self.shop.forecasts.rate(series.number).copied(),
            cover: self.shop.forecasts.cover(series.number, level),
            lead_time_days: Some(self.lead_time_days(effective)),
            sold: movement.sold,
            restocked: movement.restocked,
            hours_out: movement.out.as_secs_f64() / 3600.0,
            still_since: movement.fell_at.max(movement.counted_since),
            ack: self.shop.people.ack(series.number).map(|ack| ack.shown(self.now)),
            bottleneck: bottleneck.map(ToString::to_string),
            lost: self.lost(series.number, movement.out),
            chart: None,
        };
        let silent = product.retired == Some(true)
            || (product.hidden == Some(true) && product.effective.ignore_hidden);
        Some(Sorted {
            gone: product.gone || combination.is_some_and(|combination| combination.gone),
            speaks: !silent && self.below_its_product(combination),
            spoken_for: self.is_spoken_for(combination, series, bottleneck),
            line,
            movement,
        })
    }

    fn lead_time_days(&self, effective: &Effective) -> f64 {
        effective.cover.unwrap_or(self.outline.lead_time).as_secs_f64() / 86_400.0
    }

    /// A month's revenue of what was not sold while nothing was left.
    fn lost(&self, series: u32, at_zero: SignedDuration) -> Option<Amount> {
        let price = self.product.price.as_ref()?;
        let rate = self.shop.forecasts.rate(series)?;
        let at_zero = Duration::try_from(at_zero).unwrap_or_default();
        let hundredths = money::lost_revenue(price, rate, at_zero)?;
        (hundredths > 0).then(|| Amount {
            currency: price.currency.clone(),
            hundredths,
        })
    }

    fn below_its_product(&self, combination: Option<&Combination>) -> bool {
        let Some(combination) = combination else {
            return true;
        };
        match (
            last_figure(&combination.series),
            last_figure(&self.product.series),
        ) {
            (Some(own), Some(product)) => own < product,
            (Some(_), None) => true,
            (None, Some(_) | None) => false,
        }
    }

    fn is_spoken_for(
        &self,
        combination: Option<&Combination>,
        series: &SeriesState,
        bottleneck: Option<&Bottleneck>,
    ) -> bool {
        let pool = bottleneck
            .and_then(Bottleneck::pool)
            .and_then(|name| self.board.pool(name));
        let Some((pool, standing)) = pool.and_then(|pool| Some((pool, pool.standing.as_ref()?))) else {
            return false;
        };
        let key = combination.map(|combination| &combination.key);
        let drawn = self.product.drawn.as_ref().zip(self.board.place(&pool.name));
        let need = drawn.and_then(|(drawn, place)| taking::need(&drawn.draws, place, key));
        pool.severity().is_some() && standing.speaks_for(need, series.severity, Severity::Ok)
    }
}

fn last_figure(series: &SeriesState) -> Option<i64> {
    match series.level {
        Level::Known(level) => Some(level),
        Level::Unknown => series.last_level,
        Level::NotControlled => None,
    }
}
