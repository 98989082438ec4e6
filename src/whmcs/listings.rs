//! Asks GetProducts until all that it lists is there, and checks that it adds up.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::ProductId;
use crate::domain::source::Cause;
use crate::whmcs::answer::Page;
use crate::whmcs::api::Journal;
use crate::whmcs::api::Question;
use crate::whmcs::api::Stop;
use crate::whmcs::details::Round;
use crate::whmcs::details::refused;
use crate::whmcs::details::told;
use crate::whmcs::retry::TRIES;
use crate::whmcs::scan::MAX_ELEMENTS;

/// Most pages of an installation that pages.
const MAX_PAGES: usize = 2_000;

/// All that GetProducts lists, in its order, as many as it says.
pub async fn all(
    round: &Round,
    known: &Arc<Vec<Arc<Listing>>>,
    journal: &mut Journal,
) -> Result<Vec<Arc<Listing>>, Stop> {
    let mut first = ask(round, known, &[], journal).await?;
    let mut listings = std::mem::take(&mut first.items);
    let total = match total(&first, listings.len()) {
        Ok(total) => total,
        Err((cause, detail)) => return Err(reject(journal, cause, detail)),
    };
    let size = listings.len();
    let is_paged = size > 0 && first.returned == figure(size);
    let mut pages = 1;
    let mut ids: HashSet<ProductId> = listings.iter().map(|listing| listing.id).collect();
    while is_paged && listings.len() < total {
        if pages == MAX_PAGES {
            return Err(reject(
                journal,
                Cause::TooLarge,
                format!("more than {MAX_PAGES} pages"),
            ));
        }
        pages += 1;
        let (start, count) = (listings.len().to_string(), size.to_string());
        let mut page = ask(
            round,
            known,
            &[("limitstart", &start), ("limitnum", &count)],
            journal,
        )
        .await?;
        if page.total != first.total {
            let (was, is) = (told(first.total), told(page.total));
            let detail = format!("totalresults went from {was} to {is} between pages");
            return Err(reject(journal, Cause::BadAnswer, detail));
        }
        if page.items.is_empty() {
            break;
        }
        // A server that takes no notice of limitstart would send its first page for ever.
        if let Some(again) = page.items.iter().find(|listing| !ids.insert(listing.id)) {
            let detail = format!("product {} is listed on two pages", again.id);
            return Err(reject(journal, Cause::BadAnswer, detail));
        }
        listings.append(&mut page.items);
    }
    if listings.len() == total {
        return Ok(listings);
    }
    let detail = format!(
        "{}, totalresults is {total}",
        seen(listings.len(), first.has_products)
    );
    Err(reject(journal, Cause::BadAnswer, detail))
}

/// What GetProducts lists of these products (ascending, as is the result); a shop that answers with others too is
/// understood. `None` where the answer does not add up: a look at all tells more.
pub async fn some(
    round: &Round,
    ids: &[ProductId],
    known: &Arc<Vec<Arc<Listing>>>,
    journal: &mut Journal,
) -> Result<Option<Vec<Arc<Listing>>>, Stop> {
    let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let page = match ask(round, known, &[("pid", &list)], journal).await {
        Ok(page) => page,
        // The shop has none of them, says it.
        Err(Stop::Refused(refusal)) if refusal.of_the_request => return Ok(Some(Vec::new())),
        Err(stop) => return Err(stop),
    };
    if page.items.is_empty() {
        return Ok(Some(Vec::new()));
    }
    if page.total != figure(page.items.len()) {
        return Ok(None);
    }
    let mut found = page.items;
    found.retain(|listing| ids.binary_search(&listing.id).is_ok());
    found.sort_unstable_by_key(|listing| listing.id);
    let twice = found.windows(2).any(|two| two[0].id == two[1].id);
    Ok((!twice).then_some(found))
}

/// Ascending by id, if each is listed once.
pub fn sorted(listings: &[Arc<Listing>], journal: &mut Journal) -> Result<Vec<Arc<Listing>>, Stop> {
    let mut sorted = listings.to_vec();
    sorted.sort_unstable_by_key(|listing| listing.id);
    match sorted.windows(2).find(|two| two[0].id == two[1].id) {
        Some(twice) => {
            let detail = format!("product {} is listed twice", twice[0].id);
            Err(reject(journal, Cause::BadAnswer, detail))
        }
        None => Ok(sorted),
    }
}

async fn ask(
    round: &Round,
    known: &Arc<Vec<Arc<Listing>>>,
    params: &[(&str, &str)],
    journal: &mut Journal,
) -> Result<Page<Listing>, Stop> {
    let question = Question {
        action: "GetProducts",
        params,
        tries: TRIES,
    };
    round
        .api
        .ask(question, known, round.now, &round.cancel, journal)
        .await
}

/// How many it says there are, if it says so and that is not beyond all measure.
fn total(first: &Page<Listing>, count: usize) -> Result<usize, (Cause, String)> {
    let total = match first.total {
        Figure::Number(total) => usize::try_from(total).ok(),
        Figure::Absent | Figure::Unreadable => None,
    };
    match total {
        Some(total) if total <= MAX_ELEMENTS => Ok(total),
        Some(total) => Err((
            Cause::TooLarge,
            format!("totalresults is {total}: more than {MAX_ELEMENTS} products"),
        )),
        None => {
            let detail = format!(
                "{}, totalresults is {}",
                seen(count, first.has_products),
                told(first.total)
            );
            Err((Cause::BadAnswer, detail))
        }
    }
}

fn seen(count: usize, has_products: bool) -> String {
    if has_products {
        format!("{count} products")
    } else {
        "success without products".into()
    }
}

fn figure(count: usize) -> Figure {
    i64::try_from(count).map_or(Figure::Unreadable, Figure::Number)
}

fn reject(journal: &mut Journal, cause: Cause, detail: String) -> Stop {
    journal.reject(cause);
    refused(cause, detail)
}
