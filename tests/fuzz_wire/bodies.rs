//! Bodies: answers of a simulated shop, damaged or not, and whatever else could come.

use whmcs_stock_monitor::simulator::api;
use whmcs_stock_monitor::simulator::api::Access;
use whmcs_stock_monitor::simulator::api::Params;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::ListShape;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::random::Random;

/// What breaks readers, or is mistaken for something else.
const TOKENS: &[&str] = &[
    "0",
    "null",
    "\"\"",
    "1e-400",
    "-0",
    "1e400",
    "0.0",
    "00",
    "\"0\"",
    "true",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0030",
    "\\ud800",
    "\\u0000",
    "\u{feff}",
    "\u{0}",
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&",
    "&#48;",
    "&#x30;",
    "&#0;",
    "&amp;",
    "<product>",
    "</product>",
    "<products>",
    "</products>",
    "<whmcsapi>",
    "</whmcsapi>",
    "<quantity_available>0</quantity_available>",
    "<quantity_available/>",
    "\"quantity_available\":0,",
    "\"quantity_available\":\"\",",
    "\"qty\":0,",
    "\"products\":",
    "\"product\":",
    "\"pid\":1,",
    "\"result\":\"success\",",
    "\"result\":\"error\",",
    "\"totalresults\":1,",
    "result=error;message=",
    "result=success;",
    "\r\n",
    " ",
    "'",
    "<a b='",
    "<a b=\"",
    "\"configoptions\":",
    "\"option\":",
];

/// Figures, most of which are none.
const FIGURES: &[&str] = &[
    "0",
    "\"0\"",
    "7",
    "-3",
    "\"7\"",
    "null",
    "\"\"",
    "\" \"",
    "0.0",
    "-0",
    "1e-400",
    "1e2",
    "1.5",
    "true",
    "false",
    "[]",
    "{}",
    "[0]",
    "\"abc\"",
    "\"0x0\"",
    "99999999999999999999",
    "\"\\u0030\"",
    "\"none\"",
    "\"\\u00a00\"",
];

/// A body, and whether it was left as the shop sent it.
pub fn body(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => noise(random),
        1 => tokens(random),
        2 => figured(random),
        3 => answer(random),
        _ => damaged(random),
    }
}

fn noise(random: &mut Random) -> Vec<u8> {
    (0..random.below(300)).map(|_| random.byte()).collect()
}

fn tokens(random: &mut Random) -> Vec<u8> {
    let start = random.pick(&[
        "",
        "{",
        "[",
        "<whmcsapi>",
        "<",
        "\u{feff}{\"products\":{\"product\":[",
        "{\"result\":\"success\",",
    ]);
    let rest = (0..random.below(40)).map(|_| random.pick(TOKENS));
    std::iter::once(start)
        .chain(rest)
        .collect::<String>()
        .into_bytes()
}

/// A sound answer of one product with a figure that may be none.
fn figured(random: &mut Random) -> Vec<u8> {
    let key = random.pick(&[
        "quantity_available",
        "qty",
        "stocklevel",
        "quantity_avail\\u0061ble",
        "Quantity_Available",
    ]);
    let figure = random.pick(FIGURES);
    let total = random.pick(&["1", "\"1\"", "0", "null", "2"]);
    format!(
        "{{\"result\":\"success\",\"totalresults\":{total},\"products\":{{\"product\":[{{\"pid\":1,\"name\":\"p\",\"{key}\":{figure}}}]}}}}"
    )
    .into_bytes()
}

fn damaged(random: &mut Random) -> Vec<u8> {
    let mut body = answer(random);
    for _ in 0..=random.below(6) {
        damage(random, &mut body);
    }
    body
}

fn damage(random: &mut Random, body: &mut Vec<u8>) {
    let at = random.below(body.len() + 1);
    let until = (at + random.below(30)).min(body.len());
    match random.below(7) {
        0 | 1 => {
            let token = random.pick(TOKENS);
            body.splice(at..at, token.bytes());
        }
        2 => {
            let token = random.pick(TOKENS);
            body.splice(at..until, token.bytes());
        }
        3 => {
            if let Some(byte) = body.get_mut(at) {
                *byte = random.number().to_le_bytes()[0];
            }
        }
        4 => drop(body.drain(at..until)),
        5 => {
            let piece = body[at..until].to_vec();
            let to = random.below(body.len() + 1);
            body.splice(to..to, piece);
        }
        _ if random.one_in(3) => body.truncate(at),
        _ => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// What a shop answers.
fn answer(random: &mut Random) -> Vec<u8> {
    let mut shop = shop(random);
    let access = Settings::default().access;
    let action = random.pick(&[
        "GetProducts",
        "GetProducts",
        "GetProductDetails",
        "WhmcsDetails",
        "Nothing",
    ]);
    let kind = random.pick(&["json", "xml", "xml", ""]);
    let params = params(random, &access, action, kind);
    api::respond(&mut shop, &access, &params, None).joined()
}

fn params(random: &mut Random, access: &Access, action: &str, kind: &str) -> Params {
    let secret = if random.one_in(10) {
        "wrong"
    } else {
        &access.secret
    };
    [
        ("action", action),
        ("identifier", &access.identifier),
        ("secret", secret),
        ("responsetype", kind),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .collect()
}

fn shop(random: &mut Random) -> Shop {
    let version = [Version::V8_3, Version::V8_12, Version::V9_0][random.below(3)];
    let companion = [Companion::None, Companion::Contract1, Companion::Foreign][random.below(3)];
    let products: Vec<Product> = (1..=4)
        .take(random.below(5))
        .map(|pid| product(random, pid))
        .collect();
    let mut shop = Shop::new(version, companion).with_products(products);
    shop.change_habits(|habits| {
        habits.list_shape =
            [ListShape::Array, ListShape::NumericKeys, ListShape::SingleObject][random.below(3)];
        habits.spelling.string_numbers = random.one_in(2);
        habits.spelling.raw_unicode = random.one_in(2);
        habits.byte_order_mark = random.one_in(6);
        habits.page_size = random.one_in(5).then_some(2);
    });
    shop
}

fn product(random: &mut Random, pid: i64) -> Product {
    let (group, name) = (text(random), text(random));
    let mut product = Product::new(pid, 1, &group, &name).with_description(&text(random));
    if random.one_in(2) {
        let stock = [0, 1, 7, -1, i64::MAX][random.below(5)];
        product = product.with_stock(stock);
    }
    for id in 1..=i64::try_from(random.below(3)).unwrap_or_default() {
        let kind = [
            OptionKind::Dropdown,
            OptionKind::Radio,
            OptionKind::YesNo,
            OptionKind::Quantity,
        ][random.below(4)];
        let names = [text(random), text(random)];
        let choices: Vec<(i64, &str)> = (1..)
            .zip(names.iter().map(String::as_str))
            .take(random.below(3))
            .collect();
        product = product.with_option(ConfigOption::new(id, &text(random), kind, &choices));
    }
    product
}

fn text(random: &mut Random) -> String {
    (0..random.below(4))
        .map(|_| {
            random.pick(&[
                "DS-64", " ", "é", "😀", "&amp;", "<b>", "\"", "\\", "]]>", "&", "\r\n", "0", "\u{202e}", "x",
            ])
        })
        .collect()
}
