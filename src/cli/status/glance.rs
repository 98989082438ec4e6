//! What the database says of one moment, as the page would show it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::check::pools_of;
use crate::cli::check::remembered_with_rates;
use crate::config::instances::InstanceConfig;
use crate::config::load::Config;
use crate::domain::alerting::decision::Outcome;
use crate::domain::source::Cause;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::LastPoll;
use crate::observe::view::Seen;
use crate::store::error::StoreError;
use crate::store::history::Poll;
use crate::store::reader::Reader;
use crate::web::index::Index;

/// Polls among which the last one of the whole catalogue is looked for; those between are of parts.
const POLLS: usize = 64;

/// One moment of the shops.
#[derive(Debug)]
pub struct Glance {
    pub seen: Seen,
    pub index: Index,
    pub said: Said,
    /// Deliveries that were given up.
    pub dead: u64,
    /// There are several shops, also where one is asked for.
    pub several: bool,
}

impl Glance {
    /// Reads it; of that shop alone where one is named.
    pub async fn read(
        config: &Config,
        reader: &Reader,
        only: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut instances = Vec::new();
        for shop in &config.instances {
            if only.is_none_or(|only| only == shop.name) {
                instances.push(instance(config, reader, shop, now).await?);
            }
        }
        let names: Vec<&str> = config.instances.iter().map(|shop| shop.name.as_str()).collect();
        let said = Said::read(reader, &names, &config.windows, now).await?;
        let pools = pools_of(config, Some(reader)).await?;
        let board = pools.map(|pools| pools.board(&config.capacities, now));
        let seen = Seen {
            instances,
            pools: Arc::new(board.unwrap_or_default()),
            windows: Arc::clone(&config.windows),
            zone: Some(config.timezone.clone()),
            ..Seen::default()
        };
        let outbox = reader.outbox_counts().await?;
        Ok(Self {
            index: Index::new(&seen),
            seen,
            said,
            dead: outbox.iter().map(|count| count.dead).sum(),
            several: config.instances.len() > 1,
        })
    }
}

async fn instance(
    config: &Config,
    reader: &Reader,
    shop: &InstanceConfig,
    now: Timestamp,
) -> Result<Instance, StoreError> {
    let memory = remembered_with_rates(config, Some(reader), &shop.name, now).await?;
    let polls = match reader.instance(&shop.name).await? {
        Some(id) => reader.polls(Some(id), None, POLLS).await?,
        None => Vec::new(),
    };
    // A part that was read says nothing of the rest.
    let last = polls.into_iter().find(|poll| !poll.part || poll.cause.is_some());
    let failures = memory.source.failures;
    let read = memory.source.last_accepted_at;
    let mut seen = Instance::new(&shop.name, Arc::new(memory)).asked(&shop.schedule);
    seen.next_by = last.as_ref().and_then(|poll| {
        let ended = poll.observed_at.checked_add(poll.duration).ok()?;
        match failures {
            0 => shop.schedule.next_after(ended),
            failures => ended
                .checked_add(shop.schedule.stretched(failures, false, ended, 1.0))
                .ok(),
        }
    });
    let remembered = read.filter(|_| failures == 0).map(|observed_at| LastPoll {
        observed_at,
        outcome: Outcome::Accepted,
        detail: String::new(),
    });
    seen.last_poll = last.map(ended).or(remembered);
    Ok(seen)
}

fn ended(poll: Poll) -> LastPoll {
    let outcome = match (poll.outcome, poll.cause) {
        ("accepted", _) => Outcome::Accepted,
        (_, None | Some(Cause::Suspect)) => Outcome::Suspect,
        (_, Some(cause)) => Outcome::Failed(cause),
    };
    LastPoll {
        observed_at: poll.observed_at,
        outcome,
        detail: poll.detail,
    }
}
