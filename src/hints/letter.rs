//! A hint as it came, and what its body says once its signature was believed.

use std::net::IpAddr;

use serde::Deserialize;

use crate::domain::catalogue::ProductId;
use crate::hints::wanted::Scope;

/// The type of the one event that is understood.
const TYPE: &str = "stock.hint";
/// The longest id, in bytes.
const LONGEST_ID: usize = 256;
/// The longest name of a hook that is logged, in bytes.
const LONGEST_HOOK: usize = 64;

/// A hint as it came: nothing of it is believed yet.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The headers, as they were sent.
    pub id: Option<&'a str>,
    pub timestamp: Option<&'a str>,
    pub signatures: Option<&'a str>,
    pub body: &'a [u8],
    pub from: IpAddr,
}

/// The headers of a hint that could be signed.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    /// The same in seconds since 1970.
    pub seconds: i64,
    pub signatures: &'a str,
}

impl<'a> Letter<'a> {
    /// The headers, where all three are there and are what they should be.
    #[must_use]
    pub fn head(&self) -> Option<Head<'a>> {
        let id = self.id?;
        let sound = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        let timestamp = self.timestamp.filter(|_| sound)?;
        let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        Some(Head {
            id,
            timestamp,
            seconds: timestamp.parse().ok().filter(|_| digits)?,
            signatures: self.signatures?,
        })
    }
}

/// What a hint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The shop it is from, as it is called here; `None` where it does not say.
    pub shop: Option<String>,
    /// The hook that led to it; "" where that is not told.
    pub hook: String,
    pub scope: Scope,
}

#[derive(Deserialize)]
struct Body {
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    hook: Option<String>,
    #[serde(default)]
    products: Option<Vec<Id>>,
}

/// PHP sends numbers as texts at times.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

impl Id {
    fn product(&self) -> Option<ProductId> {
        let id = match self {
            Self::Number(id) => Some(*id),
            Self::Text(text) => text.trim().parse().ok(),
        };
        id.filter(|id| *id > 0)
    }
}

impl Hint {
    /// Reads a body that was signed.
    ///
    /// # Errors
    /// Says what is wrong with it, as a sentence; never quotes it.
    pub fn read(body: &[u8]) -> Result<Self, &'static str> {
        let body: Body = serde_json::from_slice(body).map_err(|_| {
            "The body is not of the form {\"type\":\"stock.hint\",\"data\":{\"instance\":\"…\",\"products\":[42]}}."
        })?;
        if body.r#type != TYPE {
            return Err("The type is not stock.hint.");
        }
        let products: Option<Vec<ProductId>> = body
            .data
            .products
            .unwrap_or_default()
            .iter()
            .map(Id::product)
            .collect();
        let products = products.ok_or("data.products holds something else than ids of products.")?;
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut hook = body.data.hook.unwrap_or_default();
        hook.retain(known);
        hook.truncate(LONGEST_HOOK);
        Ok(Self {
            shop: body.data.instance.filter(|name| !name.is_empty()),
            hook,
            scope: Scope::of(products),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_its_shop_its_hook_and_its_products() {
        let read = |body: &str| Hint::read(body.as_bytes());
        let whole = r#"{"type":"stock.hint","timestamp":"2026-11-21T09:03:11Z",
            "data":{"instance":"eu","hook":"AcceptOrder\n","products":[43,"42"],"more":1}}"#;
        let hint = read(whole).expect("a hint");
        assert_eq!(
            hint,
            Hint {
                shop: Some("eu".to_owned()),
                hook: "AcceptOrder".to_owned(),
                scope: Scope::of([42, 43]),
            }
        );
        for body in [
            r#"{"type":"stock.hint","data":{}}"#,
            r#"{"type":"stock.hint","data":{"instance":null,"hook":null,"products":null}}"#,
            r#"{"type":"stock.hint","data":{"instance":"","products":[]}}"#,
        ] {
            let hint = read(body).expect(body);
            assert_eq!((hint.shop, hint.scope), (None, Scope::All), "{body}");
        }
    }

    #[test]
    fn what_is_no_hint_is_refused_without_being_quoted() {
        for body in [
            "",
            "CANARY",
            "null",
            "[]",
            r#"{"type":"stock.hint"}"#,
            r#"{"type":"CANARY","data":{}}"#,
            r#"{"type":"stock.hint","data":{"products":"CANARY"}}"#,
            r#"{"type":"stock.hint","data":{"products":[0]}}"#,
            r#"{"type":"stock.hint","data":{"products":["CANARY"]}}"#,
            r#"{"type":"stock.hint","data":{"products":[1.5]}}"#,
            r#"{"type":"stock.hint","data":{"instance":7}}"#,
        ] {
            let said = Hint::read(body.as_bytes()).expect_err(body);
            assert!(!said.contains("CANARY"), "{said}");
        }
        assert!(Hint::read(b"{\"type\":\"stock.hint\",\"data\":{\"hook\":\"\xff\"}}").is_err());
    }

    #[test]
    fn a_head_is_whole_or_none() {
        let letter = Letter {
            id: Some("msg_1"),
            timestamp: Some("1614265330"),
            signatures: Some("v1,x"),
            body: b"",
            from: [127, 0, 0, 1].into(),
        };
        assert_eq!(letter.head().map(|head| head.seconds), Some(1_614_265_330));
        let long = "x".repeat(LONGEST_ID + 1);
        for broken in [
            Letter { id: None, ..letter },
            Letter {
                id: Some(""),
                ..letter
            },
            Letter {
                id: Some("a b"),
                ..letter
            },
            Letter {
                id: Some(&long),
                ..letter
            },
            Letter {
                timestamp: None,
                ..letter
            },
            Letter {
                timestamp: Some(""),
                ..letter
            },
            Letter {
                timestamp: Some("+5"),
                ..letter
            },
            Letter {
                timestamp: Some("99999999999999999999"),
                ..letter
            },
            Letter {
                signatures: None,
                ..letter
            },
        ] {
            assert!(broken.head().is_none(), "{broken:?}");
        }
    }
}
