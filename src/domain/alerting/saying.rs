//! What is said: one alert of a series, what is open beside it, and the messages that carry them.

use uuid::Uuid;

use crate::domain::alerting::about::About;
use crate::domain::alerting::about::alert_id;
use crate::domain::alerting::about::product_ref;
use crate::domain::alerting::about::worst_first;
use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::alerting::telling::Gathered;
use crate::domain::alerting::telling::Telling;
use crate::domain::message::ALERTS_PER_MESSAGE;
use crate::domain::message::Alert;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::message::OPEN_LISTED;
use crate::domain::message::Open;
use crate::domain::message::PoolRef;
use crate::domain::message::Reason;
use crate::domain::message::Status;
use crate::domain::pool::Limited;
use crate::domain::stand::CombinationRef;
use crate::domain::stand::Severity;

impl Telling<'_> {
    pub(super) fn alert(
        &self,
        series: &SeriesState,
        effective: &Effective,
        about: About<'_>,
        reason: Reason,
        told: Severity,
        view: Severity,
    ) -> Alert {
        let resolved = view == Severity::Ok;
        Alert {
            alert_id: alert_id(self.instance, about),
            instance: self.instance.to_owned(),
            reason,
            status: if resolved {
                Status::Resolved
            } else {
                Status::Firing
            },
            severity: view,
            previous_severity: told,
            product: about.product().map(product_ref),
            pool: self.pool_of(about),
            bottleneck: about.bottleneck().map(ToString::to_string),
            combination: match about {
                About::Combination { key, label, .. } => Some(CombinationRef {
                    key: key.to_string(),
                    label: label.to_owned(),
                }),
                About::Product(_) | About::Pool(_) | About::Need { .. } => None,
            },
            level: series.last_level,
            previous_level: series.previous_level,
            thresholds: effective.thresholds.clone(),
            started_at: series.started_at,
            observed_at: self.now,
            days_of_cover: self.days_of_cover(series, about),
            ack: self
                .acks(about)
                .named(series.number)
                .map(|ack| ack.shown(self.now)),
            after: series.ended_mute(),
            meanwhile: false,
            ambiguous_zero: match about {
                About::Product(product) => {
                    series.last_level == Some(0)
                        && product.bottleneck.is_none()
                        && !product.is_surely_controlled()
                        && !effective.is_declared_controlled()
                }
                About::Combination { .. } | About::Pool(_) | About::Need { .. } => false,
            },
        }
    }

    /// How long what is left lasts, while the level is known; a pool's series is not the shop's.
    fn days_of_cover(&self, series: &SeriesState, about: About<'_>) -> Option<f64> {
        match about {
            About::Product(_) | About::Combination { .. } => Some(
                self.forecasts
                    .cover(series.number, series.level.known()?)?
                    .shown_days(),
            ),
            About::Pool(_) | About::Need { .. } => None,
        }
    }

    /// The pool that an alert is about, or that limits what it is about.
    fn pool_of(&self, about: About<'_>) -> Option<PoolRef> {
        let (product, combination) = match about {
            About::Pool(pool) => return Some(self.told_of(pool, None)),
            About::Need { pool, need } => return Some(self.told_of(pool, Some(need))),
            About::Product(product) => (product, None),
            About::Combination { product, label, .. } => (product, Some(label)),
        };
        let pool = self.pools.board.pool(about.bottleneck()?.pool()?)?;
        let own = Limited {
            instance: self.instance,
            product_id: product.id,
            combination,
        };
        Some(pool.told_beside(&own, self.need_of(about, &pool.name)))
    }

    fn told_of(&self, pool: &Tracked, need: Option<i64>) -> PoolRef {
        match self.pools.board.pool(pool.name.raw()) {
            Some(pool) => need.map_or_else(|| pool.told(), |need| pool.told_of(need)),
            // No longer configured: what is remembered of it.
            None => PoolRef {
                name: pool.name.raw().to_owned(),
                capacity: pool.group_id.unwrap_or_default(),
                level: pool.series.last_level,
                need,
                holds_back: Vec::new(),
                holds_back_total: 0,
                holds_back_products: 0,
                instances: Vec::new(),
            },
        }
    }

    /// The messages of this look: alerts worst first, then product events, each split at the limit.
    pub(super) fn messages(mut self, next: &Memory, new_id: &mut dyn FnMut() -> Uuid) -> Vec<Message> {
        let mut messages = Vec::new();
        for channel in 0..self.names.len() {
            let Gathered {
                mut alerts,
                mut held,
                events,
            } = std::mem::take(&mut self.gathered[channel]);
            worst_first(&mut alerts);
            worst_first(&mut held);
            let open = if alerts.is_empty() {
                Open::default()
            } else {
                self.open(channel, next, &alerts)
            };
            for part in alerts.chunks(ALERTS_PER_MESSAGE) {
                let body = Body::Alerts {
                    alerts: part.to_vec(),
                    open: open.clone(),
                };
                messages.push(self.message(channel, body, new_id));
            }
            for part in held.chunks(ALERTS_PER_MESSAGE) {
                let body = Body::Alerts {
                    alerts: part.to_vec(),
                    open: Open::default(),
                };
                messages.push(self.message(channel, body, new_id));
            }
            for part in events.chunks(ALERTS_PER_MESSAGE) {
                messages.push(self.message(
                    channel,
                    Body::Products {
                        events: part.to_vec(),
                    },
                    new_id,
                ));
            }
        }
        messages
    }

    pub(super) fn message(&self, channel: usize, body: Body, new_id: &mut dyn FnMut() -> Uuid) -> Message {
        Message {
            id: new_id(),
            channel: self.names[channel].to_string(),
            instance: Some(self.instance.to_owned()),
            at: self.now,
            body,
        }
    }

    /// What the channel was told of and is open now, beside `announced`: the worst of it, and how many there are. What is
    /// ok and only not told as such yet is left out.
    pub(super) fn open(&self, channel: usize, next: &Memory, announced: &[Alert]) -> Open {
        let announced: std::collections::HashSet<&str> =
            announced.iter().map(|alert| alert.alert_id.as_str()).collect();
        let mut alerts = Vec::new();
        let pools = self.pools.pools.iter().flat_map(|pool| pool.pool_series());
        let products = next.products.iter().flat_map(|product| product.all_series());
        for (series, effective, about) in pools.chain(products) {
            let told = series.told(&self.names[channel]);
            let is_open = told != Severity::Ok && series.severity != Severity::Ok;
            if !is_open || announced.contains(alert_id(self.instance, about).as_str()) {
                continue;
            }
            let mut alert = self.alert(series, effective, about, Reason::Reminder, told, series.severity);
            // That a mute ended is said by what announces the series.
            alert.after = None;
            alerts.push(alert);
        }
        worst_first(&mut alerts);
        let total = alerts.len();
        alerts.truncate(OPEN_LISTED);
        Open { alerts, total }
    }

    /// Says to the channel that a series is still open.
    pub(super) fn remind(
        &mut self,
        channel: usize,
        series: &mut SeriesState,
        effective: &Effective,
        about: About<'_>,
    ) {
        let severity = self.rules.channels[channel].view(series.severity);
        let alert = self.alert(series, effective, about, Reason::Reminder, severity, severity);
        self.gathered[channel].alerts.push(alert);
        let now = self.now;
        self.remember(channel, series, |told| told.at = now);
    }
}
