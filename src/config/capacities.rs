//! The capacities and pools of the file.

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::reader::Reader;
use crate::config::rules;
use crate::config::rules::Names;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::capacity::Capacities;
use crate::domain::capacity::CapacityRule;
use crate::domain::pool::PoolRule;
use crate::domain::pool::PoolUse;
use crate::domain::pool::PoolUser;

/// All capacities and pools.
pub fn read(reader: &mut Reader, root: &mut Section<'_>, names: &Names) -> Capacities {
    let mut all = Capacities::default();
    for (index, table) in root.tables(reader, "capacity").into_iter().enumerate() {
        let mut section = Section::new(format!("capacity {}", index + 1), table);
        all.capacities.extend(capacity(reader, &mut section, names));
        section.finish(reader);
    }
    let mut pools: Vec<String> = Vec::new();
    for (index, table) in root.tables(reader, "pool").into_iter().enumerate() {
        let mut section = Section::new(format!("pool {}", index + 1), table);
        all.pools.extend(pool(reader, &mut section, names, &mut pools));
        section.finish(reader);
    }
    all
}

fn missing(reader: &mut Reader, section: &Section<'_>, key: &str, mend: &str) {
    let place = reader.line(section.table.line);
    reader
        .findings
        .wrong(section.key(key), place, Wrong::new("is missing", mend));
}

fn amount(reader: &mut Reader, section: &mut Section<'_>) -> Option<i64> {
    let capacity = section.one(reader, "capacity", Kind::Plain, values::count);
    if capacity.is_absent() {
        missing(
            reader,
            section,
            "capacity",
            "Write how many there are in all: capacity = 12.",
        );
    }
    capacity.good().map(|placed| placed.value)
}

fn capacity(reader: &mut Reader, section: &mut Section<'_>, names: &Names) -> Option<CapacityRule> {
    let origin = rules::labelled(reader, section);
    let instances = rules::instances(reader, section, &names.instances);
    let groups = section.patterns(reader, "groups");
    let products = section.patterns(reader, "products");
    let options = section.pairs(reader, "options");
    let capacity = amount(reader, section);
    if options.is_absent() {
        missing(
            reader,
            section,
            "options",
            "Write whose capacity it is: options = { \"RAM\" = \"64 GB\" }.",
        );
    }
    Some(CapacityRule {
        origin,
        instances,
        groups: groups.good().unwrap_or_default(),
        products: products.good().unwrap_or_default(),
        options: options.good()?,
        capacity: capacity?,
    })
}

fn pool(
    reader: &mut Reader,
    section: &mut Section<'_>,
    names: &Names,
    pools: &mut Vec<String>,
) -> Option<PoolRule> {
    let before = pools.len();
    let name = section.one(reader, "name", Kind::Plain, values::text);
    match &name {
        Given::Absent => missing(
            reader,
            section,
            "name",
            "Give it a name: name = \"64 GB DIMM kits\".",
        ),
        Given::Is(name) => {
            if name.value.is_empty() || pools.contains(&name.value.to_lowercase()) {
                let wrong = Wrong::new(
                    "is empty, or the name of another pool",
                    "Give each pool its own name.",
                );
                reader
                    .findings
                    .wrong(section.key("name"), name.place.clone(), wrong);
            } else {
                pools.push(name.value.to_lowercase());
                section.label = format!("pool {:?}", name.value);
            }
        }
        Given::Broken => {}
    }
    let named = pools.len() > before;
    let capacity = amount(reader, section);
    let tables = section.tables(reader, "uses");
    if tables.is_empty() {
        missing(
            reader,
            section,
            "uses",
            "Write who draws on it: uses = [{ option = \"RAM\", choice = \"64 GB\" }].",
        );
    }
    let mut uses = Vec::new();
    let several = tables.len() > 1;
    for (place, table) in tables.into_iter().enumerate() {
        let label = match several {
            true => format!("{}, number {}", section.key("uses"), place + 1),
            false => section.key("uses"),
        };
        let mut inner = Section::new(label, table);
        uses.extend(pool_use(reader, &mut inner, names));
        inner.finish(reader);
    }
    let threshold = |reader: &mut Reader, section: &mut Section<'_>, key| {
        let given = section.one(reader, key, Kind::Plain, values::count);
        given.good().map(|placed| placed.value)
    };
    let low = threshold(reader, section, "low");
    let critical = threshold(reader, section, "critical");
    let channels = rules::channels(reader, section, "channels", &names.channels);
    rules::warn_of_thresholds(reader, section, low, critical);
    let name = name.good().filter(|_| named)?.value;
    Some(PoolRule {
        name,
        capacity: capacity?,
        uses,
        low,
        critical,
        channels,
    })
}

fn pool_use(reader: &mut Reader, section: &mut Section<'_>, names: &Names) -> Option<PoolUse> {
    let instance = section.pattern(reader, "instance");
    if let Given::Is(pattern) = &instance
        && !names.instances.iter().any(|name| pattern.matches_text(name))
    {
        let place = reader.line(section.table.line);
        let wrong = Wrong::new(
            "names an instance that is not there",
            format!("There are: {}.", names.instances.join(", ")),
        );
        reader.findings.warn(section.key("instance"), place, wrong);
    }
    let option = section.pattern(reader, "option");
    let choice = section.pattern(reader, "choice");
    let product = section.pattern(reader, "product");
    let need = match section.one(reader, "need", Kind::Plain, values::positive) {
        Given::Absent => Some(1),
        Given::Is(need) => Some(need.value),
        Given::Broken => None,
    };
    let what = match (option, choice, product) {
        (Given::Is(option), Given::Is(choice), Given::Absent) => PoolUser::Choice { option, choice },
        (Given::Absent, Given::Absent, Given::Is(product)) => PoolUser::Product(product),
        (option, choice, product) => {
            let broken = [&option, &choice, &product]
                .iter()
                .any(|given| matches!(given, Given::Broken));
            if !broken {
                let place = reader.line(section.table.line);
                let mend = "Write option and choice, or product alone.";
                reader.findings.wrong(
                    section.label.clone(),
                    place,
                    Wrong::new("names no user of the pool", mend),
                );
            }
            return None;
        }
    };
    Some(PoolUse {
        instance: instance.good(),
        what,
        need: need?,
    })
}
