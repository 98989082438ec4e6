//! What `ack` and `silence` share: who it is, the shops and pools as the database remembers them, the database to write to.

use std::future::Future;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::check::remembered;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::run::exit_of;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::alerting::state::Memory;
use crate::people::draft::Fault;
use crate::people::when;
use crate::people::when::Day;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// Who asks, where nobody is named: whoever stands behind sudo comes before its user.
const WHO: [&str; 3] = ["SUDO_USER", "USER", "LOGNAME"];

/// What the database remembers.
pub(super) struct Known {
    /// In the order of the configuration.
    pub(super) shops: Vec<(String, Memory)>,
    pub(super) pools: Memory,
}

impl Known {
    pub(super) fn shops(&self) -> Vec<(&str, &Memory)> {
        let shops = self.shops.iter();
        shops.map(|(name, memory)| (name.as_str(), memory)).collect()
    }
}

/// What the database remembers of the configured shops and of the pools.
pub(super) async fn known(config: &Config, reader: &Reader) -> Result<Known, StoreError> {
    let mut shops = Vec::new();
    for instance in &config.instances {
        let memory = remembered(config, Some(reader), &instance.name).await?;
        shops.push((instance.name.clone(), memory));
    }
    Ok(Known {
        shops,
        pools: crate::people::listed::pools(reader).await?,
    })
}

/// Who asks: as given, else who is signed in here.
pub(super) fn who(given: Option<&String>, sources: &Sources) -> Result<String, Exit> {
    let variable = |name: &&str| {
        let mut set = sources.env.iter().filter(|(key, _)| key == name);
        set.next().map(|(_, value)| value.clone())
    };
    let signed_in = || {
        let mut set = WHO.iter().filter_map(variable);
        set.find(|name| !name.trim().is_empty())
    };
    given.cloned().or_else(signed_in).ok_or_else(|| {
        let problem =
            "Who is it? The environment does not say who is signed in (USER is not set): give --by NAME.";
        fail(Exit::Usage, problem)
    })
}

/// A time to come, given by that option.
pub(super) fn ahead(
    text: &str,
    option: &str,
    day: Day,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Timestamp, Exit> {
    when::ahead(text, day, zone, now).map_err(|why| fail(Exit::Usage, &format!("{option}: {text:?} {why}.")))
}

pub(super) fn faulty(fault: &Fault) -> Exit {
    let option = match fault.field {
        "by" => "--by: ",
        "note" => "--note: ",
        "quantity" => "--quantity: ",
        "eta" => "--eta: ",
        "comment" => "--comment: ",
        "ends_at" => "--for, --until: ",
        _ => "",
    };
    fail(Exit::Usage, &format!("{option}{}", fault.problem))
}

pub(super) fn broken(error: StoreError) -> Exit {
    exit_of(Err(error.into()))
}

/// Works on the database beside a daemon.
pub(super) async fn beside<F>(config: &Config, work: impl FnOnce(Store) -> F) -> Exit
where
    F: Future<Output = Result<Exit, Exit>>,
{
    let store = match Store::open_beside(&config.store).await {
        Ok(store) => store,
        Err(error) => return exit_of(Err(error.into())),
    };
    let ended = work(store.clone()).await.unwrap_or_else(|exit| exit);
    store.close().await;
    ended
}
