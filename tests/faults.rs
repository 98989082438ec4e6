//! Everything that can go wrong with an answer of WHMCS, once each, between good polls of the real program: no
//! alert, no level changed, the cause named everywhere, and the memory bounded through all of it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "support/daemon.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod daemon;
#[path = "support/receivers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod receivers;

use std::thread;
use std::time::Duration;

use daemon::Daemon;
use daemon::Home;
use daemon::eventually;
use jiff::Timestamp;
use receivers::Receivers;
use receivers::SECRET;
use serde_json::Value;
use sqlx::Connection;
use sqlx::SqliteConnection;
use tokio::runtime::Runtime;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Filler;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;

/// What the daemon may use at its worst, in bytes.
const MEMORY: u64 = 200 << 20;
/// Tries of a request within a poll where the cause may pass by itself.
const TRIES: usize = 3;
const GIB: u64 = 1 << 30;
const LISTING: &str = "GetProducts";
const DETAILS: &str = "GetProductDetails";

/// One thing that goes wrong, and what is to be said of it.
struct Case {
    what: &'static str,
    trouble: Trouble,
    cause: &'static str,
    /// Requests of the poll that fail of it.
    tries: usize,
}

enum Trouble {
    /// With the answers to an action.
    Answers(&'static str, Fault),
    /// Nobody listens.
    Down,
}

/// A failure for good: asked once.
fn once(what: &'static str, cause: &'static str, fault: Fault) -> Case {
    let trouble = Trouble::Answers(LISTING, fault);
    Case {
        what,
        trouble,
        cause,
        tries: 1,
    }
}

/// One that the second try, in XML, does not mend either.
fn twice(what: &'static str, cause: &'static str, fault: Fault) -> Case {
    Case {
        tries: 2,
        ..once(what, cause, fault)
    }
}

/// The message for data that JSON cannot hold, even where XML was asked for.
fn malformed() -> Fault {
    let message = Refusal::MalformedUtf8.message(LISTING);
    Fault::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: format!("{{\"result\":\"error\",\"message\":\"{message}\"}}").into_bytes(),
    }
}

/// JSON with Latin-1 in a name, even where XML was asked for.
fn broken_name() -> Fault {
    let start = br#"{"result":"success","totalresults":1,"products":{"product":[{"pid":1,"name":"caf"#;
    Fault::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: [start, b"\xe9\"}]}}".as_slice()].concat(),
    }
}

/// One that may pass: asked three times.
fn thrice(what: &'static str, cause: &'static str, fault: Fault) -> Case {
    Case {
        tries: TRIES,
        ..once(what, cause, fault)
    }
}

/// The same with the answers of the companion.
fn of_details(case: Case) -> Case {
    let trouble = match case.trouble {
        Trouble::Answers(_, fault) => Trouble::Answers(DETAILS, fault),
        Trouble::Down => Trouble::Down,
    };
    Case { trouble, ..case }
}

/// A shop of its own with its share of the faults, so that slow ones go wrong beside each other.
struct Lane {
    name: &'static str,
    timeout: &'static str,
    max_body: &'static str,
    cases: Vec<Case>,
}

fn refusals() -> Vec<Case> {
    let causes = [
        (Refusal::AuthenticationFailed, "credentials"),
        (Refusal::InvalidCredentials, "credentials"),
        (Refusal::InvalidIp("192.0.2.7".to_owned()), "ip"),
        (Refusal::InvalidIp("2001:db8::7".to_owned()), "ip"),
        (Refusal::NotPermitted, "permission"),
        (Refusal::InvalidAction, "action_missing"),
        (Refusal::FunctionNotFound, "action_missing"),
        (Refusal::AccountDisabled, "credentials"),
        (Refusal::AccessDenied, "permission"),
        (Refusal::IpBanned, "ip"),
    ];
    let listed = Refusal::all_forbidden();
    assert!(listed.iter().eq(causes.iter().map(|(refusal, _)| refusal)));
    let json = causes
        .clone()
        .map(|(refusal, cause)| once("403", cause, Fault::Refused(refusal)));
    let plain =
        causes.map(|(refusal, cause)| once("plain result=error", cause, Fault::RefusedPlain(refusal)));
    let others = [
        once("400", "bad_answer", Fault::Refused(Refusal::EmptyAction)),
        once(
            "error under 200",
            "bad_answer",
            Fault::Refused(Refusal::ProductNotFound),
        ),
        twice("not encodable", "encoding", malformed()),
        once(
            "plain error under 200",
            "bad_answer",
            Fault::RefusedPlain(Refusal::ProductNotFound),
        ),
    ];
    json.into_iter().chain(plain).chain(others).collect()
}

fn garbled(elsewhere: &str) -> Vec<Case> {
    let brackets = Fault::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: vec![b'['; 100_000],
    };
    let mut cases = vec![
        once("HTML under 200: login", "firewall", Fault::LoginPage),
        once("HTML under 403", "firewall", Fault::FirewallPage),
        once(
            "HTML under 200: maintenance",
            "maintenance",
            Fault::MaintenancePage(200),
        ),
        once(
            "HTML under 503: maintenance",
            "maintenance",
            Fault::MaintenancePage(503),
        ),
        once(
            "a warning before the JSON",
            "bad_answer",
            Fault::WarningBeforeJson,
        ),
        once("empty body", "bad_answer", Fault::EmptyBody),
        once("null", "bad_answer", Fault::Null),
        once("[]", "bad_answer", Fault::EmptyList),
        once("success without products", "bad_answer", Fault::NoProducts),
        once(
            "one fewer than totalresults",
            "bad_answer",
            Fault::FewerThanTotal(1),
        ),
        once(
            "20 fewer than totalresults",
            "bad_answer",
            Fault::FewerThanTotal(20),
        ),
        once("empty catalogue", "suspect", Fault::EmptyCatalogue),
        twice("invalid UTF-8", "encoding", broken_name()),
        once(
            "depth 100,000 in a product",
            "suspect",
            Fault::DeepNesting(100_000),
        ),
        once("depth 100,000 and no end", "bad_answer", brackets),
    ];
    for status in [301, 302, 307, 308] {
        let location = elsewhere.to_owned();
        cases.push(once("redirect", "redirect", Fault::Redirect { status, location }));
    }
    cases
}

fn broken() -> Vec<Case> {
    vec![
        thrice("truncated body", "reset", Fault::TruncatedBody),
        thrice("truncated gzip", "reset", Fault::TruncatedGzip),
        thrice("reset within the body", "reset", Fault::ResetMidBody),
        thrice("reset", "reset", Fault::Reset),
        thrice("closed without a word", "reset", Fault::Close),
        Case {
            trouble: Trouble::Down,
            ..thrice("refused", "connect", Fault::Reset)
        },
    ]
}

fn statuses() -> Vec<Case> {
    vec![
        thrice(
            "429 with Retry-After: 1",
            "rate_limited",
            Fault::RateLimited(Some(1)),
        ),
        once(
            "429 with Retry-After: 3",
            "rate_limited",
            Fault::RateLimited(Some(3)),
        ),
        thrice("500", "server", Fault::Status(500, None)),
        thrice("501", "server", Fault::Status(501, None)),
        thrice("502", "server", Fault::Status(502, None)),
    ]
}

fn more_statuses() -> Vec<Case> {
    vec![
        thrice("429", "rate_limited", Fault::RateLimited(None)),
        thrice("503 with Retry-After", "server", Fault::Status(503, Some(1))),
        thrice("504", "server", Fault::Status(504, None)),
        thrice("output before the answer", "server", Fault::OutputAlreadySent),
    ]
}

fn silent() -> Vec<Case> {
    let second = Duration::from_secs(1);
    vec![
        thrice("hang", "timeout", Fault::Hang),
        of_details(thrice("hang of details", "timeout", Fault::Hang)),
        thrice("one byte of the body a second", "timeout", Fault::Drip(second)),
        thrice(
            "one byte a second from the start",
            "timeout",
            Fault::DripFromStart(second),
        ),
    ]
}

fn bombs() -> Vec<Case> {
    let bomb = |filler| Fault::GzipBomb {
        bytes: 10 * GIB,
        filler,
    };
    vec![
        once("a gzip bomb of zeros", "bad_answer", bomb(Filler::Zeros)),
        once("a gzip bomb of spaces", "too_large", bomb(Filler::Spaces)),
        once("a gzip bomb of products", "too_large", bomb(Filler::Products)),
        once("a gzip bomb of one name", "too_large", bomb(Filler::Name)),
    ]
}

fn huge() -> Vec<Case> {
    let body = |filler| Fault::HugeBody {
        bytes: Some(2 * GIB),
        filler,
    };
    let endless = Fault::HugeBody {
        bytes: None,
        filler: Filler::Products,
    };
    vec![
        once("2 GB of zeros", "bad_answer", body(Filler::Zeros)),
        once("2 GB of spaces", "too_large", body(Filler::Spaces)),
        once("2 GB of products", "too_large", body(Filler::Products)),
        once("2 GB of one name", "too_large", body(Filler::Name)),
        of_details(once("details without end", "too_large", endless.clone())),
        once("products without end", "too_large", endless),
    ]
}

fn companion() -> Vec<Case> {
    let cases = vec![
        once("empty body", "bad_answer", Fault::EmptyBody),
        once("null", "bad_answer", Fault::Null),
        once("a login page", "firewall", Fault::LoginPage),
        thrice("reset within the body", "reset", Fault::ResetMidBody),
        thrice("500", "server", Fault::Status(500, None)),
    ];
    cases.into_iter().map(of_details).collect()
}

fn lanes(elsewhere: &str) -> Vec<Lane> {
    let lane = |name, timeout, cases| Lane {
        name,
        timeout,
        max_body: "1GiB",
        cases,
    };
    vec![
        lane("refusals", "20s", refusals()),
        lane("garbled", "20s", garbled(elsewhere)),
        lane("broken", "20s", broken()),
        lane("statuses", "5s", statuses()),
        lane("more-statuses", "20s", more_statuses()),
        lane("silent", "1500ms", silent()),
        lane("huge", "120s", huge()),
        Lane {
            max_body: "128MiB",
            ..lane("bombs", "120s", bombs())
        },
        lane("companion", "20s", companion()),
    ]
}

/// A shop's part of the configuration file.
fn instance(name: &str, timeout: &str, max_body: &str, simulator: &Simulator) -> String {
    let (url, identifier, secret) = (simulator.url(), simulator.identifier(), simulator.secret());
    format!(
        "[[instance]]\nname = \"{name}\"\nurl = \"{url}\"\nidentifier = \"{identifier}\"\n\
         secret = \"{secret}\"\ntimeout = \"{timeout}\"\nmax_body = \"{max_body}\"\n\n"
    )
}

/// Polls of a shop, newest first.
fn polls(daemon: &Daemon, shop: &str) -> Vec<Value> {
    let page = daemon.json(&format!("/api/v1/polls?instance={shop}&limit=10"));
    page["items"].as_array().expect("items").clone()
}

fn number(poll: &Value) -> i64 {
    poll["id"].as_i64().expect("an id")
}

/// Waits for an accepted poll behind that one.
fn accepted_after(daemon: &Daemon, shop: &str, id: i64) -> Value {
    eventually(&format!("{shop}: an accepted poll after {id}"), || {
        let mut polls = polls(daemon, shop).into_iter();
        polls.find(|poll| number(poll) > id && poll["outcome"] == "accepted")
    })
}

/// What stands in `/api/v1/stock` of a shop, but for the time of the last look.
fn levels(daemon: &Daemon, shop: &str) -> Vec<String> {
    let stock = daemon.json(&format!("/api/v1/stock?instance={shop}"));
    let items = stock["items"].as_array().expect("items");
    let shown = |item: &Value| {
        let keys = [
            "product_id",
            "product",
            "combination",
            "state",
            "level",
            "severity",
            "since",
        ];
        keys.map(|key| item[key].to_string()).join(" ")
    };
    items.iter().map(shown).collect()
}

/// The failures of a shop's polls by reason, as in the metrics.
fn failures(daemon: &Daemon, shop: &str, reason: &str) -> f64 {
    let series = format!("whmcs_poll_failures_total{{reason=\"{reason}\",whmcs=\"{shop}\"}}");
    daemon
        .metric(&series)
        .unwrap_or_else(|| panic!("there is no {series}"))
}

/// Lines of the log that warn of a poll of the shop for this cause.
fn warnings(daemon: &Daemon, shop: &str, cause: &str) -> usize {
    let log = daemon.log();
    let warns = |line: &&str| {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            panic!("not JSON: {line}");
        };
        line["level"] == "WARN" && line["shop"] == shop && line["cause"] == cause
    };
    log.lines().filter(warns).count()
}

/// One fault between two good polls.
fn go_through(daemon: &Daemon, shop: &str, case: &Case, simulator: &mut Simulator, runtime: &Runtime) {
    let Case {
        what, cause, tries, ..
    } = case;
    let last = number(&polls(daemon, shop)[0]);
    let good = accepted_after(daemon, shop, last);
    let before = (failures(daemon, shop, cause), warnings(daemon, shop, cause));
    let stood = levels(daemon, shop);
    match &case.trouble {
        Trouble::Answers(action, fault) => simulator.faults().queue(Some(action), *tries, fault.clone()),
        Trouble::Down => runtime.block_on(simulator.go_down()),
    }
    let bad = eventually(&format!("{shop}: {what} fails a poll"), || {
        let mut polls = polls(daemon, shop).into_iter();
        polls.find(|poll| number(poll) > number(&good) && poll["outcome"] != "accepted")
    });
    assert_eq!(levels(daemon, shop), stood, "{shop}: {what}: while it lasts");
    if matches!(case.trouble, Trouble::Down) {
        runtime
            .block_on(simulator.come_up())
            .expect("the port is free still");
    }
    let outcome = if *cause == "suspect" { "suspect" } else { "failed" };
    assert_eq!(
        (&bad["outcome"], &bad["cause"]),
        (&outcome.into(), &(*cause).into()),
        "{shop}: {what}: {bad}"
    );
    assert_eq!(bad["changes"], 0, "{shop}: {what}: {bad}");
    let again = accepted_after(daemon, shop, number(&bad));
    assert_eq!(again["changes"], 0, "{shop}: {what}: {again}");
    let between: Vec<Value> = polls(daemon, shop)
        .into_iter()
        .filter(|poll| {
            (number(&good)..number(&again)).contains(&number(poll)) && poll["outcome"] != "accepted"
        })
        .collect();
    assert_eq!(
        between,
        std::slice::from_ref(&bad),
        "{shop}: {what} failed one poll"
    );
    let tried = bad["attempts"].as_array().expect("attempts");
    let failed = tried.iter().filter(|attempt| attempt["cause"] == *cause).count();
    if *cause != "suspect" {
        assert_eq!((failed, tried.len()), (*tries, *tries), "{shop}: {what}: {bad}");
    }
    assert_eq!(failures(daemon, shop, cause), before.0 + 1.0, "{shop}: {what}");
    assert_eq!(
        warnings(daemon, shop, cause),
        before.1 + 1,
        "{shop}: {what}: the log\n{}",
        daemon.log()
    );
    assert_eq!(levels(daemon, shop), stood, "{shop}: {what}: afterwards");
    if let Trouble::Answers(_, Fault::RateLimited(Some(seconds))) = case.trouble {
        let time = |poll: &Value| {
            poll["observed_at"]
                .as_str()
                .expect("a time")
                .parse::<Timestamp>()
                .expect("a time")
        };
        let wait = time(&again).duration_since(time(&bad)).as_secs_f64();
        assert!(
            wait >= seconds as f64,
            "{shop}: {what}: asked again after {wait} s"
        );
    }
}

/// What a retry within the poll mends shows in its attempts, and nowhere else.
fn mended(daemon: &Daemon, shop: &str, simulator: &Simulator) {
    let cases = [
        (1, Fault::Reset, "reset"),
        (2, Fault::Status(503, None), "server"),
        (1, Fault::TruncatedBody, "reset"),
        (1, Fault::Hang, "timeout"),
    ];
    for (count, fault, cause) in cases {
        let stood = levels(daemon, shop);
        let before = failures(daemon, shop, cause);
        let good = accepted_after(daemon, shop, number(&polls(daemon, shop)[0]));
        simulator.faults().queue(Some(LISTING), count, fault);
        let mended = eventually(&format!("{shop}: a poll with {cause} mended"), || {
            let mut polls = polls(daemon, shop).into_iter();
            polls.find(|poll| number(poll) > number(&good) && poll["attempts"] != Value::Array(Vec::new()))
        });
        assert_eq!(
            (&mended["outcome"], &mended["cause"]),
            (&"accepted".into(), &Value::Null),
            "{mended}"
        );
        let causes: Vec<Option<&str>> = mended["attempts"]
            .as_array()
            .expect("attempts")
            .iter()
            .map(|attempt| attempt["cause"].as_str())
            .collect();
        let mut expected = vec![Some(cause); count];
        expected.push(None);
        assert_eq!(causes, expected, "{mended}");
        assert_eq!(
            failures(daemon, shop, cause),
            before,
            "{shop}: the poll did not fail"
        );
        assert_eq!(levels(daemon, shop), stood);
    }
}

/// What is in the database once the daemon has ended.
async fn recorded(home: &Home) -> (i64, i64, Vec<String>) {
    let url = format!("sqlite://{}", home.path("data/stock.db").display());
    let mut db = SqliteConnection::connect(&url).await.expect("opens");
    let integrity: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut db)
        .await
        .expect("checks");
    assert_eq!(integrity, "ok");
    let late = "SELECT count(*) FROM levels l WHERE l.poll_id > \
        (SELECT min(p.id) FROM polls p WHERE p.instance_id = l.instance_id AND p.outcome = 0)";
    let late = sqlx::query_scalar(late).fetch_one(&mut db).await.expect("counts");
    let severities = "SELECT count(*) FROM events WHERE kind = 'severity'";
    let severities = sqlx::query_scalar(severities)
        .fetch_one(&mut db)
        .await
        .expect("counts");
    let kinds = "SELECT DISTINCT kind FROM messages";
    let kinds = sqlx::query_scalar(kinds).fetch_all(&mut db).await.expect("reads");
    (late, severities, kinds)
}

#[test]
fn a_shop_whose_texts_json_cannot_hold_is_read_in_xml_and_that_is_said_once() {
    let runtime = Runtime::new().expect("a runtime");
    let simulator = runtime
        .block_on(Simulator::start(Shop::sample()))
        .expect("a simulator");
    simulator.fail_always(Fault::Refused(Refusal::MalformedUtf8));
    let receivers = Receivers::start();
    let settings = receivers.settings(&simulator.url());
    let mut home = Home::new(
        &settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect::<Vec<_>>(),
    );
    home.set("WHMCS_API_IDENTIFIER", simulator.identifier());
    home.set("WHMCS_API_SECRET", simulator.secret());
    let mut daemon = home.start();
    daemon.wait_for_polls("default", 3);
    let polls = polls(&daemon, "default");
    assert!(
        polls.iter().all(|poll| poll["outcome"] == "accepted"),
        "{polls:?}"
    );
    let first = polls.last().expect("a poll");
    assert_eq!(
        first["attempts"],
        serde_json::json!([{"action": LISTING, "cause": "encoding"}, {"action": LISTING, "cause": null}])
    );
    let said = daemon.log().matches("asked for XML from now on").count();
    assert_eq!(said, 1, "{}", daemon.log());
    assert_eq!(daemon.item(42).expect("the product")["level"], 20);
    daemon.stop();
}

#[test]
fn every_fault_between_good_polls_changes_no_level_alerts_nobody_and_names_its_cause() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let shop = || {
        runtime
            .block_on(Simulator::start(Shop::sample()))
            .expect("a shop")
    };
    let elsewhere = shop();
    let lanes = lanes(&elsewhere.url());
    let mut simulators: Vec<Simulator> = lanes.iter().map(|_| shop()).collect();
    let mending = shop();
    let receivers = Receivers::start();
    let settings = [
        ("LOW_STOCK", "5"),
        ("CRITICAL_STOCK", "2"),
        ("POLL_SCHEDULE", "every 150ms"),
        ("SMTP_URL", &receivers.mail.url()),
        ("SMTP_FROM", "stock@shop.example"),
        ("ALERT_EMAIL_TO", "sales@shop.example"),
        ("WEBHOOK_URL", &receivers.hook.url()),
        ("WEBHOOK_SECRET", SECRET),
        ("LOG_FORMAT", "json"),
    ];
    let home = Home::new(&settings);
    let mut shops = instance("mending", "6s", "1GiB", &mending);
    for (lane, simulator) in lanes.iter().zip(&simulators) {
        shops += &instance(lane.name, lane.timeout, lane.max_body, simulator);
    }
    home.write("config/monitor.toml", &shops);
    let mut daemon = home.start();
    let names = lanes.iter().map(|lane| lane.name).chain(["mending"]);
    let baselines = names
        .inspect(|shop| drop(accepted_after(&daemon, shop, 0)))
        .count();
    receivers.wait_for(baselines);
    let beginning = daemon.peak_resident();

    thread::scope(|scope| {
        for (lane, simulator) in lanes.iter().zip(&mut simulators) {
            let (daemon, runtime) = (&daemon, &runtime);
            scope.spawn(move || {
                for case in &lane.cases {
                    go_through(daemon, lane.name, case, simulator, runtime);
                }
            });
        }
        scope.spawn(|| mended(&daemon, "mending", &mending));
    });

    let peak = daemon.peak_resident();
    let cases: usize = lanes.iter().map(|lane| lane.cases.len()).sum();
    println!(
        "{cases} faults; at most {} MB resident, {} MB before them",
        peak >> 20,
        beginning >> 20
    );
    assert!(peak < MEMORY, "{peak} bytes");
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(receivers.said(), vec!["stock.baseline"; baselines]);
    let subjects = receivers.subjects();
    assert!(
        subjects.len() == baselines && subjects.iter().all(|subject| subject.contains("baseline")),
        "{subjects:?}"
    );
    let (late, severities, kinds) = runtime.block_on(recorded(&home));
    assert_eq!(
        (late, severities, kinds),
        (0, 0, vec!["stock.baseline".to_owned()])
    );
    assert_eq!(
        elsewhere.connection_count(),
        0,
        "credentials went to where a redirect points"
    );
    assert!(
        !daemon.log().contains("simulated-secret"),
        "the log holds the secret"
    );
}
