//! The page of a product over a real socket and a real database: how it stands, its past, its combinations, and its forms.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use whmcs_stock_monitor::domain::alerting::decision::Change;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Event;
use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::domain::catalogue::price::Price;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::save::PollRecord;
use whmcs_stock_monitor::web::state::Settings;

use crate::every_state;
use crate::fixture::combination;
use crate::fixture::memory;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Answer;
use crate::harness::Site;
use crate::harness::form;
use crate::harness::settings;
use crate::harness::site;

const HOSTILE: &str = "</td><script>alert(1)</script> \"q\" \\ é 🦀 \u{202e}r\nl";

/// So many minutes ago.
fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

/// Records accepted polls of the shop, each with the product's level at that many minutes ago.
async fn record(store: &Store, shop: &str, name: &str, levels: &[(i64, Level)]) -> Tracked {
    let instance = store.instance(shop).await.unwrap();
    let mut before: Option<Tracked> = None;
    for (minutes, level) in levels {
        let after = product(2, name, series(*level));
        let from = before
            .as_ref()
            .map_or(Severity::Ok, |before| before.series.severity);
        let to = after.series.severity;
        let event = Event {
            key: format!("2/-/{minutes}"),
            at: ago(*minutes),
            kind: EventKind::Severity {
                from,
                to,
                reason: Reason::Worse,
            },
            product_id: Some(2),
            combination: None,
            level: level.known(),
            previous_level: None,
        };
        let decision = Decision {
            outcome: Outcome::Accepted,
            detail: String::new(),
            next: Memory::default(),
            changes: vec![Change {
                before: before.clone().map(Arc::new),
                after: Arc::new(after.clone()),
            }],
            source_changed: false,
            events: Some(event).filter(|_| from != to).into_iter().collect(),
            acks: Vec::new(),
            messages: Vec::new(),
            level_changes: 1,
            pools: None,
        };
        let poll = PollRecord {
            part: false,
            observed_at: ago(*minutes),
            duration: Duration::from_millis(250),
            outcome: Outcome::Accepted,
            detail: String::new(),
            products: Some(1),
            changes: 1,
            attempts: Vec::new(),
        };
        let mut tx = store.begin_write().await.unwrap();
        let poll = tx.poll(instance, &poll).await.unwrap();
        tx.save(instance, poll, &decision).await.unwrap();
        tx.commit().await.unwrap();
        before = Some(after);
    }
    before.unwrap()
}

/// A shop of which product 2 sold out an hour ago and has four again.
async fn sold_out_once() -> Site {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let levels = [(50, 9), (40, 0), (30, 0), (20, 12), (10, 4)];
    let levels = levels.map(|(minutes, level)| (minutes, Level::Known(level)));
    record(&site.store, "default", "Low", &levels).await;
    site
}

fn words(page: &str) -> String {
    let main = page.split("<main").nth(1).unwrap_or(page);
    let main = main.split("</main>").next().unwrap_or_default();
    let mut text = String::new();
    let mut within = false;
    for c in main.chars() {
        match c {
            '<' => within = true,
            '>' => {
                within = false;
                text.push(' ');
            }
            other if !within => text.push(other),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn page(site: &Site, path: &str) -> Answer {
    site.ask(&format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n"
    ))
    .await
}

#[tokio::test]
async fn the_page_tells_how_a_product_stands_and_what_its_level_was() {
    let site = sold_out_once().await;
    let answer = page(&site, "/products/default/2").await;
    assert_eq!(answer.status, 200);
    let said = words(&answer.body);
    for part in [
        "Overview / default / Dedicated / #2 Low 4 low since",
        "Thresholds low ≤ 5, critical ≤ 1 global",
        "Lasts not enough history yet",
        "between 0 and 12 left; out once, less than an hour in all; fell by 17; rose once by 12.",
        "low (was ok), 4 left",
        "out (was ok), 0 left",
        "Every change, newest first Since Left Change",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let low = said.rfind("low (was ok), 4 left").unwrap();
    // The picture says it, too.
    assert!(low < said.rfind("out (was ok)").unwrap(), "newest first: {said}");
    for picture in [
        "class=\"past wide\"",
        "class=\"past narrow\"",
        "class=\"past-rise\"",
    ] {
        assert!(answer.body.contains(picture), "{picture}: {}", answer.body);
    }
    assert!(!answer.body.contains(" style="), "{}", answer.body);
    assert!(
        answer.body.contains("<title>Low · Stock monitor</title>"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn the_picture_names_its_zone_which_is_the_readers_where_their_browser_says_it() {
    let site = sold_out_once().await;
    let before = page(&site, "/products/default/2").await.body;
    for utc in ["(UTC): between 0 and 12 left", ">UTC</text>"] {
        assert!(before.contains(utc), "{utc}: {before}");
    }
    let told = "GET /products/default/2 HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; zone=Asia/Tokyo\r\n";
    let after = site.ask(told).await.body;
    for tokyo in ["(Asia/Tokyo): between 0 and 12 left", ">JST</text>"] {
        assert!(after.contains(tokyo), "{tokyo}: {after}");
    }
    assert!(!after.contains(">UTC</text>"), "{after}");
}

#[tokio::test]
async fn a_stretch_of_time_begins_with_what_held_then() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let minutes = [3000, 2000, 30, 10];
    let levels: Vec<(i64, Level)> = minutes.into_iter().zip([40, 9, 7, 4].map(Level::Known)).collect();
    record(&site.store, "default", "Low", &levels).await;
    for (range, said) in [
        ("1h", "between 4 and 9 left; fell by 5."),
        ("24h", "between 4 and 9 left; fell by 5."),
        ("7d", "between 4 and 40 left; fell by 36."),
        ("1y", "between 4 and 40 left; fell by 36."),
    ] {
        let answer = page(&site, &format!("/products/default/2?range={range}")).await;
        let words = words(&answer.body);
        // When it was looked at is judged by the polls of that time.
        let summary = words.replace("; nobody looked once, 16 hours in all", "");
        assert!(
            summary.contains(said) || summary.contains(said.trim_end_matches('.')),
            "{range}: {words}"
        );
        let here = format!("range={range}#history\" aria-current=\"true\"");
        assert!(answer.body.contains(&here), "{range}: {}", answer.body);
    }
    assert_eq!(page(&site, "/products/default/2?range=2w").await.status, 400);
}

#[tokio::test]
async fn what_is_not_known_is_never_shown_as_a_figure() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    for (id, figure, said) in [
        (4, "–", "WHMCS does not count it"),
        (5, "?", "not known now, was critical"),
        (6, "?", "not known now"),
        (7, "–", "no longer in the catalogue"),
    ] {
        let answer = page(&site, &format!("/products/default/{id}")).await;
        assert_eq!(answer.status, 200, "{id}");
        assert!(
            answer.body.contains(&format!(
                "<p class=\"figure\"><b>{figure}</b> <span>{said}</span>"
            )),
            "{id}: {}",
            answer.body
        );
    }
    let lost = words(&page(&site, "/products/default/5").await.body);
    assert!(lost.contains("Last known 1,"), "{lost}");
    assert!(
        lost.contains("Why it is not known WHMCS sends no readable figure."),
        "{lost}"
    );
    let zero = words(&page(&site, "/products/default/6").await.body);
    assert!(zero.contains("sold out, or not stock-controlled?"), "{zero}");
    let retired = words(&page(&site, "/products/default/8").await.body);
    assert!(retired.contains("out; nobody is told of it"), "{retired}");
    assert!(retired.contains("No level of it was ever recorded."), "{retired}");
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_words() {
    let site = site(
        settings(None),
        vec![("default", every_state()), ("new", Arc::default())],
    )
    .await;
    for (path, said) in [
        (
            "/products/mars/2",
            "No shop of that name is watched, or ever was.",
        ),
        (
            "/products/default/99",
            "No product of that number was ever seen in this shop.",
        ),
        ("/products/new/2", "This shop was not read yet"),
        ("/products/default/two", "A product is named by its number"),
        (
            "/products/default/9?combination=4%3D99",
            "This product never had such a combination",
        ),
        (
            "/products/default/2?combination=4%3D11",
            "This product never had such a combination",
        ),
    ] {
        let answer = page(&site, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.starts_with("<!doctype html>"), "{path}");
        assert!(words(&answer.body).contains(said), "{path}: {}", answer.body);
    }
    for path in ["combination=ram", "cp=0", "before=x", "rnge=7d"] {
        let answer = page(&site, &format!("/products/default/2?{path}")).await;
        assert_eq!(answer.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_shop_that_is_no_longer_configured_keeps_its_past_and_has_no_forms() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let levels = [(50, Level::Known(9)), (40, Level::Known(0))];
    record(&site.store, "old/shop é", "Box", &levels).await;
    let answer = page(&site, "/products/old%2Fshop%20%C3%A9/2").await;
    assert_eq!(answer.status, 200);
    let said = words(&answer.body);
    assert!(
        said.contains("The shop old/shop é is no longer configured"),
        "{said}"
    );
    assert!(said.contains("between 0 and 9 left"), "{said}");
    assert!(!said.contains("Thresholds"), "its rules are not known: {said}");
    assert!(!answer.body.contains("action=\"/do/"), "{}", answer.body);
}

#[tokio::test]
async fn names_stay_names_whatever_is_in_them() {
    let mut hostile = product(1, HOSTILE, series(Level::Known(3)));
    hostile.combinations = vec![combination("4=11", HOSTILE, series(Level::Known(2)))];
    let long = "W".repeat(4000);
    let shop = memory(vec![
        hostile,
        product(2, &long, series(Level::Known(0))),
        product(3, "", series(Level::Known(7))),
    ]);
    let site = site(settings(None), vec![(HOSTILE, shop)]).await;
    let shop = "%3C%2Ftd%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%20%22q%22%20%5C%20%C3%A9%20%F0%9F%A6%80%20%E2%80%AEr%0Al";
    for id in [1, 2, 3] {
        let answer = page(&site, &format!("/products/{shop}/{id}")).await;
        assert_eq!(answer.status, 200, "{id}");
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
        let combination = page(&site, &format!("/products/{shop}/1?combination=4%3D11")).await;
        assert!(
            !combination.body.contains("<script>alert"),
            "{}",
            combination.body
        );
        let links = answer.body.split("href=\"").skip(1);
        for link in links.filter_map(|link| link.split('"').next()) {
            let is_plain = link.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<');
            assert!(is_plain, "{link}");
        }
    }
    let nameless = page(&site, &format!("/products/{shop}/3")).await;
    assert!(
        words(&nameless.body).contains("#3 (no name) #3"),
        "{}",
        nameless.body
    );
}

fn filled(mut fields: Vec<(String, String)>, values: &[(&str, &str)]) -> Vec<(String, String)> {
    for (name, value) in values {
        let field = fields.iter_mut().find(|(known, _)| known == name);
        field.unwrap_or_else(|| panic!("no field {name}")).1 = (*value).to_owned();
    }
    fields
}

#[tokio::test]
async fn a_product_is_taken_on_by_its_form_once_and_given_back() {
    let site = sold_out_once().await;
    let page_before = page(&site, "/products/default/2").await.body;
    let fields = form(&page_before, "/do/ack", "default/2/-");
    let fields = filled(
        fields,
        &[
            ("by", "Ann"),
            ("quantity", "20"),
            ("eta", "10d"),
            ("note", "PO 881"),
        ],
    );
    let answer = site.send("/do/ack", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        answer.head.contains("location: /products/default/2?notice=acked"),
        "{}",
        answer.head
    );
    assert_eq!(
        site.send("/do/ack", &fields).await.status,
        403,
        "a form is good once"
    );
    let after = page(&site, "/products/default/2?notice=acked").await.body;
    let said = words(&after);
    assert!(said.contains("Taken on: no reminders"), "{said}");
    assert!(said.contains("Taken on ordered: 20, by"), "{said}");
    assert!(said.contains("PO 881 (Ann)"), "{said}");
    assert!(said.contains("taken on Ann: 20 ordered, due"), "{said}");
    let ending = form(&after, "/do/ack/end", "");
    let answer = site.send("/do/ack/end", &ending).await;
    assert!(answer.head.contains("notice=ack_ended"), "{}", answer.head);
    let said = words(&page(&site, "/products/default/2").await.body);
    assert!(!said.contains("ordered: 20, by"), "{said}");
    assert!(
        said.contains("no longer taken on: somebody ended that Ann"),
        "{said}"
    );
    let twice = form(&after, "/do/ack/end", "");
    assert_eq!(site.send("/do/ack/end", &twice).await.status, 403);
}

#[tokio::test]
async fn a_form_that_is_not_right_comes_back_with_what_was_typed() {
    let site = sold_out_once().await;
    for (values, wrong) in [
        (
            [
                ("by", "Ann <b>"),
                ("quantity", "a few"),
                ("eta", ""),
                ("note", "PO \"881\""),
            ],
            "The quantity is a whole number, such as 20.",
        ),
        (
            [
                ("by", "Ann <b>"),
                ("quantity", "3"),
                ("eta", "soon"),
                ("note", "PO \"881\""),
            ],
            "“soon” is not a date",
        ),
        (
            [
                ("by", ""),
                ("quantity", "3"),
                ("eta", "2d"),
                ("note", "PO \"881\""),
            ],
            "It needs a name: who is it?",
        ),
        (
            [
                ("by", "Ann <b>"),
                ("quantity", "-3"),
                ("eta", "2d"),
                ("note", "PO \"881\""),
            ],
            "from 1 to 1,000,000,000",
        ),
    ] {
        let before = page(&site, "/products/default/2").await.body;
        let fields = filled(form(&before, "/do/ack", "default/2/-"), &values);
        let answer = site.send("/do/ack", &fields).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(words(&answer.body).contains(wrong), "{wrong}: {}", answer.body);
        assert_eq!(answer.body.matches("aria-invalid").count(), 1, "{wrong}");
        let again = form(&answer.body, "/do/ack", "default/2/-");
        for (name, value) in values {
            let kept = again.iter().any(|(known, kept)| {
                known == name && kept.replace("&#60;", "<").replace("&#62;", ">") == value
            });
            assert!(kept, "{name}: {again:?}");
        }
        let mended = filled(again, &[("by", "Ann"), ("quantity", "3"), ("eta", "2d")]);
        assert_eq!(site.send("/do/ack", &mended).await.status, 303, "{wrong}");
    }
}

#[tokio::test]
async fn a_product_is_silenced_by_its_form_and_the_silence_ended() {
    let site = sold_out_once().await;
    let before = page(&site, "/products/default/2").await.body;
    let empty = form(&before, "/do/silence", "default/2/-");
    let endless = filled(empty, &[("by", "Ann"), ("comment", "new rack"), ("ends", "")]);
    let answer = site.send("/do/silence", &endless).await;
    assert_eq!(answer.status, 400);
    assert!(
        words(&answer.body).contains("A silence needs an end"),
        "{}",
        answer.body
    );
    let mended = filled(
        form(&answer.body, "/do/silence", "default/2/-"),
        &[("ends", "2h")],
    );
    let answer = site.send("/do/silence", &mended).await;
    assert!(
        answer
            .head
            .contains("location: /products/default/2?notice=silenced"),
        "{}",
        answer.head
    );
    let after = page(&site, "/products/default/2").await.body;
    assert!(words(&after).contains("Silence silenced until"), "{after}");
    assert!(words(&after).contains("by Ann (new rack)"), "{after}");
    let other = page(&site, "/products/default/1").await.body;
    assert!(!words(&other).contains("new rack"), "{other}");
    let answer = site
        .send("/do/silence/end", &form(&after, "/do/silence/end", ""))
        .await;
    assert!(answer.head.contains("notice=silence_ended"), "{}", answer.head);
    let said = words(&page(&site, "/products/default/2").await.body);
    assert!(!said.contains("End the silence"), "{said}");
}

#[tokio::test]
async fn a_silence_of_patterns_names_what_it_is_for() {
    let site = sold_out_once().await;
    let page_before = page(&site, "/products/default/2").await.body;
    let key = || {
        let fields = form(&page_before, "/do/silence", "default/2/-");
        fields.into_iter().find(|(name, _)| name == "form_key").unwrap()
    };
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let sent = vec![
        key(),
        field("products", "42\nVPS *"),
        field("options", "RAM: 64 GB"),
        field("ends", "2h"),
        field("by", "Ann"),
        field("comment", "new rack"),
    ];
    let answer = site.send("/do/silence", &sent).await;
    assert!(
        answer.head.contains("location: /alerts?notice=silenced"),
        "{}",
        answer.head
    );
    let silences = site.get("/api/v1/silences").await.json();
    assert_eq!(
        silences["items"][0]["matcher"],
        serde_json::json!({"instances": [], "groups": [], "products": [42, "vps *"], "options": {"ram": "64 gb"}, "pools": []})
    );
}

#[tokio::test]
async fn who_may_only_look_sees_no_form_and_none_is_taken() {
    let open = Settings {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..settings(None)
    };
    let site = site(open, vec![("default", every_state())]).await;
    let answer = page(&site, "/products/default/2").await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("action=\"/do/"), "{}", answer.body);
    for path in ["/do/ack", "/do/ack/end", "/do/silence", "/do/silence/end"] {
        assert_eq!(site.send(path, &[]).await.status, 403, "{path}");
    }
}

fn option(id: i64, name: &str, choices: &[(i64, &str)]) -> ConfigOption {
    let choice = |(id, name): &(i64, &str)| Choice {
        id: *id,
        name: Name::new(name),
        hidden: false,
        in_use: None,
        stock: Figure::Absent,
    };
    ConfigOption {
        id,
        name: Name::new(name),
        kind: OptionKind::Dropdown,
        hidden: false,
        choices: choices.iter().map(choice).collect(),
    }
}

fn with_options(options: Vec<ConfigOption>) -> Tracked {
    let listing = Listing {
        id: 9,
        group_id: None,
        name: Name::new("DS-64"),
        quantity: Figure::Number(7),
        price: None,
        options: Options::from(options),
        source_hash: 0,
    };
    Tracked {
        seen: Some(Arc::new(Product {
            listing: Arc::new(listing),
            details: None,
            details_fresh: false,
        })),
        price: Some(Arc::new(Price {
            currency: "EUR".to_owned(),
            monthly: 8900,
        })),
        ..product(9, "DS-64", series(Level::Known(7)))
    }
}

#[tokio::test]
async fn two_options_stand_against_each_other_and_what_is_derived_is_told_apart() {
    let mut server = with_options(vec![
        option(4, "RAM", &[(11, "32 GB"), (12, "64 GB"), (13, "128 GB")]),
        option(5, "Disk", &[(20, "NVMe"), (21, "SATA")]),
    ]);
    server.combinations = vec![
        combination("4=11;5=20", "RAM: 32 GB, Disk: NVMe", series(Level::Known(0))),
        combination("4=12;5=21", "RAM: 64 GB, Disk: SATA", series(Level::Unknown)),
    ];
    let site = site(settings(None), vec![("default", memory(vec![server]))]).await;
    let answer = page(&site, "/products/default/9").await;
    let said = words(&answer.body);
    assert!(
        said.contains("89.00 EUR a month") || said.contains("EUR 89.00 a month"),
        "{said}"
    );
    assert!(
        said.contains("4 without a figure of their own (dashed): as many as the product."),
        "{said}"
    );
    assert!(
        said.contains(
            "RAM ╲ Disk NVMe SATA 32 GB 0 out 7 ok as the product 64 GB 7 ok as the product ? unknown 128 GB 7 ok"
        ),
        "{said}"
    );
    assert!(
        answer.body.contains(
            "<a class=\"heat-4\" href=\"/products/default/9?combination=4%3D11%3B5%3D20#history\">"
        ),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("<a class=\"heat-1 derived\""),
        "{}",
        answer.body
    );
    let own = words(
        &page(&site, "/products/default/9?combination=4%3D11%3B5%3D20")
            .await
            .body,
    );
    assert!(own.contains("#9 DS-64 RAM: 32 GB, Disk: NVMe 0 out"), "{own}");
    let derived = page(&site, "/products/default/9?combination=4%3D13%3B5%3D20").await;
    let said = words(&derived.body);
    assert!(
        said.contains("has no figure of its own: it is what its product is"),
        "{said}"
    );
    assert!(!derived.body.contains("action=\"/do/"), "{said}");
}

#[tokio::test]
async fn hundreds_of_combinations_are_found_and_paged_on_the_server() {
    let names: Vec<String> = (0..16).map(|n| format!("Choice {n}")).collect();
    let choices = |first: i64| -> Vec<(i64, &str)> {
        let numbered = (first..).zip(&names);
        numbered.map(|(id, name)| (id, name.as_str())).collect()
    };
    let server = with_options(vec![
        option(4, "Front", &choices(100)),
        option(5, "Back", &choices(200)),
    ]);
    let site = site(settings(None), vec![("default", memory(vec![server]))]).await;
    let first = words(&page(&site, "/products/default/9").await.body);
    assert!(first.contains("Combinations 256"), "{first}");
    assert!(first.contains("Page 1 of 5 Next →"), "{first}");
    let last = words(&page(&site, "/products/default/9?cp=99").await.body);
    assert!(last.contains("← Previous Page 5 of 5"), "{last}");
    let found = words(
        &page(
            &site,
            "/products/default/9?cq=front:%20CHOICE%2015%20back:%20choice%203",
        )
        .await
        .body,
    );
    // Each word is looked for on its own: 3 and 13, and 3 on the other side.
    assert!(found.contains("4 of 256."), "{found}");
    assert!(found.contains("Front: Choice 15, Back: Choice 3 7 ok"), "{found}");
    let none = words(&page(&site, "/products/default/9?cq=tape").await.body);
    assert!(none.contains("No combination of that name."), "{none}");
}

#[tokio::test]
async fn what_happened_is_read_page_by_page() {
    let site = site(settings(None), vec![("default", every_state())]).await;
    let levels: Vec<(i64, Level)> = (0..60)
        .map(|n| (1000 - n, Level::Known(if n % 2 == 0 { 0 } else { 9 })))
        .collect();
    record(&site.store, "default", "Low", &levels).await;
    let mut path = "/products/default/2".to_owned();
    let mut counts = Vec::new();
    loop {
        let answer = page(&site, &path).await;
        counts.push(answer.body.matches("<li id=\"event-").count());
        let older = answer.body.split("rel=\"next\" href=\"").nth(1);
        match older.and_then(|rest| rest.split('"').next()) {
            Some(next) => path = next.split('#').next().unwrap_or_default().replace("&#38;", "&"),
            None => break,
        }
    }
    assert_eq!(counts, [25, 25, 10]);
}
