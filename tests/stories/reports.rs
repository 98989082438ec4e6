//! Reports of the real program: one mail, whatever ends the process while it is made.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::runtime::Runtime;

use crate::CONTROLLED;
use crate::daemon::Home;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

/// The reports that arrived, by their message ids, each once.
fn reports(receivers: &Receivers) -> Vec<String> {
    let mails = receivers.mail.mails();
    let reports = mails.iter().filter(|mail| mail.subject().contains("report"));
    let mut ids: Vec<String> = reports.filter_map(|mail| mail.header("Message-ID")).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Has the report's schedule begun two days ago.
fn begin_earlier(database: PathBuf) {
    Runtime::new().unwrap().block_on(async {
        let options = SqliteConnectOptions::new().filename(database);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        let then = Timestamp::now().as_millisecond() - 2 * 86_400_000;
        let changed = sqlx::query("UPDATE report_runs SET scheduled_for = ? WHERE state = 'begun'")
            .bind(then)
            .execute(&mut conn)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1);
        conn.close().await.unwrap();
    });
}

/// A daemon that was stopped once its daily report had begun, two days ago.
fn due(shop: &Shop, receivers: &Receivers) -> Home {
    let mut home = home(shop, receivers);
    home.set("REPORT_SCHEDULE", "0 8 * * *");
    home.set("REPORT_EMAIL_TO", "boss@shop.example");
    let mut daemon = home.start();
    daemon.wait_for_log("Reports begin");
    daemon.stop();
    begin_earlier(home.path("data/stock.db"));
    home
}

#[test]
fn a_report_that_is_killed_again_and_again_while_it_is_made_is_one_mail_in_the_end() {
    let shop = Shop::open(vec![item(42, "DS-64", 20)]);
    let receivers = Receivers::start();
    let home = due(&shop, &receivers);
    // From before the first poll until after the report: some of these fall into its making.
    for millis in [30, 60, 90, 120, 150, 200, 250, 300, 400, 600] {
        let daemon = home.spawn();
        std::thread::sleep(Duration::from_millis(millis));
        drop(daemon);
    }
    let mut daemon = home.start();
    eventually("the report arrives", || {
        (!reports(&receivers).is_empty()).then_some(())
    });
    daemon.wait_for_polls("default", 5);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(reports(&receivers).len(), 1);
    shows_at_metrics(&home);
    let listed = home.run(&["deliveries", "list", "--json"]).json();
    let items = listed["items"].as_array().unwrap();
    let queued = items.iter().filter(|item| item["type"] == "report.digest");
    assert_eq!(queued.count(), 1, "{listed}");
}

/// A daemon that starts after the report arrived shows when it did.
fn shows_at_metrics(home: &Home) {
    let mut daemon = home.start();
    let metric = |name: &str| daemon.metric(&format!("whmcs_stock_report_{name}{{report=\"report\"}}"));
    let success = eventually("the report shows at /metrics", || {
        metric("last_success_timestamp_seconds")
    });
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
    let ago = Timestamp::now().as_second() as f64 - success;
    assert!((0.0..3600.0).contains(&ago), "{success}");
    assert_eq!(metric("overdue"), Some(0.0));
    daemon.stop();
}

#[test]
fn a_report_is_written_as_files_without_being_sent_and_sent_when_asked_for() {
    let shop = Shop::open(vec![item(42, "DS-64", 0), item(7, "VPS M", 50)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("REPORT_SCHEDULE", "0 8 * * *");
    home.set("REPORT_EMAIL_TO", "boss@shop.example");
    home.write("config/monitor.toml", CONTROLLED);
    assert_eq!(home.run(&["check"]).code, 2);
    let preview = home.run(&["report", "preview", "--out", "preview", "--period", "week"]);
    assert_eq!(preview.code, 0, "{preview:?}");
    let html = std::fs::read_to_string(home.path("preview/report.html")).unwrap();
    assert!(html.contains("DS-64") && !html.contains("cid:"), "{html}");
    for file in preview.out.lines() {
        assert!(home.path(file).is_file(), "{file}");
    }
    assert!(
        preview.out.contains(".csv") && preview.out.contains(".txt"),
        "{preview:?}"
    );
    assert_eq!(reports(&receivers).len(), 0, "nothing is sent");
    let sent = home.run(&["report", "send"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(reports(&receivers).len(), 1);
    let mut daemon = home.start();
    let beside = home.run(&["report", "send"]);
    assert_eq!(beside.code, 0, "{beside:?}");
    assert!(beside.err.contains("A daemon is running"), "{beside:?}");
    daemon.stop();
    // Whoever sends next takes it along.
    home.run(&["check"]);
    assert_eq!(reports(&receivers).len(), 2);
    assert_eq!(home.run(&["report", "send", "nobody's"]).code, 78);
}
