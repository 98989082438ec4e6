//! A shop that tests can stock and look at: builds snapshots, remembers what was decided, and holds every decision
//! to what must be true of all of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::acks::AckStep;
use whmcs_stock_monitor::domain::alerting::decide::Seen;
use whmcs_stock_monitor::domain::alerting::decide::decide;
use whmcs_stock_monitor::domain::alerting::decision::Change;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::pools::Pools;
use whmcs_stock_monitor::domain::alerting::product::Policy;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::CombinationUse;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::message::ALERTS_PER_MESSAGE;
use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::OPEN_LISTED;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::ProductEvent;
use whmcs_stock_monitor::domain::people::People;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::source::Failure;
use whmcs_stock_monitor::domain::stand::Severity;

/// A product as the shop shows it; without `detailed` only what GetProducts sends.
#[derive(Debug, Clone)]
pub struct Item {
    pub name: String,
    pub group: Option<(i64, String)>,
    pub quantity: Figure,
    pub detailed: bool,
    pub hidden: Option<bool>,
    pub retired: Option<bool>,
    pub controlled: Option<bool>,
    pub in_use: Option<i64>,
    pub options: Vec<ConfigOption>,
    pub uses: Vec<CombinationUse>,
}

impl Item {
    fn new(id: i64) -> Self {
        Self {
            name: format!("Product {id:03}"),
            group: None,
            quantity: Figure::Absent,
            detailed: false,
            hidden: None,
            retired: None,
            controlled: None,
            in_use: None,
            options: Vec::new(),
            uses: Vec::new(),
        }
    }

    fn product(&self, id: i64) -> Arc<Product> {
        let group_id = self.group.as_ref().map(|group| group.0);
        let details = self.detailed.then(|| {
            Arc::new(Details {
                id,
                group_id,
                group: self.group.as_ref().map(|group| Name::new(&group.1)),
                name: None,
                hidden: self.hidden,
                retired: self.retired,
                controlled: self.controlled,
                quantity: self.quantity,
                in_use: self.in_use,
                options: self.options.clone().into(),
                combinations: self.uses.clone().into(),
                source_hash: 0,
            })
        });
        Arc::new(Product {
            listing: Arc::new(Listing {
                id,
                group_id,
                name: Name::new(&self.name),
                quantity: self.quantity,
                price: None,
                options: Options::default(),
                source_hash: 0,
            }),
            details,
            details_fresh: self.detailed,
        })
    }
}

/// An option whose choices (id, stock) are known from elsewhere.
pub fn option(id: i64, name: &str, choices: &[(i64, Option<i64>)]) -> ConfigOption {
    ConfigOption {
        id,
        name: Name::new(name),
        kind: OptionKind::Dropdown,
        hidden: false,
        choices: choices
            .iter()
            .map(|(id, stock)| Choice {
                id: *id,
                name: Name::new(&format!("choice {id}")),
                hidden: false,
                in_use: None,
                stock: stock.map_or(Figure::Absent, Figure::Number),
            })
            .collect(),
    }
}

/// A channel that rules without channels speak on; no severities means all.
pub fn channel(name: &str, severities: &[Severity]) -> ChannelPolicy {
    ChannelPolicy {
        name: name.to_owned(),
        severities: severities.to_vec(),
        default: true,
        quiet: None,
    }
}

/// Global thresholds 5 and 1, and the channel "mail" that takes everything.
pub fn plain_rules() -> Rules {
    Rules::new(5, 1, Vec::new(), vec![channel("mail", &[])])
}

pub fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// The shop `default`, the monitor's memory of it, and the time.
pub struct Shop {
    pub name: String,
    pub rules: Rules,
    /// What is remembered of the pools, where there are some.
    pub people: People,
    pub forecasts: Forecasts,
    pub pools: Option<Pools>,
    pub capacities: Capacities,
    pub companion: Companion,
    pub memory: Memory,
    pub now: Timestamp,
    pub items: BTreeMap<i64, Item>,
    built: BTreeMap<i64, Arc<Product>>,
    ids: u128,
    keys: BTreeSet<String>,
}

impl Shop {
    pub fn new(rules: Rules) -> Self {
        Self {
            name: "default".to_owned(),
            rules,
            people: People::default(),
            forecasts: Forecasts::default(),
            pools: None,
            capacities: Capacities::default(),
            companion: Companion::Absent,
            memory: Memory::default(),
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
            items: BTreeMap::new(),
            built: BTreeMap::new(),
            ids: 0,
            keys: BTreeSet::new(),
        }
    }

    /// A shop with these levels that had its first look.
    pub fn open(rules: Rules, stock: &[(i64, i64)]) -> Self {
        let mut shop = Self::new(rules);
        for (id, level) in stock {
            shop.stock(*id, *level);
        }
        shop.look();
        shop
    }

    pub fn edit(&mut self, id: i64, change: impl FnOnce(&mut Item)) {
        change(self.items.entry(id).or_insert_with(|| Item::new(id)));
        self.built.remove(&id);
    }

    pub fn stock(&mut self, id: i64, level: i64) {
        self.edit(id, |item| item.quantity = Figure::Number(level));
    }

    pub fn remove(&mut self, id: i64) {
        self.items.remove(&id);
        self.built.remove(&id);
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.checked_add(time).expect("in range");
    }

    /// Other rules from now on, as after a reload.
    pub fn reload(&mut self, mut rules: Rules) {
        rules.epoch = self.rules.epoch + 1;
        self.rules = rules;
    }

    /// Forgets what a restart forgets.
    pub fn restart(&mut self) {
        for tracked in &mut self.memory.products {
            let tracked = Arc::make_mut(tracked);
            tracked.seen = None;
            tracked.epoch = 0;
        }
        self.memory.source.suspect = None;
        self.rules.epoch += 1;
        self.built.clear();
    }

    pub fn snapshot(&mut self) -> Snapshot {
        for (id, item) in &self.items {
            self.built.entry(*id).or_insert_with(|| item.product(*id));
        }
        Snapshot {
            observed_at: self.now,
            products: self.built.values().map(Arc::clone).collect(),
            companion: self.companion,
        }
    }

    /// Looks now.
    pub fn look(&mut self) -> Decision {
        let snapshot = self.snapshot();
        self.decide(Seen::Catalogue(&snapshot))
    }

    /// Looks now at these products only.
    pub fn look_at(&mut self, ids: &[i64]) -> Decision {
        let mut snapshot = self.snapshot();
        snapshot.products.retain(|product| ids.contains(&product.id()));
        self.decide(Seen::Part(&snapshot))
    }

    /// Looks a minute later, after the product's level changed; what "mail" hears of it.
    pub fn shows(&mut self, id: i64, level: i64) -> Vec<String> {
        self.stock(id, level);
        self.later(minutes(1))
    }

    /// Looks after a while; what "mail" hears.
    pub fn later(&mut self, time: Duration) -> Vec<String> {
        self.wait(time);
        heard(&self.look(), "mail")
    }

    /// A poll that fails after a while.
    pub fn fails(&mut self, time: Duration, cause: Cause) -> Decision {
        self.wait(time);
        let failure = Failure {
            cause,
            detail: "as planned".to_owned(),
            retry_after: None,
        };
        self.decide(Seen::Failed(&failure))
    }

    pub fn tracked(&self, id: i64) -> &Tracked {
        self.memory.product(id).expect("a known product")
    }

    pub fn severity(&self, id: i64) -> Severity {
        self.tracked(id).series.severity
    }

    /// Takes over what became of acks.
    pub fn heed(&mut self, steps: &[AckStep]) {
        for step in steps {
            let acks = &mut self.people.acks;
            acks.retain(|ack| ack.id != step.ack.id);
            if step.ended.is_none() {
                acks.push(step.ack.clone());
                acks.sort_by_key(|ack| ack.series);
            } else {
                let ended = &mut self.people.ended;
                ended.retain(|(series, _)| *series != step.ack.series);
                ended.push((step.ack.series, self.now));
                ended.sort_unstable();
            }
        }
    }

    fn decide(&mut self, seen: Seen<'_>) -> Decision {
        let policy = Policy {
            instance: &self.name,
            rules: &self.rules,
            capacities: &self.capacities,
            pools: self.pools.as_ref(),
            people: &self.people,
            forecasts: &self.forecasts,
        };
        let run = |first: u128| {
            let mut ids = first;
            let mut new_id = || {
                ids += 1;
                Uuid::from_u128(ids)
            };
            decide(policy, &self.memory, seen, self.now, &mut new_id)
        };
        let decision = run(self.ids);
        assert_eq!(
            format!("{decision:?}"),
            format!("{:?}", run(self.ids)),
            "the same question twice"
        );
        self.ids += decision.messages.len() as u128;
        for event in &decision.events {
            assert!(self.keys.insert(event.key.clone()), "again: {}", event.key);
        }
        check_changes(&self.memory, &decision.changes, &decision.next);
        if let (Some(before), Some(pools)) = (&self.pools, &decision.pools) {
            check_changes(&before.memory, &pools.changes, &pools.next.memory);
            for event in &pools.events {
                assert!(self.keys.insert(event.key.clone()), "again: {}", event.key);
            }
        }
        decision.messages.iter().for_each(check_message);
        if decision.outcome != Outcome::Accepted {
            check_nothing_moved(&self.memory, &decision);
        }
        self.memory = decision.next.clone();
        self.heed(&decision.acks);
        if let Some(pools) = &decision.pools {
            self.pools = Some(pools.next.clone());
        }
        decision
    }
}

/// Everything of a product that is stored.
fn stored(tracked: &Tracked) -> String {
    let combinations: Vec<_> = tracked
        .combinations
        .iter()
        .map(|c| (&c.key, &c.label, &c.bottleneck, c.gone, &c.series))
        .collect();
    format!(
        "{:?}",
        (
            (tracked.id, &tracked.name, tracked.group_id, &tracked.group),
            (tracked.hidden, tracked.retired, tracked.controlled),
            (tracked.missing, tracked.gone, tracked.options_key),
            (tracked.per_choice, tracked.ambiguous_zero, &tracked.series),
            &tracked.bottleneck,
            combinations,
        )
    )
}

/// Applied to the memory before, the changes make the memory after, and each of them changes something.
fn check_changes(before: &Memory, changes: &[Change], next: &Memory) {
    let mut replayed: BTreeMap<i64, String> = before.products.iter().map(|t| (t.id, stored(t))).collect();
    for change in changes {
        let after = stored(&change.after);
        let was = replayed.insert(change.after.id, after.clone());
        assert_eq!(was, change.before.as_deref().map(stored), "the change's before");
        assert_ne!(was, Some(after), "a change that changes nothing");
    }
    let made: BTreeMap<i64, String> = next.products.iter().map(|t| (t.id, stored(t))).collect();
    assert_eq!(replayed, made, "the changes make the next memory");
    assert!(next.products.is_sorted_by(|a, b| a.id < b.id), "ascending by id");
    let mut numbers = BTreeSet::new();
    for tracked in &next.products {
        assert!(
            tracked.combinations.is_sorted_by(|a, b| a.key < b.key),
            "ascending by key"
        );
        let combinations = tracked.combinations.iter().map(|c| c.series.number);
        for number in std::iter::once(tracked.series.number).chain(combinations) {
            assert!(numbers.insert(number), "a series' number is given once");
            assert!(number < next.source.next_series);
        }
    }
}

fn check_message(message: &Message) {
    match &message.body {
        Body::Alerts { alerts, open } => {
            assert!(!alerts.is_empty() && alerts.len() <= ALERTS_PER_MESSAGE);
            assert!(
                alerts.is_sorted_by(|a, b| a.severity >= b.severity),
                "worst first"
            );
            assert!(open.alerts.is_sorted_by(|a, b| a.severity >= b.severity));
            assert_eq!(open.alerts.len(), open.total.min(OPEN_LISTED));
            assert!(
                open.alerts.iter().all(|a| a.severity != Severity::Ok),
                "what is ok is not open"
            );
            let announced: BTreeSet<&str> = alerts.iter().map(|a| a.alert_id.as_str()).collect();
            assert_eq!(announced.len(), alerts.len(), "a series speaks once a message");
            assert!(
                open.alerts
                    .iter()
                    .all(|a| !announced.contains(a.alert_id.as_str()))
            );
        }
        Body::Products { events } => assert!(!events.is_empty() && events.len() <= ALERTS_PER_MESSAGE),
        Body::Baseline { open, .. } => assert_eq!(open.alerts.len(), open.total.min(OPEN_LISTED)),
        Body::SourceDown { .. }
        | Body::SourceUp { .. }
        | Body::SourceDegraded { .. }
        | Body::SourceRestored { .. }
        | Body::Report(_)
        | Body::ReportOverdue { .. }
        | Body::Ping => {}
    }
}

/// A poll that was not accepted changes no level and says nothing of stock.
fn check_nothing_moved(before: &Memory, decision: &Decision) {
    assert!(decision.changes.is_empty() && decision.pools.is_none());
    assert_eq!(decision.level_changes, 0);
    assert_eq!(before.products.len(), decision.next.products.len());
    for (old, new) in before.products.iter().zip(&decision.next.products) {
        assert!(Arc::ptr_eq(old, new));
    }
    for message in &decision.messages {
        assert_eq!(message.body.kind(), "source.down");
    }
}

/// What a channel hears of a decision, one line for each alert, event or word on the source.
pub fn heard(decision: &Decision, channel: &str) -> Vec<String> {
    said(&decision.messages, channel)
}

/// What a channel hears in messages.
pub fn said(messages: &[Message], channel: &str) -> Vec<String> {
    let to_channel = messages.iter().filter(|message| message.channel == channel);
    to_channel.flat_map(|message| lines(&message.body)).collect()
}

fn lines(body: &Body) -> Vec<String> {
    match body {
        Body::Alerts { alerts, .. } => alerts.iter().map(alert_line).collect(),
        Body::Products { events } => events.iter().map(event_line).collect(),
        Body::Baseline {
            products,
            counts,
            combinations,
            pools,
            ..
        } => {
            let mut line = format!(
                "baseline {products}: {} out, {} critical, {} low, {} ok, {} unknown, {} not controlled",
                counts.out, counts.critical, counts.low, counts.ok, counts.unknown, counts.not_controlled
            );
            for (kind, counts) in [("combinations", combinations), ("pools", pools)] {
                let open = counts.out + counts.critical + counts.low;
                if open > 0 {
                    line += &format!("; {open} of {} {kind} open", counts.total());
                }
            }
            vec![line]
        }
        Body::SourceDown { cause, .. } => vec![format!("down: {}", cause.as_str())],
        Body::SourceUp { cause, since } => {
            vec![format!("up: {} since {since}", cause.map_or("?", Cause::as_str))]
        }
        Body::SourceDegraded { lost } => vec![format!("lost {}", lost.as_str())],
        Body::SourceRestored { regained, .. } => vec![format!("regained {}", regained.as_str())],
        Body::Report(_) => vec!["report".to_owned()],
        Body::ReportOverdue { .. } => vec!["report overdue".to_owned()],
        Body::Ping => vec!["ping".to_owned()],
    }
}

fn alert_line(alert: &Alert) -> String {
    let combination = alert
        .combination
        .as_ref()
        .map_or_else(String::new, |c| format!("/{}", c.key));
    let about = match (alert.product_id(), &alert.pool) {
        (Some(id), _) => id.to_string(),
        (None, pool) => {
            let pool = pool.as_ref().expect("about a pool");
            let need = pool.need.map_or_else(String::new, |need| format!("/{need}"));
            format!("pool {:?}{need}", pool.name)
        }
    };
    format!(
        "{about}{combination} {} {}",
        alert.reason.as_str(),
        alert.severity.as_str()
    )
}

fn event_line(event: &ProductEvent) -> String {
    let level = event
        .level
        .map_or_else(|| event.state.to_owned(), |n| n.to_string());
    let severity = event
        .severity
        .map_or_else(String::new, |severity| format!(" {}", severity.as_str()));
    let previous = event
        .previous
        .as_ref()
        .map_or_else(String::new, |was| format!(", was {was}"));
    format!(
        "{} {}: {level}{severity}{previous}",
        event.product.id,
        event.kind.as_str()
    )
}

/// The alerts of a decision for a channel.
pub fn alerts(decision: &Decision, channel: &str) -> Vec<Alert> {
    let to_channel = decision
        .messages
        .iter()
        .filter(|message| message.channel == channel);
    to_channel
        .filter_map(|message| match &message.body {
            Body::Alerts { alerts, .. } => Some(alerts.clone()),
            Body::Products { .. }
            | Body::Baseline { .. }
            | Body::SourceDown { .. }
            | Body::SourceUp { .. }
            | Body::SourceDegraded { .. }
            | Body::SourceRestored { .. }
            | Body::Report(_)
            | Body::ReportOverdue { .. }
            | Body::Ping => None,
        })
        .flatten()
        .collect()
}

/// What stands as still open in the first message of alerts for a channel.
pub fn still_open(decision: &Decision, channel: &str) -> Open {
    let mut to_channel = decision
        .messages
        .iter()
        .filter(|message| message.channel == channel);
    let open = to_channel.find_map(|message| match &message.body {
        Body::Alerts { open, .. } => Some(open.clone()),
        Body::Products { .. }
        | Body::Baseline { .. }
        | Body::SourceDown { .. }
        | Body::SourceUp { .. }
        | Body::SourceDegraded { .. }
        | Body::SourceRestored { .. }
        | Body::Report(_)
        | Body::ReportOverdue { .. }
        | Body::Ping => None,
    });
    open.expect("it was told something")
}

/// How long after `then` it is.
pub fn since(shop: &Shop, then: Timestamp) -> SignedDuration {
    shop.now.duration_since(then)
}
