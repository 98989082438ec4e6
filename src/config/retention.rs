//! How long what was seen and said is kept: `RETENTION_…`.

use std::time::Duration;

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::keys::Key;
use crate::config::reader::Reader;
use crate::config::values;
use crate::domain::retention::LEAST_CHANGES;
use crate::domain::retention::LEAST_EVENTS;
use crate::domain::retention::LEAST_MESSAGES;
use crate::domain::retention::Retention;

/// The smallest limit of a database's size; less than that an empty one takes.
const LEAST_SIZE: u64 = 4_000_000;

/// `RETENTION_CHANGES`, `RETENTION_EVENTS`, `RETENTION_MESSAGES` and `RETENTION_SIZE`; `None` where one is wrong.
pub fn read(reader: &mut Reader) -> Option<Retention> {
    let rates = "sell rates, reports and rehearsals look back that far";
    let changes = span(reader, &keys::RETENTION_CHANGES, LEAST_CHANGES, rates);
    let events = span(reader, &keys::RETENTION_EVENTS, LEAST_EVENTS, rates);
    let tried = "a message is tried for five days, and what came after it is compared with it";
    let messages = span(reader, &keys::RETENTION_MESSAGES, LEAST_MESSAGES, tried);
    let size = match reader.setting(&keys::RETENTION_SIZE, size) {
        Given::Is(size) => size.value,
        Given::Absent => None,
        Given::Broken => return None,
    };
    Some(Retention {
        changes: changes?,
        events: events?,
        messages: messages?,
        size,
    })
}

/// A span, `None` within for ever.
fn span(reader: &mut Reader, key: &Key, least: Duration, why: &str) -> Option<Option<Duration>> {
    let days = least.as_secs() / 86_400;
    let read = |text: &str| match text.trim().to_lowercase().as_str() {
        "0" | "forever" => Ok(None),
        span => match values::duration(span)? {
            span if span < least => Err(Wrong::new(
                format!("is less than {days}d: {why}"),
                format!("Write {days}d or more, or forever."),
            )),
            span => Ok(Some(span)),
        },
    };
    Some(reader.setting(key, read).good()?.value)
}

fn size(text: &str) -> Result<Option<u64>, Wrong> {
    match text.trim().to_lowercase().as_str() {
        "0" | "none" => Ok(None),
        text => match values::size(text)? {
            size if size < LEAST_SIZE => Err(Wrong::new(
                "is less than 4MB, which a small shop takes in some weeks",
                "Write a size such as 500MB, or 0 for no limit.",
            )),
            size => Ok(Some(size)),
        },
    }
}
