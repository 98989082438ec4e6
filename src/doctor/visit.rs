//! The walk of one shop: address, connection, sign-in, clock, and then its products.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::doctor::catalogue;
use crate::doctor::connection;
use crate::doctor::finding::Id;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::guide::Names;
use crate::doctor::placeholder;
use crate::doctor::shop::STEP;
use crate::doctor::shop::Shop;
use crate::doctor::way;
use crate::domain::alerting::state::Memory;
use crate::domain::source::Cause;
use crate::whmcs::call;
use crate::whmcs::call::Called;
use crate::whmcs::call::Exchange;
use crate::whmcs::call::Uncalled;

/// The longest that a walk may take, beside the catalogue.
const WALK: Duration = Duration::from_secs(60);
/// How far the clocks may differ.
const CLOCKS: i64 = 60;
/// The steps, in their order.
const STEPS: [&str; 9] = [
    "address",
    "connection",
    "sign-in",
    "certificate",
    "clock",
    "version",
    "products",
    "companion",
    "stock",
];

/// What was found out.
#[derive(Debug)]
pub struct Walked {
    pub name: String,
    pub walk: Walk,
    /// As after a poll, where the catalogue could be read.
    pub memory: Option<Arc<Memory>>,
}

/// How long the walk of that shop may take as a whole: its catalogue may take as long as a poll's.
#[must_use]
pub fn patience(shop: &Shop) -> Duration {
    WALK.saturating_add(shop.api.timeout)
}

/// Walks as far as it gets within `patience`.
pub async fn walk(shop: Shop, now: Timestamp, patience: Duration) -> Walked {
    let mut walk = Walk::new(format!("shop {}", shop.name), Some(&shop.name));
    let memory = timeout(patience, steps(&shop, now, &mut walk)).await;
    let mut left = left(&walk);
    if memory.is_err() && !left.is_empty() {
        walk.found(left.remove(0), overdue(patience, &shop.names()));
    }
    walk.not_checked(&left, "an earlier step failed");
    let memory = memory.ok().flatten();
    Walked {
        name: shop.name,
        walk,
        memory,
    }
}

/// The steps that were not taken.
fn left(walk: &Walk) -> Vec<&'static str> {
    let taken: Vec<&str> = walk.checks.iter().map(|check| check.name).collect();
    STEPS.into_iter().filter(|step| !taken.contains(step)).collect()
}

fn overdue(patience: Duration, names: &Names) -> Wrong {
    Wrong::failure(
        Id::Timeout,
        format!(
            "The shop was not walked through within {} s: each answer comes, but too slowly.",
            patience.as_secs_f64()
        ),
        "Check the load of the WHMCS host, and what its web server or a proxy holds back.",
    )
    .about(names.timeout.clone())
}

async fn steps(shop: &Shop, now: Timestamp, walk: &mut Walk) -> Option<Arc<Memory>> {
    let names = shop.names();
    let client = match shop.client(shop.api.timeout.min(STEP)) {
        Ok(client) => client,
        Err(wrong) => {
            walk.found("address", wrong);
            return None;
        }
    };
    let place = shop.place(client.url(), &names);
    let reached = connection::connection(&client, &place, &names, now).await;
    // Where nothing answers, or something sends us to https, that comes first.
    if reached.is_ok() && connection::is_open_http(client.url()) {
        walk.found("address", connection::open_http(&client, &names, now).await);
    } else {
        walk.ok("address", client.url().as_str());
    }
    if let Err(wrong) = reached {
        walk.found("connection", wrong);
        return None;
    }
    walk.ok("connection", "WHMCS's API answers");
    if let Some(wrong) = placeholder::credentials(&shop.api.sign_in, &names) {
        walk.found("sign-in", wrong);
        return None;
    }
    let never = CancellationToken::new();
    // It is asked for the version alone: whatever comes of it, only GetProducts decides.
    let told = client.call("WhmcsDetails", &[], now, &never).await?;
    let mut looked = catalogue::look(shop, &names, now).await?;
    if let Some(wrong) = looked.wrong.take_if(|wrong| is_of_sign_in(wrong.id)) {
        walk.found("sign-in", wrong);
        return None;
    }
    let exchange = match &told {
        Ok(called) => &called.exchange,
        Err(uncalled) => &uncalled.exchange,
    };
    if looked.wrong.is_none() || is_accepted(&told) {
        let by_ipv6 = exchange.address.is_some_and(|address| address.is_ipv6());
        walk.ok("sign-in", if by_ipv6 { "accepted; by IPv6" } else { "accepted" });
    }
    match way::certificate(exchange, &place, now) {
        Ok(detail) => walk.ok("certificate", detail),
        Err(wrong) => walk.found("certificate", wrong),
    }
    clock(exchange, walk);
    let version = version(told, walk);
    catalogue::walk(shop, &names, looked, version.as_deref(), now, walk).await
}

/// Whether a finding is one of the credentials, the admin or the address.
fn is_of_sign_in(id: Id) -> bool {
    [
        Id::CredentialsWrongSecret,
        Id::CredentialsWrongIdentifier,
        Id::AdminDeactivated,
        Id::ApiAccessDenied,
        Id::IpNotListed,
        Id::IpNotListedIpv6,
        Id::IpBanned,
    ]
    .contains(&id)
}

/// Whether WHMCS knew who asked.
fn is_accepted(told: &Result<Called, Box<Uncalled>>) -> bool {
    match told {
        Ok(_) => true,
        Err(uncalled) => {
            uncalled.of_the_request
                || matches!(
                    uncalled.failure.cause,
                    Cause::Permission | Cause::ActionMissing | Cause::Encoding
                )
        }
    }
}

fn version(told: Result<Called, Box<Uncalled>>, walk: &mut Walk) -> Option<String> {
    let failure = match told.and_then(call::version) {
        Ok(version) => {
            walk.ok("version", version.clone());
            return Some(version);
        }
        Err(uncalled) => uncalled.failure,
    };
    let why = match failure.cause {
        Cause::Permission | Cause::ActionMissing => "the role lacks WhmcsDetails".to_owned(),
        cause if failure.detail.is_empty() => cause.words().trim_end_matches('.').to_owned(),
        _ => failure.detail,
    };
    walk.unknown("version", format!("unknown: {why} (nothing needs it)"));
    None
}

fn clock(exchange: &Exchange, walk: &mut Walk) {
    let Some(theirs) = exchange.date else {
        walk.unknown("clock", "unknown: no date was sent");
        return;
    };
    let ahead = theirs.duration_since(Timestamp::now()).as_secs();
    if ahead.abs() <= CLOCKS {
        walk.ok("clock", "agrees with this host's");
        return;
    }
    let how = if ahead > 0 { "ahead of" } else { "behind" };
    walk.found(
        "clock",
        Wrong::warning(
            Id::ClockDiffers,
            format!("The WHMCS host's clock is {} s {how} this host's.", ahead.abs()),
            "Set both by NTP (timedatectl set-ntp true). Times in alerts, reminders and hints, which expire after \
             minutes, depend on them.",
        ),
    );
}
