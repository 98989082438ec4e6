//! The walk of one shop: address, connection, sign-in, permissions, stock, companion and clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use crate::doctor::connection;
use crate::doctor::finding::Id;
use crate::doctor::finding::Severity;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::doctor::guide::Names;
use crate::doctor::guide::Refused;
use crate::doctor::stock;
use crate::doctor::stock::Details;
use crate::doctor::stock::Known;
use crate::doctor::way::Place;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Companion;
use crate::domain::draw::Uses;
use crate::domain::pattern::Pattern;
use crate::domain::source::Cause;
use crate::jobs::check;
use crate::jobs::check::Checked;
use crate::whmcs::call;
use crate::whmcs::call::Exchange;
use crate::whmcs::client::ApiSettings;
use crate::whmcs::client::Client;
use crate::whmcs::client::Standing;
use crate::whmcs::form::SignIn;

/// The longest that a single request may take.
pub const STEP: Duration = Duration::from_secs(10);
/// How far the clocks may differ.
const CLOCKS: i64 = 60;
/// Between the tries of a request; short, since somebody waits.
const RETRY_BASE: Duration = Duration::from_millis(100);
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

/// A shop to walk.
#[derive(Debug, Clone)]
pub struct Shop {
    pub name: String,
    /// Whether its settings are those of the environment.
    pub of_environment: bool,
    pub api: ApiSettings,
    /// What holds for its products; `None` where rules or capacities are broken.
    pub policy: Option<(Arc<Rules>, Arc<Capacities>)>,
    /// What is remembered of it.
    pub memory: Memory,
}

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
    let client = match client(shop, shop.api.timeout.min(STEP)) {
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
    products(shop, &names, version.as_deref(), now, walk).await
}

impl Shop {
    fn setting(&self, variable: &str, key: &str) -> String {
        if self.of_environment {
            variable.to_owned()
        } else {
            format!("instance {:?}: {key}", self.name)
        }
    }

    fn names(&self) -> Names {
        let is_admin = matches!(self.api.sign_in, SignIn::Admin { .. });
        let [who, proof] = if is_admin {
            [
                ("WHMCS_API_USERNAME", "username"),
                ("WHMCS_API_PASSWORD", "password"),
            ]
        } else {
            [
                ("WHMCS_API_IDENTIFIER", "identifier"),
                ("WHMCS_API_SECRET", "secret"),
            ]
        };
        Names {
            url: self.setting("WHMCS_API_URL", "url"),
            who: self.setting(who.0, who.1),
            proof: self.setting(proof.0, proof.1),
            is_admin,
            schedule: self.setting("POLL_SCHEDULE", "schedule"),
            max_body: self.setting("WHMCS_MAX_BODY", "max_body"),
            timeout: self.setting("WHMCS_API_TIMEOUT", "timeout"),
        }
    }

    fn place(&self, url: &Url, names: &Names) -> Place {
        Place {
            url: url.to_string(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            url_setting: names.url.clone(),
            ca_setting: self.setting("WHMCS_CA_FILE", "ca_file"),
            timeout_setting: names.timeout.clone(),
        }
    }
}

/// A client whose requests may take that long each.
fn client(shop: &Shop, timeout: Duration) -> Result<Client, Wrong> {
    let mut settings = shop.api.clone();
    settings.timeout = timeout;
    settings.connect_timeout = settings.connect_timeout.min(timeout);
    settings.retry_base = RETRY_BASE;
    Client::new(settings).map_err(|error| {
        let problem = format!("The shop's settings cannot be used: {error}.");
        Wrong::failure(Id::Configuration, problem, "Mend the setting it names.").about(shop.names().url)
    })
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

async fn products(
    shop: &Shop,
    names: &Names,
    version: Option<&str>,
    now: Timestamp,
    walk: &mut Walk,
) -> Option<Arc<Memory>> {
    let (rules, capacities) = match &shop.policy {
        Some((rules, capacities)) => (Arc::clone(rules), Arc::clone(capacities)),
        None => (Arc::new(Rules::new(0, 0, Vec::new(), Vec::new())), Arc::default()),
    };
    let policy = Policy {
        instance: &shop.name,
        rules: &rules,
        capacities: &capacities,
        pools: None,
    };
    // A large catalogue may take as long as a poll's may.
    let client = client(shop, shop.api.timeout).ok()?;
    let cancel = CancellationToken::new();
    let look = client.look(now, STEP, &cancel).await?;
    let checked = check::dry(policy, &shop.memory, look);
    if let Some(wrong) = unread(&checked, names) {
        walk.found("products", wrong);
        return None;
    }
    let count = checked
        .look
        .result
        .as_ref()
        .map_or(0, |snapshot| snapshot.products.len());
    walk.ok("products", format!("{count} products listed"));
    let details = details(&client, &checked, version, names, now).await;
    let known = Known {
        memory: &checked.memory,
        details,
        version,
        counts: counts(&capacities, &shop.name),
        had_companion: shop.memory.source.had_companion == Some(Companion::Contract1),
    };
    levels(shop, known, walk);
    Some(checked.memory)
}

/// Whether capacities or pools need the shop's services counted.
fn counts(capacities: &Capacities, instance: &str) -> bool {
    let concerns = |patterns: &[Pattern]| {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches_text(instance))
    };
    capacities.capacities.iter().any(|rule| concerns(&rule.instances))
        || !Uses::of(&capacities.pools, instance).is_empty()
}

/// Why the catalogue says nothing.
fn unread(checked: &Checked, names: &Names) -> Option<Wrong> {
    match &checked.look.result {
        Err(failure) => {
            let action = checked
                .look
                .attempts
                .last()
                .map_or("GetProducts", |last| last.action.as_str());
            let refused = Refused {
                action,
                cause: failure.cause,
                detail: &failure.detail,
                body: "",
            };
            Some(guide::refused(refused, names))
        }
        Ok(snapshot) if snapshot.products.is_empty() => Some(
            Wrong::warning(
                Id::CatalogueEmpty,
                "WHMCS lists no product at all.",
                "If the shop does sell products, check that WHMCS_API_URL leads to the right installation.",
            )
            .about(names.url.clone()),
        ),
        Ok(_) => match checked.outcome {
            Outcome::Accepted => None,
            Outcome::Suspect | Outcome::Failed(_) => {
                let refused = Refused {
                    action: "GetProducts",
                    cause: checked.outcome.cause().unwrap_or(Cause::Suspect),
                    detail: &checked.detail,
                    body: "",
                };
                Some(guide::refused(refused, names))
            }
        },
    }
}

/// Who answers GetProductDetails, asked once more where nobody did, to hear why.
async fn details(
    client: &Client,
    checked: &Checked,
    version: Option<&str>,
    names: &Names,
    now: Timestamp,
) -> Details {
    match client.standing() {
        Standing::Contract1 => return Details::Contract1,
        Standing::Foreign => return Details::Foreign,
        Standing::NotAsked { .. } | Standing::Absent { .. } | Standing::Vanished { .. } => {}
    }
    let first = checked
        .look
        .result
        .as_ref()
        .ok()
        .and_then(|snapshot| snapshot.products.first());
    let id = first.map_or_else(String::new, |product| product.id().to_string());
    let params = [("productid".to_owned(), id)];
    let answer = client
        .call("GetProductDetails", &params, now, &CancellationToken::new())
        .await;
    match answer {
        Some(Err(uncalled)) => stock::absence(&uncalled.failure.detail, version, !names.is_admin),
        Some(Ok(_)) | None => Details::Foreign,
    }
}

fn levels(shop: &Shop, known: Known<'_>, walk: &mut Walk) {
    let wrong = stock::companion(known);
    let explains = wrong
        .as_ref()
        .is_some_and(|wrong| wrong.severity > Severity::Info);
    match wrong {
        Some(wrong) => walk.found("companion", wrong),
        None if known.details == Details::Contract1 => walk.ok("companion", "answers (contract 1)"),
        None => walk.ok("companion", "not available"),
    }
    if shop.policy.is_none() {
        walk.not_checked(&["stock"], "the rules cannot be read");
        return;
    }
    if explains {
        walk.not_checked(&["stock"], "the companion comes first");
        return;
    }
    let found = stock::levels(known);
    if found.is_empty() {
        walk.ok("stock", "known for every product");
    }
    for wrong in found {
        walk.found("stock", wrong);
    }
}
