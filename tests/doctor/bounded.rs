//! Nothing holds the doctor up: a large database is not looked through to the end, a slow shop is left in the end.

use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use secrecy::SecretString;
use whmcs_stock_monitor::doctor::database;
use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::doctor::finding::State;
use whmcs_stock_monitor::doctor::shop::Shop;
use whmcs_stock_monitor::doctor::visit;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;

use crate::world::World;

#[test]
fn a_database_too_large_to_be_looked_through_is_read_nevertheless() {
    let world = World::new();
    world.poll();
    world.sql(
        "CREATE TABLE filler AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000) \
         SELECT x, hex(randomblob(50)) AS noise FROM n",
    );
    let path = world.home.path("data/stock.db");
    let (walk, reader) = world.block_on(database::walk(&path, Duration::ZERO));
    let soundness = walk.checks.iter().find(|check| check.name == "soundness");
    let soundness = soundness.expect("a check");
    assert_eq!(soundness.state, State::NotChecked, "{walk:?}");
    assert_eq!(soundness.detail, "too large to be looked through within 0 s");
    assert!(walk.findings.is_empty(), "{walk:?}");
    let reader = reader.expect("it can be read");
    let shop = world.block_on(reader.instance("default"));
    assert!(shop.expect("read").is_some());
    world.block_on(database::close(reader));
}

#[test]
fn a_shop_that_takes_for_ever_is_left_and_told_of() {
    let world = World::new();
    world.shop.faults().keep(Some("WhmcsDetails"), Fault::Hang);
    let api = ApiSettings {
        url: world.shop.url(),
        sign_in: SignIn::Credentials {
            identifier: SecretString::from(world.shop.identifier().to_owned()),
            secret: SecretString::from(world.shop.secret().to_owned()),
        },
        access_key: None,
        response_type: Format::Json,
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(5),
        allow_insecure_tls: false,
        ca_file: None,
        max_body: 1 << 20,
        details_interval: Duration::ZERO,
        max_requests: 2,
        retry_base: Duration::from_millis(10),
    };
    let shop = Shop {
        name: "default".to_owned(),
        of_environment: true,
        api,
        policy: None,
        memory: Memory::default(),
    };
    assert_eq!(visit::patience(&shop), Duration::from_secs(90));
    let started = Instant::now();
    let walked = world.block_on(visit::walk(shop, Timestamp::now(), Duration::from_secs(1)));
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let found: Vec<Id> = walked.walk.findings.iter().map(|finding| finding.id).collect();
    assert_eq!(found, [Id::Timeout], "{walked:?}");
    let sign_in = walked.walk.checks.iter().find(|check| check.name == "sign-in");
    assert_eq!(sign_in.expect("a check").state, State::Finding);
    assert!(walked.memory.is_none());
}
