//! What can be known of the stock: who answers GetProductDetails, what stays unknown, and the ways out.

use std::sync::Arc;

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::guide;
use crate::doctor::guide::Names;
use crate::doctor::guide::Refused;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Level;
use crate::domain::catalogue::Product;
use crate::domain::source::Cause;

/// Products that are listed by name.
pub const LISTED: usize = 10;
/// How the companion comes to the WHMCS host.
const INSTALL: &str = "install the companion (whmcs-stock-monitor companion export DIR writes its files; copy them into \
                       the WHMCS folder and tick GetProductDetails for the role)";

/// Who answers GetProductDetails, or why nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    Contract1,
    /// A companion that keeps a later contract.
    Newer,
    Foreign,
    /// WHMCS says that there is no such action.
    Missing,
    /// The role may call it, but its file is not there.
    FileMissing,
    /// It is there, and the role lacks it (WHMCS 9 and later tell these apart).
    NotPermitted,
    /// Not there, or not permitted: up to WHMCS 8 one message means both.
    MissingOrNotPermitted,
}

/// Why nobody answers, from what was said.
#[must_use]
pub fn absence(said: &str, version: Option<&str>, by_credentials: bool) -> Details {
    let said = said.to_lowercase();
    if said.contains("invalid api action") {
        Details::Missing
    } else if said.contains("not found") {
        // Without a role that was given the action, a missing file is no sign that there ever was one.
        if by_credentials {
            Details::FileMissing
        } else {
            Details::Missing
        }
    } else if version.and_then(major).is_some_and(|major| major >= 9) {
        Details::NotPermitted
    } else {
        Details::MissingOrNotPermitted
    }
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// What is known of a shop when its stock is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// As after a poll.
    pub memory: &'a Memory,
    /// As they were answered.
    pub products: &'a [Arc<Product>],
    pub details: Details,
    pub version: Option<&'a str>,
    /// Whether capacities or pools count its services.
    pub counts: bool,
    /// Whether our companion answered when it was last polled.
    pub had_companion: bool,
}

/// What is wrong with GetProductDetails; `None` where it does all that is asked of it.
#[must_use]
pub fn companion(known: Known<'_>) -> Option<Wrong> {
    let unknown = unknown(known.memory).count();
    let costs = match (unknown, known.counts) {
        (0, false) => "The stock of every product is known without it",
        (0, true) => "Without it services are not counted: capacities and pools stay unknown",
        (_, false) => "Without it the stock of some products stays unknown",
        (_, true) => "Without it the stock of some products, and capacities and pools, stay unknown",
    };
    match known.details {
        Details::Contract1 => incomplete(known.products),
        Details::Newer => Some(incomplete(known.products).unwrap_or_else(newer)),
        Details::Foreign if known.counts => Some(foreign(Wrong::warning)),
        Details::Foreign => Some(foreign(Wrong::note)),
        Details::NotPermitted => Some(Wrong::warning(
            Id::PermissionGetProductDetails,
            format!(
                "GetProductDetails (the companion) is installed, but the role of the API credentials does not \
                 allow it. {costs}."
            ),
            guide::details_mend(),
        )),
        Details::MissingOrNotPermitted if known.had_companion => Some(Wrong::warning(
            Id::PermissionGetProductDetails,
            format!(
                "GetProductDetails (the companion) answered before and is refused now: either its file is gone or the \
                 role no longer allows it; WHMCS before 9 says the same for both. {costs}."
            ),
            format!(
                "{} If it is ticked, or not in the list, copy the companion's files into the WHMCS folder again.",
                guide::details_mend()
            ),
        )),
        Details::FileMissing => Some(Wrong::warning(
            Id::CompanionMissing,
            format!(
                "The role allows GetProductDetails, but the companion's file is not on the WHMCS host. {costs}."
            ),
            "Copy includes/api/getproductdetails.php into the WHMCS folder again (whmcs-stock-monitor companion export \
             DIR writes it); an upgrade of WHMCS may have removed it.",
        )),
        Details::Missing | Details::MissingOrNotPermitted => absent(known, unknown, costs),
    }
}

/// What our companion leaves out of what it is asked for.
fn incomplete(products: &[Arc<Product>]) -> Option<Wrong> {
    let lacking: Vec<&Arc<Product>> = products
        .iter()
        .filter(|product| match &product.details {
            None => true,
            Some(details) => details.controlled == Some(true) && details.quantity == Figure::Absent,
        })
        .collect();
    let first = lacking
        .iter()
        .take(5)
        .map(|product| (product.listing.name.shown(), product.id()));
    let named: Vec<String> = first.map(|(name, id)| format!("{name} ({id})")).collect();
    let more = match lacking.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!lacking.is_empty()).then(|| {
        Wrong::warning(
            Id::CompanionIncomplete,
            format!(
                "The companion answers, but says nothing of the stock of products that WHMCS lists: {}{more}.",
                named.join(", ")
            ),
            format!(
                "Look at what it answers (whmcs-stock-monitor call GetProductDetails productid={}). Copy its files into \
                 the WHMCS folder again (whmcs-stock-monitor companion export DIR writes them): a file that was changed, \
                 or is of another version, does this. Then look into PHP's error log on the WHMCS host.",
                lacking.first().map_or(0, |product| product.id())
            ),
        )
    })
}

fn newer() -> Wrong {
    Wrong::note(
        Id::CompanionNewer,
        "The companion keeps a later contract than 1, and this monitor knows contract 1 only: what it understands of the \
         answer is used.",
        "Upgrade whmcs-stock-monitor, or copy the companion's files that belong to this version into the WHMCS folder \
         (whmcs-stock-monitor companion export DIR writes them).",
    )
}

/// Where the companion is what fails, rather than WHMCS as a whole; `None` where it is not.
#[must_use]
pub fn broken(refused: Refused<'_>, names: &Names) -> Option<Wrong> {
    if refused.action != "GetProductDetails" {
        return None;
    }
    let foremost = matches!(
        refused.cause,
        Cause::Firewall | Cause::RateLimited | Cause::Maintenance | Cause::Redirect
    );
    if foremost {
        let wrong = guide::refused(refused, names);
        return Some(Wrong {
            problem: format!(
                "GetProducts is answered, but GetProductDetails (the companion) is not. {}",
                wrong.problem
            ),
            ..wrong
        });
    }
    let words = if refused.detail.to_lowercase().contains("getproductdetails: ") {
        "it reports a fault of its own"
    } else {
        refused.cause.words().trim_end_matches('.')
    };
    Some(Wrong::failure(
        Id::CompanionBroken,
        format!(
            "GetProducts is answered, but GetProductDetails (the companion) fails: {words}{}.",
            guide::in_brackets(refused.detail)
        ),
        "Look into PHP's error log on the WHMCS host, and at what it answers (whmcs-stock-monitor call \
         GetProductDetails productid=…). Copy the companion's files into the WHMCS folder again \
         (whmcs-stock-monitor companion export DIR writes them), or remove includes/api/getproductdetails.php to do \
         without.",
    ))
}

fn absent(known: Known<'_>, unknown: usize, costs: &str) -> Option<Wrong> {
    let wrong = if known.had_companion || known.counts {
        Wrong::warning
    } else if unknown == 0 {
        Wrong::note
    } else {
        // What stays unknown is the finding then, and the companion one of its mends.
        return None;
    };
    let either = if known.details == Details::MissingOrNotPermitted {
        " If it is installed already, the role lacks it: WHMCS before 9 says the same for both."
    } else {
        ""
    };
    Some(wrong(
        Id::CompanionMissing,
        format!("The companion (GetProductDetails) is not available. {costs}."),
        format!("To know more, {INSTALL}.{either}"),
    ))
}

fn foreign(wrong: fn(Id, String, String) -> Wrong) -> Wrong {
    wrong(
        Id::CompanionOtherAction,
        "GetProductDetails is answered by another custom action than our companion: it tells one product a request and \
         counts no services, so that capacities and pools stay unknown."
            .to_owned(),
        format!("To have counts and cheaper polls, replace includes/api/getproductdetails.php: {INSTALL}."),
    )
}

/// What stays unknown of the stock, each kind with its ways out.
#[must_use]
pub fn levels(known: Known<'_>) -> Vec<Wrong> {
    let (mut fieldless, mut zeros, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for product in unknown(known.memory) {
        if product.ambiguous_zero {
            zeros.push(product);
        } else if is_fieldless(product) {
            fieldless.push(product);
        } else {
            unreadable.push(product);
        }
    }
    let found = [
        (!fieldless.is_empty()).then(|| no_fields(known, &fieldless)),
        (!zeros.is_empty()).then(|| ambiguous(known, &zeros)),
        (!unreadable.is_empty()).then(|| not_read(&unreadable)),
    ];
    found.into_iter().flatten().collect()
}

/// The products whose own stock is unknown.
fn unknown(memory: &Memory) -> impl Iterator<Item = &Tracked> {
    memory
        .products
        .iter()
        .map(|product| &**product)
        .filter(|product| {
            !product.gone && product.series.level == Level::Unknown && product.bottleneck.is_none()
        })
}

fn is_fieldless(product: &Tracked) -> bool {
    product.seen.as_ref().is_none_or(|seen| {
        let detailed = seen.details.as_ref().map(|details| details.quantity);
        seen.listing.quantity == Figure::Absent && matches!(detailed, None | Some(Figure::Absent))
    })
}

fn no_fields(known: Known<'_>, products: &[&Tracked]) -> Wrong {
    let sold = known
        .memory
        .products
        .iter()
        .filter(|product| !product.gone)
        .count();
    let version = match known.version {
        Some(version) => format!("WHMCS {version}"),
        None => "This WHMCS".to_owned(),
    };
    let which = if products.len() == sold {
        "any product".to_owned()
    } else {
        listed(products)
    };
    let mut ways = format!(
        "One of these: (1) {INSTALL}; it works from WHMCS 7.2 on. (2) Upgrade to WHMCS 8.12 or later, \
                            which sends the stock itself."
    );
    if known.details == Details::MissingOrNotPermitted {
        ways.push_str(
            " If the companion is installed already, the role lacks GetProductDetails: WHMCS before 9 says the same for \
             both. ",
        );
        ways.push_str(&guide::details_mend());
    }
    ways.push_str(
        " Products whose stock is not counted at all can be declared with stock_control = \"off\" in a [[rule]].",
    );
    Wrong::warning(
        Id::StockNoFields,
        format!(
            "{version} sends no stock of {which}: it stays unknown, and nobody is told when it runs out."
        ),
        ways,
    )
}

fn ambiguous(known: Known<'_>, products: &[&Tracked]) -> Wrong {
    let ids: Vec<String> = products
        .iter()
        .take(LISTED)
        .map(|product| product.id.to_string())
        .collect();
    let mut mend = format!(
        "For each one say which it is: a [[rule]] with products = [{}] and stock_control = \"on\" (a 0 means sold out) or \
         stock_control = \"off\" (WHMCS does not count it). Or {INSTALL}, which settles them all.",
        ids.join(", ")
    );
    if known.details == Details::MissingOrNotPermitted {
        mend.push_str(
            " If it is installed already, the role lacks GetProductDetails: WHMCS before 9 says the same for both.",
        );
    }
    mend.push_str(" A level other than 0, once seen, settles a product too.");
    Wrong::warning(
        Id::StockAmbiguousZeros,
        format!(
            "A stock of 0 that may mean \"sold out\" or \"not counted\", and WHMCS does not say which: {}.",
            listed(products)
        ),
        mend,
    )
    .about("stock_control")
}

fn not_read(products: &[&Tracked]) -> Wrong {
    Wrong::warning(
        Id::StockUnreadable,
        format!(
            "The stock of some products is not a whole number, and stays unknown: {}.",
            listed(products)
        ),
        "Look at what WHMCS answers (whmcs-stock-monitor call GetProducts pid=…): a hook or module may change the answer.",
    )
}

/// `DS-64 (42), DS-128 (43) and 3 more`
fn listed(products: &[&Tracked]) -> String {
    names(
        products.iter().map(|product| (product.name.shown(), product.id)),
        products.len(),
    )
}

/// A product's name, cut off where it is very long.
#[must_use]
pub fn name(product: &Tracked) -> String {
    product.name.shown().chars().take(80).collect()
}

/// The first few by name and number, and how many more there are.
fn names<'a>(products: impl Iterator<Item = (&'a str, i64)>, count: usize) -> String {
    let shown: Vec<String> = products
        .take(LISTED)
        .map(|(name, id)| format!("{} ({id})", name.chars().take(80).collect::<String>()))
        .collect();
    match count.saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
