//! What WHMCS sends of one product, normalised: the odd JSON stops here.

use std::str;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
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
use crate::domain::catalogue::options::Options;
use crate::whmcs::figure::figure;
use crate::whmcs::figure::flag;
use crate::whmcs::figure::text_or_number;
use crate::whmcs::intern::Interner;
use crate::whmcs::list::Item;
use crate::whmcs::list::List;
use crate::whmcs::list::One;
use crate::whmcs::pricing::price;
use crate::whmcs::xml::XmlError;

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
    #[error("it is not sound XML: {0}")]
    Xml(#[from] XmlError),
}

/// A product as one of the two actions describes it.
pub trait Element: Sized + Send + Sync + 'static {
    /// Reads an element's bytes.
    fn read(bytes: &[u8], interner: &mut Interner) -> Result<Self, WireError>;
    /// Whose element it is.
    fn id(&self) -> ProductId;
    /// The hash of the bytes it was read from.
    fn source_hash(&self) -> u64;
    /// The same, read from other bytes than those that came: these have that hash.
    #[must_use]
    fn with_source(self, source_hash: u64) -> Self;
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
            name: match (element.name, name("name", element.name, interner)?) {
                (None, _) => return Err(WireError::Missing("name")),
                // WHMCS says itself that it has none: a product without a name is one all the same.
                (Some(_), None) => interner.name(""),
                (Some(_), Some(name)) => name,
            },
            quantity: number(element.quantity_available),
            price: price(element.paytype, element.pricing, interner),
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

    fn with_source(self, source_hash: u64) -> Self {
        Self { source_hash, ..self }
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

    fn with_source(self, source_hash: u64) -> Self {
        Self { source_hash, ..self }
    }
}

#[derive(Deserialize)]
struct ListingElement<'a> {
    #[serde(borrow)]
    pid: Raw<'a>,
    #[serde(borrow)]
    gid: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "given")]
    name: Raw<'a>,
    #[serde(borrow)]
    quantity_available: Raw<'a>,
    #[serde(borrow)]
    paytype: Raw<'a>,
    #[serde(borrow)]
    pricing: Raw<'a>,
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

/// What was given, where that is `null`, too.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Raw<'de>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
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
fn options(raw: Raw<'_>, interner: &mut Interner) -> Result<Options, WireError> {
    let Some(raw) = raw.map(RawValue::get) else {
        return Ok(Options::default());
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
        .collect::<Result<Options, WireError>>()?;
    Ok(interner.keep_options(source, options))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listing(json: &str) -> Result<Listing, WireError> {
        Listing::read(json.as_bytes(), &mut Interner::default())
    }

    fn details(json: &str) -> Result<Details, WireError> {
        Details::read(json.as_bytes(), &mut Interner::default())
    }

    const DOCUMENTED: &str = r#"{"pid":"42","gid":3,"type":"server","name":"DS-64 &amp; more","slug":"ds-64",
        "product-url":"https:\/\/shop.example\/x","description":"<p>a<\/p>\r\n","module":"","paytype":"recurring",
        "allowqty":0,"quantity_available":7,
        "pricing":{"EUR":{"prefix":"","suffix":" EUR","monthly":"50.00","annually":"-1.00"}},
        "customfields":{"customfield":[{"id":1,"name":"Hostname","required":"on"}]},
        "configoptions":{"configoption":[
          {"id":4,"name":"RAM","type":"1","minqty":0,"maxqty":0,"options":{"option":[
            {"id":11,"name":"32 GB","rawName":"32 GB","recurring":0,"required":0,"pricing":{"EUR":{"monthly":"0.00"}}},
            {"id":"12","name":"64 GB","hidden":1,"stock":"5","inuse":"9"}]}},
          {"id":5,"name":"IPs","type":4,"hidden":"1","options":{"option":{"id":20,"name":"IP"}}}]}}"#;

    #[test]
    fn a_documented_product_is_read() {
        let listing = listing(DOCUMENTED).unwrap();
        assert_eq!(
            (listing.id, listing.group_id, listing.quantity),
            (42, Some(3), Figure::Number(7))
        );
        assert_eq!(listing.name.shown(), "DS-64 & more");
        let [ram, ips] = &*listing.options.to_vec() else {
            panic!("{:?}", listing.options)
        };
        assert_eq!(
            (ram.id, ram.kind, ram.hidden, ram.choices.len()),
            (4, OptionKind::Dropdown, false, 2)
        );
        assert_eq!(
            (ips.id, ips.kind, ips.hidden, ips.choices.len()),
            (5, OptionKind::Quantity, true, 1)
        );
        let choice = &ram.choices[1];
        assert_eq!((choice.id, choice.hidden, choice.in_use), (12, true, Some(9)));
        assert_eq!((choice.stock, choice.name.raw()), (Figure::Number(5), "64 GB"));
        assert_eq!(ram.choices[0].stock, Figure::Absent);
        assert_eq!(listing.source_hash, source_hash(DOCUMENTED.as_bytes()));
    }

    #[test]
    fn option_lists_are_read_in_every_shape() {
        let cases = [
            ("null", 0),
            (r#""""#, 0),
            ("[]", 0),
            ("{}", 0),
            (r#"{"configoption":[]}"#, 0),
            (r#"{"configoption":{}}"#, 0),
            (r#"{"configoption":""}"#, 0),
            (r#"{"configoption":null}"#, 0),
            (r#"{"configoption":{"id":1,"name":"a"}}"#, 1),
            (
                r#"{"configoption":[{"id":1,"name":"a"},{"id":2,"name":"b"}],"x":[1]}"#,
                2,
            ),
            (
                r#"{"configoption":{"0":{"id":1,"name":"a"},"5":{"id":2,"name":"b"}}}"#,
                2,
            ),
            (r#"[{"id":1,"name":"a","options":""}]"#, 1),
            (
                r#"{"3":{"id":1,"name":"a","options":{"option":{"0":{"id":9,"name":7}}}}}"#,
                1,
            ),
            (r#"{"id":1,"name":"a","options":[]}"#, 1),
        ];
        for (options, count) in cases {
            let json = format!(r#"{{"pid":1,"name":"p","configoptions":{options}}}"#);
            assert_eq!(listing(&json).unwrap().options.len(), count, "{options}");
        }
        assert!(listing(r#"{"pid":1,"name":"p"}"#).unwrap().options.is_empty());
    }

    #[test]
    fn a_product_that_has_no_name_is_one_without_a_name() {
        let mut interner = Interner::default();
        for nameless in [r#"{"pid":1,"name":null}"#, r#"{"pid":1,"name":""}"#] {
            let listing = Listing::read(nameless.as_bytes(), &mut interner).unwrap();
            assert_eq!((listing.id, listing.name.raw()), (1, ""), "{nameless}");
        }
    }

    #[test]
    fn what_cannot_be_read_names_its_field() {
        let long = format!(r#"{{"pid":1,"name":"{}"}}"#, "x".repeat(MAX_NAME + 1));
        let cases = [
            (r#"{"name":"p"}"#, "pid is missing"),
            (r#"{"pid":null,"name":"p"}"#, "pid is missing"),
            (r#"{"pid":"abc","name":"p"}"#, "pid is unreadable"),
            (r#"{"pid":1.5,"name":"p"}"#, "pid is unreadable"),
            (r#"{"pid":1,"gid":[],"name":"p"}"#, "gid is unreadable"),
            (r#"{"pid":1}"#, "name is missing"),
            (r#"{"pid":1,"name":["p"]}"#, "name is unreadable"),
            (&long, "name is longer than 4 kB"),
            (
                r#"{"pid":1,"name":"p","configoptions":[{"name":"a"}]}"#,
                "configoption.id is missing",
            ),
            (
                r#"{"pid":1,"name":"p","configoptions":[{"id":1}]}"#,
                "configoption.name is missing",
            ),
            (
                r#"{"pid":1,"name":"p","configoptions":[{"id":1,"name":"a","options":[{"id":{},"name":"b"}]}]}"#,
                "option.id is unreadable",
            ),
        ];
        for (json, error) in cases {
            assert_eq!(listing(json).unwrap_err().to_string(), error, "{json}");
        }
        for json in [
            "null",
            "5",
            "[]",
            "{",
            r#"{"pid":1,"name":"p","configoptions":"x"}"#,
            r#"{"pid":1,"pid":2}"#,
        ] {
            assert!(matches!(listing(json), Err(WireError::Json(_))), "{json}");
        }
        assert_eq!(
            Listing::read(b"{\"x\":\"\xff\"}", &mut Interner::default()),
            Err(WireError::Encoding)
        );
    }

    #[test]
    fn a_stock_figure_is_never_guessed() {
        let quantity = |raw: &str| {
            listing(&format!(r#"{{"pid":1,"name":"p","quantity_available":{raw}}}"#))
                .unwrap()
                .quantity
        };
        assert_eq!(quantity("0"), Figure::Number(0));
        assert_eq!(quantity("-2"), Figure::Number(-2));
        assert_eq!(quantity("null"), Figure::Absent);
        assert_eq!(quantity(r#""""#), Figure::Absent);
        for raw in ["1e400", "true", "7.5", r#""many""#, "[]", "{}"] {
            assert_eq!(quantity(raw), Figure::Unreadable, "{raw}");
        }
        assert_eq!(
            listing(r#"{"pid":1,"name":"p"}"#).unwrap().quantity,
            Figure::Absent
        );
    }

    #[test]
    fn the_companions_details_are_read() {
        let details = details(
            r#"{"pid":42,"gid":3,"groupname":"Dedicated","name":"DS-64","hidden":0,"retired":"1",
            "stockcontrol":1,"qty":"7","inuse":21,
            "configoptions":{"configoption":[{"id":4,"name":"RAM","type":"3","hidden":0,
              "options":{"option":[{"id":11,"name":"32 GB","hidden":0,"inuse":12}]}}]},
            "combinations":{"combination":[{"options":"4=11","inuse":12},{"options":"4=0","inuse":9,"stock":-1}]}}"#,
        )
        .unwrap();
        assert_eq!(
            (details.id, details.group_id, details.in_use),
            (42, Some(3), Some(21))
        );
        assert_eq!(details.group.as_ref().map(Name::raw), Some("Dedicated"));
        assert_eq!(
            (details.hidden, details.retired, details.controlled),
            (Some(false), Some(true), Some(true))
        );
        assert_eq!(details.quantity, Figure::Number(7));
        assert_eq!(details.options.to_vec()[0].choices[0].in_use, Some(12));
        assert_eq!(details.combinations[1].key.to_string(), "4=0");
        assert_eq!(details.combinations[1].stock, Figure::Number(-1));
    }

    #[test]
    fn details_of_another_action_are_read_as_far_as_they_go() {
        let other = details(r#"{"id":7,"qty":"","stockcontrol":"on","configoptions":""}"#).unwrap();
        assert_eq!(
            (other.id, other.quantity, other.controlled),
            (7, Figure::Absent, Some(true))
        );
        assert_eq!(
            (other.hidden, other.name, other.combinations.len()),
            (None, None, 0)
        );
        assert_eq!(details(r#"{"id":7,"pid":9,"id":8}"#).unwrap().id, 9);
        assert!(details(r#"{"pid":1,"combinations":[{"options":"4"}]}"#).is_err());
    }

    #[test]
    fn the_same_option_list_is_kept_once() {
        let mut interner = Interner::default();
        let mut read = |pid: u32| {
            let json = DOCUMENTED.replacen("\"42\"", &pid.to_string(), 1);
            Listing::read(json.as_bytes(), &mut interner).unwrap()
        };
        let (one, two) = (read(1), read(2));
        assert_eq!(one.options, two.options);
        let counted = DOCUMENTED.replace("\"id\":11,", "\"id\":11,\"inuse\":3,\"price\":1,");
        let details = Details::read(counted.as_bytes(), &mut interner).unwrap();
        assert_ne!(details.options, one.options);
        fn place(options: &Options) -> *const Name {
            options.iter().next().unwrap().name
        }
        assert_eq!(place(&one.options), place(&two.options));
        assert_eq!(place(&one.options), place(&details.options));
    }

    proptest! {
        #[test]
        fn a_damaged_element_never_panics(
            hurts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
        ) {
            let mut json = DOCUMENTED.as_bytes().to_vec();
            for (at, byte) in hurts {
                let at = at.index(json.len());
                json[at] = byte;
            }
            let _ = Listing::read(&json, &mut Interner::default());
            let _ = Details::read(&json, &mut Interner::default());
        }
    }
}
