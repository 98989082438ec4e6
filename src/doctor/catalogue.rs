//! The walk of a shop's products: the permission to list them, the companion, the stock.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::doctor::finding::Id;
use crate::doctor::finding::Severity;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::doctor::guide::Names;
use crate::doctor::guide::Refused;
use crate::doctor::shop::STEP;
use crate::doctor::shop::Shop;
use crate::doctor::stock;
use crate::doctor::stock::Details;
use crate::doctor::stock::Known;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::product::Policy;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Product;
use crate::domain::draw::Uses;
use crate::domain::forecast::Forecasts;
use crate::domain::pattern::Pattern;
use crate::domain::people::People;
use crate::domain::source::Cause;
use crate::jobs::check;
use crate::jobs::check::Checked;
use crate::whmcs::call;
use crate::whmcs::client::Client;
use crate::whmcs::client::Standing;

/// A look at the catalogue, judged as a poll judges it.
#[derive(Debug)]
pub struct Looked {
    client: Client,
    checked: Checked,
    /// Why it says nothing.
    pub wrong: Option<Wrong>,
}

/// Looks once; nothing is recorded.
pub async fn look(shop: &Shop, names: &Names, now: Timestamp) -> Option<Looked> {
    let (rules, capacities) = policy(shop);
    let policy = Policy {
        instance: &shop.name,
        rules: &rules,
        capacities: &capacities,
        pools: None,
        people: &People::default(),
        forecasts: &Forecasts::default(),
    };
    // A large catalogue may take as long as a poll's may.
    let client = shop.client(shop.api.timeout).ok()?;
    let look = client.look(now, STEP, &CancellationToken::new()).await?;
    let checked = check::dry(policy, &shop.memory, look);
    let wrong = unread(&checked, names);
    Some(Looked {
        client,
        checked,
        wrong,
    })
}

fn policy(shop: &Shop) -> (Arc<Rules>, Arc<Capacities>) {
    match &shop.policy {
        Some((rules, capacities)) => (Arc::clone(rules), Arc::clone(capacities)),
        None => (Arc::new(Rules::new(0, 0, Vec::new(), Vec::new())), Arc::default()),
    }
}

/// The catalogue, who tells the details, and what is known of the stock; the memory as after a poll.
pub async fn walk(
    shop: &Shop,
    names: &Names,
    looked: Looked,
    version: Option<&str>,
    now: Timestamp,
    walk: &mut Walk,
) -> Option<Arc<Memory>> {
    let Looked {
        client,
        checked,
        wrong,
    } = looked;
    if let Some(wrong) = wrong {
        walk.found("products", wrong);
        return None;
    }
    let products = checked
        .look
        .result
        .as_ref()
        .map_or(&[][..], |snapshot| &snapshot.products);
    let attempts = &checked.look.attempts;
    if attempts
        .iter()
        .any(|attempt| attempt.cause == Some(Cause::Encoding))
    {
        walk.found("products", guide::only_as_xml());
    } else {
        walk.ok("products", format!("{} products listed", products.len()));
    }
    let details = details(&client, products, version, names, now).await;
    let known = Known {
        memory: &checked.memory,
        products,
        details,
        version,
        counts: counts(&policy(shop).1, &shop.name),
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
            Some(stock::broken(refused, names).unwrap_or_else(|| guide::refused(refused, names)))
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

/// Who answers GetProductDetails, asked once more for one product: to hear why nobody does, or by which contract.
async fn details(
    client: &Client,
    products: &[Arc<Product>],
    version: Option<&str>,
    names: &Names,
    now: Timestamp,
) -> Details {
    if client.standing() == Standing::Foreign {
        return Details::Foreign;
    }
    let id = products
        .first()
        .map_or_else(String::new, |product| product.id().to_string());
    let params = [("productid".to_owned(), id)];
    let answer = client
        .call("GetProductDetails", &params, now, &CancellationToken::new())
        .await;
    match (client.standing(), answer) {
        (Standing::Contract1, Some(Ok(called))) if call::contract(&called.body) > Some(1) => Details::Newer,
        (Standing::Contract1, _) => Details::Contract1,
        (_, Some(Err(uncalled))) => stock::absence(&uncalled.failure.detail, version, !names.is_admin),
        (_, Some(Ok(_)) | None) => Details::Foreign,
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
        None => walk.unknown("companion", "not available"),
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
