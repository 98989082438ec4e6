//! `doctor`: everything the monitor depends on, tried one by one, and explained.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::app::settings::channel_settings;
use crate::app::settings::report_channel;
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
use crate::config::reports::ReportConfig;
use crate::doctor::channel;
use crate::doctor::channel::Channel;
use crate::doctor::database;
use crate::doctor::finding::Id;
use crate::doctor::finding::Report;
use crate::doctor::finding::Walk;
use crate::doctor::finding::Wrong;
use crate::doctor::heartbeat;
use crate::doctor::mail::Called;
use crate::doctor::rules;
use crate::doctor::rules::Seen;
use crate::doctor::shop::Shop;
use crate::doctor::visit;
use crate::doctor::visit::Walked;
use crate::domain::alerting::state::Memory;
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
            Some(store) => database::walk(&store.path, database::STEP).await,
            None => (database::unknown(), None),
        };
        let mut shops = Vec::new();
        let mut unread = None;
        for instance in &self.sound.instances {
            let reader = reader.as_ref().filter(|_| unread.is_none());
            let memory = self.memory(reader, &instance.name).await;
            let memory = memory.unwrap_or_else(|wrong| {
                unread = Some(wrong);
                Memory::default()
            });
            let (shop, now) = (self.shop(instance, memory), self.now);
            let patience = visit::patience(&shop);
            shops.push(tokio::spawn(visit::walk(shop, now, patience)));
        }
        if let Some(wrong) = unread {
            stored.found("file", wrong);
        }
        let mut channels = Vec::new();
        for channel in self.channels() {
            let name = format!("channel {}", channel.settings.name);
            channels.push((name, tokio::spawn(channel::walk(channel, self.now))));
        }
        if let Some(url) = self.sound.heartbeat_url.clone() {
            channels.push((heartbeat::SUBJECT.to_owned(), tokio::spawn(heartbeat::walk(url))));
        }
        let shops = self.walked(shops).await;
        let channels = tried(channels).await;
        let rules = self.rules(&shops, reader.as_ref()).await;
        if let Some(reader) = reader {
            database::close(reader).await;
        }
        let shops = shops.into_iter().map(|walked| walked.walk);
        shops.chain([rules, stored]).chain(channels).collect()
    }

    async fn memory(&self, reader: Option<&Reader>, instance: &str) -> Result<Memory, Wrong> {
        let Some(config) = &self.config else {
            return Ok(Memory::default());
        };
        match timeout(database::STEP, remembered(config, reader, instance)).await {
            Ok(remembered) => remembered.map_err(|error| database::unreadable(&error)),
            Err(_) => Err(database::slow()),
        }
    }

    /// The shops as they were walked, in the order of the configuration.
    async fn walked(&self, walks: Vec<JoinHandle<Walked>>) -> Vec<Walked> {
        let mut walked = Vec::new();
        for (instance, walk) in self.sound.instances.iter().zip(walks) {
            let name = instance.name.clone();
            walked.push(walk.await.unwrap_or_else(|_| Walked {
                walk: broken(&format!("shop {name}"), Some(&name)),
                memory: None,
                name,
            }));
        }
        walked
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

    /// In the order of the configuration, those that reports have of their own last.
    fn channels(&self) -> impl Iterator<Item = Channel> {
        let reports = self.sound.reports.iter();
        let of_reports = reports.filter_map(|report| self.report_channel(report));
        let channels = self.sound.channels.iter();
        channels.map(|settings| self.channel(settings)).chain(of_reports)
    }

    /// The channel that a report has of its own.
    fn report_channel(&self, report: &ReportConfig) -> Option<Channel> {
        let own = format!("report {:?}: to", report.outline.name);
        let to = if self.sound.is_set(&own) {
            own
        } else {
            keys::REPORT_EMAIL_TO.name.to_owned()
        };
        Some(Channel {
            settings: report_channel(report)?,
            called: Called {
                url: keys::SMTP_URL.name.to_owned(),
                proof: keys::SMTP_PASSWORD.name.to_owned(),
                from: keys::SMTP_FROM.name.to_owned(),
                to,
            },
            test: self.send_test.then(|| self.sound.timezone.clone()),
        })
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
        let (url, proof) = match settings.kind {
            ChannelKindConfig::Email(_) => (
                own("smtp_url", keys::SMTP_URL.name),
                own("smtp_password", keys::SMTP_PASSWORD.name),
            ),
            ChannelKindConfig::Webhook(_) => (
                own("url", keys::WEBHOOK_URL.name),
                own("secret", keys::WEBHOOK_SECRET.name),
            ),
        };
        let called = Called {
            url,
            proof,
            from: own("from", keys::SMTP_FROM.name),
            to: own("to", keys::ALERT_EMAIL_TO.name),
        };
        Channel {
            settings: channel_settings(settings),
            called,
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

/// The channels as they were walked, each with its name, in their order.
async fn tried(walks: Vec<(String, JoinHandle<Walk>)>) -> Vec<Walk> {
    let mut tried = Vec::new();
    for (subject, walk) in walks {
        tried.push(walk.await.unwrap_or_else(|_| broken(&subject, None)));
    }
    tried
}

/// What is said of a walk that ended in a mistake of ours.
fn broken(subject: &str, instance: Option<&str>) -> Walk {
    let mut walk = Walk::new(subject, instance);
    walk.found(
        "walk",
        Wrong::failure(
            Id::DoctorFailed,
            format!("The walk of {subject} broke off by a mistake in this program; all else was walked."),
            "Please report it, with what was printed to the standard error.",
        ),
    );
    walk
}

/// Nothing where there is none, or where it cannot be read, which the walk of the database tells.
async fn history(reader: Option<&Reader>, instance: &str) -> Vec<Greatest> {
    let Some(reader) = reader else { return Vec::new() };
    let read = async {
        let id = reader.instance(instance).await.ok().flatten()?;
        reader.greatest_levels(id).await.ok()
    };
    let read = timeout(database::STEP, read).await;
    read.ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_walk_that_panics_is_told_of_and_ends_nothing() {
        let walk = tokio::spawn(async { panic!("a mistake of ours") });
        let walk: Walk = walk.await.unwrap_or_else(|_| broken("channel email", None));
        let found = &walk.findings[0];
        assert_eq!(
            (found.id, found.subject.as_str()),
            (Id::DoctorFailed, "channel email")
        );
    }
}
