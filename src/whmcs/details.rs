//! Asks GetProductDetails: whether it is there, in batches of our companion, one by one of another's action.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::catalogue::Details;
use crate::domain::catalogue::Figure;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::source::Cause;
use crate::domain::source::Failure;
use crate::whmcs::answer::Page;
use crate::whmcs::api::Api;
use crate::whmcs::api::Journal;
use crate::whmcs::api::Question;
use crate::whmcs::api::Stop;
use crate::whmcs::judge::Refusal;
use crate::whmcs::retry::TRIES;

const ACTION: &str = "GetProductDetails";
/// Products in one request of the companion.
const BATCH: usize = 1_000;
/// Single calls that fail in a row before the rest is left for the next look.
const GIVE_UP: usize = 3;

/// Details, and whether they were asked in this look.
pub type Seen = (Arc<Details>, bool);

/// What all requests of a look have in common.
#[derive(Debug, Clone)]
pub struct Round {
    pub api: Arc<Api>,
    pub now: Timestamp,
    pub cancel: CancellationToken,
    /// Requests under way at once.
    pub at_once: usize,
}

/// What an action that is asked for the first time turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Absent,
    Contract1,
    Foreign,
}

/// What asking for details led to.
#[derive(Debug)]
pub enum Gathered<T> {
    Details(T),
    /// The action is not available (any more).
    Unavailable,
    /// It is there, and is not who it was: our companion or another.
    Changed,
}

/// The details of single products that another's action gave.
#[derive(Debug, Default)]
pub struct Foreign(HashMap<ProductId, Asked>);

#[derive(Debug)]
struct Asked {
    /// `None` where the action does not know the product.
    details: Option<Arc<Details>>,
    at: Timestamp,
    /// Whether that was in the last look; the time does not tell while the clock stands still.
    fresh: bool,
    /// The product's bytes in GetProducts at that time.
    listing: u64,
}

type Answered = (Vec<ProductId>, Result<Page<Details>, Stop>, Journal);

impl Round {
    /// Asks for one product to see who answers.
    pub async fn probe(&self, id: ProductId, journal: &mut Journal) -> Result<Probe, Stop> {
        let (_, result, entries) = self.clone().ask(vec![id], Arc::default(), TRIES).await;
        journal.append(entries);
        match result {
            Ok(page) if page.contract => Ok(Probe::Contract1),
            Ok(_) => Ok(Probe::Foreign),
            Err(Stop::Refused(refusal)) if refusal.of_the_request => Ok(Probe::Foreign),
            Err(Stop::Refused(refusal)) if is_unavailable(&refusal) => Ok(Probe::Absent),
            Err(stop) => Err(stop),
        }
    }

    /// The details of all products, ascending by id, from our companion.
    pub async fn contract(
        &self,
        ids: &[ProductId],
        before: &[Arc<Product>],
        journal: &mut Journal,
    ) -> Result<Gathered<Vec<Arc<Details>>>, Stop> {
        let mut all = Vec::with_capacity(ids.len());
        let mut batches = ids.chunks(BATCH);
        let mut under_way: JoinSet<Answered> = JoinSet::new();
        loop {
            while under_way.len() < self.at_once
                && let Some(batch) = batches.next()
            {
                under_way.spawn(self.clone().ask(batch.to_vec(), known(batch, before), TRIES));
            }
            let Some(joined) = under_way.join_next().await else {
                break;
            };
            let (batch, result, entries) = joined.map_err(|_| internal())?;
            journal.append(entries);
            match result {
                Ok(page) if page.contract => {
                    all.append(&mut checked(&batch, page).inspect_err(|_| journal.reject(Cause::BadAnswer))?);
                }
                Ok(_) => return Ok(Gathered::Changed),
                Err(Stop::Refused(refusal)) if refusal.of_the_request => {}
                Err(Stop::Refused(refusal)) if is_unavailable(&refusal) => return Ok(Gathered::Unavailable),
                Err(stop) => return Err(stop),
            }
        }
        all.sort_unstable_by_key(|details| details.id);
        Ok(Gathered::Details(all))
    }

    /// Brings the details of single products up to date as far as the budget reaches; the rest has its turn in
    /// the next look. A call that fails leaves what was known.
    pub async fn foreign(
        &self,
        listings: &[Arc<Listing>],
        foreign: &mut Foreign,
        interval: Duration,
        budget: Duration,
        journal: &mut Journal,
    ) -> Result<Gathered<()>, Stop> {
        let deadline = Instant::now() + budget;
        let listed: HashMap<ProductId, u64> = listings
            .iter()
            .map(|listing| (listing.id, listing.source_hash))
            .collect();
        foreign.0.retain(|id, _| listed.contains_key(id));
        foreign.0.values_mut().for_each(|asked| asked.fresh = false);
        let mut due = foreign.due(listings, interval, self.now).into_iter();
        let mut under_way: JoinSet<Answered> = JoinSet::new();
        let mut failed = 0;
        let mut contract = false;
        loop {
            while under_way.len() < self.at_once
                && failed < GIVE_UP
                && Instant::now() < deadline
                && let Some(id) = due.next()
            {
                let known = foreign.0.get(&id).and_then(|asked| asked.details.clone());
                under_way.spawn(
                    self.clone()
                        .ask(vec![id], Arc::new(known.into_iter().collect()), 1),
                );
            }
            let joined = match tokio::time::timeout_at(deadline, under_way.join_next()).await {
                Ok(Some(joined)) => joined,
                Ok(None) | Err(_) => break,
            };
            let (asked, result, entries) = joined.map_err(|_| internal())?;
            journal.append(entries);
            let Some(id) = asked.first().copied() else {
                continue;
            };
            let details = match result {
                Ok(page) => {
                    contract |= page.contract;
                    of_product(id, page)
                }
                Err(Stop::Refused(refusal)) if refusal.of_the_request => None,
                Err(Stop::Refused(refusal)) if is_unavailable(&refusal) => return Ok(Gathered::Unavailable),
                Err(Stop::Refused(refusal)) => {
                    let last = self.api.gives_up_after(&refusal);
                    failed = if last { GIVE_UP } else { failed + 1 };
                    continue;
                }
                Err(Stop::Cancelled) => return Err(Stop::Cancelled),
            };
            failed = 0;
            let listing = listed.get(&id).copied().unwrap_or_default();
            foreign.0.insert(
                id,
                Asked {
                    details,
                    at: self.now,
                    fresh: true,
                    listing,
                },
            );
        }
        Ok(if contract {
            Gathered::Changed
        } else {
            Gathered::Details(())
        })
    }

    async fn ask(self, ids: Vec<ProductId>, known: Arc<Vec<Arc<Details>>>, tries: usize) -> Answered {
        let list = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let question = Question {
            action: ACTION,
            params: &[("productid", &list)],
            tries,
        };
        let mut journal = Journal::default();
        let result = self
            .api
            .ask(question, &known, self.now, &self.cancel, &mut journal)
            .await;
        (ids, result, journal)
    }
}

impl Foreign {
    /// What is known of a product, and whether it was asked in the last look.
    #[must_use]
    pub fn of(&self, id: ProductId) -> Option<Seen> {
        let asked = self.0.get(&id)?;
        Some((Arc::clone(asked.details.as_ref()?), asked.fresh))
    }

    /// What is known of these products alone; it is no longer known here.
    #[must_use]
    pub fn take(&mut self, ids: &[ProductId]) -> Self {
        Self(ids.iter().filter_map(|id| self.0.remove_entry(id)).collect())
    }

    /// Knows again what was taken out.
    pub fn put_back(&mut self, part: Self) {
        self.0.extend(part.0);
    }

    /// Whose turn it is: those that changed, those never asked, then the oldest.
    fn due(&self, listings: &[Arc<Listing>], interval: Duration, now: Timestamp) -> Vec<ProductId> {
        let mut due: Vec<(u8, Option<Timestamp>, ProductId)> = listings
            .iter()
            .filter_map(|listing| match self.0.get(&listing.id) {
                None => Some((1, None, listing.id)),
                Some(asked) if asked.listing != listing.source_hash => Some((0, Some(asked.at), listing.id)),
                Some(asked) => is_past(asked.at, interval, now).then_some((2, Some(asked.at), listing.id)),
            })
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, _, id)| id).collect()
    }
}

/// Whether `interval` has passed since; a clock that went back counts as passed.
#[must_use]
pub fn is_past(since: Timestamp, interval: Duration, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(since)).map_or(true, |passed| passed >= interval)
}

fn is_unavailable(refusal: &Refusal) -> bool {
    matches!(refusal.failure.cause, Cause::ActionMissing | Cause::Permission)
}

/// The details of these products in the last look, in the order they are asked.
fn known(batch: &[ProductId], before: &[Arc<Product>]) -> Arc<Vec<Arc<Details>>> {
    let details = |id: &ProductId| {
        let at = before.binary_search_by_key(id, |product| product.id()).ok()?;
        before.get(at)?.details.clone()
    };
    Arc::new(batch.iter().filter_map(details).collect())
}

/// A batch's details, if they are those of products it asked for, each once, as many as it says.
fn checked(batch: &[ProductId], page: Page<Details>) -> Result<Vec<Arc<Details>>, Stop> {
    let count = page.items.len();
    if page.total != Figure::Number(i64::try_from(count).unwrap_or(i64::MAX)) {
        return Err(bad(format!(
            "{count} products came, totalresults is {}",
            told(page.total)
        )));
    }
    let mut ids: Vec<_> = page.items.iter().map(|details| details.id).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|two| two[0] == two[1]) {
        return Err(bad(format!("product {} came twice", twice[0])));
    }
    match ids.iter().find(|id| batch.binary_search(id).is_err()) {
        Some(id) => Err(bad(format!("product {id} came unasked"))),
        None => Ok(page.items),
    }
}

/// What an answer of another's action says of a product, in a list or as the answer itself.
fn of_product(id: ProductId, page: Page<Details>) -> Option<Arc<Details>> {
    page.items
        .into_iter()
        .chain(page.lone)
        .find(|details| details.id == id)
}

/// A figure in words, for what is told of a bad answer.
#[must_use]
pub fn told(figure: Figure) -> String {
    match figure {
        Figure::Absent => "missing".into(),
        Figure::Unreadable => "unreadable".into(),
        Figure::Number(n) => n.to_string(),
    }
}

fn bad(detail: String) -> Stop {
    refused(Cause::BadAnswer, format!("{ACTION}: {detail}"))
}

/// A failure that we found ourselves in what came.
#[must_use]
pub fn refused(cause: Cause, detail: String) -> Stop {
    let failure = Failure {
        cause,
        detail,
        retry_after: None,
    };
    Stop::Refused(Refusal {
        failure,
        of_the_request: false,
    })
}

fn internal() -> Stop {
    bad("a request ended abnormally".into())
}
