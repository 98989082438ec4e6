//! XML answers mean what the same answers in JSON mean, and are asked for where JSON is impossible.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::catalogue::Companion as Answering;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::simulator::api;
use whmcs_stock_monitor::simulator::api::Params;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::ListShape;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product as Sold;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;
use whmcs_stock_monitor::whmcs::answer::Page;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::client::Client;
use whmcs_stock_monitor::whmcs::client::Look;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;
use whmcs_stock_monitor::whmcs::wire::Element;

#[path = "support/wire.rs"]
mod wire;

use wire::judged;

fn client(simulator: &Simulator, response_type: Format) -> Client {
    Client::new(ApiSettings {
        url: simulator.url(),
        sign_in: SignIn::Credentials {
            identifier: simulator.identifier().into(),
            secret: simulator.secret().into(),
        },
        access_key: None,
        response_type,
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        allow_insecure_tls: false,
        ca_file: None,
        max_body: 1 << 30,
        details_interval: Duration::from_hours(1),
        max_requests: 2,
        retry_base: Duration::from_millis(1),
    })
    .unwrap()
}

async fn look(client: &Client) -> Look {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    client
        .look(now, Duration::from_secs(20), &CancellationToken::new())
        .await
        .expect("not cancelled")
}

async fn see(client: &Client) -> Snapshot {
    look(client).await.result.expect("a sound answer")
}

/// What a look saw, without the hashes, which are of other bytes.
fn unsourced(snapshot: &Snapshot) -> (Vec<(Listing, Option<Details>, bool)>, Answering) {
    let unsourced = |product: &Arc<Product>| {
        let listing = Listing {
            source_hash: 0,
            ..(*product.listing).clone()
        };
        let details = product.details.as_deref().map(|details| Details {
            source_hash: 0,
            ..details.clone()
        });
        (listing, details, product.details_fresh)
    };
    (
        snapshot.products.iter().map(unsourced).collect(),
        snapshot.companion,
    )
}

#[tokio::test]
async fn a_shop_is_the_same_in_xml_as_in_json() {
    let companions = [Companion::None, Companion::Contract1, Companion::Foreign];
    for companion in companions {
        for version in [Version::V8_3, Version::V8_12, Version::V9_0] {
            for list_shape in [ListShape::Array, ListShape::NumericKeys, ListShape::SingleObject] {
                let mut shop = Shop::sample();
                shop.change_habits(|habits| {
                    habits.companion = companion;
                    habits.version = version;
                    habits.list_shape = list_shape;
                    habits.byte_order_mark = list_shape == ListShape::Array;
                    habits.page_size = (version == Version::V8_3).then_some(7);
                });
                let simulator = Simulator::start(shop).await.unwrap();
                let json = see(&client(&simulator, Format::Json)).await;
                let xml = see(&client(&simulator, Format::Xml)).await;
                assert_eq!(json.products.len(), 24);
                assert_eq!(
                    unsourced(&xml),
                    unsourced(&json),
                    "{companion:?} {version:?} {list_shape:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_product_of_which_nothing_changed_is_the_very_one_of_the_last_look() {
    let simulator = Simulator::start(Shop::sample()).await.unwrap();
    let client = client(&simulator, Format::Xml);
    let before = see(&client).await;
    simulator.shop().edit(42, |product| product.qty -= 1).unwrap();
    let after = see(&client).await;
    let changed: Vec<i64> = before
        .products
        .iter()
        .zip(&after.products)
        .filter(|(before, after)| !Arc::ptr_eq(before, after))
        .map(|(_, after)| after.id())
        .collect();
    assert_eq!(changed, [42]);
}

#[tokio::test]
async fn where_json_is_impossible_xml_is_asked_for_and_so_from_then_on() {
    let simulator = Simulator::start(Shop::sample()).await.unwrap();
    let expected = unsourced(&see(&client(&simulator, Format::Xml)).await);
    simulator.forget();
    simulator.fail_always(Fault::Refused(Refusal::MalformedUtf8));
    let client = client(&simulator, Format::Json);
    let first = look(&client).await;
    let causes: Vec<_> = first.attempts.iter().map(|attempt| attempt.cause).collect();
    assert_eq!(causes, [Some(Cause::Encoding), None]);
    assert_eq!(unsourced(&first.result.unwrap()), expected);
    let second = look(&client).await;
    assert!(second.attempts.is_empty(), "{:?}", second.attempts);
    let asked: Vec<(String, String)> = simulator
        .requests()
        .into_iter()
        .map(|request| (request.action, request.params["responsetype"].clone()))
        .filter(|(action, _)| action == "GetProducts")
        .collect();
    let types: Vec<&str> = asked.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(types, ["json", "xml", "xml"]);
    let called = client
        .call("GetProducts", &[], Timestamp::now(), &CancellationToken::new())
        .await;
    assert!(called.unwrap().unwrap().body.starts_with("<?xml"));
    let version = client
        .whmcs_version(Timestamp::now(), &CancellationToken::new())
        .await;
    assert_eq!(version.unwrap().unwrap(), "8.12.0");
}

#[tokio::test]
async fn broken_bytes_in_a_name_spoil_that_name_alone() {
    let simulator = Simulator::start(Shop::sample()).await.unwrap();
    let sound = see(&client(&simulator, Format::Xml)).await;
    simulator.faults().keep(Some("GetProducts"), Fault::InvalidUtf8);
    let spoilt = see(&client(&simulator, Format::Json)).await;
    let differ: Vec<_> = sound
        .products
        .iter()
        .zip(&spoilt.products)
        .filter(|(a, b)| a.listing.name != b.listing.name)
        .collect();
    let [(was, is)] = differ.as_slice() else {
        panic_with(differ.len())
    };
    assert_eq!(
        is.listing.name.raw(),
        format!("\u{fffd}\u{fffd}( caf\u{fffd} {}", was.listing.name.raw())
    );
    assert_eq!(is.listing.quantity, was.listing.quantity);
}

#[expect(clippy::panic, reason = "a test's helper fails as the test does")]
fn panic_with(count: usize) -> ! {
    panic!("{count} names differ, not one")
}

#[tokio::test]
async fn each_refusal_in_xml_has_the_cause_it_has_in_json() {
    let simulator = Simulator::start(Shop::sample()).await.unwrap();
    for refusal in Refusal::all_forbidden()
        .into_iter()
        .chain([Refusal::EmptyAction, Refusal::ProductNotFound])
    {
        simulator.fail_always(Fault::Refused(refusal.clone()));
        let json = look(&client(&simulator, Format::Json)).await.result;
        let xml = look(&client(&simulator, Format::Xml)).await.result;
        assert_eq!(xml.unwrap_err(), json.unwrap_err(), "{refusal:?}");
    }
}

fn page<T: Element>(xml: &str) -> Result<Page<T>, (Cause, String)> {
    judged(200, xml.as_bytes(), &[]).map_err(|refusal| (refusal.failure.cause, refusal.failure.detail))
}

fn envelope(products: &str, total: usize) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<whmcsapi version=\"8.13.1\">\n<action>getproducts</action>\n\
         <result>success</result>\n<totalresults>{total}</totalresults>\n{products}\n</whmcsapi>\n"
    )
}

#[test]
fn a_list_is_read_in_every_shape() {
    let product = |pid: i64| format!("<product><pid>{pid}</pid><name>p</name></product>");
    let cases = [
        (String::new(), 0, false),
        ("<products/>".to_owned(), 0, true),
        ("<products></products>".to_owned(), 0, true),
        ("<products><product/></products>".to_owned(), 0, true),
        (
            "<products>\n<product> </product>\n</products>".to_owned(),
            0,
            true,
        ),
        (format!("<products>{}</products>", product(1)), 1, true),
        (
            format!("<products>{}<!-- two -->{}</products>", product(1), product(2)),
            2,
            true,
        ),
        (format!("{}{}", product(1), product(2)), 2, true),
        (
            "<products><0><pid>1</pid><name>p</name></0></products>".to_owned(),
            1,
            true,
        ),
        (
            "<products><other><product>x</product></other></products>".to_owned(),
            0,
            true,
        ),
    ];
    for (products, count, has_products) in cases {
        let page = page::<Listing>(&envelope(&products, count)).unwrap();
        assert_eq!(
            (page.items.len(), page.has_products),
            (count, has_products),
            "{products}"
        );
        assert_eq!(page.total, Figure::Number(i64::try_from(count).unwrap()));
    }
}

#[test]
fn a_figure_in_xml_is_never_guessed() {
    let quantity = |inner: &str| {
        let product = format!("<products><product><pid>1</pid><name>p</name>{inner}</product></products>");
        page::<Listing>(&envelope(&product, 1)).unwrap().items[0].quantity
    };
    for (inner, figure) in [
        ("<quantity_available>0</quantity_available>", Figure::Number(0)),
        (
            "<quantity_available>\n 7 \n</quantity_available>",
            Figure::Number(7),
        ),
        (
            "<quantity_available><![CDATA[-2]]></quantity_available>",
            Figure::Number(-2),
        ),
        (
            "<quantity_available>&#48;</quantity_available>",
            Figure::Number(0),
        ),
        ("", Figure::Absent),
        ("<quantity_available/>", Figure::Absent),
        ("<quantity_available></quantity_available>", Figure::Absent),
        (
            "<quantity_available>many</quantity_available>",
            Figure::Unreadable,
        ),
        (
            "<quantity_available>0<b/></quantity_available>",
            Figure::Unreadable,
        ),
        (
            "<quantity_available>0</quantity_available><quantity_available>0</quantity_available>",
            Figure::Unreadable,
        ),
        (
            "<x><quantity_available>0</quantity_available></x>",
            Figure::Absent,
        ),
        (
            "<!-- <quantity_available>0</quantity_available> -->",
            Figure::Absent,
        ),
        (
            "<x><![CDATA[</x><quantity_available>0</quantity_available>]]></x>",
            Figure::Absent,
        ),
    ] {
        assert_eq!(quantity(inner), figure, "{inner}");
    }
}

#[test]
fn what_is_no_answer_in_xml_has_its_cause() {
    let product = "<product><pid>1</pid><name>p</name></product>";
    let whole = envelope(&format!("<products>{product}</products>"), 1);
    let bomb = "<!DOCTYPE whmcsapi [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>";
    let cases = [
        (whole.replace("success", "what"), Cause::BadAnswer),
        (whole.replace("<result>success</result>", ""), Cause::BadAnswer),
        (
            whole.replacen("<?xml version=\"1.0\" encoding=\"utf-8\"?>", bomb, 1),
            Cause::BadAnswer,
        ),
        (
            whole.replace(product, "<product>garbage</product>"),
            Cause::BadAnswer,
        ),
        (whole.replace("<pid>1</pid>", "<pid>1</id>"), Cause::BadAnswer),
        (whole.replace("<pid>1</pid>", ""), Cause::BadAnswer),
        (whole[..whole.len() / 2].to_owned(), Cause::BadAnswer),
        (format!("{whole}<html>"), Cause::BadAnswer),
        (
            whole.replace("<name>p</name>", &format!("<name>{}</name>", "x".repeat(5000))),
            Cause::TooLarge,
        ),
        (
            whole.replace("<name>p</name>", &format!("<name>{}</name>", "x".repeat(300_000))),
            Cause::TooLarge,
        ),
        (
            whole.replace("<products>", &format!("<products {}>", "x".repeat(5000))),
            Cause::BadAnswer,
        ),
        ("<html><title>Login</title></html>".to_owned(), Cause::Firewall),
        ("<result>success</result>".to_owned(), Cause::BadAnswer),
        ("<".to_owned(), Cause::BadAnswer),
    ];
    for (body, cause) in cases {
        let start: String = body.chars().take(300).collect();
        let refusal = page::<Listing>(&body).map(|page| page.items.len());
        assert_eq!(refusal.map_err(|(cause, _)| cause), Err(cause), "{start}");
    }
}

#[test]
fn more_than_200_000_products_in_xml_are_refused() {
    let mut products = String::new();
    for pid in 0..=200_000 {
        let _ = write!(products, "<product><pid>{pid}</pid><name>p</name></product>");
    }
    let refused = page::<Listing>(&envelope(&products, 200_001)).map(|page| page.items.len());
    assert_eq!(refused.map_err(|(cause, _)| cause), Err(Cause::TooLarge));
}

#[test]
fn an_answer_of_name_value_pairs_is_a_refusal_or_says_what_to_set() {
    let refused = page::<Listing>("result=error;message=Invalid IP 192.0.2.4").map(|_| ());
    assert_eq!(refused.unwrap_err().0, Cause::Ip);
    let success = page::<Listing>("result=success;totalresults=2;").map(|_| ());
    insta::assert_snapshot!(format!("{:?}", success.unwrap_err()), @r#"(BadAnswer, "the answer came as name=value pairs, not as JSON or XML: something between here and WHMCS takes responsetype out of the request. Let it pass, or try the other WHMCS_RESPONSE_TYPE")"#);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ]{1,12}",
        r#"[ -~éß😀\r\n\t]{0,20}"#,
        Just("]]> & <b> &amp; &nbsp; &#0; \u{202e}".to_owned()),
    ]
}

fn options() -> impl Strategy<Value = Vec<ConfigOption>> {
    let kind = prop_oneof![
        Just(OptionKind::Dropdown),
        Just(OptionKind::Radio),
        Just(OptionKind::YesNo),
        Just(OptionKind::Quantity)
    ];
    let choices = proptest::collection::vec(name(), 0..4);
    proptest::collection::vec((name(), kind, choices), 0..4).prop_map(|options| {
        let build = |(nth, (name, kind, choices)): (i64, (String, OptionKind, Vec<String>))| {
            let choices: Vec<(i64, &str)> = (1..).zip(choices.iter().map(String::as_str)).collect();
            ConfigOption::new(nth, &name, kind, &choices)
        };
        (1..).zip(options).map(build).collect()
    })
}

fn product() -> impl Strategy<Value = Sold> {
    let parts = (name(), name(), name(), any::<Option<i16>>(), options());
    parts.prop_map(|(name, group, description, stock, options)| {
        let mut sold = Sold::new(0, 1, &group, &name).with_description(&description);
        if let Some(stock) = stock {
            sold = sold.with_stock(stock.into());
        }
        options.into_iter().fold(sold, Sold::with_option)
    })
}

fn products() -> impl Strategy<Value = Vec<Sold>> {
    proptest::collection::vec(product(), 0..6).prop_map(|mut products| {
        for (pid, product) in (1..).zip(&mut products) {
            product.pid = pid;
        }
        products
    })
}

/// The answer of a shop to an action, in a format.
fn answer(shop: &mut Shop, action: &str, format: Format) -> Vec<u8> {
    let access = Settings::default().access;
    let params: Params = [
        ("action", action),
        ("identifier", &access.identifier),
        ("secret", &access.secret),
        ("responsetype", format.as_str()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    api::respond(shop, &access, &params, None).joined()
}

fn listings(body: &[u8], cuts: &[usize]) -> Vec<Listing> {
    let page: Page<Listing> = judged(200, body, cuts).unwrap();
    let unsourced = |item: &Arc<Listing>| Listing {
        source_hash: 0,
        ..(**item).clone()
    };
    page.items.iter().map(unsourced).collect()
}

fn details(body: &[u8], cuts: &[usize]) -> Vec<Details> {
    let page: Page<Details> = judged(200, body, cuts).unwrap();
    let unsourced = |item: &Arc<Details>| Details {
        source_hash: 0,
        ..(**item).clone()
    };
    page.items.iter().map(unsourced).collect()
}

proptest! {
    #[test]
    fn any_catalogue_is_the_same_in_both_formats_in_any_pieces(
        products in products(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)
    ) {
        let mut shop = Shop::new(Version::V8_12, Companion::Contract1).with_products(products.clone());
        let json = answer(&mut shop, "GetProducts", Format::Json);
        let xml = answer(&mut shop, "GetProducts", Format::Xml);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(xml.len())).collect();
        cuts.sort_unstable();
        let expected = listings(&json, &[]);
        prop_assert_eq!(expected.len(), products.len());
        prop_assert_eq!(&listings(&xml, &cuts), &expected);
        if !products.is_empty() {
            let json = answer(&mut shop, "GetProductDetails", Format::Json);
            let xml = answer(&mut shop, "GetProductDetails", Format::Xml);
            prop_assert_eq!(details(&xml, &[]), details(&json, &[]));
        }
    }
}
