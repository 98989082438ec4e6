//! What was said beside what must be said, and how much of it, by channel and day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::model::Said;
use crate::setup::Setup;

/// Differences that are listed.
const LISTED: usize = 40;

/// The messages by channel and day, and what they said by reason.
pub fn print(setup: &Setup, messages: &[(Timestamp, &'static str, String)], heard: &[Said]) {
    let mut days: BTreeMap<Date, BTreeMap<&str, usize>> = BTreeMap::new();
    for (at, channel, _) in messages {
        let day = at.to_zoned(setup.zone.clone()).date();
        *days.entry(day).or_default().entry(channel).or_default() += 1;
    }
    let names: Vec<&str> = setup.channels.iter().map(|line| line.name).collect();
    println!(
        "messages    {}",
        names.iter().map(|name| format!("{name:>9}")).collect::<String>()
    );
    for (day, counts) in &days {
        println!("{day}  {}", columns(&names, counts));
    }
    let mut reasons: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for said in heard {
        let reason = said.text.split_whitespace().nth(1).unwrap_or(&said.text);
        *reasons
            .entry(reason)
            .or_default()
            .entry(said.channel)
            .or_default() += 1;
    }
    println!("said");
    for (reason, counts) in &reasons {
        println!("{reason:<12}{}", columns(&names, counts));
    }
}

fn columns(names: &[&str], counts: &BTreeMap<&str, usize>) -> String {
    let column = |name: &&str| format!("{:>9}", counts.get(name).copied().unwrap_or_default());
    names.iter().map(column).collect()
}

/// Each word is where it must be, as often as it must be, and nowhere else.
pub fn compare(done: &str, must: Vec<Said>, heard: &[Said]) {
    let mut balance: BTreeMap<Said, i64> = BTreeMap::new();
    let (expected, found) = (must.len(), heard.len());
    must.into_iter()
        .for_each(|said| *balance.entry(said).or_default() += 1);
    heard
        .iter()
        .for_each(|said| *balance.entry(said.clone()).or_default() -= 1);
    balance.retain(|_, count| *count != 0);
    let lines = balance.iter().map(|(said, count)| {
        let side = if *count > 0 { "not said" } else { "said" };
        format!(
            "{side} ({}): {} {} {}\n",
            count.abs(),
            said.at,
            said.channel,
            said.text
        )
    });
    let listed: String = lines.take(LISTED).collect();
    assert!(
        balance.is_empty(),
        "{} differences among {found} {done}, {expected} to be {done}:\n{listed}",
        balance.len()
    );
    assert!(expected > 0, "something is said");
}

/// What a poll led to is one message of each kind for a channel, and so is what the round at the same time led to.
pub fn check_grouping(messages: &[(Timestamp, &'static str, String)]) {
    let mut seen: BTreeMap<(Timestamp, &str, &str), usize> = BTreeMap::new();
    for (at, channel, kind) in messages {
        let count = seen.entry((*at, channel, kind)).or_default();
        *count += 1;
        let most = if kind == "stock.alerts" { 2 } else { 1 };
        assert!(*count <= most, "at {at} on {channel}: {count} {kind}");
    }
}
