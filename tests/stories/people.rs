//! The people's side beside a running daemon: acks and silences from the command line and over HTTP, shown and kept.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;

use serde_json::Value;
use serde_json::json;

use crate::CONTROLLED;
use crate::daemon::Daemon;
use crate::daemon::PATIENCE;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

/// An answer to a request with a body.
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("writes");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("reads");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        body: body.to_owned(),
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn an_ack_beside_the_daemon_shows_everywhere_stays_over_a_restart_and_ends_with_the_recovery() {
    let shop = Shop::open(vec![item(1, "DS-64", 9), item(2, "DS-128", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.stock(1, 0);
    receivers.wait_for(2);
    let made = home.run(&[
        "ack",
        "ds-64",
        "--by",
        "Ann",
        "--note",
        "PO 881",
        "--quantity",
        "20",
        "--eta",
        "10d",
    ]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(
        made.out.starts_with("DS-64 (default/1/-): ordered: 20, by "),
        "{made:?}"
    );
    assert!(made.out.trim_end().ends_with("PO 881 (Ann). Ack 1."), "{made:?}");
    let ack = |item: &Value| item["ack"]["by"] == "Ann" && item["ack"]["quantity"] == 20;
    assert!(ack(&daemon.item(1).unwrap()), "{:?}", daemon.item(1));
    assert_eq!(daemon.item(2).unwrap()["ack"], Value::Null);
    assert!(daemon.get("/").body.contains("PO 881 (Ann)"), "the page");
    assert!(ack(&daemon.json("/api/v1/alerts?status=firing")["items"][0]));
    for command in [&["status"][..], &["history", "1"], &["ack", "list"]] {
        let shown = home.run(command);
        assert_eq!(shown.code, 0, "{shown:?}");
        let flat = shown.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("ordered: 20"), "{command:?}: {shown:?}");
    }
    daemon.stop();
    let mut daemon = home.start();
    daemon.wait_for_polls("default", 2);
    assert!(ack(&daemon.item(1).unwrap()), "after a restart");
    shop.stock(1, 30);
    receivers.wait_for(3);
    daemon.wait_for_item(1, "nobody is on it", |item| item["ack"].is_null());
    let over = home.run(&["ack", "list", "--all", "--json"]).json();
    assert_eq!(over["items"][0]["ended_why"], "recovered", "{over}");
    daemon.stop();
    assert_eq!(
        receivers.said(),
        [
            "stock.baseline",
            "stock.alerts: 1 first out 0",
            "stock.alerts: 1 recovered ok 30"
        ]
    );
    let recovered = &receivers.payloads()[2]["data"]["alerts"][0];
    assert_eq!(recovered["ack"]["by"], "Ann", "{recovered}");
}

#[test]
fn a_silence_keeps_quiet_until_it_ends_and_the_next_word_says_so() {
    let shop = Shop::open(vec![item(1, "DS-64", 9), item(2, "VPS", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    let made = home.run(&[
        "silence",
        "add",
        "--product",
        "DS-*",
        "--for",
        "2h",
        "--comment",
        "new rack",
        "--by",
        "Ann",
    ]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(
        made.out.contains("It matches 1 now: DS-64 (default/1/-)."),
        "{made:?}"
    );
    shop.stock(1, 0);
    shop.stock(2, 0);
    receivers.wait_for(2);
    let silenced = daemon.wait_for_item(1, "out", |item| item["severity"] == "out");
    assert_eq!(silenced["silenced"]["by"], "Ann", "{silenced}");
    assert_eq!(silenced["silenced"]["kind"], "silence");
    assert_eq!(daemon.item(2).unwrap()["silenced"], Value::Null);
    assert!(daemon.get("/").body.contains("by Ann (new rack)"), "the page");
    daemon.stop();
    let mut daemon = home.start();
    daemon.wait_for_polls("default", 3);
    assert_eq!(receivers.said().len(), 2, "{:?}", receivers.said());
    let listed = home.run(&["silence", "list", "--json"]).json();
    assert_eq!(listed["items"][0]["state"], "in_force", "{listed}");
    let ended = home.run(&["silence", "end", "1"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    receivers.wait_for(3);
    daemon.stop();
    assert_eq!(
        receivers.said()[1..],
        ["stock.alerts: 2 first out 0", "stock.alerts: 1 first out 0"]
    );
    let told = &receivers.payloads()[2]["data"]["alerts"][0];
    assert_eq!(
        told["after"],
        json!({"kind": "silence", "id": "1", "by": "Ann", "comment": "new rack"})
    );
    let mails = receivers.subjects();
    assert_eq!(mails.len(), 3, "{mails:?}");
    let again = home.run(&["silence", "end", "1"]);
    assert_eq!((again.code, again.out.as_str()), (1, ""), "{again:?}");
}

/// Commands that cannot be meant, the code they end with, and what they say.
const REFUSED: &[(&[&str], i32, &str)] = &[
    (&["ack", "DS-256"], 1, "No product \"DS-256\" is watched."),
    (
        &["ack", "DS-*"],
        64,
        "names several: DS-64 (default/1/-), DS-128 (default/2/-).",
    ),
    (
        &["ack", "1", "--combination", "4=11"],
        1,
        "has no combination 4=11",
    ),
    (&["ack", "--pool", "kits"], 1, "There is no pool \"kits\"."),
    (
        &["ack", "1", "--eta", "soon"],
        64,
        "--eta: \"soon\" is not a date",
    ),
    (
        &["ack", "1", "--eta", "9999-12-31"],
        64,
        "--eta: \"9999-12-31\" is too far off.",
    ),
    (
        &["ack", "1", "--eta", "2020-01-01"],
        64,
        "--eta: The time when it is to be there has passed",
    ),
    (&["ack", "1", "--quantity", "0"], 64, "--quantity: "),
    (&["ack", "1", "--by", " "], 64, "--by: "),
    (
        &["ack", "1", "--instance", "mars"],
        78,
        "There is no shop \"mars\"",
    ),
    (&["ack", "end", "7"], 1, "There is no ack 7 in force."),
    (&["ack"], 64, "Name a product or --pool."),
    (&["silence", "add", "--comment", "x"], 64, "--for"),
    (&["silence", "add", "--for", "2h"], 64, "--comment"),
    (
        &[
            "silence",
            "add",
            "--product",
            " ",
            "--for",
            "2h",
            "--comment",
            "x",
        ],
        64,
        "--product is empty",
    ),
    (
        &["silence", "add", "--instance=", "--for", "2h", "--comment", "x"],
        64,
        "--instance is empty",
    ),
    (
        &[
            "silence",
            "add",
            "--until",
            "2020-01-01",
            "--comment",
            "x",
            "--by",
            "Ann",
        ],
        64,
        "over before it begins",
    ),
    (
        &[
            "silence",
            "add",
            "--for",
            "2h",
            "--comment",
            "x",
            "--by",
            "Ann",
            "--option",
            "RAM",
        ],
        64,
        "NAME=CHOICE",
    ),
];

#[test]
fn what_cannot_be_meant_is_refused_with_its_code_and_nothing_is_recorded() {
    let shop = Shop::open(vec![item(1, "DS-64", 9), item(2, "DS-128", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.export("USER", "ann");
    let mut daemon = home.start();
    receivers.wait_for(1);
    for &(command, code, said) in REFUSED {
        let ended = home.run(command);
        assert_eq!(ended.code, code, "{command:?}: {ended:?}");
        assert!(ended.err.contains(said), "{command:?}: {ended:?}");
    }
    assert_eq!(daemon.json("/api/v1/acks?all=true")["items"], json!([]));
    assert_eq!(daemon.json("/api/v1/silences?all=true")["items"], json!([]));
    daemon.stop();
}

/// Each wrong request is refused with the parameter that is to blame.
fn refuses_what_is_wrong(daemon: &Daemon) {
    for (path, body, status, parameter) in [
        ("/api/v1/acks", json!({"alert_id": "default/1/-"}), 400, "by"),
        ("/api/v1/acks", json!({"by": "Ann"}), 400, "alert_id"),
        (
            "/api/v1/acks",
            json!({"alert_id": "default/9/-", "by": "Ann"}),
            404,
            "alert_id",
        ),
        (
            "/api/v1/acks",
            json!({"alert_id": "pool:kits", "by": "Ann"}),
            404,
            "alert_id",
        ),
        (
            "/api/v1/acks",
            json!({"alert_id": "default/1/-", "by": 7}),
            400,
            "by",
        ),
        (
            "/api/v1/acks",
            json!({"alert_id": "default/1/-", "by": "A", "quantity": "x"}),
            400,
            "quantity",
        ),
        (
            "/api/v1/acks",
            json!({"alert_id": "default/1/-", "by": "A", "who": "x"}),
            400,
            "who",
        ),
        (
            "/api/v1/silences",
            json!({"ends_at": "2h", "by": "A", "comment": "x"}),
            400,
            "matcher",
        ),
        (
            "/api/v1/silences",
            json!({"matcher": {}, "by": "A", "comment": "x"}),
            400,
            "ends_at",
        ),
        (
            "/api/v1/silences",
            json!({"matcher": {}, "ends_at": "2h", "by": "A"}),
            400,
            "comment",
        ),
        (
            "/api/v1/silences",
            json!({"matcher": {"product": [1]}, "ends_at": "2h", "by": "A", "comment": "x"}),
            400,
            "matcher",
        ),
        (
            "/api/v1/silences",
            json!({"matcher": {"products": 1}, "ends_at": "2h", "by": "A", "comment": "x"}),
            400,
            "matcher",
        ),
    ] {
        let answer = send(daemon.address, "POST", path, JSON, &body.to_string());
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(answer.json()["parameter"], parameter, "{body}: {}", answer.body);
    }
}

#[test]
fn a_matcher_that_names_nothing_silences_nothing() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let daemon = home.start();
    let post = |matcher: &Value| {
        let body = json!({"matcher": matcher, "ends_at": "2h", "by": "Ann", "comment": "x"});
        send(
            daemon.address,
            "POST",
            "/api/v1/silences",
            JSON,
            &body.to_string(),
        )
    };
    for field in ["instances", "groups", "products", "pools", "options"] {
        let empty = if field == "options" { json!({}) } else { json!([]) };
        for nothing in [empty, Value::Null] {
            // Beside something that is named, too.
            for matcher in [
                json!({field: nothing}),
                json!({"instances": ["default"], field: nothing}),
            ] {
                let answer = post(&matcher);
                assert_eq!(answer.status, 400, "{matcher}: {}", answer.body);
                let detail = answer.json()["detail"].to_string();
                assert!(
                    detail.contains(field) && detail.contains("leave it out"),
                    "{detail}"
                );
            }
        }
    }
    let none = daemon.json("/api/v1/silences?all=true");
    assert_eq!(none["items"], json!([]));
    assert_eq!(post(&json!({})).status, 201, "everything, as it says");
}

#[test]
fn acks_and_silences_are_made_listed_and_ended_over_http() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    let post = |path: &str, body: Value| send(daemon.address, "POST", path, JSON, &body.to_string());
    let made = post(
        "/api/v1/acks",
        json!({"alert_id": "default/1/-", "by": "Ann", "note": "PO 881", "quantity": 20, "eta": "2099-01-01T00:00:00Z"}),
    );
    assert_eq!(made.status, 422, "more than five years: {}", made.body);
    assert_eq!(made.json()["parameter"], "eta");
    let made = post(
        "/api/v1/acks",
        json!({"alert_id": "default/1/-", "by": "Ann", "note": "PO 881", "quantity": 20, "eta": "10d"}),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!(
        (&made["id"], &made["name"], &made["overdue"], &made["ended_at"]),
        (&json!(1), &json!("DS-64"), &json!(false), &Value::Null)
    );
    assert_eq!(daemon.json("/api/v1/acks")["items"], json!([made]));
    let silenced = post(
        "/api/v1/silences",
        json!({"matcher": {"products": [1]}, "ends_at": "2h", "by": "Ann", "comment": "new rack"}),
    );
    assert_eq!(silenced.status, 201, "{}", silenced.body);
    assert_eq!(silenced.json()["matches"], json!(["default/1/-"]));
    assert_eq!(daemon.item(1).unwrap()["silenced"]["comment"], "new rack");
    refuses_what_is_wrong(&daemon);
    let delete = |path: &str| send(daemon.address, "DELETE", path, "", "").status;
    assert_eq!(delete("/api/v1/acks/1"), 204);
    assert_eq!(delete("/api/v1/acks/1"), 404);
    assert_eq!(delete("/api/v1/acks/x"), 404);
    assert_eq!(delete("/api/v1/silences/1"), 204);
    assert_eq!(delete("/api/v1/silences/1"), 404);
    assert_eq!(daemon.json("/api/v1/acks")["items"], json!([]));
    assert_eq!(
        daemon.json("/api/v1/acks?all=true")["items"][0]["ended_why"],
        "ended"
    );
    assert_eq!(daemon.get("/api/v1/silences?all=1").status, 400);
    daemon.stop();
}

/// The ids of a list's items, page by page.
fn pages(daemon: &Daemon, path: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut next = path.to_owned();
    loop {
        let list = daemon.json(&next);
        let items = list["items"].as_array().expect("a list").iter();
        pages.push(items.map(|item| item["id"].as_i64().expect("an id")).collect());
        match list["cursor"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return pages,
        }
    }
}

#[test]
fn acks_and_silences_are_listed_page_by_page() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    let mut daemon = home.start();
    receivers.wait_for(1);
    let post = |path: &str, body: Value| {
        let answer = send(daemon.address, "POST", path, JSON, &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
    };
    for _ in 0..5 {
        // Each takes the place of the one before.
        post("/api/v1/acks", json!({"alert_id": "default/1/-", "by": "Ann"}));
        post(
            "/api/v1/silences",
            json!({"matcher": {"products": [1]}, "ends_at": "2h", "by": "Ann", "comment": "x"}),
        );
    }
    assert_eq!(
        send(daemon.address, "DELETE", "/api/v1/silences/4", "", "").status,
        204
    );
    for (path, expected) in [
        ("/api/v1/acks?limit=2", vec![vec![5]]),
        (
            "/api/v1/acks?all=true&limit=2",
            vec![vec![5, 4], vec![3, 2], vec![1]],
        ),
        ("/api/v1/acks?all=true&limit=5", vec![vec![5, 4, 3, 2, 1]]),
        ("/api/v1/silences?limit=2", vec![vec![5, 3], vec![2, 1]]),
        (
            "/api/v1/silences?all=true&limit=3",
            vec![vec![5, 4, 3], vec![2, 1]],
        ),
    ] {
        assert_eq!(pages(&daemon, path), expected, "{path}");
    }
    for path in ["/api/v1/acks?cursor=x", "/api/v1/silences?limit=0"] {
        assert_eq!(daemon.get(path).status, 400, "{path}");
    }
    daemon.stop();
}

#[test]
fn recorded_alerts_say_who_had_taken_them_on_then() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.stock(1, 4);
    receivers.wait_for(2);
    let made = home.run(&["ack", "1", "--by", "Ann"]);
    assert_eq!(made.code, 0, "{made:?}");
    shop.stock(1, 0);
    receivers.wait_for(3);
    shop.stock(1, 30);
    receivers.wait_for(4);
    shop.stock(1, 3);
    receivers.wait_for(5);
    let recorded = daemon.json("/api/v1/alerts");
    daemon.stop();
    let items = recorded["items"].as_array().expect("a list").iter();
    let shown: Vec<Value> = items
        .map(|item| json!([item["reason"], item["level"], item["ack"]["by"]]))
        .collect();
    assert_eq!(
        shown[..4],
        [
            json!(["first", 3, null]),
            json!(["recovered", 30, "Ann"]),
            json!(["worse", 0, "Ann"]),
            json!(["first", 4, null]),
        ],
        "{recorded}"
    );
}

#[test]
fn a_web_page_elsewhere_and_who_has_no_token_change_nothing() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("HTTP_TOKEN", "token-0123456789");
    let mut daemon = home.start();
    receivers.wait_for(1);
    let body = json!({"alert_id": "default/1/-", "by": "Ann"}).to_string();
    let bearer = "Authorization: Bearer token-0123456789\r\n";
    for (headers, status) in [
        (JSON.to_owned(), 401),
        (bearer.to_owned(), 415),
        (
            format!("{bearer}Content-Type: application/x-www-form-urlencoded\r\n"),
            415,
        ),
        (format!("{bearer}Content-Type: text/plain\r\n"), 415),
        (format!("{bearer}{JSON}Origin: https://evil.example\r\n"), 403),
        (format!("{bearer}{JSON}Sec-Fetch-Site: cross-site\r\n"), 403),
    ] {
        let answer = send(daemon.address, "POST", "/api/v1/acks", &headers, &body);
        assert_eq!(answer.status, status, "{headers}: {}", answer.body);
    }
    let headers = format!("{bearer}{JSON}");
    for length in [20_000, 100_000] {
        let large = format!("{{\"by\":\"{}\"}}", "x".repeat(length));
        let refused = send(daemon.address, "POST", "/api/v1/acks", &headers, &large);
        assert_eq!(refused.status, 413);
        assert!(refused.body.contains("at most 16 KiB"), "{}", refused.body);
    }
    assert_eq!(
        send(daemon.address, "PUT", "/api/v1/acks", &headers, &body).status,
        405
    );
    assert_eq!(
        send(daemon.address, "DELETE", "/api/v1/silences/1", "", "").status,
        401
    );
    assert_eq!(daemon.json("/api/v1/acks?all=true")["items"], json!([]));
    assert_eq!(
        send(daemon.address, "POST", "/api/v1/acks", &headers, &body).status,
        201
    );
    let seen = eventually("it shows", || {
        daemon.item(1).filter(|item| item["ack"].is_object())
    });
    assert_eq!(seen["ack"]["note"], "");
    daemon.stop();
}

#[test]
fn who_is_signed_in_nowhere_is_told_to_give_a_name() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.export("USER", "");
    let mut daemon = home.start();
    receivers.wait_for(1);
    let refused = home.run(&["ack", "1"]);
    assert_eq!(refused.code, 64, "{refused:?}");
    assert!(refused.err.contains("USER is not set"), "{refused:?}");
    assert!(refused.err.contains("give --by NAME"), "{refused:?}");
    assert_eq!(home.run(&["ack", "1", "--by", "Ann"]).code, 0);
    daemon.stop();
}

#[test]
fn a_silence_that_starts_on_a_date_starts_as_that_day_begins() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("TIMEZONE", "Europe/Berlin");
    let mut daemon = home.start();
    receivers.wait_for(1);
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("known zone");
    let today = jiff::Timestamp::now().to_zoned(zone.clone()).date();
    let day = |days: i64| {
        let date = today.checked_add(jiff::Span::new().days(days));
        date.expect("in range")
    };
    let begins = |days| {
        let midnight = day(days).to_zoned(zone.clone()).expect("a midnight");
        midnight.timestamp().to_string()
    };
    let ends = |days| {
        let last = day(days).at(23, 59, 59, 0).to_zoned(zone.clone());
        last.expect("a time").timestamp().to_string()
    };
    let (from, until) = (day(10).to_string(), day(11).to_string());
    let made = home.run(&[
        "silence",
        "add",
        "--starts",
        &from,
        "--until",
        &until,
        "--comment",
        "moving",
        "--by",
        "Ann",
    ]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(
        made.out.starts_with(&format!("Silence 1 from {from} 00:00")),
        "{made:?}"
    );
    let body = json!({"matcher": {}, "starts_at": from, "ends_at": from, "by": "Ann", "comment": "x"});
    let over_http = send(
        daemon.address,
        "POST",
        "/api/v1/silences",
        JSON,
        &body.to_string(),
    );
    assert_eq!(over_http.status, 201, "{}", over_http.body);
    assert_eq!(over_http.json()["starts_at"], begins(10), "{}", over_http.body);
    assert_eq!(over_http.json()["ends_at"], ends(10), "{}", over_http.body);
    let listed = daemon.json("/api/v1/silences");
    let first = &listed["items"][1];
    assert_eq!(first["starts_at"], begins(10), "{listed}");
    assert_eq!(first["ends_at"], ends(11), "{listed}");
    assert_eq!(first["state"], "waiting", "{listed}");
    daemon.stop();
}

#[test]
fn what_people_did_is_read_in_the_history_and_in_the_events() {
    let shop = Shop::open(vec![item(1, "DS-64", 9), item(2, "VPS", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    let mut daemon = home.start();
    receivers.wait_for(1);
    let ok = |command: &[&str]| {
        let ended = home.run(command);
        assert_eq!(ended.code, 0, "{command:?}: {ended:?}");
        ended
    };
    ok(&["ack", "1", "--by", "Ann", "--note", "PO 881"]);
    ok(&["ack", "2", "--by", "Bob"]);
    ok(&["ack", "end", "1"]);
    ok(&[
        "silence",
        "add",
        "--for",
        "2h",
        "--comment",
        "new rack",
        "--by",
        "Ann",
    ]);
    ok(&["silence", "end", "1"]);
    let shown = ok(&["history", "1"]).out;
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["acked", "Ann: PO 881", "ack ended", "ended: Ann"] {
        assert!(flat.contains(words), "{words}: {shown}");
    }
    assert!(!flat.contains("Bob"), "another product's: {shown}");
    let json = ok(&["history", "1", "--json"]).json();
    let kinds = |list: &Value| -> Vec<String> {
        let items = list.as_array().expect("a list").iter();
        let kind = |item: &Value| item["kind"].as_str().expect("a kind").to_owned();
        items.map(kind).collect()
    };
    assert_eq!(kinds(&json["events"]), ["acked", "ack_ended"], "{json}");
    assert_eq!(json["events"][1]["reason"], "ended", "{json}");
    let of_one = daemon.json("/api/v1/events?instance=default&product=1");
    assert_eq!(kinds(&of_one["items"]), ["ack_ended", "acked"], "{of_one}");
    let silences = daemon.json("/api/v1/events?kind=silenced");
    assert_eq!(
        silences["items"],
        json!([{
            "id": silences["items"][0]["id"], "at": silences["items"][0]["at"], "kind": "silenced",
            "instance": null, "product_id": null, "combination": null, "pool": null,
            "severity_from": null, "severity_to": null, "reason": null, "level": null,
            "previous_level": null, "detail": "Ann: new rack", "poll": null,
        }])
    );
    let page = daemon.json("/api/v1/events?limit=1");
    assert_eq!(kinds(&page["items"]), ["silence_ended"]);
    let cursor = page["cursor"].as_str().expect("there is more");
    let next = daemon.json(&format!("/api/v1/events?limit=1&cursor={cursor}"));
    assert_eq!(kinds(&next["items"]), ["silenced"]);
    for (query, parameter) in [
        ("kind=nothing", "kind"),
        ("instance=mars", "instance"),
        ("since=1", "since"),
    ] {
        let refused = daemon.get(&format!("/api/v1/events?{query}"));
        let problem: Value = serde_json::from_str(&refused.body).expect("a problem");
        assert_eq!(
            (refused.status, &problem["parameter"]),
            (400, &json!(parameter)),
            "{query}"
        );
    }
    daemon.stop();
}
