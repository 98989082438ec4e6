//! What the overview is narrowed to and how it is sorted, as its address says.

use crate::domain::catalogue::Level;
use crate::observe::view::Seen;
use crate::web::fold::folded;
use crate::web::overview::Group;
use crate::web::params::Params;
use crate::web::problem::Problem;

/// The parameters of the overview.
pub const KNOWN: [&str; 7] = ["q", "show", "instance", "group", "state", "sort", "page"];
/// A search is cut to so many characters, and so many words.
const LONGEST: usize = 200;
const WORDS: usize = 10;

/// One of the tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    Group(Group),
    /// What will be out soon, whatever it is now.
    Soon,
}

impl Show {
    /// The name in addresses and style sheets.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Group(group) => group.key(),
            Self::Soon => "soon",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Group(group) => group.title(),
            Self::Soon => "Soon out",
        }
    }

    /// The tile of that key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        match key {
            "soon" => Some(Self::Soon),
            key => Group::parse(key).map(Self::Group),
        }
    }

    /// Whether it is about what stands there.
    #[must_use]
    pub fn is(self, group: Group, soon: bool) -> bool {
        match self {
            Self::Group(wanted) => wanted == group,
            Self::Soon => soon,
        }
    }
}

/// What is known of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Known,
    Unknown,
    NotControlled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Known, Self::Unknown, Self::NotControlled];

    /// Of that level.
    #[must_use]
    pub fn of(level: Level) -> Self {
        match level {
            Level::Known(_) => Self::Known,
            Level::Unknown => Self::Unknown,
            Level::NotControlled => Self::NotControlled,
        }
    }

    /// The name in addresses, as in the API.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::NotControlled => "not_controlled",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Known => "Known",
            Self::Unknown => "Unknown",
            Self::NotControlled => "Not controlled",
        }
    }
}

/// An order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Worst,
    Level,
    Cover,
    Name,
    Since,
    Change,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Worst,
        Self::Level,
        Self::Cover,
        Self::Name,
        Self::Since,
        Self::Change,
    ];

    /// Its place among all.
    #[must_use]
    pub fn place(self) -> usize {
        self as usize
    }

    /// The name in addresses.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Level => "level",
            Self::Cover => "cover",
            Self::Name => "name",
            Self::Since => "since",
            Self::Change => "change",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Worst => "Worst first",
            Self::Level => "Fewest left",
            Self::Cover => "Out soonest",
            Self::Name => "By name",
            Self::Since => "Newest state",
            Self::Change => "Greatest fall",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// As it was written.
    pub q: String,
    pub show: Option<Show>,
    /// The name of a configured instance.
    pub instance: Option<String>,
    /// The exact name of a product group.
    pub group: Option<String>,
    pub state: Option<State>,
    pub sort: Sort,
    /// From 1.
    pub page: usize,
}

impl Filters {
    /// What the address asks for; the parameters that are no filters are left to the caller.
    pub fn read(params: &Params, seen: &Seen) -> Result<Self, Problem> {
        let find = |key: &str| Sort::ALL.into_iter().find(|sort| sort.key() == key);
        Ok(Self {
            q: params
                .get("q")
                .unwrap_or_default()
                .trim()
                .chars()
                .take(LONGEST)
                .collect(),
            show: params.chosen(
                "show",
                "out, critical, low, unknown, ok, not_controlled, silent or soon",
                Show::parse,
            )?,
            instance: params.instance(seen)?.map(|shop| shop.name.to_string()),
            group: params.get("group").map(str::to_owned),
            state: params.chosen("state", "known, unknown or not_controlled", |key| {
                State::ALL.into_iter().find(|state| state.key() == key)
            })?,
            sort: params
                .chosen("sort", "worst, level, cover, name, since or change", find)?
                .unwrap_or_default(),
            page: params
                .chosen("page", "a whole number from 1", |page| {
                    page.parse().ok().filter(|page| *page >= 1)
                })?
                .unwrap_or(1),
        })
    }

    /// The address that asks for it.
    #[must_use]
    pub fn address(&self) -> String {
        let page = self.page.to_string();
        let pairs = [
            ("q", self.q.as_str()),
            ("show", self.show.map_or("", Show::key)),
            ("instance", self.instance.as_deref().unwrap_or_default()),
            ("group", self.group.as_deref().unwrap_or_default()),
            ("state", self.state.map_or("", State::key)),
            (
                "sort",
                if self.sort == Sort::Worst {
                    ""
                } else {
                    self.sort.key()
                },
            ),
            ("page", if self.page > 1 { &page } else { "" }),
        ];
        let given: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        // Texts can always be written so.
        match serde_urlencoded::to_string(given) {
            Ok(query) if !query.is_empty() => format!("/?{query}"),
            Ok(_) | Err(_) => "/".to_owned(),
        }
    }

    /// The same, changed, from its first page.
    #[must_use]
    pub fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = Self {
            page: 1,
            ..self.clone()
        };
        change(&mut other);
        other
    }

    /// Whether some rows are left out.
    #[must_use]
    pub fn narrow(&self) -> bool {
        self.show.is_some() || self.is_narrower_than_shown()
    }

    /// Whether it is narrowed by more than a tile.
    #[must_use]
    pub fn is_narrower_than_shown(&self) -> bool {
        !self.q.is_empty() || self.instance.is_some() || self.group.is_some() || self.state.is_some()
    }
}

/// The words of a search, folded.
pub fn words(q: &str) -> impl Iterator<Item = String> {
    q.split_whitespace()
        .take(WORDS)
        .map(folded)
        .filter(|word| !word.is_empty())
}
