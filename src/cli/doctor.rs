//! `doctor`: everything the monitor depends on, tried one by one, and explained.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::app::settings::channel_settings;
use crate::cli::arguments::DoctorArguments;
use crate::cli::check::remembered;
use crate::cli::diagnosis;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::table;
use crate::config::channels::ChannelConfig;
use crate::config::channels::ChannelKindConfig;
use crate::config::findings::ConfigErrors;
use crate::config::findings::Place;
use crate::config::findings::Problem;
use crate::config::instances::DEFAULT;
use crate::config::instances::InstanceConfig;
use crate::config::keys;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::doctor::channel;
use crate::doctor::channel::Channel;
use crate::doctor::database;
use crate::doctor::finding::Id;
use crate::doctor::finding::Report;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::rules;
use crate::doctor::rules::Seen;
use crate::doctor::shop;
use crate::doctor::shop::Shop;
use crate::doctor::shop::Walked;
use crate::domain::alerting::state::Memory;
use crate::store::past::Greatest;
use crate::store::reader::Reader;

/// Walks, prints, and ends with 0 where all is well, 1 for warnings, 2 for failures.
pub async fn doctor(sources: &Sources, options: &DoctorArguments) -> Exit {
    let now = Timestamp::now();
    let (config, errors) = Config::salvage(sources);
    let mut walks = vec![configuration(&errors)];
    if let Some(mut config) = config {
        let all = config.instances.len();
        if let Some(wanted) = &options.instance {
            config.instances.retain(|instance| instance.name == *wanted);
            if config.instances.is_empty() && errors.problems.is_empty() {
                let problem = format!("There is no shop {wanted:?} in the configuration.");
                return fail(Exit::Config, &problem);
            }
        }
        let complete = config.instances.len() == all;
        walks.extend(everything(&config, errors.problems.is_empty(), complete, options, now).await);
    }
    let report = Report::new(now, walks);
    if options.json {
        print(&serde_json::to_string(&report).unwrap_or_default());
    } else {
        print(&diagnosis::text(&report, table::colours(), diagnosis::width()));
    }
    match report.result {
        "ok" => Exit::Ok,
        "warning" => Exit::Low,
        _ => Exit::Critical,
    }
}

/// What reading the configuration brought to light.
fn configuration(errors: &ConfigErrors) -> Walk {
    let mut walk = Walk::new("configuration", None);
    for problem in &errors.problems {
        let wrong = Wrong::failure(Id::Configuration, sentence(problem), problem.mend.clone());
        walk.found("settings", wrong.about(problem.key.clone()));
    }
    for warning in &errors.warnings {
        // The walk of the shop sees what its address leads to.
        let is_url = warning.key == keys::API_URL.name || is_url_of_shop(&warning.key);
        if is_url && errors.problems.is_empty() {
            continue;
        }
        let is_channel = warning.key.contains(keys::ALERT_EMAIL_TO.name) && warning.place == Place::Missing;
        let id = if is_channel {
            Id::NoChannel
        } else {
            Id::Configuration
        };
        let wrong = Wrong::warning(id, sentence(warning), warning.mend.clone());
        walk.found("settings", wrong.about(warning.key.clone()));
    }
    if walk.findings.is_empty() {
        walk.ok("settings", "sound");
    }
    walk
}

fn is_url_of_shop(key: &str) -> bool {
    key.starts_with("instance ") && key.ends_with(": url")
}

fn sentence(problem: &Problem) -> String {
    match &problem.place {
        Place::Missing => format!("{} {}.", problem.key, problem.problem),
        place => format!("{} ({place}) {}.", problem.key, problem.problem),
    }
}

/// The database first, since it remembers; then shops and channels side by side; rules last.
async fn everything(
    config: &Config,
    sound: bool,
    complete: bool,
    options: &DoctorArguments,
    now: Timestamp,
) -> Vec<Walk> {
    let (mut stored, reader) = database::walk(&config.store.path).await;
    let mut shops = JoinSet::new();
    for (place, instance) in config.instances.iter().enumerate() {
        let memory = remembered(config, reader.as_ref(), &instance.name)
            .await
            .unwrap_or_else(|error| {
                stored.found("file", database::unreadable(&error));
                Memory::default()
            });
        let shop = to_walk(config, instance, memory, sound);
        shops.spawn(async move { (place, shop::walk(shop, now).await) });
    }
    let mut channels = JoinSet::new();
    for (place, settings) in config.channels.iter().enumerate() {
        let channel = channel(config, settings, options.send_test);
        channels.spawn(async move { (place, channel::walk(channel, now).await) });
    }
    let shops: Vec<Walked> = in_order(shops).await;
    let channels: Vec<Walk> = in_order(channels).await;
    let rules = if sound {
        judged(config, &shops, reader.as_ref(), complete, now).await
    } else {
        let mut walk = Walk::new("rules", None);
        walk.not_checked(&["matching", "thresholds"], "the configuration is not sound");
        walk
    };
    if let Some(reader) = reader {
        reader.close().await;
    }
    let shops = shops.into_iter().map(|walked| walked.walk);
    shops.chain([rules, stored]).chain(channels).collect()
}

async fn in_order<T: 'static>(under_way: JoinSet<(usize, T)>) -> Vec<T> {
    let mut done = under_way.join_all().await;
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

fn to_walk(config: &Config, instance: &InstanceConfig, memory: Memory, sound: bool) -> Shop {
    Shop {
        name: instance.name.clone(),
        of_environment: instance.name == DEFAULT && is_set(config, keys::API_URL.name),
        api: instance.api.clone(),
        policy: sound.then(|| (Arc::clone(&config.rules), Arc::clone(&config.capacities))),
        memory,
    }
}

fn is_set(config: &Config, key: &str) -> bool {
    config.effective().iter().any(|shown| shown.key == key)
}

fn channel(config: &Config, settings: &ChannelConfig, test: bool) -> Channel {
    let name = &settings.name;
    let own = |key: &str, variable: &str| {
        let own = format!("channel {name:?}: {key}");
        if is_set(config, &own) {
            own
        } else {
            variable.to_owned()
        }
    };
    let (url_setting, password_setting) = match settings.kind {
        ChannelKindConfig::Email(_) => (
            own("smtp_url", keys::SMTP_URL.name),
            own("smtp_password", keys::SMTP_PASSWORD.name),
        ),
        ChannelKindConfig::Webhook(_) => (
            own("url", keys::WEBHOOK_URL.name),
            own("secret", keys::WEBHOOK_SECRET.name),
        ),
    };
    Channel {
        settings: channel_settings(settings),
        url_setting,
        password_setting,
        test: test.then(|| config.timezone.clone()),
    }
}

/// Rules and thresholds against what the shops sell and what was ever seen of it.
async fn judged(
    config: &Config,
    shops: &[Walked],
    reader: Option<&Reader>,
    complete: bool,
    now: Timestamp,
) -> Walk {
    let mut seen = Vec::new();
    for shop in shops {
        if let Some(memory) = &shop.memory {
            seen.push((shop.name.as_str(), memory, history(reader, &shop.name).await));
        }
    }
    let complete = complete && seen.len() == shops.len();
    let seen: Vec<Seen<'_>> = seen
        .iter()
        .map(|(name, memory, greatest)| Seen {
            name,
            memory,
            greatest,
        })
        .collect();
    rules::walk(&config.rules, &config.capacities, &seen, complete, now)
}

/// Nothing where there is none, or where it cannot be read, which the walk of the database tells.
async fn history(reader: Option<&Reader>, instance: &str) -> Vec<Greatest> {
    let Some(reader) = reader else { return Vec::new() };
    match reader.instance(instance).await {
        Ok(Some(id)) => reader.greatest_levels(id).await.unwrap_or_default(),
        Ok(None) | Err(_) => Vec::new(),
    }
}
