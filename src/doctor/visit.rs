//! The walk of one shop: address, connection, sign-in, clock, and then its products.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::doctor::catalogue;
use crate::doctor::connection;
use crate::doctor::finding::Id;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::doctor::guide::Names;
use crate::doctor::guide::Refused;
use crate::doctor::shop::STEP;
use crate::doctor::shop::Shop;
use crate::domain::alerting::state::Memory;
use crate::domain::source::Cause;
use crate::whmcs::call;
use crate::whmcs::call::Exchange;
use crate::whmcs::client::Client;

/// How far the clocks may differ.
const CLOCKS: i64 = 60;
/// The steps, in their order.
const STEPS: [&str; 8] = [
    "address",
    "connection",
    "sign-in",
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

/// Walks as far as it gets.
pub async fn walk(shop: Shop, now: Timestamp) -> Walked {
    let mut walk = Walk::new(format!("shop {}", shop.name), Some(&shop.name));
    let memory = steps(&shop, now, &mut walk).await;
    let taken: Vec<&str> = walk.checks.iter().map(|check| check.name).collect();
    let left: Vec<&'static str> = STEPS.into_iter().filter(|step| !taken.contains(step)).collect();
    walk.not_checked(&left, "an earlier step failed");
    Walked {
        name: shop.name,
        walk,
        memory,
    }
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
        walk.found("address", connection::open_http(client.url(), &names));
    } else {
        walk.ok("address", client.url().as_str());
    }
    if let Err(wrong) = reached {
        walk.found("connection", wrong);
        return None;
    }
    walk.ok("connection", "WHMCS's API answers");
    let (version, exchange) = sign_in(&client, &names, now, walk).await?;
    clock(&exchange, walk);
    match &version {
        Some(version) => walk.ok("version", version.clone()),
        None => walk.ok(
            "version",
            "unknown: the role lacks WhmcsDetails, which nothing needs",
        ),
    }
    catalogue::walk(shop, &names, version.as_deref(), now, walk).await
}

/// The version where it is told, and how the exchange went; nothing where the sign-in failed.
async fn sign_in(
    client: &Client,
    names: &Names,
    now: Timestamp,
    walk: &mut Walk,
) -> Option<(Option<String>, Exchange)> {
    let answer = client
        .call("WhmcsDetails", &[], now, &CancellationToken::new())
        .await?;
    let seen = match answer {
        Ok(called) => {
            let exchange = called.exchange.clone();
            let version = call::version(called).ok();
            Ok((version, exchange))
        }
        Err(uncalled) => {
            let refused = guide::refused(
                Refused {
                    action: "WhmcsDetails",
                    cause: uncalled.failure.cause,
                    detail: &uncalled.failure.detail,
                    body: &uncalled.body,
                },
                names,
            );
            let signed_in = refused.id == Id::PermissionGetProducts
                || uncalled.failure.cause == Cause::ActionMissing
                || uncalled.of_the_request;
            if signed_in {
                Ok((None, uncalled.exchange))
            } else {
                Err(refused)
            }
        }
    };
    match seen {
        Ok(seen) => {
            let by_ipv6 = seen.1.address.is_some_and(|address| address.is_ipv6());
            walk.ok("sign-in", if by_ipv6 { "accepted; by IPv6" } else { "accepted" });
            Some(seen)
        }
        Err(wrong) => {
            walk.found("sign-in", wrong);
            None
        }
    }
}

fn clock(exchange: &Exchange, walk: &mut Walk) {
    let Some(theirs) = exchange.date else {
        walk.ok("clock", "unknown: the server sends no date");
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
