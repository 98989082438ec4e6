//! The list of alerts: what is open, what people do about it from there, what is silenced, and what happened.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::Connection;
use sqlx::SqliteConnection;
use whmcs_stock_monitor::domain::alerting::decision::Decision;
use whmcs_stock_monitor::domain::alerting::decision::Event;
use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::maintenance::Window;
use whmcs_stock_monitor::scheduler::CronSchedule;
use whmcs_stock_monitor::store::acks::NewAck;
use whmcs_stock_monitor::web::state::Settings;

use crate::fixture::combination;
use crate::fixture::frozen;
use crate::fixture::memory;
use crate::fixture::minute;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Site;
use crate::harness::form;
use crate::harness::settings;
use crate::harness::site;
use crate::listed::HOSTILE;
use crate::listed::empty;
use crate::listed::words;
use crate::poll_record;
use crate::record;

/// A series of that number.
fn numbered(number: u32, series: SeriesState) -> SeriesState {
    SeriesState { number, ..series }
}

/// A shop with what is low, out, unknown and well; the database knows product 1, which is out.
pub async fn shop() -> Site {
    let mut options = product(4, "DS-128", numbered(5, series(Level::Known(9))));
    options.combinations = vec![combination(
        "4=11",
        "RAM: 64 GB",
        numbered(6, series(Level::Known(1))),
    )];
    let known = memory(vec![
        product(1, HOSTILE, numbered(1, series(Level::Known(0)))),
        product(2, "VPS small", numbered(2, series(Level::Known(4)))),
        product(3, "Lost", numbered(3, frozen(1))),
        options,
        product(5, "Plenty", numbered(4, series(Level::Known(40)))),
    ]);
    let site = site(settings(None), vec![("default", known)]).await;
    record(&site.store, 1, None, 0).await;
    site
}

pub fn with(mut fields: Vec<(String, String)>, typed: &[(&str, &str)]) -> Vec<(String, String)> {
    for (name, value) in typed {
        fields.retain(|(known, _)| known != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    fields
}

/// The names of the open alerts, in the page's order.
fn open(page: &str) -> Vec<String> {
    let rows = page.split("<tr id=\"a-").skip(1);
    let names = rows.filter_map(|row| row.split("<bdi>").nth(1)?.split('<').next());
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_open_stands_worst_first_and_says_what_is_not_known() {
    let site = shop().await;
    let page = site.get("/alerts").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<h1>1 out, 2 critical, 1 low</h1>"),
        "{}",
        page.body
    );
    let names = open(&page.body);
    assert_eq!(names[1..], ["Lost", "DS-128", "VPS small"], "{}", page.body);
    assert!(names[0].starts_with("&#60;img src=x"), "{names:?}");
    let said = words(&page.body);
    assert!(said.contains("unknown\nlast read: 1 left"), "{said}");
    assert!(
        said.contains("RAM: 64 GB") && said.contains("low ≤ 5, critical ≤ 1 (global)"),
        "{said}"
    );
    assert!(
        !page.body.contains("<img") && !page.body.contains('\u{202e}'),
        "{}",
        page.body
    );
    assert!(
        page.body
            .contains("href=\"/products/default/4?combination=4%3D11\""),
        "{}",
        page.body
    );
    // The other path is the same to a person who looks for one.
    assert_eq!(open(&site.get("/alerts?q=vps").await.body), ["VPS small"]);
    assert_eq!(open(&site.get("/alerts?q=64+gb").await.body), ["DS-128"]);
    assert_eq!(
        open(&site.get("/alerts?q=2&severity=low").await.body),
        ["VPS small"]
    );
    assert_eq!(
        open(&site.get("/alerts?severity=critical").await.body),
        ["Lost", "DS-128"]
    );
    let none = site.get("/alerts?q=nothing").await.body;
    assert!(words(&none).contains("Nothing open is so."), "{none}");
    for wrong in [
        "/alerts?severity=bad",
        "/alerts?care=x",
        "/alerts?page=x",
        "/alerts?sevrity=out",
        "/alerts?instance=mars",
    ] {
        assert_eq!(site.get(wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn an_alert_is_taken_on_and_given_back_in_its_row() {
    let site = shop().await;
    let page = site.get("/alerts?severity=out").await.body;
    let fields = form(&page, "/do/ack", "value=\"default/1/-\"");
    let typed = [
        ("by", "Ann"),
        ("note", "PO <b>881</b>"),
        ("quantity", "20"),
        ("eta", "10d"),
    ];
    let answer = site.send("/do/ack", &with(fields, &typed)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        answer
            .head
            .contains("location: /alerts?severity=out&notice=acked\r\n"),
        "{}",
        answer.head
    );
    let page = site.get("/alerts?care=taken&notice=acked").await.body;
    let said = words(&page);
    assert!(
        said.contains("ordered: 20, by") && said.contains("PO &#60;b&#62;881"),
        "{said}"
    );
    assert!(said.contains("Taken on: no reminders until it rises"), "{said}");
    assert_eq!(open(&page).len(), 1);
    let fields = form(&page, "/do/ack/end", "name=\"id\"");
    let answer = site.send("/do/ack/end", &fields).await;
    assert!(answer.head.contains("notice=ack_ended"), "{}", answer.head);
    assert_eq!(
        open(&site.get("/alerts?care=taken").await.body),
        Vec::<String>::new()
    );
    assert_eq!(open(&site.get("/alerts?care=nobody").await.body).len(), 4);
}

#[tokio::test]
async fn a_form_hears_that_the_database_is_busy_and_that_nothing_was_recorded() {
    let site = shop().await;
    let page = site.get("/alerts?severity=out").await.body;
    let fields = with(
        form(&page, "/do/ack", "value=\"default/1/-\""),
        &[("by", "Ann"), ("note", "ordered")],
    );
    let url = format!("sqlite://{}", site.folder.path().join("stock.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let answer = site.send("/do/ack", &fields).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    let said = words(&answer.body);
    assert!(
        said.contains("Nothing was recorded: the database is busy"),
        "{said}"
    );
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let page = site.get("/alerts?severity=out").await.body;
    assert!(words(&page).contains("Nobody has taken it on"), "{page}");
    let fields = with(
        form(&page, "/do/ack", "value=\"default/1/-\""),
        &[("by", "Ann"), ("note", "ordered")],
    );
    assert_eq!(site.send("/do/ack", &fields).await.status, 303, "it goes on");
}

#[tokio::test]
async fn what_is_overdue_stands_out() {
    let site = shop().await;
    let instance = site.store.instance("default").await.unwrap();
    let yesterday = Timestamp::now() - SignedDuration::from_hours(24);
    let new = NewAck {
        by: "Ann".to_owned(),
        quantity: Some(20),
        eta: Some(yesterday),
        ..NewAck::default()
    };
    site.store
        .add_ack(instance, 1, &new, yesterday - SignedDuration::from_hours(1))
        .await
        .unwrap();
    let page = site.get("/alerts?care=overdue").await.body;
    assert_eq!(open(&page).len(), 1);
    assert!(page.contains("class=\"said overdue\""), "{page}");
    assert!(
        words(&page).contains("overdue since") && words(&page).contains("1\nOverdue"),
        "{}",
        words(&page)
    );
}

#[tokio::test]
async fn a_silence_is_made_counts_what_it_is_for_and_is_ended() {
    let site = shop().await;
    let page = site.get("/alerts").await.body;
    assert!(words(&page).contains("Nothing is silenced."), "{page}");
    let fields = form(&page, "/do/silence", "name=\"products\"");
    let typed = [
        ("products", "VPS *\r\nDS-128"),
        ("ends", "2h"),
        ("by", "Ann"),
        ("comment", "new rack"),
    ];
    let answer = site.send("/do/silence", &with(fields, &typed)).await;
    assert!(
        answer.head.contains("location: /alerts?notice=silenced\r\n"),
        "{} {}",
        answer.head,
        answer.body
    );
    let page = site.get("/alerts").await.body;
    let said = words(&page);
    // VPS small, DS-128 and its combination.
    assert!(
        said.contains("product vps * or ds-128\n3 series and pools now"),
        "{said}"
    );
    assert!(said.contains("in force") && said.contains("new rack"), "{said}");
    assert_eq!(
        open(&site.get("/alerts?care=silenced").await.body),
        ["DS-128", "VPS small"]
    );
    let row = page.split("id=\"s1\"").nth(1).unwrap();
    let answer = site
        .send(
            "/do/silence/end",
            &form(row, "/do/silence/end", "name=\"id\" value=\"1\""),
        )
        .await;
    assert!(answer.head.contains("notice=silence_ended"), "{}", answer.head);
    let page = site.get("/alerts?notice=silence_ended").await.body;
    assert!(words(&page).contains("The silence is over."), "{page}");
    assert!(words(&page).contains("Nothing is silenced."), "{page}");
}

#[tokio::test]
async fn maintenance_windows_of_the_configuration_stand_beside_the_silences() {
    let site = shop().await;
    let window = |name: &str, cron: &str| Window {
        name: name.into(),
        begins: CronSchedule::parse(cron, &TimeZone::UTC).unwrap(),
        lasts: std::time::Duration::from_secs(3600),
        matcher: Matcher::default(),
        comment: "nightly".into(),
    };
    let windows = [
        window("each minute", "* * * * *"),
        window("new year", "0 0 1 1 *"),
    ];
    site.view.configure(Arc::from(windows), TimeZone::UTC);
    let said = words(&site.get("/alerts").await.body);
    assert!(said.contains("maintenance window\neach minute"), "{said}");
    assert!(
        said.contains("in maintenance &#34;each minute&#34; until"),
        "{said}"
    );
    assert!(
        said.contains("everything\n6 series and pools now\nnext from"),
        "{said}"
    );
}

#[tokio::test]
async fn ten_thousand_open_alerts_are_turned_fifty_at_a_time() {
    let many: Vec<Tracked> = (1..=10_000)
        .map(|id| product(id, &format!("Product {id}."), series(Level::Known(0))))
        .collect();
    let site = site(settings(None), vec![("default", memory(many))]).await;
    let first = site.get("/alerts").await.body;
    assert_eq!(open(&first).len(), 50);
    assert!(words(&first).contains("Page 1 of 200"), "{}", words(&first));
    let last = site.get("/alerts?page=200&severity=out").await.body;
    assert_eq!(open(&last).len(), 50);
    assert!(
        last.contains("href=\"/alerts?severity=out&#38;page=199\""),
        "{last}"
    );
    assert!(!last.contains("rel=\"next\""));
    let mut all: Vec<String> = open(&first);
    for page in 2..=200 {
        all.extend(open(&site.get(&format!("/alerts?page={page}")).await.body));
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 10_000, "each stands on one page");
    assert_eq!(open(&site.get("/alerts?q=9999").await.body), ["Product 9999."]);
}

#[tokio::test]
async fn what_happened_is_told_newest_first_and_goes_on_below() {
    let site = shop().await;
    let mut last: Option<Tracked> = None;
    for at in 2..=62 {
        let level = if at % 2 == 0 { 9 } else { 3 };
        last = Some(record(&site.store, at, last.as_ref(), level).await.0);
    }
    let page = site.get("/alerts").await.body;
    let past = page.split("id=\"past\"").nth(1).unwrap();
    assert_eq!(past.matches("<tr id=\"e").count(), 50);
    assert!(words(past).contains("LOW →\nOK\nwell again"), "{}", words(past));
    let next = past
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let older = site.get(next).await.body;
    let older = older.split("id=\"past\"").nth(1).unwrap();
    // One of the first level, which was out, and those of the rest.
    assert_eq!(older.matches("<tr id=\"e").count(), 11);
    assert!(
        older.contains("Newest") && !older.contains("rel=\"next\""),
        "{older}"
    );
    assert!(words(older).contains("OUT\n0 left"), "{}", words(older));
}

#[tokio::test]
async fn who_may_only_look_is_shown_no_form() {
    let open_to_all = Settings {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..settings(None)
    };
    let known = memory(vec![product(1, "DS-64", series(Level::Known(0)))]);
    let site = site(open_to_all, vec![("default", known)]).await;
    for path in ["/alerts", "/deliveries", "/pools", "/sources"] {
        let page = site.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.body.contains("method=\"post\""), "{path}: {}", page.body);
    }
    let form = [("id".to_owned(), "1".to_owned())];
    assert_eq!(site.send("/do/replay", &form).await.status, 403);
}

#[tokio::test]
async fn nothing_open_is_calm_only_while_the_shop_is_read() {
    let site = empty().await;
    let page = site.get("/alerts").await.body;
    assert!(page.contains("<h1 class=\"calm\">Nothing is open</h1>"), "{page}");
    assert!(words(&page).contains("Nothing is low."), "{page}");
}

/// One poll in which the 64 GB ran out, with each of so many disks.
async fn run_out(site: &Site, disks: i64) {
    let events = (1..=disks).map(|disk| Event {
        key: format!("4/{disk}/out"),
        at: minute(1),
        kind: EventKind::Severity {
            from: Severity::Ok,
            to: Severity::Out,
            reason: Reason::First,
        },
        product_id: Some(4),
        combination: Some(format!("4=11;5={disk}").parse().unwrap()),
        level: Some(0),
        previous_level: Some(9),
    });
    let decision = Decision {
        outcome: Outcome::Accepted,
        detail: String::new(),
        next: Memory::default(),
        changes: Vec::new(),
        source_changed: false,
        events: events.collect(),
        acks: Vec::new(),
        messages: Vec::new(),
        level_changes: 0,
        pools: None,
    };
    let instance = site.store.instance("default").await.unwrap();
    let mut tx = site.store.begin_write().await.unwrap();
    let poll = tx
        .poll(instance, &poll_record(1, Outcome::Accepted, ""))
        .await
        .unwrap();
    tx.save(instance, poll, &decision).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_one_poll_brought_to_many_combinations_is_one_line_that_opens() {
    let mut options = product(4, "DS-128", series(Level::Known(9)));
    options.combinations = (1..=12)
        .map(|disk| {
            combination(
                &format!("4=11;5={disk}"),
                &format!("RAM: 64 GB, Disk: {disk}"),
                series(Level::Known(0)),
            )
        })
        .collect();
    let site = site(settings(None), vec![("default", memory(vec![options]))]).await;
    run_out(&site, 12).await;
    let page = site.get("/alerts").await.body;
    let past = page.split("id=\"past\"").nth(1).unwrap();
    assert_eq!(past.matches("<tr id=\"e").count(), 1, "{}", words(past));
    assert!(
        past.contains("<summary><bdi>RAM: 64 GB: 12 combinations</bdi></summary>"),
        "{past}"
    );
    assert_eq!(past.matches("<li><a href=\"/products/default/4?").count(), 12);
    assert!(words(past).contains("0 left"), "{}", words(past));
    let page = site.get("/products/default/4").await.body;
    let happened = page.split("id=\"events\"").nth(1).unwrap();
    assert_eq!(happened.matches("<li id=\"event-").count(), 1, "{happened}");
    assert!(
        happened.contains("<summary><bdi>RAM: 64 GB: 12 combinations</bdi></summary>")
            && happened.contains("<li><bdi>RAM: 64 GB, Disk: 7</bdi>: out (was ok), "),
        "{happened}"
    );
    // Of one combination there is nothing to put together.
    let page = site
        .get("/products/default/4?combination=4%3D11%3B5%3D7")
        .await
        .body;
    let happened = page.split("id=\"events\"").nth(1).unwrap();
    assert_eq!(happened.matches("<li id=\"event-").count(), 1, "{happened}");
    assert!(!happened.contains("<details"), "{happened}");
}
