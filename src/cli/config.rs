//! `config check` and `config show`.

use crate::cli::configured;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::cli::table;
use crate::config::overlay::Sources;

/// Says what is wrong, or that all is well.
#[must_use]
pub fn check(sources: &Sources) -> Exit {
    match configured(sources) {
        Ok(config) => {
            let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
            print(&format!(
                "The configuration is good: {}, {}, {}.",
                count(config.instances.len(), "shop", "shops"),
                count(config.channels.len(), "channel", "channels"),
                count(config.rules.rules.len(), "rule", "rules"),
            ));
            Exit::Ok
        }
        Err(exit) => exit,
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
