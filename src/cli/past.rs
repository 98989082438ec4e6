//! The history that `demo` begins with: the shop is looked at as the daemon would have, over the days before.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::app::Generation;
use crate::app::RunError;
use crate::config::load::Config;
use crate::simulator::past::Past;
use crate::simulator::server::ShopHandle;
use crate::store::db::Store;

/// How far back it reaches: enough for a sell rate.
const DAYS: i64 = 8;
/// Hours between two looks.
const EVERY: i64 = 1;
/// How long a look may ask for details.
const DETAILS: Duration = Duration::from_secs(30);

/// Records what the daemon would have seen until `now`. The configuration has no channels: nobody is told of it.
pub async fn record(config: Config, shop: &ShopHandle, now: Timestamp) -> Result<(), RunError> {
    let store = Store::open(&config.store).await?.store;
    let recorded = looks(config, &store, shop, now).await;
    store.close().await;
    recorded
}

async fn looks(config: Config, store: &Store, shop: &ShopHandle, now: Timestamp) -> Result<(), RunError> {
    let generation = Generation::new(config, store, &[]).await?;
    let check = generation.check(0, store, DETAILS);
    let steps = DAYS * 24 / EVERY;
    let past = Past::of(&shop.lock(), DAYS, steps);
    // The end is the daemon's own first look.
    for before in (1..=steps).rev() {
        past.show(&mut shop.lock(), before);
        let at = now - SignedDuration::from_hours(EVERY * before);
        check.run(at, &CancellationToken::new()).await?;
    }
    past.show(&mut shop.lock(), 0);
    Ok(())
}
