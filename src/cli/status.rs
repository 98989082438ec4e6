//! `status`: the latest levels, from the database.

use jiff::Timestamp;
use serde_json::json;

use crate::cli::arguments::StatusArguments;
use crate::cli::check::pools_of;
use crate::cli::check::remembered_with_rates;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::listing;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::alerting::state::Memory;
use crate::observe::items;
use crate::observe::pools::PoolItem;
use crate::observe::said::Said;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// Prints the latest levels.
pub async fn status(sources: &Sources, options: &StatusArguments) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let memories = memories(&config, &reader, options.instance.as_deref()).await;
    let pools = pools_of(&config, Some(&reader)).await;
    let now = Timestamp::now();
    let names: Vec<&str> = config.instances.iter().map(|shop| shop.name.as_str()).collect();
    let said = Said::read(&reader, &names, &config.windows, now).await;
    reader.close().await;
    let (memories, pools, said) = match (memories, pools, said) {
        (Ok(memories), Ok(pools), Ok(said)) => (memories, pools, said),
        (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => return exit_of(Err(error.into())),
    };
    let board = pools.map(|pools| pools.board(&config.capacities, Timestamp::now()));
    let board = board.unwrap_or_default();
    if memories.is_empty() {
        let name = options.instance.as_deref().unwrap_or_default();
        return fail(
            Exit::Config,
            &format!("There is no shop {name:?} in the configuration."),
        );
    }
    let shown: Vec<(&str, &Memory)> = memories
        .iter()
        .map(|(name, memory)| (name.as_str(), memory))
        .collect();
    if options.combinations
        && let Some(unknown) = listing::unknown_options(&shown)
    {
        say(&unknown);
    }
    let listed = listing::listed(&shown, options.combinations);
    if options.json {
        let items: Vec<items::Item<'_>> = listed.iter().map(|line| said.item(line, &board)).collect();
        let pools: Vec<PoolItem<'_>> = board.pools.iter().map(|pool| said.pool(pool)).collect();
        print(&json!({ "at": Timestamp::now(), "items": items, "pools": pools }).to_string());
    } else {
        print(&listing::table(
            &shown,
            listed,
            &board,
            &said,
            &config.timezone,
            now,
        ));
        let pools = listing::pools(&board, &said, config.instances.len() > 1, &config.timezone);
        if !pools.is_empty() {
            print(&format!("\n{pools}"));
        }
    }
    Exit::Ok
}

async fn memories(
    config: &Config,
    reader: &Reader,
    wanted: Option<&str>,
) -> Result<Vec<(String, Memory)>, StoreError> {
    let mut memories = Vec::new();
    for instance in &config.instances {
        if wanted.is_none_or(|wanted| wanted == instance.name) {
            memories.push((
                instance.name.clone(),
                remembered_with_rates(config, Some(reader), &instance.name, Timestamp::now()).await?,
            ));
        }
    }
    Ok(memories)
}
