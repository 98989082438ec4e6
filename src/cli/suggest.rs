//! `config suggest`: a rules file to begin with, from one look at each shop.

use jiff::Timestamp;

use crate::cli::check;
use crate::cli::check::Looked;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::cli::say;
use crate::config::overlay::Sources;
use crate::config::suggest;
use crate::config::suggest::Shop;

/// Asks each shop once and prints the file; records and sends nothing.
pub async fn suggest(sources: &Sources, instance: Option<&str>) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let several = config.instances.len() > 1;
    if let Err(exit) = check::is_there(&config, instance) {
        return exit;
    }
    let progress = check::progress(&config, instance);
    let looked = check::dry(&config, instance).await.map(|(looked, _)| looked);
    progress.finish_and_clear();
    let looked = match looked {
        Ok(looked) => looked,
        Err(exit) => return exit,
    };
    let mut exit = Exit::Ok;
    let shops = looked.iter().map(|looked| {
        let shop = shop(looked);
        if let Err(why) = &shop.seen {
            say(&format!("{}: {why}", shop.name));
            exit = Exit::Unreadable;
        }
        shop
    });
    let shops: Vec<Shop<'_>> = shops.collect();
    print(&suggest::file(&shops, several, Timestamp::now()));
    exit
}

fn shop(looked: &Looked) -> Shop<'_> {
    let checked = &looked.checked;
    let seen = match checked.outcome.cause() {
        None => Ok(&*checked.memory),
        Some(cause) => Err(format!("{} {}", cause.words(), cause.mend())),
    };
    Shop {
        name: &looked.instance,
        seen,
    }
}
