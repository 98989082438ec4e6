//! `config suggest`: a rules file to begin with, from one look at each shop, or thresholds from what was sold.

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
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::config::draft;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::config::propose;
use crate::config::suggest;
use crate::config::suggest::Shop;
use crate::config::values;
use crate::domain::capacity::Capacities;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

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
    let (text, exit) = if options.thresholds {
        match proposed(&config, options, &names).await {
            Ok(text) => (text, Exit::Ok),
            Err(exit) => return exit,
        }
    } else {
        match suggested(&config, instance, &names).await {
            Ok(suggested) => suggested,
            Err(exit) => return exit,
        }
    };
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

/// Thresholds from the history in the database.
async fn proposed(config: &Config, options: &SuggestArguments, names: &[String]) -> Result<String, Exit> {
    let lead = options.lead_time.as_deref().map(values::time_limit).transpose();
    let lead = lead.map_err(|wrong| {
        let bare = options
            .lead_time
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty() && text.chars().all(|digit| digit.is_ascii_digit()));
        if let Some(days) = bare {
            let said = format!("--lead-time is {days} without a unit. Write {days}d for {days} days.");
            return fail(Exit::Config, &said);
        }
        let said = format!("--lead-time {}. {}", wrong.problem, wrong.mend);
        fail(Exit::Config, &said)
    })?;
    let broken = |error: StoreError| exit_of(Err(error.into()));
    let reader = Reader::open(&config.store.path)
        .await
        .map_err(|error| exit_of(Err(error.into())))?;
    let (mut memories, now) = (Vec::new(), Timestamp::now());
    let wanted = |name: &String| options.instance.as_ref().is_none_or(|only| only == name);
    for name in names.iter().filter(|name| wanted(name)) {
        let memory = check::remembered_with_rates(config, Some(&reader), name, now).await;
        memories.push((name, memory.map_err(broken)?));
    }
    reader.close().await;
    let shops: Vec<propose::Shop<'_>> = memories
        .iter()
        .map(|(name, memory)| propose::Shop { name, memory })
        .collect();
    Ok(propose::file(&shops, names, lead, now))
}

/// A file to begin with, from one look at each shop.
async fn suggested(
    config: &Config,
    instance: Option<&str>,
    names: &[String],
) -> Result<(String, Exit), Exit> {
    let progress = check::progress(config, instance);
    let looked = check::dry(config, instance).await.map(|(looked, _)| looked);
    progress.finish_and_clear();
    let looked = looked?;
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
    Ok((suggest::file(&shops, names, Timestamp::now()), exit))
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
