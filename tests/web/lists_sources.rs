//! The lists of sources and pools: how each shop can be read, its last day, "ask now"; and what pools have left.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::source::Attempt;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::hints::wanted::Scope;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::LastPoll;
use whmcs_stock_monitor::scheduler::Schedule;
use whmcs_stock_monitor::store::save::PollRecord;

use crate::fixture::memory;
use crate::harness::Site;
use crate::harness::form;
use crate::harness::settings;
use crate::harness::site;
use crate::listed::HOSTILE;
use crate::listed::empty;
use crate::listed::words;
use crate::pools::board;

fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

async fn poll(site: &Site, shop: &str, minutes: i64, outcome: Outcome) {
    let instance = site.store.instance(shop).await.unwrap();
    let attempt = |cause| Attempt {
        action: "GetProducts".to_owned(),
        cause,
    };
    let record = PollRecord {
        part: false,
        observed_at: ago(minutes),
        duration: Duration::from_millis(250),
        outcome,
        detail: outcome.cause().map(|_| HOSTILE.to_owned()).unwrap_or_default(),
        products: (outcome == Outcome::Accepted).then_some(7),
        changes: 0,
        attempts: outcome
            .cause()
            .map(|cause| attempt(Some(cause)))
            .into_iter()
            .collect(),
    };
    let mut tx = site.store.begin_write().await.unwrap();
    tx.poll(instance, &record).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_shop_that_cannot_be_read_says_why_and_how_to_mend_it() {
    let site = site(
        settings(None),
        vec![("eu", memory(Vec::new())), ("us", Arc::default())],
    )
    .await;
    let failed = Outcome::Failed(Cause::Credentials);
    for minutes in [30, 20, 10] {
        poll(&site, "us", minutes, failed).await;
    }
    poll(&site, "eu", 5, Outcome::Accepted).await;
    let mut remembered = memory(Vec::new()).as_ref().clone();
    remembered.source.failures = 3;
    remembered.source.failing_since = Some(ago(30));
    let last = LastPoll {
        observed_at: ago(10),
        outcome: failed,
        detail: HOSTILE.to_owned(),
    };
    site.view.publish("us", Arc::new(remembered), last);
    let page = site.get("/sources").await;
    assert_eq!(page.status, 200);
    let said = words(&page.body);
    for expected in [
        "1 of 2 shops cannot be read",
        "WHMCS refused the API credentials.",
        "3 polls in a row, the first",
        "Manage API Credentials",
        "GetProducts: credentials",
        "Last 24 hours: 0 polls accepted, 3 failed",
        "Last 24 hours: 1 poll accepted",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        !page.body.contains("<img") && !page.body.contains('\u{202e}'),
        "{}",
        page.body
    );
    let of_one = site.get("/sources?instance=eu").await.body;
    let polls = of_one.split("id=\"polls\"").nth(1).unwrap();
    assert_eq!(polls.matches("<tr id=\"p").count(), 1, "{polls}");
    assert_eq!(site.get("/sources?instance=mars").await.status, 400);
}

#[tokio::test]
async fn a_time_in_which_nothing_was_seen_is_drawn_and_told() {
    let site = empty().await;
    let hourly = Schedule::parse("every 10m", &TimeZone::UTC).unwrap();
    let fresh = Instance::new("default", Arc::default()).asked(&hourly);
    site.view.reconfigure(vec![fresh], &["email".to_owned()]);
    for minutes in (0..=600)
        .rev()
        .step_by(10)
        .filter(|minutes| !(120..300).contains(minutes))
    {
        poll(&site, "default", minutes, Outcome::Accepted).await;
    }
    let page = site.get("/sources").await.body;
    let said = words(&page);
    assert!(said.contains("every 10m"), "{said}");
    assert!(said.contains("Not observed:"), "{said}");
    let unseen = page.matches("class=\"unseen-time\"").count();
    assert!((12..=15).contains(&unseen), "about three hours: {unseen}");
    assert!(said.contains("3 h 10 min not observed"), "{said}");
}

#[tokio::test]
async fn a_shop_is_asked_now_and_the_page_says_so() {
    let site = empty().await;
    let wanted = site.desk.wanted("default");
    assert_eq!(wanted.begin(Instant::now()), None);
    let page = site.get("/sources").await.body;
    let answer = site
        .send("/do/poll", &form(&page, "/do/poll", "value=\"default\""))
        .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        answer.head.contains("location: /sources?notice=polled\r\n"),
        "{}",
        answer.head
    );
    assert_eq!(wanted.begin(Instant::now()), Some(Scope::All));
    let page = site.get("/sources?notice=polled").await.body;
    assert!(words(&page).contains("The shop is asked now."), "{page}");
    let again = site
        .send("/do/poll", &form(&page, "/do/poll", "value=\"default\""))
        .await;
    assert!(again.head.contains("notice=poll_soon"), "{}", again.head);
    let mut unknown = form(&page, "/do/poll", "value=\"default\"");
    unknown.retain(|(name, _)| name != "instance");
    unknown.push(("instance".to_owned(), "mars".to_owned()));
    assert_eq!(
        site.send("/do/poll", &unknown).await.status,
        403,
        "that key was taken"
    );
}

#[tokio::test]
async fn polls_are_turned_from_the_newest_on() {
    let site = empty().await;
    for minutes in (1..=70).rev() {
        poll(&site, "default", minutes, Outcome::Accepted).await;
    }
    let page = site.get("/sources?instance=default").await.body;
    assert_eq!(page.matches("<tr id=\"p").count(), 50);
    let next = page
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let older = site.get(&next.replace("&#38;", "&")).await.body;
    assert_eq!(older.matches("<tr id=\"p").count(), 20);
    assert!(
        older.contains("href=\"/sources?instance=default\">← Newest"),
        "{older}"
    );
}

#[tokio::test]
async fn the_monitor_says_of_itself_what_it_truly_knows() {
    let site = empty().await;
    let said = words(&site.get("/sources").await.body);
    assert!(
        said.contains(&format!("Version\n{}", env!("CARGO_PKG_VERSION"))),
        "{said}"
    );
    for part in ["Started", "Memory", "Database", "Free on its disk"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        !said.contains("backup") && !said.contains("Nothing can be recorded"),
        "{said}"
    );
}

#[tokio::test]
async fn pools_say_what_is_left_who_draws_on_them_and_whom_they_hold_back() {
    let site = empty().await;
    let mut shown = board();
    shown.pools[0].name = Arc::from(HOSTILE);
    site.view.show_pools(Arc::new(shown));
    let page = site.get("/pools").await;
    assert_eq!(page.status, 200);
    let said = words(&page.body);
    for expected in [
        "left of 50",
        "Holds back",
        "DS-4x",
        "Disk: 4x NVMe",
        "no, held back",
        "us was never read.",
        "not known",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let last = page.body.split("id=\"pool-").last().unwrap();
    assert!(
        words(last).contains("left of 100"),
        "what suffices stands last: {last}"
    );
    assert!(
        !page.body.contains("<img") && page.body.contains("&#60;img src=x"),
        "{}",
        page.body
    );
    let fields = form(&page.body, "/do/silence", "value=\"pool:NVMe\"");
    let fields = [
        fields,
        [("ends", "2h"), ("by", "Ann"), ("comment", "new kits")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    ]
    .concat();
    let mut last: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        last.retain(|(known, _)| *known != name);
        last.push((name, value));
    }
    let answer = site.send("/do/silence", &last).await;
    assert!(
        answer.head.contains("location: /pools?notice=silenced\r\n"),
        "{} {}",
        answer.head,
        answer.body
    );
    let said = words(&site.get("/pools").await.body);
    assert!(
        said.contains("silenced until") && said.contains("End its silence"),
        "{said}"
    );
}

#[tokio::test]
async fn without_pools_the_page_says_what_one_is() {
    let site = empty().await;
    let said = words(&site.get("/pools").await.body);
    assert!(
        said.contains("No pool is configured.") && said.contains("[[pool]]"),
        "{said}"
    );
}
