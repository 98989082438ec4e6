//! Backups: made beside a running daemon, proved, and put back after a disaster; the drill of docs/backup.md.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::Value;
use whmcs_stock_monitor::sinks::webhook::Reply;

use crate::CONTROLLED;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

#[test]
fn a_backup_made_beside_the_daemon_brings_everything_back_after_the_database_was_destroyed() {
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 40)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.write("config/monitor.toml", CONTROLLED);
    home.set("POLL_SCHEDULE", "every 200ms");
    let mut daemon = home.start();
    receivers.wait_for(1);
    shop.stock(1, 0);
    daemon.wait_for_item(1, "out", |item| item["severity"] == "out");
    daemon.wait_for_empty_outbox();
    let told = receivers.said();
    // From here on nothing is taken: what is decided waits.
    receivers.hook.always(Reply::Status(503));
    shop.stock(2, 1);
    daemon.wait_for_item(2, "critical", |item| item["severity"] == "critical");
    let backup = home.run(&["backup", "copy.db"]);
    assert_eq!(backup.code, 0, "{backup:?}");
    assert!(backup.out.contains("is a sound copy of"), "{backup:?}");
    let mode = fs::metadata(home.path("copy.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = home.run(&["backup", "copy.db"]);
    assert_eq!(again.code, 73, "{again:?}");
    assert!(again.err.contains("--force"), "{again:?}");
    assert_eq!(home.run(&["backup", "copy.db", "--force"]).code, 0);
    let running = home.run(&["restore", "copy.db"]);
    assert_eq!(running.code, 75, "{running:?}");
    daemon.signal(Signal::KILL);
    daemon.wait();
    let waiting = ids(&home
        .run(&["deliveries", "list", "--state", "pending", "--json"])
        .json());
    assert!(!waiting.is_empty());
    fs::write(
        home.path("data/stock.db"),
        b"not a database any more, but long enough to be one",
    )
    .unwrap();
    let _ = fs::remove_file(home.path("data/stock.db-wal"));
    let mut broken = home.spawn();
    assert_eq!(broken.wait().0, 65, "{}", broken.log());

    let restored = home.run(&["restore", "copy.db"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    let kept = fs::read_dir(home.path("data")).unwrap().flatten();
    let kept: Vec<_> = kept
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("stock.db.before-restore-"))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(
        ids(&home
            .run(&["deliveries", "list", "--state", "pending", "--json"])
            .json()),
        waiting
    );
    receivers.hook.always(Reply::Status(200));
    let daemon = home.start();
    daemon.wait_for_item(1, "still out", |item| item["severity"] == "out");
    daemon.wait_for_item(2, "still critical", |item| item["severity"] == "critical");
    daemon.wait_for_polls("default", 3);
    daemon.wait_for_empty_outbox();
    let requests = receivers.hook.requests();
    for id in &waiting {
        let again = requests
            .iter()
            .filter(|request| request.header("webhook-id") == Some(id));
        assert!(again.count() > 0, "{id} is told under the id it always had");
    }
    let all = receivers.said();
    let repeated: Vec<_> = told
        .iter()
        .filter(|said| all.iter().filter(|other| other == said).count() > 1)
        .collect();
    assert_eq!(
        repeated,
        Vec::<&String>::new(),
        "what was delivered before the backup is not told again: {all:?}"
    );
}

/// The messages' ids, each once.
fn ids(deliveries: &Value) -> Vec<String> {
    let items = deliveries["items"].as_array().expect("items");
    let mut ids: Vec<String> = items
        .iter()
        .map(|item| item["message_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn what_is_no_sound_database_of_ours_is_neither_backed_up_nor_restored() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let home = home(&shop, &receivers);
    assert_eq!(home.run(&["backup", "copy.db"]).code, 78, "there is none yet");
    assert_eq!(home.run(&["check"]).code, 0);
    assert_eq!(home.run(&["backup", "data/stock.db", "--force"]).code, 64);
    assert_eq!(home.run(&["backup", "nowhere/copy.db"]).code, 73);
    assert_eq!(home.run(&["restore", "nowhere.db"]).code, 64);
    home.write(
        "text.db",
        "this is a text and not a database, however long it may be, line after line",
    );
    let before = fs::read(home.path("data/stock.db")).unwrap();
    let text = home.run(&["restore", "text.db"]);
    assert_eq!(text.code, 65, "{text:?}");
    home.write("empty.db", "");
    assert_eq!(home.run(&["restore", "empty.db"]).code, 65);
    assert_eq!(home.run(&["backup", "copy.db"]).code, 0);
    let mut copy = fs::read(home.path("copy.db")).unwrap();
    let half = copy.len() / 2;
    copy[half..half + 3000].fill(0xa5);
    fs::write(home.path("damaged.db"), &copy).unwrap();
    let damaged = home.run(&["restore", "damaged.db"]);
    assert_eq!(damaged.code, 65, "{damaged:?}");
    assert_eq!(
        fs::read(home.path("data/stock.db")).unwrap(),
        before,
        "nothing was touched"
    );
    let left = fs::read_dir(home.path("data")).unwrap().flatten();
    assert!(
        left.into_iter()
            .all(|entry| !entry.file_name().to_string_lossy().contains("restor"))
    );
    assert_eq!(home.run(&["db", "check"]).code, 0);
    let vacuumed = home.run(&["db", "vacuum"]);
    assert_eq!(vacuumed.code, 0, "{vacuumed:?}");
    let stats = home.run(&["db", "stats"]);
    assert!(stats.out.contains("rows of levels"), "{stats:?}");
}
