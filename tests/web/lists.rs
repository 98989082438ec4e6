//! The lists as people use them: read over a socket, narrowed, turned page by page, and their forms sent.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;
use whmcs_stock_monitor::domain::delivery::Medium;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::outbox::Queued;
use whmcs_stock_monitor::store::outbox::Settled;
use whmcs_stock_monitor::store::outbox::Settlement;

use crate::fixture::minute;
use crate::harness::Site;
use crate::harness::form;
use crate::harness::settings;
use crate::harness::site;

/// What no browser may take for markup.
pub const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'& \u{202e}evil";

/// The texts between tags, each on its line: what a person reads.
pub fn words(page: &str) -> String {
    let main = page.split("<main").nth(1).and_then(|rest| rest.split_once('>'));
    let main = main.map_or(page, |(_, rest)| rest.split("</main>").next().unwrap_or(rest));
    let texts = main
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let texts = texts.map(str::trim).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("\n")
}

async fn queue(store: &Store, number: u128, message: Queued) -> i64 {
    let mut tx = store.begin_write().await.unwrap();
    let message = Queued {
        id: Uuid::from_u128(number),
        ..message
    };
    tx.enqueue(&[message]).await.unwrap();
    tx.commit().await.unwrap();
    let newest = store.reader().deliveries(None, None, 1).await.unwrap();
    newest[0].id
}

fn message(channel: &str, headline: &str) -> Queued {
    Queued {
        id: Uuid::nil(),
        channel: channel.to_owned(),
        kind: "stock.alerts".to_owned(),
        instance: Some("default".to_owned()),
        recorded_at: minute(1),
        not_before: None,
        headline: headline.to_owned(),
        content: "{\"secret\":\"not for pages\"}".to_owned(),
        medium: Medium::Email,
        recipients: vec!["ops@example.com".to_owned()],
    }
}

/// Claims what is due of the channel and lets it end like that.
async fn settle(store: &Store, channel: &str, settlement: Settlement) {
    let lease = Duration::from_secs(60);
    let claimed = store.claim(channel, minute(3), lease, 100).await.unwrap();
    let settled: Vec<Settled> = claimed
        .iter()
        .map(|claim| Settled {
            delivery: claim.delivery,
            attempt: claim.attempts,
            settlement: settlement.clone(),
        })
        .collect();
    assert!(!settled.is_empty(), "nothing was due");
    store.settle(&settled, Timestamp::now()).await.unwrap();
}

fn dead(reason: &str, error: &str) -> Settlement {
    Settlement::Dead {
        reason: reason.to_owned(),
        error: error.to_owned(),
    }
}

pub async fn empty() -> Site {
    site(settings(None), vec![("default", Arc::default())]).await
}

#[tokio::test]
async fn a_dead_letter_says_why_and_what_to_do_and_is_sent_again_once() {
    let site = empty().await;
    let id = queue(&site.store, 1, message("email", HOSTILE)).await;
    settle(
        &site.store,
        "email",
        dead("smtp_550", "smtp_550: no such mailbox"),
    )
    .await;
    let page = site.get("/deliveries?state=dead").await;
    assert_eq!(page.status, 200);
    let said = words(&page.body);
    for expected in [
        "1 given up",
        "Given up",
        "smtp_550: no such mailbox",
        "Check that the mailbox exists",
        "ops@example.com",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        !page.body.contains("<img") && !page.body.contains('\u{202e}'),
        "{}",
        page.body
    );
    assert!(!page.body.contains("not for pages"));
    let mut replays = site.store.replays();
    let fields = form(&page.body, "/do/replay", &format!("name=\"id\" value=\"{id}\""));
    let answer = site.send("/do/replay", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        answer
            .head
            .contains("location: /deliveries?state=dead&notice=replayed\r\n"),
        "{}",
        answer.head
    );
    assert!(
        replays.has_changed().unwrap(),
        "whoever delivers hears of it at once"
    );
    replays.mark_unchanged();
    let again = site.store.reader().deliveries(None, None, 1).await.unwrap();
    assert_eq!((again[0].state.as_str(), again[0].attempts), ("pending", 0));
    assert_eq!(
        site.send("/do/replay", &fields).await.status,
        403,
        "a form is good once"
    );
    let page = site.get("/deliveries?notice=replayed").await.body;
    assert!(words(&page).contains("It will be sent again now."), "{page}");
    assert!(!page.contains("action=\"/do/replay\""), "{page}");
}

#[tokio::test]
async fn all_that_a_channel_gave_up_is_sent_again_in_one_go() {
    let site = empty().await;
    for number in 1..=3 {
        queue(&site.store, number, message("email", "DS-64 is out")).await;
    }
    queue(&site.store, 4, message("gone", "DS-64 is out")).await;
    settle(&site.store, "email", dead("connect", "connect: refused")).await;
    settle(
        &site.store,
        "gone",
        dead("channel_removed", "The channel is no longer configured."),
    )
    .await;
    let page = site.get("/deliveries").await.body;
    assert!(words(&page).contains("4 given up"), "{page}");
    // What no channel would send is not offered.
    assert_eq!(page.matches("name=\"channel\" value=\"gone\"").count(), 0);
    assert!(words(&page).contains("No such channel now"), "{page}");
    let fields = form(&page, "/do/replay", "name=\"channel\" value=\"email\"");
    let answer = site.send("/do/replay", &fields).await;
    assert!(answer.head.contains("notice=replayed_all"), "{}", answer.head);
    let counts = site.store.reader().outbox_counts().await.unwrap();
    let counts: Vec<_> = counts
        .iter()
        .map(|count| (count.channel.as_str(), count.pending, count.dead))
        .collect();
    assert_eq!(counts, [("email", 3, 0), ("gone", 0, 1)]);
}

#[tokio::test]
async fn deliveries_are_narrowed_and_turned_page_by_page() {
    let site = empty().await;
    for number in 0..120 {
        let channel = if number % 2 == 0 { "email" } else { "hook" };
        queue(
            &site.store,
            number + 1,
            message(channel, &format!("Message {number}.")),
        )
        .await;
    }
    settle(
        &site.store,
        "hook",
        Settlement::Sent {
            receipt: "200 OK".to_owned(),
        },
    )
    .await;
    let mut path = "/deliveries?state=sent&channel=hook".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = site.get(&path).await.body;
        seen.extend(
            page.lines()
                .filter_map(|line| Some(line.split("Message ").nth(1)?.split('.').next()?.to_owned())),
        );
        match page.split("rel=\"next\" href=\"").nth(1) {
            Some(rest) => path = rest.split('"').next().unwrap().replace("&#38;", "&"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..120)
        .rev()
        .filter(|number| number % 2 == 1)
        .map(|number| number.to_string())
        .collect();
    assert_eq!(seen, expected);
    let none = site.get("/deliveries?state=dead").await.body;
    assert!(words(&none).contains("Nothing was given up."), "{none}");
    let held = site.get("/deliveries?state=pending&channel=email").await.body;
    assert!(words(&held).contains("Due\nnow"), "{}", words(&held));
    assert!(
        held.contains("/api/v1/deliveries?state=pending&#38;channel=email&#38;format=csv"),
        "{held}"
    );
    assert_eq!(site.get("/deliveries?state=lost").await.status, 400);
    assert_eq!(site.get("/deliveries?stat=dead").await.status, 400);
}

#[tokio::test]
async fn what_waits_says_for_what() {
    let site = empty().await;
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(3);
    queue(
        &site.store,
        1,
        Queued {
            not_before: Some(later),
            ..message("email", "Held")
        },
    )
    .await;
    queue(&site.store, 2, message("hook", "Tried")).await;
    let retry = Settlement::Retry {
        at: later,
        reason: "timeout".to_owned(),
        error: "timeout: no answer".to_owned(),
    };
    settle(&site.store, "hook", retry).await;
    let said = words(&site.get("/deliveries").await.body);
    assert!(
        said.contains("Held back\nby the channel's quiet hours until"),
        "{said}"
    );
    assert!(said.contains("Waiting\n: next attempt"), "{said}");
    assert!(
        said.contains("timeout: no answer") && said.contains("did not answer in time"),
        "{said}"
    );
}

#[tokio::test]
async fn a_message_is_shown_with_all_who_were_to_have_it() {
    let site = empty().await;
    let recipients = ["a@example.com", "b@example.com"].map(str::to_owned).into();
    let id = queue(
        &site.store,
        1,
        Queued {
            recipients,
            ..message("email", "DS-64 is out")
        },
    )
    .await;
    let page = site.get(&format!("/deliveries/{id}")).await;
    let said = words(&page.body);
    assert!(
        said.contains("a@example.com") && said.contains("b@example.com"),
        "{said}"
    );
    assert!(
        said.contains("DS-64 is out") && !page.body.contains("not for pages"),
        "{said}"
    );
    for missing in ["/deliveries/999", "/deliveries/x"] {
        assert_eq!(site.get(missing).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_said_on_each_list_in_words() {
    let site = empty().await;
    fs::write(
        site.folder.path().join("stock.db"),
        "not a database any more, but a text",
    )
    .unwrap();
    let page = site.get("/deliveries").await;
    assert!(
        page.body.contains("data-label=\"Waiting\"><div>?</div>"),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("data-label=\"Given up\">?</td>"),
        "{}",
        page.body
    );
    let page = site.get("/alerts").await;
    assert!(
        page.body.contains("<b>?</b><span>Nobody&#39;s yet"),
        "{}",
        page.body
    );
    for path in ["/", "/alerts", "/deliveries", "/pools", "/sources"] {
        let page = site.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let said = words(&page.body);
        assert!(
            said.contains("The database cannot be written: it is damaged."),
            "{path}: {said}"
        );
        for calm in [
            "All was delivered",
            "Nothing was told",
            "No poll ended",
            "Nothing happened",
            "Nothing is silenced",
        ] {
            assert!(!said.contains(calm), "{path}: {said}");
        }
    }
}
