//! From the checked configuration to what each part is built from.

use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::config::channels::ChannelConfig;
use crate::config::channels::ChannelKindConfig;
use crate::config::load::Config;
use crate::config::reports::ReportConfig;
use crate::hints::desk::Desk;
use crate::hints::desk::HintedShop;
use crate::hints::signature::Key;
use crate::jobs::report::Plan;
use crate::notify::channel::ChannelKind;
use crate::notify::channel::ChannelSettings;
use crate::web::renewal;
use crate::web::state::Limits;
use crate::web::state::Settings;

/// What a channel is built from.
#[must_use]
pub fn channel_settings(channel: &ChannelConfig) -> ChannelSettings {
    let kind = match &channel.kind {
        ChannelKindConfig::Email(email) => ChannelKind::Email(email.clone()),
        ChannelKindConfig::Webhook(webhook) => ChannelKind::Webhook(webhook.clone()),
    };
    ChannelSettings {
        name: channel.name.clone(),
        kind,
    }
}

/// What all channels are built from, those that reports have of their own last.
#[must_use]
pub fn all_channels(channels: &[ChannelConfig], reports: &[ReportConfig]) -> Vec<ChannelSettings> {
    let of_reports = reports.iter().filter_map(report_channel);
    channels.iter().map(channel_settings).chain(of_reports).collect()
}

/// What the channel is built from that a report has of its own.
#[must_use]
pub fn report_channel(report: &ReportConfig) -> Option<ChannelSettings> {
    let (name, email) = report.own.as_ref()?;
    Some(ChannelSettings {
        name: name.clone(),
        kind: ChannelKind::Email(email.clone()),
    })
}

/// What a report is made by.
#[must_use]
pub fn plan(report: &ReportConfig) -> Plan {
    Plan {
        outline: report.outline.clone(),
        schedule: report.schedule.clone(),
        zone: report.zone.clone(),
        channels: report.channels.clone(),
    }
}

/// What the web server is built from.
#[must_use]
pub fn web_settings(config: &Config) -> Settings {
    let access = &config.http.access;
    let settings = Settings {
        token: access.token.clone(),
        read_token: access.read_token.clone(),
        metrics_public: config.http.metrics_public,
        allowed_hosts: access.allowed_hosts.clone(),
        trusted_proxies: access.trusted_proxies.clone(),
        page_host: config.http.page_host(),
        limits: Limits {
            tries: access.max_tries,
            ..Limits::default()
        },
        ..Settings::on(config.http.listen)
    };
    match &access.web {
        Some(file) => renewal::with_file(settings, file, &access.read_users),
        None => settings,
    }
}

/// From now on hints are taken as the configuration says.
pub fn configure_desk(desk: &Desk, config: &Config) {
    // The configuration has checked them all.
    let key = |secret: &Option<SecretString>| secret.as_ref().and_then(|secret| Key::new(secret).ok());
    let shops: Vec<HintedShop> = config
        .instances
        .iter()
        .map(|instance| HintedShop {
            name: instance.name.clone(),
            key: key(&instance.hint_secret),
            distance: instance.hint_min_interval,
        })
        .collect();
    desk.configure(key(&config.http.hint_secret).as_ref(), &shops);
}

/// Every secret of the configuration, for the log's second line of defence.
#[must_use]
pub fn secrets(config: &Config) -> Vec<String> {
    let mut secrets: Vec<&SecretString> = Vec::new();
    for instance in &config.instances {
        secrets.extend(instance.api.sign_in.secrets());
        secrets.extend(&instance.api.access_key);
        secrets.extend(&instance.hint_secret);
    }
    for channel in &config.channels {
        match &channel.kind {
            ChannelKindConfig::Email(email) => secrets.extend(&email.password),
            ChannelKindConfig::Webhook(webhook) => {
                secrets.push(&webhook.url);
                secrets.extend(&webhook.secret);
                secrets.extend(&webhook.addressing.token);
            }
        }
    }
    for (_, email) in config.reports.iter().filter_map(|report| report.own.as_ref()) {
        secrets.extend(&email.password);
    }
    secrets.extend(&config.http.access.token);
    secrets.extend(&config.http.access.read_token);
    let users = config.http.access.web.iter().flat_map(|web| &web.users);
    secrets.extend(users.map(|(_, hash)| hash));
    secrets.extend(&config.http.hint_secret);
    secrets.extend(&config.heartbeat_url);
    let mut texts: Vec<String> = config.channels.iter().flat_map(topics).collect();
    for channel in &config.channels {
        if let ChannelKindConfig::Webhook(webhook) = &channel.kind {
            texts.extend(webhook.keys().into_iter().map(str::to_owned));
        }
    }
    for secret in secrets {
        let text = secret.expose_secret();
        texts.push(text.to_owned());
        // Of an address the path and the query are the secret; they may be logged without the rest.
        if let Ok(url) = reqwest::Url::parse(text) {
            texts.push(url.path().to_owned());
            texts.extend(url.query().map(str::to_owned));
            // A bot's token is part of a path.
            let tokens = url.path().split('/').filter_map(|part| part.split_once(':'));
            texts.extend(tokens.map(|(_, token)| token.to_owned()));
        }
    }
    texts
}

/// Topics, which are as good as passwords.
fn topics(channel: &ChannelConfig) -> Vec<String> {
    match &channel.kind {
        ChannelKindConfig::Email(_) => Vec::new(),
        ChannelKindConfig::Webhook(webhook) => webhook.addressing.topics(),
    }
}
