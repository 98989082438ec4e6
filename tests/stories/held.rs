//! What waits on the real program: reminders and whom they spare, what a silence of everything and quiet hours hold back.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::Signal;

use crate::CONTROLLED;
use crate::daemon::Daemon;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::receivers::SECRET;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

/// A zone in which it is about noon, so that no test runs over midnight.
fn noon() -> String {
    let hour = i32::from(Timestamp::now().to_zoned(TimeZone::UTC).hour());
    // The signs of these names are turned round.
    format!("Etc/GMT{:+}", hour - 12)
}

fn sql(path: &Path, statement: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

/// Waits until the webhook got so many.
fn wait_for_payloads(receivers: &Receivers, count: usize) {
    eventually("the webhook hears of it", || {
        (receivers.payloads().len() >= count).then_some(())
    });
}

fn two_more_polls(daemon: &Daemon) {
    daemon.wait_for_polls("default", daemon.polls("default") + 2);
}

#[test]
fn the_days_reminder_is_for_what_is_open_and_not_for_what_somebody_has_taken_on() {
    let shop = Shop::open(vec![item(1, "DS-64", 9), item(2, "DS-128", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    home.set("TIMEZONE", &noon());
    home.set("REMINDER_AT", "00:00");
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.catalogue(vec![item(1, "DS-64", 0), item(2, "DS-128", 0)]);
    receivers.wait_for(2);
    assert_eq!(home.run(&["ack", "2", "--by", "Ann"]).code, 0);
    daemon.stop();
    // As if all that had been two days ago.
    let stock = home.path("data/stock.db");
    sql(
        &stock,
        "UPDATE told SET at = at - 172800000; DELETE FROM reminders;",
    );
    let mut daemon = home.start();
    receivers.wait_for(3);
    two_more_polls(&daemon);
    daemon.wait_for_empty_outbox();
    daemon.stop();
    assert_eq!(
        receivers.said(),
        [
            "stock.baseline",
            "stock.alerts: 1 first out 0; 2 first out 0",
            "stock.alerts: 1 reminder out 0"
        ]
    );
}

#[test]
fn that_a_shop_is_down_is_told_only_once_a_silence_of_everything_has_ended() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.set("SOURCE_DOWN_AFTER", "1s");
    home.set("SOURCE_DOWN_POLLS", "2");
    let mut daemon = home.start();
    receivers.wait_for(1);
    let silenced = home.run(&[
        "silence",
        "add",
        "--for",
        "2h",
        "--comment",
        "moving house",
        "--by",
        "Ann",
    ]);
    assert_eq!(silenced.code, 0, "{silenced:?}");
    shop.mode(Mode::Echo);
    eventually("it failed for long enough", || {
        let polls = daemon.json("/api/v1/polls?limit=1000");
        let failed: Vec<Timestamp> = polls["items"]
            .as_array()?
            .iter()
            .filter(|poll| poll["outcome"] == "failed")
            .filter_map(|poll| poll["observed_at"].as_str()?.parse().ok())
            .collect();
        let (newest, oldest) = (failed.first()?, failed.last()?);
        (newest.duration_since(*oldest).as_secs() >= 3).then_some(())
    });
    assert_eq!(receivers.said(), ["stock.baseline"]);
    assert_eq!(home.run(&["silence", "end", "1"]).code, 0);
    receivers.wait_for(2);
    shop.mode(Mode::Catalogue);
    receivers.wait_for(3);
    daemon.stop();
    assert_eq!(receivers.said(), ["stock.baseline", "source.down", "source.up"]);
}

#[test]
fn quiet_hours_come_and_go_with_a_reload() {
    let shop = Shop::open(vec![item(1, "DS-64", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.unset("WEBHOOK_URL");
    home.unset("WEBHOOK_SECRET");
    home.set("TIMEZONE", &noon());
    let channel = format!(
        "{CONTROLLED}[[channel]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\n",
        receivers.hook.url()
    );
    home.write("config/monitor.toml", &channel);
    let mut daemon = home.start();
    receivers.wait_for(1);
    let quiet = format!("{channel}quiet = \"08:00-16:00\"\nquiet_pierce = []\n");
    home.write("config/monitor.toml", &quiet);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("The new configuration is in force.");
    shop.stock(1, 0);
    daemon.wait_for_item(1, "it is out", |item| item["severity"] == "out");
    two_more_polls(&daemon);
    daemon.wait_for_empty_outbox();
    assert_eq!(receivers.said(), ["stock.baseline"], "in its quiet hours");
    assert_eq!(receivers.mail.mails().len(), 2, "the other channel is told");
    home.write("config/monitor.toml", &channel);
    daemon.signal(Signal::HUP);
    wait_for_payloads(&receivers, 2);
    daemon.stop();
    assert_eq!(
        receivers.said(),
        ["stock.baseline", "stock.alerts: 1 first out 0"]
    );
}
