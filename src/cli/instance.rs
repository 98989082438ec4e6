//! `instance list` and `instance rename`: the shops, and a history that moves to another name.

use serde_json::json;

use crate::cli::arguments::InstanceCommand;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::cli::table;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::config::values;
use crate::store::db::Store;
use crate::store::error::OpenError;
use crate::store::reader::Reader;
use crate::store::shops::KnownShop;
use crate::store::shops::Renamed;

/// Lists or renames.
pub async fn instance(sources: &Sources, what: &InstanceCommand) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match what {
        InstanceCommand::List { json } => list(&config, *json).await,
        InstanceCommand::Rename { old, new } => rename(&config, old, new).await,
    }
}

async fn known(config: &Config) -> Result<Vec<KnownShop>, OpenError> {
    let reader = Reader::open(&config.store.path).await?;
    let shops = reader.shops().await;
    reader.close().await;
    shops.map_err(|source| OpenError::Database {
        path: config.store.path.clone(),
        source,
    })
}

/// Those of the configuration in its order, then those that only the database knows.
async fn list(config: &Config, json: bool) -> Exit {
    let known = match known(config).await {
        Ok(known) => known,
        Err(OpenError::Missing(_)) => Vec::new(),
        Err(error) => return exit_of(Err(error.into())),
    };
    let configured: Vec<&str> = config.instances.iter().map(|shop| shop.name.as_str()).collect();
    let removed = known.iter().map(|shop| shop.name.as_str());
    let removed = removed.filter(|name| !configured.contains(name));
    let names: Vec<&str> = configured.iter().copied().chain(removed).collect();
    let of = |name: &str| known.iter().find(|shop| shop.name == name);
    if json {
        let items: Vec<_> = names
            .iter()
            .map(|name| {
                let shop = of(name);
                json!({
                    "instance": name,
                    "configured": configured.contains(name),
                    "products": shop.map_or(0, |shop| shop.products),
                    "first_poll_at": shop.and_then(|shop| shop.first_poll),
                    "last_poll_at": shop.and_then(|shop| shop.last_poll),
                })
            })
            .collect();
        print(&json!({ "items": items }).to_string());
        return Exit::Ok;
    }
    let mut listed = table::new(&["SHOP", "PRODUCTS", "SINCE", "LAST ASKED", "NOTE"]);
    for name in names {
        let shop = of(name);
        let time = |at: Option<jiff::Timestamp>| {
            at.map_or_else(|| "never".to_owned(), |at| table::time(at, &config.timezone))
        };
        let note = match (configured.contains(&name), shop) {
            (true, _) => "",
            (false, _) => "no longer configured; its history is kept",
        };
        listed.add_row([
            comfy_table::Cell::new(name),
            table::number(shop.map_or(0, |shop| shop.products)),
            comfy_table::Cell::new(time(shop.and_then(|shop| shop.first_poll))),
            comfy_table::Cell::new(time(shop.and_then(|shop| shop.last_poll))),
            comfy_table::Cell::new(note),
        ]);
    }
    print(&listed.to_string());
    Exit::Ok
}

/// Works only while no daemon runs: it holds the old name in its memory.
async fn rename(config: &Config, old: &str, new: &str) -> Exit {
    if let Err(wrong) = values::name(new) {
        return fail(Exit::Usage, &format!("{new:?} {}. {}", wrong.problem, wrong.mend));
    }
    // Opening for writing would make a database where there is none.
    let known = match known(config).await {
        Ok(known) => known,
        Err(error) => return exit_of(Err(error.into())),
    };
    let names: Vec<&str> = known.iter().map(|shop| shop.name.as_str()).collect();
    if old == new {
        return fail(Exit::Usage, "The two names are the same.");
    }
    let store = match Store::open(&config.store).await {
        Ok(opened) => opened.store,
        Err(OpenError::InUse(_)) => {
            return fail(
                Exit::InUse,
                "The daemon is running. Stop it, rename the shop here and in the configuration, and start it again.",
            );
        }
        Err(error) => return exit_of(Err(error.into())),
    };
    let renamed = store.rename_shop(old, new).await;
    store.close().await;
    match renamed {
        Ok(Renamed::Done) => {
            print(&format!("The history of {old:?} belongs to {new:?} now."));
            if !config.instances.iter().any(|shop| shop.name == new) {
                say(&format!(
                    "The configuration has no shop {new:?} yet: rename it there too before the daemon is started, or it \
                     begins anew as {old:?}."
                ));
            }
            Exit::Ok
        }
        Ok(Renamed::Unknown) => fail(
            Exit::Usage,
            &format!(
                "There is no shop {old:?} in the database. There are: {}.",
                names.join(", ")
            ),
        ),
        Ok(Renamed::Taken) => fail(
            Exit::Usage,
            &format!("{new:?} has a history of its own; two cannot become one."),
        ),
        Err(error) => exit_of(Err(error.into())),
    }
}
