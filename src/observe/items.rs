//! A product or combination as the API and the command line show it, and which of them are open alerts.

use std::iter;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Level;
use crate::domain::forecast::Cover;
use crate::domain::forecast::Forecasts;
use crate::domain::limit;
use crate::domain::limit::Sentence;
use crate::domain::limit::Style;
use crate::domain::message::Alert;
use crate::domain::message::PoolRef;
use crate::domain::message::Reason;
use crate::domain::message::Status;
use crate::domain::people::Silenced;
use crate::domain::pool::Board;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::Limited;
use crate::domain::stand::AckRef;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::ProductRef;
use crate::domain::stand::Severity;
use crate::domain::stand::Thresholds;
use crate::domain::taking;
use crate::observe::pools::LimitingPool;

/// A series of one moment: a product, or a combination with a figure of its own.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub instance: &'a str,
    /// How fast the instance's series sell.
    pub forecasts: &'a Forecasts,
    /// When the last accepted poll observed the catalogue.
    pub observed_at: Option<Timestamp>,
    pub product: &'a Tracked,
    /// `None` for the product itself.
    pub combination: Option<&'a Combination>,
}

/// An item of `/api/v1/stock`, `check --json` and `status --json`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Item<'a> {
    pub instance: &'a str,
    pub product_id: i64,
    pub product: &'a str,
    pub group: Option<&'a str>,
    pub combination: Option<CombinationRef>,
    /// `known`, `not_controlled`, `unknown` or `gone`.
    pub state: &'static str,
    /// Null unless known.
    pub level: Option<i64>,
    /// Null where the state has none; the frozen one while the level is unknown.
    pub severity: Option<Severity>,
    /// Since when the severity holds.
    pub since: Option<Timestamp>,
    pub observed_at: Option<Timestamp>,
    pub thresholds: &'a Thresholds,
    pub days_of_cover: Option<f64>,
    /// What limits the level, where that is not the product itself.
    pub bottleneck: Option<String>,
    /// The bottleneck, where it is a pool.
    pub pool: Option<LimitingPool>,
    pub hidden: Option<bool>,
    pub retired: Option<bool>,
    /// A 0 that may also mean that stock is not controlled.
    pub ambiguous_zero: bool,
    /// Of a combination without a figure of its own: it is what its product is. Not there where false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// Of a product, where all combinations are listed: how far they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combinations: Option<&'static str>,
    /// Who has taken it on.
    pub ack: Option<AckRef>,
    /// What keeps it from being told of.
    pub silenced: Option<Silenced>,
    /// Only there while the level is unknown.
    #[serde(flatten)]
    pub last: Option<LastKnown>,
}

/// The last figure of a level that is no longer known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LastKnown {
    pub last_level: Option<i64>,
    pub last_known_at: Option<Timestamp>,
}

/// Every series of an instance: each product (the gone ones too), its combinations after it; ascending by id and key.
pub fn entries<'a>(instance: &'a str, memory: &'a Memory) -> impl Iterator<Item = Entry<'a>> {
    memory
        .products
        .iter()
        .flat_map(move |product| of_product(instance, memory, product))
}

/// One product and then its combinations.
pub fn of_product<'a>(
    instance: &'a str,
    memory: &'a Memory,
    product: &'a Tracked,
) -> impl Iterator<Item = Entry<'a>> {
    let entry = move |combination| Entry {
        instance,
        forecasts: &memory.forecasts,
        observed_at: memory.source.last_accepted_at,
        product,
        combination,
    };
    iter::once(entry(None)).chain(product.combinations.iter().map(move |c| entry(Some(c))))
}

impl<'a> Entry<'a> {
    /// What is remembered of the series.
    #[must_use]
    pub fn series(&self) -> &'a SeriesState {
        self.combination.map_or(&self.product.series, |c| &c.series)
    }

    /// What limits its level, where that is not the product itself.
    #[must_use]
    pub fn bottleneck(&self) -> Option<&'a Bottleneck> {
        match self.combination {
            Some(combination) => combination.bottleneck.as_ref(),
            None => self.product.bottleneck.as_ref(),
        }
    }

    /// The pool that limits it, as it stands on the board.
    #[must_use]
    pub fn pool(&self, board: &Board) -> Option<PoolRef> {
        let pool = board.pool(self.bottleneck()?.pool()?)?;
        Some(pool.told_beside(&self.limited(), self.need(board, &pool.name)))
    }

    /// What limits its level, as a sentence: `0 because pool "64 GB DIMM kits" is empty; also holds back DS-128`.
    #[must_use]
    pub fn why(&self, board: &Board, style: Style) -> Option<Sentence> {
        let bottleneck = self.bottleneck()?;
        Some(match self.pool(board) {
            Some(pool) => limit::why(self.level(), &pool, &self.limited(), style),
            None => limit::limited_by(bottleneck, style),
        })
    }

    fn limited(&self) -> Limited<'a> {
        Limited {
            instance: self.instance,
            product_id: self.product.id,
            combination: self.combination.map(|combination| &*combination.label),
        }
    }

    /// Whether the series is no longer there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.product.gone || self.combination.is_some_and(|c| c.gone)
    }

    /// `known`, `not_controlled`, `unknown` or `gone`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.is_gone() {
            "gone"
        } else {
            self.series().level.state()
        }
    }

    /// The figure, where there is one now.
    #[must_use]
    pub fn level(&self) -> Option<i64> {
        if self.is_gone() {
            None
        } else {
            self.series().level.known()
        }
    }

    /// The severity; frozen while the level is unknown; `None` where there never was a figure, and for what is gone
    /// or not controlled.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        let series = self.series();
        match series.level {
            _ if self.is_gone() => None,
            Level::Known(_) => Some(series.severity),
            Level::Unknown => series.last_level.map(|_| series.severity),
            Level::NotControlled => None,
        }
    }

    /// How long what is left lasts at the present rate, where the level is known and there is enough history.
    #[must_use]
    pub fn cover(&self) -> Option<Cover> {
        self.forecasts.cover(self.series().number, self.level()?)
    }

    /// The thresholds that hold for it.
    #[must_use]
    pub fn thresholds(&self) -> &'a Thresholds {
        let effective = self.combination.map_or(&self.product.effective, |c| &c.effective);
        &effective.thresholds
    }

    /// Whether nobody is told of it whatever its level: a retired product, or a hidden one whose rule says so.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let ignored = self.product.effective.ignore_hidden;
        self.product.retired == Some(true) || (ignored && self.product.hidden == Some(true))
    }

    /// Whether it is an open alert: not ok, not silent, and a combination only while its level is below its product's.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let worse = self.severity().is_some_and(|severity| severity > Severity::Ok);
        worse && !self.is_silent() && self.speaks()
    }

    /// Whether it is an open alert of its own: the pool that limits it does not speak for it. An empty pool is one
    /// alert, however many it holds back.
    #[must_use]
    pub fn is_alert(&self, board: &Board) -> bool {
        self.is_open() && !self.is_spoken_for(board)
    }

    fn is_spoken_for(&self, board: &Board) -> bool {
        let limiting = self.bottleneck().and_then(Bottleneck::pool);
        let pool = limiting.and_then(|name| board.pool(name));
        let known = pool.filter(|pool| pool.severity().is_some());
        let Some((pool, standing)) = known.and_then(|pool| Some((pool, pool.standing.as_ref()?))) else {
            return false;
        };
        let told = self.series().told.iter().map(|told| told.severity).max();
        let need = self.need(board, &pool.name);
        self.severity()
            .is_some_and(|own| standing.speaks_for(need, own, told.unwrap_or_default()))
    }

    /// How many of the pool one order takes, where that is known.
    fn need(&self, board: &Board, pool: &str) -> Option<i64> {
        let drawn = self.product.drawn.as_ref()?;
        let key = self.combination.map(|combination| &combination.key);
        taking::need(&drawn.draws, board.place(pool)?, key)
    }

    fn speaks(&self) -> bool {
        let Some(combination) = self.combination else {
            return true;
        };
        match (combination.series.last_level, last_figure(&self.product.series)) {
            (Some(own), Some(product)) => own < product,
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }

    /// `instance/product/combination`, `-` for the product itself.
    #[must_use]
    pub fn alert_id(&self) -> String {
        let (instance, id) = (self.instance, self.product.id);
        match self.combination {
            Some(combination) => format!("{instance}/{id}/{}", combination.key),
            None => format!("{instance}/{id}/-"),
        }
    }

    /// The combination's key and label.
    #[must_use]
    pub fn combination_ref(&self) -> Option<CombinationRef> {
        self.combination.map(|combination| CombinationRef {
            key: combination.key.to_string(),
            label: combination.label.to_string(),
        })
    }

    /// The item as it is shown, beside these pools.
    #[must_use]
    pub fn item(&self, board: &Board) -> Item<'a> {
        let series = self.series();
        let severity = self.severity();
        let unknown = !self.is_gone() && series.level == Level::Unknown;
        Item {
            instance: self.instance,
            product_id: self.product.id,
            product: self.product.name.shown(),
            group: self.product.group.as_ref().map(|group| group.shown()),
            combination: self.combination_ref(),
            state: self.state(),
            level: self.level(),
            severity,
            since: severity.map(|_| series.since),
            observed_at: self.observed_at,
            thresholds: self.thresholds(),
            days_of_cover: self.cover().map(|cover| cover.shown_days()),
            bottleneck: self.bottleneck().map(ToString::to_string),
            pool: self
                .pool(board)
                .map(|pool| LimitingPool::new(pool, &self.limited())),
            hidden: self.product.hidden,
            retired: self.product.retired,
            ambiguous_zero: self.product.ambiguous_zero,
            derived: false,
            combinations: None,
            ack: None,
            silenced: None,
            last: unknown.then_some(LastKnown {
                last_level: series.last_level,
                last_known_at: series.last_known_at,
            }),
        }
    }

    /// The alert that is open for it, with the severity its channels were told last (the worst of them); `None` where
    /// it is not open, or a pool speaks for it.
    #[must_use]
    pub fn open_alert(&self, board: &Board) -> Option<Alert> {
        if !self.is_alert(board) {
            return None;
        }
        let series = self.series();
        let told = series.told.iter().map(|told| told.severity).max();
        Some(Alert {
            alert_id: self.alert_id(),
            instance: self.instance.to_owned(),
            reason: Reason::Reminder,
            status: Status::Firing,
            severity: series.severity,
            previous_severity: told.unwrap_or_default(),
            product: Some(ProductRef {
                id: self.product.id,
                name: self.product.name.shown().to_owned(),
                group: self.product.group.as_ref().map(|group| group.shown().to_owned()),
            }),
            pool: self.pool(board),
            bottleneck: self.bottleneck().map(ToString::to_string),
            combination: self.combination_ref(),
            level: series.last_level,
            previous_level: series.previous_level,
            thresholds: self.thresholds().clone(),
            started_at: series.started_at,
            observed_at: self.observed_at.unwrap_or(series.since),
            days_of_cover: self.cover().map(|cover| cover.shown_days()),
            ack: None,
            after: None,
            meanwhile: false,
            ambiguous_zero: self.product.ambiguous_zero,
        })
    }
}

fn last_figure(series: &SeriesState) -> Option<i64> {
    match series.level {
        Level::Known(level) => Some(level),
        Level::Unknown => series.last_level,
        Level::NotControlled => None,
    }
}
