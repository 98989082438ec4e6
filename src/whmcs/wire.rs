//! What WHMCS sends of one product, normalised: the odd JSON stops here.

use std::str;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::catalogue::Choice;
use crate::domain::catalogue::CombinationKey;
use crate::domain::catalogue::CombinationUse;
use crate::domain::catalogue::ConfigOption;
use crate::domain::catalogue::Details;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Name;
use crate::domain::catalogue::OptionKind;
use crate::domain::catalogue::ProductId;
use crate::whmcs::figure::figure;
use crate::whmcs::figure::flag;
use crate::whmcs::figure::text_or_number;
use crate::whmcs::intern::Interner;
use crate::whmcs::list::Item;
use crate::whmcs::list::List;
use crate::whmcs::list::One;

/// Longest name, in bytes of UTF-8.
pub const MAX_NAME: usize = 4096;

/// Why an element could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("it holds bytes that are not UTF-8")]
    Encoding,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is unreadable")]
    Unreadable(&'static str),
    #[error("{0} is longer than 4 kB")]
    TooLong(&'static str),
    #[error("it is not sound JSON: {0}")]
    Json(String),
}

/// A product as one of the two actions describes it.
pub trait Element: Sized + Send + Sync + 'static {
    /// Reads an element's bytes.
    fn read(bytes: &[u8], interner: &mut Interner) -> Result<Self, WireError>;
    /// Whose element it is.
    fn id(&self) -> ProductId;
    /// The hash of the bytes it was read from.
    fn source_hash(&self) -> u64;
}

/// The hash by which the same bytes are known again.
#[must_use]
pub fn source_hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

type Raw<'a> = Option<&'a RawValue>;

impl Element for Listing {
    fn read(bytes: &[u8], interner: &mut Interner) -> Result<Self, WireError> {
        let element: ListingElement<'_> = parse(bytes)?;
        Ok(Self {
            id: required("pid", element.pid)?,
            group_id: optional("gid", element.gid)?,
            name: name("name", element.name, interner)?.ok_or(WireError::Missing("name"))?,
            quantity: number(element.quantity_available),
            options: options(element.configoptions, interner)?,
            source_hash: source_hash(bytes),
        })
    }

    fn id(&self) -> ProductId {
        self.id
    }

    fn source_hash(&self) -> u64 {
        self.source_hash
    }
}

impl Element for Details {
    fn read(bytes: &[u8], interner: &mut Interner) -> Result<Self, WireError> {
        let One(element): One<DetailsElement<'_>> = parse(bytes)?;
        Ok(Self {
            id: required("pid", element.pid)?,
            group_id: optional("gid", element.gid)?,
            group: name("groupname", element.group, interner)?,
            name: name("name", element.name, interner)?,
            hidden: flag(element.hidden.map(RawValue::get)),
            retired: flag(element.retired.map(RawValue::get)),
            controlled: flag(element.controlled.map(RawValue::get)),
            quantity: number(element.quantity),
            in_use: number(element.in_use).number(),
            options: options(element.options, interner)?,
            combinations: combinations(element.combinations)?,
            source_hash: source_hash(bytes),
        })
    }

    fn id(&self) -> ProductId {
        self.id
    }

    fn source_hash(&self) -> u64 {
        self.source_hash
    }
}

#[derive(Deserialize)]
struct ListingElement<'a> {
    #[serde(borrow)]
    pid: Raw<'a>,
    #[serde(borrow)]
    gid: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    quantity_available: Raw<'a>,
    #[serde(borrow)]
    configoptions: Raw<'a>,
}

/// Our companion's names, and the commonest of other custom actions.
#[derive(Default)]
struct DetailsElement<'a> {
    pid: Raw<'a>,
    gid: Raw<'a>,
    group: Raw<'a>,
    name: Raw<'a>,
    hidden: Raw<'a>,
    retired: Raw<'a>,
    controlled: Raw<'a>,
    quantity: Raw<'a>,
    in_use: Raw<'a>,
    options: Raw<'a>,
    combinations: Raw<'a>,
}

impl<'de> Item<'de> for DetailsElement<'de> {
    const WRAPPER: &'static str = "product";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let field = match key {
            "pid" | "productid" => &mut self.pid,
            "id" if self.pid.is_none() => &mut self.pid,
            "gid" => &mut self.gid,
            "groupname" => &mut self.group,
            "name" => &mut self.name,
            "hidden" => &mut self.hidden,
            "retired" => &mut self.retired,
            "stockcontrol" => &mut self.controlled,
            "qty" | "stocklevel" => &mut self.quantity,
            "inuse" => &mut self.in_use,
            "configoptions" => &mut self.options,
            "combinations" => &mut self.combinations,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *field = map.next_value()?;
        Ok(())
    }
}

#[derive(Default)]
struct OptionElement<'a> {
    id: Raw<'a>,
    name: Raw<'a>,
    kind: Raw<'a>,
    hidden: Raw<'a>,
    choices: Vec<ChoiceElement<'a>>,
}

impl<'de> Item<'de> for OptionElement<'de> {
    const WRAPPER: &'static str = "configoption";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "type" => self.kind = map.next_value()?,
            "hidden" => self.hidden = map.next_value()?,
            "options" => {
                let List(choices) = map.next_value()?;
                self.choices = choices;
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Default)]
struct ChoiceElement<'a> {
    id: Raw<'a>,
    name: Raw<'a>,
    raw_name: Raw<'a>,
    hidden: Raw<'a>,
    in_use: Raw<'a>,
    stock: Raw<'a>,
}

impl<'de> Item<'de> for ChoiceElement<'de> {
    const WRAPPER: &'static str = "option";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let field = match key {
            "id" => &mut self.id,
            "name" => &mut self.name,
            "rawName" => &mut self.raw_name,
            "hidden" => &mut self.hidden,
            "inuse" => &mut self.in_use,
            "stock" => &mut self.stock,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *field = map.next_value()?;
        Ok(())
    }
}

#[derive(Default)]
struct CombinationElement<'a> {
    options: Raw<'a>,
    in_use: Raw<'a>,
    stock: Raw<'a>,
}

impl<'de> Item<'de> for CombinationElement<'de> {
    const WRAPPER: &'static str = "combination";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let field = match key {
            "options" => &mut self.options,
            "inuse" => &mut self.in_use,
            "stock" => &mut self.stock,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *field = map.next_value()?;
        Ok(())
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, WireError> {
    let text = str::from_utf8(bytes).map_err(|_| WireError::Encoding)?;
    serde_json::from_str(text).map_err(|error| WireError::Json(error.to_string()))
}

fn number(raw: Raw<'_>) -> Figure {
    figure(raw.map(RawValue::get))
}

fn required(field: &'static str, raw: Raw<'_>) -> Result<i64, WireError> {
    match number(raw) {
        Figure::Number(n) => Ok(n),
        Figure::Absent => Err(WireError::Missing(field)),
        Figure::Unreadable => Err(WireError::Unreadable(field)),
    }
}

fn optional(field: &'static str, raw: Raw<'_>) -> Result<Option<i64>, WireError> {
    match number(raw) {
        Figure::Number(n) => Ok(Some(n)),
        Figure::Absent => Ok(None),
        Figure::Unreadable => Err(WireError::Unreadable(field)),
    }
}

/// A null or missing name is none; an empty one is a name.
fn name(field: &'static str, raw: Raw<'_>, interner: &mut Interner) -> Result<Option<Name>, WireError> {
    let Some(raw) = raw.map(RawValue::get).filter(|raw| *raw != "null") else {
        return Ok(None);
    };
    let text = text_or_number(raw).ok_or(WireError::Unreadable(field))?;
    if text.len() > MAX_NAME {
        return Err(WireError::TooLong(field));
    }
    Ok(Some(interner.name(&text)))
}

/// Most option lists of a catalogue, with all their prices, are the same bytes: they are read once.
fn options(raw: Raw<'_>, interner: &mut Interner) -> Result<Arc<[ConfigOption]>, WireError> {
    let Some(raw) = raw.map(RawValue::get) else {
        return Ok(Arc::default());
    };
    let source = source_hash(raw.as_bytes());
    if let Some(options) = interner.options(source) {
        return Ok(options);
    }
    let List(elements) = serde_json::from_str::<List<OptionElement<'_>>>(raw)
        .map_err(|error| WireError::Json(format!("configoptions: {error}")))?;
    let options = elements
        .into_iter()
        .map(|element| option(element, interner))
        .collect::<Result<Arc<[ConfigOption]>, WireError>>()?;
    interner.keep_options(source, &options);
    Ok(options)
}

fn option(element: OptionElement<'_>, interner: &mut Interner) -> Result<ConfigOption, WireError> {
    let choices = element
        .choices
        .into_iter()
        .map(|element| choice(element, interner));
    Ok(ConfigOption {
        choices: choices.collect::<Result<_, WireError>>()?,
        id: required("configoption.id", element.id)?,
        name: name("configoption.name", element.name, interner)?
            .ok_or(WireError::Missing("configoption.name"))?,
        kind: match number(element.kind) {
            Figure::Number(1) => OptionKind::Dropdown,
            Figure::Number(2) => OptionKind::Radio,
            Figure::Number(3) => OptionKind::YesNo,
            Figure::Number(4) => OptionKind::Quantity,
            Figure::Number(_) | Figure::Absent | Figure::Unreadable => OptionKind::Other,
        },
        hidden: is_on(element.hidden),
    })
}

fn choice(element: ChoiceElement<'_>, interner: &mut Interner) -> Result<Choice, WireError> {
    let shown = name("option.name", element.name, interner)?;
    Ok(Choice {
        id: required("option.id", element.id)?,
        name: match shown {
            Some(shown) => shown,
            None => name("option.rawName", element.raw_name, interner)?
                .ok_or(WireError::Missing("option.name"))?,
        },
        hidden: is_on(element.hidden),
        in_use: number(element.in_use).number(),
        stock: number(element.stock),
    })
}

fn is_on(raw: Raw<'_>) -> bool {
    flag(raw.map(RawValue::get)) == Some(true)
}

fn combinations(raw: Raw<'_>) -> Result<Arc<[CombinationUse]>, WireError> {
    let Some(raw) = raw.map(RawValue::get) else {
        return Ok(Arc::default());
    };
    let List(elements) = serde_json::from_str::<List<CombinationElement<'_>>>(raw)
        .map_err(|error| WireError::Json(format!("combinations: {error}")))?;
    elements.into_iter().map(combination).collect()
}

fn combination(element: CombinationElement<'_>) -> Result<CombinationUse, WireError> {
    let unreadable = || WireError::Unreadable("combination.options");
    let raw = element
        .options
        .ok_or(WireError::Missing("combination.options"))?
        .get();
    let key: CombinationKey = text_or_number(raw)
        .ok_or_else(unreadable)?
        .parse()
        .map_err(|_| unreadable())?;
    Ok(CombinationUse {
        key,
        in_use: number(element.in_use).number(),
        stock: number(element.stock),
    })
}
