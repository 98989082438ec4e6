//! What the shop's staff configured, as plain figures: the monitor's rules are made of it, and the model reads it too.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::civil::time;
use jiff::tz::TimeZone;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Repeat;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::StockControl;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::stand::Severity;

pub const OK: usize = 0;
pub const LOW: usize = 1;
pub const CRITICAL: usize = 2;
pub const OUT: usize = 3;
pub const NAMES: [&str; 4] = ["ok", "low", "critical", "out"];

/// The groups are numbered from 1 in the shop; `groups[0]` is group 1.
#[derive(Debug, Clone)]
pub struct Setup {
    pub channels: Vec<Line>,
    pub groups: Vec<Terms>,
    pub remind_at: Time,
    pub zone: TimeZone,
    /// Of the source: down after so long and so many polls.
    pub down_after: SignedDuration,
    pub down_polls: u32,
}

/// A channel.
#[derive(Debug, Clone)]
pub struct Line {
    pub name: &'static str,
    /// All where empty.
    pub severities: Vec<usize>,
    /// Hears what names no channels.
    pub default: bool,
}

impl Line {
    /// A severity as the channel sees it.
    pub fn view(&self, severity: usize) -> usize {
        if self.severities.is_empty() || self.severities.contains(&severity) {
            severity
        } else {
            OK
        }
    }
}

/// How often what is open is said again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Again {
    Daily,
    Never,
    Hours(i64),
}

/// What holds for a group of products.
#[derive(Debug, Clone)]
pub struct Terms {
    pub low: i64,
    pub critical: i64,
    pub margin: i64,
    /// Minutes.
    pub confirm: i64,
    pub confirm_out: i64,
    pub hold: i64,
    pub again: Again,
    /// Places among the channels.
    pub channels: Vec<usize>,
}

pub const SALES: usize = 0;
pub const DEPOT: usize = 1;
pub const NIGHT: usize = 2;
pub const ARCHIVE: usize = 3;

impl Setup {
    /// Six groups with rules of every kind, five channels.
    pub fn usual() -> Self {
        let line = |name, severities: &[usize], default| Line {
            name,
            severities: severities.to_vec(),
            default,
        };
        let usual = Terms {
            low: 5,
            critical: 1,
            margin: 1,
            confirm: 0,
            confirm_out: 0,
            hold: 5,
            again: Again::Daily,
            channels: vec![SALES, DEPOT, NIGHT, ARCHIVE],
        };
        let groups = vec![
            usual.clone(),
            Terms {
                low: 10,
                critical: 3,
                margin: 2,
                confirm: 10,
                ..usual.clone()
            },
            Terms {
                confirm_out: 10,
                hold: 30,
                again: Again::Hours(6),
                ..usual.clone()
            },
            Terms {
                low: 3,
                again: Again::Never,
                channels: vec![DEPOT],
                ..usual.clone()
            },
            Terms {
                low: 20,
                critical: 5,
                margin: 0,
                again: Again::Hours(48),
                channels: vec![SALES, NIGHT],
                ..usual.clone()
            },
            Terms {
                low: 4,
                critical: 4,
                hold: 0,
                confirm: 20,
                confirm_out: 20,
                ..usual
            },
        ];
        Self {
            channels: vec![
                line("sales", &[], true),
                line("depot", &[CRITICAL, OUT], true),
                line("night", &[], true),
                line("archive", &[OUT], true),
                line("boss", &[], false),
            ],
            groups,
            remind_at: time(9, 0, 0, 0),
            zone: TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC),
            down_after: SignedDuration::from_mins(15),
            down_polls: 3,
        }
    }

    /// The channel's name, as long as the test runs.
    pub fn channel(&self, name: &str) -> &'static str {
        let named = self.channels.iter().find(|line| line.name == name);
        named.map_or("?", |line| line.name)
    }

    pub fn terms(&self, group: i64) -> &Terms {
        &self.groups[usize::try_from(group - 1).unwrap_or_default()]
    }

    /// The same as the monitor reads it; `epoch` tells one start from another.
    pub fn rules(&self, epoch: u64) -> Rules {
        let first = &self.groups[0];
        let channels = self.channels.iter().map(|line| ChannelPolicy {
            name: line.name.to_owned(),
            severities: line.severities.iter().map(|rank| severity(*rank)).collect(),
            default: line.default,
            quiet: None,
        });
        let rules = self
            .groups
            .iter()
            .zip(1..)
            .map(|(terms, group)| self.rule(terms, group));
        let mut all = Rules::new(first.low, first.critical, rules.collect(), channels.collect());
        all.source_down_after = self.down_after.unsigned_abs();
        all.source_down_polls = self.down_polls;
        all.flap_limit = 0;
        all.epoch = epoch;
        all
    }

    fn rule(&self, terms: &Terms, group: i64) -> Rule {
        let named = terms
            .channels
            .iter()
            .map(|channel| self.channels[*channel].name.to_owned());
        Rule {
            origin: format!("rule {group}"),
            groups: vec![Pattern::Id(group)],
            low: Some(terms.low),
            critical: Some(terms.critical),
            confirm: Some(minutes(terms.confirm)),
            confirm_out: Some(minutes(terms.confirm_out)),
            hold: Some(minutes(terms.hold)),
            recover_margin: Some(terms.margin),
            repeat: Some(match terms.again {
                Again::Daily => Repeat::Daily,
                Again::Never => Repeat::Never,
                Again::Hours(hours) => Repeat::Every(minutes(60 * hours)),
            }),
            // GetProducts alone does not say whether a zero is one.
            stock_control: Some(StockControl::On),
            channels: Some(named.collect()),
            ..Rule::default()
        }
    }
}

fn minutes(n: i64) -> Duration {
    Duration::from_secs(60 * n.unsigned_abs())
}

fn severity(rank: usize) -> Severity {
    Severity::ALL[rank]
}
