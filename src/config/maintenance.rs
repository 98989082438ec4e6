//! The maintenance windows of the file.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::rules;
use crate::config::rules::Names;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::capacity::Capacities;
use crate::domain::people::Matcher;
use crate::maintenance::Window;
use crate::scheduler::CronSchedule;

/// All windows; those that name no zone begin in `zone`.
pub fn read(
    reader: &mut Reader,
    root: &mut Section<'_>,
    zone: &TimeZone,
    names: &Names,
    capacities: &Capacities,
) -> Arc<[Window]> {
    let mut taken: Vec<String> = Vec::new();
    let mut windows = Vec::new();
    for (index, table) in root.tables(reader, "maintenance").into_iter().enumerate() {
        let mut section = Section::new(format!("maintenance {}", index + 1), table);
        let window = window(reader, &mut section, zone, names, &mut taken);
        if let Some(window) = &window {
            warn_of_pools(reader, &section, window, capacities);
        }
        windows.extend(window);
        section.finish(reader);
    }
    windows.into()
}

fn window(
    reader: &mut Reader,
    section: &mut Section<'_>,
    zone: &TimeZone,
    names: &Names,
    taken: &mut Vec<String>,
) -> Option<Window> {
    let name = name(reader, section, taken);
    // A cron expression is as good in one zone as in another.
    let own_zone = match section.one(reader, "zone", Kind::Plain, values::time_zone) {
        Given::Absent => Some(zone.clone()),
        Given::Is(zone) => Some(zone.value),
        Given::Broken => None,
    };
    let zone = own_zone.as_ref().unwrap_or(zone);
    let begins = section.one(reader, "schedule", Kind::Plain, |text| {
        CronSchedule::parse(text, zone).map_err(|error| {
            Wrong::new(
                error.to_string(),
                "Write a cron expression: 0 22 * * SUN (Sundays at 22:00).",
            )
        })
    });
    let lasts = section.one(reader, "lasts", Kind::Plain, values::time_limit);
    let matcher = matcher(reader, section, names);
    let comment = section.one(reader, "comment", Kind::Plain, values::text);
    missing(
        reader,
        section,
        "schedule",
        begins.is_absent(),
        "Write when it begins: schedule = \"0 22 * * SUN\".",
    );
    missing(
        reader,
        section,
        "lasts",
        lasts.is_absent(),
        "Write for how long: lasts = \"4h\".",
    );
    let window = Window {
        name: name?.into(),
        begins: begins.good()?.value,
        lasts: lasts.clone().good()?.value,
        matcher: matcher?,
        comment: match comment {
            Given::Absent => "".into(),
            Given::Is(comment) => comment.value.into(),
            Given::Broken => return None,
        },
    };
    own_zone?;
    warn_of_no_end(reader, section, &window, lasts);
    Some(window)
}

fn name(reader: &mut Reader, section: &mut Section<'_>, taken: &mut Vec<String>) -> Option<String> {
    let name = section.one(reader, "name", Kind::Plain, values::text);
    missing(
        reader,
        section,
        "name",
        name.is_absent(),
        "Give it a name: name = \"backups\".",
    );
    let Placed { value, place } = name.good()?;
    if value.is_empty() || taken.contains(&value.to_lowercase()) {
        let wrong = Wrong::new(
            "is empty, or the name of another window",
            "Give each window its own name.",
        );
        reader.findings.wrong(section.key("name"), place, wrong);
        return None;
    }
    taken.push(value.to_lowercase());
    section.label = format!("maintenance {value:?}");
    Some(value)
}

fn missing(reader: &mut Reader, section: &Section<'_>, key: &str, absent: bool, mend: &str) {
    if absent {
        reader.wrong(section.key(key), section.table.line, "is missing", mend);
    }
}

fn matcher(reader: &mut Reader, section: &mut Section<'_>, names: &Names) -> Option<Matcher> {
    let broken_before = reader.findings.problems.len();
    let matcher = Matcher {
        instances: rules::instances(reader, section, &names.instances),
        groups: section.patterns(reader, "groups").good().unwrap_or_default(),
        products: section.patterns(reader, "products").good().unwrap_or_default(),
        options: section.pairs(reader, "options").good().unwrap_or_default(),
        pools: section.patterns(reader, "pools").good().unwrap_or_default(),
    };
    let of_products =
        !matcher.groups.is_empty() || !matcher.products.is_empty() || !matcher.options.is_empty();
    if !matcher.pools.is_empty() && of_products {
        let line = section
            .table
            .get("pools")
            .map_or(section.table.line, |entry| entry.line);
        reader.wrong(
            section.key("pools"),
            line,
            "stands beside groups, products or options, and nothing is both",
            "Make it two windows.",
        );
    }
    (reader.findings.problems.len() == broken_before).then_some(matcher)
}

/// One that begins anew before it ends is in force for ever, and nobody is told anything.
fn warn_of_no_end(
    reader: &mut Reader,
    section: &Section<'_>,
    window: &Window,
    lasts: Given<Placed<std::time::Duration>>,
) {
    let first = window.begins.next_after(Timestamp::UNIX_EPOCH);
    let second = first.and_then(|first| window.begins.next_after(first));
    let gap = first
        .zip(second)
        .and_then(|(first, second)| std::time::Duration::try_from(second.duration_since(first)).ok());
    if let (Some(gap), Given::Is(lasts)) = (gap, lasts)
        && lasts.value >= gap
    {
        let wrong = Wrong::new(
            "is no shorter than the time between two beginnings: the window may never end",
            "Let it last less long.",
        );
        reader.findings.warn(section.key("lasts"), lasts.place, wrong);
    }
}

fn warn_of_pools(reader: &mut Reader, section: &Section<'_>, window: &Window, capacities: &Capacities) {
    for pattern in &window.matcher.pools {
        let known = |name: &str| pattern.matches_text(name);
        if capacities.pools.iter().any(|pool| known(&pool.name)) {
            continue;
        }
        let line = section
            .table
            .get("pools")
            .map_or(section.table.line, |entry| entry.line);
        let place = reader.line(line);
        let wrong = Wrong::new("names a pool that is not there", "Check its spelling.");
        reader.findings.warn(section.key("pools"), place, wrong);
    }
}
