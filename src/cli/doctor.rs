//! `doctor`: everything the monitor depends on, tried one by one, and explained.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::cli::arguments::DoctorArguments;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::config::instances::DEFAULT;
use crate::config::instances::InstanceConfig;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::doctor::finding::Report;
use crate::doctor::finding::Walk;
use crate::doctor::shop;
use crate::doctor::shop::Shop;
use crate::doctor::shop::Walked;
use crate::domain::alerting::state::Memory;

/// Walks and prints.
pub async fn doctor(sources: &Sources, options: &DoctorArguments) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let now = Timestamp::now();
    let walked = shops(&config, now).await;
    let walks: Vec<Walk> = walked.into_iter().map(|walked| walked.walk).collect();
    let report = Report::new(now, walks);
    if options.json {
        print(&serde_json::to_string(&report).unwrap_or_default());
    }
    match report.result {
        "ok" => Exit::Ok,
        "warning" => Exit::Low,
        _ => Exit::Critical,
    }
}

async fn shops(config: &Config, now: Timestamp) -> Vec<Walked> {
    let mut under_way = JoinSet::new();
    for (place, instance) in config.instances.iter().enumerate() {
        let shop = to_walk(config, instance);
        under_way.spawn(async move { (place, shop::walk(shop, now).await) });
    }
    let mut walked = under_way.join_all().await;
    walked.sort_by_key(|(place, _)| *place);
    walked.into_iter().map(|(_, walked)| walked).collect()
}

fn to_walk(config: &Config, instance: &InstanceConfig) -> Shop {
    Shop {
        name: instance.name.clone(),
        of_environment: instance.name == DEFAULT,
        api: instance.api.clone(),
        policy: Some((Arc::clone(&config.rules), Arc::clone(&config.capacities))),
        memory: Memory::default(),
    }
}
