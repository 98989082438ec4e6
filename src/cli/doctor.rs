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
use crate::config::findings::Place;
use crate::config::findings::Problem;
use crate::config::instances::DEFAULT;
use crate::config::instances::InstanceConfig;
use crate::config::keys;
use crate::config::load::Config;
use crate::config::load::Sound;
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
use crate::doctor::shop::Shop;
use crate::doctor::visit;
use crate::doctor::visit::Walked;
use crate::domain::alerting::state::Memory;
use crate::store::error::StoreError;
use crate::store::past::Greatest;
use crate::store::reader::Reader;

/// What is to be walked.
struct Patient {
    sound: Sound,
    /// All of it, where nothing is wrong.
    config: Option<Config>,
    /// Whether each shop of the configuration is walked.
    complete: bool,
    send_test: bool,
    now: Timestamp,
}

/// Walks, prints, and ends with 0 where all is well, 1 for warnings, 2 for failures.
pub async fn doctor(sources: &Sources, options: &DoctorArguments) -> Exit {
    let now = Timestamp::now();
    let (mut sound, loaded) = Config::salvage(sources);
    let urls = urls(&sound);
    let mut walks = vec![match &loaded {
        Ok(config) => configuration(&[], &config.warnings, &urls),
        Err(errors) => configuration(&errors.problems, &errors.warnings, &urls),
    }];
    let all = sound.instances.len();
    if let Some(wanted) = &options.instance {
        sound.instances.retain(|instance| instance.name == *wanted);
        if sound.instances.is_empty() && loaded.is_ok() {
            let problem = format!("There is no shop {wanted:?} in the configuration.");
            return fail(Exit::Config, &problem);
        }
    }
    let patient = Patient {
        complete: sound.instances.len() == all,
        sound,
        config: loaded.ok(),
        send_test: options.send_test,
        now,
    };
    walks.extend(patient.everything().await);
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
fn configuration(problems: &[Problem], warnings: &[Problem], urls: &[String]) -> Walk {
    let mut walk = Walk::new("configuration", None);
    for problem in problems {
        let wrong = Wrong::failure(Id::Configuration, sentence(problem), problem.mend.clone());
        walk.found("settings", wrong.about(problem.key.clone()));
    }
    for warning in warnings {
        // The walk of the shop sees what its address leads to.
        if urls.contains(&warning.key) {
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

/// What the addresses of the shops that are sound are called.
fn urls(sound: &Sound) -> Vec<String> {
    let url = |instance: &InstanceConfig| {
        if is_of_environment(sound, instance) {
            keys::API_URL.name.to_owned()
        } else {
            format!("instance {:?}: url", instance.name)
        }
    };
    sound.instances.iter().map(url).collect()
}

fn is_of_environment(sound: &Sound, instance: &InstanceConfig) -> bool {
    instance.name == DEFAULT && sound.is_set(keys::API_URL.name)
}

fn sentence(problem: &Problem) -> String {
    match &problem.place {
        Place::Missing => format!("{} {}.", problem.key, problem.problem),
        place => format!("{} ({place}) {}.", problem.key, problem.problem),
    }
}

impl Patient {
    /// The database first, since it remembers; then shops and channels side by side; rules last.
    async fn everything(&self) -> Vec<Walk> {
        let (mut stored, reader) = match &self.sound.store {
            Some(store) => database::walk(&store.path).await,
            None => (database::unknown(), None),
        };
        let mut shops = JoinSet::new();
        for (place, instance) in self.sound.instances.iter().enumerate() {
            let memory = self
                .memory(reader.as_ref(), &instance.name)
                .await
                .unwrap_or_else(|error| {
                    stored.found("file", database::unreadable(&error));
                    Memory::default()
                });
            let (shop, now) = (self.shop(instance, memory), self.now);
            shops.spawn(async move { (place, visit::walk(shop, now).await) });
        }
        let mut channels = JoinSet::new();
        for (place, settings) in self.sound.channels.iter().enumerate() {
            let (channel, now) = (self.channel(settings), self.now);
            channels.spawn(async move { (place, channel::walk(channel, now).await) });
        }
        let shops: Vec<Walked> = in_order(shops).await;
        let channels: Vec<Walk> = in_order(channels).await;
        let rules = self.rules(&shops, reader.as_ref()).await;
        if let Some(reader) = reader {
            reader.close().await;
        }
        let shops = shops.into_iter().map(|walked| walked.walk);
        shops.chain([rules, stored]).chain(channels).collect()
    }

    async fn memory(&self, reader: Option<&Reader>, instance: &str) -> Result<Memory, StoreError> {
        match &self.config {
            Some(config) => remembered(config, reader, instance).await,
            None => Ok(Memory::default()),
        }
    }

    fn shop(&self, instance: &InstanceConfig, memory: Memory) -> Shop {
        let policy = self
            .config
            .as_ref()
            .map(|config| (Arc::clone(&config.rules), Arc::clone(&config.capacities)));
        Shop {
            name: instance.name.clone(),
            of_environment: is_of_environment(&self.sound, instance),
            api: instance.api.clone(),
            policy,
            memory,
        }
    }

    fn channel(&self, settings: &ChannelConfig) -> Channel {
        let own = |key: &str, variable: &str| {
            let own = format!("channel {:?}: {key}", settings.name);
            if self.sound.is_set(&own) {
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
            test: self.send_test.then(|| self.sound.timezone.clone()),
        }
    }

    /// Rules and thresholds against what the shops sell and what was ever seen of it.
    async fn rules(&self, shops: &[Walked], reader: Option<&Reader>) -> Walk {
        let Some(config) = &self.config else {
            let mut walk = Walk::new("rules", None);
            walk.not_checked(&["matching", "thresholds"], "the configuration is not sound");
            return walk;
        };
        let mut seen = Vec::new();
        for shop in shops {
            if let Some(memory) = &shop.memory {
                seen.push((shop.name.as_str(), memory, history(reader, &shop.name).await));
            }
        }
        let complete = self.complete && seen.len() == shops.len();
        let seen: Vec<Seen<'_>> = seen
            .iter()
            .map(|(name, memory, greatest)| Seen {
                name,
                memory,
                greatest,
            })
            .collect();
        rules::walk(&config.rules, &config.capacities, &seen, complete, self.now)
    }
}

async fn in_order<T: 'static>(under_way: JoinSet<(usize, T)>) -> Vec<T> {
    let mut done = under_way.join_all().await;
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Nothing where there is none, or where it cannot be read, which the walk of the database tells.
async fn history(reader: Option<&Reader>, instance: &str) -> Vec<Greatest> {
    let Some(reader) = reader else { return Vec::new() };
    match reader.instance(instance).await {
        Ok(Some(id)) => reader.greatest_levels(id).await.unwrap_or_default(),
        Ok(None) | Err(_) => Vec::new(),
    }
}
