//! A shop to walk, and what its settings are called.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::doctor::finding::Id;
use crate::doctor::finding::Wrong;
use crate::doctor::guide::Names;
use crate::doctor::way::Place;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::capacity::Capacities;
use crate::whmcs::client::ApiSettings;
use crate::whmcs::client::Client;
use crate::whmcs::form::SignIn;
use crate::whmcs::proxy;

/// The longest that a single request may take.
pub const STEP: Duration = Duration::from_secs(10);
/// Between the tries of a request; short, since somebody waits.
const RETRY_BASE: Duration = Duration::from_millis(100);

/// A shop to walk.
#[derive(Debug, Clone)]
pub struct Shop {
    pub name: String,
    /// Whether its settings are those of the environment.
    pub of_environment: bool,
    pub api: ApiSettings,
    /// What holds for its products; `None` where rules or capacities are broken.
    pub policy: Option<(Arc<Rules>, Arc<Capacities>)>,
    /// What is remembered of it.
    pub memory: Memory,
}

impl Shop {
    fn setting(&self, variable: &str, key: &str) -> String {
        if self.of_environment {
            variable.to_owned()
        } else {
            format!("instance {:?}: {key}", self.name)
        }
    }

    /// What its settings are called.
    #[must_use]
    pub fn names(&self) -> Names {
        let is_admin = matches!(self.api.sign_in, SignIn::Admin { .. });
        let [who, proof] = if is_admin {
            [
                ("WHMCS_API_USERNAME", "username"),
                ("WHMCS_API_PASSWORD", "password"),
            ]
        } else {
            [
                ("WHMCS_API_IDENTIFIER", "identifier"),
                ("WHMCS_API_SECRET", "secret"),
            ]
        };
        Names {
            url: self.setting("WHMCS_API_URL", "url"),
            who: self.setting(who.0, who.1),
            proof: self.setting(proof.0, proof.1),
            is_admin,
            schedule: self.setting("POLL_SCHEDULE", "schedule"),
            max_body: self.setting("WHMCS_MAX_BODY", "max_body"),
            timeout: self.setting("WHMCS_API_TIMEOUT", "timeout"),
        }
    }

    /// Where its API is.
    #[must_use]
    pub fn place(&self, url: &Url, names: &Names) -> Place {
        Place {
            url: url.to_string(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            url_setting: names.url.clone(),
            ca_setting: self.setting("WHMCS_CA_FILE", "ca_file"),
            timeout_setting: names.timeout.clone(),
            proxy: proxy::of(url),
        }
    }

    /// A client whose requests may take that long each.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn client(&self, timeout: Duration) -> Result<Client, Wrong> {
        let mut settings = self.api.clone();
        settings.timeout = timeout;
        settings.connect_timeout = settings.connect_timeout.min(timeout);
        settings.retry_base = RETRY_BASE;
        Client::new(settings).map_err(|error| {
            let problem = format!("The shop's settings cannot be used: {error}.");
            Wrong::failure(Id::Configuration, problem, "Mend the setting it names.").about(self.names().url)
        })
    }
}
