//! `config suggest`: a rules file to begin with, from one look at each shop.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::arguments::SuggestArguments;
use crate::cli::check;
use crate::cli::check::Looked;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::say;
use crate::config::draft;
use crate::config::overlay::Sources;
use crate::config::suggest;
use crate::config::suggest::Shop;
use crate::domain::capacity::Capacities;

/// Asks each shop once and prints or writes the file; records and sends nothing.
pub async fn suggest(sources: &Sources, options: &SuggestArguments) -> Exit {
    let instance = options.instance.as_deref();
    let mut config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    // What is suggested replaces what is declared: it begins with the figures of WHMCS alone.
    config.capacities = Arc::new(Capacities::default());
    let names: Vec<String> = config.instances.iter().map(|shop| shop.name.clone()).collect();
    let before = match options
        .out
        .as_deref()
        .map(|out| before(sources, out, options.force))
    {
        Some(Err(exit)) => return exit,
        Some(Ok(before)) => before,
        None => None,
    };
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
    let text = suggest::file(&shops, &names, Timestamp::now());
    let Some(out) = &options.out else {
        print(&text);
        return exit;
    };
    match draft::replace_private(&sources.dir.join(out), before.as_deref(), &text) {
        Ok(replaced) => {
            let kept = replaced.backup.map_or_else(String::new, |backup| {
                format!("; as it was before, it is in {}", backup.display())
            });
            print(&format!("Written to {}{kept}.", out.display()));
            exit
        }
        Err(error) => fail(Exit::CannotCreate, &error.to_string()),
    }
}

/// What the file holds that is to be written; refused before WHMCS is asked where it must not be replaced.
fn before(sources: &Sources, out: &Path, force: bool) -> Result<Option<Vec<u8>>, Exit> {
    let shown = out.display();
    match draft::read(&sources.dir.join(out)) {
        Ok(Some(_)) if !force => {
            let problem =
                format!("{shown} is there already. Name another file, or add --force to replace it.");
            Err(fail(Exit::CannotCreate, &problem))
        }
        Ok(before) => Ok(before),
        Err(error) => Err(fail(
            Exit::CannotCreate,
            &format!("{shown} cannot be read: {error}."),
        )),
    }
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
