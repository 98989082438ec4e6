//! `config check` and `config show`.

use jiff::Timestamp;

use crate::cli::configured;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::cli::table;
use crate::config::overlay::Sources;
use crate::config::reports::ReportConfig;

/// Says what is wrong, or that all is well.
#[must_use]
pub fn check(sources: &Sources) -> Exit {
    match configured(sources) {
        Ok(config) => {
            let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
            print(&format!(
                "The configuration is good: {}, {}, {}{}.",
                count(config.instances.len(), "shop", "shops"),
                count(config.channels.len(), "channel", "channels"),
                count(config.rules.rules.len(), "rule", "rules"),
                match config.reports.len() {
                    0 => String::new(),
                    reports => format!(", {}", count(reports, "report", "reports")),
                },
            ));
            let now = Timestamp::now();
            for report in &config.reports {
                print(&next_due(report, now));
            }
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

/// `The report weekly is next due Mon 2026-11-23 08:00 CET.`
fn next_due(report: &ReportConfig, now: Timestamp) -> String {
    let name = &report.outline.name;
    match report.schedule.next_after(now) {
        Some(next) => {
            let next = next.to_zoned(report.zone.clone());
            format!(
                "The report {name} is next due {}.",
                next.strftime("%a %Y-%m-%d %H:%M %Z")
            )
        }
        None => format!("The report {name} is not due any more."),
    }
}

/// Prints each effective value with its origin, secrets redacted.
#[must_use]
pub fn show(sources: &Sources) -> Exit {
    match configured(sources) {
        Ok(config) => {
            let mut shown = table::new(&["KEY", "VALUE", "ORIGIN"]);
            for value in config.effective() {
                shown.add_row([&value.key, &value.value, &value.origin]);
            }
            print(&shown.to_string());
            Exit::Ok
        }
        Err(exit) => exit,
    }
}
