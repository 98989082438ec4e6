//! The public feed of the file: `[public]`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::config::findings::Given;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::rules;
use crate::config::rules::Names;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::feed::Feed;
use crate::domain::feed::Field;
use crate::domain::feed::Origins;

/// How long others may keep the feed, unless said.
const MAX_AGE: Duration = Duration::from_secs(60);
/// From when on a figure counts as unknown, unless said.
const STALE_AFTER: Duration = Duration::from_secs(3600);

/// The feed; `None` where the file has none. What is wrong with it is noted.
pub fn read(reader: &mut Reader, root: &mut Section<'_>, names: &Names) -> Option<Arc<Feed>> {
    let tables = root.tables(reader, "public");
    let (table, more) = tables.split_first()?;
    if let Some(second) = more.first() {
        reader.wrong(
            "public".to_owned(),
            second.line,
            "stands twice, and there is one feed",
            "Keep one [public].",
        );
    }
    let mut section = Section::new("public", table);
    let feed = feed(reader, &mut section, names);
    section.finish(reader);
    feed.map(Arc::new)
}

fn feed(reader: &mut Reader, section: &mut Section<'_>, names: &Names) -> Option<Feed> {
    let instances = rules::instances(reader, section, &names.instances);
    let groups = section.patterns(reader, "groups");
    let products = section.patterns(reader, "products");
    let fields = match section.refuse_empty(reader, "fields", "At least one is needed.") {
        true => Given::Broken,
        false => section.list(reader, "fields", field),
    };
    let level_cap = section.one(reader, "level_cap", Kind::Plain, values::positive::<i64>);
    let origins = section.list(reader, "origins", origin);
    let max_age = section.one(reader, "max_age", Kind::Plain, values::time_limit);
    let stale_after = section.one(reader, "stale_after", Kind::Plain, values::time_limit);
    if instances.is_empty() && groups.is_absent() && products.is_absent() {
        reader.wrong(
            section.key("products"),
            section.table.line,
            "is missing: nothing says which products anybody may see",
            "Name them: products = [42, \"VPS *\"]; or groups, or instances. products = [\"*\"] is all.",
        );
        return None;
    }
    if fields.is_absent() {
        reader.wrong(
            section.key("fields"),
            section.table.line,
            "is missing: nothing says what of them anybody may see",
            "Write some of instance, product_id, product, group, combination, state, level, availability.",
        );
    }
    warn_of_age(reader, section, &max_age, &stale_after);
    let origins = origins.good().unwrap_or_default();
    Some(Feed {
        instances,
        groups: groups.good().unwrap_or_default(),
        products: products.good().unwrap_or_default(),
        fields: fields.good()?,
        level_cap: level_cap.good().map(|placed| placed.value),
        origins: if origins.iter().any(|origin| origin == "*") {
            Origins::Any
        } else {
            Origins::Only(origins)
        },
        max_age: max_age.good().map_or(MAX_AGE, |placed| placed.value),
        stale_after: stale_after.good().map_or(STALE_AFTER, |placed| placed.value),
    })
}

/// A figure that is kept for longer than it is good is shown when nobody may rely on it any more.
fn warn_of_age(
    reader: &mut Reader,
    section: &Section<'_>,
    max_age: &Given<Placed<Duration>>,
    stale_after: &Given<Placed<Duration>>,
) {
    let longest = |given: &Given<Placed<Duration>>, usual| match given {
        Given::Is(placed) => Some((placed.value, Some(placed.place.clone()))),
        Given::Absent => Some((usual, None)),
        Given::Broken => None,
    };
    let kept = longest(max_age, MAX_AGE);
    let good = longest(stale_after, STALE_AFTER);
    let (Some((kept, kept_at)), Some((good, good_at))) = (kept, good) else {
        return;
    };
    if kept <= good {
        return;
    }
    // Of two defaults neither is to blame.
    let (key, place) = match kept_at {
        Some(place) => ("max_age", Some(place)),
        None => ("stale_after", good_at),
    };
    if let Some(place) = place {
        let wrong = Wrong::new(
            "lets others keep the feed for longer than its figures are good: they show what counts as unknown here",
            "Let max_age be at most stale_after.",
        );
        reader.findings.warn(section.key(key), place, wrong);
    }
}

fn field(text: &str) -> Result<Field, Wrong> {
    Field::parse(text.trim()).ok_or_else(|| {
        let names: Vec<&str> = Field::ALL.into_iter().map(Field::as_str).collect();
        Wrong::new(
            "is no field of the feed",
            format!("There are: {}.", names.join(", ")),
        )
    })
}

/// `https://shop.example`, as browsers send it; or `*`.
fn origin(text: &str) -> Result<String, Wrong> {
    let text = text.trim();
    if text == "*" {
        return Ok(text.to_owned());
    }
    let wrong = || {
        Wrong::new(
            "is no origin",
            "Write scheme and host, nothing after them: \"https://shop.example\"; or \"*\" for every page.",
        )
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let origin = url.origin().ascii_serialization();
    let written = text.trim_end_matches('/');
    // Browsers leave out the port that the scheme has anyway.
    let usual = match url.scheme() {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(wrong()),
    };
    let bare = written.strip_suffix(usual).unwrap_or(written);
    if [written, bare]
        .iter()
        .any(|text| text.eq_ignore_ascii_case(&origin))
    {
        Ok(origin)
    } else {
        Err(wrong())
    }
}
