//! What the shop's staff configured, as plain figures: the monitor's rules are made of it, and the model reads it too.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::Time;
use jiff::civil::Weekday;
use jiff::civil::time;
use jiff::tz::TimeZone;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Repeat;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::rules::StockControl;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::Quiet;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::hours::Hours;
use crate::hours::Window;

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
    /// More flips than this in a day are too many; 0 for as many as one likes.
    pub flap_limit: usize,
    pub windows: Vec<Window>,
}

/// A channel.
#[derive(Debug, Clone)]
pub struct Line {
    pub name: &'static str,
    /// All where empty.
    pub severities: Vec<usize>,
    /// Hears what names no channels.
    pub default: bool,
    pub quiet: Option<Hours>,
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
    /// After so many minutes in which nobody took it on, these are told too.
    pub escalate: Option<(i64, Vec<usize>)>,
}

pub const SALES: usize = 0;
pub const DEPOT: usize = 1;
pub const NIGHT: usize = 2;
pub const ARCHIVE: usize = 3;
pub const BOSS: usize = 4;

impl Setup {
    /// Six groups with rules of every kind, five channels.
    pub fn usual() -> Self {
        Self {
            channels: channels(),
            groups: groups(),
            remind_at: time(9, 0, 0, 0),
            zone: zone("Europe/Berlin"),
            down_after: SignedDuration::from_mins(15),
            down_polls: 3,
            flap_limit: 6,
            windows: windows(),
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
            quiet: line.quiet.as_ref().map(|hours| Quiet {
                from: hours.from,
                until: hours.until,
                days: hours.days.clone(),
                zone: hours.zone.clone(),
                pierce: hours.pierce.iter().map(|rank| severity(*rank)).collect(),
            }),
        });
        let rules = self
            .groups
            .iter()
            .zip(1..)
            .map(|(terms, group)| self.rule(terms, group));
        let mut all = Rules::new(first.low, first.critical, rules.collect(), channels.collect());
        all.source_down_after = self.down_after.unsigned_abs();
        all.source_down_polls = self.down_polls;
        all.flap_limit = u32::try_from(self.flap_limit).unwrap_or(u32::MAX);
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
            escalate_after: terms.escalate.as_ref().map(|(after, _)| minutes(*after)),
            escalate_to: terms.escalate.as_ref().map(|(_, to)| {
                let names = to.iter().map(|channel| self.channels[*channel].name.to_owned());
                names.collect()
            }),
            ..Rule::default()
        }
    }
}

/// Rules of every kind.
fn groups() -> Vec<Terms> {
    let usual = Terms {
        low: 5,
        critical: 1,
        margin: 1,
        confirm: 0,
        confirm_out: 0,
        hold: 5,
        again: Again::Daily,
        channels: vec![SALES, DEPOT, NIGHT, ARCHIVE],
        escalate: Some((240, vec![BOSS])),
    };
    vec![
        usual.clone(),
        Terms {
            low: 10,
            critical: 3,
            margin: 2,
            confirm: 10,
            escalate: None,
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
            escalate: Some((60, vec![ARCHIVE, BOSS])),
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
    ]
}

fn channels() -> Vec<Line> {
    let line = |name, severities: &[usize], default| Line {
        name,
        severities: severities.to_vec(),
        default,
        quiet: None,
    };
    // Its days begin in New York, so that both changes of the clocks fall into a quarter.
    let evenings = Hours {
        from: time(17, 30, 0, 0),
        until: time(4, 0, 0, 0),
        days: vec![
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Friday,
            Weekday::Saturday,
        ],
        zone: zone("America/New_York"),
        pierce: Vec::new(),
    };
    let nights = Hours {
        from: time(22, 0, 0, 0),
        until: time(9, 30, 0, 0),
        days: Vec::new(),
        zone: zone("Europe/Berlin"),
        pierce: vec![OUT],
    };
    vec![
        Line {
            quiet: Some(nights),
            ..line("sales", &[], true)
        },
        line("depot", &[CRITICAL, OUT], true),
        Line {
            quiet: Some(evenings),
            ..line("night", &[], true)
        },
        line("archive", &[OUT], true),
        line("boss", &[], false),
    ]
}

fn windows() -> Vec<Window> {
    vec![
        Window {
            name: "count",
            from: time(1, 30, 0, 0),
            minutes: 120,
            day: None,
            zone: zone("Europe/Berlin"),
            group: Some(2),
        },
        Window {
            name: "upgrade",
            from: time(23, 10, 0, 0),
            minutes: 90,
            day: Some(Weekday::Wednesday),
            zone: zone("America/New_York"),
            group: None,
        },
    ]
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn minutes(n: i64) -> Duration {
    Duration::from_secs(60 * n.unsigned_abs())
}

fn severity(rank: usize) -> Severity {
    Severity::ALL[rank]
}
