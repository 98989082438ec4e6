//! The container: its root, assembled by the very script that the Dockerfile runs, with the daemon in it under bubblewrap;
//! and what compose and Kubernetes are told of it. That an image is built and run needs an engine, which is not here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/daemon.rs"]
mod daemon;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/receivers.rs"]
mod receivers;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "support/shop.rs"]
mod shop;
#[path = "container/root.rs"]
mod root;
#[path = "container/written.rs"]
mod written;

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::daemon::metric;
use crate::receivers::Receivers;
use crate::root::Root;
use crate::shop::Shop;
use crate::shop::item;

const TOKEN: &str = "token-of-the-container-test";

#[test]
fn the_daemon_does_its_work_in_the_container_s_root_with_no_rights_and_nothing_to_write_to_but_its_volume() {
    let Some(root) = Root::assembled() else { return };
    let shop = Shop::open(vec![item(1, "A", 9), item(2, "B", 1)]);
    let receivers = Receivers::start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    // By a name that is looked up.
    let url = format!("http://localhost:{}/includes/api.php", shop.address().port());
    let mut settings = receivers.settings(&url);
    settings.push(("HTTP_LISTEN", format!("0.0.0.0:{port}")));
    settings.push(("HTTP_TOKEN", TOKEN.to_owned()));
    settings.push(("TIMEZONE", "Europe/Berlin".to_owned()));

    let mut daemon = root.run(&settings, &["run"]);
    receivers.wait_for(1);
    assert_eq!(receivers.said(), ["stock.baseline"]);
    let headers = format!("Authorization: Bearer {TOKEN}\r\n");
    let address = ([127, 0, 0, 1], port).into();
    let metrics = daemon::ask(address, "/metrics", &headers).unwrap();
    assert_eq!(
        metric(&metrics.body, "whmcs_up{whmcs=\"default\"}"),
        Some(1.0),
        "{metrics:?}"
    );
    let status = daemon.proc("status");
    for nothing in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(
            status.contains(&format!("{nothing}:\t0000000000000000")),
            "{nothing}: {status}"
        );
    }
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let within: Vec<String> = daemon
        .proc("uid_map")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(within[0], "65532", "{within:?}");
    let mounts = daemon.proc("mountinfo");
    let writable: Vec<&str> = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(4);
            let (place, options) = (fields.next()?, fields.next()?);
            options.split(',').any(|option| option == "rw").then_some(place)
        })
        .filter(|place| !place.starts_with("/dev") && *place != "/proc")
        .collect();
    assert_eq!(writable, ["/var/lib/whmcs-stock-monitor"], "{mounts}");
    assert!(!root.folder().join("tmp").exists());

    let health = root.run(&settings, &["healthcheck"]).wait();
    assert_eq!(health.0, 0, "{health:?}");
    let database = root.state().join("stock.db");
    assert_eq!(database.metadata().unwrap().mode() & 0o777, 0o600);
    assert!(daemon.terminate() < Duration::from_secs(10));
    let ended = daemon.wait();
    assert_eq!(ended.0, 0, "{ended:?}");
    let health = root.run(&settings, &["healthcheck"]).wait();
    assert_eq!(health.0, 1, "nobody answers any more: {health:?}");
}

#[test]
fn a_container_that_nobody_gave_a_token_says_so_instead_of_starting() {
    let Some(root) = Root::assembled() else { return };
    let settings = [
        (
            "WHMCS_API_URL",
            "https://shop.example/includes/api.php".to_owned(),
        ),
        ("WHMCS_API_IDENTIFIER", "test-identifier".to_owned()),
        ("WHMCS_API_SECRET", "test-secret".to_owned()),
        ("HTTP_LISTEN", "0.0.0.0:9717".to_owned()),
    ];
    let (code, log) = root.run(&settings, &["run"]).wait();
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("HTTP_TOKEN"), "{log}");
}

#[test]
fn certificates_and_time_zones_are_in_the_root_and_no_shell() {
    let Some(root) = Root::assembled() else { return };
    let settings = [
        (
            "WHMCS_API_URL",
            "https://shop.invalid/includes/api.php".to_owned(),
        ),
        ("WHMCS_API_IDENTIFIER", "test-identifier".to_owned()),
        ("WHMCS_API_SECRET", "test-secret".to_owned()),
        ("WHMCS_API_TIMEOUT", "2s".to_owned()),
    ];
    // TLS is set up, which takes certificates; then the name turns out to be nobody's.
    let (code, said) = root.run(&settings, &["check", "--dry-run"]).wait();
    assert_eq!(code, 3, "{said}");
    assert!(said.to_lowercase().contains("name"), "{said}");
    assert!(root.folder().join("usr/share/zoneinfo/America/New_York").exists());
    for path in ["bin", "sbin", "usr/sbin", "usr/bin/sh", "tmp"] {
        assert!(!root.folder().join(path).exists(), "{path}");
    }
    let certificates =
        std::fs::read_to_string(root.folder().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(certificates.matches("BEGIN CERTIFICATE").count() > 50);
}
