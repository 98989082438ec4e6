//! A look at some products only: what their listings and details say now, and nothing of any other.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::catalogue::Companion;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Product;
use crate::domain::catalogue::ProductId;
use crate::domain::catalogue::Snapshot;
use crate::whmcs::api::Journal;
use crate::whmcs::api::Stop;
use crate::whmcs::client::Client;
use crate::whmcs::client::Memory;
use crate::whmcs::client::Standing;
use crate::whmcs::client::aligned;
use crate::whmcs::client::assemble;
use crate::whmcs::details::Foreign;
use crate::whmcs::details::Gathered;
use crate::whmcs::details::Round;
use crate::whmcs::details::Seen;
use crate::whmcs::listings;

impl Client {
    /// Looks at these products, ascending by id. `None` where that cannot be told apart from a look at all: the
    /// answer does not add up, or GetProductDetails is not what it was. Those that the shop does not list are left
    /// out.
    pub(super) async fn see_part(
        &self,
        round: &Round,
        ids: &[ProductId],
        memory: &mut Memory,
        budget: Duration,
        journal: &mut Journal,
    ) -> Result<Option<Snapshot>, Stop> {
        let companion = match self.standing() {
            Standing::NotAsked { .. } => return Ok(None),
            Standing::Absent { .. } | Standing::Vanished { .. } => Companion::Absent,
            Standing::Contract1 => Companion::Contract1,
            Standing::Foreign => Companion::Foreign,
        };
        let Some(listings) = listings::some(round, ids, &memory.listings, journal).await? else {
            return Ok(None);
        };
        let Some(details) = self
            .part_details(round, companion, &listings, memory, budget, journal)
            .await?
        else {
            return Ok(None);
        };
        let products = assemble(listings.clone(), details, &memory.products);
        memory.take_part(listings, &products);
        Ok(Some(Snapshot {
            observed_at: round.now,
            products,
            companion,
        }))
    }

    /// The details of the products, from who answered for them in the last look; `None` where that is another now.
    async fn part_details(
        &self,
        round: &Round,
        companion: Companion,
        listings: &[Arc<Listing>],
        memory: &mut Memory,
        budget: Duration,
        journal: &mut Journal,
    ) -> Result<Option<Vec<Option<Seen>>>, Stop> {
        let ids: Vec<ProductId> = listings.iter().map(|listing| listing.id).collect();
        if ids.is_empty() {
            return Ok(Some(Vec::new()));
        }
        match companion {
            Companion::Absent => Ok(Some(vec![None; ids.len()])),
            Companion::Contract1 => match round.contract(&ids, &memory.products, journal).await? {
                Gathered::Details(details) => Ok(Some(aligned(&ids, &details))),
                Gathered::Unavailable | Gathered::Changed => Ok(None),
            },
            Companion::Foreign => {
                let mut part = memory.foreign.take(&ids);
                // They were hinted at: each is asked anew, however lately it was asked.
                let gathered = round
                    .foreign(listings, &mut part, Duration::ZERO, budget, journal)
                    .await;
                let seen = ids.iter().map(|id| part.of(*id)).collect();
                memory.foreign.put_back(part);
                match gathered? {
                    Gathered::Details(()) => return Ok(Some(seen)),
                    Gathered::Changed => self.stand(Standing::Contract1),
                    Gathered::Unavailable => {
                        memory.foreign = Foreign::default();
                        self.stand(Standing::Vanished { since: round.now });
                    }
                }
                Ok(None)
            }
        }
    }
}

impl Memory {
    /// Puts what was seen of some products in the place of what was known of them.
    fn take_part(&mut self, seen: Vec<Arc<Listing>>, products: &[Arc<Product>]) {
        for product in products {
            match self
                .products
                .binary_search_by_key(&product.id(), |known| known.id())
            {
                Ok(at) => self.products[at] = Arc::clone(product),
                Err(at) => self.products.insert(at, Arc::clone(product)),
            }
        }
        let mut seen = seen;
        let mut listings: Vec<Arc<Listing>> = Vec::with_capacity(self.listings.len());
        for known in self.listings.iter() {
            let fresh = seen.iter().position(|listing| listing.id == known.id);
            listings.push(fresh.map_or_else(|| Arc::clone(known), |at| seen.swap_remove(at)));
        }
        listings.append(&mut seen);
        self.listings = Arc::new(listings);
    }
}
