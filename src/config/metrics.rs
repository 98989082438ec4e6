//! Which combinations have series in the metrics: two settings, and the tables that list them.

use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::rules;
use crate::config::rules::Names;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::metrics::CombinationSeries;
use crate::domain::metrics::Listing;
use crate::domain::metrics::Which;

/// What `METRICS_COMBINATIONS` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    All,
    None,
    Listed,
}

/// `METRICS_COMBINATIONS`, `METRICS_MAX_COMBINATIONS` and the tables `[[metrics]]`.
pub fn read(reader: &mut Reader, root: &mut Section<'_>, names: &Names) -> Option<CombinationSeries> {
    let choice = reader.setting(&keys::METRICS_COMBINATIONS, choice);
    let most = reader.setting(&keys::METRICS_MAX_COMBINATIONS, values::positive);
    let tables = root.tables(reader, "metrics");
    let first = tables.first().map(|table| table.line);
    let listings: Vec<Listing> = tables
        .into_iter()
        .enumerate()
        .map(|(index, table)| {
            let mut section = Section::new(format!("metrics {}", index + 1), table);
            let listing = listing(reader, &mut section, names);
            section.finish(reader);
            listing
        })
        .collect();
    if let Given::Is(choice) = &choice {
        warn_of_halves(reader, choice, first);
    }
    let which = match choice.good()?.value {
        Choice::All => Which::All,
        Choice::None => Which::None,
        Choice::Listed => Which::Listed(listings),
    };
    Some(CombinationSeries {
        which,
        most: most.good()?.value,
    })
}

fn choice(text: &str) -> Result<Choice, Wrong> {
    match text.trim() {
        "all" => Ok(Choice::All),
        "none" => Ok(Choice::None),
        "listed" => Ok(Choice::Listed),
        _ => Err(Wrong::new(
            "is neither all, none nor listed",
            "Write all, none or listed.",
        )),
    }
}

fn listing(reader: &mut Reader, section: &mut Section<'_>, names: &Names) -> Listing {
    Listing {
        instances: rules::instances(reader, section, &names.instances),
        groups: section.patterns(reader, "groups").good().unwrap_or_default(),
        products: section.patterns(reader, "products").good().unwrap_or_default(),
        combinations: section
            .patterns(reader, "combinations")
            .good()
            .unwrap_or_default(),
    }
}

/// Tables that nobody asks for, and a wish for tables that are not there.
fn warn_of_halves(reader: &mut Reader, choice: &Placed<Choice>, first: Option<usize>) {
    let key = keys::METRICS_COMBINATIONS.name;
    match (choice.value, first) {
        (Choice::All | Choice::None, Some(line)) => {
            let place = reader.line(line);
            let mend = format!("Set {key}=listed, or remove the tables.");
            let wrong = Wrong::new("does nothing, since combinations are not listed", mend);
            reader.findings.warn("metrics", place, wrong);
        }
        (Choice::Listed, None) => {
            let wrong = Wrong::new(
                "is listed, and the file lists none: no combination has a series",
                "Add a table [[metrics]], or write none.",
            );
            let place: Place = choice.place.clone();
            reader.findings.warn(key, place, wrong);
        }
        (Choice::All | Choice::None, None) | (Choice::Listed, Some(_)) => {}
    }
}
