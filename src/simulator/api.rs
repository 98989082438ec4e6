//! What WHMCS answers to a request: who may ask, which actions there are, and their bodies.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use md5::Digest;
use md5::Md5;

use crate::simulator::faults::Fault;
use crate::simulator::faults::Refusal;
use crate::simulator::habits::Companion;
use crate::simulator::habits::ListShape;
use crate::simulator::habits::Version;
use crate::simulator::json::Writer;
use crate::simulator::product::Product;
use crate::simulator::shop::Elements;
use crate::simulator::shop::Shop;
use crate::simulator::xml;

/// The fields of a form, decoded.
pub type Params = BTreeMap<String, String>;

/// Who may ask what.
#[derive(Debug, Clone)]
pub struct Access {
    pub identifier: String,
    pub secret: String,
    /// The admin behind the credentials, who may sign in by name and md5 of the password instead.
    pub username: String,
    pub password: String,
    /// Whether that admin is deactivated.
    pub deactivated: bool,
    /// Where set, the IP list is empty and only requests with this `accesskey` pass.
    pub access_key: Option<String>,
    /// Actions that the role does not have.
    pub denied: Vec<String>,
}

/// The content type of answers in XML.
const XML: &str = "application/xml; charset=utf-8";

/// A whole answer, before it goes on the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// The body; its pieces may be shared with later answers.
    pub body: Vec<Bytes>,
    /// (product, stock) pairs that the body tells.
    pub levels: Arc<[(i64, i64)]>,
}

impl Answer {
    /// An answer of any content type.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: vec![body.into()],
            levels: Arc::from([]),
        }
    }

    /// A JSON answer under status 200.
    #[must_use]
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new(200, "application/json", body)
    }

    /// The body's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }

    /// Whether it is written in XML.
    #[must_use]
    pub fn is_xml(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, value)| *name == "Content-Type" && value == XML)
    }

    /// Whether the body has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body in one piece.
    #[must_use]
    pub fn joined(&self) -> Vec<u8> {
        self.body.concat()
    }
}

/// The true answer, changed by `fault` where that concerns what the catalogue holds.
#[must_use]
pub fn respond(shop: &mut Shop, access: &Access, params: &Params, fault: Option<&Fault>) -> Answer {
    let action = params.get("action").map_or("", String::as_str);
    let kind = params.get("responsetype").map_or("", String::as_str);
    let json = kind == "json";
    let version = shop.habits().version;
    let mut answer = match admit(access, params, action) {
        Err(refusal) if json => refused(&refusal, action),
        Err(refusal) if kind == "xml" => in_xml(&refused(&refusal, action), version, action),
        Err(refusal) => refused_plain(&refusal, action),
        Ok(()) if kind == "xml" => in_xml(&act(shop, params, action, fault), version, action),
        Ok(()) => act(shop, params, action, fault),
    };
    if !json && kind != "xml" && answer.status == 200 {
        answer = Answer::new(200, "text/plain", "result=success;");
    }
    if !kind.is_empty() && shop.habits().byte_order_mark {
        answer.body.insert(0, Bytes::from_static(b"\xef\xbb\xbf\r\n"));
    }
    let clock = Timestamp::now().saturating_add(shop.habits().clock_ahead);
    let date = clock
        .ok()
        .and_then(|clock| DateTimePrinter::new().timestamp_to_rfc9110_string(&clock).ok());
    answer.headers.extend(date.map(|date| ("Date", date)));
    answer
}

/// A refusal as JSON, quotes escaped as WHMCS does.
#[must_use]
pub fn refused(refusal: &Refusal, action: &str) -> Answer {
    let mut json = Writer::default();
    json.open('{').key("result").string("error");
    json.key("message").string(&refusal.message(action)).close('}');
    Answer::new(refusal.status(), "application/json", json.finish())
}

/// The same answer in XML.
#[must_use]
pub fn in_xml(answer: &Answer, version: Version, action: &str) -> Answer {
    let xml = xml::from_json(&answer.joined(), version.number(), action).unwrap_or_default();
    Answer {
        levels: Arc::clone(&answer.levels),
        ..Answer::new(answer.status, XML, xml)
    }
}

/// A refusal in the deprecated NVP format.
#[must_use]
pub fn refused_plain(refusal: &Refusal, action: &str) -> Answer {
    let body = format!("result=error;message={}", refusal.message(action));
    Answer::new(refusal.status(), "text/html; charset=utf-8", body)
}

fn admit(access: &Access, params: &Params, action: &str) -> Result<(), Refusal> {
    let given = |name: &str| params.get(name).map_or("", String::as_str);
    sign_in(access, &given)?;
    if access.deactivated {
        return Err(Refusal::AccountDisabled);
    }
    if access
        .access_key
        .as_deref()
        .is_some_and(|key| key != given("accesskey"))
    {
        return Err(Refusal::InvalidIp("127.0.0.1".to_owned()));
    }
    if action.is_empty() {
        return Err(Refusal::EmptyAction);
    }
    if access
        .denied
        .iter()
        .any(|denied| denied.eq_ignore_ascii_case(action))
    {
        return Err(Refusal::NotPermitted);
    }
    Ok(())
}

fn sign_in<'a>(access: &Access, given: &impl Fn(&str) -> &'a str) -> Result<(), Refusal> {
    if given("identifier").is_empty() && !given("username").is_empty() {
        let sound = given("username") == access.username && given("password") == md5(&access.password);
        return if sound {
            Ok(())
        } else {
            Err(Refusal::AuthenticationFailed)
        };
    }
    if given("identifier").is_empty() || given("secret").is_empty() {
        return Err(Refusal::AuthenticationFailed);
    }
    if given("identifier") != access.identifier {
        return Err(Refusal::InvalidCredentials);
    }
    if given("secret") != access.secret {
        return Err(Refusal::AuthenticationFailed);
    }
    Ok(())
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn act(shop: &mut Shop, params: &Params, action: &str, fault: Option<&Fault>) -> Answer {
    match action.to_ascii_lowercase().as_str() {
        "getproducts" => get_products(shop, params, fault),
        "whmcsdetails" => whmcs_details(shop.habits().version),
        "getproductdetails" => match shop.habits().companion {
            Companion::None => missing_action(shop.habits().version, action),
            Companion::FileMissing => refused(&Refusal::FunctionNotFound, action),
            Companion::Contract1 | Companion::Foreign => get_product_details(shop, params, fault),
        },
        _ => missing_action(shop.habits().version, action),
    }
}

fn missing_action(version: Version, action: &str) -> Answer {
    match version {
        Version::V8_3 | Version::V8_12 => refused(&Refusal::NotPermitted, action),
        Version::V9_0 => refused(&Refusal::InvalidAction, action),
    }
}

fn whmcs_details(version: Version) -> Answer {
    let mut json = Writer::default();
    json.open('{')
        .key("result")
        .string("success")
        .key("whmcs")
        .open('{');
    json.key("version").string(version.number());
    json.key("canonicalversion")
        .string(&format!("{}-release.1", version.number()));
    json.close('}').close('}');
    Answer::json(json.finish())
}

fn get_products(shop: &mut Shop, params: &Params, fault: Option<&Fault>) -> Answer {
    let elements = if fault == Some(&Fault::EmptyCatalogue) {
        Arc::default()
    } else if fault == Some(&Fault::NoStockFields) {
        Arc::new(shop.catalogue_without_stock())
    } else {
        wanted_listings(shop, params)
    };
    let total = elements.pieces.len();
    if fault == Some(&Fault::NoProducts) {
        let mut json = head(shop, total, None);
        json.close('}');
        return Answer::json(json.finish());
    }
    if let Some(Fault::FewerThanTotal(missing)) = fault {
        let kept = elements.pieces[..total.saturating_sub(*missing)].to_vec();
        return catalogue(shop, &kept, head(shop, total, None));
    }
    page(shop, params, &elements)
}

fn wanted_listings(shop: &mut Shop, params: &Params) -> Arc<Elements> {
    let given = |name| params.get(name).filter(|value| !value.is_empty());
    let pids: Option<Vec<i64>> = given("pid").map(|list| ids(list));
    let gid: Option<i64> = given("gid").map(|gid| gid.parse().unwrap_or_default());
    let module = given("module");
    if pids.is_none() && gid.is_none() && module.is_none() {
        return shop.catalogue();
    }
    let is_wanted = |product: &&Product| {
        pids.as_ref().is_none_or(|pids| pids.contains(&product.pid))
            && gid.is_none_or(|gid| gid == product.gid)
            && module.is_none_or(|module| *module == product.module)
    };
    let wanted: Vec<i64> = shop
        .products()
        .filter(is_wanted)
        .map(|product| product.pid)
        .collect();
    Arc::new(shop.listings(&wanted))
}

/// The ids of a comma list, ascending, each once; what is no number is 0, as PHP reads it.
fn ids(list: &str) -> Vec<i64> {
    let mut ids: Vec<i64> = list
        .split(',')
        .map(|id| id.trim().parse().unwrap_or_default())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn page(shop: &Shop, params: &Params, elements: &Elements) -> Answer {
    let total = elements.pieces.len();
    let Some(size) = shop.habits().page_size else {
        let answer = catalogue(shop, &elements.pieces, head(shop, total, None));
        return Answer {
            levels: Arc::clone(&elements.levels),
            ..answer
        };
    };
    let start = params
        .get("limitstart")
        .and_then(|start| start.parse().ok())
        .unwrap_or(0usize);
    let range = start.min(total)..start.saturating_add(size).min(total);
    let levels = elements.levels.get(range.clone()).unwrap_or_default();
    let head = head(shop, total, Some((start, range.len())));
    let answer = catalogue(shop, &elements.pieces[range], head);
    Answer {
        levels: Arc::from(levels),
        ..answer
    }
}

/// The answer's beginning, up to and without the products; `part`: where this page starts, and its length.
fn head(shop: &Shop, total: usize, part: Option<(usize, usize)>) -> Writer {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut json = Writer::new(shop.habits().spelling);
    json.open('{').key("result").string("success");
    json.key("totalresults").number(count(total));
    if let Some((start, length)) = part {
        json.key("startnumber").number(count(start));
        json.key("numreturned").number(count(length));
    }
    json
}

fn catalogue(shop: &Shop, pieces: &[(Bytes, Bytes)], mut head: Writer) -> Answer {
    head.key("products").open('{').key("product");
    let mut answer = Answer::json(head.finish());
    list(&mut answer.body, pieces, shop.habits().list_shape);
    answer.body.push(Bytes::from_static(b"}}"));
    answer
}

fn list(body: &mut Vec<Bytes>, pieces: &[(Bytes, Bytes)], shape: ListShape) {
    body.reserve(pieces.len() * 3 + 2);
    let (open, close) = match (shape, pieces.len()) {
        (ListShape::SingleObject, 0) => ("\"\"", ""),
        (ListShape::SingleObject, 1) => ("", ""),
        (ListShape::Array | ListShape::SingleObject, _) => ("[", "]"),
        (ListShape::NumericKeys, _) => ("{", "}"),
    };
    body.push(Bytes::from_static(open.as_bytes()));
    for (nth, (head, tail)) in pieces.iter().enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        match shape {
            ListShape::Array | ListShape::SingleObject => body.push(Bytes::from_static(comma.as_bytes())),
            ListShape::NumericKeys => body.push(Bytes::from(format!("{comma}\"{nth}\":"))),
        }
        body.push(head.clone());
        body.push(tail.clone());
    }
    body.push(Bytes::from_static(close.as_bytes()));
    body.retain(|piece| !piece.is_empty());
}

fn get_product_details(shop: &mut Shop, params: &Params, fault: Option<&Fault>) -> Answer {
    let known = wanted_details(shop, params.get("productid").map(String::as_str));
    if known.is_empty() {
        return refused(&Refusal::ProductNotFound, "GetProductDetails");
    }
    let elements = if fault == Some(&Fault::NoStockFields) {
        shop.details_without_stock(&known)
    } else {
        shop.details(&known)
    };
    let mut json = Writer::new(shop.habits().spelling);
    json.open('{').key("result").string("success");
    if shop.habits().companion == Companion::Contract1 {
        json.key("contract").number(1);
    }
    json.key("totalresults")
        .number(i64::try_from(known.len()).unwrap_or(i64::MAX));
    let answer = catalogue(shop, &elements.pieces, json);
    Answer {
        levels: elements.levels,
        ..answer
    }
}

/// The known ones among the ids asked for; absent or empty: all. Another's action knows a single id only.
fn wanted_details(shop: &Shop, asked: Option<&str>) -> Vec<i64> {
    let asked = asked.unwrap_or("").trim();
    let wanted = match shop.habits().companion {
        Companion::Foreign => ids(asked.split(',').next().unwrap_or("")),
        Companion::None | Companion::FileMissing | Companion::Contract1 if asked.is_empty() => {
            return shop.products().map(|product| product.pid).collect();
        }
        Companion::None | Companion::FileMissing | Companion::Contract1 => ids(asked),
    };
    wanted
        .into_iter()
        .filter(|pid| shop.product(*pid).is_some())
        .collect()
}
